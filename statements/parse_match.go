package statements

// match reads MATCH_RECOGNIZE (…) behind a table.
func (p *parser) match(table TableExpr) *Match {
	m := &Match{Pos: p.expect("MATCH_RECOGNIZE").Pos, Table: table}
	p.expect("(")
	if p.acceptWords("PARTITION", "BY") {
		m.PartitionBy = p.exprs()
	}
	if p.acceptWords("ORDER", "BY") {
		m.OrderBy = p.orderItems()
	}
	if p.accept("MEASURES") {
		for {
			i := &SelectItem{Pos: p.peek().Pos, Expr: p.matchExpr()}
			p.expect("AS")
			n := p.ident()
			i.Alias = &n
			if m.Measures = append(m.Measures, i); !p.accept(",") {
				break
			}
		}
	}
	switch {
	case p.acceptWords("ONE", "ROW", "PER", "MATCH"):
		m.OneRow = true
	case p.acceptWords("ALL", "ROWS", "PER", "MATCH"):
		m.AllRows = true
		for _, o := range [][]string{{"SHOW", "EMPTY", "MATCHES"}, {"OMIT", "EMPTY", "MATCHES"}, {"WITH", "UNMATCHED", "ROWS"}} {
			if p.acceptWords(o...) {
				m.RowsOption = o[0] + " " + o[1] + " " + o[2]
				break
			}
		}
	}
	if t := p.peek(); p.acceptWords("AFTER", "MATCH") {
		p.expect("SKIP")
		m.After = p.afterMatch(t.Pos)
	}
	p.expect("PATTERN", "(")
	m.Pattern = p.patternChoice()
	p.expect(")")
	if p.accept("WITHIN") {
		m.Within = p.intervalArg("the time of WITHIN")
	}
	if p.accept("SUBSET") {
		for {
			s := Subset{Name: p.ident()}
			p.expect("=")
			s.Variables = p.names()
			if m.Subsets = append(m.Subsets, s); !p.accept(",") {
				break
			}
		}
	}
	if p.accept("DEFINE") {
		for {
			name := p.ident()
			p.expect("AS")
			if m.Define = append(m.Define, &PatternDef{Pos: name.Pos, Name: name, Cond: p.expr()}); !p.accept(",") {
				break
			}
		}
	}
	p.expect(")")
	m.Alias = p.tableAlias()
	return m
}

// matchExpr reads a measure. FINAL and RUNNING, which say from which row on it is seen, mean nothing where there is one row per match.
func (p *parser) matchExpr() Expr {
	if t := p.peek(); (t.key == "FINAL" || t.key == "RUNNING") && p.ahead(1).kind == tokWord {
		p.refuse(t.Pos, t.key+" in MEASURES", "leave it out: there is one row per match")
	}
	return p.expr()
}

func (p *parser) afterMatch(at Pos) *AfterMatch {
	a := &AfterMatch{Pos: at}
	variable := func() {
		n := p.ident()
		a.Variable = &n
	}
	switch {
	case p.acceptWords("PAST", "LAST", "ROW"):
		a.To = "PAST LAST ROW"
	case p.acceptWords("TO", "NEXT", "ROW"):
		a.To = "TO NEXT ROW"
	case p.acceptWords("TO", "FIRST"):
		a.To = "TO FIRST"
		variable()
	case p.acceptWords("TO", "LAST"):
		a.To = "TO LAST"
		variable()
	default:
		p.expect("TO")
		a.To = "TO"
		variable()
	}
	return a
}

func (p *parser) patternChoice() RowPattern {
	defer p.in()()
	first := p.patternSequence()
	if !p.is("|") {
		return first
	}
	c := &PatternChoice{Pos: first.At(), Items: []RowPattern{first}}
	for p.accept("|") {
		c.Items = append(c.Items, p.patternSequence())
	}
	return c
}

func (p *parser) patternSequence() RowPattern {
	first := p.patternRepeat()
	s := &PatternSequence{Pos: first.At(), Items: []RowPattern{first}}
	for !p.is(")") && !p.is("|") && !p.is("-") && !p.is(",") && p.peek().kind != tokEnd {
		s.Items = append(s.Items, p.patternRepeat())
	}
	if len(s.Items) == 1 {
		return first
	}
	return s
}

// maxRepeat bounds a quantifier.
const maxRepeat = 1_000_000

func (p *parser) patternRepeat() RowPattern {
	item := p.patternItem()
	for {
		r := &PatternRepeat{Pos: p.peek().Pos, Item: item}
		switch {
		case p.accept("*"):
			r.Max = -1
		case p.accept("+"):
			r.Min, r.Max = 1, -1
		case p.accept("?"):
			r.Max = 1
		case p.is("{") && p.ahead(1).key != "-":
			p.at++
			r.Max = -1
			if !p.is(",") {
				r.Min = p.integer("the repetitions", maxRepeat)
				r.Max = r.Min
			}
			if p.accept(",") {
				r.Max = -1
				if !p.is("}") {
					at := p.peek().Pos
					if r.Max = p.integer("the repetitions", maxRepeat); r.Max < r.Min {
						p.fail(at, "", "at most %d repetitions, but at least %d", r.Max, r.Min)
					}
				}
			}
			p.expect("}")
		default:
			return item
		}
		r.Reluctant = p.accept("?")
		item = r
	}
}

func (p *parser) patternItem() RowPattern {
	t := p.peek()
	switch {
	case p.accept("("):
		inner := p.patternChoice()
		p.expect(")")
		return inner
	case p.is("{") && p.ahead(1).key == "-":
		p.at += 2
		e := &PatternPermute{Pos: t.Pos, Exclude: true, Items: []RowPattern{p.patternChoice()}}
		p.expect("-", "}")
		return e
	case p.accept("^"), p.accept("$"):
		return &PatternVariable{Ident{Pos: t.Pos, Name: t.key}}
	case t.key == "PERMUTE" && p.ahead(1).key == "(":
		p.at += 2
		e := &PatternPermute{Pos: t.Pos}
		for {
			if e.Items = append(e.Items, p.patternChoice()); !p.accept(",") {
				p.expect(")")
				return e
			}
		}
	}
	return &PatternVariable{p.ident()}
}
