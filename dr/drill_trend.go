package dr

import (
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// A drill is compared with those before it that were of the same name and scenario: whether a region takes longer to take over than it did is what
// repeating them is for.

// trendLength is how many earlier drills a figure is told beside.
const trendLength = 5

// pastDrill is a drill of before.
type pastDrill struct {
	id      string
	at      time.Time
	outcome report.Outcome
	actual  string
	figures []report.Figure
}

func (d *pastDrill) words() string {
	return fmt.Sprintf("%s on %s (run %s): %s", d.outcome, d.at.UTC().Format("2006-01-02 15:04Z"), d.id, d.actual)
}

// lastDrill is the newest drill of a name in a journal but for one; nil where there is none.
func lastDrill(entries []Entry, name, but string) *pastDrill {
	list := earlierDrills(entries, name, "", but)
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// earlierDrills are the drills of a name and a scenario in a journal but for one, the newest first. Without a scenario they are those of all.
func earlierDrills(entries []Entry, name, scenario, but string) (list []*pastDrill) {
	for _, p := range foldRuns(entries) {
		if p.plan == nil || p.plan.Drill == nil || p.ended == nil || p.id == but || p.plan.Drill.Name != name || scenario != "" && p.plan.Drill.Scenario != scenario {
			continue
		}
		d := &pastDrill{id: p.id, at: p.seen, outcome: p.ended.Outcome, actual: "not measured", figures: p.ended.Figures}
		if p.ended.Drill != nil {
			d.actual = p.ended.Drill.Actual
		}
		list = append(list, d)
	}
	slices.Reverse(list)
	return list
}

// trendOf sets RTO, its phases and RPO beside what they were. A drill that did not come so far has no figure, and is passed over.
func trendOf(now []report.Figure, earlier []*pastDrill) (all []report.Trend) {
	for _, f := range now {
		if f.Name != "RTO" && f.Name != "RTO phase" && f.Name != "RPO" {
			continue
		}
		t := report.Trend{Name: f.Name, Phase: f.Phase, Unit: f.Unit, Value: f.Value}
		for _, d := range earlier {
			i := slices.IndexFunc(d.figures, func(o report.Figure) bool { return o.Name == f.Name && o.Phase == f.Phase })
			if i >= 0 && len(t.Before) < trendLength {
				t.Before = append(t.Before, d.figures[i].Value)
			}
		}
		if len(t.Before) > 0 {
			all = append(all, t)
		}
	}
	return all
}
