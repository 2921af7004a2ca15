package statements

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Horizon says how far before the moment of a failover an input must reach, so that a statement rebuilt from it gives the
// same output from that moment on. It is a sum of terms along a path.
type Horizon struct {
	Terms     []Term
	Windows   []Windowed // the windows on the path, from the statement to the input
	Unbounded bool       // all of the input counts; Unknown says why
	Unknown   string     // why no horizon can be told; Terms are then a lower bound
	Data      bool       // with Unbounded: the data alone tell how far back it goes
}

// Term is one summand of a horizon.
type Term struct {
	Duration time.Duration
	Why      string // "TUMBLE", "watermark of flights"
}

// Windowed is a window's size and offset, and how far apart windows begin where they overlap.
type Windowed struct {
	Size, Offset time.Duration
	Slide        time.Duration // 0 = Size
}

// every is how far apart windows begin.
func (w Windowed) every() time.Duration {
	if w.Slide > 0 {
		return w.Slide
	}
	return w.Size
}

// DefaultDelay is the tolerance of the dialect's default watermark, SOURCE_WATERMARK() on $rowtime (Confluent Cloud, 2026).
const DefaultDelay = 180 * time.Millisecond

// StateTTL is the time to live of a statement's state, as its properties have it: 0 where they have none that can be read.
func StateTTL(properties map[string]string) time.Duration {
	for _, key := range []string{"sql.state-ttl", "table.exec.state.ttl"} {
		if ttl, ok := ParseTTL(properties[key]); ok && ttl > 0 {
			return ttl
		}
	}
	return 0
}

// HorizonOf says how far back each input of a statement must reach, by topic. The catalog tells declared watermarks; for a
// table that it does not know the default one is taken. Operators and their horizons: a filter or projection 0, TUMBLE, HOP
// and CUMULATE their size plus the watermark's delay; SESSION, and anything that keeps state without a window, has none, but for what a
// TTL bounds: ttl is the statement's, 0 for none (StateTTL).
func HorizonOf(s Statement, cat Catalog, ttl time.Duration) map[string]Horizon {
	out := map[string]Horizon{}
	if _, ok := s.(*CreateView); ok {
		return out // it keeps nothing: who reads it does
	}
	if bad := caught(func() { understood(s) }); bad != nil {
		if writes, err := relateStatement(s, cat); len(err) == 0 && len(writes) > 0 {
			for _, w := range writes {
				for _, path := range PathsOf(w, ttl) {
					out[path.Topic] = longer(out, path.Topic, path.Horizon)
				}
			}
			return out
		}
		for _, topic := range Reads(s) {
			out[topic] = Horizon{Unknown: "how far back the state reaches is not known: " + bad.message}
		}
		return out
	}
	n, ok := s.(*Insert)
	if !ok {
		return out
	}
	topic, h := queryHorizon(n.Query, cat)
	if topic != "" {
		out[topic] = h
	}
	return out
}

func queryHorizon(q *Query, cat Catalog) (topic string, h Horizon) {
	sel, ok := q.Body.(*Select)
	if !ok {
		return "", Horizon{}
	}
	var window *WindowTable
	switch t := sel.From.(type) {
	case *TableRef:
		topic = t.Name.Last()
	case *WindowTable:
		topic, window = t.Table.Name.Last(), t
	case *Derived:
		topic, h = queryHorizon(t.Query, cat)
		window = windowBelow(t.Query)
	}
	switch {
	case q.LimitAt.Line > 0:
		h.unbounded("LIMIT counts from the first row")
	case sel.Distinct:
		h.unbounded("DISTINCT remembers every row")
	}
	if len(sel.GroupBy) == 0 && sel.Having == nil && !hasAggregate(sel) {
		return topic, h
	}
	if window == nil || !groupsByWindow(sel) {
		h.unbounded("an aggregation without a window counts from the first row")
		return topic, h
	}
	size, _ := window.Size.Millis()
	if window.Kind == Session {
		h.unbounded(fmt.Sprintf("a session goes on until its key pauses for %s, which only the data can tell", short(size)))
		return topic, h
	}
	w := Windowed{Size: size}
	if window.Kind == Hop {
		w.Slide, _ = window.Step.Millis()
	}
	if window.Offset != nil {
		w.Offset, _ = window.Offset.Millis()
	}
	h.Windows = append([]Windowed{w}, h.Windows...)
	h.Terms = append(h.Terms, Term{size, string(window.Kind)})
	delay, why, known := watermarkDelay(topic, cat)
	h.Terms = append(h.Terms, Term{delay, why})
	if !known {
		h.Unknown = "the watermark of " + topic + " is no column minus a fixed interval, so its delay is not known"
	}
	return topic, h
}

