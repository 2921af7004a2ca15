package expr

import (
	"math"
	"math/big"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"ABS":      buildAbs,
	"SIGN":     buildSign,
	"POWER":    strict(power),
	"SQRT":     strict(squareRoot),
	"ROUND":    buildRound,
	"TRUNCATE": buildRound,
	"CEIL":     buildWhole,
	"FLOOR":    buildWhole,
})

func buildAbs(c *Compiler, op *st.Op, args []value) (node, error) {
	shift := 64 - max(8, widths[op.Of.Kind])
	if !op.Of.IsInteger() {
		shift = 0
	}
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		switch x := in[0]; x.Kind {
		case vec.Int64:
			out.I64[i] = magnitude(x.I64[i]) << shift >> shift
		case vec.Float64:
			out.F64[i] = math.Abs(x.F64[i])
		default:
			out.Dec[i] = x.Dec[i]
			if x.Dec[i].Sign() < 0 {
				out.Dec[i] = x.Dec[i].Neg()
			}
		}
		return has()
	}), nil
}

func buildSign(c *Compiler, op *st.Op, args []value) (node, error) {
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		switch x := in[0]; x.Kind {
		case vec.Int64:
			out.I64[i] = int64(bit(x.I64[i] > 0) - bit(x.I64[i] < 0))
		case vec.Float64:
			switch f := x.F64[i]; {
			case f > 0:
				out.F64[i] = 1
			case f < 0:
				out.F64[i] = -1
			default:
				out.F64[i] = f // 0, −0 and NaN stay what they are
			}
		default:
			d, ok := decimal.FromInt64(int64(x.Dec[i].Sign())).Rescale(0, op.Of.Scale, op.Of.Precision)
			out.Dec[i] = d
			return ok, ""
		}
		return has()
	}), nil
}

func power(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	out.F64[i] = math.Pow(in[0].F64[i], in[1].F64[i])
	return has()
}

func squareRoot(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	out.F64[i] = math.Sqrt(in[0].F64[i])
	return has()
}

// buildRound is ROUND and TRUNCATE to a number of digits, which may be negative.
func buildRound(c *Compiler, op *st.Op, args []value) (node, error) {
	x := args[0].typ
	cut := op.Name == "TRUNCATE"
	shift := uint(0)
	if x.IsInteger() {
		shift = 64 - widths[x.Kind]
	}
	size := 64
	if x.Kind == st.KindFloat {
		size = 32
	}
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		digits := int64(0)
		if len(in) > 1 {
			digits = in[1].I64[i]
		}
		switch v := in[0]; v.Kind {
		case vec.Int64:
			if digits >= 0 {
				out.I64[i] = v.I64[i]
				return has()
			}
			out.I64[i] = roundInt(v.I64[i], -digits, cut) << shift >> shift
		case vec.Float64:
			out.F64[i] = roundFloat(v.F64[i], size, digits, cut)
		default:
			r, ok := roundDecimal(v.Dec[i], x.Scale, digits, op.Of, cut)
			out.Dec[i] = r
			return ok, ""
		}
		return has()
	}), nil
}

// roundInt rounds to so many zeros at the end, half away from zero.
func roundInt(x, zeros int64, cut bool) int64 {
	if zeros > 19 {
		return 0
	}
	unit := tenTo(zeros)
	b := big.NewInt(x)
	q, rest := new(big.Int).QuoRem(b, unit, new(big.Int))
	if !cut && rest.Abs(rest).Lsh(rest, 1).Cmp(unit) >= 0 {
		q.Add(q, big.NewInt(int64(b.Sign())))
	}
	q.Mul(q, unit)
	if !q.IsInt64() {
		return int64(new(big.Int).And(q, new(big.Int).SetUint64(math.MaxUint64)).Uint64())
	}
	return q.Int64()
}

func tenTo(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// roundFloat rounds the number's shortest decimal form, as BigDecimal.valueOf does.
func roundFloat(f float64, size int, digits int64, cut bool) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || digits > 330 {
		return f
	}
	if digits < -330 {
		return 0
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, size))
	unit := new(big.Rat).SetInt(tenTo(int64(math.Abs(float64(digits)))))
	if digits < 0 {
		unit.Inv(unit)
	}
	r.Mul(r, unit)
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if !cut && rest.Abs(rest).Lsh(rest, 1).Cmp(r.Denom()) >= 0 {
		q.Add(q, big.NewInt(int64(r.Sign())))
	}
	out, _ := new(big.Rat).Quo(new(big.Rat).SetInt(q), unit).Float64()
	if size == 32 {
		return float64(float32(out))
	}
	return out
}

// roundDecimal rounds to a number of digits after the point, which may be negative, and gives the result its type.
func roundDecimal(x decimal.Int128, scale int, digits int64, of st.Type, cut bool) (decimal.Int128, bool) {
	if digits >= int64(scale) {
		return x.Rescale(scale, of.Scale, of.Precision)
	}
	drop := int(min(int64(scale)-digits, 2*decimal.MaxDigits))
	to := scale - drop
	if cut {
		x = decimal.Truncate(x, drop)
	} else {
		x, _ = x.Rescale(scale, to, decimal.MaxDigits)
	}
	return x.Rescale(to, of.Scale, of.Precision)
}

// buildWhole is CEIL and FLOOR of a number, or of a time to a unit.
func buildWhole(c *Compiler, op *st.Op, args []value) (node, error) {
	if op.Unit != "" {
		return buildRoundTime(c, op, args)
	}
	scale := args[0].typ.Scale
	up := op.Name == "CEIL"
	return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		switch x := in[0]; x.Kind {
		case vec.Int64:
			out.I64[i] = x.I64[i]
		case vec.Float64:
			if up {
				out.F64[i] = math.Ceil(x.F64[i])
			} else {
				out.F64[i] = math.Floor(x.F64[i])
			}
		default:
			d := decimal.Truncate(x.Dec[i], scale)
			if back, _ := d.Rescale(0, scale, decimal.MaxDigits); back != x.Dec[i] {
				if up && x.Dec[i].Sign() > 0 {
					d = d.Add(decimal.FromInt64(1))
				} else if !up && x.Dec[i].Sign() < 0 {
					d = d.Sub(decimal.FromInt64(1))
				}
			}
			out.Dec[i] = d
			return d.Fits(op.Of.Precision), ""
		}
		return has()
	}), nil
}
