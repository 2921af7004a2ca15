package each_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) { each.Main(m) }

// TestRegionsAreIndependent: what one region gets, the other does not have.
func TestRegionsAreIndependent(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		ctx := t.Context()
		topic, subject := each.Name(t, "flights"), each.Name(t, "flights-value")
		each.Topic(t, env.East, topic, 2, "retention.ms=123456")
		produce(t, env.East, topic, "a", "b")
		register(t, env.East, subject)

		east, west := each.Client(t, env.East), each.Client(t, env.West)
		topics, err := kadm.NewClient(west).ListTopics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if topics.Has(topic) {
			t.Error("west has a topic that was created in east")
		}
		if strings.Contains(get(t, env.West.Registry+"/subjects"), subject) {
			t.Error("west's registry has a subject that was registered in east")
		}
		if got := get(t, env.East.Registry+"/subjects"); !strings.Contains(got, subject) {
			t.Errorf("east's registry does not have its subject: %s", got)
		}
		ids := map[string]bool{}
		for _, cl := range []*kgo.Client{east, west} {
			meta, err := kadm.NewClient(cl).BrokerMetadata(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ids[meta.Cluster] = true
		}
		if len(ids) != 2 {
			t.Errorf("both regions have one cluster id: %v", ids)
		}
	})
}

// TestBrokerKilledAndStarted is the contract of Kill and Start; what survives is TestKillKeepsWhatWasAcknowledged's.
func TestBrokerKilledAndStarted(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		ctx, r := t.Context(), env.East
		topic := each.Name(t, "flights")
		each.Topic(t, r, topic, 3, "cleanup.policy=compact")
		want := produce(t, r, topic, "a", "b", "c", "d")
		for range 2 { // Kill is idempotent
			if err := r.Broker.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if err := answers(t, r, time.Second); err == nil {
			t.Error("a killed broker answers")
		}
		if err := answers(t, env.West, 10*time.Second); err != nil {
			t.Errorf("east was killed and west does not answer: %v", err)
		}
		if err := r.Broker.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r.Broker.Start(ctx); err == nil {
			t.Error("a running broker was started again")
		}
		if d := cmp.Diff(want, readThese(t, r, topic, want)); d != "" {
			t.Error("records after the restart:", d)
		}
		produce(t, r, topic, "e")
	}, each.Private())
}

func TestBrokerPausedAndResumed(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		r := env.West
		err := r.Broker.Pause()
		if env.Kind == "embedded" {
			if !errors.Is(err, testenv.ErrNotSupported) || !errors.Is(r.Broker.Resume(), testenv.ErrNotSupported) {
				t.Errorf("pausing an embedded broker: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := answers(t, r, time.Second); err == nil {
			t.Error("a paused broker answers")
		}
		if err := r.Broker.Resume(); err != nil {
			t.Fatal(err)
		}
		if err := answers(t, r, 30*time.Second); err != nil {
			t.Errorf("after Resume: %v", err)
		}
	}, each.Private())
}

func TestRegistryStoppedAndStarted(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		r := env.East
		register(t, r, each.Name(t, "s"))
		before := get(t, r.Registry+"/subjects")
		if err := r.RegistryServer.Stop(); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.Get(r.Registry + "/subjects"); err == nil {
			resp.Body.Close()
			t.Error("a stopped registry answers")
		}
		if err := r.RegistryServer.Start(); err != nil {
			t.Fatal(err)
		}
		if after := get(t, r.Registry+"/subjects"); after != before {
			t.Errorf("subjects were %s and are %s", before, after)
		}
	})
}

// TestUsers: with users a region takes their passwords and no others, and gives rights by ACLs.
func TestUsers(t *testing.T) {
	users := testenv.Options{Users: []testenv.User{
		{Name: "admin", Password: "admin-secret", Super: true},
		{Name: "flights-app", Password: "app-secret"},
	}}
	each.Run(t, func(t *testing.T, env *testenv.Env) { checkUsers(t, env) }, each.With(users))
}

func TestNameIsPerTestAndStable(t *testing.T) {
	outer := each.Name(t, "flights")
	if again := each.Name(t, "flights"); again != outer {
		t.Errorf("%s, then %s", outer, again)
	}
	t.Run("sub", func(t *testing.T) {
		if inner := each.Name(t, "flights"); inner == outer {
			t.Errorf("two tests got the name %s", inner)
		}
	})
}

// produce writes one record a value, in turn to every partition, and returns them: place → value.
func produce(t *testing.T, r *testenv.Region, topic string, values ...string) map[string]string {
	t.Helper()
	cl := each.Client(t, r, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	out := map[string]string{}
	for _, v := range values {
		rec := &kgo.Record{Topic: topic, Key: []byte("key"), Value: []byte(v), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte{0}}}}
		if err := cl.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		out[place(rec)] = v
	}
	return out
}

func place(rec *kgo.Record) string {
	return fmt.Sprintf("%d@%d %d %s %v", rec.Partition, rec.Offset, rec.Timestamp.UnixMilli(), rec.Key, rec.Headers)
}

// answers is nil when the region's broker answers within d.
func answers(t *testing.T, r *testenv.Region, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	// A stopped process still accepts connections, its kernel does, and kgo waits for the first answer on one under
	// RequestTimeoutOverhead alone, 10 s by default, whatever ctx says.
	_, err := kadm.NewClient(each.Client(t, r, kgo.RequestTimeoutOverhead(d))).BrokerMetadata(ctx)
	return err
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %s %v", url, resp.Status, b, err)
	}
	return string(b)
}

func register(t *testing.T, r *testenv.Region, subject string) {
	t.Helper()
	resp, err := http.Post(r.Registry+"/subjects/"+subject+"/versions", "application/vnd.schemaregistry.v1+json",
		strings.NewReader(`{"schema": "{\"type\": \"string\"}"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("registering %s: %s", subject, resp.Status)
	}
}
