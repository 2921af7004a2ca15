package dr

import (
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A planned failover whose old primary dies on the way has nothing left to fence and to drain. It goes on as an unplanned one, under its own id: what
// is done stays done, because every step looks whether its goal is reached.

// NotSwitchableError says that a run is none that could go on without the old primary.
type NotSwitchableError struct{ Run, Operation string }

func (e *NotSwitchableError) Error() string {
	return fmt.Sprintf("run %s is a %s: only a planned failover can go on as an unplanned one", e.Run, e.Operation)
}

// Switch plans how an unfinished planned failover goes on without its old primary, from what the regions hold now, and returns the run's id with
// the plan. An empty id is the newest unfinished run. Errors: ErrNoRun, *NotSwitchableError.
func Switch(ctx context.Context, w *World, id string) (run string, p *plans.Plan, err error) {
	past, _, err := findRun(ctx, w, id, false)
	if err != nil {
		return "", nil, err
	}
	switch {
	case past.plan == nil:
		return "", nil, fmt.Errorf("run %s: its plan is not in the journal: %w", past.id, ErrNoRun)
	case past.ended != nil:
		return "", nil, fmt.Errorf("run %s has ended (%s): there is nothing to go on with", past.id, past.outcome())
	case past.plan.Operation != plans.OpFailover || !past.plan.Planned:
		return "", nil, &NotSwitchableError{past.id, past.operation()}
	}
	share := plans.Share{}
	if past.plan.Share != nil {
		share = *past.plan.Share
	}
	p, err = Plan(ctx, w, plans.OpFailover, plans.Options{Link: past.plan.Link, Pipeline: share.Pipeline, Topics: share.Topics})
	if err != nil {
		return past.id, nil, err
	}
	// That everything is promoted already is no reason against going on with the run that has done it: its end is left.
	p.Findings = slices.DeleteFunc(p.Findings, func(f report.Finding) bool { return f.Rule == "failover/done" })
	return past.id, p, nil
}

// ResumeAs goes on with an unfinished run along another plan, which Switch has computed. The journal has both.
func ResumeAs(ctx context.Context, w *World, run string, p *plans.Plan) (*report.Report, error) {
	if report.Blocked(p.Findings) {
		return nil, &BlockedError{Findings: p.Findings}
	}
	return execute(ctx, w, p, run, true)
}
