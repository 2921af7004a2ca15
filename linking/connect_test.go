package linking_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// secretFile writes a secret to a file of its own and returns the reference to it, and a way to rotate it.
func secretFile(t *testing.T, value string) (plans.Secret, func(string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	write := func(v string) { must(t, os.WriteFile(path, []byte(v+"\n"), 0o600)) }
	write(value)
	return plans.NewSecretRef("${file:" + path + "}"), write
}

func literal(t *testing.T, value string) plans.Secret {
	t.Helper()
	s, _ := secretFile(t, value)
	return s
}

// connect opens a region and asks its brokers who they are.
func connect(t *testing.T, kafka plans.Kafka) (*linking.Region, error) {
	t.Helper()
	r, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: kafka}, linking.Options{Timeout: 20 * time.Second})
	if err != nil {
		return nil, err
	}
	t.Cleanup(r.Close)
	_, err = r.Admin.BrokerMetadata(t.Context())
	return r, err
}

func authority(t *testing.T) *testenv.Authority {
	t.Helper()
	a, err := testenv.NewAuthority(t.TempDir())
	must(t, err)
	return a
}

// token is a JWT that nobody has signed. Kafka takes it where it is told to trust everybody.
func token(sub string, issued time.Time, life time.Duration) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]any{"alg": "none"}) + "." + part(map[string]any{"sub": sub, "iat": issued.Unix(), "exp": issued.Add(life).Unix()}) + "."
}

var shop = []testenv.User{{Name: "admin", Password: "right", Super: true}}

// One pair of regions with TLS, client certificates and users takes every login that is right, and says what is wrong of every other.
func TestConnectWithTLSAndLogin(t *testing.T) {
	t.Parallel()
	a, stranger := authority(t), authority(t)
	cert, key, err := a.Issue("client", testenv.Subject{Name: "link"})
	must(t, err)
	badCert, badKey, err := stranger.Issue("client", testenv.Subject{Name: "link"})
	must(t, err)
	oldCert, oldKey, err := a.Issue("old", testenv.Subject{Name: "link", NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)})
	must(t, err)
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		if env.Kind == "containers" {
			t.Skip("TLS is for brokers on this machine")
		}
		tls := func() *plans.TLS { return &plans.TLS{CA: a.File(), Cert: cert, Key: key} }
		sasl := func(mechanism, password string) *plans.SASL {
			return &plans.SASL{Mechanism: mechanism, Username: literal(t, "admin"), Password: literal(t, password)}
		}
		bearer := func(text string) *plans.SASL {
			return &plans.SASL{Mechanism: "OAUTHBEARER", Token: literal(t, text)}
		}
		for _, c := range []struct {
			name  string
			tls   *plans.TLS
			sasl  *plans.SASL
			kafka bool // kfake does not have it
			want  []string
			hint  string
		}{
			{name: "PLAIN", tls: tls(), sasl: sasl("PLAIN", "right")},
			{name: "SCRAM-SHA-256", tls: tls(), sasl: sasl("SCRAM-SHA-256", "right")},
			{name: "SCRAM-SHA-512", tls: tls(), sasl: sasl("SCRAM-SHA-512", "right")},
			{name: "OAUTHBEARER", tls: tls(), sasl: bearer(token("admin", time.Now(), time.Hour)), kafka: true},
			{name: "wrong password", tls: tls(), sasl: sasl("SCRAM-SHA-512", "wrong"), want: []string{`the brokers refuse the login of "admin" by SCRAM-SHA-512`}},
			{name: "wrong password, PLAIN", tls: tls(), sasl: sasl("PLAIN", "wrong"), want: []string{`the brokers refuse the login of "admin" by PLAIN`}},
			{name: "expired token", tls: tls(), sasl: bearer(token("admin", time.Now().Add(-2*time.Hour), time.Hour)), kafka: true, want: []string{"kafka login by OAUTHBEARER", "the token has expired at", "ago"}},
			{name: "token that the broker does not take", tls: tls(), sasl: bearer("opaque"), kafka: true, want: []string{"the brokers refuse the login by OAUTHBEARER", "do not accept the token: invalid_token"}},
			{name: "authority that is not trusted", tls: &plans.TLS{CA: stranger.File(), Cert: cert, Key: key}, sasl: sasl("PLAIN", "right"),
				want: []string{"signed by an authority that is not trusted"}, hint: "regions.east.kafka.tls.ca"},
			{name: "certificate for another name", tls: &plans.TLS{CA: a.File(), Cert: cert, Key: key, ServerName: "broker.east"}, sasl: sasl("PLAIN", "right"),
				want: []string{"its certificate is for another name, for localhost, 127.0.0.1", "broker.east"}, hint: "serverName"},
			{name: "no client certificate", tls: &plans.TLS{CA: a.File()}, sasl: sasl("PLAIN", "right"),
				want: []string{"no client certificate is declared"}, hint: "regions.east.kafka.tls.cert"},
			{name: "client certificate of another authority", tls: &plans.TLS{CA: a.File(), Cert: badCert, Key: badKey}, sasl: sasl("PLAIN", "right"),
				want: []string{"refuses the client certificate"}, hint: badCert},
			{name: "client certificate that has expired", tls: &plans.TLS{CA: a.File(), Cert: oldCert, Key: oldKey}, sasl: sasl("PLAIN", "right"),
				want: []string{"refuses the client certificate"}, hint: oldCert},
			{name: "no TLS", sasl: sasl("PLAIN", "right"), kafka: true, want: []string{"it speaks TLS, and none is declared"}, hint: "write tls: {} in regions.east.kafka"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.kafka && env.Kind == "embedded" {
					t.Skip("kfake has no OAUTHBEARER, and sends no alert")
				}
				begun := time.Now()
				_, err := connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, TLS: c.tls, SASL: c.sasl})
				refused(t, err, c.hint, c.want...)
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		}
	}, each.With(testenv.Options{Users: shop, TLS: &testenv.TLS{Authority: a, ClientAuth: true}}))
}

