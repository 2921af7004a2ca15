package dr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// newWriters is a pipeline that both regions write and compute: each has orders of its own, and those of the other one under a prefix. n of the
// east's are there.
func newWriters(t *testing.T, env *testenv.Env, n int) *pipeline {
	t.Helper()
	p := newPipeline(t, env, n)
	p.write("sql/big.sql", fmt.Sprintf("CREATE TABLE `big_%[1]s` (id BIGINT NOT NULL, shop STRING NOT NULL, amount BIGINT NOT NULL) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `big_%[1]s` SELECT id, shop, amount FROM `${east:%[1]s}` WHERE amount >= 50;\n"+
		"INSERT INTO `big_%[1]s` SELECT id, shop, amount FROM `${west:%[1]s}` WHERE amount >= 50;\n", p.orders))
	p.write("sql/per_minute.sql", fmt.Sprintf("CREATE TABLE `sums_%[1]s` (shop STRING NOT NULL, minute_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, total BIGINT) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `sums_%[1]s` SELECT shop, window_start, COUNT(*), SUM(amount) FROM TABLE(TUMBLE(TABLE `${east:%[1]s}`, DESCRIPTOR($rowtime), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, shop;\n", p.orders))
	each.Topic(t, env.West, p.orders, 3, "retention.ms=864000000")
	reg, err := sr.NewClient(sr.URLs(env.West.Registry))
	must(t, err)
	ss, err := reg.CreateSchema(t.Context(), p.orders+"-value", sr.Schema{Schema: orderSchema})
	must(t, err)
	if ss.ID != p.schemaID {
		t.Fatalf("the registries give one schema the ids %d and %d", p.schemaID, ss.ID)
	}
	yaml, err := os.ReadFile(filepath.Join(p.dir, "lifeboat.yaml"))
	must(t, err)
	head, rest, _ := strings.Cut(strings.Replace(string(yaml), "pattern: active-passive\nprimary: east\n", "pattern: active-active\n", 1), "links:\n")
	_, pipelines, _ := strings.Cut(rest, "pipelines:\n")
	head += "links:\n"
	for _, way := range [][2]string{{"east", "west"}, {"west", "east"}} {
		head += fmt.Sprintf("  - {name: %[1]s-%[2]s, from: %[1]s, to: %[2]s, prefix: %[1]s., topics: {include: [%[3]q]}, groups: {include: [%[4]q]}, subjects: {include: [%[5]q]}}\n",
			way[0], way[1], p.orders, p.group, p.orders+"-.*")
	}
	p.write("lifeboat.yaml", head+"pipelines:\n"+pipelines)
	p.load()
	p.both()
	w := p.open()
	defer w.Close()
	for _, region := range []string{"east", "west"} {
		for _, s := range p.declared.In(region).Statements {
			_, err := w.Engines[region].Create(t.Context(), engine.Spec{Name: s.Name, SQL: s.SQL})
			must(t, err)
		}
	}
	return p
}

// both runs both links until lag is zero.
func (p *pipeline) both() {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	for _, decl := range p.declared.Topology.Links {
		l, err := w.OpenLink(decl)
		must(p.t, err)
		must(p.t, l.Run(p.t.Context(), linking.RunOptions{Once: true}))
	}
}

// carriedOut plans an operation and carries it out.
func (p *pipeline) carriedOut(op plans.Operation, o plans.Options) (*plans.Plan, *report.Report) {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	plan, err := dr.Plan(p.t.Context(), w, op, o)
	must(p.t, err)
	rep, err := dr.Execute(p.t.Context(), w, plan)
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", op, err, plan.Text())
	}
	if rep.Outcome != report.Done {
		p.t.Fatalf("%s: %s: %s", op, rep.Outcome, rep.Summary)
	}
	return plan, rep
}

// everythingSame wants every output to be compared and to be the same.
func (p *pipeline) everythingSame(checks []report.Check) {
	p.t.Helper()
	n := 0
	for _, c := range checks {
		if c.ID == "output" {
			n++
			if c.Outcome != report.Passed {
				p.t.Errorf("%+v", c)
			}
		}
	}
	if n != 2 {
		p.t.Errorf("%d outputs were compared, want 2: %+v", n, checks)
	}
}

