package linking

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// ReverseOptions say what is reversed.
type ReverseOptions struct {
	Topics []string // none: every mirror of the link
	Back   *Link    // the link that leads back, from this one's destination to its source
	By     string
	Still  time.Duration // how long the source's log ends must not move before its topics are promoted; default DefaultStill
}

// DefaultStill is how long a source is watched for writers.
const DefaultStill = 2 * time.Second

// Reversed is one topic whose mirroring runs the other way.
type Reversed struct {
	Topic string
	Was   string                 // its state before
	Ends  map[int32]plans.Offset // by partition, where what both regions have ends
}

// DivergedError is a topic that can not be mirrored the other way: the old source has what its mirror never got.
type DivergedError struct {
	Link, Topic string
	Region      string // that has it
	Ranges      []string
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("link %s: topic %q can not be reversed: offsets diverged: %s has %s, which never came through the link", e.Link, e.Topic, e.Region, strings.Join(e.Ranges, ", "))
}

// WrittenError is a source that is still written to.
type WrittenError struct {
	Region string
	Moved  []string
}

func (e *WrittenError) Error() string {
	return fmt.Sprintf("%s is still written to: %s", e.Region, strings.Join(e.Moved, ", "))
}

// Reverse swaps the direction of mirror topics: they are promoted at lag zero, and become mirrors of themselves in the region that they came
// from, under the link back. Offsets stay the same on both sides. It is refused before anything is changed where a mirror's state does not
// allow it or the source is written to (*WrittenError), and for a topic whose old source holds what never arrived (*DivergedError). It may
// be given again after a crash at any point. The old source's topics are not closed to other writers: who goes on writing there makes the
// mirror fail.
func (l *Link) Reverse(ctx context.Context, o ReverseOptions) ([]Reversed, error) {
	if l.from == nil {
		return nil, l.noSource()
	}
	if o.Still == 0 {
		o.Still = DefaultStill
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	changes, err := l.transitions(m, plans.ReverseMirror, o.Topics)
	if err != nil {
		return nil, err
	}
	if err := l.reversible(m, changes); err != nil {
		return nil, err
	}
	var names, moving []string
	for _, c := range changes {
		names = append(names, c.Topic)
		if c.Was != Stopped {
			moving = append(moving, c.Topic)
		}
	}
	backs, err := o.Back.mirrored(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.unwritten(ctx, moving, o.Still); err != nil {
		return nil, err
	}
	promoted, err := l.Promote(ctx, PromoteOptions{Topics: names, By: o.By, Brief: true})
	if err != nil {
		return nil, err
	}
	if m, err = remember(ctx, l.to, l.decl.Name); err != nil {
		return nil, err
	}
	var out []Reversed
	var errs []error
	for i, p := range promoted {
		source, _ := l.decl.Names().Source(p.Topic)
		if back := backs[source]; back != nil && !back.released() && back.SourceID == m.topics[p.Topic].DestID {
			out = append(out, Reversed{p.Topic, changes[i].Was, p.Ends}) // it is mirrored back already
			continue
		}
		if err := l.undiverged(ctx, m.topics[p.Topic]); err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, Reversed{p.Topic, changes[i].Was, p.Ends})
	}
	if len(out) == 0 {
		return nil, errors.Join(errs...)
	}
	var adopt []*topicRecord
	for _, r := range out {
		adopt = append(adopt, m.topics[r.Topic])
	}
	if err := o.Back.takeBack(ctx, adopt, o.By); err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	return out, errors.Join(errs...)
}

// mirrored are the topics that the link remembers.
func (l *Link) mirrored(ctx context.Context) (map[string]*topicRecord, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	return m.topics, nil
}

// unwritten watches whether the source's logs grow.
func (l *Link) unwritten(ctx context.Context, topics []string, still time.Duration) error {
	if len(topics) == 0 {
		return nil
	}
	before, err := listBounds(ctx, l.from, topics)
	if err != nil {
		return err
	}
	if err := wait(ctx, still); err != nil {
		return err
	}
	after, err := listBounds(ctx, l.from, topics)
	if err != nil {
		return err
	}
	var moved []string
	for _, topic := range topics {
		for p := int32(0); ; p++ {
			k := partitionKey{topic, p}
			was, ok := before[k]
			if !ok {
				break
			}
			if n := after[k].end - was.end; n > 0 {
				moved = append(moved, fmt.Sprintf("%s-%d %d offsets in %s", topic, p, n, still))
			}
		}
	}
	if len(moved) > 0 {
		return fmt.Errorf("link %s: %w", l.decl.Name, &WrittenError{l.from.Name, moved})
	}
	return nil
}

// undiverged compares where a promoted topic's mirrored part ends with where the old source's log does.
func (l *Link) undiverged(ctx context.Context, rec *topicRecord) error {
	sources, err := l.from.listTopics(ctx, rec.Topic)
	if err != nil {
		return fmt.Errorf("%s: listing topics: %w", l.from.Name, err)
	}
	src, there := sources[rec.Topic]
	refuse := func(why string) error {
		return fmt.Errorf("link %s: topic %q can not be reversed: %s", l.decl.Name, rec.Topic, why)
	}
	switch {
	case !there || src.Err != nil:
		return refuse(fmt.Sprintf("it is not in %s any more; a link from %s mirrors it there from its beginning", l.from.Name, l.to.Name))
	case src.ID.String() != rec.SourceID:
		return refuse(fmt.Sprintf("it was deleted and created again in %s; delete it there, and a link from %s mirrors it from its beginning", l.from.Name, l.to.Name))
	case len(src.Partitions) != rec.Partitions:
		return refuse(fmt.Sprintf("it has %d partitions in %s, and had %d when it was mirrored", len(src.Partitions), l.from.Name, rec.Partitions))
	}
	from, err := listBounds(ctx, l.from, []string{rec.Topic})
	if err != nil {
		return err
	}
	var only []string
	for p := range int32(rec.Partitions) {
		at, end := from[partitionKey{rec.Topic, p}], int64(rec.Ends[p])
		switch {
		case at.err != nil:
			return fmt.Errorf("%s: %s-%d: reading log bounds: %w", l.from.Name, rec.Topic, p, at.err)
		case at.end > end:
			only = append(only, fmt.Sprintf("%s-%d @%d–@%d", rec.Topic, p, end, at.end-1))
		case at.end < end:
			return refuse(fmt.Sprintf("%s-%d ends at @%d in %s, and was mirrored up to @%d: the log was truncated there", rec.Topic, p, at.end, l.from.Name, end))
		}
	}
	if len(only) > 0 {
		return &DivergedError{l.decl.Name, rec.Topic, l.from.Name, only}
	}
	return nil
}

// takeBack makes mirrors of topics that were the link's destination's own: recs are what the link the other way remembers of them.
func (l *Link) takeBack(ctx context.Context, recs []*topicRecord, by string) error {
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: "link reverse by " + by, Brief: true}, nil)
	if err != nil {
		return err
	}
	defer s.leave(ctx)
	var names []string
	called := map[*topicRecord]string{}
	for _, rec := range recs {
		name, ok := l.decl.Names().Mirror(rec.Topic)
		if !ok {
			return fmt.Errorf("link %s: topic %q can not be reversed: it has no name in %s, because it does not begin with %q", l.decl.Name, rec.Topic, l.to.Name, l.decl.StripPrefix)
		}
		called[rec] = name
		names = append(names, name)
	}
	configs, err := sourceConfigs(ctx, l.from, names)
	if err != nil {
		return err
	}
	var adopted []*topicRecord
	for _, rec := range recs {
		name := called[rec]
		if have := s.memory.topics[name]; have != nil && !have.released() && have.SourceID == rec.DestID && have.DestID == rec.SourceID {
			continue
		}
		back := &topicRecord{Topic: name, SourceName: l.sourceName(name), State: Active, SourceID: rec.DestID, DestID: rec.SourceID, Partitions: rec.Partitions, Configs: configs[name], Source: rec.Ends}
		if err := l.alterTopic(ctx, name, whileMirrored(back.Configs, l.decl.Topics.Configs), nil); err != nil {
			return err
		}
		adopted = append(adopted, back)
	}
	return s.saveTopics(ctx, adopted...)
}
