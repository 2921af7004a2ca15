package linking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// logReader reads ranges of one region's logs as a read_committed consumer sees them.
type logReader struct {
	region  *Region
	f       *fetch.Fetcher // somebody runs it
	timeout time.Duration  // how long the region may not answer
	bytes   int64          // read so far
}

// readMax is how much of a partition is asked for at once: little, because what lies behind a range is thrown away.
const readMax = 1 << 20

func newLogReader(r *Region, timeout time.Duration) *logReader {
	return &logReader{region: r, f: r.fetcher(fetch.Options{MaxPartitionBytes: readMax}), timeout: timeout}
}

// errRemoved says that retention has removed the beginning of a range before it was read.
var errRemoved = errors.New("removed before it was read")

// read calls each for every batch that a read_committed consumer sees and that reaches into the range of its partition, in order of
// offsets. A range ends at its end, or where the log does. What keeps single ranges from being read is in failed: errRemoved, a deleted
// topic, a refusal, damaged bytes. The error is of the region: *UnreachableError, or ctx's.
func (s *logReader) read(ctx context.Context, ranges map[partitionKey]offsets, each func(partitionKey, batch.Batch) error) (failed map[partitionKey]error, err error) {
	failed = map[partitionKey]error{}
	aborted := map[partitionKey]*batch.Aborted{}
	open := map[partitionKey]bool{}
	for k, w := range ranges {
		if w.from < w.end {
			open[k], aborted[k] = true, &batch.Aborted{}
			s.f.Add(k.topic, k.partition, w.from)
		}
	}
	defer func() {
		for k := range open {
			s.f.Remove(k.topic, k.partition)
		}
	}()
	for len(open) > 0 {
		chunks, err := s.poll(ctx)
		if err != nil {
			return failed, err
		}
		for i := range chunks {
			c := &chunks[i]
			k := partitionKey{c.Topic, c.Partition}
			if open[k] {
				more, err := s.take(c, ranges[k], aborted[k], func(b batch.Batch) error { return each(k, b) })
				if err != nil {
					failed[k] = err
				}
				if err != nil || !more {
					delete(open, k)
					s.f.Remove(k.topic, k.partition)
				}
			}
			s.bytes += int64(len(c.Records))
			c.Release()
		}
	}
	return failed, nil
}

// take hands out a chunk's batches and says whether more of the range is to come.
func (s *logReader) take(c *fetch.Chunk, w offsets, aborted *batch.Aborted, each func(batch.Batch) error) (more bool, err error) {
	switch {
	case errors.Is(c.Err, kerr.OffsetOutOfRange):
		return false, errRemoved
	case c.Err != nil:
		return false, fmt.Errorf("%s: %w", s.region.Name, c.Err)
	}
	aborted.Add(c.Aborted)
	for rest := c.Records; len(rest) > 0; {
		b, behind, err := batch.Next(rest)
		if err != nil {
			return false, fmt.Errorf("%s: %w", s.region.Name, err)
		}
		rest = behind
		if b.BaseOffset() >= w.end {
			return false, nil
		}
		visible, err := aborted.Visible(b)
		if err == nil && visible && b.NextOffset() > w.from {
			err = each(b)
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", s.region.Name, err)
		}
	}
	return c.Next < w.end && (c.LastStable < 0 || c.Next < c.LastStable), nil
}

// poll waits for chunks as long as the region answers.
func (s *logReader) poll(ctx context.Context) ([]fetch.Chunk, error) {
	for {
		short, cancel := context.WithTimeout(ctx, time.Second)
		chunks, err := s.f.Poll(short)
		cancel()
		if err == nil {
			return chunks, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if cause, since := s.f.Health(); cause != nil && time.Since(since) > s.timeout {
			return nil, &UnreachableError{s.region.Name, s.region.Addresses, time.Since(since), cause}
		}
	}
}
