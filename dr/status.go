package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Status reports how everything declared is now, a line each: the regions, the links with their lags, the statements of every pipeline with where
// they run, what would be lost, and a run that has not ended. It asks less than Check, judges nothing that does not move, and changes nothing.
func Status(ctx context.Context, w *World) (*report.Report, error) {
	rep := &report.Report{Command: "status", Title: w.Declared.Topology.Name + " now", Start: w.now()}
	seen, err := Observe(ctx, w)
	if err != nil {
		return nil, err
	}
	c := &checkup{world: w, seen: seen}
	rep.Checks = checkRegions(ctx, c)
	for _, decl := range w.Declared.Topology.Links {
		rep.Checks = append(rep.Checks, linkLine(ctx, w, decl, seen.At))
	}
	for _, p := range w.Declared.Topology.Pipelines {
		rep.Checks = append(rep.Checks, pipelineLine(w, p, seen))
	}
	if lost := c.lossNow(); lost != nil {
		rep.Checks = append(rep.Checks, *lost)
		rep.Topics = c.plan.Forecast
	}
	unended, err := unendedRuns(ctx, w)
	if err != nil {
		rep.Checks = append(rep.Checks, report.Check{ID: "runs", Name: "no run has been left part-way", Outcome: report.Unknown, Detail: err.Error()})
	}
	for _, r := range unended {
		rep.Checks = append(rep.Checks, report.Check{ID: "runs", Name: r.Operation + " " + r.ID, Outcome: report.Warned, Detail: r.Detail,
			Why: "nothing else is begun over a run that has not ended", Remedy: "lifeboat resume " + r.ID})
	}
	rep.End = w.now()
	worst := map[report.Outcome]int{}
	for _, line := range rep.Checks {
		worst[line.Outcome]++
	}
	switch {
	case worst[report.Failed] > 0:
		rep.Outcome = report.Failed
		rep.Summary = fmt.Sprintf("%d of %s not as they should be", worst[report.Failed], counted(len(rep.Checks), "thing"))
	case worst[report.Unknown]+worst[report.Warned] > 0:
		rep.Outcome = report.Warned
		rep.Summary = fmt.Sprintf("nothing has failed; %d of %s to be looked at", worst[report.Unknown]+worst[report.Warned], counted(len(rep.Checks), "thing"))
	default:
		rep.Outcome = report.Passed
		rep.Summary = "everything is as it should be"
	}
	return rep, nil
}

// linkLine says how a link is, from what it records and both regions' log ends.
func linkLine(ctx context.Context, w *World, decl *plans.Link, now time.Time) report.Check {
	line := report.Check{ID: "link", Name: fmt.Sprintf("link %s mirrors %s into %s", decl.Name, decl.From, decl.To), Outcome: report.Unknown}
	if err := w.Errs[decl.To]; err != nil {
		line.Detail = decl.To + " does not answer, and what the link knows is there"
		return line
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		line.Detail = err.Error()
		return line
	}
	mirrors, err := l.Status(ctx)
	if err != nil {
		line.Detail = err.Error()
		return line
	}
	if len(mirrors) == 0 {
		line.Outcome, line.Detail = report.Failed, "it has never mirrored anything"
		line.Why, line.Remedy = "without a mirror there is nothing to fail over to", "lifeboat link run --link "+decl.Name
		return line
	}
	states, topics := map[string]int{}, map[string]bool{}
	var records, unknown int64
	var seconds float64
	var newest time.Time
	for _, m := range mirrors {
		states[m.State]++
		topics[m.Topic] = true
		if m.Lag < 0 {
			unknown++
		}
		records, seconds = records+max(0, m.Lag), max(seconds, m.LagSec)
		if m.Progress.After(newest) {
			newest = m.Progress
		}
	}
	var words []string
	for _, s := range sortedKeys(states) {
		words = append(words, fmt.Sprintf("%d %s", states[s], s))
	}
	line.Detail = fmt.Sprintf("%s of %s: %s; %s behind", counted(len(mirrors), "partition"), counted(len(topics), "topic"), strings.Join(words, ", "), counted(int(records), "record"))
	if seconds > 0 {
		line.Detail += fmt.Sprintf(", %.1f s at most", seconds)
	}
	if unknown > 0 {
		line.Detail += fmt.Sprintf(", lag of %d not known", unknown)
	}
	line.Detail += fmt.Sprintf("; last heard of %s ago", now.Sub(newest).Round(time.Second))
	running := states["ACTIVE"] > 0
	switch {
	case states["FAILED"] > 0:
		line.Outcome, line.Why, line.Remedy = report.Failed, "records written now do not reach "+decl.To, "lifeboat link status --link "+decl.Name+" names the errors"
	case running && now.Sub(newest).Seconds() > linkSilence:
		line.Outcome, line.Why, line.Remedy = report.Failed, "no progress and no news is not health: what is lost grows every second", "see whether `lifeboat link run` still runs"
	case states[plans.MirrorPaused] > 0:
		line.Outcome, line.Why, line.Remedy = report.Warned, "paused topics are not mirrored until somebody resumes them", "lifeboat link resume --link "+decl.Name
	case states["SOURCE_UNAVAILABLE"] > 0 || unknown > 0:
		line.Outcome = report.Unknown
	case !running:
		line.Outcome, line.Why = report.Warned, "a failover has happened; the way back is a link in the other direction"
	default:
		line.Outcome = report.Passed
	}
	return line
}

