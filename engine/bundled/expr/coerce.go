package expr

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// coerce brings a value to a type; where it is held the same way already there is nothing to do.
func coerce(c *Compiler, v value, to st.Type) (value, error) {
	if v.typ.Kind == st.KindNull {
		return nullValue(to, v.at), nil
	}
	if sameForm(v.typ, to) {
		return v, nil
	}
	n, err := castTo(c, v, to, v.at, false)
	if err != nil {
		return v, err
	}
	out := value{node: n, typ: to, at: v.at}
	out.kind, _ = vec.KindOf(to)
	if v.constant != nil {
		if k := fold(c, out); k != nil {
			out.node, out.constant = k, k
		}
	}
	return out, nil
}

// sameForm reports whether values of both types are held the same way and mean the same.
func sameForm(a, b st.Type) bool {
	switch {
	case a.IsInteger() && b.IsInteger(), a.IsString() && b.IsString(), a.IsBytes() && b.IsBytes():
		return true
	case a.Kind != b.Kind:
		return false
	case a.Kind == st.KindDecimal:
		return a.Scale == b.Scale
	case a.IsTimestamp():
		return vec.TicksPerMilli(a.Precision) == vec.TicksPerMilli(b.Precision)
	}
	return true
}

// alike brings the arguments of a comparison to one form.
func alike(c *Compiler, x, y value) (value, value, error) {
	var err error
	switch {
	case x.typ.Kind == st.KindNull:
		return nullValue(y.typ, x.at), y, nil
	case y.typ.Kind == st.KindNull:
		return x, nullValue(x.typ, y.at), nil
	case sameForm(x.typ, y.typ):
		return x, y, nil
	case x.typ.IsNumeric() && y.typ.IsNumeric():
		var to st.Type
		switch {
		case x.typ.IsApproximate() || y.typ.IsApproximate():
			to = st.Double()
		default:
			scale := max(x.typ.Scale, y.typ.Scale)
			to = st.Decimal(st.MaxPrecision, scale)
		}
		if x, err = coerce(c, x, to); err != nil {
			return x, y, err
		}
		y, err = coerce(c, y, to)
		return x, y, err
	case x.typ.IsTimestamp() && y.typ.IsTimestamp():
		to := x.typ
		to.Precision = max(x.typ.Precision, y.typ.Precision)
		if x, err = coerce(c, x, to); err != nil {
			return x, y, err
		}
		y, err = coerce(c, y, to)
		return x, y, err
	}
	y, err = coerce(c, y, x.typ)
	return x, y, err
}

// asKind brings a number to a kind of vector.
func asKind(c *Compiler, v value, k vec.Kind) (value, error) {
	if v.kind == k {
		return v, nil
	}
	if k == vec.Float64 {
		return coerce(c, v, st.Double())
	}
	return coerce(c, v, st.BigInt())
}

// asDecimal brings an exact number to a decimal, and tells its scale.
func asDecimal(c *Compiler, v value) (value, int, error) {
	if v.typ.Kind == st.KindDecimal {
		return v, v.typ.Scale, nil
	}
	v, err := coerce(c, v, st.Decimal(19, 0))
	return v, 0, err
}
