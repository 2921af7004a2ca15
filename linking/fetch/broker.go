package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// shortWait is what a broker may hold the first request after something changed.
const shortWait = 2 * time.Millisecond

// reading is one broker that is read from, and with Options.Session the session with it.
type reading struct {
	broker int32
	wake   chan struct{}

	id, epoch int32 // of the session; 0 where the next request begins one
	bound     int32 // of a partition's part of an answer, as the session has it
	entries   map[key]entry
	changed   map[*partition]struct{} // partitions that the session may have to be told of
}

// asking is one request, and what it is about.
type asking struct {
	req   *kmsg.FetchRequest
	parts map[key]*partition // nil: what the session has
	room  int64              // reserved for the answer
}

// serve sends one broker's requests, one at a time: while it waits for the next answer, the caller works on the last one's chunks.
func (f *Fetcher) serve(ctx context.Context, r *reading) error {
	for {
		a := f.request(r)
		if a == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-r.wake:
			}
			continue
		}
		resp, err := f.cl.Broker(int(r.broker)).Request(ctx, a.req)
		var answer *kmsg.FetchResponse
		if err == nil {
			answer = resp.(*kmsg.FetchResponse)
			err = kerr.ErrorForCode(answer.ErrorCode)
		}
		if ctx.Err() == nil && !ofSession(err) {
			f.failed(err)
		}
		wait := f.take(r, a, answer, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wait {
			pause(ctx, backoff)
		}
		if f.o.Rate > 0 {
			pause(ctx, f.ahead())
		}
	}
}

// request builds a fetch of every partition of a broker that may be fetched now, and reserves room for the answer. nil: there is nothing
// to ask.
func (f *Fetcher) request(r *reading) *asking {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := min(f.answer(), f.o.MaxBuffered-f.buffered-f.reserved)
	// Rather wait for a release than ask for crumbs. Only partitions of which nothing is out are not made to wait: the caller may need
	// one of them before it can release anything of the others. Where there is a limit they are as many as it has room for, others every time.
	tight, least := room < f.least(), int64(min(f.o.MaxPartitionBytes, minPartitionBytes))
	most := len(f.parts)
	if tight {
		room = int64(f.o.MaxBytes)
	}
	if tight && f.o.Limit > 0 {
		room = max(0, min(f.answer(), f.o.Limit-f.buffered-f.reserved))
		most = int(room / least)
	}
	if tight && !f.tight {
		f.changed = time.Now()
	}
	f.tight = tight
	if f.o.Session && !tight && !r.alone() {
		return f.sessionRequest(r, room)
	}
	asked := map[key]*partition{}
	for k, p := range f.parts { // the order of a map changes every time: that is the rotation
		if len(asked) == most {
			break
		}
		if !f.fetchable(p, r) || tight && p.held > 0 {
			continue
		}
		if p.alone {
			asked = map[key]*partition{k: p}
			break
		}
		asked[k] = p
	}
	if len(asked) == 0 {
		return nil
	}
	each := max(least, min(int64(f.o.MaxPartitionBytes), room/int64(len(asked))))
	if tight {
		each = least
	}
	a := &asking{parts: asked}
	a.req, a.room = f.newRequest(room, each, len(asked))
	a.req.SessionEpoch = -1 // none, and none to be begun
	var topics requestTopics
	for _, p := range asked {
		topics.add(a.req, p, int32(each))
		f.topics[p.id] = p.topic
		p.inFlight = true
	}
	rand.Shuffle(len(a.req.Topics), func(i, j int) { a.req.Topics[i], a.req.Topics[j] = a.req.Topics[j], a.req.Topics[i] })
	return a
}

// answer is how large one answer may be: so that all brokers can be asked at the same time.
func (f *Fetcher) answer() int64 {
	return min(int64(f.o.MaxBytes), f.o.MaxBuffered/int64(max(1, len(f.brokers))))
}

// least is the room for an answer below which it is tight.
func (f *Fetcher) least() int64 {
	return min(int64(f.o.MaxBytes), f.o.MaxBuffered/int64(max(4, 2*len(f.brokers))))
}

// fetchable says whether a broker may be asked for a partition now.
func (f *Fetcher) fetchable(p *partition, r *reading) bool {
	return p.reader() == r.broker && !p.inFlight && (p.in == nil || p.in == r) && !p.lost && p.held < heldMax
}

