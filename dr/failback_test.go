package dr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// failOver moves the pipeline to the west.
func (p *pipeline) failOver(planned bool) {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	plan, err := dr.Plan(p.t.Context(), w, plans.OpFailover, plans.Options{Planned: planned})
	must(p.t, err)
	rep, err := dr.Execute(p.t.Context(), w, plan)
	must(p.t, err)
	if rep.Outcome != report.Done {
		p.t.Fatalf("failover: %s: %s", rep.Outcome, rep.Summary)
	}
}

// failBack moves it back to the east.
func (p *pipeline) failBack(o plans.Options) *report.Report {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	plan, err := dr.Plan(p.t.Context(), w, plans.OpFailback, o)
	must(p.t, err)
	rep, err := dr.Execute(p.t.Context(), w, plan)
	must(p.t, err)
	if rep.Outcome != report.Done {
		p.t.Fatalf("failback: %s: %s", rep.Outcome, rep.Summary)
	}
	return rep
}

// same wants an output topic to be the same rows in both regions, n of them unless n is 0.
func (p *pipeline) same(w *dr.World, topic string, n int64) {
	p.t.Helper()
	var rows [2]map[string]int
	var counts [2]int64
	for i, region := range []string{"east", "west"} {
		rows[i] = map[string]int{}
		d, err := dr.DigestRows(p.t.Context(), w.Regions[region], topic, func(r *kgo.Record) bool {
			rows[i][string(r.Value[5:])]++ // behind the id of its schema, of which each registry has its own
			return true
		})
		must(p.t, err)
		counts[i] = d.Count
	}
	if n > 0 && counts[0] != n {
		p.t.Errorf("%s has %d rows in the east, want %d", topic, counts[0], n)
	}
	if diff := cmp.Diff(rows[1], rows[0]); diff != "" {
		p.t.Errorf("%s has other rows in the east than in the west (%d and %d): %s", topic, counts[0], counts[1], diff)
	}
}

// home wants the pipeline to be in the east as if it had never left, with n orders of which big are big ones, and the west to be its mirror.
func (p *pipeline) home(n, big int64) {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	p.same(w, p.orders, n)
	p.same(w, "big_"+p.orders, big)
	p.same(w, "sums_"+p.orders, 0)
	seen, err := dr.Observe(p.t.Context(), w)
	must(p.t, err)
	link := p.declared.Topology.Links[0].Name
	if m := seen.Mirrors[link]; len(m) != 1 || m[0].State != plans.MirrorActive {
		p.t.Errorf("the mirrors in the west: %+v, want it ACTIVE again", m)
	}
	for _, s := range []string{"big-2", "per-minute-2"} {
		if phase := seen.Regions["east"].Statements[s].Phase; phase != "RUNNING" {
			p.t.Errorf("statement %s in the east is %s", s, phase)
		}
	}
	// What is written in the east now arrives in the west, by the same offsets.
	p.produce(each.Client(p.t, p.env.East), 20)
	p.mirror()
	v, err := dr.Verify(p.t.Context(), w, "")
	must(p.t, err)
	if v.Outcome != report.Passed {
		p.t.Errorf("verify: %+v, %+v", v.Checks, v.Findings)
	}
}

func TestFailbackAfterPlannedFailover(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 1000)
		p.mirror()
		w := p.open()
		defer w.Close()
		p.startInEast(w)
		p.readUpTo(w, "big-2", 1000)
		p.failOver(true)
		p.produce(each.Client(t, env.West), 400)
		rep := p.failBack(plans.Options{})
		for _, topic := range rep.Topics {
			if topic.LostRecords != 0 || !topic.Measured {
				t.Errorf("topic %s: %d records lost, measured %t", topic.Name, topic.LostRecords, topic.Measured)
			}
		}
		for _, s := range rep.Statements {
			if strings.HasSuffix(s.Name, "-2") && s.Strategy != string(plans.Restore) {
				t.Errorf("statement %s was brought back by %s: %s", s.Name, s.Strategy, s.Reason)
			}
		}
		p.home(1400, 700)
		p.failOver(true) // and there again
		p.produce(each.Client(t, env.West), 80)
		p.failBack(plans.Options{})
		p.home(1500, 750)
	}, each.Private())
}

