package dr

import (
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A failback makes the region that comes back a mirror of the one that took over from it, and then is a planned failover along the link that leads
// back. What is done to make it a mirror is over as soon as it is one: from then on the link watches its topics.

// factReturned is known when all topics are mirrors in the region that came back, factProtected when they are in the one that was left.
const (
	factReturned  = "returned"
	factProtected = "protected"
)

// openForward opens the link that the failover went along.
func openForward(w *World, p *plans.Plan) (*linking.Link, error) {
	decl, err := w.Link(p.Failback.Forward)
	if err != nil {
		return nil, err
	}
	if err := w.Errs[decl.From]; err != nil {
		return nil, err
	}
	return w.OpenLink(decl)
}

// backOf is the link that leads back what a link brings.
func backOf(w *World, forward *plans.Link) (*plans.Link, *linking.Link, error) {
	decl, _, err := plans.Back(forward, w.Declared.Topology.Links)
	if err != nil {
		return nil, nil, err
	}
	l, err := w.OpenLink(decl)
	return decl, l, err
}

// observeReturning adds to what was observed where the logs of both regions part.
func observeReturning(ctx context.Context, w *World, decl *plans.Link, seen *plans.Observed) error {
	forward, err := w.OpenLink(decl)
	if err != nil {
		return err
	}
	if w.Declared.Topology.OtherWay(decl) != nil {
		seen.Foreign, err = forward.Foreign(ctx, heldOf(seen.Mirrors[decl.Name]))
		return err
	}
	backDecl, back, err := backOf(w, decl)
	if err != nil {
		return err
	}
	if decl.Renames() {
		return nil // the plan refuses it
	}
	backs, err := back.States(ctx)
	if err != nil {
		return err
	}
	seen.Mirrors[backDecl.Name] = backs
	var topics []string
	for _, name := range sortedKeys(seen.Regions[decl.To].Topics) {
		i := slices.IndexFunc(seen.Mirrors[decl.Name], func(m plans.MirrorState) bool { return m.Topic == name })
		if backDecl.Mirrors(name) && (i < 0 || seen.Mirrors[decl.Name][i].State == plans.MirrorStopped && len(seen.Mirrors[decl.Name][i].Translated) == 0) {
			topics = append(topics, name)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	seen.Returning, err = forward.Divergence(ctx, back, topics)
	return err
}

// heldOf are the mirrors that are PAUSED.
func heldOf(mirrors []plans.MirrorState) (topics []string) {
	for _, m := range mirrors {
		if m.State == plans.MirrorPaused {
			topics = append(topics, m.Topic)
		}
	}
	return topics
}

// observeFences notes the fences that stand on each region.
func observeFences(ctx context.Context, w *World, seen *plans.Observed) error {
	list, _, err := fences(ctx, w) // a region that does not answer may know of more
	for _, s := range list {
		if r := seen.Regions[s.fence.Region]; r != nil && !slices.Contains(r.Fences, s.run.id) {
			r.Fences = append(r.Fences, s.run.id)
		}
	}
	return err
}

// returned makes of a step's look one that takes a failback's word for what is behind it.
func returned(look func(context.Context, *run, plans.Step) (bool, string, error)) func(context.Context, *run, plans.Step) (bool, string, error) {
	return func(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
		switch {
		case r.knows(factProtected):
			return true, fmt.Sprintf("%s is a mirror", r.plan.From), nil
		case r.plan.Failback == nil:
		case r.knows(factReturned) && r.prepares(s):
			return true, fmt.Sprintf("%s is a mirror", r.plan.To), nil
		}
		return look(ctx, r, s)
	}
}

// prepares says whether a step is one of those that make the region that comes back a mirror.
func (r *run) prepares(s plans.Step) bool {
	i := slices.IndexFunc(r.plan.Steps, func(o plans.Step) bool { return o.Kind == plans.StepReverse })
	return slices.ContainsFunc(r.plan.Steps[:i+1], func(o plans.Step) bool { return o.ID == s.ID })
}

// mirrorStates are the states of a link's mirrors, by topic.
func mirrorStates(ctx context.Context, l *linking.Link) (map[string]string, error) {
	states, err := l.States(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]string{}
	for _, m := range states {
		by[m.Topic] = m.State
	}
	return by, nil
}

// notYetMirrors are the plan's topics that are in the region that comes back and that the link back does not mirror there.
func (r *run) notYetMirrors(ctx context.Context) ([]string, error) {
	backs, err := r.divergence(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, name := range sortedKeys(backs) {
		if backs[name].ID != "" && !backs[name].Mirrored {
			list = append(list, name)
		}
	}
	return list, nil
}

// divergence is where the logs part now.
func (r *run) divergence(ctx context.Context) (map[string]*plans.Returning, error) {
	return r.forward.Divergence(ctx, r.link, r.topicNames())
}

// alone refuses a move while another one is unfinished in the journal of a region that this one's lease does not guard: runs along a link are
// journaled in its destination, and the way back has the other one.
func alone(ctx context.Context, w *World, p *plans.Plan, id string) error {
	if !p.Planned {
		return nil
	}
	for _, name := range w.RegionNames() {
		r := w.Regions[name]
		if r == nil || name == p.To {
			continue
		}
		entries, _, err := journalOf(ctx, r, &w.opts)
		if err != nil {
			return err
		}
		for _, other := range openRuns(entries) {
			switch {
			case other.id == id || other.plan == nil:
			case other.released || !fresh(other.seen, w.now(), w.opts.LeaseTTL): // or it was killed
				return other.interrupted(name)
			default:
				return other.held(name)
			}
		}
	}
	return nil
}

// keepFences tells the region that was left of the fence that this run has raised on it: whoever fails over to it has to lift that, when the region
// with the journal is lost.
func (r *run) keepFences(ctx context.Context) error {
	var f raisedFence
	if r.plan.Failback == nil {
		return nil
	}
	if known, err := r.recall(factFence, &f); !known || err != nil {
		return err
	}
	j, _, err := acquire(ctx, r.from, r.id, &r.world.opts)
	if err != nil {
		return err
	}
	defer j.Close()
	if err := j.Write(ctx, EntryPlan, "", operationName(r.plan), r.plan); err != nil {
		return err
	}
	if err := j.Write(ctx, EntryFact, factFence, "", f); err != nil {
		return err
	}
	return j.Write(ctx, EntryEnd, "", r.rep.Summary, r.rep)
}
