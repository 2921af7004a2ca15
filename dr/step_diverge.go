package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Where the logs of both regions part is measured again when the old one stands still: what the plan removes was agreed to as it was then.

// factDivergence is, by topic, where what only the region that comes back has begins.
const factDivergence = "divergence"

func divergeDone(_ context.Context, r *run, s plans.Step) (bool, string, error) {
	if !r.saw(s.ID) {
		return false, "", nil
	}
	f := r.plan.Failback
	detail := counted(len(f.On), "topic") + " can be mirrored on"
	if len(f.Anew) > 0 {
		detail += fmt.Sprintf(", %s can not", counted(len(f.Anew), "topic"))
	}
	return true, detail, nil
}

func divergeApply(ctx context.Context, r *run, s plans.Step) error {
	now, err := r.divergence(ctx)
	if err != nil {
		return err
	}
	f, point := r.plan.Failback, plans.Positions{}
	var other []string
	for _, name := range r.topicNames() {
		t := now[name]
		why := t.Why(r.plan.To, r.plan.From)
		planned := f.Topic(name)
		switch {
		case t.Mirrored || planned == nil && why == "":
		case planned != nil && t.ID != planned.ID && t.Tail() == 0: // it was being recreated, and nothing is in it
		case planned == nil || planned.ID != t.ID || why == "":
			other = append(other, fmt.Sprintf("%s: %s", name, why))
		case f.Salvage == "" && t.Tail() > planned.Offsets:
			other = append(other, fmt.Sprintf("%s: %s that only %s has, and %d were given up", name, counted(int(t.Tail()), "offset"), r.plan.To, planned.Offsets))
		default:
			point[name] = map[int32]plans.Offset{}
			for p, part := range t.Parts {
				if part.Tail() > 0 {
					point[name][int32(p)] = part.Point
				}
			}
		}
	}
	if len(other) > 0 {
		slices.Sort(other)
		return fmt.Errorf("%s is not as it was when planned: %s: give this run up and plan again", r.plan.To, strings.Join(other, "; "))
	}
	if err := r.learn(ctx, factDivergence, point); err != nil {
		return err
	}
	r.see(s.ID)
	return nil
}
