package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// flight is one batch of a mirror on its way to the destination. A mirror has up to maxInFlight of them, in order of offset.
type flight struct {
	m         *mirror
	lane      *lane
	topicID   [16]byte
	base, end int64         // in the destination
	after     int32         // the sequence behind it
	parts     []batch.Batch // the items that it carries
	stamp     batch.Identity
	body      []byte

	unfit  bool  // its bytes can not be sent
	landed bool  // it was answered, or never will be
	at     int64 // the base offset that the answer tells
	err    error // what was answered instead; nil: it was written
}

// Batches in compressed codecs are joined only in a crowd, up to this many bytes, where each is smaller than that: larger ones are no
// easier for a broker.
const (
	crowd      = 3         // requests on their way to a broker that keep it busy
	joinBytes  = 256 << 10 // what batches are joined to
	smallBytes = 64 << 10  // what is worth joining
	tinyBytes  = 4 << 10   // what is worth joining where compressing is slow
)

// leastShare is what the batch of a partition may be joined to however many others there are for the same request: rather fewer of them in it.
const leastShare = 128 << 10

// depart puts the next batch of a mirror on its way: the first item, with the small neighbours behind it that are joined to it, up to its share of the
// request.
func (m *mirror) depart(id identity, share int, crowded bool) *flight {
	ready := m.queue[m.sent:]
	size, n := len(ready[0].data), 1
	for n < len(ready) && ready[n].data != nil && ready[n-1].end == ready[n].base && m.announced(ready[n]) && size+len(ready[n].data) <= m.room(ready[0].data, ready[n].data, share, crowded) &&
		mergeable(ready[n-1], ready[n]) {
		size += len(ready[n].data)
		n++
	}
	f := &flight{m: m, base: m.place(ready[0]), parts: make([]batch.Batch, n),
		stamp: batch.Identity{ProducerID: id.ProducerID, Epoch: id.Epoch, Sequence: m.seq}}
	f.end = f.base
	for i, it := range ready[:n] {
		f.parts[i] = it.data
		f.end += m.records(it)
	}
	f.after = batch.NextSequence(m.seq, int32(f.end-f.base))
	m.flights, m.sent, m.seq = append(m.flights, f), m.sent+n, f.after
	return f
}

// room is how many bytes a batch may come to by joining next to one that begins with first. Uncompressed ones are always joined, which
// costs less than it saves; compressed ones, which have to be compressed again, where the broker is the one that is waited for.
func (m *mirror) room(first, next batch.Batch, share int, crowded bool) int {
	switch first.Codec() {
	case batch.None:
		return min(share, m.limit)
	case batch.LZ4, batch.Snappy:
		if crowded && len(first) < smallBytes && len(next) < smallBytes {
			return min(joinBytes, share, m.limit/2) // they may come out larger than they were
		}
	default:
		if crowded && len(first) < tinyBytes && len(next) < tinyBytes {
			return min(joinBytes, share, m.limit/2)
		}
	}
	return 0
}

// mergeable wants batches as the source has them: rebuilt runs begin at 0 and are sent alone.
func mergeable(a, b item) bool {
	return a.data.BaseOffset() == a.base && b.data.BaseOffset() == b.base && batch.Mergeable(a.data, b.data)
}

// build writes the batch to be sent into buf. It runs beside the loop. A flight that can not be built has landed with its error.
func (f *flight) build(buf []byte) {
	if len(f.parts) == 1 {
		f.body = batch.Rewrite(buf, f.parts[0], f.stamp)
	} else if f.body, f.err = batch.Merge(buf, f.parts, f.stamp); f.err != nil {
		f.unfit, f.landed = true, true
	}
}

// land notes the answer.
func (f *flight) land(at int64, err error) { f.landed, f.at, f.err = true, at, err }

