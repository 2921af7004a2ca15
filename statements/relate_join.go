package statements

import "time"

// classify recognises how the join is run from its conditions.
func (j *Joining) classify() {
	width := len(j.Left.Columns())
	j.Equal, j.Bounds, j.Window = nil, nil, nil
	var lower, upper *time.Duration
	var lt, rt int
	var start, end bool
	for _, x := range j.On {
		op, ok := x.(*Op)
		if !ok || len(op.Args) != 2 {
			continue
		}
		l, lok := stripCast(op.Args[0]).(*ColumnRef)
		r, rok := stripCast(op.Args[1]).(*ColumnRef)
		if op.Name == string(OpEq) && lok && rok && (l.Index < width) != (r.Index < width) {
			if l.Index >= width {
				l, r = r, l
			}
			j.Equal = append(j.Equal, KeyPair{l.Index, r.Index - width})
			lw, rw := j.Left.Columns()[l.Index].Window, j.Right.Columns()[r.Index-width].Window
			if lw != nil && rw != nil && lw.Bound == rw.Bound && lw.Of.sameAs(rw.Of) {
				start = start || lw.Bound == WindowStart
				end = end || lw.Bound == WindowEnd
				j.Window = lw.Of
			}
		}
		if lo, hi, a, b, ok := j.timeBound(op, width); ok {
			lt, rt = a, b
			if lo != nil && (lower == nil || *lo > *lower) {
				lower = lo
			}
			if hi != nil && (upper == nil || *hi < *upper) {
				upper = hi
			}
		}
	}
	if j.Form == TemporalJoin || j.Form == LookupJoin {
		return
	}
	j.Form = RegularJoin
	switch {
	case start && end:
		j.Form = WindowJoin
	case lower != nil && upper != nil && j.Kind != SemiJoin && j.Kind != AntiJoin:
		j.Form, j.Bounds = IntervalJoin, &TimeBounds{LeftTime: lt, RightTime: rt, Lower: *lower, Upper: *upper}
	}
	if j.Form != WindowJoin {
		j.Window = nil
	}
	j.times()
}

// times are time attributes of the result: a regular join loses them, the others keep those of rows that are never NULL. Bounds of windows are that behind a
// window join alone (FlinkRelMdWindowProperties): behind another one they are values like others, and to group by them is an aggregation without a window.
func (j *Joining) times() {
	width := len(j.Left.Columns())
	for i := range j.Row {
		var in Column
		if i < width {
			in = j.Left.Columns()[i]
		} else {
			in = j.Right.Columns()[i-width]
		}
		j.Row[i].Time, j.Row[i].Clock, j.Row[i].Window = in.Time && j.Form != RegularJoin, in.Clock, nil
		if j.Form == WindowJoin {
			j.Row[i].Window = in.Window
		}
	}
}

func stripCast(x Scalar) Scalar {
	for op, ok := x.(*Op); ok && op.Name == "CAST" && len(op.Args) == 1; op, ok = x.(*Op) {
		x = op.Args[0]
	}
	return x
}

// sameAs reports whether two windows divide time in the same way.
func (w *Windowing) sameAs(o *Windowing) bool {
	return w.Kind == o.Kind && w.Size == o.Size && w.Step == o.Step && w.Offset == o.Offset
}

// timeBound reads a comparison of time attributes of both sides as a bound of right minus left.
func (j *Joining) timeBound(op *Op, width int) (lower, upper *time.Duration, lt, rt int, ok bool) {
	a, ai, aok := j.timeTerm(op.Args[0], width)
	b, bi, bok := j.timeTerm(op.Args[1], width)
	if !aok || !bok || (ai < width) == (bi < width) {
		return nil, nil, 0, 0, false
	}
	name := Operator(op.Name)
	if ai >= width { // turn it round: left stands first
		a, ai, b, bi = b, bi, a, ai
		name = map[Operator]Operator{OpLt: OpGt, OpLe: OpGe, OpGt: OpLt, OpGe: OpLe, OpEq: OpEq}[name]
	}
	// left + a ⋈ right + b bounds right − left by d.
	d := a - b
	switch name {
	case OpEq:
		lower, upper = &d, &d
	case OpLe:
		lower = &d
	case OpLt:
		d += time.Millisecond
		lower = &d
	case OpGe:
		upper = &d
	case OpGt:
		d -= time.Millisecond
		upper = &d
	default:
		return nil, nil, 0, 0, false
	}
	return lower, upper, ai, bi - width, true
}

// timeTerm takes a time attribute with a fixed interval added or subtracted apart.
func (j *Joining) timeTerm(x Scalar, width int) (offset time.Duration, index int, ok bool) {
	x = stripCast(x)
	for op, isOp := x.(*Op); isOp && (op.Name == string(OpAdd) || op.Name == string(OpSub)) && len(op.Args) == 2; op, isOp = x.(*Op) {
		c, fixed := op.Args[1].(*Constant)
		if !fixed || c.Of.Kind != KindIntervalDayTime {
			return 0, 0, false
		}
		v, _ := c.Value.(int64)
		d := time.Duration(v) * time.Millisecond
		if op.Name == string(OpSub) {
			d = -d
		}
		offset, x = offset+d, stripCast(op.Args[0])
	}
	ref, isRef := x.(*ColumnRef)
	if !isRef {
		return 0, 0, false
	}
	var c Column
	if ref.Index < width {
		c = j.Left.Columns()[ref.Index]
	} else {
		c = j.Right.Columns()[ref.Index-width]
	}
	return offset, ref.Index, c.Time || c.Clock
}
