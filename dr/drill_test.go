package dr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// startInEast starts the declared statements in the primary, as whoever runs the pipeline has.
func (p *pipeline) startInEast(w *dr.World) {
	p.t.Helper()
	for _, s := range p.declared.Statements {
		_, err := w.Engines["east"].Create(p.t.Context(), engine.Spec{Name: s.Name, SQL: s.SQL})
		must(p.t, err)
	}
}

// serveLink runs the link until the test ends, or until it is stopped.
func (p *pipeline) serveLink() (stop func()) {
	p.t.Helper()
	w := p.open()
	l, err := w.OpenLink(p.declared.Topology.Links[0])
	must(p.t, err)
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = l.Run(ctx, linking.RunOptions{}) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			<-done
			w.Close()
		}
	}
	p.t.Cleanup(stop)
	return stop
}

// readUpTo waits until a statement of the east has read n rows.
func (p *pipeline) readUpTo(w *dr.World, statement string, n int64) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := w.Engines["east"].Progress(p.t.Context(), statement)
		if err == nil && got.RowsIn >= n {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("statement %s of the east: %+v, %v, want %d rows read", statement, got, err, n)
		}
	}
}

// traces are the names of all that is in a region.
func (p *pipeline) traces(w *dr.World, region string) []string {
	p.t.Helper()
	r := w.Regions[region]
	topics, err := r.Admin.ListTopicsWithInternal(p.t.Context())
	must(p.t, err)
	topics.FilterInternal()
	names := slices.DeleteFunc(topics.Names(), func(name string) bool { return topics[name].Err != nil })
	subjects, err := r.Registry.Subjects(p.t.Context())
	must(p.t, err)
	list, err := w.Engines[region].List(p.t.Context())
	must(p.t, err)
	for _, s := range list {
		names = append(names, "statement "+s.Name)
	}
	return slices.DeleteFunc(slices.Sorted(slices.Values(append(names, subjects...))), func(name string) bool { return name == dr.RunsTopic(region) })
}

func checkLines(rep *report.Report) (lines []string) {
	for _, c := range rep.Checks {
		lines = append(lines, fmt.Sprintf("%s %s: %s", c.Outcome, c.ID, c.Detail))
	}
	return lines
}

// TestDrillLeavesNoTrace rehearses the planned move and the loss of the primary while records go on coming.
func TestDrillLeavesNoTrace(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 3000)
		w := p.open()
		defer w.Close()
		p.startInEast(w)
		p.mirror()
		p.serveLink()
		p.readUpTo(w, "big-2", 3000)
		p.readUpTo(w, "per-minute-2", 3000)
		producing, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		east := each.Client(t, env.East)
		go func() {
			begin := time.Now().Add(-48 * time.Hour).Truncate(time.Minute)
			for i := 3000; producing.Err() == nil; i++ {
				if err := east.ProduceSync(t.Context(), p.order(i, begin)).FirstErr(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		before := map[string][]string{"east": p.traces(w, "east"), "west": p.traces(w, "west")}
		for _, scenario := range []string{plans.ScenarioPlanned, plans.ScenarioRegionLoss} {
			plan, err := dr.PlanDrill(t.Context(), w, "", "", plans.DrillOptions{Scenario: scenario})
			must(t, err)
			rep, err := dr.Execute(t.Context(), w, plan)
			must(t, err)
			if rep.Outcome != report.Done && (rep.Outcome != report.Warned || scenario == plans.ScenarioPlanned) {
				t.Errorf("%s: %s: %s\n%s", scenario, rep.Outcome, rep.Summary, strings.Join(checkLines(rep), "\n"))
			}
			compared := 0
			for _, c := range rep.Checks {
				switch {
				case c.Outcome == report.Failed, c.Outcome == report.Unknown, scenario == plans.ScenarioPlanned && c.Outcome != report.Passed:
					t.Errorf("%s: %s %s: %s: %s", scenario, c.Outcome, c.ID, c.Name, c.Detail)
				case c.ID == "output":
					compared++
				}
			}
			if compared != 2 {
				t.Errorf("%s: %d outputs were compared, want those of both statements: %s", scenario, compared, strings.Join(checkLines(rep), "\n"))
			}
			if rep.Drill == nil || rep.Drill.Actual == "not measured" || rep.Drill.Who != "sre@"+t.Name() {
				t.Errorf("%s: %+v", scenario, rep.Drill)
			}
			for region, want := range before {
				if diff := cmp.Diff(want, p.traces(w, region)); diff != "" {
					t.Errorf("%s: %s after the drill (-before +after):\n%s", scenario, region, diff)
				}
			}
		}
		stop()
		must(t, <-done)
		// Nothing was promoted: the failover itself still works.
		plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
		must(t, err)
		if report.Blocked(plan.Findings) {
			t.Errorf("a failover after the drills is blocked: %+v", plan.Findings)
		}
	}, each.Private())
}

