package statements

import (
	"fmt"
	"math"
)

// resolver gives names their columns and expressions their types. A problem is thrown and caught in Resolve, as in the parser.
type resolver struct {
	cat Catalog
}

// scope is the row that an expression sees.
type scope struct {
	columns []scopeColumn
	table   string    // what the columns come from, for messages
	groups  *grouping // set above an aggregation
	refuse  string    // where aggregates are not allowed: the clause, for the message
	under   *scope    // above an aggregation: the row that it groups, whose columns are no longer there
}

type scopeColumn struct {
	Column
	table string // the name that may qualify it
}

func typeProblem(at Pos, remedy, format string, args ...any) {
	panic(&problem{Pos: at, rule: RuleType, message: fmt.Sprintf(format, args...), remedy: remedy})
}

func nameProblem(at Pos, remedy, format string, args ...any) {
	panic(&problem{Pos: at, rule: RuleName, message: fmt.Sprintf(format, args...), remedy: remedy})
}

// expr resolves e over the row of s.
func (r *resolver) expr(e Expr, s *scope) Scalar {
	switch x := e.(type) {
	case *ColumnName:
		return s.column(x)
	case *Literal:
		return literal(x)
	case *Interval:
		return interval(x)
	case *Unary:
		return r.unary(x, s)
	case *Binary:
		return r.binary(x, s)
	case *Is:
		return r.is(x, s)
	case *Between:
		return r.between(x, s)
	case *In:
		return r.in(x, s)
	case *Like:
		return r.like(x, s)
	case *Case:
		return r.caseExpr(x, s)
	case *Cast:
		return r.cast(x, s)
	case *Call:
		return r.call(x, s)
	case *Extract:
		return r.extract(x, s)
	case *RoundTo:
		return r.roundTo(x, s)
	case *Trim:
		return r.trim(x, s)
	case *Star:
		panic(&problem{Pos: x.Pos, rule: RuleSyntax, message: "* stands alone in SELECT, or in COUNT(*)"})
	default:
		panic(unsupported(e.At(), clip(e.SQL())+" here", ""))
	}
}

// column finds a column by its name, with or without its table's.
func (s *scope) column(n *ColumnName) Scalar {
	parts := n.Parts
	table, name := "", parts[0].Name
	if len(parts) > 1 {
		table, name = parts[0].Name, parts[1].Name
	}
	found := s.find(table, name)
	if found < 0 && s.under != nil && s.under.find(table, name) >= 0 {
		ungrouped(n.Pos, name)
	}
	if found < 0 && len(parts) > 1 {
		if i := s.find("", parts[0].Name); i >= 0 {
			panic(unsupported(n.Pos, "a field of the column "+quoteName(clip(parts[0].Name)), "lifeboat's engine reads whole columns yet"))
		}
		if !s.hasTable(table) {
			s.noTable(parts[0].Pos, table)
		}
	}
	if found < 0 {
		s.noColumn(parts[len(parts)-1].Pos, table, name)
	}
	if len(parts) > 2 || table == "" && len(parts) > 1 {
		panic(unsupported(n.Pos, "a field of the column "+quoteName(clip(name)), "lifeboat's engine reads whole columns yet"))
	}
	c := s.columns[found]
	for _, other := range s.columns[found+1:] {
		if other.Name == name && !other.Open && (table == "" || other.table == table) {
			ambiguous(n.Pos, name, c.table, other.table)
		}
	}
	return &ColumnRef{Pos: n.Pos, Index: found, Name: c.Name, Of: c.Type}
}

func (s *scope) hasTable(table string) bool {
	for _, c := range s.columns {
		if c.table == table {
			return true
		}
	}
	return false
}

// find is the first column of this name, -1 where there is none. One that is there goes before one that may be.
func (s *scope) find(table, name string) int {
	open := -1
	for i, c := range s.columns {
		if c.Name == name && (table == "" || c.table == table) {
			if !c.Open {
				return i
			}
			if open < 0 {
				open = i
			}
		}
	}
	return open
}

