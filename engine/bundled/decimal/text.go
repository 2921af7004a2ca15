package decimal

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Append writes x at the scale in plain notation: Append(nil, 1250, 2) is "12.50".
func Append(dst []byte, x Int128, scale int) []byte {
	hi, lo, negative := x.magnitude()
	var buf [48]byte
	at := len(buf)
	for n := 0; hi != 0 || lo != 0 || n <= scale; n++ {
		if n == scale && scale > 0 {
			at--
			buf[at] = '.'
		}
		var d uint64
		hi, lo, d = divMagnitude(hi, lo, 10)
		at--
		buf[at] = byte('0' + d)
	}
	if negative {
		at--
		buf[at] = '-'
	}
	return append(dst, buf[at:]...)
}

// Parse reads a number as SQL and Java's BigDecimal write it, with an optional exponent, and rounds it to the scale. valid is false
// where it is no number, ok where it has more digits than precision.
func Parse(s []byte, precision, scale int) (x Int128, ok, valid bool) {
	i, negative := 0, false
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		negative = s[i] == '-'
		i++
	}
	var hi, lo uint64
	digits, point, fraction, long := 0, false, 0, false
	start := i
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		if point {
			fraction++
		}
		if h, l, fit := mulMagnitude(hi, lo, 0, 10); fit && h>>62 == 0 {
			var carry uint64
			lo, carry = bits.Add64(l, uint64(c-'0'), 0)
			hi = h + carry
		} else {
			long = true
		}
	}
	if digits == 0 {
		return Int128{}, false, false
	}
	mantissa := s[start:i]
	exponent := 0
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		e, err := strconv.Atoi(string(s[i+1:]))
		if err != nil {
			return Int128{}, false, false
		}
		exponent, i = e, len(s)
	}
	if i != len(s) {
		return Int128{}, false, false
	}
	if exponent > 1000 || exponent < -1000 || len(mantissa) > 2000 {
		x, ok = Int128{}, exponent < 0 && len(mantissa) <= 900
		return x, ok, true
	}
	from := fraction - exponent
	if !long && from >= 0 && from-scale <= MaxDigits {
		if v, fit := signed(hi, lo, negative); fit {
			x, ok = v.Rescale(from, scale, precision)
			return x, ok, true
		}
	}
	b, _ := new(big.Int).SetString(string(removePoint(mantissa)), 10)
	if negative {
		b.Neg(b)
	}
	if from < 0 {
		b, from = scaleUp(b, -from), 0
	}
	x, ok = fromBig(b, from, precision, scale)
	return x, ok, true
}

func removePoint(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for _, c := range s {
		if c != '.' {
			out = append(out, c)
		}
	}
	return out
}

// Float64 returns the nearest float64.
func (x Int128) Float64(scale int) float64 {
	// Both are exact in a float64, so their quotient is rounded once.
	if v, ok := x.Int64(); ok && v < 1<<53 && v > -1<<53 && scale <= 22 {
		return float64(v) / floatPow10[scale]
	}
	f, _ := strconv.ParseFloat(string(Append(nil, x, scale)), 64)
	return f
}

var floatPow10 = [23]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// FromFloat64 returns f's shortest decimal form, as BigDecimal.valueOf gives it, rounded to the scale. ok is false for NaN, infinities and
// too many digits. bitSize is 32 for a FLOAT.
func FromFloat64(f float64, bitSize, precision, scale int) (x Int128, ok bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Int128{}, false
	}
	var buf [40]byte
	x, ok, _ = Parse(strconv.AppendFloat(buf[:0], f, 'e', -1, bitSize), precision, scale)
	return x, ok
}

// AppendBytes appends x as two's complement, big endian, in the fewest bytes, as Avro's decimal has it.
func AppendBytes(dst []byte, x Int128) []byte {
	var buf [16]byte
	binary.BigEndian.PutUint64(buf[:], uint64(x.Hi))
	binary.BigEndian.PutUint64(buf[8:], x.Lo)
	at := 0
	for at < 15 && (buf[at] == 0 && buf[at+1] < 0x80 || buf[at] == 0xff && buf[at+1] >= 0x80) {
		at++
	}
	return append(dst, buf[at:]...)
}

// FromBytes reads two's complement, big endian. ok is false where it has more than 128 bits; no bytes are 0.
func FromBytes(b []byte) (x Int128, ok bool) {
	if len(b) == 0 {
		return Int128{}, true
	}
	sign := byte(int8(b[0]) >> 7)
	for len(b) > 16 {
		if b[0] != sign || (b[1]^sign)&0x80 != 0 {
			return Int128{}, false
		}
		b = b[1:]
	}
	var buf [16]byte
	for i := range buf[:16-len(b)] {
		buf[i] = sign
	}
	copy(buf[16-len(b):], b)
	return Int128{int64(binary.BigEndian.Uint64(buf[:])), binary.BigEndian.Uint64(buf[8:])}, true
}

// Truncate drops the fraction of x.
func Truncate(x Int128, scale int) Int128 {
	hi, lo, negative := x.magnitude()
	for scale > 0 {
		n := min(scale, 19)
		hi, lo, _ = divMagnitude(hi, lo, pow10[n].Lo)
		scale -= n
	}
	r, _ := signed(hi, lo, negative)
	return r
}
