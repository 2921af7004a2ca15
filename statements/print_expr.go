package statements

func (n *ColumnName) SQL() string { return printed(n) }
func (n *Star) SQL() string       { return printed(n) }
func (n *Literal) SQL() string    { return printed(n) }
func (n *Interval) SQL() string   { return printed(n) }
func (n *Unary) SQL() string      { return printed(n) }
func (n *Binary) SQL() string     { return printed(n) }
func (n *Is) SQL() string         { return printed(n) }
func (n *Between) SQL() string    { return printed(n) }
func (n *In) SQL() string         { return printed(n) }
func (n *Like) SQL() string       { return printed(n) }
func (n *Case) SQL() string       { return printed(n) }
func (n *Cast) SQL() string       { return printed(n) }
func (n *Call) SQL() string       { return printed(n) }
func (n *Extract) SQL() string    { return printed(n) }
func (n *RoundTo) SQL() string    { return printed(n) }
func (n *Trim) SQL() string       { return printed(n) }
func (n *UnitName) SQL() string   { return printed(n) }
func (n *NamedArg) SQL() string   { return printed(n) }

// expr writes an expression that stands by itself.
func (p *printer) expr(e Expr) { e.write(p) }

// power is how close the outermost operator of e binds; an expression without one binds closest.
func power(e Expr) int {
	switch x := e.(type) {
	case *Unary:
		if x.Op == OpNot {
			return bindNot
		}
		return bindSign
	case *Binary:
		if o, ok := binaryOps[string(x.Op)]; ok {
			return o.power
		}
		return bindIs // IS [NOT] DISTINCT FROM
	case *Is:
		return bindIs
	case *IsJSON:
		return bindIs
	case *AtTimeZone:
		return bindZone
	case *Between, *In, *Like:
		return bindRange
	}
	return bindClose
}

// operand writes an operand that must bind at least as close as least, else it stands in parentheses.
func (p *printer) operand(e Expr, least int) {
	if power(e) >= least {
		e.write(p)
		return
	}
	p.WriteByte('(')
	e.write(p)
	p.WriteByte(')')
}

func (n *Star) write(p *printer) {
	if n.Table != nil {
		p.name(*n.Table)
		p.WriteByte('.')
	}
	p.WriteByte('*')
}

func (n *Literal) write(p *printer) {
	switch n.Kind {
	case NullLiteral:
		p.WriteString("NULL")
	case StringLiteral:
		p.WriteString(quoteString(n.Text))
	case BytesLiteral:
		p.words("X'", n.Text, "'")
	case DateLiteral:
		p.words("DATE ", quoteString(n.Text))
	case TimeLiteral:
		p.words("TIME ", quoteString(n.Text))
	case TimestampLiteral:
		p.words("TIMESTAMP ", quoteString(n.Text))
	default:
		p.WriteString(n.Text)
	}
}

func (n *Interval) write(p *printer) {
	p.WriteString("INTERVAL ")
	if n.Negative {
		p.WriteByte('-')
	}
	p.words(quoteString(n.Text), " ", string(n.From))
	switch {
	case n.Precision >= 0 && n.From == UnitSecond && n.Scale >= 0:
		p.words("(", itoa(n.Precision), ", ", itoa(n.Scale), ")")
	case n.Precision >= 0:
		p.words("(", itoa(n.Precision), ")")
	}
	if n.To != n.From {
		p.words(" TO ", string(n.To))
		if n.Scale >= 0 {
			p.words("(", itoa(n.Scale), ")")
		}
	}
}

func (n *Unary) write(p *printer) {
	p.WriteString(string(n.Op))
	if n.Op == OpNot {
		p.WriteByte(' ')
		p.operand(n.X, bindNot)
		return
	}
	p.operand(n.X, bindZone) // -(-x): two signs side by side would begin a comment
}

// write goes down the left side of a chain of operators in a loop: a chain may be as long as a statement.
func (n *Binary) write(p *printer) {
	chain := []*Binary{n}
	for {
		top := chain[len(chain)-1]
		x, ok := top.X.(*Binary)
		if !ok || power(x) < power(top) {
			break
		}
		chain = append(chain, x)
	}
	first := chain[len(chain)-1]
	p.operand(first.X, power(first))
	for i := len(chain) - 1; i >= 0; i-- {
		p.words(" ", string(chain[i].Op), " ")
		p.operand(chain[i].Y, power(chain[i])+1)
	}
}

