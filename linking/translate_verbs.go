package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// settleTranslated shuts every older process out of the translated partitions of topics that are promoted, and finds how far they have come.
func (l *Link) settleTranslated(ctx context.Context, s *store, topics []*topicRecord) error {
	var parts []partitionKey
	byName := map[string]*topicRecord{}
	for _, t := range topics {
		byName[t.Topic] = t
		for p := range t.Translated {
			parts = append(parts, partitionKey{t.Topic, p})
		}
	}
	fenced, err := l.fence(ctx, s, parts, false)
	if err != nil {
		return err
	}
	var errs []error
	for k, f := range fenced {
		if f.err != nil {
			errs = append(errs, fmt.Errorf("%s: %s-%d: finding how far it is mirrored: %w", l.to.Name, k.topic, k.partition, f.err))
			continue
		}
		t := byName[k.topic]
		t.Translated = cloneOrNew(t.Translated)
		t.Translated[k.partition] = t.Translated[k.partition].reach(f.offsets)
	}
	return errors.Join(errs...)
}

// settle ends the maps of a topic where what was mirrored ends.
func (t *topicRecord) settle() {
	for p, end := range t.Ends {
		if tr := t.Translated[p]; tr != nil {
			t.Translated[p] = tr.reach(offsetMap{source: int64(tr.Source), dest: int64(end)})
		}
	}
}

// sourceEnd is where what was mirrored of a partition ends in the source, of which end is the place in the mirror.
func (t *topicRecord) sourceEnd(p int32, end plans.Offset) plans.Offset {
	if tr := t.Translated[p]; tr != nil {
		return tr.Source
	}
	return end
}

func (t *topicRecord) promoted() Promoted {
	out := Promoted{Topic: t.Topic, State: t.State, At: t.At, By: t.Promoter, Ends: t.Ends, Come: map[int32]plans.Offset{}}
	for p, end := range t.Ends {
		out.Come[p] = t.sourceEnd(p, end)
	}
	return out
}

// reversible refuses to reverse topics with translated partitions: a mirror back would have to stand at the mirror's offsets in the source, where
// others are taken.
func (l *Link) reversible(m *memory, changes []Changed) error {
	var errs []error
	for _, c := range changes {
		if t := m.topics[c.Topic].Translated; len(t) > 0 {
			p := slices.Min(slices.Collect(maps.Keys(t)))
			errs = append(errs, fmt.Errorf("link %s: topic %q can not be reversed: the offsets of %s are translated (%s), and mean other records in %s; promote it, and mirror it to %s with a link of its own", l.decl.Name,
				c.Topic, partitions(t), t[p].Why, l.from.Name, l.from.Name))
		}
	}
	return errors.Join(errs...)
}

// translations are what plans know of translated partitions; nil where there are none.
func (t *topicRecord) translations() map[int32]plans.Translation {
	if len(t.Translated) == 0 {
		return nil
	}
	all := map[int32]plans.Translation{}
	for p, tr := range t.Translated {
		all[p] = plans.Translation{Why: tr.Why, First: tr.First, Source: tr.Source, Dest: tr.Dest, Newest: t.Newest[p]}
		if om := t.Offsets[p]; len(om.runs) > 0 {
			begins := all[p]
			begins.Begins = plans.Offset(om.runs[0].source)
			all[p] = begins
		}
	}
	return all
}

// others names a partition that held somebody else's data when the link came; "" where there is none.
func (t *topicRecord) others() string {
	for _, p := range slices.Sorted(maps.Keys(t.Translated)) {
		if t.Translated[p].First > 0 {
			return fmt.Sprintf("partition %d", p)
		}
	}
	return ""
}

func partitions(of map[int32]*translation) string {
	if len(of) == 1 {
		return fmt.Sprintf("partition %d", slices.Collect(maps.Keys(of))[0])
	}
	return fmt.Sprintf("%d partitions", len(of))
}
