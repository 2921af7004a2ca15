package dr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// liftedFence says who has lifted a fence.
type liftedFence struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// standing is a fence that a run has raised and nobody has lifted.
type standing struct {
	run      *pastRun
	fence    raisedFence
	journals []string // regions whose journals know of it and not that it is lifted
	lifted   string   // the fact that says that it is lifted
}

// fences lists what runs have raised and nobody has lifted, the oldest first, as far as the regions that answer know.
func fences(ctx context.Context, w *World) ([]standing, []error, error) {
	var list []standing
	var errs []error
	seen := map[string]int{}    // run and fact → place in list
	lifted := map[string]bool{} // run and fact: a journal that could not be reached then does not know of it
	for _, name := range w.RegionNames() {
		entries, err := w.entriesOf(ctx, name)
		if err != nil && w.Regions[name] != nil {
			return nil, nil, err
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, p := range foldRuns(entries) {
			for _, fact := range sortedKeys(p.facts) {
				about, raised := strings.CutPrefix(fact, factFence)
				if raised = raised && (about == "" || about[0] == ':'); !raised {
					continue
				}
				if p.facts[factLifted+about] != nil {
					lifted[p.id+" "+factLifted+about] = true
					continue
				}
				if i, known := seen[p.id+" "+fact]; known { // a failback is journaled in both regions
					list[i].journals = append(list[i].journals, name)
					continue
				}
				s := standing{run: p, journals: []string{name}, lifted: factLifted + about}
				if err := json.Unmarshal(p.facts[fact], &s.fence); err != nil {
					return nil, nil, fmt.Errorf("run %s: fact %q in the journal: %w", p.id, fact, err)
				}
				seen[p.id+" "+fact] = len(list)
				list = append(list, s)
			}
		}
	}
	list = slices.DeleteFunc(list, func(s standing) bool { return lifted[s.run.id+" "+s.lifted] })
	slices.SortStableFunc(list, func(a, b standing) int { return a.run.began.Compare(b.run.began) })
	return list, errs, nil
}

// Fences reports the fences that runs have raised and nobody has lifted, and whether they stand.
func Fences(ctx context.Context, w *World) (*report.Report, error) {
	list, unknown, err := fences(ctx, w)
	if err != nil {
		return nil, err
	}
	if len(unknown) == len(w.RegionNames()) && len(list) == 0 {
		return nil, errors.Join(unknown...)
	}
	rep := &report.Report{Command: "fence status", Outcome: report.Done, Start: w.now(), Summary: "no fence stands"}
	for _, err := range unknown {
		rep.Findings = append(rep.Findings, report.Finding{Rule: "region/unreachable", Severity: report.Medium, Message: err.Error(),
			Why: "fences of runs that are journaled only there are not in this list"})
	}
	for _, s := range list {
		rep.Text += fmt.Sprintf("%s  raised by run %s (%s), by %s: %s\n", s.fence.Region, s.run.id, s.run.began.Format(time.RFC3339), s.fence.By, s.seen(ctx, w))
		rep.Next = append(rep.Next, "lifeboat fence lift "+s.run.id)
	}
	if len(list) > 0 {
		rep.Summary = counted(len(list), "fence") + " raised and not lifted"
	}
	for _, name := range w.RegionNames() {
		f, err := findFound(ctx, w, name, list)
		if err != nil {
			rep.Findings = append(rep.Findings, report.Finding{Rule: "fence/not-looked-for", Severity: report.Low, Subject: name, Message: err.Error(),
				Why: "what looks like a fence there, and was raised by no run that is known, is not in this list"})
		} else if f.seen() {
			rep.Text += fmt.Sprintf("%s  raised by no run that is known: %s\n", name, f)
			rep.Summary = counted(len(list), "fence") + " raised by known runs and not lifted, and what looks like one on " + name
			rep.Next = append(rep.Next, "lifeboat fence lift --region "+name)
		}
	}
	rep.End = w.now()
	return rep, nil
}

// seen says whether the fence keeps writers out.
func (s *standing) seen(ctx context.Context, w *World) string {
	in := w.Regions[s.fence.Region]
	if in == nil {
		return "not known: " + w.Errs[s.fence.Region].Error()
	}
	stands, how, err := s.fence.stands(ctx, in, s.run.who)
	switch {
	case err != nil:
		return "not known: " + err.Error()
	case !stands:
		return "does not stand: " + how
	case s.fence.By == "command" || s.fence.By == "manual":
		return how + "; whether it stands can not be seen"
	}
	return how
}

// NoFenceError says that there is nothing to lift.
type NoFenceError struct{ Run, Region string } // both "" for any run

func (e *NoFenceError) Error() string {
	if e.Region != "" {
		return e.Region + " has nothing that looks like a fence"
	}
	if e.Run == "" {
		return "no run has raised a fence that was not lifted, as far as the regions that answer know"
	}
	return fmt.Sprintf("run %s has raised no fence that was not lifted, as far as the regions that answer know", e.Run)
}

// FenceToLift finds the fence of a run, or the only one if run is "", and says what lifting it means.
func FenceToLift(ctx context.Context, w *World, run string) (id, what string, err error) {
	s, err := findFence(ctx, w, run)
	if err != nil {
		return "", "", err
	}
	return s.run.id, s.means(), nil
}

func findFence(ctx context.Context, w *World, run string) (*standing, error) {
	list, _, err := fences(ctx, w)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s standing) bool { return run != "" && s.run.id != run })
	switch len(list) {
	case 0:
		return nil, &NoFenceError{Run: run}
	case 1:
		return &list[0], nil
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.run.id)
	}
	return nil, fmt.Errorf("several runs have raised fences: say which: %s", strings.Join(ids, ", "))
}

