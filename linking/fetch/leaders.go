package fetch

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// backoff is how long a broker or its metadata is left alone after an error; metadata longer every time, up to maxBackoff.
	backoff    = 100 * time.Millisecond
	maxBackoff = time.Second
	// missingFor is how long metadata may not know a partition before it ends: a new topic takes time to be known everywhere.
	missingFor = 3 * time.Second
	// explainFor bounds the look-up of a log's bounds for a partition that ends anyway.
	explainFor = 5 * time.Second
)

// discover asks once for leaders and topic ids of the partitions that have none, and reports whether some are still without.
func (f *Fetcher) discover(ctx context.Context) (again bool) {
	topics := f.leaderless()
	if len(topics) == 0 {
		return false
	}
	req := kmsg.NewPtrMetadataRequest()
	for name := range topics {
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

// leaderless are the partitions without a leader, by topic.
func (f *Fetcher) leaderless() map[string][]*partition {
	f.mu.Lock()
	defer f.mu.Unlock()
	topics := map[string][]*partition{}
	for _, p := range f.parts {
		if p.leader < 0 {
			topics[p.topic] = append(topics[p.topic], p)
		}
	}
	return topics
}

// learn takes leaders from a metadata answer. Partitions that it does not know for long, or knows under another topic id, end.
func (f *Fetcher) learn(resp *kmsg.MetadataResponse) {
	waiting := f.leaderless()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		byNumber := map[int32]*kmsg.MetadataResponseTopicPartition{}
		for i := range t.Partitions {
			byNumber[t.Partitions[i].Partition] = &t.Partitions[i]
		}
		err := kerr.ErrorForCode(t.ErrorCode)
		for _, p := range waiting[*t.Topic] {
			if f.parts[key{p.topic, p.number}] != p {
				continue // removed or moved meanwhile
			}
			known := byNumber[p.number]
			switch {
			case err == nil && known == nil:
				f.miss(p, kerr.UnknownTopicOrPartition)
			case errors.Is(err, kerr.UnknownTopicOrPartition):
				f.miss(p, err)
			case err != nil && !kerr.IsRetriable(err):
				f.end(p, unknown, err)
			case err != nil || known.Leader < 0: // an election: ask again
			case p.id != [16]byte{} && p.id != t.TopicID:
				f.end(p, unknown, kerr.UnknownTopicID)
			default:
				p.leader, p.id, p.epoch, p.missing = known.Leader, t.TopicID, known.LeaderEpoch, time.Time{}
				f.touch(p)
			}
		}
	}
}

// miss ends a partition that has been unknown for long.
func (f *Fetcher) miss(p *partition, err error) {
	if p.missing.IsZero() {
		p.missing = time.Now()
	}
	if time.Since(p.missing) > missingFor {
		f.end(p, unknown, err)
	}
}

// end hands out a last chunk with an error and forgets the partition.
func (f *Fetcher) end(p *partition, b bounds, err error) {
	f.remove(p)
	f.ready = append(f.ready, Chunk{
		Topic: p.topic, Partition: p.number, TopicID: p.id, LeaderEpoch: p.epoch, Offset: p.next, Next: p.next,
		HighWatermark: b.highWatermark, LastStable: b.lastStable, LogStart: b.logStart, Err: err,
	})
	signal(f.polled)
}

// explain ends the partitions whose offset is out of range, with the bounds of their logs, which Kafka does not tell in its answer.
func (f *Fetcher) explain(ctx context.Context) {
	f.mu.Lock()
	var lost []*partition
	var topics []string
	for _, p := range f.parts {
		if p.lost {
			lost = append(lost, p)
			if !slices.Contains(topics, p.topic) {
				topics = append(topics, p.topic)
			}
		}
	}
	f.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, explainFor)
	defer cancel()
	// What can not be looked up stays unknown: the partition ends all the same.
	adm := kadm.NewClient(f.cl)
	starts, _ := adm.ListStartOffsets(ctx, topics...)
	stables, _ := adm.ListCommittedOffsets(ctx, topics...)
	ends, _ := adm.ListEndOffsets(ctx, topics...)
	at := func(l kadm.ListedOffsets, p *partition) int64 {
		if o, ok := l.Lookup(p.topic, p.number); ok && o.Err == nil {
			return o.Offset
		}
		return -1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range lost {
		if f.parts[key{p.topic, p.number}] == p {
			f.end(p, bounds{at(ends, p), at(stables, p), at(starts, p)}, kerr.OffsetOutOfRange)
		}
	}
}
