package expr

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// toText writes a value as SQL shows it, then cuts it to the length of the type and fills a CHAR up with blanks.
func toText(c *Compiler, from, to st.Type) converter {
	write := writerOf(c, from)
	if write == nil {
		return nil
	}
	return func(x, out *vec.Vector, i int) (bool, string) {
		at := len(out.Data)
		out.Data = write(out.Data, x, i)
		if to.Length != st.MaxLength {
			out.Data = fitText(out.Data, at, to)
		}
		out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
		return true, ""
	}
}

// fitText cuts the text from at on to so many characters, and pads a CHAR.
func fitText(b []byte, at int, to st.Type) []byte {
	n, end := 0, at
	for end < len(b) && n < to.Length {
		_, size := utf8.DecodeRune(b[end:])
		end += size
		n++
	}
	b = b[:end]
	if to.Kind == st.KindChar {
		for ; n < to.Length; n++ {
			b = append(b, ' ')
		}
	}
	return b
}

// writerOf says how a type is written as text.
func writerOf(c *Compiler, t st.Type) func(dst []byte, x *vec.Vector, i int) []byte {
	switch {
	case t.IsInteger():
		return func(dst []byte, x *vec.Vector, i int) []byte { return strconv.AppendInt(dst, x.I64[i], 10) }
	case t.IsApproximate():
		size := 64
		if t.Kind == st.KindFloat {
			size = 32
		}
		return func(dst []byte, x *vec.Vector, i int) []byte { return appendJavaFloat(dst, x.F64[i], size) }
	case t.Kind == st.KindDecimal:
		return func(dst []byte, x *vec.Vector, i int) []byte { return decimal.Append(dst, x.Dec[i], t.Scale) }
	case t.Kind == st.KindBoolean:
		return func(dst []byte, x *vec.Vector, i int) []byte {
			if x.Bool[i] {
				return append(dst, "TRUE"...)
			}
			return append(dst, "FALSE"...)
		}
	case t.IsString():
		return func(dst []byte, x *vec.Vector, i int) []byte { return append(dst, x.Value(i)...) }
	case t.IsBytes():
		return func(dst []byte, x *vec.Vector, i int) []byte {
			if b := x.Value(i); utf8.Valid(b) {
				return append(dst, b...)
			}
			return append(dst, strings.ToValidUTF8(string(x.Value(i)), "\ufffd")...)
		}
	case t.Kind == st.KindDate:
		return func(dst []byte, x *vec.Vector, i int) []byte { return appendDate(dst, x.I64[i]) }
	case t.Kind == st.KindTime:
		return func(dst []byte, x *vec.Vector, i int) []byte { return appendTime(dst, x.I64[i]*1_000_000, t.Precision) }
	case t.IsTimestamp():
		ticks := vec.TicksPerMilli(t.Precision)
		zone := c.env.Zone
		local := t.Kind == st.KindTimestampLTZ
		return func(dst []byte, x *vec.Vector, i int) []byte {
			ms, nanos := floorDiv(x.I64[i], ticks), floorMod(x.I64[i], ticks)*(1_000_000/ticks)
			if local {
				ms = toLocal(ms, zone)
			}
			return appendTimestamp(dst, ms, nanos, t.Precision)
		}
	case t.Kind == st.KindIntervalYearMonth:
		return func(dst []byte, x *vec.Vector, i int) []byte {
			m := x.I64[i]
			dst = append(dst, sign(m))
			m = magnitude(m)
			dst = strconv.AppendInt(dst, m/12, 10)
			return appendPadded(append(dst, '-'), m%12, 2)
		}
	case t.Kind == st.KindIntervalDayTime:
		return func(dst []byte, x *vec.Vector, i int) []byte {
			ms := x.I64[i]
			dst = append(dst, sign(ms))
			ms = magnitude(ms)
			dst = strconv.AppendInt(dst, ms/millisPerDay, 10)
			return appendTime(append(dst, ' '), ms%millisPerDay*1_000_000, 3)
		}
	}
	return nil
}

func sign(x int64) byte {
	if x < 0 {
		return '-'
	}
	return '+'
}

func magnitude(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}

// appendPadded writes a number that is not negative with at least so many digits.
func appendPadded(dst []byte, x int64, width int) []byte {
	var buf [20]byte
	at := len(buf)
	for n := 0; x > 0 || n < width; n++ {
		at--
		buf[at] = byte('0' + x%10)
		x /= 10
	}
	return append(dst, buf[at:]...)
}

func appendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	if y < 0 {
		dst, y = append(dst, '-'), -y
	}
	dst = append(appendPadded(dst, y, 4), '-')
	dst = append(appendPadded(dst, m, 2), '-')
	return appendPadded(dst, d, 2)
}

// appendTimestamp writes a date and a time; nanos are those within the millisecond.
func appendTimestamp(dst []byte, ms, nanos int64, precision int) []byte {
	dst = append(appendDate(dst, floorDiv(ms, millisPerDay)), ' ')
	return appendTime(dst, floorMod(ms, millisPerDay)*1_000_000+nanos, precision)
}

// appendTime writes a time of day, given in nanoseconds, with as many digits of a fraction as the precision has.
func appendTime(dst []byte, nanos int64, precision int) []byte {
	seconds := nanos / 1_000_000_000
	dst = append(appendPadded(dst, seconds/3600, 2), ':')
	dst = append(appendPadded(dst, seconds/60%60, 2), ':')
	dst = appendPadded(dst, seconds%60, 2)
	if precision > 0 {
		fraction := nanos % 1_000_000_000
		for range 9 - precision {
			fraction /= 10
		}
		dst = appendPadded(append(dst, '.'), fraction, precision)
	}
	return dst
}

// appendJavaFloat writes a number as Java's Double.toString and Float.toString do.
func appendJavaFloat(dst []byte, f float64, size int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		at := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, size)
		if bytes.IndexByte(dst[at:], '.') < 0 {
			dst = append(dst, '.', '0')
		}
		return dst
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], f, 'E', -1, size)
	mantissa, exponent, _ := bytes.Cut(text, []byte{'E'})
	dst = append(dst, mantissa...)
	if bytes.IndexByte(mantissa, '.') < 0 {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(exponent[1:], "0")...)
}

// fromText reads a value from text, with blanks around it.
func fromText(c *Compiler, to st.Type) converter {
	switch {
	case to.IsInteger():
		shift := 64 - widths[to.Kind]
		return func(x, out *vec.Vector, i int) (bool, string) {
			v, ok := readInteger(bytes.TrimSpace(x.Value(i)))
			if ok && v<<shift>>shift == v {
				out.I64[i] = v
				return true, ""
			}
			return false, unreadable(x.Value(i), to)
		}
	case to.IsApproximate():
		size := 64
		if to.Kind == st.KindFloat {
			size = 32
		}
		return func(x, out *vec.Vector, i int) (bool, string) {
			f, ok := readFloat(string(bytes.TrimSpace(x.Value(i))), size)
			out.F64[i] = f
			return ok, reasonUnless(ok, x.Value(i), to)
		}
	case to.Kind == st.KindDecimal:
		return func(x, out *vec.Vector, i int) (bool, string) {
			d, fits, valid := decimal.Parse(bytes.TrimSpace(x.Value(i)), to.Precision, to.Scale)
			out.Dec[i] = d
			return valid && fits, reasonUnless(valid && fits, x.Value(i), to)
		}
	case to.Kind == st.KindBoolean:
		return func(x, out *vec.Vector, i int) (bool, string) {
			switch strings.ToLower(string(bytes.TrimSpace(x.Value(i)))) {
			case "t", "true", "y", "yes", "1":
				out.Bool[i] = true
			case "f", "false", "n", "no", "0":
				out.Bool[i] = false
			default:
				return false, unreadable(x.Value(i), to)
			}
			return true, ""
		}
	case to.IsBytes():
		return fitBytes(to)
	case to.IsTemporal():
		return temporalFromText(c, to)
	}
	return nil
}

func reasonUnless(ok bool, text []byte, to st.Type) string {
	if ok {
		return ""
	}
	return unreadable(text, to)
}

// readInteger reads an integer; a fraction is dropped, as Flink does.
func readInteger(b []byte) (int64, bool) {
	whole, fraction, point := bytes.Cut(b, []byte{'.'})
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	if point && len(fraction) == 0 && len(whole) == 0 {
		return 0, false
	}
	v, err := strconv.ParseInt(string(whole), 10, 64)
	return v, err == nil
}

// readFloat reads a number as Java's Double.parseDouble does, save hexadecimal ones.
func readFloat(s string, size int) (float64, bool) {
	switch strings.TrimLeft(s, "+-") {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if s[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	if n := len(s); n > 1 && strings.IndexByte("dDfF", s[n-1]) >= 0 {
		s = s[:n-1]
	}
	if strings.ContainsAny(s, "xXpPiInN_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, size)
	if err != nil && !math.IsInf(f, 0) { // too large a number is infinite in Java
		return 0, false
	}
	return f, true
}
