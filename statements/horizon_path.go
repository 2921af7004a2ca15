package statements

import (
	"fmt"
	"slices"
	"time"
)

// Path is one way of a row from a table to a sink, and how far back the table must reach for it.
type Path struct {
	Topic     string
	At        Pos      // where the table is read
	Operators []string // those that keep state, from the sink to the table, in the words of Flink's plans
	Horizon   Horizon
	Width     int64 // of a row of the table, as Width tells it
}

// PathsOf are the paths of a related query, from left to right. ttl is the statement's sql.state-ttl, 0 for none. Horizons
// along a path add up; the delay of the watermark counts once, at the table.
//
// A TTL bounds what a regular join or a deduplication that keeps the first row remembers, since their rows expire one by one.
// It bounds no aggregation: a key that is written at least once in each TTL never expires, so that its sums hold all history.
func PathsOf(w *Write, ttl time.Duration) []Path {
	p := &pathWalker{ttl: ttl}
	p.walk(w.In, pathState{})
	return p.out
}

// OperatorHorizon is what an operator by itself adds to the horizon of its i-th input, without the watermark's delay.
func OperatorHorizon(r Rel, input int, ttl time.Duration) Horizon {
	var h Horizon
	add(r, input, ttl, nil, &h)
	return h
}

type pathWalker struct {
	ttl time.Duration
	out []Path
}

type pathState struct {
	h         Horizon
	operators []string
	windows   []*Windowing // counted already
	timed     bool         // an operator waits for the watermark
}

func (p *pathWalker) walk(r Rel, s pathState) {
	if sc, ok := r.(*Scan); ok {
		p.leaf(sc, s)
		return
	}
	for i, in := range Inputs(r) {
		below := s
		below.h.Terms, below.h.Windows = slices.Clone(s.h.Terms), slices.Clone(s.h.Windows)
		below.operators, below.windows = slices.Clone(s.operators), slices.Clone(s.windows)
		timed, stateful := add(r, i, p.ttl, &below.windows, &below.h)
		below.timed = below.timed || timed
		if stateful {
			below.operators = append(below.operators, OperatorName(r))
		}
		p.walk(in, below)
	}
}

func (p *pathWalker) leaf(sc *Scan, s pathState) {
	if !sc.Table.Topic() {
		return // another system's rows have no history that a region could lack
	}
	if s.timed {
		delay, why, known := watermarkDelay(sc.Table)
		s.h.Terms = append(s.h.Terms, Term{delay, why})
		if !known {
			s.h.unknown("the watermark of " + sc.Table.Name + " is no column minus a fixed interval, so its delay is not known")
		}
	}
	if sc.Table.Open {
		s.h.Assumed = "no CREATE TABLE declares " + sc.Table.Name + ", which is taken for an append table with the default watermark"
	}
	p.out = append(p.out, Path{Topic: sc.Table.Name, At: sc.Pos, Operators: s.operators, Horizon: s.h, Width: Width(sc.Columns())})
}

// add adds to h what r needs of its i-th input. timed: r waits for the watermark. windows are those counted above.
func add(r Rel, i int, ttl time.Duration, windows *[]*Windowing, h *Horizon) (timed, stateful bool) {
	depends := func(why string) { h.add(Horizon{Unbounded: true, Data: true, Unknown: why}) }
	window := func(w *Windowing) {
		if windows != nil {
			if slices.Contains(*windows, w) {
				return
			}
			*windows = append(*windows, w)
		}
		if w.Kind == Session {
			depends(fmt.Sprintf("a session goes on until its key pauses for %s", short(w.Size)))
			return
		}
		out := Windowed{Size: w.Size, Offset: w.Offset}
		if w.Kind == Hop {
			out.Slide = w.Step
		}
		h.Windows = append([]Windowed{out}, h.Windows...)
		h.Terms = append(h.Terms, Term{w.Size, string(w.Kind)})
	}
	switch n := r.(type) {
	case *Aggregation:
		if n.Window != nil {
			window(n.Window)
			return true, true
		}
		if len(n.Aggregates) == 0 {
			h.unbounded("DISTINCT remembers every row")
		} else {
			h.unbounded("an aggregation without a window counts from the first row")
		}
		return false, true
	case *Ranking:
		switch {
		case n.Window != nil:
			window(n.Window)
			return true, true
		case n.Dedup && n.KeepLast:
			depends("the last row of every key counts, however old: a compacted topic holds it")
		case n.Dedup && ttl > 0:
			h.Terms = append(h.Terms, Term{ttl, "TTL of a deduplication"})
		case n.Dedup:
			h.unbounded("a deduplication remembers every key")
		default:
			h.unbounded("Top-N ranks all rows of a partition, from the first")
		}
		return false, true
	case *Over:
		switch {
		case n.Preceding != nil && n.Range:
			h.Terms = append(h.Terms, Term{*n.Preceding, "OVER RANGE"})
		case !n.Range && n.Rows >= 0:
			if n.Rows > 0 {
				depends(fmt.Sprintf("the last %s of every key count, however old", counted(int(n.Rows), "row")))
			}
		default:
			h.unbounded("OVER counts from the first row")
		}
		return true, true
	case *Joining:
		return join(n, i, ttl, h, window, depends)
	case *Combining:
		if n.Op == Union && n.All {
			return false, false
		}
		h.unbounded(string(n.Op) + " remembers every row")
		return false, true
	case *Sorting:
		if n.Limit >= 0 {
			h.unbounded("LIMIT counts from the first row")
			return false, true
		}
		return true, true
	case *Matching:
		if n.Within == 0 {
			h.unbounded("MATCH_RECOGNIZE without WITHIN waits for the rest of a match for ever")
		} else {
			h.Terms = append(h.Terms, Term{n.Within, "WITHIN"})
		}
		return true, true
	case *Normalizing:
		depends("the last row of every key counts, however old: a compacted topic holds it")
		return false, true
	case *Calling:
		if n.In != nil && n.Func != "UNNEST" && userFunction(n.Func) {
			h.unknown("whether the function " + n.Func + " keeps state is not known")
		}
	}
	return false, false
}

func join(n *Joining, i int, ttl time.Duration, h *Horizon, window func(*Windowing), depends func(string)) (timed, stateful bool) {
	switch n.Form {
	case IntervalJoin:
		h.Terms = append(h.Terms, Term{n.Bounds.reach(), "interval join"})
		return true, true
	case WindowJoin:
		window(n.Window)
		return true, true
	case TemporalJoin:
		if i == 1 {
			depends("a temporal join needs the version of every key that held at the time, however old: a compacted topic holds the last")
		}
		return true, true
	case LookupJoin:
		return false, false
	}
	if n.TTL[i] > 0 {
		ttl = n.TTL[i]
	}
	switch {
	case ttl > 0:
		h.Terms = append(h.Terms, Term{ttl, "TTL of a join"})
	case n.mayBeBound():
		h.unknown("whether the join is bound in time is not known: the columns of one side are not")
	default:
		h.unbounded("a join without time bounds keeps every row of both sides")
	}
	return false, true
}
