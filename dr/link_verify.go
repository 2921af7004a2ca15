package dr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LinkVerify compares the records of a link's topics in both regions. With o.Continuous it ends with ctx, and reports what was seen until
// then; the error is nil in this case. The report has failed where something differs, or could not be read.
func LinkVerify(ctx context.Context, w *World, name string, o linking.VerifyOptions) (*report.Report, error) {
	decl, err := w.Link(name)
	if err != nil {
		return nil, err
	}
	for _, region := range []string{decl.From, decl.To} {
		if err := w.Errs[region]; err != nil {
			return nil, err
		}
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	rep := &report.Report{Command: "link verify", Title: fmt.Sprintf("link %s: %s against %s", decl.Name, decl.To, decl.From), Start: w.now()}
	compared, err := l.Verify(ctx, o)
	if err != nil && (compared == nil || !o.Continuous || !errors.Is(err, context.Cause(ctx))) {
		return nil, err
	}
	if len(compared.Topics) == 0 {
		return nil, fmt.Errorf("link %s has no mirror yet: run `lifeboat link run` first", decl.Name)
	}
	addCompared(rep, decl, compared)
	rep.End = w.now()
	conclude(rep)
	rep.Summary = comparedSummary(compared)
	if rep.Outcome == report.Failed {
		rep.Next = []string{"stop what else writes to the mirror topics in " + decl.To, "lifeboat link status"}
	}
	return rep, nil
}

// addCompared adds what a comparison has shown to a report: a check a topic, a finding a difference, and what could not be compared.
func addCompared(rep *report.Report, decl *plans.Link, v *linking.Verification) {
	var offsets, compared, records int64
	for _, t := range v.Topics {
		rep.Checks = append(rep.Checks, comparedCheck(decl, t))
		for _, d := range t.Differences {
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/" + ruleOf(d.What), Severity: report.High,
				Subject: fmt.Sprintf("%s-%d @%d", d.Topic, d.Partition, d.Offset), Message: d.String()})
		}
		for _, r := range t.NotCompared {
			where := fmt.Sprintf("%s-%d @%d–@%d", r.Topic, r.Partition, r.First, r.End-1)
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/not-compared", Severity: report.Low, Subject: where, Message: where + " is not compared: " + r.Note})
		}
		offsets, compared, records = offsets+t.Offsets, compared+t.Compared, records+t.Records
	}
	share := 100.0
	if offsets > 0 {
		share = 100 * float64(compared) / float64(offsets)
	}
	rep.Figures = append(rep.Figures,
		report.Figure{Name: "records compared", Value: float64(records), Unit: "records"},
		report.Figure{Name: "offsets compared", Value: share, Unit: "%", Note: fmt.Sprintf("%d of the %d that both regions should have", compared, offsets)},
		report.Figure{Name: "read in " + decl.From, Value: float64(v.SourceBytes), Unit: "bytes"},
		report.Figure{Name: "read in " + decl.To, Value: float64(v.DestBytes), Unit: "bytes"})
}

func ruleOf(what []string) string {
	switch what[0] {
	case linking.DiffMissing, linking.DiffExtra:
		return strings.ReplaceAll(what[0], " ", "-")
	}
	return what[0] + "-differs"
}

func comparedCheck(decl *plans.Link, t *linking.VerifiedTopic) report.Check {
	line := report.Check{ID: "identical", Name: "topic " + t.Topic + " is identical", Outcome: report.Passed,
		Detail: fmt.Sprintf("%s on %s: offset, timestamp, key, value and headers equal", counted(int(t.Records), "record"), counted(t.Partitions, "partition"))}
	switch {
	case len(t.Differences) > 0:
		line.Outcome = report.Failed
		line.Detail = t.Differences[0].String()
		if n := len(t.Differences) - 1; n > 0 {
			line.Detail += fmt.Sprintf("; and %s more", counted(n, "difference"))
		}
		if t.More {
			line.Detail += "; what comes behind was not looked at"
		}
		line.Why, line.Remedy = "a consumer's offset would mean another record in each region",
			fmt.Sprintf("find out who writes to it in %s besides the link; then delete it there and mirror it again", decl.To)
	case len(t.Errors) > 0:
		line.Outcome, line.Detail = report.Unknown, errors.Join(t.Errors...).Error()
		line.Why, line.Remedy = "what was not read may differ", "lifeboat link verify, when it can be read again"
	case t.Offsets == 0 && len(t.NotCompared) > 0:
		line.Outcome, line.Detail = report.Warned, "the regions have no offsets in common"
	case t.Compared < t.Offsets:
		line.Detail += fmt.Sprintf("; a sample, %d of %d offsets", t.Compared, t.Offsets)
	}
	if line.Outcome != report.Passed {
		return line
	}
	if t.Compacted {
		line.Detail += "; compacted: by the newest record of every key"
	}
	if t.Unjudged > 0 {
		line.Detail += fmt.Sprintf("; %s in one region alone, which only reading all of it can judge", counted(int(t.Unjudged), "record"))
	}
	if len(t.NotCompared) > 0 {
		line.Detail += fmt.Sprintf("; %s could not be compared", counted(len(t.NotCompared), "range"))
	}
	if t.Behind > 0 {
		line.Detail += fmt.Sprintf("; %s behind", counted(int(t.Behind), "offset"))
	}
	return line
}

func comparedSummary(v *linking.Verification) string {
	var records int64
	ranges, unread := 0, 0
	for _, t := range v.Topics {
		records += t.Records
		ranges += len(t.NotCompared)
		unread += len(t.Errors)
	}
	text := fmt.Sprintf("%s of %s compared", counted(int(records), "record"), counted(len(v.Topics), "topic"))
	if d := v.Differences(); len(d) > 0 {
		text += fmt.Sprintf(", %s, the first at %s-%d @%d: %s", counted(len(d), "difference"), d[0].Topic, d[0].Partition, d[0].Offset, strings.Join(d[0].What, ", "))
	} else {
		text += ", no difference"
	}
	if ranges > 0 {
		text += fmt.Sprintf("; %s could not be compared", counted(ranges, "range"))
	}
	if unread > 0 {
		text += fmt.Sprintf("; %s could not be read", counted(unread, "partition"))
	}
	return text
}
