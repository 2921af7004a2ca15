package dr

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// Renewal is how often a running operation writes that it is alive; a holder silent for LeaseTTL is taken for dead.
const (
	Renewal  = 2 * time.Second
	LeaseTTL = 10 * time.Second
)

// LeaseHeldError says that another run is under way in the surviving region.
type LeaseHeldError struct {
	Region, Run, Who string
	Operation        string
	Since, Seen      time.Time
}

func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("%s: run %s (%s) by %s holds the lease since %s, last seen %s", e.Region, e.Run, e.Operation, e.Who,
		e.Since.Format(time.RFC3339), e.Seen.Format(time.RFC3339))
}

// InterruptedError says that an earlier run stopped part-way and must be resumed or given up before another begins.
type InterruptedError struct {
	Region, Run, Who string
	Operation        string
	Since            time.Time
	Where            string // "5 of 11 steps done, at step promote: …"
	Lost             bool   // the region's journal has lost it: only this machine knows of it
}

func (e *InterruptedError) Error() string {
	text := fmt.Sprintf("%s: run %s (%s) by %s, begun %s, stopped part-way", e.Region, e.Run, e.Operation, e.Who, e.Since.Format(time.RFC3339))
	if e.Lost {
		text += "; its journal there is lost, and this machine has a copy of it"
	}
	if e.Where != "" {
		text += ": " + e.Where
	}
	return text
}

// open returns the runs of a journal that have not ended, oldest first.
func openRuns(entries []Entry) []*pastRun {
	var open []*pastRun
	for _, r := range foldRuns(entries) {
		if r.ended == nil {
			open = append(open, r)
		}
	}
	return open
}

// fresh says whether an entry of that time may be of a holder that is alive, as far as clocks tell. One that is further ahead than a holder lives in silence
// tells nothing: its writer's clock was wrong, or this one is.
func fresh(seen, now time.Time, ttl time.Duration) bool {
	return now.Sub(seen).Abs() < ttl
}

// Idle refuses to change by hand what a run counts on, while one is unfinished in the journals of regions, those that do not answer aside: that run
// would go on over it. Errors: *LeaseHeldError, *InterruptedError.
func (w *World) Idle(ctx context.Context, regions ...string) error {
	for _, name := range regions {
		if w.Regions[name] == nil {
			continue
		}
		entries, err := w.entriesOf(ctx, name)
		if err != nil {
			return err
		}
		for _, run := range openRuns(entries) {
			switch {
			case !run.released && fresh(run.seen, w.now(), w.opts.LeaseTTL):
				return run.held(name)
			case run.plan != nil: // else it ended before its plan was journaled, and so before its first step
				return run.interrupted(name)
			}
		}
	}
	return nil
}

// acquire takes the region's lease for run and returns its journal. A new run is refused while another one is alive
// (*LeaseHeldError) or stopped part-way (*InterruptedError); a run that is resumed waits until its former holder has been silent
// for o.LeaseTTL. Clocks are compared only to refuse early: a holder counts as dead after that much silence seen by this process.
func acquire(ctx context.Context, r *linking.Region, run string, o *Options) (*Journal, []Entry, error) {
	ttl := o.LeaseTTL
	entries, end, err := journalOf(ctx, r, o)
	if err != nil {
		return nil, nil, err
	}
	quiet := false // nobody has written for a ttl: that is asked once, however many there are
	for _, other := range openRuns(entries) {
		if other.released {
			if other.id != run && other.plan != nil {
				return nil, nil, other.interrupted(r.Name)
			}
			continue
		}
		if other.id != run && fresh(other.seen, o.Now(), ttl) {
			return nil, nil, other.held(r.Name)
		}
		if !quiet {
			if quiet, err = silence(ctx, r, end, ttl); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case !quiet:
			return nil, nil, other.held(r.Name)
		case other.id != run && other.plan == nil: // it ended before its plan was journaled, and so before its first step
		case other.id != run:
			return nil, nil, other.interrupted(r.Name)
		}
	}
	j, err := openJournal(ctx, r, run, o)
	if err != nil {
		return nil, nil, err
	}
	// Somebody may have been quicker between the first reading and the fencing: whatever they wrote is in the log by now.
	again, endAgain, err := ReadJournal(ctx, r)
	var lost []Entry
	if err == nil {
		lost, err = lostTo(ctx, r, again, o)
	}
	if err == nil && endAgain != end {
		for _, other := range openRuns(again[min(len(entries)-copied(entries), len(again)):]) {
			if other.id != run && !other.released && other.plan != nil { // without one it has done nothing, and can journal none any more
				err = other.held(r.Name)
			}
		}
	}
	if err == nil && len(lost) > 0 {
		err = j.rewrite(ctx, lost)
		again = slices.Concat(lost, again)
	}
	if err == nil {
		j.remember(again)
	}
	for _, other := range openRuns(again) { // nobody has to wait for its silence again
		if err == nil && other.id != run && other.plan == nil && !other.released {
			err = j.WriteOf(ctx, other.id, EntryRelease, "", "it ended before it had a plan", nil)
		}
	}
	if err == nil {
		err = j.Write(ctx, EntryLease, "", "", nil)
	}
	if err != nil {
		j.Close()
		return nil, nil, err
	}
	return j, again, nil
}

// copied counts the entries that are of local copies: they stand in front of the journal's own.
func copied(entries []Entry) (n int) {
	for n < len(entries) && entries[n].copied {
		n++
	}
	return n
}

// silence reports whether the journal does not grow for ttl.
func silence(ctx context.Context, r *linking.Region, end int64, ttl time.Duration) (bool, error) {
	deadline := time.NewTimer(ttl)
	defer deadline.Stop()
	tick := time.NewTicker(min(ttl/4, 500*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-deadline.C:
			return true, nil
		case <-tick.C:
			ends, err := r.Admin.ListCommittedOffsets(ctx, RunsTopic(r.Name))
			if err != nil {
				return false, fmt.Errorf("%s: watching the lease: %w", r.Name, err)
			}
			if o, ok := ends.Lookup(RunsTopic(r.Name), 0); ok && o.Err == nil && o.Offset > end {
				return false, nil
			}
		}
	}
}

// renew writes that the run is alive until ctx ends; a write that fails because the lease was taken over is returned.
func renew(ctx context.Context, j *Journal, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := j.Write(ctx, EntryLease, "", "", nil); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}
