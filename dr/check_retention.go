package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkRetention says of every input of every statement whether the destination holds enough history to rebuild it.
func checkRetention(_ context.Context, c *checkup) []report.Check {
	if c.plan == nil {
		return noPlan(c, "the destination holds enough history")
	}
	var out []report.Check
	for _, sp := range c.plan.Statements {
		for _, v := range sp.Retention {
			line := report.Check{Name: fmt.Sprintf("%s: %s in %s goes back far enough", sp.Name, v.Topic, c.decl.To), Outcome: report.Passed,
				Detail: v.Verdict + ": " + v.Detail}
			switch v.Verdict {
			case "INSUFFICIENT":
				line.Outcome = report.Failed
				line.Why = fmt.Sprintf("the statement needs %s of history to compute what the primary would have (%s)", v.Need, sp.Horizon)
				line.Remedy = fmt.Sprintf("raise retention.ms of %s in %s by %s: links[].topics.configs in lifeboat.yaml", v.Topic, c.decl.To, v.Missing)
			case "UNKNOWN":
				line.Outcome = report.Warned
			}
			out = append(out, line)
		}
	}
	return out
}
