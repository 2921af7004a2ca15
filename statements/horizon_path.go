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
// A TTL bounds what an inner join without time bounds remembers, since its rows expire one by one. It bounds no aggregation: a key that is written at
// least once in each TTL never expires, so that its sums hold all history. Nor does it bound an outer join, where every match refreshes the row that
// it belongs to, or a deduplication: which row is a key's first depends on when the one before it expired.
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
		below.h.Terms, below.h.Depends = slices.Clone(s.h.Terms), slices.Clone(s.h.Depends)
		below.operators, below.windows = slices.Clone(s.operators), slices.Clone(s.windows)
		timed, stateful := add(r, i, p.ttl, &below.windows, &below.h)
		if back := heldBack(r); timed && !s.timed && back > 0 {
			below.h.Terms = append(below.h.Terms, Term{Duration: back, Why: "watermark behind the interval join", Delay: true})
		}
		below.timed = below.timed || timed
		if stateful {
			below.operators = append(below.operators, OperatorName(r))
		}
		p.walk(in, below)
	}
}

// heldBack is how far the watermark of r's inputs is behind that of the tables: an interval join puts out rows as old as the older one of two, and
// holds it back for them.
func heldBack(r Rel) time.Duration {
	var most time.Duration
	for _, in := range Inputs(r) {
		back := heldBack(in)
		if j, ok := in.(*Joining); ok && j.Form == IntervalJoin {
			back += j.Bounds.reach()
		}
		most = max(most, back)
	}
	return most
}

func (p *pathWalker) leaf(sc *Scan, s pathState) {
	if !sc.Table.Topic() {
		return // another system's rows have no history that a region could lack
	}
	if s.timed {
		delay, why, known := watermarkDelay(sc.Table)
		s.h.Terms = append(s.h.Terms, Term{Duration: delay, Why: why, Delay: true})
		if !known {
			s.h.unknown("the watermark of " + sc.Table.Name + " is no column minus a fixed interval, so its delay is not known")
		}
	}
	for i := range s.h.Depends {
		if s.h.Depends[i].Last {
			s.h.Depends[i].Topic = sc.Table.Name
		}
	}
	if sc.Table.Open {
		s.h.Assumed = "no CREATE TABLE declares " + sc.Table.Name + ", which is taken for an append table with the default watermark"
	}
	p.out = append(p.out, Path{Topic: sc.Table.Name, At: sc.Pos, Operators: s.operators, Horizon: s.h, Width: Width(sc.Columns())})
}

// add adds to h what r needs of its i-th input. timed: r waits for the watermark. windows are those counted above.
func add(r Rel, i int, ttl time.Duration, windows *[]*Windowing, h *Horizon) (timed, stateful bool) {
	depends := func(why string, on Dependence) {
		h.add(Horizon{Unbounded: true, Data: true, Unknown: why, Depends: []Dependence{on}})
	}
	window := func(w *Windowing) {
		if windows != nil {
			if slices.Contains(*windows, w) {
				return
			}
			*windows = append(*windows, w)
		}
		if w.Kind == Session {
			depends(fmt.Sprintf("a session goes on until its key pauses for %s", short(w.Size)), chainOf(w.Size, w.In, columnRefs(w.Partition)))
			return
		}
		out := Windowed{Size: w.Size, Offset: w.Offset}
		if w.Kind == Hop {
			out.Slide = w.Step
		}
		h.Terms = append(h.Terms, Term{Duration: w.Size, Why: string(w.Kind), Window: &out})
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
			depends("the last row of every key counts, however old", Dependence{Last: true, InTime: true})
		case n.Dedup && ttl > 0:
			depends(fmt.Sprintf("a key's first row counts until it has expired, by a TTL of %s, and the row before it tells when", short(ttl)), chainOf(ttl, n.In, n.Partition))
		case n.Dedup:
			h.unbounded("a deduplication remembers every key")
		default:
			h.unbounded("Top-N ranks all rows of a partition, from the first")
		}
		return false, true
	case *Over:
		switch {
		case n.Preceding != nil && n.Range:
			h.Terms = append(h.Terms, Term{Duration: *n.Preceding, Why: "OVER RANGE"})
		case !n.Range && n.Rows >= 0:
			if n.Rows > 0 {
				depends(fmt.Sprintf("the last %s of every key count, however old", counted(int(n.Rows), "row")), lastOf(n.Rows, n.In, n.Partition))
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
		switch {
		case n.Within == 0:
			h.unbounded("MATCH_RECOGNIZE without WITHIN waits for the rest of a match for ever")
		case n.NextRow:
			h.Terms = append(h.Terms, Term{Duration: n.Within, Why: "WITHIN"})
		default:
			depends(fmt.Sprintf("where a match may begin, the one before it tells (but for AFTER MATCH SKIP TO NEXT ROW): back to where a key paused for %s (WITHIN)", short(n.Within)),
				chainOf(n.Within, n.In, n.Partition))
		}
		return true, true
	case *Normalizing:
		depends("the last row of every key counts, however old: a compacted topic holds it", Dependence{Last: true})
		return false, true
	case *Calling:
		if n.In != nil && n.Func != "UNNEST" && userFunction(n.Func) {
			h.unknown("whether the function " + n.Func + " keeps state is not known")
		}
	}
	return false, false
}

func join(n *Joining, i int, ttl time.Duration, h *Horizon, window func(*Windowing), depends func(string, Dependence)) (timed, stateful bool) {
	switch n.Form {
	case IntervalJoin:
		h.Terms = append(h.Terms, Term{Duration: n.reach(i), Why: "interval join"})
		return true, true
	case WindowJoin:
		window(n.Window)
		return true, true
	case TemporalJoin:
		if i == 1 {
			depends("a temporal join needs the version of every key that held at the time, however old: a compacted topic holds the last", Dependence{Last: true, InTime: true})
		}
		return true, true
	case LookupJoin:
		return false, false
	}
	if n.TTL[i] > 0 {
		ttl = n.TTL[i]
	}
	switch {
	case ttl > 0 && n.Kind == InnerJoin:
		h.Terms = append(h.Terms, Term{Duration: ttl, Why: "TTL of a join"})
	case ttl > 0:
		h.unbounded("every match refreshes the row of a join that is not INNER, so that no TTL tells how old it is")
	case n.mayBeBound():
		h.unknown("whether the join is bound in time is not known: the columns of one side are not")
	default:
		h.unbounded("a join without time bounds keeps every row of both sides")
	}
	return false, true
}
