package statements

import "maps"

// unsorted follows collections whose elements stand in an order that nothing gives: from the call that makes them to where the
// order shows. Sorting them, counting them or asking for a member takes it away.
type unsorted struct {
	// aggregate and scalar report whether a call makes such a collection.
	aggregate func(in Rel, n *Aggregation, a *Aggregate) bool
	scalar    func(*Op) bool
	shows     map[Pos]bool // of the calls
}

// orderless are functions to which the order of a collection's elements makes no difference.
var orderless = wordSet(`ARRAY_CONTAINS ARRAY_MAX ARRAY_MIN ARRAY_SORT CARDINALITY`)

func (u *unsorted) write(w *Write) {
	for _, column := range u.of(w.In) {
		u.show(column)
	}
}

func (u *unsorted) show(column map[Pos]bool) { maps.Copy(u.shows, column) }

// of is, for each column of r, where the collections in it were made.
func (u *unsorted) of(r Rel) []map[Pos]bool {
	var in []map[Pos]bool
	for _, x := range Inputs(r) {
		in = append(in, u.of(x)...)
	}
	var out []map[Pos]bool
	decide := func(xs ...Scalar) {
		for _, x := range xs {
			u.show(u.within(x, in))
		}
	}
	order := func(keys []SortKey) {
		for _, k := range keys {
			decide(k.Value)
		}
	}
	switch n := r.(type) {
	case *Projection:
		for _, x := range n.Exprs {
			out = append(out, u.within(x, in))
		}
		return out
	case *Filter:
		decide(n.Cond)
	case *Aggregation:
		decide(n.Keys...)
		for _, k := range n.Keys {
			out = append(out, u.within(k, in))
		}
		for _, a := range n.Aggregates {
			column := u.called(a, in)
			if u.aggregate != nil && u.aggregate(n.In, n, a) {
				column[a.Pos] = true
			}
			out = append(out, column)
		}
		return out
	case *Over:
		decide(n.Partition...)
		order(n.Order)
		for _, a := range n.Calls {
			in = append(in, u.called(a, in))
		}
	case *Ranking:
		decide(n.Partition...)
		order(n.Order)
	case *Sorting:
		order(n.Order)
	case *Joining:
		decide(n.On...)
		in = in[:min(len(in), len(n.Row))]
	case *Combining:
		for i := range n.Row {
			column := maps.Clone(in[i])
			if column == nil {
				column = map[Pos]bool{}
			}
			maps.Copy(column, in[len(n.Row)+i])
			out = append(out, column)
		}
		return out
	case *Calling:
		// The rows that UNNEST makes are the same whatever the order; only their numbers are not.
		if n.Func != "UNNEST" || len(n.Row) > 0 && n.Row[len(n.Row)-1].Name == "ORDINALITY" {
			decide(n.Args...)
		}
	case *Matching:
		for _, column := range in {
			u.show(column)
		}
		return make([]map[Pos]bool, len(n.Row))
	}
	for len(in) < len(r.Columns()) {
		in = append(in, nil)
	}
	return in
}

func (u *unsorted) called(a *Aggregate, in []map[Pos]bool) map[Pos]bool {
	column := map[Pos]bool{}
	if a.Filter != nil {
		u.show(u.within(a.Filter, in))
	}
	for _, x := range a.Args {
		if a.Func != "COUNT" || a.Distinct {
			maps.Copy(column, u.within(x, in))
		}
	}
	return column
}

// within is where the collections whose order an expression shows were made.
func (u *unsorted) within(x Scalar, in []map[Pos]bool) map[Pos]bool {
	out := map[Pos]bool{}
	switch e := x.(type) {
	case *ColumnRef:
		maps.Copy(out, in[e.Index])
	case *Op:
		if orderless[e.Name] || e.Name == string(OpIsNull) {
			return out
		}
		for _, a := range e.Args {
			maps.Copy(out, u.within(a, in))
		}
		if u.scalar != nil && u.scalar(e) {
			out[e.Pos] = true
		}
	}
	return out
}

// callAt is the call that stands at a place of the statement, nil where there is none.
func (in *judged) callAt(at Pos) Expr {
	var out Expr
	inspect(in.stmt, func(n Node) {
		switch e := n.(type) {
		case *Call:
			if e.Pos == at {
				out = e
			}
		case *JSONMake:
			if e.Pos == at {
				out = e
			}
		}
	})
	return out
}
