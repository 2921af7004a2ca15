package linking

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// A log that starts above 0 at the source is aligned first: filler up to there, which DeleteRecords hides.

const (
	fillTogether = 8                      // logs that are filled at a time
	fillSlice    = 100 * batch.MaxFiller  // offsets of one log at a time: a second or two
	refillAfter  = 500 * time.Millisecond // what is filled is looked at again after an error
)

// align fills logs up to the source's log start and hides the filler, beside the loop; then the mirrors go on. That a partition holds
// nothing but filler is remembered first, and forgotten before its first record comes.
func (r *runner) align(ctx context.Context, list []*mirror) {
	for _, m := range list {
		m.busy = true
		r.markAligning(m, true)
	}
	if len(list) == 0 {
		return
	}
	r.filling++ // the identity stays as it is meanwhile
	marked := r.recordsOf(list)
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.s.saveTopics(ctx, marked...)
		return func(ctx context.Context) error {
			r.filling--
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			if err != nil {
				r.l.o.Log.Warn("aligning logs", "link", r.l.decl.Name, "error", err)
				r.later(ctx, func(ctx context.Context) { r.align(ctx, list) })
				return nil
			}
			r.unfilled = append(r.unfilled, list...)
			return nil
		}
	})
}

// fillNext fills as many of the logs that wait for it as are filled at a time. They take turns, and so does what wants another identity.
func (r *runner) fillNext(ctx context.Context) {
	for len(r.unfilled) > 0 && r.fillers < fillTogether && !r.renewing {
		m := r.unfilled[0]
		if r.unfilled = r.unfilled[1:]; m.failed == nil && r.mirrors[m.key()] == m {
			r.fill(ctx, m)
		}
	}
}

// fill writes the next slice of a log's filler.
func (r *runner) fill(ctx context.Context, m *mirror) {
	id, seq, end, start := r.id, m.seq, m.written, m.start
	upTo := min(start, end+fillSlice)
	r.filling++
	r.fillers++
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		after, err := r.l.writeFiller(ctx, m.key(), id, seq, end, upTo)
		if err == nil && upTo < start { // the last batch stays, which tells how far it is; the destination can let go of the others
			err = deleteRecords(ctx, r.l.to, m.key(), upTo-batch.MaxFiller)
		} else if err == nil {
			err = deleteRecords(ctx, r.l.to, m.key(), start)
		}
		return func(ctx context.Context) error {
			r.filling--
			r.fillers--
			if err != nil {
				r.notFilled(ctx, m, end, err)
				return nil
			}
			m.seq, m.written, m.read, m.asked, m.hidden = after, upTo, upTo, upTo, upTo
			if upTo < start {
				r.unfilled = append(r.unfilled, m)
			} else {
				r.aligned(ctx, m)
			}
			return nil
		}
	})
}

// notFilled decides what it means that a log could not be filled. What the destination does not refuse may have come into the log all the same:
// where it ends is read again, and the rest filled.
func (r *runner) notFilled(ctx context.Context, m *mirror, end int64, err error) {
	refused := func(detail, hint string) {
		r.fail(m, &MirrorError{Code: CodeRefused, First: end, End: m.start, Detail: "aligning the log with the source's log start" + detail, Err: err, Hint: hint})
	}
	_, foreign := errors.AsType[*foreignError](err)
	switch {
	case m.failed != nil:
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		refused("", "the link needs WRITE and DELETE on the topic; run it again to go on")
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.UnsupportedForMessageFormat),
		errors.Is(err, kerr.PolicyViolation), errors.Is(err, kerr.InvalidRequest):
		refused(": "+r.l.to.Name+" refuses its filler", "compare the topic's configs in "+r.l.to.Name+" with what lifeboat plan link shows, then run the link again")
	case foreign:
		r.fail(m, r.foreign(end, m.start, err.Error()+": somebody else writes to the mirror"))
	default:
		r.l.o.Log.Warn("aligning a log", "mirror", m.name(), "error", err)
		if fenced(err) || errors.Is(err, kerr.OutOfOrderSequenceNumber) {
			r.renewing = true
		}
		m.notBefore = time.Now().Add(refillAfter)
		r.reopen(ctx, m)
	}
}

// aligned forgets the mark of a filled partition and begins to mirror it.
func (r *runner) aligned(ctx context.Context, m *mirror) {
	r.markAligning(m, false)
	done := r.recordsOf([]*mirror{m})
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.s.saveTopics(ctx, done...)
		return func(ctx context.Context) error {
			switch {
			case errors.Is(err, ErrTakenOver):
				return err
			case err != nil:
				r.later(ctx, func(ctx context.Context) { r.aligned(ctx, m) })
			default:
				m.busy, m.fresh = false, true
				r.fetcher.Add(m.topic, m.partition, m.asked)
			}
			return nil
		}
	})
}

// fullFiller is the batch that all filler but the last of a log is made of, built once.
var fullFiller = sync.OnceValues(func() ([]byte, error) { return batch.Filler(nil, batch.MaxFiller, 0, batch.NoIdentity) })

// writeFiller writes filler batches from the log's end up to an offset, and returns the sequence behind them.
func (l *Link) writeFiller(ctx context.Context, k partitionKey, id identity, seq int32, end, upTo int64) (int32, error) {
	full, err := fullFiller()
	if err != nil {
		return seq, err
	}
	for body := []byte(nil); end < upTo; {
		n, stamp := int32(min(batch.MaxFiller, upTo-end)), batch.Identity{ProducerID: id.ProducerID, Epoch: id.Epoch, Sequence: seq}
		if n == batch.MaxFiller {
			body = batch.Rewrite(body[:0], full, stamp)
		} else if body, err = batch.Filler(nil, n, 0, stamp); err != nil {
			return seq, err
		}
		base, err := produceOne(ctx, l.to.Client, l.to.Name, k, "", body)
		if err != nil {
			return seq, err
		}
		if base != end {
			return seq, &foreignError{k, end, base}
		}
		seq, end = batch.NextSequence(seq, n), end+int64(n)
	}
	return seq, nil
}

// markAligning changes the mark in memory; recordsOf are the records to be saved.
func (r *runner) markAligning(m *mirror, on bool) {
	rec := *r.memory.topics[m.topic]
	rec.Aligning = cloneOrNew(rec.Aligning)
	if on {
		rec.Aligning[m.partition] = true
	} else {
		delete(rec.Aligning, m.partition)
	}
	r.memory.topics[m.topic] = &rec
}

func (r *runner) recordsOf(list []*mirror) []*topicRecord {
	var recs []*topicRecord
	for _, name := range topicsOfMirrors(list) {
		recs = append(recs, r.memory.topics[name])
	}
	return recs
}
