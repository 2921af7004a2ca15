package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// checkAccess asks whether the link's principals have in the destination what they need there after a failover, and names each thing that
// differs or can not be copied.
func checkAccess(ctx context.Context, c *checkup) []report.Check {
	if len(c.decl.ACLs.Include) == 0 {
		return nil
	}
	line := report.Check{Name: "rights of the link's principals are in " + c.decl.To, Outcome: report.Unknown}
	l, err := c.world.OpenLink(c.decl)
	if err != nil {
		line.Detail = err.Error()
		return []report.Check{line}
	}
	access, err := l.Access(ctx)
	if err != nil {
		line.Detail, line.Why = err.Error(), "a principal without its rights can not go on after a failover"
		line.Remedy = "lifeboat link grants shows what the link needs to see them"
		return []report.Check{line}
	}
	line.Outcome, line.Detail = report.Passed, fmt.Sprintf("%s the same, %d to be given at promotion", counted(access.Copied, "grant"), len(access.Staged))
	if todo := access.Created + access.Removed; todo > 0 {
		line.Outcome, line.Detail = report.Failed, fmt.Sprintf("%s, %d not copied yet", line.Detail, todo)
		line.Why, line.Remedy = "a principal without its rights can not go on after a failover", "lifeboat link run"
	}
	out := []report.Check{line}
	for _, n := range access.Notes {
		if n.State == linking.AccessStaged {
			continue // counted above
		}
		out = append(out, report.Check{Name: n.Kind + " " + n.Subject, Outcome: accessOutcome(n.State), Detail: n.State, Why: n.Why, Remedy: n.Remedy})
	}
	return out
}

// accessOutcome is how much a difference in rights matters to a failover.
func accessOutcome(state string) report.Outcome {
	switch state {
	case linking.AccessOpen, linking.AccessRefused, linking.AccessMissing:
		return report.Failed
	case linking.AccessUnknown:
		return report.Unknown
	case linking.AccessOwn:
		return report.Passed
	}
	return report.Warned
}
