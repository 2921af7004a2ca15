package dr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Fences that runs have left standing on the region that is promoted keep its writers out: they are lifted, by the run that has raised each.

const seenWithin = 10 * time.Second

// standingOn lists the fences on a region, this run's own among them; of a batch's way back only the one that the batch has raised.
func (r *run) standingOn(ctx context.Context, s plans.Step) ([]standing, error) {
	list, _, err := fences(ctx, r.world)
	if err != nil {
		return nil, err
	}
	var on []standing
	own := factLifted + ":" + s.Batch
	for _, f := range list {
		if f.fence.Region == s.Subject && (r.plan.Migration == nil || r.plan.Migration.Back == "" || f.run.id == r.id && f.lifted == own) {
			on = append(on, f)
		}
	}
	return on, nil
}

func liftDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if err := r.world.Errs[s.Subject]; err != nil {
		return false, "", err
	}
	on, err := r.standingOn(ctx, s)
	if err != nil {
		return false, "", err
	}
	var runs []string
	for _, f := range on {
		runs = append(runs, f.run.id)
	}
	if len(runs) > 0 {
		return false, "raised by " + strings.Join(runs, ", "), nil
	}
	return true, "none that a run has raised", nil
}

func liftApply(ctx context.Context, r *run, s plans.Step) error {
	on, err := r.standingOn(ctx, s)
	if err != nil {
		return err
	}
	for _, f := range on {
		if f.run.ended == nil && f.run.id != r.id {
			return fmt.Errorf("run %s counts on its fence on %s, and has not ended: lifeboat resume %[1]s, or lifeboat runs abandon %[1]s", f.run.id, s.Subject)
		}
		if err := f.lift(ctx, r.world.Regions[s.Subject]); err != nil {
			return err
		}
		if err := r.lifted(ctx, f); err != nil {
			return err
		}
	}
	// A transaction's end is answered before a reader of committed data sees it.
	ctx, cancel := context.WithTimeoutCause(ctx, seenWithin, fmt.Errorf("%s: its fences still stand in the journals %s after they were lifted", s.Subject, seenWithin))
	defer cancel()
	for {
		if none, _, err := liftDone(ctx, r, s); err != nil || none {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// lifted journals that a fence was lifted, wherever it was journaled that it was raised and can be reached: one journal that knows is enough.
func (r *run) lifted(ctx context.Context, f standing) error {
	by := liftedFence{r.world.opts.Who, r.world.now()}
	if f.run.id == r.id {
		return r.learn(ctx, f.lifted, by)
	}
	var errs []error
	for _, in := range f.journals {
		if in == r.to.Name {
			if err := r.journal.WriteOf(ctx, f.run.id, EntryFact, f.lifted, "", by); err != nil {
				return err
			}
			continue
		}
		if r.world.Regions[in] == nil {
			errs = append(errs, r.world.Errs[in])
			continue
		}
		j, _, err := acquire(ctx, r.world.Regions[in], f.run.id, &r.world.opts)
		if err != nil {
			return err
		}
		err = j.Write(ctx, EntryFact, f.lifted, "", by)
		j.Close()
		if err != nil {
			return err
		}
	}
	if len(errs) == len(f.journals) {
		return errors.Join(errs...)
	}
	return nil
}
