package linking

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// AuthError is a login that a region refused.
type AuthError struct {
	Region, Mechanism string
	Username          string // "" where a token tells it
	Err               error
}

func (e *AuthError) Error() string {
	if e.Username == "" {
		return fmt.Sprintf("%s: the brokers refuse the login by %s: %v", e.Region, e.Mechanism, e.Err)
	}
	return fmt.Sprintf("%s: the brokers refuse the login of %q by %s: %v", e.Region, e.Username, e.Mechanism, e.Err)
}
func (e *AuthError) Unwrap() error { return e.Err }

// ErrTokenExpired is a token that says of itself that it is not valid any more. It is not sent.
var ErrTokenExpired = errors.New("the token has expired")

// login is a declared login to brokers. Its secrets are read again for every authentication, so that what was rotated is used by the next
// connection, and when a broker asks for a new authentication (KIP-368).
type login struct {
	decl    *plans.SASL
	resolve func(plans.Secret) (string, error)
	tokens  *tokenSource // nil: no tokenURL
	now     func() time.Time
}

func newLogin(decl *plans.SASL, o Options) *login {
	l := &login{decl: decl, resolve: func(s plans.Secret) (string, error) { return s.Resolve(o.Getenv, o.ReadFile) }, now: time.Now}
	if decl.TokenURL != "" {
		l.tokens = &tokenSource{decl: decl, resolve: l.resolve, now: l.now}
	}
	return l
}

// pair resolves user name and password.
func (l *login) pair() (user, password string, err error) {
	if user, err = l.resolve(l.decl.Username); err == nil {
		password, err = l.resolve(l.decl.Password)
	}
	return user, password, err
}

// mechanism returns the login for the client library.
func (l *login) mechanism() (sasl.Mechanism, error) {
	scrams := func(context.Context) (scram.Auth, error) {
		user, password, err := l.pair()
		return scram.Auth{User: user, Pass: password}, err
	}
	switch l.decl.Mechanism {
	case "PLAIN":
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			user, password, err := l.pair()
			return plain.Auth{User: user, Pass: password}, err
		}), nil
	case "SCRAM-SHA-256":
		return scram.Sha256(scrams), nil
	case "SCRAM-SHA-512":
		return scram.Sha512(scrams), nil
	case "OAUTHBEARER":
		return tokenMechanism{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := l.token(ctx)
			return oauth.Auth{Token: token, Extensions: l.decl.Extensions}, err
		})}, nil
	case "AWS_MSK_IAM":
		return aws.ManagedStreamingIAM(func(context.Context) (aws.Auth, error) { return l.awsKeys() }), nil
	}
	return nil, fmt.Errorf("SASL mechanism %q is not supported: use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM", l.decl.Mechanism)
}

// try resolves the secrets once, so that one that is missing is told before anything is contacted, and returns who logs in.
func (l *login) try() (username string, err error) {
	switch {
	case l.decl.Mechanism == "AWS_MSK_IAM":
		keys, err := l.awsKeys()
		return keys.AccessKey, err
	case l.decl.Mechanism == "OAUTHBEARER" && l.tokens == nil:
		token, err := l.resolve(l.decl.Token)
		if claims, ok := claimsOf(token); ok {
			username = claims.Subject
		}
		return username, err
	}
	username, _, err = l.pair()
	return username, err
}

// token returns the token for one authentication.
func (l *login) token(ctx context.Context) (string, error) {
	if l.tokens != nil {
		return l.tokens.token(ctx)
	}
	token, err := l.resolve(l.decl.Token)
	token = strings.TrimSpace(token)
	if claims, ok := claimsOf(token); err == nil && ok && claims.Expires > 0 {
		if at := time.Unix(int64(claims.Expires), 0); !l.now().Before(at) {
			return "", fmt.Errorf("%w at %s, %s ago", ErrTokenExpired, at.UTC().Format(time.DateTime), rounded(l.now().Sub(at)))
		}
	}
	return token, err
}

// awsKeys are those that are declared, or those of the environment under the names that every AWS tool reads.
func (l *login) awsKeys() (aws.Auth, error) {
	names := []plans.Secret{l.decl.Username, l.decl.Password, l.decl.Token}
	if l.decl.Username.IsZero() {
		names = []plans.Secret{plans.NewSecretRef("${env:AWS_ACCESS_KEY_ID}"), plans.NewSecretRef("${env:AWS_SECRET_ACCESS_KEY}"), plans.NewSecretRef("${env:AWS_SESSION_TOKEN}")}
	}
	var keys [3]string
	for i, s := range names {
		v, err := l.resolve(s)
		if err != nil && (i < 2 || !l.decl.Username.IsZero()) { // only keys that are temporary have a session token
			return aws.Auth{}, err
		}
		keys[i] = v
	}
	return aws.Auth{AccessKey: keys[0], SecretKey: keys[1], SessionToken: keys[2], UserAgent: "lifeboat"}, nil
}

// claims are what is read of a token (RFC 7519). Who may trust them is the broker's to say.
type claims struct {
	Subject string  `json:"sub"`
	Expires float64 `json:"exp"` // seconds since the epoch
}

// claimsOf reads a token that is a JWT; others are opaque.
func claimsOf(token string) (c claims, ok bool) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return c, false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	return c, err == nil && json.Unmarshal(text, &c) == nil
}

// tokenMechanism is OAUTHBEARER with an error that says why a broker refuses a token: it tells in a challenge (RFC 7628 §3.2.2).
type tokenMechanism struct{ sasl.Mechanism }

func (m tokenMechanism) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	s, first, err := m.Mechanism.Authenticate(ctx, host)
	return tokenSession{s}, first, err
}

type tokenSession struct{ sasl.Session }

func (s tokenSession) Challenge(answer []byte) (bool, []byte, error) {
	if len(answer) > 0 {
		return false, nil, refusedToken(answer)
	}
	return s.Session.Challenge(answer)
}

// tokenRefusedError is what a broker says of a token.
type tokenRefusedError struct{ status string }

func (e *tokenRefusedError) Error() string { return "the brokers do not accept the token: " + e.status }

// refusedToken reads a broker's answer.
func refusedToken(answer []byte) error {
	var said struct {
		Status string `json:"status"`
		Scope  string `json:"scope"`
	}
	if err := json.Unmarshal(bytes.TrimRight(answer, "\x00\x01"), &said); err != nil || said.Status == "" {
		return &tokenRefusedError{fmt.Sprintf("%.200q", answer)}
	}
	if said.Scope != "" {
		said.Status += ", scope wanted: " + said.Scope
	}
	return &tokenRefusedError{fmt.Sprintf("%.200s", said.Status)}
}
