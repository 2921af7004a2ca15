package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// All that a drill makes is in the destination and carries its id: statements of its sandbox, topics, subjects. What is removed is found by that,
// so that it does not matter how the drill ended.

func cleanDone(ctx context.Context, r *run, _ plans.Step) (bool, string, error) {
	left, err := leftOf(ctx, r.to, r.drill.plan)
	if err != nil {
		return false, "", err
	}
	if statements, err := r.drill.sandbox.List(ctx); err != nil {
		return false, "", fmt.Errorf("%s: listing statements of sandbox %s: %w", r.plan.To, r.drill.plan.Sandbox(), err)
	} else if len(statements) > 0 {
		left = append(left, counted(len(statements), "statement"))
	}
	if len(left) > 0 {
		return false, strings.Join(left, ", "), nil
	}
	r.drill.tidied = true
	return true, "nothing of the drill is left in " + r.plan.To, nil
}

func cleanApply(ctx context.Context, r *run, _ plans.Step) error {
	return removeDrill(ctx, r.to, r.drill.sandbox, r.drill.plan)
}

// tidy removes what the drill has made, and sees that it is gone.
func (r *run) tidy(ctx context.Context) error {
	if err := cleanApply(ctx, r, plans.Step{}); err != nil {
		return err
	}
	gone, left, err := cleanDone(ctx, r, plans.Step{})
	if err == nil && !gone {
		err = fmt.Errorf("%s: left behind: %s", r.plan.To, left)
	}
	return err
}

// goneWithin is how long what was removed may still be seen, or come again: an engine ends what it was asked for, though whoever asked has died.
const goneWithin = 20 * time.Second

// removeDrill removes a drill's statements, topics and subjects from a region, until none is seen any more. What is still there after goneWithin is
// for cleanDone to tell.
func removeDrill(ctx context.Context, r *linking.Region, sandbox engine.Backend, d *plans.DrillPlan) error {
	for deadline := time.Now().Add(goneWithin); ; {
		found, err := removeOnce(ctx, r, sandbox, d)
		if err != nil || found == 0 || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// removeOnce removes what it finds of a drill, and counts it.
func removeOnce(ctx context.Context, r *linking.Region, sandbox engine.Backend, d *plans.DrillPlan) (found int, err error) {
	if sandbox != nil {
		statements, err := sandbox.List(ctx)
		if err != nil {
			return 0, fmt.Errorf("%s: listing statements of sandbox %s: %w", r.Name, d.Sandbox(), err)
		}
		for _, s := range statements {
			if err := sandbox.Delete(ctx, s.Name); err != nil && !errors.Is(err, engine.ErrNotFound) {
				return 0, fmt.Errorf("%s: deleting statement %q of sandbox %s: %w", r.Name, s.Name, d.Sandbox(), err)
			}
		}
		found += len(statements)
	}
	topics, err := topicsWith(ctx, r, d.Prefix())
	if err != nil {
		return 0, err
	}
	if len(topics) > 0 {
		answers, err := r.Admin.DeleteTopics(ctx, topics...)
		if err != nil {
			return 0, fmt.Errorf("%s: deleting topics of the drill: %w", r.Name, err)
		}
		for _, a := range answers {
			if a.Err != nil && !errors.Is(a.Err, kerr.UnknownTopicOrPartition) {
				return 0, fmt.Errorf("%s: deleting topic %q: %w", r.Name, a.Topic, a.Err)
			}
		}
	}
	subjects, err := subjectsWith(ctx, r, d.Prefix())
	if err != nil {
		return 0, err
	}
	for _, s := range subjects {
		_, soft := r.Registry.DeleteSubject(ctx, s, sr.SoftDelete)
		if _, err := r.Registry.DeleteSubject(ctx, s, sr.HardDelete); err != nil {
			return 0, fmt.Errorf("%s: deleting subject %q: %w", r.Name, s, errors.Join(err, soft))
		}
	}
	return found + len(topics) + len(subjects), nil
}

// leftOf names what of a drill is in a region but for statements.
func leftOf(ctx context.Context, r *linking.Region, d *plans.DrillPlan) ([]string, error) {
	var left []string
	topics, err := topicsWith(ctx, r, d.Prefix())
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		left = append(left, "topic "+t)
	}
	subjects, err := subjectsWith(ctx, r, d.Prefix())
	for _, s := range subjects {
		left = append(left, "subject "+s)
	}
	return left, err
}

func topicsWith(ctx context.Context, r *linking.Region, prefix string) ([]string, error) {
	meta, err := topicsIn(ctx, r)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(meta.Topics.Names(), func(name string) bool { return !strings.HasPrefix(name, prefix) || meta.Topics[name].Err != nil }), nil
}

func subjectsWith(ctx context.Context, r *linking.Region, prefix string) ([]string, error) {
	if r.Registry == nil {
		return nil, nil
	}
	all, err := r.Registry.Subjects(sr.WithParams(ctx, sr.ShowDeleted))
	if err != nil {
		return nil, fmt.Errorf("%s: listing subjects: %w", r.Name, err)
	}
	return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, prefix) }), nil
}

