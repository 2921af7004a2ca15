package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// EnsureTopics makes every topic that the link selects exist in the destination, with as many partitions and with the configs of a mirror,
// and records it. It takes the link over from any process that serves it. A topic that cannot be a mirror is FAILED with a *MirrorError;
// all of them are joined, after the others were made.
func (l *Link) EnsureTopics(ctx context.Context) error {
	if l.from == nil {
		return l.noSource()
	}
	s, err := openStore(ctx, l.to, l.decl.Name, "ensure topics")
	if err != nil {
		return err
	}
	defer s.close()
	found, err := l.ensureTopics(ctx, s.memory.topics, nil, true)
	if err != nil {
		return err
	}
	var changed []*topicRecord
	for _, t := range found {
		rec := t.merge(s.memory.topics[t.name])
		if t.err != nil {
			rec.State, rec.Error, rec.Codes = Failed, t.err.Error(), map[int32]string{wholeTopic: t.err.Code}
		}
		if t.err == nil || s.memory.topics[t.name] != nil {
			changed = append(changed, rec)
		}
	}
	return errors.Join(append(errorsOf(found), s.saveTopics(ctx, changed...))...)
}

// topicFound is what a look at one topic came to.
type topicFound struct {
	name     string
	rec      topicRecord // what is known of it now
	anew     bool        // what was remembered of it does not hold any more
	err      *MirrorError
	destEnds map[int32]int64
}

// merge puts what was found into what is remembered.
func (t *topicFound) merge(old *topicRecord) *topicRecord {
	if old == nil || t.anew {
		rec := t.rec
		return &rec
	}
	rec := *old
	if t.err == nil {
		rec.SourceID, rec.DestID, rec.Partitions, rec.Configs = t.rec.SourceID, t.rec.DestID, t.rec.Partitions, t.rec.Configs
	}
	return &rec
}

func errorsOf(found []*topicFound) []error {
	var errs []error
	for _, t := range found {
		if t.err != nil {
			errs = append(errs, t.err)
		}
	}
	return errs
}

// ensureTopics looks at every topic that the link selects or remembers, and makes what is missing in the destination. open names the
// topics that have open mirrors: theirs must not be gone. Topics that are promoted are passed over. Without change it changes nothing, and looks at
// what is remembered and in both regions only.
func (l *Link) ensureTopics(ctx context.Context, known map[string]*topicRecord, open map[string]bool, change bool) ([]*topicFound, error) {
	for attempt := 1; ; attempt++ {
		found, err := l.makeTopics(ctx, known, open, change)
		appeared := func(t *topicFound) bool { return t.err != nil && errors.Is(t.err, kerr.TopicAlreadyExists) }
		if err != nil || !slices.ContainsFunc(found, appeared) {
			return found, err
		}
		if attempt == 3 {
			for _, t := range found {
				if rec := known[t.name]; appeared(t) && rec != nil && rec.DestID != "" {
					t.rec.DestID, t.anew, t.err = rec.DestID, false, nil // the link has created it, and a broker has not heard of it yet
				}
			}
			return found, nil
		}
		if err := wait(ctx, 5*metadataAge); err != nil { // it was created after it had been looked for: it is judged like any other
			return nil, err
		}
	}
}

