package linking

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// backOff is how much further back the logs of two regions are compared each time that their ends were found to differ.
const backOff = 8

// Divergence says of promoted topics where the logs of both regions part. Mirrored were the offsets up to each topic's promotion; that both
// regions still have the same records in front of it is compared from there backwards, until they have. It changes nothing.
func (l *Link) Divergence(ctx context.Context, back *Link, topics []string) (map[string]*plans.Returning, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	backs, err := back.mirrored(ctx)
	if err != nil {
		return nil, err
	}
	olds, err := l.from.listTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: listing topics: %w", l.from.Name, err)
	}
	all := map[string]*plans.Returning{}
	compare := map[string]*topicRecord{}
	for _, name := range topics {
		rec, old := m.topics[name], olds[name]
		r := &plans.Returning{}
		all[name] = r
		if old.Err == nil && old.Topic != "" {
			r.ID = old.ID.String()
		}
		was := backs[name]
		switch {
		case r.ID == "":
		case was != nil && !was.released() && was.DestID == r.ID && (rec == nil || was.SourceID == rec.DestID):
			r.Mirrored = true
		case rec == nil:
			r.Other = fmt.Sprintf("%s has a topic of this name, and link %s never mirrored it", l.from.Name, l.decl.Name)
		case r.ID != rec.SourceID:
			r.Other = "it was deleted and created again in " + l.from.Name
		case len(old.Partitions) > rec.Partitions:
			r.Other = fmt.Sprintf("it has %d partitions in %s, and had %d when it was mirrored", len(old.Partitions), l.from.Name, rec.Partitions)
		default:
			compare[name] = rec
		}
	}
	return all, l.compareEnds(ctx, all, compare)
}

// compareEnds fills in the partitions of topics that are there, and where those of recs part.
func (l *Link) compareEnds(ctx context.Context, all map[string]*plans.Returning, recs map[string]*topicRecord) error {
	var there []string
	for name, r := range all {
		if r.ID != "" && !r.Mirrored {
			there = append(there, name)
		}
	}
	if len(there) == 0 {
		return nil
	}
	olds, err := listBounds(ctx, l.from, there)
	if err != nil {
		return err
	}
	news, err := listBounds(ctx, l.to, sorted(recs))
	if err != nil {
		return err
	}
	at := map[partitionKey]*plans.ReturningPart{}
	for k, old := range olds {
		r := all[k.topic]
		for len(r.Parts) <= int(k.partition) {
			r.Parts = append(r.Parts, plans.ReturningPart{})
		}
		if old.err != nil {
			return fmt.Errorf("%s: %s-%d: reading log bounds: %w", l.from.Name, k.topic, k.partition, old.err)
		}
		r.Parts[k.partition] = plans.ReturningPart{Point: plans.Offset(old.start), Start: plans.Offset(old.start), End: plans.Offset(old.end)}
	}
	next := map[partitionKey]offsets{}
	for name, rec := range recs {
		for p := range all[name].Parts {
			k := partitionKey{name, int32(p)}
			part, now := &all[name].Parts[p], news[k]
			if now.err != nil {
				return fmt.Errorf("%s: %s-%d: reading log bounds: %w", l.to.Name, k.topic, k.partition, now.err)
			}
			part.NewStart, part.NewEnd = plans.Offset(now.start), plans.Offset(now.end)
			part.Point = min(rec.Ends[int32(p)], part.End)
			end, from := int64(part.Point), max(int64(part.Start), now.start)
			if from < end {
				next[k] = offsets{max(from, end-tailOffsets), end}
				at[k] = part
			}
		}
	}
	for len(next) > 0 {
		tails, err := readTails(ctx, l, next, nil)
		if err != nil {
			return err
		}
		again := map[partitionKey]offsets{}
		for k, t := range tails {
			if err := t.failed(); err != nil {
				return fmt.Errorf("comparing %s-%d of %s and %s: %w", k.topic, k.partition, l.from.Name, l.to.Name, err)
			}
			offset, how := t.parts(compacts(recs[k.topic]), l.from.Name, l.to.Name)
			if how == "" {
				continue
			}
			part := at[k]
			part.Point, part.Differs = plans.Offset(offset), how
			if from := max(int64(part.Start), int64(part.NewStart)); from < t.from {
				again[k] = offsets{max(from, t.from-backOff*(t.end-t.from)), t.from}
			}
		}
		next = again
	}
	return nil
}

