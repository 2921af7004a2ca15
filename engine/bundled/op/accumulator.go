package op

import (
	"bytes"
	"fmt"
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Aggregate is an aggregate function of a window.
type Aggregate struct {
	Func     string // COUNT, SUM, MIN, MAX, AVG
	Distinct bool
	Star     bool
	Arg      st.Type // of the argument; unused with Star
	Of       st.Type // of the result
}

// accumulator is what one aggregate remembers of the groups of a slice: columns indexed by slot.
type accumulator interface {
	// grow makes room for n slots; new ones are empty.
	grow(n int)
	// add takes the argument of rows[k] into slots[k]. v is nil for COUNT(*).
	add(slots []uint32, rows []int32, v *vec.Vector)
	// result appends the value of a slot.
	result(out *vec.Vector, slot uint32)
	encode(e *state.Encoder, slot uint32)
	decode(d *state.Decoder, slot uint32)
	size() int
}

// newAccumulator makes the columns of an aggregate. Error: what is not supported, by its name.
func newAccumulator(a Aggregate) (accumulator, error) {
	kind, _ := vec.KindOf(a.Arg)
	switch {
	case a.Distinct && a.Func != "MIN" && a.Func != "MAX":
		if a.Func != "COUNT" {
			return nil, fmt.Errorf("%s(DISTINCT …) is not supported", a.Func)
		}
		return &countDistinct{seen: state.NewBytes()}, nil
	case a.Func == "COUNT":
		return &count{}, nil
	case a.Func == "SUM" && a.Of.IsInteger():
		return &sumInt{shift: integerShift(a.Of.Kind)}, nil
	case a.Func == "SUM" && a.Of.IsApproximate():
		return &sumFloat{single: a.Of.Kind == st.KindFloat}, nil
	case a.Func == "SUM" && a.Of.Kind == st.KindDecimal:
		return &sumDecimal{}, nil
	case a.Func == "AVG" && kind == vec.Int64:
		return &average[int64]{of: a.Of}, nil
	case a.Func == "AVG" && kind == vec.Float64:
		return &average[float64]{of: a.Of}, nil
	case a.Func == "AVG" && kind == vec.Decimal:
		return &average[decimal.Int128]{of: a.Of, scale: a.Arg.Scale}, nil
	case a.Func == "MIN", a.Func == "MAX":
		want := 1
		if a.Func == "MIN" {
			want = -1
		}
		switch kind {
		case vec.Int64:
			return &extremeInt{want: want}, nil
		case vec.Bytes:
			return &extremeBytes{want: want}, nil
		default:
			return &extremeAny{want: want, best: vec.Vector{Kind: kind}}, nil
		}
	}
	return nil, fmt.Errorf("%s of %s is not supported", a.Func, a.Arg)
}

func integerShift(k st.Kind) uint {
	switch k {
	case st.KindTinyInt:
		return 56
	case st.KindSmallInt:
		return 48
	case st.KindInt:
		return 32
	default:
		return 0
	}
}

func grown[T any](s []T, n int) []T {
	for len(s) < n {
		s = append(s, *new(T))
	}
	return s
}

// count is COUNT(*) and COUNT(x).
type count struct{ n []int64 }

func (a *count) grow(n int) { a.n = grown(a.n, n) }
func (a *count) size() int  { return 8 * cap(a.n) }
func (a *count) add(slots []uint32, rows []int32, v *vec.Vector) {
	if v == nil || !v.HasNulls() {
		for _, s := range slots {
			a.n[s]++
		}
		return
	}
	for k, s := range slots {
		if !v.Nulls.Get(int(rows[k])) {
			a.n[s]++
		}
	}
}
func (a *count) result(out *vec.Vector, slot uint32)  { out.AppendInt64(a.n[slot]) }
func (a *count) encode(e *state.Encoder, slot uint32) { e.Int(a.n[slot]) }
func (a *count) decode(d *state.Decoder, slot uint32) { a.n[slot] = d.Int() }

// sumInt is SUM of integers, which wraps at the width of its type.
type sumInt struct {
	sum   []int64
	has   []bool
	shift uint
}

func (a *sumInt) grow(n int) { a.sum, a.has = grown(a.sum, n), grown(a.has, n) }
func (a *sumInt) size() int  { return 9 * cap(a.sum) }
func (a *sumInt) add(slots []uint32, rows []int32, v *vec.Vector) {
	if !v.HasNulls() {
		for k, s := range slots {
			a.sum[s] += v.I64[rows[k]]
			a.has[s] = true
		}
		return
	}
	for k, s := range slots {
		if i := rows[k]; !v.Nulls.Get(int(i)) {
			a.sum[s] += v.I64[i]
			a.has[s] = true
		}
	}
}
func (a *sumInt) result(out *vec.Vector, slot uint32) {
	if !a.has[slot] {
		out.AppendNull()
		return
	}
	out.AppendInt64(a.sum[slot] << a.shift >> a.shift)
}
func (a *sumInt) encode(e *state.Encoder, slot uint32) { e.Bool(a.has[slot]); e.Int(a.sum[slot]) }
func (a *sumInt) decode(d *state.Decoder, slot uint32) { a.has[slot] = d.Bool(); a.sum[slot] = d.Int() }

// sumFloat is SUM of FLOAT or DOUBLE, added in the order of the rows.
type sumFloat struct {
	sum    []float64
	has    []bool
	single bool
}

func (a *sumFloat) grow(n int) { a.sum, a.has = grown(a.sum, n), grown(a.has, n) }
func (a *sumFloat) size() int  { return 9 * cap(a.sum) }
func (a *sumFloat) add(slots []uint32, rows []int32, v *vec.Vector) {
	for k, s := range slots {
		i := rows[k]
		if v.Null(int(i)) {
			continue
		}
		a.sum[s] += v.F64[i]
		if a.single {
			a.sum[s] = float64(float32(a.sum[s]))
		}
		a.has[s] = true
	}
}
func (a *sumFloat) result(out *vec.Vector, slot uint32) {
	if !a.has[slot] {
		out.AppendNull()
		return
	}
	out.AppendFloat64(a.sum[slot])
}
func (a *sumFloat) encode(e *state.Encoder, slot uint32) {
	e.Bool(a.has[slot])
	e.Word(math.Float64bits(a.sum[slot]))
}
func (a *sumFloat) decode(d *state.Decoder, slot uint32) {
	a.has[slot] = d.Bool()
	a.sum[slot] = math.Float64frombits(d.Word())
}

// sumDecimal is SUM of DECIMAL. As in Flink, a sum that does not fit 38 digits is NULL, and the next value begins it anew.
type sumDecimal struct {
	sum []decimal.Int128
	has []bool
}

func (a *sumDecimal) grow(n int) { a.sum, a.has = grown(a.sum, n), grown(a.has, n) }
func (a *sumDecimal) size() int  { return 17 * cap(a.sum) }
func (a *sumDecimal) add(slots []uint32, rows []int32, v *vec.Vector) {
	for k, s := range slots {
		i := rows[k]
		if v.Null(int(i)) {
			continue
		}
		if !a.has[s] {
			a.sum[s], a.has[s] = v.Dec[i], true
			continue
		}
		a.sum[s] = a.sum[s].Add(v.Dec[i])
		a.has[s] = a.sum[s].Fits(decimal.MaxDigits)
	}
}
func (a *sumDecimal) result(out *vec.Vector, slot uint32) {
	if !a.has[slot] {
		out.AppendNull()
		return
	}
	out.AppendDecimal(a.sum[slot])
}
func (a *sumDecimal) encode(e *state.Encoder, slot uint32) {
	e.Bool(a.has[slot])
	e.Word(uint64(a.sum[slot].Hi))
	e.Word(a.sum[slot].Lo)
}
func (a *sumDecimal) decode(d *state.Decoder, slot uint32) {
	a.has[slot] = d.Bool()
	a.sum[slot] = decimal.Int128{Hi: int64(d.Word()), Lo: d.Word()}
}

// extremeInt is MIN or MAX of what is held as integers.
type extremeInt struct {
	best []int64
	has  []bool
	want int
}

func (a *extremeInt) grow(n int) { a.best, a.has = grown(a.best, n), grown(a.has, n) }
func (a *extremeInt) size() int  { return 9 * cap(a.best) }
func (a *extremeInt) add(slots []uint32, rows []int32, v *vec.Vector) {
	for k, s := range slots {
		i := rows[k]
		if v.Null(int(i)) {
			continue
		}
		x := v.I64[i]
		if !a.has[s] || a.want > 0 && x > a.best[s] || a.want < 0 && x < a.best[s] {
			a.best[s], a.has[s] = x, true
		}
	}
}
func (a *extremeInt) result(out *vec.Vector, slot uint32) {
	if !a.has[slot] {
		out.AppendNull()
		return
	}
	out.AppendInt64(a.best[slot])
}
func (a *extremeInt) encode(e *state.Encoder, slot uint32) { e.Bool(a.has[slot]); e.Int(a.best[slot]) }
func (a *extremeInt) decode(d *state.Decoder, slot uint32) {
	a.has[slot] = d.Bool()
	a.best[slot] = d.Int()
}

// extremeBytes is MIN or MAX of strings, by their bytes. Each slot owns its value, which is written over in place where it fits.
type extremeBytes struct {
	best [][]byte // nil: none yet
	want int
	held int
}

func (a *extremeBytes) grow(n int) { a.best = grown(a.best, n) }
func (a *extremeBytes) size() int  { return 24*cap(a.best) + a.held }
func (a *extremeBytes) add(slots []uint32, rows []int32, v *vec.Vector) {
	for k, s := range slots {
		i := int(rows[k])
		if v.Null(i) {
			continue
		}
		if x := v.Value(i); a.best[s] == nil || bytes.Compare(x, a.best[s])*a.want > 0 {
			a.set(s, x)
		}
	}
}
func (a *extremeBytes) set(slot uint32, x []byte) {
	a.held += len(x) - len(a.best[slot])
	if a.best[slot] == nil {
		a.best[slot] = make([]byte, 0, max(len(x), 8))
	}
	a.best[slot] = append(a.best[slot][:0], x...)
}
func (a *extremeBytes) result(out *vec.Vector, slot uint32) {
	if a.best[slot] == nil {
		out.AppendNull()
		return
	}
	out.AppendBytes(a.best[slot])
}
func (a *extremeBytes) encode(e *state.Encoder, slot uint32) {
	e.Bool(a.best[slot] != nil)
	if a.best[slot] != nil {
		e.Bytes(a.best[slot])
	}
}
func (a *extremeBytes) decode(d *state.Decoder, slot uint32) {
	if d.Bool() {
		a.set(slot, d.Bytes())
	}
}

// extremeAny is MIN or MAX of the other kinds.
type extremeAny struct {
	best vec.Vector
	has  []bool
	want int
}

func (a *extremeAny) grow(n int) {
	a.has = grown(a.has, n)
	for a.best.Len() < n {
		switch a.best.Kind {
		case vec.Float64:
			a.best.F64 = append(a.best.F64, 0)
		case vec.Decimal:
			a.best.Dec = append(a.best.Dec, decimal.Int128{})
		default:
			a.best.Bool = append(a.best.Bool, false)
		}
	}
}
func (a *extremeAny) size() int { return 17 * cap(a.has) }
func (a *extremeAny) add(slots []uint32, rows []int32, v *vec.Vector) {
	for k, s := range slots {
		i := int(rows[k])
		if v.Null(i) {
			continue
		}
		better := false
		switch v.Kind {
		case vec.Float64:
			if better = !a.has[s] || (v.F64[i] > a.best.F64[s]) == (a.want > 0) && v.F64[i] != a.best.F64[s]; better {
				a.best.F64[s] = v.F64[i]
			}
		case vec.Decimal:
			if better = !a.has[s] || v.Dec[i].Cmp(a.best.Dec[s]) == a.want; better {
				a.best.Dec[s] = v.Dec[i]
			}
		default:
			if better = !a.has[s] || v.Bool[i] == (a.want > 0); better {
				a.best.Bool[s] = v.Bool[i]
			}
		}
		a.has[s] = a.has[s] || better
	}
}
func (a *extremeAny) result(out *vec.Vector, slot uint32) {
	if !a.has[slot] {
		out.AppendNull()
		return
	}
	out.AppendFrom(&a.best, int(slot))
}
func (a *extremeAny) encode(e *state.Encoder, slot uint32) {
	e.Bool(a.has[slot])
	switch a.best.Kind {
	case vec.Float64:
		e.Word(math.Float64bits(a.best.F64[slot]))
	case vec.Decimal:
		e.Word(uint64(a.best.Dec[slot].Hi))
		e.Word(a.best.Dec[slot].Lo)
	default:
		e.Bool(a.best.Bool[slot])
	}
}
func (a *extremeAny) decode(d *state.Decoder, slot uint32) {
	a.has[slot] = d.Bool()
	switch a.best.Kind {
	case vec.Float64:
		a.best.F64[slot] = math.Float64frombits(d.Word())
	case vec.Decimal:
		a.best.Dec[slot] = decimal.Int128{Hi: int64(d.Word()), Lo: d.Word()}
	default:
		a.best.Bool[slot] = d.Bool()
	}
}
