package statements

import "slices"

// where filters by a condition. Each of its conjuncts goes where Flink's planner puts it: IN and EXISTS become joins, conditions
// of inner joins go into them, and a bound on ROW_NUMBER makes a Top-N or a deduplication.
func (r *relater) where(cond Expr, rel Rel, s *relScope) (Rel, *relScope) {
	if cond == nil {
		return rel, s
	}
	for _, c := range conjuncts(cond) {
		if q, x, kind := membership(c); q != nil {
			if x != nil && len(nestedQueries(x)) > 0 {
				rel, s = r.scalarQueries(x, rel, s)
			}
			rel = r.subJoin(c.At(), rel, s, q, x, kind)
			continue
		}
		if len(nestedQueries(c)) > 0 {
			rel, s = r.scalarQueries(c, rel, s)
		}
		x := r.bind(c, s)
		if t := x.Type(); known(t) && t.Kind != KindBoolean && t.Kind != KindNull {
			r.bad = append(r.bad, &problem{Pos: c.At(), rule: RuleType, message: "a condition must be a BOOLEAN, not " + t.WithNull().String()})
		}
		for _, x := range scalarConjuncts(x) {
			if ranked, ok := rank(rel, x); ok {
				rel = ranked
				continue
			}
			rel = push(rel, x)
		}
	}
	return rel, s
}

// conjuncts are the operands of the ANDs at the top of a condition, in their order.
func conjuncts(e Expr) []Expr {
	var out []Expr
	for b, ok := e.(*Binary); ok && b.Op == OpAnd; b, ok = e.(*Binary) {
		out = append(out, b.Y)
		e = b.X
	}
	out = append(out, e)
	slices.Reverse(out)
	return out
}

func scalarConjuncts(x Scalar) []Scalar {
	if op, ok := x.(*Op); ok && op.Name == string(OpAnd) {
		var out []Scalar
		for _, a := range op.Args {
			out = append(out, scalarConjuncts(a)...)
		}
		return out
	}
	return []Scalar{x}
}

// membership takes [NOT] IN (query) and [NOT] EXISTS (query) apart.
func membership(e Expr) (q *Query, x Expr, kind JoinKind) {
	not := false
	for u, ok := e.(*Unary); ok && u.Op == OpNot; u, ok = e.(*Unary) {
		not, e = !not, u.X
	}
	switch n := e.(type) {
	case *Exists:
		q = n.Query
	case *In:
		q, x, not = n.Query, n.X, not != n.Not
	}
	if not {
		return q, x, AntiJoin
	}
	return q, x, SemiJoin
}

// subJoin joins rel with a query, which may refer to rel's columns in WHERE.
func (r *relater) subJoin(at Pos, rel Rel, s *relScope, q *Query, member Expr, kind JoinKind) Rel {
	j := &Joining{Pos: at, Left: rel, Kind: kind, Form: RegularJoin}
	var both *relScope
	var first Scalar
	sel, simple := q.Body.(*Select)
	if simple && len(q.With) == 0 && len(sel.GroupBy) == 0 && sel.Having == nil && !sel.Distinct && r.aggregates(sel, nil) == nil {
		right, inner := r.from(sel.From, s)
		both = side(s, inner)
		var on []Expr
		if sel.Where != nil {
			for _, c := range conjuncts(sel.Where) {
				if !r.attempt(func() { right, inner = r.where(c, right, inner) }) {
					on = append(on, c)
				}
			}
		}
		j.Right = settle(right)
		for _, c := range on {
			j.On = append(j.On, scalarConjuncts(r.bind(c, both))...)
		}
		if member != nil && len(sel.Items) > 0 {
			if _, star := sel.Items[0].Expr.(*Star); star {
				first = both.ref(at, len(s.columns))
			} else {
				first = shift(r.bind(sel.Items[0].Expr, inner), len(s.columns))
			}
		}
	} else {
		j.Right = r.query(q, nil)
		both = side(s, scopeOf(j.Right, ""))
		first = both.ref(at, len(s.columns))
	}
	if member != nil {
		j.On = append(j.On, &Op{Pos: at, Name: string(OpEq), Args: []Scalar{r.bind(member, s), first}, Of: Boolean()})
	}
	j.Row = rel.Columns()
	j.classify()
	return j
}

// side is the scope of two rows side by side.
func side(a, b *relScope) *relScope {
	out := &relScope{outer: a.outer}
	out.table = a.table
	out.columns = append(slices.Clone(a.columns), b.columns...)
	return out
}

// scalarQueries makes the queries within an expression columns: each is joined to the row by its single value.
func (r *relater) scalarQueries(e Expr, rel Rel, s *relScope) (Rel, *relScope) {
	above := &relScope{scope: s.scope, made: map[Expr]int{}, texts: s.texts, outer: s.outer}
	for k, v := range s.made {
		above.made[k] = v
	}
	above.columns = slices.Clone(s.columns)
	walkExpr(e, func(x Expr) bool {
		var q *Query
		switch n := x.(type) {
		case *Subquery:
			q = n.Query
		case *Exists:
			q = n.Query
		case *In:
			q = n.Query
		case *Quantified:
			q = n.Query
		}
		if q == nil {
			return true
		}
		right := r.query(q, nil)
		j := &Joining{Pos: x.At(), Left: rel, Right: right, Kind: LeftJoin, Form: RegularJoin}
		above.made[x] = len(rel.Columns())
		j.Row = slices.Concat(rel.Columns(), right.Columns())
		for _, c := range right.Columns() {
			c.Name, c.Hidden = "", true
			above.columns = append(above.columns, scopeColumn{Column: c})
		}
		rel = j
		return false
	})
	return rel, above
}

// shift moves the columns of an expression by n.
func shift(x Scalar, n int) Scalar {
	switch e := x.(type) {
	case *ColumnRef:
		out := *e
		out.Index += n
		return &out
	case *Op:
		out := *e
		out.Args = make([]Scalar, len(e.Args))
		for i, a := range e.Args {
			out.Args[i] = shift(a, n)
		}
		return &out
	}
	return x
}

// refs calls f for each column that an expression uses.
func refs(x Scalar, f func(int)) {
	switch e := x.(type) {
	case *ColumnRef:
		f(e.Index)
	case *Op:
		for _, a := range e.Args {
			refs(a, f)
		}
	}
}

// push filters rel by a condition, as far down as inner joins let it.
func push(rel Rel, x Scalar) Rel {
	j, ok := rel.(*Joining)
	if !ok || j.Kind != InnerJoin && j.Kind != LeftJoin || j.Form == TemporalJoin || j.Form == LookupJoin {
		return &Filter{Pos: x.At(), In: rel, Cond: x}
	}
	width := len(j.Left.Columns())
	left, right := false, false
	refs(x, func(i int) {
		left = left || i < width
		right = right || i >= width
	})
	switch {
	case left && !right:
		j.Left = push(j.Left, x)
	case j.Kind == LeftJoin:
		return &Filter{Pos: x.At(), In: rel, Cond: x}
	case right && !left:
		j.Right = push(j.Right, shift(x, -width))
	default:
		j.On = append(j.On, x)
		return j
	}
	return j
}

// settle classifies the joins below once all conditions are where they belong.
func settle(rel Rel) Rel {
	if j, ok := rel.(*Joining); ok {
		settle(j.Left)
		settle(j.Right)
		j.classify()
	}
	if f, ok := rel.(*Filter); ok {
		settle(f.In)
	}
	return rel
}
