package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// avroWrite is how a column is written.
type avroWrite uint8

const (
	writeConstant avroWrite = iota // the field's default, for a field that no column fills
	writeLong
	writeLongTimes
	writeLongDivide
	writeFloat
	writeDouble
	writeFloatFromInt
	writeDoubleFromInt
	writeBool
	writeBytes
	writeFixed
	writeEnum
	writeDecimalBytes
	writeDecimalFixed
)

// avroWriteStep writes one field of the registered schema.
type avroWriteStep struct {
	op       avroWrite
	null     int8 // index of null in a union of two; -1: none
	col      int
	size     int
	factor   int64
	scale    [2]int // of the column and of the field
	digits   int
	constant []byte
	symbols  []string
	name     string
}

// compileAvroWriter finds for each field of the schema its column.
func compileAvroWriter(root *avroNode, p part) ([]avroWriteStep, error) {
	if root.kind != avroRecord {
		if len(p.columns) != 1 || len(p.fields) != 1 {
			return nil, fmt.Errorf("the schema is %s, the table has %d columns in the %s", root.kind, len(p.fields), p.name)
		}
		f, err := writeStep(root, p.columns[0])
		return []avroWriteStep{f}, err
	}
	var out []avroWriteStep
	used := map[string]bool{}
	for _, f := range root.fields {
		i := slices.IndexFunc(p.columns, func(c column) bool { return c.field == f.name })
		if i < 0 {
			if !f.hasDefault {
				return nil, fmt.Errorf("field %q of the schema has no default, and no column fills it", f.name)
			}
			wire, err := avroDefault(nil, f.node, f.def)
			if err != nil {
				return nil, fmt.Errorf("field %q: its default: %w", f.name, err)
			}
			out = append(out, avroWriteStep{op: writeConstant, null: -1, constant: wire, name: f.name})
			continue
		}
		s, err := writeStep(f.node, p.columns[i])
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.name, err)
		}
		used[f.name] = true
		out = append(out, s)
	}
	for _, c := range p.columns {
		if !used[c.field] {
			return nil, fmt.Errorf("the schema has no field %q for column %q", c.field, c.name)
		}
	}
	return out, nil
}

// writeStep says how a column becomes a field's value.
func writeStep(n *avroNode, c column) (avroWriteStep, error) {
	inner, null := n.optional()
	f := avroWriteStep{null: null, col: c.at, name: c.field}
	if null < 0 && c.typ.Nullable {
		return f, fmt.Errorf("column %q of type %s may be NULL, and the field may not", c.name, c.typ)
	}
	t := c.typ
	k := inner.kind
	ok := true
	switch {
	case t.Kind == st.KindBoolean && k == avroBoolean:
		f.op = writeBool
	case t.IsInteger() && (k == avroLong || k == avroInt && t.Kind != st.KindBigInt) && inner.logical == "":
		f.op = writeLong
	case t.IsInteger() && k == avroDouble:
		f.op = writeDoubleFromInt
	case t.IsInteger() && k == avroFloat:
		f.op = writeFloatFromInt
	case t.Kind == st.KindFloat && k == avroFloat:
		f.op = writeFloat
	case t.IsApproximate() && k == avroDouble:
		f.op = writeDouble
	case t.IsString() && k == avroString, t.IsBytes() && k == avroBytes && inner.logical == "":
		f.op = writeBytes
	case t.IsString() && k == avroEnum:
		f.op, f.symbols = writeEnum, inner.symbols
	case t.IsBytes() && k == avroFixed && inner.logical == "":
		f.op, f.size = writeFixed, inner.size
	case t.Kind == st.KindDecimal && inner.logical == "decimal" && inner.scale >= t.Scale:
		f.op, f.scale, f.digits, f.size = writeDecimalBytes, [2]int{t.Scale, inner.scale}, inner.precision, inner.size
		if k == avroFixed {
			f.op = writeDecimalFixed
		}
	case t.Kind == st.KindDate && k == avroInt && inner.logical == "date", t.Kind == st.KindTime && k == avroInt && inner.logical == "time-millis":
		f.op = writeLong
	case t.IsTimestamp() && k == avroLong && timestampTicks[inner.logical] > 0:
		from, to := vec.TicksPerMilli(t.Precision), timestampTicks[inner.logical]
		switch {
		case from == to:
			f.op = writeLong
		case from < to:
			f.op, f.factor = writeLongTimes, to/from
		default:
			f.op, f.factor = writeLongDivide, from/to
		}
	default:
		ok = false
	}
	if !ok {
		name := k.String()
		if inner.logical != "" {
			name += " (" + inner.logical + ")"
		}
		return f, fmt.Errorf("column %q of type %s cannot be written as avro %s", c.name, t, name)
	}
	return f, nil
}

