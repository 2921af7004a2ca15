package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// writer is who a mirror's batches are written by: the link's one identity, or, where the mirror is translated, its own.
func (m *mirror) writer(id identity) identity {
	if m.trans != nil {
		return m.trans.id
	}
	return id
}

// translatedOf are those of the partitions that are translated, as recorded.
func (m *memory) translatedOf(parts []partitionKey) (these, others []partitionKey) {
	for _, k := range parts {
		if rec := m.topics[k.topic]; rec != nil && rec.Translated[k.partition] != nil {
			these = append(these, k)
		} else {
			others = append(others, k)
		}
	}
	return these, others
}

// surveyTranslated fences translated partitions and reads where they stand, and what both regions have at their ends.
func (r *runner) surveyTranslated(ctx context.Context, o *opening, parts []partitionKey) error {
	var err error
	if o.fenced, err = r.l.fence(ctx, r.s, parts, false); err != nil || len(parts) == 0 {
		return err
	}
	bounds, err := listBounds(ctx, r.l.to, topicsOfKeys(parts))
	if err != nil {
		return err
	}
	both, maps := map[partitionKey]offsets{}, map[partitionKey]offsetMap{}
	for _, k := range parts {
		f, from, to := o.fenced[k], o.from[k], bounds[k]
		o.to[k] = standing{span: to}
		if f.err != nil || f.at < 0 || from.err != nil || to.err != nil || f.offsets.source > from.end {
			continue
		}
		first := max(from.start, f.offsets.source-tailOffsets)
		if to.start > f.offsets.first() {
			first = max(first, f.offsets.from(to.start))
		}
		if len(f.offsets.runs) > 0 {
			first = max(first, f.offsets.runs[0].source)
		}
		if first < f.offsets.source && len(f.offsets.runs) > 0 {
			both[k], maps[k] = offsets{first, f.offsets.source}, f.offsets
		}
	}
	tails, err := readTails(ctx, r.l, both, maps)
	for k, t := range tails {
		o.tails[k] = t
	}
	return err
}

// openedTranslated makes the mirror of a translated partition that was surveyed. It says whether it has to be looked at again.
func (r *runner) openedTranslated(k partitionKey, rec *topicRecord, o *opening) (again bool) {
	f, from, to := o.fenced[k], o.from[k], o.to[k]
	if f == nil {
		return true // it is translated since it was surveyed
	}
	if err := errors.Join(f.err, to.err, from.err, o.tails[k].failed()); err != nil {
		r.l.o.Log.Info("waiting for a partition", "mirror", fmt.Sprintf("%s-%d", k.topic, k.partition), "error", err)
		r.waits(err)
		return true
	}
	om := f.offsets
	om = om.drop(to.start)
	at, begun := om.source, len(om.runs) > 0
	m := &mirror{topic: k.topic, partition: k.partition, limit: min(r.l.mergeLimit(rec), r.requestBytes), written: at, read: at, asked: at, stable: -1, start: from.start,
		hidden: to.start, newest: rec.Newest[k.partition], trans: &translated{id: f.id, offsets: om, stored: f.stored, held: f.held, before: f.before,
			next: f.at + 1, follows: int64(rec.Translated[k.partition].First) <= to.start}}
	r.mirrors[k] = m
	delete(r.leaders, k)
	differs, how := o.tails[k].differs(strings.Contains(rec.Configs["cleanup.policy"], "compact"), r.l.from.Name, r.l.to.Name)
	switch {
	case f.foreign >= 0:
		r.fail(m, r.foreign(f.foreign, f.at, fmt.Sprintf("somebody else has written to the mirror in %s, where the source's records from @%d on belong", r.l.to.Name, at)))
		return false
	case at > from.end:
		r.fail(m, &MirrorError{Code: CodeTruncated, First: from.end, End: at,
			Detail: fmt.Sprintf("the log in %s ends at @%d, the mirror has its offsets up to @%d: the source was truncated", r.l.from.Name, from.end, at-1),
			Hint:   "what only the mirror has is still there: lifeboat link failover keeps it, lifeboat link repair mirrors the topic again"})
		return false
	case how != "":
		r.fail(m, r.foreign(differs, at, "the mirror's end is not the source's: "+how+"; somebody else wrote to the mirror, or the source's log was replaced"))
		return false
	case at < from.start && begun && !rec.Aligning[k.partition]:
		r.fail(m, r.overrun(at, from.start))
		return false
	case at < from.start: // there is nothing to be filled in front of a translated mirror
		m.written, m.read, m.asked, m.trans.offsets.source = from.start, from.start, from.start, from.start
	}
	if rec.Aligning[k.partition] {
		r.markAligning(m, false) // recorded with the next states, together with where it goes on
	}
	r.fetcher.Add(k.topic, k.partition, m.asked)
	return false
}

