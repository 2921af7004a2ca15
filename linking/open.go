package linking

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// open makes mirrors of partitions: it finds where each stands in both regions, makes sure that what the mirror has is the source's, and
// lets it go on from the destination's own log end.
func (r *runner) open(ctx context.Context, fresh map[string][]int32) error {
	topics := sorted(fresh)
	to, err := listBounds(ctx, r.l.to, topics)
	if err != nil {
		return err
	}
	from, err := listBounds(ctx, r.l.from, topics)
	if err != nil {
		return err
	}
	set := kadm.TopicsSet{}
	written := map[partitionKey]int64{}
	for topic, parts := range fresh {
		for _, p := range parts {
			k := partitionKey{topic, p}
			set.Add(topic, p)
			if b := to[k]; b.end > b.start {
				written[k] = b.end - 1
			}
		}
	}
	next, err := sequences(ctx, r.l.to, set, r.id)
	if err != nil {
		return err
	}
	for k := range written {
		if _, listed := next[k]; !listed {
			// Nobody knows which sequence goes on: expired, or a broker that does not tell. Begin anew, once.
			if err := r.identify(ctx, true); err != nil {
				return err
			}
			clear(next)
			for _, m := range r.mirrors {
				m.seq = 0
			}
			break
		}
	}
	have, err := lastAt(ctx, r.l.to, written)
	if err != nil {
		return err
	}
	want := map[partitionKey]int64{}
	for k, offset := range written {
		if b := from[k]; offset >= b.start && offset < b.end {
			want[k] = offset
		}
	}
	theirs, err := lastAt(ctx, r.l.from, want)
	if err != nil {
		return err
	}
	for topic, parts := range fresh {
		for _, p := range parts {
			k := partitionKey{topic, p}
			m := &mirror{topic: topic, partition: p, written: to[k].end, read: to[k].end, seq: next[k], stable: -1, start: from[k].start, hidden: to[k].start}
			r.mirrors[k] = m
			if rec := r.s.memory.topics[topic]; rec != nil {
				m.newest = rec.Newest[p]
			}
			r.place(k, m, from[k], to[k], have[k], theirs[k])
		}
	}
	return nil
}

// place decides how a mirror goes on.
func (r *runner) place(k partitionKey, m *mirror, from, to span, have, theirs last) {
	aligning := r.s.memory.topics[k.topic].Aligning
	compared := to.end > from.start && to.end <= from.end && to.end > to.start
	switch {
	case from.err != nil || to.err != nil:
		r.fail(m, &MirrorError{Code: CodeSourceDeleted, First: -1, End: -1, Detail: "its log bounds can not be read", Err: errors.Join(from.err, to.err),
			Hint: "run the link again when the partition has a leader"})
	case to.end > from.end:
		r.fail(m, &MirrorError{Code: CodeTruncated, First: from.end, End: to.end,
			Detail: fmt.Sprintf("the log in %s ends at @%d, the mirror at @%d: the source was truncated, or somebody else wrote to the mirror", r.l.from.Name, from.end, to.end),
			Hint:   "what only the mirror has is still there: promote it to keep it, or delete the topic in " + r.l.to.Name + " and mirror it again"})
	case to.end < from.start && (to.end == 0 || aligning):
		r.align(m, from.start)
	case to.end < from.start:
		r.fail(m, &MirrorError{Code: CodeOverrun, First: to.end, End: from.start,
			Detail: fmt.Sprintf("retention in %s removed offsets that were not mirrored: its log starts at @%d, the mirror ends at @%d", r.l.from.Name, from.start, to.end),
			Hint:   "raise the source's retention; then delete the topic in " + r.l.to.Name + " and mirror it again"})
	case compared && !have.agrees(theirs):
		r.fail(m, &MirrorError{Code: CodeForeignWriter, First: to.end - 1, End: to.end,
			Detail: fmt.Sprintf("the mirror's last record is not the source's at @%d: somebody else wrote to the mirror, or the source's log was replaced", to.end-1),
			Hint:   "stop the writer; then delete the topic in " + r.l.to.Name + " and mirror it again"})
	default:
		r.fetcher.Add(k.topic, k.partition, m.read)
	}
}

