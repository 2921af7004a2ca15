// Package batch handles Kafka record batches as bytes: it walks, checks, rewrites, merges, splits and builds them. It knows no
// network. The mirror passes batches through it almost untouched; the statement engine reads records straight from it.
//
// The layout is that of message format v2 (KIP-98, https://kafka.apache.org/documentation/#recordbatch); Upgrade turns messages in older
// formats into it. Offsets are int64 positions in a partition's log, times are milliseconds since the epoch.
package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the size in bytes of everything in front of a batch's records.
const HeaderSize = 61

// Where the header's fields are.
const (
	posBaseOffset      = 0
	posLength          = 8
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17
	posAttributes      = 21
	posLastOffsetDelta = 23
	posFirstTimestamp  = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posNumRecords      = 57
)

// Attribute bits of a batch.
const (
	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40 // KIP-534
)

// Codec is a batch's compression.
type Codec int8

const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("codec %d", int8(c))
}

// Batch is one whole record batch, header included. The accessors read in place and expect a batch that Next returned.
type Batch []byte

func (b Batch) Length() int32          { return int32(binary.BigEndian.Uint32(b[posLength:])) } // of what is behind this field
func (b Batch) Magic() int8            { return int8(b[posMagic]) }
func (b Batch) BaseOffset() int64      { return int64(binary.BigEndian.Uint64(b[posBaseOffset:])) }
func (b Batch) LeaderEpoch() int32     { return int32(binary.BigEndian.Uint32(b[posLeaderEpoch:])) }
func (b Batch) CRC() uint32            { return binary.BigEndian.Uint32(b[posCRC:]) }
func (b Batch) Attributes() int16      { return int16(binary.BigEndian.Uint16(b[posAttributes:])) }
func (b Batch) LastOffsetDelta() int32 { return int32(binary.BigEndian.Uint32(b[posLastOffsetDelta:])) }
func (b Batch) FirstTimestamp() int64  { return int64(binary.BigEndian.Uint64(b[posFirstTimestamp:])) }
func (b Batch) MaxTimestamp() int64    { return int64(binary.BigEndian.Uint64(b[posMaxTimestamp:])) }
func (b Batch) ProducerID() int64      { return int64(binary.BigEndian.Uint64(b[posProducerID:])) }
func (b Batch) ProducerEpoch() int16   { return int16(binary.BigEndian.Uint16(b[posProducerEpoch:])) }
func (b Batch) BaseSequence() int32    { return int32(binary.BigEndian.Uint32(b[posBaseSequence:])) }
func (b Batch) NumRecords() int32      { return int32(binary.BigEndian.Uint32(b[posNumRecords:])) }

// LastOffset is the offset of the batch's last position, whether or not compaction left a record there.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the first offset behind the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

func (b Batch) Codec() Codec         { return Codec(b.Attributes() & attrCodec) }
func (b Batch) LogAppendTime() bool  { return b.Attributes()&attrLogAppendTime != 0 }
func (b Batch) Transactional() bool  { return b.Attributes()&attrTransactional != 0 }
func (b Batch) Control() bool        { return b.Attributes()&attrControl != 0 }
func (b Batch) DeleteHorizon() bool  { return b.Attributes()&attrDeleteHorizon != 0 }
func (b Batch) Payload() []byte      { return b[HeaderSize:] }
func (b Batch) setOffset(base int64) { binary.BigEndian.PutUint64(b[posBaseOffset:], uint64(base)) }

// Errors that callers branch on.
var (
	// ErrTruncated is a last batch that the answer cuts off: normal in a fetch answer, whose size is bounded in bytes.
	ErrTruncated = errors.New("record batch is cut off")
	// ErrCorrupt is a batch whose bytes contradict themselves.
	ErrCorrupt = errors.New("record batch is corrupt")
	// ErrFormat is a message format before v2: see Upgrade.
	ErrFormat = errors.New("message format v0 or v1")
)

// Next returns the first batch of a fetch answer and what is behind it. At the end of b it returns a nil batch and no error; a
// last batch that is cut off is ErrTruncated.
func Next(b []byte) (first Batch, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, nil
	}
	if len(b) < posMagic+1 {
		return nil, b, ErrTruncated
	}
	if magic := b[posMagic]; magic != 2 {
		if magic < 2 {
			return nil, b, fmt.Errorf("offset %d: %w", int64(binary.BigEndian.Uint64(b)), ErrFormat)
		}
		return nil, b, fmt.Errorf("offset %d: magic %d: %w", int64(binary.BigEndian.Uint64(b)), magic, ErrCorrupt)
	}
	length := int64(Batch(b).Length()) + posLeaderEpoch
	if length < HeaderSize {
		return nil, b, fmt.Errorf("length %d: %w", length, ErrCorrupt)
	}
	if length > int64(len(b)) {
		return nil, b, ErrTruncated
	}
	first = Batch(b[:length:length])
	if first.LastOffsetDelta() < 0 || first.NumRecords() < 0 || first.BaseOffset() < 0 || first.NextOffset() < 0 {
		return nil, b, fmt.Errorf("offset %d: last delta %d, %d records: %w", first.BaseOffset(), first.LastOffsetDelta(), first.NumRecords(), ErrCorrupt)
	}
	return first, b[length:], nil
}