// settle takes in what has landed of a mirror's flights, in their order: answers arrive in any. After one that was not written the mirror
// sends nothing until all have landed, and what becomes of them is decided then.
func (r *runner) settle(ctx context.Context, m *mirror) {
	for len(m.flights) > 0 && m.failed == nil {
		f := m.flights[0]
		switch {
		case !f.landed:
			return
		case f.err == nil && f.at != f.base:
			r.fail(m, r.foreign(min(f.base, f.at), max(f.at, f.base+1),
				fmt.Sprintf("what belongs at @%d–@%d was written at @%d in %s: somebody else writes to the mirror", f.base, f.end-1, f.at, r.l.to.Name)))
		case f.err == nil:
			r.written(m)
		case m.landed():
			r.refused(ctx, f)
			return
		default:
			m.doubt = true
			return
		}
	}
}

// landed says whether every flight has been answered.
func (m *mirror) landed() bool {
	for _, f := range m.flights {
		if !f.landed {
			return false
		}
	}
	return true
}

// written moves a mirror on behind its first flight.
func (r *runner) written(m *mirror) {
	f := m.flights[0]
	m.flights = m.flights[1:]
	m.sent -= len(f.parts)
	m.rejected, m.condition, m.lone = 0, nil, false
	r.pop(m, len(f.parts))
}

// pop drops what is in the destination's log now; a mirror that was only to write what it had ends here.
func (r *runner) pop(m *mirror, items int) {
	records, bytes := m.pop(items)
	r.records += records
	r.bytes += bytes
	if r.o.Metrics != nil {
		was := r.moved[m.key()]
		r.moved[m.key()] = moved{was.records + records, was.bytes + bytes}
	}
	if m.ending != nil && len(m.queue) == 0 {
		r.fail(m, m.ending)
	}
}

// refused decides what the answer to a mirror's first flight means that does not say where it was written. Those behind it were refused
// because it was, or their answers tell no more than its own.
func (r *runner) refused(ctx context.Context, f *flight) {
	m := f.m
	fail := func(code, detail, hint string) {
		r.fail(m, &MirrorError{Code: code, First: m.queue[0].base, End: m.queue[len(f.parts)-1].end, Detail: detail, Hint: hint, Err: f.err})
	}
	switch err := f.err; {
	case f.unfit:
		fail(CodeCorrupt, "the source's bytes can not be mirrored", "")
	case errors.Is(err, kerr.MessageTooLarge) && slices.ContainsFunc(m.flights, func(f *flight) bool { return f.err == nil }):
		r.unsure(ctx, m, err) // one behind it was taken in its place
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		r.tooLarge(m, f)
	case errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp):
		fail(CodeRefused, r.l.to.Name+" refuses the batch", "compare the topic's configs in both regions, those of timestamps above all")
	case errors.Is(err, kerr.UnsupportedForMessageFormat):
		fail(CodeFormat, r.l.to.Name+" keeps the topic in message format v0 or v1, which knows no headers and no duplicates",
			"raise the topic's message.format.version, or the broker's, to 0.11 or later in "+r.l.to.Name)
	case errors.Is(err, kerr.CorruptMessage):
		fail(CodeCorrupt, "the batch is damaged", "run the link again; if it fails at the same offset, check the source's log with kafka-dump-log")
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		fail(CodeAuthorization, "writing is refused in "+r.l.to.Name, "grant WRITE on the topic to the link's principal, then run the link again")
	default:
		r.unsure(ctx, m, err)
	}
}

// unsure has the destination's log read before anything is sent again: what was sent may be in it, nobody else's may be.
func (r *runner) unsure(ctx context.Context, m *mirror, cause error) {
	if m.failed != nil {
		return
	}
	m.busy, m.condition = true, cause
	m.rejected++
	clear(r.leaders)
	if m.trans != nil {
		r.unsureTranslated(ctx, m, cause)
		return
	}
	r.l.o.Log.Info("reading the mirror's log again", "mirror", m.name(), "because", cause)
	r.doubtful[m] = time.Now().Add(min(time.Duration(m.rejected)*50*time.Millisecond, 2*time.Second))
	r.wake(ctx, time.Until(r.doubtful[m]))
}

