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

// operand writes an operand of an operator, in parentheses unless it binds closer than any operator: precedence is told by
// the parentheses alone. The operands of a chain of one left-associative operator are written without.
func (p *printer) operand(e Expr, chain Operator) {
	switch x := e.(type) {
	case *Unary, *Is, *Between, *In, *Like:
	case *Binary:
		if x.Op == chain {
			x.write(p)
			return
		}
	default:
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
	}
	p.operand(n.X, "")
}

func (n *Binary) write(p *printer) {
	// A long chain leans to the left. It is written from its first operand on, without recursion down its length.
	chain := []*Binary{n}
	for x, ok := n.X.(*Binary); ok && x.Op == n.Op && n.Op.associative(); x, ok = x.X.(*Binary) {
		chain = append(chain, x)
	}
	p.operand(chain[len(chain)-1].X, "")
	for i := len(chain) - 1; i >= 0; i-- {
		p.words(" ", string(n.Op), " ")
		p.operand(chain[i].Y, "")
	}
}

// associative reports whether a op b op c may be written without parentheses and means (a op b) op c.
func (o Operator) associative() bool {
	switch o {
	case OpAnd, OpOr, OpAdd, OpSub, OpMul, OpDiv, OpMod, OpConcat:
		return true
	}
	return false
}

func (p *printer) not(not bool) {
	if not {
		p.WriteString(" NOT")
	}
}

func (n *Is) write(p *printer) {
	p.operand(n.X, "")
	p.WriteString(" IS")
	p.not(n.Not)
	p.WriteString(string(n.Op[len("IS"):]))
}

func (n *Between) write(p *printer) {
	p.operand(n.X, "")
	p.not(n.Not)
	p.WriteString(" BETWEEN ")
	if n.Symmetric {
		p.WriteString("SYMMETRIC ")
	}
	p.operand(n.Low, "")
	p.WriteString(" AND ")
	p.operand(n.High, "")
}

func (n *In) write(p *printer) {
	p.operand(n.X, "")
	p.not(n.Not)
	p.WriteString(" IN (")
	list(p, n.List, p.expr)
	p.WriteByte(')')
}

func (n *Like) write(p *printer) {
	p.operand(n.X, "")
	p.not(n.Not)
	if n.Similar {
		p.WriteString(" SIMILAR TO ")
	} else {
		p.WriteString(" LIKE ")
	}
	p.operand(n.Pattern, "")
	if n.Escape != nil {
		p.WriteString(" ESCAPE ")
		p.operand(n.Escape, "")
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
		p.operand(n.Args[0], "")
		p.WriteString(" IN ")
		p.operand(n.Args[1], "")
	default:
		if n.Distinct {
			p.WriteString("DISTINCT ")
		}
		list(p, n.Args, p.expr)
	}
	p.WriteByte(')')
	if n.Filter != nil {
		p.WriteString(" FILTER (WHERE ")
		p.expr(n.Filter)
		p.WriteByte(')')
	}
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
