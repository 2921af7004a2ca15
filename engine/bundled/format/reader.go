package format

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Reader decodes the records of a table into batches. One goroutine uses it.
type Reader struct {
	kinds      []vec.Kind
	lookup     Lookup
	key, value partReader
	metadata   []metadataColumn
}

// partReader decodes one part, with a decoder for each schema id met so far.
type partReader struct {
	part
	table    *avroNode // the schema that the table was read with, or nil
	lastID   uint32
	last     decoder
	decoders map[uint32]decoder
}

// decoder appends one row to the wanted columns of its part. Its errors are reasons why the record is bad; it may have appended to some of
// the columns by then.
type decoder interface {
	decode(b *vec.Batch, payload []byte) error
}

type metadataColumn struct {
	at     int
	key    string
	factor int64
}

// NewReader compiles a Reader. Errors: a format, a column type or a metadata key that is not supported, by name.
func NewReader(s Source) (*Reader, error) {
	r := &Reader{lookup: s.Lookup}
	key, value, err := layout(s.Table)
	if err != nil {
		return nil, err
	}
	row := s.Table.Row()
	for at, index := range s.Wanted {
		c := row[index]
		kind, ok := vec.KindOf(c.Type)
		if !ok {
			return nil, fmt.Errorf("table %q: column %q: reading the type %s is not supported", s.Table.Name, c.Name, c.Type)
		}
		r.kinds = append(r.kinds, kind)
		switch c.Kind {
		case st.Physical:
			err = want(&key, &value, c, at)
		case st.Metadata, st.System:
			err = r.wantMetadata(c, at)
		default:
			err = fmt.Errorf("column %q is %s: it is not in the record", c.Name, c.Kind)
		}
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", s.Table.Name, err)
		}
	}
	r.key, r.value = partReader{part: key}, partReader{part: value}
	if err := r.key.prepare(s.Key); err != nil {
		return nil, fmt.Errorf("table %q: key: %w", s.Table.Name, err)
	}
	if err := r.value.prepare(s.Value); err != nil {
		return nil, fmt.Errorf("table %q: value: %w", s.Table.Name, err)
	}
	return r, nil
}

// metadataTypes are the metadata that can be read, and the type family that each needs.
var metadataTypes = map[string]func(st.Type) bool{
	"timestamp":      st.Type.IsTimestamp,
	"offset":         func(t st.Type) bool { return t.Kind == st.KindBigInt },
	"partition":      func(t st.Type) bool { return t.Kind == st.KindInt },
	"leader-epoch":   func(t st.Type) bool { return t.Kind == st.KindInt },
	"timestamp-type": st.Type.IsString,
	"topic":          st.Type.IsString,
	"raw-key":        st.Type.IsBytes,
	"raw-value":      st.Type.IsBytes,
}

func (r *Reader) wantMetadata(c st.TableColumn, at int) error {
	fits, ok := metadataTypes[c.MetadataKey]
	if !ok {
		return fmt.Errorf("column %q: reading the metadata %q is not supported", c.Name, c.MetadataKey)
	}
	if !fits(c.Type) {
		return fmt.Errorf("column %q: the metadata %q cannot be read as %s", c.Name, c.MetadataKey, c.Type)
	}
	r.metadata = append(r.metadata, metadataColumn{at, c.MetadataKey, vec.TicksPerMilli(c.Type.Precision)})
	return nil
}

// prepare makes what does not depend on a record's schema.
func (p *partReader) prepare(table *Schema) (err error) {
	p.decoders = map[uint32]decoder{}
	if p.encoding == rawEncoding && len(p.columns) > 0 {
		p.last, err = newRawDecoder(p.columns[0])
		return err
	}
	if table != nil && p.encoding == avroEncoding {
		p.table, err = parseAvro(*table)
	}
	return err
}

// Kinds are the kinds of the columns of the batches that the Reader fills.
func (r *Reader) Kinds() []vec.Kind { return r.kinds }

