package dr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/user"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Options say how a world is opened and how runs behave. The zero value is good for a command.
type Options struct {
	Log      *slog.Logger
	Timeout  time.Duration // first contact with a region; default 10 s
	Getenv   func(string) (string, bool)
	ReadFile func(string) ([]byte, error)
	StateDir string                         // local copies of journals; default DefaultStateDir
	Who      string                         // default user@host
	LeaseTTL time.Duration                  // default LeaseTTL
	Renewal  time.Duration                  // default Renewal
	Hooks    func(region string) []kgo.Hook // of the regions' clients
	Stuck    time.Duration                  // how long what a step waits for may stay the same until it gives up; default stuckAfter
	Waiting  time.Duration                  // how often a step that takes long is told of; default Waiting
	Dial     linking.Dial                   // to brokers, registries and engines; nil: over TCP
	Still    time.Duration                  // how long log ends must not move for a fence to count as proved; default Still
	Now      func() time.Time

	// Events hears of every step as it begins, goes on and ends, of one event at a time.
	Events func(Event)
	// Confirm asks the operator; nil answers no. A manual fence needs it.
	Confirm func(ctx context.Context, question string) (bool, error)
	// Until is the id of a step behind which runs stop, "" for none: what that step does not need is not begun.
	Until string
	// Gate is asked before each phase of a run that has something to do; a no stops the run there. nil: nobody is asked.
	Gate func(ctx context.Context, question string) (bool, error)
	// Interrupted is closed at the first SIGINT: the step under way is finished, then the run stops.
	Interrupted <-chan struct{}
}

// Event is one change of a step, or news of one that goes on.
type Event struct {
	Run    string
	Step   plans.Step
	State  EntryKind // EntryBegin, EntryDone or EntryFailed; EntryWaiting or EntryLag
	Detail string    // of EntryWaiting: what it waits for
	At     time.Time

	// Of EntryWaiting.
	Since  time.Time     // when the step began
	Same   time.Duration // how long Detail has been the same; 0 where it changes
	Advice string        // what can be done about it

	// Of EntryLag.
	Lag int64 // records that are not mirrored yet
}

// World is a declared topology with its regions opened. A region that does not answer is absent from Regions and its reason is in
// Errs: whether that matters is the operation's to say.
type World struct {
	Declared *plans.Declared
	Regions  map[string]*linking.Region
	Errs     map[string]error
	Engines  map[string]engine.Backend

	opts    Options
	created map[string]bool // links that are remembered in a region, not declared in the file
}

// Open contacts every region of the topology, in parallel. It fails only for what no operation can go on without: a secret that can
// not be resolved or a login that is refused.
func Open(ctx context.Context, d *plans.Declared, o Options) (*World, error) {
	o.fill()
	w := &World{Declared: d, Regions: map[string]*linking.Region{}, Errs: map[string]error{}, Engines: map[string]engine.Backend{}, opts: o}
	var mu sync.Mutex
	var g errgroup.Group
	for name, decl := range d.Topology.Regions {
		g.Go(func() error {
			r, err := linking.Open(ctx, name, decl, w.LinkOptions())
			mu.Lock()
			defer mu.Unlock()
			var unreachable *linking.UnreachableError
			switch {
			case err == nil:
				w.Regions[name] = r
			case errors.As(err, &unreachable):
				w.Errs[name] = err
			default:
				return err
			}
			b, err := openEngine(name, decl, "", o)
			if b != nil {
				w.Engines[name] = b
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		w.Close()
		return nil, err
	}
	w.findCreated(ctx)
	return w, nil
}

// openEngine returns the client of a region's engine; sandbox is the environment, "" the region's own.
func openEngine(name string, decl *plans.Region, sandbox string, o Options) (engine.Backend, error) {
	if decl.Engine == nil {
		return nil, nil
	}
	switch decl.Engine.Backend {
	case "bundled", "confluent":
	default:
		return nil, fmt.Errorf("%s: engine backend %q is not supported yet: use bundled", name, decl.Engine.Backend)
	}
	login, err := o.login(decl.Engine.Username, decl.Engine.Password)
	if err != nil {
		return nil, fmt.Errorf("%s: engine: %w", name, err)
	}
	org, env := decl.Engine.Organization, decl.Engine.Environment
	if org == "" {
		org = "lifeboat"
	}
	if env == "" {
		env = name
	}
	if sandbox != "" {
		env = sandbox
	}
	return rest.NewClient(decl.Engine.URL, org, env, login[0], login[1], o.engineClient()), nil
}

// engineClient is what engines are called with.
func (o *Options) engineClient() *http.Client {
	client := &http.Client{Timeout: 30 * time.Second}
	if o.Dial != nil {
		client.Transport = &http.Transport{DialContext: o.Dial, IdleConnTimeout: 30 * time.Second}
	}
	return client
}

// login resolves a user name and a password, each "" where none is declared.
func (o *Options) login(username, password plans.Secret) (login [2]string, err error) {
	for i, s := range []plans.Secret{username, password} {
		if s == (plans.Secret{}) {
			continue
		}
		if login[i], err = s.Resolve(o.Getenv, o.ReadFile); err != nil {
			return login, err
		}
	}
	return login, nil
}

// EngineLogin returns the user name and password of a region's engine, empty where none is declared.
func (w *World) EngineLogin(region string) ([2]string, error) {
	e := w.Declared.Topology.Regions[region].Engine
	if e == nil {
		return [2]string{}, nil
	}
	return w.opts.login(e.Username, e.Password)
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir(o.Getenv)
	}
	if o.Who == "" {
		o.Who = whoami()
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = LeaseTTL
	}
	if o.Renewal == 0 {
		o.Renewal = Renewal
	}
	if o.Stuck == 0 {
		o.Stuck = stuckAfter
	}
	if o.Waiting == 0 {
		o.Waiting = Waiting
	}
	if o.Still == 0 {
		o.Still = Still
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Events == nil {
		o.Events = func(Event) {}
	}
}

func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

// Close lets every region go.
func (w *World) Close() {
	for _, r := range w.Regions {
		r.Close()
	}
}

// RegionNames returns the declared regions, sorted.
func (w *World) RegionNames() []string { return slices.Sorted(maps.Keys(w.Declared.Topology.Regions)) }

// LinkOptions are the options for linking that follow from the world's.
func (w *World) LinkOptions() linking.Options {
	return linking.Options{Log: w.opts.Log, Timeout: w.opts.Timeout, Getenv: w.opts.Getenv, ReadFile: w.opts.ReadFile, Hooks: w.opts.Hooks, Dial: w.opts.Dial}
}

// Link returns the link of a name, or the one that a failover uses without one.
func (w *World) Link(name string) (*plans.Link, error) { return w.Declared.Link(name) }

// OpenLink returns the linker of a declared link. Its destination must be reachable; its source need not be.
func (w *World) OpenLink(decl *plans.Link) (*linking.Link, error) {
	to := w.Regions[decl.To]
	if to == nil {
		return nil, w.Errs[decl.To]
	}
	o := w.LinkOptions()
	if from := w.Declared.Topology.Regions[decl.From]; from != nil {
		o.Fence = from.Fence
	}
	l := linking.New(decl, w.Regions[decl.From], to, o)
	if w.created[decl.Name] {
		l = l.Created()
	}
	return l, nil
}

// Who is on whose behalf things are done, as user@host.
func (w *World) Who() string { return w.opts.Who }

func (w *World) now() time.Time { return w.opts.Now() }
