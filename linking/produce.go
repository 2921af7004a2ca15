package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bounds of what is on its way to the destination. A partition has one batch in flight: what is packed together and merged needs no more,
// and an answer that is lost concerns one known batch.
const (
	maxRequests     = 4       // produce requests in flight
	maxRequestBytes = 8 << 20 // of one request
	mergeBytes      = 900 << 10
	produceTimeout  = 30 * time.Second
)

// sending is one partition's part of a produce request.
type sending struct {
	m         *mirror
	items     int
	base, end int64
	after     int32 // sequence behind it
	body      []byte
}

// schedule sends whatever can be sent: packed produce requests, one per destination leader, and markers for gaps.
func (r *runner) schedule(ctx context.Context) {
	now := time.Now()
	r.scheduleGaps(ctx, now)
	if r.renewing {
		r.renewIdentity(ctx)
		return
	}
	for r.requests < maxRequests {
		byLeader := map[int32][]*mirror{}
		for k, m := range r.mirrors {
			if !m.idle(now) || m.queue[0].data == nil || r.gated(m) {
				continue
			}
			if leader, ok := r.leaders[k]; ok {
				byLeader[leader] = append(byLeader[leader], m)
			} else {
				r.findLeaders(ctx, now)
			}
		}
		if len(byLeader) == 0 {
			return
		}
		for leader, ready := range byLeader {
			if r.requests < maxRequests {
				r.send(ctx, leader, ready)
			}
		}
	}
}

// send packs the next batch of as many partitions as a request holds, each once: a broker drops one of two silently.
func (r *runner) send(ctx context.Context, leader int32, ready []*mirror) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(produceTimeout.Milliseconds())
	topics := map[string]int{}
	sent := map[partitionKey]sending{}
	size := 0
	for _, m := range ready {
		if size > 0 && size+len(m.queue[0].data) > maxRequestBytes {
			break
		}
		body, n, after, err := m.next(r.buffer(), r.id)
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
			t.Topic, t.TopicID = m.topic, r.topicIDs[m.topic]
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = m.partition, body
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
		sent[m.key()] = sending{m, n, m.queue[0].base, m.queue[n-1].end, after, body}
	}
	if len(sent) == 0 {
		return
	}
	r.requests++
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, produceTimeout+5*time.Second)
		defer cancel()
		resp, err := r.l.to.Client.Broker(int(leader)).Request(ctx, req)
		return func(ctx context.Context) error { return r.answered(ctx, req, sent, resp, err) }
	})
}

// buffer is one to write a batch into.
func (r *runner) buffer() []byte {
	n := len(r.free)
	if n == 0 {
		return nil
	}
	b := r.free[n-1]
	r.free = r.free[:n-1]
	return b
}

// answered takes a produce answer. Anything but the expected base offset is looked into before the partition goes on.
func (r *runner) answered(ctx context.Context, req *kmsg.ProduceRequest, sent map[partitionKey]sending, resp kmsg.Response, err error) error {
	r.requests--
	r.destination(err)
	seen := map[partitionKey]bool{}
	if err == nil {
		names := map[[16]byte]string{}
		for _, t := range req.Topics {
			names[t.TopicID] = t.Topic
		}
		for _, t := range resp.(*kmsg.ProduceResponse).Topics {
			name := t.Topic
			if name == "" {
				name = names[t.TopicID]
			}
			for _, p := range t.Partitions {
				k := partitionKey{name, p.Partition}
				if s, ok := sent[k]; ok {
					seen[k] = true
					r.free = append(r.free, s.body[:0]) // only of a request that was answered: nobody reads it any more
					r.partitionAnswered(ctx, s, p)
				}
			}
		}
		err = errors.New("the answer does not name the partition")
	}
	for k, s := range sent {
		if !seen[k] {
			r.unsure(ctx, s, err) // written or not: only the log can tell
		}
	}
	return nil
}

func (r *runner) partitionAnswered(ctx context.Context, s sending, p kmsg.ProduceResponseTopicPartition) {
	m := s.m
	if m.failed != nil {
		return
	}
	refused := func(code, detail, hint string, err error) {
		r.fail(m, &MirrorError{Code: code, First: s.base, End: s.end, Detail: detail, Hint: hint, Err: err})
	}
	switch err := kerr.ErrorForCode(p.ErrorCode); {
	case err == nil && p.BaseOffset == s.base:
		r.written(s)
	case err == nil:
		r.fail(m, r.foreign(min(s.base, p.BaseOffset), max(p.BaseOffset, s.base+1),
			fmt.Sprintf("the source's offsets @%d–@%d were written at @%d in %s: somebody else writes to the mirror", s.base, s.end-1, p.BaseOffset, r.l.to.Name)))
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp):
		refused(CodeRefused, r.l.to.Name+" refuses the batch", "compare the topic's max.message.bytes and message.timestamp configs in both regions", err)
	case errors.Is(err, kerr.CorruptMessage):
		refused(CodeCorrupt, "the batch is damaged", "run the link again; if it fails at the same offset, check the source's log with kafka-dump-log", err)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		refused(CodeAuthorization, "writing is refused in "+r.l.to.Name, "grant WRITE on the topic to the link's principal, then run the link again", err)
	default:
		r.unsure(ctx, s, err)
	}
}

