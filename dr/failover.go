package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Plan observes both regions and computes a plan. An unreachable destination is an error, an unreachable source only of a planned
// failover.
func Plan(ctx context.Context, w *World, op plans.Operation, o plans.Options) (*plans.Plan, error) {
	decl, err := w.Link(o.Link)
	if err != nil {
		return nil, err
	}
	if err := w.Errs[decl.To]; err != nil {
		return nil, err
	}
	if err := w.Errs[decl.From]; err != nil && (o.Planned || op == plans.OpLink || op == plans.OpFailback || op == plans.OpMigrate) {
		return nil, err
	}
	seen, err := observeFor(ctx, w, op, decl)
	if err != nil {
		return nil, err
	}
	return plans.Compute(op, o, w.Declared, seen)
}

// observeFor looks at what a plan of an operation along a link is computed from.
func observeFor(ctx context.Context, w *World, op plans.Operation, decl *plans.Link) (*plans.Observed, error) {
	seen, err := Observe(ctx, w)
	if err != nil {
		return nil, err
	}
	switch op {
	case plans.OpLink:
		err = observeGaps(ctx, w, decl, seen)
	case plans.OpFailover:
		err = observeFences(ctx, w, seen)
	case plans.OpMigrate:
		if err = observeFences(ctx, w, seen); err == nil {
			err = observeRest(ctx, w, decl, seen)
		}
	case plans.OpFailback:
		if err = observeFences(ctx, w, seen); err == nil {
			err = observeReturning(ctx, w, decl, seen)
		}
	}
	return seen, err
}

// PlanReport is the report of a plan that is only shown.
func PlanReport(p *plans.Plan) *report.Report {
	rep := &report.Report{Command: "plan " + string(p.Operation), Title: operationName(p), Outcome: report.Done, Findings: p.Findings,
		Topics: p.Forecast, Text: p.Text()}
	for _, sp := range p.Statements {
		rep.Statements = append(rep.Statements, statementLine(p, sp))
	}
	for _, s := range p.Steps {
		rep.Steps = append(rep.Steps, report.Step{ID: s.ID, Kind: string(s.Kind), Goal: s.Goal, Phase: s.Phase, Batch: s.Batch, Irreversible: s.Irreversible, Outcome: report.Pending})
	}
	rep.Summary = fmt.Sprintf("%d steps", len(p.Steps))
	if report.Blocked(p.Findings) {
		rep.Outcome = report.Failed
		rep.Summary = "the plan is blocked: mend what the findings name, then plan again"
	}
	return rep
}

// Apply carries out a plan that was computed earlier, after making sure that it still fits what is declared and observed
// (*plans.StaleError).
func Apply(ctx context.Context, w *World, p *plans.Plan) (*report.Report, error) {
	if err := w.Errs[p.To]; err != nil {
		return nil, err
	}
	name := p.Link
	if p.Failback != nil {
		name = p.Failback.Forward
	}
	decl, err := w.Link(name)
	if err != nil {
		return nil, err
	}
	seen, err := observeFor(ctx, w, p.Operation, decl)
	if err != nil {
		return nil, err
	}
	if err := p.Stale(w.Declared, seen); err != nil {
		return nil, err
	}
	return Execute(ctx, w, p)
}
