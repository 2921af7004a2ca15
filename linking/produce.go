package linking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bounds of what is on its way to the destination.
const (
	maxRequestBytes = 4 << 20 // of one request, where memory allows
	mergeBytes      = 900 << 10
	produceTimeout  = 30 * time.Second
)

// schedule sends whatever can be sent: packed produce requests, several per destination leader, and markers for gaps.
func (r *runner) schedule(ctx context.Context) {
	now := time.Now()
	for m := range r.ready {
		if len(m.queue) == m.sent || r.mirrors[m.key()] != m {
			delete(r.ready, m)
		}
	}
	r.resolve(ctx, now)
	r.fillHoles()
	r.scheduleGaps(ctx, now)
	r.announce(ctx)
	if r.renewing {
		r.renewIdentity(ctx)
		return
	}
	r.fillNext(ctx)
	for {
		byLeader := map[int32][]*mirror{}
		for m := range r.ready {
			if !m.sendable(now) || r.gated(m) {
				continue
			}
			leader, ok := r.leaders[m.key()]
			if !ok {
				r.findLeaders(ctx, now)
			} else if l := r.lane(leader); r.mayCarry(l) && m.follows(l) {
				byLeader[leader] = append(byLeader[leader], m)
			}
		}
		if len(byLeader) == 0 {
			return
		}
		for leader, ready := range byLeader {
			r.send(ctx, r.lane(leader), ready)
		}
	}
}

func (r *runner) lane(broker int32) *lane {
	l := r.lanes[broker]
	if l == nil {
		l = newLane(r.l.to.Client, broker)
		r.lanes[broker] = l
	}
	return l
}

// mayCarry says whether another request may go to a broker: several to each, and to all of them together no more bytes than fill as many for two.
func (r *runner) mayCarry(l *lane) bool {
	return l.inFlight == 0 || l.inFlight < maxInFlight && r.flying < 2*maxInFlight*r.requestBytes
}

// send packs the next batch of as many partitions as a request holds, each once: a broker drops one of two silently.
func (r *runner) send(ctx context.Context, l *lane, ready []*mirror) {
	sent, bufs, size := map[partitionKey]*flight{}, make([][]byte, 0, len(ready)), 0
	share := max(leastShare, r.requestBytes/len(ready))
	for _, m := range ready {
		if size > 0 && size+len(m.queue[m.sent].data) > r.requestBytes {
			continue
		}
		f := m.depart(m.writer(r.id), share, l.inFlight >= crowd)
		f.lane, f.topicID = l, r.topicIDs[m.topic]
		for _, part := range f.parts {
			size += len(part)
		}
		sent[m.key()] = f
		bufs = append(bufs, r.buffer())
	}
	l.inFlight++
	r.requests++
	r.flying += size
	turn, begun := l.place(), time.Now()
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, produceTimeout+5*time.Second)
		defer cancel()
		req, resp, err := transmit(ctx, turn, sent, bufs)
		return func(ctx context.Context) error {
			l.inFlight--
			r.flying -= size
			return r.answered(ctx, req, sent, resp, r.sized(l, sent, size, begun, err))
		}
	})
}

// transmit builds a request's batches and sends them. Those that can not be built have landed when it returns.
func transmit(ctx context.Context, turn *turn, sent map[partitionKey]*flight, bufs [][]byte) (*kmsg.ProduceRequest, kmsg.Response, error) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(produceTimeout.Milliseconds())
	topics := map[string]int{}
	for k, f := range sent {
		f.build(bufs[len(bufs)-1])
		if bufs = bufs[:len(bufs)-1]; f.landed {
			continue
		}
		i, ok := topics[k.topic]
		if !ok {
			i = len(req.Topics)
			topics[k.topic] = i
			t := kmsg.NewProduceRequestTopic()
			t.Topic, t.TopicID = k.topic, f.topicID
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = k.partition, f.body
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
	}
	if len(req.Topics) == 0 {
		turn.skip()
		return req, req.ResponseKind(), nil
	}
	resp, err := turn.send(ctx, req)
	return req, resp, err
}

// buffer is one to write a batch into.
func (r *runner) buffer() []byte {
	n := len(r.free)
	if n == 0 {
		return nil
	}
	b := r.free[n-1]
	r.free, r.freeBytes = r.free[:n-1], r.freeBytes-cap(b)
	return b
}

// keep keeps a buffer to be used again, as many as two requests need.
func (r *runner) keep(b []byte) {
	if r.freeBytes+cap(b) <= 2*r.requestBytes {
		r.free, r.freeBytes = append(r.free, b[:0]), r.freeBytes+cap(b)
	}
}

// answered takes a produce answer to its flights, and lets every partition of it go on.
func (r *runner) answered(ctx context.Context, req *kmsg.ProduceRequest, sent map[partitionKey]*flight, resp kmsg.Response, err error) error {
	r.requests--
	r.destination(err)
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
				if f, ok := sent[partitionKey{name, p.Partition}]; ok && !f.landed {
					r.keep(f.body) // only of a request that was answered: nobody reads it any more
					f.land(p.BaseOffset, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		}
		err = errors.New("the answer does not name the partition")
	}
	for _, f := range sent {
		if !f.landed {
			f.land(-1, err)
		}
		r.settle(ctx, f.m)
	}
	return nil
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
