package dr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// everywhere declares the pipeline active-active, and runs its statements in both regions: the east is written, the west computes what is mirrored.
func (p *pipeline) everywhere() {
	p.t.Helper()
	path := filepath.Join(p.dir, "lifeboat.yaml")
	yaml, err := os.ReadFile(path)
	must(p.t, err)
	p.write("lifeboat.yaml", strings.Replace(string(yaml), "pattern: active-passive\nprimary: east\n", "pattern: active-active\n", 1))
	p.load()
	p.mirror()
	w := p.open()
	defer w.Close()
	for _, region := range []string{"east", "west"} {
		for _, s := range p.declared.Statements {
			_, err := w.Engines[region].Create(p.t.Context(), engine.Spec{Name: s.Name, SQL: s.SQL})
			must(p.t, err)
		}
	}
}

// verified is what verify says of the outputs, by statement.
func (p *pipeline) verified(w *dr.World) map[string]report.Check {
	p.t.Helper()
	rep, err := dr.Verify(p.t.Context(), w, "")
	must(p.t, err)
	by := map[string]report.Check{}
	for _, c := range rep.Checks {
		if c.ID == "output" {
			by[strings.Fields(c.Name)[0]] = c
		}
	}
	return by
}

func TestActiveActiveComputesTheSameInBothRegions(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 500)
		p.everywhere()
		p.serveLink()
		p.produce(each.Client(t, env.East), 500)
		w := p.open()
		defer w.Close()
		for name, line := range p.verified(w) {
			if line.Outcome != report.Passed {
				t.Errorf("%s: %+v", name, line)
			}
		}
		v := p.watch()
		v.until("all that was put out", func(judged []dr.Judged, _ []string) bool {
			return rows(judged, "big_"+p.orders, false) == 500 && rows(judged, "sums_"+p.orders, true) > 0
		})
		if rep := v.stop(); rep.Outcome != report.Passed {
			t.Errorf("%s: %+v", rep.Summary, rep.Checks)
		}
		// A row that only one region has.
		cl := each.Client(t, env.West)
		must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "big_" + p.orders, Key: []byte("nobody"), Value: []byte("has put this out")}).FirstErr())
		lines := p.verified(w)
		if line := lines["big-2"]; line.Outcome != report.Failed || !strings.Contains(line.Detail, "1 row of big_"+p.orders+" only in west, such as that of nobody") {
			t.Errorf("a row too many in the west: %+v", line)
		}
		if line := lines["per-minute-2"]; line.Outcome != report.Passed {
			t.Errorf("the other statement: %+v", line)
		}
	}, each.Private())
}

func TestActiveActiveMovesWhatHasToMove(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 500)
		p.everywhere()
		stop := p.serveLink()
		p.produce(each.Client(t, env.East), 100)
		stop()
		w := p.open()
		defer w.Close()

		// The region that is written changes: the statements go on in both, and what they had put out stays.
		plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{Planned: true})
		must(t, err)
		for _, s := range plan.Statements {
			if s.Kind == "INSERT_INTO" && s.Strategy != plans.Parallel {
				t.Errorf("statement %s is brought up by %s: %s", s.Name, s.Strategy, s.Reason)
			}
		}
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		if rep.Outcome != report.Done {
			t.Fatalf("%s: %s", rep.Outcome, rep.Summary)
		}
		p.produce(each.Client(t, env.West), 200)
		again := p.open()
		defer again.Close()
		back, err := again.Link("link-" + p.orders + "-back")
		must(t, err)
		l, err := again.OpenLink(back)
		must(t, err)
		must(t, l.Run(t.Context(), linking.RunOptions{Once: true}))
		p.same(w, p.orders, 800)
		seen, err := dr.Observe(t.Context(), w)
		must(t, err)
		for _, region := range []string{"east", "west"} {
			for _, s := range []string{"big-2", "per-minute-2"} {
				if phase := seen.Regions[region].Statements[s].Phase; phase != "RUNNING" {
					t.Errorf("%s in %s is %s", s, region, phase)
				}
			}
		}
		p.readUpTo(w, "big-2", 800)
		p.readUpTo(w, "per-minute-2", 800)
		for name, line := range p.verified(again) {
			if line.Outcome != report.Passed {
				t.Errorf("%s: %+v", name, line)
			}
		}
	}, each.Private())
}

func TestActiveActiveComesBackFromALoss(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 500)
		p.everywhere()
		w := p.open()
		p.produce(each.Client(t, env.East), 100) // never mirrored
		p.readUpTo(w, "big-2", 600)
		w.Close()
		must(t, env.East.Broker.Kill())
		p.failOver(false)
		p.sent = 500
		p.produce(each.Client(t, env.West), 200)
		must(t, env.East.Broker.Start(t.Context()))
		rep := p.failBack(plans.Options{Salvage: filepath.Join(t.TempDir(), "salvage")})
		compared := 0
		for _, c := range rep.Checks {
			if c.ID == "output" {
				compared++
				if c.Outcome != report.Passed {
					t.Errorf("%+v", c)
				}
			}
		}
		if compared != 2 {
			t.Errorf("%d outputs were compared, want 2: %+v", compared, rep.Checks)
		}
		p.home(700, 350)
	}, each.Private())
}
