package dr

import (
	"context"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkDeterminism says of every statement whether both regions would compute the same.
func checkDeterminism(_ context.Context, c *checkup) []report.Check {
	if c.plan == nil {
		return noPlan(c, "statements compute the same in both regions")
	}
	var out []report.Check
	for _, sp := range c.plan.Statements {
		if sp.Verdict == "" {
			continue
		}
		line := report.Check{Name: sp.Name + " computes the same in both regions", Outcome: report.Passed, Detail: sp.Verdict}
		var rules []string
		for _, f := range c.plan.Findings {
			if f.Subject != sp.Name || !strings.HasPrefix(f.Rule, "D") || f.Waived != "" {
				continue
			}
			rules = append(rules, f.Rule)
			switch {
			case f.Severity == report.Block:
				line.Outcome = report.Failed
			case f.Severity == report.High && line.Outcome == report.Passed:
				line.Outcome = report.Warned
			}
		}
		if len(rules) > 0 {
			line.Detail += " (" + strings.Join(rules, ", ") + ", see findings)"
		}
		if line.Outcome != report.Passed {
			line.Why, line.Remedy = "the output in "+c.decl.To+" would differ from the primary's", "see the findings below for the remedy"
		}
		out = append(out, line)
	}
	return out
}
