package format

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// jsonDecoder takes the wanted properties of a JSON object. The text alone decides: the writer's schema says nothing that the column's
// type does not.
type jsonDecoder struct {
	columns []jsonColumn
	whole   bool // the part is one value, not an object
	seen    []bool
	scratch []byte
}

type jsonColumn struct {
	column
	form      jsonForm
	low, high int64
	factor    int64 // ticks per millisecond of a timestamp
}

// jsonForm is how a column's value stands in JSON.
type jsonForm uint8

const (
	jsonInteger jsonForm = iota
	jsonFloat
	jsonDecimal
	jsonBoolean
	jsonString
	jsonBase64
	jsonMillis // a timestamp as milliseconds
)

var (
	errJSONType     = errors.New("the JSON value is not of the column's type")
	errJSONTrailing = errors.New("something follows the JSON value")
	errJSONObject   = errors.New("it is not a JSON object")
)

func newJSONDecoder(p *part) (decoder, error) {
	d := &jsonDecoder{seen: make([]bool, len(p.columns)), whole: len(p.fields) == 1}
	for _, c := range p.columns {
		form, err := jsonFormOf(c)
		if err != nil {
			return nil, err
		}
		jc := jsonColumn{column: c, form: form, factor: vec.TicksPerMilli(c.typ.Precision)}
		switch {
		case c.typ.Kind == st.KindTime:
			jc.low, jc.high = 0, 86_399_999
		case c.typ.Kind == st.KindDate:
			jc.low, jc.high = math.MinInt32, math.MaxInt32
		default:
			jc.low, jc.high, _ = integerRange(c.typ.Kind)
		}
		d.columns = append(d.columns, jc)
	}
	return d, nil
}

// jsonFormOf says how a type is written; errors name what JSON cannot hold.
func jsonFormOf(c column) (jsonForm, error) {
	t := c.typ
	switch {
	case t.Kind == st.KindBoolean:
		return jsonBoolean, nil
	case t.IsInteger(), t.Kind == st.KindDate, t.Kind == st.KindTime:
		return jsonInteger, nil
	case t.IsApproximate():
		return jsonFloat, nil
	case t.Kind == st.KindDecimal:
		return jsonDecimal, nil
	case t.IsString():
		return jsonString, nil
	case t.IsBytes():
		return jsonBase64, nil
	case t.IsTimestamp():
		return jsonMillis, nil
	}
	return 0, fmt.Errorf("column %q: the type %s is not supported in json-registry", c.name, t)
}

func (d *jsonDecoder) decode(b *vec.Batch, payload []byte) error {
	s := scanner{b: payload}
	clear(d.seen)
	if s.peek() != '{' {
		if len(d.columns) == 1 && d.whole {
			if err := d.value(&s, b, 0); err != nil {
				return err
			}
			if s.space(); s.at != len(payload) {
				return errJSONTrailing
			}
			return nil
		}
		return errJSONObject
	}
	s.at++
	next := 0 // the column whose property is expected: writers keep their order
	for first := true; ; first = false {
		if s.take('}') {
			break
		}
		if !first && !s.take(',') {
			return errJSON
		}
		raw, escaped, err := s.str()
		if err != nil {
			return err
		}
		if escaped {
			if d.scratch, err = unescape(d.scratch[:0], raw); err != nil {
				return err
			}
			raw = d.scratch
		}
		if !s.take(':') {
			return errJSON
		}
		i := d.find(raw, next)
		if i < 0 {
			if err := s.skip(0); err != nil {
				return err
			}
			continue
		}
		if d.seen[i] {
			return fmt.Errorf("property %q stands twice", d.columns[i].field)
		}
		d.seen[i], next = true, i+1
		if err := d.value(&s, b, i); err != nil {
			return fmt.Errorf("property %q: %w", d.columns[i].field, err)
		}
	}
	if s.space(); s.at != len(payload) {
		return errJSONTrailing
	}
	for i, seen := range d.seen {
		if seen {
			continue
		}
		c := &d.columns[i]
		if !c.typ.Nullable {
			return fmt.Errorf("property %q is missing, and column %q is %s", c.field, c.name, c.typ)
		}
		b.Cols[c.at].AppendNull()
	}
	return nil
}

