package statements

import (
	"maps"
	"slices"
)

// walkExpr calls f for e and, as long as it returns true, for the expressions within e. A chain of operators is walked in a
// loop, since it may be as long as a statement.
func walkExpr(e Expr, f func(Expr) bool) {
	var right []Expr // of the chain's operators, the outermost first
	b, ok := e.(*Binary)
	for ; ok && f(b); b, ok = e.(*Binary) {
		right = append(right, b.Y)
		e = b.X
	}
	if !ok && e != nil && f(e) {
		for _, c := range children(e) {
			walkExpr(c, f)
		}
	}
	for _, y := range slices.Backward(right) {
		walkExpr(y, f)
	}
}

// children are the expressions directly within e.
func children(e Expr) []Expr {
	var out []Expr
	add := func(es ...Expr) {
		for _, x := range es {
			if x != nil {
				out = append(out, x)
			}
		}
	}
	switch n := e.(type) {
	case *Unary:
		add(n.X)
	case *Binary:
		add(n.X, n.Y)
	case *Is:
		add(n.X)
	case *Between:
		add(n.X, n.Low, n.High)
	case *In:
		add(n.X)
		add(n.List...)
	case *Like:
		add(n.X, n.Pattern, n.Escape)
	case *Case:
		add(n.Operand)
		for _, w := range n.Whens {
			add(w.Cond, w.Then)
		}
		add(n.Else)
	case *Cast:
		add(n.X)
	case *Call:
		add(n.Args...)
		for _, o := range n.OrderBy {
			add(o.Expr)
		}
		add(n.Filter)
		add(n.Over.exprs()...)
	case *Extract:
		add(n.X)
	case *RoundTo:
		add(n.X)
	case *Trim:
		add(n.Chars, n.X)
	case *NamedArg:
		add(n.Value)
	case *Quantified:
		add(n.List...)
	case *Row:
		add(n.Items...)
	case *Collection:
		add(n.Items...)
	case *Item:
		add(n.X, n.Index)
	case *FieldOf:
		add(n.X)
	case *AtTimeZone:
		add(n.X, n.Zone)
	case *IsJSON:
		add(n.X)
	case *JSONPath:
		add(n.X, n.Path)
		for _, on := range []*JSONOn{n.OnEmpty, n.OnError} {
			if on != nil {
				add(on.Default)
			}
		}
	case *JSONMake:
		for i, v := range n.Values {
			if len(n.Keys) > 0 {
				add(n.Keys[i])
			}
			add(v)
		}
		add(n.Filter)
		add(n.Over.exprs()...)
	case *Grouping:
		add(n.Items...)
	case *TableArg:
		add(n.PartitionBy...)
		for _, o := range n.OrderBy {
			add(o.Expr)
		}
	}
	return out
}

// exprs are the expressions of a window; nil has none.
func (w *WindowSpec) exprs() []Expr {
	if w == nil {
		return nil
	}
	out := slices.Clone(w.PartitionBy)
	for _, o := range w.OrderBy {
		out = append(out, o.Expr)
	}
	if w.Frame != nil {
		for _, b := range []FrameBound{w.Frame.Start, w.Frame.End} {
			if b.Offset != nil {
				out = append(out, b.Offset)
			}
		}
	}
	return out
}

// nestedQueries are the queries within an expression, at any depth but not within each other.
func nestedQueries(e Expr) []*Query {
	var out []*Query
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
		case *TableArg:
			q = n.Query
		}
		if q != nil {
			out = append(out, q)
		}
		return true
	})
	return out
}

// queryOf is the query of a statement that computes rows; nil where there is none, or where there are several.
func queryOf(s Statement) *Query {
	switch n := s.(type) {
	case *Insert:
		return n.Query
	case *CreateTable:
		return n.Query
	case *CreateMaterialized:
		return n.Query
	case *CreateView:
		return n.Query
	case *QueryStatement:
		return n.Query
	case *Alter:
		if a, ok := n.Action.(*AsQuery); ok {
			return a.Query
		}
	}
	return nil
}

// queriesOf are all the queries of a statement.
func queriesOf(s Statement) []*Query {
	switch n := s.(type) {
	case *StatementSet:
		var out []*Query
		for _, i := range n.Inserts {
			out = append(out, i.Query)
		}
		return out
	case *Explain:
		return queriesOf(n.Statement)
	}
	if q := queryOf(s); q != nil {
		return []*Query{q}
	}
	return nil
}

