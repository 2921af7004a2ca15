package linking

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// scheduleGaps hands every gap that is next in its partition to the gap writer, one round of them at a time.
func (r *runner) scheduleGaps(ctx context.Context, now time.Time) {
	if r.gapping {
		return
	}
	var holes []*hole
	var backlog int64
	for m := range r.ready {
		if !m.idle(now) || m.queue[0].data != nil {
			continue
		}
		holes = append(holes, &hole{key: m.key(), at: m.queue[0].base, end: m.queue[0].end, aborted: m.queue[0].aborted, time: m.queue[0].time})
		m.busy, m.sent = true, 1
		var rounds int64
		for _, it := range m.queue {
			if it.data == nil {
				rounds += it.end - it.base
			}
		}
		backlog = max(backlog, rounds)
	}
	if len(holes) == 0 {
		r.yieldLease(ctx, now)
		return
	}
	r.gapping = true
	bulkID := r.id.BulkID
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.gaps.write(ctx, bulkID, holes, backlog)
		if err == nil {
			return func(ctx context.Context) error { return r.gapsWritten(ctx, holes, nil, nil) }
		}
		look, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		bounds, lerr := listSettled(look, r.l.to, topicsOf(holes))
		if lerr != nil {
			bounds = map[partitionKey]span{}
		}
		return func(ctx context.Context) error { return r.gapsWritten(ctx, holes, bounds, err) }
	})
}

// yieldLease gives the lease for bulk markers back when no gap has come for a while: who takes the link over need not wait for it then.
func (r *runner) yieldLease(ctx context.Context, now time.Time) {
	if r.gaps.lease.left() <= 0 || now.Sub(r.gapped) < bulkIdle {
		return
	}
	r.gapping = true
	r.gaps.lease.extend(now)
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.gaps.yield(ctx)
		return func(context.Context) error {
			r.gapping = false
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			return nil // it ends by itself
		}
	})
}

// gapsWritten moves the partitions to where their logs end now. bounds are read back after an error.
func (r *runner) gapsWritten(ctx context.Context, holes []*hole, bounds map[partitionKey]span, err error) error {
	r.gapping, r.gapped = false, time.Now()
	r.destination(err)
	if errors.Is(err, ErrTakenOver) {
		return err
	}
	if err != nil {
		r.l.o.Log.Warn("writing markers", "link", r.l.decl.Name, "error", err)
	}
	for _, h := range holes {
		m := r.mirrors[h.key]
		if m == nil || m.failed != nil {
			continue
		}
		m.busy = false
		r.recall(m, m.seq)
		b, known := bounds[h.key]
		switch {
		case errors.Is(h.err, kerr.TopicAuthorizationFailed):
			r.fail(m, &MirrorError{Code: CodeAuthorization, First: m.queue[0].base, End: h.end, Detail: "writing markers is refused in " + r.l.to.Name, Err: h.err,
				Hint: "grant WRITE on the topic to the link's principal, then run the link again"})
		case h.err == nil && err == nil:
			m.condition = nil
			r.pop(m, 1)
		case !known || b.err != nil:
			m.condition, m.notBefore = cmp.Or(h.err, err, b.err), time.Now().Add(500*time.Millisecond)
			r.reopen(ctx, m)
		case b.end == h.end:
			r.pop(m, 1)
		case b.end < h.end && b.end >= m.queue[0].base:
			m.queue[0].base, m.written, m.condition, m.notBefore = b.end, b.end, cmp.Or(h.err, err), time.Now().Add(50*time.Millisecond)
		default: // beyond the gap: an older process's bulk markers, or somebody else
			r.reopen(ctx, m)
		}
	}
	return nil
}