// TestDrillSeesAnotherResult has the primary's output hold a row that nobody computed and miss one that its statement would have: each is found.
func TestDrillSeesAnotherResult(t *testing.T) {
	p := newPipeline(t, each.Embedded(t, each.Private()), 500)
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	p.mirror()
	p.serveLink()
	p.readUpTo(w, "big-2", 500)
	big := "big_" + p.orders
	cl := each.Client(t, p.env.East, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: big, Partition: 0, Key: []byte("x"), Value: []byte("nobody computed this")}).FirstErr())
	drill := func() *report.Report {
		t.Helper()
		plan, err := dr.PlanDrill(t.Context(), w, "", "", plans.DrillOptions{Scenario: plans.ScenarioPlanned})
		must(t, err)
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		return rep
	}
	rep := drill()
	found := slices.IndexFunc(rep.Checks, func(c report.Check) bool { return c.ID == "output" && strings.Contains(c.Name, "big-2") })
	if rep.Outcome != report.Failed || found < 0 || rep.Checks[found].Outcome != report.Failed || !strings.Contains(rep.Checks[found].Detail, "1 of the 251 rows that east had put out are missing, such as that of x") {
		t.Errorf("a row that was not computed: %s\n%s", rep.Summary, strings.Join(checkLines(rep), "\n"))
	}
	// The oldest rows go: then it can not be told any more whether they were the same.
	admin := kadm.NewClient(cl)
	ends, err := admin.ListEndOffsets(t.Context(), big)
	must(t, err)
	cut := kadm.Offsets{}
	ends.Each(func(o kadm.ListedOffset) { cut.Add(kadm.Offset{Topic: big, Partition: o.Partition, At: o.Offset}) })
	_, err = admin.DeleteRecords(t.Context(), cut)
	must(t, err)
	rep = drill()
	found = slices.IndexFunc(rep.Checks, func(c report.Check) bool { return c.ID == "output" && strings.Contains(c.Name, "big-2") })
	if found < 0 || rep.Checks[found].Outcome != report.Unknown || !strings.Contains(rep.Checks[found].Detail, "retention has removed") {
		t.Errorf("rows that are gone: %s", strings.Join(checkLines(rep), "\n"))
	}
}

