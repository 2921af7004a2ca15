package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// span is a partition's log start and high watermark.
type span struct {
	start, end int64
	err        error
}

// listBounds reads the log bounds of every partition of the topics. Errors of single partitions are in their spans.
func listBounds(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, error) {
	for attempt := 1; ; attempt++ {
		starts, err := r.listing(r.Admin.ListStartOffsets)(ctx, topics...)
		var ends kadm.ListedOffsets
		if err == nil {
			ends, err = r.listing(r.Admin.ListEndOffsets)(ctx, topics...)
		}
		if err == nil {
			return spansOf(starts, ends), nil
		}
		// A broker that refuses its part of the question does not know a topic any more that it was looked for on: it is looked for anew.
		if _, parts := errors.AsType[*kadm.ShardErrors](err); !parts || attempt == 5 {
			return nil, fmt.Errorf("%s: reading log bounds: %w", r.Name, err)
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func spansOf(starts, ends kadm.ListedOffsets) map[partitionKey]span {
	all := map[partitionKey]span{}
	ends.Each(func(o kadm.ListedOffset) {
		s, ok := starts.Lookup(o.Topic, o.Partition)
		if !ok {
			s.Err = kerr.UnknownTopicOrPartition
		}
		all[partitionKey{o.Topic, o.Partition}] = span{s.Offset, o.Offset, errors.Join(o.Err, s.Err)}
	})
	return all
}

// standing is where a destination partition stands for the link: its log, and the sequence that goes on there under its identity.
type standing struct {
	span
	listed bool  // the broker lists the identity's producer id for the partition
	next   int32 // the sequence that goes on, where listed
	newer  bool  // it is listed with a newer epoch: this identity may not write any more
	tells  bool  // the broker lists some producer: who is not listed has no state there
}

// readStandings reads log bounds, producer states (DescribeProducers, KIP-664) and log ends again, until both ends of every partition
// agree: what was read between them belongs together then. A broker describes producers as of all that it has written, so a partition that is
// not settled has an error.
func readStandings(ctx context.Context, r *Region, parts []partitionKey, id identity) (map[partitionKey]standing, error) {
	all, err := readUnwritten(ctx, r, parts)
	if err != nil {
		return nil, err
	}
	for {
		set, topics := kadm.TopicsSet{}, kadm.TopicsSet{}
		for _, k := range parts {
			if _, have := all[k]; !have {
				set.Add(k.topic, k.partition)
				topics.Add(k.topic)
			}
		}
		if len(set) == 0 {
			return all, nil
		}
		before, err := listBounds(ctx, r, topics.Topics())
		if err != nil {
			return nil, err
		}
		described, err := r.Admin.DescribeProducers(ctx, set)
		if err != nil {
			return nil, fmt.Errorf("%s: describing producers: %w", r.Name, err)
		}
		after, err := listSettled(ctx, r, topics.Topics())
		if err != nil {
			return nil, err
		}
		for topic, ps := range set {
			for p := range ps {
				k := partitionKey{topic, p}
				b, a := before[k], after[k]
				s := standing{span: a}
				d, ok := described[topic].Partitions[p]
				switch {
				case a.err != nil || b.err != nil:
					s.err = cmp.Or(a.err, b.err)
				case !ok:
					s.err = kerr.UnknownTopicOrPartition
				case d.Err != nil:
					s.err = fmt.Errorf("describing producers: %w", d.Err)
				case a.end != b.end:
					continue // again
				default:
					s.describe(d.ActiveProducers, id)
				}
				all[k] = s
			}
		}
	}
}

// readUnwritten is readStandings for partitions that nothing has ever been written to, which have no producers: their leaders say so. It also has
// those whose leaders give an error instead, as those of topics that were created a moment ago do.
func readUnwritten(ctx context.Context, r *Region, parts []partitionKey) (map[partitionKey]standing, error) {
	ends, _, err := leaderEnds(ctx, r, topicsOfKeys(parts))
	if err != nil {
		return nil, err
	}
	all := map[partitionKey]standing{}
	for _, k := range parts {
		end, known := ends[k]
		if !known {
			end.err = kerr.UnknownTopicOrPartition
		}
		if end.err != nil || end.end == 0 {
			all[k] = standing{span: end}
		}
	}
	return all, nil
}

// describe takes what the broker knows of the partition's producers.
func (s *standing) describe(active kadm.DescribedProducers, id identity) {
	s.tells = len(active) > 0
	for _, a := range active {
		if a.ProducerID != id.ProducerID {
			continue
		}
		s.listed = true
		switch epoch := int16(a.ProducerEpoch); {
		case epoch > id.Epoch:
			s.newer = true
		case epoch == id.Epoch && a.LastSequence >= 0:
			s.next = batch.NextSequence(a.LastSequence, 1)
		}
	}
}

// sequence is the one that goes on at a partition whose log ends with the batch of l, and whether there is one: where nobody knows, the
// identity must be renewed.
func (s standing) sequence(l last, id identity) (int32, bool) {
	switch {
	case s.newer:
		return 0, false
	case s.listed:
		return s.next, true
	case s.end == 0:
		return 0, true
	case l.data && l.id.ProducerID == id.ProducerID && l.id.Epoch == id.Epoch:
		return l.id.Sequence, true // the state has expired, or the broker does not tell: the log does
	case s.tells:
		return 0, true // a producer without state may begin anywhere
	}
	return 0, false
}

func deleteRecords(ctx context.Context, r *Region, k partitionKey, upTo int64) error {
	resp, err := r.Admin.DeleteRecords(ctx, kadm.Offsets{k.topic: {k.partition: {Topic: k.topic, Partition: k.partition, At: upTo}}})
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return fmt.Errorf("%s: %s-%d: deleting records in front of @%d: %w", r.Name, k.topic, k.partition, upTo, err)
	}
	return nil
}

// last is what a log has at one offset, whatever isolation a reader asks for.
type last struct {
	found bool           // a batch covers the offset
	data  bool           // with a record there
	mark  bool           // it is a transaction's marker
	id    batch.Identity // who wrote the batch, with the sequence behind it
}

// lastAt reads what the logs have at the given offsets, one per partition.
func lastAt(ctx context.Context, r *Region, at map[partitionKey]int64) (map[partitionKey]last, error) {
	found := map[partitionKey]last{}
	err := readFrom(ctx, r, at, func(k partitionKey, c *fetch.Chunk) (bool, error) {
		if c.Err != nil && !errors.Is(c.Err, kerr.OffsetOutOfRange) {
			return false, c.Err
		}
		l, err := recordAt(c.Records, at[k])
		if !l.found && c.Err == nil && c.HighWatermark > at[k] && c.Next <= at[k] {
			return false, err // the batch is still to come
		}
		found[k] = l
		return true, err
	})
	return found, err
}

// readFrom reads partitions from offsets on, uncommitted records and markers too, until each has told that it needs no more.
func readFrom(ctx context.Context, r *Region, at map[partitionKey]int64, each func(partitionKey, *fetch.Chunk) (enough bool, err error)) error {
	return readWith(ctx, r, fetch.Options{ReadUncommitted: true, MaxPartitionBytes: 64 << 10}, at, each)
}

// readWith is readFrom with other bounds and isolation.
func readWith(ctx context.Context, r *Region, o fetch.Options, at map[partitionKey]int64, each func(partitionKey, *fetch.Chunk) (enough bool, err error)) error {
	if len(at) == 0 {
		return nil
	}
	f := r.fetcher(o)
	for k, offset := range at {
		f.Add(k.topic, k.partition, offset)
	}
	ctx, cancel := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return f.Run(ctx) })
	err := func() error {
		done := map[partitionKey]bool{}
		for len(done) < len(at) {
			chunks, err := f.Poll(ctx)
			if err != nil {
				return fmt.Errorf("%s: reading logs: %w", r.Name, context.Cause(ctx))
			}
			for _, c := range chunks {
				k := partitionKey{c.Topic, c.Partition}
				if !done[k] {
					enough, err := each(k, &c)
					if err != nil {
						return fmt.Errorf("%s: %s-%d: reading the log: %w", r.Name, k.topic, k.partition, err)
					}
					if enough {
						done[k] = true
						f.Remove(k.topic, k.partition)
					}
				}
				c.Release()
			}
		}
		return nil
	}()
	cancel()
	_ = g.Wait() // it ends with the context that was cancelled
	return err
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
		l := last{found: true}
		l.id = batch.Identity{ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(), Sequence: -1}
		if l.mark = b.Control(); l.mark {
			return l, nil
		}
		if b.BaseSequence() >= 0 {
			l.id.Sequence = batch.NextSequence(b.BaseSequence(), b.LastOffsetDelta()+1)
		}
		err = batch.Records(b, func(r *batch.Record) error {
			if r.Offset == offset {
				l.data = true
			}
			return nil
		})
		return l, err
	}
}
