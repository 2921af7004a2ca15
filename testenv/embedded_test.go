package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

func embedded(t *testing.T, o testenv.Options) *testenv.Env {
	t.Helper()
	env, err := testenv.StartEmbedded(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	return env
}

func client(t *testing.T, r *testenv.Region, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(r.Bootstrap...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func TestEmbeddedStartsFast(t *testing.T) {
	start := time.Now()
	embedded(t, testenv.Options{})
	took := time.Since(start)
	t.Log(took)
	if took > time.Second {
		t.Errorf("two embedded regions took %v to start", took)
	}
}

func TestEmbeddedStopLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	env := embedded(t, testenv.Options{})
	for range 2 {
		if err := env.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := http.Get(env.East.Registry + "/subjects"); err == nil {
		t.Error("the registry still answers")
	}
}

// TestEmbeddedKillKeepsWhatWasAcknowledged kills the broker in the middle of producing: every acknowledged record is there
// afterwards at its offset, and so are committed group offsets, producer sequences and an open transaction.
func TestEmbeddedKillKeepsWhatWasAcknowledged(t *testing.T) {
	ctx := t.Context()
	env := embedded(t, testenv.Options{})
	r := env.East
	boot := r.Bootstrap[0]
	cl := client(t, r, kgo.DefaultProduceTopic("flights"), kgo.TransactionalID("open"), kgo.ProducerLinger(0))
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": kadm.StringPtr("-1")}, "flights"); err != nil {
		t.Fatal(err)
	}
	var committed kadm.Offsets
	committed.AddOffset("flights", 0, 7, -1)
	if err := adm.CommitAllOffsets(ctx, "ops-board", committed); err != nil {
		t.Fatal(err)
	}
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	for i := range 5 {
		rec := &kgo.Record{Value: fmt.Append(nil, "in transaction ", i)}
		if err := cl.ProduceSync(ctx, rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprint(rec.Partition, " ", string(rec.Value))] = rec.Offset
	}

	plain := client(t, r, kgo.DefaultProduceTopic("flights"), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(100))
	acked := make(chan *kgo.Record, 100000)
	pctx, stop := context.WithCancel(ctx)
	defer stop()
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		for i := 0; pctx.Err() == nil; i++ {
			plain.Produce(pctx, &kgo.Record{Value: fmt.Append(nil, "plain ", i)}, func(rec *kgo.Record, err error) {
				if err == nil {
					acked <- rec
				}
			})
		}
	}()
	remember := func(rec *kgo.Record) { want[fmt.Sprint(rec.Partition, " ", string(rec.Value))] = rec.Offset }
	for range 200 {
		remember(<-acked)
	}
	if err := r.Broker.Kill(); err != nil {
		t.Fatal(err)
	}
	stop()
	<-produced
	plain.Close()
	close(acked)
	for rec := range acked {
		remember(rec)
	}
	if err := r.Broker.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if r.Bootstrap[0] != boot {
		t.Errorf("bootstrap after a restart: %v, before: %v", r.Bootstrap, boot)
	}

	got := map[string]int64{}
	reader := client(t, r, kgo.ConsumeTopics("flights"))
	rctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for missing(want, got) {
		fs := reader.PollFetches(rctx)
		if err := rctx.Err(); err != nil {
			break
		}
		fs.EachRecord(func(rec *kgo.Record) { got[fmt.Sprint(rec.Partition, " ", string(rec.Value))] = rec.Offset })
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			delete(got, k) // appended, and the answer cut off by the kill
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	offsets, err := adm.FetchOffsets(ctx, "ops-board")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := offsets.Lookup("flights", 0); o.At != 7 {
		t.Errorf("committed offset after a restart: %d", o.At)
	}
	cfg, err := adm.DescribeTopicConfigs(ctx, "flights")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cfg[0].Configs {
		if c.Key == "retention.ms" && c.MaybeValue() != "-1" {
			t.Errorf("retention.ms after a restart: %v", c.MaybeValue())
		}
	}
	// The transaction of before goes on and is committed.
	rec := kgo.StringRecord("after the restart")
	if err := cl.ProduceSync(ctx, rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	stable, err := adm.ListCommittedOffsets(ctx, "flights")
	if err != nil {
		t.Fatal(err)
	}
	ends, err := adm.ListEndOffsets(ctx, "flights")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ends.Offsets(), stable.Offsets()); d != "" {
		t.Error("last stable offsets differ from end offsets after the commit:", d)
	}
}

func missing(want, got map[string]int64) bool {
	for k := range want {
		if _, ok := got[k]; !ok {
			return true
		}
	}
	return false
}

func TestEmbeddedTransientForgets(t *testing.T) {
	ctx := t.Context()
	env := embedded(t, testenv.Options{Transient: true})
	adm := kadm.NewClient(client(t, env.West))
	if _, err := adm.CreateTopic(ctx, 1, 1, nil, "flights"); err != nil {
		t.Fatal(err)
	}
	if err := env.West.Broker.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := env.West.Broker.Start(ctx); err != nil {
		t.Fatal(err)
	}
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(topics) != 0 {
		t.Errorf("topics after a restart: %v", topics.Names())
	}
}

func TestEmbeddedRefusesUnknownTopics(t *testing.T) {
	env := embedded(t, testenv.Options{})
	cl := client(t, env.East, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(1))
	err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "mistyped"}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("producing to a topic that does not exist: %v", err)
	}
}

func TestEmbeddedPauseIsNotSupported(t *testing.T) {
	env := embedded(t, testenv.Options{})
	if err := env.East.Broker.Pause(); !errors.Is(err, testenv.ErrNotSupported) {
		t.Errorf("Pause: %v", err)
	}
}

func TestEmbeddedRegionsAreDistinctClusters(t *testing.T) {
	env := embedded(t, testenv.Options{})
	ids := map[string]bool{}
	for _, r := range env.Regions() {
		id := clusterID(t, r)
		if len(id) != 22 || strings.HasPrefix(id, "-") {
			t.Errorf("%s: cluster id %q is not in Kafka's form", r.Name, id)
		}
		ids[id] = true
	}
	if len(ids) != 2 {
		t.Errorf("both regions have the cluster id %v", ids)
	}
}

func clusterID(t *testing.T, r *testenv.Region) string {
	t.Helper()
	meta, err := kadm.NewClient(client(t, r)).BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return meta.Cluster
}
