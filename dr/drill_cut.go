package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// The cut is where a drill's input ends: offsets of every mirrored partition. It has other names in the journal than a failover's point, because
// nothing is promoted there.
const (
	factCut       = "cut"        // in the destination's offsets
	factCutSource = "cut-source" // in the old primary's
	factBeforeCut = "before-cut"
	factLost      = "cut-loss"
	factCutAt     = "cut-at" // when, by the clock of the process that made it
)

// beforeCut is what the statements of the old primary had put out just before the cut.
type beforeCut struct {
	Ends plans.Positions            `json:"ends"` // of their output topics
	Read map[string]plans.Positions `json:"read"` // by statement: at least what that was computed from
	Mark map[string]int64           `json:"mark"` // by statement: its watermark then, or later
}

func cutDone(_ context.Context, r *run, _ plans.Step) (bool, string, error) {
	var cut plans.Positions
	var lost []report.Topic
	for name, into := range map[string]any{factCut: &cut, factLost: &lost, factBeforeCut: &r.drill.before, factCutAt: &r.drill.at} {
		if ok, err := r.recall(name, into); err != nil || !ok {
			return false, "", err
		}
	}
	r.rep.Topics = lost
	n, records := 0, int64(0)
	for _, parts := range cut {
		n += len(parts)
	}
	for _, t := range lost {
		records += t.LostRecords
	}
	return true, fmt.Sprintf("%s held, %s of %s not among what had arrived", counted(n, "partition"), counted(int(records), "record"), r.plan.From), nil
}

func cutApply(ctx context.Context, r *run, _ plans.Step) error {
	before, err := r.lookBeforeCut(ctx)
	if err != nil {
		return err
	}
	at := r.world.now()
	var source, dest plans.Positions
	var lost []report.Topic
	if r.drill.plan.Scenario == plans.ScenarioPlanned {
		source, dest, err = r.cutDrained(ctx)
		for _, topic := range r.topicNames() {
			lost = append(lost, report.Topic{Name: topic, Partitions: len(source[topic]), Measured: true, AsOf: r.world.now()})
		}
	} else {
		if dest, err = r.cutArrived(ctx); err == nil {
			source = dest // no mirror is translated: the plan saw to it
			lost, err = measureLoss(ctx, r.from, r.topicNames(), source, r.world.now())
		}
	}
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		v    any
	}{{factCutAt, at}, {factBeforeCut, before}, {factCutSource, source}, {factLost, lost}, {factCut, dest}} {
		if err := r.learn(ctx, f.name, f.v); err != nil {
			return err
		}
	}
	return nil
}

// cutArrived is where the mirrors end now; with an instant, in front of the first record of that time.
func (r *run) cutArrived(ctx context.Context) (plans.Positions, error) {
	topics := r.topicNames()
	at := r.drill.plan.At
	if r.drill.plan.Behind > 0 {
		at = r.world.now().Add(-time.Duration(r.drill.plan.Behind))
	}
	var listed plans.Positions
	if !at.IsZero() {
		found, err := fetch.Offsets(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return r.from.Admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...) // the source's: a mirror's markers have times of their own
		}, topics...)
		if listed, err = positionsOf(r.from, "offsets by time", found, err); err != nil {
			return nil, err
		}
	}
	cut, err := stableEnds(ctx, r.to, topics)
	if err != nil {
		return nil, err
	}
	for topic, parts := range cut {
		for p, end := range parts {
			if first, ok := listed[topic][p]; ok && first >= 0 {
				parts[p] = min(end, first)
			}
		}
	}
	return cut, nil
}

// cutDrained waits until the mirrors have what the source holds now. The link goes on by itself: a drill does not take it over.
func (r *run) cutDrained(ctx context.Context) (source, dest plans.Positions, err error) {
	if source, err = stableEnds(ctx, r.from, r.topicNames()); err != nil {
		return nil, nil, err
	}
	last, moved := "", r.world.now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		places, err := r.link.Places(ctx, source)
		if err != nil {
			return nil, nil, err
		}
		ends, err := stableEnds(ctx, r.to, r.topicNames())
		if err != nil {
			return nil, nil, err
		}
		dest = plans.Positions{}
		var behind []string
		for _, p := range places {
			if dest[p.Topic] == nil {
				dest[p.Topic] = map[int32]plans.Offset{}
			}
			dest[p.Topic][p.Partition] = p.Dest
			missing := p.Beyond
			if !p.Translated {
				missing = int64(p.Source - ends[p.Topic][p.Partition])
			}
			if missing > 0 {
				behind = append(behind, fmt.Sprintf("%s-%d %d offsets", p.Topic, p.Partition, missing))
			}
		}
		if len(behind) == 0 {
			return source, dest, nil
		}
		slices.Sort(behind)
		if now := strings.Join(behind, ", "); now != last {
			last, moved = now, r.world.now()
		}
		if r.world.now().Sub(moved) > stuckAfter {
			return nil, nil, fmt.Errorf("link %s made no progress for %s, it is behind by %s: see that `lifeboat link run` runs", r.decl.Name, stuckAfter, last)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, nil, err
		}
	}
}

// settleWithin is how long the progress of the old primary's statements is waited for that covers what they have put out.
const settleWithin = 2 * time.Second

// lookBeforeCut notes what the old primary's statements have put out. What is told of their progress may be a commit late, so it is asked for
// again after the next.
func (r *run) lookBeforeCut(ctx context.Context) (beforeCut, error) {
	before := beforeCut{Ends: plans.Positions{}, Read: map[string]plans.Positions{}, Mark: map[string]int64{}}
	b := r.world.Engines[r.plan.From]
	if b == nil {
		return before, nil
	}
	first := map[string]engine.Progress{}
	for _, sp := range r.plan.Statements {
		for _, isolated := range sp.Writes {
			topic := r.drill.original(isolated)
			ends, err := stableEnds(ctx, r.from, []string{topic})
			if errors.Is(err, kerr.UnknownTopicOrPartition) {
				continue
			}
			if err != nil {
				return before, err
			}
			before.Ends[topic] = ends[topic]
			if p, err := b.Progress(ctx, sp.Name); err == nil {
				first[sp.Name] = p
			}
		}
	}
	deadline := r.world.now().Add(settleWithin)
	for name, was := range first {
		p := was
		for err := error(nil); err == nil && p.Commits == was.Commits && r.world.now().Before(deadline); {
			if err = sleep(ctx, 50*time.Millisecond); err == nil {
				p, err = b.Progress(ctx, name)
			}
		}
		before.Read[name], before.Mark[name] = positionsIn(p), p.Watermark
	}
	return before, ctx.Err()
}

func positionsIn(p engine.Progress) plans.Positions {
	all := plans.Positions{}
	for topic, parts := range p.Offsets {
		all[topic] = map[int32]plans.Offset{}
		for partition, at := range parts {
			all[topic][partition] = plans.Offset(at)
		}
	}
	return all
}

// original is the name that a table of the drill has without it.
func (d *rehearsal) original(isolated string) string {
	return strings.TrimPrefix(isolated, d.plan.Prefix()+"out.")
}
