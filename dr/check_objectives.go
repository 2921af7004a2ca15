package dr

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkObjectives compares what would be lost now with the declared recovery point.
func checkObjectives(_ context.Context, c *checkup) []report.Check {
	if c.plan == nil || c.plan.Objectives.RPO == 0 {
		return nil
	}
	line := report.Check{Name: fmt.Sprintf("what would be lost now is within the RPO of %s", c.plan.Objectives.RPO), Outcome: report.Passed}
	if len(c.seen.Mirrors[c.decl.Name]) == 0 {
		line.Outcome, line.Detail = report.Failed, "nothing is mirrored: all of it would be"
		line.Why, line.Remedy = "a loss of "+c.decl.From+" now would miss the objective", "lifeboat link run"
		return []report.Check{line}
	}
	var worst float64
	for _, t := range c.plan.Forecast {
		if t.LostSeconds < 0 && t.LostRecords != 0 {
			line.Outcome, line.Detail = report.Warned, "lag of "+t.Name+" in seconds is not known"
		}
		worst = max(worst, t.LostSeconds)
	}
	if line.Detail == "" {
		line.Detail = fmt.Sprintf("worst topic: %.1f s", worst)
	}
	if worst > time.Duration(c.plan.Objectives.RPO).Seconds() {
		line.Outcome = report.Failed
		line.Why, line.Remedy = "a loss of "+c.decl.From+" now would miss the objective", "lifeboat link status: the link is behind"
	}
	return []report.Check{line}
}
