package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// markInterval is how often idleness is looked at where no records come: Flink's interval of watermarks.
const markInterval = 200 * time.Millisecond

// errInputEnded ends the worker of a bounded statement.
var errInputEnded = errors.New("the input has ended")

// worker is the one goroutine that owns a statement's pipeline: decode, compute and encode are one chain, and nothing in it is locked.
type worker struct {
	job      *Job
	observer Observer
	group    *errgroup.Group

	scan     scan
	pipeline *plan.Pipeline
	reader   *format.Reader
	client   *kgo.Client // the source's
	source   *source
	sink     *sink
	producer *txn.Producer
	time     *eventTime

	state      txn.Partition
	stateReady chan error
	last       *manifest // the last checkpoint committed; nil before the first
	commits    int64
	rowsIn     int64 // since the statement was created
	rowsOut    int64 // at the last checkpoint's restore; the sink counts on from there
	watermark  int64 // the last one that the pipeline was given
	changed    bool  // something was done since the last checkpoint
}

func (w *worker) run(ctx context.Context, stop <-chan struct{}) error {
	w.observer.Phase(engine.Running, "")
	if w.last != nil {
		w.observer.Progress(w.last.progress(0))
	}
	marks := time.NewTicker(min(markInterval, w.job.Interval))
	defer marks.Stop()
	due := time.Now().Add(w.job.Interval)
	for {
		if w.ended() {
			return w.finish(ctx)
		}
		p := w.source.pick(w.time, w.scan.drift)
		if p == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-stop:
				return w.halt(ctx)
			case <-marks.C:
			case chunks := <-w.source.chunks:
				if err := w.source.take(chunks, w.time, time.Now()); err != nil {
					return err
				}
				continue
			}
		} else {
			// Chunks that have arrived are queued first: one of them may be of an earlier partition.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-stop:
				return w.halt(ctx)
			case chunks := <-w.source.chunks:
				if err := w.source.take(chunks, w.time, time.Now()); err != nil {
					return err
				}
				continue
			default:
			}
			if err := w.work(ctx, p); err != nil {
				return err
			}
		}
		now := time.Now()
		if err := w.advance(ctx, now); err != nil {
			return err
		}
		if now.After(due) {
			if err := w.checkpoint(ctx); err != nil {
				return err
			}
			due = time.Now().Add(w.job.Interval)
		}
	}
}

// ended reports whether a bounded input is read.
func (w *worker) ended() bool {
	for _, p := range w.source.partitions {
		if !p.done() || p.held {
			return false
		}
	}
	return true
}

// finish fires what is open and commits it.
func (w *worker) finish(ctx context.Context) error {
	if err := w.advanceTo(ctx, math.MaxInt64); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return errInputEnded
}

// halt commits what is done and stops.
func (w *worker) halt(ctx context.Context) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	return ErrStopped
}

// settle makes a last checkpoint and waits until its markers are in the log: who is told that the statement has ended finds all that it wrote.
func (w *worker) settle(ctx context.Context) error {
	if err := w.checkpoint(ctx); err != nil || w.commits == 0 {
		return err
	}
	return w.producer.Touch(ctx, w.state)
}

// work runs the next chunk of a partition through the pipeline.
func (w *worker) work(ctx context.Context, p *inputPartition) error {
	c := p.queue[0]
	p.queue = p.queue[1:]
	defer c.Release()
	if c.Next <= p.next {
		return nil
	}
	p.abort.Add(c.Aborted)
	rows := w.pipeline.NewBatch()
	defer func() { w.pipeline.Release(rows) }()
	rows.Topic, rows.Partition = c.Topic, c.Partition
	for rest := c.Records; len(rest) > 0; {
		b, behind, err := batch.Next(rest)
		if err != nil {
			return &fatalError{fmt.Errorf("%s-%d, fetched from offset %d: %w", c.Topic, c.Partition, c.Offset, err)}
		}
		if b == nil {
			break
		}
		rest = behind
		visible, err := p.abort.Visible(b)
		if err != nil {
			return &fatalError{fmt.Errorf("%s-%d at %d: %w", c.Topic, c.Partition, b.BaseOffset(), err)}
		}
		if !visible {
			continue
		}
		if rows, err = w.decode(ctx, p, &c, b, rows); err != nil {
			return err
		}
	}
	if rows.N > 0 {
		if err := w.process(ctx, p, rows); err != nil {
			return err
		}
	}
	p.next = min(c.Next, p.end)
	w.changed = true
	if p.done() {
		w.source.fetcher.Remove(c.Topic, c.Partition)
		for i := range p.queue {
			p.queue[i].Release()
		}
		p.queue = nil
		if !p.held {
			w.time.partitions[p.number].watermark = math.MaxInt64 // nothing comes any more
		}
	}
	return nil
}

