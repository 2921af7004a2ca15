package batch

import (
	"encoding/binary"
	"errors"
	"math"
)

// Why a batch can not pass through as it stands.
var (
	ErrControl    = errors.New("control batch")              // a gap: see ParseMarker
	ErrHoles      = errors.New("batch has holes")            // compaction removed records: Split
	ErrAppendTime = errors.New("batch has log append times") // Split gives its records their times
	ErrEmpty      = errors.New("batch has no records")       // kept by compaction for its producer: a gap
)

// Check says whether a batch may pass through with nothing but its header rewritten: a broker refuses some of what it must not get
// and silently corrupts the log with the rest (uncompressed records whose deltas have holes), so the writer has to know. A batch that
// compaction touched shows it by its count.
func Check(b Batch) error {
	switch {
	case b.Control():
		return ErrControl
	case b.NumRecords() == 0:
		return ErrEmpty
	case b.LogAppendTime():
		return ErrAppendTime
	case b.NumRecords() != b.LastOffsetDelta()+1:
		return ErrHoles
	}
	return nil
}

// Identity is who writes a batch: what the broker's duplicate detection compares.
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

// Rewrite appends b to dst with the header that a produce request wants: base offset 0, no leader epoch, no transactional or delete
// horizon bit, the given identity, and a new checksum. Records stay as they are, compressed or not. b must have passed Check.
func Rewrite(dst []byte, b Batch, id Identity) []byte {
	at := len(dst)
	dst = append(dst, b...)
	out := Batch(dst[at:])
	out.stamp(id)
	return dst
}

func (b Batch) stamp(id Identity) {
	b.setOffset(0)
	binary.BigEndian.PutUint32(b[posLeaderEpoch:], math.MaxUint32)
	binary.BigEndian.PutUint16(b[posAttributes:], uint16(b.Attributes()&(attrCodec|attrLogAppendTime)))
	binary.BigEndian.PutUint64(b[posProducerID:], uint64(id.ProducerID))
	binary.BigEndian.PutUint16(b[posProducerEpoch:], uint16(id.Epoch))
	binary.BigEndian.PutUint32(b[posBaseSequence:], uint32(id.Sequence))
	b.seal()
}

// Stamp gives a batch made by Builder or Merge another identity, in place.
func Stamp(b Batch, id Identity) { b.stamp(id) }

// Mergeable reports whether next can be joined behind b: both uncompressed, neighbours in offsets, and without anything that Check
// objects to.
func Mergeable(b, next Batch) bool {
	return b.Codec() == None && next.Codec() == None && b.NextOffset() == next.BaseOffset() && Check(b) == nil && Check(next) == nil &&
		int64(b.LastOffsetDelta())+int64(next.LastOffsetDelta()) < math.MaxInt32-1
}

// Merge appends to dst one batch with the records of all parts, which must be Mergeable each with the next: records are re-framed
// with new offset and timestamp deltas, their keys, values and headers are copied as bytes. It returns an error, and dst as it was,
// when the records of a part contradict its header.
func Merge(dst []byte, parts []Batch, id Identity) ([]byte, error) {
	at := len(dst)
	first := parts[0]
	dst = append(dst, first[:HeaderSize]...)
	base, count, maxTime := first.BaseOffset(), int32(0), int64(math.MinInt64)
	for _, p := range parts {
		maxTime = max(maxTime, p.MaxTimestamp())
		offsets, times := p.BaseOffset()-base, p.FirstTimestamp()-first.FirstTimestamp()
		if offsets == 0 && times == 0 {
			if err := walk(p.Payload(), p.NumRecords(), func(frame) error { return nil }); err != nil {
				return dst[:at], err
			}
			dst = append(dst, p.Payload()...)
			count += p.NumRecords()
			continue
		}
		err := walk(p.Payload(), p.NumRecords(), func(f frame) error {
			dst = f.append(dst, f.timeDelta+times, f.offsetDelta+int32(offsets))
			return nil
		})
		if err != nil {
			return dst[:at], err
		}
		count += p.NumRecords()
	}
	out := Batch(dst[at:])
	binary.BigEndian.PutUint32(out[posLastOffsetDelta:], uint32(count-1))
	binary.BigEndian.PutUint64(out[posMaxTimestamp:], uint64(maxTime))
	binary.BigEndian.PutUint32(out[posNumRecords:], uint32(count))
	out.stamp(id)
	return dst, nil
}

// Run is a batch without holes cut out of another, with the offset that its first record must get.
type Run struct {
	BaseOffset int64
	Batch      Batch // base offset 0, no identity: Stamp it
}

// Split rebuilds a batch that can not pass through as runs of neighbouring records: batches with holes, and batches with log append
// times, whose records each get the batch's maximum timestamp as their own (which is what consumers of the source see). The codec is
// kept. Offsets between the runs are gaps.
func Split(b Batch) ([]Run, error) {
	var runs []Run
	builder := NewBuilder(b.Codec())
	var base, next int64
	flush := func() error {
		if builder.Len() == 0 {
			return nil
		}
		out, err := builder.Build(nil, NoIdentity)
		if err != nil {
			return err
		}
		runs = append(runs, Run{base, out})
		builder.Reset()
		return nil
	}
	err := Records(b, func(r *Record) error {
		if builder.Len() > 0 && r.Offset != next {
			if err := flush(); err != nil {
				return err
			}
		}
		if builder.Len() == 0 {
			base = r.Offset
		}
		next = r.Offset + 1
		builder.Append(r.Timestamp, r.Key, r.Value, r.Headers)
		return nil
	})
	if err == nil {
		err = flush()
	}
	return runs, err
}
