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
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// hearer is a webhook's other end: it answers with the statuses in turn, and with 200 when they are used up.
type hearer struct {
	mu       sync.Mutex
	statuses []int
	times    []time.Time
	bodies   [][]byte
	headers  []http.Header
}

func (h *hearer) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	h.times, h.bodies, h.headers = append(h.times, time.Now()), append(h.bodies, body), append(h.headers, r.Header)
	status := http.StatusOK
	if len(h.statuses) > 0 {
		status, h.statuses = h.statuses[0], h.statuses[1:]
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody, Request: r}, nil
}

// events are what was heard, as "event job".
func (h *hearer) events(t *testing.T) []string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, b := range h.bodies {
		var n Notification
		if err := json.Unmarshal(b, &n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n.Event+" "+n.Job+" "+string(n.Outcome))
	}
	return out
}

// served is a server of checks that take as long as they are told to and report what they are told to.
type served struct {
	*Server
	heard *hearer
	stop  chan struct{}
	begun []string // job, and when
	mu    sync.Mutex
	takes map[string]time.Duration
	tells map[string][]report.Outcome // of a job's checks
	now   int
	most  int
}

func serveFor(t *testing.T, state string, notify []*plans.Notify, checks ...*plans.TimedCheck) *served {
	t.Helper()
	sv := &served{heard: &hearer{}, stop: make(chan struct{}), takes: map[string]time.Duration{}, tells: map[string][]report.Outcome{}}
	d := &plans.Declared{Topology: &plans.Topology{Name: "shop", Checks: checks, Notify: notify}}
	jobs, err := d.Topology.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	sv.Server, err = NewServer(d, ServeOptions{Options: Options{Interrupted: sv.stop, Getenv: func(string) (string, bool) { return "key", true }},
		Jobs: jobs, Every: time.Hour, State: state, Transport: sv.heard,
		open: func(context.Context) (*World, error) { return &World{}, nil },
		look: func(context.Context, *World) (*report.Report, error) {
			return &report.Report{Outcome: report.Passed}, nil
		},
		run: func(j plans.Job) (Operation, error) {
			return Operation{Run: func(ctx context.Context, _ *World, _ plans.Drill) (*report.Report, error) { return sv.check(ctx, j) }}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return sv
}

func (sv *served) check(ctx context.Context, j plans.Job) (*report.Report, error) {
	sv.mu.Lock()
	sv.begun = append(sv.begun, j.Drill.Name+" "+time.Now().UTC().Format("15:04"))
	sv.now++
	sv.most = max(sv.most, sv.now)
	takes := sv.takes[j.Drill.Name]
	sv.mu.Unlock()
	defer func() { sv.mu.Lock(); sv.now--; sv.mu.Unlock() }()
	ctx, stop := untilClosed(ctx, sv.stop)
	defer stop()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	rep := &report.Report{Outcome: report.Passed}
	for _, o := range sv.tells[j.Drill.Name] {
		rep.Checks = append(rep.Checks, report.Check{Name: "x", Outcome: o})
	}
	if len(rep.Checks) > 0 && rep.Failed() {
		rep.Outcome = report.Failed
	}
	return rep, nil
}

// during lets a server run for so long.
func (sv *served) during(t *testing.T, d time.Duration, also func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- sv.Run(t.Context()) }()
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
	if also != nil {
		also()
	}
	close(sv.stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func missedOf(h history) (out []string) {
	for _, r := range h.Results {
		if r.Missed > 0 {
			out = append(out, r.Job+" "+r.Summary)
		}
	}
	return out
}

// A bubble's clock begins at midnight UTC of 2000-01-01.

func TestServeRunsWhatIsDueOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sv := serveFor(t, filepath.Join(t.TempDir(), "s.json"), nil, &plans.TimedCheck{Name: "long", Schedule: "0 * * * *"}, &plans.TimedCheck{Name: "short", Schedule: "*/30 * * * *"})
		sv.takes["long"] = 10 * time.Minute
		sv.during(t, 2*time.Hour+15*time.Minute, nil)
		if diff := cmp.Diff([]string{"short 00:30", "long 01:00", "short 01:10", "short 01:30", "long 02:00", "short 02:10"}, sv.begun); diff != "" {
			t.Error(diff)
		}
		if sv.most != 1 || len(missedOf(sv.past)) != 0 {
			t.Errorf("%d at a time; missed: %v", sv.most, missedOf(sv.past))
		}
	})
}

func TestServeReportsWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := filepath.Join(t.TempDir(), "s.json")
		sv := serveFor(t, state, []*plans.Notify{{URL: "https://hook.example"}}, &plans.TimedCheck{Name: "a", Schedule: "*/10 * * * *"})
		sv.takes["a"] = 25 * time.Minute
		sv.during(t, 40*time.Minute, nil)
		want := []string{"check-a missed 2 times, from 2000-01-01T00:20:00Z to 2000-01-01T00:30:00Z: the one before still ran"}
		if diff := cmp.Diff(want, missedOf(sv.past)); diff != "" {
			t.Error(diff)
		}
		if last := sv.past.last("check-a"); last.Outcome != report.Stopped {
			t.Errorf("the check that was under way at the end is %s", last.Outcome)
		}
		time.Sleep(30 * time.Minute)
		again := serveFor(t, state, []*plans.Notify{{URL: "https://hook.example"}}, &plans.TimedCheck{Name: "a", Schedule: "*/10 * * * *"})
		again.during(t, time.Minute, nil)
		want = append(want, "check-a missed 3 times, from 2000-01-01T00:50:00Z to 2000-01-01T01:10:00Z: lifeboat serve was not there from 2000-01-01T00:40:00Z on")
		if diff := cmp.Diff(want, missedOf(again.past)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"missed check-a skipped"}, again.heard.events(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestServeTellsOfReadinessThatFalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sv := serveFor(t, filepath.Join(t.TempDir(), "s.json"), []*plans.Notify{{URL: "https://hook.example", On: []string{"readiness", "failed"}, Secret: plans.NewSecretRef("${env:HOOK}")}},
			&plans.TimedCheck{Name: "a", Schedule: "0 * * * *"})
		sv.tells["a"] = []report.Outcome{report.Passed, report.Passed}
		sv.during(t, 3*time.Hour-time.Minute, nil)
		if got := sv.heard.events(t); len(got) != 0 {
			t.Errorf("it was told of %v", got)
		}
		next := serveFor(t, sv.o.State, sv.declared.Topology.Notify, sv.declared.Topology.Checks...)
		next.tells["a"] = []report.Outcome{report.Passed, report.Failed}
		next.during(t, time.Hour, nil)
		if diff := cmp.Diff([]string{"failed check-a failed", "readiness check-a failed"}, next.heard.events(t)); diff != "" {
			t.Error(diff)
		}
		var n Notification
		if err := json.Unmarshal(next.heard.bodies[1], &n); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{100.0, 50.0, []string{"failed: x"}}, []any{*n.Before, *n.Readiness, n.Reasons}); diff != "" {
			t.Error(diff)
		}
		mac := hmac.New(sha256.New, []byte("key"))
		mac.Write(next.heard.bodies[1])
		if diff := cmp.Diff("sha256="+hex.EncodeToString(mac.Sum(nil)), next.heard.headers[1].Get(SignatureHeader)); diff != "" {
			t.Error(diff)
		}
		if rep := next.Report(); len(rep.Series) != 1 || len(rep.Series[0].Points) != 3 {
			t.Errorf("readiness over time is %v", rep.Series)
		}
	})
}