func TestTheLossOfAWritingRegionMovesNearlyNothing(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newWriters(t, env, 300)
		link := p.declared.Topology.Links[0].Name
		p.produce(each.Client(t, env.West), 100) // to the west's own topic
		p.both()
		p.produce(each.Client(t, env.East), 40) // never mirrored before the loss
		w := p.open()
		p.readUpTo(w, "big-2", 340)
		w.Close()
		must(t, env.East.Broker.Kill())

		plan, rep := p.carriedOut(plans.OpFailover, plans.Options{Link: link})
		for _, s := range plan.Steps {
			if slices.Contains([]plans.StepKind{plans.StepPromote, plans.StepStart, plans.StepRegistry, plans.StepFence}, s.Kind) {
				t.Errorf("step %s: nothing is promoted, started, registered or fenced", s.ID)
			}
		}
		if len(rep.Topics) != 1 || rep.Topics[0].Name != "east."+p.orders {
			t.Errorf("the loss is told of %+v", rep.Topics)
		}
		w = p.open()
		defer w.Close()
		seen, err := dr.Observe(t.Context(), w)
		must(t, err)
		if m := seen.Mirrors[link]; len(m) != 1 || m[0].State != plans.MirrorPaused {
			t.Errorf("mirrors of the lost region: %+v", m)
		}
		p.produce(each.Client(t, env.West), 60)
		if got := seen.Regions["west"].Groups[p.group].Positions["east."+p.orders]; len(got) == 0 {
			t.Errorf("the group has no positions in what came from the east: %+v", seen.Regions["west"].Groups[p.group])
		}

		must(t, env.East.Broker.Start(t.Context()))
		_, rep = p.carriedOut(plans.OpFailback, plans.Options{Link: link})
		p.everythingSame(rep.Checks)
		p.both()
		w2 := p.open()
		defer w2.Close()
		for _, side := range [][2]string{{"east", p.orders}, {"west", "east." + p.orders}} {
			d, err := dr.DigestRows(t.Context(), w2.Regions[side[0]], side[1], func(*kgo.Record) bool { return true })
			must(t, err)
			if d.Count != 340 {
				t.Errorf("%s holds %d orders of the east in %s, want 340", side[1], d.Count, side[0])
			}
		}
		v, err := dr.Verify(t.Context(), w2, link)
		must(t, err)
		if v.Outcome != report.Passed {
			t.Errorf("verify: %+v", v.Checks)
		}
		p.everythingSame(v.Checks)
	}, each.Private())
}

func TestAWritingRegionIsLeftAndComesBack(t *testing.T) {
	p := newWriters(t, each.Embedded(t), 200)
	yaml, err := os.ReadFile(filepath.Join(p.dir, "lifeboat.yaml"))
	must(t, err)
	p.write("lifeboat.yaml", strings.Replace(string(yaml), "  west:\n", "    fence: {by: config}\n  west:\n", 1))
	p.load()
	link := p.declared.Topology.Links[0].Name
	p.produce(each.Client(t, p.env.East), 40) // drained
	_, rep := p.carriedOut(plans.OpFailover, plans.Options{Link: link, Planned: true})
	for _, topic := range rep.Topics {
		if topic.LostRecords != 0 || !topic.Measured {
			t.Errorf("%s: %d lost, measured %t", topic.Name, topic.LostRecords, topic.Measured)
		}
	}
	if err := each.Client(t, p.env.East, kgo.RecordRetries(1)).ProduceSync(t.Context(), p.order(1000, time.Now())).FirstErr(); err == nil {
		t.Error("the east takes orders behind its fence")
	}
	must(t, each.Client(t, p.env.West).ProduceSync(t.Context(), p.order(2000, time.Now())).FirstErr())
	_, rep = p.carriedOut(plans.OpFailback, plans.Options{Link: link})
	p.everythingSame(rep.Checks)
	must(t, each.Client(t, p.env.East).ProduceSync(t.Context(), p.order(3000, time.Now())).FirstErr())
	p.both()
}

