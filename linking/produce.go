package linking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bounds of what is on its way to the destination. A partition has one batch in flight: what is packed together and merged needs no more,
// and an answer that is lost concerns one known batch.
const (
	maxRequests     = 4       // produce requests in flight
	maxRequestBytes = 8 << 20 // of one request
	mergeBytes      = 900 << 10
)

// sending is one partition's part of a produce request.
type sending struct {
	m     *mirror
	items int
	after int32 // sequence behind it
}

// schedule sends whatever can be sent: packed produce requests, one per destination leader, and markers for gaps.
func (r *runner) schedule(ctx context.Context) error {
	r.scheduleGaps()
	for r.requests < maxRequests {
		byLeader := map[int32][]*mirror{}
		for k, m := range r.mirrors {
			if m.busy || m.failed != nil || len(m.queue) == 0 || m.queue[0].data == nil || !r.schemas.open(m) {
				continue
			}
			leader, ok := r.leaders[k]
			if !ok {
				if err := r.findLeaders(ctx); err != nil {
					m.condition = err
					r.later(m, 200*time.Millisecond)
					continue
				}
				leader = r.leaders[k]
			}
			byLeader[leader] = append(byLeader[leader], m)
		}
		if len(byLeader) == 0 {
			return nil
		}
		for leader, ready := range byLeader {
			if r.requests < maxRequests {
				r.send(leader, ready)
			}
		}
	}
	return nil
}

// send packs the next batch of as many partitions as a request holds, each once: a broker drops one of two silently.
func (r *runner) send(leader int32, ready []*mirror) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 30_000
	topics := map[string]int{}
	sent := map[partitionKey]sending{}
	size := 0
	for _, m := range ready {
		if size > 0 && size+len(m.queue[0].data) > maxRequestBytes {
			break
		}
		body, n, after, err := m.next(nil, r.id, mergeBytes)
		if err != nil {
			r.fail(m, &MirrorError{Code: CodeCorrupt, First: m.queue[0].base, End: m.queue[0].end, Detail: "the source's bytes can not be mirrored", Err: err})
			continue
		}
		size += len(body)
		m.busy, m.sent = true, n
		i, ok := topics[m.topic]
		if !ok {
			i = len(req.Topics)
			topics[m.topic] = i
			t := kmsg.NewProduceRequestTopic()
			t.Topic, t.TopicID = m.topic, m.toID
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = m.partition, body
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
		sent[partitionKey{m.topic, m.partition}] = sending{m, n, after}
	}
	if len(sent) == 0 {
		return
	}
	r.requests++
	r.group.Go(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		resp, err := r.l.to.Client.Broker(int(leader)).Request(ctx, req)
		select {
		case r.results <- func(ctx context.Context) error { return r.answered(sent, resp, err) }:
		case <-r.ended:
		}
		return nil
	})
}

// answered takes a produce answer. Anything but the expected base offset is looked into before the partition goes on.
func (r *runner) answered(sent map[partitionKey]sending, resp kmsg.Response, err error) error {
	r.requests--
	seen := map[partitionKey]bool{}
	if err == nil {
		ids := map[[16]byte]string{}
		for k, s := range sent {
			ids[s.m.toID] = k.topic
		}
		for _, t := range resp.(*kmsg.ProduceResponse).Topics {
			name := t.Topic
			if name == "" {
				name = ids[t.TopicID]
			}
			for _, p := range t.Partitions {
				k := partitionKey{name, p.Partition}
				if s, ok := sent[k]; ok {
					seen[k] = true
					r.partitionAnswered(s, p)
				}
			}
		}
	}
	for k, s := range sent {
		if !seen[k] {
			if err == nil {
				err = errors.New("the answer does not name the partition")
			}
			r.unsure(s, err) // sent or not: only the log can tell
		}
	}
	return nil
}

func (r *runner) partitionAnswered(s sending, p kmsg.ProduceResponseTopicPartition) {
	m := s.m
	first, last := m.queue[0], m.queue[s.items-1]
	switch err := kerr.ErrorForCode(p.ErrorCode); {
	case err == nil && p.BaseOffset == first.base:
		m.seq, m.busy, m.sent, m.rejected, m.condition = s.after, false, 0, 0, nil
		m.pop(s.items)
	case err == nil:
		r.fail(m, &MirrorError{Code: CodeForeignWriter, First: first.base, End: max(p.BaseOffset, first.base+1),
			Detail: fmt.Sprintf("offsets @%d–@%d were written at @%d in %s: somebody else writes to the mirror", first.base, last.end-1, p.BaseOffset, r.l.to.Name),
			Hint:   "stop the writer; then delete the mirror topic and mirror it again"})
		m.busy = false
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.CorruptMessage):
		m.busy = false
		r.fail(m, &MirrorError{Code: CodeRefused, First: first.base, End: last.end, Detail: fmt.Sprintf("%s refuses the batch", r.l.to.Name), Err: err,
			Hint: "compare the topic's max.message.bytes and message.timestamp configs in both regions"})
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		m.busy = false
		r.fail(m, &MirrorError{Code: CodeAuthorization, First: first.base, End: last.end, Detail: "writing is refused in " + r.l.to.Name, Err: err,
			Hint: "grant WRITE on the topic to the link's principal, then run the link again"})
	case errors.Is(err, kerr.UnknownTopicOrPartition) && m.rejected > 20, errors.Is(err, kerr.UnknownTopicID):
		m.busy = false
		r.fail(m, &MirrorError{Code: CodeTruncated, First: 0, End: m.written, Detail: "the mirror topic is not in " + r.l.to.Name + " any more", Err: err,
			Hint: "run the link again to mirror it from its beginning"})
	default:
		r.unsure(s, err)
	}
}

