package statements

import (
	"math/bits"
	"slices"
)

// keySet is a set of columns by which rows are told apart, as a bit for each column. Columns from the 64th on are in none, so
// that a key with one of them is not known: a key less, never one too many.
type keySet uint64

func keyOf(columns ...int) (keySet, bool) {
	var k keySet
	for _, c := range columns {
		if c >= 64 {
			return 0, false
		}
		k |= 1 << c
	}
	return k, true
}

func (k keySet) columns() []int {
	var out []int
	for ; k != 0; k &= k - 1 {
		out = append(out, bits.TrailingZeros64(uint64(k)))
	}
	return out
}

func (k keySet) in(other keySet) bool { return k&^other == 0 }

// addKey adds a key unless a part of it is one already; keys are kept few, the smallest first.
func addKey(keys []keySet, k keySet) []keySet {
	for _, other := range keys {
		if other.in(k) {
			return keys
		}
	}
	keys = slices.DeleteFunc(keys, func(other keySet) bool { return k.in(other) })
	if len(keys) >= 8 {
		return keys
	}
	return append(keys, k)
}

// UniqueKeys are the sets of columns that tell rows of r's content apart (Flink: FlinkRelMdUniqueKeys); UpsertKeys those by
// which its changes come in order (FlinkRelMdUpsertKeys). An empty set means that there is one row at most.
func UniqueKeys(r Rel) [][]int { return columnsOf(newAnalysis().uniqueKeys(r)) }

// UpsertKeys: see UniqueKeys.
func UpsertKeys(r Rel) [][]int { return columnsOf(newAnalysis().upsertKeys(r)) }

func columnsOf(keys []keySet) [][]int {
	var out [][]int
	for _, k := range keys {
		out = append(out, k.columns())
	}
	return out
}

func (a *analysis) uniqueKeys(r Rel) []keySet {
	if k, ok := a.unique[r]; ok {
		return k
	}
	k := a.deriveKeys(r, a.uniqueKeys, false)
	a.unique[r] = k
	return k
}

func (a *analysis) upsertKeys(r Rel) []keySet {
	if k, ok := a.upsert[r]; ok {
		return k
	}
	k := a.deriveKeys(r, a.upsertKeys, true)
	a.upsert[r] = k
	return k
}

func (a *analysis) deriveKeys(r Rel, of func(Rel) []keySet, ordered bool) []keySet {
	switch n := r.(type) {
	case *Scan:
		var columns []int
		for i, c := range n.Row {
			if slices.Contains(n.Table.PrimaryKey, c.Name) {
				columns = append(columns, i)
			}
		}
		if k, ok := keyOf(columns...); ok && len(columns) > 0 {
			return []keySet{k}
		}
		return nil
	case *Projection:
		return projectKeys(of(n.In), n.Exprs)
	case *Filter, *Sorting, *Normalizing: // one worker sorts all rows: Flink keeps only keys that hold the order's columns there, for no need
		return of(r.Input())
	case *Over:
		return distributed(of(n.In), n.Partition, ordered)
	case *Windowing:
		if n.Kind == Tumble {
			return of(n.In)
		}
		bounds, ok := keyOf(len(n.In.Columns()), len(n.In.Columns())+1)
		if !ok {
			return nil
		}
		var out []keySet
		for _, k := range of(n.In) {
			out = append(out, k|bounds)
		}
		return out
	case *Aggregation:
		if n.Sets > 0 {
			return nil
		}
		all := make([]int, len(n.Keys))
		for i := range all {
			all[i] = i
		}
		if k, ok := keyOf(all...); ok {
			return []keySet{k}
		}
		return nil
	case *Ranking:
		if ordered && n.Dedup {
			return rankKeys(n, nil)
		}
		return rankKeys(n, distributed(of(n.In), n.Partition, ordered))
	case *Joining:
		return a.joinKeys(n, of, ordered)
	case *Combining:
		if n.Op == Union && n.All || n.All {
			return nil
		}
		all := make([]int, len(n.Row))
		for i := range all {
			all[i] = i
		}
		if k, ok := keyOf(all...); ok {
			return []keySet{k}
		}
	}
	return nil
}

// projectKeys follows keys through a projection: a column may be passed on more than once, and is a part of a key in each place.
func projectKeys(in []keySet, exprs []Scalar) []keySet {
	to := map[int][]int{}
	for i, x := range exprs {
		if ref, ok := x.(*ColumnRef); ok {
			to[ref.Index] = append(to[ref.Index], i)
		}
	}
	var out []keySet
	for _, k := range in {
		keys := []keySet{0}
		for _, c := range k.columns() {
			var longer []keySet
			for _, key := range keys {
				for _, i := range to[c] {
					if place, ok := keyOf(i); ok && len(longer) < 8 {
						longer = append(longer, key|place)
					}
				}
			}
			keys = longer
		}
		for _, key := range keys {
			out = addKey(out, key)
		}
	}
	return out
}

// rankKeys: the first row of each partition is told apart by the partition, the N first by their rank besides.
func rankKeys(n *Ranking, in []keySet) []keySet {
	columns, simple := columnsOnly(n.Partition)
	out := slices.Clone(in)
	if !simple {
		return out
	}
	if n.From != n.To {
		if !n.Rank {
			return out
		}
		columns = append(columns, len(n.Row)-1)
	}
	if k, ok := keyOf(columns...); ok {
		out = addKey(out, k)
	}
	return out
}

