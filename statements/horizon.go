package statements

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

// Horizon says how far before the moment of a failover an input must reach, so that a statement rebuilt from it gives the
// same output from that moment on. It is a sum of terms along a path.
type Horizon struct {
	Terms     []Term       // from the statement to the input
	Unbounded bool         // all of the input counts; Unknown says why
	Unknown   string       // why no horizon can be told; Terms are then a lower bound
	Assumed   string       // what is taken to hold of a table that nothing declares; "" where all are declared
	Data      bool         // with Unbounded: the data alone tell how far back it goes, of what is compacted to the last row of a key
	Depends   []Dependence // with Data: on what of them, each to be added to the terms
	Pauses    []Pause      // the topics whose event time it is reckoned from, each further back by as much as that topic is behind the clock
}

// Term is one summand of a horizon.
type Term struct {
	Duration time.Duration
	Why      string    // "TUMBLE", "watermark of flights"
	Window   *Windowed // of a window of this size
	Delay    bool      // that of a watermark, which says how late rows may come, and not how far apart are rows that belong together
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

// HorizonOf says how far back each input of a statement must reach, by topic: over several paths to it the longest counts. The catalog tells declared
// watermarks and keys; where it does not know a table, what is told is a lower bound. ttl is the time to live of the statement's state, 0 for
// none (StateTTL). What a statement that can not be related needs is not known.
func HorizonOf(s Statement, cat Catalog, ttl time.Duration) map[string]Horizon {
	return horizonOf(s, "", cat, ttl)
}

// horizonOf is HorizonOf for what a statement writes to one table; to all of them where sink is "".
func horizonOf(s Statement, sink string, cat Catalog, ttl time.Duration) map[string]Horizon {
	out := map[string]Horizon{}
	if _, ok := s.(*CreateView); ok {
		return out // it keeps nothing: who reads it does
	}
	writes, bad := relateStatement(s, Opened(cat))
	for _, w := range writes {
		if sink != "" && w.Table.Name != sink {
			continue
		}
		paths := PathsOf(w, ttl)
		pauses := pausesOf(paths)
		for _, path := range paths {
			if path.Horizon.timed() {
				path.Horizon.Pauses = pauses
			}
			out[path.Topic] = longer(out, path.Topic, path.Horizon)
		}
	}
	if len(bad) > 0 {
		for _, topic := range Reads(s) {
			out[topic] = longer(out, topic, Horizon{Unknown: "the statement is not understood: " + bad[0].message})
		}
	}
	return out
}

// watermarkDelay is how far a table's watermark stays behind the newest row.
func watermarkDelay(t *Table) (delay time.Duration, why string, known bool) {
	w, d := t.Watermark, t.Dialect
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

// add adds the horizon of what is further up or down the same path.
func (h *Horizon) add(o Horizon) {
	h.Terms, h.Depends, h.Pauses = append(h.Terms, o.Terms...), append(h.Depends, o.Depends...), withPauses(h.Pauses, o.Pauses)
	h.because(o)
}

// because takes over why there is no bound: what has none at all goes before what depends on the data, and that before what is not known.
func (h *Horizon) because(o Horizon) {
	h.Assumed = cmp.Or(h.Assumed, o.Assumed)
	rank := func(h Horizon) int {
		switch {
		case h.Unbounded && !h.Data:
			return 3
		case h.Unbounded:
			return 2
		case h.Unknown != "":
			return 1
		}
		return 0
	}
	if rank(o) > rank(*h) {
		h.Unbounded, h.Data, h.Unknown = o.Unbounded, o.Data, o.Unknown
	}
}

func (h *Horizon) unbounded(why string) { h.because(Horizon{Unbounded: true, Unknown: why}) }
func (h *Horizon) unknown(why string)   { h.because(Horizon{Unknown: why}) }

// Windows are the windows on the path, from the statement to the input.
func (h Horizon) Windows() []Windowed {
	var out []Windowed
	for _, t := range h.Terms {
		if t.Window != nil {
			out = append(out, *t.Window)
		}
	}
	return out
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
	if why := h.Assumed; why != "" {
		h.Assumed = ""
		return h.String() + "; " + why
	}
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
	paused := h.written()
	if paused != "" {
		paused = " + pause of " + paused
	}
	s := strings.Join(parts, " + ") + paused
	if len(parts) > 1 || paused != "" {
		s += " = " + short(h.Duration()) + paused
	}
	switch {
	case h.Unknown == "":
		return s
	case h.Duration() == 0:
		return "unknown: " + h.Unknown
	}
	return "at least " + s + "; " + h.Unknown
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
