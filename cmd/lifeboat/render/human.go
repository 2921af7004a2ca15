package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Terminal says how text is laid out for people. The zero value is for a pipe or a file.
type Terminal struct {
	Width int  // columns; 0 = 100
	Color bool // colours by ANSI escapes
}

// Human writes plain text of 100 columns without colours.
func Human(w io.Writer, r report.Report) error { return Terminal{}.Render(w, r) }

// Render writes the report for people. A report that is a document (Text) is that document and what to do next; any other is told in
// sections, the empty ones left out.
func (t Terminal) Render(w io.Writer, r report.Report) error {
	if t.Width < 40 {
		t.Width = 100
	}
	p := &page{Terminal: t}
	if r.Text != "" {
		p.WriteString(strings.TrimRight(r.Text, "\n") + "\n")
	} else {
		p.header(r)
		p.drill(r.Drill)
		p.checks(r.Checks)
		p.steps(r.Steps)
		p.figures(r.Figures)
		p.topics(r.Topics)
		p.groups(r.Groups)
		p.statements(r.Statements)
		p.mirrors(r.Mirrors)
		p.runs(r.Runs)
		p.left(r.Left)
		p.findings(r.Findings)
		if len(r.Checks)+len(r.Findings) == 0 {
			p.rules(r.Rules)
		}
	}
	p.next(r.Next)
	_, err := io.WriteString(w, p.String())
	return err
}

// marks are how outcomes look in front of a line.
var marks = map[report.Outcome]string{
	report.Done: "ok", report.Passed: "ok", report.Failed: "FAILED", report.Stopped: "stopped", report.Skipped: "skipped",
	report.Pending: "-", report.Warned: "warn", report.Unknown: "unknown",
}

func mark(o report.Outcome) string {
	if m, ok := marks[o]; ok {
		return m
	}
	return string(o)
}

func (p *page) header(r report.Report) {
	title := r.Title
	if title == "" {
		title = r.Command
	}
	head := title
	if r.Outcome != "" {
		head += ": " + p.tint(r.Outcome, string(r.Outcome))
	}
	p.line(p.clean(p.bold(head)))
	var facts []string
	if r.Run != "" {
		facts = append(facts, "run "+r.Run)
	}
	if !r.Start.IsZero() {
		facts = append(facts, moment(r.Start))
	}
	if t := took(r.Start, r.End); t != "" {
		facts = append(facts, "took "+t)
	}
	if len(facts) > 0 {
		p.line(p.clean(strings.Join(facts, ", ")))
	}
	if r.Summary != "" {
		p.line("")
		p.hanging("", r.Summary)
	}
}

func (p *page) drill(d *report.Drill) {
	if d == nil {
		return
	}
	p.section("Drill", 1)
	var rows table
	for _, f := range drillFacts(*d) {
		rows = append(rows, []string{f.Name, f.Value})
	}
	p.table(nil, rows)
}

func (p *page) checks(list []report.Check) {
	p.section("Checks", len(list))
	for _, c := range list {
		text := c.Name
		if c.Detail != "" {
			text += ": " + c.Detail
		}
		p.marked(c.Outcome, text)
		if c.Outcome != report.Passed {
			p.because(c.Why, c.Remedy)
		}
	}
}

// left tells what may be removed, and how, and then what has to be kept. Commands stand whole, to be copied.
func (p *page) left(list []report.Left) {
	for _, part := range leftParts(list) {
		p.section(part.Title, len(part.List))
		for _, l := range part.List {
			p.hanging(fmt.Sprintf("  %-9s ", l.Kind), l.Name+": "+l.Why)
			if l.Command != "" {
				p.line("            " + p.clean(l.Command))
			}
		}
	}
}

// leftPart is a part of what is left.
type leftPart struct {
	Title string
	List  []report.Left
}

func leftParts(list []report.Left) []leftPart {
	parts := []leftPart{{Title: "Left in the old region, in the order in which it may be removed"}, {Title: "To be kept there"}}
	for _, l := range list {
		i := 0
		if l.Command == "" {
			i = 1
		}
		parts[i].List = append(parts[i].List, l)
	}
	return slices.DeleteFunc(parts, func(p leftPart) bool { return len(p.List) == 0 })
}

func (p *page) because(why, remedy string) {
	if why != "" {
		p.hanging("           why: ", why)
	}
	if remedy != "" {
		p.hanging("           do:  ", remedy)
	}
}

func (p *page) steps(list []report.Step) {
	p.section("Steps", len(list))
	var rows table
	for _, s := range list {
		what := s.Goal
		if s.Detail != "" && (s.Outcome != report.Pending) {
			what = s.Detail
		}
		rows = append(rows, []string{p.tint(s.Outcome, mark(s.Outcome)), s.Phase, s.ID, ">" + took(s.Start, s.End), what})
	}
	p.table(nil, rows)
}

func (p *page) figures(list []report.Figure) {
	p.section("Figures", len(list))
	var rows table
	for _, f := range list {
		name := f.Name
		if f.Phase != "" {
			name += " " + f.Phase
		}
		against := ""
		if f.Objective != 0 {
			against = "of " + amount(f.Objective, f.Unit)
			if f.Outcome != "" {
				against += ", " + p.tint(f.Outcome, string(f.Outcome))
			}
		}
		rows = append(rows, []string{name, ">" + amount(f.Value, f.Unit), against, f.Note})
	}
	p.table(nil, rows)
}

