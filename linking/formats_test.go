package linking_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestOldMessageFormatsAreMirrored has a broker of Apache Kafka 3.9, with ZooKeeper and an inter-broker protocol that lets it keep them, hold
// topics in message formats v0 and v1: Kafka's own consumer prints the same of the mirrors.
func TestOldMessageFormatsAreMirrored(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.With(testenv.Options{East: testenv.Kafka3ZooKeeper}))
	for _, c := range []struct {
		name    string
		configs []string
		magics  []byte // in the source's log
	}{
		{"v0", []string{"message.format.version=0.9.0"}, []byte{0}},
		{"v1", []string{"message.format.version=0.10.2"}, []byte{1}},
		{"v1 with log append time", []string{"message.format.version=0.10.2", "message.timestamp.type=LogAppendTime"}, []byte{1}},
		{"v0 compressed by the broker", []string{"message.format.version=0.9.0", "compression.type=lz4"}, []byte{0}},
		{"v0 compacted", []string{"message.format.version=0.9.0", "cleanup.policy=compact"}, []byte{0}},
		{"v1 compacted", []string{"message.format.version=0.10.2", "cleanup.policy=compact"}, []byte{1}},
		{"raised from v0 to v1 to v2", []string{"message.format.version=0.9.0", "message.timestamp.difference.max.ms=86400000"}, []byte{0, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			topic := each.Name(t, "t")
			p := newPair(t, env, topic)
			compacted := slices.Contains(c.configs, "cleanup.policy=compact")
			if compacted {
				c.configs = append(c.configs, "segment.ms=200", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=100")
			}
			each.Topic(t, env.East, topic, 2, c.configs...)
			w := newOldWriter(t, p.east, topic)
			for i := range c.magics {
				if i > 0 {
					set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.format.version", Value: kadm.StringPtr([]string{"", "0.10.2", "2.8"}[i])}}
					_, err := p.east.Admin.AlterTopicConfigs(t.Context(), set, topic)
					must(t, err)
				}
				w.write(40)
			}
			if compacted {
				p.eventually("the cleaner has run", func() bool {
					w.write(1) // rolls the segment
					return count(t, p.east, topic) < w.written/2
				})
				_, err := p.east.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "min.cleanable.dirty.ratio", Value: kadm.StringPtr("1")}}, topic)
				must(t, err)
			}
			if diff := cmp.Diff(c.magics, magics(t, p.east, topic)); diff != "" {
				t.Fatalf("formats in the source's log: %s", diff)
			}
			must(t, p.once())
			w.write(10) // and on from there: the ends of both logs are compared first
			must(t, p.once())
			east, err := p.east.Admin.ListEndOffsets(t.Context(), topic)
			must(t, err)
			west, err := p.west.Admin.ListEndOffsets(t.Context(), topic)
			must(t, err)
			if diff := cmp.Diff(east.Offsets(), west.Offsets()); diff != "" {
				t.Errorf("log ends: %s", diff)
			}
			records := count(t, p.east, topic)
			if !compacted && records != w.written || compacted && records == w.written {
				t.Errorf("%d records of %d written", records, w.written)
			}
			see := func(r *testenv.Region) []string {
				lines := kafkasConsumer(t, r, "read_committed", records, topic)
				for i, line := range lines { // format v2 has no word for a record that never had a time
					lines[i] = strings.NewReplacer("NO_TIMESTAMP\t", "CreateTime:-1\t", "LogAppendTime:", "CreateTime:").Replace(line)
				}
				slices.Sort(lines)
				return lines
			}
			if diff := cmp.Diff(see(env.East), see(env.West)); diff != "" {
				t.Error(diff)
			}
			if v := p.verify(linking.VerifyOptions{}); len(v.Differences()) > 0 || v.Topics[0].Records != int64(records) || len(v.Topics[0].Errors) > 0 {
				t.Errorf("%+v", v.Topics[0])
			}
		})
	}
}

// count is how many records partition 0 of a log has. The client library reads no LZ4 in message format v0 (KAFKA-3160).
func count(t *testing.T, r *linking.Region, topic string) (n int) {
	t.Helper()
	f := fetch.New(r.Client, fetch.Options{})
	f.Add(topic, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	defer func() { cancel(); <-done }()
	for {
		chunks, err := f.Poll(ctx)
		must(t, err)
		for _, c := range chunks {
			must(t, c.Err)
			for rest := c.Records; len(rest) > 0; {
				b, behind, err := batch.Next(rest)
				must(t, err)
				n, rest = n+int(b.NumRecords()), behind
			}
			if c.Release(); c.Next == c.HighWatermark {
				return n
			}
		}
	}
}

// oldWriter writes what message formats v0 and v1 can hold, in every codec that they know.
type oldWriter struct {
	t       *testing.T
	topic   string
	clients []*kgo.Client
	written int // to partition 0
}

func newOldWriter(t *testing.T, r *linking.Region, topic string) *oldWriter {
	t.Helper()
	w := &oldWriter{t: t, topic: topic}
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression()} {
		// A broker can not put a producer's sequences into these formats, so it refuses them.
		cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1),
			kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		must(t, err)
		t.Cleanup(cl.Close)
		w.clients = append(w.clients, cl)
	}
	return w
}

// write writes sets of seven records, each compressed in another way than the last.
func (w *oldWriter) write(sets int) {
	w.t.Helper()
	for i := range sets {
		var list []*kgo.Record
		for range 7 {
			w.written++
			rec := &kgo.Record{Topic: w.topic, Timestamp: time.UnixMilli(time.Now().UnixMilli() - int64(w.written%5)), Key: fmt.Append(nil, "key ", w.written%11),
				Value: fmt.Append(nil, "value ", w.written, strings.Repeat("x", w.written%60))}
			switch w.written % 17 {
			case 3:
				rec.Value = nil
			case 5:
				rec.Key = fmt.Append(nil, "once ", w.written)
			case 7:
				rec.Value = []byte{}
			}
			list = append(list, rec)
		}
		must(w.t, w.clients[i%len(w.clients)].ProduceSync(w.t.Context(), list...).FirstErr())
	}
}

// magics are the message formats of partition 0 of a log, as a broker hands it out, in order.
func magics(t *testing.T, r *linking.Region, topic string) []byte {
	t.Helper()
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.Fetch), 12) // the last by name
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.MaxVersions(versions))...)
	must(t, err)
	defer cl.Close()
	ends, err := r.Admin.ListEndOffsets(t.Context(), topic)
	must(t, err)
	end, _ := ends.Lookup(topic, 0)
	var seen []byte
	for next := int64(0); next < end.Offset; {
		req := kmsg.NewPtrFetchRequest()
		req.MaxBytes = 16 << 20
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = topic
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.FetchOffset, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = next, 16<<20, -1
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		resp, err := cl.Broker(1).Request(t.Context(), req)
		must(t, err)
		log := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
		if len(log) == 0 {
			t.Fatalf("nothing at @%d of %d", next, end.Offset)
		}
		for len(log) > 0 {
			magic := log[16]
			if !slices.Contains(seen, magic) {
				seen = append(seen, magic)
			}
			if next = int64(binary.BigEndian.Uint64(log)) + 1; magic == 2 { // in the older ones it is the last message's
				next += int64(binary.BigEndian.Uint32(log[23:]))
			}
			log = log[12+binary.BigEndian.Uint32(log[8:]):]
		}
	}
	return seen
}
