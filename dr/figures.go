package dr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// figures fills the report's numbers from what its steps and topics say.
func (r *run) figures() {
	r.rep.Figures = nil
	// Steps of one phase run at the same time, and the next phase's may too: a phase takes as long as it goes on after the one before.
	type phase struct {
		name       string
		begun, end time.Time
	}
	var phases []phase
	var restored time.Time
	for i, s := range r.rep.Steps {
		if s.End.IsZero() {
			continue
		}
		if k := r.plan.Steps[i].Kind; k != plans.StepMeasure && k != plans.StepHook && k != plans.StepProtect && s.Outcome == report.Done { // what waits for a hook counts itself
			restored = later(restored, s.End)
		}
		if n := len(phases); n == 0 {
			phases = append(phases, phase{s.Phase, s.Start, s.End})
		} else if phases[n-1].name != s.Phase {
			phases = append(phases, phase{s.Phase, phases[n-1].end, s.End})
		}
		last := &phases[len(phases)-1]
		last.end = later(last.end, s.End)
	}
	begun, note := r.begun, "from the run's begin to the last statement past the failover point"
	if i := slices.IndexFunc(r.plan.Steps, func(s plans.Step) bool { return s.Kind == plans.StepFence && s.Subject == "" }); i >= 0 && r.plan.Failback != nil {
		begun, note = r.rep.Steps[i].Start, "from the fence to the last statement past the failover point"
	}
	if r.plan.Writers && r.plan.Failback != nil {
		return // nothing stood still while the region was away
	}
	complete := !slices.ContainsFunc(r.rep.Steps, func(s report.Step) bool { return s.Outcome != report.Done })
	if complete && !restored.IsZero() {
		rto := report.Figure{Name: "RTO", Value: restored.Sub(begun).Seconds(), Unit: "s", Note: note}
		withObjective(&rto, time.Duration(r.plan.Objectives.RTO).Seconds())
		r.rep.Figures = append(r.rep.Figures, rto)
	}
	stood := func(from, to time.Time) (d time.Duration) {
		for _, p := range r.still {
			d += p.within(from, to)
		}
		return d
	}
	for _, p := range phases {
		took := p.end.Sub(p.begun) - stood(p.begun, p.end)
		r.rep.Figures = append(r.rep.Figures, report.Figure{Name: "RTO phase", Phase: p.name, Value: max(0, took.Seconds()), Unit: "s"})
	}
	if d := stood(begun, r.rep.End); d > 0 {
		r.rep.Figures = append(r.rep.Figures, report.Figure{Name: "stood still", Value: d.Seconds(), Unit: "s",
			Note: counted(len(r.still), "pause") + " in which no process carried the run out: in no phase, and in the RTO"})
	}
	r.rep.Figures = append(r.rep.Figures, lossFigures(r.rep.Topics, r.plan.Objectives)...)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// noteMeasured is the note of figures that were measured where the loss is.
const noteMeasured = "measured on the old primary"

// counted writes a number with its noun: "1 record", "3 records".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// lossFigures sums what topics lost: records, bytes, and the worst topic's seconds against the RPO.
func lossFigures(topics []report.Topic, o plans.Objectives) []report.Figure {
	if len(topics) == 0 {
		return nil
	}
	var records, bytes int64
	var seconds float64
	measured, known := true, true
	for _, t := range topics {
		measured = measured && t.Measured
		known = known && t.LostRecords >= 0
		records, bytes, seconds = records+max(0, t.LostRecords), bytes+max(0, t.LostBytes), max(seconds, t.LostSeconds)
	}
	note := noteMeasured
	switch {
	case !known:
		note = "not known for every topic"
	case !measured:
		note = "a forecast from the last contact with the old primary"
	}
	figures := []report.Figure{{Name: "records lost", Value: float64(records), Unit: "records", Note: note}}
	if measured {
		rpo := report.Figure{Name: "RPO", Value: seconds, Unit: "s", Note: note}
		withObjective(&rpo, time.Duration(o.RPO).Seconds())
		figures = append(figures, report.Figure{Name: "bytes lost", Value: float64(bytes), Unit: "bytes", Note: note}, rpo)
	}
	return figures
}

func withObjective(f *report.Figure, objective float64) {
	if objective == 0 {
		return
	}
	f.Objective, f.Outcome = objective, report.Passed
	if f.Value > objective {
		f.Outcome = report.Failed
	}
}

// sampleLag adds one point to the report's lag plot, at most a few a second, and tells of it.
func (r *run) sampleLag(s plans.Step, p linking.Progress) {
	whole := 0
	for _, t := range r.plan.Topics {
		whole += t.Partitions
	}
	if p.Partitions < whole {
		return // it is still being looked up
	}
	at := r.world.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.world.opts.Events(Event{Run: r.id, Step: s, State: EntryLag, At: at, Lag: p.LagRecords})
	for i := range r.rep.Series {
		s := &r.rep.Series[i]
		if s.Name == "lag" {
			if last := s.Points[len(s.Points)-1]; at.Sub(last.At) >= 100*time.Millisecond || p.LagRecords == 0 {
				s.Points = append(s.Points, report.Point{At: at, Value: float64(p.LagRecords)})
			}
			return
		}
	}
	r.rep.Series = append(r.rep.Series, report.Series{Name: "lag", Unit: "records",
		Points: []report.Point{{At: at, Value: float64(p.LagRecords)}}})
}

// summary is what an SRE reads aloud at the end of a run that reached its goal.
func (r *run) summary() string {
	if r.plan.Migration != nil {
		return r.migrated()
	}
	text := fmt.Sprintf("%s is the primary now: %s promoted, %s running", r.plan.To, counted(len(r.plan.Topics), "topic"), counted(len(r.rep.Statements), "statement"))
	if s := r.plan.Share; s != nil {
		text = fmt.Sprintf("%s is the primary of %s now: %s promoted, %s running, %s not moved", r.plan.To, s, counted(len(r.plan.Topics), "topic"), counted(len(r.rep.Statements), "statement"), counted(len(s.Stays), "topic"))
	}
	if r.plan.Writers {
		if text = r.writersSummary(); r.plan.Failback != nil {
			return text
		}
	}
	for _, f := range r.rep.Figures {
		if f.Name == "RTO" {
			text += fmt.Sprintf(", RTO %.1f s.", f.Value)
		}
	}
	return text + r.lossWords()
}

// lossWords say what was lost, as far as it is known.
func (r *run) lossWords() string {
	for _, f := range r.rep.Figures {
		switch {
		case f.Name == "records lost" && f.Note == noteMeasured:
			return fmt.Sprintf(" %s lost, measured.", counted(int(f.Value), "record"))
		case f.Name == "records lost":
			known := "nothing"
			if f.Value > 0 {
				known = counted(int(f.Value), "record")
			}
			return fmt.Sprintf(" Lost: %s that the link knew of, and what %s took last, which nobody has seen.", known, r.plan.From)
		}
	}
	return ""
}

// writersSummary is what there is to say where both regions write.
func (r *run) writersSummary() string {
	if r.plan.Failback == nil {
		return fmt.Sprintf("%s goes on without %s: %s of it PAUSED, %s past the end of what had come", r.plan.To, r.plan.From, counted(len(r.plan.Topics), "mirror"), counted(len(r.rep.Statements), "statement"))
	}
	same, not := 0, 0
	for _, c := range r.rep.Checks {
		if c.ID == "output" && c.Outcome == report.Passed {
			same++
		} else if c.ID == "output" {
			not++
		}
	}
	text := fmt.Sprintf("%s counts again: %s mirrored both ways, %s the same in %s and %s", r.plan.To, counted(len(r.plan.Topics)+len(r.plan.Failback.On), "topic"), counted(same, "output"), r.plan.To, r.plan.From)
	if not > 0 {
		text += fmt.Sprintf(", %s not compared", counted(not, "output"))
	}
	return text + "."
}

// writersNext is what people do then, where both regions write.
func (r *run) writersNext() (next []string) {
	forward, back := r.plan.Link, r.plan.Link
	if f := r.plan.Failback; f != nil {
		forward = f.Forward
		next = append(next, fmt.Sprintf("writers of %s may return to it", r.plan.To),
			fmt.Sprintf("lifeboat link run --link %s, and --link %s, where no process serves them", forward, back), "lifeboat verify --continuous compares what both put out from now on")
	} else {
		next = append(next, fmt.Sprintf("point producers of %s in %s at the topics of the same names in %s, and give them the rights there", strings.Join(r.sources(plans.Step{}), ", "), r.plan.From, r.plan.To),
			fmt.Sprintf("lifeboat failback --link %s when %s is back", forward, r.plan.From))
		if f := r.fence(r.plan.From); r.plan.Planned && f.By != "manual" {
			next = append(next, fmt.Sprintf("the fence on %s stays until then", r.plan.From))
		}
	}
	return append(next, "lifeboat runs report "+r.id+" --report report.html")
}

// switchClients says what whoever runs the clients has to know: where they go now, and what their groups read again there.
func (r *run) switchClients() []string {
	to := r.world.Declared.Topology.Regions[r.plan.To]
	where := fmt.Sprintf("point producers and consumers at %s: bootstrap.servers=%s", r.plan.To, strings.Join(to.Kafka.Bootstrap, ","))
	if to.Registry != nil {
		where += ", schema.registry.url=" + to.Registry.URL
	}
	if names := r.topicNames(); len(names) > 0 {
		where += fmt.Sprintf(" (for %s)", shortList(names))
	}
	hints := []string{where}
	var again []string
	on := map[string]bool{}
	for _, g := range r.rep.Groups {
		switch {
		case g.ReReads < 0:
			again = append(again, fmt.Sprintf("how much group %s reads of %s again is not known", g.Name, g.Topic))
		case g.ReReads > 0:
			again = append(again, fmt.Sprintf("group %s reads %s of %s again", g.Name, counted(int(g.ReReads), "record"), g.Topic))
		default:
			on[g.Name] = true
		}
	}
	for _, g := range r.rep.Groups {
		if g.ReReads != 0 {
			delete(on, g.Name)
		}
	}
	if len(on) > 0 {
		again = append(again, fmt.Sprintf("%s goes on where it was", shortList(sortedKeys(on))))
		if len(on) > 1 {
			again[len(again)-1] = shortList(sortedKeys(on)) + " go on where they were"
		}
	}
	if len(again) > 0 {
		hints = append(hints, few(again))
	}
	return hints
}

func (r *run) next() []string {
	if r.plan.Writers {
		return r.writersNext()
	}
	if r.plan.Migration != nil {
		return r.afterMigration()
	}
	next := r.switchClients()
	if r.plan.Planned {
		switch f := r.fence(r.plan.From); f.By {
		case "acl":
			next = append(next, fmt.Sprintf("the fence on %s stays, DENY WRITE for %v on its topics, until: lifeboat fence lift %s", r.plan.From, f.Principals, r.id))
		case "config", "command":
			next = append(next, fmt.Sprintf("the fence on %s stays until: lifeboat fence lift %s", r.plan.From, r.id))
		}
	} else {
		next = append(next, fmt.Sprintf("keep %s away from its producers when it returns; then `lifeboat verify` measures what it still has", r.plan.From))
	}
	if s := r.plan.Share; s != nil && len(s.Stays) > 0 && r.plan.Failback == nil {
		next = append(next, fmt.Sprintf("lifeboat link run --link %s mirrors %s on, where no process serves the link", r.plan.Link, shortList(s.Stays)))
	}
	if f := r.plan.Failback; f != nil {
		next = append(next, fmt.Sprintf("lifeboat link run --link %s keeps %s as near as it was; link %s is not needed any more", f.Forward, r.plan.From, r.plan.Link))
	}
	return append(next, "lifeboat runs report "+r.id+" --report report.html")
}
