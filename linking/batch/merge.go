package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// errNotMergeable is a mistake of the caller.
var errNotMergeable = errors.New("merging batches that are not Mergeable")

// Mergeable reports whether next can be joined behind b: neighbours in offsets, of one codec, and with nothing in their headers that
// Check objects to.
func Mergeable(b, next Batch) bool {
	return b.Codec() == next.Codec() && b.NextOffset() == next.BaseOffset() && checkHeader(b) == nil && checkHeader(next) == nil &&
		int64(b.LastOffsetDelta())+int64(next.LastOffsetDelta()) < math.MaxInt32-1
}

// Merge appends to dst one batch with the records of all parts, which must be Mergeable each with the next: records are re-framed
// with new offset and timestamp deltas, their keys, values and headers are copied as bytes. Compressed parts are decompressed, and
// compressed again together by the same codec. Because that makes a new checksum, it verifies the old ones. A record's frame grows by a
// few bytes, 20 at most. It returns an error, and dst as it was, when the bytes of a part contradict its header or have holes.
func Merge(dst []byte, parts []Batch, id Identity) ([]byte, error) {
	if len(parts) == 0 {
		return dst, errNotMergeable
	}
	at, first, codec := len(dst), parts[0], parts[0].Codec()
	r := readers.Get().(*reader)
	defer r.free()
	into, size := dst, HeaderSize
	if codec != None {
		into = r.joined[:0]
	}
	for _, p := range parts {
		size += len(p) + min(usualGrowth*int(p.NumRecords()), len(p)) // a count may say anything
	}
	into = append(slices.Grow(into, size), first[:HeaderSize]...)
	count, maxTime := int64(0), int64(math.MinInt64)
	for i, p := range parts {
		if i > 0 && !Mergeable(parts[i-1], p) || count+int64(p.NumRecords()) > math.MaxInt32 {
			return dst[:at], errNotMergeable
		}
		payload, err := p.Payload(), Verify(p)
		if err == nil && codec != None {
			payload, err = r.decompress(codec, payload, MaxDecompressed-len(into))
		}
		if err == nil {
			into, err = appendRecords(into, p, payload, int32(count), p.FirstTimestamp()-first.FirstTimestamp())
		}
		if err != nil {
			return dst[:at], err
		}
		count, maxTime = count+int64(p.NumRecords()), max(maxTime, p.MaxTimestamp())
	}
	if codec == None {
		dst = into
	} else {
		r.joined = into
		var err error
		if dst, err = compress(append(dst, first[:HeaderSize]...), codec, into[HeaderSize:], true); err != nil {
			return dst[:at], fmt.Errorf("merging: %w", err)
		}
	}
	out := Batch(dst[at:])
	binary.BigEndian.PutUint32(out[posLastOffsetDelta:], uint32(count-1))
	binary.BigEndian.PutUint64(out[posMaxTimestamp:], uint64(maxTime))
	binary.BigEndian.PutUint32(out[posNumRecords:], uint32(count))
	out.seal()
	Stamp(out, id)
	return dst, nil
}

// appendRecords appends the records of p, which are in payload, with deltas grown by offsets and times.
func appendRecords(dst []byte, p Batch, payload []byte, offsets int32, times int64) ([]byte, error) {
	n := p.NumRecords()
	same := offsets == 0 && times == 0
	if same {
		dst = append(dst, payload...)
	}
	var f frame
	for i := range n {
		var err error
		if payload, err = f.dense(p, payload, i); err != nil {
			return dst, err
		}
		if !same {
			dst = f.append(dst, f.timeDelta+times, f.offsetDelta+offsets)
		}
	}
	return dst, ended(payload, n)
}

// usualGrowth is by how many bytes a record's frame grows in nearly every merge: two for each delta.
const usualGrowth = 4

// Run is a batch without holes cut out of another, with the offset that its first record must get.
type Run struct {
	BaseOffset int64
	Batch      Batch // base offset 0, no identity: Stamp it
}

// Split rebuilds a batch that can not pass through as runs of neighbouring records: batches with holes, and batches with log append
// times, whose records each get the batch's maximum timestamp as their own (which is what consumers of the source see). The codec is
// kept. Offsets between the runs, and between the last one and b.NextOffset(), are gaps. It verifies the checksum.
func Split(b Batch) ([]Run, error) { return SplitFrom(b, 0) }

// SplitFrom is Split without the records in front of offset from: what is left of a batch whose beginning is written already.
func SplitFrom(b Batch, from int64) ([]Run, error) {
	if b.Control() {
		return nil, ErrControl
	}
	if err := Verify(b); err != nil {
		return nil, err
	}
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
		if r.Offset < from {
			return nil
		}
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
	if err != nil {
		return nil, err
	}
	return runs, nil
}