func TestFailbackAfterTheLossOfARegion(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 1000)
		p.mirror()
		w := p.open()
		p.startInEast(w)
		p.produce(each.Client(t, env.East), 200) // never mirrored, and read by the statements
		p.readUpTo(w, "big-2", 1200)
		w.Close()
		must(t, env.East.Broker.Kill())
		p.failOver(false)
		p.sent = 1000
		p.produce(each.Client(t, env.West), 300)
		must(t, env.East.Broker.Start(t.Context()))

		w = p.open()
		defer w.Close()
		plan, err := dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{})
		must(t, err)
		if !report.Blocked(plan.Findings) {
			t.Fatalf("a failback that says nothing of the 200 orders that only the east has is not blocked: %s", plan.Text())
		}
		dir := filepath.Join(t.TempDir(), "salvage")
		rep := p.failBack(plans.Options{Salvage: dir})
		p.home(1300, 650)

		logs, err := filepath.Glob(filepath.Join(dir, rep.Run, p.orders+"-*", "*.jsonl"))
		must(t, err)
		lines := 0
		for _, name := range logs {
			text, err := os.ReadFile(name)
			must(t, err)
			lines += strings.Count(string(text), "\n")
		}
		if lines != 200 {
			t.Errorf("%d orders were salvaged, want 200: %v", lines, logs)
		}
	}, each.Private())
}

// Fences of both regions: what keeps writers out of the one that is left is gone when it is the primary again, and nothing of it stays in its configs.
func TestFailbackLiftsWhatKeepsWritersOut(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 200)
		p.declare("    fence: {by: config}\n")
		yaml, err := os.ReadFile(filepath.Join(p.dir, "lifeboat.yaml"))
		must(t, err)
		p.write("lifeboat.yaml", strings.Replace(string(yaml), "links:\n", "    fence: {by: config}\nlinks:\n", 1))
		p.load()
		p.mirror()
		w := p.open()
		defer w.Close()
		limit := func(region string) string {
			t.Helper()
			described, err := w.Regions[region].Admin.DescribeTopicConfigs(t.Context(), p.orders)
			must(t, err)
			d, err := described.On(p.orders, nil)
			must(t, err)
			for _, c := range d.Configs {
				if c.Key == "max.message.bytes" {
					return c.MaybeValue()
				}
			}
			return "none"
		}
		before := limit("east")
		for range 2 {
			p.failOver(true)
			if at := limit("east"); at != "0" {
				t.Errorf("max.message.bytes in the east behind a fence by config: %s, want 0", at)
			}
			if at := limit("west"); at != before {
				t.Errorf("max.message.bytes in the west after the failover: %s, want %s", at, before)
			}
			p.produce(each.Client(t, env.West), 20)
			p.failBack(plans.Options{})
			if at := limit("east"); at != before {
				t.Errorf("max.message.bytes in the east after the failback: %s, want %s", at, before)
			}
			p.produce(each.Client(t, env.East), 20)
			p.mirror()
		}
		runs, err := dr.ListRuns(t.Context(), w)
		must(t, err)
		if len(runs.Runs) != 4 {
			t.Errorf("%d runs are listed, want two failovers and two failbacks: %+v", len(runs.Runs), runs.Runs)
		}
		must(t, env.East.Broker.Kill()) // and with it the journal of the failbacks
		p.failOver(false)
		lost := p.open()
		defer lost.Close()
		rep, err := dr.Fences(t.Context(), lost)
		must(t, err)
		if rep.Summary != "no fence stands" {
			t.Errorf("behind a failover to a region that a failback had fenced: %s\n%s", rep.Summary, rep.Text)
		}
	}, each.Private())
}

func TestFailbackRefuses(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 50)
	p.mirror()
	w := p.open()
	defer w.Close()
	blocked := func(rule string) {
		t.Helper()
		plan, err := dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{})
		must(t, err)
		for _, f := range plan.Findings {
			if f.Rule == rule && f.Severity == report.Block {
				return
			}
		}
		t.Errorf("no %s in %+v", rule, plan.Findings)
	}
	blocked("failback/no-failover")
	p.failOver(true)
	p.failBack(plans.Options{})
	blocked("failback/no-failover")

	// Somebody goes on writing in the region that was left, and has the rights to.
	p.failOver(true)
	stop := make(chan struct{})
	cl := each.Client(t, p.env.East)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := p.sent; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				cl.Produce(t.Context(), p.order(i, time.Now()), nil)
			}
		}
	}()
	plan, err := dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{Discard: true})
	must(t, err)
	_, err = dr.Execute(t.Context(), w, plan)
	close(stop)
	<-done
	if err == nil || !strings.Contains(err.Error(), "still written: "+p.orders) {
		t.Errorf("a failback into a region that is written: %v", err)
	}
}
