package statements

import "strings"

// Binding powers, as Calcite's operators have them: the higher binds the closer.
const (
	bindOr = 1 + iota
	bindAnd
	bindNot
	bindIs
	bindCompare
	bindRange // BETWEEN, IN, LIKE, SIMILAR TO
	bindAdd
	bindMul // *, /, %, ||
	bindSign
	bindZone  // AT TIME ZONE
	bindClose // [ ], a field, whatever has no operator
)

var binaryOps = map[string]struct {
	op    Operator
	power int
}{
	"OVERLAPS": {OpOverlaps, bindCompare},
	"OR":       {OpOr, bindOr}, "AND": {OpAnd, bindAnd},
	"=": {OpEq, bindCompare}, "<>": {OpNe, bindCompare}, "<": {OpLt, bindCompare}, "<=": {OpLe, bindCompare}, ">": {OpGt, bindCompare}, ">=": {OpGe, bindCompare},
	"+": {OpAdd, bindAdd}, "-": {OpSub, bindAdd},
	"*": {OpMul, bindMul}, "/": {OpDiv, bindMul}, "%": {OpMod, bindMul}, "||": {OpConcat, bindMul},
}

func (p *parser) expr() Expr { return p.binary(bindOr) }

// binary reads an expression whose operators bind at least as close as power.
func (p *parser) binary(power int) Expr {
	defer p.in()()
	x := p.prefix(power)
	for {
		t := p.peek()
		if o, ok := binaryOps[t.key]; ok && t.kind != tokQuoted {
			if o.power < power {
				return x
			}
			p.at++
			n := &Binary{Pos: t.Pos, Op: o.op, X: x}
			if q := p.peek(); o.power == bindCompare && (q.key == "ANY" || q.key == "ALL" || q.key == "SOME") && p.ahead(1).key == "(" {
				n.Y = p.quantified(q)
			} else {
				n.Y = p.binary(o.power + 1)
			}
			x = n
			continue
		}
		y := p.postfix(x, power)
		if y == nil {
			return x
		}
		x = y
	}
}

// prefix reads NOT, a sign, or an operand.
func (p *parser) prefix(power int) Expr {
	t := p.peek()
	switch {
	case power <= bindNot && t.key == "NOT":
		p.at++
		return &Unary{Pos: t.Pos, Op: OpNot, X: p.binary(bindNot)}
	case t.key == "-" || t.key == "+":
		p.at++
		return &Unary{Pos: t.Pos, Op: Operator(t.key), X: p.binary(bindSign)}
	}
	return p.suffixes(p.operand(), true)
}

// suffixes reads what binds closest behind an operand: [index], .field and, with zones, AT TIME ZONE.
func (p *parser) suffixes(x Expr, zones bool) Expr {
	for {
		t := p.peek()
		switch {
		case t.key == "[":
			p.at++
			n := &Item{Pos: t.Pos, X: x, Index: p.expr()}
			p.expect("]")
			x = n
		case t.key == "." && p.ahead(1).key == "*":
			p.at += 2
			x = &FieldOf{Pos: t.Pos, X: x, Star: true}
		case t.key == "." && (p.ahead(1).kind == tokWord || p.ahead(1).kind == tokQuoted):
			p.at++
			name := p.take()
			x = &FieldOf{Pos: t.Pos, X: x, Name: Ident{Pos: name.Pos, Name: name.text}}
		case zones && t.key == "AT" && p.ahead(1).key == "TIME" && t.kind == tokWord:
			p.at++
			p.expect("TIME", "ZONE")
			x = &AtTimeZone{Pos: t.Pos, X: x, Zone: p.suffixes(p.operand(), false)}
		case zones && t.key == "AT" && p.ahead(1).key == "LOCAL" && t.kind == tokWord:
			p.at += 2
			x = &AtTimeZone{Pos: t.Pos, X: x}
		default:
			return x
		}
	}
}

// quantified reads ANY, SOME or ALL with what is in its parentheses.
func (p *parser) quantified(t token) Expr {
	q := &Quantified{Pos: t.Pos, Word: t.key}
	p.at += 2
	if p.isQuery() {
		q.Query = p.query()
	} else {
		q.List = p.exprs()
	}
	p.expect(")")
	return q
}

