package expr

import (
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"+":   arithmetic('+'),
	"-":   arithmetic('-'),
	"*":   arithmetic('*'),
	"/":   arithmetic('/'),
	"%":   arithmetic('%'),
	"MOD": arithmetic('%'),
	"NEG": buildNegate,
	"POS": func(c *Compiler, op *st.Op, args []value) (node, error) { return args[0].node, nil },
})

const divisionByZero = "division by zero"

// arithmetic builds + - * / %. Integers wrap at the width of the result, as Java's do; a decimal that does not fit is NULL; a double
// follows IEEE 754. Dates and times with intervals are calendar arithmetic.
func arithmetic(o byte) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) {
		x, y := args[0], args[1]
		if x.typ.IsTemporal() || y.typ.IsTemporal() || x.typ.IsInterval() || y.typ.IsInterval() {
			return calendar(c, op, o, x, y)
		}
		switch t := op.Of; {
		case t.IsInteger():
			x, err := asKind(c, x, vec.Int64)
			if err != nil {
				return nil, err
			}
			if y.kind == vec.Decimal { // MOD(int, decimal): the result has the type of the second
				return nil, invalid(op.Pos, "%s of %s and %s is not supported", op.Name, x.typ, y.typ)
			}
			return &intNode{binary: binary{x: x, y: y, at: op.Pos}, op: o, width: widths[t.Kind]}, nil
		case t.IsApproximate():
			x, err := asKind(c, x, vec.Float64)
			if err != nil {
				return nil, err
			}
			if y, err = asKind(c, y, vec.Float64); err != nil {
				return nil, err
			}
			return &floatNode{binary: binary{x: x, y: y, at: op.Pos}, op: o, single: t.Kind == st.KindFloat}, nil
		case t.Kind == st.KindDecimal:
			x, sx, err := asDecimal(c, x)
			if err != nil {
				return nil, err
			}
			y, sy, err := asDecimal(c, y)
			if err != nil {
				return nil, err
			}
			return &decimalNode{binary: binary{x: x, y: y, at: op.Pos}, op: o, sx: sx, sy: sy, precision: t.Precision, scale: t.Scale}, nil
		}
		return nil, invalid(op.Pos, "%s of %s and %s is not supported", op.Name, x.typ, y.typ)
	}
}

// widths are the bits of integers.
var widths = map[st.Kind]uint{st.KindTinyInt: 8, st.KindSmallInt: 16, st.KindInt: 32, st.KindBigInt: 64}

// binary is what all operators of two arguments have.
type binary struct {
	x, y value
	at   st.Pos
	out  vec.Vector
}

func (n *binary) args(c *context, rows []int32, kind vec.Kind) (x, y *vec.Vector, err error) {
	if x, err = n.x.eval(c, rows); err != nil {
		return nil, nil, err
	}
	if y, err = n.y.eval(c, rows); err != nil {
		return nil, nil, err
	}
	n.out.Kind = kind
	n.out.Resize(c.b.N)
	mergeNulls(&n.out, x, y)
	return x, y, nil
}

// intNode is integer arithmetic.
type intNode struct {
	binary
	op    byte
	width uint
}

func (n *intNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	xv, yv, err := n.args(c, rows, vec.Int64)
	if err != nil {
		return nil, err
	}
	x, y, out := xv.I64, yv.I64, n.out.I64
	switch n.op {
	case '+':
		for _, i := range rows {
			out[i] = x[i] + y[i]
		}
	case '-':
		for _, i := range rows {
			out[i] = x[i] - y[i]
		}
	case '*':
		for _, i := range rows {
			out[i] = x[i] * y[i]
		}
	default:
		for _, i := range rows {
			if n.out.Nulls.Get(int(i)) {
				continue
			}
			if y[i] == 0 {
				return nil, &RowError{n.at, int(i), divisionByZero}
			}
			if n.op == '/' {
				out[i] = x[i] / y[i]
			} else {
				out[i] = x[i] % y[i]
			}
		}
	}
	wrap(out, rows, n.width)
	return &n.out, nil
}

// wrap brings values to the width of their type.
func wrap(out []int64, rows []int32, width uint) {
	if width == 64 {
		return
	}
	shift := 64 - width
	for _, i := range rows {
		out[i] = out[i] << shift >> shift
	}
}

// floatNode is floating-point arithmetic; FLOAT is rounded after each step.
type floatNode struct {
	binary
	op     byte
	single bool
}

func (n *floatNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	xv, yv, err := n.args(c, rows, vec.Float64)
	if err != nil {
		return nil, err
	}
	x, y, out := xv.F64, yv.F64, n.out.F64
	switch n.op {
	case '+':
		for _, i := range rows {
			out[i] = x[i] + y[i]
		}
	case '-':
		for _, i := range rows {
			out[i] = x[i] - y[i]
		}
	case '*':
		for _, i := range rows {
			out[i] = x[i] * y[i]
		}
	case '/':
		for _, i := range rows {
			out[i] = x[i] / y[i]
		}
	default:
		for _, i := range rows {
			out[i] = math.Mod(x[i], y[i])
		}
	}
	if n.single {
		for _, i := range rows {
			out[i] = float64(float32(out[i]))
		}
	}
	return &n.out, nil
}

// decimalNode is decimal arithmetic.
type decimalNode struct {
	binary
	op                       byte
	sx, sy, precision, scale int
}

func (n *decimalNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, y, err := n.args(c, rows, vec.Decimal)
	if err != nil {
		return nil, err
	}
	for _, i := range rows {
		if n.out.Nulls.Get(int(i)) {
			continue
		}
		a, b := x.Dec[i], y.Dec[i]
		var r decimal.Int128
		var ok bool
		switch n.op {
		case '+':
			r, ok = decimal.Add(a, n.sx, b, n.sy, n.precision, n.scale)
		case '-':
			r, ok = decimal.Add(a, n.sx, b.Neg(), n.sy, n.precision, n.scale)
		case '*':
			r, ok = decimal.Mul(a, n.sx, b, n.sy, n.precision, n.scale)
		default:
			if b.Sign() == 0 {
				return nil, &RowError{n.at, int(i), divisionByZero}
			}
			if n.op == '/' {
				r, ok = decimal.Quo(a, n.sx, b, n.sy, n.precision, n.scale)
			} else {
				r, ok = decimal.Rem(a, n.sx, b, n.sy, n.precision, n.scale)
			}
		}
		if !ok {
			n.out.SetNull(int(i))
			continue
		}
		n.out.Dec[i] = r
	}
	return &n.out, nil
}

// negateNode is unary minus.
type negateNode struct {
	x     value
	width uint
	out   vec.Vector
}

func buildNegate(c *Compiler, op *st.Op, args []value) (node, error) {
	n := &negateNode{x: args[0], width: widths[op.Of.Kind], out: newVector(op.Of)}
	if n.width == 0 {
		n.width = 64
	}
	return n, nil
}

func (n *negateNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	mergeNulls(&n.out, x)
	switch x.Kind {
	case vec.Int64:
		for _, i := range rows {
			n.out.I64[i] = -x.I64[i]
		}
		wrap(n.out.I64, rows, n.width)
	case vec.Float64:
		for _, i := range rows {
			n.out.F64[i] = -x.F64[i]
		}
	default:
		for _, i := range rows {
			n.out.Dec[i] = x.Dec[i].Neg()
		}
	}
	return &n.out, nil
}
