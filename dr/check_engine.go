package dr

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func checkEngine(_ context.Context, c *checkup) []report.Check {
	if len(c.world.Declared.Statements) == 0 {
		return nil
	}
	st := c.seen.Regions[c.decl.To]
	line := report.Check{Name: "engine of " + c.decl.To + " answers", Outcome: report.Passed, Detail: counted(len(st.Statements), "statement")}
	declared := c.world.Declared.Topology.Regions[c.decl.To].Engine != nil
	switch {
	case st.Engine == "ok":
	case declared && !st.Reachable:
		line.Outcome, line.Detail = report.Unknown, c.decl.To+" does not answer"
	case !declared:
		line.Outcome, line.Detail = report.Failed, "none declared"
		line.Why, line.Remedy = "the pipeline's statements could not be started there", "declare regions."+c.decl.To+".engine in lifeboat.yaml"
	default:
		line.Outcome, line.Detail = report.Failed, st.Engine
		line.Why, line.Remedy = "the pipeline's statements could not be started there", "lifeboat engine serve --region "+c.decl.To
	}
	return []report.Check{line}
}
