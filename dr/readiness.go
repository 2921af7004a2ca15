package dr

import (
	"fmt"
	"math"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Readiness says how ready everything is by a report of Check, from 0 to 100: the share of checks that hold, where a warning counts half and what
// could not be made counts nothing. The reasons are what keeps it from 100, the worst first. A report without checks is not ready.
func Readiness(rep *report.Report) (percent float64, reasons []string) {
	var had, all float64
	for _, worst := range []report.Outcome{report.Failed, report.Unknown, report.Warned} {
		for _, c := range rep.Checks {
			if c.Outcome == worst {
				reasons = append(reasons, string(worst)+": "+c.Name)
			}
		}
	}
	for _, c := range rep.Checks {
		switch c.Outcome {
		case report.Skipped, report.Pending:
			continue
		case report.Passed, report.Done:
			had++
		case report.Warned:
			had += 0.5
		}
		all++
	}
	if all == 0 {
		return 0, reasons
	}
	return 100 * had / all, reasons
}

// readinessFigure is Readiness as a number of the report. It is never rounded up to 100.
func readinessFigure(rep *report.Report) report.Figure {
	percent, reasons := Readiness(rep)
	f := report.Figure{Name: "readiness", Value: math.Floor(percent), Unit: "%", Note: "every check holds"}
	if len(reasons) > 0 {
		f.Note = fmt.Sprintf("kept from 100 by %s: %s", counted(len(reasons), "check"), few(reasons))
	}
	return f
}