func (l *Link) makeTopics(ctx context.Context, known map[string]*topicRecord, open map[string]bool, change bool) ([]*topicFound, error) {
	sources, err := l.from.listTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: listing topics: %w", l.from.Name, err)
	}
	var names []string
	for _, t := range sources.Sorted() {
		if t.Err == nil && l.selects(t.Topic) && !known[t.Topic].released() && (change || known[t.Topic] != nil) {
			names = append(names, t.Topic)
		}
	}
	var found []*topicFound
	for _, name := range sorted(known) {
		if !slices.Contains(names, name) && !known[name].released() && l.selects(name) {
			found = append(found, &topicFound{name: name, err: l.topicError(name, CodeSourceDeleted,
				fmt.Sprintf("%s is not in %s any more; what was mirrored stays", l.theTopic(name), l.from.Name), l.deletedHint())})
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		if long := len(name) > plans.MaxTopicName; long {
			found = append(found, &topicFound{name: name, err: l.topicError(name, CodeRefused, fmt.Sprintf("with the link's prefix its name has %d characters, and may have %d", len(name), plans.MaxTopicName),
				"exclude the topic from the link; another link with a shorter prefix can mirror it")})
			return true
		}
		return false
	})
	if names, err = l.withoutReturning(ctx, names, known); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return found, nil
	}
	configs, err := sourceConfigs(ctx, l.from, names)
	if err != nil {
		return nil, err
	}
	dests, err := l.to.Admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%s: listing topics: %w", l.to.Name, err)
	}
	var there []string
	for _, d := range dests.Sorted() {
		if d.Err == nil {
			there = append(there, d.Topic)
		}
	}
	ends := kadm.ListedOffsets{}
	if len(there) > 0 {
		if ends, err = fetch.Offsets(ctx, l.to.Admin.ListEndOffsets, there...); err != nil {
			return nil, fmt.Errorf("%s: reading log ends: %w", l.to.Name, err)
		}
	}
	var missing []*topicFound
	for _, name := range names {
		src := sources[name]
		t := &topicFound{name: name, destEnds: map[int32]int64{},
			rec: topicRecord{Topic: name, SourceName: l.sourceName(name), State: Active, SourceID: src.ID.String(), Partitions: len(src.Partitions), Configs: unfenced(configs[name], known[name])}}
		for p, o := range ends[name] {
			if o.Err == nil {
				t.destEnds[p] = o.Offset
			}
		}
		dst, ok := dests[name]
		if ok && dst.Err == nil && known[name] == nil && len(t.destEnds) < len(dst.Partitions) {
			return nil, l.unknownEnd(dst, ends[name]) // what it holds decides what becomes of it
		}
		found = append(found, t)
		if !ok || dst.Err != nil {
			if open[name] {
				t.err = l.topicError(name, CodeDestinationGone, fmt.Sprintf("the mirror topic was deleted in %s", l.to.Name), "lifeboat link repair mirrors it from its beginning")
				continue
			}
			t.anew = true
			missing = append(missing, t)
			continue
		}
		if rec := known[name]; !change {
			if rec.DestID != "" && rec.DestID != dst.ID.String() && !open[name] {
				found = found[:len(found)-1] // it was made again: what it is now is recorded soon
				continue
			}
			t.rec.Partitions = min(t.rec.Partitions, len(dst.Partitions))
			rec = rec.copy()
			rec.Configs = t.rec.Configs
			known[name] = rec
		}
		if err := l.adopt(ctx, t, known[name], dst, open[name]); err != nil {
			return nil, err
		}
	}
	if !change {
		return slices.DeleteFunc(found, func(t *topicFound) bool { return slices.Contains(missing, t) }), nil
	}
	return found, l.createTopics(ctx, missing)
}

// unknownEnd is the error of a topic with a partition whose end was not told.
func (l *Link) unknownEnd(dst kadm.TopicDetail, ends map[int32]kadm.ListedOffset) error {
	for _, p := range dst.Partitions.Sorted() {
		if o, told := ends[p.Partition]; !told || o.Err != nil {
			return fmt.Errorf("%s: %s-%d: reading its log end: %w", l.to.Name, dst.Topic, p.Partition, cmp.Or(o.Err, error(kerr.UnknownTopicOrPartition)))
		}
	}
	return nil
}

