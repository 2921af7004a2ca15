package dr_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// outcomes are those of a report's steps, by id.
func outcomes(rep *report.Report) map[string]report.Outcome {
	all := map[string]report.Outcome{}
	for _, s := range rep.Steps {
		all[s.ID] = s.Outcome
	}
	return all
}

// with opens the regions with changed options.
func (p *pipeline) with(change func(*dr.Options)) *dr.World {
	p.t.Helper()
	o := p.options()
	change(&o)
	w, err := dr.Open(p.t.Context(), p.declared, o)
	must(p.t, err)
	p.t.Cleanup(w.Close)
	return w
}

// TestRunStopsBehindAStep does what a step needs, and nothing else; resuming does the rest.
func TestRunStopsBehindAStep(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	p.mirror()
	w := p.with(func(o *dr.Options) { o.Until = "registry-mode" })
	plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
	must(t, err)
	rep, err := dr.Execute(t.Context(), w, plan)
	var paused *dr.PausedError
	if !errors.As(err, &paused) || !strings.Contains(err.Error(), "behind step registry-mode") {
		t.Fatalf("got %v, want the run paused behind the step", err)
	}
	for id, outcome := range outcomes(rep) {
		want := report.Pending
		if id == "offsets" || id == "promote" || id == "registry-mode" {
			want = report.Done
		}
		if outcome != want {
			t.Errorf("step %s: %s, want %s", id, outcome, want)
		}
	}
	rest := p.open()
	defer rest.Close()
	first := rep
	rep, err = dr.Resume(t.Context(), rest, "")
	must(t, err)
	if rep.Outcome != report.Done {
		t.Errorf("resumed: %s %s", rep.Outcome, rep.Summary)
	}
	tellsOfBoth(t, first, rep)
}

// tellsOfBoth wants the report of a resumed run to count what the first process did when it did it, and the time between the two.
func tellsOfBoth(t *testing.T, first, rep *report.Report) {
	t.Helper()
	worked := 0.0
	for i, s := range first.Steps {
		worked = max(worked, s.End.Sub(s.Start).Seconds())
		if again := rep.Steps[i]; s.Kind == string(plans.StepPromote) && again.End.After(first.End) { // others hold only at one moment, and are done again
			t.Errorf("step %s was done by the first process until %s, the report has it until %s", s.ID, s.End, again.End)
		}
	}
	sum, rto, stood := 0.0, 0.0, 0.0
	for _, f := range rep.Figures {
		switch f.Name {
		case "RTO phase":
			sum += f.Value
		case "RTO":
			rto = f.Value
		case "stood still":
			stood = f.Value
		}
	}
	if between := first.End; stood <= 0 || rep.End.Sub(between).Seconds() < stood {
		t.Errorf("it stood still for %g s, of %s", stood, rep.End.Sub(between))
	}
	if all := rep.End.Sub(first.Start).Seconds(); rto < stood || sum < worked || sum+stood > all+0.001 {
		t.Errorf("RTO %g s, of it %g s in phases and %g s of standing still; a step of the first process took %g s", rto, sum, stood, worked)
	}
}

func TestUntilAnUnknownStepBeginsNothing(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 50)
	p.mirror()
	w := p.with(func(o *dr.Options) { o.Until = "promotion" })
	plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
	must(t, err)
	var unknown *dr.UnknownStepError
	if _, err := dr.Execute(t.Context(), w, plan); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "promote") {
		t.Errorf("got %v, want the steps that there are", err)
	}
	if runs, err := dr.ListRuns(t.Context(), w); err != nil || len(runs.Runs) != 0 {
		t.Errorf("%d runs were begun (%v)", len(runs.Runs), err)
	}
}

// TestEveryPhaseAsks has the operator asked once before each phase, say no to one, and be asked again about that one when the run is resumed.
func TestEveryPhaseAsks(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	p.mirror()
	var asked []string
	refuse := "start"
	ask := func(o *dr.Options) {
		o.Gate = func(_ context.Context, question string) (bool, error) {
			phase := strings.Fields(question)[2]
			asked = append(asked, phase)
			if phase == "promote" && !strings.Contains(question, "can not be taken back: promote") {
				t.Errorf("question %q does not say what is final", question)
			}
			return phase != refuse, nil
		}
	}
	w := p.with(ask)
	plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
	must(t, err)
	rep, err := dr.Execute(t.Context(), w, plan)
	var paused *dr.PausedError
	if !errors.As(err, &paused) || strings.Count(err.Error(), "in front of phase start") != 1 {
		t.Fatalf("got %v, want the run paused in front of the phase", err)
	}
	for id, outcome := range outcomes(rep) {
		if strings.HasPrefix(id, "start:") && outcome != report.Pending {
			t.Errorf("%s: %s", id, outcome)
		}
	}
	if diff := cmp.Diff([]string{"promote", "start"}, asked); diff != "" {
		t.Errorf("asked about:\n%s", diff)
	}
	asked, refuse = nil, ""
	_, err = dr.Resume(t.Context(), p.with(ask), "")
	must(t, err)
	if len(asked) == 0 || asked[0] != "start" {
		t.Errorf("resumed, it asked about %v, want start first", asked)
	}
}

// TestEveryBatchAsks about each of its phases.
func TestEveryBatchAsks(t *testing.T) {
	p := newMigration(t, each.Embedded(t), 100)
	var asked []string
	w := p.with(func(o *dr.Options) {
		o.Gate = func(_ context.Context, question string) (bool, error) {
			asked = append(asked, strings.NewReplacer(p.orders, "orders", p.audit, "audit").Replace(strings.TrimPrefix(question[:strings.Index(question, " (")], "Begin batch ")))
			return true, nil
		}
	})
	_, err := p.migrate(w, plans.Options{})
	must(t, err)
	want := []string{"audit: fence", "audit: promote", "audit: prove", "audit: compare",
		"orders: fence", "orders: drain", "orders: promote", "orders: start", "orders: prove", "orders: compare"}
	asked = slices.DeleteFunc(asked, func(q string) bool { return q == "audit: drain" }) // which has nothing to do where the link has caught up
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked about (-want +got):\n%s", diff)
	}
}
