package dr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// outside counts the calls that change something outside of a process, in both regions: requests of Kafka, of the registry and of the statements API.
// One of them ends the process: before it is carried out, or after, with its answer lost.
type outside struct {
	at    atomic.Int64 // the call that ends it, from 1; 0: none
	after bool
	n     atomic.Int64
	what  atomic.Value // string
	end   context.CancelFunc
}

// call says whether this one ends the process.
func (o *outside) call(what string) bool {
	if o.n.Add(1) != o.at.Load() {
		return false
	}
	o.what.Store(what)
	o.end()
	return true
}

// changing are the requests of Kafka that change something. The link and the engines of a test make some of them too: then the process ends at a
// moment that it has no part in.
var changing = []kmsg.Key{kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.DeleteRecords, kmsg.IncrementalAlterConfigs, kmsg.CreateACLs, kmsg.DeleteACLs, kmsg.InitProducerID,
	kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.OffsetCommit, kmsg.Produce}

func (o *outside) watch(t *testing.T, env *testenv.Env) {
	for _, r := range env.Regions() {
		r.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
			r.Fake.KeepControl()
			key := kmsg.Key(req.Key())
			if slices.Contains(changing, key) && o.call(r.Name+": "+key.Name()) && !o.after {
				return nil, errors.New("the process has ended"), true
			}
			return nil, nil, false
		})
		r.Registry = o.proxy(t, r.Name+": registry", r.Registry)
	}
}

// proxy stands in front of an HTTP service.
func (o *outside) proxy(t *testing.T, name, address string) string {
	u, err := url.Parse(address)
	must(t, err)
	through := httputil.NewSingleHostReverseProxy(u)
	through.ErrorLog = log.New(io.Discard, "", 0) // requests of the process that ends
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet || !o.call(name+": "+req.Method+" "+req.URL.Path) {
			through.ServeHTTP(w, req)
			return
		}
		if o.after {
			through.ServeHTTP(httptest.NewRecorder(), req)
		}
		panic(http.ErrAbortHandler) // no answer
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestRunsGoOnAfterEveryCall ends each operation at every call that it makes to the outside, before the call and after it, resumes it, and wants the end
// state of the unbroken run: same data, same statements, no effect doubled; of a drill, nothing. Each time it takes other calls, unless it is to take
// all of them.
func TestRunsGoOnAfterEveryCall(t *testing.T) {
	if testing.Short() {
		t.Skip("ends a run at each of its calls")
	}
	for _, op := range []string{"planned", "unplanned", "drill", "failback"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			want, calls := endedAt(t, op, 0, false)
			if calls < 20 {
				t.Fatalf("an unbroken %s makes %d calls", op, calls)
			}
			step := max(8, 2*calls/24)
			first := rand.Int64N(step)
			if os.Getenv("LIFEBOAT_CRASHES") == "all" {
				step, first = 1, 0
			}
			t.Logf("every %d. of 2 × %d calls, from %d on; LIFEBOAT_CRASHES=all for all", step, calls, first)
			for n := first; n < 2*calls; n += step {
				at, after := n/2+1, n%2 == 1
				t.Run(fmt.Sprintf("%d/%t", at, after), func(t *testing.T) {
					t.Parallel()
					got, _ := endedAt(t, op, at, after)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("the end state differs (-unbroken +resumed):\n%s", diff)
					}
				})
			}
		})
	}
}

