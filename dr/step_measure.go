package dr

import (
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// What was lost is measured where the old primary can be read; otherwise the forecast of the plan stands, and is called one.

func measureDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if r.from == nil {
		r.rep.Topics = r.plan.Forecast
		return true, fmt.Sprintf("%s is not reachable: the forecast stands until `lifeboat verify` can read it", r.plan.From), nil
	}
	if !r.saw(s.ID) {
		return false, "", nil
	}
	var records int64
	of := r.topicsOf(s)
	for _, t := range r.rep.Topics {
		if slices.Contains(of, t.Name) {
			records += t.LostRecords
		}
	}
	return true, fmt.Sprintf("%s of %s did not reach %s", counted(int(records), "record"), r.plan.From, r.plan.To), nil
}

func measureApply(ctx context.Context, r *run, s plans.Step) error {
	of := r.topicsOf(s)
	point, err := r.sourcePoint()
	if err != nil {
		return err
	}
	topics, err := mirrorLoss(ctx, r.decl, r.from, of, point, r.world.now())
	if err != nil {
		return err
	}
	r.rep.Topics = append(slices.DeleteFunc(r.rep.Topics, func(t report.Topic) bool { return slices.Contains(of, t.Name) }), topics...)
	r.see(s.ID)
	return nil
}
