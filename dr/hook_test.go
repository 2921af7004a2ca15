package dr

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// hookRun is a run as a hook sees it.
func hookRun() *run {
	at := time.Date(2026, 11, 23, 2, 52, 19, 0, time.UTC)
	o := Options{Now: func() time.Time { return at }, Getenv: func(name string) (string, bool) { return "secret of " + name, name == "HOOK" }}
	return &run{id: "20261123-025219-c2ce", world: &World{opts: o}, plan: &plans.Plan{Topology: "shop", Operation: plans.OpFailover, Planned: true, From: "east", To: "west"}}
}

var wantCall = HookCall{Hook: "dns", Topology: "shop", Run: "20261123-025219-c2ce", Operation: "failover", Planned: true, Phase: "promote", From: "east", To: "west",
	At: time.Date(2026, 11, 23, 2, 52, 19, 0, time.UTC)}

func TestHookPostsToItsURL(t *testing.T) {
	for _, c := range []struct {
		name         string
		answer       http.HandlerFunc
		mayFail      bool
		said, failed string
		err          string
	}{
		{name: "200", answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("moved")) }, said: "HOST answered 200 OK"},
		{name: "204", answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, said: "HOST answered 204 No Content"},
		{name: "500 with a reason", answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "a\nthe zone is locked", http.StatusInternalServerError)
		},
			err: "hook dns: HOST answered 500 Internal Server Error: the zone is locked"},
		{name: "404, which it may", answer: http.NotFound, mayFail: true, failed: "HOST answered 404 Not Found: 404 page not found"},
		{name: "elsewhere", answer: func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, "/other", http.StatusFound) }, err: "hook dns: HOST answered 302 Found: "},
		{name: "too late", answer: func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }, err: "hook dns: calling HOST: it had not ended after 200ms"},
		{name: "too late, which it may", answer: func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }, mayFail: true, failed: "calling HOST: it had not ended after 200ms"},
		{name: "cut off", answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, err: "hook dns: calling HOST: EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			calls := make(chan HookCall, 2)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, err := io.ReadAll(req.Body)
				if err != nil {
					t.Error(err)
				}
				var call HookCall
				if err := json.Unmarshal(body, &call); err != nil || req.Method != http.MethodPost || req.URL.Path != "/path-that-is-a-secret" {
					t.Errorf("%s %s: %v in %s", req.Method, req.URL, err, body)
				}
				calls <- call
				mac := hmac.New(sha256.New, []byte("secret of HOOK"))
				mac.Write(body)
				want := map[string]string{"Content-Type": "application/json", EventHeader: "hook", SignatureHeader: "sha256=" + hex.EncodeToString(mac.Sum(nil))}
				for name, value := range want {
					if got := req.Header.Get(name); got != value {
						t.Errorf("%s: %q, want %q", name, got, value)
					}
				}
				c.answer(w, req)
			}))
			t.Cleanup(server.Close)
			host := func(text string) string { return strings.ReplaceAll(text, "HOST", server.Listener.Addr().String()) }
			h := &plans.Hook{Name: "dns", URL: server.URL + "/path-that-is-a-secret", Secret: plans.NewSecretRef("${env:HOOK}"), MayFail: c.mayFail, Timeout: plans.Duration(5 * time.Second)}
			if strings.HasPrefix(c.name, "too late") {
				h.Timeout = plans.Duration(200 * time.Millisecond)
			}
			over, err := hookRun().call(t.Context(), h, plans.Step{Phase: "promote"})
			told := ""
			if err != nil {
				told = err.Error()
			}
			if told != host(c.err) || over.Failed != host(c.failed) || c.said != "" && over.Said != host(c.said) {
				t.Errorf("said %q, failed %q, error %q; want %q, %q, %q", over.Said, over.Failed, told, host(c.said), host(c.failed), host(c.err))
			}
			if diff := cmp.Diff([]HookCall{wantCall}, []HookCall{<-calls}); diff != "" || len(calls) > 0 {
				t.Errorf("it was called once more, or with something else:\n%s", diff)
			}
		})
	}
}

// TestHookWithoutItsSecretIsNotCalled has a secret that is not there: nothing is sent without a signature.
func TestHookWithoutItsSecretIsNotCalled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was called") }))
	t.Cleanup(server.Close)
	var missing *plans.MissingSecretError
	if _, err := hookRun().call(t.Context(), &plans.Hook{Name: "dns", URL: server.URL, Secret: plans.NewSecretRef("${env:NOT_SET}")}, plans.Step{Phase: "promote"}); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

func TestHookRunsItsCommand(t *testing.T) {
	for _, c := range []struct {
		name, script string
		within       time.Duration
		mayFail      bool
		said, failed string
		err          string
	}{
		{name: "with its environment", script: `echo "$LIFEBOAT_HOOK $LIFEBOAT_TOPOLOGY $LIFEBOAT_RUN $LIFEBOAT_OPERATION $LIFEBOAT_PLANNED $LIFEBOAT_PHASE $LIFEBOAT_FROM $LIFEBOAT_TO"`,
			said: "dns shop 20261123-025219-c2ce failover true promote east west"},
		{name: "in silence", script: "true", said: "ended with 0"},
		{name: "with a failure", script: "echo no zone >&2; exit 3", err: `exit status 3: no zone`},
		{name: "with a failure that it may have", script: "echo no zone; exit 3", mayFail: true, failed: "exit status 3: no zone"},
		{name: "for too long", script: "sleep 60", within: 100 * time.Millisecond, err: "it had not ended after 100ms"},
		{name: "for too long, in a child", script: "sleep 60 & wait", within: 100 * time.Millisecond, mayFail: true, failed: "it had not ended after 100ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &plans.Hook{Name: "dns", Command: []string{"sh", "-c", c.script}, MayFail: c.mayFail, Timeout: plans.Duration(c.within)}
			over, err := hookRun().call(t.Context(), h, plans.Step{Phase: "promote"})
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if over.Said != c.said && c.said != "" || !strings.Contains(over.Failed, c.failed) || c.failed == "" && over.Failed != "" {
				t.Errorf("said %q, failed %q; want %q, %q", over.Said, over.Failed, c.said, c.failed)
			}
		})
	}
}

// TestInterruptedHookHasNotFailed ends the run while a hook that may fail is called: what it would have said is not known, so it is called again.
func TestInterruptedHookHasNotFailed(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	called := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		close(called)
		<-req.Context().Done()
	}))
	t.Cleanup(server.Close)
	go func() { <-called; cancel(ErrInterrupted) }()
	if over, err := hookRun().call(ctx, &plans.Hook{Name: "dns", URL: server.URL, MayFail: true}, plans.Step{Phase: "promote"}); !errors.Is(err, ErrInterrupted) || over.Failed != "" {
		t.Errorf("got %v, failed %q; want it interrupted", err, over.Failed)
	}
}
