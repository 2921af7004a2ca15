package dr

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Notification is the JSON body that a webhook gets.
type Notification struct {
	Event    string    `json:"event"` // plans.NotifyResult …
	Topology string    `json:"topology"`
	At       time.Time `json:"at"`
	Result
}

// Headers of a webhook's request. The signature is "sha256=" and the hexadecimal HMAC with SHA-256 of the body, where the webhook has a secret.
const (
	EventHeader     = "X-Lifeboat-Event"
	SignatureHeader = "X-Lifeboat-Signature"
)

// How a webhook is tried: some times, with twice the wait each time; what waits behind it is bounded.
const (
	hookTries   = 5
	hookWait    = time.Second
	hookTimeout = 10 * time.Second
	hookQueue   = 100
)

// webhook calls one URL, in the order of the events.
type webhook struct {
	decl   *plans.Notify
	key    string
	client *http.Client
	log    *slog.Logger
	queue  chan Notification

	delivered, lost atomic.Int64
}

func newWebhook(n *plans.Notify, key string, transport http.RoundTripper, log *slog.Logger) *webhook {
	return &webhook{decl: n, key: key, log: log, queue: make(chan Notification, hookQueue),
		client: &http.Client{Transport: transport, Timeout: hookTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// tell hands an event to the webhooks that want to hear of it.
func (s *Server) tell(event string, r Result) {
	n := Notification{Event: event, Topology: s.declared.Topology.Name, At: s.o.Now().UTC(), Result: r}
	for _, h := range s.hooks {
		if !h.decl.Hears(event) {
			continue
		}
		select {
		case h.queue <- n:
		default:
			h.lost.Add(1)
			h.log.Error("a notification is dropped: too many wait for the webhook", slog.String("event", event), slog.String("job", r.Job))
		}
	}
}

// serve delivers until the queue is closed and empty. When ctx ends what is left is tried no more.
func (h *webhook) serve(ctx context.Context) {
	for n := range h.queue {
		if err := h.deliver(ctx, n); err != nil {
			h.lost.Add(1)
			h.log.Error("a webhook did not take a notification", slog.String("event", n.Event), slog.String("job", n.Job), slog.Any("error", err))
			continue
		}
		h.delivered.Add(1)
	}
}

func (h *webhook) deliver(ctx context.Context, n Notification) error {
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	wait := hookWait
	for try := 1; ; try++ {
		again, err := h.post(ctx, n.Event, body)
		if err == nil || !again || try == hookTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// withoutURL is what an HTTP client's error says but for the URL: *url.Error shows all of it.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// post says whether another try could help. Errors do not show the URL, which may be a secret itself.
func (h *webhook) post(ctx context.Context, event string, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.decl.URL, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("calling the webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(EventHeader, event)
	if h.key != "" {
		mac := hmac.New(sha256.New, []byte(h.key))
		mac.Write(body)
		req.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return true, fmt.Errorf("calling the webhook at %s: %w", req.URL.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	again = resp.StatusCode/100 == 5 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
	return again, fmt.Errorf("calling the webhook at %s: it answered %s", req.URL.Host, resp.Status)
}