// unsure reads the destination's log before anything is sent again: what was sent may be in it, nobody else's may be.
func (r *runner) unsure(s sending, cause error) {
	m := s.m
	m.rejected++
	m.condition = cause
	r.forgetLeaders()
	r.l.o.Log.Info("reading the mirror's log again", "mirror", m.name(), "because", cause)
	pauseFor := min(time.Duration(m.rejected)*50*time.Millisecond, 2*time.Second)
	r.spawn(func() func(context.Context) error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = wait(ctx, pauseFor) // never ends early: the context has 20 s
		at, err := readTail(ctx, r.l.to, m.topic, m.partition, r.id)
		return func(context.Context) error {
			if err != nil {
				r.l.o.Log.Warn("reading the mirror's log", "mirror", m.name(), "error", err)
				if m.failed == nil {
					r.unsure(s, err)
				}
				return nil
			}
			m.busy, m.sent = false, 0
			first, last := m.queue[0], m.queue[s.items-1]
			switch {
			case at.end == first.base: // nothing was written
				if at.known {
					m.seq = at.next
				} else if errors.Is(cause, kerr.OutOfOrderSequenceNumber) {
					return r.renewIdentity(m)
				}
			case at.end == last.end && (!at.known || at.next == s.after): // it had arrived
				m.seq, m.rejected, m.condition = s.after, 0, nil
				m.pop(s.items)
			default:
				r.fail(m, &MirrorError{Code: CodeForeignWriter, First: first.base, End: at.end,
					Detail: fmt.Sprintf("the mirror ended at @%d and ends at @%d now, not by this link's batch: somebody else writes to it", first.base, at.end), Err: cause,
					Hint: "stop the writer; then delete the mirror topic and mirror it again"})
			}
			return nil
		}
	})
}

// renewIdentity begins a new sequence for everybody: the broker has lost this producer's state, or never tells it.
func (r *runner) renewIdentity(m *mirror) error {
	r.spawn(func() func(context.Context) error {
		return func(ctx context.Context) error {
			for _, other := range r.mirrors {
				if other.busy {
					r.later(m, 50*time.Millisecond) // not while something is on its way under the old one
					m.busy = false
					return nil
				}
			}
			if err := r.identify(ctx, true); err != nil {
				return err
			}
			for _, other := range r.mirrors {
				other.seq = 0
			}
			return nil
		}
	})
	return nil
}

// later makes the loop look at a mirror again after a while.
func (r *runner) later(m *mirror, d time.Duration) {
	m.busy = true
	r.spawn(func() func(context.Context) error {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		<-ctx.Done()
		return func(context.Context) error { m.busy = false; return nil }
	})
}

func (r *runner) forgetLeaders() { clear(r.leaders) }

// findLeaders asks the destination for the leaders and topic ids of the mirrors.
func (r *runner) findLeaders(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	seen := map[string]bool{}
	for k := range r.mirrors {
		if !seen[k.topic] {
			seen[k.topic] = true
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = kmsg.StringPtr(k.topic)
			req.Topics = append(req.Topics, t)
		}
	}
	resp, err := req.RequestWith(ctx, r.l.to.Client)
	if err != nil {
		return fmt.Errorf("%s: looking for leaders: %w", r.l.to.Name, err)
	}
	for _, t := range resp.Topics {
		if t.Topic == nil || t.ErrorCode != 0 {
			continue
		}
		for _, p := range t.Partitions {
			k := partitionKey{*t.Topic, p.Partition}
			if m := r.mirrors[k]; m != nil {
				m.toID = t.TopicID
				if p.Leader >= 0 {
					r.leaders[k] = p.Leader
				}
			}
		}
	}
	for k := range r.mirrors {
		if _, ok := r.leaders[k]; !ok {
			return fmt.Errorf("%s: %s-%d has no leader", r.l.to.Name, k.topic, k.partition)
		}
	}
	return nil
}