func TestWebhookIsTriedAgain(t *testing.T) {
	for _, tc := range []struct {
		name            string
		statuses        []int
		waits           []time.Duration
		delivered, lost int64
	}{
		{"at once", nil, nil, 1, 0},
		{"no connection, then overloaded", []int{0, 503, 429}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, 1, 0},
		{"never", []int{500, 500, 500, 500, 500, 500}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, 0, 1},
		{"refused for good", []int{404}, nil, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sv := serveFor(t, filepath.Join(t.TempDir(), "s.json"), []*plans.Notify{{URL: "https://hook.example/secret", On: []string{"result"}}}, &plans.TimedCheck{Name: "a", Schedule: "0 * * * *"})
				sv.heard.statuses = tc.statuses
				sv.during(t, 61*time.Minute, nil)
				var waits []time.Duration
				for i := 1; i < len(sv.heard.times); i++ {
					waits = append(waits, sv.heard.times[i].Sub(sv.heard.times[i-1]))
				}
				if diff := cmp.Diff(tc.waits, waits); diff != "" {
					t.Error(diff)
				}
				if got := [2]int64{sv.hooks[0].delivered.Load(), sv.hooks[0].lost.Load()}; got != [2]int64{tc.delivered, tc.lost} {
					t.Errorf("delivered and lost: %v", got)
				}
			})
		})
	}
}