// newRequest is a request without partitions, for an answer of n partitions that fits in room, of which it says how much to reserve.
func (f *Fetcher) newRequest(room, each int64, n int) (*kmsg.FetchRequest, int64) {
	// Of many partitions few have something to answer: the request's own bound holds where more of them do than expected.
	room = max(min(room, each*int64(n)), each)
	f.reserved += room
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(f.wait().Milliseconds())
	req.MinBytes = 1
	req.Rack = f.o.Rack
	req.MaxBytes = int32(room)
	if each*int64(n) <= room {
		req.MaxBytes = int32(min(2*room, math.MaxInt32)) // the partitions' bounds suffice; kfake leaves the aborted transactions out of what this one cuts
	}
	if !f.o.ReadUncommitted {
		req.IsolationLevel = 1
	}
	return req, room
}

// requestTopics are where topics stand in a request.
type requestTopics map[string]int

func (t *requestTopics) add(req *kmsg.FetchRequest, p *partition, bytes int32) {
	if *t == nil {
		*t = requestTopics{}
	}
	i, ok := (*t)[p.topic]
	if !ok {
		i = len(req.Topics)
		(*t)[p.topic] = i
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic, rt.TopicID = p.topic, p.id // versions up to 12 send the name, later ones the id
		req.Topics = append(req.Topics, rt)
	}
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.CurrentLeaderEpoch, rp.PartitionMaxBytes = p.number, p.next, p.epoch, bytes
	req.Topics[i].Partitions = append(req.Topics[i].Partitions, rp)
}

// minPartitionBytes is what a partition is asked for at least: rather fewer partitions in an answer than crumbs of each.
const minPartitionBytes = 64 << 10

// wait is how long a broker may hold a request: as long as nothing has changed. A request that is held can not be added to, and
// partitions that were added, or held back until the caller released something, wait for it: so they wait no longer than it took the
// caller to let them go.
func (f *Fetcher) wait() time.Duration {
	return max(shortWait, min(time.Since(f.changed)/4, f.o.MaxWait))
}

// take turns an answer, or the error that stands for it, into chunks. It reports whether something wants a pause.
func (f *Fetcher) take(r *reading, a *asking, resp *kmsg.FetchResponse, err error) (pause bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reserved -= a.room; f.o.Limit > 0 {
		f.wakeAll() // what was reserved for this answer may be what another broker waits for
	}
	if a.parts == nil && ofSession(err) {
		f.restart(r, 0)
		return false
	}
	asked := func(k key) *partition { return a.parts[k] }
	if a.parts == nil {
		asked = func(k key) *partition { return r.entries[k].p }
	}
	for _, p := range a.parts {
		p.inFlight = false
		f.touch(p)
	}
	if err != nil { // the broker may be gone: find the leaders again
		lose := func(p *partition) {
			if p.near == r.broker && p.leader != r.broker {
				p.near = -1
			} else {
				p.leader = -1
			}
		}
		for _, p := range a.parts {
			lose(p)
		}
		for _, e := range r.entries {
			lose(e.p)
		}
		f.restart(r, 0)
		signal(f.refresh)
		return true
	}
	size := 0
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			size += len(resp.Topics[i].Partitions[j].RecordBatches)
		}
	}
	failed := false
	for i := range resp.Topics {
		t := &resp.Topics[i]
		name := t.Topic
		if name == "" {
			name = f.topics[t.TopicID]
		}
		for j := range t.Partitions {
			rp := &t.Partitions[j]
			k := key{name, rp.Partition}
			p := asked(k)
			failed = failed || rp.ErrorCode != 0
			if p == nil || f.parts[k] != p {
				continue // removed or moved meanwhile
			}
			if a.parts == nil {
				f.touch(p)
			}
			if near := p.near == r.broker && p.leader != r.broker; near && rp.ErrorCode != 0 {
				p.near = -1 // whatever it is, it is the leader that knows
				f.wakeAll()
				pause = true
				continue
			}
			if rp.ErrorCode == 0 && rp.PreferredReadReplica >= 0 && rp.PreferredReadReplica != r.broker {
				p.near, p.nearTill = rp.PreferredReadReplica, time.Now().Add(nearFor)
				signal(f.refresh)
			}
			pause = f.takePartition(p, rp, size, len(a.parts) == 1) || pause
		}
	}
	if a.parts == nil {
		f.goOn(r, resp.SessionID, failed)
	}
	if len(f.ready) > 0 {
		signal(f.polled)
	}
	if f.o.Rate > 0 {
		f.pay(int64(size))
	}
	return pause
}

