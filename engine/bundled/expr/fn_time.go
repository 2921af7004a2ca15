package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"EXTRACT":       buildExtract,
	"YEAR":          extractUnit(st.UnitYear),
	"MONTH":         extractUnit(st.UnitMonth),
	"DAYOFMONTH":    extractUnit(st.UnitDay),
	"HOUR":          extractUnit(st.UnitHour),
	"MINUTE":        extractUnit(st.UnitMinute),
	"SECOND":        extractUnit(st.UnitSecond),
	"TIMESTAMPDIFF": buildTimestampDiff,
})

// clock takes a point in time apart by the clock of the session's zone.
type clock struct {
	days  int64 // since 1970-01-01
	milli int64 // of the day
	nanos int64 // within the millisecond
}

// clockOf says how to read a column of a type.
func clockOf(c *Compiler, t st.Type) func(x int64) clock {
	switch t.Kind {
	case st.KindDate:
		return func(x int64) clock { return clock{days: x} }
	case st.KindTime:
		return func(x int64) clock { return clock{milli: x} }
	}
	ticks, zone, local := vec.TicksPerMilli(t.Precision), c.env.Zone, t.Kind == st.KindTimestampLTZ
	return func(x int64) clock {
		ms, rest := floorDiv(x, ticks), floorMod(x, ticks)
		if local {
			ms = toLocal(ms, zone)
		}
		return clock{floorDiv(ms, millisPerDay), floorMod(ms, millisPerDay), rest * (1_000_000 / ticks)}
	}
}

func buildExtract(c *Compiler, op *st.Op, args []value) (node, error) {
	return extractUnit(op.Unit)(c, op, args)
}

// extractUnit builds EXTRACT of a unit. EPOCH counts whole seconds.
func extractUnit(unit st.Unit) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) {
		field, ok := fields[unit]
		if !ok {
			return nil, invalid(op.Pos, "EXTRACT of %s is not supported", unit)
		}
		read := clockOf(c, args[0].typ)
		return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
			out.I64[i] = field(read(in[0].I64[i]))
			return has()
		}), nil
	}
}

// fields are the units that can be extracted.
var fields = map[st.Unit]func(clock) int64{
	st.UnitNanosecond:  func(c clock) int64 { return c.milli%1000*1_000_000 + c.nanos },
	st.UnitMicrosecond: func(c clock) int64 { return c.milli%1000*1000 + c.nanos/1000 },
	st.UnitMillisecond: func(c clock) int64 { return c.milli % 1000 },
	st.UnitSecond:      func(c clock) int64 { return c.milli / 1000 % 60 },
	st.UnitMinute:      func(c clock) int64 { return c.milli / millisPerMinute % 60 },
	st.UnitHour:        func(c clock) int64 { return c.milli / millisPerHour },
	st.UnitDay:         func(c clock) int64 { _, _, d := civil(c.days); return d },
	st.UnitWeek:        func(c clock) int64 { _, w := isoWeek(c.days); return w },
	st.UnitMonth:       func(c clock) int64 { _, m, _ := civil(c.days); return m },
	st.UnitQuarter:     func(c clock) int64 { _, m, _ := civil(c.days); return (m + 2) / 3 },
	st.UnitYear:        func(c clock) int64 { return yearOf(c.days) },
	st.UnitIsoYear:     func(c clock) int64 { y, _ := isoWeek(c.days); return y },
	st.UnitDecade:      func(c clock) int64 { return floorDiv(yearOf(c.days), 10) },
	st.UnitCentury:     func(c clock) int64 { return century(yearOf(c.days), 100) },
	st.UnitMillennium:  func(c clock) int64 { return century(yearOf(c.days), 1000) },
	st.UnitDow:         func(c clock) int64 { return isoWeekday(c.days)%7 + 1 }, // Sunday is 1
	st.UnitIsoDow:      func(c clock) int64 { return isoWeekday(c.days) },
	st.UnitDoy:         func(c clock) int64 { return c.days - daysOf(yearOf(c.days), 1, 1) + 1 },
	st.UnitEpoch:       func(c clock) int64 { return c.days*86_400 + c.milli/1000 },
}

func yearOf(days int64) int64 { y, _, _ := civil(days); return y }

// century counts centuries and millennia from year 1.
func century(year, length int64) int64 {
	if year > 0 {
		return (year + length - 1) / length
	}
	return -((-year + length - 1) / length)
}

