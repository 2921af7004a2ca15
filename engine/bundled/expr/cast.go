package expr

import (
	"fmt"
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{
	"CAST":     func(c *Compiler, op *st.Op, args []value) (node, error) { return cast(c, op, args[0], false) },
	"TRY_CAST": func(c *Compiler, op *st.Op, args []value) (node, error) { return cast(c, op, args[0], true) },
})

// cast builds CAST: a value that cannot be converted fails the statement; with try it is NULL.
func cast(c *Compiler, op *st.Op, x value, try bool) (node, error) {
	if x.typ.Kind == st.KindNull {
		return nullValue(op.Of, op.Pos).node, nil
	}
	return castTo(c, x, op.Of, op.Pos, try)
}

// converter converts row i of x, which is not NULL, into out. ok is false where there is no value: NULL for a number that does not fit a
// decimal, an error with its reason for a text that says no such value.
type converter func(x, out *vec.Vector, i int) (ok bool, reason string)

// castNode converts row by row.
type castNode struct {
	x       value
	convert converter
	try     bool
	at      st.Pos
	out     vec.Vector
}

func (n *castNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	mergeNulls(&n.out, x)
	for _, r := range rows {
		i := int(r)
		if n.out.Nulls.Get(i) {
			continue
		}
		if ok, reason := n.convert(x, &n.out, i); !ok {
			if reason != "" && !n.try {
				return nil, &RowError{n.at, i, reason}
			}
			n.out.SetNull(i)
		}
		if len(n.out.Data) > maxArena {
			return nil, &RowError{n.at, i, errArena}
		}
	}
	return &n.out, nil
}

// castTo finds the conversion between two types.
func castTo(c *Compiler, x value, to st.Type, at st.Pos, try bool) (node, error) {
	from := x.typ
	if sameForm(from, to) && !narrows(from, to) {
		return x.node, nil
	}
	convert, err := conversion(c, from, to)
	if convert == nil && err == nil {
		err = invalid(at, "CAST from %s to %s is not supported", from, to)
	}
	if err != nil {
		return nil, err
	}
	return &castNode{x: x, convert: convert, try: try, at: at, out: newVector(to)}, nil
}

// narrows reports whether a value of one type may have to change to be one of another that is held the same way.
func narrows(from, to st.Type) bool {
	switch {
	case from.IsInteger():
		return widths[to.Kind] < widths[from.Kind]
	case from.Kind == st.KindDecimal:
		return to.Precision < from.Precision
	case from.IsTimestamp(), from.Kind == st.KindTime:
		return to.Precision < from.Precision
	case from.IsString():
		return to.Kind == st.KindChar && (from.Kind != st.KindChar || from.Length != to.Length) || to.Length < from.Length
	case from.IsBytes():
		return to.Kind == st.KindBinary && (from.Kind != st.KindBinary || from.Length != to.Length) || to.Length < from.Length
	case from.Kind == st.KindDouble:
		return to.Kind == st.KindFloat
	}
	return false
}

func conversion(c *Compiler, from, to st.Type) (converter, error) {
	switch {
	case to.IsString():
		return toText(c, from, to), nil
	case from.IsString():
		return fromText(c, to), nil
	case to.IsInteger():
		return toInteger(from, to), nil
	case to.IsApproximate():
		return toFloat(from, to), nil
	case to.Kind == st.KindDecimal:
		return toDecimal(from, to), nil
	case to.Kind == st.KindBoolean && from.IsInteger():
		return func(x, out *vec.Vector, i int) (bool, string) { out.Bool[i] = x.I64[i] != 0; return true, "" }, nil
	case to.IsBytes() && from.IsBytes():
		return fitBytes(to), nil
	case from.IsTemporal() && to.IsTemporal():
		return temporalCast(c, from, to), nil
	case from.IsInterval() && from.Kind == to.Kind:
		return func(x, out *vec.Vector, i int) (bool, string) { out.I64[i] = x.I64[i]; return true, "" }, nil
	}
	return nil, nil
}

