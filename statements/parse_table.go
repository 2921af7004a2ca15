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

// tableFunction reads TUMBLE(…) and refuses the other table functions by their names.
func (p *parser) tableFunction() *WindowTable {
	t := p.peek()
	if t.kind != tokWord && t.kind != tokQuoted {
		p.want(wantName)
		p.unexpected()
	}
	switch t.key {
	case string(Tumble):
	case "HOP", "CUMULATE", "SESSION":
		p.refuse(t.Pos, t.key, "the only window that lifeboat's engine has yet is TUMBLE")
	default:
		p.refuse(t.Pos, "the table function "+clip(t.text), "the only one that lifeboat's engine has yet is TUMBLE")
	}
	p.at++
	p.expect("(")
	w := &WindowTable{Pos: t.Pos, Kind: Tumble}
	p.windowArgs(w)
	p.expect(")")
	return w
}

// windowParams are the parameters of TUMBLE in order.
var windowParams = []string{"DATA", "TIMECOL", "SIZE", "OFFSET"}

func (p *parser) windowArgs(w *WindowTable) {
	given := map[string]bool{}
	for i := 0; ; i++ {
		t := p.peek()
		param := ""
		if t.kind == tokWord && p.ahead(1).key == "=>" {
			p.at += 2
			param = t.key
			if nearest(param, windowParams) == "" {
				p.fail(t.Pos, "they are DATA, TIMECOL, SIZE and OFFSET", "TUMBLE has no parameter %s", clip(t.text))
			} else if meant := nearest(param, windowParams); meant != param {
				p.fail(t.Pos, "write "+meant, "TUMBLE has no parameter %s; did you mean %s?", clip(t.text), meant)
			}
		} else if i < len(windowParams) {
			param = windowParams[i]
		} else {
			p.fail(t.Pos, "", "TUMBLE takes at most %d arguments", len(windowParams))
		}
		if given[param] {
			p.fail(t.Pos, "", "%s is given twice", param)
		}
		given[param] = true
		p.windowArg(w, param)
		if !p.accept(",") {
			break
		}
	}
	for _, need := range windowParams[:3] {
		if !given[need] {
			p.fail(p.peek().Pos, "write TUMBLE(TABLE t, DESCRIPTOR(time column), INTERVAL '1' HOUR)", "TUMBLE needs %s", map[string]string{
				"DATA": "a table", "TIMECOL": "a DESCRIPTOR with the time column", "SIZE": "the window's size",
			}[need])
		}
	}
}

func (p *parser) windowArg(w *WindowTable, param string) {
	t := p.peek()
	switch param {
	case "DATA":
		if p.is("(") || p.isWords("TABLE", "(") {
			p.refuse(t.Pos, "a query as the input of TUMBLE", "write its result to a table first, or window a table by its name")
		}
		p.accept("TABLE")
		w.Table = p.tableRef()
		if p.is("PARTITION") {
			p.fail(p.peek().Pos, "leave it out", "TUMBLE has no PARTITION BY: the keys stand in GROUP BY")
		}
	case "TIMECOL":
		p.expect("DESCRIPTOR", "(")
		w.Time = p.ident()
		if p.is(",") {
			p.fail(p.peek().Pos, "", "a window has one time column")
		}
		p.expect(")")
	case "SIZE":
		w.Size = p.intervalArg("the window's size")
		if d, ok := w.Size.Millis(); !ok || d <= 0 {
			p.fail(w.Size.Pos, "", "the window's size must be a positive length of days, hours, minutes or seconds")
		}
	case "OFFSET":
		w.Offset = p.intervalArg("the window's offset")
		if _, ok := w.Offset.Millis(); !ok {
			p.fail(w.Offset.Pos, "", "the window's offset must be a length of days, hours, minutes or seconds")
		}
	}
}

func (p *parser) intervalArg(what string) *Interval {
	t := p.peek()
	if i, ok := p.expr().(*Interval); ok {
		return i
	}
	p.fail(t.Pos, "write INTERVAL '1' HOUR", "%s must be an INTERVAL literal", what)
	return nil
}
