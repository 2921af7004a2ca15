package dr

import (
	"context"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// SalvageReplay produces salvaged records again in a region. Topics that a link mirrors there are refused: what is written to a mirror makes it fail.
func SalvageReplay(ctx context.Context, w *World, region string, files []linking.SalvageFile, o linking.ReplayOptions) (*report.Report, error) {
	if w.Declared.Topology.Regions[region] == nil {
		return nil, fmt.Errorf("%s declares no region %q; there is %s", w.Declared.Path, region, strings.Join(w.RegionNames(), ", "))
	}
	to := w.Regions[region]
	if to == nil {
		return nil, w.Errs[region]
	}
	rep := &report.Report{Command: "salvage replay", Title: "into " + region, Outcome: report.Done, Start: w.now()}
	if err := w.notMirrored(ctx, region, files, o.Topic); err != nil {
		return nil, err
	}
	var written, present, left int64
	for _, f := range files {
		r, err := linking.ReplaySalvaged(ctx, to, f, o)
		if r != nil {
			written, present, left = written+r.Written, present+r.Present, left+r.Uncommitted
			rep.Steps = append(rep.Steps, replayStep(r, o.DryRun, err))
		}
		if err != nil {
			rep.End, rep.Outcome = w.now(), report.Stopped
			rep.Summary = fmt.Sprintf("stopped part-way: %v: what is written already is found there when it is replayed again", err)
			return rep, err
		}
		if r.Unseen > 0 {
			rep.Findings = append(rep.Findings, report.Finding{Rule: "salvage/unseen", Severity: report.Medium, Subject: fmt.Sprintf("%s-%d", r.To, r.Partition),
				Message: fmt.Sprintf("%d offsets from @%d on are not in %s any more", r.Unseen, r.First, region), Why: "a record that was there and is in the file too is written a second time"})
		}
	}
	rep.End = w.now()
	verb := "are written"
	if o.DryRun {
		verb = "would be written"
	}
	rep.Summary = fmt.Sprintf("%s %s to %s, %d were there already", counted(int(written), "record"), verb, region, present)
	if left > 0 {
		rep.Summary += fmt.Sprintf(", %d of transactions that never committed are left out", left)
	}
	return rep, nil
}

func replayStep(r *linking.Replayed, dry bool, err error) report.Step {
	s := report.Step{ID: fmt.Sprintf("replay:%s-%d@%d", r.Topic, r.Partition, r.First), Kind: "replay", Goal: fmt.Sprintf("the records of %s are in %s-%d", r.Log, r.To, r.Partition),
		Outcome: report.Done, Detail: fmt.Sprintf("%s: %d written, %d there already", counted(int(r.Records), "record"), r.Written, r.Present)}
	if r.Uncommitted > 0 {
		s.Detail += fmt.Sprintf(", %d of transactions that never committed left out", r.Uncommitted)
	}
	switch {
	case err != nil:
		s.Outcome, s.Detail = report.Failed, err.Error()
	case dry:
		s.Outcome = report.Skipped
	}
	return s
}

// notMirrored refuses topics that are mirrors.
func (w *World) notMirrored(ctx context.Context, region string, files []linking.SalvageFile, other string) error {
	var topics []string
	for _, f := range files {
		if other != "" {
			f.Topic = other
		}
		topics = append(topics, f.Topic)
	}
	decl, m, err := w.mirroredInto(ctx, region, topics)
	if err == nil && decl != nil {
		err = fmt.Errorf("topic %q in %s is a mirror of %s, under link %s: what is written to it makes it fail; write to %s", m.Topic, region, decl.From, decl.Name, decl.From)
	}
	return err
}
