package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

// version is the version of the form of segments. A segment of another version is refused.
const version = 1

// Seal closes a segment: its version, the digest of the operator it belongs to, the payload, and a digest of it all with its name, so that
// bytes under another name are noticed too.
func Seal(name string, operator uint64, payload []byte) Segment {
	out := make([]byte, 0, len(payload)+17)
	out = append(out, version)
	out = binary.LittleEndian.AppendUint64(out, operator)
	out = append(out, payload...)
	return Segment{Name: name, Data: binary.LittleEndian.AppendUint64(out, digest(name, out))}
}

func digest(name string, data []byte) uint64 {
	return xxh3.HashSeed(data, xxh3.HashString(name))
}

// Open checks a segment and returns its payload.
func Open(s Segment, operator uint64) ([]byte, error) {
	n := len(s.Data) - 8
	switch {
	case n < 9:
		return nil, fmt.Errorf("state segment %q: %d bytes are too few", s.Name, len(s.Data))
	case binary.LittleEndian.Uint64(s.Data[n:]) != digest(s.Name, s.Data[:n]):
		return nil, fmt.Errorf("state segment %q: its digest does not match: the segment is damaged", s.Name)
	case s.Data[0] != version:
		return nil, fmt.Errorf("state segment %q: version %d, this program reads %d", s.Name, s.Data[0], version)
	case binary.LittleEndian.Uint64(s.Data[1:]) != operator:
		return nil, fmt.Errorf("state segment %q: it belongs to another statement, or the statement's plan has changed", s.Name)
	}
	return s.Data[9:n], nil
}

// Encoder writes the payload of a segment.
type Encoder struct{ B []byte }

// Uint, Int, Bytes and Word append a length or count, a signed number, bytes with their length, and eight bytes as they are.
func (e *Encoder) Uint(x uint64) { e.B = binary.AppendUvarint(e.B, x) }
func (e *Encoder) Int(x int64)   { e.B = binary.AppendVarint(e.B, x) }
func (e *Encoder) Word(x uint64) { e.B = binary.LittleEndian.AppendUint64(e.B, x) }
func (e *Encoder) Bytes(b []byte) {
	e.Uint(uint64(len(b)))
	e.B = append(e.B, b...)
}

// Bool appends a byte.
func (e *Encoder) Bool(x bool) {
	if x {
		e.B = append(e.B, 1)
	} else {
		e.B = append(e.B, 0)
	}
}

// Decoder reads what an Encoder wrote. After the first value that is not there all are zero, and Err says so.
type Decoder struct {
	B   []byte
	err error
}

var errPayload = errors.New("the payload ends within a value")

// Err is the first failure, or what is left over.
func (d *Decoder) Err() error {
	if d.err == nil && len(d.B) > 0 {
		return fmt.Errorf("%d bytes are left over", len(d.B))
	}
	return d.err
}

func (d *Decoder) fail() {
	d.err, d.B = errPayload, nil
}

// Uint reads what Encoder.Uint wrote.
func (d *Decoder) Uint() uint64 {
	x, n := binary.Uvarint(d.B)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.B = d.B[n:]
	return x
}

// Count reads a number of things that take at least one byte each.
func (d *Decoder) Count() int {
	x := d.Uint()
	if x > uint64(len(d.B)) {
		d.fail()
		return 0
	}
	return int(x)
}

// Int reads what Encoder.Int wrote.
func (d *Decoder) Int() int64 {
	x, n := binary.Varint(d.B)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.B = d.B[n:]
	return x
}

// Word reads what Encoder.Word wrote.
func (d *Decoder) Word() uint64 {
	if len(d.B) < 8 {
		d.fail()
		return 0
	}
	x := binary.LittleEndian.Uint64(d.B)
	d.B = d.B[8:]
	return x
}

// Bytes reads what Encoder.Bytes wrote. They belong to the segment.
func (d *Decoder) Bytes() []byte {
	n := d.Uint()
	if n > uint64(len(d.B)) {
		d.fail()
		return nil
	}
	b := d.B[:n:n]
	d.B = d.B[n:]
	return b
}

// Bool reads what Encoder.Bool wrote.
func (d *Decoder) Bool() bool {
	if len(d.B) == 0 {
		d.fail()
		return false
	}
	x := d.B[0] != 0
	d.B = d.B[1:]
	return x
}
