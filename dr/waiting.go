package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A step that takes long says what it waits for, since when that has not changed, and what can be done about it. One whose wait does not end gives up by
// itself.

// Waiting is how often a step that goes on tells of itself, stuckAfter how long what it waits for may stay the same until it gives up.
const (
	Waiting    = 10 * time.Second
	stuckAfter = 60 * time.Second
)

// underWay is a step that is being applied.
type underWay struct {
	step  plans.Step
	begun time.Time
	saw   string    // what it waits for, in its own words
	moved time.Time // when that changed last
}

// begins notes a step that is applied from now on, and returns what takes it off again.
func (r *run) begins(s plans.Step) (ends func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.world.now()
	r.underWay = append(r.underWay, &underWay{step: s, begun: now, moved: now})
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.underWay = slices.DeleteFunc(r.underWay, func(u *underWay) bool { return u.step.ID == s.ID })
	}
}

// waitsFor notes what a step waits for, and returns for how long that has been the same.
func (r *run) waitsFor(s plans.Step, what string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.world.now()
	for _, u := range r.underWay {
		if u.step.ID == s.ID {
			if u.saw != what {
				u.saw, u.moved = what, now
			}
			return now.Sub(u.moved)
		}
	}
	return 0
}

// stuck is the error of a step that has waited for the same for too long, nil where it has not.
func (r *run) stuck(s plans.Step, same time.Duration, what string) error {
	if same < r.world.opts.Stuck {
		return nil
	}
	return fmt.Errorf("no progress for %s, %s: %s", r.world.opts.Stuck, what, advice(r, s))
}

// whileMoving does something for a step, and ends it when look, which is asked beside it, has told of the same wait for too long.
func (r *run) whileMoving(ctx context.Context, s plans.Step, look func(context.Context) (string, error), do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var stuck error
	g, ctx := errgroup.WithContext(ctx)
	over := errors.New("over")
	g.Go(func() error {
		if err := do(ctx); err != nil {
			return err
		}
		return over // ends the other one
	})
	g.Go(func() error {
		last := ""
		for {
			if sleep(ctx, max(r.world.opts.Stuck/30, 20*time.Millisecond)) != nil {
				return nil
			}
			what, err := look(ctx)
			switch {
			case err == nil:
				last = what
			case last == "":
				last = err.Error() // it is asked again: what it says is what does not change
			}
			if stuck = r.stuck(s, r.waitsFor(s, last), last); stuck != nil {
				cancel(stuck)
				return nil
			}
		}
	})
	err := g.Wait()
	switch {
	case err == over:
		return nil
	case stuck != nil:
		return stuck
	}
	return err
}

// tellOfWaits tells of every step that has been under way for a while, until ctx ends.
func (r *run) tellOfWaits(ctx context.Context) {
	every := r.world.opts.Waiting
	for sleep(ctx, every) == nil {
		r.mu.Lock()
		now := r.world.now()
		for _, u := range r.underWay {
			if now.Sub(u.begun) < every {
				continue
			}
			e := Event{Run: r.id, Step: u.step, State: EntryWaiting, Detail: u.saw, At: now, Since: u.begun, Advice: advice(r, u.step)}
			if e.Detail == "" {
				e.Detail = u.step.Goal
			}
			if same := now.Sub(u.moved); same >= every {
				e.Same = same
			}
			r.world.opts.Events(e)
		}
		r.mu.Unlock()
	}
}

// advice is what an operator can do about a step that takes long.
func advice(r *run, s plans.Step) string {
	lost := ""
	if r.plan.Operation == plans.OpFailover && r.plan.Planned {
		lost = fmt.Sprintf("; if %s is lost, end this and go on without it: lifeboat resume --unplanned %s", r.plan.From, r.id)
	}
	switch s.Kind {
	case plans.StepFence, plans.StepVerifyFence:
		return "open transactions end by themselves, or by kafka-transactions.sh abort" + lost
	case plans.StepStopSource:
		return fmt.Sprintf("look at the statement in the engine of %s, and stop it there", r.regionName(s)) + lost
	case plans.StepRestart:
		return fmt.Sprintf("look at the statements in the engine of %s, and resume them there", r.plan.From)
	case plans.StepMirrorOn:
		return fmt.Sprintf("lifeboat link status --link %s says what each mirror waits for", r.plan.Failback.Forward)
	case plans.StepDrain, plans.StepCatchUp, plans.StepHold:
		return fmt.Sprintf("lifeboat link status --link %s says what each mirror waits for", r.plan.Link) + lost
	case plans.StepPromote, plans.StepReverse, plans.StepProtect, plans.StepRecreate:
		return fmt.Sprintf("lifeboat link status --link %s, and the brokers of %s", r.plan.Link, r.plan.To)
	case plans.StepStart, plans.StepWatermark, plans.StepForget:
		return fmt.Sprintf("look at statement %s in the engine of %s", s.Subject, r.plan.To)
	case plans.StepHook, plans.StepInventory, plans.StepResidue, plans.StepCompare, plans.StepSalvage, plans.StepDiverge, plans.StepMeasure, plans.StepOutputs, plans.StepIdentical, plans.StepVerify:
		return "it ends by itself; Ctrl-C stops the run behind it, a second one at once"
	}
	return fmt.Sprintf("see that %s and its registry answer; Ctrl-C twice stops at once, and lifeboat resume %s goes on", r.plan.To, r.id)
}

// lagText tells of the lag of a step's mirrors, in words that change when any of them moves.
func (r *run) lagText(ctx context.Context, s plans.Step) (string, error) {
	return lagText(ctx, r.link, r.topicsOf(s))
}

func lagText(ctx context.Context, l *linking.Link, topics []string) (string, error) {
	mirrors, err := l.Status(ctx)
	if err != nil {
		return "", err
	}
	var records, aligned int64
	var list []string
	for _, m := range mirrors {
		if !slices.Contains(topics, m.Topic) || m.State == plans.MirrorStopped {
			continue
		}
		at := fmt.Sprintf("%s-%d", m.Topic, m.Partition)
		switch {
		case m.Aligning != nil:
			aligned += m.Aligning.Filled
			list = append(list, fmt.Sprintf("%s filled up to @%d of @%d", at, m.Aligning.Filled, m.Aligning.Of))
		case m.Lag < 0:
			list = append(list, at+" by how much is not known")
		case m.Lag > 0:
			records += m.Lag
			list = append(list, fmt.Sprintf("%s by %d", at, m.Lag))
		}
	}
	text := counted(int(records), "record") + " behind"
	if aligned > 0 {
		text += fmt.Sprintf(", %d offsets filled", aligned)
	}
	if len(list) > 0 {
		text += ": " + few(list)
	}
	return text, nil
}
