package dr

import (
	"context"
	"fmt"

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
	for _, t := range r.rep.Topics {
		records += t.LostRecords
	}
	return true, fmt.Sprintf("%s of %s did not reach %s", counted(int(records), "record"), r.plan.From, r.plan.To), nil
}

func measureApply(ctx context.Context, r *run, s plans.Step) error {
	point, err := r.sourcePoint()
	if err != nil {
		return err
	}
	topics, err := mirrorLoss(ctx, r.decl, r.from, r.topicNames(), point, r.world.now())
	if err != nil {
		return err
	}
	r.rep.Topics = topics
	r.see(s.ID)
	return nil
}
