package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Draining takes the link over from whatever process served it and mirrors until nothing is left. The source's log ends must still be
// those that the fence was proved with: anything more was written past it.

func drainDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	var fenced plans.Positions
	if ok, err := r.recall(scoped(factFenceEnds, s), &fenced); err != nil {
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
	behind, total, err := r.behind(ctx, s)
	if failed := new(failedMirrorError); errors.As(err, &failed) {
		return false, failed.Error(), nil // a run of the link tries it again where what was in its way is mended
	}
	if err != nil {
		return false, "", err
	}
	if len(behind) > 0 {
		return false, strings.Join(behind, ", "), nil
	}
	return true, "lag zero on " + counted(total, "partition"), nil
}

func drainApply(ctx context.Context, r *run, s plans.Step) error {
	return r.whileMoving(ctx, s, func(ctx context.Context) (string, error) { return r.lagText(ctx, s) }, func(ctx context.Context) error {
		err := r.link.Run(ctx, r.once(s))
		if r.partial(s) && errors.Is(err, linking.ErrTakenOver) { // whoever serves the link, and what stays with it, has it back
			return r.awaitLink(ctx, s)
		}
		return err
	})
}

// awaitLink waits while another process brings the mirrors of a step to where the source ends now: a living source goes on.
func (r *run) awaitLink(ctx context.Context, s plans.Step) error {
	topics, target := r.topicsOf(s), map[string]int64{}
	for {
		if _, _, err := r.behind(ctx, s); err != nil { // that can not be waited for
			return err
		}
		mirrors, err := r.link.Status(ctx)
		if err != nil {
			return err
		}
		left := false
		for _, m := range mirrors {
			if !slices.Contains(topics, m.Topic) || m.State == plans.MirrorStopped {
				continue
			}
			key, at := fmt.Sprintf("%s-%d", m.Topic, m.Partition), m.Dest
			if m.Translated {
				at = m.Come
			}
			if _, known := target[key]; !known {
				target[key] = m.Source
			}
			left = left || at < target[key]
		}
		if !left {
			return nil
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// failedMirrorError is a mirror that has failed, whatever process served it then.
type failedMirrorError struct{ mirror, why string }

func (e *failedMirrorError) Error() string {
	return fmt.Sprintf("mirror %s is FAILED: %s", e.mirror, e.why)
}

// behind lists the mirrors of the plan's topics that are not at the source's end, "topic-partition N records", and the number of
// partitions looked at. A mirror whose topic was promoted by this run, or is on the way there, is not behind.
func (r *run) behind(ctx context.Context, s plans.Step) (list []string, total int, err error) {
	mirrors, err := r.link.Status(ctx)
	if err != nil {
		return nil, 0, err
	}
	topics := r.topicsOf(s)
	for _, m := range mirrors {
		if !slices.Contains(topics, m.Topic) {
			continue
		}
		total++
		switch {
		case m.State == plans.MirrorStopped, m.State == plans.MirrorPendingStopped: // where it ends is decided; what came behind that is measured
		case m.State == "FAILED":
			return nil, 0, &failedMirrorError{fmt.Sprintf("%s-%d", m.Topic, m.Partition), m.Error}
		case m.State == plans.MirrorPaused && r.plan.Writers && m.Lag == 0: // it was held before this process came
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
