package fetch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestSessions has everything that holds without fetch sessions hold with them.
func TestSessions(t *testing.T) {
	sessions = true
	defer func() { sessions = false }()
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"ReadsWhatAConsumerReads", TestReadsWhatAConsumerReads},
		{"OutOfRangeAndDeletedTopicsEndTheirPartition", TestOutOfRangeAndDeletedTopicsEndTheirPartition},
		{"GoesOnAfterTheBrokerWasAway", TestGoesOnAfterTheBrokerWasAway},
		{"BufferIsBounded", TestBufferIsBounded},
		{"RateIsKept", TestRateIsKept},
		{"BacklogIsNotHeldUpByIdlePartitions", TestBacklogIsNotHeldUpByIdlePartitions},
		{"PartitionsAreReadThoughOthersHoldTheBudget", TestPartitionsAreReadThoughOthersHoldTheBudget},
		{"ErrorsThatPassAreRetried", TestErrorsThatPassAreRetried},
		{"HostileAnswersEndThePartition", TestHostileAnswersEndThePartition},
		{"UnknownPartitionEnds", TestUnknownPartitionEnds},
		{"LeadersMove", TestLeadersMove},
		{"TopicsByNameOnOldBrokers", TestTopicsByNameOnOldBrokers},
		{"AddMovesAPartition", TestAddMovesAPartition},
		{"OutOfRangeTellsTheLog", TestOutOfRangeTellsTheLog},
		{"RecreatedTopicEnds", TestRecreatedTopicEnds},
		{"LargeBatches", TestLargeBatches},
		{"NearReplicaIsReadFrom", TestNearReplicaIsReadFrom},
	} {
		t.Run(c.name, c.test)
	}
}

// asked notes what fetch requests name: partitions and those to be forgotten.
type asked struct {
	requests, named, forgotten, begun atomic.Int64
	refuse                            atomic.Pointer[kerr.Error] // the next request of a session is answered so
	noRoom                            atomic.Bool                // no session is given
}

func watch(c *kfake.Cluster) *asked {
	a := new(asked)
	c.ControlKey(fetchKey, func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		if a.noRoom.Load() {
			req.SessionEpoch = -1 // what a broker does that has no room left
		}
		a.requests.Add(1)
		for _, t := range req.Topics {
			a.named.Add(int64(len(t.Partitions)))
		}
		for _, t := range req.ForgottenTopics {
			a.forgotten.Add(int64(len(t.Partitions)))
		}
		if req.SessionEpoch == 0 {
			a.begun.Add(1)
		}
		if code := a.refuse.Load(); code != nil && req.SessionEpoch > 0 {
			a.refuse.Store(nil)
			resp := req.ResponseKind().(*kmsg.FetchResponse)
			resp.ErrorCode = code.Code
			return resp, nil, true
		}
		return nil, nil, false
	})
	return a
}

