package dr

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Operation is what can be done on a schedule: by `lifeboat serve` itself, and by others with the command line that `lifeboat schedule
// print` writes for them.
type Operation struct {
	// Run does it, and returns its report; it stops when the world's Options.Interrupted is closed. A check has only the name and the schedule of the drill that it is given.
	Run func(context.Context, *World, plans.Drill) (*report.Report, error)
	// Words are the command that does the same, behind `lifeboat`, without flags that every verb has.
	Words func(plans.Drill) []string
}

// operations are by plans.Job.Operation. What is not here is refused by name.
var operations = map[string]Operation{
	plans.JobCheck: {
		Run: func(ctx context.Context, w *World, _ plans.Drill) (*report.Report, error) {
			ctx, stop := untilClosed(ctx, w.opts.Interrupted)
			defer stop()
			return Check(ctx, w, "")
		},
		Words: func(plans.Drill) []string { return []string{"check"} },
	},
	plans.JobDrill: {
		Run:   DrillDeclared,
		Words: func(d plans.Drill) []string { return []string{"drill", "--yes", "--name", d.Name} },
	},
}

// UnsupportedOperationError says that a declared job is of a kind that this version does not run.
type UnsupportedOperationError struct{ Operation, Job string }

func (e *UnsupportedOperationError) Error() string {
	return fmt.Sprintf("%s %q is declared, and this version runs only %v by schedule", e.Operation, e.Job, slices.Sorted(maps.Keys(operations)))
}

// OperationOf returns what a job does. Error: *UnsupportedOperationError.
func OperationOf(j plans.Job) (Operation, error) {
	op, ok := operations[j.Operation]
	if !ok {
		return Operation{}, &UnsupportedOperationError{Operation: j.Operation, Job: j.Drill.Name}
	}
	return op, nil
}
