package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkCost tells what the statements are estimated to take of Confluent Cloud's compute. It fails nothing.
func checkCost(_ context.Context, c *checkup) []report.Check { return costLine(c.cost) }

func costLine(c *plans.Cost) []report.Check {
	if len(c.Statements)+len(c.Unknown) == 0 {
		return nil
	}
	line := report.Check{ID: "cost", Name: "what statements cost is estimated", Outcome: report.Passed,
		Detail: fmt.Sprintf("%d CFU %s, %.0f CFU-minutes to catch up after a failover", c.Steady, runsWhere(c), c.CatchUp)}
	if len(c.Unmeasured) > 0 {
		line.Detail = "at least " + line.Detail + "; the load of " + shortList(c.Unmeasured) + " was not measured"
	}
	switch {
	case len(c.Unknown) > 0 && len(c.Statements) == 0:
		line.Outcome, line.Detail = report.Skipped, "not all tables of "+shortList(c.Unknown)+" are known here"
	case len(c.Unknown) > 0:
		line.Detail += "; without " + shortList(c.Unknown) + ", whose tables are not all known here"
	}
	return []report.Check{line}
}

func runsWhere(c *plans.Cost) string {
	if c.Standby > 0 {
		return "in each of both regions"
	}
	return "in the region where they run"
}

// addCost gives a report's statements their estimates, and the report the sums. What they rest on is told with the last.
func addCost(rep *report.Report, c *plans.Cost) {
	if len(c.Statements) == 0 {
		return
	}
	for i := range rep.Statements {
		if s, ok := c.Of(rep.Statements[i].Name); ok {
			rep.Statements[i].Cost, rep.Statements[i].State = s.String(), s.State()
		}
	}
	figure := func(phase string, minutes float64, note string) {
		rep.Figures = append(rep.Figures, report.Figure{Name: figureCost, Phase: phase, Value: minutes, Unit: "CFU-min", Note: note})
	}
	figure("an hour", c.SteadyHour(), fmt.Sprintf("%d CFU %s", c.Steady, runsWhere(c)))
	figure("a month", c.SteadyMonth(), "")
	if c.Drills > 0 {
		figure("of drills", c.DrillMonth, counted(c.Drills, "declared drill")+" within 30 days")
	}
	figure("to catch up", c.CatchUp, strings.Join(append([]string{"once, in the region that is failed over to"}, c.Assumptions...), "; "))
}

const figureCost = "cost"

// Priced tells the costs of a report in a currency too: price is of a CFU-hour. Confluent's differs by region, and was 0.21 US dollars for years.
func Priced(rep *report.Report, price float64) {
	for i := range rep.Figures {
		if f := &rep.Figures[i]; f.Name == figureCost && price > 0 {
			told := slices.DeleteFunc([]string{fmt.Sprintf("%.2f at %g a CFU-hour", f.Value/60*price, price), f.Note}, func(s string) bool { return s == "" })
			f.Note = strings.Join(told, "; ")
		}
	}
}
