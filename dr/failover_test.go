package dr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv("LIFEBOAT_TEST_CHILD"); spec != "" {
		os.Exit(doThenDie(spec))
	}
	each.Main(m)
}

func TestPlannedFailoverLosesNothing(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 3000)
		p.mirror()
		p.produce(each.Client(t, env.East), 500) // not mirrored yet: draining must bring it over
		w := p.open()
		defer w.Close()
		plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{Planned: true})
		must(t, err)
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		if rep.Outcome != report.Done {
			t.Fatalf("outcome %s: %s", rep.Outcome, rep.Summary)
		}
		for _, topic := range rep.Topics {
			if topic.LostRecords != 0 || !topic.Measured {
				t.Errorf("topic %s: %d records lost, measured %t", topic.Name, topic.LostRecords, topic.Measured)
			}
		}
		s := p.state()
		if s.Orders != 3500 || s.Big != 1750 || s.Canaries < 2 {
			t.Errorf("in the west: %+v, want 3500 orders, 1750 big ones and 2 canaries", s)
		}
		v, err := dr.Verify(t.Context(), w, "")
		must(t, err)
		if v.Outcome != report.Passed {
			t.Errorf("verify: %+v", v.Checks)
		}
		again, err := dr.Resume(t.Context(), w, rep.Run)
		must(t, err)
		if again.Summary != rep.Summary {
			t.Errorf("resuming an ended run: %q, want its own report %q", again.Summary, rep.Summary)
		}
	})
}

func TestUnplannedFailoverSaysWhatIsLost(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 2000)
		p.mirror()
		p.produce(each.Client(t, env.East), 300) // never mirrored
		must(t, env.East.Broker.Kill())
		w := p.open()
		plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
		must(t, err)
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		w.Close()
		for _, topic := range rep.Topics {
			if topic.Measured {
				t.Errorf("topic %s: loss is called measured while the primary is dead", topic.Name)
			}
		}
		if s := p.state(); s.Orders != 2000 {
			t.Errorf("in the west: %+v, want 2000 orders", s)
		}
		must(t, env.East.Broker.Start(t.Context()))
		w = p.open()
		defer w.Close()
		v, err := dr.Verify(t.Context(), w, "")
		must(t, err)
		if len(v.Topics) != 1 || v.Topics[0].LostRecords != 300 || !v.Topics[0].Measured {
			t.Errorf("verify measured %+v, want 300 records lost", v.Topics)
		}
		var inRanges int64
		for _, l := range v.Topics[0].Lost {
			inRanges += l.Records
		}
		if inRanges != 300 {
			t.Errorf("the named ranges hold %d records, want 300: %+v", inRanges, v.Topics[0].Lost)
		}
	}, each.Private())
}

func TestSecondFailoverIsRefusedWhileOneRuns(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 100)
	p.mirror()
	first := p.options()
	started, release := make(chan struct{}), make(chan struct{})
	first.Who = "first@host"
	first.Events = func(e dr.Event) {
		if e.Step.Kind == plans.StepCanary && e.State == dr.EntryBegin {
			close(started)
			<-release
		}
	}
	w1, err := dr.Open(t.Context(), p.declared, first)
	must(t, err)
	defer w1.Close()
	plan, err := dr.Plan(t.Context(), w1, plans.OpFailover, plans.Options{})
	must(t, err)
	done := make(chan error, 1)
	go func() { _, err := dr.Execute(t.Context(), w1, plan); done <- err }()
	<-started
	w2 := p.open()
	defer w2.Close()
	_, err = dr.Execute(t.Context(), w2, plan)
	var held *dr.LeaseHeldError
	if !errors.As(err, &held) || held.Who != "first@host" || held.Since.IsZero() {
		t.Errorf("second failover: %v, want who holds the lease and since when", err)
	}
	close(release)
	must(t, <-done)
}

func TestStalePlanIsRefused(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 100)
	p.mirror()
	w := p.open()
	defer w.Close()
	plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
	must(t, err)
	p.write("sql/big.sql", "CREATE TABLE other (id BIGINT);")
	p.load()
	w.Declared = p.declared
	_, err = dr.Apply(t.Context(), w, plan)
	var stale *plans.StaleError
	if !errors.As(err, &stale) {
		t.Errorf("applying a plan over changed SQL: %v, want a StaleError", err)
	}
}

