package statements

// from reads tables and their joins. A comma binds less than JOIN.
func (p *parser) from() TableExpr {
	left := p.joined()
	for {
		t := p.peek()
		if !p.accept(",") {
			return left
		}
		left = &Join{Pos: t.Pos, Kind: CommaJoin, Left: left, Right: p.joined()}
	}
}

func (p *parser) joined() TableExpr {
	left := p.tableExpr()
	for {
		j, ok := p.joinWords()
		if !ok {
			return left
		}
		j.Left, j.Right = left, p.tableExpr()
		switch {
		case p.accept("ON"):
			j.On = p.expr()
		case p.accept("USING"):
			j.Using = p.names()
		case j.Kind != CrossJoin && !j.Natural && !lateral(j.Right):
			p.unexpected()
		}
		left = j
	}
}

// lateral tables are joined without a condition, too.
func lateral(t TableExpr) bool {
	switch n := t.(type) {
	case *TableFunction, *Unnest:
		return true
	case *Derived:
		return n.Lateral
	}
	return false
}

// joinWords reads what stands between two joined tables.
func (p *parser) joinWords() (*Join, bool) {
	j := &Join{Pos: p.peek().Pos, Kind: InnerJoin}
	j.Natural = p.accept("NATURAL")
	for _, k := range []JoinKind{LeftJoin, RightJoin, FullJoin} {
		if p.accept(string(k)) {
			j.Kind = k
			p.accept("OUTER")
			if w := p.peek(); w.key == "SEMI" || w.key == "ANTI" {
				p.refuse(w.Pos, string(k)+" "+w.key+" JOIN", "write WHERE [NOT] EXISTS (…)")
			}
			p.expect("JOIN")
			return j, true
		}
	}
	switch {
	case p.accept("INNER"):
		p.expect("JOIN")
	case p.accept("CROSS"):
		j.Kind = CrossJoin
		p.expect("JOIN")
	case j.Natural:
		p.expect("JOIN")
	default:
		return j, p.accept("JOIN")
	}
	return j, true
}

// tableExpr reads one table in FROM, with MATCH_RECOGNIZE behind it.
func (p *parser) tableExpr() TableExpr {
	defer p.in()()
	t := p.tablePrimary()
	for p.is("MATCH_RECOGNIZE") {
		t = p.match(t)
	}
	if w := p.peek(); (w.key == "PIVOT" || w.key == "UNPIVOT" || w.key == "TABLESAMPLE") && w.kind == tokWord {
		p.refuse(w.Pos, w.key, "")
	}
	return t
}

func (p *parser) tablePrimary() TableExpr {
	t := p.peek()
	switch {
	case p.accept("LATERAL"):
		return p.lateralTable(t.Pos)
	case p.accept("UNNEST"):
		u := &Unnest{Pos: t.Pos}
		p.expect("(")
		u.Args = p.exprs()
		p.expect(")")
		u.Ordinality = p.acceptWords("WITH", "ORDINALITY")
		u.Alias = p.tableAlias()
		return u
	case p.accept("("):
		return p.parenthesized(t.Pos)
	case p.isWords("TABLE", "("):
		return p.wrappedFunction()
	case p.is("TABLE"):
		p.at++
		return p.tableRef()
	case p.peek().kind == tokWord && p.ahead(1).key == "(" && !clauses[t.key]:
		return p.aliased(p.tableFunction())
	}
	return p.tableRef()
}

// lateralTable reads what follows LATERAL.
func (p *parser) lateralTable(at Pos) TableExpr {
	switch {
	case p.isWords("TABLE", "("):
		f := p.wrappedFunction()
		if fn, ok := f.(*TableFunction); ok {
			fn.Lateral = true
		}
		return f
	case p.accept("("):
		d := &Derived{Pos: at, Lateral: true, Query: p.query()}
		p.expect(")")
		d.Alias = p.tableAlias()
		return d
	case p.is("UNNEST"):
		p.fail(p.peek().Pos, "leave LATERAL out: UNNEST sees the tables before it", "LATERAL UNNEST is no table")
	}
	f := p.aliased(p.tableFunction())
	if fn, ok := f.(*TableFunction); ok {
		fn.Lateral = true
	}
	return f
}

// wrappedFunction reads TABLE(f(…)) with its alias.
func (p *parser) wrappedFunction() TableExpr {
	p.at += 2
	f := p.tableFunction()
	p.expect(")")
	return p.aliased(f)
}

func (p *parser) aliased(t TableExpr) TableExpr {
	switch n := t.(type) {
	case *WindowTable:
		n.Alias = p.tableAlias()
	case *TableFunction:
		n.Alias = p.tableAlias()
	}
	return t
}

func (p *parser) parenthesized(at Pos) TableExpr {
	if p.isQuery() && (p.peek().key != "(" || p.closesQuery()) {
		d := &Derived{Pos: at, Query: p.query()}
		p.expect(")")
		if p.is("MATCH_RECOGNIZE") {
			return d
		}
		d.Alias = p.tableAlias()
		return d
	}
	inner := p.from()
	p.expect(")")
	if p.isIdent() || p.is("AS") {
		p.refuse(p.peek().Pos, "an alias for tables in parentheses", "leave the parentheses out")
	}
	return inner
}