func TestServeRefusesWhatItCanNotRun(t *testing.T) {
	jobs, err := (&plans.Topology{Drills: []*plans.Drill{{Name: "weekly", Schedule: "@weekly"}}}).Jobs()
	if err != nil {
		t.Fatal(err)
	}
	jobs[0].Operation = "rehearsal"
	_, err = NewServer(&plans.Declared{Topology: &plans.Topology{}}, ServeOptions{Jobs: jobs, State: filepath.Join(t.TempDir(), "s.json")})
	var unsupported *UnsupportedOperationError
	if !errors.As(err, &unsupported) || unsupported.Job != "weekly" {
		t.Fatalf("it was not refused by name: %v", err)
	}
}

func TestServeEndsByInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sv := serveFor(t, filepath.Join(t.TempDir(), "s.json"), nil, &plans.TimedCheck{Name: "a", Schedule: "0 * * * *"})
		sv.takes["a"] = 24 * time.Hour
		sv.during(t, 90*time.Minute, func() {
			if err := sv.Healthy(); err != nil {
				t.Error(err)
			}
			if sv.Report().Checks[0].Detail != "it has not run yet; running since 01:00:00; next 2000-01-01 02:00 UTC" {
				t.Error(sv.Report().Checks[0].Detail)
			}
		})
		if got := time.Since(sv.past.Results[0].Start); got != 30*time.Minute {
			t.Errorf("it ended after %s", got)
		}
	})
}

// The first of two servers begins nothing any more once the second is there.
func TestServeEndsWhereAnotherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := filepath.Join(t.TempDir(), "s.json")
		first := serveFor(t, state, nil, &plans.TimedCheck{Name: "a", Schedule: "0 * * * *"})
		done := make(chan error, 1)
		go func() { done <- first.Run(t.Context()) }()
		time.Sleep(30*time.Minute + time.Second)
		second := serveFor(t, state, nil, &plans.TimedCheck{Name: "a", Schedule: "0 * * * *"})
		second.during(t, 40*time.Minute, nil)
		if err := <-done; !errors.Is(err, ErrServedElsewhere) {
			t.Errorf("the first ended with %v", err)
		}
		if len(first.begun) != 0 || len(second.begun) != 1 {
			t.Errorf("the first ran %v, the second %v", first.begun, second.begun)
		}
	})
}

func TestReadiness(t *testing.T) {
	for _, tc := range []struct {
		name string
		have []report.Outcome
		want float64
	}{
		{"nothing", nil, 0},
		{"everything", []report.Outcome{report.Passed, report.Passed, report.Skipped}, 100},
		{"a warning is half", []report.Outcome{report.Passed, report.Warned}, 75},
		{"what is not known does not count", []report.Outcome{report.Passed, report.Unknown, report.Failed, report.Passed}, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep := &report.Report{}
			for _, o := range tc.have {
				rep.Checks = append(rep.Checks, report.Check{Outcome: o})
			}
			if got, _ := Readiness(rep); got != tc.want {
				t.Errorf("readiness is %v, want %v", got, tc.want)
			}
		})
	}
}
