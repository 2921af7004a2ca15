package statements

// inspect calls visit for every node of a statement that a dialect may refuse: the statement and those within it, what ALTER does, column
// definitions, queries, SELECTs, tables in FROM, and every single expression. A node is visited before what stands in it.
func inspect(s Statement, visit func(Node)) {
	visit(s)
	expr := func(e Expr) {
		walkExpr(e, func(x Expr) bool {
			visit(x)
			return true
		})
	}
	columns := func(defs []*ColumnDef, w *WatermarkDef) {
		for _, c := range defs {
			visit(c)
			expr(c.Expr)
		}
		if w != nil {
			expr(w.Expr)
		}
	}
	switch n := s.(type) {
	case *Explain:
		inspect(n.Statement, visit)
		return
	case *StatementSet:
		for _, i := range n.Inserts {
			inspect(i, visit)
		}
		return
	case *CreateTable:
		columns(n.Columns, n.Watermark)
	case *CreateMaterialized:
		columns(n.Elements.Columns, n.Elements.Watermark)
	case *Alter:
		visit(n.Action)
		switch a := n.Action.(type) {
		case *AddElements:
			columns(a.Columns, a.Watermark)
		case *ModifyElements:
			columns(a.Columns, a.Watermark)
		}
	}
	if q := queryOf(s); q != nil {
		v := queryVisitor{
			query: func(q *Query) { visit(q) },
			sel:   func(n *Select) { visit(n) },
			table: func(t TableExpr) { visit(t) },
			expr:  expr,
		}
		v.walkQuery(q, nil)
	}
}