// postfix reads IS …, BETWEEN, IN, LIKE and SIMILAR TO behind x, and returns nil where none of them follows or binds close enough.
func (p *parser) postfix(x Expr, power int) Expr {
	t := p.peek()
	switch t.key {
	case "IS":
		if power > bindIs {
			return nil
		}
		p.at++
		return p.isTest(x, t.Pos)
	case "!=":
		p.fail(t.Pos, "write <>", "Flink SQL has no !=")
	case "::":
		p.fail(t.Pos, "write CAST(x AS type)", "Flink SQL has no ::")
	case "CONTAINS", "EQUALS", "PRECEDES", "SUCCEEDS", "MEMBER", "SUBMULTISET", "COLLATE":
		p.refuse(t.Pos, t.key, "")
	}
	if power > bindRange {
		return nil
	}
	not := t.key == "NOT"
	key := t.key
	if not {
		key = p.ahead(1).key
	}
	switch key {
	case "BETWEEN", "IN", "LIKE", "SIMILAR":
		if not {
			p.at++
		}
		p.at++
	case "RLIKE", "ILIKE":
		p.refuse(t.Pos, key, "use LIKE, or REGEXP in Flink")
	default:
		return nil
	}
	switch key {
	case "BETWEEN":
		return p.between(x, t.Pos, not)
	case "IN":
		return p.inList(x, t.Pos, not)
	}
	l := &Like{Pos: t.Pos, X: x, Not: not, Similar: key == "SIMILAR"}
	if l.Similar {
		p.expect("TO")
	}
	l.Pattern = p.binary(bindAdd)
	if p.accept("ESCAPE") {
		l.Escape = p.binary(bindAdd)
	}
	return l
}

func (p *parser) isTest(x Expr, at Pos) Expr {
	not := p.accept("NOT")
	if p.acceptWords("DISTINCT", "FROM") {
		op := OpDistinct
		if not {
			op = OpSame
		}
		return &Binary{Pos: at, Op: op, X: x, Y: p.binary(bindCompare)}
	}
	for _, op := range []Operator{OpIsNull, OpIsTrue, OpIsFalse, OpIsUnknown} {
		if p.accept(string(op)[len("IS "):]) {
			return &Is{Pos: at, X: x, Not: not, Op: op}
		}
	}
	if p.accept("JSON") {
		n := &IsJSON{Pos: at, X: x, Not: not}
		for _, w := range []string{"VALUE", "SCALAR", "ARRAY", "OBJECT"} {
			if n.What == "" && p.accept(w) {
				n.What = w
			}
		}
		return n
	}
	switch t := p.peek(); t.key {
	case "A", "NORMALIZED", "EMPTY", "OF":
		p.refuse(t.Pos, "IS "+t.key, "")
	}
	p.unexpected()
	return nil
}

func (p *parser) between(x Expr, at Pos, not bool) Expr {
	b := &Between{Pos: at, X: x, Not: not}
	if b.Symmetric = p.accept("SYMMETRIC"); !b.Symmetric {
		p.accept("ASYMMETRIC")
	}
	b.Low = p.binary(bindAdd)
	p.expect("AND")
	b.High = p.binary(bindAdd)
	return b
}

func (p *parser) inList(x Expr, at Pos, not bool) Expr {
	p.expect("(")
	n := &In{Pos: at, X: x, Not: not}
	if beginsQuery[p.peek().key] {
		n.Query = p.query()
	} else {
		n.List = p.exprs()
	}
	p.expect(")")
	return n
}

// operand reads what operators stand between.
func (p *parser) operand() Expr {
	t := p.peek()
	switch t.kind {
	case tokNumber:
		p.at++
		return &Literal{Pos: t.Pos, Kind: NumberLiteral, Text: t.text}
	case tokString:
		p.at++
		text := t.text
		for p.peek().kind == tokString { // 'a' 'b' is one string
			text += p.take().text
		}
		return &Literal{Pos: t.Pos, Kind: StringLiteral, Text: text}
	case tokBytes:
		p.at++
		return &Literal{Pos: t.Pos, Kind: BytesLiteral, Text: t.text}
	case tokQuoted:
		return p.columnOrCall()
	case tokWord:
		return p.wordOperand(t)
	}
	switch t.key {
	case "(":
		return p.group()
	case "{":
		p.refuse(t.Pos, "a JDBC escape", "write the literal or the function without braces")
	case "?":
		p.refuse(t.Pos, "a parameter", "write the value")
	}
	p.want(wantExpr)
	p.unexpected()
	return nil
}

func (p *parser) group() Expr {
	at := p.expect("(").Pos
	if beginsQuery[p.peek().key] {
		q := p.query()
		p.expect(")")
		return &Subquery{Pos: at, Query: q}
	}
	x := p.expr()
	if p.is(",") {
		p.at++
		r := &Row{Pos: at, Items: append([]Expr{x}, p.exprs()...)}
		p.expect(")")
		return r
	}
	p.expect(")")
	return x
}