// refused wants an error that says every text and hints at hint; no texts want no error.
func refused(t *testing.T, err error, hint string, texts ...string) {
	t.Helper()
	if len(texts) == 0 {
		must(t, err)
		return
	}
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
	if strings.Contains(err.Error(), "right") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("error %q holds a password", err)
	}
	if hint == "" {
		return
	}
	wrong, ok := errors.AsType[*linking.TLSError](err)
	if !ok || !strings.Contains(wrong.Hint, hint) {
		t.Errorf("error %#v does not hint at %q", err, hint)
	}
}

// Servers whose certificates are bad, or that have none.
func TestConnectToBadServers(t *testing.T) {
	a := authority(t)
	tls := &plans.TLS{CA: a.File()}
	t.Run("expired", func(t *testing.T) {
		env := each.Embedded(t, each.With(testenv.Options{TLS: &testenv.TLS{Authority: a, Server: testenv.Subject{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}}}))
		_, err := connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, TLS: tls})
		refused(t, err, "renew", "its certificate has expired on "+time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly))
	})
	t.Run("not valid yet", func(t *testing.T) {
		env := each.Embedded(t, each.With(testenv.Options{TLS: &testenv.TLS{Authority: a, Server: testenv.Subject{NotBefore: time.Now().Add(time.Hour)}}}))
		_, err := connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, TLS: tls})
		refused(t, err, "clock", "its certificate is not valid before")
	})
	t.Run("for another host", func(t *testing.T) {
		env := each.Embedded(t, each.With(testenv.Options{TLS: &testenv.TLS{Authority: a, Server: testenv.Subject{DNS: []string{"broker.east"}}}}))
		_, err := connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, TLS: tls})
		refused(t, err, "serverName", "its certificate is for another name, for broker.east")
		_, err = connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, TLS: &plans.TLS{CA: a.File(), ServerName: "broker.east"}})
		must(t, err)
	})
	t.Run("plain", func(t *testing.T) { // kfake waits for more of what it takes for a long request
		_, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: each.Embedded(t).East.Bootstrap, TLS: tls}}, linking.Options{Timeout: time.Second})
		refused(t, err, "TLS listener", "it does not speak TLS there")
	})
	t.Run("plain, Kafka", func(t *testing.T) {
		_, err := connect(t, plans.Kafka{Bootstrap: each.Kafka(t).East.Bootstrap, TLS: tls})
		refused(t, err, "TLS listener", "it does not speak TLS there")
	})
	t.Run("files that are not there", func(t *testing.T) {
		_, err := connect(t, plans.Kafka{Bootstrap: []string{"127.0.0.1:1"}, TLS: &plans.TLS{CA: filepath.Join(t.TempDir(), "no.pem")}})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

// What is rotated is used by the next connection, without a restart: password, client certificate, token.
func TestSecretsAreReadAgain(t *testing.T) {
	t.Parallel()
	t.Run("password", func(t *testing.T) {
		each.Run(t, func(t *testing.T, env *testenv.Env) {
			password, rotate := secretFile(t, "right")
			r, err := connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, SASL: &plans.SASL{Mechanism: "SCRAM-SHA-512", Username: literal(t, "admin"), Password: password}})
			must(t, err)
			changed, err := r.Admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: "admin", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "rotated"}})
			must(t, err)
			must(t, changed.Error())
			rotate("rotated")
			must(t, env.East.Broker.Kill())
			must(t, env.East.Broker.Start(t.Context()))
			answers(t, r)
		}, each.With(testenv.Options{Users: shop}))
	})
	t.Run("client certificate", func(t *testing.T) {
		a, next := authority(t), authority(t)
		cert, key, err := a.Issue("client", testenv.Subject{Name: "link"})
		must(t, err)
		env := each.Embedded(t, each.With(testenv.Options{TLS: &testenv.TLS{Authority: a, ClientAuth: true}}))
		r, err := connect(t, plans.Kafka{Bootstrap: env.East.Bootstrap, TLS: &plans.TLS{CA: a.File(), Cert: cert, Key: key}})
		must(t, err)
		restart := func() {
			must(t, env.East.Broker.Kill())
			must(t, env.East.Broker.Start(t.Context()))
		}
		other, otherKey, err := next.Issue("client", testenv.Subject{Name: "link"})
		must(t, err)
		replace(t, cert, other)
		replace(t, key, otherKey)
		restart()
		for deadline := time.Now().Add(10 * time.Second); ; { // the first errors are of connections that the broker left behind
			err := r.Client.Ping(t.Context())
			if err != nil && strings.Contains(err.Error(), "remote error") {
				break
			}
			if err == nil || time.Now().After(deadline) {
				t.Fatalf("with the certificate of another authority: %v", err)
			}
		}
		_, _, err = a.Issue("client", testenv.Subject{Name: "renewed"}) // to the same files
		must(t, err)
		answers(t, r)
	})
	t.Run("token", func(t *testing.T) {
		env := each.Kafka(t, each.With(testenv.Options{Users: shop, Configs: map[string]string{"listener.name.client.oauthbearer.connections.max.reauth.ms": "4000"}}))
		var given atomic.Int64
		idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			id, secret, _ := req.BasicAuth()
			must(t, req.ParseForm())
			if id != "client" || secret != "right" || req.Form.Get("grant_type") != "client_credentials" || req.Form.Get("scope") != "kafka" {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `{"error": "invalid_client", "error_description": "unknown client"}`)
				return
			}
			given.Add(1)
			fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 1}`, token("admin", time.Now(), 6*time.Second))
		}))
		defer idp.Close()
		secret, rotate := secretFile(t, "wrong")
		kafka := plans.Kafka{Bootstrap: env.East.Bootstrap, SASL: &plans.SASL{Mechanism: "OAUTHBEARER", TokenURL: idp.URL, Username: literal(t, "client"), Password: secret, Scope: "kafka"}}
		_, err := connect(t, kafka)
		refused(t, err, "", "kafka login by OAUTHBEARER: ", "no token from "+idp.URL+": invalid_client unknown client: 401")
		rotate("right")
		r, err := connect(t, kafka)
		must(t, err)
		for deadline := time.Now().Add(30 * time.Second); given.Load() < 2; { // the broker ends sessions, no later than their token expires
			if time.Now().After(deadline) {
				t.Fatalf("%d tokens were asked for", given.Load())
			}
			must(t, r.Client.Ping(t.Context()))
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// answers waits until a region's clients have connected anew.
func answers(t *testing.T, r *linking.Region) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := r.Client.Ping(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func replace(t *testing.T, path, by string) {
	t.Helper()
	b, err := os.ReadFile(by)
	must(t, err)
	must(t, os.WriteFile(path, b, 0o600))
}

// A registry behind TLS and a password: both are read again.
func TestRegistryWithTLSAndLogin(t *testing.T) {
	env := each.Embedded(t)
	password, rotate := secretFile(t, "old")
	var want atomic.Value
	want.Store("old")
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, given, _ := req.BasicAuth(); user != "sr" || given != want.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `[]`)
	}))
	defer front.Close()
	decl := &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}, Registry: &plans.Registry{URL: front.URL, TLS: &plans.TLS{CA: pemOf(t, front)},
		Username: literal(t, "sr"), Password: password}}
	r, err := linking.Open(t.Context(), "east", decl, linking.Options{})
	must(t, err)
	defer r.Close()
	ask := func() error { _, err := r.Registry.Subjects(t.Context()); return err }
	must(t, ask())
	want.Store("new")
	if ask() == nil {
		t.Fatal("the old password is still taken")
	}
	rotate("new")
	must(t, ask())
	resp, err := (&http.Client{Transport: r.RegistryTransport}).Get(front.URL + "/subjects") // as the engine does
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("through the transport: %s", resp.Status)
	}
}

// pemOf writes the certificate that a test server shows to a file.
func pemOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return path
}
