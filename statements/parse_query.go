package statements

// insert reads what follows INSERT.
func (p *parser) insert(at Pos) *Insert {
	n := &Insert{Pos: at, Overwrite: p.accept("OVERWRITE")}
	if !n.Overwrite {
		p.expect("INTO")
	}
	p.accept("TABLE")
	n.Table, n.Hints = p.name(), p.hints()
	if p.accept("PARTITION") {
		n.Partition = p.assignments()
	}
	if p.is("(") && !beginsQuery[p.ahead(1).key] && p.ahead(1).key != "(" {
		n.Columns = p.names()
	}
	n.Query = p.query()
	if p.acceptWords("ON", "CONFLICT") {
		p.expect("DO")
		n.OnConflict = p.word("DEDUPLICATE", "NOTHING", "ERROR")
	}
	return n
}

// beginsQuery are the words that a query begins with.
var beginsQuery = map[string]bool{"SELECT": true, "WITH": true, "VALUES": true, "TABLE": true}

// isQuery reports whether a query follows, be it in parentheses.
func (p *parser) isQuery() bool {
	n := 0
	for p.ahead(n).key == "(" {
		n++
	}
	return beginsQuery[p.ahead(n).key] && (p.ahead(n).key != "TABLE" || p.ahead(n+1).key != "(")
}

func (p *parser) assignments() []Assignment {
	p.expect("(")
	var out []Assignment
	for {
		a := Assignment{Column: p.ident()}
		if p.accept("=") {
			a.Value = p.expr()
		}
		if out = append(out, a); !p.accept(",") {
			p.expect(")")
			return out
		}
	}
}

// query reads a query with its common tables, ORDER BY and LIMIT.
func (p *parser) query() *Query {
	defer p.in()()
	q := &Query{Pos: p.peek().Pos}
	if p.accept("WITH") {
		q.Recursive = p.accept("RECURSIVE")
		for {
			q.With = append(q.With, p.commonTable())
			if !p.accept(",") {
				break
			}
		}
	}
	q.Body = p.setOperation()
	if p.acceptWords("ORDER", "BY") {
		q.OrderBy = p.orderItems()
	}
	p.limits(q)
	// A query in nothing but parentheses is the query itself.
	if inner, ok := q.Body.(*Nested); ok && len(q.With)+len(q.OrderBy) == 0 && q.Limit == nil && q.LimitAt.Line == 0 && q.Offset == nil {
		return inner.Query
	}
	return q
}

func (p *parser) commonTable() *CommonTable {
	name := p.ident()
	c := &CommonTable{Pos: name.Pos, Name: name}
	if p.is("(") {
		c.Columns = p.names()
	}
	p.expect("AS", "(")
	c.Query = p.query()
	p.expect(")")
	return c
}

// setOperation reads queries joined by UNION and EXCEPT, which bind alike.
func (p *parser) setOperation() QueryBody {
	left := p.intersection()
	for {
		t := p.peek()
		op := Union
		switch {
		case p.accept("UNION"):
		case p.accept("EXCEPT"), p.accept("MINUS"):
			op = Except
		default:
			return left
		}
		left = &SetOperation{Pos: t.Pos, Op: op, All: p.all(), Left: left, Right: p.intersection()}
	}
}

func (p *parser) intersection() QueryBody {
	left := p.queryPrimary()
	for {
		t := p.peek()
		if !p.accept("INTERSECT") {
			return left
		}
		left = &SetOperation{Pos: t.Pos, Op: Intersect, All: p.all(), Left: left, Right: p.queryPrimary()}
	}
}

// all reads ALL or DISTINCT behind a set operator.
func (p *parser) all() bool {
	if p.accept("ALL") {
		return true
	}
	p.accept("DISTINCT")
	return false
}

func (p *parser) queryPrimary() QueryBody {
	t := p.peek()
	switch {
	case p.accept("SELECT"):
		return p.selectBody(t.Pos)
	case p.accept("VALUES"):
		return p.values(t.Pos)
	case p.accept("TABLE"):
		return &NamedTable{Pos: t.Pos, Name: p.name()}
	case p.accept("("):
		inner := p.query()
		p.expect(")")
		if len(inner.With)+len(inner.OrderBy) == 0 && inner.LimitAt.Line == 0 && inner.Offset == nil {
			return inner.Body // operators keep what parentheses meant
		}
		return &Nested{Pos: t.Pos, Query: inner}
	}
	p.unexpected()
	return nil
}

