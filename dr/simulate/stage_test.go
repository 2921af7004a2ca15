package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// failure is what ends a play: an invariant that does not hold, or a stage that could not be set.
type failure struct{ error }

func failed(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// stage is two regions with what is done in them.
type stage struct {
	t        *testing.T
	script   *script
	ctx      context.Context
	net      *network
	regions  map[string]*region
	declared *plans.Declared
	dir      string
	random   *rand.Rand
	how      how

	apps    map[string]*app // by region
	primary string
	link    *service

	mu     sync.Mutex
	done   sync.WaitGroup // operators, the dead ones too
	calls  int            // of the operation under way that change something
	inStep map[string]int // the same by step
	trace  []string       // what has happened, a line each
	hits   map[string]int // faults that occurred, by kind
	lost   map[string]bool
	ops    int

	dying    *time.Timer // of the survivor's death, where that is near
	ledger   ledger
	rivals   *rivals        // of the operation under way, where there are some
	named    []report.Range // what reports say is lost
	refused  bool
	reported map[string]bool // runs that were judged
}

// how says what is different in a play.
type how struct {
	planned func(*plans.Plan)       // what a mutation makes of every plan that is begun
	resumed func(*plans.Plan)       // and of every one that is gone on with
	known   func(state string) bool // says of the state that a death leaves whether it need not be gone on from
}

// errKnown ends a play that leads to where another one was.
var errKnown = errors.New("that state is known")

// playLimit is how long a play may take, in its own time.
const playLimit = 2 * time.Hour

// stuckAfter is how long a play may take in everybody's time: it is a second on a slow machine.
const stuckAfter = time.Minute

// played is what a play has shown.
type played struct {
	calls   int // changing requests of the last operation
	trace   []string
	hits    map[string]int
	refused bool // an operation was, with a reason
	err     error
}

// play runs a script on a stage of its own.
func play(t *testing.T, sc *script, h how) (out played) {
	t.Helper()
	var s *stage
	stuck := time.AfterFunc(stuckAfter, func() {
		fmt.Printf("no end after %s:\n%s\n%s\n", stuckAfter, sc, strings.Join(s.trace, "\n"))
		panic("a play makes no progress")
	})
	defer stuck.Stop()
	synctest.Test(t, func(t *testing.T) {
		s = &stage{t: t, script: sc, how: h, net: newNetwork(), regions: map[string]*region{}, apps: map[string]*app{}, primary: "east",
			reported: map[string]bool{}, hits: map[string]int{}, lost: map[string]bool{}, random: rand.New(rand.NewPCG(sc.seed, 1))}
		ctx, cancel := context.WithTimeoutCause(t.Context(), playLimit, fmt.Errorf("the play did not end within %s", playLimit))
		s.ctx = ctx
		defer func() {
			if r := recover(); r != nil {
				f, ok := r.(failure)
				if !ok {
					panic(r)
				}
				out.err = f.error
			}
			cancel()
			s.strike()
			out.calls, out.trace, out.hits, out.refused = s.calls, s.trace, s.hits, s.refused
		}()
		s.set()
		for _, a := range sc.acts {
			s.act(a)
		}
		s.curtain()
	})
	return out
}

// set makes the regions, the topics and the declaration.
func (s *stage) set() {
	s.dir = s.t.TempDir()
	s.t.Cleanup(func() { time.Sleep(time.Minute) }) // clients that were closed let go
	for _, name := range []string{"east", "west"} {
		r := startRegion(s.t, s.net, name)
		s.regions[name] = r
		s.apps[name] = newApp(s, name)
	}
	s.declare()
	s.apps["east"].create()
	if s.script.engine {
		for _, name := range []string{"east", "west"} {
			s.regions[name].serveEngine(s.t, s.net)
		}
	}
}

// strike ends all processes, and waits for them.
func (s *stage) strike() {
	if s.link != nil {
		s.link.stop()
	}
	for _, a := range s.apps {
		a.close()
	}
	s.done.Wait()
}

func (s *stage) declare() {
	var topics []string
	for _, name := range s.script.topicNames() {
		topics = append(topics, fmt.Sprintf("%q", name))
	}
	engine := func(region string) string {
		if !s.script.engine {
			return ""
		}
		return fmt.Sprintf("\n    engine: {backend: bundled, url: %q}", "http://"+region+enginePort)
	}
	fence := `{by: manual}`
	if s.script.fence == "config" {
		fence = `{by: config}`
	}
	pipelines := ""
	files := map[string]string{}
	if s.script.engine {
		pipelines = "pipelines:\n  - {name: shop, statements: [\"sql/*.sql\"], objectives: {rpo: 1h, rto: 1h}}\n"
		files["sql/big.sql"] = bigSQL
	}
	files["lifeboat.yaml"] = fmt.Sprintf(`apiVersion: lifeboat/v1
kind: Topology
name: shop
pattern: active-passive
primary: east
regions:
  east:
    kafka: {bootstrap: ["east:9092"]}
    registry: {url: "http://east:8081"}%s
    fence: %s
  west:
    kafka: {bootstrap: ["west:9092"]}
    registry: {url: "http://west:8081"}%s
    fence: %s
links:
  - name: there
    from: east
    to: west
    topics: {include: [%s]}
    groups: {include: ["ops"]}
    subjects: {include: ["orders-.*"]}
%s`, engine("east"), fence, engine("west"), fence, strings.Join(topics, ", "), pipelines)
	for name, text := range files {
		path := filepath.Join(s.dir, name)
		must(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(s.t, os.WriteFile(path, []byte(text), 0o644))
	}
	declared, findings, err := plans.Load(os.ReadFile, filepath.Join(s.dir, "lifeboat.yaml"), time.Now())
	must(s.t, err)
	if report.Blocked(findings) {
		failed("the declaration is blocked: %+v", findings)
	}
	s.declared = declared
}

// note adds a line to the trace.
func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

func (s *stage) hit(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits[kind]++
}

// options are those of a lifeboat process.
func (s *stage) options(p *process, skew time.Duration) dr.Options {
	return dr.Options{Log: slog.New(slog.DiscardHandler), Timeout: 3 * time.Second, Dial: p.dial, StateDir: filepath.Join(s.dir, "state", p.name), Who: p.name,
		Now: func() time.Time { return time.Now().Add(skew) }}
}

// look is a world of somebody who only looks.
func (s *stage) look() (*dr.World, func()) {
	p := s.net.process(s.ctx, "observer")
	w, err := dr.Open(s.ctx, s.declared, s.options(p, 0))
	must(s.t, err)
	return w, func() { w.Close(); p.kill() }
}

// service is a link that runs until it is stopped.
type service struct {
	*process
	ended chan struct{}
}

func (l *service) stop() {
	l.kill()
	<-l.ended
}

// runLink has a process serve the link that leads from the primary.
func (s *stage) runLink(once bool) {
	p := s.net.process(s.ctx, "link")
	w, err := dr.Open(s.ctx, s.declared, s.options(p, 0))
	must(s.t, err)
	decl, err := w.Link("")
	must(s.t, err)
	l, err := w.OpenLink(decl)
	must(s.t, err)
	svc := &service{p, make(chan struct{})}
	go func() {
		defer close(svc.ended)
		defer w.Close()
		if err := l.Run(p.ctx, linking.RunOptions{Once: once}); err != nil && p.alive() {
			s.note("  link: %v", err)
		}
	}()
	if once {
		<-svc.ended
		p.kill()
		return
	}
	s.link = svc
}

// act does one line of the script.
func (s *stage) act(a act) {
	s.note("%s", a)
	switch a.verb {
	case "write":
		if !s.lost[s.primary] { // leaving it was refused
			s.apps[s.primary].write(a.n)
		}
	case "link":
		if s.link == nil && a.arg != "run" && a.arg != "once" {
			panic(failure{fmt.Errorf("%w: no link runs", errStage)})
		}
		switch a.arg {
		case "run":
			s.runLink(false)
		case "once":
			s.runLink(true)
		case "stop":
			s.link.stop()
			s.link = nil
		case "cut":
			s.hit("link cut")
			s.link.reach("east"+brokerPort, false)
		case "heal":
			s.link.reach("east"+brokerPort, true)
		case "lag":
			s.hit("lag")
			s.link.lag(700 * time.Millisecond)
		}
	case "wait":
		time.Sleep(time.Duration(a.n) * time.Millisecond)
	case "recreate":
		s.hit("topic recreation")
		s.apps["east"].recreate(a.arg)
	case "lose":
		s.loseEast(0)
	case "find":
		s.measure()
	case "start":
		s.startStatements()
	case "consume":
		s.apps[s.primary].consume()
	case "planned", "unplanned", "failback", "drill":
		s.operate(a)
	default:
		failed("the script has an act %q", a.verb)
	}
}

// startStatements has the primary compute what is declared.
func (s *stage) startStatements() {
	w, end := s.look()
	defer end()
	for _, st := range s.declared.Statements {
		_, err := w.Engines[s.primary].Create(s.ctx, engine.Spec{Name: st.Name, SQL: st.SQL})
		must(s.t, err)
	}
}

// errOver is an operation that is refused for good, for a reason.
var errOver = errors.New("refused")

// operate carries out an operation, with one operator after the other where the one before has died or stopped, until it is over.
func (s *stage) operate(a act) {
	s.mu.Lock()
	s.calls, s.inStep = 0, map[string]int{}
	s.ops++
	s.mu.Unlock()
	before := s.traces()
	if a.verb == "planned" || a.verb == "unplanned" && !s.lost["east"] || a.verb == "drill" {
		s.apps[s.primary].live()
	}
	var rep *report.Report
	var err error
	for attempt := range 30 {
		o := &operator{stage: s, act: a, process: s.net.process(s.ctx, fmt.Sprintf("operator-%d-%d", s.ops, attempt+1))}
		if attempt == 0 {
			o.skew = a.skew
			if a.skew != 0 {
				s.hit("clock skew")
			}
		}
		rep, err = o.work(attempt > 0)
		var held *dr.LeaseHeldError
		switch {
		case err == nil:
			s.note("  %s: %s", o.name, rep.Summary)
		case errors.Is(err, errOver):
			s.note("  %s: %v", o.name, err)
			s.refused = true
			s.apart()
			return
		case errors.As(err, &held):
			s.note("  %s: %v", o.name, err)
			time.Sleep(3 * time.Second)
			continue
		default:
			s.note("  %s: %v", o.name, err)
			if known := s.how.known; known != nil && known(s.state()) {
				panic(failure{errKnown})
			}
			if rep != nil && o.alive() && a.verb != "drill" && (rep.Outcome != report.Stopped || len(rep.Next) == 0) {
				failed("%s ended with %s and says nothing of what to do next: %v", o.name, rep.Outcome, err)
			}
			s.heal() // who looks must not meet a region that dies meanwhile
			s.journalIsTrue(a)
			if drillOver := new(dr.DrillError); errors.As(err, &drillOver) && o.alive() {
				err = nil
				break
			}
			time.Sleep(time.Second)
			continue
		}
		break
	}
	if err != nil {
		failed("%s does not come to an end: %v", a.verb, err)
	}
	s.apart()
	s.reported[rep.Run] = true
	s.oneHolder()
	s.heal()
	s.journalIsTrue(a)
	s.judge(a, rep, before)
}

// heal takes back what an operator can have mended: not the loss of a region.
func (s *stage) heal() {
	if s.dying != nil {
		s.dying.Stop()
	}
	for _, name := range []string{"east", "west"} {
		s.net.serve(name+registryPort, !s.lost[name])
		s.net.serve(name+brokerPort, !s.lost[name])
	}
}

// loseEast kills the servers of the east.
func (s *stage) loseEast(call int) {
	s.hit("broker death")
	s.note("    %d: the east is lost", call)
	s.lost["east"] = true
	for _, port := range []string{brokerPort, registryPort, enginePort} {
		s.net.serve("east"+port, false)
	}
}

// findEast has them answer again.
func (s *stage) findEast() {
	if !s.lost["east"] {
		return
	}
	s.lost["east"] = false
	for _, port := range []string{brokerPort, registryPort, enginePort} {
		s.net.serve("east"+port, true)
	}
}

// operator is a lifeboat process.
type operator struct {
	*process
	stage *stage
	act   act
	skew  time.Duration

	mu   sync.Mutex
	step string
}

// work begins the operation, or goes on with it. The process is dead or has ended when it returns.
func (o *operator) work(again bool) (rep *report.Report, err error) {
	s := o.stage
	o.asked = o.call
	ended := make(chan struct{})
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		defer close(ended)
		r, e := o.operate(again)
		if o.alive() {
			rep, err = r, e
		}
	}()
	over := error(nil)
	select {
	case <-ended:
	case <-o.ctx.Done():
		over = context.Cause(o.ctx) // of the play's time, or with the process
	}
	switch {
	case !o.alive():
		return nil, errDied
	case over != nil:
		o.kill()
		return nil, over
	}
	o.kill()
	return rep, err
}

var errDied = errors.New("it has died")

func (o *operator) operate(again bool) (*report.Report, error) {
	s := o.stage
	opts := s.options(o.process, o.skew)
	opts.Events = func(e dr.Event) {
		o.mu.Lock()
		o.step = e.Step.ID
		o.mu.Unlock()
		if !o.alive() {
			return
		}
		if e.State == dr.EntryBegin && e.Step.Kind == plans.StepPromote {
			s.apps[s.primary].promoting()
		}
		if e.State == dr.EntryBegin && e.Step.Kind == plans.StepMeasure && o.act.verb == "unplanned" {
			s.apps[s.primary].stopWriters() // what nobody fences is measured as it is now
		}
		s.note("    %s: %s %s %s", o.name, e.Step.ID, e.State, e.Detail)
	}
	opts.Confirm = func(context.Context, string) (bool, error) {
		s.apps[s.primary].stopWriters()
		return true, nil
	}
	w, err := dr.Open(o.ctx, s.declared, opts)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if again {
		rep, err := o.resume(w)
		if !errors.Is(err, dr.ErrNoRun) {
			return rep, err
		}
		// It died before it had written anything, or behind its end.
		if rep, err := dr.RunReport(o.ctx, w, ""); err == nil && !s.reported[rep.Run] {
			return rep, nil
		}
	}
	return o.begin(w)
}

// begin plans the operation and carries it out.
func (o *operator) begin(w *dr.World) (*report.Report, error) {
	s := o.stage
	var p *plans.Plan
	var err error
	switch o.act.verb {
	case "drill":
		p, err = dr.PlanDrill(o.ctx, w, "", "", plans.DrillOptions{Scenario: o.act.arg})
	case "failback":
		p, err = dr.Plan(o.ctx, w, plans.OpFailback, plans.Options{Salvage: filepath.Join(s.dir, "salvage")})
	default:
		p, err = dr.Plan(o.ctx, w, plans.OpFailover, plans.Options{Planned: o.act.verb == "planned" && !s.lost["east"]})
	}
	if err != nil {
		return nil, err
	}
	if report.Blocked(p.Findings) {
		return nil, fmt.Errorf("%w: %w", errOver, &dr.BlockedError{Findings: p.Findings})
	}
	o.mutated(p)
	return dr.Execute(o.ctx, w, p)
}

// resume goes on with what was begun, without the primary where it is lost.
func (o *operator) resume(w *dr.World) (*report.Report, error) {
	if o.act.verb == "planned" && o.stage.lost["east"] {
		run, p, err := dr.Switch(o.ctx, w, "")
		if other := new(dr.NotSwitchableError); errors.As(err, &other) {
			return dr.Resume(o.ctx, w, "")
		}
		if err != nil {
			return nil, err
		}
		o.stage.hit("switch to unplanned")
		o.mutated(p)
		return dr.ResumeAs(o.ctx, w, run, p)
	}
	o.stage.hit("resume by another operator")
	if change := o.stage.how.resumed; change != nil {
		if run, p := o.stage.unfinished(w); p != nil {
			change(p)
			return dr.ResumeAs(o.ctx, w, run, p)
		}
	}
	return dr.Resume(o.ctx, w, "")
}

func (o *operator) mutated(p *plans.Plan) {
	if change := o.stage.how.planned; change != nil {
		change(p)
	}
}

// call hears of every changing request of an operator.
func (o *operator) call(request string) verdict {
	s := o.stage
	s.interleave(o)
	s.mu.Lock()
	o.mu.Lock()
	step := o.step
	o.mu.Unlock()
	s.calls++
	s.inStep[step]++
	n, in := s.calls, s.inStep[step]
	s.mu.Unlock()
	s.note("    %d: %s asks %s (%s)", n, o.name, request, step)
	for _, f := range o.act.faults {
		if f.step == "" && f.at == n || f.step == step && f.at == in {
			if v := o.suffer(f); v != pass {
				return v
			}
		}
	}
	return pass
}

// suffer has a fault happen.
func (o *operator) suffer(f fault) verdict {
	s := o.stage
	s.note("    %s", f)
	switch f.kind {
	case "crash before":
		s.hit(f.kind)
		return dieBefore
	case "crash after":
		s.hit(f.kind)
		return dieAfter
	case "unheard":
		s.hit(f.kind)
		return unheard
	case "late write":
		s.hit(f.kind)
		s.apps["east"].lateWrite()
	case "primary dies":
		s.loseEast(f.at)
	case "survivor dies": // with the answer on its way
		s.hit(f.kind)
		s.dying = time.AfterFunc(time.Millisecond, func() { s.net.serve("west"+brokerPort, false) })
		return unheard
	case "registry dies":
		s.hit("registry death")
		s.net.serve("west"+registryPort, false)
	case "operator cut":
		s.hit("operator cut")
		o.reach("east"+brokerPort, false)
		time.AfterFunc(4*time.Second, func() { o.reach("east"+brokerPort, true) })
	case "second operator":
		s.hit(f.kind)
		second := &operator{stage: s, act: act{verb: o.act.verb, arg: o.act.arg}, process: s.net.process(s.ctx, o.name+"-second")}
		rep, err := second.work(true)
		switch {
		case err != nil:
			s.note("  %s: %v", second.name, err)
		default:
			s.note("  %s: %s", second.name, rep.Summary)
		}
	case "rival":
		s.beside(o)
	default:
		failed("the script has a fault %q", f.kind)
	}
	return pass
}

// traces are the names of all that is in a region, of those that answer.
func (s *stage) traces() map[string][]string {
	w, end := s.look()
	defer end()
	all := map[string][]string{}
	for name, r := range w.Regions {
		topics, err := r.Admin.ListTopicsWithInternal(s.ctx)
		must(s.t, err)
		topics.FilterInternal()
		names := topics.Names()
		subjects, err := r.Registry.Subjects(s.ctx)
		must(s.t, err)
		if b := w.Engines[name]; b != nil {
			list, err := b.List(s.ctx)
			must(s.t, err)
			for _, st := range list {
				names = append(names, "statement "+st.Name)
			}
		}
		all[name] = slices.DeleteFunc(slices.Sorted(slices.Values(append(names, subjects...))), func(name string) bool {
			return strings.HasPrefix(name, "_lifeboat.") && strings.HasSuffix(name, ".runs")
		})
	}
	return all
}
