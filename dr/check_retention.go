package dr

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
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
				line.Why = fmt.Sprintf("the statement needs %s of history to compute what the primary would have (%s)%s", needed(v), sp.Horizon, missing(v))
				line.Remedy = v.Remedy(c.decl.To, c.decl.Name)
			case "UNKNOWN":
				line.Outcome = report.Warned
				line.Why = fmt.Sprintf("the statement needs %s of history (%s)", needed(v), sp.Horizon)
				line.Remedy = v.Remedy(c.decl.To, c.decl.Name)
			}
			out = append(out, line)
		}
		for _, v := range sp.SourceRetention {
			if v.Verdict != "INSUFFICIENT" {
				continue // what the source can not tell stops nothing: the destination's own log decides
			}
			line := report.Check{Name: fmt.Sprintf("%s: %s in %s goes back far enough", sp.Name, v.Topic, c.decl.From), Outcome: report.Warned,
				Detail: v.Verdict + ": " + v.Detail, Why: fmt.Sprintf("a link that begins anew, and a failback, would find less than the %s that the statement needs", needed(v))}
			if len(v.Mend) > 0 {
				line.Remedy = fmt.Sprintf("kafka-configs --alter --topic %s --add-config %s in %s", v.Topic, strings.Join(v.Mend, ","), c.decl.From)
			}
			out = append(out, line)
		}
	}
	return out
}

// needed is how much history a verdict is about.
func needed(v plans.RetentionVerdict) string {
	if time.Duration(v.Need) == statements.Unlimited {
		return "all"
	}
	return v.Need.String()
}

// missing is how much of the need there is not, where that is a time.
func missing(v plans.RetentionVerdict) string {
	if time.Duration(v.Need) == statements.Unlimited || v.Missing <= 0 {
		return ""
	}
	return ": " + v.Missing.String() + " are missing"
}
