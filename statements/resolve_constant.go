package statements

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// literal is the constant of a literal, with the type that Flink gives it.
func literal(n *Literal) Scalar {
	c := &Constant{Pos: n.Pos}
	switch n.Kind {
	case NullLiteral:
		c.Of = Type{Kind: KindNull, Nullable: true}
	case BoolLiteral:
		c.Of, c.Value = Boolean().NotNull(), n.Text == "TRUE"
	case NumberLiteral:
		c.Of, c.Value = number(n)
	case StringLiteral:
		c.Of, c.Value = Char(len([]rune(n.Text))).NotNull(), n.Text
	case BytesLiteral:
		b, err := hex.DecodeString(n.Text)
		if err != nil {
			panic(&problem{Pos: n.Pos, rule: RuleSyntax, message: "a binary literal is an even number of hex digits"})
		}
		c.Of, c.Value = Type{Kind: KindBinary, Length: len(b)}, b
	case DateLiteral, TimeLiteral, TimestampLiteral:
		at, err := parseTimeLiteral(n.Kind, n.Text)
		if err != nil {
			panic(&problem{Pos: n.Pos, rule: RuleSyntax, message: err.Error()})
		}
		switch n.Kind {
		case DateLiteral:
			c.Of, c.Value = Date().NotNull(), at.Millis/86_400_000
		case TimeLiteral:
			c.Of, c.Value = Time(fractionDigits(n.Text)).NotNull(), at.Millis
		default:
			c.Of, c.Value = Timestamp(fractionDigits(n.Text)).NotNull(), at
		}
	}
	return c
}

// number is INT or BIGINT where it fits and has no point, DOUBLE with an exponent, and DECIMAL otherwise.
func number(n *Literal) (Type, any) {
	if strings.ContainsAny(n.Text, "eE") {
		f, err := strconv.ParseFloat(n.Text, 64)
		if err != nil || math.IsInf(f, 0) {
			typeProblem(n.Pos, "", "the number %s is too large for a DOUBLE", clip(n.Text))
		}
		return Double().NotNull(), f
	}
	whole, fraction, point := strings.Cut(n.Text, ".")
	if !point {
		if v, err := strconv.ParseInt(whole, 10, 64); err == nil {
			if v <= math.MaxInt32 {
				return Int().NotNull(), v
			}
			return BigInt().NotNull(), v
		}
	}
	unscaled := strings.TrimLeft(whole+fraction, "0")
	precision := max(1, len(unscaled), len(fraction))
	if precision > MaxPrecision {
		typeProblem(n.Pos, "write it as a DOUBLE, with an exponent", "the number %s has more than %d digits", clip(n.Text), MaxPrecision)
	}
	v := new(big.Int)
	if unscaled != "" {
		v.SetString(unscaled, 10)
	}
	return Decimal(precision, len(fraction)).NotNull(), v
}

func interval(n *Interval) Scalar {
	months, millis, err := n.value()
	if err != nil {
		panic(&problem{Pos: n.Pos, rule: RuleSyntax, message: err.Error()})
	}
	c := &Constant{Pos: n.Pos, Of: n.Type(), Value: millis}
	if c.Of.Kind == KindIntervalYearMonth {
		c.Value = months
	}
	return c
}

// castTo converts x to t where it is of another type; the nullability stays that of x.
func castTo(x Scalar, t Type) Scalar {
	t = t.As(x.Type().Nullable)
	if x.Type().Equal(t) {
		return x
	}
	if c, ok := x.(*Constant); ok {
		if v, ok := converted(c, t); ok {
			return &Constant{Pos: c.Pos, Of: t, Value: v}
		}
	}
	return &Op{Pos: x.At(), Name: "CAST", Args: []Scalar{x}, Of: t}
}

// converted is the value of a constant as another type, where the conversion loses nothing.
func converted(c *Constant, t Type) (any, bool) {
	switch v := c.Value.(type) {
	case nil:
		return nil, true
	case string:
		return v, t.Kind == KindVarChar && t.Length >= c.Of.Length
	case []byte:
		return v, t.Kind == KindVarBinary && t.Length >= c.Of.Length
	case int64:
		switch {
		case !c.Of.IsInteger():
		case t.IsInteger() && t.Kind >= c.Of.Kind:
			return v, true
		case t.Kind == KindDouble && v>>53 == v>>63:
			return float64(v), true
		case t.Kind == KindDecimal:
			return rescaled(big.NewInt(v), 0, t)
		}
	case *big.Int:
		if t.Kind == KindDecimal {
			return rescaled(v, c.Of.Scale, t)
		}
	}
	return nil, false
}

// rescaled is a decimal's unscaled value at the scale of t, where it needs no rounding and has not too many digits.
func rescaled(v *big.Int, scale int, t Type) (any, bool) {
	if t.Scale < scale {
		return nil, false
	}
	v = new(big.Int).Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale-scale)), nil))
	return v, len(new(big.Int).Abs(v).String()) <= t.Precision
}
