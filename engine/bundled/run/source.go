package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// fetchBuffer bounds the bytes of input that wait in memory.
const fetchBuffer = 32 << 20

// source is the partitions of an input, read raw and read_committed. What is read is queued by partition, so that the worker can
// take the partition whose event time is the earliest: none runs far ahead of the others, and what waits is bounded by the fetcher.
type source struct {
	topic      string
	partitions []*inputPartition
	fetcher    *fetch.Fetcher
	chunks     chan []fetch.Chunk
}

type inputPartition struct {
	number int32
	next   int64 // of the next record to process
	end    int64 // noEnd, or where a bounded input ends, or where it is held
	held   bool  // at its end there is more to come, though not for now
	from   int64 // records before the first one with this timestamp are passed over; vec.NoWatermark: none
	stable int64 // last stable offset, as far as is known
	queue  []fetch.Chunk
	abort  batch.Aborted
}

// done reports whether a bounded or held partition is read.
func (p *inputPartition) done() bool { return p.next >= p.end }

// positions finds where a statement starts to read, and where it ends: what its last checkpoint says, else what scan says.
func positions(ctx context.Context, admin *kadm.Client, topic string, partitions int32, s scan, m *manifest) ([]*inputPartition, error) {
	out := make([]*inputPartition, partitions)
	for i := range out {
		out[i] = &inputPartition{number: int32(i), next: -1, end: noEnd, from: vec.NoWatermark, stable: -1}
	}
	if m != nil {
		for _, at := range m.Inputs[topic] {
			if int(at.Partition) >= len(out) {
				return nil, fmt.Errorf("topic %q: the checkpoint has a position in partition %d, but the topic has %d partitions: it was created again with fewer", topic, at.Partition, partitions)
			}
			p := out[at.Partition]
			p.next = at.Next
			if at.End != nil {
				p.end = *at.End
			}
			if at.From != nil {
				p.from = *at.From
			}
		}
	}
	for partition, at := range s.hold {
		if partition >= partitions {
			return nil, fmt.Errorf("topic %q: it is to be held in partition %d, but the topic has %d partitions", topic, partition, partitions)
		}
		out[partition].end, out[partition].held = at, true
	}
	for partition := range s.start.offsets {
		if partition >= partitions {
			return nil, fmt.Errorf("topic %q: a start offset is given for partition %d, but the topic has %d partitions", topic, partition, partitions)
		}
	}
	if !slices.ContainsFunc(out, func(p *inputPartition) bool { return p.next < 0 }) {
		return out, nil
	}
	starts, err := find(ctx, admin, topic, s.start)
	if err != nil {
		return nil, err
	}
	ends := map[int32]int64{}
	if s.bounded() {
		if ends, err = find(ctx, admin, topic, s.end); err != nil {
			return nil, err
		}
	}
	for _, p := range out {
		if p.next >= 0 {
			continue
		}
		if p.next = starts[p.number]; m != nil {
			p.next = 0 // the partition is newer than the checkpoint
		} else if s.start.timed {
			p.from = s.start.millis
		}
		if end, ok := ends[p.number]; ok {
			p.end = end
		} else if s.bounded() {
			p.end = p.next // specific-offsets name the partitions that are read
		}
	}
	return out, nil
}

// find resolves an edge to offsets. Partitions that specific offsets do not name begin at the log's beginning.
func find(ctx context.Context, admin *kadm.Client, topic string, e edge) (map[int32]int64, error) {
	var listed kadm.ListedOffsets
	var err error
	switch e.mode {
	case "latest-offset":
		listed, err = fetch.Offsets(ctx, admin.ListCommittedOffsets, topic)
	case "timestamp":
		listed, err = fetch.Offsets(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, e.millis, topics...)
		}, topic)
	default:
		listed, err = fetch.Offsets(ctx, admin.ListStartOffsets, topic)
	}
	if err == nil {
		err = listed.Error()
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, &fatalError{fmt.Errorf("topic %q does not exist", topic)}
	}
	if err != nil {
		return nil, fmt.Errorf("topic %q: looking up offsets: %w", topic, err)
	}
	out := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	maps.Copy(out, e.offsets)
	return out, nil
}

func newSource(client *kgo.Client, topic string, partitions []*inputPartition) *source {
	s := &source{
		topic: topic, partitions: partitions, chunks: make(chan []fetch.Chunk),
		fetcher: fetch.New(client, fetch.Options{MaxBuffered: fetchBuffer}),
	}
	for _, p := range partitions {
		if !p.done() {
			s.fetcher.Add(topic, p.number, p.next)
		}
	}
	return s
}

// run hands chunks to the worker until ctx ends.
func (s *source) run(ctx context.Context) error {
	for {
		chunks, err := s.fetcher.Poll(ctx)
		if err != nil {
			return err
		}
		select {
		case s.chunks <- chunks:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take queues chunks. An error says which records are gone.
func (s *source) take(chunks []fetch.Chunk, e *eventTime, now time.Time) error {
	for i := range chunks {
		c := &chunks[i]
		p := s.partitions[c.Partition]
		switch {
		case errors.Is(c.Err, kerr.OffsetOutOfRange):
			return &fatalError{fmt.Errorf("%s-%d: offset %d is not in the log, which has %d to %d: records were removed before they were read, or the topic was created again",
				s.topic, c.Partition, c.Offset, c.LogStart, c.HighWatermark)}
		case errors.Is(c.Err, kerr.UnknownTopicOrPartition), errors.Is(c.Err, kerr.UnknownTopicID):
			return &fatalError{fmt.Errorf("%s-%d: the topic was deleted, or deleted and created again, at offset %d: %w", s.topic, c.Partition, c.Offset, c.Err)}
		case c.Err != nil:
			return fmt.Errorf("%s-%d: reading from offset %d: %w", s.topic, c.Partition, c.Offset, c.Err)
		}
		p.stable = c.LastStable
		p.queue = append(p.queue, *c)
		e.busy(c.Partition, now)
	}
	return nil
}

// pick is the partition to work on next: of those that have something queued, the one whose watermark is the lowest. nil: none has.
func (s *source) pick(e *eventTime, drift time.Duration) *inputPartition {
	var best *inputPartition
	for _, p := range s.partitions {
		if len(p.queue) == 0 || e.ahead(p.number, drift) && s.awaited(e, p) {
			continue
		}
		if best == nil || e.partitions[p.number].watermark < e.partitions[best.number].watermark {
			best = p
		}
	}
	return best
}

// awaited reports whether some partition behind p has records still to come: then p waits for it. Where all that are behind have been read to
// their end, waiting would be for ever.
func (s *source) awaited(e *eventTime, p *inputPartition) bool {
	mine := e.partitions[p.number].watermark
	for _, other := range s.partitions {
		if e.partitions[other.number].watermark < mine && !other.done() && (len(other.queue) > 0 || other.next < other.stable) {
			return true
		}
	}
	return false
}