// resolve looks at the logs of the mirrors in doubt, those of one lane together: a broker that went away leaves many.
func (r *runner) resolve(ctx context.Context, now time.Time) {
	due := map[*lane][]*mirror{}
	for m, at := range r.doubtful {
		switch {
		case m.failed != nil:
			delete(r.doubtful, m)
		case !now.Before(at) && !m.flights[0].lane.resolving:
			due[m.flights[0].lane] = append(due[m.flights[0].lane], m)
			delete(r.doubtful, m)
		}
	}
	for l, list := range due {
		l.resolving = true
		parts := make([]partitionKey, len(list))
		confirm := false
		for i, m := range list {
			parts[i] = m.key()
			confirm = confirm || fenced(m.condition)
		}
		id := r.id
		r.beside(ctx, func(ctx context.Context) func(context.Context) error {
			look, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
			defer cancel()
			var all map[partitionKey]standing
			var err error
			if confirm {
				err = r.s.confirm(look)
			}
			if err == nil {
				all, err = readStandings(look, r.l.to, parts, id)
			}
			return func(ctx context.Context) error {
				l.resolving = false
				if errors.Is(err, ErrTakenOver) {
					return err
				}
				r.destination(err)
				for _, m := range list {
					r.sure(ctx, m, id, all[m.key()], err)
				}
				return nil
			}
		})
	}
}

// sure decides what uncertain answers meant, by where the partition stands now for the identity that the batches were sent under.
func (r *runner) sure(ctx context.Context, m *mirror, id identity, at standing, err error) {
	if m.failed != nil {
		return
	}
	cause := m.condition
	switch err = cmp.Or(err, at.err); {
	case err != nil:
		r.unsure(ctx, m, err)
		return
	case id != r.id: // renewed meanwhile: its sequences tell nothing any more
		r.unsure(ctx, m, cause)
		return
	}
	m.busy, m.doubt = false, false
	next, known := at.sequence(last{}, id)
	if first := m.flights[0]; at.end == first.base { // nothing was written
		r.recall(m, first.stamp.Sequence)
		if at.newer || fenced(cause) || !known && errors.Is(cause, kerr.OutOfOrderSequenceNumber) {
			r.renewing = true
		} else if known {
			m.seq = next
		}
		return
	}
	n := 1 + slices.IndexFunc(m.flights, func(f *flight) bool { return f.end == at.end })
	if n == 0 || !at.listed || next != m.flights[n-1].after {
		r.reopen(ctx, m) // an older process of this link wrote, or somebody else: the records tell
		return
	}
	for range n { // these had arrived
		r.written(m)
	}
	r.recall(m, next)
}

// recall takes back what is on its way: it is sent again, from sequence seq on.
func (r *runner) recall(m *mirror, seq int32) {
	m.flights, m.sent, m.seq = nil, 0, seq
	r.ready[m] = struct{}{}
}

// renewIdentity gets a new epoch, with which sequences begin at 0 everywhere, once nothing is on its way under the old one.
func (r *runner) renewIdentity(ctx context.Context) {
	if r.requests > 0 || r.filling > 0 || r.initing {
		return
	}
	r.initing = true
	old := r.id
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		asking, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		id, err := r.identify(asking, &old)
		if err != nil && !errors.Is(err, ErrTakenOver) {
			_ = wait(ctx, 200*time.Millisecond) // a destination that is gone refuses at once
		}
		return func(context.Context) error {
			r.initing = false
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			r.destination(err)
			if err != nil {
				r.l.o.Log.Warn("renewing the link's identity", "link", r.l.decl.Name, "error", err)
				return nil // scheduled again
			}
			r.id, r.renewing = id, false
			for _, m := range r.mirrors {
				if m.trans == nil {
					m.seq = 0
				}
			}
			return nil
		}
	})
}
