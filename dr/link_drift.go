package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// driftOf tells which configs of mirror topics somebody else has changed in the destination, be they put back or not.
func driftOf(ctx context.Context, decl *plans.Link, l *linking.Link) []report.Finding {
	notes, err := l.Configs(ctx)
	if err != nil {
		return []report.Finding{{Rule: "link/configs-not-known", Severity: report.Low, Subject: decl.Name, Message: err.Error(),
			Why: "whether somebody has changed the configs of mirror topics is not known", Remedy: "lifeboat link grants shows what the link needs to see them"}}
	}
	var findings []report.Finding
	for _, n := range notes {
		f := report.Finding{Subject: n.Topic, Why: n.Why, Message: fmt.Sprintf("%s of topic %s is %s in %s", n.Key, n.Topic, orUnset(n.Dest), decl.To)}
		switch n.State {
		case linking.ConfigDrift:
			f.Rule, f.Severity, f.Remedy = "link/config-drift", report.Medium, driftRemedy(decl)
		case linking.ConfigRestored:
			f.Rule, f.Severity = "link/config-put-back", report.Low
		default:
			continue
		}
		findings = append(findings, f)
	}
	return findings
}

func driftRemedy(decl *plans.Link) string {
	declare := "declare it under links[].topics.configs"
	if decl.Topics.Drift == plans.DriftReport {
		return fmt.Sprintf("put it back in %s, or %s; links[].topics.drift: restore has the link do that", decl.To, declare)
	}
	return fmt.Sprintf("a running link puts back what it has set; what it has not set, put back in %s or %s", decl.To, declare)
}