// find returns the column of a property, looking at the expected one first; -1: nobody wants it.
func (d *jsonDecoder) find(name []byte, next int) int {
	for k := range d.columns {
		i := next + k
		if i >= len(d.columns) {
			i -= len(d.columns)
		}
		if string(name) == d.columns[i].field {
			return i
		}
	}
	return -1
}

// value decodes the next value into a column.
func (d *jsonDecoder) value(s *scanner, b *vec.Batch, i int) error {
	c := &d.columns[i]
	v := &b.Cols[c.at]
	next := s.peek()
	if next == 'n' {
		if !c.typ.Nullable {
			return errRequired
		}
		if err := s.word("null"); err != nil {
			return err
		}
		v.AppendNull()
		return nil
	}
	switch c.form {
	case jsonBoolean:
		if next == 't' {
			v.AppendBool(true)
			return s.word("true")
		}
		if next != 'f' {
			return errJSONType
		}
		v.AppendBool(false)
		return s.word("false")
	case jsonString, jsonBase64:
		if next != '"' {
			return errJSONType
		}
		raw, escaped, err := s.str()
		if err != nil {
			return err
		}
		return d.text(v, raw, escaped, c.form)
	}
	if next != '-' && (next < '0' || next > '9') {
		return errJSONType
	}
	text, integer, err := s.number()
	if err != nil {
		return err
	}
	return appendNumber(v, c, text, integer)
}

// text appends a string, or the bytes that it holds in base64.
func (d *jsonDecoder) text(v *vec.Vector, raw []byte, escaped bool, form jsonForm) error {
	if form == jsonString && !escaped {
		if !utf8.Valid(raw) {
			return errUTF8
		}
		v.AppendBytes(raw)
		return nil
	}
	var err error
	if escaped {
		if d.scratch, err = unescape(d.scratch[:0], raw); err != nil {
			return err
		}
		raw = d.scratch
	}
	if form == jsonString {
		if !utf8.Valid(raw) {
			return errUTF8
		}
		v.AppendBytes(raw)
		return nil
	}
	bytes := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Decode(bytes, raw)
	if err != nil {
		return errors.New("it is not base64")
	}
	v.AppendBytes(bytes[:n])
	return nil
}

func appendNumber(v *vec.Vector, c *jsonColumn, text []byte, integer bool) error {
	switch c.form {
	case jsonInteger, jsonMillis:
		x, ok := parseInteger(text)
		if !integer || !ok {
			// 1.0 and 1e3 are integers too, as long as nothing is lost.
			f, err := strconv.ParseFloat(string(text), 64)
			if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
				return errRange
			}
			x = int64(f)
		}
		if c.form == jsonMillis {
			if x > math.MaxInt64/c.factor || x < math.MinInt64/c.factor {
				return errRange
			}
			x *= c.factor
		} else if x < c.low || x > c.high {
			return errRange
		}
		v.AppendInt64(x)
	case jsonFloat:
		size := 64
		if c.typ.Kind == st.KindFloat {
			size = 32
		}
		// ParseFloat keeps nothing of its argument.
		f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), size)
		if err != nil {
			return errRange
		}
		v.AppendFloat64(f)
	case jsonDecimal:
		x, ok, _ := decimal.Parse(text, c.typ.Precision, c.typ.Scale)
		if !ok {
			return errDigits
		}
		v.AppendDecimal(x)
	default:
		return errJSONType
	}
	return nil
}

// parseInteger reads an integer of JSON; ok is false where it has more than 64 bits.
func parseInteger(text []byte) (x int64, ok bool) {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) > 19 {
		return 0, false
	}
	var u uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	if negative {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}
