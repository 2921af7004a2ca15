package statements

import (
	"fmt"
	"strings"
)

// pair is what an interval join puts out; the right one has no table where the left one found none, and the other way round.
type pair struct {
	l, r event
	at   int
}

// intervals joins rows of b that are at most lower before a row of a and at most upper behind it. A row is kept until the watermark says that
// nothing can join it any more, and then put out alone where it is of an outer side and nothing has.
func intervals(log []event, lower, upper int64, outer string) []pair {
	var out []pair
	m := watermarks(log, "a", "b")
	joined := map[int]bool{}
	lasts := func(e event) int64 { // how long a row may be joined
		if e.table == "a" {
			return e.t + upper
		}
		return e.t + lower
	}
	for i, e := range log {
		for _, o := range log[:i] {
			if o.table == e.table || o.k != e.k || m.before(i) > lasts(o) {
				continue
			}
			l, r := e, o
			if e.table == "b" {
				l, r = o, e
			}
			if r.t >= l.t-lower && r.t <= l.t+upper {
				out = append(out, pair{l, r, e.at})
				joined[l.at], joined[r.at] = true, true
			}
		}
	}
	for _, e := range log {
		if joined[e.at] || !strings.Contains(outer, e.table) {
			continue
		}
		p := pair{at: max(e.at, m.when(max(lasts(e), e.t)+1))}
		if e.table == "a" {
			p.l = e
		} else {
			p.r = e
		}
		out = append(out, p)
	}
	return out
}

// intervalJoin joins rows of a to those of b from small before to large behind them.
func intervalJoin(outer string) func([]event, shape) []result {
	return func(log []event, s shape) []result {
		var out []result
		for _, p := range intervals(log, s.small*ms, s.large*ms, outer) {
			t := max(p.l.t, p.r.t)
			switch "" {
			case p.l.table:
				t = p.r.t + s.small*ms // when nothing can join it any more
			case p.r.table:
				t = p.l.t + s.large*ms
			}
			out = append(out, result{p.at, t, t, fmt.Sprint(p.l, p.r)})
		}
		return out
	}
}

// joinedThenSummed adds up in windows what an interval join puts out, by the time of the left row: behind it the watermark is held back.
func joinedThenSummed(log []event, s shape) []result {
	back := max(s.small, s.large) * ms
	m := watermarks(log, "a", "b")
	held := marks{log, make([]int64, len(log))}
	place := map[int]int{}
	for i, at := range m.after {
		place[log[i].at] = i
		if held.after[i] = at; at != never {
			held.after[i] = at - back
		}
	}
	var rows []event
	var behind []int64 // the held watermark when each is put out
	for _, p := range intervals(log, s.small*ms, s.large*ms, "") {
		rows = append(rows, event{"j", p.at, p.l.t, p.l.k, p.r.v})
		behind = append(behind, held.before(place[p.at]))
	}
	var out []result
	for _, p := range panes(marks{rows, append(behind[min(1, len(behind)):], never)}, tumbles(s.large*ms), true) {
		out = append(out, held.fired(p, total(p.rows)))
	}
	return out
}

// temporalJoin gives each row of a the version of u that held at its time, by all that have come when the watermark passes it. Versions are never late.
func temporalJoin(log []event, _ shape) []result {
	var out []result
	m := watermarks(log, "a", "u")
	for _, rows := range inTime(m, "a") {
		for _, e := range rows {
			at, held := max(e.at, m.when(e.t)), event{t: never}
			for _, v := range log {
				if v.table == "u" && v.k == e.k && v.at <= at && v.t <= e.t && v.t >= held.t {
					held = v
				}
			}
			out = append(out, result{at, e.t, e.t, fmt.Sprint(e, held)})
		}
	}
	return out
}

// ttlJoin joins every row with those of the other side that have arrived less than large before it.
func ttlJoin(log []event, s shape) []result {
	var out []result
	for i, e := range log {
		for _, o := range log[:i] {
			if o.table != e.table && o.k == e.k && e.t-o.t < s.large*ms {
				out = append(out, result{e.at, e.t, e.t, fmt.Sprint(o, e)})
			}
		}
	}
	return out
}

// ttlLeftJoin is ttlJoin with rows of a put out alone where nothing joins them, and refreshed by every row of b that does.
func ttlLeftJoin(log []event, s shape) []result {
	var out []result
	alive := map[int]int64{} // rows of a: until when
	for i, e := range log {
		found := false
		for _, o := range log[:i] {
			switch {
			case o.table == e.table || o.k != e.k:
			case e.table == "a" && e.t-o.t < s.large*ms, e.table == "b" && e.t < alive[o.at]:
				found = true
				out = append(out, result{e.at, e.t, e.t, fmt.Sprint(o, e)})
				if e.table == "b" {
					alive[o.at] = e.t + s.large*ms
				}
			}
		}
		if e.table == "a" {
			alive[e.at] = e.t + s.large*ms
			if !found {
				out = append(out, result{e.at, e.t, e.t, fmt.Sprint(e, " alone")})
			}
		}
	}
	return out
}
