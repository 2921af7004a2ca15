package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// rowFunc computes row i of out from row i of its arguments. ok is false where there is no value: NULL, or with a reason the failure of the
// statement.
type rowFunc func(in []*vec.Vector, out *vec.Vector, i int) (ok bool, reason string)

// rowNode calls a function for each row. A strict one is not called, and gives NULL, where an argument is NULL.
type rowNode struct {
	args   []value
	f      rowFunc
	strict bool
	at     st.Pos
	in     []*vec.Vector
	out    vec.Vector
}

func (n *rowNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	var err error
	if n.in, err = evalAll(c, n.args, rows, n.in); err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	if n.strict {
		mergeNulls(&n.out, n.in...)
	}
	for _, r := range rows {
		i := int(r)
		if n.strict && n.out.Nulls.Get(i) {
			continue
		}
		if ok, reason := n.f(n.in, &n.out, i); !ok {
			if reason != "" {
				return nil, &RowError{n.at, i, reason}
			}
			n.out.SetNull(i)
		}
		if len(n.out.Data) > maxArena {
			return nil, &RowError{n.at, i, errArena}
		}
	}
	return &n.out, nil
}

// maxArena bounds the text of one vector: the places of values in it have 32 bits.
const maxArena = 1 << 30

const errArena = "the texts of one batch are longer than 1 GiB"

// strict builds a function that is NULL where an argument is.
func strict(f rowFunc) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) { return newRowNode(op, args, f), nil }
}

func newRowNode(op *st.Op, args []value, f rowFunc) *rowNode {
	return &rowNode{args: args, f: f, strict: true, at: op.Pos, out: newVector(op.Of)}
}

// Short forms for what most functions return.
func has() (bool, string)    { return true, "" }
func isNull() (bool, string) { return false, "" }
