package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// embeddedConfigs make kfake answer as a broker of StartKafka does, with group sessions short enough for tests.
var embeddedConfigs = map[string]string{
	"default.replication.factor":   "1",
	"group.min.session.timeout.ms": "100",
	"group.max.session.timeout.ms": "1800000",
	"transaction.max.timeout.ms":   "900000",
}

// StartEmbedded starts two regions inside this process, in a few milliseconds: one kfake broker and one registry each. They are
// as durable as Kafka is against the death of its process: what was acknowledged is there again after Kill and Start, at the
// same address, with producer state, group offsets and open transactions. Topics are not created by merely naming them.
//
// kfake is not Kafka; TestEmbeddedDiffersFromKafka of package each lists where that matters.
func StartEmbedded(ctx context.Context, o Options) (*Env, error) {
	dir, remove, err := dataDir(o.Dir)
	if err != nil {
		return nil, err
	}
	return Assemble(ctx, "embedded", o, func(ctx context.Context, r *Region) (func() error, error) {
		b := &fakeBroker{region: r, opts: embeddedOptions(o, filepath.Join(dir, r.Name))}
		r.Broker = b
		if o.TLS != nil {
			server, err := o.TLS.server(r.Name)
			if err != nil {
				return b.Kill, err
			}
			b.opts = append(b.opts, kfake.TLS(server))
		}
		return b.Kill, b.Start(ctx)
	}, remove)
}

func embeddedOptions(o Options, dir string) []kfake.Opt {
	configs := maps.Clone(embeddedConfigs)
	maps.Copy(configs, o.Configs)
	opts := []kfake.Opt{
		kfake.ClusterID(NewClusterID()),
		kfake.DefaultNumPartitions(1), // Kafka's num.partitions
		kfake.GroupMinSessionTimeout(100 * time.Millisecond),
		kfake.GroupMaxSessionTimeout(30 * time.Minute),
		kfake.BrokerConfigs(configs),
	}
	if len(o.Users) > 0 {
		opts = append(opts, kfake.EnableSASL(), kfake.EnableACLs())
	}
	for _, u := range o.Users {
		for _, m := range mechanisms {
			if u.Super {
				opts = append(opts, kfake.Superuser(m, u.Name, u.Password))
			} else {
				opts = append(opts, kfake.User(m, u.Name, u.Password))
			}
		}
	}
	if !o.Transient {
		opts = append(opts, kfake.DataDir(dir))
	}
	return opts
}

// fakeBroker gives one kfake cluster the life of a process: it can be killed and started again where it was.
type fakeBroker struct {
	region *Region
	opts   []kfake.Opt

	mu      sync.Mutex
	port    int            // 0 before the first start
	cluster *kfake.Cluster // nil while dead
	ln      *listener
}

func (b *fakeBroker) Start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster != nil {
		return errors.New("starting the broker: it is running")
	}
	for {
		port := b.port
		if port == 0 {
			port = FreePort()
		}
		var ln *listener
		listen := kfake.ListenFn(func(network, addr string) (net.Listener, error) {
			l, err := net.Listen(network, addr)
			if err != nil {
				return nil, err
			}
			ln = &listener{Listener: l, conns: map[net.Conn]struct{}{}}
			return ln, nil
		})
		c, err := kfake.NewCluster(slices.Concat(b.opts, []kfake.Opt{kfake.Ports(port), listen})...)
		if err == nil {
			b.port, b.cluster, b.ln = port, c, ln
			b.region.Fake = c
			b.region.Bootstrap = []string{fmt.Sprintf("127.0.0.1:%d", port)}
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("starting the broker: %w", err)
		}
		// Someone has the port: before the first start another will do, later it must come free.
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting the broker on port %d: %w", port, errors.Join(err, ctx.Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill closes the listener and every connection first, so that no answer leaves after it, and then lets kfake write its state:
// a request that was under way is done or not, and unanswered, as with SIGKILL. A control function of the test that blocks
// also blocks Kill.
func (b *fakeBroker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster == nil {
		return nil
	}
	b.ln.kill()
	b.cluster.Close()
	b.cluster, b.ln = nil, nil
	return nil
}

func (b *fakeBroker) Pause() error  { return ErrNotSupported }
func (b *fakeBroker) Resume() error { return ErrNotSupported }

// listener remembers what it accepted, to cut it all at once.
type listener struct {
	net.Listener
	mu    sync.Mutex
	dead  bool
	conns map[net.Conn]struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		c.Close()
		return nil, net.ErrClosed
	}
	t := &conn{Conn: c, from: l}
	l.conns[t] = struct{}{}
	return t, nil
}

func (l *listener) kill() {
	l.Close()
	l.mu.Lock()
	l.dead = true
	open := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
}

type conn struct {
	net.Conn
	from *listener
}

func (c *conn) Close() error {
	c.from.mu.Lock()
	delete(c.from.conns, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}

// dataDir is where an environment keeps its files, and how to remove them.
func dataDir(dir string) (path string, remove func() error, err error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", nil, fmt.Errorf("creating the directory of the test regions: %w", err)
		}
		return dir, func() error { return nil }, nil
	}
	dir, err = os.MkdirTemp("", "lifeboat-regions-")
	if err != nil {
		return "", nil, fmt.Errorf("creating the directory of the test regions: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
