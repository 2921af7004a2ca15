package statements

func (r *resolver) is(n *Is, s *scope) Scalar {
	x := r.expr(n.X, s)
	if n.Op != OpIsNull {
		if k := x.Type().Kind; k != KindBoolean && k != KindNull {
			typeProblem(n.Pos, "", "%s needs a BOOLEAN, not %s", n.Op, x.Type().WithNull())
		}
		x = castTo(x, Boolean())
	}
	return negated(&Op{Pos: n.Pos, Name: string(n.Op), Args: []Scalar{x}, Of: Boolean().NotNull()}, n.Not)
}

func negated(x Scalar, not bool) Scalar {
	if !not {
		return x
	}
	return &Op{Pos: x.At(), Name: "NOT", Args: []Scalar{x}, Of: x.Type()}
}

// between is x >= low AND x <= high; SYMMETRIC also allows the bounds to be swapped.
func (r *resolver) between(n *Between, s *scope) Scalar {
	x, low, high := r.expr(n.X, s), r.expr(n.Low, s), r.expr(n.High, s)
	out := within(n.Pos, x, low, high)
	if n.Symmetric {
		other := within(n.Pos, x, high, low)
		out = &Op{Pos: n.Pos, Name: string(OpOr), Args: []Scalar{out, other}, Of: Boolean().As(out.Type().Nullable || other.Type().Nullable)}
	}
	return negated(out, n.Not)
}

func within(at Pos, x, low, high Scalar) Scalar {
	a, l := comparable2(at, OpGe, x, low)
	b, h := comparable2(at, OpLe, x, high)
	above := &Op{Pos: at, Name: string(OpGe), Args: []Scalar{a, l}, Of: Boolean().As(x.Type().Nullable || low.Type().Nullable)}
	below := &Op{Pos: at, Name: string(OpLe), Args: []Scalar{b, h}, Of: Boolean().As(x.Type().Nullable || high.Type().Nullable)}
	return &Op{Pos: at, Name: string(OpAnd), Args: []Scalar{above, below}, Of: Boolean().As(above.Of.Nullable || below.Of.Nullable)}
}

// in brings the value and all of the list to one type.
func (r *resolver) in(n *In, s *scope) Scalar {
	x := r.expr(n.X, s)
	t := x.Type()
	args := []Scalar{x}
	for _, e := range n.List {
		y := r.expr(e, s)
		if y.Type().IsString() && t.IsTemporal() {
			y = castTo(y, t)
		}
		common, ok := commonType(t, y.Type())
		if !ok {
			typeProblem(e.At(), "CAST one of them", "%s is not comparable with %s", y.Type().WithNull(), x.Type().WithNull())
		}
		t = common
		args = append(args, y)
	}
	nullable := anyNull(args)
	for i, a := range args {
		args[i] = castTo(a, t)
	}
	return negated(&Op{Pos: n.Pos, Name: "IN", Args: args, Of: Boolean().As(nullable)}, n.Not)
}

func (r *resolver) like(n *Like, s *scope) Scalar {
	if n.Similar {
		panic(unsupported(n.Pos, "SIMILAR TO", "use LIKE"))
	}
	var args []Scalar
	for _, e := range []Expr{n.X, n.Pattern, n.Escape} {
		if e == nil {
			continue
		}
		x := r.expr(e, s)
		if t := x.Type(); !t.IsString() && t.Kind != KindNull {
			typeProblem(e.At(), "CAST it AS STRING", "LIKE needs strings, not %s", t.WithNull())
		}
		if c, ok := x.(*Constant); ok && e == n.Escape && c.Value != nil && len([]rune(c.Value.(string))) != 1 {
			typeProblem(e.At(), "", "the ESCAPE of LIKE is one character")
		}
		args = append(args, castNull(x, String()))
	}
	return negated(&Op{Pos: n.Pos, Name: "LIKE", Args: args, Of: Boolean().As(anyNull(args))}, n.Not)
}

// castNull gives a bare NULL a type.
func castNull(x Scalar, t Type) Scalar {
	if x.Type().Kind == KindNull {
		return castTo(x, t)
	}
	return x
}

// caseExpr brings the results to one type. The simple form becomes the searched one, with a comparison for each WHEN.
func (r *resolver) caseExpr(n *Case, s *scope) Scalar {
	var operand Scalar
	if n.Operand != nil {
		operand = r.expr(n.Operand, s)
	}
	op := &Op{Pos: n.Pos, Name: "CASE"}
	var results []Type
	for _, w := range n.Whens {
		if operand == nil {
			op.Args = append(op.Args, r.boolean(w.Cond, s, "the condition of WHEN"))
		} else {
			v := r.expr(w.Cond, s)
			x, y := comparable2(w.Cond.At(), OpEq, operand, v)
			op.Args = append(op.Args, &Op{Pos: w.Cond.At(), Name: string(OpEq), Args: []Scalar{x, y}, Of: Boolean().As(anyNull([]Scalar{operand, v}))})
		}
		then := r.expr(w.Then, s)
		op.Args = append(op.Args, then)
		results = append(results, then.Type())
	}
	otherwise := Scalar(&Constant{Pos: n.Pos, Of: Type{Kind: KindNull, Nullable: true}})
	if n.Else != nil {
		otherwise = r.expr(n.Else, s)
	}
	op.Args = append(op.Args, otherwise)
	t, ok := commonType(append(results, otherwise.Type())...)
	if !ok {
		typeProblem(n.Pos, "CAST the results to one type", "the results of CASE have types that do not go together: %s", typeList(append(results, otherwise.Type())))
	}
	for i := 1; i < len(op.Args); i += 2 {
		op.Args[i] = castTo(op.Args[i], t)
	}
	last := len(op.Args) - 1
	op.Args[last] = castTo(op.Args[last], t)
	op.Of = t
	return op
}

// typeList names the different types among ts.
func typeList(ts []Type) string {
	seen := map[string]bool{}
	out := ""
	for _, t := range ts {
		name := t.WithNull().String()
		if seen[name] {
			continue
		}
		seen[name] = true
		if out != "" {
			out += ", "
		}
		out += name
	}
	return out
}

func (r *resolver) cast(n *Cast, s *scope) Scalar {
	x := r.expr(n.X, s)
	t := n.Type.Type
	if t.Kind == KindNull || !castable(x.Type(), t) {
		remedy := ""
		if t.IsTimestamp() && x.Type().IsNumeric() {
			remedy = "use TO_TIMESTAMP_LTZ(x, 3) for milliseconds, TO_TIMESTAMP_LTZ(x, 0) for seconds"
		}
		typeProblem(n.Pos, remedy, "%s can not be cast to %s", typeList([]Type{x.Type()}), t)
	}
	if n.Try {
		return &Op{Pos: n.Pos, Name: "TRY_CAST", Args: []Scalar{castNull(x, t)}, Of: t.WithNull()}
	}
	if x.Type().Kind == KindNull {
		return castTo(x, t)
	}
	return &Op{Pos: n.Pos, Name: "CAST", Args: []Scalar{x}, Of: t.As(x.Type().Nullable)}
}
