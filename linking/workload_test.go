package linking_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// writer writes random things to a topic: plain and idempotent batches, committed and aborted transactions, tombstones, headers, null
// keys, every codec, times out of order. The last partition stays empty. The same seed writes the same.
type writer struct {
	topic      string
	partitions int32 // written to
	rnd        *rand.Rand
	begin      time.Time
	plain      []*kgo.Client
	txns       []*kgo.Client
	clients    []*kgo.Client // all of them
	written    int
	draw       func(*kgo.Record) // changes a record before it is written; nil: none
}

func newWriter(t *testing.T, r *linking.Region, topic string, seed uint64) *writer {
	t.Helper()
	w, err := openWriter(t.Context(), r, topic, fmt.Sprint(each.Name(t, "txn"), seed), seed)
	must(t, err)
	t.Cleanup(w.close)
	return w
}

// openWriter makes a writer whose transactional ids begin with id: transactions of an older one of that id are aborted with the first of its
// own. It is to be closed.
func openWriter(ctx context.Context, r *linking.Region, topic, id string, seed uint64) (*writer, error) {
	meta, err := r.Admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	w := &writer{topic: topic, partitions: max(1, int32(len(meta[topic].Partitions))-1), rnd: rand.New(rand.NewPCG(seed, 1)), begin: time.Now().Add(-time.Hour)}
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, cerr := kgo.NewClient(append(slices.Clone(r.Client.Opts()), append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)...)
		if cerr != nil {
			err = cerr
			return nil
		}
		w.clients = append(w.clients, cl)
		return cl
	}
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	for _, c := range codecs {
		w.plain = append(w.plain, client(kgo.ProducerBatchCompression(c)))
	}
	w.plain = append(w.plain, client(kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1)))
	for i := range 2 {
		w.txns = append(w.txns, client(kgo.TransactionalID(fmt.Sprint(id, i)), kgo.ProducerBatchCompression(codecs[i*3])))
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *writer) close() {
	for _, cl := range w.clients {
		cl.Close()
	}
}

// workload writes steps, each a few batches or one transaction.
func workload(t *testing.T, r *linking.Region, topic string, seed uint64, steps int) {
	t.Helper()
	workloadOf(t, r, topic, seed, numbered(steps))
}

// workloadOf is what those steps of a workload write, be the others left out or not.
func workloadOf(t *testing.T, r *linking.Region, topic string, seed uint64, steps []int) {
	t.Helper()
	w := newWriter(t, r, topic, seed)
	for _, n := range steps {
		w.rnd = rand.New(rand.NewPCG(seed, uint64(n)))
		must(t, w.step(t.Context()))
	}
}

func (w *writer) step(ctx context.Context) error {
	if w.rnd.IntN(3) > 0 || len(w.txns) == 0 {
		return w.plain[w.rnd.IntN(len(w.plain))].ProduceSync(ctx, w.records()...).FirstErr()
	}
	return w.transaction(ctx, w.txns[w.rnd.IntN(len(w.txns))])
}

func (w *writer) transaction(ctx context.Context, cl *kgo.Client) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	if err := cl.ProduceSync(ctx, w.records()...).FirstErr(); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, kgo.TransactionEndTry(w.rnd.IntN(3) > 0))
}

// abort writes so many records to a partition that are never committed.
func (w *writer) abort(ctx context.Context, partition int32, n int) error {
	cl := w.txns[0]
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for i := range n {
		cl.Produce(ctx, &kgo.Record{Topic: w.topic, Partition: partition, Value: fmt.Append(nil, "aborted ", i)}, nil)
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, kgo.TryAbort)
}

func (w *writer) records() []*kgo.Record {
	list := make([]*kgo.Record, 1+w.rnd.IntN(20))
	for i := range list {
		w.written++
		rec := &kgo.Record{Topic: w.topic, Partition: w.rnd.Int32N(w.partitions), Timestamp: w.begin.Add(time.Duration(w.rnd.IntN(3_600_000)) * time.Millisecond),
			Key: fmt.Append(nil, "key-", w.rnd.IntN(50)), Value: fmt.Append(nil, "value ", w.written, string(make([]byte, w.rnd.IntN(200))))}
		switch w.rnd.IntN(6) {
		case 0:
			rec.Key = nil
		case 1:
			rec.Value = nil
		case 2:
			rec.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("x")}, {Key: "null", Value: nil}, {Key: "h", Value: []byte{}}}
		}
		if w.draw != nil {
			w.draw(rec)
		}
		list[i] = rec
	}
	return list
}
