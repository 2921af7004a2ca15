package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// The cut is where a drill's input ends: offsets of every mirrored partition. It has other names in the journal than a failover's point, because
// nothing is promoted there. Where both regions write, the destination's own topics that statements read have a place in it too.
const (
	factCut       = "cut"        // in the destination's offsets
	factCutSource = "cut-source" // in the old primary's, by the destination's names
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
			lost, err = mirrorLoss(ctx, r.decl, r.from, r.topicNames(), source, r.world.now())
		}
	}
	if err == nil {
		err = r.cutOwn(ctx, source, dest)
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
		var err error
		if listed, err = r.drill.inSource(topics, func(topics []string) (plans.Positions, error) {
			return offsetsAt(ctx, r.from, at, topics) // the source's: a mirror's markers have times of their own
		}); err != nil {
			return nil, err
		}
	}
	cut, err := stableEnds(ctx, r.to, topics)
	cutShort(cut, listed)
	return cut, err
}

// cutOwn adds where what the destination writes itself is cut: at the same instant, or at its end. Its mirrors in the source have the same offsets: the
// plan saw to it.
func (r *run) cutOwn(ctx context.Context, source, dest plans.Positions) error {
	own := sortedKeys(r.drill.plan.Own)
	if len(own) == 0 {
		return nil
	}
	cut, err := stableEnds(ctx, r.to, own)
	if err != nil {
		return err
	}
	if !r.drill.plan.At.IsZero() {
		listed, err := offsetsAt(ctx, r.to, r.drill.plan.At, own)
		if err != nil {
			return err
		}
		cutShort(cut, listed)
	}
	maps.Copy(source, cut)
	maps.Copy(dest, cut)
	return nil
}

// offsetsAt are the offsets of the first records of an instant, -1 where all are older.
func offsetsAt(ctx context.Context, in *linking.Region, at time.Time, topics []string) (plans.Positions, error) {
	found, err := fetch.Offsets(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return in.Admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...)
	}, topics...)
	return positionsOf(in, "offsets by time", found, err)
}

// cutShort moves ends to the places in front of them that are known.
func cutShort(ends, listed plans.Positions) {
	for topic, parts := range ends {
		for p, end := range parts {
			if first, ok := listed[topic][p]; ok && first >= 0 {
				parts[p] = min(end, first)
			}
		}
	}
}

// cutDrained waits until the mirrors have what the source holds now. The link goes on by itself: a drill does not take it over.
func (r *run) cutDrained(ctx context.Context) (source, dest plans.Positions, err error) {
	if source, err = r.drill.inSource(r.topicNames(), func(topics []string) (plans.Positions, error) { return stableEnds(ctx, r.from, topics) }); err != nil {
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
			if before.Ends[topic] == nil { // of several that write it, all have put that out
				before.Ends[topic] = ends[topic]
			}
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

// there is what a topic that statements read in the destination is called in the source.
func (d *rehearsal) there(topic string) string {
	if mirror, own := d.plan.Own[topic]; own {
		return mirror
	}
	if source, mirrored := d.names.Source(topic); mirrored && slices.Contains(d.mirrors, topic) {
		return source
	}
	return d.original(topic)
}

// inSource asks the source of topics by the names that they have there, and tells what it says by the destination's.
func (d *rehearsal) inSource(topics []string, ask func(topics []string) (plans.Positions, error)) (plans.Positions, error) {
	var names []string
	for _, topic := range topics {
		names = append(names, d.there(topic))
	}
	said, err := ask(names)
	all := plans.Positions{}
	for i, topic := range topics {
		if parts, ok := said[names[i]]; ok {
			all[topic] = parts
		}
	}
	return all, err
}
