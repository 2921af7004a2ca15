package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// opening is where fresh mirrors stand in both regions, as read beside the loop.
type opening struct {
	parts []partitionKey
	after time.Duration // how long was waited for them before
	to    map[partitionKey]standing
	from  map[partitionKey]span
	have  map[partitionKey]last  // the mirror's last record
	tails map[partitionKey]*tail // of those that have offsets in both regions

	fenced map[partitionKey]*fencedLog // of those that are translated
}

// open makes mirrors of partitions: it finds where each stands in both regions, makes sure that what the mirror has is the source's, and
// lets it go on from the destination's own log end.
func (r *runner) open(ctx context.Context, parts []partitionKey, after time.Duration) {
	if len(parts) == 0 {
		return
	}
	for _, k := range parts {
		r.opening[k] = true
	}
	id := r.id
	translated, same := r.memory.translatedOf(parts)
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		_ = wait(ctx, after) // ctx is looked at below
		look, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		o, err := r.survey(look, same, translated, id)
		return func(ctx context.Context) error {
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			if err != nil {
				r.l.o.Log.Warn("opening mirrors", "link", r.l.decl.Name, "error", err)
				r.waits(err)
				r.open(ctx, parts, longer(after))
				return nil
			}
			r.waits(nil)
			o.after = after
			return r.opened(ctx, o)
		}
	})
}

// longer is the next wait of one who waits for partitions again and again.
func longer(wait time.Duration) time.Duration {
	return min(max(2*wait, 50*time.Millisecond), 400*time.Millisecond)
}

// reopen begins a mirror anew from its log as it is.
func (r *runner) reopen(ctx context.Context, m *mirror) {
	r.forget(m)
	r.open(ctx, []partitionKey{m.key()}, max(0, time.Until(m.notBefore)))
}

// forget closes a mirror of which nothing is on its way.
func (r *runner) forget(m *mirror) {
	r.fetcher.Remove(m.topic, m.partition)
	m.discard()
	r.keepMap(m)
	delete(r.mirrors, m.key())
	r.schemas.forget(m)
}

func (r *runner) survey(ctx context.Context, parts, translated []partitionKey, id identity) (*opening, error) {
	topics := topicsOfKeys(slices.Concat(parts, translated))
	o := &opening{parts: slices.Concat(parts, translated)}
	var err error
	if o.to, err = readStandings(ctx, r.l.to, parts, id); err != nil {
		return nil, err
	}
	if o.from, err = listBounds(ctx, r.l.from, topics); err != nil {
		return nil, err
	}
	end, both := map[partitionKey]int64{}, map[partitionKey]offsets{}
	for _, k := range parts {
		to, from := o.to[k], o.from[k]
		if to.err == nil && to.end > to.start {
			end[k] = to.end - 1
			if from.err == nil && from.start < to.end && to.end <= from.end {
				both[k] = offsets{max(to.start, from.start, to.end-tailOffsets), to.end}
			}
		}
	}
	if o.have, err = lastAt(ctx, r.l.to, end); err != nil {
		return nil, err
	}
	if o.tails, err = readTails(ctx, r.l, both, nil); err != nil {
		return nil, err
	}
	return o, r.surveyTranslated(ctx, o, translated)
}

