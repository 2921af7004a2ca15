package format

import (
	"encoding/binary"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Writer encodes rows as the records of a table. One goroutine uses it.
type Writer struct {
	table      *st.Table
	key, value partWriter
	timestamp  int   // the column that gives the record's timestamp; -1: none
	ticks      int64 // its ticks per millisecond
	required   []column
}

// partWriter encodes one part. header is what every payload begins with.
type partWriter struct {
	encoding encoding
	header   []byte
	avro     []avroWriteStep
	json     *jsonEncoder
	raw      column
	width    int
}

// NewWriter compiles a Writer. Errors: a format or a type that is not supported; a schema that has no place for a column, or a field
// without default that no column fills.
func NewWriter(s Sink) (*Writer, error) {
	w := &Writer{table: s.Table, timestamp: -1}
	key, value, err := layout(s.Table)
	if err != nil {
		return nil, err
	}
	for at, index := range s.Targets {
		c := s.Table.Columns[index]
		kind, ok := vec.KindOf(c.Type)
		if !ok {
			return nil, fmt.Errorf("table %q: column %q: writing the type %s is not supported", s.Table.Name, c.Name, c.Type)
		}
		if !c.Type.Nullable {
			w.required = append(w.required, column{name: c.Name, typ: c.Type, at: at})
		}
		switch {
		case c.Kind == st.Physical:
			for _, p := range []*part{&key, &value} {
				for _, f := range p.fields {
					if f.name == c.Name {
						f.kind, f.at = kind, at
						p.columns = append(p.columns, f)
					}
				}
			}
		case c.Kind == st.Metadata && c.MetadataKey == "timestamp" && c.Type.IsTimestamp():
			w.timestamp, w.ticks = at, vec.TicksPerMilli(c.Type.Precision)
		default:
			return nil, fmt.Errorf("table %q: column %q: writing the metadata %q is not supported", s.Table.Name, c.Name, c.MetadataKey)
		}
	}
	if w.key, err = newPartWriter(key, s.Key); err != nil {
		return nil, fmt.Errorf("table %q: key: %w", s.Table.Name, err)
	}
	if w.value, err = newPartWriter(value, s.Value); err != nil {
		return nil, fmt.Errorf("table %q: value: %w", s.Table.Name, err)
	}
	return w, nil
}

func newPartWriter(p part, s *Schema) (w partWriter, err error) {
	w.encoding = p.encoding
	if p.encoding == noEncoding {
		return w, nil
	}
	if p.encoding == rawEncoding {
		if len(p.columns) != 1 {
			return w, fmt.Errorf("column %q is not written", p.fields[0].name)
		}
		w.raw = p.columns[0]
		t := w.raw.typ
		if w.width = integerWidths[t.Kind]; w.width == 0 && !t.IsString() && !t.IsBytes() {
			return w, fmt.Errorf("column %q: the type %s is not supported in raw format", w.raw.name, t)
		}
		return w, nil
	}
	if s == nil {
		return w, fmt.Errorf("no schema is registered")
	}
	w.header = binary.BigEndian.AppendUint32([]byte{0}, uint32(s.ID))
	if p.encoding == jsonEncoding {
		w.json, err = newJSONEncoder(p)
		return w, err
	}
	root, err := parseAvro(*s)
	if err != nil {
		return w, err
	}
	w.avro, err = compileAvroWriter(root, p)
	return w, err
}

// nullError says which NOT NULL column a NULL was to be written to.
func (w *Writer) nullError(c column, b *vec.Batch, i int) error {
	where := ""
	if o := b.Origin(i); o != "" {
		where = o + ": "
	}
	return fmt.Errorf("%stable %q: column %q is NOT NULL, and the row's value is NULL", where, w.table.Name, c.name)
}

// Append encodes the selected rows of b at the end of dst. Errors name the column and the row's origin.
func (w *Writer) Append(dst *Records, b *vec.Batch) error {
	if b.Sel != nil {
		for _, i := range b.Sel {
			if err := w.row(dst, b, int(i)); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range b.N {
		if err := w.row(dst, b, i); err != nil {
			return err
		}
	}
	return nil
}

// row encodes one row.
func (w *Writer) row(dst *Records, b *vec.Batch, i int) error {
	for _, c := range w.required {
		if b.Cols[c.at].Null(i) {
			return w.nullError(c, b, i)
		}
	}
	r := row{key: uint32(len(dst.arena))}
	var err error
	if w.key.encoding != noEncoding {
		if dst.arena, r.hasKey, err = w.key.append(dst.arena, b, i); err != nil {
			return fmt.Errorf("table %q: key: %w", w.table.Name, err)
		}
	}
	r.value = uint32(len(dst.arena))
	present := false
	if dst.arena, present, err = w.value.append(dst.arena, b, i); err != nil {
		return fmt.Errorf("table %q: value: %w", w.table.Name, err)
	}
	r.null, r.end = !present, uint32(len(dst.arena))
	if w.timestamp >= 0 {
		if v := &b.Cols[w.timestamp]; !v.Null(i) {
			r.time, r.hasTime = floorDiv(v.I64[i], w.ticks), true
		}
	}
	dst.rows = append(dst.rows, r)
	return nil
}

// append encodes the part of a row; ok is false for a null payload.
func (w *partWriter) append(dst []byte, b *vec.Batch, i int) (_ []byte, ok bool, err error) {
	switch w.encoding {
	case rawEncoding:
		v := &b.Cols[w.raw.at]
		if v.Null(i) {
			return dst, false, nil
		}
		return appendRaw(dst, v, i, w.width), true, nil
	case avroEncoding:
		dst = append(dst, w.header...)
		dst, err = appendAvro(dst, w.avro, b, i)
	default:
		dst = append(dst, w.header...)
		dst, err = w.json.append(dst, b, i)
	}
	return dst, true, err
}
