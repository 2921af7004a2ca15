package run

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// transitions are all steps a statement may take from one phase to another. What is not here is a mistake in this program.
var transitions = map[engine.Phase][]engine.Phase{
	"":               {engine.Pending, engine.Stopped, engine.Completed}, // created; stopped; a statement that is done at once
	engine.Pending:   {engine.Running, engine.Degraded, engine.Stopping, engine.Failing, engine.Deleting},
	engine.Running:   {engine.Completed, engine.Degraded, engine.Stopping, engine.Failing, engine.Deleting},
	engine.Degraded:  {engine.Running, engine.Completed, engine.Stopping, engine.Failing, engine.Deleting},
	engine.Failing:   {engine.Failed, engine.Deleting},
	engine.Failed:    {engine.Pending, engine.Deleting},
	engine.Stopping:  {engine.Stopped, engine.Completed, engine.Failing, engine.Deleting},
	engine.Stopped:   {engine.Pending, engine.Deleting},
	engine.Completed: {engine.Deleting},
	engine.Deleting:  {},
}

// CheckTransition says whether a statement may go from one phase to another. Staying where it is is always allowed.
func CheckTransition(from, to engine.Phase) error {
	if from == to || slices.Contains(transitions[from], to) {
		return nil
	}
	return fmt.Errorf("a statement cannot go from phase %q to %q", from, to)
}
