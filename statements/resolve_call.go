package statements

import "fmt"

// call resolves a function or, where the scope allows it, an aggregate.
func (r *resolver) call(n *Call, s *scope) Scalar {
	if aggregates[n.Func] {
		return r.aggregate(n, s)
	}
	name, f := findFunction(n)
	switch {
	case n.Star:
		typeProblem(n.Pos, "", "%s(*) is not defined", n.Func)
	case n.Distinct:
		typeProblem(n.Pos, "", "DISTINCT is for aggregate functions; %s is none", n.Func)
	case n.Filter != nil:
		typeProblem(n.Pos, "", "FILTER is for aggregate functions; %s is none", n.Func)
	}
	if got := len(n.Args); got < f.least || !f.rest && got > len(f.args) {
		typeProblem(n.Pos, "", "%s takes %s, not %d", n.Func, argumentCount(f), got)
	}
	op := &Op{Pos: n.Pos, Name: name}
	for i, a := range n.Args {
		if named, ok := a.(*NamedArg); ok {
			panic(unsupported(named.Pos, "a named argument", "write the arguments in order"))
		}
		want := f.args[min(i, len(f.args)-1)]
		if u, ok := a.(*UnitName); ok && want == unitArg {
			op.Unit = u.Unit
			continue
		}
		if want == unitArg {
			typeProblem(a.At(), "", "%s needs %s first", n.Func, want)
		}
		op.Args = append(op.Args, argumentOf(n, want, a, r.expr(a, s)))
	}
	r.special(n, name, op)
	if f.common {
		toCommon(n, f, op)
	}
	op.Of = f.result(op.Args)
	return op
}

func argumentCount(f function) string {
	switch {
	case f.rest:
		return "at least " + counted(f.least, "argument")
	case f.least == len(f.args):
		return counted(f.least, "argument")
	}
	return fmt.Sprintf("%d to %d arguments", f.least, len(f.args))
}

// argumentOf checks an argument and converts it where the signature asks for one type.
func argumentOf(n *Call, want argument, e Expr, x Scalar) Scalar {
	if !want.accepts(x.Type()) {
		typeProblem(e.At(), "", "%s needs %s here, not %s", n.Func, want, typeList([]Type{x.Type()}))
	}
	switch want {
	case integerArg:
		return castTo(x, Int())
	case bigintArg:
		return castTo(x, BigInt())
	case doubleArg:
		return castTo(x, Double())
	case stringArg, dateOrText:
		return castNull(x, String())
	case numericArg:
		return castNull(x, Int())
	case timestampArg, timeArg, dateArg:
		return castNull(x, Timestamp(3))
	}
	return x
}

// special checks what a signature can not say.
func (r *resolver) special(n *Call, name string, op *Op) {
	switch name {
	case "TRIM":
		op.Side = "BOTH"
	case "NULLIF":
		op.Args[0], op.Args[1] = comparable2(n.Pos, OpEq, op.Args[0], op.Args[1])
	case "MOD":
		if t, ok := commonType(op.Args[0].Type(), op.Args[1].Type()); ok && t.IsApproximate() {
			typeProblem(n.Pos, "CAST the arguments to DECIMAL or BIGINT", "MOD needs exact numbers")
		}
	case "SOURCE_WATERMARK":
		panic(&problem{Pos: n.Pos, rule: RuleType, message: "SOURCE_WATERMARK() stands alone in a WATERMARK declaration"})
	case "TO_TIMESTAMP_LTZ":
		t := op.Args[0].Type()
		switch {
		case t.IsString():
			if len(op.Args) > 1 && !op.Args[1].Type().IsString() {
				typeProblem(n.Args[1].At(), "", "the format of TO_TIMESTAMP_LTZ is a string")
			}
		case t.IsNumeric() && len(op.Args) > 2:
			typeProblem(n.Pos, "", "TO_TIMESTAMP_LTZ of a number takes the number and its precision")
		case t.IsNumeric():
			if len(op.Args) > 1 {
				if t := op.Args[1].Type(); !t.IsInteger() && t.Kind != KindNull {
					typeProblem(n.Args[1].At(), "", "the precision of TO_TIMESTAMP_LTZ is an integer, not %s", typeList([]Type{t}))
				}
				op.Args[1] = castTo(op.Args[1], Int())
				if p, ok := constantInt(op.Args[1]); ok && p != 0 && p != 3 {
					typeProblem(n.Args[1].At(), "", "the precision of TO_TIMESTAMP_LTZ is 0 for seconds or 3 for milliseconds")
				}
			}
		case t.Kind == KindNull:
			op.Args[0] = castTo(op.Args[0], BigInt())
		default:
			typeProblem(n.Args[0].At(), "", "TO_TIMESTAMP_LTZ needs a number or a string, not %s", typeList([]Type{t}))
		}
	}
}

// toCommon brings the arguments that may be anything to one type.
func toCommon(n *Call, f function, op *Op) {
	var types []Type
	var at []int
	for i, a := range op.Args {
		if f.args[min(i, len(f.args)-1)] == anyArg {
			types = append(types, a.Type())
			at = append(at, i)
		}
	}
	t, ok := commonType(types...)
	if !ok {
		typeProblem(n.Pos, "CAST them to one type", "the arguments of %s have types that do not go together: %s", n.Func, typeList(types))
	}
	for _, i := range at {
		op.Args[i] = castTo(op.Args[i], t)
	}
}

func (r *resolver) extract(n *Extract, s *scope) Scalar {
	x := castNull(r.expr(n.X, s), Timestamp(3))
	t := x.Type()
	switch {
	case t.IsInterval():
		panic(unsupported(n.Pos, "EXTRACT from an interval", ""))
	case !t.IsTemporal():
		typeProblem(n.X.At(), "", "EXTRACT needs a DATE, TIME or TIMESTAMP, not %s", typeList([]Type{t}))
	case t.Kind == KindTime && !isClockUnit(n.Unit), t.Kind == KindDate && isClockUnit(n.Unit):
		typeProblem(n.Pos, "", "a %s has no %s", t.Kind, n.Unit)
	}
	return &Op{Pos: n.Pos, Name: "EXTRACT", Args: []Scalar{x}, Unit: n.Unit, Of: BigInt().As(t.Nullable)}
}

// isClockUnit reports whether u is a unit of the time of day.
func isClockUnit(u Unit) bool {
	switch u {
	case UnitHour, UnitMinute, UnitSecond, UnitMillisecond, UnitMicrosecond, UnitNanosecond:
		return true
	}
	return false
}

func (r *resolver) roundTo(n *RoundTo, s *scope) Scalar {
	x := castNull(r.expr(n.X, s), Timestamp(3))
	if !x.Type().IsTemporal() {
		typeProblem(n.X.At(), "", "%s … TO %s needs a DATE, TIME or TIMESTAMP, not %s", n.Func, n.Unit, typeList([]Type{x.Type()}))
	}
	return &Op{Pos: n.Pos, Name: n.Func, Args: []Scalar{x}, Unit: n.Unit, Of: x.Type()}
}

func (r *resolver) trim(n *Trim, s *scope) Scalar {
	op := &Op{Pos: n.Pos, Name: "TRIM", Side: n.Side}
	for _, e := range []Expr{n.X, n.Chars} {
		if e == nil {
			continue
		}
		x := r.expr(e, s)
		if t := x.Type(); !t.IsString() && t.Kind != KindNull {
			typeProblem(e.At(), "CAST it AS STRING", "TRIM needs strings, not %s", t.WithNull())
		}
		op.Args = append(op.Args, castNull(x, String()))
	}
	op.Of = varying(op.Args)
	return op
}
