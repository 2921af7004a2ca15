package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A drill rehearses a failover while everything goes on: the statements are started in a sandbox of the destination's engine on the mirrors as they
// are, their input is held where it would have ended, and their output goes to topics of the drill's own. It fences and promotes nothing.
//
// A drill is not resumed: what it would measure then is not what it is for. One that was cut short is cleaned up by `lifeboat resume`.

// rehearsal is what a run has that is a drill.
type rehearsal struct {
	plan    *plans.DrillPlan
	names   plans.Names    // of the link's mirrors
	mirrors []string       // the plan's topics
	sandbox engine.Backend // nil: no engine is declared

	cutShort bool         // by an earlier process's end
	tidied   bool         // nothing of it is left, as was seen
	earlier  []*pastDrill // of the same name and scenario, the newest first
	at       time.Time    // of the cut: the instant that the time to recover counts from
	before   beforeCut    // what the old primary had put out
	compared comparisons  // guarded by run.mu
}

// ErrCutShort ends a drill that an earlier process has begun.
var ErrCutShort = errors.New("the drill was cut short: it is cleaned up, and measures nothing")

// PlanDrill plans a drill with a new id.
func PlanDrill(ctx context.Context, w *World, link, pipeline string, o plans.DrillOptions) (*plans.Plan, error) {
	o.ID = newRunID(w.now())
	return Plan(ctx, w, plans.OpDrill, plans.Options{Link: link, Pipeline: pipeline, Drill: &o})
}

// DrillDeclared carries out a drill as the topology declares it.
func DrillDeclared(ctx context.Context, w *World, d plans.Drill) (*report.Report, error) {
	p, err := PlanDrill(ctx, w, "", d.Pipeline, plans.DrillOptions{Name: d.Name, Scenario: d.Scenario, Behind: d.Behind})
	if err != nil {
		return nil, err
	}
	return Execute(ctx, w, p)
}

func (r *run) newRehearsal(entries []Entry) error {
	r.drill = &rehearsal{plan: r.plan.Drill, names: r.decl.Names(), mirrors: r.topicNames(), earlier: earlierDrills(entries, r.plan.Drill.Name, r.plan.Drill.Scenario, r.id)}
	decl := r.world.Declared.Topology.Regions[r.plan.To]
	b, err := openEngine(r.plan.To, decl, r.plan.Drill.Sandbox(), r.world.opts)
	if err != nil {
		return err
	}
	r.drill.sandbox = b
	return nil
}

// held are a statement's properties with what holds its mirrored input at the cut.
func (r *run) held(sp plans.StatementPlan) (map[string]string, error) {
	if r.drill == nil {
		return sp.Properties, nil
	}
	var cut plans.Positions
	if _, err := r.recall(factCut, &cut); err != nil {
		return nil, err
	}
	properties := maps.Clone(sp.Properties)
	if properties == nil {
		properties = map[string]string{}
	}
	for _, topic := range sp.Reads {
		if parts, ok := cut[topic]; ok {
			at := map[int32]int64{}
			for p, o := range parts {
				at[p] = int64(o)
			}
			properties[engine.PropHold+topic] = engine.FormatOffsets(at)
		}
	}
	return properties, nil
}

// tidyWithin bounds the removal of what a drill that has failed leaves.
const tidyWithin = 2 * time.Minute

// rehearse carries out a drill's steps, and removes what it made however they end; not where the process is to end at once, or has lost its lease.
func (r *run) rehearse(ctx context.Context) error {
	err := ErrCutShort
	if !r.drill.cutShort {
		if err = r.steps(ctx); err == nil {
			return nil
		}
	}
	if errors.Is(err, ErrLeaseLost) || ctx.Err() != nil || r.drill.plan.Keep {
		return err
	}
	tidying, cancel := context.WithTimeout(ctx, tidyWithin)
	defer cancel()
	if terr := r.tidy(tidying); terr != nil {
		return errors.Join(err, fmt.Errorf("cleaning up: %w", terr))
	}
	r.drill.tidied = true
	return err
}

// drillOutcome is done where everything asked was seen to hold, warned where something could not be asked, or only in part, and failed where
// something does not hold.
func (r *run) drillOutcome() report.Outcome {
	outcome := report.Done
	for _, c := range r.rep.Checks {
		switch c.Outcome {
		case report.Failed:
			return report.Failed
		case report.Warned, report.Unknown:
			outcome = report.Warned
		}
	}
	if slices.ContainsFunc(r.rep.Figures, func(f report.Figure) bool { return f.Outcome == report.Failed }) {
		return report.Failed
	}
	return outcome
}

// DrillError is a drill that did not come to its end, and is over: what it made is removed, and nothing goes on with it.
type DrillError struct {
	Run string
	Err error
}

func (e *DrillError) Error() string { return e.Err.Error() }
func (e *DrillError) Unwrap() error { return e.Err }

// finishDrill completes the report of a drill, and its journal where it is over.
func (r *run) finishDrill(ctx context.Context, err error) (over bool, _ error) {
	r.drillFigures()
	r.drillScope()
	switch {
	case err == nil:
		r.rep.Outcome = r.drillOutcome()
		r.rep.Summary = r.drillSummary()
		if r.drill.plan.Keep {
			r.rep.Next = append(r.rep.Next, "lifeboat drill clean "+r.id+"  (what was kept runs on until then)")
		}
	case r.drill.tidied:
		r.rep.Outcome = report.Failed
		r.rep.Summary = fmt.Sprintf("the drill did not come to its end, and what it made in %s is removed: %v", r.plan.To, err)
	default:
		return false, nil
	}
	r.rep.Next = append(r.rep.Next, "lifeboat runs report "+r.id+" --report report.html")
	if err != nil {
		err = &DrillError{r.id, err}
	}
	return true, errors.Join(err, r.journal.Write(ctx, EntryEnd, "", r.rep.Summary, r.rep))
}