// windowBelow is the window whose bounds a query in FROM passes on: it reads a windowing table function and does not aggregate.
func windowBelow(q *Query) *WindowTable {
	sel, ok := q.Body.(*Select)
	if !ok || len(sel.GroupBy) > 0 || hasAggregate(sel) {
		return nil
	}
	switch t := sel.From.(type) {
	case *WindowTable:
		return t
	case *Derived:
		return windowBelow(t.Query)
	}
	return nil
}

// groupsByWindow reports whether both bounds of a window are among the keys, by the names that the window gives them.
func groupsByWindow(sel *Select) bool {
	start, end := false, false
	for _, e := range sel.GroupBy {
		if c, ok := e.(*ColumnName); ok {
			start = start || c.Last() == WindowStart.String()
			end = end || c.Last() == WindowEnd.String()
		}
	}
	return start && end
}

// watermarkDelay is how far a table's watermark stays behind the newest row.
func watermarkDelay(topic string, cat Catalog) (delay time.Duration, why string, known bool) {
	var w *Watermark
	d := dialectOf(cat)
	if cat != nil {
		if t, ok := cat.Table(topic); ok {
			w = t.Watermark
			if t.Dialect != "" {
				d = t.Dialect
			}
		}
	}
	if w == nil {
		delay, why = d.MostDelay()
		return delay, why, true
	}
	switch e := w.Expr.(type) {
	case *ColumnName:
		return 0, "watermark", true
	case *Call:
		delay, why = d.MostDelay()
		return delay, why, e.Func == "SOURCE_WATERMARK" && d != Flink2
	case *Binary:
		i, ok := e.Y.(*Interval)
		_, column := e.X.(*ColumnName)
		if d, fixed := millisOf(i, ok); fixed && column && e.Op == OpSub {
			return d, "watermark", true
		}
	}
	return 0, "watermark", false
}

func millisOf(i *Interval, ok bool) (time.Duration, bool) {
	if !ok {
		return 0, false
	}
	return i.Millis()
}

func (h *Horizon) unbounded(why string) {
	if h.Unknown == "" {
		h.Unknown = why
	}
	h.Unbounded = true
}

// Duration is the sum of the terms, at most the longest that a Duration holds.
func (h Horizon) Duration() time.Duration {
	var sum time.Duration
	for _, t := range h.Terms {
		if t.Duration > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += t.Duration
	}
	return sum
}

// String is the formula with its result: "1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s".
func (h Horizon) String() string {
	switch {
	case h.Unbounded && h.Data:
		return "depends on the data: " + h.Unknown
	case h.Unbounded:
		return "unbounded: " + h.Unknown
	case len(h.Terms) == 0 && h.Unknown == "":
		return "0 (no state)"
	}
	var parts []string
	for _, t := range h.Terms {
		parts = append(parts, fmt.Sprintf("%s (%s)", short(t.Duration), t.Why))
	}
	s := strings.Join(parts, " + ")
	if len(parts) > 1 {
		s += " = " + short(h.Duration())
	}
	if h.Unknown != "" {
		s = "at least " + s + "; " + h.Unknown
	}
	return s
}

// short writes a duration without its empty units: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-len("0s")]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-len("0m")]
	}
	return s
}
