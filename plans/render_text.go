package plans

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Text renders the plan for people: what is moved from where to where, what is lost, the steps by phase, the statements with
// their strategies, and what was found. It fits 100 columns and can be read aloud.
func (p *Plan) Text() string {
	var w textWriter
	w.line(0, "%s", p.headline())
	w.line(0, "as observed at %s", clock(p.Observed))
	if o := p.objectivesLine(); o != "" {
		w.line(0, "%s", o)
	}
	if p.Operation == OpFailover {
		w.blank()
		w.line(0, "What is lost: %s.", forecastLine(p.Forecast, p.Planned))
		for _, t := range p.Forecast {
			if t.LostRecords > 0 {
				w.line(2, "%s", topicLoss(t))
			}
		}
	}
	if p.Writers {
		w.blank()
		w.hanging(0, "", p.writersLine())
	}
	if p.Share != nil {
		w.blank()
		w.hanging(0, "", p.Share.rest(p.Link, p.From, p.Failback != nil))
	}
	if p.Failback != nil && !p.Writers {
		w.blank()
		w.line(0, "What becomes of %s, so that it is a mirror again", p.To)
		for _, line := range p.Failback.Does(p.To, p.From) {
			w.hanging(2, "", line)
		}
	}
	if p.Migration != nil {
		w.migration(p)
	}
	if n := blocking(p.Findings); n > 0 {
		w.blank()
		w.line(0, "This plan is blocked: %s below must be mended first.", counted(int64(n), "finding"))
	}
	w.steps(p.Steps)
	if p.Migration == nil || p.Migration.Back == "" { // else none is started
		w.statements(p.Statements)
	}
	w.findings(p.Findings)
	return w.String()
}

// writersLine says what stays where both regions write.
func (p *Plan) writersLine() string {
	if p.Drill != nil {
		text := fmt.Sprintf("Both regions write topics of their own, and their statements run in both: those of the drill are others beside them, in a sandbox of %s.", p.To)
		var own []string
		for _, topic := range slices.Sorted(maps.Keys(p.Drill.Own)) {
			own = append(own, fmt.Sprintf("%s, which is %s in %s", topic, p.Drill.Own[topic], p.From))
		}
		if len(own) > 0 {
			text += fmt.Sprintf(" They read what %s writes itself, too (%s), and both are held at offsets that the statements of %s are compared at.", p.To, strings.Join(own, "; "), p.From)
		}
		return text
	}
	if p.Failback != nil {
		return fmt.Sprintf("Both regions write topics of their own: %s is not moved to, it counts again. Nothing has diverged, since each topic has one writer: %s in %s %s on from where %s held.",
			p.To, short(p.Failback.On, "topic"), p.From, verb(len(p.Failback.On), "goes", "go"), verb(len(p.Failback.On), "it was", "they were"))
	}
	var own []string
	for _, t := range p.Topics {
		own = append(own, t.Name)
	}
	return fmt.Sprintf("Both regions write topics of their own: writers of %s go on in %s, in the topics that it has under the names that %s calls them by. "+
		"%s in %s %s at the failover point, and %s when %s returns: lifeboat failback --link %s.",
		p.From, p.To, p.From, short(own, "topic"), p.To, verb(len(own), "ends", "end"), verb(len(own), "goes on", "go on"), p.From, p.Link)
}