// known reports whether a column of this name is there for certain.
func (s *scope) known(name string) bool {
	i := s.find("", name)
	return i >= 0 && !s.columns[i].Open
}

// clipList shortens a list of names for a message.
func clipList(names []string) []string {
	const most = 12
	if len(names) > most {
		return append(names[:most:most], "…")
	}
	return names
}

// boolean resolves e, which must be a BOOLEAN.
func (r *resolver) boolean(e Expr, s *scope, what string) Scalar {
	x := r.expr(e, s)
	if k := x.Type().Kind; k != KindBoolean && k != KindNull {
		typeProblem(e.At(), "", "%s must be a BOOLEAN, not %s", what, x.Type().WithNull())
	}
	return castTo(x, Boolean())
}

func (r *resolver) unary(n *Unary, s *scope) Scalar {
	if n.Op == OpNot {
		x := r.boolean(n.X, s, "the operand of NOT")
		return &Op{Pos: n.Pos, Name: "NOT", Args: []Scalar{x}, Of: x.Type()}
	}
	// The smallest BIGINT is a literal that fits only with its sign.
	if l, ok := n.X.(*Literal); ok && n.Op == OpSub && l.Kind == NumberLiteral && l.Text == "9223372036854775808" {
		return &Constant{Pos: n.Pos, Of: BigInt().NotNull(), Value: int64(math.MinInt64)}
	}
	x := r.expr(n.X, s)
	if t := x.Type(); !t.IsNumeric() && !t.IsInterval() {
		typeProblem(n.Pos, "", "%s needs a number, not %s", n.Op, t.WithNull())
	}
	if n.Op == OpAdd {
		return x
	}
	return &Op{Pos: n.Pos, Name: "NEG", Args: []Scalar{x}, Of: x.Type()}
}

// binary goes down the left side of a chain in a loop, since a chain may be as long as a statement.
func (r *resolver) binary(n *Binary, s *scope) Scalar {
	chain := []*Binary{n}
	for x, ok := n.X.(*Binary); ok; x, ok = x.X.(*Binary) {
		chain = append(chain, x)
	}
	left := r.expr(chain[len(chain)-1].X, s)
	for i := len(chain) - 1; i >= 0; i-- {
		left = r.apply(chain[i], left, r.expr(chain[i].Y, s))
	}
	return left
}

func (r *resolver) apply(n *Binary, x, y Scalar) Scalar {
	op := &Op{Pos: n.Pos, Name: string(n.Op), Args: []Scalar{x, y}}
	nullable := x.Type().Nullable || y.Type().Nullable
	switch n.Op {
	case OpAnd, OpOr:
		for i, a := range op.Args {
			if k := a.Type().Kind; k != KindBoolean && k != KindNull {
				typeProblem(a.At(), "", "%s needs BOOLEAN operands, not %s", n.Op, a.Type().WithNull())
			}
			op.Args[i] = castTo(a, Boolean())
		}
		op.Of = Boolean().As(nullable)
	case OpConcat:
		op.Of = concatenation(n, x.Type(), y.Type()).As(nullable)
	case OpAdd, OpSub, OpMul, OpDiv, OpMod:
		arithmetic(n, op)
	default:
		op.Args[0], op.Args[1] = comparable2(n.Pos, n.Op, x, y)
		op.Of = Boolean().As(nullable && n.Op != OpDistinct && n.Op != OpSame)
	}
	return op
}

func concatenation(n *Binary, a, b Type) Type {
	for _, t := range []Type{a, b} {
		if !t.IsString() && t.Kind != KindNull {
			typeProblem(n.Pos, "CAST the operand AS STRING", "|| joins strings, not %s", t.WithNull())
		}
	}
	t := VarChar(int(min(int64(a.Length)+int64(b.Length), MaxLength)))
	if a.Kind == KindChar && b.Kind == KindChar {
		t.Kind = KindChar
	}
	if a.Kind == KindNull || b.Kind == KindNull {
		t = String()
	}
	return t
}

