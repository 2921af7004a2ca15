package statements

import (
	"fmt"
)

// query resolves a query to a tree of rows. What is parsed for the rules' sake but can not be run is refused here.
func (r *resolver) query(q *Query) Rel {
	refuseTail(q)
	body, ok := q.Body.(*Select)
	if !ok {
		panic(unsupported(q.Body.At(), "this query", ""))
	}
	return r.selectBody(body)
}

func (r *resolver) selectBody(n *Select) Rel {
	refuseSelect(n)
	rel, s := r.from(n.From)
	if n.Where != nil {
		s.refuse = "in WHERE; use HAVING"
		rel = &Filter{Pos: n.Where.At(), In: rel, Cond: r.boolean(n.Where, s, "the condition of WHERE")}
		s.refuse = ""
	}
	if len(n.GroupBy) > 0 || n.Having != nil || hasAggregate(n) {
		return r.aggregation(n, rel, s)
	}
	p := &Projection{Pos: n.Pos, In: rel}
	for _, item := range n.Items {
		if star, ok := item.Expr.(*Star); ok {
			r.star(p, star, s)
			continue
		}
		x := r.expr(item.Expr, s)
		p.add(x, itemName(item, len(p.Exprs)), s.columns)
	}
	return p
}

// add appends an output. A bare column keeps what is known of it: its window, and that it is a time attribute.
func (p *Projection) add(x Scalar, name string, in []scopeColumn) {
	c := Column{Name: name, Type: x.Type()}
	if ref, ok := x.(*ColumnRef); ok {
		c.Time, c.Window = in[ref.Index].Time, in[ref.Index].Window
	}
	p.Exprs, p.Row = append(p.Exprs, x), append(p.Row, c)
}

// itemName is the name of an output column: its alias, its own name, or EXPR$n as Flink calls it.
func itemName(item *SelectItem, i int) string {
	if item.Alias != nil {
		return item.Alias.Name
	}
	if c, ok := item.Expr.(*ColumnName); ok {
		return c.Last()
	}
	return fmt.Sprintf("EXPR$%d", i)
}

// star adds all columns but the hidden ones.
func (r *resolver) star(p *Projection, n *Star, s *scope) {
	if n.Table != nil && !s.hasTable(n.Table.Name) {
		s.noTable(n.Table.Pos, n.Table.Name)
	}
	for i, c := range s.columns {
		if !c.Hidden && (n.Table == nil || c.table == n.Table.Name) {
			p.add(&ColumnRef{Pos: n.Pos, Index: i, Name: c.Name, Of: c.Type}, c.Name, s.columns)
			p.Row[len(p.Row)-1].Open = c.Open
		}
	}
}

// aggregation resolves a query with GROUP BY.
func (r *resolver) aggregation(n *Select, in Rel, s *scope) Rel {
	agg := &Aggregation{Pos: n.Pos, In: in}
	g := &grouping{input: s}
	for _, e := range n.GroupBy {
		s.refuse = "in GROUP BY"
		k := r.expr(e, s)
		if _, ok := k.(*Constant); ok {
			panic(unsupported(e.At(), "GROUP BY of a constant", "name the columns; numbers of columns mean nothing here"))
		}
		g.keys = append(g.keys, k)
		g.sums = append(g.sums, digest(k, map[Scalar]uint64{}))
		agg.Row = append(agg.Row, keyColumn(k, len(agg.Row), s))
	}
	s.refuse = ""
	agg.Keys = g.keys
	agg.Window = windowOf(n, g.keys, s)

	over := *s
	over.groups = g
	var having Scalar
	if n.Having != nil {
		having = g.above(r.boolean(n.Having, &over, "the condition of HAVING"))
	}
	p := &Projection{Pos: n.Pos}
	for _, item := range n.Items {
		if star, ok := item.Expr.(*Star); ok {
			typeProblem(star.Pos, "name the columns", "* does not go with GROUP BY")
		}
		p.Exprs = append(p.Exprs, g.above(r.expr(item.Expr, &over)))
	}
	for i, a := range g.aggs {
		agg.Aggregates = append(agg.Aggregates, a)
		agg.Row = append(agg.Row, Column{Name: aggregateName(i), Type: a.Of})
	}
	for i, item := range n.Items {
		c := Column{Name: itemName(item, i), Type: p.Exprs[i].Type()}
		if ref, ok := p.Exprs[i].(*ColumnRef); ok {
			c.Time = agg.Row[ref.Index].Time
		}
		p.Row = append(p.Row, c)
	}
	p.In = agg
	if having != nil {
		p.In = &Filter{Pos: n.Having.At(), In: agg, Cond: having}
	}
	return p
}

// keyColumn is a key's column above the aggregation. The time of the window stays a time attribute; the window itself is over.
func keyColumn(k Scalar, i int, s *scope) Column {
	c := Column{Name: keyName(k, i), Type: k.Type()}
	if ref, ok := k.(*ColumnRef); ok {
		w := s.columns[ref.Index].Window
		c.Time = w != nil && w.Bound == WindowTime
	}
	return c
}

// windowOf finds the window among the keys: both its bounds must be there.
func windowOf(n *Select, keys []Scalar, s *scope) *Windowing {
	var start, end *Windowing
	for _, k := range keys {
		ref, ok := k.(*ColumnRef)
		if !ok {
			continue
		}
		if w := s.columns[ref.Index].Window; w != nil {
			switch w.Bound {
			case WindowStart:
				start = w.Of
			case WindowEnd:
				end = w.Of
			}
		}
	}
	at := n.GroupAt
	if at.Line == 0 {
		at = n.Pos
	}
	switch {
	case start != nil && start == end:
		return start
	case start != nil || end != nil:
		panic(unsupported(at, "GROUP BY of one bound of a window", "write GROUP BY window_start, window_end"))
	}
	panic(unsupported(at, "an aggregation without a window", "read FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' HOUR)) and write GROUP BY window_start, window_end"))
}

// hasAggregate reports whether an aggregate function stands in the outputs, outside of any query within.
func hasAggregate(n *Select) bool {
	found := false
	for _, item := range n.Items {
		walkExpr(item.Expr, func(e Expr) bool {
			if c, ok := e.(*Call); ok && isAggregate(c.Func) {
				found = true
			}
			return !found
		})
	}
	return found
}