// endedAt runs an operation that is ended at a call, resumes it, and returns the end state and how many calls there were.
func endedAt(t *testing.T, op string, at int64, after bool) (any, int64) {
	t.Helper()
	env := each.Embedded(t, each.Private())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := &outside{after: after, end: cancel}
	o.watch(t, env)
	n := 40
	if op == "failback" {
		n = 120 // with some that are big
	}
	p := newPipeline(t, env, n)
	p.mirror()
	switch op {
	case "drill":
		p.serveLink()
	case "failback":
		p.loseTheEast()
	default:
		p.produce(each.Client(t, env.East), 10)
	}
	for i, address := range p.engines {
		p.engines[i] = o.proxy(t, []string{"east", "west"}[i]+": statements", address)
	}
	p.declare("")
	w := p.open()
	defer w.Close()
	before := map[string][]string{"east": p.traces(w, "east"), "west": p.traces(w, "west")}
	execute := func(ctx context.Context) (*report.Report, error) {
		if op == "drill" {
			plan, err := dr.PlanDrill(t.Context(), w, "", "", plans.DrillOptions{Scenario: plans.ScenarioPlanned})
			must(t, err)
			return dr.Execute(ctx, w, plan)
		}
		if op == "failback" {
			plan, err := dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{Salvage: filepath.Join(p.dir, "salvage")})
			must(t, err)
			return dr.Execute(ctx, w, plan)
		}
		plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{Planned: op == "planned"})
		must(t, err)
		return dr.Execute(ctx, w, plan)
	}
	first := o.n.Load()
	if at > 0 {
		o.n.Store(0)
		o.at.Store(at)
	}
	rep, err := execute(ctx)
	calls := o.n.Load()
	if at == 0 {
		calls -= first
	}
	o.at.Store(0)
	told, _ := o.what.Load().(string)
	if at == 0 {
		must(t, err)
	}
	if err != nil {
		resumed, rerr := dr.Resume(t.Context(), w, "")
		switch {
		case rerr == nil:
			rep = resumed
		case errors.Is(rerr, dr.ErrNoRun): // it was ended before it had written anything, or is over
			var held *dr.LeaseHeldError
			for rep, err = execute(t.Context()); errors.As(err, &held); rep, err = execute(t.Context()) {
				time.Sleep(100 * time.Millisecond) // who has died before he had a plan is waited for like anybody
			}
			if err != nil {
				t.Fatalf("ended at %s: once more: %v", told, err)
			}
		case op == "drill" && errors.Is(rerr, dr.ErrCutShort) && resumed.Outcome == report.Failed: // and not stopped: it is over
		default:
			t.Fatalf("ended at %s: resuming: %v", told, rerr)
		}
		if op != "drill" && rep.Outcome != report.Done {
			t.Fatalf("ended at %s: %s: %s", told, rep.Outcome, rep.Summary)
		}
	}
	if op == "drill" {
		for region, want := range before {
			if diff := cmp.Diff(want, p.traces(w, region)); diff != "" {
				t.Errorf("ended at %s: %s after the drill (-before +after):\n%s", told, region, diff)
			}
		}
		return "nothing", calls
	}
	if op == "failback" {
		return p.atHome(w), calls
	}
	s := p.normal()
	s.Mirrors = strings.ReplaceAll(s.Mirrors, p.orders, "orders")
	return s, calls
}

// loseTheEast fails over without the last orders of the east, which its statements have read.
func (p *pipeline) loseTheEast() {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	n := p.sent
	p.produce(each.Client(p.t, p.env.East), 10)
	p.readUpTo(w, "big-2", int64(p.sent))
	p.readUpTo(w, "per-minute-2", int64(p.sent))
	p.failOver(false)
	p.sent = n
	p.produce(each.Client(p.t, p.env.West), 10)
}

// atHome is what a failback leaves.
func (p *pipeline) atHome(w *dr.World) any {
	p.t.Helper()
	s := struct {
		Rows                        map[string]int64
		Statements, Mirrors, Fences string
		Salvaged                    int
	}{Rows: map[string]int64{}}
	for _, region := range []string{"east", "west"} {
		for _, topic := range []string{"", "big_", "sums_"} {
			d, err := dr.DigestRows(p.t.Context(), w.Regions[region], topic+p.orders, func(*kgo.Record) bool { return true })
			must(p.t, err)
			s.Rows[region+" "+topic+"orders"] = d.Count
		}
	}
	seen, err := dr.Observe(p.t.Context(), w)
	must(p.t, err)
	for _, region := range []string{"east", "west"} {
		for _, name := range []string{"big-2", "per-minute-2"} {
			s.Statements += region + " " + name + " " + seen.Regions[region].Statements[name].Phase + "; "
		}
	}
	for _, m := range seen.Mirrors[p.declared.Topology.Links[0].Name] {
		s.Mirrors += m.State + " "
	}
	logs, err := filepath.Glob(filepath.Join(p.dir, "salvage", "*", p.orders+"-*", "*.jsonl"))
	must(p.t, err)
	for _, name := range logs {
		text, err := os.ReadFile(name)
		must(p.t, err)
		s.Salvaged += strings.Count(string(text), "\n")
	}
	return s
}
