package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkDrills asks of every declared drill when it passed last: not longer ago than since it was due the time before last.
func checkDrills(_ context.Context, c *checkup) []report.Check {
	drills := c.world.Declared.Topology.Drills
	j, there := c.journals[c.decl.To]
	if len(drills) == 0 || !there {
		return nil
	}
	if j.err != nil {
		return []report.Check{{Name: "declared drills have passed", Outcome: report.Unknown, Detail: j.err.Error()}}
	}
	entries := j.entries
	var lines []report.Check
	for _, d := range drills {
		line := report.Check{Name: fmt.Sprintf("drill %s has passed when it was due", d.Name), Outcome: report.Passed}
		warn := func(detail string) {
			line.Outcome, line.Detail = report.Warned, detail
			line.Why, line.Remedy = "what was not rehearsed is not known to work", "lifeboat drill "+d.Name
		}
		passed := lastPassed(entries, d.Name)
		schedule, err := plans.ParseSchedule(d.Schedule)
		switch {
		case err != nil: // a finding of loading
			continue
		case passed == nil:
			if last := lastDrill(entries, d.Name, ""); last != nil {
				warn("never; " + last.words())
			} else {
				warn("it never ran")
			}
		case schedule.Next(schedule.Next(passed.at)).Before(c.world.now()):
			warn("last " + passed.words())
		default:
			line.Detail = passed.words()
			if last := lastDrill(entries, d.Name, ""); last.id != passed.id {
				warn(last.words() + "; before it, " + passed.words())
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// lastPassed is the newest drill of a name that passed, with or without a reservation.
func lastPassed(entries []Entry, name string) *pastDrill {
	var passed []Entry
	good := map[string]bool{}
	for _, p := range foldRuns(entries) {
		good[p.id] = p.ended != nil && (p.ended.Outcome == report.Done || p.ended.Outcome == report.Warned)
	}
	for _, e := range entries {
		if good[e.Run] {
			passed = append(passed, e)
		}
	}
	return lastDrill(passed, name, "")
}