func (p *page) topics(list []report.Topic) {
	p.section("Topics", len(list))
	var rows table
	for _, t := range list {
		rows = append(rows, []string{t.Name, ">" + known(int64(t.Partitions)), ">" + known(t.LostRecords), ">" + lostBytes(t), ">" + span(t.LostSeconds), certainty(t)})
	}
	p.table([]string{"TOPIC", ">PARTITIONS", ">RECORDS LOST", ">BYTES", ">TIME", ""}, rows)
	for _, t := range list {
		for _, r := range t.Lost {
			text := lostRange(r)
			if r.Note != "" {
				text += ": " + r.Note
			}
			p.hanging("    lost ", text)
		}
	}
}

func lostBytes(t report.Topic) string { return size(float64(t.LostBytes)) }

func certainty(t report.Topic) string {
	switch {
	case t.Measured:
		return "measured"
	case t.AsOf.IsZero():
		return "forecast"
	default:
		return "forecast, as of " + clock(t.AsOf)
	}
}

func (p *page) groups(list []report.Group) {
	p.section("Groups", len(list))
	var rows table
	for _, g := range list {
		rows = append(rows, []string{g.Name, g.Topic, ">" + known(g.ReReads), ">" + known(g.Clamped), g.State, g.Explanation})
	}
	p.table([]string{"GROUP", "TOPIC", ">READ AGAIN", ">MOVED BACK", "STATE", ""}, rows)
}

func (p *page) statements(list []report.Statement) {
	p.section("Statements", len(list))
	for _, s := range list {
		head := s.Name
		for _, part := range []string{s.Region, s.Strategy, s.Phase} {
			if part != "" {
				head += ", " + part
			}
		}
		p.hanging("  ", head)
		for _, f := range statementFields(s) {
			p.hanging(fmt.Sprintf("      %-10s ", f.Name), f.Value)
		}
		for i, in := range s.Paths {
			p.hanging(fmt.Sprintf("      %-10s ", []string{"paths", ""}[min(i, 1)]), pathLine(in))
		}
		for i, c := range s.Columns {
			p.hanging(fmt.Sprintf("      %-10s ", []string{"columns", ""}[min(i, 1)]), originLine(c))
		}
		branches := planBranches(s.Plan)
		for i, op := range s.Plan {
			p.hanging(fmt.Sprintf("      %-10s %s", []string{"plan", ""}[min(i, 1)], branches[i]), operatorLine(op))
		}
	}
}

// pathLine tells one way from an input to an output, and how far back it reaches.
func pathLine(p report.Path) string {
	s := fmt.Sprintf("%s (%d:%d)", p.Input, p.Place.Line, p.Place.Column)
	if len(p.Operators) > 0 {
		s += " through " + strings.Join(p.Operators, ", ")
	}
	if p.Output != "" {
		s += " to " + p.Output
	}
	return s + ": " + p.Horizon
}

// originLine tells what a column comes from.
func originLine(c report.ColumnOrigin) string {
	s := c.Column + " from " + strings.Join(c.From, ", ")
	if len(c.From) == 0 {
		s = c.Column + " from no column"
	}
	if len(c.Via) > 0 {
		s += " by " + strings.Join(c.Via, ", ")
	}
	return s
}

// planBranches are what stands before each operator of a plan to draw it as a tree, as Flink's EXPLAIN does.
func planBranches(plan []report.Operator) []string {
	branches, open := make([]string, len(plan)), map[int]bool{} // by depth: another operator of the same parent comes
	for i := len(plan) - 1; i >= 0; i-- {
		depth := plan[i].Depth
		for d := range open {
			if d > depth {
				delete(open, d)
			}
		}
		for d := 1; d <= depth; d++ {
			switch {
			case d < depth && open[d]:
				branches[i] += ":  "
			case d < depth:
				branches[i] += "   "
			case open[d]:
				branches[i] += ":- "
			default:
				branches[i] += "+- "
			}
		}
		open[depth] = true
	}
	return branches
}

// operatorLine tells an operator of a plan in one line.
func operatorLine(op report.Operator) string {
	s := op.Name
	if op.Operator != "" {
		s = op.Operator + ": " + s
	}
	if op.Detail != "" {
		s += " " + op.Detail
	}
	if op.Changelog != "" {
		s += " [" + op.Changelog
		for i, key := range op.UpsertKeys {
			s += []string{" by ", " or "}[min(i, 1)] + strings.Join(key, ", ")
		}
		s += "]"
	}
	if op.State != "" {
		s += fmt.Sprintf(" keeps %s; %s state", op.State, op.StateSize)
	}
	if op.Note != "" {
		s += "; " + op.Note
	}
	return s
}

// field is one named part of a statement.
type field struct{ Name, Value string }