// TestIdlePartitionsAreNotNamed polls many partitions of which one is written: a request names that one, or none.
func TestIdlePartitionsAreNotNamed(t *testing.T) {
	const n = 300
	c, client := fake(t, 1, n)
	a := watch(c)
	f := start(t, client(), fetch.Options{Session: true, MaxWait: 20 * time.Millisecond})
	for p := range int32(n) {
		f.Add("t", p, 0)
	}
	producer := client()
	fill(t, producer, 7, 1, 10)
	count(t, f, 7, 1)
	waitFor(t, "every partition is in the session", func() bool { return a.requests.Load() > 5 })
	named, requests := a.named.Load(), a.requests.Load()
	for range 10 {
		fill(t, producer, 7, 1, 10)
		count(t, f, 7, 1)
	}
	if got, polls := a.named.Load()-named, a.requests.Load()-requests; got > polls {
		t.Errorf("%d requests named %d partitions, want one each at most", polls, got)
	}
	f.Remove("t", 3)
	waitFor(t, "a removed partition is forgotten", func() bool { return a.forgotten.Load() == 1 })
	if n := a.begun.Load(); n > 2 {
		t.Errorf("%d sessions were begun", n)
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// TestSessionsThatEnd has the broker drop a session, lose count of it, or have no room for one: nothing is lost, nothing comes twice, and
// the source counts as healthy.
func TestSessionsThatEnd(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.FetchSessionTopicIDError, nil} {
		name := "no room"
		if code != nil {
			name = code.Message
		}
		t.Run(name, func(t *testing.T) {
			c, client := fake(t, 1, 4)
			a := watch(c)
			a.noRoom.Store(code == nil)
			f := start(t, client(), fetch.Options{Session: true, MaxWait: 20 * time.Millisecond})
			for p := range int32(4) {
				f.Add("t", p, 0)
			}
			producer := client()
			for i := range 5 {
				for p := range int32(4) {
					fill(t, producer, p, 1, 10)
				}
				a.refuse.Store(code)
				got := visible(t, f, 4)
				for p := range int32(4) {
					if len(got[p]) != 1 {
						t.Errorf("round %d: %v", i, got)
					}
				}
				if err, _ := f.Health(); err != nil {
					t.Errorf("a session's end counts as %v", err)
				}
			}
		})
	}
}

// TestSessionFollowsWhatIsRead adds, moves, removes and holds back partitions at random while they are written, and wants every record once.
func TestSessionFollowsWhatIsRead(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		const n = 12
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, n)
		producer := each.Client(t, env.East, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
		f := start(t, each.Client(t, env.East), fetch.Options{Session: true, MaxWait: 20 * time.Millisecond})
		rnd := rand.New(rand.NewPCG(7, 7))
		next, end, reads := [n]int64{}, [n]int64{}, [n]bool{}
		var held []fetch.Chunk
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		take := func(wait time.Duration) {
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			chunks, err := f.Poll(ctx)
			if err != nil {
				return
			}
			for _, c := range chunks {
				if c.Err != nil {
					t.Fatal(c.Err)
				}
				if !reads[c.Partition] {
					t.Errorf("%d is not read, and gives @%d–@%d", c.Partition, c.Offset, c.Next)
				} else if c.Offset != next[c.Partition] {
					t.Errorf("%d goes on at @%d, want @%d", c.Partition, c.Offset, next[c.Partition])
				}
				next[c.Partition] = c.Next
				held = append(held, c)
			}
		}
		for range 300 {
			p := rnd.Int32N(n)
			switch rnd.IntN(6) {
			case 0:
				next[p] = rnd.Int64N(end[p] + 1)
				reads[p] = true
				f.Add(topic, p, next[p])
			case 1:
				reads[p] = false
				f.Remove(topic, p)
			case 2, 3:
				rec := &kgo.Record{Topic: topic, Partition: p, Value: fmt.Append(nil, end[p])}
				if err := producer.ProduceSync(ctx, rec).FirstErr(); err != nil {
					t.Fatal(err)
				}
				end[p]++
			case 4:
				take(5 * time.Millisecond)
			case 5:
				for len(held) > 0 {
					held[0].Release()
					held = held[1:]
				}
			}
		}
		for p := range int32(n) {
			if !reads[p] {
				reads[p], next[p] = true, 0
				f.Add(topic, p, 0)
			}
		}
		for next != end && ctx.Err() == nil {
			for _, c := range held {
				c.Release()
			}
			held = nil
			take(time.Second)
		}
		if diff := cmp.Diff(end, next); diff != "" {
			t.Errorf("log ends, and where reading came to:\n%s", diff)
		}
	})
}

// TestReaddedPartitionTellsItsBounds removes and adds a partition between two requests: it begins anew, with a chunk that tells where its log
// stands though nothing has changed there.
func TestReaddedPartitionTellsItsBounds(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, 3)
		f := start(t, each.Client(t, env.East), fetch.Options{Session: true, MaxWait: 50 * time.Millisecond})
		tells := func(n int) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for told := map[int32]bool{}; len(told) < n; {
				chunks, err := f.Poll(ctx)
				if err != nil {
					t.Fatalf("%d of %d partitions told where their logs stand: %v", len(told), n, err)
				}
				for _, c := range chunks {
					if c.Err != nil || c.HighWatermark != 0 {
						t.Fatalf("%+v", c)
					}
					told[c.Partition] = true
					c.Release()
				}
			}
		}
		for p := range int32(3) {
			f.Add(topic, p, 0)
		}
		tells(3)
		for range 20 {
			for p := range int32(2) {
				f.Remove(topic, p)
				f.Add(topic, p, 0)
			}
			tells(2)
		}
		f.Remove(topic, 1)
		f.Remove(topic, 2)
		f.Add(topic, 0, 0) // the only one that is left
		tells(1)
	})
}
