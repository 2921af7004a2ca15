package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// RepairKind is how a FAILED mirror is mended.
type RepairKind string

// The kinds of repair, the ones that do less first.
const (
	RepairNothing RepairKind = "nothing" // it has not failed
	RepairAgain   RepairKind = "again"   // what was in the way is outside the mirror, and mended by now: it is tried again
	RepairAlign   RepairKind = "align"   // the source has removed what came next: the mirror begins where the source's log does now
	RepairBehind  RepairKind = "behind"  // somebody else wrote to a translated mirror: it goes on behind that, which stays
	RepairAnew    RepairKind = "anew"    // the mirror's records are not the source's: the topic is deleted, and mirrored from its beginning
)

// repairs say what mends each error. What is not here can not be mended by a link.
var repairs = map[string]RepairKind{
	CodeAuthorization: RepairAgain, CodeRefused: RepairAgain, CodeSchema: RepairAgain, CodeCorrupt: RepairAgain, CodeFormat: RepairAgain,
	CodeDestinationGone: RepairAgain,
	CodeOverrun:         RepairAlign,
	CodeSourceRecreated: RepairAnew, CodeTruncated: RepairAnew, CodeForeignWriter: RepairAnew, CodeMarkerTwice: RepairAnew, CodePartitions: RepairAnew,
	CodePartitionsDecreased: RepairAnew,
}

// Repair is what is to be done about one mirror topic, exactly.
type Repair struct {
	Topic    string
	Kind     RepairKind
	Causes   []string // what has failed, as recorded
	DestID   string   // of the topic that it is about, "" where it is not there
	Parts    []RepairPart
	Source   int64      // offsets that the source's topic has
	Salvaged []Salvaged // what Repair has exported
	another  bool       // the source's topic is another one than was mirrored
}

// RepairPart is where one partition concerned stands in both regions: [Start, End).
type RepairPart struct {
	Partition              int32
	Start, End             int64 // in the destination: all of it is removed
	SourceStart, SourceEnd int64
	foreign                bool // it goes on behind what somebody else wrote
}

// only counts the destination's offsets that the source has not.
func (p RepairPart) only() int64 {
	return p.End - p.Start - max(0, min(p.End, p.SourceEnd)-max(p.Start, p.SourceStart))
}

// Does tells what the repair does, a sentence a line, with nothing left out that is removed or lost.
func (r *Repair) Does(from, to string) []string {
	switch r.Kind {
	case RepairAgain:
		return []string{fmt.Sprintf("%s: nothing is removed; the link tries again to mirror it", r.Topic)}
	case RepairAlign:
		var lines []string
		for _, p := range r.Parts {
			if p.foreign {
				continue
			}
			line := fmt.Sprintf("%s-%d: goes on at @%d, where its log in %s begins now; @%d–@%d (%d offsets) were removed there before they were mirrored, and never come to %s",
				r.Topic, p.Partition, p.SourceStart, from, p.End, p.SourceStart-1, p.SourceStart-p.End, to)
			if p.End > p.Start {
				line += fmt.Sprintf("; @%d–@%d (%d offsets), which %s has removed too, are removed in %s", p.Start, p.End-1, p.End-p.Start, from, to)
			}
			lines = append(lines, line)
		}
		return lines
	case RepairBehind:
		return r.behind(from, to)
	case RepairAnew:
		var removed, only int64
		var where []string
		for _, p := range r.Parts {
			removed += p.End - p.Start
			n := p.only()
			if r.another {
				n = p.End - p.Start
			}
			if only += n; n > 0 {
				where = append(where, fmt.Sprintf("%d of %s-%d", n, r.Topic, p.Partition))
			}
		}
		line := fmt.Sprintf("%s: the topic is deleted in %s with its %d offsets, and mirrored again from its beginning, %d offsets of %s", r.Topic, to, removed, r.Source, from)
		if only > 0 {
			line += fmt.Sprintf("; %d of the deleted offsets are not in %s (%s): export what you want to keep of them first", only, from, strings.Join(where, ", "))
		} else if removed > 0 {
			line += fmt.Sprintf("; %s has offsets as far as these, but what stands there may be other records", from)
		}
		return []string{line}
	}
	return []string{fmt.Sprintf("%s: nothing, it has not failed", r.Topic)}
}

// PlanRepair says what Repair would do about topics; none are all that have failed. It changes nothing. A topic that can not be repaired is an
// error: *plans.TransitionError where its state does not allow it.
func (l *Link) PlanRepair(ctx context.Context, topics []string) ([]*Repair, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	return l.planRepair(ctx, m, topics)
}

