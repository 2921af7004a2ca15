package dr

import (
	"context"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkGrants has the brokers say whether the link may do what it has to.
func checkGrants(ctx context.Context, c *checkup) []report.Check {
	line := report.Check{Name: "link " + c.decl.Name + " has the rights that it needs", Outcome: report.Unknown, Remedy: "lifeboat link grants prints them"}
	l, err := c.world.OpenLink(c.decl)
	if err != nil {
		line.Detail = err.Error()
		return []report.Check{line}
	}
	trial, err := l.TryGrants(ctx)
	if err != nil {
		line.Detail = err.Error()
		return []report.Check{line}
	}
	line.Outcome, line.Detail = report.Passed, fmt.Sprintf("%s tried, %d not to be tried yet", counted(trial.Tried, "grant"), trial.Untried)
	if trial.Tried == 0 {
		line.Outcome, line.Why = report.Unknown, "its brokers do not say what a principal may do"
	}
	var needed, spare []string
	for _, g := range trial.Missing {
		what := fmt.Sprintf("%s on %s %s in %s (%s)", g.ACL.Operation, strings.ToLower(g.ACL.Resource.String()), g.ACL.Name, g.Region, g.For)
		if g.Spare {
			spare = append(spare, what)
		} else {
			needed = append(needed, what)
		}
	}
	switch {
	case len(needed) > 0:
		line.Outcome, line.Detail = report.Failed, "missing: "+strings.Join(append(needed, spare...), "; ")
		line.Why = "mirrors that it may not read, make or write are FAILED"
	case len(spare) > 0:
		line.Outcome, line.Detail = report.Warned, "it does without: "+strings.Join(spare, "; ")
	}
	if line.Outcome == report.Passed {
		line.Remedy = ""
	}
	return []report.Check{line}
}
