package plans

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func drillOf(change func(*DrillOptions)) Options {
	o := &DrillOptions{ID: "20261123-040000-beef"}
	if change != nil {
		change(o)
	}
	return Options{Drill: o}
}

// TestDrillIsApart holds a drill's plan to what it must not touch.
func TestDrillIsApart(t *testing.T) {
	p := compute(t, OpDrill, drillOf(nil), declared(t), observed())
	wellFormed(t, p)
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"departures": "_lifeboat.drill.20261123-040000-beef.out.departures", "delays_by_hour": "_lifeboat.drill.20261123-040000-beef.out.delays_by_hour"}, p.Drill.Sinks); diff != "" {
		t.Error(diff)
	}
	for _, s := range p.Statements {
		if slices.ContainsFunc(s.Writes, func(name string) bool { return !strings.HasPrefix(name, p.Drill.Prefix()) }) {
			t.Errorf("statement %s writes %v", s.Name, s.Writes)
		}
		reads := map[string][]string{"departures-2": {"flights"}, "delays-by-hour-2": {p.Drill.Sinks["departures"]}}[s.Name]
		if s.Kind == kindInsert && (!strings.Contains(s.SQL, p.Drill.Prefix()) || !slices.Equal(s.Reads, reads)) {
			t.Errorf("statement %s reads %v: %s", s.Name, s.Reads, s.SQL)
		}
	}
	var kinds []StepKind
	for _, s := range p.Steps {
		kinds = append(kinds, s.Kind)
		if s.Irreversible {
			t.Errorf("step %s can not be taken back", s.ID)
		}
	}
	want := []StepKind{StepInventory, StepCut, StepStart, StepStart, StepStart, StepStart, StepWatermark, StepWatermark, StepCompare, StepCompare, StepClean, StepResidue}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	kept := compute(t, OpDrill, drillOf(func(o *DrillOptions) { o.Keep = true }), declared(t), observed())
	if slices.ContainsFunc(kept.Steps, func(s Step) bool { return s.Kind == StepClean || s.Kind == StepResidue }) {
		t.Error("a drill that is kept removes what it made")
	}
	for _, s := range compute(t, OpFailover, Options{}, declared(t), observed()).Statements {
		if strings.Contains(s.SQL, DrillPrefix) {
			t.Errorf("the failover's statement %s is the drill's: %s", s.Name, s.SQL)
		}
	}
}

func TestDrillIsRefused(t *testing.T) {
	promoted, unmirrored, translated, unregistered := observed(), observed(), observed(), observed()
	for i := range promoted.Mirrors["east-west"] {
		promoted.Mirrors["east-west"][i].State = MirrorStopped
	}
	unmirrored.Mirrors = nil
	translated.Mirrors["east-west"][1].Translated = map[int32]Translation{0: {Why: WhyDeclared}}
	noEngine := observed()
	noEngine.Regions["west"].Engine = "connection refused"
	for _, c := range []struct {
		name   string
		change func(*DrillOptions)
		seen   *Observed
		rule   string // of the blocking finding; "" none
	}{
		{"nothing stands against it", nil, observed(), ""},
		{"promoted", nil, promoted, "drill/promoted"},
		{"not mirrored", nil, unmirrored, "drill/not-mirrored"},
		{"translated", nil, translated, "drill/translated"},
		{"translated, drained", func(o *DrillOptions) { o.Scenario = ScenarioPlanned }, translated, ""},
		{"no engine", nil, noEngine, "engine/unreachable"},
		{"nothing that it would register", nil, unregistered, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compute(t, OpDrill, drillOf(c.change), declared(t), c.seen)
			i := slices.IndexFunc(p.Findings, func(f report.Finding) bool { return f.Severity == report.Block })
			if got := append(p.Findings, report.Finding{})[max(i, 0)].Rule; i < 0 && c.rule != "" || i >= 0 && got != c.rule {
				t.Errorf("findings %+v, want one of %q", p.Findings, c.rule)
			}
		})
	}
	for want, change := range map[string]func(*DrillOptions){
		`a drill has no scenario "region-los": did you mean "region-loss"?`:         func(o *DrillOptions) { o.Scenario = "region-los" },
		"how far the link is behind is told of scenario late-link, and of no other": func(o *DrillOptions) { o.Scenario = ScenarioLateLink },
		"an instant is told of scenario region-loss, and of no other":               func(o *DrillOptions) { o.Scenario, o.At = ScenarioPlanned, now },
		"is still to come":  func(o *DrillOptions) { o.At = now.Add(time.Hour) },
		"a drill has no id": func(o *DrillOptions) { o.ID = "" },
	} {
		if _, err := Compute(OpDrill, drillOf(change), declared(t), observed()); err == nil || !strings.Contains(filepath.ToSlash(err.Error()), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
