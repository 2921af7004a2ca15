package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkGroups looks for mirrored groups that are active in the destination: their positions can not be written there.
func checkGroups(_ context.Context, c *checkup) []report.Check {
	from, to := c.seen.Regions[c.decl.From], c.seen.Regions[c.decl.To]
	var out []report.Check
	for _, name := range sortedKeys(from.Groups) {
		if !c.decl.Groups.Match(name) {
			continue
		}
		line := report.Check{Name: fmt.Sprintf("group %s is not active in %s", name, c.decl.To), Outcome: report.Passed}
		switch g := to.Groups[name]; {
		case from.Groups[name].Share:
			continue // the plan says that it is not copied
		case g == nil:
			line.Outcome, line.Detail = report.Warned, "no position written there yet"
			line.Why, line.Remedy = "it would start from its reset policy after a failover", "lifeboat link run"
		case g.State != "Empty" && g.State != "Dead" && g.State != "":
			line.Outcome, line.Detail = report.Failed, "its state there is "+g.State
			line.Why = "positions of an active group are never overwritten, so it would go on from its own"
			line.Remedy = fmt.Sprintf("stop its members in %s", c.decl.To)
		default:
			line.Detail = counted(len(g.Positions), "topic") + " with a position"
		}
		out = append(out, line)
	}
	return out
}
