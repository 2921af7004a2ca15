package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A batch has moved when its topics were compared, record by record, in both regions.

func identicalDone(_ context.Context, r *run, s plans.Step) (bool, string, error) {
	var moved movedBatch
	known, err := r.recall(movedFact(s.Batch), &moved)
	return known, fmt.Sprintf("%s compared, no difference", counted(len(moved.Checks), "topic")), err
}

func identicalApply(ctx context.Context, r *run, s plans.Step) error {
	compared, err := r.link.Verify(ctx, linking.VerifyOptions{Topics: r.topicsOf(s), Sample: r.plan.Migration.Sample})
	if err != nil {
		return err
	}
	part := report.Report{}
	addCompared(&part, r.decl, compared)
	var differ []error
	for _, c := range part.Checks {
		if c.Outcome == report.Failed || c.Outcome == report.Unknown {
			differ = append(differ, fmt.Errorf("%s: %s: %s", r.plan.To, c.Name, c.Detail))
		}
	}
	if len(differ) > 0 {
		return errors.Join(differ...)
	}
	moved := movedBatch{Checks: part.Checks, Findings: part.Findings, Took: r.cutOver(s.Batch).Seconds()}
	of := r.plan.Part(s)
	r.mu.Lock()
	for _, t := range r.rep.Topics {
		if slices.ContainsFunc(of.Topics, func(p plans.TopicPlan) bool { return p.Name == t.Name }) {
			moved.Topics = append(moved.Topics, t)
		}
	}
	for _, st := range r.rep.Statements {
		if slices.ContainsFunc(of.Statements, func(p plans.StatementPlan) bool { return p.Name == st.Name }) {
			moved.Statements = append(moved.Statements, st)
		}
	}
	moved.Groups = r.groupsOf(s, r.rep.Groups)
	r.rep.Checks = append(r.rep.Checks, moved.Checks...)
	r.rep.Findings = append(r.rep.Findings, moved.Findings...)
	r.mu.Unlock()
	return r.learn(ctx, movedFact(s.Batch), moved)
}

// cutOver is how long a batch's writers waited at least: from its fence until all that it has was promoted, and its statements were past the
// failover point. Hooks count themselves.
func (r *run) cutOver(batch string) time.Duration {
	var begun, end time.Time
	for i, s := range r.plan.Steps {
		line := r.rep.Steps[i]
		switch {
		case s.Batch != batch || line.End.IsZero():
		case s.Kind == plans.StepFence:
			begun = line.Start
		case s.Kind != plans.StepMeasure && s.Kind != plans.StepHook && s.Kind != plans.StepCatchUp && s.Kind != plans.StepIdentical:
			end = later(end, line.End)
		}
	}
	if begun.IsZero() || end.Before(begun) {
		return 0
	}
	return end.Sub(begun)
}

// migrationFigures are how long each batch took to cut over, and what was lost.
func (r *run) migrationFigures() {
	r.rep.Figures = nil
	for _, b := range r.plan.Migration.Batches {
		var moved movedBatch
		if known, err := r.recall(movedFact(b.Name), &moved); !known || err != nil {
			continue
		}
		f := report.Figure{Name: "cut-over", Phase: b.Name, Value: moved.Took, Unit: "s", Note: "from its fence to its last statement past the failover point"}
		withObjective(&f, time.Duration(r.plan.Objectives.RTO).Seconds())
		r.rep.Figures = append(r.rep.Figures, f)
	}
	r.rep.Figures = append(r.rep.Figures, lossFigures(r.rep.Topics, r.plan.Objectives)...)
}
