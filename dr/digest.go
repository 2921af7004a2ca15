package dr

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"maps"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// logDigest sums a partition's visible records: one hash per bucket of offsets, so that a difference is found without a second look.
type logDigest struct {
	records int64
	buckets map[int64]uint64 // offset / bucketSize → chained hash of its records
}

// bucketSize is how finely a difference is placed, in offsets.
const bucketSize = 64

// add chains one record into its bucket: offset, timestamp, key, value and headers, with lengths, so that nothing can shift.
func (d *logDigest) add(rec *kgo.Record, buf []byte) []byte {
	buf = binary.LittleEndian.AppendUint64(buf[:0], d.buckets[rec.Offset/bucketSize])
	buf = binary.LittleEndian.AppendUint64(buf, uint64(rec.Offset))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(rec.Timestamp.UnixMilli()))
	buf = appendBytes(buf, rec.Key)
	buf = appendBytes(buf, rec.Value)
	for _, h := range rec.Headers {
		buf = appendBytes(append(buf, 'h'), []byte(h.Key))
		buf = appendBytes(buf, h.Value)
	}
	d.buckets[rec.Offset/bucketSize] = xxh3.Hash(buf)
	d.records++
	return buf
}

// appendBytes appends b behind its length; null and empty differ.
func appendBytes(buf, b []byte) []byte {
	n := int64(len(b))
	if b == nil {
		n = -1
	}
	return append(binary.LittleEndian.AppendUint64(buf, uint64(n)), b...)
}

// differs returns the first offset of the first bucket in which the two differ.
func (d logDigest) differs(o logDigest) (int64, bool) {
	first, found := int64(0), false
	note := func(bucket int64) {
		if at := bucket * bucketSize; !found || at < first {
			first, found = at, true
		}
	}
	for b, h := range d.buckets {
		if o.buckets[b] != h {
			note(b)
		}
	}
	for b := range o.buckets {
		if _, ok := d.buckets[b]; !ok {
			note(b)
		}
	}
	return first, found
}

// digestBoth sums the spans of one topic in both regions, at the same time.
func digestBoth(ctx context.Context, a, b *linking.Region, topic string, spans map[int32]span) (map[int32]logDigest, map[int32]logDigest, error) {
	var da, db map[int32]logDigest
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { da, err = digestTopic(ctx, a, topic, spans); return err })
	g.Go(func() (err error) { db, err = digestTopic(ctx, b, topic, spans); return err })
	err := g.Wait()
	return da, db, err
}

func digestTopic(ctx context.Context, r *linking.Region, topic string, spans map[int32]span) (map[int32]logDigest, error) {
	sums := map[int32]*logDigest{}
	for p := range spans {
		sums[p] = &logDigest{buckets: map[int64]uint64{}}
	}
	var buf []byte
	err := readRange(ctx, r, map[string]map[int32]span{topic: spans}, func(rec *kgo.Record) error {
		buf = sums[rec.Partition].add(rec, buf)
		return nil
	})
	out := make(map[int32]logDigest, len(sums))
	for p, d := range sums {
		out[p] = *d
	}
	return out, err
}

// Rows is the digest of a topic's visible records as a multiset of (key, value): equal for two runs of a statement that
// computed the same rows, wherever they were written. It is what the demo and drills compare.
type Rows struct {
	Count int64
	sum   [16]byte
}

// String gives the digest in hex.
func (d Rows) String() string { return hex.EncodeToString(d.sum[:]) }

// DigestRows sums the records of a topic that keep lets through.
func DigestRows(ctx context.Context, r *linking.Region, topic string, keep func(*kgo.Record) bool) (Rows, error) {
	var d Rows
	starts, err := logStarts(ctx, r, []string{topic})
	if err != nil {
		return d, err
	}
	ends, err := stableEnds(ctx, r, []string{topic})
	if err != nil {
		return d, err
	}
	spans := map[int32]span{}
	for p := range maps.Keys(ends[topic]) {
		spans[p] = span{int64(starts[topic][p]), int64(ends[topic][p])}
	}
	var hi, lo uint64
	var buf []byte
	err = readRange(ctx, r, map[string]map[int32]span{topic: spans}, func(rec *kgo.Record) error {
		if !keep(rec) {
			return nil
		}
		buf = appendBytes(appendBytes(buf[:0], rec.Key), rec.Value)
		h := xxh3.Hash128(buf)
		hi, lo = hi+h.Hi, lo+h.Lo // addition: the order of rows does not count, their number does
		d.Count++
		return nil
	})
	binary.BigEndian.PutUint64(d.sum[:8], hi)
	binary.BigEndian.PutUint64(d.sum[8:], lo)
	return d, err
}
