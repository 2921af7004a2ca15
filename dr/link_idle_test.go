package dr_test

import (
	"errors"
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestLinkVerbsLeaveARunAlone refuses what would change a link under a run, whether that is under way or stopped part-way. Before, `link reverse` behind a
// drain succeeded, and the run was resumed to its end over it.
func TestLinkVerbsLeaveARunAlone(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 100)
	p.mirror()
	decl := p.declared.Topology.Links[0]
	verbs := map[string]func(w *dr.World) error{
		"promote":  func(w *dr.World) error { return errorOf(dr.LinkPromote(t.Context(), w, decl, nil)) },
		"failover": func(w *dr.World) error { return errorOf(dr.LinkFailover(t.Context(), w, decl, nil)) },
		"reverse":  func(w *dr.World) error { return errorOf(dr.LinkReverse(t.Context(), w, decl, nil)) },
		"repair": func(w *dr.World) error {
			l, err := w.OpenLink(decl)
			must(t, err)
			plan, err := l.PlanRepair(t.Context(), nil)
			must(t, err)
			return errorOf(dr.LinkRepair(t.Context(), w, decl, l, plan, linking.RepairOptions{}))
		},
	}
	seen := map[string]error{}
	w := p.with(func(o *dr.Options) {
		o.Until = "drain"
		o.Events = func(e dr.Event) {
			if e.Step.Kind == plans.StepDrain && e.State == dr.EntryBegin {
				other := p.open()
				defer other.Close()
				for name, verb := range verbs {
					seen[name] = verb(other)
				}
			}
		}
	})
	rep, err := p.planned(w)
	var paused *dr.PausedError
	if !errors.As(err, &paused) {
		t.Fatal(err)
	}
	var held *dr.LeaseHeldError
	for name, err := range seen {
		if !errors.As(err, &held) || held.Run != rep.Run {
			t.Errorf("link %s beside the run: %v", name, err)
		}
	}
	for name, verb := range verbs {
		var stopped *dr.InterruptedError
		switch err := verb(w); {
		case name == "repair": // of a mirror that the run stopped at
			must(t, err)
		case !errors.As(err, &stopped) || stopped.Run != rep.Run:
			t.Errorf("link %s while the run is unfinished: %v", name, err)
		}
	}
	end, err := dr.Resume(t.Context(), w, rep.Run) // up to the same step
	if !errors.As(err, &paused) || end.Outcome != report.Stopped {
		t.Fatal(err)
	}
	rest := p.open()
	defer rest.Close()
	must(t, errorOf(dr.Resume(t.Context(), rest, rep.Run)))
	var none *plans.TransitionError
	if err := verbs["promote"](rest); errors.As(err, &held) || err != nil && !errors.As(err, &none) {
		t.Errorf("link promote when the run is over: %v", err)
	}
}
