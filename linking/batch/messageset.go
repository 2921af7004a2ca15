package batch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"sync"
)

// Message formats v0 and v1 (https://kafka.apache.org/documentation/#messageset; KIP-32, KIP-31): what topics hold that were written before
// Kafka 0.11, or to a broker with log.message.format.version below it, which Kafka up to 3.9 still keeps and hands out as it is.
//
//	offset int64 | size int32 | crc int32 | magic int8 | attributes int8 | timestamp int64, in v1 only | key | value
//
// The checksum is CRC-32 over everything behind it; key and value are an int32 length, -1 for null, and the bytes. A compressed message is a
// wrapper: its value is a compressed set of messages, and its offset is the last one's. In v0 those carry their offsets, in v1 their
// distances from the set's beginning. Compaction leaves holes between and inside wrappers.
const (
	messageSize       = 8 // where the fields are
	messageCRC        = 12
	messageMagic      = 16
	messageAttributes = 17
	messageTimestamp  = 18 // in v1; in v0 the key follows

	messageHead       = messageMagic + 1 // what tells the format, and how long the message is
	messageAppendTime = 0x08             // of a v1 message's attributes; of a wrapper it gives its messages the wrapper's timestamp
	noTimestamp       = -1               // what consumers are told of a v0 message
)

// upgradeBytes is what uncompressed messages, which are a set of their own each, are gathered to.
const upgradeBytes = 64 << 10

// upgrader is what upgrading needs in memory; it is pooled.
type upgrader struct {
	decompressor
	plain  Builder // gathers uncompressed messages from base on
	base   int64
	next   int64   // behind the last message
	packed Builder // of a wrapper's messages
	framed []byte
}

var upgraders = sync.Pool{New: func() any { return new(upgrader) }}

// Upgrade appends to dst, as batches in format v2, the messages in formats v0 and v1 that messages begins with, and returns what is behind
// them: nothing, or a batch in v2. Offsets, timestamps, keys, values and the codec stay; a v0 message, which has no timestamp, gets -1, which
// is what consumers were told of it. The batches have no identity and no leader epoch, and none has the bit of log append time: their records
// carry it.
//
// A last message that is cut off is ErrTruncated, as it is of Next. Bytes that contradict themselves are ErrCorrupt. With either error, out
// has what was in front of it, and rest begins with it.
func Upgrade(dst, messages []byte) (out, rest []byte, err error) {
	u := upgraders.Get().(*upgrader)
	defer u.free()
	out, rest, u.next = dst, messages, 0
	for len(rest) > 0 {
		var m message
		behind, err := m.cut(rest)
		if err == nil && m.magic >= 2 {
			break
		}
		if err == nil {
			out, err = u.take(out, &m)
		}
		if err != nil {
			// What was gathered is in front of the error.
			flushed, ferr := u.flush(out)
			if ferr != nil {
				return out, rest, ferr
			}
			return flushed, rest, err
		}
		rest = behind
	}
	out, err = u.flush(out)
	return out, rest, err
}

func (u *upgrader) free() {
	u.trim()
	for _, b := range []*Builder{&u.plain, &u.packed} {
		if b.Reset(); cap(b.payload) > maxKept {
			b.payload = nil
		}
	}
	if cap(u.framed) > maxKept {
		u.framed = nil
	}
	upgraders.Put(u)
}

// take appends a message of the log, or gathers it.
func (u *upgrader) take(out []byte, m *message) ([]byte, error) {
	if m.offset < u.next || m.offset == math.MaxInt64 {
		return out, fmt.Errorf("offset %d: message behind offset %d: %w", m.offset, u.next-1, ErrCorrupt)
	}
	if m.codec() == None {
		if u.plain.Len() > 0 && (m.offset != u.next || u.plain.Size()+len(m.key)+len(m.value) > upgradeBytes) {
			var err error
			if out, err = u.flush(out); err != nil {
				return out, err
			}
		}
		if u.plain.Len() == 0 {
			u.base = m.offset
		}
		u.plain.Append(m.timestamp, m.key, m.value, Headers{})
		u.next = m.offset + 1
		return out, nil
	}
	out, err := u.flush(out)
	if err != nil {
		return out, err
	}
	if out, err = u.unwrap(out, m); err != nil {
		return out, fmt.Errorf("offset %d: %s: %w", m.offset, m.codec(), err)
	}
	u.next = m.offset + 1
	return out, nil
}

