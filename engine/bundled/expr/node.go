package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// node computes a vector for some rows of the context's batch.
type node interface {
	eval(c *context, rows []int32) (*vec.Vector, error)
}

// condition selects, of some rows, those for which a BOOLEAN is TRUE. dst may be the memory of rows.
type condition interface {
	pass(c *context, rows, dst []int32) ([]int32, error)
}

// value is a compiled scalar.
type value struct {
	node
	typ  st.Type
	kind vec.Kind
	at   st.Pos
	// constant is set where the value is the same in every row.
	constant *constant
}

// columnNode is a column of the batch.
type columnNode int

func (n columnNode) eval(c *context, rows []int32) (*vec.Vector, error) { return &c.b.Cols[n], nil }

// constant is one value in every row.
type constant struct {
	one vec.Vector // one row
	out vec.Vector // filled as far as batches have gone
}

func (n *constant) eval(c *context, rows []int32) (*vec.Vector, error) {
	size := c.b.N
	if n.out.Len() >= size && size > 0 {
		return &n.out, nil
	}
	n.out.Kind = n.one.Kind
	n.out.Resize(max(size, vec.Rows))
	fill(&n.out, &n.one)
	return &n.out, nil
}

// fill gives every row of v the value of one.
func fill(v, one *vec.Vector) {
	if one.Null(0) {
		v.NeedNulls(v.Len())
		for i := range v.Nulls {
			v.Nulls[i] = ^uint64(0)
		}
		return
	}
	switch v.Kind {
	case vec.Int64:
		fillSlice(v.I64, one.I64[0])
	case vec.Float64:
		fillSlice(v.F64, one.F64[0])
	case vec.Decimal:
		fillSlice(v.Dec, one.Dec[0])
	case vec.Bool:
		fillSlice(v.Bool, one.Bool[0])
	default:
		v.Data = append(v.Data[:0], one.Value(0)...)
		fillSlice(v.Refs, vec.Ref{Len: uint32(len(v.Data))})
	}
}

func fillSlice[T any](s []T, x T) {
	for i := range s {
		s[i] = x
	}
}

func (n *constant) null() bool { return n.one.Null(0) }

// shared computes a node that several expressions have in common once a batch. Within a batch the rows asked for only ever shrink, so what
// was computed first is enough. Only nodes that are needed for every row are shared: never the lazy arguments of CASE, AND and the like.
type shared struct {
	node
	epoch uint64
	out   *vec.Vector
}

func (n *shared) eval(c *context, rows []int32) (*vec.Vector, error) {
	if n.epoch == c.epoch {
		return n.out, nil
	}
	out, err := n.node.eval(c, rows)
	if err == nil {
		n.epoch, n.out = c.epoch, out
	}
	return out, err
}

// conditionOf gives a BOOLEAN the fastest way to select by it.
func conditionOf(v value) condition {
	if c, ok := v.node.(condition); ok {
		return c
	}
	return truth{v.node}
}

// truth selects by a vector of booleans.
type truth struct{ node }

func (n truth) pass(c *context, rows, dst []int32) ([]int32, error) {
	v, err := n.eval(c, rows)
	if err != nil {
		return nil, err
	}
	if !v.HasNulls() {
		for _, i := range rows {
			if v.Bool[i] {
				dst = append(dst, i)
			}
		}
		return dst, nil
	}
	for _, i := range rows {
		if v.Bool[i] && !v.Nulls.Get(int(i)) {
			dst = append(dst, i)
		}
	}
	return dst, nil
}

// mergeNulls makes out NULL where any of the vectors is.
func mergeNulls(out *vec.Vector, in ...*vec.Vector) {
	for _, v := range in {
		if !v.HasNulls() {
			continue
		}
		out.NeedNulls(out.Len())
		for w := range min(len(v.Nulls), len(out.Nulls)) {
			out.Nulls[w] |= v.Nulls[w]
		}
	}
}

// evalAll computes nodes for the same rows.
func evalAll(c *context, args []value, rows []int32, dst []*vec.Vector) ([]*vec.Vector, error) {
	dst = dst[:0]
	for i := range args {
		v, err := args[i].eval(c, rows)
		if err != nil {
			return nil, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}
