package dr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
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
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// outside counts the calls that change something outside of a process, in both regions: requests of Kafka, of the registry and of the statements API.
// At one of them the process is killed: before it is carried out, or after, with its answer lost. Nothing that the process would have done then is done:
// it closes no transaction, writes no last entry, releases no lease.
type outside struct {
	at    atomic.Int64 // the call at which it dies, from 1; 0: at none
	after bool
	n     atomic.Int64
	what  atomic.Value // string
	child atomic.Pointer[child]
}

// child is the process that is to die.
type child struct {
	cmd     *exec.Cmd
	started chan struct{}
	ended   chan struct{}
}

// call says whether this one is the last of the process, which is dead then.
func (o *outside) call(what string) bool {
	if o.n.Add(1) != o.at.Load() {
		return false
	}
	o.what.Store(what)
	if c := o.child.Load(); c != nil {
		<-c.started
		_ = c.cmd.Process.Kill() // it may have ended by itself
		<-c.ended
	}
	return true
}

// run has a child do something, and die at a call (0: at none). It returns what the child wrote, and whether it came to its end.
func (o *outside) run(t *testing.T, p *pipeline, do string, at int64) (string, bool) {
	t.Helper()
	spec, err := json.Marshal(childSpec{Dir: p.dir, Do: do, KillAt: -1})
	must(t, err)
	c := &child{cmd: exec.CommandContext(t.Context(), os.Args[0]), started: make(chan struct{}), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), "LIFEBOAT_TEST_CHILD="+string(spec))
	var out bytes.Buffer
	c.cmd.Stdout, c.cmd.Stderr = &out, &out
	o.n.Store(0)
	o.child.Store(c)
	o.at.Store(at)
	must(t, c.cmd.Start())
	close(c.started)
	err = c.cmd.Wait()
	close(c.ended)
	o.at.Store(0)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), err == nil
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
				return nil, errors.New("the process is dead"), true
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

// operation is what is broken: done by a child that dies, and gone on with by this process.
type operation struct {
	do      string // see carryOut
	orders  int
	prepare func(*pipeline, *outside)
	state   func(*pipeline, *dr.World) any
	// again goes on after the crash; nil: resumes, or begins once more where nothing had begun.
	again func(*pipeline, *dr.World) (*report.Report, error)
}

func west(p *pipeline, _ *dr.World) any {
	s := p.normal()
	s.Mirrors = strings.ReplaceAll(s.Mirrors, p.orders, "orders")
	return s
}

