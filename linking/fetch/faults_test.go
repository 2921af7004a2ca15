package fetch_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

const fetchKey = 1

// fake is a cluster with a topic t.
func fake(t *testing.T, brokers int, partitions int32) (*kfake.Cluster, func(opts ...kgo.Opt) *kgo.Client) {
	t.Helper()
	c := kfake.MustCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, "t"))
	t.Cleanup(c.Close)
	return c, func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...), kgo.MetadataMinAge(10*time.Millisecond),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
}

// fill writes n records of a size, each a batch, to a partition of t.
func fill(t *testing.T, cl *kgo.Client, partition int32, n, size int) {
	t.Helper()
	for range n {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Partition: partition, Value: make([]byte, size)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// count polls and releases until n records of a partition were read.
func count(t *testing.T, f *fetch.Fetcher, partition int32, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for seen := 0; seen < n; {
		chunks, err := f.Poll(ctx)
		if err != nil {
			t.Fatalf("after %d of %d records: %v", seen, n, err)
		}
		for _, c := range chunks {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
			if c.Partition == partition {
				seen += int(c.Next - c.Offset)
			}
			c.Release()
		}
	}
}

func TestBacklogIsNotHeldUpByIdlePartitions(t *testing.T) {
	_, client := fake(t, 1, 8)
	fill(t, client(), 3, 200, 4<<10)
	const hold = 5 * time.Second
	f := start(t, client(), fetch.Options{MaxWait: hold, MaxPartitionBytes: 16 << 10})
	for p := range int32(8) {
		f.Add("t", p, 0)
	}
	// The caller releases chunks in pairs, so every second request goes out without the partition that has something. Were the broker
	// to hold each of these as long as it may, 200 records would take minutes.
	begin := time.Now()
	var pair []fetch.Chunk
	for seen := int64(0); seen < 200; {
		chunks, err := f.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks {
			if c.Partition != 3 {
				c.Release()
				continue
			}
			seen += c.Next - c.Offset
			if pair = append(pair, c); len(pair) == 2 {
				pair[0].Release()
				pair[1].Release()
				pair = nil
			}
		}
	}
	if took := time.Since(begin); took > hold {
		t.Errorf("it took %s", took)
	}
}

func TestPartitionsAreReadThoughOthersHoldTheBudget(t *testing.T) {
	_, client := fake(t, 1, 4)
	producer := client()
	for p := range int32(4) {
		fill(t, producer, p, 40, 8<<10)
	}
	f := start(t, client(), fetch.Options{MaxWait: 50 * time.Millisecond, MaxPartitionBytes: 64 << 10, MaxBytes: 64 << 10, MaxBuffered: 128 << 10})
	for p := range int32(3) {
		f.Add("t", p, 0)
	}
	held := int64(0)
	for p := map[int32]bool{}; len(p) < 3; {
		chunks, err := f.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks { // nothing is released
			p[c.Partition] = true
			held += int64(len(c.Records))
		}
	}
	f.Add("t", 3, 0)
	count(t, f, 3, 40)
	if most := int64(128<<10 + 4*64<<10); held > most {
		t.Errorf("%d bytes are out, want %d at most", held, most)
	}
}

func TestErrorsThatPassAreRetried(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.UnknownTopicID, kerr.UnknownTopicOrPartition,
		kerr.ReplicaNotAvailable, kerr.KafkaStorageError, kerr.OffsetNotAvailable} {
		t.Run(code.Message, func(t *testing.T) {
			c, client := fake(t, 1, 1)
			fill(t, client(), 0, 3, 10)
			var failed atomic.Int32
			c.ControlKey(fetchKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
				if failed.Add(1) > 2 {
					return nil, nil, false
				}
				c.KeepControl()
				return answer(req, func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = code.Code }), nil, true
			})
			f := start(t, client(), fetch.Options{})
			f.Add("t", 0, 0)
			count(t, f, 0, 3)
			if failed.Load() < 3 {
				t.Errorf("%d requests", failed.Load())
			}
		})
	}
}

