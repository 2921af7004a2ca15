package dr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Behind the drain of a planned move both regions stand still and hold the same. That is seen while it can be: from the promotion on their logs go their
// own ways. Writers wait meanwhile, so not everything is read unless that was asked for: a sample that reaches over every log, its end with it.

// A comparison by sample reads about so many offsets of all logs together, and ends after this long, or after this share of the RTO where that is less.
const (
	comparedOffsets = 200_000
	comparedWithin  = 15 * time.Second
	comparedShare   = 10
)

// factCompared is what the comparison has shown, a comparedRegions.
const factCompared = "compared"

type comparedRegions struct {
	Checks   []report.Check   `json:"checks"`
	Findings []report.Finding `json:"findings,omitempty"`
	Said     string           `json:"said"`
}

func verifyDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	var c comparedRegions
	known, err := r.recall(factCompared, &c)
	if err != nil || !known {
		return false, "", err
	}
	if !r.saw(s.ID) && !r.knows(factFailoverPoint) { // what an earlier process has seen may not hold any more, unless it began to promote behind it
		if begun, err := r.promoting(ctx, s); err != nil || !begun {
			return false, "", err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(a report.Check) bool {
		return slices.ContainsFunc(c.Checks, func(b report.Check) bool { return a.Name == b.Name })
	}
	r.rep.Checks = append(slices.DeleteFunc(r.rep.Checks, same), c.Checks...)
	for _, f := range c.Findings {
		if !slices.Contains(r.rep.Findings, f) {
			r.rep.Findings = append(slices.Clone(r.rep.Findings), f)
		}
	}
	return true, c.Said, nil
}

// promoting says whether every mirror of a step has an end that is decided, and is not compared with what came behind that.
func (r *run) promoting(ctx context.Context, s plans.Step) (bool, error) {
	states, err := r.link.States(ctx)
	if err != nil {
		return false, err
	}
	topics := r.topicsOf(s)
	decided := 0
	for _, m := range states {
		if slices.Contains(topics, m.Topic) && (m.State == plans.MirrorStopped || m.State == plans.MirrorPendingStopped) {
			decided++
		}
	}
	return decided == len(topics), nil
}

func verifyApply(ctx context.Context, r *run, s plans.Step) error {
	part, said, err := r.compareLogs(ctx, s)
	if err != nil {
		return err
	}
	positions, err := r.comparePositions(ctx, s)
	if err != nil {
		return err
	}
	part.Checks = append(part.Checks, positions...)
	part.Checks = append(part.Checks, r.compareSchemas(ctx, s)...)
	var differ []error
	for _, c := range part.Checks {
		if c.Outcome == report.Failed || c.Outcome == report.Unknown {
			differ = append(differ, fmt.Errorf("%s: %s: %s", r.plan.To, c.Name, c.Detail))
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("nothing is promoted, because both regions do not hold the same: %w", errors.Join(differ...))
	}
	if err := r.learn(ctx, factCompared, comparedRegions{part.Checks, part.Findings, said}); err != nil {
		return err
	}
	r.see(s.ID)
	return nil
}

// compareLogs compares the records of a step's topics, all of them or a sample, and says how much of them.
func (r *run) compareLogs(ctx context.Context, s plans.Step) (part report.Report, said string, err error) {
	topics := r.topicsOf(s)
	o := linking.VerifyOptions{Topics: topics}
	within := ctx
	if r.plan.Verify != plans.VerifyAll {
		if o.Sample, err = shareOf(ctx, r.to, topics); err != nil {
			return part, "", err
		}
		limit := comparedWithin
		if rto := time.Duration(r.plan.Objectives.RTO); rto > 0 {
			limit = min(limit, rto/comparedShare)
		}
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	seen, err := r.link.Verify(within, o)
	enough := err != nil && seen != nil && ctx.Err() == nil && within.Err() != nil
	if err != nil && !enough {
		return part, "", err
	}
	var records, offsets, compared int64
	for _, t := range seen.Topics {
		if enough { // what was being read then could not be
			t.Errors = nil
		}
		if t.Behind > 0 {
			return part, "", fmt.Errorf("%s: %s of %s came behind the drain", r.plan.From, counted(int(t.Behind), "offset"), t.Topic)
		}
		records, offsets, compared = records+t.Records, offsets+t.Offsets, compared+t.Compared
	}
	addCompared(&part, r.decl, seen)
	said = fmt.Sprintf("%s of %s compared, no difference", counted(int(records), "record"), counted(len(seen.Topics), "topic"))
	if compared < offsets {
		said += fmt.Sprintf(": a sample, %d of %d offsets", compared, offsets)
	}
	return part, said, nil
}

// shareOf is the share of topics that a comparison by sample reads.
func shareOf(ctx context.Context, in *linking.Region, topics []string) (float64, error) {
	starts, err := logStarts(ctx, in, topics)
	if err != nil {
		return 0, err
	}
	ends, err := logEnds(ctx, in, topics)
	if err != nil {
		return 0, err
	}
	var held int64
	for topic, parts := range ends {
		for p, end := range parts {
			held += int64(end - starts[topic][p])
		}
	}
	return min(1, comparedOffsets/float64(max(1, held))), nil
}

// comparePositions compares those of the plan's groups. A group that is active in the destination keeps its own: the plan has said so.
func (r *run) comparePositions(ctx context.Context, s plans.Step) ([]report.Check, error) {
	groups := r.plan.Part(s).Groups
	if len(groups) == 0 {
		return nil, nil
	}
	var states [2]map[string]*plans.GroupState
	for i, in := range []*linking.Region{r.from, r.to} {
		listed, err := in.Admin.ListGroups(ctx)
		if err == nil {
			states[i], err = groupStates(ctx, in, groups, listed)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: reading groups: %w", in.Name, err)
		}
	}
	lines, err := comparePositions(ctx, r.link, r.plan.To, states[0], states[1])
	if err != nil {
		return nil, err
	}
	line := report.Check{ID: "positions", Name: "groups have the same positions in " + r.plan.To, Outcome: report.Passed}
	var same, other []string
	for _, g := range r.groupsOf(s, lines) {
		switch {
		case g.Explanation != "":
			other = append(other, fmt.Sprintf("%s in %s: %s", g.Name, g.Topic, g.Explanation))
		case g.ReReads > 0:
			other = append(other, fmt.Sprintf("%s reads %s of %s again", g.Name, counted(int(g.ReReads), "record"), g.Topic))
		default:
			same = append(same, g.Name)
		}
	}
	line.Detail = counted(len(slices.Compact(same)), "group")
	if len(other) > 0 {
		line.Outcome, line.Detail = report.Warned, few(other)
		line.Why, line.Remedy = "members of these groups do not go on where they were", "decide where they begin before they are started"
	}
	return []report.Check{line}, nil
}

// compareSchemas compares the plan's subjects. A registry that does not answer keeps nobody from going on: it is told.
func (r *run) compareSchemas(ctx context.Context, s plans.Step) []report.Check {
	if r.from.Registry == nil || r.to.Registry == nil || len(r.plan.Part(s).Subjects) == 0 {
		return nil
	}
	decl := *r.decl
	if r.partial(s) {
		decl.Subjects.Rule = plans.Rule{}
		for _, subject := range r.plan.Part(s).Subjects {
			decl.Subjects.Include = append(decl.Subjects.Include, regexp.QuoteMeta(subject))
		}
	}
	lines, both := compareSchemas(ctx, r.world, &decl)
	for i := range lines {
		if !both && lines[i].Outcome == report.Failed {
			lines[i].Outcome = report.Warned
		}
	}
	return lines
}

// notCompared says of a failover without a comparison that there was none, and why.
func (r *run) notCompared() {
	if r.plan.Operation != plans.OpFailover || r.plan.Writers || slices.ContainsFunc(r.plan.Steps, func(s plans.Step) bool { return s.Kind == plans.StepVerify }) {
		return
	}
	why := "--verify none was asked for"
	if !r.plan.Planned {
		why = fmt.Sprintf("an unplanned failover does not count on %s, so what it held then was not looked at", r.plan.From)
	}
	r.rep.Checks = append(r.rep.Checks, report.Check{ID: "identical", Name: "both regions hold the same before the promotion", Outcome: report.Skipped,
		Detail: why + "; lifeboat verify compares up to the promotion while " + r.plan.From + " answers"})
}