// appendAvro writes the fields of row i.
func appendAvro(dst []byte, fields []avroWriteStep, b *vec.Batch, i int) ([]byte, error) {
	for k := range fields {
		f := &fields[k]
		if f.op == writeConstant {
			dst = append(dst, f.constant...)
			continue
		}
		v := &b.Cols[f.col]
		if f.null >= 0 {
			if v.Null(i) {
				dst = append(dst, byte(f.null)<<1)
				continue
			}
			dst = append(dst, byte(1-f.null)<<1)
		}
		switch f.op {
		case writeLong:
			dst = appendVarint(dst, v.I64[i])
		case writeBytes:
			r := v.Refs[i]
			dst = appendVarint(dst, int64(r.Len))
			dst = append(dst, v.Data[r.At:r.At+r.Len]...)
		case writeDouble:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.F64[i]))
		default:
			var err error
			if dst, err = appendRare(dst, f, v, i); err != nil {
				return dst, fmt.Errorf("field %q: %w", f.name, err)
			}
		}
	}
	return dst, nil
}

func appendRare(dst []byte, f *avroWriteStep, v *vec.Vector, i int) ([]byte, error) {
	switch f.op {
	case writeLongTimes:
		x := v.I64[i] * f.factor
		if x/f.factor != v.I64[i] {
			return dst, errRange
		}
		return appendVarint(dst, x), nil
	case writeLongDivide:
		return appendVarint(dst, floorDiv(v.I64[i], f.factor)), nil
	case writeFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.F64[i]))), nil
	case writeFloatFromInt:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.I64[i]))), nil
	case writeDoubleFromInt:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(v.I64[i]))), nil
	case writeBool:
		if v.Bool[i] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case writeFixed:
		if int(v.Refs[i].Len) != f.size {
			return dst, fmt.Errorf("%d bytes do not fill a fixed of %d", v.Refs[i].Len, f.size)
		}
		return append(dst, v.Value(i)...), nil
	case writeEnum:
		at := slices.Index(f.symbols, string(v.Value(i)))
		if at < 0 {
			return dst, fmt.Errorf("%q is no symbol of the enum", v.Value(i))
		}
		return appendVarint(dst, int64(at)), nil
	case writeDecimalBytes, writeDecimalFixed:
		x, ok := v.Dec[i].Rescale(f.scale[0], f.scale[1], max(f.digits, 1))
		if !ok {
			return dst, errDigits
		}
		if f.op == writeDecimalFixed {
			return appendFixedDecimal(dst, x, f.size)
		}
		var buf [16]byte
		b := decimal.AppendBytes(buf[:0], x)
		return append(appendVarint(dst, int64(len(b))), b...), nil
	}
	return dst, fmt.Errorf("a step of kind %d does not exist", f.op)
}

// appendFixedDecimal writes the number with so many bytes, its sign extended.
func appendFixedDecimal(dst []byte, x decimal.Int128, size int) ([]byte, error) {
	var buf [16]byte
	b := decimal.AppendBytes(buf[:0], x)
	if len(b) > size {
		return dst, errDigits
	}
	pad := byte(0)
	if x.Sign() < 0 {
		pad = 0xff
	}
	for range size - len(b) {
		dst = append(dst, pad)
	}
	return append(dst, b...), nil
}

func appendVarint(dst []byte, x int64) []byte {
	return binary.AppendUvarint(dst, uint64(x)<<1^uint64(x>>63))
}

// avroDefault encodes a default, in the types in which the schema's parser gives it.
func avroDefault(dst []byte, n *avroNode, def any) ([]byte, error) {
	switch d := def.(type) {
	case nil:
		switch n.kind {
		case avroNull:
			return dst, nil
		case avroUnion:
			for i, b := range n.branches {
				if b.kind == avroNull {
					return appendVarint(dst, int64(i)), nil
				}
			}
		}
	default:
		if n.kind == avroUnion {
			for i, b := range n.branches {
				if out, err := avroDefault(appendVarint(dst, int64(i)), b, d); err == nil {
					return out, nil
				}
			}
			return dst, fmt.Errorf("%v (%T) fits no branch of the union", def, def)
		}
	}
	switch d := def.(type) {
	case bool:
		if n.kind == avroBoolean {
			if d {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		}
	case int32:
		if n.kind == avroInt {
			return appendVarint(dst, int64(d)), nil
		}
	case int64:
		if n.kind == avroLong {
			return appendVarint(dst, d), nil
		}
	case float32:
		if n.kind == avroFloat {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(d)), nil
		}
	case float64:
		if n.kind == avroDouble {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(d)), nil
		}
	case string:
		switch n.kind {
		case avroString:
			return append(appendVarint(dst, int64(len(d))), d...), nil
		case avroEnum:
			if i := slices.Index(n.symbols, d); i >= 0 {
				return appendVarint(dst, int64(i)), nil
			}
		}
	case []byte:
		switch {
		case n.kind == avroBytes:
			return append(appendVarint(dst, int64(len(d))), d...), nil
		case n.kind == avroFixed && len(d) == n.size:
			return append(dst, d...), nil
		}
	case []any:
		if n.kind == avroArray && len(d) == 0 {
			return append(dst, 0), nil
		}
	case map[string]any:
		if n.kind == avroMap && len(d) == 0 {
			return append(dst, 0), nil
		}
	}
	return dst, fmt.Errorf("%v (%T) is not supported as the default of a %s", def, def, n.kind)
}
