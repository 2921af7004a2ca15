package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// calendarNode is arithmetic on two int64 vectors that f defines for two values that are not NULL.
type calendarNode struct {
	binary
	f func(x, y int64) int64
}

func (n *calendarNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, y, err := n.args(c, rows, vec.Int64)
	if err != nil {
		return nil, err
	}
	for _, i := range rows {
		if !n.out.Nulls.Get(int(i)) {
			n.out.I64[i] = n.f(x.I64[i], y.I64[i])
		}
	}
	return &n.out, nil
}

// calendar builds + and - of dates, times, timestamps and intervals, and the difference of two of them as an interval.
func calendar(c *Compiler, op *st.Op, o byte, x, y value) (node, error) {
	sign := int64(1)
	if o == '-' {
		sign = -1
	}
	if o == '+' && x.typ.IsInterval() && y.typ.IsTemporal() {
		x, y = y, x
	}
	build := func(f func(x, y int64) int64) (node, error) {
		return &calendarNode{binary: binary{x: x, y: y, at: op.Pos}, f: f}, nil
	}
	refused := func() (node, error) {
		return nil, invalid(op.Pos, "%c of %s and %s is not supported", o, x.typ, y.typ)
	}
	switch {
	case o == '*' && x.typ.IsInterval() && y.typ.IsInteger(), o == '*' && x.typ.IsInteger() && y.typ.IsInterval():
		return build(func(x, y int64) int64 { return x * y })
	case o != '+' && o != '-':
		return refused()
	case x.typ.IsInterval() && y.typ.Kind == x.typ.Kind:
		return build(func(x, y int64) int64 { return x + sign*y })
	case y.typ.IsInterval():
		move := mover(c, x.typ, y.typ)
		if move == nil {
			return refused()
		}
		return build(func(x, y int64) int64 { return move(x, sign*y) })
	case o == '-' && x.typ.IsTemporal() && y.typ.IsTemporal() && op.Of.IsInterval():
		return difference(c, op, x, y)
	}
	return refused()
}

// mover says how an interval moves a point in time.
func mover(c *Compiler, point, interval st.Type) func(x, by int64) int64 {
	months := interval.Kind == st.KindIntervalYearMonth
	switch {
	case point.Kind == st.KindDate && months:
		return addMonths
	case point.Kind == st.KindDate:
		return func(x, by int64) int64 { return x + floorDiv(by, millisPerDay) }
	case point.Kind == st.KindTime && !months:
		return func(x, by int64) int64 { return floorMod(x+by, millisPerDay) }
	case point.IsTimestamp() && !months:
		ticks := vec.TicksPerMilli(point.Precision)
		return func(x, by int64) int64 { return x + by*ticks }
	case point.IsTimestamp():
		day := millisPerDay * vec.TicksPerMilli(point.Precision)
		return func(x, by int64) int64 { return addMonths(floorDiv(x, day), by)*day + floorMod(x, day) }
	}
	return nil
}

// difference builds the interval between two points of one type.
func difference(c *Compiler, op *st.Op, x, y value) (node, error) {
	x, y, err := alike(c, x, y)
	if err != nil {
		return nil, err
	}
	ticks, day := int64(1), int64(millisPerDay)
	if x.typ.IsTimestamp() {
		ticks = vec.TicksPerMilli(x.typ.Precision)
		day *= ticks
	}
	f := func(x, y int64) int64 { return (x - y) / ticks }
	if x.typ.Kind == st.KindDate {
		f = func(x, y int64) int64 { return (x - y) * millisPerDay }
	}
	if op.Of.Kind == st.KindIntervalYearMonth {
		if x.typ.Kind == st.KindDate {
			f = func(x, y int64) int64 { return monthsBetween(x, 0, y, 0) }
		} else {
			f = func(x, y int64) int64 {
				return monthsBetween(floorDiv(x, day), floorMod(x, day), floorDiv(y, day), floorMod(y, day))
			}
		}
	}
	return &calendarNode{binary: binary{x: x, y: y, at: op.Pos}, f: f}, nil
}

// monthsBetween counts the whole months from y to x, each a day and a time within it.
func monthsBetween(xDay, xRest, yDay, yRest int64) int64 {
	if xDay < yDay || xDay == yDay && xRest < yRest {
		return -monthsBetween(yDay, yRest, xDay, xRest)
	}
	xy, xm, xd := civil(xDay)
	yy, ym, yd := civil(yDay)
	n := (xy-yy)*12 + xm - ym
	if xd < yd || xd == yd && xRest < yRest {
		n--
	}
	return n
}