// CleanDrills removes from the link's destination what drills have left there: of one, or with id "" of all. A drill that is under way is left alone
// (*LeaseHeldError).
func CleanDrills(ctx context.Context, w *World, link, id string) (*report.Report, error) {
	decl, err := w.Link(link)
	if err != nil {
		return nil, err
	}
	to := w.Regions[decl.To]
	if to == nil {
		return nil, w.Errs[decl.To]
	}
	entries, _, err := ReadJournal(ctx, to)
	if err != nil {
		return nil, err
	}
	for _, open := range openRuns(entries) {
		if open.plan != nil && open.plan.Drill != nil && (id == "" || open.id == id) {
			if !open.released && fresh(open.seen, w.now(), w.opts.LeaseTTL) {
				return nil, open.held(decl.To)
			}
			return nil, open.interrupted(decl.To) // resuming it cleans up and ends it
		}
	}
	rep := &report.Report{Command: "drill clean", Title: "what drills have left in " + decl.To, Start: w.now(), Outcome: report.Done}
	names, err := topicsWith(ctx, to, plans.DrillPrefix)
	if err != nil {
		return nil, err
	}
	subjects, err := subjectsWith(ctx, to, plans.DrillPrefix)
	if err != nil {
		return nil, err
	}
	var drills []string
	for _, name := range append(names, subjects...) {
		drill, _, _ := strings.Cut(strings.TrimPrefix(name, plans.DrillPrefix), ".")
		if id == "" || drill == id {
			drills = append(drills, drill)
		}
	}
	slices.Sort(drills)
	for _, drill := range slices.Compact(drills) {
		d := &plans.DrillPlan{ID: drill}
		left, err := leftOf(ctx, to, d)
		if err != nil {
			return nil, err
		}
		sandbox, err := openEngine(decl.To, w.Declared.Topology.Regions[decl.To], d.Sandbox(), w.opts)
		if err != nil {
			return nil, err
		}
		line := report.Check{ID: "clean", Name: "drill " + drill, Outcome: report.Passed, Detail: "removed: " + strings.Join(left, ", ")}
		if err = removeDrill(ctx, to, sandbox, d); err == nil {
			left, err = leftOf(ctx, to, d)
		}
		if err != nil {
			line.Outcome, line.Detail, rep.Outcome = report.Failed, err.Error(), report.Failed
		} else if len(left) > 0 {
			line.Outcome, line.Detail, rep.Outcome = report.Failed, "still there: "+strings.Join(left, ", "), report.Failed
		}
		rep.Checks = append(rep.Checks, line)
	}
	rep.End = w.now()
	rep.Summary = "nothing of a drill was left"
	if len(rep.Checks) > 0 {
		rep.Summary = fmt.Sprintf("%s cleaned up", counted(len(rep.Checks), "drill"))
	}
	return rep, nil
}