// TestResumeAfterKillBetweenSteps kills a failover with SIGKILL before and after each of its steps, resumes it in another process'
// place, and wants the end state of an unbroken run: same data, same statements, same canaries.
func TestResumeAfterKillBetweenSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a child process at every step")
	}
	for _, kind := range []string{"planned", "unplanned"} {
		t.Run(kind, func(t *testing.T) {
			want, events := brokenFailover(t, each.Embedded(t), kind, -1)
			if events < 8 {
				t.Fatalf("an unbroken %s failover told of %d events", kind, events)
			}
			for at := range events {
				t.Run(strconv.Itoa(at), func(t *testing.T) {
					t.Parallel()
					got, _ := brokenFailover(t, each.Embedded(t), kind, at)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("killed at event %d and resumed, the end state differs (-unbroken +resumed):\n%s", at, diff)
					}
				})
			}
		})
	}
}

// brokenFailover runs a failover in a child that kills itself at the given event (-1: never), resumes it, and returns the end state and
// the number of events that an unbroken run tells of.
func brokenFailover(t *testing.T, env *testenv.Env, kind string, at int) (state, int) {
	p := newPipeline(t, env, 400)
	p.mirror()
	spec, err := json.Marshal(childSpec{Dir: p.dir, Do: kind, KillAt: at})
	must(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LIFEBOAT_TEST_CHILD="+string(spec))
	out, err := cmd.CombinedOutput()
	events := strings.Count(string(out), "event ")
	if at < 0 {
		if err != nil {
			t.Fatalf("unbroken failover: %v\n%s", err, out)
		}
		return p.normal(), events
	}
	if err == nil && events <= at {
		return p.normal(), events // a step whose goal was seen at once tells one event less: this run ended first
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was to die by SIGKILL: %v\n%s", err, out)
	}
	w := p.open()
	defer w.Close()
	rep, err := dr.Resume(t.Context(), w, "")
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	if rep.Outcome != report.Done {
		t.Fatalf("resumed run: %s %s", rep.Outcome, rep.Summary)
	}
	return p.normal(), events
}

// normal is the end state without the names of this test's own topics and with offsets that do not depend on the run.
func (p *pipeline) normal() state {
	s := p.state()
	s.Group = strings.ReplaceAll(s.Group, p.orders, "orders")
	return s
}

// TestRunsGoOnAfterDeathsOnKafka is a sample of the same on Apache Kafka: lifeboat dies by SIGKILL, or the destination's broker does under it, and is
// there again.
func TestRunsGoOnAfterDeathsOnKafka(t *testing.T) {
	env := each.Kafka(t, each.Private())
	var want state
	canaries := int64(0)
	equal := func(t *testing.T, got state) { // in a topic that all of them write to
		got.Canaries, canaries = got.Canaries-canaries, got.Canaries
		if want == (state{}) {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the end state differs (-unbroken +resumed):\n%s", diff)
		}
		forgetStatements(t, env.West)
	}
	for _, at := range []int{-1, 3 + rand.IntN(4), 8 + rand.IntN(5), 14 + rand.IntN(5), 20 + rand.IntN(5)} {
		t.Run(fmt.Sprintf("lifeboat at event %d", at), func(t *testing.T) {
			got, _ := brokenFailover(t, env, "planned", at)
			equal(t, got)
		})
	}
	kinds := []plans.StepKind{plans.StepPromote, plans.StepStart}
	if os.Getenv("LIFEBOAT_CRASHES") != "all" {
		i := rand.IntN(len(kinds))
		kinds = kinds[i : i+1]
	}
	for _, kind := range kinds {
		t.Run("broker at "+string(kind), func(t *testing.T) { equal(t, dyingDestination(t, env, kind)) })
	}
}

// TestRunGoesOnWhenItsDestinationDies has the destination's broker die as a step begins and come back.
func TestRunGoesOnWhenItsDestinationDies(t *testing.T) {
	want, _ := brokenFailover(t, each.Embedded(t), "planned", -1)
	for _, kind := range []plans.StepKind{plans.StepPromote, plans.StepCanary, plans.StepStart} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, dyingDestination(t, each.Embedded(t), kind)); diff != "" {
				t.Errorf("the end state differs (-unbroken +resumed):\n%s", diff)
			}
		})
	}
}

