package vec

import (
	"math/bits"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
)

// Kind is how a column is held.
type Kind uint8

// The kinds of vector.
const (
	Int64 Kind = iota
	Float64
	Decimal
	Bytes
	Bool
)

func (k Kind) String() string { return [...]string{"int64", "float64", "decimal", "bytes", "bool"}[k] }

// Ref is the place of a value in a vector's arena.
type Ref struct{ At, Len uint32 }

// Vector is one column of a batch. Only the slice of its Kind is in use; its length is the number of rows. The value of a row that is
// NULL, or outside the selection, means nothing.
type Vector struct {
	Kind  Kind
	I64   []int64
	F64   []float64
	Dec   []decimal.Int128
	Bool  []bool
	Refs  []Ref  // Bytes: row i is Data[Refs[i].At:][:Refs[i].Len]; values may overlap and need not be in order
	Data  []byte // Bytes: the arena
	Nulls Bitmap // empty: no row is NULL. Else one bit a row, set where NULL
}

// Bitmap is a bit per row.
type Bitmap []uint64

// Get tells whether the bit of row i is set; an empty bitmap has none.
func (m Bitmap) Get(i int) bool { return len(m) > 0 && m[i>>6]&(1<<(i&63)) != 0 }

// Set sets the bit of row i, which the bitmap must have room for.
func (m Bitmap) Set(i int) { m[i>>6] |= 1 << (i & 63) }

// Clear clears the bit of row i.
func (m Bitmap) Clear(i int) { m[i>>6] &^= 1 << (i & 63) }

// Count counts the bits set in the first n rows.
func (m Bitmap) Count(n int) int {
	c := 0
	for w := 0; w < len(m) && w*64 < n; w++ {
		word := m[w]
		if rest := n - w*64; rest < 64 {
			word &= 1<<rest - 1
		}
		c += bits.OnesCount64(word)
	}
	return c
}

// words is how many words a bitmap of n rows has.
func words(n int) int { return (n + 63) / 64 }

// Len is the number of rows.
func (v *Vector) Len() int {
	switch v.Kind {
	case Int64:
		return len(v.I64)
	case Float64:
		return len(v.F64)
	case Decimal:
		return len(v.Dec)
	case Bool:
		return len(v.Bool)
	default:
		return len(v.Refs)
	}
}

// Null tells whether row i is NULL.
func (v *Vector) Null(i int) bool { return v.Nulls.Get(i) }

// HasNulls tells whether any row may be NULL.
func (v *Vector) HasNulls() bool { return len(v.Nulls) > 0 }

// SetNull makes row i NULL; the vector must have that row.
func (v *Vector) SetNull(i int) {
	v.NeedNulls(v.Len())
	v.Nulls.Set(i)
}

// NeedNulls makes sure that there is a bitmap for n rows; bits that are new are clear.
func (v *Vector) NeedNulls(n int) {
	w := words(n)
	for len(v.Nulls) < w {
		v.Nulls = append(v.Nulls, 0)
	}
}

// Value is the bytes of row i. They belong to the vector.
func (v *Vector) Value(i int) []byte {
	r := v.Refs[i]
	return v.Data[r.At : r.At+r.Len : r.At+r.Len]
}

// SetBytes copies b into the arena as the value of row i.
func (v *Vector) SetBytes(i int, b []byte) {
	at := len(v.Data)
	v.Data = append(v.Data, b...)
	v.Refs[i] = Ref{uint32(at), uint32(len(b))}
}

// SetString copies s into the arena as the value of row i.
func (v *Vector) SetString(i int, s string) {
	at := len(v.Data)
	v.Data = append(v.Data, s...)
	v.Refs[i] = Ref{uint32(at), uint32(len(s))}
}

// Reset empties the vector and keeps its memory.
func (v *Vector) Reset() {
	v.I64, v.F64, v.Dec, v.Bool = v.I64[:0], v.F64[:0], v.Dec[:0], v.Bool[:0]
	v.Refs, v.Data, v.Nulls = v.Refs[:0], v.Data[:0], v.Nulls[:0]
}

// Resize makes the vector n rows long, with no NULL and an empty arena, for its rows to be set in any order.
func (v *Vector) Resize(n int) {
	v.Nulls, v.Data = v.Nulls[:0], v.Data[:0]
	switch v.Kind {
	case Int64:
		v.I64 = sized(v.I64, n)
	case Float64:
		v.F64 = sized(v.F64, n)
	case Decimal:
		v.Dec = sized(v.Dec, n)
	case Bool:
		v.Bool = sized(v.Bool, n)
	default:
		v.Refs = sized(v.Refs, n)
		clear(v.Refs) // a row that nobody sets must still be a place in the arena
	}
}

func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 2*cap(s)))
	}
	return s[:n]
}