// statementFields are the parts of a statement that have a value, in the order in which they are told.
func statementFields(s report.Statement) []field {
	all := []field{{"kind", s.Kind}, {"why", s.Reason}, {"detail", s.Detail}, {"reads", strings.Join(s.Reads, ", ")}, {"writes", strings.Join(s.Writes, ", ")},
		{"start", s.Start}, {"horizon", s.Horizon}, {"history", s.Retention}, {"changelog", s.Changelog}, {"verdict", s.Verdict}, {"state", s.State}, {"cost", s.Cost}, {"watermark", s.Watermark}, {"digest", s.Digest}}
	if s.Rows > 0 {
		all = append(all, field{"rows", thousands(s.Rows)})
	}
	if s.Read > 0 {
		all = append(all, field{"rows read", thousands(s.Read)})
	}
	all = append(all, field{"positions", settings(s.Positions, " ")}, field{"properties", settings(s.Properties, "=")})
	if !s.Created.IsZero() {
		all = append(all, field{"created", s.Created.UTC().Format(time.RFC3339)})
	}
	all = append(all, field{"exceptions", strings.Join(s.Exceptions, "; ")}, field{"sql", strings.Join(strings.Fields(s.SQL), " ")})
	var fields []field
	for _, f := range all {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// settings are names with their values, in the order of the names.
func settings(of map[string]string, is string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, name+is+of[name])
	}
	return strings.Join(all, ", ")
}

func (p *page) mirrors(list []report.Mirror) {
	p.section("Mirrors", len(list))
	var rows table
	for _, m := range list {
		note := m.Error
		if m.Translated {
			note = strings.TrimSuffix(fmt.Sprintf("translated: mirrored up to @%d of the source; %s", m.Come, m.Error), "; ")
		}
		if a := m.Aligning; a != nil {
			note = strings.TrimSuffix(aligning(a)+"; "+note, "; ")
		}
		partition := fmt.Sprintf("%s-%d", m.Topic, m.Partition)
		if m.SourceTopic != "" {
			partition += " ← " + m.SourceTopic
		}
		rows = append(rows, []string{m.Link, partition, m.State, ">" + known(m.Source), ">" + known(m.Dest), ">" + known(m.Lag),
			">" + span(m.LagSec), note})
	}
	p.table([]string{"LINK", "PARTITION", "STATE", ">SOURCE END", ">MIRROR END", ">LAG", ">LAG TIME", ""}, rows)
}

// aligning tells how far a log is filled up to the source's log start.
func aligning(a *report.Alignment) string {
	if a.Of <= 0 {
		return fmt.Sprintf("being aligned, @%d so far", a.Filled)
	}
	return fmt.Sprintf("being aligned: %.0f %% of @%d, about %s to go", 100*float64(a.Filled)/float64(a.Of), a.Of, span(a.Seconds))
}

func (p *page) runs(list []report.Run) {
	p.section("Runs", len(list))
	var rows table
	for _, r := range list {
		rows = append(rows, []string{r.ID, r.Operation, p.tint(r.Outcome, string(r.Outcome)), moment(r.Start), ">" + took(r.Start, r.End), r.Who, r.Detail})
	}
	p.table([]string{"RUN", "OPERATION", "OUTCOME", "STARTED", ">TOOK", "WHO", ""}, rows)
}

func (p *page) findings(list []report.Finding) {
	p.section("Findings", len(list))
	for _, f := range list {
		text := f.Message
		if at := place(f.Place); at != "" {
			text = at + ": " + text
		}
		p.hanging("  "+p.severity(f.Severity), fmt.Sprintf("%s [%s]", text, f.Rule))
		for line := range strings.Lines(f.Excerpt) {
			p.line("           | " + printable(strings.TrimRight(line, "\n")))
		}
		if f.Waived != "" {
			p.hanging("           waived: ", f.Waived)
			continue
		}
		p.because(f.Why, f.Remedy)
	}
}

// rules are the pages of rules. Where there are findings they tell of their rules themselves.
func (p *page) rules(list []report.Rule) {
	for _, r := range list {
		p.line("")
		p.hanging("", r.Why)
		for part := range strings.SplitSeq(r.Page, "\n\n") {
			if part != "" {
				p.line("")
				p.hanging("", part)
			}
		}
		if r.ActiveActive != r.ActivePassive {
			p.line("")
			p.hanging("  severity: ", fmt.Sprintf("%s in active-active, %s in active-passive", applies(r.ActiveActive), applies(r.ActivePassive)))
		}
		p.example("Wrong", r.Wrong)
		p.example("Right", r.Right)
		if r.Remedy != "" {
			p.line("")
			p.hanging("  do: ", r.Remedy)
		}
	}
}

func applies(s report.Severity) string {
	if s == "" {
		return "none"
	}
	return string(s)
}

// example is a piece of SQL, as it stands.
func (p *page) example(name, sql string) {
	if sql == "" {
		return
	}
	p.section(name, 1)
	for line := range strings.Lines(sql) {
		p.line("    " + printable(strings.TrimRight(line, "\n")))
	}
}

func (p *page) next(list []string) {
	if len(list) == 0 {
		return
	}
	p.section("Next", len(list))
	for _, n := range list {
		p.hanging("  ", n)
	}
}