func (l *Link) planRepair(ctx context.Context, m *memory, topics []string) ([]*Repair, error) {
	if len(topics) == 0 {
		for _, name := range sorted(m.topics) {
			if m.topics[name].State == Failed {
				topics = append(topics, name)
			}
		}
		if len(topics) == 0 {
			return nil, nil
		}
	}
	if l.from == nil {
		return nil, l.noSource()
	}
	changes, err := l.transitions(m, plans.RepairMirror, topics)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range changes {
		names = append(names, c.Topic)
	}
	from, err := listBounds(ctx, l.from, names)
	if err != nil {
		return nil, err
	}
	to, err := listBounds(ctx, l.to, names)
	if err != nil {
		return nil, err
	}
	dests, err := l.to.Admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%s: listing topics: %w", l.to.Name, err)
	}
	var plan []*Repair
	var errs []error
	for _, c := range changes {
		rep := &Repair{Topic: c.Topic, Kind: RepairNothing}
		plan = append(plan, rep)
		if c.Was != Failed {
			continue
		}
		if dest, there := dests[c.Topic]; there && dest.Err == nil {
			rep.DestID = dest.ID.String()
		}
		errs = append(errs, l.judge(rep, m.topics[c.Topic], from, to))
	}
	return plan, errors.Join(errs...)
}

// judge fills in what is to be done about a topic that has failed.
func (l *Link) judge(rep *Repair, rec *topicRecord, from, to map[partitionKey]span) error {
	rep.another = slices.Contains(slices.Collect(maps.Values(rec.Codes)), CodeSourceRecreated)
	order := []RepairKind{RepairNothing, RepairAgain, RepairAlign, RepairBehind, RepairAnew}
	for _, p := range slices.Sorted(maps.Keys(rec.Codes)) {
		kind, known := repairs[rec.Codes[p]]
		if src, there := from[partitionKey{rep.Topic, 0}]; rec.Codes[p] == CodeSourceDeleted && there && src.err == nil {
			kind, known, rep.another = RepairAnew, true, true // it was created again since
		}
		if !known {
			return fmt.Errorf("link %s: mirror %s: %s can not be repaired: lifeboat link failover keeps what has arrived: %s", l.decl.Name, rep.Topic, rec.Codes[p], rec.Error)
		}
		if rec.Codes[p] == CodeForeignWriter && rec.Translated[p] != nil {
			kind = RepairBehind
		}
		if slices.Index(order, kind) > slices.Index(order, rep.Kind) {
			rep.Kind = kind
		}
		cause := rec.FailedAt[p]
		if p == wholeTopic {
			cause = rec.Error
		}
		rep.Causes = append(rep.Causes, strings.TrimPrefix(cause, "link "+l.decl.Name+": "))
	}
	if rep.Kind == RepairNothing {
		return fmt.Errorf("link %s: mirror %s: what it failed of is not recorded; run lifeboat link run to learn it", l.decl.Name, rep.Topic)
	}
	if rep.Kind == RepairAgain {
		return nil
	}
	if t := rec.others(); rep.Kind == RepairAnew && t != "" {
		return fmt.Errorf("link %s: mirror %s: it can not be mirrored anew: %s held other data in %s when the link came, and a repair deletes only what a link has written; lifeboat link failover keeps what has arrived: %s",
			l.decl.Name, rep.Topic, t, l.to.Name, rec.Error)
	}
	for k, src := range from {
		if k.topic == rep.Topic && src.err == nil {
			rep.Source += src.end - src.start
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(to), func(a, b partitionKey) int { return int(a.partition - b.partition) }) {
		dest, src := to[k], from[k]
		if errors.Is(dest.err, kerr.UnknownTopicOrPartition) {
			continue // nothing is there to be removed
		}
		code := rec.Codes[k.partition]
		if k.topic != rep.Topic || rep.Kind == RepairAlign && code != CodeOverrun || rep.Kind == RepairBehind && code != CodeOverrun && code != CodeForeignWriter {
			continue
		}
		if err := errors.Join(dest.err, src.err); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("link %s: mirror %s-%d: reading log bounds: %w", l.decl.Name, rep.Topic, k.partition, err)
		}
		if t := rec.Translated[k.partition]; t != nil && rep.Kind != RepairAnew { // nothing is filled, and nothing removed
			dest.start, dest.end = int64(t.Source), int64(t.Source)
		} else if t != nil {
			src.start, src.end = dest.start, int64(t.Dest) // what came from the source, where it is in the mirror
		}
		rep.Parts = append(rep.Parts, RepairPart{k.partition, dest.start, dest.end, src.start, src.end, code == CodeForeignWriter && rep.Kind == RepairBehind})
	}
	return nil
}

// RepairOptions say what becomes of what a repair removes.
type RepairOptions struct {
	Salvage string // a directory that it is exported to first; "": it is gone
}

// Removes counts the offsets that the repair removes in the destination.
func (r *Repair) Removes() int64 {
	var n int64
	for _, p := range r.Parts {
		n += p.End - p.Start
	}
	return n
}

// ErrRepairChanged says that what is to be repaired is not any more what was agreed to: plan again.
var ErrRepairChanged = errors.New("the mirror is not any more what the repair was planned for")

