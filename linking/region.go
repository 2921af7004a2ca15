// Package linking mirrors one region into another from outside the brokers: topics with the same offsets, timestamps and headers,
// consumer group offsets, and schemas with the same ids. A mirrored partition's own log end is its resume position, so position and
// data cannot disagree.
//
// Which topics belong to a link is declared in package plans; when mirrors are promoted is package dr's to say. Record batches as bytes
// are package batch's, reading them is package fetch's.
package linking

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
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
}

// Options say how regions are opened and links run. The zero value is good for a command.
type Options struct {
	Log      *slog.Logger
	Timeout  time.Duration // for the first contact; default 10 s
	Getenv   func(string) (string, bool)
	ReadFile func(string) ([]byte, error)
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

// AuthError is a login that a region refused.
type AuthError struct {
	Region, Mechanism, Username string
	Err                         error
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("%s: the brokers refuse the login of %q by %s: %v", e.Region, e.Username, e.Mechanism, e.Err)
}
func (e *AuthError) Unwrap() error { return e.Err }

// metadataAge is how old an answer about topics and leaders may be: another process, or another client, may have created a topic just now.
const metadataAge = 10 * time.Millisecond

// Open makes a region's clients and contacts its cluster once. Errors: *UnreachableError, *AuthError, *plans.MissingSecretError.
func Open(ctx context.Context, name string, decl *plans.Region, o Options) (*Region, error) {
	o.fill()
	opts := []kgo.Opt{
		kgo.SeedBrokers(decl.Kafka.Bootstrap...),
		kgo.ClientID("lifeboat"),
		kgo.WithLogger(kafkaLog(o.Log, name)),
		kgo.MetadataMinAge(metadataAge),
		kgo.DialTimeout(min(o.Timeout, 5*time.Second)),
		kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(tries int) time.Duration { return min(50*time.Millisecond<<min(tries, 10), retryEvery) }),
	}
	login := [2]string{}
	var mechanism string
	if s := decl.Kafka.SASL; s != nil {
		for i, secret := range []plans.Secret{s.Username, s.Password} {
			v, err := secret.Resolve(o.Getenv, o.ReadFile)
			if err != nil {
				return nil, fmt.Errorf("%s: kafka login: %w", name, err)
			}
			login[i] = v
		}
		mechanism = s.Mechanism
		m, err := mechanismOf(mechanism, login[0], login[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		opts = append(opts, kgo.SASL(m))
	}
	if t := decl.Kafka.TLS; t != nil {
		config, err := tlsConfig(t, o.ReadFile)
		if err != nil {
			return nil, fmt.Errorf("%s: tls: %w", name, err)
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: kafka client: %w", name, err)
	}
	r := &Region{Name: name, Addresses: decl.Kafka.Bootstrap, Client: cl, Admin: kadm.NewClient(cl)}
	begun := time.Now()
	first, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := cl.Ping(first); err != nil {
		cl.Close()
		var mistrust x509.UnknownAuthorityError
		switch {
		case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism),
			mechanism != "" && errors.Is(err, io.EOF): // how brokers before Kafka 1.0 refuse a login, and some proxies do
			return nil, &AuthError{name, mechanism, login[0], err}
		case errors.As(err, &mistrust):
			return nil, fmt.Errorf("%s: tls: %w", name, err)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		return nil, &UnreachableError{name, decl.Kafka.Bootstrap, time.Since(begun), err}
	}
	if decl.Registry != nil {
		if r.Registry, err = openRegistry(decl.Registry, o); err != nil {
			cl.Close()
			return nil, fmt.Errorf("%s: registry: %w", name, err)
		}
	}
	return r, nil
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

func mechanismOf(name, user, password string) (sasl.Mechanism, error) {
	switch name {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("SASL mechanism %q is not supported yet: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", name)
}

func tlsConfig(t *plans.TLS, readFile func(string) ([]byte, error)) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := readFile(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert != "" {
		cert, err := readFile(t.Cert)
		if err != nil {
			return nil, err
		}
		key, err := readFile(t.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func openRegistry(decl *plans.Registry, o Options) (*sr.Client, error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second}}
	opts := []sr.ClientOpt{sr.URLs(strings.TrimRight(decl.URL, "/")), sr.HTTPClient(client)}
	login := [2]string{}
	for i, s := range []plans.Secret{decl.Username, decl.Password} {
		if s == (plans.Secret{}) {
			continue
		}
		v, err := s.Resolve(o.Getenv, o.ReadFile)
		if err != nil {
			return nil, err
		}
		login[i] = v
	}
	if login[0] != "" {
		opts = append(opts, sr.BasicAuth(login[0], login[1]))
	}
	return sr.NewClient(opts...)
}