var operations = map[string]operation{
	"part": {do: "part", orders: 40, prepare: func(p *pipeline, _ *outside) { p.withAudit(4); p.produce(each.Client(p.t, p.env.East), 10) }, state: parted},
	"part back": {do: "part back", orders: 40, prepare: func(p *pipeline, _ *outside) {
		p.withAudit(4)
		p.carriedOut(plans.OpFailover, plans.Options{Planned: true, Pipeline: "shop"})
		p.produce(each.Client(p.t, p.env.West), 10)
	}, state: parted},
	"planned":   {do: "planned", orders: 40, prepare: func(p *pipeline, _ *outside) { p.produce(each.Client(p.t, p.env.East), 10) }, state: west},
	"unplanned": {do: "unplanned", orders: 40, prepare: func(p *pipeline, _ *outside) { p.produce(each.Client(p.t, p.env.East), 10) }, state: west},
	"hooks":     {do: "unplanned", orders: 40, prepare: func(p *pipeline, _ *outside) { p.hook() }, state: hooked},
	"active":    {do: "planned", orders: 40, prepare: func(p *pipeline, _ *outside) { p.everywhere() }, state: west},
	"drill":     {do: "drill", orders: 40, prepare: func(p *pipeline, _ *outside) { p.serveLink() }},
	"failback":  {do: "failback", orders: 120, prepare: func(p *pipeline, _ *outside) { p.loseTheEast(true) }, state: func(p *pipeline, w *dr.World) any { return p.atHome(w) }},
	// The run that is resumed has died itself, in the middle.
	"resume": {do: "resume", orders: 40, prepare: func(p *pipeline, o *outside) { o.run(p.t, p, "planned", 25) }, state: west},
	"switch": {do: "switch", orders: 40, prepare: func(p *pipeline, _ *outside) { p.stopsWithoutItsEast() }, state: west,
		again: func(p *pipeline, w *dr.World) (*report.Report, error) {
			run, plan, err := dr.Switch(p.t.Context(), w, "")
			var switched *dr.NotSwitchableError
			switch {
			case errors.As(err, &switched):
				return dr.Resume(p.t.Context(), w, "")
			case errors.Is(err, dr.ErrNoRun): // it was over
				return dr.RunReport(p.t.Context(), w, "")
			case err != nil:
				return nil, err
			}
			return dr.ResumeAs(p.t.Context(), w, run, plan)
		}},
	"lift": {do: "lift", orders: 20, prepare: func(p *pipeline, _ *outside) { p.fenceEast("{by: config}"); p.failOver(true) },
		state: func(p *pipeline, w *dr.World) any {
			fences, err := dr.Fences(p.t.Context(), w)
			must(p.t, err)
			return fences.Summary + limit(p.t, w.Regions["east"].Admin, p.orders)
		},
		again: func(p *pipeline, w *dr.World) (*report.Report, error) {
			rep, err := dr.LiftFence(p.t.Context(), w, "")
			var none *dr.NoFenceError
			if errors.As(err, &none) { // it was lifted
				return &report.Report{Outcome: report.Done}, nil
			}
			return rep, err
		}},
	"migrate": {do: "migrate", orders: 40, prepare: func(p *pipeline, _ *outside) { p.withAudit(4) }, state: func(p *pipeline, w *dr.World) any { return p.moving(w) }},
	"rollback": {do: "rollback", orders: 40, prepare: func(p *pipeline, _ *outside) { p.withAudit(4); p.stopBehind("drain:" + p.orders) },
		state: func(p *pipeline, w *dr.World) any { return p.moving(w) },
		again: func(p *pipeline, w *dr.World) (*report.Report, error) {
			if !p.turnedBack(w) { // it died before it was on its way: it is to be asked for again
				return carryOut(p.t.Context(), w, "rollback", p.dir)
			}
			rep, err := dr.Resume(p.t.Context(), w, "")
			if errors.Is(err, dr.ErrNoRun) { // it was over
				return dr.RunReport(p.t.Context(), w, "")
			}
			return rep, err
		}},
	"replay": {do: "replay", orders: 120, prepare: func(p *pipeline, _ *outside) {
		p.loseTheEast(false)
		p.failBack(plans.Options{Salvage: filepath.Join(p.dir, "salvage")})
	}, state: func(p *pipeline, w *dr.World) any { return p.atHome(w) },
		again: func(p *pipeline, w *dr.World) (*report.Report, error) {
			return carryOut(p.t.Context(), w, "replay", p.dir)
		}},
}

// TestRunsGoOnAfterEveryCall kills each operation at every call that it makes to the outside, before the call and after it, resumes it, and wants the end
// state of the unbroken run: same data, same statements, no effect doubled; of a drill, nothing; of a batch that is rolled back, what was before it. Each time it takes other calls, unless it is to take
// all of them.
func TestRunsGoOnAfterEveryCall(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a run at each of its calls")
	}
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		op := operations[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, calls := killedAt(t, op, 0, false)
			if calls < 2 {
				t.Fatalf("unbroken it makes %d calls", calls)
			}
			const samples = 6
			step := 2*calls/samples | 1 // odd, so that both ways to die have their turn
			first := rand.Int64N(step)
			if os.Getenv("LIFEBOAT_CRASHES") == "all" {
				step, first = 1, 0
			}
			t.Logf("every %d. of 2 × %d calls, from %d on; LIFEBOAT_CRASHES=all for all", step, calls, first)
			for n := first; n < 2*calls; n += step {
				at, after := n/2+1, n%2 == 1
				t.Run(fmt.Sprintf("%d/%t", at, after), func(t *testing.T) {
					t.Parallel()
					got, _ := killedAt(t, op, at, after)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("the end state differs (-unbroken +resumed):\n%s", diff)
					}
				})
			}
		})
	}
}

