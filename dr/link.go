package dr

import (
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LinkStatus reports the state and lag of every mirrored partition of a link.
func LinkStatus(ctx context.Context, w *World, name string) (*report.Report, error) {
	decl, err := w.Link(name)
	if err != nil {
		return nil, err
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	rep := &report.Report{Command: "link status", Title: fmt.Sprintf("link %s: %s → %s", decl.Name, decl.From, decl.To), Outcome: report.Done, Start: w.now()}
	if rep.Mirrors, err = l.Status(ctx); err != nil {
		return nil, err
	}
	if from := w.Regions[decl.From]; from != nil {
		listed, err := topicsIn(ctx, from)
		if err != nil { // it answered a moment ago: what is known of the mirrors is told all the same
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/source-not-listed", Severity: report.Medium, Subject: decl.From,
				Message: err.Error(), Why: "whether every topic of the link is mirrored is not known"})
		}
		listed.Topics.FilterInternal()
		for _, name := range listed.Topics.Names() {
			mirror, _ := decl.Names().Mirror(name)
			if !decl.Selects(name) || slices.ContainsFunc(rep.Mirrors, func(m report.Mirror) bool { return m.Topic == mirror }) {
				continue
			}
			rep.Outcome = report.Failed
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/not-mirrored", Severity: report.High, Subject: name,
				Message: fmt.Sprintf("topic %s belongs to the link and is not mirrored", name),
				Why:     "its records would be lost with " + decl.From, Remedy: "lifeboat link run says why, where it can not be"})
		}
	}
	rep.Findings = append(rep.Findings, w.hanging(ctx, decl, rep.Mirrors)...)
	rep.Findings = append(rep.Findings, driftOf(ctx, decl, l)...)
	rep.End = w.now()
	var lag int64
	states := map[string]int{}
	unknown := 0
	for _, m := range rep.Mirrors {
		states[m.State]++
		if m.Lag < 0 {
			unknown++
		}
		lag += max(0, m.Lag)
	}
	rep.Summary = fmt.Sprintf("%s, %s behind", counted(len(rep.Mirrors), "partition"), counted(int(lag), "record"))
	for _, s := range sortedKeys(states) {
		rep.Summary += fmt.Sprintf(", %d %s", states[s], s)
	}
	if service, err := l.Service(ctx); err != nil {
		return nil, err
	} else if service.Tasks > 1 {
		rep.Summary += fmt.Sprintf(", %d tasks on %d link processes", service.Tasks, len(service.Processes))
		for _, n := range service.Unserved {
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/task-not-served", Severity: report.Medium, Subject: fmt.Sprintf("task %d of %s", n, decl.Name),
				Message: fmt.Sprintf("no process serves task %d of link %s", n, decl.Name), Why: "its partitions are not mirrored meanwhile",
				Remedy: "lifeboat link run; after a crash others take it over within seconds"})
		}
	}
	if unknown > 0 {
		rep.Summary += fmt.Sprintf(", lag of %d not known", unknown)
	}
	if states[plans.MirrorPaused] > 0 {
		rep.Next = []string{"lifeboat link resume"}
	}
	if states["FAILED"] > 0 {
		rep.Outcome = report.Failed
		rep.Next = []string{"read the errors above: each names the exact range; other mirrors go on"}
	}
	if len(rep.Mirrors) == 0 {
		rep.Next = []string{"lifeboat link run"}
	}
	return rep, nil
}