func (p *printer) not(not bool) {
	if not {
		p.WriteString(" NOT")
	}
}

func (n *Is) write(p *printer) {
	p.operand(n.X, bindIs)
	p.WriteString(" IS")
	p.not(n.Not)
	p.WriteString(string(n.Op[len("IS"):]))
}

func (n *Between) write(p *printer) {
	p.operand(n.X, bindRange)
	p.not(n.Not)
	p.WriteString(" BETWEEN ")
	if n.Symmetric {
		p.WriteString("SYMMETRIC ")
	}
	p.operand(n.Low, bindAdd)
	p.WriteString(" AND ")
	p.operand(n.High, bindAdd)
}

func (n *In) write(p *printer) {
	p.operand(n.X, bindRange)
	p.not(n.Not)
	p.WriteString(" IN ")
	if n.Query != nil {
		p.nested(n.Query)
		return
	}
	p.WriteByte('(')
	p.exprs(n.List)
	p.WriteByte(')')
}

func (n *Like) write(p *printer) {
	p.operand(n.X, bindRange)
	p.not(n.Not)
	if n.Similar {
		p.WriteString(" SIMILAR TO ")
	} else {
		p.WriteString(" LIKE ")
	}
	p.operand(n.Pattern, bindAdd)
	if n.Escape != nil {
		p.WriteString(" ESCAPE ")
		p.operand(n.Escape, bindAdd)
	}
}

func (n *Case) write(p *printer) {
	p.WriteString("CASE")
	if n.Operand != nil {
		p.WriteByte(' ')
		p.expr(n.Operand)
	}
	for _, w := range n.Whens {
		p.WriteString(" WHEN ")
		p.expr(w.Cond)
		p.WriteString(" THEN ")
		p.expr(w.Then)
	}
	if n.Else != nil {
		p.WriteString(" ELSE ")
		p.expr(n.Else)
	}
	p.WriteString(" END")
}

func (n *Cast) write(p *printer) {
	if n.Try {
		p.WriteString("TRY_")
	}
	p.WriteString("CAST(")
	p.expr(n.X)
	p.WriteString(" AS ")
	n.Type.write(p)
	p.WriteByte(')')
}

func (n *Call) write(p *printer) {
	for _, part := range n.Of {
		p.name(part)
		p.WriteByte('.')
	}
	if isWord(n.Func) {
		p.WriteString(n.Func)
	} else {
		p.WriteString(quoteName(n.Func))
	}
	if n.Bare {
		return
	}
	p.WriteByte('(')
	switch {
	case n.Star:
		p.WriteByte('*')
	case n.Func == "POSITION" && len(n.Args) == 2:
		p.operand(n.Args[0], bindAdd)
		p.WriteString(" IN ")
		p.expr(n.Args[1])
	default:
		if n.Distinct {
			p.WriteString("DISTINCT ")
		}
		p.exprs(n.Args)
		if len(n.OrderBy) > 0 && !n.Within {
			p.WriteString(" ORDER BY ")
			list(p, n.OrderBy, func(o *OrderItem) { o.write(p) })
		}
	}
	p.WriteByte(')')
	if n.Nulls != "" {
		p.words(" ", n.Nulls)
	}
	if n.Within {
		p.WriteString(" WITHIN GROUP (ORDER BY ")
		list(p, n.OrderBy, func(o *OrderItem) { o.write(p) })
		p.WriteByte(')')
	}
	p.filter(n.Filter)
	p.over(n.Over)
}

func (n *Extract) write(p *printer) {
	p.words("EXTRACT(", string(n.Unit), " FROM ")
	p.expr(n.X)
	p.WriteByte(')')
}

func (n *RoundTo) write(p *printer) {
	p.words(n.Func, "(")
	p.expr(n.X)
	p.words(" TO ", string(n.Unit), ")")
}

func (n *Trim) write(p *printer) {
	p.words("TRIM(", n.Side, " ")
	if n.Chars != nil {
		p.expr(n.Chars)
		p.WriteByte(' ')
	}
	p.WriteString("FROM ")
	p.expr(n.X)
	p.WriteByte(')')
}

func (n *UnitName) write(p *printer) { p.WriteString(string(n.Unit)) }

func (n *NamedArg) write(p *printer) {
	p.name(n.Name)
	p.WriteString(" => ")
	p.expr(n.Value)
}

// isWord reports whether s can stand as a function's name without backticks.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c == '_' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}
