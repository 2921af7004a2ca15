package expr

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// builder makes the node of an operator or function from its compiled arguments.
type builder func(c *Compiler, op *st.Op, args []value) (node, error)

// lazy says from which argument on an operator computes its arguments only for the rows that need them.
var lazy = map[string]int{"AND": 1, "OR": 1, "IN": 2, "NOT IN": 2, "CASE": 1, "COALESCE": 1, "IF": 1, "IFNULL": 1}

// compile makes the node of a scalar.
func (c *Compiler) compile(s st.Scalar) (value, error) {
	v := value{typ: s.Type(), at: s.At()}
	kind, ok := vec.KindOf(v.typ)
	if !ok && v.typ.Kind != st.KindNull {
		return v, invalid(v.at, "values of type %s are not supported", v.typ)
	}
	v.kind = kind
	switch s := s.(type) {
	case *st.ColumnRef:
		if s.Index >= len(c.env.Columns) {
			return v, invalid(v.at, "column %q is not among the %d columns of the input", s.Name, len(c.env.Columns))
		}
		v.node = columnNode(s.Index)
		return v, nil
	case *st.Constant:
		k, err := newConstant(s, kind)
		v.node, v.constant = k, k
		return v, err
	case *st.Op:
		return c.compileOp(s, v)
	}
	return v, invalid(v.at, "an expression of kind %T is not supported", s)
}

func (c *Compiler) compileOp(op *st.Op, v value) (value, error) {
	key := ""
	if c.nodes != nil {
		key = text(op)
		if known, ok := c.nodes[key]; ok {
			return known, nil
		}
	}
	build, ok := builders[op.Name]
	if !ok {
		return v, invalid(v.at, "the function %s is not supported", op.Name)
	}
	args := make([]value, len(op.Args))
	constant := true
	all := c.nodes
	for i, a := range op.Args {
		if from, ok := lazy[op.Name]; ok && i >= from {
			c.nodes = nil
		}
		arg, err := c.compile(a)
		if err != nil {
			c.nodes = all
			return v, err
		}
		args[i] = arg
		constant = constant && arg.constant != nil
	}
	c.nodes = all
	n, err := build(c, op, args)
	if err != nil {
		return v, err
	}
	v.node = n
	if constant {
		if k := fold(c, v); k != nil {
			v.node, v.constant = k, k
			return v, nil
		}
	}
	if key != "" {
		if _, isCondition := n.(condition); !isCondition {
			v.node = &shared{node: n}
		}
		c.nodes[key] = v
	}
	return v, nil
}

// fold computes an expression without columns once. nil: it fails, which it shall do only when it is needed.
func fold(c *Compiler, v value) *constant {
	ctx := &context{b: &vec.Batch{N: 1}, epoch: 1, zone: c.ctx.zone}
	out, err := v.eval(ctx, ctx.rows(1))
	if err != nil {
		return nil
	}
	k := &constant{one: vec.Vector{Kind: v.kind}}
	k.one.AppendFrom(out, 0)
	return k
}

// text is a scalar's text; equal scalars have equal ones.
func text(s st.Scalar) string {
	var b strings.Builder
	writeText(&b, s)
	return b.String()
}

func writeText(b *strings.Builder, s st.Scalar) {
	switch s := s.(type) {
	case *st.ColumnRef:
		fmt.Fprintf(b, "$%d", s.Index)
	case *st.Constant:
		fmt.Fprintf(b, "%q:%s", fmt.Sprint(s.Value), s.Of)
	case *st.Op:
		fmt.Fprintf(b, "%s:%s:%s:%s(", s.Name, s.Of, s.Unit, s.Side)
		for _, a := range s.Args {
			writeText(b, a)
			b.WriteByte(',')
		}
		b.WriteByte(')')
	}
}

// newConstant takes a literal's value.
func newConstant(s *st.Constant, kind vec.Kind) (*constant, error) {
	k := &constant{one: vec.Vector{Kind: kind}}
	v := &k.one
	switch x := s.Value.(type) {
	case nil:
		v.AppendNull()
	case bool:
		v.AppendBool(x)
	case int64:
		v.AppendInt64(x)
	case float64:
		v.AppendFloat64(x)
	case *big.Int:
		d, ok := decimal.FromBig(x)
		if !ok {
			return nil, invalid(s.At(), "the number %s has more than %d digits", x, decimal.MaxDigits)
		}
		v.AppendDecimal(d)
	case string:
		v.AppendString(x)
	case []byte:
		v.AppendBytes(x)
	case st.Instant:
		ticks := vec.TicksPerMilli(s.Of.Precision)
		if x.Millis > maxTicks/ticks || x.Millis < -maxTicks/ticks {
			return nil, invalid(s.At(), "the timestamp is beyond what %s can hold here", s.Of)
		}
		v.AppendInt64(x.Millis*ticks + int64(x.Nanos)*ticks/1_000_000)
	default:
		return nil, invalid(s.At(), "a constant of kind %T is not supported", x)
	}
	return k, nil
}

// maxTicks bounds timestamps, in their unit, so that arithmetic on them cannot wrap.
const maxTicks = 1<<63 - 1

// builders are all operators and functions; each file adds its own.
var builders = map[string]builder{}

// register adds builders under names; a name twice is a mistake in this package.
func register(list map[string]builder) bool {
	for name, b := range list {
		if builders[name] != nil {
			panic("expr: two functions are called " + name)
		}
		builders[name] = b
	}
	return true
}
