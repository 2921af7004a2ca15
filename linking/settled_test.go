package linking

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A replica that is in sync stalls: what its leader has written is told to no reader, and takes its offsets nevertheless.
func TestWhatIsNotReplicatedIsNoEndOfALog(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.With(testenv.Options{Followers: 1, HeapMiB: 256}))
	cl := each.Client(t, env.West, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.RequestTimeoutOverhead(time.Second))
	r := &Region{Name: "west", Client: cl, Admin: kadm.NewClient(cl)}
	ctx := t.Context()
	put := func(topic string) {
		t.Helper()
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("value")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	// settles waits until the log has this end and no more behind it.
	settles := func(topic string, want int64) {
		t.Helper()
		k := partitionKey{topic, 0}
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			bounds, err := listSettled(ctx, r, []string{topic})
			if err == nil && bounds[k] == (span{0, want, nil}) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not settled at @%d: %v, %v", want, bounds, err)
			}
		}
	}
	topic := ""
	for n := 0; topic == "" && n < 8; n++ { // one that the broker leads which goes on
		name := each.Name(t, fmt.Sprint("t", n))
		each.Topic(t, env.West, name, 1)
		put(name)
		settles(name, 1)
		meta, err := r.Admin.Metadata(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if p := meta.Topics[name].Partitions[0]; p.Leader == 1 && len(p.ISR) == 2 {
			topic = name
		}
	}
	if topic == "" {
		t.Fatal("broker 1 leads none of 8 topics with two replicas in sync")
	}

	follower := env.West.Followers[0]
	want := int64(1)
	for attempt := 1; ; attempt++ {
		if err := follower.Pause(); err != nil {
			t.Fatal(err)
		}
		put(topic)
		put(topic)
		look, cancel := context.WithTimeout(ctx, 6*time.Second)
		bounds, err := listSettled(look, r, []string{topic})
		cancel()
		if err := follower.Resume(); err != nil {
			t.Fatal(err)
		}
		got := bounds[partitionKey{topic, 0}]
		settles(topic, want+2)
		if unsettled, ok := errors.AsType[*unsettledError](got.err); ok {
			if *unsettled != (unsettledError{want, want + 2}) {
				t.Errorf("with two records that are not replicated behind @%d the log is %+v", want, got)
			}
			return
		}
		want += 2
		if err == nil && got.err == nil && got.end < want {
			t.Fatalf("a log with records that are not replicated, in front of @%d, is %+v", want, got)
		}
		if attempt == 8 { // the question went to the broker that sleeps, or it was put out of the ISR before it was asked
			t.Fatalf("not seen in %d attempts: %+v, %v", attempt, got, err)
		}
	}
}
