package fetch

import (
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

// backoff is how long a broker or its metadata is left alone after an error.
const backoff = 100 * time.Millisecond

// missingRounds is how often in a row metadata may not know a topic before its partitions end: a new topic takes time to be known.
const missingRounds = 20

// discover asks once for leaders and topic ids of the partitions that have none, and reports whether some are still without.
func (f *Fetcher) discover(ctx context.Context) (again bool) {
	topics := f.leaderless()
	if len(topics) == 0 {
		return false
	}
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, f.cl)
	if ctx.Err() != nil {
		return false
	}
	f.failed(err)
	if err == nil {
		f.learn(resp)
	}
	return len(f.leaderless()) > 0
}

func (f *Fetcher) leaderless() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]bool{}
	var topics []string
	for _, p := range f.parts {
		if p.leader < 0 && !seen[p.topic] {
			seen[p.topic] = true
			topics = append(topics, p.topic)
		}
	}
	return topics
}

// learn takes leaders from a metadata answer. Partitions of topics that are not there, round after round, end.
func (f *Fetcher) learn(resp *kmsg.MetadataResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			for _, p := range f.parts {
				if p.topic != *t.Topic || p.leader >= 0 {
					continue
				}
				if p.missing++; !kerr.IsRetriable(err) || errors.Is(err, kerr.UnknownTopicOrPartition) && p.missing >= missingRounds {
					f.end(p, Chunk{HighWatermark: -1, LastStable: -1, LogStart: -1}, err)
				}
			}
			continue
		}
		for _, tp := range t.Partitions {
			p := f.parts[key{*t.Topic, tp.Partition}]
			if p == nil || p.leader >= 0 || tp.Leader < 0 {
				continue
			}
			if p.id != [16]byte{} && p.id != t.TopicID {
				f.end(p, Chunk{HighWatermark: -1, LastStable: -1, LogStart: -1}, kerr.UnknownTopicID)
				continue
			}
			p.leader, p.id, p.epoch, p.missing = tp.Leader, t.TopicID, tp.LeaderEpoch, 0
		}
	}
}

// end hands out a last chunk with an error and forgets the partition.
func (f *Fetcher) end(p *partition, c Chunk, err error) {
	c.Topic, c.Partition, c.TopicID, c.Offset, c.Next, c.Err = p.topic, p.number, p.id, p.next, p.next, err
	delete(f.parts, key{p.topic, p.number})
	f.ready = append(f.ready, c)
	signal(f.polled)
}

// serve sends one broker's requests, one at a time: while it waits for the next answer, the caller works on the last one's chunks.
func (f *Fetcher) serve(ctx context.Context, broker int32, wake chan struct{}) error {
	for {
		req, asked := f.request(broker)
		if len(asked) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-wake:
			}
			continue
		}
		resp, err := f.cl.Broker(int(broker)).Request(ctx, req)
		if ctx.Err() != nil {
			f.abandon(asked)
			return ctx.Err()
		}
		f.failed(err)
		if err == nil {
			fr := resp.(*kmsg.FetchResponse)
			if err = kerr.ErrorForCode(fr.ErrorCode); err == nil {
				if f.take(fr, asked) {
					pause(ctx, backoff)
				}
				continue
			}
			f.failed(err)
		}
		f.relead(asked)
		pause(ctx, backoff)
	}
}