// Repair does what was planned, and leaves the mirrors ACTIVE: whoever serves the link goes on with them, or the next one does. It may be
// killed at any point and be given again, with a new plan: until a topic is deleted nothing has changed, and one that is deleted is
// mirrored from its beginning whether the repair goes on or not.
func (l *Link) Repair(ctx context.Context, plan []*Repair, o RepairOptions) error {
	plan = slices.DeleteFunc(slices.Clone(plan), func(r *Repair) bool { return r.Kind == RepairNothing })
	if len(plan) == 0 {
		return nil
	}
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: "repair", Brief: true}, nil)
	if err != nil {
		return err
	}
	defer s.leave(ctx)
	g, err := openGaps(ctx, s, l.decl) // no older process writes another marker
	if err != nil {
		return err
	}
	defer g.close()
	var names []string
	for _, r := range plan {
		names = append(names, r.Topic)
	}
	now, err := l.planRepair(ctx, s.memory, names)
	if err != nil {
		return err
	}
	for i, r := range plan {
		if !r.covers(now[i]) {
			return fmt.Errorf("link %s: mirror %s: %w", l.decl.Name, r.Topic, ErrRepairChanged)
		}
	}
	var errs []error
	for _, r := range plan {
		var err error
		if o.Salvage != "" {
			if r.Salvaged, err = l.salvage(ctx, r, o.Salvage); err != nil {
				errs = append(errs, err) // what is not on the disk is not removed
				continue
			}
		}
		switch rec := s.memory.topics[r.Topic].copy(); r.Kind {
		case RepairAnew:
			err = l.mirrorAnew(ctx, s, rec, r)
		case RepairAlign:
			r.align(rec)
			err = s.mended(ctx, rec)
		case RepairBehind:
			r.align(rec)
			err = l.goBehind(ctx, s, rec, r)
		default:
			err = s.mended(ctx, rec)
		}
		if errors.Is(err, ErrTakenOver) {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// covers says that what is to be done now is what was agreed to: no more is removed that the source has not. Partitions of the topic that had
// not failed may have gone on meanwhile.
func (r *Repair) covers(now *Repair) bool {
	if r.Topic != now.Topic || r.Kind != now.Kind || r.DestID != now.DestID || len(r.Parts) != len(now.Parts) {
		return false
	}
	for i, p := range r.Parts {
		if q := now.Parts[i]; p.Partition != q.Partition || p.only() < q.only() || r.Kind == RepairAlign && p.End != q.End {
			return false
		}
	}
	return true
}

// mended records that a mirror goes on.
func (s *store) mended(ctx context.Context, rec *topicRecord) error {
	rec.State, rec.Error, rec.FailedAt, rec.Codes = Active, "", nil, nil
	s.memory.topics[rec.Topic] = rec
	return s.saveTopics(ctx, rec)
}

// goneWithin is how long a deleted topic may still be seen.
const goneWithin = 30 * time.Second

// mirrorAnew deletes a topic and makes it again as an empty mirror.
func (l *Link) mirrorAnew(ctx context.Context, s *store, rec *topicRecord, r *Repair) error {
	if r.another {
		if err := l.forgetPositions(ctx, rec.Topic, int32(rec.Partitions)); err != nil {
			return err
		}
	}
	if r.DestID != "" {
		if err := l.removeTopic(ctx, rec.Topic); err != nil {
			return err
		}
	}
	decl, only := *l.decl, *l
	decl.Topics.Rule = plans.Rule{Include: []string{regexp.QuoteMeta(decl.Names().Bare(rec.Topic))}}
	only.decl = &decl
	found, err := only.ensureTopics(ctx, nil, nil, true)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("link %s: %s is not in %s any more", l.decl.Name, l.theTopic(rec.Topic), l.from.Name)
	}
	if err := found[0].err; err != nil {
		return err
	}
	return s.mended(ctx, found[0].merge(nil))
}

// removeTopic deletes a topic in the destination and returns when it is gone.
func (l *Link) removeTopic(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, goneWithin, fmt.Errorf("%s: topic %q is still there %s after it was deleted", l.to.Name, topic, goneWithin))
	defer cancel()
	if _, err := l.to.Admin.DeleteTopic(ctx, topic); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("%s: topic %q: deleting it: %w", l.to.Name, topic, err)
	}
	for {
		left, err := l.to.Admin.ListTopics(ctx, topic)
		if err == nil && !left.Has(topic) {
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// forgetPositions removes what the link's groups have committed of a topic: its offsets mean other records now.
func (l *Link) forgetPositions(ctx context.Context, topic string, partitions int32) error {
	names, err := l.groupNames(ctx, l.to)
	if err != nil {
		return err
	}
	set := kadm.TopicsSet{}
	for p := range partitions {
		set.Add(topic, p)
	}
	var errs []error
	for _, group := range names {
		deleted, err := l.to.Admin.DeleteOffsets(ctx, group, set)
		if err == nil {
			err = deleted.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			errs = append(errs, fmt.Errorf("%s: group %q: forgetting its positions in topic %q, which was created again in the source: %w", l.to.Name, group, topic, err))
		}
	}
	return errors.Join(errs...)
}
