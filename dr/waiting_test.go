package dr_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// impatient has a run tell of its waits at once, and give them up soon.
func (p *pipeline) impatient(waits *[]dr.Event) *dr.World {
	return p.with(func(o *dr.Options) {
		o.Stuck, o.Waiting = 1500*time.Millisecond, 200*time.Millisecond
		o.Events = func(e dr.Event) {
			if e.State == dr.EntryWaiting {
				*waits = append(*waits, e)
			}
		}
	})
}

// gaveUp wants a run to have ended at a kind of step because nothing moved, after it had told of the wait and of what can be done.
func gaveUp(t *testing.T, err error, kind plans.StepKind, what, advice string, waits []dr.Event) {
	t.Helper()
	var step *dr.StepError
	if !errors.As(err, &step) || step.Step.Kind != kind {
		t.Fatalf("got %v, want the step %s to give up", err, kind)
	}
	for _, want := range []string{"no progress for 1.5s", what, advice} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	for _, e := range waits {
		if e.Step.Kind == kind && strings.Contains(e.Detail, what) && strings.Contains(e.Advice, advice) && e.Same > 0 && !e.Since.IsZero() {
			return
		}
	}
	t.Errorf("it has not told that it waits for %q, and that %q: %+v", what, advice, waits)
}

// TestDrainGivesUpWhereNothingComes has a source that answers whatever it is asked, but for its records.
func TestDrainGivesUpWhereNothingComes(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 100)
	p.mirror()
	p.produce(each.Client(t, env.East), 30)
	var mended atomic.Bool
	env.East.Fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if mended.Load() {
			return nil, nil, false
		}
		env.East.Fake.KeepControl()
		time.Sleep(10 * time.Millisecond)
		return req.ResponseKind(), nil, true
	})
	var waits []dr.Event
	w := p.impatient(&waits)
	rep, err := p.planned(w)
	gaveUp(t, err, plans.StepDrain, "30 records behind: "+p.orders, "lifeboat resume --unplanned "+rep.Run, waits)
	mended.Store(true)
	must(t, errorOf(dr.Resume(t.Context(), w, "")))
	if s := p.state(); s.Orders != 130 {
		t.Errorf("%d orders in the west, want 130", s.Orders)
	}
}

// TestStatementsThatDoNotStopAreGivenUp has an engine that says yes to stopping a statement, and lets it run.
func TestStatementsThatDoNotStopAreGivenUp(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 100)
	p.mirror()
	u, err := url.Parse(p.engines[0])
	must(t, err)
	through := httputil.NewSingleHostReverseProxy(u)
	var mended atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut && !mended.Load() {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		through.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	p.engines[0] = server.URL
	p.declare("")
	var waits []dr.Event
	w := p.impatient(&waits)
	p.startInEast(w)
	_, err = p.planned(w)
	gaveUp(t, err, plans.StepStopSource, "still running: big-2, per-minute-2", "in the engine of east, and stop it there", waits)
	mended.Store(true)
	must(t, errorOf(dr.Resume(t.Context(), w, "")))
}