func (p *Plan) headline() string {
	moved := []string{counted(int64(len(p.Topics)), "topic")}
	if len(p.Groups) > 0 {
		moved = append(moved, counted(int64(len(p.Groups)), "consumer group"))
	}
	if len(p.Subjects) > 0 {
		moved = append(moved, counted(int64(len(p.Subjects)), "subject"))
	}
	if len(p.Statements) > 0 {
		moved = append(moved, counted(int64(len(p.Statements)), "statement"))
	}
	switch p.Operation {
	case OpDrill:
		return fmt.Sprintf("Drill of %s, %s to %s: %s", p.Topology, p.Drill.Words(p.From), p.To, listed(moved))
	case OpLink:
		return fmt.Sprintf("Link %s: mirror %s of %s from %s to %s", p.Link, listed(moved), p.Topology, p.From, p.To)
	}
	switch {
	case p.Migration != nil && p.Migration.Back != "":
		return fmt.Sprintf("Migration of %s from %s to %s: batch %s is rolled back", p.Topology, p.From, p.To, p.Migration.Back)
	case p.Migration != nil:
		return fmt.Sprintf("Migration of %s from %s to %s: %s in %s", p.Topology, p.From, p.To, listed(moved), batchesOf(len(p.Migration.Batches)))
	case p.Failback != nil && p.Writers:
		return fmt.Sprintf("Return of %s to %s, beside %s: %s", p.To, p.Topology, p.From, listed(moved))
	case p.Failback != nil:
		return fmt.Sprintf("Failback of %s from %s to %s: %s", p.what(), p.From, p.To, listed(moved))
	}
	kind := "Unplanned"
	if p.Planned {
		kind = "Planned"
	}
	return fmt.Sprintf("%s failover of %s from %s to %s: %s", kind, p.what(), p.From, p.To, listed(moved))
}

// what is moved, by name.
func (p *Plan) what() string {
	if p.Share != nil {
		return fmt.Sprintf("%s of %s", p.Share, p.Topology)
	}
	return p.Topology
}

func (p *Plan) objectivesLine() string {
	var parts []string
	if p.Objectives.RPO > 0 {
		parts = append(parts, "lose at most "+p.Objectives.RPO.String()+" (RPO)")
	}
	if p.Objectives.RTO > 0 {
		parts = append(parts, "be back within "+p.Objectives.RTO.String()+" (RTO)")
	}
	if p.Objectives.Semantics != "" {
		parts = append(parts, p.Objectives.Semantics)
	}
	if len(parts) == 0 {
		return ""
	}
	return "objectives: " + strings.Join(parts, ", ")
}

// forecastLine says in a few words what is lost.
func forecastLine(topics []report.Topic, planned bool) string {
	var records int64
	var worst float64
	var unknown []string
	var asOf time.Time
	for _, t := range topics {
		if t.LostRecords < 0 {
			unknown = append(unknown, t.Name)
			continue
		}
		if asOf.IsZero() || t.AsOf.Before(asOf) {
			asOf = t.AsOf
		}
		records += t.LostRecords
		worst = later(worst, t.LostSeconds)
	}
	line := "nothing"
	if records > 0 {
		line = "at most " + counted(records, "record")
		if worst >= 0.05 {
			line += fmt.Sprintf(", the last %s", seconds(worst))
		}
	}
	if !planned && !asOf.IsZero() {
		if records == 0 {
			line = "nothing that the link knew of"
		}
		line += ", and what was written after " + asOf.UTC().Format("15:04:05Z") + ", which nobody has seen"
	}
	if len(unknown) > 0 {
		of := "of " + short(unknown, "topic") + " it is not known"
		if records == 0 && len(unknown) == len(topics) {
			return "not known"
		}
		line += "; " + of
	}
	return line
}

func topicLoss(t report.Topic) string {
	var parts []string
	for _, r := range t.Lost {
		parts = append(parts, fmt.Sprintf("%d: @%d to @%d", r.Partition, r.First, r.End))
	}
	if len(parts) > 6 {
		parts = append(parts[:6], "…")
	}
	return fmt.Sprintf("%s: at most %s (partition %s)", t.Name, counted(t.LostRecords, "record"), strings.Join(parts, ", "))
}

func blocking(fs []report.Finding) (n int) {
	for _, f := range fs {
		if f.Severity == report.Block && f.Waived == "" {
			n++
		}
	}
	return n
}

// textWriter writes wrapped and indented lines.
type textWriter struct{ strings.Builder }

const textWidth = 100

func (w *textWriter) blank() { w.WriteByte('\n') }

func (w *textWriter) line(indent int, format string, args ...any) {
	w.hanging(indent, "", fmt.Sprintf(format, args...))
}

