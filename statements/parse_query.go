package statements

// insert reads what follows INSERT.
func (p *parser) insert(at Pos) Statement {
	if p.peek().key == "OVERWRITE" {
		p.refuse(p.peek().Pos, "INSERT OVERWRITE", "write INSERT INTO")
	}
	p.expect("INTO")
	p.accept("TABLE")
	n := &Insert{Pos: at, Table: p.name(), Hints: p.hints()}
	if p.peek().key == "PARTITION" {
		p.refuse(p.peek().Pos, "PARTITION in INSERT INTO", "")
	}
	if k := p.ahead(1).key; p.is("(") && k != "SELECT" && k != "WITH" && k != "VALUES" && k != "(" {
		n.Columns = p.names()
	}
	n.Query = p.query()
	if p.peek().key == "ON" {
		p.refuse(p.peek().Pos, "ON CONFLICT", "leave it out")
	}
	return n
}

// query reads a query with its ORDER BY and LIMIT.
func (p *parser) query() *Query {
	defer p.in()()
	t := p.peek()
	q := &Query{Pos: t.Pos}
	switch {
	case p.accept("SELECT"):
		q.Body = p.selectBody(t.Pos)
	case p.accept("("):
		// A query in parentheses is the query itself, unless an operator or another ORDER BY follows.
		inner := p.query()
		p.expect(")")
		p.refuseSetOperation()
		if p.isWords("ORDER", "BY") || p.is("LIMIT") || p.is("OFFSET") || p.is("FETCH") {
			p.refuse(p.peek().Pos, p.peek().key+" behind a query in parentheses", "leave the parentheses out")
		}
		return inner
	case t.key == "WITH":
		p.refuse(t.Pos, "WITH", "write the common table expression as a query in FROM")
	case t.key == "VALUES":
		p.refuse(t.Pos, "VALUES", "lifeboat's engine reads tables")
	case t.key == "TABLE":
		p.refuse(t.Pos, "TABLE as a query", "write SELECT * FROM the table")
	default:
		p.unexpected()
	}
	p.refuseSetOperation()
	if p.acceptWords("ORDER", "BY") {
		q.OrderBy = append(q.OrderBy, p.orderItem())
		for p.accept(",") {
			q.OrderBy = append(q.OrderBy, p.orderItem())
		}
	}
	p.limits(q)
	return q
}

func (p *parser) refuseSetOperation() {
	t := p.peek()
	switch t.key {
	case "UNION", "INTERSECT", "EXCEPT", "MINUS":
		p.refuse(t.Pos, t.key, "lifeboat's engine reads one table per statement: write an INSERT INTO for each query")
	}
}

// limits reads LIMIT, OFFSET and FETCH in either order.
func (p *parser) limits(q *Query) {
	for {
		t := p.peek()
		switch {
		case q.Limit == nil && p.accept("LIMIT"):
			q.LimitAt = t.Pos
			if !p.accept("ALL") {
				q.Limit = p.expr()
			}
		case q.Limit == nil && p.accept("FETCH"):
			q.LimitAt, q.Fetch = t.Pos, true
			if !p.accept("FIRST") {
				p.expect("NEXT")
			}
			if p.is("ROW") || p.is("ROWS") {
				q.Limit = &Literal{Pos: p.peek().Pos, Kind: NumberLiteral, Text: "1"}
			} else {
				q.Limit = p.expr()
			}
			if !p.accept("ROW") {
				p.expect("ROWS")
			}
			p.expect("ONLY")
		case q.Offset == nil && p.accept("OFFSET"):
			q.Offset = p.expr()
			if !p.accept("ROW") {
				p.accept("ROWS")
			}
		default:
			return
		}
	}
}

func (p *parser) orderItem() *OrderItem {
	o := &OrderItem{Pos: p.peek().Pos, Expr: p.expr()}
	if !p.accept("ASC") {
		o.Descending = p.accept("DESC")
	}
	if p.accept("NULLS") {
		if o.Nulls = "FIRST"; !p.accept("FIRST") {
			p.expect("LAST")
			o.Nulls = "LAST"
		}
	}
	return o
}