// Somebody has written to the mirror of a region that was away: what comes back from there belongs in that place.
func TestAReturnIsRefusedWhereSomebodyWroteToTheMirror(t *testing.T) {
	p := newWriters(t, each.Embedded(t), 100)
	link := p.declared.Topology.Links[0].Name
	w := p.open()
	defer w.Close()
	plan, err := dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{Link: link})
	must(t, err)
	wants(t, plan, "failback/no-failover")
	p.carriedOut(plans.OpFailover, plans.Options{Link: link})
	foreign := p.order(5000, time.Now())
	foreign.Topic = "east." + p.orders
	must(t, each.Client(t, p.env.West).ProduceSync(t.Context(), foreign).FirstErr())
	plan, err = dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{Link: link})
	must(t, err)
	wants(t, plan, "failback/written")
	p.produce(each.Client(t, p.env.East), 20) // and the east goes on past it
	plan, err = dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{Link: link})
	must(t, err)
	wants(t, plan, "failback/written")
}

func wants(t *testing.T, plan *plans.Plan, rule string) {
	t.Helper()
	if !slices.ContainsFunc(plan.Findings, func(f report.Finding) bool { return f.Rule == rule && f.Severity == report.Block }) {
		t.Errorf("no %s in %+v", rule, plan.Findings)
	}
}

// A run between two writing regions is ended at some of its calls, before and after, and goes on behind them: the mirror is held, or mirrored again, once.
func TestRunsBetweenWritingRegionsGoOnAfterCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("ends a run at some of its calls")
	}
	end := func(t *testing.T, op plans.Operation, at int64, after bool) (calls int64) {
		t.Helper()
		env := each.Embedded(t, each.Private())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var n, last atomic.Int64 // requests that change something, and which of them is the last; 0: none
		for _, r := range env.Regions() {
			r.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
				r.Fake.KeepControl()
				if !slices.Contains(changing, kmsg.Key(req.Key())) || n.Add(1) != last.Load() {
					return nil, nil, false
				}
				cancel()
				if after {
					return nil, nil, false
				}
				return nil, errors.New("the process has ended"), true
			})
		}
		p := newWriters(t, env, 60)
		link := p.declared.Topology.Links[0].Name
		want := plans.MirrorPaused
		if op == plans.OpFailback {
			want = plans.MirrorActive
			p.carriedOut(plans.OpFailover, plans.Options{Link: link})
		}
		p.produce(each.Client(t, env.East), 20)
		w := p.open()
		defer w.Close()
		plan, err := dr.Plan(t.Context(), w, op, plans.Options{Link: link, Planned: op == plans.OpFailover})
		must(t, err)
		n.Store(0)
		last.Store(at)
		rep, err := dr.Execute(ctx, w, plan)
		calls = n.Load()
		last.Store(0)
		if err != nil && at > 0 {
			if rep, err = dr.Resume(t.Context(), w, ""); errors.Is(err, dr.ErrNoRun) { // it was ended before it had written anything
				_, rep = p.carriedOut(op, plans.Options{Link: link, Planned: op == plans.OpFailover})
				err = nil
			}
		}
		must(t, err)
		if rep.Outcome != report.Done {
			t.Errorf("%s: %s", rep.Outcome, rep.Summary)
		}
		seen, err := dr.Observe(t.Context(), w)
		must(t, err)
		if m := seen.Mirrors[link]; len(m) != 1 || m[0].State != want {
			t.Errorf("the mirror: %+v, want it %s", m, want)
		}
		d, err := dr.DigestRows(t.Context(), w.Regions["west"], "east."+p.orders, func(*kgo.Record) bool { return true })
		must(t, err)
		if d.Count != 80 {
			t.Errorf("the mirror holds %d orders, want 80", d.Count)
		}
		return calls
	}
	for _, op := range []plans.Operation{plans.OpFailover, plans.OpFailback} {
		t.Run(string(op), func(t *testing.T) {
			calls := end(t, op, 0, false)
			for _, at := range []int64{calls / 3, 3 * calls / 4} {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("%d/%t", at, after), func(t *testing.T) { end(t, op, at, after) })
				}
			}
		})
	}
}

