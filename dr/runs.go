package dr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// pastRun is one run, folded from its journal entries.
type pastRun struct {
	id       string
	who      string // of the last entry
	plan     *plans.Plan
	began    time.Time
	seen     time.Time
	released bool // its last holder let go of the lease
	copied   bool // the region's journal has lost it: this is what this machine remembers
	ended    *report.Report
	steps    map[string]Entry // step id → its last begin, done or failed entry
	facts    map[string]json.RawMessage
	entries  []Entry
}

// foldRuns groups entries by run, in the order in which the runs began.
func foldRuns(entries []Entry) []*pastRun {
	var runs []*pastRun
	byID := map[string]*pastRun{}
	for _, e := range entries {
		r := byID[e.Run]
		if r == nil {
			r = &pastRun{id: e.Run, began: e.At, steps: map[string]Entry{}, facts: map[string]json.RawMessage{}}
			byID[e.Run] = r
			runs = append(runs, r)
		}
		r.who, r.seen, r.released = e.Who, e.At, false
		r.entries = append(r.entries, e)
		switch e.Kind {
		case EntryPlan:
			r.plan, r.copied = new(plans.Plan), e.copied
			if json.Unmarshal(e.Data, r.plan) != nil {
				r.plan = nil
			}
		case EntryBegin, EntryDone, EntryFailed:
			r.steps[e.Step] = e
		case EntryFact:
			r.facts[e.Step] = e.Data
		case EntryRelease:
			r.released = true
		case EntryEnd:
			r.ended = new(report.Report)
			if json.Unmarshal(e.Data, r.ended) != nil {
				r.ended = &report.Report{Run: e.Run, Outcome: report.Unknown, Summary: "the run's report can not be read"}
			}
		}
	}
	return runs
}

// newerThan says whether a run is the newer one of two. One that has no plan ended before its first step, whatever its clock said, and is none to go on with.
func (r *pastRun) newerThan(other *pastRun) bool {
	if planned := r.plan != nil; planned != (other.plan != nil) {
		return planned
	}
	return r.began.After(other.began)
}

func (r *pastRun) operation() string {
	if r.plan == nil {
		return "unknown operation"
	}
	return operationName(r.plan)
}

func (r *pastRun) held(region string) error {
	return &LeaseHeldError{Region: region, Run: r.id, Who: r.who, Operation: r.operation(), Since: r.began, Seen: r.seen}
}

func (r *pastRun) interrupted(region string) error {
	return &InterruptedError{Region: region, Run: r.id, Who: r.who, Operation: r.operation(), Since: r.began, Where: r.where(), Lost: r.copied}
}

func (r *pastRun) outcome() report.Outcome {
	switch {
	case r.ended != nil:
		return r.ended.Outcome
	case r.released:
		return report.Stopped
	default:
		return report.Unknown // alive, or killed: only its lease tells
	}
}

func operationName(p *plans.Plan) string {
	switch {
	case p.Drill != nil:
		return fmt.Sprintf("drill %s → %s (%s)", p.From, p.To, p.Drill.Scenario)
	case p.Failback != nil && p.Writers:
		return fmt.Sprintf("return of %s beside %s", p.To, p.From)
	case p.Failback != nil:
		return fmt.Sprintf("failback %s → %s", p.From, p.To)
	case p.Migration != nil && p.Migration.Back != "":
		return fmt.Sprintf("migration %s → %s, batch %s rolled back", p.From, p.To, p.Migration.Back)
	case p.Migration != nil:
		return fmt.Sprintf("migration %s → %s", p.From, p.To)
	case p.Operation != plans.OpFailover:
		return string(p.Operation)
	}
	kind := "unplanned"
	if p.Planned {
		kind = "planned"
	}
	name := fmt.Sprintf("%s failover %s → %s", kind, p.From, p.To)
	if p.Share != nil {
		name += " of " + p.Share.String()
	}
	return name
}

// ErrNoRun is returned when a run that was asked for is in no journal.
var ErrNoRun = errors.New("no such run")

// noRun is an ErrNoRun that says what was looked for.
type noRun string

func (e noRun) Error() string { return string(e) }
func (e noRun) Unwrap() error { return ErrNoRun }

