package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Why a batch can not pass through as it stands.
var (
	ErrControl    = errors.New("control batch")              // a gap: see ParseMarker
	ErrHoles      = errors.New("batch has holes")            // compaction removed records: Split
	ErrAppendTime = errors.New("batch has log append times") // Split gives its records their times
	ErrEmpty      = errors.New("batch has no records")       // kept by compaction for its producer: a gap
)

// Check says whether a batch may pass through with nothing but its header rewritten. A broker refuses some of what it must not get,
// and silently corrupts its log with uncompressed records whose deltas have holes, so the writer has to know: a batch that compaction
// touched shows it by its count, and uncompressed records are walked. Compressed ones are not, because brokers check them on arrival;
// CheckRecords does. Errors other than those above are ErrCorrupt.
//
// The transactional and delete horizon bits are no objection: a read_committed reader gets such batches, and Stamp clears the bits.
func Check(b Batch) error {
	if err := checkHeader(b); err != nil || b.Codec() != None {
		return err
	}
	payload, n := b.Payload(), b.NumRecords()
	var f frame
	for i := range n {
		var err error
		if payload, err = f.dense(b, payload, i); err != nil {
			return err
		}
	}
	return ended(payload, n)
}

// dense takes the i-th record off what is left of an uncompressed batch's payload; its delta must be i.
func (f *frame) dense(b Batch, payload []byte, i int32) (rest []byte, err error) {
	if rest, err = f.cut(payload); err != nil {
		return nil, fmt.Errorf("offset %d: record %d of %d: %w", b.BaseOffset(), i, b.NumRecords(), err)
	}
	if f.offsetDelta != i {
		return nil, deltaError(b, f.offsetDelta, i)
	}
	return rest, nil
}

func checkHeader(b Batch) error {
	switch n := b.NumRecords(); {
	case b.Control():
		return ErrControl
	case n == 0:
		return ErrEmpty
	case b.LogAppendTime():
		return ErrAppendTime
	case n > b.LastOffsetDelta()+1:
		return fmt.Errorf("offset %d: %d records up to delta %d: %w", b.BaseOffset(), n, b.LastOffsetDelta(), ErrCorrupt)
	case n <= b.LastOffsetDelta():
		return ErrHoles
	case b.Codec() > Zstd:
		return fmt.Errorf("offset %d: %s: %w", b.BaseOffset(), b.Codec(), ErrCorrupt)
	}
	return nil
}

// CheckRecords is Check and, in compressed batches too, a look at every record.
func CheckRecords(b Batch) error {
	if err := checkHeader(b); err != nil {
		return err
	}
	next := b.BaseOffset()
	return Records(b, func(r *Record) error {
		if r.Offset != next {
			return deltaError(b, int32(r.Offset-b.BaseOffset()), int32(next-b.BaseOffset()))
		}
		next++
		return nil
	})
}

func deltaError(b Batch, got, want int32) error {
	return fmt.Errorf("offset %d: record delta %d where %d follows: %w", b.BaseOffset(), got, want, ErrCorrupt)
}

// Identity is who writes a batch: what the broker's duplicate detection compares (KIP-98).
type Identity struct {
	ProducerID int64
	Epoch      int16
	Sequence   int32 // of the batch's first record
}

// NoIdentity writes without duplicate detection.
var NoIdentity = Identity{-1, -1, -1}

// NextSequence is the sequence number n records behind seq. Numbers wrap from 2^31-1 to 0.
func NextSequence(seq int32, n int32) int32 {
	return int32((int64(seq) + int64(n)) & math.MaxInt32)
}

// Rewrite appends b to dst and stamps it there. It allocates only where dst has no room.
func Rewrite(dst []byte, b Batch, id Identity) []byte {
	at := len(dst)
	dst = append(dst, b...)
	Stamp(dst[at:], id)
	return dst
}

// Stamp gives a batch, in place, the header that a produce request outside a transaction wants: base offset 0, no leader epoch, no
// transactional or delete horizon bit, and the given identity. Records stay as they are, compressed or not, and are not even read: the
// checksum is corrected by what changed in the header, so records that were damaged on the way are refused by the broker that gets
// them, without a Verify here. A batch from a log must have passed Check.
func Stamp(b Batch, id Identity) {
	b.setOffset(0)
	binary.BigEndian.PutUint32(b[posLeaderEpoch:], math.MaxUint32)
	b.editHeader(func() {
		binary.BigEndian.PutUint16(b[posAttributes:], uint16(b.Attributes()&attrCodec))
		b.identify(id)
	})
}

// StampTransactional gives a batch of Builder.BuildTransactional another identity, in place. It stays transactional.
func StampTransactional(b Batch, id Identity) { b.editHeader(func() { b.identify(id) }) }

func (b Batch) identify(id Identity) {
	binary.BigEndian.PutUint64(b[posProducerID:], uint64(id.ProducerID))
	binary.BigEndian.PutUint16(b[posProducerEpoch:], uint16(id.Epoch))
	binary.BigEndian.PutUint32(b[posBaseSequence:], uint32(id.Sequence))
}
