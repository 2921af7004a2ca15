package dr

import (
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Verify compares both regions of a link and reports what it saw: every mirrored record by digest up to the failover point (or, of a
// live mirror, up to what has arrived), group positions, schema ids, and, where the old primary holds more than was mirrored, the loss.
func Verify(ctx context.Context, w *World, link string) (*report.Report, error) {
	decl, err := w.Link(link)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{decl.From, decl.To} {
		if err := w.Errs[name]; err != nil {
			return nil, err
		}
	}
	rep := &report.Report{Command: "verify", Title: fmt.Sprintf("%s against %s", decl.To, decl.From), Start: w.now()}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	states, err := l.States(ctx)
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		return nil, fmt.Errorf("link %s has no mirror yet: run `lifeboat link run` first", decl.Name)
	}
	v := &verification{w: w, link: l, decl: decl, from: w.Regions[decl.From], to: w.Regions[decl.To], rep: rep}
	if v.point, err = failoverPoint(ctx, v.to); err != nil {
		return nil, err
	}
	compared, err := l.Verify(ctx, linking.VerifyOptions{})
	if err != nil {
		return nil, err
	}
	addCompared(rep, decl, compared)
	var promoted []string
	for _, m := range states {
		if m.State == linking.Stopped && v.point[m.Topic] != nil {
			promoted = append(promoted, m.Topic)
		}
	}
	if len(promoted) > 0 {
		if rep.Topics, err = mirrorLoss(ctx, decl, v.from, promoted, v.point, w.now()); err != nil {
			return nil, err
		}
		rep.Figures = append(rep.Figures, lossFigures(rep.Topics, objectives(w))...)
	}
	if err := v.groups(ctx); err != nil {
		return nil, err
	}
	v.subjects(ctx)
	if w.Declared.Topology.Pattern == plans.ActiveActive {
		lines, err := compareOutputs(ctx, w, decl)
		if err != nil {
			return nil, err
		}
		rep.Checks = append(rep.Checks, lines...)
	}
	rep.End = w.now()
	conclude(rep)
	if rep.Outcome == report.Failed {
		rep.Next = []string{"lifeboat link status"}
	}
	return rep, nil
}

type verification struct {
	w        *World
	link     *linking.Link
	decl     *plans.Link
	from, to *linking.Region
	rep      *report.Report
	point    plans.Positions
}

// failoverPoint returns, of each topic, where the newest run that promoted it found the end of mirrored data, in the old primary's offsets; nil where none did.
func failoverPoint(ctx context.Context, r *linking.Region) (plans.Positions, error) {
	entries, _, err := ReadJournal(ctx, r)
	if err != nil {
		return nil, err
	}
	var point plans.Positions
	for _, past := range foldRuns(entries) {
		run := run{id: past.id, facts: past.facts}
		found, err := run.sourcePoint()
		if err != nil {
			return nil, err
		}
		for topic, ends := range found {
			if point == nil {
				point = plans.Positions{}
			}
			point[topic] = ends
		}
	}
	return point, nil
}

// groups compares positions: the destination's must not be ahead of the source's; how far they are behind is what is read again.
func (v *verification) groups(ctx context.Context) error {
	seen, err := Observe(ctx, v.w)
	if err != nil {
		return err
	}
	selected := map[string]*plans.GroupState{}
	for name, g := range v.decl.View(seen.Regions[v.decl.From]).Groups {
		if v.decl.Groups.Match(name) && seen.Regions[v.decl.To].Groups[name] != nil {
			selected[name] = g
		}
	}
	v.rep.Groups, err = comparePositions(ctx, v.link, v.decl.To, selected, seen.Regions[v.decl.To].Groups)
	return err
}

// comparePositions compares the positions of groups, those of the source as the link's mirrors have them: a line for each topic of each.
func comparePositions(ctx context.Context, l *linking.Link, dest string, from, to map[string]*plans.GroupState) (lines []report.Group, err error) {
	for _, name := range sortedKeys(from) {
		there := to[name]
		if there == nil {
			there = &plans.GroupState{}
		}
		for _, topic := range sortedKeys(from[name].Positions) {
			line := report.Group{Name: name, Topic: topic, State: there.State}
			moved := false
			places, err := l.Places(ctx, plans.Positions{topic: from[name].Positions[topic]})
			if err != nil {
				return nil, err
			}
			for _, place := range places {
				p, src := place.Partition, place.Dest
				line.ReReads += place.Beyond
				dst, ok := there.Positions[topic][p]
				switch {
				case !ok:
					line.Explanation = fmt.Sprintf("no position on partition %d", p)
				case dst > src:
					moved = true
				default:
					line.ReReads += int64(src - dst)
				}
			}
			if moved {
				line.Explanation = "went on in " + dest
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func (v *verification) subjects(ctx context.Context) {
	if v.from.Registry != nil && v.to.Registry != nil {
		lines, _ := compareSchemas(ctx, v.w, v.decl)
		v.rep.Checks = append(v.rep.Checks, lines...)
	}
}

// compareSchemas compares the subjects that a link selects, and says whether both registries answer.
func compareSchemas(ctx context.Context, w *World, decl *plans.Link) (lines []report.Check, both bool) {
	from, to := &plans.RegionState{Reachable: true}, &plans.RegionState{Reachable: true}
	c := &checkup{world: w, decl: decl, seen: &plans.Observed{Regions: map[string]*plans.RegionState{decl.From: from, decl.To: to}}}
	observeSubjects(ctx, w.Regions[decl.From], from)
	observeSubjects(ctx, w.Regions[decl.To], to)
	for _, line := range checkRegistry(ctx, c) {
		line.ID = "schemas"
		lines = append(lines, line)
	}
	return lines, from.Registry == "ok" && to.Registry == "ok"
}

func objectives(w *World) plans.Objectives {
	i := slices.IndexFunc(w.Declared.Topology.Pipelines, func(p *plans.Pipeline) bool { return p.Objectives != plans.Objectives{} })
	if i < 0 {
		return plans.Objectives{}
	}
	return w.Declared.Topology.Pipelines[i].Objectives
}