// answer is a response with a partition for each of the request's.
func answer(r kmsg.Request, edit func(*kmsg.FetchResponseTopicPartition)) kmsg.Response {
	req := r.(*kmsg.FetchRequest)
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	for _, rt := range req.Topics {
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			p := kmsg.NewFetchResponseTopicPartition()
			p.Partition = rp.Partition
			edit(&p)
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

func TestHostileAnswersEndThePartition(t *testing.T) {
	b := batch.NewBuilder(batch.None)
	b.Append(1, nil, []byte("v"), batch.Headers{})
	good, err := b.Build(nil, batch.NoIdentity)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(at int, v byte) []byte {
		out := append([]byte(nil), good...)
		out[at] = v
		return out
	}
	endless := append([]byte(nil), good...)
	binary.BigEndian.PutUint32(endless[8:], 1<<31-1)
	for _, tc := range []struct {
		name  string
		bytes []byte
		from  int64
		want  error
	}{
		{"a length that never comes", endless, 0, batch.ErrCorrupt},
		{"a few bytes", good[:12], 0, batch.ErrCorrupt},
		{"a negative length", edit(8, 0x80), 0, batch.ErrCorrupt},
		{"a batch that says it is a message in format v1", edit(16, 1), 0, batch.ErrCorrupt},
		{"an unknown format", edit(16, 9), 0, batch.ErrCorrupt},
		{"old batches again and again", good, 5, batch.ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, client := fake(t, 1, 1)
			c.ControlKey(fetchKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				return answer(req, func(p *kmsg.FetchResponseTopicPartition) {
					p.RecordBatches, p.HighWatermark, p.LastStableOffset = tc.bytes, 9, 9
				}), nil, true
			})
			f := start(t, client(), fetch.Options{})
			f.Add("t", 0, tc.from)
			if got := failed(t, f); !errors.Is(got.Err, tc.want) || got.Offset != tc.from {
				t.Errorf("%+v, want %v", got, tc.want)
			}
		})
	}
}

func TestUnknownPartitionEnds(t *testing.T) {
	_, client := fake(t, 1, 2)
	f := start(t, client(), fetch.Options{})
	f.Add("t", 7, 0)
	if c := failed(t, f); !errors.Is(c.Err, kerr.UnknownTopicOrPartition) || c.Partition != 7 {
		t.Errorf("%+v", c)
	}
}

func TestLeadersMove(t *testing.T) {
	c, client := fake(t, 3, 6)
	producer := client()
	f := start(t, client(), fetch.Options{MaxWait: 20 * time.Millisecond})
	for p := range int32(6) {
		f.Add("t", p, 0)
	}
	for round := range 3 {
		for p := range int32(6) {
			if err := c.MoveTopicPartition("t", p, (p+int32(round))%3); err != nil {
				t.Fatal(err)
			}
			fill(t, producer, p, 2, 10)
		}
		got := visible(t, f, 12)
		for p := range int32(6) {
			if len(got[p]) != 2 {
				t.Errorf("round %d: partition %d gave %d records", round, p, len(got[p]))
			}
		}
	}
}

func TestTopicsByNameOnOldBrokers(t *testing.T) {
	_, client := fake(t, 1, 1)
	fill(t, client(), 0, 5, 10)
	v := kversion.Stable()
	v.SetMaxKeyVersion(fetchKey, 12)
	f := start(t, client(kgo.MaxVersions(v)), fetch.Options{})
	f.Add("t", 0, 2)
	if got := visible(t, f, 3); len(got[0]) != 3 {
		t.Errorf("%v", got)
	}
}

func TestAddMovesAPartition(t *testing.T) {
	_, client := fake(t, 1, 1)
	fill(t, client(), 0, 5, 10)
	f := start(t, client(), fetch.Options{MaxWait: 20 * time.Millisecond})
	f.Add("t", 0, 4)
	count(t, f, 0, 1)
	f.Add("t", 0, 1)
	if got := visible(t, f, 4); len(got[0]) != 4 {
		t.Errorf("%v", got)
	}
	f.Remove("t", 0)
	fill(t, client(), 0, 1, 10)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if chunks, err := f.Poll(ctx); err == nil && len(chunks[0].Records) > 0 {
		t.Errorf("a removed partition gave %d bytes", len(chunks[0].Records))
	}
}

