package expr

import (
	"bytes"
	"cmp"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"=":                    comparison(st.OpEq),
	"<>":                   comparison(st.OpNe),
	"<":                    comparison(st.OpLt),
	"<=":                   comparison(st.OpLe),
	">":                    comparison(st.OpGt),
	">=":                   comparison(st.OpGe),
	"IS DISTINCT FROM":     distinct(true),
	"IS NOT DISTINCT FROM": distinct(false),
	"IN":                   buildIn,
	"NOT IN":               negated(buildIn),
})

func comparison(o st.Operator) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) { return compare(c, op, o, args[0], args[1]) }
}

// negated builds NOT of what build gives.
func negated(build builder) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) {
		n, err := build(c, op, args)
		if err != nil {
			return nil, err
		}
		return &notNode{x: value{node: n, typ: op.Of, kind: vec.Bool, at: op.Pos}}, nil
	}
}

// compareNode is a comparison of two values of one kind.
type compareNode struct {
	x, y value
	op   st.Operator
	out  vec.Vector
}

// compare builds a comparison; the arguments are brought to one type first.
func compare(c *Compiler, op *st.Op, o st.Operator, x, y value) (node, error) {
	x, y, err := alike(c, x, y)
	if err != nil {
		return nil, err
	}
	if x.constant != nil && y.constant == nil { // the constant goes right
		x, y = y, x
		o = mirrored[o]
	}
	return &compareNode{x: x, y: y, op: o, out: vec.Vector{Kind: vec.Bool}}, nil
}

var mirrored = map[st.Operator]st.Operator{st.OpEq: st.OpEq, st.OpNe: st.OpNe, st.OpLt: st.OpGt, st.OpLe: st.OpGe, st.OpGt: st.OpLt, st.OpGe: st.OpLe}

func (n *compareNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	y, err := n.y.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	out := n.out.Bool
	switch x.Kind {
	case vec.Int64:
		compareSlices(n.op, x.I64, y.I64, rows, out)
	case vec.Float64:
		compareSlices(n.op, x.F64, y.F64, rows, out)
	default:
		for _, i := range rows {
			out[i] = holds(n.op, compareRows(x, int(i), y, int(i)))
		}
	}
	mergeNulls(&n.out, x, y)
	return &n.out, nil
}

func compareSlices[T int64 | float64](op st.Operator, x, y []T, rows []int32, out []bool) {
	switch op {
	case st.OpEq:
		for _, i := range rows {
			out[i] = x[i] == y[i]
		}
	case st.OpNe:
		for _, i := range rows {
			out[i] = x[i] != y[i]
		}
	case st.OpLt:
		for _, i := range rows {
			out[i] = x[i] < y[i]
		}
	case st.OpLe:
		for _, i := range rows {
			out[i] = x[i] <= y[i]
		}
	case st.OpGt:
		for _, i := range rows {
			out[i] = x[i] > y[i]
		}
	default:
		for _, i := range rows {
			out[i] = x[i] >= y[i]
		}
	}
}

// pass selects without a vector of booleans between where an integer or a string is compared with a constant.
func (n *compareNode) pass(c *context, rows, dst []int32) ([]int32, error) {
	if n.y.constant != nil {
		if n.y.constant.null() {
			return dst, nil
		}
		switch {
		case n.x.kind == vec.Int64:
			x, err := n.x.eval(c, rows)
			if err != nil {
				return nil, err
			}
			return passInt64(n.op, x, n.y.constant.one.I64[0], rows, dst), nil
		case n.x.kind == vec.Bytes && (n.op == st.OpEq || n.op == st.OpNe):
			x, err := n.x.eval(c, rows)
			if err != nil {
				return nil, err
			}
			want := n.y.constant.one.Value(0)
			for _, i := range rows {
				if bytes.Equal(x.Value(int(i)), want) == (n.op == st.OpEq) && !x.Nulls.Get(int(i)) {
					dst = append(dst, i)
				}
			}
			return dst, nil
		}
	}
	return truth{evaluated{n}}.pass(c, rows, dst)
}

