package dr

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"maps"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// appendBytes appends b behind its length; null and empty differ.
func appendBytes(buf, b []byte) []byte {
	n := int64(len(b))
	if b == nil {
		n = -1
	}
	return append(binary.LittleEndian.AppendUint64(buf, uint64(n)), b...)
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
