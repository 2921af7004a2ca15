package dr

import (
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Group positions are copied a last time while the old primary can be read; otherwise those that the link wrote last stand.

func offsetsDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if r.from == nil {
		n, err := r.groupsLastSynced(ctx, s)
		if err != nil {
			return false, "", err
		}
		return true, fmt.Sprintf("%s is not reachable: what the link last wrote stands, %s", r.plan.From, counted(n, "group position")), nil
	}
	return r.saw(s.ID), counted(len(r.groupsOf(s, r.rep.Groups)), "group position") + " copied", nil
}

func offsetsApply(ctx context.Context, r *run, s plans.Step) error {
	synced, err := r.link.SyncGroups(ctx)
	if err != nil {
		return err
	}
	if s.Batch == "" {
		r.rep.Groups = nil
	}
	r.rep.Groups = append(slices.DeleteFunc(r.rep.Groups, func(g report.Group) bool { return r.concerns(s, g) }), r.groupsOf(s, groupReport(synced))...)
	r.see(s.ID)
	return nil
}

// groupsOf are the lines about the topics of a step.
func (r *run) groupsOf(s plans.Step, lines []report.Group) []report.Group {
	return slices.DeleteFunc(slices.Clone(lines), func(g report.Group) bool { return !r.concerns(s, g) })
}

func (r *run) concerns(s plans.Step, g report.Group) bool {
	return !r.partial(s) || slices.Contains(r.topicsOf(s), g.Topic)
}

// groupReport sums a sync's partitions to one line per group and topic.
func groupReport(synced []linking.GroupSync) []report.Group {
	var lines []report.Group
	at := map[[2]string]int{}
	for _, g := range synced {
		key := [2]string{g.Group, g.Topic}
		i, ok := at[key]
		if !ok {
			i = len(lines)
			at[key] = i
			lines = append(lines, report.Group{Name: g.Group, Topic: g.Topic, State: g.State})
		}
		lines[i].Clamped += g.Clamped
		lines[i].ReReads += g.Clamped
		if g.Skipped != "" {
			lines[i].Explanation = g.Skipped
		}
	}
	return lines
}

// groupsLastSynced fills the report from what the destination holds and what the link last saw of the source.
func (r *run) groupsLastSynced(ctx context.Context, s plans.Step) (int, error) {
	known, err := r.link.LastGroups(ctx)
	if err != nil {
		return 0, err
	}
	if r.partial(s) {
		topics := r.topicsOf(s)
		known = slices.DeleteFunc(known, func(g linking.GroupSync) bool { return !slices.Contains(topics, g.Topic) })
	}
	r.rep.Groups = groupReport(known)
	return len(known), nil
}
