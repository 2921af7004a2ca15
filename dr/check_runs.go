package dr

import (
	"context"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkRuns names the runs that have not ended: nothing else is begun over one.
func checkRuns(_ context.Context, c *checkup) []report.Check {
	all := report.Check{Name: "no run has been left part-way", Outcome: report.Passed}
	var out []report.Check
	told := map[string]bool{}
	n := 0
	for _, name := range sortedKeys(c.journals) {
		j := c.journals[name]
		if j.err != nil {
			all.Outcome, all.Detail = report.Unknown, j.err.Error()
			continue
		}
		for _, p := range foldRuns(j.entries) {
			n++
			if p.ended != nil || p.plan == nil || told[p.id] {
				continue // one that has no plan ended before its first step
			}
			told[p.id] = true
			line := report.Check{Name: fmt.Sprintf("run %s (%s) has ended", p.id, p.operation()), Outcome: report.Failed, Detail: p.standing(),
				Why: "no other run is begun over it, also not when the primary is lost", Remedy: "lifeboat resume " + p.id + ", or where another way was chosen: lifeboat runs abandon " + p.id}
			if !p.released && fresh(p.seen, c.world.now(), c.world.opts.LeaseTTL) {
				line.Outcome, line.Remedy = report.Warned, "wait for it: lifeboat runs show "+p.id
			}
			out = append(out, line)
		}
	}
	if len(out) > 0 {
		return out
	}
	if all.Outcome == report.Passed {
		all.Detail = counted(n, "run") + " in the journals of " + strings.Join(sortedKeys(c.journals), " and ")
	}
	return []report.Check{all}
}

// standing says how a run that has not ended is, and since when.
func (r *pastRun) standing() string {
	text := "running, or killed"
	if r.released {
		text = "stopped part-way"
	}
	return fmt.Sprintf("%s, %s; by %s, last heard of %s", text, r.where(), r.who, r.seen.UTC().Format("2006-01-02 15:04:05Z"))
}

// where says how far a run has come.
func (r *pastRun) where() string {
	if r.plan == nil {
		return "before its first step"
	}
	done, at := 0, ""
	for _, s := range r.plan.Steps {
		switch e := r.steps[s.ID]; {
		case e.Kind == EntryDone:
			done++
		case at == "" && e.Kind == EntryFailed:
			at = fmt.Sprintf(", at step %s: %s", s.ID, e.Detail)
		case at == "" && e.Kind == EntryBegin:
			at = ", at step " + s.ID
		}
	}
	return fmt.Sprintf("%d of %s done%s", done, counted(len(r.plan.Steps), "step"), at)
}

// Free says why a plan may not be carried out now: another run is under way (*LeaseHeldError) or was left part-way (*InterruptedError). It is for before
// somebody is asked; the run itself asks again, when it takes the lease. What goes on without the old primary does not ask for runs towards it; a
// drill does, which would rehearse what is being moved.
func (w *World) Free(ctx context.Context, p *plans.Plan) error {
	if p.Planned || p.Drill != nil {
		return w.Idle(ctx, w.RegionNames()...)
	}
	return w.Idle(ctx, p.To)
}
