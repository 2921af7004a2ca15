package testenv_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

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