func (p *parser) values(at Pos) *Values {
	v := &Values{Pos: at}
	for {
		x := p.expr()
		v.Rows = append(v.Rows, x)
		if !p.accept(",") {
			return v
		}
	}
}

// limits reads LIMIT, OFFSET and FETCH in either order.
func (p *parser) limits(q *Query) {
	for {
		t := p.peek()
		switch {
		case q.LimitAt.Line == 0 && p.accept("LIMIT"):
			q.LimitAt = t.Pos
			if !p.accept("ALL") {
				q.Limit = p.expr()
			}
		case q.LimitAt.Line == 0 && p.accept("FETCH"):
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

func (p *parser) orderItems() []*OrderItem {
	out := []*OrderItem{p.orderItem()}
	for p.accept(",") {
		out = append(out, p.orderItem())
	}
	return out
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

func (p *parser) exprs() []Expr {
	out := []Expr{p.expr()}
	for p.accept(",") {
		out = append(out, p.expr())
	}
	return out
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
		s.From = p.from()
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
		s.GroupBy = p.groupItems()
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.accept("WINDOW") {
		for {
			name := p.ident()
			p.expect("AS")
			s.Windows = append(s.Windows, &WindowDef{Pos: name.Pos, Name: name, Spec: p.windowSpec()})
			if !p.accept(",") {
				break
			}
		}
	}
	if p.accept("QUALIFY") {
		s.Qualify = p.expr()
	}
	return s
}

func (p *parser) groupItems() []Expr {
	out := []Expr{p.groupItem()}
	for p.accept(",") {
		out = append(out, p.groupItem())
	}
	return out
}

func (p *parser) groupItem() Expr {
	defer p.in()()
	t := p.peek()
	switch {
	case p.acceptWords("GROUPING", "SETS"):
		return p.grouping(t.Pos, "GROUPING SETS")
	case (t.key == "ROLLUP" || t.key == "CUBE") && p.ahead(1).key == "(":
		p.at++
		return p.grouping(t.Pos, t.key)
	case p.acceptWords("(", ")"):
		return &Row{Pos: t.Pos}
	}
	return p.expr()
}

func (p *parser) grouping(at Pos, kind string) *Grouping {
	g := &Grouping{Pos: at, Kind: kind}
	p.expect("(")
	g.Items = p.groupItems()
	p.expect(")")
	return g
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
		p.aliases = append(p.aliases, "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "JOIN", "UNION", "ON", "USING", "OVER", "FILTER", "MATCH_RECOGNIZE")
	}
	return p.ident(), true
}

// windowSpec reads a window in parentheses, or a window's name.
func (p *parser) windowSpec() *WindowSpec {
	w := &WindowSpec{Pos: p.peek().Pos}
	if !p.is("(") {
		n := p.ident()
		w.Name, w.Bare = &n, true
		return w
	}
	p.at++
	if p.isIdent() && p.peek().key != "PARTITION" && p.peek().key != "RANGE" {
		n := p.ident()
		w.Name = &n
	}
	if p.acceptWords("PARTITION", "BY") {
		w.PartitionBy = p.exprs()
	}
	if p.acceptWords("ORDER", "BY") {
		w.OrderBy = p.orderItems()
	}
	if t := p.peek(); p.is("ROWS") || p.is("RANGE") {
		p.at++
		f := &Frame{Pos: t.Pos, Range: t.key == "RANGE", Between: p.accept("BETWEEN"), End: FrameBound{Current: true}}
		f.Start = p.frameBound()
		if f.Between {
			p.expect("AND")
			f.End = p.frameBound()
		}
		w.Frame = f
	}
	if t := p.peek(); t.key == "GROUPS" || t.key == "EXCLUDE" {
		p.refuse(t.Pos, t.key+" in a window", "")
	}
	p.expect(")")
	return w
}

func (p *parser) frameBound() FrameBound {
	b := FrameBound{Pos: p.peek().Pos}
	if p.acceptWords("CURRENT", "ROW") {
		b.Current = true
		return b
	}
	if !p.accept("UNBOUNDED") {
		b.Offset = p.binary(bindAdd)
	}
	if b.Following = p.accept("FOLLOWING"); !b.Following {
		p.expect("PRECEDING")
	}
	return b
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
