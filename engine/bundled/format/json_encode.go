package format

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// jsonEncoder writes the columns of a part as a JSON object, in the table's order, without spaces.
type jsonEncoder struct{ columns []jsonWriteColumn }

type jsonWriteColumn struct {
	column
	form   jsonForm
	name   []byte // "name":
	factor int64
}

func newJSONEncoder(p part) (*jsonEncoder, error) {
	e := &jsonEncoder{}
	for _, c := range p.columns {
		form, err := jsonFormOf(c)
		if err != nil {
			return nil, err
		}
		if form == jsonMillis && c.typ.Precision > 3 {
			return nil, fmt.Errorf("column %q: json-registry holds milliseconds, %s has more: declare a precision of 3", c.name, c.typ)
		}
		e.columns = append(e.columns, jsonWriteColumn{c, form, append(appendJSONString(nil, []byte(c.field)), ':'), vec.TicksPerMilli(c.typ.Precision)})
	}
	return e, nil
}

// append writes row i. A number that JSON has no text for is an error.
func (e *jsonEncoder) append(dst []byte, b *vec.Batch, i int) ([]byte, error) {
	dst = append(dst, '{')
	for k := range e.columns {
		c := &e.columns[k]
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c.name...)
		v := &b.Cols[c.at]
		if v.Null(i) {
			dst = append(dst, "null"...)
			continue
		}
		switch c.form {
		case jsonInteger, jsonMillis:
			dst = strconv.AppendInt(dst, v.I64[i], 10)
		case jsonBoolean:
			dst = strconv.AppendBool(dst, v.Bool[i])
		case jsonDecimal:
			dst = decimal.Append(dst, v.Dec[i], c.typ.Scale)
		case jsonString:
			dst = appendJSONString(dst, v.Value(i))
		case jsonBase64:
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, v.Value(i))
			dst = append(dst, '"')
		case jsonFloat:
			f := v.F64[i]
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return dst, fmt.Errorf("column %q: JSON has no number %g", c.column.name, f)
			}
			size := 64
			if c.typ.Kind == st.KindFloat {
				size = 32
			}
			dst = appendJSONFloat(dst, f, size)
		}
	}
	return append(dst, '}'), nil
}

// appendJSONFloat writes the shortest text that reads back as the same number.
func appendJSONFloat(dst []byte, f float64, size int) []byte {
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, size)
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes a text in quotes; bytes that are not UTF-8 become the replacement character.
func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