// dyingDestination fails over, the destination's broker dying on the way, resumes the run if that has stopped it, and returns the end state.
func dyingDestination(t *testing.T, env *testenv.Env, kind plans.StepKind) state {
	t.Helper()
	p := newPipeline(t, env, 400)
	p.mirror()
	var once sync.Once
	w := p.with(func(o *dr.Options) {
		o.Events = func(e dr.Event) {
			if e.Step.Kind == kind && e.State == dr.EntryBegin {
				once.Do(func() {
					if err := errors.Join(env.West.Broker.Kill(), env.West.Broker.Start(t.Context())); err != nil {
						t.Errorf("the destination's broker: %v", err)
					}
				})
			}
		}
	})
	rep, err := p.planned(w)
	for begun := time.Now(); err != nil && time.Since(begun) < time.Minute; time.Sleep(200 * time.Millisecond) { // the engine may need a moment longer
		t.Logf("stopped: %v", err)
		again := p.open()
		rep, err = dr.Resume(t.Context(), again, "")
		again.Close()
	}
	if err != nil || rep.Outcome != report.Done {
		t.Fatalf("%v: %+v", err, rep)
	}
	return p.normal()
}

// forgetStatements has the next pipeline find none of this one's.
func forgetStatements(t *testing.T, in *testenv.Region) {
	t.Helper()
	b := rest.NewClient(serveEngine(t, in), "lifeboat", in.Name, "", "", http.DefaultClient)
	list, err := b.List(t.Context())
	must(t, err)
	for _, s := range list {
		must(t, b.Delete(t.Context(), s.Name))
	}
	for len(list) > 0 {
		list, err = b.List(t.Context())
		must(t, err)
		time.Sleep(20 * time.Millisecond)
	}
}

// childSpec is what a process of its own is to do (see carryOut), and at which event it kills itself; -1: at none.
type childSpec struct {
	Dir, Do string
	KillAt  int
}

func doThenDie(text string) int {
	var spec childSpec
	fail := func(err error) int {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fail(err)
	}
	declared, _, err := plans.Load(os.ReadFile, filepath.Join(spec.Dir, "lifeboat.yaml"), time.Now())
	if err != nil {
		return fail(err)
	}
	n := 0
	w, err := dr.Open(context.Background(), declared, dr.Options{Timeout: 5 * time.Second, StateDir: filepath.Join(spec.Dir, "state"), Who: "child@host",
		LeaseTTL: 500 * time.Millisecond, Renewal: 100 * time.Millisecond, Still: 100 * time.Millisecond,
		Confirm: func(context.Context, string) (bool, error) { return true, nil },
		Events: func(e dr.Event) {
			if e.State == dr.EntryWaiting || e.State == dr.EntryLag {
				return
			}
			os.Stdout.WriteString("event " + e.Step.ID + " " + string(e.State) + "\n")
			if n == spec.KillAt {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			n++
		}})
	if err != nil {
		return fail(err)
	}
	defer w.Close()
	if _, err := carryOut(context.Background(), w, spec.Do, spec.Dir); err != nil {
		return fail(err)
	}
	return 0
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 200)
	w := p.open()
	defer w.Close()
	outcomeOf := func(rep *report.Report, id string) report.Outcome {
		i := slices.IndexFunc(rep.Checks, func(c report.Check) bool { return c.ID == id && c.Outcome != report.Passed })
		if i < 0 {
			return report.Passed
		}
		return rep.Checks[i].Outcome
	}
	before, err := dr.Check(t.Context(), w, "")
	must(t, err)
	for _, id := range []string{"link-topics", "link-mirrors"} {
		if got := outcomeOf(before, id); got != report.Failed {
			t.Errorf("before anything is mirrored, %s is %s, want failed", id, got)
		}
	}
	p.mirror()
	after, err := dr.Check(t.Context(), w, "")
	must(t, err)
	for _, id := range []string{"region-reachable", "link-topics", "registry", "engine", "retention"} {
		if got := outcomeOf(after, id); got != report.Passed {
			t.Errorf("after mirroring, %s is %s: %+v", id, got, after.Checks)
		}
	}
}

func TestUnreachableRegionSaysWhereAndHowLong(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 10)
	p.mirror()
	must(t, env.West.Broker.Kill())
	w := p.open()
	defer w.Close()
	_, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
	var unreachable *linking.UnreachableError
	if !errors.As(err, &unreachable) || unreachable.Region != "west" || len(unreachable.Addresses) != 1 || unreachable.Tried <= 0 {
		t.Errorf("planning with the destination dead: %v, want which addresses and how long", err)
	}
	must(t, env.West.Broker.Start(t.Context()))
}
