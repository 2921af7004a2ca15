package statements

import "strings"

// RowKinds are the kinds of row that an operator gives, in Flink's words: +I, -U, +U and -D.
type RowKinds uint8

// The kinds of row. An update is -U and +U, or +U alone where the one who reads it knows the row by its key.
const (
	Inserts RowKinds = 1 << iota
	Updates
	Deletes
)

const allKinds = Inserts | Updates | Deletes

// InsertOnly reports whether rows are never taken back.
func (k RowKinds) InsertOnly() bool { return k == Inserts }

// String lists the kinds as Flink's plans do: "I,U,D".
func (k RowKinds) String() string {
	var out []string
	for i, name := range []string{"I", "U", "D"} {
		if k&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}

// words names the kinds for people: "inserts, updates and deletes".
func (k RowKinds) words() string {
	var out []string
	for i, name := range []string{"inserts", "updates", "deletes"} {
		if k&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// KindsOf are the kinds of row that an operator gives, by the table of Flink's FlinkChangelogModeInferenceProgram.
func KindsOf(r Rel) RowKinds { return newAnalysis().kinds(r) }

// analysis remembers what was found of each node.
type analysis struct {
	kind   map[Rel]RowKinds
	unique map[Rel][]keySet
	upsert map[Rel][]keySet
}

func newAnalysis() *analysis {
	return &analysis{kind: map[Rel]RowKinds{}, unique: map[Rel][]keySet{}, upsert: map[Rel][]keySet{}}
}

func (a *analysis) kinds(r Rel) RowKinds {
	if k, ok := a.kind[r]; ok {
		return k
	}
	k := a.infer(r)
	a.kind[r] = k
	return k
}

func (a *analysis) infer(r Rel) RowKinds {
	switch n := r.(type) {
	case *Scan:
		switch n.Table.Source() {
		case Append:
			return Inserts
		case Upsert:
			return Updates | Deletes
		}
		return allKinds
	case *Listing:
		return Inserts
	case *Normalizing:
		return allKinds
	case *Aggregation:
		in := a.kinds(n.In)
		switch {
		case n.Window != nil:
			return Inserts
		case len(n.Aggregates) == 0 && in.InsertOnly():
			return Inserts // DISTINCT: the first row of a key stays
		case in.InsertOnly():
			return Inserts | Updates
		}
		return allKinds
	case *Ranking:
		in := a.kinds(n.In)
		switch {
		case n.Window != nil, n.Dedup && !n.KeepLast && in.InsertOnly():
			return Inserts
		case n.Dedup && in.InsertOnly():
			return Inserts | Updates
		}
		return allKinds
	case *Sorting:
		switch in := a.kinds(n.In); {
		case n.Limit < 0, len(n.Order) == 0 && in.InsertOnly():
			return in
		}
		return allKinds
	case *Over:
		if n.byTime() {
			return Inserts
		}
		return allKinds
	case *Joining:
		left, right := a.kinds(n.Left), a.kinds(n.Right)
		switch n.Form {
		case IntervalJoin, WindowJoin:
			return Inserts
		case TemporalJoin, LookupJoin:
			return left
		}
		if n.Kind == InnerJoin || n.Kind == SemiJoin {
			return left | right
		}
		return allKinds
	case *Combining:
		switch both := a.kinds(n.Left) | a.kinds(n.Right); {
		case n.Op == Union && n.All, n.Op != Except && !n.All && both.InsertOnly():
			return both // INTERSECT is the DISTINCT of a semi-join
		}
		return allKinds
	case *Matching:
		return Inserts
	case *Calling:
		if n.In == nil {
			return Inserts
		}
	}
	return a.kinds(r.Input())
}

// byTime reports whether the rows come in the order of a time attribute: none comes before another that is there, so that no result changes. Without
// ORDER BY the order is that of the processing.
func (n *Over) byTime() bool { return len(n.Order) == 0 || timeOrder(n.In, n.Order) }

// timeOrder reports whether rows are ordered by a time attribute, ascending, and nothing else.
func timeOrder(in Rel, order []SortKey) bool {
	ref, ok := order[0].Value.(*ColumnRef)
	if !ok || order[0].Descending {
		return false
	}
	c := in.Columns()[ref.Index]
	return c.Time || c.Clock
}

// insertOnlyInput reports whether an operator takes nothing but inserts: Flink refuses to plan it on anything else.
func insertOnlyInput(r Rel) bool {
	switch n := r.(type) {
	case *Matching:
		return true
	case *Ranking:
		return n.Window != nil
	case *Over:
		return n.byTime()
	case *Calling:
		return n.Table && strings.EqualFold(n.Func, "ML_PREDICT")
	case *Joining:
		return n.Form == IntervalJoin || n.Form == WindowJoin
	}
	return false
}
