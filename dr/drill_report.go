package dr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// drillFigures fills the report's numbers: from the cut, which is the instant of the loss, to the last statement that has read up to it.
func (r *run) drillFigures() {
	r.rep.Figures = nil
	var begun, restored time.Time
	complete := true
	phases := map[string]time.Time{}
	var order []string
	for i, s := range r.rep.Steps {
		switch r.plan.Steps[i].Kind {
		case plans.StepCut:
			begun = r.drill.at
		case plans.StepStart, plans.StepWatermark:
		default:
			continue
		}
		complete = complete && s.Outcome == report.Done
		restored = later(restored, s.End)
		if !slices.Contains(order, s.Phase) {
			order = append(order, s.Phase)
		}
		phases[s.Phase] = later(phases[s.Phase], s.End)
	}
	if !complete || begun.IsZero() {
		return
	}
	rto := report.Figure{Name: "RTO", Value: restored.Sub(begun).Seconds(), Unit: "s",
		Note: "from the loss to the last statement that has read up to it; fencing, promotion and clients are not rehearsed"}
	if r.plan.Writers {
		rto.Note = "from the loss to the last statement of the drill that has read up to it, from its start on: those that run already have less to read"
	}
	withObjective(&rto, time.Duration(r.plan.Objectives.RTO).Seconds())
	r.rep.Figures = append(r.rep.Figures, rto)
	from := begun
	for _, phase := range order {
		r.rep.Figures = append(r.rep.Figures, report.Figure{Name: "RTO phase", Phase: phase, Value: max(0, phases[phase].Sub(from).Seconds()), Unit: "s"})
		from = later(from, phases[phase])
	}
	r.rep.Figures = append(r.rep.Figures, lossFigures(r.rep.Topics, r.plan.Objectives)...)
}

// drillScope fills what an auditor asks first.
func (r *run) drillScope() {
	p := r.plan
	var pipelines []string
	for _, s := range p.Statements {
		if !slices.Contains(pipelines, s.Pipeline) {
			pipelines = append(pipelines, s.Pipeline)
		}
	}
	d := &report.Drill{Name: p.Drill.Name, Scenario: p.Drill.Words(p.From), Who: r.world.opts.Who, Target: "none declared", Actual: "not measured",
		Scope: fmt.Sprintf("%s to %s: pipeline %s, %s, %s", p.From, p.To, strings.Join(pipelines, ", "), counted(len(p.Topics), "topic"), counted(len(p.Statements), "statement"))}
	if o := p.Objectives; o.RPO > 0 || o.RTO > 0 {
		d.Target = fmt.Sprintf("RPO %s, RTO %s", o.RPO, o.RTO)
	}
	slices.SortStableFunc(r.rep.Checks, func(a, b report.Check) int { // they were added as they came to their ends
		if a.ID != b.ID || a.ID != "output" {
			return 0
		}
		return strings.Compare(a.Name, b.Name)
	})
	rpo, rto := figureOf(r.rep, "RPO"), figureOf(r.rep, "RTO")
	if rpo != nil && rto != nil {
		d.Actual = objectivesText(rpo.Value, rto.Value)
	}
	if earlier := r.drill.earlier; len(earlier) > 0 {
		d.Last = earlier[0].words()
		d.Trend = trendOf(r.rep.Figures, earlier)
	}
	if declared := declaredDrill(r.world.Declared.Topology, p.Drill.Name); declared != nil {
		if s, err := plans.ParseSchedule(declared.Schedule); err == nil {
			d.NextDue = s.Next(r.world.now())
		}
	}
	r.rep.Drill = d
}

func declaredDrill(t *plans.Topology, name string) *plans.Drill {
	i := slices.IndexFunc(t.Drills, func(d *plans.Drill) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return t.Drills[i]
}

func objectivesText(rpo, rto float64) string {
	return fmt.Sprintf("RPO %s, RTO %s", secondsText(rpo), secondsText(rto))
}

func secondsText(s float64) string {
	if s == 0 {
		return "0 s"
	}
	return time.Duration(s * float64(time.Second)).Round(10 * time.Millisecond).String()
}

func figureOf(rep *report.Report, name string) *report.Figure {
	if i := slices.IndexFunc(rep.Figures, func(f report.Figure) bool { return f.Name == name }); i >= 0 {
		return &rep.Figures[i]
	}
	return nil
}

// drillSummary is what is read aloud of a drill that came to its end.
func (r *run) drillSummary() string {
	var failed, open []string
	for _, c := range r.rep.Checks {
		switch c.Outcome {
		case report.Failed:
			failed = append(failed, c.Name)
		case report.Unknown:
			open = append(open, c.Name)
		}
	}
	for _, f := range r.rep.Figures {
		if f.Outcome == report.Failed {
			failed = append(failed, f.Name+" within its objective")
		}
	}
	could := "take over from " + r.plan.From
	if r.plan.Writers {
		could = "go on without " + r.plan.From
	}
	text := fmt.Sprintf("%s could %s: %s", r.plan.To, could, r.rep.Drill.Actual)
	if len(failed) > 0 {
		text = fmt.Sprintf("%s could not %s as it should: it does not hold that %s. %s", r.plan.To, could, strings.Join(failed, "; that "), r.rep.Drill.Actual)
	}
	if len(open) > 0 {
		text += fmt.Sprintf(". It is not known whether %s", strings.Join(open, "; whether "))
	}
	if !r.drill.plan.Keep {
		text += ". Everything that the drill made is removed"
	}
	return text + "."
}
