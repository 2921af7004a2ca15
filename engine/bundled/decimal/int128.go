package decimal

import (
	"math/big"
	"math/bits"
)

// FromInt64 returns x.
func FromInt64(x int64) Int128 { return Int128{x >> 63, uint64(x)} }

// Int64 returns x as an int64; ok is false where it does not fit.
func (x Int128) Int64() (v int64, ok bool) { return int64(x.Lo), x.Hi == int64(x.Lo)>>63 }

// Sign is -1, 0 or 1.
func (x Int128) Sign() int {
	switch {
	case x.Hi < 0:
		return -1
	case x.Hi == 0 && x.Lo == 0:
		return 0
	default:
		return 1
	}
}

// Cmp compares as signed numbers: -1, 0, 1.
func (x Int128) Cmp(y Int128) int {
	switch {
	case x.Hi < y.Hi || x.Hi == y.Hi && x.Lo < y.Lo:
		return -1
	case x == y:
		return 0
	default:
		return 1
	}
}

// Neg returns -x. A value of at most 38 digits never overflows.
func (x Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.Hi), borrow)
	return Int128{int64(hi), lo}
}

// Add returns x + y, which wraps: two values of at most 38 digits never do.
func (x Int128) Add(y Int128) Int128 {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	hi, _ := bits.Add64(uint64(x.Hi), uint64(y.Hi), carry)
	return Int128{int64(hi), lo}
}

// Sub returns x − y, which wraps like Add.
func (x Int128) Sub(y Int128) Int128 {
	lo, borrow := bits.Sub64(x.Lo, y.Lo, 0)
	hi, _ := bits.Sub64(uint64(x.Hi), uint64(y.Hi), borrow)
	return Int128{int64(hi), lo}
}

// magnitude returns |x| as an unsigned number of two words.
func (x Int128) magnitude() (hi, lo uint64, negative bool) {
	if x.Hi < 0 {
		x, negative = x.Neg(), true
	}
	return uint64(x.Hi), x.Lo, negative
}

// signed gives an unsigned number its sign; ok is false where it has more than 127 bits.
func signed(hi, lo uint64, negative bool) (x Int128, ok bool) {
	if hi>>63 != 0 {
		return Int128{}, false
	}
	x = Int128{int64(hi), lo}
	if negative {
		x = x.Neg()
	}
	return x, true
}

// mulMagnitude multiplies unsigned numbers; ok is false where the product has more than 128 bits.
func mulMagnitude(ahi, alo, bhi, blo uint64) (hi, lo uint64, ok bool) {
	if ahi != 0 && bhi != 0 {
		return 0, 0, false
	}
	hi, lo = bits.Mul64(alo, blo)
	over, cross := bits.Mul64(ahi|bhi, pick(ahi != 0, blo, alo))
	hi, carry := bits.Add64(hi, cross, 0)
	return hi, lo, over == 0 && carry == 0
}

func pick(c bool, a, b uint64) uint64 {
	if c {
		return a
	}
	return b
}

// divMagnitude divides by a number of one word.
func divMagnitude(hi, lo, d uint64) (qhi, qlo, rem uint64) {
	qhi, rem = hi/d, hi%d
	qlo, rem = bits.Div64(rem, lo, d)
	return qhi, qlo, rem
}

// Big returns x as a big integer: for constants, messages and the rare computation that needs more than 128 bits.
func (x Int128) Big() *big.Int {
	hi, lo, negative := x.magnitude()
	b := new(big.Int).SetUint64(hi)
	b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(lo))
	if negative {
		b.Neg(b)
	}
	return b
}

// FromBig returns b; ok is false where it has more than 127 bits.
func FromBig(b *big.Int) (x Int128, ok bool) {
	if b.BitLen() > 127 {
		return Int128{}, false
	}
	m := new(big.Int).Abs(b)
	lo := new(big.Int).And(m, new(big.Int).SetUint64(1<<64-1)).Uint64()
	return signed(m.Rsh(m, 64).Uint64(), lo, b.Sign() < 0)
}

// pow10 are the powers of ten that 127 bits hold.
var pow10 = func() (p [MaxDigits + 1]Int128) {
	p[0] = FromInt64(1)
	for i := 1; i < len(p); i++ {
		hi, lo, _ := mulMagnitude(uint64(p[i-1].Hi), p[i-1].Lo, 0, 10)
		p[i] = Int128{int64(hi), lo}
	}
	return p
}()

// Fits reports whether x has at most so many digits.
func (x Int128) Fits(precision int) bool {
	if x.Hi < 0 {
		x = x.Neg()
	}
	return x.Hi >= 0 && x.Cmp(pow10[min(precision, MaxDigits)]) < 0
}
