package statements

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// marks are the watermarks of a log: the lowest of what its tables' newest rows say.
type marks struct {
	log   []event
	after []int64 // behind each row
}

func watermarks(log []event, tables ...string) marks {
	m := marks{log, make([]int64, len(log))}
	newest := map[string]int64{}
	for i, e := range log {
		if at, ok := newest[e.table]; !ok || e.t > at {
			newest[e.table] = e.t
		}
		m.after[i] = never
		if len(newest) == len(tables) {
			m.after[i] = math.MaxInt64
			for _, at := range newest {
				m.after[i] = min(m.after[i], at-delay)
			}
		}
	}
	return m
}

// before is the watermark when a row arrives.
func (m marks) before(i int) int64 {
	if i == 0 {
		return never
	}
	return m.after[i-1]
}

// late reports whether a row is behind the watermark when it arrives.
func (m marks) late(i int) bool { return m.log[i].t <= m.before(i) }

// when is the place of the row that brings the watermark to t.
func (m marks) when(t int64) int {
	for i, at := range m.after {
		if at >= t {
			return m.log[i].at
		}
	}
	return math.MaxInt
}

// window is where a row belongs.
type window struct{ begin, end int64 }

func begins(t, size int64) int64 { return t - ((t%size)+size)%size }

func tumbles(size int64) func(int64) []window {
	return func(t int64) []window { w := begins(t, size); return []window{{w, w + size}} }
}

func hops(slide, size int64) func(int64) []window {
	return func(t int64) (out []window) {
		for w := begins(t, slide); w > t-size; w -= slide {
			out = append(out, window{w, w + size})
		}
		return out
	}
}

func cumulates(step, most int64) func(int64) []window {
	return func(t int64) (out []window) {
		w := begins(t, most)
		for end := begins(t, step) + step; end <= w+most; end += step {
			out = append(out, window{w, end})
		}
		return out
	}
}

// pane is a window with its rows, of all keys or of one.
type pane struct {
	window
	k    int
	rows []event
}

// panes are the windows of a log's rows, without what comes after they have fired.
func panes(m marks, of func(int64) []window, byKey bool) []pane {
	var out []pane
	for i, e := range m.log {
		for _, w := range of(e.t) {
			if m.before(i) >= w.end-1 {
				continue
			}
			k := 0
			if byKey {
				k = e.k
			}
			at := slices.IndexFunc(out, func(p pane) bool { return p.window == w && p.k == k })
			if at < 0 {
				at, out = len(out), append(out, pane{window: w, k: k})
			}
			out[at].rows = append(out[at].rows, e)
		}
	}
	return out
}

// fired is what a window puts out when the watermark passes it.
func (m marks) fired(p pane, text ...any) result {
	return result{m.when(p.end - 1), p.begin, p.end - 1, fmt.Sprint(append([]any{p.begin, "-", p.end, " ", p.k, ": "}, text...)...)}
}

func total(rows []event) (sum int64) {
	for _, e := range rows {
		sum += e.v
	}
	return sum
}

// sums adds rows up by key and window.
func sums(of func(shape) func(int64) []window) func([]event, shape) []result {
	return func(log []event, s shape) []result {
		var out []result
		m := watermarks(log, "a")
		for _, p := range panes(m, of(s), true) {
			out = append(out, m.fired(p, total(p.rows)))
		}
		return out
	}
}

// topic is what a statement's rows are for the next one: in the order in which they were put out, at the end of their windows.
func topic(m marks, of func(int64) []window) []event {
	var out []event
	for _, p := range panes(m, of, true) {
		out = append(out, event{"m", m.when(p.end - 1), p.end - 1, p.k, total(p.rows)})
	}
	out = slices.DeleteFunc(out, func(e event) bool { return e.at == math.MaxInt })
	slices.SortFunc(out, func(x, y event) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.t, y.t), cmp.Compare(x.k, y.k))
	})
	return out
}

// nested adds up the sums of small windows in large ones: nothing is late, since the watermark goes on behind them.
func nested(log []event, s shape) []result {
	var out []result
	m := watermarks(log, "a")
	var inner []event
	for _, p := range panes(m, tumbles(s.small*ms), true) {
		inner = append(inner, event{"m", 0, p.end - 1, p.k, total(p.rows)})
	}
	for _, p := range panes(marks{inner, slices.Repeat([]int64{never}, len(inner))}, tumbles(s.large*ms), true) {
		out = append(out, m.fired(p, total(p.rows)))
	}
	return out
}

// topN is the largest value of each window.
func topN(log []event, s shape) []result {
	var out []result
	m := watermarks(log, "a")
	for _, p := range panes(m, tumbles(s.large*ms), false) {
		best := slices.MaxFunc(p.rows, func(x, y event) int { return cmp.Compare(x.v, y.v) })
		out = append(out, m.fired(p, best.v))
	}
	return out
}

// lastOfWindow is the latest row of each key and window.
func lastOfWindow(log []event, s shape) []result {
	var out []result
	m := watermarks(log, "a")
	for _, p := range panes(m, tumbles(s.large*ms), true) {
		last := p.rows[0]
		for _, e := range p.rows {
			if e.t >= last.t {
				last = e
			}
		}
		out = append(out, m.fired(p, last))
	}
	return out
}

// windowJoin pairs the rows of both sides' windows.
func windowJoin(log []event, s shape) []result {
	var out []result
	m := watermarks(log, "a", "b")
	for _, p := range panes(m, tumbles(s.large*ms), true) {
		for _, l := range p.rows {
			for _, r := range p.rows {
				if l.table == "a" && r.table == "b" {
					out = append(out, m.fired(p, l, r))
				}
			}
		}
	}
	return out
}

// sessionSums adds up the rows of a key that are no further apart than the gap.
func sessionSums(log []event, s shape) []result {
	var out []result
	var open []pane
	m := watermarks(log, "a")
	for i, e := range log {
		open = slices.DeleteFunc(open, func(p pane) bool {
			done := p.end-1 <= m.before(i)
			if done {
				out = append(out, m.fired(p, total(p.rows)))
			}
			return done
		})
		own := pane{window{e.t, e.t + s.large*ms}, e.k, []event{e}}
		rest := slices.DeleteFunc(slices.Clone(open), func(p pane) bool {
			joins := p.k == e.k && p.begin <= own.end && own.begin <= p.end
			if joins {
				own.begin, own.end, own.rows = min(own.begin, p.begin), max(own.end, p.end), append(own.rows, p.rows...)
			}
			return joins
		})
		if own.end-1 > m.before(i) {
			open = append(rest, own)
		}
	}
	for _, p := range open {
		out = append(out, m.fired(p, total(p.rows)))
	}
	return out
}

// betweenOf are the topics between windows of each size.
func betweenOf(sizes func(s shape) []int64) func([]event, shape) [][]event {
	return func(log []event, s shape) (out [][]event) {
		table, all := "a", sizes(s)
		for _, size := range all[:len(all)-1] {
			log, table = topic(watermarks(log, table), tumbles(size*ms)), "m"
			out = append(out, log)
		}
		return out
	}
}

// chained has windows of each size add up what those of the one before have put out to a topic.
func chained(sizes func(s shape) []int64) func([]event, shape) []result {
	return func(log []event, s shape) []result {
		table, all := "a", sizes(s)
		for _, size := range all[:len(all)-1] {
			log, table = topic(watermarks(log, table), tumbles(size*ms)), "m"
		}
		var out []result
		m := watermarks(log, table)
		for _, p := range panes(m, tumbles(all[len(all)-1]*ms), true) {
			out = append(out, m.fired(p, total(p.rows)))
		}
		return out
	}
}
