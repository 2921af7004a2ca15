package statements

// tableExpr reads one table in FROM.
func (p *parser) tableExpr() TableExpr {
	defer p.in()()
	t := p.peek()
	switch {
	case t.key == "LATERAL", t.key == "UNNEST", t.key == "VALUES":
		p.refuse(t.Pos, t.key+" in FROM", oneTable)
	case p.accept("("):
		return p.parenthesized(t.Pos)
	case p.isWords("TABLE", "("):
		p.at += 2
		w := p.tableFunction()
		p.expect(")")
		w.Alias = p.tableAlias()
		return w
	case p.is("TABLE"):
		p.at++
		return p.tableRef()
	case p.peek().kind == tokWord && p.ahead(1).key == "(" && !clauses[t.key]:
		w := p.tableFunction()
		w.Alias = p.tableAlias()
		return w
	}
	return p.tableRef()
}

const oneTable = "lifeboat's engine reads one table per statement"

// refuseJoin refuses what can follow a table in FROM.
func (p *parser) refuseJoin() {
	t := p.peek()
	switch t.key {
	case "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER":
		what := "JOIN"
		if t.key != "JOIN" && t.key != "OUTER" {
			what = t.key + " JOIN"
		}
		panic(&problem{Pos: t.Pos, rule: RuleUnsupported, message: what + " is not supported yet: " + oneTable})
	case ",":
		panic(&problem{Pos: t.Pos, rule: RuleUnsupported, message: "a join of several tables in FROM is not supported yet: " + oneTable})
	case "MATCH_RECOGNIZE", "PIVOT", "UNPIVOT", "TABLESAMPLE":
		p.refuse(t.Pos, t.key, "")
	case "FOR":
		p.refuse(t.Pos, "FOR SYSTEM_TIME AS OF", oneTable)
	}
}

func (p *parser) parenthesized(at Pos) TableExpr {
	switch t := p.peek(); t.key {
	case "SELECT", "WITH", "VALUES":
		d := &Derived{Pos: at, Query: p.query()}
		p.expect(")")
		d.Alias = p.tableAlias()
		return d
	}
	inner := p.tableExpr()
	p.refuseJoin()
	p.refuseSetOperation()
	p.expect(")")
	if p.isIdent() || p.is("AS") {
		p.refuse(p.peek().Pos, "an alias for a table in parentheses", "leave the parentheses out")
	}
	return inner
}

func (p *parser) tableRef() *TableRef {
	n := &TableRef{Pos: p.peek().Pos, Name: p.name()}
	n.Hints = p.hints()
	switch p.peek().key {
	case "FOR", "MATCH_RECOGNIZE", "TABLESAMPLE":
		p.refuseJoin()
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
