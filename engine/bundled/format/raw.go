package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// rawDecoder takes a part as the bytes of one column: as they are, as UTF-8, or as a big-endian integer of the type's width.
type rawDecoder struct {
	at    int
	width int // of an integer; 0: bytes
	text  bool
}

var (
	errWidth = errors.New("it has not the width of the column's type")
	errUTF8  = errors.New("it is not UTF-8")
)

func newRawDecoder(c column) (decoder, error) {
	d := &rawDecoder{at: c.at}
	switch {
	case c.typ.IsBytes():
	case c.typ.IsString():
		d.text = true
	case c.typ.IsInteger():
		d.width = integerWidths[c.typ.Kind]
	default:
		return nil, fmt.Errorf("column %q: the type %s is not supported in raw format", c.name, c.typ)
	}
	return d, nil
}

var integerWidths = map[st.Kind]int{st.KindTinyInt: 1, st.KindSmallInt: 2, st.KindInt: 4, st.KindBigInt: 8}

func (d *rawDecoder) decode(b *vec.Batch, payload []byte) error {
	v := &b.Cols[d.at]
	if d.width == 0 {
		if d.text && !utf8.Valid(payload) {
			return errUTF8
		}
		v.AppendBytes(payload)
		return nil
	}
	if len(payload) != d.width {
		return errWidth
	}
	switch d.width {
	case 1:
		v.AppendInt64(int64(int8(payload[0])))
	case 2:
		v.AppendInt64(int64(int16(binary.BigEndian.Uint16(payload))))
	case 4:
		v.AppendInt64(int64(int32(binary.BigEndian.Uint32(payload))))
	default:
		v.AppendInt64(int64(binary.BigEndian.Uint64(payload)))
	}
	return nil
}

// appendRaw writes a value in the same form.
func appendRaw(dst []byte, v *vec.Vector, i, width int) []byte {
	switch width {
	case 0:
		return append(dst, v.Value(i)...)
	case 1:
		return append(dst, byte(v.I64[i]))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v.I64[i]))
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v.I64[i]))
	default:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I64[i]))
	}
}
