package dr

import (
	"context"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Promotion turns mirrors into topics that are written. It can not be taken back: from here on the logs diverge.

// factFailoverPoint holds, per mirrored partition of the destination, the end of what came from the old primary.
const factFailoverPoint = "failover-point"

func promoteDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	waiting, err := r.unpromoted(ctx)
	if err != nil {
		return false, "", err
	}
	if len(waiting) > 0 {
		return false, "not STOPPED: " + strings.Join(waiting, ", "), nil
	}
	if !r.knows(factFailoverPoint) {
		return false, "", nil // promoted by an earlier run: Promote tells where
	}
	return true, counted(len(r.plan.Topics), "topic") + " STOPPED, writable", nil
}

func promoteApply(ctx context.Context, r *run, s plans.Step) error {
	promoted, err := r.link.Promote(ctx, linking.PromoteOptions{Topics: r.topicNames(), Force: !r.plan.Planned})
	if err != nil {
		return err
	}
	point := plans.Positions{}
	for _, p := range promoted {
		point[p.Topic] = p.Ends
	}
	return r.learn(ctx, factFailoverPoint, point)
}

func (r *run) unpromoted(ctx context.Context) ([]string, error) {
	states, err := r.link.States(ctx)
	if err != nil {
		return nil, err
	}
	var waiting []string
	for _, t := range r.topicNames() {
		i := slices.IndexFunc(states, func(m plans.MirrorState) bool { return m.Topic == t })
		if i < 0 || states[i].State != "STOPPED" {
			waiting = append(waiting, t)
		}
	}
	return waiting, nil
}