// killedAt has an operation killed at a call (0: at none), goes on with it, and returns the end state and how many calls there were.
func killedAt(t *testing.T, op operation, at int64, after bool) (any, int64) {
	t.Helper()
	env := each.Embedded(t, each.Private())
	o := &outside{after: after}
	o.watch(t, env)
	p := newPipeline(t, env, op.orders)
	for i, address := range p.engines {
		p.engines[i] = o.proxy(t, []string{"east", "west"}[i]+": statements", address)
	}
	p.declare("")
	p.mirror()
	op.prepare(p, o)
	w := p.open()
	defer w.Close()
	before := map[string][]string{}
	if op.do == "drill" {
		before = map[string][]string{"east": p.traces(w, "east"), "west": p.traces(w, "west")}
	}
	earlier := p.newest(w)
	out, ended := o.run(t, p, op.do, at)
	calls := o.n.Load()
	told, _ := o.what.Load().(string)
	if at == 0 && !ended {
		t.Fatalf("unbroken: %s", out)
	}
	if !ended {
		rep, err := p.goOn(w, op, earlier)
		cleaned := op.do == "drill" && errors.Is(err, dr.ErrCutShort) && rep.Outcome == report.Failed // and not stopped: it is over
		if err != nil && !cleaned {
			t.Fatalf("killed at %s: going on: %v", told, err)
		}
		if op.do != "drill" && rep.Outcome != report.Done {
			t.Fatalf("killed at %s: %s: %s", told, rep.Outcome, rep.Summary)
		}
	}
	for region, want := range before {
		if diff := cmp.Diff(want, p.traces(w, region)); diff != "" {
			t.Errorf("killed at %s: %s after the drill (-before +after):\n%s", told, region, diff)
		}
	}
	if op.state == nil {
		return "nothing", calls
	}
	return op.state(p, w), calls
}

// goOn goes on with what a process has begun that was killed. Who has died before he had a plan is waited for like anybody.
func (p *pipeline) goOn(w *dr.World, op operation, earlier string) (rep *report.Report, err error) {
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(100 * time.Millisecond) {
		if op.again != nil {
			rep, err = op.again(p, w)
		} else if rep, err = dr.Resume(p.t.Context(), w, ""); errors.Is(err, dr.ErrNoRun) { // it was killed before it had written anything, or is over
			if op.do == "resume" || p.newest(w) != earlier {
				if rep, err := dr.RunReport(p.t.Context(), w, ""); err == nil {
					return rep, nil
				}
			}
			rep, err = carryOut(p.t.Context(), w, op.do, p.dir)
		}
		if held := new(dr.LeaseHeldError); !errors.As(err, &held) {
			break
		}
	}
	return rep, err
}

// newest is the run that has begun last; "" where there is none that has a plan.
func (p *pipeline) newest(w *dr.World) string {
	rep, err := dr.RunReport(p.t.Context(), w, "")
	if errors.Is(err, dr.ErrNoRun) {
		return ""
	}
	must(p.t, err)
	return rep.Run
}

// parted is the state of a part of a link, and of what was beside it all the time: that goes on to be mirrored.
func parted(p *pipeline, w *dr.World) any {
	p.t.Helper()
	p.writeAudit(each.Client(p.t, p.env.East), 3)
	p.mirror()
	return p.moving(w)
}

// fenceEast declares how writers are kept out of the east.
func (p *pipeline) fenceEast(fence string) { p.t.Helper(); p.declare("    fence: " + fence) }

// hook declares hooks that write down that they were called.
func (p *pipeline) hook() {
	p.t.Helper()
	yaml, err := os.ReadFile(filepath.Join(p.dir, "lifeboat.yaml"))
	must(p.t, err)
	called := func(name, when string) string {
		return fmt.Sprintf("  - {name: %s, %s, command: [sh, -c, %q]}\n", name, when, "echo "+name+" >> "+filepath.Join(p.dir, "called"))
	}
	p.write("lifeboat.yaml", string(yaml)+"hooks:\n"+called("flags", "before: promote")+called("dns", "after: promote")+called("over", "after: prove"))
	p.load()
}

// hooked is the state of the west, with the hooks that were called, one perhaps twice.
func hooked(p *pipeline, w *dr.World) any {
	text, err := os.ReadFile(filepath.Join(p.dir, "called"))
	must(p.t, err)
	names := strings.Fields(string(text))
	slices.Sort(names)
	return []any{west(p, w), slices.Compact(names)}
}

// stopsWithoutItsEast begins a planned failover, whose primary dies on the way.
func (p *pipeline) stopsWithoutItsEast() {
	p.t.Helper()
	w := p.with(func(o *dr.Options) {
		o.Events = func(e dr.Event) {
			if e.Step.Kind == plans.StepVerifyFence && e.State == dr.EntryBegin {
				must(p.t, p.env.East.Broker.Kill())
			}
		}
	})
	if _, err := p.planned(w); err == nil {
		p.t.Fatal("the run came to its end without its primary")
	}
}