func arithmetic(n *Binary, op *Op) {
	x, y := op.Args[0], op.Args[1]
	a, b := x.Type(), y.Type()
	nullable := a.Nullable || b.Nullable
	if a.Kind == KindNull && b.Kind != KindNull {
		a = b.WithNull()
		x = castTo(x, a)
	} else if b.Kind == KindNull {
		b = a.WithNull()
		y = castTo(y, b)
	}
	op.Args = []Scalar{x, y}
	switch {
	case a.IsNumeric() && b.IsNumeric():
		op.Of = numericResult(n.Op, a, b).As(nullable)
		if op.Of.Kind != KindDecimal && n.Op != OpMod {
			op.Args = []Scalar{castTo(x, op.Of), castTo(y, op.Of)}
		} else if n.Op == OpMod && op.Of.Kind != KindDecimal {
			common := commonNumeric(a, b)
			op.Args = []Scalar{castTo(x, common), castTo(y, common)}
		}
	case n.Op == OpAdd && a.IsInterval() && b.IsTemporal():
		op.Args, op.Of = []Scalar{y, x}, shifted(n, b, a).As(nullable)
	case (n.Op == OpAdd || n.Op == OpSub) && a.IsTemporal() && b.IsInterval():
		op.Of = shifted(n, a, b).As(nullable)
	case (n.Op == OpAdd || n.Op == OpSub) && a.IsInterval() && a.Kind == b.Kind:
		op.Of = commonInterval(a, b).As(nullable)
	case n.Op == OpSub && a.IsTemporal() && b.IsTemporal():
		typeProblem(n.Pos, "use TIMESTAMPDIFF(SECOND, earlier, later)", "one time can not be subtracted from another")
	default:
		remedy := ""
		if a.IsString() || b.IsString() {
			remedy = "CAST the string to a number"
			if n.Op == OpAdd {
				remedy = "join strings with ||, or CAST the string to a number"
			}
		}
		typeProblem(n.Pos, remedy, "%s %s %s is not defined", a.WithNull(), n.Op, b.WithNull())
	}
}

func numericResult(op Operator, a, b Type) Type {
	if (a.Kind == KindDecimal || b.Kind == KindDecimal) && !a.IsApproximate() && !b.IsApproximate() {
		return decimalResult(op, a, b)
	}
	if op == OpMod {
		return b
	}
	return commonNumeric(a, b)
}

// shifted is the type of a time plus or minus an interval.
func shifted(n *Binary, t, i Type) Type {
	if t.Kind == KindDate && i.Kind == KindIntervalDayTime && i.To != UnitDay && i.To != UnitWeek {
		panic(unsupported(n.Pos, "a DATE with an interval of hours or less", "CAST the DATE AS TIMESTAMP(0)"))
	}
	if t.Kind == KindTime && i.Kind == KindIntervalYearMonth {
		typeProblem(n.Pos, "", "a TIME has no months")
	}
	return t
}

// comparable2 brings two values that are compared to one type.
func comparable2(at Pos, op Operator, x, y Scalar) (Scalar, Scalar) {
	a, b := x.Type(), y.Type()
	switch {
	case a.IsString() && b.IsTemporal():
		return castTo(x, b), y
	case b.IsString() && a.IsTemporal():
		return x, castTo(y, a)
	}
	if a.IsString() && b.IsString() || a.IsBytes() && b.IsBytes() {
		return x, y // compared byte by byte, whatever their lengths
	}
	t, ok := commonType(a, b)
	if !ok {
		typeProblem(at, "CAST one of them", "%s %s %s: the two are not comparable", a.WithNull(), op, b.WithNull())
	}
	if t.Kind >= KindArray && op != OpEq && op != OpNe && op != OpDistinct && op != OpSame {
		typeProblem(at, "", "%s has no order", t.WithNull())
	}
	return castTo(x, t), castTo(y, t)
}
