package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LinkAtRisk says what promoting mirror topics now (none: all of the link) would leave behind in the source, as far as that is known: measured
// where the source answers, else from what the link last saw of it.
func LinkAtRisk(ctx context.Context, l *linking.Link, topics []string) ([]report.Topic, error) {
	mirrors, err := l.Status(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]*report.Topic{}
	for _, m := range mirrors {
		if m.State == plans.MirrorStopped || len(topics) > 0 && !slices.Contains(topics, m.Topic) {
			continue
		}
		t := byName[m.Topic]
		if t == nil {
			t = &report.Topic{Name: m.Topic, LostBytes: -1, AsOf: m.Progress}
			byName[m.Topic] = t
		}
		t.Partitions++
		switch {
		case m.Lag < 0:
			t.LostRecords, t.LostSeconds = -1, -1
		case m.Lag > 0:
			if t.LostRecords >= 0 {
				t.LostRecords += m.Lag
				t.LostSeconds = max(t.LostSeconds, m.LagSec)
			}
			t.Lost = append(t.Lost, report.Range{Topic: m.Topic, Partition: m.Partition, First: m.Dest, End: m.Source, Records: -1, Note: "offsets, not all of them records"})
		}
	}
	var list []report.Topic
	for _, name := range sortedKeys(byName) {
		if t := byName[name]; t.LostRecords == 0 {
			t.LostBytes = 0
		}
		list = append(list, *byName[name])
	}
	return list, nil
}

// LinkPromote promotes mirror topics at lag zero.
func LinkPromote(ctx context.Context, w *World, decl *plans.Link, topics []string) (*report.Report, error) {
	if err := w.Idle(ctx, decl.From, decl.To); err != nil {
		return nil, err
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	rep := &report.Report{Command: "link promote", Title: "link " + decl.Name, Outcome: report.Done, Start: w.now()}
	promoted, err := l.Promote(ctx, linking.PromoteOptions{Topics: topics, By: w.Who(), Brief: true})
	if err != nil {
		return nil, err
	}
	found := 0
	for _, p := range promoted {
		step := report.Step{ID: "promote:" + p.Topic, Kind: "promote", Goal: p.Topic + " is writable", Outcome: report.Done, Detail: p.State}
		if p.Found {
			step.Detail = promotedBefore(p)
			found++
		}
		rep.Steps = append(rep.Steps, step)
	}
	rep.Findings = append(rep.Findings, w.leftBehind(ctx, decl, promoted)...)
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("%s STOPPED: writable in %s, no longer mirrored", counted(len(promoted), "topic"), decl.To)
	if found == len(promoted) {
		rep.Summary = fmt.Sprintf("nothing was left to promote: %s STOPPED already, writable in %s and no longer mirrored", counted(found, "topic"), decl.To)
		rep.Next = []string{"lifeboat link reverse mirrors them the other way", "lifeboat runs list shows whether a run did it"}
	}
	return rep, nil
}

// LinkFailover promotes mirror topics with what has arrived, and reports what has not: read from the source where it answers, else as
// forecast. Group positions are written a last time first.
func LinkFailover(ctx context.Context, w *World, decl *plans.Link, topics []string) (*report.Report, error) {
	if err := w.Idle(ctx, decl.From, decl.To); err != nil {
		return nil, err
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	rep := &report.Report{Command: "link failover", Title: "link " + decl.Name, Outcome: report.Done, Start: w.now()}
	before, err := l.States(ctx)
	if err != nil {
		return nil, err
	}
	if rep.Topics, err = LinkAtRisk(ctx, l, topics); err != nil {
		return nil, err
	}
	synced, err := l.SettleGroups(ctx)
	if err != nil {
		rep.Findings = append(rep.Findings, report.Finding{Rule: "link/group-positions", Severity: report.High, Subject: decl.Name,
			Message: fmt.Sprintf("group positions were not written a last time: %v", err),
			Why:     "groups go on in " + decl.To + " from where the link had written them before", Remedy: "compare them with what the applications know"})
	}
	rep.Groups = groupReport(synced)
	promoted, err := l.Promote(ctx, linking.PromoteOptions{Topics: topics, By: w.Who(), Force: true, Brief: true})
	if err != nil {
		return nil, err
	}
	point := plans.Positions{}
	for _, p := range promoted {
		point[p.Topic] = p.Come
		i := slices.IndexFunc(before, func(m plans.MirrorState) bool { return m.Topic == p.Topic })
		was := before[max(i, 0)]
		step := report.Step{ID: "failover:" + p.Topic, Kind: "failover", Goal: p.Topic + " is writable", Outcome: report.Done, Detail: was.State + " → " + p.State}
		if was.State == p.State {
			step.Detail = promotedBefore(p)
			delete(point, p.Topic)
		}
		rep.Steps = append(rep.Steps, step)
		if was.State == plans.MirrorFailed {
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/mirror-failed", Severity: report.High, Subject: p.Topic,
				Message: fmt.Sprintf("the mirror of %s had failed: %s", p.Topic, was.Error), Why: "what stands there may not be " + decl.From + "'s records"})
		}
	}
	if from := w.Regions[decl.From]; from != nil && len(point) > 0 {
		measured, merr := mirrorLoss(ctx, decl, from, slices.Sorted(maps.Keys(point)), point, w.now())
		if merr == nil {
			rep.Topics = measured
		} else {
			rep.Findings = append(rep.Findings, report.Finding{Rule: "link/loss-not-measured", Severity: report.High, Subject: decl.From,
				Message: fmt.Sprintf("what did not arrive could not be read: %v", merr), Why: "what is shown is what was known before"})
		}
	}
	rep.Findings = append(rep.Findings, w.leftBehind(ctx, decl, promoted)...)
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("%s in %s %s STOPPED: writable, no longer mirrored; %s", counted(len(promoted), "topic"), decl.To, are(len(promoted)), lostText(rep.Topics, decl.From))
	return rep, nil
}