func (p *parser) wordOperand(t token) Expr {
	next := p.ahead(1)
	switch t.key {
	case "NULL", "UNKNOWN":
		p.at++
		return &Literal{Pos: t.Pos, Kind: NullLiteral}
	case "TRUE", "FALSE":
		p.at++
		return &Literal{Pos: t.Pos, Kind: BoolLiteral, Text: t.key}
	case "CASE":
		return p.caseExpr()
	case "INTERVAL":
		return p.interval()
	case "DATE", "TIME", "TIMESTAMP":
		if next.kind == tokString {
			return p.timeLiteral(t)
		}
		if t.key == "TIMESTAMP" && next.key == "WITH" {
			p.refuse(t.Pos, "a TIMESTAMP literal with a time zone", "use TO_TIMESTAMP_LTZ")
		}
	case "EXISTS":
		p.at++
		p.expect("(")
		n := &Exists{Pos: t.Pos, Query: p.query()}
		p.expect(")")
		return n
	case "ARRAY", "MAP", "MULTISET":
		if next.key == "[" || next.key == "(" {
			return p.collection(t)
		}
	case "ROW":
		if next.key == "(" {
			p.at += 2
			r := &Row{Pos: t.Pos, Word: true}
			if !p.is(")") {
				r.Items = p.exprs()
			}
			p.expect(")")
			return r
		}
	case "UNIQUE", "CURSOR", "PERIOD":
		if next.key == "(" {
			p.refuse(t.Pos, t.key, "")
		}
	case "NEXT", "CURRENT":
		if next.key == "VALUE" {
			p.refuse(t.Pos, t.key+" VALUE", "Flink SQL has no sequences")
		}
	}
	if bareFunctions[t.key] && next.key != "(" {
		p.at++
		return &Call{Pos: t.Pos, Func: t.key, Bare: true}
	}
	return p.columnOrCall()
}

// collection reads ARRAY[…], MAP[…], MULTISET[…], and the same made of a query in parentheses.
func (p *parser) collection(t token) Expr {
	p.at++
	if p.accept("(") {
		n := &Subquery{Pos: t.Pos, Make: t.key, Query: p.query()}
		p.expect(")")
		return n
	}
	p.expect("[")
	n := &Collection{Pos: t.Pos, Kind: t.key}
	if !p.is("]") {
		n.Items = p.exprs()
	}
	end := p.expect("]")
	if n.Kind == "MAP" && len(n.Items)%2 != 0 {
		p.fail(end.Pos, "write MAP[key, value, …]", "the last key of the MAP has no value")
	}
	return n
}

// columnOrCall reads a column or, where a parenthesis follows, a call. Functions may have reserved names.
func (p *parser) columnOrCall() Expr {
	t := p.peek()
	if next := p.ahead(1).key; next == "(" && (t.kind == tokQuoted || !clauses[t.key]) {
		return p.call()
	}
	if !p.isIdent() {
		p.wantExpr(t)
	}
	n := p.name()
	if last := len(n.Parts) - 1; p.peek().key == "(" {
		return p.callOf(&Call{Pos: n.Pos, Of: n.Parts[:last], Func: strings.ToUpper(n.Parts[last].Name)})
	}
	return &ColumnName{n}
}

// wantExpr complains of a token that begins no expression.
func (p *parser) wantExpr(t token) {
	p.wanted = p.wanted[:0]
	p.want(wantExpr)
	if t.kind == tokWord && reserved[t.key] && !clauses[t.key] {
		p.fail(t.Pos, p.reservedRemedy(t), "expected %s, found the reserved word %s", wantExpr, clip(t.text))
	}
	p.unexpected()
}

func (p *parser) caseExpr() Expr {
	c := &Case{Pos: p.expect("CASE").Pos}
	if !p.is("WHEN") {
		c.Operand = p.expr()
	}
	for p.accept("WHEN") {
		w := When{Cond: p.expr()}
		if c.Operand != nil && p.is(",") {
			p.refuse(p.peek().Pos, "WHEN with several values", "write a WHEN for each value")
		}
		p.expect("THEN")
		w.Then = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.expect("WHEN")
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	p.expect("END")
	return c
}

func (p *parser) timeLiteral(t token) Expr {
	p.at++
	s := p.text()
	kind := map[string]LiteralKind{"DATE": DateLiteral, "TIME": TimeLiteral, "TIMESTAMP": TimestampLiteral}[t.key]
	text := strings.TrimSpace(s.Value)
	if _, err := parseTimeLiteral(kind, text); err != nil {
		p.fail(s.Pos, "write "+map[LiteralKind]string{DateLiteral: "DATE '2026-01-31'", TimeLiteral: "TIME '12:30:00'", TimestampLiteral: "TIMESTAMP '2026-01-31 12:30:00'"}[kind],
			"%s is no %s: %v", quoteString(clip(s.Value)), t.key, err)
	}
	return &Literal{Pos: t.Pos, Kind: kind, Text: text}
}
