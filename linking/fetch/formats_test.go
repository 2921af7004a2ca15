package fetch_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// TestOldFormatsComeAsV2 serves a log whose topic's format was raised twice, and cut off at the end as answers are.
func TestOldFormatsComeAsV2(t *testing.T) {
	message := func(offset int64, magic byte, fields string) []byte {
		body := append([]byte{magic, 0}, fields...)
		b := binary.BigEndian.AppendUint64(nil, uint64(offset))
		b = binary.BigEndian.AppendUint32(b, uint32(4+len(body)))
		return append(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body)), body...)
	}
	builder := batch.NewBuilder(batch.None)
	builder.Append(7, []byte("c"), []byte("three"), batch.Headers{})
	v2, err := builder.Build(nil, batch.NoIdentity)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(v2, 22)
	log := message(20, 0, "\x00\x00\x00\x01a\x00\x00\x00\x03one")
	log = append(log, message(21, 1, "\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01b\x00\x00\x00\x03two")...)
	log = append(log, v2...)
	last := message(23, 1, "\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x01d\xff\xff\xff\xff")

	c, client := fake(t, 1, 1)
	c.ControlKey(fetchKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return answer(req, func(p *kmsg.FetchResponseTopicPartition) {
			p.HighWatermark, p.LastStableOffset, p.LogStartOffset = 24, 24, 20
			switch req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset {
			case 20:
				p.RecordBatches = append(log, last[:20]...)
			case 23:
				p.RecordBatches = last
			}
		}), nil, true
	})
	f := start(t, client(), fetch.Options{})
	f.Add("t", 0, 20)
	var got []string
	for next := int64(20); next < 24; {
		chunks, err := f.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
			for rest := c.Records; len(rest) > 0; {
				b, behind, err := batch.Next(rest)
				if err == nil {
					err = batch.Records(b, func(r *batch.Record) error {
						got = append(got, fmt.Sprintf("@%d %d %s=%s", r.Offset, r.Timestamp, r.Key, r.Value))
						return nil
					})
				}
				if err != nil {
					t.Fatal(err)
				}
				rest = behind
			}
			next = c.Next
			c.Release()
		}
	}
	if diff := cmp.Diff([]string{"@20 -1 a=one", "@21 5 b=two", "@22 7 c=three", "@23 9 d="}, got); diff != "" {
		t.Error(diff)
	}
}