func (p *parser) selectBody(at Pos) *Select {
	s := &Select{Pos: at, Hints: p.hints()}
	if p.peek().key == "STREAM" {
		p.refuse(p.peek().Pos, "SELECT STREAM", "leave STREAM out: every query is a stream")
	}
	if s.Distinct = p.accept("DISTINCT"); !s.Distinct {
		p.accept("ALL")
	}
	s.Items = append(s.Items, p.selectItem())
	for p.accept(",") {
		s.Items = append(s.Items, p.selectItem())
	}
	if p.accept("FROM") {
		s.From = p.tableExpr()
		p.refuseJoin()
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.isWords("GROUP", "BY") {
		s.GroupAt = p.peek().Pos
		p.at += 2
		if p.is("ALL") || p.is("DISTINCT") {
			p.refuse(p.peek().Pos, "GROUP BY "+p.peek().key, "")
		}
		s.GroupBy = append(s.GroupBy, p.groupItem())
		for p.accept(",") {
			s.GroupBy = append(s.GroupBy, p.groupItem())
		}
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if t := p.peek(); t.key == "WINDOW" || t.key == "QUALIFY" {
		p.refuse(t.Pos, t.key, "")
	}
	return s
}

func (p *parser) groupItem() Expr {
	t := p.peek()
	switch {
	case p.isWords("GROUPING", "SETS"):
		p.refuse(t.Pos, "GROUPING SETS", "write a statement for each grouping")
	case t.key == "ROLLUP" || t.key == "CUBE":
		p.refuse(t.Pos, t.key, "write a statement for each grouping")
	case p.isWords("(", ")"):
		p.refuse(t.Pos, "GROUP BY ()", "")
	}
	return p.expr()
}

func (p *parser) selectItem() *SelectItem {
	t := p.peek()
	if p.accept("*") {
		return &SelectItem{Pos: t.Pos, Expr: &Star{Pos: t.Pos}}
	}
	if p.isIdent() && p.ahead(1).key == "." && p.ahead(2).key == "*" {
		table := p.ident()
		p.at += 2
		return &SelectItem{Pos: t.Pos, Expr: &Star{Pos: t.Pos, Table: &table}}
	}
	i := &SelectItem{Pos: t.Pos, Expr: p.expr()}
	if p.accept("AS") {
		n := p.ident()
		i.Alias = &n
	} else if n, ok := p.implicitAlias(); ok {
		i.Alias = &n
	}
	return i
}

// implicitAlias takes a name that stands where an alias may. It may as well be a misspelled keyword, which shows at the
// token behind it: unexpected looks for that.
func (p *parser) implicitAlias() (Ident, bool) {
	if !p.isIdent() {
		return Ident{}, false
	}
	if p.peek().kind == tokWord {
		p.alias = p.at
		p.aliases = append(p.aliases[:0], p.wanted...)
		p.aliases = append(p.aliases, "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT")
	}
	return p.ident(), true
}

// hints reads /*+ NAME('k' = 'v'), … */ where it stands.
func (p *parser) hints() []Hint {
	if p.peek().key != "/*+" {
		return nil
	}
	p.at++
	var out []Hint
	for {
		t := p.peek()
		if t.kind != tokWord {
			p.want("the name of a hint")
			p.unexpected()
		}
		p.at++
		h := Hint{Pos: t.Pos, Name: t.key}
		if p.accept("(") {
			p.hintArgs(&h)
			p.expect(")")
		}
		out = append(out, h)
		if !p.accept(",") {
			p.expect("*/")
			return out
		}
	}
}

func (p *parser) hintArgs(h *Hint) {
	if p.ahead(1).key == "=" && p.peek().kind == tokString {
		h.Options = p.options(")")
		return
	}
	for {
		t := p.peek()
		switch t.kind {
		case tokWord, tokQuoted, tokString, tokNumber:
			p.at++
		default:
			p.want("a hint's option")
			p.unexpected()
		}
		if p.accept("=") {
			h.Options = append(h.Options, Option{Pos: t.Pos, Key: t.text, Value: p.text().Value})
		} else {
			h.Args = append(h.Args, t.text)
		}
		if !p.accept(",") {
			return
		}
	}
}