// ListRuns reports every run in the journals of the reachable regions, the newest last.
func ListRuns(ctx context.Context, w *World) (*report.Report, error) {
	rep := &report.Report{Command: "runs list", Outcome: report.Done, Start: w.now()}
	var errs []error
	for _, name := range w.RegionNames() {
		entries, err := w.entriesOf(ctx, name)
		if err != nil {
			errs = append(errs, err)
		}
		for _, p := range foldRuns(entries) {
			if slices.ContainsFunc(rep.Runs, func(r report.Run) bool { return r.ID == p.id }) {
				continue // of a failback both regions know
			}
			line := report.Run{ID: p.id, Operation: p.operation(), Outcome: p.outcome(), Who: p.who, Start: p.began, End: p.seen}
			switch {
			case p.ended != nil:
				line.Detail = p.ended.Summary
			case p.released:
				line.Detail = "stopped part-way: lifeboat resume " + p.id
			default:
				line.Detail = "running, or killed: last seen " + p.seen.Format(time.RFC3339)
			}
			if p.copied {
				line.Detail += fmt.Sprintf("; from this machine's copy, up to %s: the journal in %s %s", p.seen.Format(time.RFC3339), name, hasNot(err))
			}
			rep.Runs = append(rep.Runs, line)
		}
	}
	slices.SortStableFunc(rep.Runs, func(a, b report.Run) int { return a.Start.Compare(b.Start) })
	rep.Summary = counted(len(rep.Runs), "run")
	if len(errs) == len(w.RegionNames()) && len(rep.Runs) == 0 {
		return nil, errors.Join(errs...)
	}
	for _, err := range errs {
		rep.Findings = append(rep.Findings, report.Finding{Rule: "region/unreachable", Severity: report.Medium, Message: err.Error(),
			Why: "runs journaled only there are not in this list"})
	}
	rep.End = w.now()
	return rep, nil
}

// hasNot says why a run is not in a region's journal.
func hasNot(err error) string {
	if err != nil {
		return "can not be read"
	}
	return "has lost it"
}

// findRun returns a run by id, or, if id is "", the newest that is unfinished or, with ended, the newest of all, with the region whose
// journal holds it, or has held it.
func findRun(ctx context.Context, w *World, id string, ended bool) (*pastRun, string, error) {
	var found *pastRun
	var where string
	var errs []error
	for _, name := range w.RegionNames() {
		entries, err := w.entriesOf(ctx, name)
		if err != nil {
			errs = append(errs, err)
		}
		for _, p := range foldRuns(entries) {
			if found != nil && found.id == p.id && len(found.entries) >= len(p.entries) {
				continue // of a failback both regions know, and one has all of it
			}
			if p.id == id || id == "" && (ended || p.ended == nil) && (found == nil || p.id == found.id || p.newerThan(found)) {
				found, where = p, name
			}
		}
	}
	if found == nil {
		what := noRun("no run is unfinished")
		switch {
		case id != "":
			what = noRun(fmt.Sprintf("run %q is in no region's journal, and this machine has no copy of it: a new plan finds again what was done, and lifeboat fence status what was fenced", id))
		case ended:
			what = "there was no run yet"
		}
		if len(errs) > 0 {
			what += ", as far as the regions that answer know"
		}
		return nil, "", errors.Join(append([]error{what}, errs...)...)
	}
	return found, where, nil
}

// RunReport returns a past run's report, if id is "" the newest's: the one it ended with, or what its journal says so far.
func RunReport(ctx context.Context, w *World, id string) (*report.Report, error) {
	p, _, err := findRun(ctx, w, id, true)
	if err != nil {
		return nil, err
	}
	if p.ended != nil {
		return p.ended, nil
	}
	if p.plan == nil {
		return nil, fmt.Errorf("run %s: its plan is not in the journal: %w", p.id, ErrNoRun)
	}
	rep := newRunReport(p.id, p.plan, p.began)
	rep.Outcome, rep.End = p.outcome(), p.seen
	rep.Summary = fmt.Sprintf("%s, not ended; last journal entry %s", p.operation(), p.seen.Format(time.RFC3339))
	p.soFar(rep)
	rep.Next = []string{"lifeboat resume " + p.id}
	if m := p.plan.Migration; m != nil && m.Back == "" {
		rep.Next = append(rep.Next, "lifeboat migrate rollback "+p.id+"  (while the batch that it stopped in is not promoted)")
	}
	return rep, nil
}

