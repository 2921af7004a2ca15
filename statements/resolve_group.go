package statements

import (
	"fmt"
	"hash/maphash"
)

// grouping is what an aggregation makes of the expressions above it: aggregates and keys become columns of its row.
type grouping struct {
	keys   []Scalar
	sums   []uint64 // of the keys
	aggs   []*Aggregate
	aggSum []uint64
	input  *scope // the row that arguments of aggregates see
}

// aggregateRef stands for an aggregate until the row of the aggregation is known.
type aggregateRef struct {
	Pos
	index int
	of    Type
}

func (a *aggregateRef) Type() Type { return a.of }

// aggregate resolves a call of an aggregate function, and notes it in the scope's grouping. Equal aggregates are computed once.
func (r *resolver) aggregate(n *Call, s *scope) Scalar {
	if s.groups == nil {
		where := s.refuse
		if where == "" {
			where = "here"
		}
		typeProblem(n.Pos, "", "the aggregate function %s is not allowed %s", n.Func, where)
	}
	g := s.groups
	inner := *g.input
	inner.refuse = "inside another aggregate function"
	a := &Aggregate{Pos: n.Pos, Func: n.Func, Distinct: n.Distinct, Star: n.Star}
	switch {
	case n.Star && n.Func != "COUNT":
		typeProblem(n.Pos, "", "%s(*) is not defined; only COUNT(*) is", n.Func)
	case n.Star && n.Distinct, !n.Star && len(n.Args) != 1:
		if n.Func == "COUNT" && len(n.Args) > 1 {
			panic(unsupported(n.Pos, "COUNT of several columns", ""))
		}
		typeProblem(n.Pos, "", "%s takes 1 argument, not %d", n.Func, len(n.Args))
	case !n.Star:
		a.Args = []Scalar{r.expr(n.Args[0], &inner)}
	}
	if n.Filter != nil {
		filter := *g.input
		filter.refuse = "in FILTER"
		a.Filter = r.boolean(n.Filter, &filter, "the condition of FILTER")
	}
	a.Of = aggregateType(n, a, len(g.keys) == 0)
	sum := a.sum()
	for i, other := range g.aggSum {
		if other == sum {
			return &aggregateRef{Pos: n.Pos, index: i, of: g.aggs[i].Of}
		}
	}
	g.aggs, g.aggSum = append(g.aggs, a), append(g.aggSum, sum)
	return &aggregateRef{Pos: n.Pos, index: len(g.aggs) - 1, of: a.Of}
}

// aggregateType is the type of an aggregate. Without keys, or with a FILTER, a group may be empty and give NULL.
func aggregateType(n *Call, a *Aggregate, maybeEmpty bool) Type {
	if n.Func == "COUNT" {
		return BigInt().NotNull()
	}
	t := a.Args[0].Type()
	switch n.Func {
	case "SUM", "AVG":
		if !t.IsNumeric() {
			typeProblem(n.Args[0].At(), "", "%s needs a number, not %s", n.Func, typeList([]Type{t}))
		}
		if n.Func == "SUM" {
			t = sumResult(t)
		} else {
			t = avgResult(t)
		}
	default: // MIN, MAX
		if t.Kind >= KindArray || t.IsBytes() || t.Kind == KindNull {
			typeProblem(n.Args[0].At(), "", "%s needs values with an order, not %s", n.Func, typeList([]Type{t}))
		}
	}
	return t.As(t.Nullable || maybeEmpty || a.Filter != nil)
}

// above rewrites an expression that was resolved over the aggregation's input so that it counts in the aggregation's row:
// what equals a key is that key's column. Any other column of the input is a mistake.
func (g *grouping) above(x Scalar) Scalar {
	sums := map[Scalar]uint64{}
	digest(x, sums)
	return g.rewrite(x, sums)
}

func (g *grouping) rewrite(x Scalar, sums map[Scalar]uint64) Scalar {
	for i, sum := range g.sums {
		if sums[x] == sum {
			return &ColumnRef{Pos: x.At(), Index: i, Name: keyName(g.keys[i], i), Of: g.keys[i].Type()}
		}
	}
	switch n := x.(type) {
	case *aggregateRef:
		return &ColumnRef{Pos: n.Pos, Index: len(g.keys) + n.index, Name: aggregateName(n.index), Of: n.of}
	case *ColumnRef:
		ungrouped(n.Pos, n.Name)
	case *Op:
		out := *n
		out.Args = make([]Scalar, len(n.Args))
		for i, a := range n.Args {
			out.Args[i] = g.rewrite(a, sums)
		}
		return &out
	}
	return x
}

// keyName names a key's column in the aggregation's row: as the column it is, or by its number.
func keyName(k Scalar, i int) string {
	if c, ok := k.(*ColumnRef); ok {
		return c.Name
	}
	return fmt.Sprintf("key%d", i)
}

func aggregateName(i int) string { return fmt.Sprintf("agg%d", i) }

var seed = maphash.MakeSeed()

// digest sums up the structure of x and of all its parts, without positions: equal expressions have equal sums.
func digest(x Scalar, sums map[Scalar]uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	switch n := x.(type) {
	case *ColumnRef:
		fmt.Fprintf(&h, "c%d", n.Index)
	case *Constant:
		fmt.Fprintf(&h, "k%s %v", n.Of, n.Value)
	case *aggregateRef:
		fmt.Fprintf(&h, "a%d", n.index)
	case *Op:
		fmt.Fprintf(&h, "o%s %s %s %s", n.Name, n.Unit, n.Side, n.Of)
		for _, a := range n.Args {
			fmt.Fprintf(&h, " %d", digest(a, sums))
		}
	}
	sums[x] = h.Sum64()
	return sums[x]
}

func (a *Aggregate) sum() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	fmt.Fprintf(&h, "%s %t %t", a.Func, a.Distinct, a.Star)
	for _, x := range a.Args {
		fmt.Fprintf(&h, " %d", digest(x, map[Scalar]uint64{}))
	}
	if a.Filter != nil {
		fmt.Fprintf(&h, " f%d", digest(a.Filter, map[Scalar]uint64{}))
	}
	return h.Sum64()
}
