package fetch_test

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// fetched counts what fetch answers of each broker weigh.
type fetched struct {
	mu    sync.Mutex
	bytes map[int32]int
}

func (f *fetched) OnBrokerRead(meta kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, _ error) {
	if key == fetchKey {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.bytes[meta.NodeID] += bytes
	}
}

var _ kgo.HookBrokerRead = (*fetched)(nil)

// Brokers of Apache Kafka name the replica in the reader's rack (RackAwareReplicaSelector), and every record comes from there.
func TestKafkaNamesTheNearReplica(t *testing.T) {
	env := each.Kafka(t, each.With(testenv.Options{Followers: 1, HeapMiB: 256}))
	topic := each.Name(t, "t")
	each.Topic(t, env.West, topic, 4)
	producer := each.Client(t, env.West, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(64<<10), kgo.ProducerBatchCompression(kgo.NoCompression()))
	const records, size = 2000, 1 << 10
	for i := range records {
		producer.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: int32(i % 4), Value: make([]byte, size)}, nil)
	}
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rack      string
		from, not int32
	}{{testenv.Rack(1), 1, 2}, {testenv.Rack(2), 2, 1}} {
		t.Run(c.rack, func(t *testing.T) {
			hook := &fetched{bytes: map[int32]int{}}
			f := start(t, each.Client(t, env.West, kgo.WithHooks(hook)), fetch.Options{Rack: c.rack})
			for p := range int32(4) {
				f.Add(topic, p, 0)
			}
			for seen := int64(0); seen < records; {
				chunks, err := f.Poll(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range chunks {
					if c.Err != nil {
						t.Fatal(c.Err)
					}
					seen += c.Next - c.Offset
					c.Release()
				}
			}
			hook.mu.Lock()
			defer hook.mu.Unlock()
			if hook.bytes[c.from] < records*size || hook.bytes[c.not] > records*size/100 {
				t.Errorf("bytes read by broker: %v, want all of them from %d", hook.bytes, c.from)
			}
		})
	}
}
