package dr

import (
	"context"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Promotion turns mirrors into topics that are written. It can not be taken back: from here on the logs diverge.

// factFailoverPoint holds, per mirrored partition of the destination, the end of what came from the old primary; factSourcePoint the same in the
// old primary's offsets, where a mirror's are translated.
const (
	factFailoverPoint = "failover-point"
	factSourcePoint   = "failover-source-point"
)

func promoteDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	waiting, err := r.unpromoted(ctx, s)
	if err != nil {
		return false, "", err
	}
	if len(waiting) > 0 {
		return false, "not STOPPED: " + strings.Join(waiting, ", "), nil
	}
	topics, point := r.topicsOf(s), plans.Positions{}
	if _, err := r.recall(factFailoverPoint, &point); err != nil {
		return false, "", err
	}
	if slices.ContainsFunc(topics, func(t string) bool { return point[t] == nil }) {
		return false, "", nil // promoted by an earlier run: Promote tells where
	}
	return true, counted(len(topics), "topic") + " STOPPED, writable", nil
}

func promoteApply(ctx context.Context, r *run, s plans.Step) error {
	promoted, err := r.link.Promote(ctx, linking.PromoteOptions{Topics: r.topicsOf(s), By: r.world.opts.Who + " in run " + r.id, Force: !r.plan.Planned, Brief: r.partial(s)})
	if err != nil {
		return err
	}
	point, come := plans.Positions{}, plans.Positions{}
	if _, err := r.recall(factFailoverPoint, &point); err != nil { // of batches that were promoted before
		return err
	}
	if _, err := r.recall(factSourcePoint, &come); err != nil {
		return err
	}
	for _, p := range promoted {
		point[p.Topic], come[p.Topic] = p.Ends, p.Come
	}
	if err := r.learn(ctx, factSourcePoint, come); err != nil {
		return err
	}
	return r.learn(ctx, factFailoverPoint, point)
}

// sourcePoint is the failover point in the old primary's offsets.
func (r *run) sourcePoint() (point plans.Positions, err error) {
	if known, err := r.recall(factSourcePoint, &point); known || err != nil {
		return point, err
	}
	_, err = r.recall(factFailoverPoint, &point) // of a run that was begun when all offsets were the same
	return point, err
}

func (r *run) unpromoted(ctx context.Context, s plans.Step) ([]string, error) {
	states, err := r.link.States(ctx)
	if err != nil {
		return nil, err
	}
	var waiting []string
	for _, t := range r.topicsOf(s) {
		i := slices.IndexFunc(states, func(m plans.MirrorState) bool { return m.Topic == t })
		if i < 0 || states[i].State != "STOPPED" {
			waiting = append(waiting, t)
		}
	}
	return waiting, nil
}