// TestDrillThatEndsEarlyIsCleanedUp ends drills in the middle: by the operator, by a step that fails, by the end of their process.
func TestDrillThatEndsEarlyIsCleanedUp(t *testing.T) {
	p := newPipeline(t, each.Embedded(t, each.Private()), 200)
	p.mirror()
	p.serveLink()
	w := p.open()
	defer w.Close()
	before := map[string][]string{"east": p.traces(w, "east"), "west": p.traces(w, "west")}
	untouched := func() {
		t.Helper()
		for region, want := range before {
			if diff := cmp.Diff(want, p.traces(w, region)); diff != "" {
				t.Errorf("%s after the drill (-before +after):\n%s", region, diff)
			}
		}
	}
	drill := func(ctx context.Context, w *dr.World) (*report.Report, error) {
		t.Helper()
		plan, err := dr.PlanDrill(t.Context(), w, "", "", plans.DrillOptions{})
		must(t, err)
		return dr.Execute(ctx, w, plan)
	}
	at := func(kind plans.StepKind, then func()) func(*dr.Options) {
		var once sync.Once
		return func(o *dr.Options) {
			o.Events = func(e dr.Event) {
				if e.Step.Kind == kind && e.State == dr.EntryBegin {
					once.Do(then)
				}
			}
		}
	}

	t.Run("by the operator", func(t *testing.T) {
		stop := make(chan struct{})
		w := p.with(func(o *dr.Options) {
			at(plans.StepStart, func() { close(stop) })(o)
			o.Interrupted = stop
		})
		rep, err := drill(t.Context(), w)
		if !errors.Is(err, dr.ErrInterrupted) || rep == nil || rep.Outcome != report.Failed || !strings.Contains(rep.Summary, "what it made in west is removed") {
			t.Errorf("it ended with %v, %+v", err, rep)
		}
		untouched()
	})
	t.Run("by a step that fails", func(t *testing.T) {
		w := p.with(at(plans.StepWatermark, func() {
			list, err := p.sandboxed(w)
			must(t, err)
			for _, s := range list {
				must(t, p.sandbox.Delete(t.Context(), s.Name))
			}
		}))
		rep, err := drill(t.Context(), w)
		var step *dr.StepError
		if !errors.As(err, &step) || rep == nil || rep.Outcome != report.Failed {
			t.Errorf("it ended with %v, %+v", err, rep)
		}
		untouched()
	})
	t.Run("with its process", func(t *testing.T) {
		ctx, kill := context.WithCancel(t.Context())
		dying := p.with(at(plans.StepWatermark, kill))
		rep, err := drill(ctx, dying)
		if err == nil || rep.Outcome == report.Done {
			t.Fatalf("it ended with %v, %+v", err, rep)
		}
		if cmp.Diff(before["west"], p.traces(w, "west")) == "" {
			t.Error("a drill that was killed has left nothing: the test shows nothing")
		}
		var interrupted *dr.InterruptedError
		if _, err := dr.CleanDrills(t.Context(), w, "", ""); !errors.As(err, &interrupted) {
			t.Errorf("cleaning up behind a run that has not ended: %v", err)
		}
		if _, err := drill(t.Context(), w); !errors.As(err, &interrupted) {
			t.Errorf("another drill before that: %v", err)
		}
		rep, err = dr.Resume(t.Context(), w, "")
		if !errors.Is(err, dr.ErrCutShort) || rep.Outcome != report.Failed {
			t.Errorf("resuming it: %v, %+v", err, rep)
		}
		untouched()
		rep, err = drill(t.Context(), w)
		must(t, err)
		if rep.Outcome != report.Warned || !strings.Contains(rep.Summary, "It is not known whether the output of big-2") { // east runs no statement
			t.Errorf("the drill behind it: %s", rep.Summary)
		}
		untouched()
	})
	t.Run("kept", func(t *testing.T) {
		plan, err := dr.PlanDrill(t.Context(), w, "", "", plans.DrillOptions{Keep: true})
		must(t, err)
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		if list, err := p.sandboxed(w); err != nil || len(list) != 4 {
			t.Errorf("kept are %v, %v", list, err)
		}
		cleaned, err := dr.CleanDrills(t.Context(), w, "", rep.Run)
		must(t, err)
		if cleaned.Outcome != report.Done || len(cleaned.Checks) != 1 {
			t.Errorf("cleaned: %+v", cleaned)
		}
		untouched()
	})
}

// sandboxed are the statements of the newest drill.
func (p *pipeline) sandboxed(w *dr.World) ([]engine.Statement, error) {
	topics, err := w.Regions["west"].Admin.ListTopicsWithInternal(p.t.Context())
	if err != nil {
		return nil, err
	}
	for _, name := range topics.Names() {
		if id, found := strings.CutPrefix(name, plans.DrillPrefix); found && topics[name].Err == nil {
			id, _, _ = strings.Cut(id, ".")
			p.sandbox = rest.NewClient(p.engines[1], "lifeboat", "drill."+id, "", "", http.DefaultClient)
			return p.sandbox.List(p.t.Context())
		}
	}
	return nil, errors.New("there is no sandbox")
}

