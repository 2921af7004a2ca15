package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// In a planned failover the pipeline's statements stop in the old primary, keeping their state, before its topics are drained.

func stopSourceDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	in := r.regionName(s)
	running, err := r.runningIn(ctx, s, in)
	if err != nil {
		return false, "", err
	}
	if len(running) > 0 {
		return false, "still running: " + strings.Join(running, ", "), nil
	}
	return true, fmt.Sprintf("no statement of the plan runs in %s", in), nil
}

func stopSourceApply(ctx context.Context, r *run, s plans.Step) error {
	in := r.regionName(s)
	for {
		running, err := r.runningIn(ctx, s, in)
		if err != nil || len(running) == 0 {
			return err
		}
		if err := r.remembersStopped(ctx, s, running); err != nil {
			return err
		}
		for _, name := range running {
			if err := r.world.Engines[in].Stop(ctx, name); err != nil && !errors.Is(err, engine.ErrNotFound) {
				return fmt.Errorf("%s: statement %q: stopping: %w", in, name, err)
			}
		}
		what := "still running: " + strings.Join(running, ", ")
		if err := r.stuck(s, r.waitsFor(s, what), what); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// runningIn lists the plan's INSERT statements that are not terminal in a region.
func (r *run) runningIn(ctx context.Context, s plans.Step, in string) ([]string, error) {
	b := r.world.Engines[in]
	if b == nil {
		return nil, nil
	}
	list, err := b.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	var running []string
	of := r.plan.Part(s).Statements
	for _, st := range list {
		ours := slices.ContainsFunc(of, func(p plans.StatementPlan) bool { return p.Name == st.Name })
		if ours && !st.Phase.Terminal() && st.Phase != engine.Deleting {
			running = append(running, st.Name)
		}
	}
	return running, nil
}