// pipelineLine says where the statements of a pipeline run.
func pipelineLine(w *World, p *plans.Pipeline, seen *plans.Observed) report.Check {
	line := report.Check{ID: "pipeline", Name: "pipeline " + p.Name + " runs in one region", Outcome: report.Passed}
	everywhere := w.Declared.Topology.Pattern == plans.ActiveActive
	if everywhere {
		line.Name = "pipeline " + p.Name + " runs in every region"
	}
	var names []string
	for _, s := range w.Declared.Statements {
		if s.Pipeline == p.Name && w.Declared.Inserts(s.Name) {
			names = append(names, s.Name)
		}
	}
	var words, failed, silent []string
	whole, some := 0, 0
	for _, region := range w.RegionNames() {
		state := seen.Regions[region]
		if w.Declared.Topology.Regions[region].Engine == nil {
			continue
		}
		if state.Engine != "ok" {
			silent = append(silent, region)
			continue
		}
		running := 0
		for _, name := range names {
			switch st := state.Statements[name]; {
			case st.Phase == string(engine.Running):
				running++
			case st.Phase == string(engine.Failed), st.Phase == string(engine.Failing):
				failed = append(failed, fmt.Sprintf("%s in %s: %s", name, region, st.Detail))
			}
		}
		words = append(words, fmt.Sprintf("%d of %d RUNNING in %s", running, len(names), region))
		if running == len(names) {
			whole++
		}
		if running > 0 {
			some++
		}
	}
	line.Detail = strings.Join(slices.Concat(words, failed), "; ")
	if len(silent) > 0 {
		line.Detail = strings.TrimPrefix(line.Detail+"; the engine of "+strings.Join(silent, " and of ")+" does not answer", "; ")
	}
	switch {
	case len(failed) > 0:
		line.Outcome, line.Why, line.Remedy = report.Failed, "a statement that has failed computes nothing", "mend the cause, then resume the statement"
	case len(silent) > 0:
		line.Outcome = report.Unknown
	case everywhere && whole < len(words), !everywhere && whole == 0:
		line.Outcome, line.Why = report.Failed, "its output is not written"
	case !everywhere && some > 1:
		line.Outcome, line.Why = report.Warned, "two regions compute it: whoever reads both sees results twice"
	}
	return line
}

// lossNow forecasts what the loss of the primary would cost at this moment; nil where there is no plan for it.
func (c *checkup) lossNow() *report.Check {
	var err error
	if c.decl, err = c.world.Link(""); err != nil || c.world.Errs[c.decl.To] != nil {
		return nil
	}
	if c.plan, err = plans.Compute(plans.OpFailover, plans.Options{Link: c.decl.Name}, c.world.Declared, c.seen); err != nil {
		return nil
	}
	mirrored := slices.ContainsFunc(c.seen.Mirrors[c.decl.Name], func(m plans.MirrorState) bool { return m.State != "STOPPED" })
	if len(c.seen.Mirrors[c.decl.Name]) > 0 && !mirrored {
		return nil // it is lost already, or given up
	}
	line := &report.Check{ID: "loss", Name: "what would be lost with " + c.decl.From + " now", Outcome: report.Passed}
	if !mirrored {
		line.Outcome, line.Detail = report.Failed, "everything: nothing of it is mirrored"
		return line
	}
	c.plan.Forecast = slices.DeleteFunc(c.plan.Forecast, func(t report.Topic) bool { // what has moved already is not lost with it
		return slices.ContainsFunc(c.seen.Mirrors[c.decl.Name], func(m plans.MirrorState) bool { return m.Topic == t.Name && m.State == plans.MirrorStopped })
	})
	var records int64
	var seconds float64
	for _, t := range c.plan.Forecast {
		if t.LostRecords < 0 {
			line.Outcome, line.Detail = report.Unknown, "of "+t.Name+" it is not known"
		}
		records, seconds = records+max(0, t.LostRecords), max(seconds, t.LostSeconds)
	}
	if line.Detail == "" {
		line.Detail = counted(int(records), "record")
		if seconds > 0 {
			line.Detail += fmt.Sprintf(", %.1f s of them", seconds)
		}
	}
	if rpo := c.plan.Objectives.RPO; rpo > 0 {
		line.Detail += fmt.Sprintf("; the objective is %s", rpo)
		if seconds > time.Duration(rpo).Seconds() {
			line.Outcome, line.Why, line.Remedy = report.Failed, "a loss of "+c.decl.From+" now would miss the objective", "lifeboat link status: the link is behind"
		}
	}
	return line
}

// unendedRuns are those that somebody has to go on with.
func unendedRuns(ctx context.Context, w *World) ([]report.Run, error) {
	list, err := ListRuns(ctx, w)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Runs, func(r report.Run) bool { return r.Outcome != report.Stopped && r.Outcome != report.Unknown }), nil
}
