package decimal

import "math/big"

// A result that has more than precision digits is no value: ok is false, and SQL sees NULL. All rounding is half away from zero, as
// Flink's (RoundingMode.HALF_UP).

// Rescale turns an unscaled value of scale from into one of scale to.
func (x Int128) Rescale(from, to, precision int) (r Int128, ok bool) {
	switch {
	case to == from:
		return x, x.Fits(precision)
	case to > from:
		if to-from > MaxDigits {
			return Int128{}, x == Int128{}
		}
		hi, lo, negative := x.magnitude()
		p := pow10[to-from]
		hi, lo, ok = mulMagnitude(hi, lo, uint64(p.Hi), p.Lo)
		if !ok {
			return Int128{}, false
		}
		if r, ok = signed(hi, lo, negative); !ok {
			return Int128{}, false
		}
		return r, r.Fits(precision)
	default:
		r = x.divPow10(from - to)
		return r, r.Fits(precision)
	}
}

// divPow10 divides by 10^n and rounds.
func (x Int128) divPow10(n int) Int128 {
	if n > MaxDigits {
		return Int128{}
	}
	hi, lo, negative := x.magnitude()
	if n <= 19 { // 10^19 is the largest power of ten in one word
		d := pow10[n].Lo
		qhi, qlo, rem := divMagnitude(hi, lo, d)
		if rem >= d-rem {
			if qlo++; qlo == 0 {
				qhi++
			}
		}
		r, _ := signed(qhi, qlo, negative)
		return r
	}
	r, _ := FromBig(roundQuo(x.Big(), pow10[n].Big()))
	return r
}

// roundQuo divides and rounds half away from zero.
func roundQuo(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	if r.Abs(r).Lsh(r, 1).CmpAbs(b) >= 0 {
		if a.Sign()*b.Sign() < 0 {
			return q.Sub(q, big.NewInt(1))
		}
		return q.Add(q, big.NewInt(1))
	}
	return q
}

// Add adds values of scales sa and sb to one of the given precision and scale.
func Add(a Int128, sa int, b Int128, sb, precision, scale int) (Int128, bool) {
	if sa == sb {
		return a.Add(b).Rescale(sa, scale, precision)
	}
	common := max(sa, sb)
	x, ok1 := a.Rescale(sa, common, MaxDigits)
	y, ok2 := b.Rescale(sb, common, MaxDigits)
	if ok1 && ok2 {
		return x.Add(y).Rescale(common, scale, precision)
	}
	sum := new(big.Int).Add(scaleUp(a.Big(), common-sa), scaleUp(b.Big(), common-sb))
	return fromBig(sum, common, precision, scale)
}

// Mul multiplies.
func Mul(a Int128, sa int, b Int128, sb, precision, scale int) (Int128, bool) {
	ahi, alo, an := a.magnitude()
	bhi, blo, bn := b.magnitude()
	if hi, lo, ok := mulMagnitude(ahi, alo, bhi, blo); ok {
		if r, ok := signed(hi, lo, an != bn); ok {
			return r.Rescale(sa+sb, scale, precision)
		}
	}
	return fromBig(new(big.Int).Mul(a.Big(), b.Big()), sa+sb, precision, scale)
}

// Quo divides; b is not zero. Like Flink it divides to 38 significant digits first and rounds to the scale after.
func Quo(a Int128, sa int, b Int128, sb, precision, scale int) (Int128, bool) {
	// a·10^-sa ÷ b·10^-sb, at the scale wanted, is a·10^(scale+sb-sa) ÷ b.
	if shift := scale + sb - sa; shift >= 0 && shift <= MaxDigits {
		ahi, alo, an := a.magnitude()
		bhi, blo, bn := b.magnitude()
		p := pow10[shift]
		if hi, lo, ok := mulMagnitude(ahi, alo, uint64(p.Hi), p.Lo); ok && bhi == 0 && hi>>63 == 0 {
			qhi, qlo, rem := divMagnitude(hi, lo, blo)
			// One digit more than the quotient has cannot have been rounded by 38 digits unless the quotient is long.
			if q, ok := signed(qhi, qlo, an != bn); ok && q.Fits(MaxDigits-20) {
				if rem >= blo-rem {
					if an != bn {
						q = q.Sub(FromInt64(1))
					} else {
						q = q.Add(FromInt64(1))
					}
				}
				return q, q.Fits(precision)
			}
		}
	}
	return quoBig(a, sa, b, sb, precision, scale)
}

// quoBig is Quo by the letter: MathContext(38, HALF_UP), then the scale.
func quoBig(a Int128, sa int, b Int128, sb, precision, scale int) (Int128, bool) {
	if a.Sign() == 0 {
		return Int128{}, true
	}
	n, d := a.Big(), b.Big()
	// Enough digits that the quotient has at least 38.
	shift := max(0, MaxDigits+digits(d)-digits(n)+1)
	q, r := new(big.Int).QuoRem(scaleUp(n, shift), d, new(big.Int))
	s := sa - sb + shift
	// A remainder lies above the last digit: a digit more says so without changing what rounds to 38 digits.
	q.Mul(q, big.NewInt(10))
	s++
	if r.Sign() != 0 {
		if n.Sign()*d.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	if over := digits(q) - MaxDigits; over > 0 {
		q = roundQuo(q, tenTo(over))
		s -= over
	}
	return fromBig(q, s, precision, scale)
}

// Rem is the remainder with the sign of the dividend; b is not zero.
func Rem(a Int128, sa int, b Int128, sb, precision, scale int) (Int128, bool) {
	common := max(sa, sb)
	x, ok1 := a.Rescale(sa, common, MaxDigits)
	y, ok2 := b.Rescale(sb, common, MaxDigits)
	if ok1 && ok2 {
		if p, ok := x.Int64(); ok {
			if q, ok := y.Int64(); ok {
				return FromInt64(p%q).Rescale(common, scale, precision)
			}
		}
	}
	r := new(big.Int).Rem(scaleUp(a.Big(), common-sa), scaleUp(b.Big(), common-sb))
	return fromBig(r, common, precision, scale)
}

// Compare compares values of different scales.
func Compare(a Int128, sa int, b Int128, sb int) int {
	if sa == sb {
		return a.Cmp(b)
	}
	common := max(sa, sb)
	x, ok1 := a.Rescale(sa, common, MaxDigits)
	y, ok2 := b.Rescale(sb, common, MaxDigits)
	if ok1 && ok2 {
		return x.Cmp(y)
	}
	return scaleUp(a.Big(), common-sa).Cmp(scaleUp(b.Big(), common-sb))
}

func fromBig(b *big.Int, from, precision, scale int) (Int128, bool) {
	if scale >= from {
		b = scaleUp(b, scale-from)
	} else {
		b = roundQuo(b, tenTo(from-scale))
	}
	x, ok := FromBig(b)
	return x, ok && x.Fits(precision)
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func scaleUp(b *big.Int, n int) *big.Int { return new(big.Int).Mul(b, tenTo(n)) }

func digits(b *big.Int) int { return len(new(big.Int).Abs(b).String()) }
