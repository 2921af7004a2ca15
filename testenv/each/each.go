// Package each runs one test over every kind of region: embedded, kafka, and containers. A package that uses it has
//
//	func TestMain(m *testing.M) { each.Main(m) }
//
// Embedded regions are fresh for every test. Kafka processes and containers are one pair for the whole package, started by the
// first test that needs them: so tests take names from Name, look only at what they made, and ask for a Private pair when
// they kill, pause or reconfigure a broker. So is one pair for every set of Options that tests ask for by Sharing.
//
// With -short only embedded regions are used. Where Java, Maven or Docker is missing, a test skips with the reason; a kind named
// in the environment, LIFEBOAT_REQUIRE=kafka,containers, fails instead.
package each

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/containers"
)

// kind is one way to run two regions.
type kind struct {
	name    string
	missing func() string // why this machine cannot, or ""
	start   func(context.Context, testenv.Options) (*testenv.Env, error)

	mu    sync.Mutex
	pairs map[string]*shared // by what was asked for
}

// shared is a pair that tests of the package share.
type shared struct {
	once sync.Once // starts it
	env  *testenv.Env
	err  error
}

// pair is the one that all tests share which ask for the same.
func (k *kind) pair(o testenv.Options) *shared {
	k.mu.Lock()
	defer k.mu.Unlock()
	asked := fmt.Sprintf("%+v", o)
	if k.pairs == nil {
		k.pairs = map[string]*shared{}
	}
	if k.pairs[asked] == nil {
		k.pairs[asked] = &shared{}
	}
	return k.pairs[asked]
}

var (
	embedded = &kind{name: "embedded", missing: func() string { return "" }, start: testenv.StartEmbedded}
	kafka    = &kind{name: "kafka", missing: testenv.MissingKafka, start: testenv.StartKafka}

	boxed = &kind{name: "containers", missing: containers.Missing, start: containers.Start}

	kinds = []*kind{embedded, kafka, boxed}
)

// Option changes what regions a test gets.
type Option func(*request)

type request struct {
	private bool
	options testenv.Options
}

// Private asks for a pair that no other test uses and that ends with the test.
func Private() Option { return func(r *request) { r.private = true } }

// With asks for a private pair with these options.
func With(o testenv.Options) Option {
	return func(r *request) { r.private, r.options = true, o }
}

// Sharing asks for a pair with these options that every test of the package has which asks for the same; with embedded regions, for a fresh one.
func Sharing(o testenv.Options) Option {
	return func(r *request) { r.options = o }
}

// Run runs the suite over every kind of region, each as a subtest with the kind's name.
func Run(t *testing.T, suite func(t *testing.T, env *testenv.Env), opts ...Option) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { suite(t, k.get(t, opts)) })
	}
}

// Embedded is a fresh pair of regions in this process.
func Embedded(t testing.TB, opts ...Option) *testenv.Env { t.Helper(); return embedded.get(t, opts) }

// Kafka is a pair of regions whose brokers are Apache Kafka processes. It skips t where there can be none.
func Kafka(t testing.TB, opts ...Option) *testenv.Env { t.Helper(); return kafka.get(t, opts) }

// Containers is a pair of regions whose brokers are Apache Kafka in containers. It skips t where there can be none.
func Containers(t testing.TB, opts ...Option) *testenv.Env { t.Helper(); return boxed.get(t, opts) }

// Main runs the tests of a package and then stops what they shared.
func Main(m *testing.M) {
	main = true
	code := m.Run()
	for _, k := range kinds {
		for _, s := range k.pairs {
			if s.env == nil {
				continue
			}
			if err := s.env.Stop(); err != nil {
				fmt.Fprintf(os.Stderr, "stopping the %s regions: %v\n", k.name, err)
				code = max(code, 1)
			}
		}
	}
	os.Exit(code)
}

// main says that Main is running: without it nobody would stop shared regions.
var main bool

func (k *kind) get(t testing.TB, opts []Option) *testenv.Env {
	t.Helper()
	var r request
	for _, o := range opts {
		o(&r)
	}
	r.options.Brief = true
	if k != embedded {
		k.skip(t)
	}
	if k == embedded || r.private {
		env, err := k.start(t.Context(), r.options)
		k.check(t, err)
		t.Cleanup(func() {
			if err := env.Stop(); err != nil {
				t.Errorf("stopping the %s regions: %v", k.name, err)
			}
		})
		return env
	}
	if !main {
		t.Fatal("each: shared regions need func TestMain(m *testing.M) { each.Main(m) } in this package")
	}
	s := k.pair(r.options)
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		s.env, s.err = k.start(ctx, r.options)
	})
	k.check(t, s.err)
	return s.env
}

// skip ends the test where this machine or the flags leave no way to run it.
func (k *kind) skip(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skipf("-short: no %s regions", k.name)
	}
	if reason := k.missing(); reason != "" {
		k.unavailable(t, reason)
	}
}

// check ends the test when regions did not start.
func (k *kind) check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, testenv.ErrMissing):
		k.unavailable(t, err.Error())
	case err != nil:
		t.Fatalf("starting %s regions: %v", k.name, err)
	}
}

func (k *kind) unavailable(t testing.TB, reason string) { t.Helper(); Missing(t, k.name, reason) }

// Missing ends a test that needs what this machine has not: it skips with the reason, or fails where LIFEBOAT_REQUIRE names what.
func Missing(t testing.TB, what, reason string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("LIFEBOAT_REQUIRE"), ","), what) {
		t.Fatalf("LIFEBOAT_REQUIRE names %s: %s", what, reason)
	}
	t.Skip(reason)
}