// toInteger truncates towards zero and, like Java, saturates floats and wraps everything else.
func toInteger(from, to st.Type) converter {
	shift := 64 - widths[to.Kind]
	set := func(out *vec.Vector, i int, x int64) (bool, string) {
		out.I64[i] = x << shift >> shift
		return true, ""
	}
	switch {
	case from.IsInteger(), from.IsInterval():
		return func(x, out *vec.Vector, i int) (bool, string) { return set(out, i, x.I64[i]) }
	case from.Kind == st.KindBoolean:
		return func(x, out *vec.Vector, i int) (bool, string) { return set(out, i, int64(bit(x.Bool[i]))) }
	case from.IsApproximate():
		low, high := float64(math.MinInt32), float64(math.MaxInt32)
		if to.Kind == st.KindBigInt {
			low, high = math.MinInt64, math.MaxInt64
		}
		return func(x, out *vec.Vector, i int) (bool, string) {
			switch f := x.F64[i]; {
			case math.IsNaN(f):
				return set(out, i, 0)
			case f >= high && to.Kind == st.KindBigInt:
				return set(out, i, math.MaxInt64)
			case f >= high:
				return set(out, i, math.MaxInt32)
			case f <= low:
				return set(out, i, int64(low))
			default:
				return set(out, i, int64(f))
			}
		}
	case from.Kind == st.KindDecimal:
		return func(x, out *vec.Vector, i int) (bool, string) {
			return set(out, i, int64(decimal.Truncate(x.Dec[i], from.Scale).Lo))
		}
	}
	return nil
}

func toFloat(from, to st.Type) converter {
	single := to.Kind == st.KindFloat
	set := func(out *vec.Vector, i int, f float64) (bool, string) {
		if single {
			f = float64(float32(f))
		}
		out.F64[i] = f
		return true, ""
	}
	switch {
	case from.IsInteger():
		return func(x, out *vec.Vector, i int) (bool, string) {
			if single {
				return set(out, i, float64(float32(x.I64[i])))
			}
			return set(out, i, float64(x.I64[i]))
		}
	case from.IsApproximate():
		return func(x, out *vec.Vector, i int) (bool, string) { return set(out, i, x.F64[i]) }
	case from.Kind == st.KindBoolean:
		return func(x, out *vec.Vector, i int) (bool, string) { return set(out, i, float64(bit(x.Bool[i]))) }
	case from.Kind == st.KindDecimal:
		return func(x, out *vec.Vector, i int) (bool, string) { return set(out, i, x.Dec[i].Float64(from.Scale)) }
	}
	return nil
}

// toDecimal gives no value where the number has too many digits.
func toDecimal(from, to st.Type) converter {
	set := func(out *vec.Vector, i int, d decimal.Int128, ok bool) (bool, string) {
		out.Dec[i] = d
		return ok, ""
	}
	switch {
	case from.IsInteger():
		return func(x, out *vec.Vector, i int) (bool, string) {
			d, ok := decimal.FromInt64(x.I64[i]).Rescale(0, to.Scale, to.Precision)
			return set(out, i, d, ok)
		}
	case from.Kind == st.KindBoolean:
		return func(x, out *vec.Vector, i int) (bool, string) {
			d, ok := decimal.FromInt64(int64(bit(x.Bool[i]))).Rescale(0, to.Scale, to.Precision)
			return set(out, i, d, ok)
		}
	case from.Kind == st.KindDecimal:
		return func(x, out *vec.Vector, i int) (bool, string) {
			d, ok := x.Dec[i].Rescale(from.Scale, to.Scale, to.Precision)
			return set(out, i, d, ok)
		}
	case from.IsApproximate():
		size := 64
		if from.Kind == st.KindFloat {
			size = 32
		}
		return func(x, out *vec.Vector, i int) (bool, string) {
			d, ok := decimal.FromFloat64(x.F64[i], size, to.Precision, to.Scale)
			return set(out, i, d, ok)
		}
	}
	return nil
}

// fitBytes cuts bytes to the type's length, and fills a BINARY up with zeros.
func fitBytes(to st.Type) converter {
	return func(x, out *vec.Vector, i int) (bool, string) {
		b := x.Value(i)
		if len(b) > to.Length {
			b = b[:to.Length]
		}
		out.SetBytes(i, b)
		if to.Kind == st.KindBinary {
			for n := len(b); n < to.Length; n++ {
				out.Data = append(out.Data, 0)
			}
			out.Refs[i].Len = uint32(to.Length)
		}
		return true, ""
	}
}

// unreadable is the reason of a text that is no value of a type.
func unreadable(text []byte, to st.Type) string {
	if len(text) > 80 {
		text = text[:80]
	}
	return fmt.Sprintf("%q cannot be cast to %s", text, to.NotNull())
}
