package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"CASE":     buildCase,
	"IF":       buildIf,
	"COALESCE": buildCoalesce,
	"IFNULL":   buildCoalesce,
	"NULLIF":   buildNullIf,
	"GREATEST": func(c *Compiler, op *st.Op, args []value) (node, error) { return buildExtreme(c, op, args, 1) },
	"LEAST":    func(c *Compiler, op *st.Op, args []value) (node, error) { return buildExtreme(c, op, args, -1) },
})

// caseNode is CASE: conditions and values in turn, the last one ELSE. Each is computed for the rows that come to it.
type caseNode struct {
	conds  []condition
	values []value // one more than conds
	hits   [][]int32
	rest   []int32
	out    vec.Vector
}

func buildCase(c *Compiler, op *st.Op, args []value) (node, error) {
	n := &caseNode{out: newVector(op.Of)}
	for ; len(args) >= 2; args = args[2:] {
		n.conds = append(n.conds, conditionOf(args[0]))
		v, err := coerce(c, args[1], op.Of)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
	}
	last := nullValue(op.Of, op.Pos)
	if len(args) == 1 {
		var err error
		if last, err = coerce(c, args[0], op.Of); err != nil {
			return nil, err
		}
	}
	n.values = append(n.values, last)
	n.hits = make([][]int32, len(n.values))
	return n, nil
}

func buildIf(c *Compiler, op *st.Op, args []value) (node, error) { return buildCase(c, op, args) }

func (n *caseNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	n.rest = append(n.rest[:0], rows...)
	for k, cond := range n.conds {
		var err error
		if n.hits[k], err = cond.pass(c, n.rest, n.hits[k][:0]); err != nil {
			return nil, err
		}
		n.rest = without(n.rest[:0], n.rest, n.hits[k])
	}
	last := len(n.values) - 1
	n.hits[last] = append(n.hits[last][:0], n.rest...)
	n.out.Resize(c.b.N)
	for k := range n.values {
		if len(n.hits[k]) == 0 {
			continue
		}
		v, err := n.values[k].eval(c, n.hits[k])
		if err != nil {
			return nil, err
		}
		copyRows(&n.out, v, n.hits[k])
	}
	return &n.out, nil
}

// copyRows copies some rows' values from one vector to another of the same kind and length.
func copyRows(dst, src *vec.Vector, rows []int32) {
	switch dst.Kind {
	case vec.Int64:
		for _, i := range rows {
			dst.I64[i] = src.I64[i]
		}
	case vec.Float64:
		for _, i := range rows {
			dst.F64[i] = src.F64[i]
		}
	case vec.Decimal:
		for _, i := range rows {
			dst.Dec[i] = src.Dec[i]
		}
	case vec.Bool:
		for _, i := range rows {
			dst.Bool[i] = src.Bool[i]
		}
	default:
		for _, i := range rows {
			if !src.Null(int(i)) {
				dst.SetBytes(int(i), src.Value(int(i)))
			}
		}
	}
	if src.HasNulls() {
		for _, i := range rows {
			if src.Nulls.Get(int(i)) {
				dst.SetNull(int(i))
			}
		}
	}
}

// coalesceNode takes the first argument that is not NULL.
type coalesceNode struct {
	values []value
	rest   []int32
	next   []int32
	out    vec.Vector
}

func buildCoalesce(c *Compiler, op *st.Op, args []value) (node, error) {
	n := &coalesceNode{out: newVector(op.Of)}
	for _, a := range args {
		v, err := coerce(c, a, op.Of)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
	}
	return n, nil
}

func (n *coalesceNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	n.out.Resize(c.b.N)
	n.rest = append(n.rest[:0], rows...)
	for k := range n.values {
		v, err := n.values[k].eval(c, n.rest)
		if err != nil {
			return nil, err
		}
		n.next = n.next[:0]
		if k < len(n.values)-1 && v.HasNulls() {
			for _, i := range n.rest {
				if v.Nulls.Get(int(i)) {
					n.next = append(n.next, i)
				}
			}
			copyRows(&n.out, v, without(nil, n.rest, n.next))
		} else {
			copyRows(&n.out, v, n.rest)
		}
		if len(n.next) == 0 {
			break
		}
		n.rest = append(n.rest[:0], n.next...)
	}
	return &n.out, nil
}

// nullIfNode is NULLIF(x, y): x, or NULL where x = y.
type nullIfNode struct {
	x     value
	equal condition
	hits  []int32
	out   vec.Vector
}

func buildNullIf(c *Compiler, op *st.Op, args []value) (node, error) {
	equal, err := compare(c, op, st.OpEq, args[0], args[1])
	if err != nil {
		return nil, err
	}
	return &nullIfNode{x: args[0], equal: conditionOf(value{node: equal}), out: newVector(op.Of)}, nil
}

func (n *nullIfNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	copyRows(&n.out, x, rows)
	if n.hits, err = n.equal.pass(c, rows, n.hits[:0]); err != nil {
		return nil, err
	}
	for _, i := range n.hits {
		n.out.SetNull(int(i))
	}
	return &n.out, nil
}

// extremeNode is GREATEST or LEAST: NULL where any argument is.
type extremeNode struct {
	values []value
	want   int
	args   []*vec.Vector
	out    vec.Vector
}

func buildExtreme(c *Compiler, op *st.Op, args []value, want int) (node, error) {
	n := &extremeNode{want: want, out: newVector(op.Of)}
	for _, a := range args {
		v, err := coerce(c, a, op.Of)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
	}
	return n, nil
}

func (n *extremeNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	var err error
	if n.args, err = evalAll(c, n.values, rows, n.args); err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	mergeNulls(&n.out, n.args...)
	for _, i := range rows {
		if n.out.Null(int(i)) {
			continue
		}
		best := n.args[0]
		for _, v := range n.args[1:] {
			if compareRows(v, int(i), best, int(i)) == n.want {
				best = v
			}
		}
		setFrom(&n.out, best, int(i))
	}
	return &n.out, nil
}

// setFrom copies row i, which is not NULL.
func setFrom(dst, src *vec.Vector, i int) {
	switch dst.Kind {
	case vec.Int64:
		dst.I64[i] = src.I64[i]
	case vec.Float64:
		dst.F64[i] = src.F64[i]
	case vec.Decimal:
		dst.Dec[i] = src.Dec[i]
	case vec.Bool:
		dst.Bool[i] = src.Bool[i]
	default:
		dst.SetBytes(i, src.Value(i))
	}
}

// newVector is an empty vector for a type.
func newVector(t st.Type) vec.Vector {
	k, _ := vec.KindOf(t)
	return vec.Vector{Kind: k}
}

// nullValue is NULL of a type.
func nullValue(t st.Type, at st.Pos) value {
	k := &constant{one: newVector(t)}
	k.one.AppendNull()
	return value{node: k, typ: t, kind: k.one.Kind, at: at, constant: k}
}
