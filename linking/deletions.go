package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A topic that is deleted at the source fails its mirror, and that is all where the topology says nothing. With links: topics: deletions a link that
// runs on, or again and again with Once, goes after it: the mirror is promoted with what it has, or deleted. What can not be taken back needs more
// than a listing without the topic, which a lost right, a broker that lags or other brokers under the old address give as well: the topic has been
// gone for a while, the source says by its name that there is none, and the source is known by the topic itself, seen by this run, or by another one
// with the id that is remembered. A topic that was made again is another one, and never touched.

// deletedAfter is for how long a topic has to be gone.
const deletedAfter = time.Minute

// deletedError ends a run that has found topics deleted that the topology has it go after; the run that follows comes behind that.
type deletedError struct{ topics []string }

func (e *deletedError) Error() string {
	return "topics were deleted at the source: " + strings.Join(e.topics, ", ")
}

// follows says whether a deletion is gone after in this run: by its head, which alone makes and changes topics.
func (r *runner) follows() bool {
	return r.task.head() && (r.o.Deletions || !r.o.Once) && r.l.followsDeletions()
}

func (l *Link) followsDeletions() bool {
	d := l.decl.Topics.Deletions
	return d == plans.DeletionsPromote || d == plans.DeletionsDelete
}

// deletedHint says what becomes of the mirror of a topic that is not at the source any more.
func (l *Link) deletedHint() string {
	if l.followsDeletions() {
		return fmt.Sprintf("the link run that finds the topic gone for %s %ss the mirror, as topics: deletions says", plans.Duration(l.goneFor()), l.decl.Topics.Deletions)
	}
	return "promote the mirror to keep it, or delete the topic in " + l.to.Name
}

func (l *Link) goneFor() time.Duration { return cmp.Or(l.o.DeletedAfter, deletedAfter) }

// deleted notes which topics a look has not found at the source, and since when, and returns those to be gone after.
func (r *runner) deleted(found []*topicFound) []string {
	if !r.task.head() {
		return nil
	}
	same := false // another topic of the link is the one that it was
	var gone []*topicRecord
	for _, t := range found {
		old := r.memory.topics[t.name]
		if old == nil || old.released() {
			continue
		}
		missing := t.err != nil && t.err.Code == CodeSourceDeleted
		if t.err == nil && old.SourceID == t.rec.SourceID {
			same, r.atSource[t.name] = true, true
		}
		if missing == old.Gone.IsZero() { // it went, or came back
			old = old.copy()
			if old.Gone = (time.Time{}); missing {
				old.Gone = time.Now().UTC()
			}
			r.memory.topics[t.name] = old
		}
		if missing {
			gone = append(gone, old)
		}
	}
	if !r.follows() {
		return nil
	}
	var due []string
	for _, t := range gone {
		_, left := r.l.left.Load(t.Topic)
		if !left && t.SourceID != "" && (same || r.atSource[t.Topic]) && time.Since(t.Gone) >= r.l.goneFor() {
			due = append(due, t.Topic)
		}
	}
	return due
}

// serveOn is serve, and what follows deletions in between.
func (l *Link) serveOn(ctx context.Context, o RunOptions, t task) ([]error, error) {
	return l.following(ctx, o.tenure, func() ([]error, error) { return l.serve(ctx, o, t) })
}

// following runs the link, and goes after the topics whose deletion a run ends with before it is run again. What fails there is told and left, so
// that the other mirrors go on; a link that somebody else has by then is left to them.
func (l *Link) following(ctx context.Context, own *tenure, run func() ([]error, error)) (failed []error, err error) {
	for {
		failed, err := run()
		gone, ok := errors.AsType[*deletedError](err)
		if !ok || errors.Is(err, ErrTakenOver) {
			return failed, err
		}
		for _, topic := range gone.topics {
			err := l.goAfter(ctx, own, topic)
			if errors.Is(err, ErrTakenOver) {
				return failed, err
			}
			if err != nil && ctx.Err() == nil {
				l.o.Log.Warn("following a topic's deletion", "link", l.decl.Name, "topic", topic, "error", err)
				l.left.Store(topic, nil)
			}
		}
	}
}

// goAfter does with the mirror of a deleted topic what the topology says.
func (l *Link) goAfter(ctx context.Context, own *tenure, topic string) error {
	if err := l.confirmDeleted(ctx, topic); err != nil {
		return err
	}
	if l.decl.Topics.Deletions == plans.DeletionsPromote {
		_, err := l.Promote(ctx, PromoteOptions{Topics: []string{topic}, Force: true, Brief: true, tenure: own})
		return err
	}
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: "deletion of " + topic, Brief: true}, own)
	if err != nil {
		return err
	}
	defer s.leave(ctx)
	g, err := openGaps(ctx, s, l.decl) // no older process writes another marker, nor finds its topic gone
	if err != nil {
		return err
	}
	defer g.close()
	rec := s.memory.topics[topic]
	if rec == nil || rec.released() {
		return nil // done, or promoted meanwhile
	}
	if now, err := l.to.Admin.ListTopics(ctx, topic); err != nil {
		return fmt.Errorf("%s: topic %q: %w", l.to.Name, topic, err)
	} else if now.Has(topic) && now[topic].ID.String() != rec.DestID {
		return fmt.Errorf("%s: topic %q is not the mirror any more that link %s has made", l.to.Name, topic, l.decl.Name)
	}
	if err := l.removeTopic(ctx, topic); err != nil {
		return err
	}
	records := map[string]any{}
	for n := range s.memory.pieces[topic] {
		records[linkKey(l.decl.Name, "topic", task{n: n}.piece(topic))] = nil
	}
	l.o.Log.Info("deleted the mirror of a topic that was deleted at the source", "link", l.decl.Name, "topic", topic)
	return s.write(ctx, records)
}

// confirmDeleted has the source say that there is no topic of the name. Brokers do not hide that behind a missing right.
func (l *Link) confirmDeleted(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, l.o.Timeout)
	defer cancel()
	name := cmp.Or(l.sourceName(topic), topic)
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(name)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, l.from.Client)
	if err != nil {
		return fmt.Errorf("%s: topic %q: asking whether it is deleted: %w", l.from.Name, name, err)
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("%s: topic %q: asking whether it is deleted: the answer names %d topics", l.from.Name, name, len(resp.Topics))
	}
	switch err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return nil
	case err != nil:
		return fmt.Errorf("%s: topic %q: asking whether it is deleted: %w", l.from.Name, name, err)
	}
	return fmt.Errorf("%s: topic %q is there, with id %v", l.from.Name, name, kadm.TopicID(resp.Topics[0].TopicID))
}
