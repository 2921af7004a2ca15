package dr

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// The time to recover is forecast from what was measured here: the phases of the newest failover or drill along the link, and the rows that its statements
// read meanwhile. What was never measured is UNKNOWN: an assumed rate is no forecast.

// phaseMeasured is how long a phase took, and in which run.
type phaseMeasured struct {
	seconds float64
	in      string // "drill weekly on 2026-11-23 (run …)"
	run     string
}

// measured is what a region's journal tells of how long a move along a link takes.
type measured struct {
	phases map[string]phaseMeasured // the newest of each
	rows   int64                    // that statements read while phases start and prove took so long
}

// measuredAlong folds the runs along a link that came to their ends.
func measuredAlong(entries []Entry, link string) measured {
	m := measured{phases: map[string]phaseMeasured{}}
	for _, p := range foldRuns(entries) {
		if p.plan == nil || p.ended == nil || p.plan.Link != link || p.plan.Operation != plans.OpFailover && p.plan.Operation != plans.OpDrill {
			continue
		}
		in := fmt.Sprintf("%s on %s (run %s)", p.plan.Operation, p.seen.UTC().Format("2006-01-02"), p.id)
		complete := figureOf(p.ended, "RTO") != nil
		for _, f := range p.ended.Figures {
			if f.Name == "RTO phase" && complete {
				m.phases[f.Phase] = phaseMeasured{f.Value, in, p.id}
			}
		}
		if complete {
			m.rows = 0
			for _, s := range p.ended.Statements {
				m.rows += s.Read
			}
		}
	}
	return m
}

// rebuilding is how long the statements' inputs of now take to be read, as long as the measured ones did or in proportion where they are more.
type rebuilding struct {
	seconds float64
	scale   float64 // 1: no more rows than were measured
	detail  string
}

// farther is how many times what was measured still tells something: a few rows tell how long statements take to start, not how fast they read.
const farther = 10

func (c *checkup) rebuilding(m measured) *rebuilding {
	start, prove := m.phases["start"], m.phases["prove"]
	if prove.run == "" || m.rows == 0 && c.backlog() > 0 {
		return nil
	}
	b := &rebuilding{seconds: start.seconds + prove.seconds, scale: 1}
	b.detail = fmt.Sprintf("%s were read in %s by the %s", counted(int(m.rows), "row"), secondsText(b.seconds), prove.in)
	if rows := c.backlog(); rows > m.rows {
		b.scale = float64(rows) / float64(m.rows)
		b.seconds *= b.scale
		b.detail += fmt.Sprintf("; %s at that rate: %s", counted(int(rows), "row"), secondsText(b.seconds))
	}
	return b
}

// backlog is how many rows all statements of the plan have to read.
func (c *checkup) backlog() (rows int64) {
	for _, s := range c.plan.Statements {
		rows += s.Backlog
	}
	return rows
}

// assumed is what the plan estimates without any measurement.
func (c *checkup) assumed() (seconds float64) {
	for _, s := range c.plan.Statements {
		seconds += s.RebuildSeconds
	}
	return seconds
}

// measuredHere is what the destination's journal tells; ok is false where there is no objective to forecast against, or nothing to read.
func (c *checkup) measuredHere() (m measured, rto time.Duration, ok bool) {
	if c.plan == nil || c.plan.Objectives.RTO == 0 || len(c.plan.Statements) == 0 || c.plan.Operation != plans.OpFailover {
		return m, 0, false
	}
	j := c.journals[c.decl.To]
	return measuredAlong(j.entries, c.decl.Name), time.Duration(c.plan.Objectives.RTO), j.err == nil
}

// checkCapacity asks whether the destination's engine reads what all statements need within the RTO, all of them at once.
func checkCapacity(_ context.Context, c *checkup) []report.Check {
	m, rto, ok := c.measuredHere()
	if !ok {
		return nil
	}
	line := report.Check{Name: fmt.Sprintf("the engine of %s reads the input of all statements within the RTO of %s", c.decl.To, plans.Duration(rto)), Outcome: report.Passed}
	b := c.rebuilding(m)
	if b == nil {
		line.Outcome = report.Warned
		line.Detail = fmt.Sprintf("UNKNOWN: never measured; %s for %s, at the rates that the plan assumes", secondsText(c.assumed()), counted(int(c.backlog()), "row"))
		line.Why, line.Remedy = "what an engine reads in a second depends on the machine and on the statements", "lifeboat drill measures it"
		return []report.Check{line}
	}
	line.Detail = b.detail
	if b.seconds > rto.Seconds() {
		line.Outcome, line.Why = report.Failed, "statements would catch up after the objective has passed"
		line.Remedy = "give the engine more, keep less history in front of what statements need, or raise objectives.rto"
		b.doubt(&line)
	}
	return []report.Check{line}
}

// doubt makes a reservation of a failure that is inferred from far less than is to be read.
func (b *rebuilding) doubt(line *report.Check) {
	if b.scale > farther {
		line.Outcome, line.Detail = report.Warned, "UNKNOWN: "+line.Detail+"; too little was measured to tell"
		line.Remedy = "lifeboat drill measures it with what there is now"
	}
}

// checkForecast adds up how long a failover would take now, the phases that were measured.
func checkForecast(_ context.Context, c *checkup) []report.Check {
	m, rto, ok := c.measuredHere()
	if !ok {
		return nil
	}
	line := report.Check{ID: "objectives", Name: fmt.Sprintf("a failover now would be within the RTO of %s", plans.Duration(rto)), Outcome: report.Passed}
	b := c.rebuilding(m)
	if b == nil {
		line.Outcome, line.Detail = report.Warned, "UNKNOWN: no failover and no drill has measured it"
		line.Why, line.Remedy = "an objective that nobody has measured is a wish", "lifeboat drill"
		return []report.Check{line}
	}
	promote, known := m.phases["promote"]
	total := promote.seconds + b.seconds
	line.Detail = fmt.Sprintf("%s: statements %s", secondsText(total), secondsText(b.seconds))
	if known {
		line.Detail += fmt.Sprintf(", promotion %s (%s)", secondsText(promote.seconds), promote.in)
	} else {
		line.Detail += ", and the promotion, which no failover has measured and drills leave out"
	}
	if total > rto.Seconds() {
		line.Outcome, line.Why, line.Remedy = report.Failed, "a loss of "+c.decl.From+" now would miss the objective", "lifeboat runs report shows which phase takes how long"
		b.doubt(&line)
	}
	return []report.Check{line}
}
