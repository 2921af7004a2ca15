package dr_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestPlannedFailoverGoesOnWithoutItsPrimary kills the old primary in front of each step that needs it, and has the run go on as an unplanned
// failover: under its own id, with what has arrived, and with what is lost in its report.
func TestPlannedFailoverGoesOnWithoutItsPrimary(t *testing.T) {
	for _, c := range []struct {
		at  plans.StepKind
		run func(*testing.T, func(*testing.T, *testenv.Env)) // on which regions
	}{
		{plans.StepVerifyFence, onEach}, {plans.StepStopSource, onEach}, {plans.StepOffsets, onEach},
		{plans.StepDrain, func(t *testing.T, suite func(*testing.T, *testenv.Env)) { each.Run(t, suite, each.Private()) }},
	} {
		t.Run(string(c.at), func(t *testing.T) {
			t.Parallel()
			c.run(t, func(t *testing.T, env *testenv.Env) { dyingPrimary(t, env, c.at) })
		})
	}
}

func dyingPrimary(t *testing.T, env *testenv.Env, at plans.StepKind) {
	p := newPipeline(t, env, 500)
	p.mirror()
	p.produce(each.Client(t, env.East), 40) // which nobody mirrors any more
	o := p.options()
	o.Events = func(e dr.Event) {
		if e.Step.Kind == at && e.State == dr.EntryBegin {
			if err := env.East.Broker.Kill(); err != nil {
				t.Errorf("killing the primary: %v", err)
			}
		}
	}
	w, err := dr.Open(t.Context(), p.declared, o)
	must(t, err)
	defer w.Close()
	arrived := int64(500)
	switch at {
	case plans.StepStopSource:
		p.startInEast(w) // so that there is something to stop
	case plans.StepOffsets:
		arrived = 540
	}
	rep, err := p.planned(w)
	var step *dr.StepError
	if !errors.As(err, &step) {
		t.Fatalf("without its primary the run ended with %v", err)
	}
	if !slices.ContainsFunc(rep.Next, func(n string) bool { return strings.Contains(n, "lifeboat resume --unplanned "+rep.Run) }) {
		t.Errorf("next %q does not say how it goes on without the primary", rep.Next)
	}

	again := p.open()
	defer again.Close()
	run, plan, err := dr.Switch(t.Context(), again, "")
	must(t, err)
	if run != rep.Run || plan.Planned {
		t.Fatalf("run %s (was %s), planned %t", run, rep.Run, plan.Planned)
	}
	end, err := dr.ResumeAs(t.Context(), again, run, plan)
	must(t, err)
	if end.Outcome != report.Done || end.Run != rep.Run || end.Start.After(rep.Start) {
		t.Errorf("run %s, begun %s: %s %s", end.Run, end.Start, end.Outcome, end.Summary)
	}
	if s := p.state(); s.Orders != arrived || s.Canaries < 2 {
		t.Errorf("in the west: %+v, want the %d orders that had arrived", s, arrived)
	}
	var ended *dr.NotSwitchableError
	if _, _, err := dr.Switch(t.Context(), again, run); err == nil || errors.As(err, &ended) || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("switching a run that has ended: %v", err)
	}
	journal, err := dr.ShowRun(t.Context(), again, run)
	must(t, err)
	for _, want := range []string{"planned failover east → west", "unplanned failover east → west"} {
		if !strings.Contains(journal.Text, want) {
			t.Errorf("the journal has no %q:\n%s", want, journal.Text)
		}
	}
}

// TestOnlyPlannedFailoversSwitch refuses to go on otherwise with what has nothing to go on without.
func TestOnlyPlannedFailoversSwitch(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 50)
	p.mirror()
	w := p.open()
	defer w.Close()
	if _, _, err := dr.Switch(t.Context(), w, ""); !errors.Is(err, dr.ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
	o := p.options()
	interrupted := make(chan struct{})
	o.Interrupted = interrupted
	o.Events = func(e dr.Event) {
		if e.Step.Kind == plans.StepPromote && e.State == dr.EntryBegin {
			close(interrupted)
		}
	}
	stopping, err := dr.Open(t.Context(), p.declared, o)
	must(t, err)
	defer stopping.Close()
	plan, err := dr.Plan(t.Context(), stopping, plans.OpFailover, plans.Options{})
	must(t, err)
	if _, err := dr.Execute(t.Context(), stopping, plan); !errors.Is(err, dr.ErrInterrupted) {
		t.Fatalf("got %v, want the run interrupted", err)
	}
	var other *dr.NotSwitchableError
	if _, _, err := dr.Switch(t.Context(), w, ""); !errors.As(err, &other) {
		t.Errorf("an unplanned failover: %v", err)
	}
	must(t, errorOf(dr.Resume(t.Context(), w, "")))
}

func errorOf(_ *report.Report, err error) error { return err }