// closesQuery says whether the parenthesis that opens here holds a part of a query, rather than a query that is a table: what follows it tells.
func (p *parser) closesQuery() bool {
	depth := 0
	for i := p.at; i < len(p.tokens); i++ {
		switch p.tokens[i].key {
		case "(":
			depth++
		case ")":
			if depth--; depth > 0 {
				continue
			}
			switch p.tokens[min(i+1, len(p.tokens)-1)].key {
			case ")", "UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH":
				return true
			}
			return false
		}
	}
	return false
}

func (p *parser) tableRef() *TableRef {
	n := &TableRef{Pos: p.peek().Pos, Name: p.name()}
	n.Hints = p.hints()
	if p.acceptWords("FOR", "SYSTEM_TIME") {
		p.expect("AS", "OF")
		n.AsOf = p.binary(bindAdd)
	}
	if p.is("MATCH_RECOGNIZE") {
		return n
	}
	n.Alias = p.tableAlias()
	if n.Alias != nil && len(n.Hints) == 0 {
		n.Hints = p.hints()
	}
	return n
}

// tableAlias reads [AS] name [(columns)]. PIVOT and the like are no aliases where a parenthesis follows.
func (p *parser) tableAlias() *Alias {
	t := p.peek()
	if (t.key == "PIVOT" || t.key == "UNPIVOT") && p.ahead(1).key == "(" {
		return nil
	}
	var a *Alias
	if p.accept("AS") {
		n := p.ident()
		a = &Alias{Pos: n.Pos, Name: n}
	} else if n, ok := p.implicitAlias(); ok {
		a = &Alias{Pos: n.Pos, Name: n}
	}
	if a != nil && p.is("(") {
		a.Columns = p.names()
	}
	return a
}

// tableFunction reads a call in FROM: a windowing function, or any other.
func (p *parser) tableFunction() TableExpr {
	t := p.peek()
	if t.kind != tokWord && t.kind != tokQuoted {
		p.want(wantName)
		p.unexpected()
	}
	w := &WindowTable{Pos: t.Pos, Kind: WindowKind(t.key)}
	if _, ok := windowFunctions[w.Kind]; ok && t.kind == tokWord {
		p.at++
		p.expect("(")
		p.windowArgs(w)
		p.expect(")")
		p.wholeSteps(w)
		return w
	}
	f := &TableFunction{Pos: t.Pos}
	if reserved[t.key] {
		p.at++
		f.Func = Name{Pos: t.Pos, Parts: []Ident{{Pos: t.Pos, Name: t.text}}}
	} else {
		f.Func = p.name()
	}
	p.expect("(")
	if p.accept(")") {
		return f
	}
	for {
		f.Args = append(f.Args, p.tableFunctionArg())
		if !p.accept(",") {
			p.expect(")")
			return f
		}
	}
}

func (p *parser) tableFunctionArg() Expr {
	if p.isIdent() && p.ahead(1).key == "=>" {
		n := p.ident()
		p.at++
		return &NamedArg{Pos: n.Pos, Name: n, Value: p.tableFunctionArg()}
	}
	t := p.peek()
	switch {
	case t.key == "TABLE" && t.kind == tokWord:
		p.at++
		return p.tableArg(t.Pos)
	case p.isQuery():
		p.expect("(")
		a := &TableArg{Pos: t.Pos, Query: p.query()}
		p.expect(")")
		p.tableArgTail(a)
		return a
	case t.key == "DESCRIPTOR" && p.ahead(1).key == "(":
		p.at++
		return &Descriptor{Pos: t.Pos, Columns: p.names()}
	case t.key == "MODEL" && p.ahead(1).kind != tokSymbol:
		p.at++
		return &ModelArg{Pos: t.Pos, Name: p.name()}
	case t.key == "DEFAULT" && t.kind == tokWord:
		p.at++
		return &DefaultArg{t.Pos}
	}
	x := p.expr()
	if c, ok := x.(*ColumnName); ok && (p.isWords("PARTITION", "BY") || p.isWords("ORDER", "BY")) {
		a := &TableArg{Pos: t.Pos, Table: &TableRef{Pos: t.Pos, Name: c.Name}}
		p.tableArgTail(a)
		return a
	}
	return x
}

// tableArg reads what follows TABLE in an argument.
func (p *parser) tableArg(at Pos) *TableArg {
	a := &TableArg{Pos: at}
	if p.accept("(") {
		a.Query = p.query()
		p.expect(")")
	} else {
		a.Table = &TableRef{Pos: p.peek().Pos, Name: p.name()}
		a.Table.Hints = p.hints()
	}
	p.tableArgTail(a)
	return a
}

// tableArgTail reads PARTITION BY and ORDER BY of a table argument. Several items stand in parentheses, since a comma is the next argument.
func (p *parser) tableArgTail(a *TableArg) {
	if p.acceptWords("PARTITION", "BY") {
		if p.accept("(") {
			a.PartitionBy = p.exprs()
			p.expect(")")
		} else {
			a.PartitionBy = []Expr{p.expr()}
		}
	}
	if p.acceptWords("ORDER", "BY") {
		if p.accept("(") {
			a.OrderBy = p.orderItems()
			p.expect(")")
		} else {
			a.OrderBy = []*OrderItem{p.orderItem()}
		}
	}
}