// parts says where two logs, both of which are written or compacted by themselves, are not the same any more, and how; "" where they are.
func (t *tail) parts(compacted bool, from, to string) (at int64, how string) {
	if t.err != nil {
		return 0, ""
	}
	older, newer := t.records[sourceSide], t.records[destSide]
	for len(older) > 0 || len(newer) > 0 {
		switch {
		case len(newer) == 0 || len(older) > 0 && older[0].offset < newer[0].offset:
			if !compacted {
				return older[0].offset, fmt.Sprintf("%s has a record there, %s has none", from, to)
			}
			older = older[1:]
		case len(older) == 0 || newer[0].offset < older[0].offset:
			if !compacted {
				return newer[0].offset, fmt.Sprintf("%s has a record there, %s has none", to, from)
			}
			newer = newer[1:]
		case older[0].sum != newer[0].sum:
			return older[0].offset, fmt.Sprintf("the record is not the same in %s and in %s", from, to)
		default:
			older, newer = older[1:], newer[1:]
		}
	}
	return 0, ""
}

// TakeBack makes mirrors of topics that l has mirrored and promoted: under the link back, in the region that they came from, each from where its
// log ends there. That both logs are the same up to there is the caller's to know (Divergence). It may be given again.
func (l *Link) TakeBack(ctx context.Context, back *Link, topics []string, by string) error {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return err
	}
	var changes []Changed
	var recs []*topicRecord
	for _, name := range topics {
		rec := m.topics[name]
		if rec == nil || rec.State != Stopped {
			return fmt.Errorf("link %s: topic %q is not promoted: nothing to mirror back", l.decl.Name, name)
		}
		changes, recs = append(changes, Changed{Topic: name, Was: rec.State}), append(recs, rec)
	}
	if err := l.reversible(m, changes); err != nil {
		return err
	}
	return back.takeBack(ctx, recs, by)
}

// MirrorAnew deletes a topic of the destination, where the one of the id given is still there or another one without a record, and makes it again as
// an empty mirror, which begins where the source's log does. Committed positions in it are forgotten: they are of other records. It may be given
// again.
func (l *Link) MirrorAnew(ctx context.Context, topic, id, by string) error {
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: "failback by " + by, Brief: true}, nil)
	if err != nil {
		return err
	}
	defer s.leave(ctx)
	there, err := l.to.listTopics(ctx, topic)
	if err != nil {
		return fmt.Errorf("%s: listing topics: %w", l.to.Name, err)
	}
	r := &Repair{Topic: topic, another: true}
	if t, is := there[topic]; is && t.Err == nil {
		have := t.ID.String()
		if rec := s.memory.topics[topic]; have != id && rec != nil && !rec.released() && rec.DestID == have {
			return nil // this was done before
		}
		bounds, err := listBounds(ctx, l.to, []string{topic})
		if err != nil {
			return err
		}
		filled := false
		for _, at := range bounds {
			filled = filled || at.err != nil || at.end > at.start
		}
		if have != id && filled {
			return fmt.Errorf("%s: topic %q was deleted and created again by somebody else: its id is %s, and was %q", l.to.Name, topic, have, id)
		}
		r.DestID = have
	}
	sources, err := l.from.listTopics(ctx, topic)
	if err != nil {
		return fmt.Errorf("%s: listing topics: %w", l.from.Name, err)
	}
	return l.mirrorAnew(ctx, s, &topicRecord{Topic: topic, Partitions: max(partitionsOf(sources), partitionsOf(there))}, r)
}

func partitionsOf(topics kadm.TopicDetails) (n int) {
	for _, t := range topics {
		n = max(n, len(t.Partitions))
	}
	return n
}

// SalvageFrom exports what a topic of the destination has from the offsets on that are given by partition, to directories of dir, and returns when
// it is on the disk. A partition that is not named is passed over; an empty one has nothing.
func (l *Link) SalvageFrom(ctx context.Context, topic string, from map[int32]plans.Offset, dir string) ([]Salvaged, error) {
	var all []Salvaged
	for _, p := range slices.Sorted(maps.Keys(from)) {
		s, err := l.salvagePart(ctx, partitionKey{topic, p}, int64(from[p]), dir)
		if err != nil {
			return all, fmt.Errorf("%s: %s-%d: exporting what is to be removed: %w", l.to.Name, topic, p, err)
		}
		all = append(all, *s)
	}
	return all, nil
}