// TestDrillOfALinkThatIsBehind cuts the input where a late link, or a loss at an instant, would have: what is younger counts as lost, and is not computed.
func TestDrillOfALinkThatIsBehind(t *testing.T) {
	p := newPipeline(t, each.Embedded(t, each.Private()), 3000) // one a second, from 48 hours ago
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	p.mirror()
	p.serveLink()
	p.readUpTo(w, "big-2", 3000)
	p.readUpTo(w, "per-minute-2", 3000)
	instant := time.Now().Add(-48*time.Hour + 1000*time.Second)
	for name, o := range map[string]plans.DrillOptions{
		"late link": {Scenario: plans.ScenarioLateLink, Behind: plans.Duration(time.Since(instant))},
		"instant":   {Scenario: plans.ScenarioRegionLoss, At: instant},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := dr.PlanDrill(t.Context(), w, "", "", o)
			must(t, err)
			rep, err := dr.Execute(t.Context(), w, plan)
			must(t, err)
			if len(rep.Topics) != 1 || rep.Topics[0].LostRecords < 1900 || rep.Topics[0].LostRecords > 2000 || !rep.Topics[0].Measured {
				t.Fatalf("lost: %+v, want what is younger than %s", rep.Topics, instant)
			}
			arrived := 3000 - rep.Topics[0].LostRecords
			found := slices.IndexFunc(rep.Checks, func(c report.Check) bool { return c.ID == "output" && strings.Contains(c.Name, "big-2") })
			if rep.Outcome != report.Warned || found < 0 || rep.Checks[found].Outcome != report.Warned || !strings.Contains(rep.Checks[found].Detail, "had read") {
				t.Errorf("%s: %s", rep.Outcome, strings.Join(checkLines(rep), "\n"))
			}
			var rows int64
			if _, err := fmt.Sscanf(rep.Checks[found].Detail, "%d rows", &rows); err != nil || rows < arrived/2-50 || rows > arrived/2+50 {
				t.Errorf("of %d orders %d were found big: %v", arrived, rows, err)
			}
		})
	}
}

// TestDrillComparesLastValues: of an output that is updated in place the last value of each key counts, and the next drill is told beside the one before.
func TestDrillComparesLastValues(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	p.write("sql/latest.sql", fmt.Sprintf("CREATE TABLE `latest_%[1]s` (shop STRING NOT NULL, amount BIGINT, PRIMARY KEY (shop) NOT ENFORCED) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `latest_%[1]s` SELECT shop, amount FROM `%[1]s`;\n", p.orders))
	p.load()
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	p.mirror()
	p.serveLink()
	p.readUpTo(w, "latest-2", 200)
	drill := func(want report.Outcome, detail string) *report.Report {
		t.Helper()
		plan, err := dr.PlanDrill(t.Context(), w, "", "", plans.DrillOptions{Scenario: plans.ScenarioPlanned})
		must(t, err)
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		i := slices.IndexFunc(rep.Checks, func(c report.Check) bool {
			return c.ID == "output" && strings.Contains(c.Name, "latest-2")
		})
		if i < 0 || rep.Checks[i].Outcome != want || !strings.Contains(rep.Checks[i].Detail, detail) {
			t.Errorf("want %s: %q:\n%s", want, detail, strings.Join(checkLines(rep), "\n"))
		}
		return rep
	}
	if first := drill(report.Passed, "7 keys, digest "); first.Drill.Last != "" || len(first.Drill.Trend) > 0 {
		t.Errorf("the first drill is compared with %q, %+v", first.Drill.Last, first.Drill.Trend)
	}
	cl := each.Client(t, p.env.East)
	must(t, cl.ProduceSync(t.Context(), p.oldest("east", "latest_"+p.orders)).FirstErr())
	second := drill(report.Failed, "of 7 keys, 1 have another last value than east had at the cut")
	must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "latest_" + p.orders, Key: []byte("nobody's"), Value: []byte("x")}).FirstErr())
	third := drill(report.Failed, "1 key that east had is missing")
	for i, rep := range []*report.Report{second, third} {
		if rep.Drill.Last == "" || len(rep.Drill.Trend) < 2 || len(rep.Drill.Trend[0].Before) != i+1 {
			t.Errorf("drill %d is told beside %q, %+v", i+2, rep.Drill.Last, rep.Drill.Trend)
		}
	}
}
