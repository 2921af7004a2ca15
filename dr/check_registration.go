package dr

import (
	"context"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkRegistration tells which schemas the statements would register where they are started, and whether that registry takes them: a subject
// that may not be written refuses the statement (Schema Registry: 42205, operation not permitted) in the middle of a failover.
func checkRegistration(_ context.Context, c *checkup) []report.Check {
	all := c.world.Declared.Registrations(c.decl, c.seen.Regions[c.decl.To])
	if len(all) == 0 {
		return nil
	}
	line := report.Check{Name: "registry of " + c.decl.To + " takes the schemas of the tables that statements declare", Outcome: report.Passed}
	var fresh, refused []string
	for _, r := range all {
		switch {
		case r.Refused != "":
			refused = append(refused, r.Refused)
		case !r.There:
			fresh = append(fresh, r.Subject)
		}
	}
	switch {
	case len(refused) > 0:
		line.Outcome, line.Detail = report.Failed, strings.Join(refused, "; ")
		line.Why = "CREATE TABLE registers its schema: the registry refuses that with 42205, and with it the statement, in the middle of a failover"
		line.Remedy = "PUT /mode/SUBJECT {\"mode\":\"READWRITE\"} in " + c.decl.To + " for the subjects of derived topics; or let a link mirror them"
	case len(fresh) > 0:
		line.Detail = counted(len(all)-len(fresh), "subject") + " there, new: " + strings.Join(fresh, ", ")
	default:
		line.Detail = counted(len(all), "subject") + ", all there"
	}
	return []report.Check{line}
}
