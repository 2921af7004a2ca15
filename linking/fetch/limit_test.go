package fetch_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// TestBacklogOfManyPartitionsIsBounded: a fetcher with a limit holds no more than that of 80 partitions that all have something, while nothing
// is released; it used to go on until it held 64 KiB of each. When the caller goes on, every partition comes to its end.
func TestBacklogOfManyPartitionsIsBounded(t *testing.T) {
	const partitions, each, size, limit = 80, 3, 40 << 10, 1 << 20
	_, client := fake(t, 3, partitions)
	producer := client(kgo.MaxBufferedRecords(partitions * each))
	var records []*kgo.Record
	for range each {
		for p := range int32(partitions) {
			records = append(records, &kgo.Record{Topic: "t", Partition: p, Value: make([]byte, size)})
		}
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, session := range []bool{false, true} {
		f := start(t, client(), fetch.Options{MaxWait: 20 * time.Millisecond, MaxBytes: 256 << 10, MaxPartitionBytes: 128 << 10, MaxBuffered: 512 << 10, Limit: limit, Session: session})
		for p := range int32(partitions) {
			f.Add("t", p, 0)
		}
		var held []fetch.Chunk
		size, from := int64(0), map[int32]bool{}
		poll := func(within time.Duration) bool {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			chunks, err := f.Poll(ctx)
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
			for _, c := range chunks {
				if c.Err != nil {
					t.Fatal(c.Err)
				}
				size += int64(len(c.Records))
				from[c.Partition] = true
			}
			held = append(held, chunks...)
			return err == nil
		}
		for poll(500 * time.Millisecond) { // nothing is released, until nothing more comes
		}
		if size > limit+size/10 { // a batch or two are larger than what is asked for
			t.Errorf("session %t: %d bytes of %d partitions are out, want %d at most", session, size, len(from), limit)
		}
		if size < limit/2 || len(from) < 10 {
			t.Errorf("session %t: only %d bytes of %d partitions have come", session, size, len(from))
		}
		seen := map[int32]int64{}
		for left := partitions; left > 0; {
			for _, c := range held {
				if c.Next > c.Offset {
					if seen[c.Partition] = c.Next; c.Next == each {
						left--
					}
				}
				c.Release()
			}
			held = held[:0]
			if left > 0 && !poll(20*time.Second) {
				t.Fatalf("session %t: nothing more comes with %d of %d partitions to go", session, left, partitions)
			}
		}
	}
}
