package rest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/engine"
)

func serve(t *testing.T, h http.Handler) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c := NewClient(srv.URL+"/", "o", "e", "", "", srv.Client())
	c.pause = time.Microsecond
	return c
}

func TestRoundTrip(t *testing.T) {
	m := newMemory()
	c := serve(t, NewServer(m, Options{}))
	spec := engine.Spec{Name: "a", SQL: "INSERT", Properties: map[string]string{"p": "1"}, Labels: map[string]string{"l": "2"}}
	created, err := c.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := m.Get(t.Context(), "a")
	if diff := cmp.Diff(want, created); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Create(t.Context(), spec); !errors.Is(err, engine.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	if err := c.Stop(t.Context(), "a"); err != nil || m.statements["a"].Phase != engine.Stopped {
		t.Errorf("stop: %v, phase %s", err, m.statements["a"].Phase)
	}
	if err := c.Resume(t.Context(), "a"); err != nil || m.statements["a"].Phase != engine.Running {
		t.Errorf("resume: %v, phase %s", err, m.statements["a"].Phase)
	}
	m.exceptions["a"] = []engine.Exception{{Name: "BadRecord", Message: "m", At: time.Unix(1, 0).UTC()}}
	if got, err := c.Exceptions(t.Context(), "a"); err != nil || cmp.Diff(m.exceptions["a"], got) != "" {
		t.Errorf("exceptions %v, %v", got, err)
	}
	if err := c.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := c.Delete(t.Context(), "a"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestListFollowsPages(t *testing.T) {
	m := newMemory()
	c := serve(t, NewServer(m, Options{}))
	for i := range 2*maxPageSize + 1 {
		if _, err := m.Create(t.Context(), engine.Spec{Name: fmt.Sprintf("s-%03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, _ := m.List(t.Context())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestListDoesNotCarryThePasswordElsewhere(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"metadata":{"next":"http://127.0.0.1:1/x?page_token=1"},"data":[]}`)
	}))
	if _, err := c.List(t.Context()); err == nil || !strings.Contains(err.Error(), "as the next") {
		t.Errorf("followed a page to another host: %v", err)
	}
}

func TestProgress(t *testing.T) {
	for _, tc := range []struct {
		name string
		have engine.Progress
	}{
		{"before the first watermark", engine.Progress{Watermark: math.MinInt64, Offsets: map[string]map[int32]int64{}}},
		{"on its way", engine.Progress{
			Watermark: 1_764_000_000_123, Offsets: map[string]map[int32]int64{"flights": {0: 1, 1: math.MaxInt64}, "airlines": {0: 16}},
			RowsIn: 100, RowsOut: 20, Commits: 3,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMemory()
			m.progress = tc.have
			got, err := serve(t, NewServer(m, Options{})).Progress(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.have, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// At Confluent the route for progress is missing: latest_offsets tell the positions.
func TestProgressWithoutItsRoute(t *testing.T) {
	m := newMemory()
	server := NewServer(m, Options{})
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/progress") {
			http.NotFound(w, r)
			return
		}
		server.ServeHTTP(w, r)
	}))
	if _, err := c.Progress(t.Context(), "a"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("no such statement: %v", err)
	}
	m.statements["a"] = engine.Statement{Spec: engine.Spec{Name: "a"}, Offsets: map[string]string{"t": "partition:0,offset:5;partition:1,offset:7"}}
	got, err := c.Progress(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Progress{Watermark: math.MinInt64, Offsets: map[string]map[int32]int64{"t": {0: 5, 1: 7}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTriesAgain(t *testing.T) {
	for _, tc := range []struct {
		name     string
		method   string
		status   int
		failures int
		asked    int
		ok       bool
	}{
		{"GET after 429", "GET", 429, 2, 3, true},
		{"GET after 503", "GET", 503, tries - 1, tries, true},
		{"GET gives up", "GET", 500, 100, tries, false},
		{"GET refused", "GET", 403, 1, 1, false},
		{"POST never", "POST", 503, 1, 1, false},
		{"DELETE never", "DELETE", 500, 1, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := 0
			server := NewServer(newMemory(), Options{})
			c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked <= tc.failures {
					w.Header().Set("X-Request-Id", "r-1")
					http.Error(w, "not now", tc.status)
					return
				}
				server.ServeHTTP(w, r)
			}))
			var err error
			switch tc.method {
			case "GET":
				_, err = c.List(t.Context())
			case "POST":
				_, err = c.Create(t.Context(), engine.Spec{Name: "a", SQL: "s"})
			case "DELETE":
				err = c.Delete(t.Context(), "a")
			}
			if asked != tc.asked || (err == nil) != tc.ok {
				t.Errorf("asked %d times, want %d; error %v", asked, tc.asked, err)
			}
			if err != nil && !strings.Contains(err.Error(), "not now (request r-1)") {
				t.Errorf("the error does not say what the server said: %v", err)
			}
		})
	}
}

// Someone else changes the statement between the client's GET and its PUT.
func TestStopAfterConflict(t *testing.T) {
	m := newMemory()
	server := NewServer(m, Options{})
	puts := 0
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			if puts++; puts == 1 {
				_ = m.Resume(r.Context(), "a")
			}
		}
		server.ServeHTTP(w, r)
	}))
	if _, err := c.Create(t.Context(), engine.Spec{Name: "a", SQL: "s"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(t.Context(), "a"); err != nil || puts != 2 || m.statements["a"].Phase != engine.Stopped {
		t.Errorf("stop: %v after %d PUTs, phase %s", err, puts, m.statements["a"].Phase)
	}
}

func FuzzParseInvalid(f *testing.F) {
	f.Add("3:14: unknown table\ndid you mean flights?")
	f.Add("Error: 12: x")
	f.Fuzz(func(t *testing.T, text string) {
		got := parseInvalid(text)
		if got.Line > 0 && !strings.Contains(text, got.Message) {
			t.Errorf("%q gave the message %q", text, got.Message)
		}
	})
}

func FuzzServer(f *testing.F) {
	f.Add(`{"name":"a","spec":{"statement":"s","properties":{"a":1}}}`, `[{"op":"replace","path":"/spec/stopped","value":true}]`)
	f.Fuzz(func(t *testing.T, create, patch string) {
		m := newMemory()
		h := NewServer(m, Options{})
		ask(t, h, "POST", base, create)
		if len(m.statements) == 0 {
			_, _ = m.Create(t.Context(), engine.Spec{Name: "a", SQL: "s"})
		}
		resp, body := ask(t, h, "PATCH", base+"/a", patch)
		if resp.StatusCode >= 500 {
			t.Errorf("PATCH %q: %d %s", patch, resp.StatusCode, body)
		}
	})
}