// buildRoundTime is FLOOR and CEIL of a time to a unit. Weeks begin on Sunday.
func buildRoundTime(c *Compiler, op *st.Op, args []value) (node, error) {
	t := args[0].typ
	ticks := int64(1)
	if t.IsTimestamp() {
		ticks = vec.TicksPerMilli(t.Precision)
	}
	up := op.Name == "CEIL"
	zone, local := c.env.Zone, t.Kind == st.KindTimestampLTZ
	if length := clockUnits[op.Unit]; length > 0 && (t.Kind != st.KindDate) {
		return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
			x, unit := in[0].I64[i], length*ticks
			shift := int64(0)
			if local {
				ms := floorDiv(x, ticks)
				shift = (toLocal(ms, zone) - ms) * ticks
			}
			low := floorDiv(x+shift, unit) * unit
			if up && low != x+shift {
				low += unit
			}
			out.I64[i] = low - shift
			return has()
		}), nil
	}
	floor, next := dayUnit(op.Unit)
	if floor == nil && clockUnits[op.Unit] == 0 && op.Unit != st.UnitMicrosecond && op.Unit != st.UnitNanosecond {
		return nil, invalid(op.Pos, "%s to %s is not supported", op.Name, op.Unit)
	}
	if floor == nil || t.Kind == st.KindTime { // a unit below what the type holds, or above a day
		return args[0].node, nil
	}
	read := clockOf(c, t)
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		at := read(in[0].I64[i])
		day := floor(at.days)
		// A date that begins its unit moves to the next one all the same, as in Flink where CEIL to DAY of a DATE is the day after.
		if up && (t.Kind == st.KindDate && op.Unit == st.UnitDay || day != at.days || at.milli != 0 || at.nanos != 0) {
			day = next(day)
		}
		if t.Kind == st.KindDate {
			out.I64[i] = day
			return has()
		}
		ms := day * millisPerDay
		if local {
			ms = toInstant(ms, zone)
		}
		out.I64[i] = ms * ticks
		return has()
	}), nil
}

var clockUnits = map[st.Unit]int64{st.UnitMillisecond: 1, st.UnitSecond: 1000, st.UnitMinute: millisPerMinute, st.UnitHour: millisPerHour}

// dayUnit gives the first day of a unit, and the first day of the unit after it.
func dayUnit(u st.Unit) (floor, next func(day int64) int64) {
	years := func(n, first int64) (floor, next func(int64) int64) {
		return func(d int64) int64 { return daysOf(floorDiv(yearOf(d)-first, n)*n+first, 1, 1) },
			func(d int64) int64 { return daysOf(yearOf(d)+n, 1, 1) }
	}
	switch u {
	case st.UnitDay:
		return func(d int64) int64 { return d }, func(d int64) int64 { return d + 1 }
	case st.UnitWeek:
		return func(d int64) int64 { return d - isoWeekday(d)%7 }, func(d int64) int64 { return d + 7 }
	case st.UnitMonth:
		return func(d int64) int64 { y, m, _ := civil(d); return daysOf(y, m, 1) }, func(d int64) int64 { return addMonths(d, 1) }
	case st.UnitQuarter:
		return func(d int64) int64 { y, m, _ := civil(d); return daysOf(y, (m-1)/3*3+1, 1) }, func(d int64) int64 { return addMonths(d, 3) }
	case st.UnitYear:
		return years(1, 0)
	case st.UnitDecade:
		return years(10, 0)
	case st.UnitCentury:
		return years(100, 1)
	case st.UnitMillennium:
		return years(1000, 1)
	}
	return nil, nil
}

// buildTimestampDiff is TIMESTAMPDIFF(unit, from, to): how many whole units lie between.
func buildTimestampDiff(c *Compiler, op *st.Op, args []value) (node, error) {
	from, to := clockOf(c, args[0].typ), clockOf(c, args[1].typ)
	months := map[st.Unit]int64{st.UnitMonth: 1, st.UnitQuarter: 3, st.UnitYear: 12}[op.Unit]
	millis := map[st.Unit]int64{st.UnitMillisecond: 1, st.UnitSecond: 1000, st.UnitMinute: millisPerMinute, st.UnitHour: millisPerHour,
		st.UnitDay: millisPerDay, st.UnitWeek: 7 * millisPerDay}[op.Unit]
	if months == 0 && millis == 0 {
		return nil, invalid(op.Pos, "TIMESTAMPDIFF in %s is not supported", op.Unit)
	}
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		a, b := from(in[0].I64[i]), to(in[1].I64[i])
		var n int64
		if months > 0 {
			n = monthsBetween(b.days, b.milli*1_000_000+b.nanos, a.days, a.milli*1_000_000+a.nanos) / months
		} else {
			n = ((b.days-a.days)*millisPerDay + b.milli - a.milli) / millis
		}
		out.I64[i] = int64(int32(n)) // the result is an INT, which wraps
		return has()
	}), nil
}
