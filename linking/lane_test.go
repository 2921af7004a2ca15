package linking

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// TestLaneKeepsTheOrder lets many goroutines wait for answers of one lane: the broker sees the requests in the order in which they were
// placed, and the next ones before the first is answered.
func TestLaneKeepsTheOrder(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	const n = 300
	var saw []int32
	var answered, overlap atomic.Int64
	fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		saw = append(saw, req.(*kmsg.ProduceRequest).TimeoutMillis)
		if int64(len(saw)) > answered.Load()+1 {
			overlap.Add(1)
		}
		return nil, nil, false
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(fake.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	l := newLane(cl, 0)
	var g errgroup.Group
	var want []int32
	for i := range n {
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis = -1, 10_000+int32(i)
		want = append(want, req.TimeoutMillis)
		turn := l.place()
		g.Go(func() error {
			_, err := turn.send(ctx, req)
			answered.Add(1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, saw); diff != "" {
		t.Errorf("requests came in another order (-placed +seen):\n%s", diff)
	}
	if overlap.Load() == 0 {
		t.Error("every request waited for the answer of the one before it")
	}
}

// TestLaneGoesOnAfterRequestsThatNeverCame does not hold up those behind a request whose time was over, or that was skipped.
func TestLaneGoesOnAfterRequestsThatNeverCame(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(fake.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	l := newLane(cl, 0)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	req := kmsg.NewPtrProduceRequest()
	req.Acks = -1
	first, second, third := l.place(), l.place(), l.place()
	if _, err := first.send(over, req); !errors.Is(err, context.Canceled) {
		t.Errorf("a request without time got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	second.skip()
	if _, err := third.send(ctx, req); err != nil {
		t.Errorf("the request behind them got %v", err)
	}
}

// inFlight is a mirror of the offsets 0–5 in three batches of two, all of them on their way.
func inFlight(t *testing.T) (*runner, *mirror) {
	t.Helper()
	m := &mirror{topic: "t", read: 6, limit: 0}
	for i := range int64(3) {
		b := batch.NewBuilder(batch.None)
		b.Append(i, nil, []byte("a"), batch.Headers{})
		b.Append(i, nil, []byte("b"), batch.Headers{})
		data, err := b.Build(nil, batch.NoIdentity)
		if err != nil {
			t.Fatal(err)
		}
		m.queue = append(m.queue, item{base: 2 * i, end: 2*i + 2, data: data})
		f := m.depart(identity{ProducerID: 1}, leastShare, false)
		if f.build(nil); f.err != nil {
			t.Fatal(f.err)
		}
	}
	l := &Link{decl: &plans.Link{Name: "link"}, from: &Region{Name: "east"}, to: &Region{Name: "west"}}
	l.o.fill()
	return &runner{l: l, mirrors: map[partitionKey]*mirror{m.key(): m}, ready: map[*mirror]struct{}{}, doubtful: map[*mirror]time.Time{}, fetcher: fetch.New(nil, fetch.Options{}), schemas: &schemaGate{}}, m
}

func TestFlightsAreSettledInTheirOrder(t *testing.T) {
	type answer struct {
		flight int
		at     int64
		err    error
	}
	for _, c := range []struct {
		name    string
		answers []answer
		written int64
		waits   bool
		failed  string
	}{
		{"in order", []answer{{0, 0, nil}, {1, 2, nil}}, 4, false, ""},
		{"out of order", []answer{{2, 4, nil}, {1, 2, nil}}, 0, false, ""},
		{"the first at last", []answer{{2, 4, nil}, {1, 2, nil}, {0, 0, nil}}, 6, false, ""},
		{"one refused in between waits for those behind it", []answer{{0, 0, nil}, {1, -1, kerr.NotLeaderForPartition}}, 2, true, ""},
		{"invalid", []answer{{2, -1, kerr.OutOfOrderSequenceNumber}, {1, -1, kerr.InvalidRecord}, {0, 0, nil}}, 2, false, CodeRefused},
		{"too large, which is cut", []answer{{2, -1, kerr.OutOfOrderSequenceNumber}, {1, -1, kerr.MessageTooLarge}, {0, 0, nil}}, 2, false, ""},
		{"somebody else wrote", []answer{{0, 0, nil}, {2, 5, nil}, {1, 3, nil}}, 2, false, CodeForeignWriter},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, m := inFlight(t)
			flights := m.flights
			for _, a := range c.answers {
				flights[a.flight].land(a.at, a.err)
				r.settle(t.Context(), m)
			}
			failed := ""
			if m.failed != nil {
				failed = m.failed.Code
			}
			if m.written != c.written || m.doubt != c.waits || failed != c.failed {
				t.Errorf("written up to @%d, in doubt %t, failed %q; want @%d, %t, %q", m.written, m.doubt, failed, c.written, c.waits, c.failed)
			}
		})
	}
}

func TestFlightsContinueTheSequence(t *testing.T) {
	_, m := inFlight(t)
	var got []int32
	for _, f := range m.flights {
		got = append(got, f.stamp.Sequence, f.after, batch.Batch(f.body).BaseSequence())
	}
	if diff := cmp.Diff([]int32{0, 2, 0, 2, 4, 2, 4, 6, 4}, got); diff != "" {
		t.Error(diff)
	}
	if m.sendable(time.Now()) || m.idle(time.Now()) {
		t.Error("something is left to be sent")
	}
}