// carryOut does what a child is told to, from the topology in a directory.
func carryOut(ctx context.Context, w *dr.World, do, dir string) (*report.Report, error) {
	salvage := filepath.Join(dir, "salvage")
	var plan *plans.Plan
	var err error
	switch do {
	case "planned", "unplanned":
		plan, err = dr.Plan(ctx, w, plans.OpFailover, plans.Options{Planned: do == "planned"})
	case "part":
		plan, err = dr.Plan(ctx, w, plans.OpFailover, plans.Options{Planned: true, Pipeline: "shop"})
	case "part back":
		plan, err = dr.Plan(ctx, w, plans.OpFailback, plans.Options{Salvage: salvage, Pipeline: "shop"})
	case "failback":
		plan, err = dr.Plan(ctx, w, plans.OpFailback, plans.Options{Salvage: salvage})
	case "drill":
		plan, err = dr.PlanDrill(ctx, w, "", "", plans.DrillOptions{Scenario: plans.ScenarioPlanned})
	case "migrate":
		plan, err = dr.Plan(ctx, w, plans.OpMigrate, plans.Options{})
	case "rollback":
		run, plan, err := dr.RollBack(ctx, w, "")
		if err != nil {
			return nil, err
		}
		return dr.ResumeAs(ctx, w, run, plan)
	case "resume":
		return dr.Resume(ctx, w, "")
	case "switch":
		run, plan, err := dr.Switch(ctx, w, "")
		if err != nil {
			return nil, err
		}
		return dr.ResumeAs(ctx, w, run, plan)
	case "lift":
		return dr.LiftFence(ctx, w, "")
	case "replay":
		files, err := linking.SalvageFiles([]string{salvage})
		if err != nil {
			return nil, err
		}
		return dr.SalvageReplay(ctx, w, "east", files, linking.ReplayOptions{})
	default:
		return nil, fmt.Errorf("nobody knows how to %s", do)
	}
	if err != nil {
		return nil, err
	}
	return dr.Execute(ctx, w, plan)
}

// loseTheEast fails over without the last orders of the east, which its statements have read. Their producers send the same again, or others.
func (p *pipeline) loseTheEast(again bool) {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	n := p.sent
	p.produce(each.Client(p.t, p.env.East), 10)
	p.readUpTo(w, "big-2", int64(p.sent))
	p.readUpTo(w, "per-minute-2", int64(p.sent))
	p.failOver(false)
	if again {
		p.sent = n
	}
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

// withAudit adds a second batch, and runs the statements in the east.
func (p *pipeline) withAudit(n int) {
	p.t.Helper()
	p.audit = each.Name(p.t, "audit")
	each.Topic(p.t, p.env.East, p.audit, 2)
	p.writeAudit(each.Client(p.t, p.env.East), n)
	p.declare("    fence: {by: config}")
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	p.mirror()
}

// stopBehind migrates up to a step.
func (p *pipeline) stopBehind(step string) {
	p.t.Helper()
	w := p.until(step)
	defer w.Close()
	var paused *dr.PausedError
	if _, err := p.migrate(w, plans.Options{}); !errors.As(err, &paused) {
		p.t.Fatalf("it was to stop behind %s: %v", step, err)
	}
}

// turnedBack says whether the newest run goes along the plan of a batch's way back.
func (p *pipeline) turnedBack(w *dr.World) bool {
	p.t.Helper()
	list, err := dr.ListRuns(p.t.Context(), w)
	must(p.t, err)
	return strings.Contains(list.Runs[len(list.Runs)-1].Operation, "rolled back")
}

// moving is what a migration leaves, moved or rolled back.
func (p *pipeline) moving(w *dr.World) any {
	p.t.Helper()
	s := struct {
		East, West string           // phases of the statements
		Rows       map[string]int64 // in the west
		Mirrors    string
		Closed     [2]bool // the topics of both batches, in the east
	}{East: p.phases(w, "east"), West: p.phases(w, "west"), Rows: map[string]int64{}}
	seen, err := dr.Observe(p.t.Context(), w)
	must(p.t, err)
	for name, topic := range map[string]string{"orders": p.orders, "big": "big_" + p.orders, "sums": "sums_" + p.orders, "audit": p.audit, "canary": dr.CanaryTopic("west")} {
		if seen.Regions["west"].Topics[topic] == nil && name != "canary" {
			continue
		}
		d, err := dr.DigestRows(p.t.Context(), w.Regions["west"], topic, func(*kgo.Record) bool { return true })
		must(p.t, err)
		s.Rows[name] = d.Count
	}
	for _, m := range seen.Mirrors[p.declared.Topology.Links[0].Name] {
		s.Mirrors += m.State + " "
	}
	s.Closed = [2]bool{!p.writable(p.audit), !p.writable(p.orders)}
	return s
}
