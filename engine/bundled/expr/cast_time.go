package expr

import (
	"bytes"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// temporalCast converts between dates, times and timestamps. A lower precision cuts digits off; with and without time zone differ by the
// session's zone.
func temporalCast(c *Compiler, from, to st.Type) converter {
	zone := c.env.Zone
	fromTicks, toTicks := vec.TicksPerMilli(from.Precision), vec.TicksPerMilli(to.Precision)
	switch {
	case from.IsTimestamp() && to.IsTimestamp():
		change := 0
		if from.Kind != to.Kind {
			change = 1
			if to.Kind == st.KindTimestampLTZ {
				change = -1
			}
		}
		return func(x, out *vec.Vector, i int) (bool, string) {
			ms, rest := floorDiv(x.I64[i], fromTicks), floorMod(x.I64[i], fromTicks)
			switch change {
			case 1:
				ms = toLocal(ms, zone)
			case -1:
				ms = toInstant(ms, zone)
			}
			if ms > maxTicks/toTicks || ms < -maxTicks/toTicks {
				return false, "the timestamp is beyond what " + to.String() + " can hold here"
			}
			v := ms * toTicks
			if toTicks >= fromTicks {
				v += rest * (toTicks / fromTicks)
			} else {
				v += rest / (fromTicks / toTicks)
			}
			out.I64[i] = cutTicks(v, to.Precision)
			return true, ""
		}
	case from.IsTimestamp():
		return func(x, out *vec.Vector, i int) (bool, string) {
			ms := floorDiv(x.I64[i], fromTicks)
			if from.Kind == st.KindTimestampLTZ {
				ms = toLocal(ms, zone)
			}
			if to.Kind == st.KindDate {
				out.I64[i] = floorDiv(ms, millisPerDay)
			} else {
				out.I64[i] = cutTime(floorMod(ms, millisPerDay), to.Precision)
			}
			return true, ""
		}
	case to.IsTimestamp():
		return func(x, out *vec.Vector, i int) (bool, string) {
			ms := x.I64[i]
			if from.Kind == st.KindDate {
				ms *= millisPerDay
			}
			if to.Kind == st.KindTimestampLTZ {
				ms = toInstant(ms, zone)
			}
			out.I64[i] = ms * toTicks
			return true, ""
		}
	case from.Kind == st.KindTime && to.Kind == st.KindTime:
		return func(x, out *vec.Vector, i int) (bool, string) {
			out.I64[i] = cutTime(x.I64[i], to.Precision)
			return true, ""
		}
	case from.Kind == st.KindDate && to.Kind == st.KindDate:
		return func(x, out *vec.Vector, i int) (bool, string) { out.I64[i] = x.I64[i]; return true, "" }
	}
	return nil
}

// cutTicks drops the digits of a timestamp below its precision.
func cutTicks(v int64, precision int) int64 {
	unit := int64(1)
	for p := precision; p != 3 && p != 6 && p != 9; p++ {
		unit *= 10
	}
	return floorDiv(v, unit) * unit
}

// cutTime drops the digits of milliseconds below a precision.
func cutTime(ms int64, precision int) int64 {
	unit := int64(1)
	for ; precision < 3; precision++ {
		unit *= 10
	}
	return ms / unit * unit
}

// temporalFromText reads dates, times and timestamps from text.
func temporalFromText(c *Compiler, to st.Type) converter {
	zone, ticks := c.env.Zone, vec.TicksPerMilli(to.Precision)
	return func(x, out *vec.Vector, i int) (bool, string) {
		text := bytes.TrimSpace(x.Value(i))
		ok := false
		switch to.Kind {
		case st.KindDate:
			out.I64[i], ok = readDate(text)
		case st.KindTime:
			var nanos int64
			nanos, ok = readTime(text)
			out.I64[i] = cutTime(nanos/1_000_000, to.Precision)
		default:
			var ms, nanos int64
			if ms, nanos, ok = readTimestamp(text); ok {
				if to.Kind == st.KindTimestampLTZ {
					ms = toInstant(ms, zone)
				}
				if ms > maxTicks/ticks || ms < -maxTicks/ticks {
					return false, "the timestamp is beyond what " + to.String() + " can hold here"
				}
				out.I64[i] = cutTicks(ms*ticks+nanos*ticks/1_000_000, to.Precision)
			}
		}
		return ok, reasonUnless(ok, x.Value(i), to)
	}
}

// readDate reads yyyy[-M[-d]]; what follows a blank or a T is not looked at.
func readDate(b []byte) (days int64, ok bool) {
	if i := bytes.IndexAny(b, " T"); i > 0 {
		b = b[:i]
	}
	parts := bytes.Split(b, []byte{'-'})
	v := [3]int64{0, 1, 1}
	if len(parts) > 3 {
		return 0, false
	}
	for i, p := range parts {
		if v[i], ok = readDigits(p, 4); !ok {
			return 0, false
		}
	}
	if v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > monthLength(v[0], v[1]) {
		return 0, false
	}
	return daysOf(v[0], v[1], v[2]), true
}

func readDigits(b []byte, most int) (int64, bool) {
	if len(b) == 0 || len(b) > most {
		return 0, false
	}
	v := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}

// readTime reads H[:m[:s[.fraction]]] as nanoseconds.
func readTime(b []byte) (nanos int64, ok bool) {
	b, fraction, point := bytes.Cut(b, []byte{'.'})
	parts := bytes.Split(b, []byte{':'})
	if len(parts) > 3 || point && len(parts) != 3 {
		return 0, false
	}
	limits, v := [3]int64{24, 60, 60}, [3]int64{}
	for i, p := range parts {
		if v[i], ok = readDigits(p, 2); !ok || v[i] >= limits[i] {
			return 0, false
		}
	}
	nanos = (v[0]*3600 + v[1]*60 + v[2]) * 1_000_000_000
	if point {
		f, ok := readDigits(fraction, 9)
		if !ok {
			return 0, false
		}
		for range 9 - len(fraction) {
			f *= 10
		}
		nanos += f
	}
	return nanos, true
}

// readTimestamp reads a date, or a date and a time with a blank or a T between; nanos are those within the millisecond.
func readTimestamp(b []byte) (ms, nanos int64, ok bool) {
	at := bytes.IndexAny(b, " T")
	days, ok := readDate(b)
	if !ok {
		return 0, 0, false
	}
	if at < 0 {
		return days * millisPerDay, 0, true
	}
	n, ok := readTime(b[at+1:])
	return days*millisPerDay + n/1_000_000, n % 1_000_000, ok
}