// evaluated hides that a node is a condition.
type evaluated struct{ n node }

func (e evaluated) eval(c *context, rows []int32) (*vec.Vector, error) { return e.n.eval(c, rows) }

// passInt64 writes every row and keeps the place only of those that pass: without a branch, at one speed for any selectivity.
func passInt64(op st.Operator, v *vec.Vector, y int64, rows, dst []int32) []int32 {
	x := v.I64
	dst = room(dst, len(rows))[:len(rows)]
	k := 0
	switch op {
	case st.OpEq:
		for _, i := range rows {
			dst[k] = i
			k += bit(x[i] == y)
		}
	case st.OpNe:
		for _, i := range rows {
			dst[k] = i
			k += bit(x[i] != y)
		}
	case st.OpLt:
		for _, i := range rows {
			dst[k] = i
			k += bit(x[i] < y)
		}
	case st.OpLe:
		for _, i := range rows {
			dst[k] = i
			k += bit(x[i] <= y)
		}
	case st.OpGt:
		for _, i := range rows {
			dst[k] = i
			k += bit(x[i] > y)
		}
	default:
		for _, i := range rows {
			dst[k] = i
			k += bit(x[i] >= y)
		}
	}
	dst = dst[:k]
	if !v.HasNulls() {
		return dst
	}
	k = 0
	for _, i := range dst {
		dst[k] = i
		k += bit(!v.Nulls.Get(int(i)))
	}
	return dst[:k]
}

// room returns dst, empty, with a capacity of at least n.
func room(dst []int32, n int) []int32 {
	if cap(dst) < n {
		return make([]int32, 0, max(n, vec.Rows))
	}
	return dst[:0]
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func holds(op st.Operator, c int) bool {
	switch op {
	case st.OpEq:
		return c == 0
	case st.OpNe:
		return c != 0
	case st.OpLt:
		return c < 0
	case st.OpLe:
		return c <= 0
	case st.OpGt:
		return c > 0
	default:
		return c >= 0
	}
}

// compareRows orders two values of one kind that are not NULL. Decimals have one scale; strings and bytes go by their bytes.
func compareRows(x *vec.Vector, i int, y *vec.Vector, j int) int {
	switch x.Kind {
	case vec.Int64:
		return cmp.Compare(x.I64[i], y.I64[j])
	case vec.Float64:
		return cmp.Compare(x.F64[i], y.F64[j])
	case vec.Decimal:
		return x.Dec[i].Cmp(y.Dec[j])
	case vec.Bool:
		return bit(x.Bool[i]) - bit(y.Bool[j])
	default:
		return bytes.Compare(x.Value(i), y.Value(j))
	}
}

// distinctNode is IS [NOT] DISTINCT FROM: a comparison for which NULL is a value.
type distinctNode struct {
	x, y     value
	distinct bool
	out      vec.Vector
}

func distinct(d bool) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) {
		x, y, err := alike(c, args[0], args[1])
		return &distinctNode{x: x, y: y, distinct: d, out: vec.Vector{Kind: vec.Bool}}, err
	}
}

func (n *distinctNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	y, err := n.y.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	for _, r := range rows {
		i := int(r)
		xn, yn := x.Null(i), y.Null(i)
		same := xn && yn || !xn && !yn && compareRows(x, i, y, i) == 0
		n.out.Bool[i] = same != n.distinct
	}
	return &n.out, nil
}

// buildIn makes x IN (a, b, …) a chain of comparisons: NULL where none is equal and one is unknown.
func buildIn(c *Compiler, op *st.Op, args []value) (node, error) {
	var equals []value
	for _, y := range args[1:] {
		n, err := compare(c, op, st.OpEq, args[0], y)
		if err != nil {
			return nil, err
		}
		equals = append(equals, value{node: n, typ: op.Of, kind: vec.Bool, at: op.Pos})
	}
	if len(equals) == 1 {
		return equals[0].node, nil
	}
	return chain(equals, true), nil
}
