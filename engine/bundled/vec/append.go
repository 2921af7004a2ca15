package vec

import "github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"

// The Append methods add a row at the end. They are what decoders build columns with: one row is one call a column.

// AppendInt64 adds an integer, a date or a time.
func (v *Vector) AppendInt64(x int64) {
	v.I64 = append(v.I64, x)
	v.grown(len(v.I64))
}

// AppendFloat64 adds a number.
func (v *Vector) AppendFloat64(x float64) {
	v.F64 = append(v.F64, x)
	v.grown(len(v.F64))
}

// AppendDecimal adds an unscaled value.
func (v *Vector) AppendDecimal(x decimal.Int128) {
	v.Dec = append(v.Dec, x)
	v.grown(len(v.Dec))
}

// AppendBool adds a boolean.
func (v *Vector) AppendBool(x bool) {
	v.Bool = append(v.Bool, x)
	v.grown(len(v.Bool))
}

// AppendBytes adds a copy of b.
func (v *Vector) AppendBytes(b []byte) {
	at := len(v.Data)
	v.Data = append(v.Data, b...)
	v.Refs = append(v.Refs, Ref{uint32(at), uint32(len(b))})
	v.grown(len(v.Refs))
}

// AppendString adds a copy of s.
func (v *Vector) AppendString(s string) {
	at := len(v.Data)
	v.Data = append(v.Data, s...)
	v.Refs = append(v.Refs, Ref{uint32(at), uint32(len(s))})
	v.grown(len(v.Refs))
}

// AppendNull adds NULL.
func (v *Vector) AppendNull() {
	n := 0
	switch v.Kind {
	case Int64:
		v.I64 = append(v.I64, 0)
		n = len(v.I64)
	case Float64:
		v.F64 = append(v.F64, 0)
		n = len(v.F64)
	case Decimal:
		v.Dec = append(v.Dec, decimal.Int128{})
		n = len(v.Dec)
	case Bool:
		v.Bool = append(v.Bool, false)
		n = len(v.Bool)
	default:
		v.Refs = append(v.Refs, Ref{At: uint32(len(v.Data))}) // a place in order, for Truncate
		n = len(v.Refs)
	}
	v.NeedNulls(n)
	v.Nulls.Set(n - 1)
}

// AppendFrom adds row i of src, which has the same kind.
func (v *Vector) AppendFrom(src *Vector, i int) {
	if src.Null(i) {
		v.AppendNull()
		return
	}
	switch v.Kind {
	case Int64:
		v.AppendInt64(src.I64[i])
	case Float64:
		v.AppendFloat64(src.F64[i])
	case Decimal:
		v.AppendDecimal(src.Dec[i])
	case Bool:
		v.AppendBool(src.Bool[i])
	default:
		v.AppendBytes(src.Value(i))
	}
}

// grown keeps a bitmap that is in use as long as the vector.
func (v *Vector) grown(n int) {
	if len(v.Nulls) > 0 && n > len(v.Nulls)*64 {
		v.Nulls = append(v.Nulls, 0)
	}
}

// Truncate takes off the rows from n on, all of which were appended: a record that turned out to be bad half-way is undone with it.
func (v *Vector) Truncate(n int) {
	if n >= v.Len() {
		return
	}
	switch v.Kind {
	case Int64:
		v.I64 = v.I64[:n]
	case Float64:
		v.F64 = v.F64[:n]
	case Decimal:
		v.Dec = v.Dec[:n]
	case Bool:
		v.Bool = v.Bool[:n]
	default:
		v.Data = v.Data[:v.Refs[n].At]
		v.Refs = v.Refs[:n]
	}
	if len(v.Nulls) > 0 {
		v.Nulls = v.Nulls[:words(n)]
		if n&63 != 0 {
			v.Nulls[n>>6] &= 1<<(n&63) - 1
		}
	}
}