// TestOutOfRangeTellsTheLog: Kafka's answer leaves the bounds at -1, the chunk has them.
func TestOutOfRangeTellsTheLog(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, 2)
		cl := each.Client(t, env.East, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for range 10 {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := kadm.NewClient(cl).DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {At: 4}}}); err != nil {
			t.Fatal(err)
		}
		f := start(t, each.Client(t, env.East), fetch.Options{})
		for _, at := range []int64{2, 11} { // overrun by retention; truncated at the source
			f.Add(topic, 0, at)
			c := failed(t, f)
			if !errors.Is(c.Err, kerr.OffsetOutOfRange) {
				t.Fatalf("from %d: %v", at, c.Err)
			}
			got := []int64{c.Offset, c.LogStart, c.LastStable, c.HighWatermark}
			if diff := cmp.Diff([]int64{at, 4, 10, 10}, got); diff != "" {
				t.Errorf("from %d: offset, log start, last stable, high watermark:\n%s", at, diff)
			}
		}
	})
}

func TestRecreatedTopicEnds(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, 1)
		cl := each.Client(t, env.East)
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		f := start(t, each.Client(t, env.East), fetch.Options{MaxWait: 50 * time.Millisecond})
		f.Add(topic, 0, 0)
		visible(t, f, 1)
		if _, err := kadm.NewClient(cl).DeleteTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
		each.Topic(t, env.East, topic, 1)
		if c := failed(t, f); !errors.Is(c.Err, kerr.UnknownTopicID) && !errors.Is(c.Err, kerr.UnknownTopicOrPartition) {
			t.Errorf("%+v", c)
		}
	})
}

// TestLargeBatches: batches above what a partition is asked for come all the same, one partition after the other.
func TestLargeBatches(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, 3)
		cl := each.Client(t, env.East, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
		for p := range int32(3) {
			for range 4 {
				if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: p, Value: make([]byte, 300<<10)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
		}
		f := start(t, each.Client(t, env.East), fetch.Options{MaxPartitionBytes: 16 << 10, MaxBytes: 64 << 10, MaxBuffered: 1 << 20})
		for p := range int32(3) {
			f.Add(topic, p, 0)
		}
		for p, list := range visible(t, f, 12) {
			if len(list) != 4 {
				t.Errorf("partition %d gave %d records", p, len(list))
			}
		}
	})
}

func TestRunLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	c := kfake.MustCluster(kfake.NumBrokers(2), kfake.SeedTopics(4, "t"))
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, cl, 1, 3, 10)
	f := fetch.New(cl, fetch.Options{MaxWait: time.Minute})
	for p := range int32(4) {
		f.Add("t", p, 0)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	count(t, f, 1, 3)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	cl.Close()
	c.Close()
	goleak.VerifyNone(t, before)
}

// A leader names a replica in the reader's rack, and it is read from; when that one can not answer, the leader is.
func TestNearReplicaIsReadFrom(t *testing.T) {
	c, client := fake(t, 2, 1)
	fill(t, client(), 0, 3, 10)
	leader := c.LeaderFor("t", 0)
	near := 1 - leader
	c.SetFollowers("t", 0, []int32{near})
	var asked [2]atomic.Int32 // by broker, for what is answered with records
	var broken atomic.Bool
	c.ControlKey(fetchKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		node := c.CurrentNode()
		switch {
		case node == near && broken.Load():
			return answer(req, func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = kerr.OffsetOutOfRange.Code }), nil, true
		case node == leader && req.(*kmsg.FetchRequest).Rack == "b" && !broken.Load():
			return answer(req, func(p *kmsg.FetchResponseTopicPartition) { p.PreferredReadReplica = near }), nil, true
		}
		asked[node].Add(1)
		return nil, nil, false
	})
	f := start(t, client(), fetch.Options{Rack: "b", MaxWait: 50 * time.Millisecond})
	f.Add("t", 0, 0)
	count(t, f, 0, 3)
	if asked[near].Load() == 0 || asked[leader].Load() > 0 {
		t.Errorf("the leader gave records %d times, the near replica %d times", asked[leader].Load(), asked[near].Load())
	}
	broken.Store(true)
	fill(t, client(), 0, 3, 10)
	count(t, f, 0, 3)
	if asked[leader].Load() == 0 {
		t.Error("the leader was not asked")
	}
}
