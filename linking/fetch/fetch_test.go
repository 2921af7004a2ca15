package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) { each.Main(m) }

// sessions has the fetchers of tests keep sessions, for TestSessions.
var sessions bool

// start runs a fetcher until the test ends.
func start(t *testing.T, cl *kgo.Client, o fetch.Options) *fetch.Fetcher {
	t.Helper()
	o.Session = o.Session || sessions
	f := fetch.New(cl, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return f
}

// visible polls until n visible records were read, and returns "partition offset value" of each, by partition.
func visible(t *testing.T, f *fetch.Fetcher, n int) map[int32][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got := map[int32][]string{}
	aborted := map[int32]*batch.Aborted{}
	for seen := 0; seen < n; {
		chunks, err := f.Poll(ctx)
		if err != nil {
			t.Fatalf("after %d of %d records: %v", seen, n, err)
		}
		for _, c := range chunks {
			if c.Err != nil {
				t.Fatalf("%s-%d: %v", c.Topic, c.Partition, c.Err)
			}
			a := aborted[c.Partition]
			if a == nil {
				a = new(batch.Aborted)
				aborted[c.Partition] = a
			}
			a.Add(c.Aborted)
			for rest := c.Records; len(rest) > 0; {
				var b batch.Batch
				if b, rest, err = batch.Next(rest); err != nil {
					t.Fatal(err)
				}
				show, err := a.Visible(b)
				if err != nil {
					t.Fatal(err)
				}
				err = batch.Records(b, func(r *batch.Record) error {
					if show && r.Offset >= c.Offset {
						got[c.Partition] = append(got[c.Partition], fmt.Sprint(r.Offset, " ", string(r.Value)))
						seen++
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			c.Release()
		}
	}
	return got
}

func TestReadsWhatAConsumerReads(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, 4)
		plain := each.Client(t, env.East, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
		txn := each.Client(t, env.East, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.TransactionalID(each.Name(t, "txn")))
		want := 0
		for i := range 12 {
			var recs []*kgo.Record
			for j := range 1 + rand.IntN(200) {
				recs = append(recs, kgo.StringRecord(fmt.Sprint(i, "/", j)))
			}
			if i%2 == 0 {
				if err := plain.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				want += len(recs)
				continue
			}
			if err := txn.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := txn.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			commit := kgo.TransactionEndTry(i%4 == 1)
			if err := txn.EndTransaction(t.Context(), commit); err != nil {
				t.Fatal(err)
			}
			if commit == kgo.TryCommit {
				want += len(recs)
			}
		}
		consumer := each.Client(t, env.East, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		consumed := map[int32][]string{}
		for n := 0; n < want; {
			fetches := consumer.PollFetches(t.Context())
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				consumed[r.Partition] = append(consumed[r.Partition], fmt.Sprint(r.Offset, " ", string(r.Value)))
				n++
			})
		}
		f := start(t, each.Client(t, env.East), fetch.Options{MaxPartitionBytes: 4 << 10, MaxBytes: 16 << 10, MaxBuffered: 32 << 10})
		for p := range int32(4) {
			f.Add(topic, p, 0)
		}
		if diff := cmp.Diff(consumed, visible(t, f, want)); diff != "" {
			t.Errorf("(-consumer +fetcher):\n%s", diff)
		}
	})
}

func TestOutOfRangeAndDeletedTopicsEndTheirPartition(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, other := each.Name(t, "t"), each.Name(t, "other")
		each.Topic(t, env.East, topic, 1)
		each.Topic(t, env.East, other, 1)
		cl := each.Client(t, env.East)
		var recs []*kgo.Record
		for range 10 {
			recs = append(recs, &kgo.Record{Topic: topic, Value: []byte("x")})
		}
		if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		adm := kadm.NewClient(cl)
		if _, err := adm.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {At: 4}}}); err != nil {
			t.Fatal(err)
		}
		f := start(t, each.Client(t, env.East), fetch.Options{MaxWait: 50 * time.Millisecond})
		f.Add(topic, 0, 2)
		f.Add(other, 0, 0)
		c := failed(t, f)
		if !errors.Is(c.Err, kerr.OffsetOutOfRange) || c.Topic != topic || c.Offset != 2 {
			t.Errorf("behind the log start: %+v, want OFFSET_OUT_OF_RANGE for offset 2", c)
		}
		if _, err := adm.DeleteTopic(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		c = failed(t, f)
		if c.Topic != other || !errors.Is(c.Err, kerr.UnknownTopicOrPartition) && !errors.Is(c.Err, kerr.UnknownTopicID) {
			t.Errorf("deleted topic: %+v", c)
		}
	})
}

// failed polls until a partition ends.
func failed(t *testing.T, f *fetch.Fetcher) fetch.Chunk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		chunks, err := f.Poll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks {
			if c.Err != nil {
				return c
			}
			c.Release()
		}
	}
}

func TestGoesOnAfterTheBrokerWasAway(t *testing.T) {
	env := each.Embedded(t)
	each.Topic(t, env.East, "t", 1)
	produce := func(text string) {
		cl := each.Client(t, env.East)
		defer cl.Close()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte(text)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	produce("before")
	f := start(t, each.Client(t, env.East), fetch.Options{MaxWait: 50 * time.Millisecond})
	f.Add("t", 0, 0)
	visible(t, f, 1)
	if err := env.East.Broker.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if err, since := f.Health(); err != nil {
			if since.IsZero() {
				t.Error("failing since never")
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("Health does not tell that the broker is away")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := env.East.Broker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	produce("after")
	if diff := cmp.Diff(map[int32][]string{0: {"1 after"}}, visible(t, f, 1)); diff != "" {
		t.Error(diff)
	}
}

func TestBufferIsBounded(t *testing.T) {
	env := each.Embedded(t)
	each.Topic(t, env.East, "t", 1)
	cl := each.Client(t, env.East, kgo.ProducerBatchMaxBytes(8<<10), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 64 {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: make([]byte, 4<<10)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	f := start(t, each.Client(t, env.East), fetch.Options{MaxWait: 20 * time.Millisecond, MaxPartitionBytes: 8 << 10})
	f.Add("t", 0, 0)
	var out []fetch.Chunk
	deadline, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for {
		chunks, err := f.Poll(deadline)
		if err != nil {
			break // nothing more comes while nothing is released
		}
		out = append(out, chunks...)
	}
	if len(out) == 0 || len(out) > 4 {
		t.Fatalf("%d chunks of one partition are out without a release, want at most 4", len(out))
	}
	for _, c := range out {
		c.Release()
	}
	visible(t, f, 4)
}

// TestRateIsKept reads 1 MiB at 256 KiB a second: a second's worth at once, the rest in three.
func TestRateIsKept(t *testing.T) {
	env := each.Embedded(t)
	each.Topic(t, env.East, "t", 1)
	cl := each.Client(t, env.East, kgo.ProducerBatchMaxBytes(40<<10), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	const n = 32
	for range n {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: make([]byte, 32<<10)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	f := start(t, each.Client(t, env.East), fetch.Options{Rate: 256 << 10, MaxPartitionBytes: 64 << 10})
	begun := time.Now()
	f.Add("t", 0, 0)
	next := int64(0)
	for next < n {
		chunks, err := f.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks {
			next = c.Next
			c.Release()
		}
	}
	if took := time.Since(begun); took < 2500*time.Millisecond {
		t.Errorf("1 MiB at 256 KiB a second took %s", took)
	}
}
