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

// What a batch has stopped in the source goes on there when the batch is rolled back, with the state that it had.

// remembersStopped journals which statements a batch is about to stop.
func (r *run) remembersStopped(ctx context.Context, s plans.Step, running []string) error {
	if s.Batch == "" {
		return nil
	}
	var stopped []string
	if _, err := r.recall(stoppedFact(s.Batch), &stopped); err != nil {
		return err
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(stopped, running))))
	if slices.Equal(all, stopped) {
		return nil
	}
	return r.learn(ctx, stoppedFact(s.Batch), all)
}

func restartDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	standing, err := r.standing(ctx, s)
	if err != nil {
		return false, "", err
	}
	if len(standing) > 0 {
		return false, "not running: " + strings.Join(standing, ", "), nil
	}
	return true, "they run in " + r.plan.From, nil
}

func restartApply(ctx context.Context, r *run, s plans.Step) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("%s: what was stopped did not run again within %s", r.plan.From, startWithin))
	defer cancel()
	b := r.world.Engines[r.plan.From]
	for {
		standing, err := r.standing(ctx, s)
		if err != nil || len(standing) == 0 {
			return err
		}
		for _, name := range standing {
			st, err := b.Get(ctx, name)
			if err == nil && st.Phase.Terminal() {
				err = b.Resume(ctx, name)
			}
			if err != nil {
				return fmt.Errorf("%s: statement %q: resuming: %w", r.plan.From, name, err)
			}
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// standing lists the statements that the batch has stopped and that do not run again.
func (r *run) standing(ctx context.Context, s plans.Step) ([]string, error) {
	var stopped, list []string
	if _, err := r.recall(stoppedFact(s.Batch), &stopped); err != nil || len(stopped) == 0 {
		return nil, err
	}
	b := r.world.Engines[r.plan.From]
	if b == nil {
		return nil, fmt.Errorf("%s declares no engine any more, and %s stopped there", r.plan.From, strings.Join(stopped, ", "))
	}
	for _, name := range stopped {
		st, err := b.Get(ctx, name)
		switch {
		case errors.Is(err, engine.ErrNotFound): // somebody has deleted it since
		case err != nil:
			return nil, fmt.Errorf("%s: statement %q: %w", r.plan.From, name, err)
		case st.Phase != engine.Running && st.Phase != engine.Completed:
			list = append(list, name)
		}
	}
	return list, nil
}