// means says what becomes possible when the fence is lifted.
func (s *standing) means() string {
	f := &s.fence
	topics := short(f.Topics)
	switch f.By {
	case "acl":
		return fmt.Sprintf("%s may write to %s in %s again, where ACLs allow it (%s taken back)", strings.Join(f.Principals, ", "), topics, f.Region, counted(len(f.Denied), "denial"))
	case "config":
		return fmt.Sprintf("everybody who is allowed to may write to %s in %s again", topics, f.Region)
	case "command":
		return fmt.Sprintf("%s is run with LIFEBOAT_ACTION=unfence for %s", strings.Join(f.Command, " "), f.Region)
	}
	return fmt.Sprintf("the writers to %s in %s may be started again", topics, f.Region)
}

func short(names []string) string {
	if len(names) > 4 {
		return counted(len(names), "topic")
	}
	return strings.Join(names, ", ")
}

// LiftFence takes back what a run's fence has changed, and nothing else: a denial that was there before stays, and a config gets the value it
// had. Lifting again what was cut short does the rest. It is refused while the run is unfinished, which counts on its fence.
func LiftFence(ctx context.Context, w *World, run string) (*report.Report, error) {
	rep := &report.Report{Command: "fence lift", Run: run, Outcome: report.Done, Start: w.now()}
	s, err := findFence(ctx, w, run)
	if err != nil {
		return nil, err
	}
	if s.run.ended == nil {
		return nil, s.run.interrupted(s.journals[0])
	}
	f := &s.fence
	in := w.Regions[f.Region]
	if in == nil && (f.By == "acl" || f.By == "config") {
		return nil, w.Errs[f.Region]
	}
	var journals []*Journal
	for _, name := range s.journals {
		if w.Regions[name] == nil {
			return nil, w.Errs[name]
		}
		j, _, err := acquire(ctx, w.Regions[name], s.run.id, &w.opts)
		if err != nil {
			return nil, err
		}
		defer j.Close()
		journals = append(journals, j)
	}
	if err := s.lift(ctx, in); err != nil {
		return nil, err
	}
	for _, j := range journals {
		if err := j.Write(ctx, EntryFact, s.lifted, "", liftedFence{w.opts.Who, w.now()}); err != nil {
			return nil, err
		}
	}
	rep.End, rep.Title = w.now(), "fence of run "+s.run.id
	rep.Summary = "the fence on " + f.Region + " is lifted: " + s.means()
	return rep, nil
}

func (s *standing) lift(ctx context.Context, in *linking.Region) error {
	f := &s.fence
	switch f.By {
	case "acl":
		return allowWrites(ctx, in, f.Denied)
	case "config":
		now, err := messageSizes(ctx, in, f.Topics)
		if err != nil {
			return err
		}
		back := map[string]*string{}
		for topic, size := range f.Sizes {
			if set := now[topic]; set != nil && closes(*set) { // somebody may have opened it otherwise
				back[topic] = size
			}
		}
		return setMessageSizes(ctx, in, back)
	case "command":
		return f.command(ctx, "unfence", s.run.id)
	}
	return nil
}
