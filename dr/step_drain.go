package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Draining takes the link over from whatever process served it and mirrors until nothing is left. The source's log ends must still be
// those that the fence was proved with: anything more was written past it.

func drainDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	var fenced plans.Positions
	if ok, err := r.recall(factFenceEnds, &fenced); err != nil {
		return false, "", err
	} else if ok {
		grown, err := grownSince(ctx, r.from, fenced)
		if err != nil {
			return false, "", err
		}
		if len(grown) > 0 {
			return false, "", fmt.Errorf("%s: written after the fence was proved: %s", r.plan.From, strings.Join(grown, ", "))
		}
	}
	behind, total, err := r.behind(ctx)
	if err != nil {
		return false, "", err
	}
	if len(behind) > 0 {
		return false, strings.Join(behind, ", "), nil
	}
	return true, "lag zero on " + counted(total, "partition"), nil
}

func drainApply(ctx context.Context, r *run, s plans.Step) error {
	return r.whileMoving(ctx, s, r.lagText, func(ctx context.Context) error { return r.link.Run(ctx, r.once(s)) })
}

// behind lists the mirrors of the plan's topics that are not at the source's end, "topic-partition N records", and the number of
// partitions looked at. A mirror whose topic was promoted by this run is not behind.
func (r *run) behind(ctx context.Context) (list []string, total int, err error) {
	mirrors, err := r.link.Status(ctx)
	if err != nil {
		return nil, 0, err
	}
	topics := r.topicNames()
	for _, m := range mirrors {
		if !slices.Contains(topics, m.Topic) {
			continue
		}
		total++
		switch {
		case m.State == "STOPPED":
		case m.State == "FAILED":
			return nil, 0, fmt.Errorf("mirror %s-%d is FAILED: %s", m.Topic, m.Partition, m.Error)
		case m.State == plans.MirrorPaused:
			_, err := plans.PromoteMirror.From(m.Topic, m.State)
			return nil, 0, err
		case m.Lag < 0:
			list = append(list, fmt.Sprintf("%s-%d lag not known", m.Topic, m.Partition))
		case m.Lag > 0:
			list = append(list, fmt.Sprintf("%s-%d %d records behind", m.Topic, m.Partition, m.Lag))
		}
	}
	if total == 0 {
		return nil, 0, fmt.Errorf("link %s has no mirror of %s: run `lifeboat link run` first", r.decl.Name, strings.Join(topics, ", "))
	}
	return list, total, nil
}