// request builds a fetch of every partition of a broker that may be fetched now. None: there is nothing to ask.
func (f *Fetcher) request(broker int32) (*kmsg.FetchRequest, map[key]*partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := min(int64(f.o.MaxBytes), f.o.MaxBuffered-f.buffered)
	places := room / int64(f.o.minPartitionBytes())
	if places <= 0 {
		return nil, nil
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(f.o.MaxWait.Milliseconds())
	req.MinBytes = 1
	req.MaxBytes = math.MaxInt32 // the partitions' own bounds add up to the room
	if !f.o.ReadUncommitted {
		req.IsolationLevel = 1
	}
	asked := map[key]*partition{}
	topics := map[string]int{}
	for k, p := range f.parts { // map order changes from request to request: that is the rotation
		if p.leader != broker || p.inFlight || p.held >= heldMax {
			continue
		}
		if len(asked) == int(places) {
			break
		}
		i, ok := topics[p.topic]
		if !ok {
			i = len(req.Topics)
			topics[p.topic] = i
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = p.topic, p.id
			req.Topics = append(req.Topics, t)
		}
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.CurrentLeaderEpoch = p.number, p.next, p.epoch
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, rp)
		p.inFlight = true
		asked[k] = p
	}
	each := int32(min(int64(f.o.MaxPartitionBytes), room/int64(max(1, len(asked)))))
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			req.Topics[i].Partitions[j].PartitionMaxBytes = each
		}
	}
	rand.Shuffle(len(req.Topics), func(i, j int) { req.Topics[i], req.Topics[j] = req.Topics[j], req.Topics[i] })
	return req, asked
}

// take turns an answer into chunks. It reports whether some partition met an error that wants a pause.
func (f *Fetcher) take(resp *kmsg.FetchResponse, asked map[key]*partition) (wait bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	byID := map[[16]byte]string{}
	for _, p := range asked {
		p.inFlight = false
		byID[p.id] = p.topic
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		name := t.Topic
		if name == "" {
			name = byID[t.TopicID]
		}
		for j := range t.Partitions {
			rp := &t.Partitions[j]
			k := key{name, rp.Partition}
			p := asked[k]
			if p == nil || f.parts[k] != p {
				continue // removed or moved meanwhile
			}
			if f.takePartition(p, rp) {
				wait = true
			}
		}
	}
	if len(f.ready) > 0 {
		signal(f.polled)
	}
	return wait
}

func (f *Fetcher) takePartition(p *partition, rp *kmsg.FetchResponseTopicPartition) (wait bool) {
	c := Chunk{Topic: p.topic, Partition: p.number, TopicID: p.id, Offset: p.next, Next: p.next,
		HighWatermark: rp.HighWatermark, LastStable: rp.LastStableOffset, LogStart: rp.LogStartOffset}
	if c.LastStable < 0 {
		c.LastStable = c.HighWatermark
	}
	switch err := kerr.ErrorForCode(rp.ErrorCode); {
	case err == nil:
	case errors.Is(err, kerr.OffsetOutOfRange), !kerr.IsRetriable(err):
		f.end(p, c, err)
		return false
	default: // a new leader, a topic id not known yet: ask the metadata, which also tells of a deleted topic
		p.leader = -1
		signal(f.refresh)
		return true
	}
	for _, a := range rp.AbortedTransactions {
		c.Aborted = append(c.Aborted, batch.AbortedTxn{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
	}
	rest := rp.RecordBatches
	for {
		b, behind, err := batch.Next(rest)
		if err != nil && !errors.Is(err, batch.ErrTruncated) {
			f.end(p, c, fmt.Errorf("%s-%d at %d: %w", p.topic, p.number, c.Next, err))
			return false
		}
		if b == nil {
			break
		}
		c.Next, rest = max(c.Next, b.NextOffset()), behind
	}
	whole := len(rp.RecordBatches) - len(rest)
	c.Records = rp.RecordBatches[:whole:whole]
	if whole == 0 && len(rest) > 0 {
		// The first batch alone is larger than what was left of the answer: it comes whole when its partition is first.
		return false
	}
	if whole == 0 && p.seenHW == c.HighWatermark && p.seenLSO == c.LastStable && p.seenStart == c.LogStart {
		return false
	}
	p.seenHW, p.seenLSO, p.seenStart = c.HighWatermark, c.LastStable, c.LogStart
	p.next = c.Next
	size := int64(whole)
	p.held++
	f.buffered += size
	c.release = func() { f.release(p, size) }
	f.ready = append(f.ready, c)
	return false
}

// relead forgets the leaders of partitions whose broker did not answer.
func (f *Fetcher) relead(asked map[key]*partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range asked {
		p.inFlight, p.leader = false, -1
	}
	signal(f.refresh)
}

func (f *Fetcher) abandon(asked map[key]*partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range asked {
		p.inFlight = false
	}
}
