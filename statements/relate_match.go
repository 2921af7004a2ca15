package statements

import "slices"

// match relates MATCH_RECOGNIZE: the partition's columns, then the measures.
func (r *relater) match(n *Match, outer *relScope) (Rel, *relScope) {
	in, s := r.from(n.Table, outer)
	m := &Matching{Pos: n.Pos, In: in, NextRow: n.After != nil && n.After.To == "TO NEXT ROW"}
	for _, e := range n.PartitionBy {
		x := r.bind(e, s)
		m.Partition = append(m.Partition, x)
		m.Row = append(m.Row, Column{Name: keyName(x, len(m.Row)), Type: x.Type()})
	}
	for _, o := range n.OrderBy {
		m.Order = append(m.Order, SortKey{r.bind(o.Expr, s), o.Descending})
	}
	vars := &relScope{}
	vars.table = s.table
	vars.columns = slices.Clone(s.columns)
	for i, item := range n.Measures {
		x := r.measure(item.Expr, vars)
		c := Column{Name: itemName(item, i), Type: x.Type()}
		if call, ok := item.Expr.(*Call); ok {
			c.Time, c.Clock = call.Func == "MATCH_ROWTIME", call.Func == "MATCH_PROCTIME"
		}
		m.Measures, m.Row = append(m.Measures, x), append(m.Row, c)
	}
	for _, d := range n.Define {
		m.Define = append(m.Define, r.measure(d.Cond, vars))
	}
	if n.Within != nil {
		m.Within, _ = n.Within.Millis()
	}
	return m, aliased(m, "", n.Alias)
}

// measure relates a measure: its variables are no tables, so a qualified name is the column of that name.
func (r *relater) measure(e Expr, s *relScope) Scalar {
	op := &Op{Pos: e.At(), Name: "MEASURE", Of: r.measured(e, s).Type()}
	walkExpr(e, func(x Expr) bool {
		if c, ok := x.(*ColumnName); ok {
			if i := s.find("", c.Last()); i >= 0 {
				op.Args = append(op.Args, s.ref(c.Pos, i))
			}
		}
		return true
	})
	return op
}

// measured relates a measure for its type: over a row that has what variables and aggregates give. All of that may be NULL, since a variable may have
// matched no row, but counts.
func (r *relater) measured(e Expr, in *relScope) Scalar {
	s := &relScope{made: map[Expr]int{}}
	s.table, s.columns = in.table, slices.Clone(in.columns)
	gives := func(x Expr, t Type) bool {
		s.made[x], s.columns = len(s.columns), append(s.columns, scopeColumn{Column: Column{Type: t}})
		return false
	}
	walkExpr(e, func(x Expr) bool {
		switch n := x.(type) {
		case *ColumnName:
			if i := in.find("", n.Last()); i >= 0 {
				return gives(n, in.columns[i].Type.As(true))
			}
		case *Call:
			switch {
			case n.Func == "MATCH_ROWTIME" && len(n.Args) == 0:
				return gives(n, Timestamp(3)) // Flink's page "Pattern Recognition": of its operand's type where it has one
			case n.Func == "MATCH_PROCTIME":
				return gives(n, TimestampLTZ(3).NotNull())
			case (n.Func == "FIRST" || n.Func == "LAST" || n.Func == "MATCH_ROWTIME") && len(n.Args) > 0:
				return gives(n, r.measured(n.Args[0], in).Type().As(true))
			case isAggregate(n.Func):
				a := &Aggregate{Pos: n.Pos, Func: n.Func, Star: n.Star}
				for _, arg := range n.Args {
					a.Args = append(a.Args, r.measured(arg, in))
				}
				return gives(n, r.aggregateResult(n, a))
			}
		}
		return true
	})
	return r.loose(e, s)
}