// pay accounts for bytes that were read. What was not used of the rate is kept for a second.
func (f *Fetcher) pay(bytes int64) {
	if since := time.Now().Add(-time.Second); f.paid.Before(since) {
		f.paid = since
	}
	f.paid = f.paid.Add(time.Duration(float64(bytes) / float64(f.o.Rate) * float64(time.Second)))
}

// ahead is how long what was read is ahead of the rate.
func (f *Fetcher) ahead() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Until(f.paid)
}

// takePartition takes one partition's part of an answer of size bytes.
func (f *Fetcher) takePartition(p *partition, rp *kmsg.FetchResponseTopicPartition, size int, alone bool) (pause bool) {
	now := bounds{rp.HighWatermark, rp.LastStableOffset, rp.LogStartOffset}
	if now.lastStable < 0 {
		now.lastStable = now.highWatermark
	}
	switch err := kerr.ErrorForCode(rp.ErrorCode); {
	case err == nil:
	case errors.Is(err, kerr.OffsetOutOfRange):
		p.lost = true
		signal(f.refresh)
		return false
	case !kerr.IsRetriable(err):
		f.end(p, now, err)
		return false
	default: // a new leader, a topic id not known yet: ask the metadata, which also tells of a deleted topic
		p.leader = -1
		signal(f.refresh)
		return true
	}
	records, next, err := wholeBatches(rp.RecordBatches, p.next)
	whole := len(records)
	if whole == 0 && errors.Is(err, batch.ErrTruncated) {
		// It is larger than what was left of the answer. Asked for alone, it comes whole whatever its size (KIP-74).
		if p.alone && alone {
			f.end(p, now, fmt.Errorf("batch of %d bytes, and more to come in no answer: %w", len(rp.RecordBatches), batch.ErrCorrupt))
		}
		p.alone = true
		return false
	}
	p.alone = false
	if whole == 0 && err != nil {
		f.end(p, now, err)
		return false
	}
	if whole > 0 && next == p.next {
		f.end(p, now, fmt.Errorf("batches in front of the offset asked for: %w", batch.ErrCorrupt))
		return false
	}
	// An error behind whole batches comes again, at its own offset, with the next answer.
	if whole == 0 && p.seen == now {
		return false
	}
	c := Chunk{
		Topic: p.topic, Partition: p.number, TopicID: p.id, LeaderEpoch: p.epoch, Offset: p.next, Next: next,
		HighWatermark: now.highWatermark, LastStable: now.lastStable, LogStart: now.logStart,
		Records: records,
	}
	if whole < size/pinned {
		c.Records = bytes.Clone(c.Records)
	}
	for _, a := range rp.AbortedTransactions {
		c.Aborted = append(c.Aborted, batch.AbortedTxn{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
	}
	p.seen, p.next = now, next
	f.buffered += int64(whole)
	if p.held++; p.held == heldMax {
		f.changed = time.Now()
	}
	c.release = func() { f.release(p, int64(whole)) }
	f.ready = append(f.ready, c)
	return false
}

// pinned is how many times its size a chunk may keep in memory: chunks alias their answer, and one that is small beside it is copied.
const pinned = 8

// wholeBatches returns the whole batches of an answer, those in older formats as v2, and the offset behind them. The error is of what
// follows.
func wholeBatches(answer []byte, from int64) (records []byte, next int64, err error) {
	next = from
	for rest := answer; ; {
		b, behind, err := batch.Next(rest)
		if errors.Is(err, batch.ErrFormat) {
			v2, err := upgraded(answer, len(answer)-len(rest))
			records, next, _ = wholeBatches(v2, from) // all of them are whole
			return records, next, err
		}
		if b == nil {
			whole := len(answer) - len(rest)
			return answer[:whole:whole], next, err
		}
		next, rest = max(next, b.NextOffset()), behind
	}
}

// upgraded is an answer with batches in v2 in the place of messages in older formats, the first of which is at a byte of it.
func upgraded(answer []byte, at int) (out []byte, err error) {
	out = append(make([]byte, 0, len(answer)), answer[:at]...)
	for rest := answer[at:]; len(rest) > 0; {
		if out, rest, err = batch.Upgrade(out, rest); err != nil {
			return out, err
		}
		for len(rest) > 0 { // the topic's format was raised here
			b, behind, err := batch.Next(rest)
			if errors.Is(err, batch.ErrFormat) {
				break
			}
			if err != nil {
				return out, err
			}
			out, rest = append(out, b...), behind
		}
	}
	return out, nil
}
