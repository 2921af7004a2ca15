package each_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestKillKeepsWhatWasAcknowledged kills the broker in the middle of producing. Afterwards every acknowledged record is there at
// its offset; so are topic configs, committed group offsets, and a transaction that was open: its producer goes on and commits.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		ctx, r := t.Context(), env.East
		bootstrap := r.Bootstrap[0]
		topic, group := each.Name(t, "flights"), each.Name(t, "ops-board")
		each.Topic(t, r, topic, 2, "retention.ms=-1")
		open := each.Client(t, r, kgo.DefaultProduceTopic(topic), kgo.TransactionalID(each.Name(t, "open")))
		adm := kadm.NewClient(each.Client(t, r))
		var offsets kadm.Offsets
		offsets.AddOffset(topic, 0, 7, -1)
		if err := adm.CommitAllOffsets(ctx, group, offsets); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		if err := open.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			rec := &kgo.Record{Value: fmt.Append(nil, "in transaction ", i)}
			if err := open.ProduceSync(ctx, rec).FirstErr(); err != nil {
				t.Fatal(err)
			}
			want[place(rec)] = string(rec.Value)
		}
		for rec := range killWhileProducing(t, r, topic) {
			want[place(rec)] = string(rec.Value)
		}
		if err := r.Broker.Start(ctx); err != nil {
			t.Fatal(err)
		}

		if r.Bootstrap[0] != bootstrap {
			t.Errorf("bootstrap was %s and is %s", bootstrap, r.Bootstrap[0])
		}
		if d := cmp.Diff(want, readThese(t, r, topic, want)); d != "" {
			t.Error("acknowledged records, after the restart:", d)
		}
		committed, err := adm.FetchOffsets(ctx, group)
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := committed.Lookup(topic, 0); o.At != 7 {
			t.Errorf("committed offset after the restart: %+v", o)
		}
		configs, err := adm.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range configs[0].Configs {
			if c.Key == "retention.ms" && c.MaybeValue() != "-1" {
				t.Errorf("retention.ms after the restart: %s", c.MaybeValue())
			}
		}
		if err := open.ProduceSync(ctx, kgo.StringRecord("after the restart")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := open.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		awaitStable(t, adm, topic)
	}, each.Private())
}

// killWhileProducing kills the region's broker after some hundred records and returns those that were acknowledged.
func killWhileProducing(t *testing.T, r *testenv.Region, topic string) <-chan *kgo.Record {
	t.Helper()
	cl := each.Client(t, r, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(100))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const most = 1 << 20
	acked, some, done := make(chan *kgo.Record, most), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < most && ctx.Err() == nil; i++ {
			cl.Produce(ctx, &kgo.Record{Value: fmt.Append(nil, "plain ", i)}, func(rec *kgo.Record, err error) {
				if err != nil {
					return
				}
				if acked <- rec; len(acked) == 500 {
					close(some)
				}
			})
		}
	}()
	<-some
	if err := r.Broker.Kill(); err != nil {
		t.Fatal(err)
	}
	stop()
	<-done
	cl.Close() // ends what is buffered: every promise is called before it returns
	close(acked)
	return acked
}

// readThese reads the topic until it met every record of want, and returns those.
func readThese(t *testing.T, r *testenv.Region, topic string, want map[string]string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cl := each.Client(t, r, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	got := map[string]string{}
	for len(got) < len(want) && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			if _, ok := want[place(rec)]; ok {
				got[place(rec)] = string(rec.Value)
			}
		})
	}
	return got
}

// awaitStable returns when no transaction is open on the topic: Kafka answers EndTxn before its marker is in the log.
func awaitStable(t *testing.T, adm *kadm.Client, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		ends, err := adm.ListEndOffsets(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		stable, err := adm.ListCommittedOffsets(ctx, topic)
		if err != nil {
			t.Fatalf("waiting for the last stable offset to be the end: %v", err)
		}
		if cmp.Equal(ends.Offsets(), stable.Offsets()) {
			return
		}
	}
}
