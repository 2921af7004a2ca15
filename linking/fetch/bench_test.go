//go:build unix

package fetch_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// BenchmarkFetch reads 64 MiB from Apache Kafka, walks the batches and releases them. The broker has its own process, so the CPU time
// is the reader's.
func BenchmarkFetch(b *testing.B) {
	env := each.Kafka(b)
	topic := each.Name(b, "t")
	each.Topic(b, env.East, topic, 6)
	cl := each.Client(b, env.East, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(16<<10))
	const n, size = 64 << 10, 1 << 10
	recs := make([]*kgo.Record, n)
	for i := range recs {
		recs[i] = kgo.SliceRecord(make([]byte, size))
	}
	if err := cl.ProduceSync(b.Context(), recs...).FirstErr(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(n * size)
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		read64(b, cl, topic, n)
	}
	b.ReportMetric(float64((cpu(b)-begin).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}

func read64(b *testing.B, cl *kgo.Client, topic string, n int64) {
	f := fetch.New(cl, fetch.Options{})
	for p := range int32(6) {
		f.Add(topic, p, 0)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	for seen := int64(0); seen < n; {
		chunks, err := f.Poll(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range chunks {
			for rest := c.Records; len(rest) > 0; {
				var one batch.Batch
				if one, rest, err = batch.Next(rest); err != nil {
					b.Fatal(err)
				}
				seen += int64(one.NumRecords())
			}
			c.Release()
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		b.Fatal(err)
	}
}

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
