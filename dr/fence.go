package dr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

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
		if lift := "lifeboat fence lift " + s.run.id; !slices.Contains(rep.Next, lift) {
			rep.Next = append(rep.Next, lift)
		}
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

// FenceToLift finds the fences of a run, or of the only one that has any if run is "", and says what lifting them means.
func FenceToLift(ctx context.Context, w *World, run string) (id, what string, err error) {
	list, err := findFences(ctx, w, run)
	if err != nil {
		return "", "", err
	}
	return list[0].run.id, meaning(list), nil
}

// findFences are one run's: a migration raises one a batch.
func findFences(ctx context.Context, w *World, run string) ([]standing, error) {
	list, _, err := fences(ctx, w)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s standing) bool { return run != "" && s.run.id != run })
	if len(list) == 0 {
		return nil, &NoFenceError{Run: run}
	}
	var ids []string
	for _, s := range list {
		if !slices.Contains(ids, s.run.id) {
			ids = append(ids, s.run.id)
		}
	}
	if len(ids) > 1 {
		return nil, fmt.Errorf("several runs have raised fences: say which: %s", strings.Join(ids, ", "))
	}
	return list, nil
}

// meaning says what becomes possible when fences are lifted.
func meaning(list []standing) string {
	var all []string
	for _, s := range list {
		all = append(all, s.means())
	}
	return strings.Join(all, "; ")
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

// LiftFence takes back what a run's fences have changed, and nothing else: a denial that was there before stays, and a config gets the value it
// had. Lifting again what was cut short does the rest. It is refused while the run is unfinished, which counts on them.
func LiftFence(ctx context.Context, w *World, run string) (*report.Report, error) {
	rep := &report.Report{Command: "fence lift", Run: run, Outcome: report.Done, Start: w.now()}
	list, err := findFences(ctx, w, run)
	if err != nil {
		return nil, err
	}
	past, known := list[0].run, list[0].journals
	if past.ended == nil {
		return nil, past.interrupted(known[0])
	}
	for _, s := range list {
		if w.Regions[s.fence.Region] == nil && (s.fence.By == "acl" || s.fence.By == "config") {
			return nil, w.Errs[s.fence.Region]
		}
		known = slices.Compact(slices.Sorted(slices.Values(slices.Concat(known, s.journals))))
	}
	journals := map[string]*Journal{}
	for _, name := range known {
		if w.Regions[name] == nil {
			return nil, w.Errs[name]
		}
		j, _, err := acquire(ctx, w.Regions[name], past.id, &w.opts)
		if err != nil {
			return nil, err
		}
		defer j.Close()
		journals[name] = j
	}
	var regions []string
	for _, s := range list {
		if err := s.lift(ctx, w.Regions[s.fence.Region]); err != nil {
			return nil, err
		}
		for _, name := range s.journals {
			if err := journals[name].Write(ctx, EntryFact, s.lifted, "", liftedFence{w.opts.Who, w.now()}); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(regions, s.fence.Region) {
			regions = append(regions, s.fence.Region)
		}
	}
	rep.End, rep.Title = w.now(), "fence of run "+past.id
	rep.Summary = "the fence on " + strings.Join(regions, " and ") + " is lifted: " + meaning(list)
	return rep, nil
}

func (s *standing) lift(ctx context.Context, in *linking.Region) error {
	f := &s.fence
	switch f.By {
	case "acl":
		return allowWrites(ctx, in, f.Denied)
	case "config":
		for _, topic := range sortedKeys(f.Sizes) {
			if err := reopen(ctx, in, topic, f.Sizes[topic]); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) { // with the topic its config is gone
				return err
			}
		}
	case "command":
		return f.command(ctx, "unfence", s.run.id)
	}
	return nil
}

// reopen gives a topic the limit that it had, unless somebody has opened it otherwise.
func reopen(ctx context.Context, in *linking.Region, topic string, size *string) error {
	now, err := messageSizes(ctx, in, []string{topic})
	if err != nil {
		return err
	}
	if set := now[topic]; set == nil || !closes(*set) {
		return nil
	}
	return setMessageSizes(ctx, in, map[string]*string{topic: size})
}