// promotedBefore says of a topic that was promoted already when, and by whom where that is known.
func promotedBefore(p linking.Promoted) string {
	text := fmt.Sprintf("%s already: it was promoted on %s", p.State, p.At.UTC().Format("2006-01-02 15:04:05Z"))
	if p.By != "" {
		text += " by " + p.By
	}
	return text
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// lostText tells in words what did not arrive.
func lostText(topics []report.Topic, from string) string {
	var n int64
	measured := true
	var unknown []string
	for _, t := range topics {
		measured = measured && t.Measured
		if t.LostRecords < 0 {
			unknown = append(unknown, t.Name)
		}
		n += max(0, t.LostRecords)
	}
	text := counted(int(n), "record") + " of " + from + " did not arrive"
	if !measured {
		text = fmt.Sprintf("%s of %s had not arrived as far as is known; what was written there later is lost too", counted(int(n), "offset"), from)
	}
	if len(unknown) > 0 {
		text += "; how many of " + strings.Join(unknown, ", ") + " is not known"
	}
	return text
}

// LinkRepair carries a repair out and reports it. A run that stopped part-way is no reason to refuse it: the mirror may be what it stopped at, and when it
// goes on it looks at every goal again.
func LinkRepair(ctx context.Context, w *World, decl *plans.Link, l *linking.Link, plan []*linking.Repair, o linking.RepairOptions) (*report.Report, error) {
	var held *LeaseHeldError
	if err := w.Idle(ctx, decl.From, decl.To); errors.As(err, &held) {
		return nil, err
	}
	rep := &report.Report{Command: "link repair", Title: "link " + decl.Name, Outcome: report.Done, Start: w.now()}
	if err := l.Repair(ctx, plan, o); err != nil {
		return nil, err
	}
	n := 0
	for _, r := range plan {
		step := report.Step{ID: "repair:" + r.Topic, Kind: "repair", Goal: r.Topic + " is ACTIVE", Outcome: report.Done, Detail: strings.Join(r.Does(decl.From, decl.To), "; ")}
		for _, s := range r.Salvaged {
			step.Detail += fmt.Sprintf("; %s-%d @%d–@%d, %s, is exported to %s and %s", s.Topic, s.Partition, s.First, s.End-1, counted(int(s.Records), "record"), s.Log, s.Lines)
		}
		if r.Kind == linking.RepairNothing {
			step.Outcome = report.Skipped
		} else {
			n++
		}
		rep.Steps = append(rep.Steps, step)
	}
	rep.End = w.now()
	if rep.Summary = "nothing has failed"; n > 0 {
		rep.Summary = counted(n, "mirror topic") + " repaired: the link goes on with them"
		rep.Next = []string{"lifeboat link status", "lifeboat link run, where no process serves the link", "lifeboat link verify compares them record by record"}
	}
	return rep, nil
}