// Append decodes a record into a new last row of b. A *BadRecordError leaves b as it was; any other error is Lookup's.
// The caller sets b.Topic and b.Partition; Append adds the row time and the offset.
func (r *Reader) Append(b *vec.Batch, rec *Record) error {
	part, err := "value", r.value.append(b, rec.Value, r.lookup)
	if err == nil {
		part, err = "key", r.key.append(b, rec.Key, r.lookup)
	}
	if err == nil {
		for i := range r.metadata {
			r.metadata[i].append(b, rec)
		}
		b.RowTime = append(b.RowTime, rec.Timestamp)
		b.Offsets = append(b.Offsets, rec.Offset)
		b.N++
		return nil
	}
	b.Truncate(b.N)
	var failed *lookupError
	origin := fmt.Sprintf("%s-%d@%d", b.Topic, rec.Partition, rec.Offset)
	if errors.As(err, &failed) {
		return fmt.Errorf("%s: schema %d of the record's %s: %w", origin, failed.id, part, failed.err)
	}
	return &BadRecordError{Part: part, Reason: err.Error(), Origin: origin}
}

// lookupError tells a schema that could not be had from a record that is bad.
type lookupError struct {
	id  uint32
	err error
}

func (e *lookupError) Error() string { return e.err.Error() }

// append decodes one part of a record.
func (p *partReader) append(b *vec.Batch, payload []byte, lookup Lookup) error {
	if len(p.columns) == 0 {
		return nil
	}
	if payload == nil {
		for _, c := range p.columns {
			if !c.typ.Nullable {
				return fmt.Errorf("it is null, and column %q is %s", c.name, c.typ)
			}
			b.Cols[c.at].AppendNull()
		}
		return nil
	}
	if p.encoding == rawEncoding {
		return p.last.decode(b, payload)
	}
	// Confluent's wire format: a zero byte, the schema's id in four bytes, the data.
	if len(payload) < 5 || payload[0] != 0 {
		return fmt.Errorf("it does not begin with a zero byte and a schema id")
	}
	id := binary.BigEndian.Uint32(payload[1:])
	if p.last == nil || id != p.lastID {
		d, err := p.decoder(id, lookup)
		if err != nil {
			return err
		}
		p.last, p.lastID = d, id
	}
	return p.last.decode(b, payload[5:])
}

// decoder returns the decoder of a writer's schema.
func (p *partReader) decoder(id uint32, lookup Lookup) (decoder, error) {
	if d := p.decoders[id]; d != nil {
		return d, nil
	}
	if lookup == nil {
		return nil, &lookupError{id, errors.New("there is no schema registry")}
	}
	s, err := lookup(int(id))
	if err != nil {
		return nil, &lookupError{id, err}
	}
	d, err := p.compile(s)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", id, err)
	}
	p.decoders[id] = d
	return d, nil
}

func (p *partReader) compile(s Schema) (decoder, error) {
	kind := s.Type
	if kind == "" {
		kind = "AVRO"
	}
	switch {
	case p.encoding == avroEncoding && kind == "AVRO":
		writer, err := parseAvro(s)
		if err != nil {
			return nil, err
		}
		return compileAvro(writer, p.table, &p.part)
	case p.encoding == jsonEncoding && kind == "JSON":
		return newJSONDecoder(&p.part)
	}
	return nil, fmt.Errorf("it is of type %s, which the table's format does not read", kind)
}

// append adds a column of the record's metadata.
func (m *metadataColumn) append(b *vec.Batch, rec *Record) {
	v := &b.Cols[m.at]
	switch m.key {
	case "timestamp":
		v.AppendInt64(rec.Timestamp * m.factor)
	case "offset":
		v.AppendInt64(rec.Offset)
	case "partition":
		v.AppendInt64(int64(rec.Partition))
	case "leader-epoch":
		v.AppendInt64(int64(rec.LeaderEpoch))
	case "timestamp-type":
		if rec.LogAppend {
			v.AppendString("LogAppendTime")
		} else {
			v.AppendString("CreateTime")
		}
	case "topic":
		v.AppendString(b.Topic)
	case "raw-key":
		appendOptional(v, rec.Key)
	case "raw-value":
		appendOptional(v, rec.Value)
	}
}

func appendOptional(v *vec.Vector, b []byte) {
	if b == nil {
		v.AppendNull()
	} else {
		v.AppendBytes(b)
	}
}
