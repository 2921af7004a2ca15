package dr

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// The journal of a region may be lost: its topic deleted, or the region not answering. What this machine's own runs have written is in its local
// copies. They are asked for runs that the region's journal does not have, and whoever takes the lease next writes them into it again.

// journalOf reads a region's journal, and in front of it what this machine remembers of runs that it has lost. End is the journal's.
func journalOf(ctx context.Context, r *linking.Region, o *Options) (entries []Entry, end int64, err error) {
	entries, end, err = ReadJournal(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	lost, err := lostTo(ctx, r, entries, o)
	return slices.Concat(lost, entries), end, err
}

// lostTo returns this machine's copies of the runs whose plan a region's journal does not have.
func lostTo(ctx context.Context, r *linking.Region, entries []Entry, o *Options) ([]Entry, error) {
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Run] = known[e.Run] || e.Kind == EntryPlan
	}
	if others, err := copyNames(o.StateDir, known); len(others) == 0 || err != nil {
		return nil, o.withoutCopies(err)
	}
	meta, err := r.Admin.BrokerMetadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: asking for its cluster id: %w", r.Name, err)
	}
	lost, err := copies(o.StateDir, known, r.Name, meta.Cluster)
	return lost, o.withoutCopies(err)
}

// withoutCopies goes on without local copies that can not be read, and says so.
func (o *Options) withoutCopies(err error) error {
	if err != nil {
		o.Log.Warn("the local copies of journals can not be read", "dir", o.StateDir, "err", err)
	}
	return nil
}

// remembered are the copies of a region that does not answer: of runs of this topology.
func (w *World) remembered(region string) []Entry {
	all, err := copies(w.opts.StateDir, nil, region, "")
	_ = w.opts.withoutCopies(err)
	ours := map[string]bool{}
	for _, p := range foldRuns(all) {
		ours[p.id] = p.plan.Topology == w.Declared.Topology.Name
	}
	return slices.DeleteFunc(all, func(e Entry) bool { return !ours[e.Run] })
}

// entriesOf is journalOf by a region's name; of one that does not answer, what this machine remembers, and why.
func (w *World) entriesOf(ctx context.Context, region string) ([]Entry, error) {
	r := w.Regions[region]
	if r == nil {
		return w.remembered(region), w.Errs[region]
	}
	entries, _, err := journalOf(ctx, r, &w.opts)
	if err != nil {
		return w.remembered(region), err
	}
	return entries, nil
}

// copyNames lists the local copies in a directory, but for those of runs that are known.
func copyNames(dir string, known map[string]bool) ([]string, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, f := range files {
		if run, ok := strings.CutSuffix(f.Name(), ".jsonl"); ok && !known[run] {
			names = append(names, filepath.Join(dir, f.Name()))
		}
	}
	return names, err
}

// copies returns the entries of local copies that were written to the journal of a region and a cluster ("": of whichever), run by run, of runs
// whose plan is among them. Known runs are left out.
func copies(dir string, known map[string]bool, region, cluster string) ([]Entry, error) {
	names, err := copyNames(dir, known)
	errs := []error{err}
	var entries []Entry
	planned := map[string]bool{}
	for _, name := range names {
		list, err := readCopy(name)
		errs = append(errs, err)
		for _, e := range list {
			if known[e.Run] || e.Region != region || cluster != "" && e.Cluster != cluster {
				continue
			}
			planned[e.Run] = planned[e.Run] || e.Kind == EntryPlan
			e.copied = true
			entries = append(entries, e)
		}
	}
	return slices.DeleteFunc(entries, func(e Entry) bool { return !planned[e.Run] }), errors.Join(errs...)
}

// readCopy returns the entries of a local copy. A last line cut short by a crash is dropped: it was not acknowledged.
func readCopy(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var entries []Entry
	lines := bufio.NewReader(f)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		var e Entry
		if err := json.Unmarshal(text, &e); err != nil {
			return entries, fmt.Errorf("%s: not a journal entry: %w", path, err)
		}
		entries = append(entries, e)
	}
}

// rewritten is what was written into a journal again.
type rewritten struct {
	runs int
	upTo time.Time // of the newest entry
}

func (w *rewritten) String() string {
	return fmt.Sprintf("the journal had lost %s: written again from this machine's copy, up to %s", counted(w.runs, "run"), w.upTo.Format("2006-01-02T15:04:05.000Z"))
}

// rewrite writes copies into the journal that has lost them, under its lease, and says so there.
func (j *Journal) rewrite(ctx context.Context, lost []Entry) error {
	again := &rewritten{}
	var lines []*line
	runs := map[string]bool{}
	for _, e := range lost {
		if e.At.After(again.upTo) {
			again.upTo = e.At
		}
		runs[e.Run] = true
		if e.Kind == EntryLease { // it was alive then, and is not any more
			continue
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(lines, &line{run: e.Run, text: text, copied: true})
	}
	again.runs = len(runs)
	j.log.Warn(again.String(), "region", j.region)
	if err := j.commit(ctx, lines); err != nil {
		return err
	}
	j.rewritten = again
	return j.Write(ctx, EntryRewritten, "", again.String(), nil)
}

// remember fills the local copy of a run that another machine has begun.
func (j *Journal) remember(entries []Entry) {
	if j.local == nil {
		return
	}
	if at, err := j.local.Stat(); err != nil || at.Size() > 0 {
		return
	}
	var text bytes.Buffer
	for _, e := range entries {
		if b, err := json.Marshal(e); e.Run == j.Run && e.Kind != EntryLease && err == nil {
			text.Write(append(b, '\n'))
		}
	}
	j.keep(text.Bytes())
}

// JournalLostError says that a region's journal was deleted while a run wrote to it.
type JournalLostError struct {
	Region, Run, Topic string
	Copy               string // the file that has what was written, "" for none
}

func (e *JournalLostError) Error() string {
	text := fmt.Sprintf("%s: topic %q is gone, and with it the journal of run %s", e.Region, e.Topic, e.Run)
	if e.Copy == "" {
		return text + "; this machine has no copy: goals that were reached stay reached, and fences that it raised may stand"
	}
	return text + "; what was written is in " + e.Copy
}