// hanging writes lead and then text, wrapped so that every line begins where the text began.
func (w *textWriter) hanging(indent int, lead, text string) {
	w.WriteString(strings.Repeat(" ", indent) + lead)
	start := indent + utf8.RuneCountInString(lead)
	at := start
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > textWidth:
			w.WriteString("\n" + strings.Repeat(" ", start))
			at = start
		default:
			w.WriteByte(' ')
			at++
		}
		w.WriteString(word)
		at += n
	}
	w.WriteByte('\n')
}

func (w *textWriter) steps(steps []Step) {
	part := ""
	told := map[[2]string]bool{} // reasons of the same kind of step, of a batch before
	for i, s := range steps {
		if s.Part() != part {
			part = s.Part()
			w.blank()
			w.line(0, "%s", strings.ToUpper(part[:1])+part[1:])
		}
		mark := ""
		if s.Irreversible {
			mark = " [can not be taken back]"
		}
		w.hanging(2, fmt.Sprintf("%2d. ", i+1), fmt.Sprintf("%s: %s%s", s.ID, s.Goal, mark))
		reason := [2]string{string(s.Kind), s.Reason}
		if s.Batch == "" || !told[reason] {
			w.hanging(6, "", s.Reason)
		}
		told[reason] = true
	}
}

func (w *textWriter) statements(list []StatementPlan) {
	if len(list) == 0 {
		return
	}
	w.blank()
	w.line(0, "Statements, in the order in which they are started")
	for _, s := range list {
		how := string(s.Strategy)
		if how == "" {
			how = "applied as it is"
		}
		w.hanging(2, "", fmt.Sprintf("%s (%s, %s)", s.Name, s.Kind, how))
		w.field("why", s.Reason)
		w.field("or", s.otherWords())
		w.field("reads", strings.Join(s.Reads, ", "))
		w.field("writes", strings.Join(s.Writes, ", "))
		w.field("start", startLine(s))
		w.field("horizon", s.Horizon)
		for _, v := range s.Retention {
			w.field("history", fmt.Sprintf("%s %s: %s", v.Topic, v.Verdict, v.Detail))
		}
		verdict := s.Verdict
		if s.VerdictWhy != "" {
			verdict += ": " + s.VerdictWhy
		}
		w.field("verdict", verdict)
		w.field("effort", s.Rebuild)
	}
}

// startLine tells a start position in a line.
func startLine(s StatementPlan) string {
	var parts []string
	for _, topic := range slices.Sorted(maps.Keys(s.Start)) {
		at := s.Start[topic]
		var offsets []string
		for _, p := range slices.Sorted(maps.Keys(at)) {
			offsets = append(offsets, fmt.Sprintf("%d%v", p, at[p]))
		}
		if len(offsets) > 12 {
			offsets = append(offsets[:12], "…")
		}
		parts = append(parts, topic+" "+strings.Join(offsets, " "))
	}
	if ms, err := strconv.ParseInt(s.Properties[propStartupMillis], 10, 64); err == nil {
		parts = append(parts, "by time, "+clock(time.UnixMilli(ms)))
	} else if mode := s.Properties[propStartupMode]; mode != "" {
		parts = append(parts, mode)
	}
	if ms, err := strconv.ParseInt(s.Properties[propEmitFrom], 10, 64); err == nil {
		parts = append(parts, "windows from "+clock(time.UnixMilli(ms))+" on")
	}
	return strings.Join(parts, "; ")
}

func (w *textWriter) field(name, value string) {
	if value != "" {
		w.hanging(6, fmt.Sprintf("%-8s ", name), value)
	}
}

func (w *textWriter) findings(fs []report.Finding) {
	if len(fs) == 0 {
		return
	}
	w.blank()
	w.line(0, "Findings")
	for _, f := range fs {
		text := f.Message
		if f.Subject != "" && !strings.Contains(f.Message, f.Subject) {
			text = f.Subject + ": " + text
		}
		w.hanging(2, fmt.Sprintf("%-6s ", f.Severity), fmt.Sprintf("[%s] %s", f.Rule, text))
		if f.Waived != "" {
			w.hanging(9, "waived: ", f.Waived)
			continue
		}
		if f.Why != "" {
			w.hanging(9, "why: ", f.Why)
		}
		if f.Remedy != "" {
			w.hanging(9, "mend: ", f.Remedy)
		}
	}
}
