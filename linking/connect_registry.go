package linking

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// openRegistry returns a client of a region's registry, and its transport. Its login and certificates are read again as those of brokers are.
func openRegistry(decl *plans.Registry, o Options) (*sr.Client, http.RoundTripper, error) {
	transport := &http.Transport{DialContext: o.Dial.within(registryDial), MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second}
	if decl.TLS != nil {
		files := tlsFiles{decl.TLS, o.ReadFile, o.Dial}
		if _, err := files.config(""); err != nil {
			return nil, nil, err
		}
		transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			return files.dial(ctx, registryDial, network, address)
		}
	}
	auth := &registryLogin{next: transport, decl: decl, resolve: func(s plans.Secret) (string, error) { return s.Resolve(o.Getenv, o.ReadFile) }}
	if _, _, err := auth.pair(); err != nil {
		return nil, nil, err
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: auth}
	registry, err := sr.NewClient(sr.URLs(strings.TrimRight(decl.URL, "/")), sr.HTTPClient(client))
	return registry, auth, err
}

const registryDial = 5 * time.Second

// registryLogin adds the login to every request.
type registryLogin struct {
	next    http.RoundTripper
	decl    *plans.Registry
	resolve func(plans.Secret) (string, error)
}

func (l *registryLogin) pair() (user, password string, err error) {
	if user, err = l.resolve(l.decl.Username); err == nil {
		password, err = l.resolve(l.decl.Password)
	}
	return user, password, err
}

// RoundTrip implements http.RoundTripper.
func (l *registryLogin) RoundTrip(req *http.Request) (*http.Response, error) {
	user, password, err := l.pair()
	if err != nil {
		return nil, err
	}
	if user != "" {
		req = req.Clone(req.Context())
		req.SetBasicAuth(user, password)
	}
	return l.next.RoundTrip(req)
}
