package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"AND":            func(c *Compiler, op *st.Op, args []value) (node, error) { return chain(args, false), nil },
	"OR":             func(c *Compiler, op *st.Op, args []value) (node, error) { return chain(args, true), nil },
	"NOT":            func(c *Compiler, op *st.Op, args []value) (node, error) { return &notNode{x: args[0]}, nil },
	"IS NULL":        isTest(func(null, _ bool) bool { return null }),
	"IS NOT NULL":    isTest(func(null, _ bool) bool { return !null }),
	"IS TRUE":        isTest(func(null, x bool) bool { return !null && x }),
	"IS NOT TRUE":    isTest(func(null, x bool) bool { return null || !x }),
	"IS FALSE":       isTest(func(null, x bool) bool { return !null && !x }),
	"IS NOT FALSE":   isTest(func(null, x bool) bool { return null || x }),
	"IS UNKNOWN":     isTest(func(null, _ bool) bool { return null }),
	"IS NOT UNKNOWN": isTest(func(null, _ bool) bool { return !null }),
})

// chain makes AND and OR of more than two arguments a tree of two.
func chain(args []value, or bool) node {
	n := &junction{x: args[0], y: args[1], or: or}
	n.conds = [2]condition{conditionOf(args[0]), conditionOf(args[1])}
	if len(args) > 2 {
		v := args[0]
		v.node, v.constant = n, nil
		return chain(append([]value{v}, args[2:]...), or)
	}
	return n
}

// junction is AND or OR: the second argument is computed where the first does not decide.
type junction struct {
	x, y  value
	conds [2]condition
	or    bool
	out   vec.Vector
	rest  []int32
	hits  []int32
}

func (n *junction) eval(c *context, rows []int32) (*vec.Vector, error) {
	n.out.Kind = vec.Bool
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	n.rest = n.rest[:0]
	xNulls := x.HasNulls()
	for _, i := range rows {
		null := xNulls && x.Nulls.Get(int(i))
		if !null && x.Bool[i] == n.or {
			n.out.Bool[i] = n.or
			continue
		}
		n.out.Bool[i] = !n.or
		if null {
			n.out.SetNull(int(i))
		}
		n.rest = append(n.rest, i)
	}
	if len(n.rest) == 0 {
		return &n.out, nil
	}
	y, err := n.y.eval(c, n.rest)
	if err != nil {
		return nil, err
	}
	for _, i := range n.rest {
		switch {
		case y.Null(int(i)):
			n.out.SetNull(int(i))
		case y.Bool[i] == n.or:
			n.out.Bool[i] = n.or
			if n.out.HasNulls() {
				n.out.Nulls.Clear(int(i))
			}
		}
	}
	return &n.out, nil
}

// pass selects without computing a vector. AND narrows twice; OR asks the second only about rows that the first did not take.
func (n *junction) pass(c *context, rows, dst []int32) ([]int32, error) {
	if !n.or {
		rows, err := n.conds[0].pass(c, rows, dst)
		if err != nil {
			return nil, err
		}
		return n.conds[1].pass(c, rows, dst)
	}
	var err error
	if n.hits, err = n.conds[0].pass(c, rows, n.hits[:0]); err != nil {
		return nil, err
	}
	n.rest = without(n.rest[:0], rows, n.hits)
	if n.rest, err = n.conds[1].pass(c, n.rest, n.rest[:0]); err != nil {
		return nil, err
	}
	return merge(dst, n.hits, n.rest), nil
}

// without appends the rows that are not in taken; both ascend.
func without(dst, rows, taken []int32) []int32 {
	k := 0
	for _, i := range rows {
		if k < len(taken) && taken[k] == i {
			k++
			continue
		}
		dst = append(dst, i)
	}
	return dst
}

// merge appends two ascending lists in order.
func merge(dst, a, b []int32) []int32 {
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			dst, a = append(dst, a[0]), a[1:]
		} else {
			dst, b = append(dst, b[0]), b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

// notNode is NOT.
type notNode struct {
	x   value
	out vec.Vector
}

func (n *notNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Kind = vec.Bool
	n.out.Resize(c.b.N)
	for _, i := range rows {
		n.out.Bool[i] = !x.Bool[i]
	}
	mergeNulls(&n.out, x)
	return &n.out, nil
}

// isTest builds the tests that are never NULL.
func isTest(test func(null, x bool) bool) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) { return &isNode{x: args[0], test: test}, nil }
}

type isNode struct {
	x    value
	test func(null, x bool) bool
	out  vec.Vector
}

func (n *isNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Kind = vec.Bool
	n.out.Resize(c.b.N)
	for _, i := range rows {
		n.out.Bool[i] = n.test(x.Null(int(i)), x.Kind == vec.Bool && x.Bool[i])
	}
	return &n.out, nil
}

// pass reads the bitmap alone.
func (n *isNode) pass(c *context, rows, dst []int32) ([]int32, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	if x.Kind != vec.Bool && !x.HasNulls() {
		if n.test(false, false) {
			return append(dst, rows...), nil
		}
		return dst, nil
	}
	for _, i := range rows {
		if n.test(x.Null(int(i)), x.Kind == vec.Bool && x.Bool[i]) {
			dst = append(dst, i)
		}
	}
	return dst, nil
}