// written moves a mirror on behind what was sent.
func (r *runner) written(s sending) {
	m := s.m
	m.seq, m.busy, m.sent, m.rejected, m.condition = s.after, false, 0, 0, nil
	r.pop(m, s.items)
}

// pop drops what is in the destination's log now; a mirror that was only to write what it had ends here.
func (r *runner) pop(m *mirror, items int) {
	records, bytes := m.pop(items)
	r.records += records
	r.bytes += bytes
	if m.ending != nil && len(m.queue) == 0 {
		r.fail(m, m.ending)
	}
}

// unsure reads the destination's log before anything is sent again: what was sent may be in it, nobody else's may be.
func (r *runner) unsure(ctx context.Context, s sending, cause error) {
	m := s.m
	if m.failed != nil {
		return
	}
	m.busy, m.sent = true, 0
	m.rejected++
	m.condition = cause
	clear(r.leaders)
	r.l.o.Log.Info("reading the mirror's log again", "mirror", m.name(), "because", cause)
	pause := min(time.Duration(m.rejected)*50*time.Millisecond, 2*time.Second)
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		_ = wait(ctx, pause) // ctx is looked at again below
		if fenced(cause) {
			if err := r.s.confirm(ctx); err != nil {
				return func(ctx context.Context) error {
					if errors.Is(err, ErrTakenOver) {
						return err
					}
					r.unsure(ctx, s, err)
					return nil
				}
			}
		}
		look, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		all, err := readStandings(look, r.l.to, []partitionKey{m.key()}, r.id)
		return func(ctx context.Context) error { r.sure(ctx, s, cause, all[m.key()], err); return nil }
	})
}

// sure decides what an uncertain answer meant, by where the partition stands now.
func (r *runner) sure(ctx context.Context, s sending, cause error, at standing, err error) {
	m := s.m
	if m.failed != nil {
		return
	}
	err = cmp.Or(err, at.err)
	r.destination(err)
	if err != nil {
		r.unsure(ctx, s, err)
		return
	}
	m.busy = false
	switch next, known := at.sequence(last{}, r.id); {
	case at.end == s.base && (at.newer || fenced(cause) || !known && errors.Is(cause, kerr.OutOfOrderSequenceNumber)):
		r.renewing = true
	case at.end == s.base: // nothing was written
		if known {
			m.seq = next
		}
	case at.end == s.end && at.listed && next == s.after: // it had arrived
		r.written(s)
	default: // it had arrived, or an older process of this link wrote, or somebody else: the records tell
		r.reopen(ctx, m)
	}
}

// renewIdentity gets a new epoch, with which sequences begin at 0 everywhere, once nothing is on its way under the old one.
func (r *runner) renewIdentity(ctx context.Context) {
	if r.requests > 0 || r.filling > 0 || r.initing {
		return
	}
	r.initing = true
	old := r.id
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		id, err := r.identify(ctx, &old)
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
				m.seq = 0
			}
			return nil
		}
	})
}

// findLeaders asks for the leaders and topic ids of the mirrors, beside the loop.
func (r *runner) findLeaders(ctx context.Context, now time.Time) {
	if r.finding || now.Before(r.findNext) {
		return
	}
	r.finding = true
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
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		resp, err := req.RequestWith(ctx, r.l.to.Client)
		return func(context.Context) error {
			r.finding = false
			r.findNext = time.Now().Add(100 * time.Millisecond)
			r.destination(err)
			if err == nil {
				r.learnLeaders(resp)
			}
			return nil
		}
	})
}

func (r *runner) learnLeaders(resp *kmsg.MetadataResponse) {
	for _, t := range resp.Topics {
		if t.Topic == nil || t.ErrorCode != 0 {
			continue
		}
		r.topicIDs[*t.Topic] = t.TopicID
		for _, p := range t.Partitions {
			if k := (partitionKey{*t.Topic, p.Partition}); p.Leader >= 0 && r.mirrors[k] != nil {
				r.leaders[k] = p.Leader
			}
		}
	}
}

// produceOne writes one batch to one partition and returns its base offset. txid is empty for a batch outside a transaction.
func produceOne(ctx context.Context, cl *kgo.Client, region string, k partitionKey, txid string, body []byte) (int64, error) {
	fail := func(err error) (int64, error) {
		return -1, fmt.Errorf("%s: %s-%d: writing: %w", region, k.topic, k.partition, err)
	}
	meta := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(k.topic)
	meta.Topics = append(meta.Topics, mt)
	found, err := meta.RequestWith(ctx, cl)
	if err != nil {
		return fail(err)
	}
	leader, id := int32(-1), [16]byte{}
	for _, t := range found.Topics {
		id = t.TopicID
		for _, p := range t.Partitions {
			if p.Partition == k.partition {
				leader = p.Leader
			}
		}
	}
	if leader < 0 {
		return fail(kerr.LeaderNotAvailable)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(produceTimeout.Milliseconds())
	if txid != "" {
		req.TransactionID = &txid
	}
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = k.topic, id
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = k.partition, body
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := cl.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return fail(err)
	}
	answer := resp.(*kmsg.ProduceResponse)
	if len(answer.Topics) == 0 || len(answer.Topics[0].Partitions) == 0 {
		return fail(errors.New("the answer names no partition"))
	}
	only := answer.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(only.ErrorCode); err != nil {
		return fail(err)
	}
	return only.BaseOffset, nil
}
