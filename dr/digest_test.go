package dr

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestDigestSeesEveryDifference(t *testing.T) {
	base := func() []*kgo.Record {
		var recs []*kgo.Record
		for i := range int64(200) {
			recs = append(recs, &kgo.Record{Offset: i, Timestamp: time.UnixMilli(1000 + i), Key: []byte{byte(i)}, Value: []byte("v"),
				Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}})
		}
		return recs
	}
	sum := func(recs []*kgo.Record) logDigest {
		d := logDigest{buckets: map[int64]uint64{}}
		var buf []byte
		for _, r := range recs {
			buf = d.add(r, buf)
		}
		return d
	}
	want := sum(base())
	if at, ok := want.differs(sum(base())); ok {
		t.Fatalf("equal logs differ at %d", at)
	}
	for _, tc := range []struct {
		name   string
		change func([]*kgo.Record) []*kgo.Record
	}{
		{"value", func(r []*kgo.Record) []*kgo.Record { r[130].Value = []byte("w"); return r }},
		{"value null", func(r []*kgo.Record) []*kgo.Record { r[130].Value = nil; return r }},
		{"key", func(r []*kgo.Record) []*kgo.Record { r[130].Key = nil; return r }},
		{"bytes moved from key to value", func(r []*kgo.Record) []*kgo.Record { r[130].Key, r[130].Value = []byte{}, []byte{130, 'v'}; return r }},
		{"timestamp", func(r []*kgo.Record) []*kgo.Record { r[130].Timestamp = time.UnixMilli(7); return r }},
		{"header", func(r []*kgo.Record) []*kgo.Record { r[130].Headers[0].Value = nil; return r }},
		{"header gone", func(r []*kgo.Record) []*kgo.Record { r[130].Headers = nil; return r }},
		{"record gone", func(r []*kgo.Record) []*kgo.Record { return append(r[:130], r[131:]...) }},
		{"order", func(r []*kgo.Record) []*kgo.Record { r[130], r[131] = r[131], r[130]; return r }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, ok := want.differs(sum(tc.change(base())))
			if !ok || at != 128 {
				t.Errorf("differs at %d (%t), want the bucket that begins at 128", at, ok)
			}
		})
	}
}