func columnsOnly(xs []Scalar) ([]int, bool) {
	var out []int
	for _, x := range xs {
		ref, ok := x.(*ColumnRef)
		if !ok {
			return nil, false
		}
		out = append(out, ref.Index)
	}
	return out, true
}

// distributed are the keys that are left where rows are sent on by columns. Changes that are ordered stay so by a key only where it holds all of
// these: else the rows of one key are on more than one worker.
func distributed(keys []keySet, by []Scalar, ordered bool) []keySet {
	if !ordered {
		return keys
	}
	columns, simple := columnsOnly(by)
	k, ok := keyOf(columns...)
	if !simple || !ok {
		return nil
	}
	return holding(keys, k)
}

func holding(keys []keySet, columns keySet) []keySet {
	var out []keySet
	for _, k := range keys {
		if columns.in(k) {
			out = append(out, k)
		}
	}
	return out
}

// joinKeys: a side's key is one of the join where the other side has at most one row for it. Changes come in order by a key
// only where it holds the columns by which its input is distributed: those of the join, but for a lookup.
func (a *analysis) joinKeys(n *Joining, of func(Rel) []keySet, ordered bool) []keySet {
	left := of(n.Left)
	if n.Form == LookupJoin {
		return left
	}
	width := len(n.Left.Columns())
	var lc, rc []int
	for _, p := range n.Equal {
		lc, rc = append(lc, p.Left), append(rc, p.Right)
	}
	lj, lok := keyOf(lc...)
	rj, rok := keyOf(rc...)
	if !lok || !rok || len(n.Row) > 64 {
		return nil
	}
	if n.Form == TemporalJoin || n.Kind == SemiJoin || n.Kind == AntiJoin {
		if ordered {
			return holding(left, lj)
		}
		return left
	}
	right := of(n.Right)
	holds := func(keys []keySet, columns keySet) bool {
		return slices.ContainsFunc(keys, func(k keySet) bool { return k.in(columns) })
	}
	var out []keySet
	leftOnce, rightOnce := holds(a.uniqueKeys(n.Left), lj), holds(a.uniqueKeys(n.Right), rj)
	if rightOnce && (n.Kind == InnerJoin || n.Kind == LeftJoin) {
		for _, k := range left {
			if !ordered || lj.in(k) {
				out = addKey(out, k)
			}
		}
	}
	if leftOnce && (n.Kind == InnerJoin || n.Kind == RightJoin) {
		for _, k := range right {
			if !ordered || rj.in(k) {
				out = addKey(out, k<<width)
			}
		}
	}
	if n.Kind != FullJoin || len(left) > 0 && len(right) > 0 {
		for _, l := range left {
			for _, k := range right {
				if !ordered || lj.in(l) || rj.in(k) {
					out = addKey(out, l|k<<width)
				}
			}
		}
	}
	return out
}

// Sink is what a sink makes of a query's changelog.
type Sink struct {
	Kinds RowKinds // that the query gives
	// Materialize: the sink's primary key is not a key by which the query's changes come in order, so that a stateful
	// operator must keep all rows of a key (Flink: SinkUpsertMaterializer).
	Materialize bool
	UpsertKeys  [][]string
	Refused     string // why Flink refuses to write this changelog to the sink; "" where it does not
	RefusedAt   Pos    // the operator that does not take it
}

// SinkOf judges the changelog that a query hands its sink.
func SinkOf(w *Write) Sink { return newAnalysis().sink(w) }

func (a *analysis) sink(w *Write) Sink {
	s := Sink{Kinds: a.kinds(w.In)}
	if w.Mode == Append && !w.Table.Open && !s.Kinds.InsertOnly() && !opaque(w.In) {
		s.Refused, s.RefusedAt = w.Table.Name+" takes inserts, and the query gives "+s.Kinds.words(), w.Pos
	}
	a.refusal(w.In, &s)
	row := w.In.Columns()
	var pk keySet
	known := true
	for _, name := range w.Table.PrimaryKey {
		i := slices.IndexFunc(row, func(c Column) bool { return c.Name == name })
		k, ok := keyOf(max(i, 0))
		known = known && i >= 0 && ok
		pk |= k
	}
	fits := false
	for _, k := range a.upsertKeys(w.In) {
		var names []string
		for _, c := range k.columns() {
			names = append(names, row[c].Name)
		}
		s.UpsertKeys = append(s.UpsertKeys, names)
		fits = fits || k.in(pk)
	}
	if w.Mode == Upsert && len(w.Table.PrimaryKey) > 0 && known && !s.Kinds.InsertOnly() {
		s.Materialize = !fits
	}
	return s
}

// refusal finds an operator below r that takes nothing but inserts and gets more.
func (a *analysis) refusal(r Rel, s *Sink) {
	for _, in := range Inputs(r) {
		a.refusal(in, s)
		if s.Refused == "" && insertOnlyInput(r) && !a.kinds(in).InsertOnly() && !opaque(in) {
			s.Refused, s.RefusedAt = OperatorName(r)+" takes inserts, and its input gives "+a.kinds(in).words(), r.At()
		}
	}
}
