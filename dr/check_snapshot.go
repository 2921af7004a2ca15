package dr

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// SnapshotAge is how old a snapshot may be before a check warns of it.
const SnapshotAge = 24 * time.Hour

// CheckSnapshot asks the pre-flight questions of what a snapshot holds of the regions, at the moment when it was taken. Those that only
// the regions themselves can answer are named as skipped. A snapshot older than oldest is warned of, one of other regions fails.
func CheckSnapshot(ctx context.Context, d *plans.Declared, found []report.Finding, s *plans.Snapshot, link string, oldest time.Duration, now time.Time) (*report.Report, error) {
	rep := &report.Report{Command: "check", Title: "pre-flight of " + d.Topology.Name + " from a snapshot", File: d.Path, Start: s.Observed.At, End: s.Observed.At, Findings: found}
	w := &World{Declared: d, Regions: map[string]*linking.Region{}, Errs: map[string]error{}, opts: Options{Now: func() time.Time { return s.Observed.At }}}
	w.opts.fill()
	for name, r := range s.Observed.Regions {
		if !r.Reachable {
			w.Errs[name] = fmt.Errorf("%s did not answer when the snapshot was taken: %s", name, r.Error)
		}
	}
	line := checkSnapshot(d, s, oldest, now)
	rep.Checks = append(rep.Checks, line)
	if line.Outcome == report.Failed {
		conclude(rep)
		return rep, nil
	}
	c := &checkup{world: w, seen: s.Observed, offline: true}
	if err := c.ask(ctx, rep, link); err != nil {
		return nil, err
	}
	conclude(rep)
	return rep, nil
}

// checkSnapshot says whether a snapshot tells of the declared regions, and of how they are now.
func checkSnapshot(d *plans.Declared, s *plans.Snapshot, oldest time.Duration, now time.Time) report.Check {
	age := s.Age(now)
	line := report.Check{ID: "snapshot", Name: "the snapshot is of these regions, and recent", Outcome: report.Passed,
		Detail: fmt.Sprintf("taken %s, %s ago, %s", s.Observed.At.UTC().Format("2006-01-02 15:04:05 UTC"), age.Round(time.Second), s.Digest)}
	const remedy = "take another with access to both regions: lifeboat check --save-catalog FILE"
	switch foreign := s.Foreign(d); {
	case len(foreign) > 0:
		line.Outcome, line.Detail = report.Failed, strings.Join(foreign, "; ")
		line.Why, line.Remedy = "it says nothing about the regions that lifeboat.yaml declares", remedy
	case age < -time.Minute:
		line.Outcome, line.Why, line.Remedy = report.Warned, "it was taken in the future by this machine's clock", remedy
	case age > oldest:
		line.Outcome, line.Remedy = report.Warned, remedy
		line.Why = fmt.Sprintf("it is older than %s: topics, configs and the history they hold may have changed", oldest)
	}
	return line
}
