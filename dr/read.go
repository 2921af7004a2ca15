package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// span is a run of offsets of one partition, [start, end).
type span struct{ start, end int64 }

// readRange calls fn for every record that a read_committed consumer sees in the given spans, in offset order within a
// partition, and returns when every span was read to its end. Ends must not lie beyond the last stable offset.
func readRange(ctx context.Context, r *linking.Region, spans map[string]map[int32]span, fn func(*kgo.Record) error) error {
	return readSpans(ctx, r, spans, kgo.ReadCommitted(), func(rec *kgo.Record) error {
		if rec.Attrs.IsControl() {
			return nil
		}
		return fn(rec)
	})
}

// readSpans is readRange at an isolation level, with the markers of transactions. Of uncommitted records, ends may be log ends.
func readSpans(ctx context.Context, r *linking.Region, spans map[string]map[int32]span, level kgo.IsolationLevel, fn func(*kgo.Record) error) error {
	start := map[string]map[int32]kgo.Offset{}
	left := 0
	for topic, parts := range spans {
		for p, s := range parts {
			if s.start >= s.end {
				continue
			}
			if start[topic] == nil {
				start[topic] = map[int32]kgo.Offset{}
			}
			start[topic][p] = kgo.NewOffset().At(s.start)
			left++
		}
	}
	if left == 0 {
		return nil
	}
	opts := append(slices.Clone(r.Client.Opts()),
		kgo.ConsumePartitions(start),
		kgo.FetchIsolationLevel(level),
		kgo.KeepControlRecords(), // so that a span that ends in markers is seen to end
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(200*time.Millisecond),
	)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("%s: reading: %w", r.Name, err)
	}
	defer cl.Close()
	done := map[string]map[int32]bool{}
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: reading: %w", r.Name, context.Cause(ctx))
		}
		var errs []error
		fetches.EachError(func(t string, p int32, err error) {
			errs = append(errs, fmt.Errorf("%s: %s-%d: reading: %w", r.Name, t, p, err))
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		fetches.EachPartition(func(fp kgo.FetchTopicPartition) {
			end := spans[fp.Topic][fp.Partition].end
			for _, rec := range fp.Records {
				if rec.Offset < end && err == nil {
					err = fn(rec)
				}
				if rec.Offset >= end-1 && !done[fp.Topic][fp.Partition] {
					if done[fp.Topic] == nil {
						done[fp.Topic] = map[int32]bool{}
					}
					done[fp.Topic][fp.Partition] = true
					left--
					cl.PauseFetchPartitions(map[string][]int32{fp.Topic: {fp.Partition}})
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
