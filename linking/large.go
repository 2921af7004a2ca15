package linking

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// Batches that the destination finds too large are cut: the source may take larger ones than the destination does, or did when they were written. How
// large they may be is learned from what is refused, because a topic's limit can change at any time; offsets stay what they are.

// tooLarge has a mirror go on behind a batch that was refused for its size: with less of it at a time. One record that is too large ends it.
func (r *runner) tooLarge(m *mirror, f *flight) {
	size := len(f.body)
	if len(f.parts) == 1 && f.parts[0].NumRecords() == 1 {
		r.fail(m, &MirrorError{Code: CodeRefused, First: m.queue[0].base, End: m.queue[0].end, Err: f.err,
			Detail: fmt.Sprintf("%s refuses a single record that takes %d bytes", r.l.to.Name, size),
			Hint: fmt.Sprintf("raise max.message.bytes of topic %s in %s to %d at least, or message.max.bytes of its brokers where they set the limit, "+
				"and in lifeboat.yaml where links: topics: configs does; then run the link again", m.topic, r.l.to.Name, size)})
		return
	}
	m.fits = size / 2
	m.limit = min(m.limit, m.fits)
	r.l.o.Log.Info("cutting batches that are too large", "mirror", m.name(), "refused", size, "now", m.fits)
	m.doubt = false
	r.recall(m, f.stamp.Sequence)
	if err := m.cut(0); err != nil {
		r.fail(m, &MirrorError{Code: CodeCorrupt, First: m.queue[0].base, End: m.queue[0].end, Detail: "the source's bytes can not be mirrored", Err: err,
			Hint: "check the source's log with kafka-dump-log"})
	}
}

// cut replaces what is queued from an item on, and larger than fits, by smaller batches.
func (m *mirror) cut(from int) error {
	if m.fits == 0 {
		return nil
	}
	queue := m.queue[:from:from]
	for _, it := range m.queue[from:] {
		if len(it.data) <= m.fits || it.data.NumRecords() == 1 {
			queue = append(queue, it)
			continue
		}
		runs, err := batch.Cut(it.data, m.fits)
		if err != nil {
			return err
		}
		for i, run := range runs {
			n, distance := int64(run.Batch.NumRecords()), run.BaseOffset-it.data.BaseOffset() // rebuilt batches begin at 0
			part := item{base: it.base + distance, end: it.base + distance + n, data: run.Batch, time: run.Batch.MaxTimestamp(), run: it.run, filled: it.filled}
			if m.trans != nil {
				part.records, part.to = n, it.to+distance
			}
			if i == len(runs)-1 {
				part.end, part.release = it.end, it.release
			}
			queue = append(queue, part)
		}
	}
	m.queue = queue
	return nil
}

// A broker cuts the connection of a request that is larger than its socket.request.max.bytes, and says no more. So requests get smaller when
// connections are cut again and again by ones that are larger than any that was answered.
const (
	cutsBefore      = 2        // connections in a row that are cut before requests get smaller
	leastRequest    = 64 << 10 // bytes that requests do not get smaller than: a broker takes that
	requestOverhead = 1 << 10
)

// requestCutError is why a mirror whose batches are sent by themselves does not get on.
type requestCutError struct {
	region string
	broker int32
	bytes  int
	err    error
}

func (e *requestCutError) Error() string {
	return fmt.Sprintf("REQUEST_CUT_OFF: broker %d of %s cuts the connection whenever it is sent a batch of %d bytes, and takes smaller ones; "+
		"raise its socket.request.max.bytes above %d, or the link waits for ever: %v", e.broker, e.region, e.bytes, e.bytes+requestOverhead, e.err)
}
func (e *requestCutError) Unwrap() error { return e.err }

// sized learns from what became of a request how large the next ones may be, and returns its error, named where it is known what it means.
func (r *runner) sized(l *lane, sent map[partitionKey]*flight, size int, begun time.Time, err error) error {
	dial, dialled := errors.AsType[*net.OpError](err)
	switch {
	case err == nil:
		l.answered, l.cuts = max(l.answered, size), 0
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), dialled && dial.Op == "dial", size <= l.answered:
		return err // it was never sent, nobody knows, or others of its size get through
	}
	if begun.After(l.cutAt) { // others went with the last cut
		l.cutAt = time.Now()
		l.cuts++
	}
	if l.cuts < cutsBefore {
		return err
	}
	for _, f := range sent {
		if len(sent) == 1 && len(f.parts) == 1 { // no request for it is smaller
			return &requestCutError{r.l.to.Name, l.broker, size, err}
		}
	}
	l.cuts, r.requestBytes = 0, max(leastRequest, min(r.requestBytes, size)/2)
	r.l.o.Log.Warn("the destination cuts connections: requests get smaller", "link", r.l.decl.Name, "broker", l.broker, "bytes", r.requestBytes, "error", err)
	for _, m := range r.mirrors {
		m.limit = min(m.limit, r.requestBytes)
	}
	return err
}