// opened makes the mirrors that were surveyed.
func (r *runner) opened(ctx context.Context, o *opening) error {
	var again []partitionKey
	var align []*mirror
	var translate []partitionKey
	why := map[partitionKey]string{}
	for _, k := range o.parts {
		delete(r.opening, k)
		rec := r.memory.topics[k.topic]
		if rec == nil || rec.released() || r.topicErrs[k.topic] != nil || r.memory.paused(k.topic) {
			continue
		}
		if rec.Translated[k.partition] != nil {
			if r.openedTranslated(k, rec, o) {
				again = append(again, k)
			}
			continue
		}
		to, from := o.to[k], o.from[k]
		if err := errors.Join(to.err, from.err, o.tails[k].failed()); err != nil {
			r.l.o.Log.Info("waiting for a partition", "mirror", fmt.Sprintf("%s-%d", k.topic, k.partition), "error", err)
			r.waits(err)
			again = append(again, k)
			continue
		}
		if reason := r.l.whyTranslated(rec, k.partition, to.end, from.start); reason != "" {
			translate, why[k] = append(translate, k), reason
			continue
		}
		m := &mirror{topic: k.topic, partition: k.partition, limit: min(r.l.mergeLimit(rec), r.requestBytes), written: to.end, read: to.end, asked: to.end,
			stable: -1, start: from.start, hidden: to.start, lone: !to.listed, newest: rec.Newest[k.partition]}
		r.mirrors[k] = m
		delete(r.leaders, k)
		_, seen := rec.Source[k.partition]
		at, differs := o.tails[k].differs(strings.Contains(rec.Configs["cleanup.policy"], "compact"), r.l.from.Name, r.l.to.Name)
		switch {
		case to.end > from.end:
			r.fail(m, &MirrorError{Code: CodeTruncated, First: from.end, End: to.end,
				Detail: fmt.Sprintf("the log in %s ends at @%d, the mirror at @%d: the source was truncated, or somebody else wrote to the mirror", r.l.from.Name, from.end, to.end),
				Hint:   "what only the mirror has is still there: lifeboat link failover keeps it, lifeboat link repair mirrors the topic again"})
			continue
		case differs != "" && o.have[k].mark && o.tails[k].mirrored() <= at && r.gaps.wrote(o.have[k].id.ProducerID, r.id.BulkID):
			r.fail(m, &MirrorError{Code: CodeMarkerTwice, First: at, End: to.end,
				Detail: fmt.Sprintf("a marker of this link stands where a record of %s belongs: %s wrote one twice, as a broker does with one that it has no answer for when another dies", r.l.from.Name, r.l.to.Name),
				Hint:   "nothing of the mirror is lost, and it can not take the record: lifeboat link repair mirrors the topic again"})
			continue
		case differs != "":
			r.fail(m, r.foreign(at, to.end, "the mirror's end is not the source's: "+differs+"; somebody else wrote to the mirror, or the source's log was replaced"))
			continue
		case to.end < from.start && !rec.Aligning[k.partition] && (to.end > 0 || seen):
			r.fail(m, r.overrun(to.end, from.start))
			continue
		}
		seq, known := to.sequence(o.have[k], r.id)
		if m.seq = seq; !known {
			r.renewing = true
		}
		if bound := r.l.decl.AlignMax; bound > 0 && from.start-to.end > bound {
			r.fail(m, &MirrorError{Code: CodeAlignment, First: to.end, End: from.start,
				Detail: fmt.Sprintf("the log in %s starts at @%d: to fill the offsets in front of it is more than links: alignMax allows (%d)", r.l.from.Name, from.start, bound),
				Hint:   "raise alignMax of the link in lifeboat.yaml, or leave the topic out"})
			continue
		}
		if to.end < from.start || rec.Aligning[k.partition] {
			align = append(align, m)
			continue
		}
		r.fetcher.Add(k.topic, k.partition, m.asked)
	}
	wait := 50 * time.Millisecond
	if len(again) == len(o.parts) { // nothing has come of it: a broker that is busy with making them is not asked all the time
		wait = longer(o.after)
	}
	r.open(ctx, again, wait)
	r.align(ctx, align)
	r.translate(ctx, translate, why, o.to)
	return nil
}

// overrun is the error of a mirror whose next offsets the source has removed.
func (r *runner) overrun(first, end int64) *MirrorError {
	return &MirrorError{Code: CodeOverrun, First: first, End: end,
		Detail: fmt.Sprintf("retention in %s removed offsets that were not mirrored: its log starts at @%d, the mirror ends at @%d", r.l.from.Name, end, first),
		Hint:   "raise the source's retention; then lifeboat link repair lets the mirror go on where the source's log begins now"}
}

// foreign is the error of a mirror that somebody else has written to.
func (r *runner) foreign(first, end int64, detail string) *MirrorError {
	return &MirrorError{Code: CodeForeignWriter, First: first, End: end, Detail: detail,
		Hint: "stop the writer; then lifeboat link repair mirrors the topic again"}
}