// adopt judges a topic that is in both regions, and brings it up to what the source has.
func (l *Link) adopt(ctx context.Context, t *topicFound, rec *topicRecord, dst kadm.TopicDetail, open bool) error {
	t.rec.DestID = dst.ID.String()
	have, want := len(dst.Partitions), t.rec.Partitions
	if rec != nil && rec.DestID != t.rec.DestID && rec.DestID != "" {
		if open {
			t.err = l.topicError(t.name, CodeDestinationGone, fmt.Sprintf("the mirror topic was deleted and created again in %s", l.to.Name), "lifeboat link repair mirrors it from its beginning")
			return nil
		}
		t.anew, rec = true, nil
	}
	if rec == nil {
		var others int64
		for _, end := range t.destEnds {
			others += end
		}
		if l.decl.Translates() && have == want && others > 0 {
			t.rec.Foreign, others = foreignData(t.destEnds), 0
		}
		switch {
		case others > 0:
			t.err = l.topicError(t.name, CodeTopicExists, fmt.Sprintf("the topic has %d offsets in %s that this link did not write", others, l.to.Name),
				fmt.Sprintf("delete topic %q in %s, exclude it from the link, or declare offsets: auto, which gives its mirror other offsets", t.name, l.to.Name))
			return nil
		case have > want:
			t.err = l.topicError(t.name, CodePartitions, fmt.Sprintf("%d partitions in %s, %d in %s", want, l.from.Name, have, l.to.Name),
				fmt.Sprintf("delete topic %q in %s, or exclude it from the link", t.name, l.to.Name))
			return nil
		case have < want: // nobody uses it; a process that ended before it had recorded it may have made it for a source that has grown since
			if err := l.grow(ctx, t.name, want); err != nil {
				return err
			}
		}
		return l.alterTopic(ctx, t.name, whileMirrored(t.rec.Configs, l.decl.Topics.Configs), nil)
	}
	switch {
	case rec.SourceID != t.rec.SourceID:
		t.err = l.topicError(t.name, CodeSourceRecreated,
			fmt.Sprintf("%s was deleted and created again in %s (id %s, was %s): its offsets mean other records now", l.theTopic(t.name), l.from.Name, t.rec.SourceID, rec.SourceID),
			"lifeboat link failover keeps what the mirror has, lifeboat link repair mirrors the new topic")
		return nil
	case have > want:
		code := CodePartitions
		if rec.Partitions > want {
			code = CodePartitionsDecreased
		}
		t.err = l.topicError(t.name, code, fmt.Sprintf("%d partitions in %s, %d in %s", want, l.from.Name, have, l.to.Name),
			"lifeboat link repair mirrors the topic again")
		return nil
	case have < want:
		if err := l.grow(ctx, t.name, want); err != nil {
			return err
		}
	}
	if !maps.Equal(rec.Configs, t.rec.Configs) {
		return l.alterTopic(ctx, t.name, whileMirrored(t.rec.Configs, l.decl.Topics.Configs), nil)
	}
	return nil
}

// foreignData are the ends of partitions that hold what the link has not written.
func foreignData(ends map[int32]int64) map[int32]plans.Offset {
	all := map[int32]plans.Offset{}
	for p, end := range ends {
		if end > 0 {
			all[p] = plans.Offset(end)
		}
	}
	return all
}

func (l *Link) topicError(name, code, detail, hint string) *MirrorError {
	return &MirrorError{Link: l.decl.Name, Topic: name, Partition: -1, Code: code, First: -1, End: -1, Detail: detail, Hint: hint}
}

// mergeLimit is how large a merged batch of the topic may be.
func (l *Link) mergeLimit(rec *topicRecord) int {
	n, err := strconv.Atoi(whileMirrored(rec.Configs, l.decl.Topics.Configs)["max.message.bytes"])
	if err != nil {
		return mergeBytes
	}
	return min(mergeBytes, n*9/10) // re-framing makes records a little larger
}

// selects says whether a topic of the destination is a mirror of the link's, by its name.
func (l *Link) selects(topic string) bool {
	return l.decl.Mirrors(topic)
}

// cloneOrNew never returns nil.
func cloneOrNew[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}