// align fills an empty partition up to the source's log start and hides the filler, beside the loop; then the mirror goes on.
func (r *runner) align(m *mirror, start int64) {
	m.busy = true
	id, seq, end := r.id, m.seq, m.written
	r.spawn(func() func(context.Context) error {
		seq, end, err := r.fill(context.Background(), m.topic, m.partition, id, seq, end, start)
		return func(context.Context) error {
			m.busy, m.seq, m.written, m.read = false, seq, end, end
			if err != nil {
				r.fail(m, &MirrorError{Code: CodeRefused, First: end, End: start, Detail: "aligning the log with the source's log start", Err: err,
					Hint: "the link needs WRITE and DELETE on the topic; run it again to go on"})
				return nil
			}
			m.hidden = start
			r.fetcher.Add(m.topic, m.partition, m.read)
			return nil
		}
	})
}

// fill writes filler batches until the log ends at start, and moves the log start there. It stops when the runner's loop has ended.
func (r *runner) fill(ctx context.Context, topic string, partition int32, id identity, seq int32, end, start int64) (int32, int64, error) {
	for end < start {
		select {
		case <-r.ended:
			return seq, end, context.Canceled
		default:
		}
		n := int32(min(batch.MaxFiller, start-end))
		body, err := batch.Filler(nil, n, 0, batch.Identity{ProducerID: id.ProducerID, Epoch: id.Epoch, Sequence: seq})
		if err != nil {
			return seq, end, err
		}
		base, err := produceOne(ctx, r.l.to, topic, partition, body)
		if err != nil {
			return seq, end, err
		}
		if base != end {
			return seq, end, fmt.Errorf("filler was written at @%d, not @%d: somebody else writes to the mirror", base, end)
		}
		seq, end = batch.NextSequence(seq, n), end+int64(n)
	}
	return seq, end, deleteRecords(ctx, r.l.to, topic, partition, start)
}

// produceOne writes one batch to one partition and returns its base offset.
func produceOne(ctx context.Context, r *Region, topic string, partition int32, body []byte) (int64, error) {
	meta := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(topic)
	meta.Topics = append(meta.Topics, mt)
	found, err := meta.RequestWith(ctx, r.Client)
	if err != nil {
		return -1, err
	}
	leader, id := int32(-1), [16]byte{}
	for _, t := range found.Topics {
		id = t.TopicID
		for _, p := range t.Partitions {
			if p.Partition == partition {
				leader = p.Leader
			}
		}
	}
	if leader < 0 {
		return -1, fmt.Errorf("%s: %s-%d: %w", r.Name, topic, partition, kerr.LeaderNotAvailable)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 30_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, body
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := r.Client.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return -1, fmt.Errorf("%s: %s-%d: writing: %w", r.Name, topic, partition, err)
	}
	for _, t := range resp.(*kmsg.ProduceResponse).Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return -1, fmt.Errorf("%s: %s-%d: writing: %w", r.Name, topic, partition, err)
			}
			return p.BaseOffset, nil
		}
	}
	return -1, fmt.Errorf("%s: %s-%d: writing: the answer names no partition", r.Name, topic, partition)
}

// span is a partition's log start and end.
type span struct {
	start, end int64
	err        error
}

func listBounds(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, error) {
	starts, err := r.Admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: reading log starts: %w", r.Name, err)
	}
	ends, err := r.Admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: reading log ends: %w", r.Name, err)
	}
	all := map[partitionKey]span{}
	ends.Each(func(o kadm.ListedOffset) {
		s, ok := starts.Lookup(o.Topic, o.Partition)
		if !ok {
			s.Err = kerr.UnknownTopicOrPartition
		}
		all[partitionKey{o.Topic, o.Partition}] = span{s.Offset, o.Offset, errors.Join(o.Err, s.Err)}
	})
	return all, nil
}
