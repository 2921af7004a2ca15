package statements

import (
	"cmp"
	"slices"
)

// ColumnOrigin is a column of a table that another column comes from, or that rows depend on.
type ColumnOrigin struct {
	Table, Column string
}

// ColumnLineage is where the columns of a sink come from.
type ColumnLineage struct {
	Columns []SinkColumn
	// Rows are the columns that decide which rows there are: those of filters, joins, groups, orders and windows.
	Rows []ColumnOrigin
}

// SinkColumn is a column of a sink with what its values are computed from.
type SinkColumn struct {
	Column string
	From   []ColumnOrigin
	Via    []string // the functions and operators on the way, sorted
}

// LineageOf follows every column of a sink to the columns of tables that it is computed from.
func LineageOf(w *Write) ColumnLineage {
	l := &lineage{rows: map[ColumnOrigin]bool{}, known: map[Rel][]columnSource{}}
	var out ColumnLineage
	for i, s := range l.of(w.In) {
		out.Columns = append(out.Columns, SinkColumn{Column: w.In.Columns()[i].Name, From: sortedOrigins(s.from), Via: sortedKeys(s.via)})
	}
	out.Rows = sortedOrigins(l.rows)
	return out
}

// columnSource is what one column comes from.
type columnSource struct {
	from map[ColumnOrigin]bool
	via  map[string]bool
}

type lineage struct {
	rows  map[ColumnOrigin]bool
	known map[Rel][]columnSource
}

func sortedOrigins(m map[ColumnOrigin]bool) []ColumnOrigin {
	var out []ColumnOrigin
	for o := range m {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b ColumnOrigin) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// of is the source of each column of r.
func (l *lineage) of(r Rel) []columnSource {
	if s, ok := l.known[r]; ok {
		return s
	}
	s := l.derive(r)
	l.known[r] = s
	return s
}

func (l *lineage) derive(r Rel) []columnSource {
	var in []columnSource
	for _, x := range Inputs(r) {
		in = append(in, l.of(x)...)
	}
	var out []columnSource
	compute := func(via string, xs ...Scalar) {
		s := columnSource{map[ColumnOrigin]bool{}, map[string]bool{}}
		if via != "" {
			s.via[via] = true
		}
		for _, x := range xs {
			if x != nil {
				s.take(x, in)
			}
		}
		out = append(out, s)
	}
	decide := func(xs ...Scalar) {
		s := columnSource{l.rows, map[string]bool{}}
		for _, x := range xs {
			if x != nil {
				s.take(x, in)
			}
		}
	}
	order := func(keys []SortKey) {
		for _, k := range keys {
			decide(k.Value)
		}
	}
	switch n := r.(type) {
	case *Scan:
		for _, c := range n.Row {
			out = append(out, columnSource{map[ColumnOrigin]bool{{n.Table.Name, c.Name}: true}, map[string]bool{}})
		}
	case *Projection:
		for _, x := range n.Exprs {
			compute("", x)
		}
	case *Filter:
		decide(n.Cond)
		out = in
	case *Windowing:
		at := &ColumnRef{Index: n.Time}
		decide(at)
		out = slices.Clone(in)
		for range len(n.Row) - len(in) {
			compute(string(n.Kind), at)
		}
	case *Aggregation:
		decide(n.Keys...)
		for _, k := range n.Keys {
			compute("", k)
		}
		for _, a := range n.Aggregates {
			compute(a.Func, append(slices.Clone(a.Args), a.Filter)...)
		}
	case *Over:
		out = slices.Clone(in)
		for _, a := range n.Calls {
			xs := append(slices.Clone(a.Args), n.Partition...)
			for _, k := range n.Order {
				xs = append(xs, k.Value)
			}
			compute(a.Func, xs...)
		}
	case *Ranking:
		decide(n.Partition...)
		order(n.Order)
		out = slices.Clone(in)
		if n.Rank {
			xs := slices.Clone(n.Partition)
			for _, k := range n.Order {
				xs = append(xs, k.Value)
			}
			compute("ROW_NUMBER", xs...)
		}
	case *Joining:
		decide(n.On...)
		out = in[:len(n.Row)]
	case *Combining:
		for i := range n.Row {
			s := columnSource{map[ColumnOrigin]bool{}, map[string]bool{}}
			s.merge(in[i])
			s.merge(in[len(n.Row)+i])
			out = append(out, s)
		}
		if n.Op != Union || !n.All {
			for _, s := range out {
				for o := range s.from {
					l.rows[o] = true
				}
			}
		}
	case *Sorting:
		if n.Limit >= 0 {
			order(n.Order)
		}
		out = in
	case *Calling:
		decide(n.Args...)
		out = slices.Clone(in)
		for range len(n.Row) - len(in) {
			compute(n.Func, n.Args...)
		}
	case *Matching:
		decide(n.Partition...)
		order(n.Order)
		for _, x := range n.Partition {
			compute("", x)
		}
		for _, x := range n.Measures {
			compute("MATCH_RECOGNIZE", x)
		}
	case *Listing:
		for range n.Row {
			compute("VALUES")
		}
	default:
		out = in
	}
	return out
}

// take adds what an expression over columns is computed from.
func (s columnSource) take(x Scalar, in []columnSource) {
	switch e := x.(type) {
	case *ColumnRef:
		s.merge(in[e.Index])
	case *Op:
		s.via[e.Name] = true
		for _, a := range e.Args {
			s.take(a, in)
		}
	}
}

func (s columnSource) merge(o columnSource) {
	for k := range o.from {
		s.from[k] = true
	}
	for k := range o.via {
		s.via[k] = true
	}
}
