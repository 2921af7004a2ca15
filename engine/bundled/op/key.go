package op

import (
	"encoding/binary"
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// keying turns the key columns of rows into slots of a table. A key of one integer or one string is the table's own; of several columns the
// key is their encoding, which sorts as the columns do: NULL first, then by value.
type keying struct {
	kinds   []vec.Kind
	scratch []byte
}

// single tells whether keys are the table's own: of integers or of bytes.
func (k *keying) single() (ints, bytes bool) {
	return len(k.kinds) == 1 && k.kinds[0] == vec.Int64, len(k.kinds) == 1 && k.kinds[0] == vec.Bytes
}

func (k *keying) newTable() *state.Table {
	if ints, _ := k.single(); ints {
		return state.NewInts()
	}
	return state.NewBytes()
}

// slots appends the slot of each row's key.
func (k *keying) slots(t *state.Table, keys []*vec.Vector, rows []int32, dst []uint32) []uint32 {
	ints, bytes := k.single()
	switch {
	case len(keys) == 0:
		slot := t.Bytes(nil)
		for range rows {
			dst = append(dst, slot)
		}
	case ints && !keys[0].HasNulls():
		v := keys[0].I64
		for _, i := range rows {
			dst = append(dst, t.Int(v[i]))
		}
	case ints:
		v := keys[0]
		for _, i := range rows {
			if v.Nulls.Get(int(i)) {
				dst = append(dst, t.Null())
			} else {
				dst = append(dst, t.Int(v.I64[i]))
			}
		}
	case bytes:
		v := keys[0]
		for _, i := range rows {
			if v.Null(int(i)) {
				dst = append(dst, t.Null())
			} else {
				dst = append(dst, t.Bytes(v.Value(int(i))))
			}
		}
	default:
		for _, i := range rows {
			k.scratch = k.scratch[:0]
			for _, v := range keys {
				k.scratch = appendKey(k.scratch, v, int(i))
			}
			dst = append(dst, t.Bytes(k.scratch))
		}
	}
	return dst
}

// columns appends a slot's key to its columns.
func (k *keying) columns(t *state.Table, slot uint32, out []*vec.Vector) {
	ints, bytes := k.single()
	switch {
	case len(k.kinds) == 0:
	case (ints || bytes) && t.IsNull(slot):
		out[0].AppendNull()
	case ints:
		out[0].AppendInt64(t.IntOf(slot))
	case bytes:
		out[0].AppendBytes(t.BytesOf(slot))
	default:
		b := t.BytesOf(slot)
		for _, v := range out {
			b = takeKey(b, v)
		}
	}
}

// A value in a key begins with 0 for NULL or 1. Numbers follow big endian with the sign turned round, so that bytes compare as numbers do;
// strings end with 0 0, and a 0 within is 0 0xff.

func appendKey(dst []byte, v *vec.Vector, i int) []byte {
	if v.Null(i) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch v.Kind {
	case vec.Int64:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I64[i])^1<<63)
	case vec.Float64:
		return binary.BigEndian.AppendUint64(dst, orderedFloat(v.F64[i]))
	case vec.Decimal:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Dec[i].Hi)^1<<63)
		return binary.BigEndian.AppendUint64(dst, v.Dec[i].Lo)
	case vec.Bool:
		if v.Bool[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	default:
		for _, c := range v.Value(i) {
			if dst = append(dst, c); c == 0 {
				dst = append(dst, 0xff)
			}
		}
		return append(dst, 0, 0)
	}
}

// orderedFloat gives a number bits that compare as numbers do; −0 is 0, all NaN are one.
func orderedFloat(f float64) uint64 {
	switch {
	case f == 0:
		f = 0
	case math.IsNaN(f):
		f = math.NaN()
	}
	u := math.Float64bits(f)
	if u>>63 != 0 {
		return ^u
	}
	return u | 1<<63
}

// takeKey appends the first value of an encoded key to v, and returns what follows it.
func takeKey(b []byte, v *vec.Vector) []byte {
	if b[0] == 0 {
		v.AppendNull()
		return b[1:]
	}
	b = b[1:]
	switch v.Kind {
	case vec.Int64:
		v.AppendInt64(int64(binary.BigEndian.Uint64(b) ^ 1<<63))
		return b[8:]
	case vec.Float64:
		u := binary.BigEndian.Uint64(b)
		if u>>63 != 0 {
			u &^= 1 << 63
		} else {
			u = ^u
		}
		v.AppendFloat64(math.Float64frombits(u))
		return b[8:]
	case vec.Decimal:
		v.AppendDecimal(decimal.Int128{Hi: int64(binary.BigEndian.Uint64(b) ^ 1<<63), Lo: binary.BigEndian.Uint64(b[8:])})
		return b[16:]
	case vec.Bool:
		v.AppendBool(b[0] == 1)
		return b[1:]
	default:
		at := len(v.Data)
		for i := 0; ; i++ {
			if b[i] == 0 {
				i++
				if b[i] == 0 {
					v.Refs = append(v.Refs, vec.Ref{At: uint32(at), Len: uint32(len(v.Data) - at)})
					if v.HasNulls() {
						v.NeedNulls(len(v.Refs))
					}
					return b[i+1:]
				}
				v.Data = append(v.Data, 0)
				continue
			}
			v.Data = append(v.Data, b[i])
		}
	}
}
