package statements

import "slices"

// rank makes a Top-N or a deduplication of a condition on a ROW_NUMBER that rel computes.
func rank(rel Rel, cond Scalar) (Rel, bool) {
	column, from, to, ok := rankBound(cond)
	if !ok {
		return nil, false
	}
	p, projected := rel.(*Projection)
	o, direct := rel.(*Over)
	if projected {
		if o, direct = p.In.(*Over); !direct {
			return nil, false
		}
		ref, isRef := p.Exprs[column].(*ColumnRef)
		if !isRef {
			return nil, false
		}
		column = ref.Index
	}
	if !direct || len(o.Calls) != 1 || column != len(o.Row)-1 {
		return nil, false
	}
	switch o.Calls[0].Func {
	case "ROW_NUMBER", "RANK", "DENSE_RANK":
	default:
		return nil, false
	}
	n := &Ranking{Pos: o.Pos, In: o.In, Partition: o.Partition, Order: o.Order, From: from, To: to, Rank: true, Row: o.Row,
		Window: groupWindow(o.In.Columns(), o.Partition)}
	if from == 1 && to == 1 && o.Calls[0].Func == "ROW_NUMBER" && len(o.Order) == 1 {
		if ref, ok := o.Order[0].Value.(*ColumnRef); ok {
			c := o.In.Columns()[ref.Index]
			n.Dedup, n.KeepLast = c.Time || c.Clock, o.Order[0].Descending
		}
	}
	n.Row = slices.Clone(n.Row)
	for i := range n.Row {
		n.Row[i].Time = n.Row[i].Time && (n.Window != nil || n.Dedup)
	}
	if !projected {
		return n, true
	}
	out := *p
	out.In = n
	out.Row = slices.Clone(p.Row)
	for i, x := range out.Exprs {
		if ref, ok := x.(*ColumnRef); ok {
			out.Row[i].Time = n.Row[ref.Index].Time
		}
	}
	return &out, true
}

// rankBound reads rn = n, rn <= n, rn < n and the same the other way round.
func rankBound(cond Scalar) (column int, from, to int64, ok bool) {
	op, isOp := cond.(*Op)
	if !isOp || len(op.Args) != 2 {
		return 0, 0, 0, false
	}
	name := Operator(op.Name)
	ref, isRef := stripCast(op.Args[0]).(*ColumnRef)
	c, isConst := stripCast(op.Args[1]).(*Constant)
	if !isRef || !isConst {
		ref, isRef = stripCast(op.Args[1]).(*ColumnRef)
		c, isConst = stripCast(op.Args[0]).(*Constant)
		name = map[Operator]Operator{OpGe: OpLe, OpGt: OpLt, OpEq: OpEq}[name]
	}
	if !isRef || !isConst {
		return 0, 0, 0, false
	}
	v, isInt := c.Value.(int64)
	if !isInt {
		return 0, 0, 0, false
	}
	switch name {
	case OpEq:
		return ref.Index, v, v, true
	case OpLe:
		return ref.Index, 1, v, true
	case OpLt:
		return ref.Index, 1, v - 1, true
	}
	return 0, 0, 0, false
}
