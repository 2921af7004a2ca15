package linking

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// tokenSource gets tokens with client credentials (RFC 6749 §4.4) and keeps one until most of its life is over. Client id and secret are
// read again for every token.
type tokenSource struct {
	decl    *plans.SASL
	resolve func(plans.Secret) (string, error)
	now     func() time.Time

	mu    sync.Mutex
	kept  string
	until time.Time
}

// TokenError is an identity provider that gives no token.
type TokenError struct {
	URL    string
	Status int // of its answer; 0 where there was none
	Err    error
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("no token from %s: %v", e.URL, e.Err)
}
func (e *TokenError) Unwrap() error { return e.Err }

const (
	tokenTimeout  = 10 * time.Second
	tokenMaxBytes = 1 << 20
	tokenLife     = 5 * time.Minute // where an answer does not tell
)

var tokenClient = &http.Client{Timeout: tokenTimeout}

// token returns a token that is valid for some time yet.
func (s *tokenSource) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != "" && s.now().Before(s.until) {
		return s.kept, nil
	}
	id, err := s.resolve(s.decl.Username)
	if err != nil {
		return "", err
	}
	secret, err := s.resolve(s.decl.Password)
	if err != nil {
		return "", err
	}
	token, life, err := s.ask(ctx, id, secret)
	if err != nil {
		return "", err
	}
	s.kept, s.until = token, s.now().Add(life*8/10)
	return token, nil
}

func (s *tokenSource) ask(ctx context.Context, id, secret string) (token string, life time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.decl.Scope != "" {
		form.Set("scope", s.decl.Scope)
	}
	refuse := func(status int, err error) (string, time.Duration, error) {
		return "", 0, &TokenError{s.decl.TokenURL, status, err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.decl.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return refuse(0, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) // RFC 6749 §2.3.1
	resp, err := tokenClient.Do(req)
	if err != nil {
		return refuse(0, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, tokenMaxBytes))
	if err != nil {
		return refuse(resp.StatusCode, err)
	}
	var answer struct {
		Token       string  `json:"access_token"`
		Life        float64 `json:"expires_in"` // seconds
		Error       string  `json:"error"`
		Description string  `json:"error_description"`
	}
	err = json.Unmarshal(body, &answer)
	switch {
	case resp.StatusCode != http.StatusOK && answer.Error != "":
		return refuse(resp.StatusCode, fmt.Errorf("%s: %.200s", strings.TrimSpace(fmt.Sprintf("%.60s %.200s", answer.Error, answer.Description)), resp.Status))
	case resp.StatusCode != http.StatusOK:
		return refuse(resp.StatusCode, fmt.Errorf("it answers %.200s", resp.Status))
	case err != nil:
		return refuse(resp.StatusCode, fmt.Errorf("its answer is no JSON: %w", err))
	case answer.Token == "":
		return refuse(resp.StatusCode, fmt.Errorf("its answer has no access_token"))
	}
	life = time.Duration(min(answer.Life, 86400) * float64(time.Second))
	if life <= 0 {
		life = tokenLife
	}
	return answer.Token, life, nil
}