// flush appends the gathered messages as a batch.
func (u *upgrader) flush(out []byte) ([]byte, error) {
	if u.plain.Len() == 0 {
		return out, nil
	}
	out, err := u.plain.place(out, u.base)
	u.plain.Reset()
	return out, err
}

// unwrap appends a wrapper's messages as a batch in the same codec.
func (u *upgrader) unwrap(out []byte, w *message) ([]byte, error) {
	payload := w.value
	if w.magic == 0 && w.codec() == LZ4 {
		payload = u.frame(payload)
	}
	set, err := u.decompress(w.codec(), payload, MaxDecompressed)
	if err != nil {
		return out, err
	}
	base, last, err := w.span(set)
	if err != nil {
		return out, err
	}
	b := &u.packed
	b.Reset()
	b.codec = w.codec()
	next := base
	for len(set) > 0 {
		var m message
		if set, err = m.cutInner(set, w); err != nil {
			return out, err
		}
		if w.magic == 1 {
			m.offset += w.offset - last
		}
		if m.offset < next || m.offset > w.offset {
			return out, fmt.Errorf("message at offset %d behind %d: %w", m.offset, next-1, ErrCorrupt)
		}
		b.Skip(int32(m.offset - next))
		if w.appendTime() {
			m.timestamp = w.timestamp
		}
		b.Append(m.timestamp, m.key, m.value, Headers{})
		next = m.offset + 1
	}
	if base < u.next || next != w.offset+1 {
		return out, fmt.Errorf("messages of offsets %d to %d behind %d: %w", base, next-1, u.next-1, ErrCorrupt)
	}
	return b.place(out, base)
}

// span finds the offset of a wrapper's first message, and the last one's offset as the set tells it.
func (m *message) span(set []byte) (base, last int64, err error) {
	first := int64(-1)
	for len(set) > 0 {
		var inner message
		if set, err = inner.cutInner(set, m); err != nil {
			return 0, 0, err
		}
		if last = inner.offset; first < 0 {
			first = last
		}
	}
	base = first
	if m.magic == 1 {
		base += m.offset - last
	}
	if first < 0 || base < 0 || m.offset-base < 0 || m.offset-base >= math.MaxInt32 {
		return 0, 0, fmt.Errorf("messages from %d to %d: %w", first, last, ErrCorrupt)
	}
	return base, last, nil
}

// place builds a batch that stands at an offset of a log.
func (b *Builder) place(dst []byte, base int64) ([]byte, error) {
	at := len(dst)
	dst, err := b.Build(dst, NoIdentity)
	if err != nil {
		return dst, err
	}
	Batch(dst[at:]).setOffset(base) // it is not under the checksum
	return dst, nil
}

// message is one message of a set. Key and value alias it.
type message struct {
	offset     int64
	timestamp  int64
	key, value []byte
	magic      int8
	attributes byte
}

func (m *message) codec() Codec     { return Codec(m.attributes & attrCodec) }
func (m *message) appendTime() bool { return m.magic == 1 && m.attributes&messageAppendTime != 0 }

// cut takes the first message off a set in a log, whose checksum must be right. Of what is in format v2 or later it tells the magic only.
func (m *message) cut(set []byte) (rest []byte, err error) {
	if len(set) < messageHead {
		return set, ErrTruncated
	}
	if m.magic = int8(set[messageMagic]); m.magic >= 2 || m.magic < 0 {
		return set, nil
	}
	body, rest, err := m.parse(set)
	if err == nil && crc32.ChecksumIEEE(body[messageMagic:]) != binary.BigEndian.Uint32(body[messageCRC:]) {
		err = fmt.Errorf("offset %d: checksum: %w", m.offset, ErrCorrupt)
	}
	return rest, err
}