// unsureTranslated begins a mirror anew whose batches may be in its log or not: a new epoch shuts them out, and the log tells.
func (r *runner) unsureTranslated(ctx context.Context, m *mirror, cause error) {
	r.l.o.Log.Info("fencing the mirror again", "mirror", m.name(), "because", cause)
	m.notBefore = time.Now().Add(200 * time.Millisecond)
	r.reopen(ctx, m)
}

// whyTranslated decides as plans do, of a partition that is not translated yet. What is decided is recorded, and holds.
func (l *Link) whyTranslated(rec *topicRecord, p int32, end, start int64) string {
	if rec.Aligning[p] {
		return ""
	}
	return l.decl.WhyTranslated(int64(rec.Foreign[p]), end, start) // what was foreign was recorded before anything was mirrored
}

// translate records that partitions are translated from now on, and opens them. Nothing is in them yet.
func (r *runner) translate(ctx context.Context, list []partitionKey, why map[partitionKey]string, ends map[partitionKey]standing) {
	if len(list) == 0 {
		return
	}
	for _, k := range list {
		rec := *r.memory.topics[k.topic]
		rec.Translated = cloneOrNew(rec.Translated)
		rec.Translated[k.partition] = newTranslation(why[k], ends[k].end)
		r.memory.topics[k.topic] = &rec
		r.opening[k] = true
	}
	var recs []*topicRecord
	for _, name := range topicsOfKeys(list) {
		recs = append(recs, r.memory.topics[name])
	}
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.s.saveTopics(ctx, recs...)
		return func(ctx context.Context) error {
			switch {
			case errors.Is(err, ErrTakenOver):
				return err
			case err != nil:
				r.l.o.Log.Warn("recording that offsets are translated", "link", r.l.decl.Name, "error", err)
				r.later(ctx, func(ctx context.Context) { r.translate(ctx, list, why, ends) })
			default:
				r.open(ctx, list, 0)
			}
			return nil
		}
	})
}

func newTranslation(why string, end int64) *translation {
	return &translation{Why: why, Since: time.Now().UTC(), First: plans.Offset(end), Dest: plans.Offset(end)}
}

// translations are a topic's, with how far its mirrors have come.
func translations(rec *topicRecord, mirrors []*mirror) map[int32]*translation {
	if len(rec.Translated) == 0 {
		return nil
	}
	all := cloneOrNew(rec.Translated)
	for _, m := range mirrors {
		if t := all[m.partition]; m.trans != nil && t != nil {
			all[m.partition] = t.reach(m.trans.offsets)
		}
	}
	return all
}

// keepMap remembers how far a mirror has come that is closed.
func (r *runner) keepMap(m *mirror) {
	if m.trans == nil || r.memory.topics[m.topic] == nil {
		return
	}
	rec := r.memory.topics[m.topic].copy()
	rec.Translated = translations(rec, []*mirror{m})
	rec.Offsets = cloneOrNew(rec.Offsets)
	rec.Offsets[m.partition] = m.trans.offsets
	r.memory.topics[m.topic] = rec
}

// topicsWithMaps are the topics' records for others to read, with maps as they are now.
func (r *runner) topicsWithMaps() map[string]*topicRecord {
	topics := maps.Clone(r.memory.topics)
	own := map[string]bool{}
	for k, m := range r.mirrors {
		rec := topics[k.topic]
		if m.trans == nil || rec == nil {
			continue
		}
		if !own[k.topic] {
			own[k.topic] = true
			rec = rec.copy()
			rec.Offsets = cloneOrNew(rec.Offsets)
			topics[k.topic] = rec
		}
		rec.Offsets[k.partition] = m.trans.offsets
	}
	return topics
}

// hide is up to where the mirror's log is to be hidden, as far as the source's is: -1 for not at all.
func (m *mirror) hide() int64 {
	if m.trans == nil {
		return min(m.start, m.written)
	}
	if !m.trans.follows {
		return -1 // it would remove what was there before the link
	}
	at, _ := m.trans.offsets.at(m.start)
	return at
}
