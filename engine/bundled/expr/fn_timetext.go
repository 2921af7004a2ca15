package expr

import (
	"math"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"DATE_FORMAT":       buildDateFormat,
	"TO_TIMESTAMP":      buildToTimestamp,
	"TO_TIMESTAMP_LTZ":  buildToTimestampLTZ,
	"FROM_UNIXTIME":     buildFromUnixtime,
	"UNIX_TIMESTAMP":    buildUnixTimestamp,
	"CURRENT_WATERMARK": refuse("it depends on when rows arrive; compare with a column instead"),
	"SOURCE_WATERMARK":  refuse("it stands in WATERMARK declarations only"),
})

// refuse builds a function that the dialect has and this engine does not run.
func refuse(why string) builder {
	return func(c *Compiler, op *st.Op, args []value) (node, error) {
		return nil, invalid(op.Pos, "the function %s is not supported: %s", op.Name, why)
	}
}

const plainTime = "yyyy-MM-dd HH:mm:ss"

// patterns gives the time pattern of each row: parsed once where it is constant.
func patterns(op *st.Op, args []value, at int) (func(in []*vec.Vector, i int) (timePattern, error), error) {
	text := plainTime
	switch {
	case at >= len(args):
	case args[at].constant == nil:
		var last string
		var p timePattern
		var err error
		return func(in []*vec.Vector, i int) (timePattern, error) {
			if b := in[at].Value(i); p == nil && err == nil || string(b) != last {
				last = string(b)
				p, err = parseTimePattern(last)
			}
			return p, err
		}, nil
	case args[at].constant.null():
		return func([]*vec.Vector, int) (timePattern, error) { return nil, nil }, nil
	default:
		text = string(args[at].constant.one.Value(0))
	}
	p, err := parseTimePattern(text)
	if err != nil {
		return nil, invalid(op.Pos, "%v", err)
	}
	return func([]*vec.Vector, int) (timePattern, error) { return p, nil }, nil
}

// buildDateFormat is DATE_FORMAT of a timestamp, a date or a text in the plain form.
func buildDateFormat(c *Compiler, op *st.Op, args []value) (node, error) {
	pattern, err := patterns(op, args, 1)
	if err != nil {
		return nil, err
	}
	read := clockOf(c, args[0].typ)
	fromText := args[0].typ.IsString()
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		p, err := pattern(in, i)
		if err != nil {
			return false, err.Error()
		}
		var at clock
		if fromText {
			ms, nanos, ok := readTimestamp(in[0].Value(i))
			if !ok {
				return isNull()
			}
			at = clock{floorDiv(ms, millisPerDay), floorMod(ms, millisPerDay), nanos}
		} else {
			at = read(in[0].I64[i])
		}
		start := len(out.Data)
		out.Data = p.append(out.Data, at)
		out.Refs[i] = vec.Ref{At: uint32(start), Len: uint32(len(out.Data) - start)}
		return has()
	}), nil
}

// parseTime reads a text by a pattern, or else in the plain form, as Flink does.
func parseTime(p timePattern, b []byte) (ms, nanos int64, ok bool) {
	if c, ok := p.parse(b); ok {
		return c.days*millisPerDay + c.milli, c.nanos, true
	}
	return readTimestamp(b)
}

func buildToTimestamp(c *Compiler, op *st.Op, args []value) (node, error) {
	pattern, err := patterns(op, args, 1)
	if err != nil {
		return nil, err
	}
	ticks := vec.TicksPerMilli(op.Of.Precision)
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		p, err := pattern(in, i)
		if err != nil {
			return false, err.Error()
		}
		ms, nanos, ok := parseTime(p, in[0].Value(i))
		if ok {
			out.I64[i] = ms*ticks + nanos*ticks/1_000_000
		}
		return ok, ""
	}), nil
}

// buildToTimestampLTZ takes seconds or milliseconds since the epoch, or a text with a pattern in a zone (UTC where it is not told).
func buildToTimestampLTZ(c *Compiler, op *st.Op, args []value) (node, error) {
	if args[0].typ.IsString() {
		return buildTextToLTZ(op, args)
	}
	number, err := asKind(c, args[0], args[0].kind)
	if err != nil {
		return nil, err
	}
	if args[0].typ.Kind == st.KindDecimal {
		if number, err = coerce(c, args[0], st.Double()); err != nil {
			return nil, err
		}
	}
	args = append([]value{number}, args[1:]...)
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		unit := int64(1)
		if len(in) > 1 && in[1].I64[i] == 0 {
			unit = 1000
		}
		if in[0].Kind == vec.Int64 {
			x := in[0].I64[i]
			out.I64[i] = x * unit
			return inRange(x, unit), ""
		}
		f := in[0].F64[i] * float64(unit)
		if math.IsNaN(f) || math.Abs(f) > maxEpochMillis {
			return isNull()
		}
		out.I64[i] = int64(f)
		return has()
	}), nil
}

// maxEpochMillis is 9999-12-31T23:59:59.999: later instants, and those before year 1 below its negative, are no timestamps in SQL.
const maxEpochMillis = 253402300799999

func inRange(x, unit int64) bool { return x <= maxEpochMillis/unit && x >= -maxEpochMillis/unit }

func buildTextToLTZ(op *st.Op, args []value) (node, error) {
	pattern, err := patterns(op, args, 1)
	if err != nil {
		return nil, err
	}
	zones := map[string]*time.Location{}
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		p, err := pattern(in, i)
		if err != nil {
			return false, err.Error()
		}
		zone := time.UTC
		if len(in) > 2 {
			name := in[2].Value(i)
			if zone = zones[string(name)]; zone == nil {
				if zone, err = Zone(string(name)); err != nil {
					return isNull()
				}
				zones[string(name)] = zone
			}
		}
		ms, _, ok := parseTime(p, in[0].Value(i))
		out.I64[i] = toInstant(ms, zone)
		return ok, ""
	}), nil
}

// buildFromUnixtime writes seconds since the epoch by the session's clock.
func buildFromUnixtime(c *Compiler, op *st.Op, args []value) (node, error) {
	pattern, err := patterns(op, args, 1)
	if err != nil {
		return nil, err
	}
	zone := c.env.Zone
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		p, err := pattern(in, i)
		if err != nil {
			return false, err.Error()
		}
		if !inRange(in[0].I64[i], 1000) {
			return isNull()
		}
		ms := toLocal(in[0].I64[i]*1000, zone)
		start := len(out.Data)
		out.Data = p.append(out.Data, clock{days: floorDiv(ms, millisPerDay), milli: floorMod(ms, millisPerDay)})
		out.Refs[i] = vec.Ref{At: uint32(start), Len: uint32(len(out.Data) - start)}
		return has()
	}), nil
}

// buildUnixTimestamp reads a text by the session's clock as seconds since the epoch. What is no time is Long.MIN_VALUE milliseconds, as in
// Flink.
func buildUnixTimestamp(c *Compiler, op *st.Op, args []value) (node, error) {
	pattern, err := patterns(op, args, 1)
	if err != nil {
		return nil, err
	}
	zone := c.env.Zone
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		p, err := pattern(in, i)
		if err != nil {
			return false, err.Error()
		}
		at, ok := p.parse(in[0].Value(i))
		if !ok {
			out.I64[i] = math.MinInt64 / 1000
			return has()
		}
		out.I64[i] = floorDiv(toInstant(at.days*millisPerDay+at.milli, zone), 1000)
		return has()
	}), nil
}