// soFar fills the steps of a run's report with what has become of them.
func (r *pastRun) soFar(rep *report.Report) {
	for i, s := range rep.Steps {
		e, ok := r.steps[s.ID]
		if !ok {
			continue
		}
		rep.Steps[i].Detail = e.Detail
		switch e.Kind {
		case EntryDone:
			rep.Steps[i].Outcome = report.Done
		case EntryFailed:
			rep.Steps[i].Outcome = report.Failed
		case EntryBegin:
			rep.Steps[i].Outcome = report.Stopped
		}
		rep.Steps[i].Start, rep.Steps[i].End = r.times(s.ID)
	}
}

// times returns a step's first begin, and when it failed last or was done. A process that resumes the run finds it done once more: that it was
// before.
func (r *pastRun) times(step string) (start, end time.Time) {
	done := false
	for _, e := range r.entries {
		if e.Step != step {
			continue
		}
		switch e.Kind {
		case EntryBegin:
			done = false
			if start.IsZero() {
				start = e.At
			}
		case EntryDone, EntryFailed:
			if !done {
				end = e.At
			}
			done = e.Kind == EntryDone
		}
	}
	if start.IsZero() {
		start = end
	}
	return start, end
}

// pause is a time in which no process carried a run out.
type pause struct{ from, to time.Time }

// within is how much of it lies between two instants.
func (p pause) within(from, to time.Time) time.Duration {
	if p.from.After(from) {
		from = p.from
	}
	if p.to.Before(to) {
		to = p.to
	}
	return max(0, to.Sub(from))
}

// stoodStill lists a run's pauses until now, when another process takes it up: from the release of each holder, or from the last that was heard of
// one that died, which its successor has waited a lease's TTL for at least.
func (r *pastRun) stoodStill(ttl time.Duration, now time.Time) []pause {
	var list []pause
	for i, e := range r.entries {
		next := now
		if i+1 < len(r.entries) {
			next = r.entries[i+1].At
		}
		if e.Kind == EntryRelease || next.Sub(e.At) >= ttl {
			list = append(list, pause{e.At, next})
		}
	}
	return list
}

// ShowRun returns a past run's journal as text, entry by entry, if id is "" the newest's.
func ShowRun(ctx context.Context, w *World, id string) (*report.Report, error) {
	p, region, err := findRun(ctx, w, id, true)
	if err != nil {
		return nil, err
	}
	rep, err := RunReport(ctx, w, p.id)
	if err != nil {
		return nil, err
	}
	shown := *rep
	shown.Command, shown.Title = "runs show", fmt.Sprintf("run %s, journal of %s", p.id, region)
	if p.copied {
		shown.Title = fmt.Sprintf("run %s, this machine's copy of the journal of %s", p.id, region)
	}
	for _, e := range p.entries {
		if e.Kind == EntryLease {
			continue
		}
		line := fmt.Sprintf("%s  %-8s %-28s %s", e.At.Format("15:04:05.000"), e.Kind, e.Step, e.Detail)
		if e.Kind == EntryFact {
			line += string(e.Data)
		}
		shown.Text += line + "\n"
	}
	return &shown, nil
}

// Abandon ends a run that stopped part-way without going on with it, so that another may begin.
func Abandon(ctx context.Context, w *World, id, reason string) (*report.Report, error) {
	p, region, err := findRun(ctx, w, id, false)
	if err != nil {
		return nil, err
	}
	if p.ended != nil {
		return p.ended, nil
	}
	if w.Regions[region] == nil {
		return nil, w.Errs[region]
	}
	j, _, err := acquire(ctx, w.Regions[region], p.id, &w.opts)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	rep, err := RunReport(ctx, w, p.id)
	if err != nil {
		rep = &report.Report{Run: p.id, Start: p.began}
	}
	rep.Outcome, rep.End, rep.Next = report.Failed, w.now(), nil
	rep.Summary = fmt.Sprintf("abandoned by %s: %s", w.opts.Who, reason)
	if err := j.Write(ctx, EntryEnd, "", rep.Summary, rep); err != nil {
		return nil, err
	}
	return rep, nil
}
