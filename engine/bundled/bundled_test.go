package bundled_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) { each.Main(m) }

// interval makes statements commit often: tests wait for commits.
const interval = 20 * time.Millisecond

func options(env *testenv.Env, region string) bundled.Options {
	return bundled.Options{
		Region: region, Kafka: []kgo.Opt{kgo.SeedBrokers(env.East.Bootstrap...)}, RegistryURL: env.East.Registry, CheckpointInterval: interval,
	}
}

// open opens an engine that ends with the test. kill ends it earlier, as kill -9 would.
func open(t *testing.T, o bundled.Options) (e *bundled.Engine, kill func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e, err := bundled.Open(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	kill = func() {
		cancel()
		_ = e.Close(ctx) // waits for goroutines; ctx has ended, so nothing is committed any more
	}
	t.Cleanup(kill)
	return e, kill
}

func suite(t *testing.T, env *testenv.Env, through func(t *testing.T, e *bundled.Engine) engine.Backend) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		o := options(env, each.Name(t, "region"))
		e, kill := open(t, o)
		return enginetest.Subject{
			Backend: through(t, e), Kafka: o.Kafka, Registry: o.RegistryURL,
			Name: func(base string) string { return each.Name(t, base) },
			Restart: func(t *testing.T) engine.Backend {
				kill()
				e, kill = open(t, o)
				return through(t, e)
			},
		}
	})
}

func TestConformance(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		suite(t, env, func(_ *testing.T, e *bundled.Engine) engine.Backend { return e })
	})
}

// The same through the statements API: a server in front of the engine, and the client for it.
func TestConformanceThroughREST(t *testing.T) {
	env := each.Embedded(t)
	suite(t, env, func(t *testing.T, e *bundled.Engine) engine.Backend {
		server := httptest.NewServer(rest.NewServer(e, rest.Options{Username: "key", Password: "secret"}))
		t.Cleanup(server.Close)
		return rest.NewClient(server.URL, "org", "env", "key", "secret", server.Client())
	})
}

func TestOpenAndCloseLeaveNothingBehind(t *testing.T) {
	env := each.Embedded(t)
	before := goleak.IgnoreCurrent()
	e, err := bundled.Open(t.Context(), options(env, "east"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}