// runLinks runs both links until the test ends.
func (p *pipeline) runLinks() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	w := p.open()
	var links sync.WaitGroup
	for _, decl := range p.declared.Topology.Links {
		l, err := w.OpenLink(decl)
		must(p.t, err)
		links.Go(func() { _ = l.Run(ctx, linking.RunOptions{}) })
	}
	p.t.Cleanup(func() { cancel(); links.Wait(); w.Close() })
}

// TestDrillBetweenWritingRegions rehearses the loss of either of two regions that both write, while both are written: what a region makes of its own orders
// and of the other's is what the other one has made of them.
func TestDrillBetweenWritingRegions(t *testing.T) {
	p := newWriters(t, each.Embedded(t, each.Private()), 600)
	p.produce(each.Client(t, p.env.West), 400)
	p.runLinks()
	w := p.open()
	defer w.Close()
	p.readUpTo(w, "big-2", 600)
	p.readUpTo(w, "big-3", 400)
	before := map[string][]string{"east": p.traces(w, "east"), "west": p.traces(w, "west")}
	drill := func(link, scenario string) *report.Report {
		t.Helper()
		plan, err := dr.PlanDrill(t.Context(), w, link, "", plans.DrillOptions{Scenario: scenario})
		must(t, err)
		rep, err := dr.Execute(t.Context(), w, plan)
		if err != nil {
			t.Fatalf("%v\n%s", err, plan.Text())
		}
		for region, want := range before {
			if diff := cmp.Diff(want, p.traces(w, region)); diff != "" {
				t.Errorf("%s: %s after the drill (-before +after):\n%s", link, region, diff)
			}
		}
		return rep
	}
	producing, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for i, r := range p.env.Regions() {
		cl := each.Client(t, r)
		writers.Go(func() {
			begin := time.Now().Add(-48 * time.Hour).Truncate(time.Minute)
			for n := 10_000 * (i + 1); producing.Err() == nil; n++ {
				_ = cl.ProduceSync(producing, p.order(n, begin)).FirstErr()
			}
		})
	}
	for _, l := range p.declared.Topology.Links {
		for _, scenario := range []string{plans.ScenarioPlanned, plans.ScenarioRegionLoss} {
			rep := drill(l.Name, scenario)
			if rep.Outcome != report.Done && (rep.Outcome != report.Warned || scenario == plans.ScenarioPlanned) {
				t.Errorf("%s, %s: %s: %s\n%s", l.Name, scenario, rep.Outcome, rep.Summary, strings.Join(checkLines(rep), "\n"))
			}
			compared := 0
			for _, c := range rep.Checks {
				if c.ID == "output" && c.Outcome != report.Failed && c.Outcome != report.Unknown {
					compared++
				}
			}
			if compared != 3 || len(rep.Topics) != 1 || rep.Topics[0].Name != l.Prefix+p.orders {
				t.Errorf("%s, %s: %d outputs were compared, want 3: %+v\n%s", l.Name, scenario, compared, rep.Topics, strings.Join(checkLines(rep), "\n"))
			}
		}
	}
	stop()
	writers.Wait()

	// A row that the east alone has put out is seen to be missing, by the drill of its loss.
	must(t, each.Client(t, p.env.East).ProduceSync(t.Context(), &kgo.Record{Topic: "big_" + p.orders, Key: []byte("x"), Value: []byte("nobody computed this")}).FirstErr())
	if rep := drill(p.declared.Topology.Links[0].Name, plans.ScenarioPlanned); rep.Outcome != report.Failed || !strings.Contains(strings.Join(checkLines(rep), "\n"), "are missing, such as that of x") {
		t.Errorf("%s: %s\n%s", rep.Outcome, rep.Summary, strings.Join(checkLines(rep), "\n"))
	}
}
