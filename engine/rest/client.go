package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
)

const (
	// tries is how often a GET is sent on 429 and 5xx. Nothing else is ever sent twice: a POST may have been carried out.
	tries = 5
	// conflicts is how often a change is made again on a statement that someone else changed in between.
	conflicts = 5
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 32 << 20
)

// Client is an engine.Backend behind the statements API.
type Client struct {
	base           string // …/statements
	user, password string
	http           *http.Client
	pause          time.Duration // before the second try; doubled after it
}

var (
	_ engine.Backend     = (*Client)(nil)
	_ engine.Exceptioner = (*Client)(nil)
)

// NewClient returns the backend at a base address ("http://engine.east:8088", or a Flink endpoint of Confluent Cloud). User and
// password are an API key and its secret; both empty: none are sent. hc nil: a client with a timeout of 30 s a request.
func NewClient(baseURL, org, env, user, password string, hc *http.Client) *Client {
	if hc == nil {
		hc = &http.Client{Timeout: 30 * time.Second}
	}
	return &Client{
		base: fmt.Sprintf("%s/sql/v1/organizations/%s/environments/%s/statements",
			strings.TrimRight(baseURL, "/"), url.PathEscape(org), url.PathEscape(env)),
		user: user, password: password, http: hc, pause: 100 * time.Millisecond,
	}
}

// Create implements engine.Backend. A backend that validates later, as Confluent Cloud does, answers PENDING for a statement
// that it will refuse: then Get shows FAILED and why.
func (c *Client) Create(ctx context.Context, s engine.Spec) (engine.Statement, error) {
	in := statement{Name: s.Name, Metadata: metadata{Labels: s.Labels}, Spec: spec{Statement: s.SQL, Properties: s.Properties, Stopped: s.Stopped}}
	var out statement
	if err := c.call(ctx, http.MethodPost, c.base, in, &out); err != nil {
		return engine.Statement{}, fmt.Errorf("statement %q: %w", s.Name, err)
	}
	return fromWire(out), nil
}

// Get implements engine.Backend.
func (c *Client) Get(ctx context.Context, name string) (engine.Statement, error) {
	var out statement
	if err := c.call(ctx, http.MethodGet, c.url(name), nil, &out); err != nil {
		return engine.Statement{}, fmt.Errorf("statement %q: %w", name, err)
	}
	return fromWire(out), nil
}

// List implements engine.Backend: it follows every page.
func (c *Client) List(ctx context.Context) ([]engine.Statement, error) {
	all := []engine.Statement{}
	for next := listURL(c.base); next != ""; {
		var page statementList
		if err := c.call(ctx, http.MethodGet, next, nil, &page); err != nil {
			return nil, fmt.Errorf("listing statements: %w", err)
		}
		for _, s := range page.Data {
			all = append(all, fromWire(s))
		}
		// The address of the next page is followed as it stands, but never with the password to another host, and never in a circle.
		if page.Metadata.Next == next || page.Metadata.Next != "" && !sameHost(page.Metadata.Next, c.base) {
			return nil, fmt.Errorf("listing statements: the page %s names %s as the next", next, page.Metadata.Next)
		}
		next = page.Metadata.Next
	}
	slices.SortFunc(all, func(a, b engine.Statement) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Stop implements engine.Backend.
func (c *Client) Stop(ctx context.Context, name string) error { return c.setStopped(ctx, name, true) }

// Resume implements engine.Backend.
func (c *Client) Resume(ctx context.Context, name string) error {
	return c.setStopped(ctx, name, false)
}

// setStopped reads the statement, changes one member and puts the whole back, members unknown here included.
func (c *Client) setStopped(ctx context.Context, name string, stopped bool) error {
	var err error
	for range conflicts {
		var whole map[string]any
		if err = c.call(ctx, http.MethodGet, c.url(name), nil, &whole); err != nil {
			break
		}
		s, ok := whole["spec"].(map[string]any)
		if !ok {
			return fmt.Errorf("statement %q: the answer has no spec", name)
		}
		s["stopped"] = stopped
		err = c.call(ctx, http.MethodPut, c.url(name), whole, nil)
		if se := (*StatusError)(nil); !errors.As(err, &se) || se.Status != http.StatusConflict {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("statement %q: %w", name, err)
	}
	return nil
}

// Delete implements engine.Backend.
func (c *Client) Delete(ctx context.Context, name string) error {
	if err := c.call(ctx, http.MethodDelete, c.url(name), nil, nil); err != nil {
		return fmt.Errorf("statement %q: %w", name, err)
	}
	return nil
}

// Progress implements engine.Backend. Without lifeboat's own route it is what status.latest_offsets tells: no watermark, no counts.
func (c *Client) Progress(ctx context.Context, name string) (engine.Progress, error) {
	var own progress
	err := c.call(ctx, http.MethodGet, c.url(name)+"/progress", nil, &own)
	if err == nil {
		return progressFromWire(own)
	}
	if se := (*StatusError)(nil); !errors.As(err, &se) || se.Status != http.StatusNotFound {
		return engine.Progress{}, fmt.Errorf("statement %q: %w", name, err)
	}
	st, err := c.Get(ctx, name)
	if err != nil {
		return engine.Progress{}, err
	}
	p := engine.Progress{Watermark: math.MinInt64, Offsets: map[string]map[int32]int64{}}
	for topic, text := range st.Offsets {
		if p.Offsets[topic], err = engine.ParseOffsets(text); err != nil {
			return engine.Progress{}, fmt.Errorf("statement %q: latest_offsets of topic %q: %w", name, topic, err)
		}
	}
	return p, nil
}

// Exceptions implements engine.Exceptioner.
func (c *Client) Exceptions(ctx context.Context, name string) ([]engine.Exception, error) {
	var list exceptionList
	if err := c.call(ctx, http.MethodGet, c.url(name)+"/exceptions", nil, &list); err != nil {
		return nil, fmt.Errorf("statement %q: %w", name, err)
	}
	out := make([]engine.Exception, 0, len(list.Data))
	for _, e := range list.Data {
		out = append(out, engine.Exception{Name: e.Name, Message: e.Message, At: e.Timestamp})
	}
	return out, nil
}

func sameHost(a, b string) bool {
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	return errA == nil && errB == nil && ua.Scheme == ub.Scheme && ua.Host == ub.Host
}

func (c *Client) url(name string) string { return c.base + "/" + url.PathEscape(name) }

// call sends one request, a GET again where that is allowed, and decodes a successful answer into out.
func (c *Client) call(ctx context.Context, method, address string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	pause := c.pause
	for try := 1; ; try++ {
		after, err := c.send(ctx, method, address, body, out)
		if err == nil || after < 0 || method != http.MethodGet || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(max(pause, after)):
		}
		pause *= 2
	}
}

// send sends once. after is how long the server wants to be left alone, and negative where another try would not help.
func (c *Client) send(ctx context.Context, method, address string, body []byte, out any) (after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if c.user != "" {
		req.SetBasicAuth(c.user, c.password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("%s %s: reading the answer: %w", method, req.URL.Path, err)
	}
	if resp.StatusCode >= 300 {
		err := readError(req, resp, answer)
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
			seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
			return time.Duration(seconds) * time.Second, err
		}
		return -1, err
	}
	if out == nil {
		return 0, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return -1, fmt.Errorf("%s %s: the answer is not what the API says: %w", method, req.URL.Path, err)
	}
	return 0, nil
}
