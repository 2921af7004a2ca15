package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// failTopic ends the mirrors of a topic that can not be a mirror any more.
func (r *runner) failTopic(err *MirrorError) {
	if r.topicErrs[err.Topic] == nil {
		r.l.o.Log.Error("mirror failed", "topic", err.Topic, "error", err)
	}
	r.topicErrs[err.Topic] = err
	for k, m := range r.mirrors {
		if k.topic == err.Topic && m.failed == nil {
			m.failed = err
			m.discard()
			r.fetcher.Remove(k.topic, k.partition)
		}
	}
}

// sourceRefused decides what it means that a partition can not be read on.
func (r *runner) sourceRefused(ctx context.Context, m *mirror, c *fetch.Chunk) {
	switch {
	case errors.Is(c.Err, kerr.OffsetOutOfRange):
		r.beside(ctx, func(ctx context.Context) func(context.Context) error {
			bounds, err := listBounds(ctx, r.l.from, []string{m.topic})
			return func(ctx context.Context) error {
				if r.mirrors[m.key()] == m {
					r.outOfRange(ctx, m, bounds[m.key()], err)
				}
				return nil
			}
		})
	case errors.Is(c.Err, kerr.UnknownTopicID):
		r.end(m, r.l.topicError(m.topic, CodeSourceRecreated, r.l.theTopic(m.topic)+" was deleted and created again in "+r.l.from.Name+": its offsets mean other records now",
			"lifeboat link failover keeps what the mirror has, lifeboat link repair mirrors the new topic"))
	case errors.Is(c.Err, kerr.UnknownTopicOrPartition):
		r.end(m, r.l.topicError(m.topic, CodeSourceDeleted, r.l.theTopic(m.topic)+" is not in "+r.l.from.Name+" any more; what was mirrored stays",
			r.l.deletedHint()))
	case errors.Is(c.Err, kerr.TopicAuthorizationFailed):
		r.end(m, &MirrorError{Code: CodeAuthorization, First: -1, End: -1, Detail: "reading is refused in " + r.l.from.Name, Err: c.Err,
			Hint: "grant READ and DESCRIBE on the topic to the link's principal, then run the link again"})
	default:
		r.end(m, &MirrorError{Code: CodeCorrupt, First: c.Offset, End: c.Offset + 1, Detail: "the source can not be read", Err: c.Err})
	}
}

// outOfRange decides why the source has not the offset that comes next.
func (r *runner) outOfRange(ctx context.Context, m *mirror, from span, err error) {
	if err = errors.Join(err, from.err); err != nil {
		r.l.o.Log.Warn("reading log bounds", "mirror", m.name(), "error", err)
		r.later(ctx, func(ctx context.Context) { r.outOfRange(ctx, m, from, nil) })
		return
	}
	switch {
	case from.start > m.asked && m.fresh:
		m.start = from.start // retention went on while the log was aligned: nothing of the source is in the mirror yet
		r.align(ctx, []*mirror{m})
	case from.start > m.asked:
		r.end(m, r.overrun(m.asked, from.start))
	case from.end < m.asked:
		r.end(m, &MirrorError{Code: CodeTruncated, First: from.end, End: m.asked,
			Detail: fmt.Sprintf("the log in %s ends at @%d, the mirror has offsets up to @%d: the source was truncated", r.l.from.Name, from.end, m.asked-1),
			Hint:   "an unclean leader election or a recreated topic; what only the mirror has is still there: lifeboat link failover keeps it, lifeboat link repair mirrors the topic again"})
	default:
		r.fetcher.Add(m.topic, m.partition, m.asked)
	}
}

// end lets a mirror write what it has read; then it fails with err.
func (r *runner) end(m *mirror, err *MirrorError) {
	r.fetcher.Remove(m.topic, m.partition)
	if m.ending = err; len(m.queue) == 0 {
		r.fail(m, err)
	}
}

// fail ends one mirror; others go on.
func (r *runner) fail(m *mirror, err *MirrorError) {
	if m.failed != nil {
		return
	}
	err.Link, err.Topic = r.l.decl.Name, m.topic
	err.Partition = m.partition
	if m.trans != nil && err.Code == CodeForeignWriter {
		err.Hint = "stop the writer; then lifeboat link repair lets the mirror go on behind what it wrote"
	}
	m.failed, m.busy = err, false
	m.discard()
	r.schemas.forget(m)
	r.fetcher.Remove(m.topic, m.partition)
	r.l.o.Log.Error("mirror failed", "mirror", m.name(), "error", err)
}

// failures are the errors of every mirror that failed, by name.
func (r *runner) failures() []error {
	var errs []error
	for _, name := range sorted(r.topicErrs) {
		errs = append(errs, r.topicErrs[name])
	}
	keys := slices.SortedFunc(maps.Keys(r.mirrors), func(a, b partitionKey) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	for _, k := range keys {
		if m := r.mirrors[k]; m.failed != nil && r.topicErrs[k.topic] == nil {
			errs = append(errs, m.failed)
		}
	}
	return errs
}
