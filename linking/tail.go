package linking

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// tail is where a destination partition stands: its log end, and the sequence that goes on there under the link's identity.
type tail struct {
	end   int64
	next  int32
	known bool // the broker lists the identity for the partition
}

// readTail reads a partition's log end, the producer state, and the log end again, until both ends agree: what lies between belongs
// together then.
func readTail(ctx context.Context, r *Region, topic string, partition int32, id identity) (tail, error) {
	for {
		before, err := endOf(ctx, r, topic, partition)
		if err != nil {
			return tail{}, err
		}
		states, err := sequences(ctx, r, kadm.TopicsSet{topic: {partition: {}}}, id)
		if err != nil {
			return tail{}, err
		}
		after, err := endOf(ctx, r, topic, partition)
		if err != nil {
			return tail{}, err
		}
		if before == after {
			next, known := states[partitionKey{topic, partition}]
			return tail{after, next, known}, nil
		}
	}
}

func endOf(ctx context.Context, r *Region, topic string, partition int32) (int64, error) {
	_, end, err := bounds(ctx, r, topic, partition)
	return end, err
}

// bounds returns a partition's log start and high watermark.
func bounds(ctx context.Context, r *Region, topic string, partition int32) (start, end int64, err error) {
	starts, err := r.Admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %s-%d: log start: %w", r.Name, topic, partition, err)
	}
	ends, err := r.Admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %s-%d: log end: %w", r.Name, topic, partition, err)
	}
	s, okStart := starts.Lookup(topic, partition)
	e, okEnd := ends.Lookup(topic, partition)
	if !okStart || !okEnd {
		return 0, 0, fmt.Errorf("%s: %s-%d: log bounds: %w", r.Name, topic, partition, kerr.UnknownTopicOrPartition)
	}
	if err := errors.Join(s.Err, e.Err); err != nil {
		return 0, 0, fmt.Errorf("%s: %s-%d: log bounds: %w", r.Name, topic, partition, err)
	}
	return s.Offset, e.Offset, nil
}

// sequences returns, for every partition where the broker lists the identity's producer id (DescribeProducers, KIP-664), the sequence
// that goes on. A newer epoch of the identity than the listed one begins at 0.
func sequences(ctx context.Context, r *Region, set kadm.TopicsSet, id identity) (map[partitionKey]int32, error) {
	described, err := r.Admin.DescribeProducers(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("%s: describing producers: %w", r.Name, err)
	}
	next := map[partitionKey]int32{}
	for _, t := range described {
		for _, p := range t.Partitions {
			if p.Err != nil {
				return nil, fmt.Errorf("%s: %s-%d: describing producers: %w", r.Name, t.Topic, p.Partition, p.Err)
			}
			for _, a := range p.ActiveProducers {
				if a.ProducerID != id.ProducerID {
					continue
				}
				seq := int32(0)
				if int16(a.ProducerEpoch) == id.Epoch {
					seq = batch.NextSequence(a.LastSequence, 1)
				}
				next[partitionKey{t.Topic, p.Partition}] = seq
			}
		}
	}
	return next, nil
}

func deleteRecords(ctx context.Context, r *Region, topic string, partition int32, upTo int64) error {
	resp, err := r.Admin.DeleteRecords(ctx, kadm.Offsets{topic: {partition: {Topic: topic, Partition: partition, At: upTo}}})
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return fmt.Errorf("%s: %s-%d: deleting records in front of @%d: %w", r.Name, topic, partition, upTo, err)
	}
	return nil
}

// last is what a log has at one offset, whatever isolation a reader asks for.
type last struct {
	found bool // a batch covers the offset
	data  bool // with a record there
	maybe bool // the record may be of an aborted transaction
	sum   [4]uint64
}

// lastAt reads what the logs have at the given offsets, one per partition.
func lastAt(ctx context.Context, r *Region, at map[partitionKey]int64) (map[partitionKey]last, error) {
	found := map[partitionKey]last{}
	if len(at) == 0 {
		return found, nil
	}
	f := fetch.New(r.Client, fetch.Options{ReadUncommitted: true, MaxPartitionBytes: 64 << 10})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	for k, offset := range at {
		f.Add(k.topic, k.partition, offset)
	}
	for len(found) < len(at) {
		chunks, err := f.Poll(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: reading the last records: %w", r.Name, err)
		}
		for _, c := range chunks {
			k := partitionKey{c.Topic, c.Partition}
			if c.Err != nil && !errors.Is(c.Err, kerr.OffsetOutOfRange) {
				return nil, fmt.Errorf("%s: %s-%d: reading the last record: %w", r.Name, c.Topic, c.Partition, c.Err)
			}
			l, err := recordAt(c.Records, at[k])
			if err != nil {
				return nil, fmt.Errorf("%s: %s-%d: reading the last record: %w", r.Name, c.Topic, c.Partition, err)
			}
			if _, have := found[k]; !have {
				found[k] = l
				f.Remove(c.Topic, c.Partition)
			}
			c.Release()
		}
	}
	return found, nil
}

func recordAt(chunk []byte, offset int64) (last, error) {
	for rest := chunk; ; {
		b, behind, err := batch.Next(rest)
		if err != nil && !errors.Is(err, batch.ErrTruncated) {
			return last{}, err
		}
		if b == nil || b.BaseOffset() > offset {
			return last{}, nil
		}
		if rest = behind; b.NextOffset() <= offset {
			continue
		}
		l := last{found: true, maybe: b.Transactional()}
		if b.Control() {
			return l, nil
		}
		err = batch.Records(b, func(r *batch.Record) error {
			if r.Offset == offset {
				l.data = true
				l.sum = r.Sum()
			}
			return nil
		})
		return l, err
	}
}

// agrees says whether a mirror may end with d where the source has s at the same offset: the same record; or no record for a reader who
// sees committed data only.
func (d last) agrees(s last) bool {
	if d.data {
		return s.data && s.sum == d.sum
	}
	return !s.data || s.maybe
}
