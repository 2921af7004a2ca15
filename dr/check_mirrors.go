package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// linkSilence is how old the link's last record of itself may be before it counts as not running.
const linkSilence = 30

func checkMirrors(_ context.Context, c *checkup) []report.Check {
	if !c.seen.Regions[c.decl.To].Reachable {
		return []report.Check{{Name: "link " + c.decl.Name + " runs", Outcome: report.Unknown, Detail: c.decl.To + " does not answer, and what the link knows is there"}}
	}
	states, known := c.seen.Mirrors[c.decl.Name]
	if !known || len(states) == 0 {
		return []report.Check{{Name: "link " + c.decl.Name + " runs", Outcome: report.Failed, Detail: "it has never mirrored anything",
			Why: "without a mirror there is nothing to fail over to", Remedy: "lifeboat link run"}}
	}
	var out []report.Check
	for _, m := range states {
		line := report.Check{Name: fmt.Sprintf("mirror %s is healthy", m.Topic), Outcome: report.Passed, Detail: m.State}
		switch m.State {
		case "ACTIVE":
			if age := c.seen.At.Sub(m.At).Seconds(); age > linkSilence {
				line.Outcome, line.Detail = report.Failed, fmt.Sprintf("ACTIVE, but the link recorded nothing for %.0f s", age)
				line.Why, line.Remedy = "no progress and no news is not health: what is lost grows every second", "see whether `lifeboat link run` still runs"
			}
		case "STOPPED":
			line.Outcome, line.Detail = report.Warned, "STOPPED: promoted, no longer a mirror"
			line.Why = "a failover has happened; the way back is a link in the other direction"
		case plans.MirrorPaused:
			line.Outcome, line.Detail, line.Remedy = report.Failed, "PAUSED: nothing is mirrored until somebody resumes it", "lifeboat link resume "+m.Topic
			line.Why = "records written now do not reach " + c.decl.To
		default:
			line.Outcome, line.Detail, line.Remedy = report.Failed, m.State+": "+m.Error, "lifeboat link status"
			line.Why = "records written now do not reach " + c.decl.To
		}
		out = append(out, line)
	}
	return out
}
