package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A run stops where its operator wishes: behind a step (Options.Until), or in front of a phase that nobody said yes to (Options.Gate). Resuming goes on
// from there.

// PausedError ends a run where its operator wished.
type PausedError struct{ Run, Where string }

func (e *PausedError) Error() string {
	return fmt.Sprintf("run %s stopped as asked %s", e.Run, e.Where)
}

// UnknownStepError says that a plan has no step of an id.
type UnknownStepError struct {
	Step  string
	Known []string
}

func (e *UnknownStepError) Error() string {
	return fmt.Sprintf("the plan has no step %q: it has %s", e.Step, strings.Join(e.Known, ", "))
}

// upTo returns the steps that a step needs, directly or not, and itself, in the plan's order; all of them where id is "".
func upTo(steps []plans.Step, id string) ([]plans.Step, error) {
	if id == "" {
		return steps, nil
	}
	i := slices.IndexFunc(steps, func(s plans.Step) bool { return s.ID == id })
	if i < 0 {
		err := &UnknownStepError{Step: id}
		for _, s := range steps {
			err.Known = append(err.Known, s.ID)
		}
		return nil, err
	}
	wanted := map[string]bool{id: true}
	for ; i >= 0; i-- {
		s := steps[i]
		if !wanted[s.ID] {
			continue
		}
		for _, need := range s.Needs {
			wanted[need] = true
		}
		if len(s.Needs) == 0 && i > 0 { // it needs the one in front of it
			wanted[steps[i-1].ID] = true
		}
	}
	var list []plans.Step
	for _, s := range steps {
		if wanted[s.ID] {
			list = append(list, s)
		}
	}
	return list, nil
}

// gates are the phases that the operator was asked about.
type gates struct {
	mu       sync.Mutex
	answered map[string]error // by phase, of each batch; nil: go on
}

// pass notes the phases that a run had begun before: a yes to one of them is not asked for again.
func (g *gates) pass(steps []plans.Step, entries map[string]Entry) {
	g.answered = map[string]error{}
	for _, s := range steps {
		if entries[s.ID].Kind == EntryDone {
			g.answered[s.Part()] = nil
		}
	}
}

// gate asks, once, whether the phase of a step may begin.
func (r *run) gate(ctx context.Context, s plans.Step) error {
	if r.world.opts.Gate == nil {
		return nil
	}
	r.gates.mu.Lock()
	defer r.gates.mu.Unlock()
	answer, asked := r.gates.answered[s.Part()]
	if !asked {
		yes, err := r.world.opts.Gate(ctx, gateQuestion(r.plan.Steps, s))
		if answer = err; err == nil && !yes {
			answer = &PausedError{r.id, "in front of " + partName(s)}
		}
		if r.gates.answered == nil {
			r.gates.answered = map[string]error{}
		}
		r.gates.answered[s.Part()] = answer
	}
	return answer
}

// gateQuestion names what a phase does, and what of it can not be taken back.
func gateQuestion(steps []plans.Step, of plans.Step) string {
	var names, final []string
	for _, s := range steps {
		if s.Part() != of.Part() {
			continue
		}
		names = append(names, s.ID)
		if s.Irreversible {
			final = append(final, s.ID)
		}
	}
	question := fmt.Sprintf("Begin %s (%s)?", partName(of), shortList(names))
	if len(final) > 0 {
		question = fmt.Sprintf("Begin %s (%s)? What can not be taken back: %s.", partName(of), shortList(names), shortList(final))
	}
	return question
}

func partName(s plans.Step) string {
	if s.Batch != "" {
		return s.Part()
	}
	return "phase " + s.Phase
}