// cutInner takes the first message off a set that was compressed: all of it must be there, in the wrapper's format, and not be wrappers
// again. The wrapper's checksum, which stands for it, was right.
func (m *message) cutInner(set []byte, w *message) (rest []byte, err error) {
	if len(set) < messageHead || int8(set[messageMagic]) != w.magic {
		return set, fmt.Errorf("%d bytes that are no message in format v%d: %w", len(set), w.magic, ErrCorrupt)
	}
	m.magic = w.magic
	_, rest, err = m.parse(set)
	switch {
	case err == ErrTruncated:
		return set, fmt.Errorf("message at %d is cut off: %w", m.offset, ErrCorrupt)
	case err != nil:
		return set, err
	case m.codec() != None:
		return set, fmt.Errorf("message at %d is compressed inside a compressed one: %w", m.offset, ErrCorrupt)
	}
	return rest, nil
}

// parse reads the message that a set begins with. Its magic is known.
func (m *message) parse(set []byte) (body, rest []byte, err error) {
	m.offset = int64(binary.BigEndian.Uint64(set))
	end := messageCRC + int64(int32(binary.BigEndian.Uint32(set[messageSize:])))
	fields := messageTimestamp
	if m.magic == 1 {
		fields += 8
	}
	switch {
	case m.offset < 0 || end < int64(fields)+8:
		return nil, set, fmt.Errorf("offset %d: message of %d bytes: %w", m.offset, end, ErrCorrupt)
	case end > int64(len(set)):
		return nil, set, ErrTruncated
	}
	body, rest = set[:end], set[end:]
	m.attributes, m.timestamp = body[messageAttributes], noTimestamp
	if m.magic == 1 {
		m.timestamp = int64(binary.BigEndian.Uint64(body[messageTimestamp:]))
	}
	at := fields
	if m.key, at = sizedAt(body, at); at >= 0 {
		m.value, at = sizedAt(body, at)
	}
	if at != len(body) || m.codec() > LZ4 || m.codec() != None && m.value == nil {
		return nil, set, fmt.Errorf("offset %d: message of %d bytes in format v%d, %s: %w", m.offset, end, m.magic, m.codec(), ErrCorrupt)
	}
	return body, rest, nil
}

// sizedAt reads an int32 length and that many bytes, and says where they end, or -1 where they do not; a length of -1 is null.
func sizedAt(b []byte, at int) (v []byte, end int) {
	if len(b)-at < 4 {
		return nil, -1
	}
	n := int(int32(binary.BigEndian.Uint32(b[at:])))
	at += 4
	switch {
	case n == -1:
		return nil, at
	case n < 0 || n > len(b)-at:
		return nil, -1
	}
	return b[at : at+n : at+n], at + n
}

// frame gives an LZ4 frame the header checksum that it should have. In format v0 Kafka wrote, and expects, one that is taken over the frame's
// magic as well (KAFKA-3160); other writers of v0 took the right one.
func (u *upgrader) frame(payload []byte) []byte {
	const magic, least = 4, 7
	if len(payload) < least {
		return payload // the decompressor says what is wrong
	}
	end := magic + 2
	if payload[magic]&lz4ContentSize != 0 {
		end += 8
	}
	if payload[magic]&lz4Dictionary != 0 {
		end += 4
	}
	if end >= len(payload) {
		return payload
	}
	u.framed = append(u.framed[:0], payload...)
	u.framed[end] = byte(xxh32(payload[magic:end]) >> 8)
	return u.framed
}

// xxh32 is XXH32 with seed 0 of less than 16 bytes.
func xxh32(b []byte) uint32 {
	const p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
	h := uint32(p5) + uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		h += binary.LittleEndian.Uint32(b) * p3
		h = (h<<17 | h>>15) * p4
	}
	for _, c := range b {
		h += uint32(c) * p5
		h = (h<<11 | h>>21) * p1
	}
	h = (h ^ h>>15) * p2
	h = (h ^ h>>13) * p3
	return h ^ h>>16
}
