package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A region that computes all the time counts when it puts out the same as the other one.

func sameOutputDone(_ context.Context, r *run, s plans.Step) (bool, string, error) {
	switch {
	case r.knows(factFailoverPoint):
		return true, "it was, before " + r.plan.To + " was promoted", nil
	case !r.saw(s.ID):
		return false, "", nil
	}
	return true, "seen", nil
}

func sameOutputApply(ctx context.Context, r *run, s plans.Step) error {
	o, _ := r.world.Declared.Output(s.Subject)
	line, judged, err := compareOutput(ctx, r.world, o, [2]string{r.plan.From, r.plan.To})
	if err != nil {
		return err
	}
	r.addCheck(line)
	if line.Outcome == report.Failed {
		return fmt.Errorf("%s: %s: %s", r.plan.To, line.Name, line.Detail)
	}
	if !judged && r.plan.Writers {
		return fmt.Errorf("%s: %s: %s: see that lifeboat link run serves both links, then resume", r.plan.To, line.Name, line.Detail)
	}
	r.see(s.ID)
	return nil
}
