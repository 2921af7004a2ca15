package op

import (
	"encoding/binary"
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// average is AVG: a sum and a count. Of integers it truncates, as Flink's does; of decimals it divides exactly and rounds to the result's
// scale; of doubles it adds in the order of the rows.
type average[T int64 | float64 | decimal.Int128] struct {
	sum   []T
	n     []int64
	of    st.Type
	scale int
}

func (a *average[T]) grow(n int) { a.sum, a.n = grown(a.sum, n), grown(a.n, n) }
func (a *average[T]) size() int  { return 24 * cap(a.n) }

func (a *average[T]) add(slots []uint32, rows []int32, v *vec.Vector) {
	switch sum := any(a.sum).(type) {
	case []int64:
		for k, s := range slots {
			if i := rows[k]; !v.Null(int(i)) {
				sum[s] += v.I64[i]
				a.n[s]++
			}
		}
	case []float64:
		for k, s := range slots {
			if i := rows[k]; !v.Null(int(i)) {
				sum[s] += v.F64[i]
				a.n[s]++
			}
		}
	case []decimal.Int128:
		for k, s := range slots {
			if i := rows[k]; !v.Null(int(i)) {
				sum[s] = sum[s].Add(v.Dec[i])
				a.n[s]++
			}
		}
	}
}

func (a *average[T]) result(out *vec.Vector, slot uint32) {
	n := a.n[slot]
	if n == 0 {
		out.AppendNull()
		return
	}
	switch sum := any(a.sum[slot]).(type) {
	case int64:
		shift := integerShift(a.of.Kind)
		out.AppendInt64(sum / n << shift >> shift)
	case float64:
		f := sum / float64(n)
		if a.of.Kind == st.KindFloat {
			f = float64(float32(f))
		}
		out.AppendFloat64(f)
	case decimal.Int128:
		q, ok := decimal.Quo(sum, a.scale, decimal.FromInt64(n), 0, a.of.Precision, a.of.Scale)
		if !ok || !sum.Fits(decimal.MaxDigits) {
			out.AppendNull()
			return
		}
		out.AppendDecimal(q)
	}
}

func (a *average[T]) encode(e *state.Encoder, slot uint32) {
	e.Int(a.n[slot])
	switch sum := any(a.sum[slot]).(type) {
	case int64:
		e.Int(sum)
	case float64:
		e.Word(math.Float64bits(sum))
	case decimal.Int128:
		e.Word(uint64(sum.Hi))
		e.Word(sum.Lo)
	}
}

func (a *average[T]) decode(d *state.Decoder, slot uint32) {
	a.n[slot] = d.Int()
	switch sum := any(a.sum).(type) {
	case []int64:
		sum[slot] = d.Int()
	case []float64:
		sum[slot] = math.Float64frombits(d.Word())
	case []decimal.Int128:
		sum[slot] = decimal.Int128{Hi: int64(d.Word()), Lo: d.Word()}
	}
}

// countDistinct is COUNT(DISTINCT x): the values seen of each slot in one table, keyed by slot and value.
type countDistinct struct {
	n       []int64
	seen    *state.Table
	values  [][]uint32 // of each slot, the places of its values in seen
	scratch []byte
}

func (a *countDistinct) grow(n int) { a.n, a.values = grown(a.n, n), grown(a.values, n) }
func (a *countDistinct) size() int  { return 32*cap(a.n) + a.seen.Size() }
func (a *countDistinct) add(slots []uint32, rows []int32, v *vec.Vector) {
	for k, s := range slots {
		i := int(rows[k])
		if v.Null(i) {
			continue
		}
		a.scratch = binary.BigEndian.AppendUint32(a.scratch[:0], s)
		a.scratch = appendKey(a.scratch, v, i)
		a.take(s, a.scratch)
	}
}

func (a *countDistinct) take(slot uint32, key []byte) {
	before := a.seen.Len()
	if at := a.seen.Bytes(key); int(at) == before {
		a.n[slot]++
		a.values[slot] = append(a.values[slot], at)
	}
}

func (a *countDistinct) result(out *vec.Vector, slot uint32) { out.AppendInt64(a.n[slot]) }
func (a *countDistinct) encode(e *state.Encoder, slot uint32) {
	e.Uint(uint64(len(a.values[slot])))
	for _, at := range a.values[slot] {
		e.Bytes(a.seen.BytesOf(at)[4:])
	}
}
func (a *countDistinct) decode(d *state.Decoder, slot uint32) {
	for range d.Count() {
		a.scratch = binary.BigEndian.AppendUint32(a.scratch[:0], slot)
		a.scratch = append(a.scratch, d.Bytes()...)
		a.take(slot, a.scratch)
	}
}
