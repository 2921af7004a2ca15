// Package linking mirrors one region into another from outside the brokers: topics with the same offsets, timestamps and headers,
// consumer group offsets, and schemas with the same ids. A mirrored partition's own log end is its resume position, so position and
// data cannot disagree. Where the source's offsets can not be had and the topology allows it, a partition is translated: it has the destination's
// own, and a map that is written ahead of its records.
//
// Which topics belong to a link is declared in package plans; when mirrors are promoted is package dr's to say. Record batches as bytes
// are package batch's, reading them is package fetch's.
package linking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/plugin/kslog"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Region is one region's clients.
type Region struct {
	Name      string
	Addresses []string // bootstrap, as declared
	Client    *kgo.Client
	Admin     *kadm.Client
	Registry  *sr.Client // nil: none declared
	// RegistryTransport is how other clients reach the registry: with its TLS and its login, both read again as they change.
	RegistryTransport http.RoundTripper

	rack  string      // of this process, as the cluster calls it; "": none
	names plans.Names // of a link's source: what the link calls its topics
}

// Options say how regions are opened and links run. The zero value is good for a command.
type Options struct {
	Log      *slog.Logger
	Timeout  time.Duration // for the first contact; default 10 s
	Getenv   func(string) (string, bool)
	ReadFile func(string) ([]byte, error)
	Hooks    func(region string) []kgo.Hook // of every client of a region
	Fence    *plans.Fence                   // of a link's source: what it denies is not copied
	Dial     Dial                           // to brokers and registries; nil: over TCP

	DeletedAfter time.Duration // a topic must be gone from the source before its deletion is followed; default a minute
}

// Dial opens a connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// within is d with a bound on how long a connection may take.
func (d Dial) within(timeout time.Duration) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return d(ctx, network, address)
	}
}

// noting is d that keeps its last error in at.
func (d Dial) noting(at *atomic.Pointer[error]) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d(ctx, network, address)
		if err != nil {
			at.Store(&err)
		}
		return c, err
	}
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
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
}

// retryEvery is how often a region that does not answer is asked again: often, because a failover waits for the answer.
const retryEvery = 500 * time.Millisecond

// UnreachableError is a region of which no broker answered.
type UnreachableError struct {
	Region    string
	Addresses []string
	Tried     time.Duration
	Err       error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: no broker answers at %s, tried for %s: %v", e.Region, strings.Join(e.Addresses, ", "), rounded(e.Tried), e.Err)
}
func (e *UnreachableError) Unwrap() error { return e.Err }

// rounded keeps of a duration what a reader needs: 3ms, 1.2s.
func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return max(d.Round(time.Millisecond), time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// metadataAge is how old an answer about topics and leaders may be: another process, or another client, may have created a topic just now.
const metadataAge = 10 * time.Millisecond

// Open makes a region's clients and contacts its cluster once. Errors: *UnreachableError, *AuthError, *plans.MissingSecretError.
func Open(ctx context.Context, name string, decl *plans.Region, o Options) (*Region, error) {
	o.fill()
	dialTimeout := min(o.Timeout/2, 5*time.Second) // so that one that got no answer can be told of
	opts := []kgo.Opt{
		kgo.SeedBrokers(decl.Kafka.Bootstrap...),
		kgo.ClientID("lifeboat"),
		kgo.WithLogger(kafkaLog(o.Log, name)),
		kgo.MetadataMinAge(metadataAge),
		kgo.ProducerLinger(0),
		kgo.DisableClientMetrics(), // KIP-714: a last push from each of many short-lived clients; a link's figures are at its /metrics
		kgo.RetryBackoffFn(func(tries int) time.Duration { return min(50*time.Millisecond<<min(tries, 10), retryEvery) }),
	}
	if o.Hooks != nil {
		opts = append(opts, kgo.WithHooks(o.Hooks(name)...))
	}
	var mechanism, username string
	if decl.Kafka.SASL != nil {
		login := newLogin(decl.Kafka.SASL, o)
		mechanism = decl.Kafka.SASL.Mechanism
		m, err := login.mechanism()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if username, err = login.try(); err != nil {
			return nil, fmt.Errorf("%s: kafka login: %w", name, err)
		}
		opts = append(opts, kgo.SASL(m))
	}
	dial := o.Dial.within(dialTimeout)
	if decl.Kafka.TLS != nil {
		files := tlsFiles{decl.Kafka.TLS, o.ReadFile, o.Dial}
		if _, err := files.config(""); err != nil {
			return nil, fmt.Errorf("%s: tls: %w", name, err)
		}
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return files.dial(ctx, dialTimeout, network, address)
		}
	}
	var refused atomic.Pointer[error] // why a connection could not be had, the last time
	opts = append(opts, kgo.Dialer(dial.noting(&refused)))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: kafka client: %w", name, err)
	}
	r := &Region{Name: name, Addresses: decl.Kafka.Bootstrap, Client: cl, Admin: kadm.NewClient(cl), rack: decl.Kafka.Rack}
	begun := time.Now()
	first, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := cl.Ping(first); err != nil {
		cl.Close()
		if told := refused.Load(); told != nil && errors.Is(err, context.DeadlineExceeded) { // the client ends with its context, and says no more
			err = fmt.Errorf("%w: %w", err, *told)
		}
		return nil, r.explain(ctx, decl, err, mechanism, username, time.Since(begun))
	}
	if decl.Registry != nil {
		if r.Registry, r.RegistryTransport, err = openRegistry(decl.Registry, o); err != nil {
			cl.Close()
			return nil, fmt.Errorf("%s: registry: %w", name, err)
		}
	}
	return r, nil
}

// explain says what a first contact that went wrong means.
func (r *Region) explain(ctx context.Context, decl *plans.Region, err error, mechanism, username string, tried time.Duration) error {
	_, noToken := errors.AsType[*TokenError](err)
	_, badToken := errors.AsType[*tokenRefusedError](err)
	if wrong := tlsError(r.Name, strings.Join(r.Addresses, ", "), "regions."+r.Name+".kafka", decl.Kafka.TLS, err); wrong != nil {
		return wrong
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case noToken, errors.Is(err, ErrTokenExpired):
		return fmt.Errorf("%s: kafka login by %s: %w", r.Name, mechanism, err)
	case badToken, errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState),
		mechanism != "" && errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "is TLS missing?"): // how brokers before Kafka 1.0 refuse a login, and some proxies do
		return &AuthError{r.Name, mechanism, username, err}
	}
	return &UnreachableError{r.Name, r.Addresses, tried, err}
}

// kafkaLog is where the client library's own log goes: nowhere, unless somebody reads details. What it warns of, a broker that does
// not answer above all, comes back as an error of the call concerned.
func kafkaLog(log *slog.Logger, region string) kgo.Logger {
	if !log.Enabled(context.Background(), slog.LevelInfo) {
		log = slog.New(slog.DiscardHandler)
	}
	return kslog.New(log.With("region", region))
}

// Close lets the clients go.
func (r *Region) Close() { r.Client.Close() }
