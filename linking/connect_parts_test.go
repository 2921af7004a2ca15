package linking

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// environment is a process environment for a login.
func environment(values map[string]string) Options {
	o := Options{Getenv: func(name string) (string, bool) { v, ok := values[name]; return v, ok }}
	o.fill()
	return o
}

func TestAWSLogin(t *testing.T) {
	declared := &plans.SASL{Mechanism: "AWS_MSK_IAM", Username: plans.NewSecretRef("${env:ID}"), Password: plans.NewSecretRef("${env:SECRET}")}
	for _, c := range []struct {
		name    string
		decl    *plans.SASL
		env     map[string]string
		want    string // access key id that is sent
		session bool
		missing string
	}{
		{"declared", declared, map[string]string{"ID": "AKIA1", "SECRET": "s", "AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "x"}, "AKIA1", false, ""},
		{"declared and missing", declared, map[string]string{"ID": "AKIA1"}, "", false, "${env:SECRET}"},
		{"from the environment", &plans.SASL{Mechanism: "AWS_MSK_IAM"}, map[string]string{"AWS_ACCESS_KEY_ID": "AKIA2", "AWS_SECRET_ACCESS_KEY": "x"}, "AKIA2", false, ""},
		{"temporary", &plans.SASL{Mechanism: "AWS_MSK_IAM"}, map[string]string{"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "t"}, "ASIA", true, ""},
		{"nowhere", &plans.SASL{Mechanism: "AWS_MSK_IAM"}, nil, "", false, "${env:AWS_ACCESS_KEY_ID}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLogin(c.decl, environment(c.env))
			m, err := l.mechanism()
			if err != nil {
				t.Fatal(err)
			}
			_, first, err := m.Authenticate(t.Context(), "b-1.shop.kafka.eu-west-1.amazonaws.com:9098")
			if c.missing != "" {
				if missing, ok := errors.AsType[*plans.MissingSecretError](err); !ok || missing.Ref != c.missing {
					t.Fatalf("error %v, want %s missing", err, c.missing)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var sent map[string]string
			if err := json.Unmarshal(first, &sent); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, sent["x-amz-credential"][:len(c.want)]); diff != "" {
				t.Error(diff)
			}
			if _, ok := sent["x-amz-security-token"]; ok != c.session {
				t.Errorf("session token sent: %t", ok)
			}
		})
	}
}

func TestUnknownMechanismIsRefusedByName(t *testing.T) {
	if _, err := newLogin(&plans.SASL{Mechanism: "GSSAPI"}, environment(nil)).mechanism(); err == nil {
		t.Error("no error")
	}
}

func TestTokenIsReadForEveryLogin(t *testing.T) {
	values := map[string]string{"T": "first"}
	l := newLogin(&plans.SASL{Mechanism: "OAUTHBEARER", Token: plans.NewSecretRef("${env:T}")}, environment(values))
	for _, want := range []string{"first", "second"} {
		values["T"] = want
		got, err := l.token(t.Context())
		if err != nil || got != want {
			t.Errorf("token %q, error %v, want %q", got, err, want)
		}
	}
	// {"alg":"none"} . {"exp":1000}
	values["T"] = "eyJhbGciOiJub25lIn0.eyJleHAiOjEwMDB9."
	for at, expired := range map[int64]bool{999: false, 1000: true, 5000: true} {
		l.now = func() time.Time { return time.Unix(at, 0) }
		if _, err := l.token(t.Context()); errors.Is(err, ErrTokenExpired) != expired {
			t.Errorf("at %d: %v", at, err)
		}
	}
	delete(values, "T")
	if _, err := l.token(t.Context()); err == nil {
		t.Error("a token that is gone is no error")
	}
}

// What a broker says of a token is a server's text: it is shown, in bounds.
func FuzzRefusedToken(f *testing.F) {
	for _, seed := range []string{`{"status":"invalid_token"}`, `{"status":"insufficient_scope","scope":"kafka"}`, "\x01", "", "no json"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if text := refusedToken(answer).Error(); len(text) > 2000 {
			t.Fatalf("%d bytes of error", len(text))
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.eyJleHAiOjEwMDB9.")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		c, ok := claimsOf(token)
		if !ok {
			return
		}
		text, err := json.Marshal(map[string]any{"sub": c.Subject, "exp": c.Expires})
		if err != nil {
			t.Fatal(err)
		}
		again, ok := claimsOf("x." + base64.RawURLEncoding.EncodeToString(text) + ".y")
		if diff := cmp.Diff(c, again); !ok || diff != "" {
			t.Fatalf("written anew (%t):\n%s", ok, diff)
		}
	})
}