// decode appends the records of a batch to rows, and processes rows whenever they are full. It returns the batch to go on with.
func (w *worker) decode(ctx context.Context, p *inputPartition, c *fetch.Chunk, b batch.Batch, rows *vec.Batch) (*vec.Batch, error) {
	rec := format.Record{Partition: c.Partition, LeaderEpoch: b.LeaderEpoch(), LogAppend: b.LogAppendTime()}
	err := batch.Records(b, func(r *batch.Record) error {
		if r.Offset < p.next || r.Offset >= p.end {
			return nil // a batch is answered whole, even where only its end was asked for
		}
		if p.from != vec.NoWatermark {
			if r.Timestamp < p.from {
				return nil
			}
			p.from = vec.NoWatermark
		}
		rec.Key, rec.Value, rec.Timestamp, rec.Offset = r.Key, r.Value, r.Timestamp, r.Offset
		if err := w.reader.Append(rows, &rec); err != nil {
			var bad *format.BadRecordError
			if errors.As(err, &bad) {
				if w.scan.skipBad {
					w.observer.Exception(engine.Exception{Name: "BadRecord", Message: "passed over, as error-handling.mode = ignore says: " + bad.Error(), At: time.Now()})
					return nil
				}
				return bad
			}
			return fmt.Errorf("%s-%d@%d: %w", c.Topic, c.Partition, r.Offset, err)
		}
		if !rows.Full() {
			return nil
		}
		if err := w.process(ctx, p, rows); err != nil {
			return err
		}
		rows.Reset()
		rows.Topic, rows.Partition = c.Topic, c.Partition
		return nil
	})
	if errors.Is(err, batch.ErrCorrupt) {
		err = &fatalError{fmt.Errorf("%s-%d at %d: %w", c.Topic, c.Partition, b.BaseOffset(), err)}
	}
	return rows, err
}

// process runs a batch of one partition's rows, and then what its watermark completes.
func (w *worker) process(ctx context.Context, p *inputPartition, rows *vec.Batch) error {
	mark, err := w.pipeline.Watermark(rows)
	if err != nil {
		return err
	}
	w.rowsIn += int64(rows.N)
	if err := w.pipeline.Process(rows, w.emit(ctx)); err != nil {
		return err
	}
	now := time.Now()
	w.time.advance(p.number, mark, now)
	return w.advance(ctx, now)
}

func (w *worker) emit(ctx context.Context) plan.Emit {
	return func(rows *vec.Batch) error {
		w.changed = true
		return w.sink.emit(ctx, rows)
	}
}

// advance gives the pipeline the watermark of all partitions together. A partition with unread records is not idle, and neither is one of which
// nothing is known yet, or one that is held where it has more: what the watermark lets go cannot be called back.
func (w *worker) advance(ctx context.Context, now time.Time) error {
	for _, p := range w.source.partitions {
		if len(p.queue) > 0 || p.held && p.done() && w.time.partitions[p.number].watermark != vec.NoWatermark || !p.done() && (p.stable < 0 || p.next < p.stable) {
			w.time.busy(p.number, now)
		}
	}
	return w.advanceTo(ctx, w.time.combined(now))
}

func (w *worker) advanceTo(ctx context.Context, watermark int64) error {
	if watermark <= w.watermark {
		return nil
	}
	w.watermark, w.changed = watermark, true
	return w.pipeline.Advance(watermark, w.emit(ctx))
}
