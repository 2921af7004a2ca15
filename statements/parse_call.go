package statements

import "strings"

// call reads a function call. The functions whose arguments have words between them come first.
func (p *parser) call() Expr {
	t := p.peek()
	if t.kind == tokWord {
		switch t.key {
		case "CAST", "TRY_CAST":
			return p.cast(t)
		case "EXTRACT":
			return p.extract(t)
		case "TRIM":
			return p.trim(t)
		case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS":
			return p.jsonPath(t)
		case "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
			return p.jsonMake(t)
		case "CONVERT", "TREAT":
			p.refuse(t.Pos, t.key, "")
		}
	}
	p.at++
	return p.callOf(&Call{Pos: t.Pos, Func: strings.ToUpper(t.text)})
}

// callOf reads the arguments of c and what follows them.
func (p *parser) callOf(c *Call) Expr {
	p.expect("(")
	if !p.accept(")") {
		if x := p.callArgs(c); x != nil {
			return x
		}
		p.expect(")")
	}
	p.callTail(c)
	return c
}

// callArgs reads the arguments of c up to the closing parenthesis. It returns a node where the words between the
// arguments make another one of the call.
func (p *parser) callArgs(c *Call) Expr {
	if p.is("*") {
		p.at++
		c.Star = true
		return nil
	}
	if c.Distinct = p.accept("DISTINCT"); !c.Distinct {
		p.accept("ALL")
	}
	for {
		c.Args = append(c.Args, p.arg(c))
		t := p.peek()
		switch {
		case p.accept(","):
			continue
		case p.is("TO") && len(c.Args) == 1 && (c.Func == "FLOOR" || c.Func == "CEIL" || c.Func == "CEILING"):
			p.at++
			x := &RoundTo{Pos: c.Pos, Func: strings.TrimSuffix(c.Func, "ING"), X: c.Args[0], Unit: p.unit()}
			p.expect(")")
			return x
		case c.Func == "OVERLAY" && (p.is("PLACING") && len(c.Args) == 1 || p.is("FROM") && len(c.Args) == 2 || p.is("FOR") && len(c.Args) == 3):
			p.at++
			continue
		case p.acceptWords("ORDER", "BY"):
			c.OrderBy = p.orderItems()
			return nil
		case c.Func == "SUBSTRING" && (p.is("FROM") && len(c.Args) == 1 || p.is("FOR") && len(c.Args) == 2):
			p.at++
			continue
		case (t.key == "IGNORE" || t.key == "RESPECT") && p.ahead(1).key == "NULLS":
			p.nullsOf(c)
			return nil
		case t.key == "SEPARATOR", t.key == "USING":
			p.refuse(t.Pos, t.key+" in a call", "")
		}
		return nil
	}
}

// arg reads one argument of c.
func (p *parser) arg(c *Call) Expr {
	t := p.peek()
	if p.isIdent() && p.ahead(1).key == "=>" {
		n := p.ident()
		p.at++
		return &NamedArg{Pos: n.Pos, Name: n, Value: p.expr()}
	}
	if k := p.ahead(1); t.kind == tokWord && (t.key == "TABLE" || t.key == "DESCRIPTOR" && k.key == "(" || t.key == "MODEL" && k.kind == tokWord || t.key == "DEFAULT") {
		return p.tableFunctionArg()
	}
	switch {
	case c.Func == "POSITION" && len(c.Args) == 0:
		// POSITION(a IN b): the IN belongs to the call.
		x := p.binary(bindAdd)
		p.expect("IN")
		c.Args = append(c.Args, x)
		return p.expr()
	case (c.Func == "TIMESTAMPDIFF" || c.Func == "TIMESTAMPADD") && len(c.Args) == 0 && t.kind == tokWord:
		return &UnitName{Pos: t.Pos, Unit: p.unit()}
	}
	return p.expr()
}

// callTail reads what may follow the arguments of a call: IGNORE NULLS, WITHIN GROUP, FILTER and OVER.
func (p *parser) callTail(c *Call) {
	p.nullsOf(c)
	if p.acceptWords("WITHIN", "GROUP") {
		p.expect("(")
		p.expect("ORDER", "BY")
		c.OrderBy, c.Within = p.orderItems(), true
		p.expect(")")
	}
	if t := p.peek(); t.key == "WITHIN" && p.ahead(1).key == "DISTINCT" {
		p.refuse(t.Pos, "WITHIN DISTINCT", "")
	}
	if p.isWords("FILTER", "(") {
		p.at += 2
		p.expect("WHERE")
		c.Filter = p.expr()
		p.expect(")")
	}
	p.nullsOf(c)
	if p.peek().kind == tokWord && p.accept("OVER") {
		c.Over = p.windowSpec()
	}
}

func (p *parser) nullsOf(c *Call) {
	for _, w := range []string{"IGNORE", "RESPECT"} {
		if c.Nulls == "" && p.acceptWords(w, "NULLS") {
			c.Nulls = w + " NULLS"
		}
	}
}

func (p *parser) cast(t token) Expr {
	p.at += 2
	c := &Cast{Pos: t.Pos, Try: t.key == "TRY_CAST", X: p.expr()}
	p.expect("AS")
	c.Type = p.typeName()
	p.expect(")")
	return c
}

func (p *parser) extract(t token) Expr {
	p.at += 2
	x := &Extract{Pos: t.Pos, Unit: p.unit()}
	p.expect("FROM")
	x.X = p.expr()
	p.expect(")")
	return x
}

// trim reads TRIM(x), TRIM(chars FROM x) and TRIM(BOTH chars FROM x).
func (p *parser) trim(t token) Expr {
	p.at += 2
	side := p.peek().key
	switch side {
	case "BOTH", "LEADING", "TRAILING":
		p.at++
	default:
		side = ""
	}
	n := &Trim{Pos: t.Pos, Side: side}
	if side == "" || !p.is("FROM") {
		x := p.expr()
		if side == "" && p.accept(")") {
			return &Call{Pos: t.Pos, Func: "TRIM", Args: []Expr{x}}
		}
		if side == "" && p.is(",") {
			p.fail(p.peek().Pos, "write TRIM(chars FROM text), or BTRIM(text, chars)", "TRIM takes one argument")
		}
		n.Chars = x
	}
	if side == "" {
		n.Side = "BOTH"
	}
	p.expect("FROM")
	n.X = p.expr()
	p.expect(")")
	return n
}

// units are the units of time that EXTRACT and its like know, by the words for them.
var units = func() map[string]Unit {
	m := map[string]Unit{}
	for _, u := range []Unit{
		UnitYear, UnitQuarter, UnitMonth, UnitWeek, UnitDay, UnitHour, UnitMinute, UnitSecond, UnitMillisecond, UnitMicrosecond, UnitNanosecond,
		UnitEpoch, UnitDoy, UnitDow, UnitIsoDow, UnitIsoYear, UnitDecade, UnitCentury, UnitMillennium,
	} {
		m[string(u)] = u
	}
	for _, u := range []Unit{UnitYear, UnitQuarter, UnitMonth, UnitWeek, UnitDay, UnitHour, UnitMinute, UnitSecond} {
		m[string(u)+"S"], m["SQL_TSI_"+string(u)] = u, u
	}
	return m
}()

// unit reads a unit of time.
func (p *parser) unit() Unit {
	t := p.peek()
	u, ok := units[t.key]
	if !ok || t.kind != tokWord {
		for _, w := range []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"} {
			p.want(w)
		}
		p.unexpected()
	}
	p.at++
	return u
}