// queryVisitor is told of the parts of a query and of all queries within it, from the outside in and in the order of the text. Any of its
// functions may be nil.
type queryVisitor struct {
	query func(*Query)
	sel   func(*Select)
	table func(TableExpr)
	name  func(*TableRef) // a table that is read by its name, and that no common table expression in sight has
	expr  func(Expr)      // every whole expression: an item, a condition, a key
}

// walkQuery visits a query. ctes are the names of common table expressions in sight.
func (v *queryVisitor) walkQuery(q *Query, ctes map[string]bool) {
	if v.query != nil {
		v.query(q)
	}
	if len(q.With) > 0 {
		ctes = maps.Clone(ctes)
		if ctes == nil {
			ctes = map[string]bool{}
		}
		for _, c := range q.With {
			v.walkQuery(c.Query, ctes)
			ctes[c.Name.Name] = true
		}
	}
	v.body(q.Body, ctes)
	for _, o := range q.OrderBy {
		v.visit(o.Expr, ctes)
	}
	v.visit(q.Limit, ctes)
	v.visit(q.Offset, ctes)
}

func (v *queryVisitor) body(b QueryBody, ctes map[string]bool) {
	switch n := b.(type) {
	case *Select:
		v.selectBody(n, ctes)
	case *SetOperation:
		// A chain of set operations is as long as a statement may be.
		var right []QueryBody
		var left QueryBody = n
		for {
			s, ok := left.(*SetOperation)
			if !ok {
				break
			}
			right, left = append(right, s.Right), s.Left
		}
		v.body(left, ctes)
		for _, r := range slices.Backward(right) {
			v.body(r, ctes)
		}
	case *Values:
		for _, row := range n.Rows {
			v.visit(row, ctes)
		}
	case *NamedTable:
		v.named(&TableRef{Pos: n.Pos, Name: n.Name}, ctes)
	case *Nested:
		v.walkQuery(n.Query, ctes)
	}
}

func (v *queryVisitor) named(t *TableRef, ctes map[string]bool) {
	if v.name != nil && !(len(t.Name.Parts) == 1 && ctes[t.Name.Last()]) {
		v.name(t)
	}
}

func (v *queryVisitor) selectBody(n *Select, ctes map[string]bool) {
	if v.sel != nil {
		v.sel(n)
	}
	for _, i := range n.Items {
		v.visit(i.Expr, ctes)
	}
	if n.From != nil {
		v.from(n.From, ctes)
	}
	for _, e := range append([]Expr{n.Where, n.Having, n.Qualify}, n.GroupBy...) {
		v.visit(e, ctes)
	}
	for _, w := range n.Windows {
		for _, e := range w.Spec.exprs() {
			v.visit(e, ctes)
		}
	}
}

func (v *queryVisitor) from(t TableExpr, ctes map[string]bool) {
	if v.table != nil {
		v.table(t)
	}
	switch n := t.(type) {
	case *TableRef:
		v.named(n, ctes)
		v.visit(n.AsOf, ctes)
	case *WindowTable:
		if n.Query != nil {
			v.walkQuery(n.Query, ctes)
		} else {
			v.from(n.Table, ctes)
		}
	case *Derived:
		v.walkQuery(n.Query, ctes)
	case *Join:
		v.from(n.Left, ctes)
		v.from(n.Right, ctes)
		v.visit(n.On, ctes)
	case *TableFunction:
		for _, a := range n.Args {
			if arg, ok := unnamed(a).(*TableArg); ok && arg.Table != nil {
				v.from(arg.Table, ctes)
			}
			v.visit(a, ctes)
		}
	case *Unnest:
		for _, a := range n.Args {
			v.visit(a, ctes)
		}
	case *Match:
		v.from(n.Table, ctes)
		for _, e := range n.PartitionBy {
			v.visit(e, ctes)
		}
		for _, o := range n.OrderBy {
			v.visit(o.Expr, ctes)
		}
		for _, m := range n.Measures {
			v.visit(m.Expr, ctes)
		}
		for _, d := range n.Define {
			v.visit(d.Cond, ctes)
		}
	}
}

// unnamed is the value of a named argument, or the argument itself.
func unnamed(e Expr) Expr {
	if n, ok := e.(*NamedArg); ok {
		return n.Value
	}
	return e
}

func (v *queryVisitor) visit(e Expr, ctes map[string]bool) {
	if e == nil {
		return
	}
	if v.expr != nil {
		v.expr(e)
	}
	for _, q := range nestedQueries(e) {
		v.walkQuery(q, ctes)
	}
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
