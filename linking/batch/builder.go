package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Builder makes a batch from records. It is reused: Reset keeps its memory.
type Builder struct {
	codec   Codec
	payload []byte
	n       int32
	skipped int32
	first   int64
	max     int64
}

// NewBuilder returns a builder whose batches are compressed with codec.
func NewBuilder(codec Codec) *Builder { return &Builder{codec: codec} }

// Append adds a record behind the last one. A nil key or value is null.
func (b *Builder) Append(timestamp int64, key, value []byte, h Headers) {
	if b.n == 0 {
		b.first, b.max = timestamp, timestamp
	}
	b.max = max(b.max, timestamp)
	delta, offset := timestamp-b.first, int64(b.n+b.skipped)
	size := 1 + varintLen(delta) + varintLen(offset) + bytesLen(key) + bytesLen(value) + varintLen(int64(h.N)) + len(h.raw)
	p := binary.AppendVarint(b.payload, int64(size))
	p = append(p, 0)
	p = binary.AppendVarint(p, delta)
	p = binary.AppendVarint(p, offset)
	p = appendBytes(p, key)
	p = appendBytes(p, value)
	p = binary.AppendVarint(p, int64(h.N))
	b.payload = append(p, h.raw...)
	b.n++
}

// Skip leaves the next n offsets without a record. A batch from a log has such holes; one to be written to a log must not (see Check).
func (b *Builder) Skip(n int32) { b.skipped += n }

// Len is the number of records, Size the number of their bytes before compression.
func (b *Builder) Len() int  { return int(b.n) }
func (b *Builder) Size() int { return len(b.payload) + HeaderSize }

// Reset forgets the records.
func (b *Builder) Reset() { b.payload, b.n, b.skipped = b.payload[:0], 0, 0 }

// Build appends the batch to dst with base offset 0 and the given identity. There must be at least one record.
func (b *Builder) Build(dst []byte, id Identity) ([]byte, error) { return b.build(dst, id, 0) }

// BuildTransactional is Build with the transactional bit.
func (b *Builder) BuildTransactional(dst []byte, id Identity) ([]byte, error) {
	return b.build(dst, id, attrTransactional)
}

func (b *Builder) build(dst []byte, id Identity, attributes int16) ([]byte, error) {
	if b.n == 0 {
		return dst, fmt.Errorf("building a batch: %w", ErrEmpty)
	}
	at := len(dst)
	var header [HeaderSize]byte
	header[posMagic] = 2
	if b.codec == None {
		dst = slices.Grow(dst, b.Size())
	}
	dst = append(dst, header[:]...)
	if b.codec == None {
		dst = append(dst, b.payload...)
	} else {
		var err error
		if dst, err = compress(dst, b.codec, b.payload, false); err != nil {
			return dst[:at], fmt.Errorf("building a batch: %w", err)
		}
	}
	out := Batch(dst[at:])
	binary.BigEndian.PutUint32(out[posLeaderEpoch:], math.MaxUint32)
	binary.BigEndian.PutUint16(out[posAttributes:], uint16(int16(b.codec)|attributes))
	binary.BigEndian.PutUint32(out[posLastOffsetDelta:], uint32(b.n+b.skipped-1))
	binary.BigEndian.PutUint64(out[posFirstTimestamp:], uint64(b.first))
	binary.BigEndian.PutUint64(out[posMaxTimestamp:], uint64(b.max))
	binary.BigEndian.PutUint64(out[posProducerID:], uint64(id.ProducerID))
	binary.BigEndian.PutUint16(out[posProducerEpoch:], uint16(id.Epoch))
	binary.BigEndian.PutUint32(out[posBaseSequence:], uint32(id.Sequence))
	binary.BigEndian.PutUint32(out[posNumRecords:], uint32(b.n))
	out.seal()
	return dst, nil
}

// Filler builds a zstd batch of n empty records with the given time: what aligns a log whose source starts above 0. Brokers run out
// of memory over batches of millions of records; MaxFiller is safe.
func Filler(dst []byte, n int32, timestamp int64, id Identity) ([]byte, error) {
	return filler(n, timestamp).Build(dst, id)
}

// TransactionalFiller is Filler with the transactional bit.
func TransactionalFiller(dst []byte, n int32, timestamp int64, id Identity) ([]byte, error) {
	return filler(n, timestamp).BuildTransactional(dst, id)
}

func filler(n int32, timestamp int64) *Builder {
	b := NewBuilder(Zstd)
	for range n {
		b.Append(timestamp, nil, nil, Headers{})
	}
	return b
}

// KeyedFiller is Filler of tombstones of one key, FillerKey: on a compacted topic all but the last go away with the next cleaning, and that
// one with a later one.
func KeyedFiller(dst []byte, n int32, timestamp int64, id Identity) ([]byte, error) {
	b := NewBuilder(Zstd)
	for range n {
		b.Append(timestamp, fillerKey, nil, Headers{})
	}
	return b.Build(dst, id)
}

// FillerKey is the key of tombstones that stand for offsets without a record.
const FillerKey = "lifeboat.filler"

var fillerKey = []byte(FillerKey)

// Filler says whether a record is one that stands for an offset without a record: no reader of the source has ever seen it.
func (r *Record) Filler() bool { return r.Value == nil && string(r.Key) == FillerKey }

// MaxFiller is the largest filler batch, in records.
const MaxFiller = 100_000

func bytesLen(v []byte) int {
	if v == nil {
		return 1
	}
	return varintLen(int64(len(v))) + len(v)
}
