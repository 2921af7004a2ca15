// Package run is a statement's life: it reads the input, runs the pipeline, commits output, state and positions in one Kafka transaction, and
// goes on from the last one after any failure.
//
// What the statement computes is package plan's; whether it is to run, and what people see of it, is the engine's.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
)

// transactionTimeout is how long a checkpoint may take before the coordinator gives it up: more than a broker needs to start again, less
// than people want to wait for readers of the output that a dead process blocks.
const transactionTimeout = time.Minute

// abortTimeout is how long a statement that has failed tries to give up its transaction.
const abortTimeout = 5 * time.Second

// Pauses between attempts, and how long they may fail before the statement is shown as DEGRADED.
const (
	firstPause    = 50 * time.Millisecond
	lastPause     = 5 * time.Second
	degradedAfter = 10 * time.Second
)

// Job is a statement that is to run.
type Job struct {
	Region, Name, UID string
	SQL               string
	Properties        map[string]string
	Compile           func() (*plan.Pipeline, error) // called once for each attempt
	Input, Output     *catalog.Entry
	Registry          *catalog.Registry
	Kafka             []kgo.Opt   // what reaches the cluster
	Client            *kgo.Client // limited to txn.Versions; shared by all statements
	Interval          time.Duration
	Fresh             bool // created just now: there is no checkpoint to look for
}

// Observer is told what happens. Calls come from one goroutine at a time.
type Observer struct {
	Phase     func(engine.Phase, string)
	Progress  func(engine.Progress)
	Exception func(engine.Exception)
}

// Check says, before the statement is started, whether it can read its input and write its output, and whether its input ends.
func (j *Job) Check(p *plan.Pipeline) (bounded bool, err error) {
	s, err := readScan(p.Input.Name, p.Options, j.Properties)
	if err != nil {
		return false, err
	}
	for partition := range s.start.offsets {
		if partition >= j.Input.Partitions {
			return false, fmt.Errorf("table %q: a start offset is given for partition %d, but the topic has %d partitions", p.Input.Name, partition, j.Input.Partitions)
		}
	}
	if _, err := p.NewReader(j.lookup(context.Background()), j.Input.Key, j.Input.Value); err != nil {
		return false, fmt.Errorf("table %q: %w", p.Input.Name, err)
	}
	if _, err := p.NewWriter(j.Output.Key, j.Output.Value); err != nil {
		return false, fmt.Errorf("table %q: %w", p.Output.Name, err)
	}
	return s.bounded(), nil
}

// Keep runs a statement and keeps it running. It returns nil when a bounded input is read to its end, ErrStopped after stop was closed and a
// last checkpoint was committed, ctx's cause when ctx ended, at once and without a checkpoint, and otherwise why the statement has
// failed. prepare makes the job; it is called again only where it failed. owned says whether the region is still this process's: it is asked
// before the transactional id is taken from whoever has it by then; ErrTakenOver says that it is not.
func Keep(ctx context.Context, stop <-chan struct{}, name string, prepare func(context.Context) (*Job, error), owned func(context.Context) error, o Observer, log *slog.Logger) error {
	pause, failing := firstPause, time.Time{}
	var job *Job
	for {
		committed := false
		err := guard(func() (err error) {
			if job == nil {
				if job, err = prepare(ctx); err != nil {
					return err
				}
			}
			committed, err = job.attempt(ctx, stop, o)
			return err
		})
		switch {
		case err == nil, errors.Is(err, ErrStopped):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		o.Exception(engine.Exception{Name: exceptionName(err), Message: message(err), At: time.Now().UTC()})
		if errors.Is(err, ErrTakenOver) || !passing(err) {
			return err
		}
		if err := owned(ctx); errors.Is(err, ErrTakenOver) {
			return err
		}
		if committed || failing.IsZero() {
			pause, failing = firstPause, time.Now()
		}
		phase := engine.Running
		if job == nil {
			phase = engine.Pending
		}
		if time.Since(failing) > degradedAfter {
			phase = engine.Degraded
		}
		log.Warn("statement tries again", "statement", name, "after", pause, "error", err)
		o.Phase(phase, fmt.Sprintf("trying again from the last checkpoint, failing since %s: %v", failing.UTC().Format(time.RFC3339), err))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stop:
			return ErrStopped
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// guard turns a panic of f into an error: a mistake in one statement's way ends that statement, not the process.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: string(debug.Stack())}
		}
	}()
	return f()
}

// message is an error for the exceptions resource, with the stack where there is one.
func message(err error) string {
	var panicked *PanicError
	if errors.As(err, &panicked) {
		return panicked.Error() + "\n" + panicked.Stack
	}
	return err.Error()
}

// attempt runs the statement from its last checkpoint until something ends it. committed tells whether it got as far as a checkpoint.
func (j *Job) attempt(ctx context.Context, stop <-chan struct{}, o Observer) (committed bool, err error) {
	alive := ctx
	group, ctx := errgroup.WithContext(ctx)
	w := &worker{job: j, observer: o, group: group}
	// The worker always ends with an error, and with it the source.
	group.Go(func() error {
		return guard(func() error {
			if err := w.open(ctx); err != nil {
				return err
			}
			return w.run(ctx, stop)
		})
	})
	err = group.Wait()
	w.close(alive)
	if errors.Is(err, errInputEnded) {
		err = nil
	}
	return w.commits > 0, err
}

// open takes the transactional id, reads the last checkpoint, and prepares everything between source and sink.
func (w *worker) open(ctx context.Context) error {
	j := w.job
	var err error
	if w.pipeline, err = j.Compile(); err != nil {
		return err
	}
	if w.scan, err = readScan(w.pipeline.Input.Name, w.pipeline.Options, j.Properties); err != nil {
		return &fatalError{err}
	}
	if w.reader, err = w.pipeline.NewReader(j.lookup(ctx), j.Input.Key, j.Input.Value); err != nil {
		return &fatalError{fmt.Errorf("table %q: %w", w.pipeline.Input.Name, err)}
	}
	writer, err := w.pipeline.NewWriter(j.Output.Key, j.Output.Value)
	if err != nil {
		return &fatalError{fmt.Errorf("table %q: %w", w.pipeline.Output.Name, err)}
	}
	w.state = txn.Partition{Topic: StateTopic(j.Region, j.Name)}
	w.stateReady = make(chan error, 1)
	w.group.Go(func() error {
		w.stateReady <- txn.EnsureTopic(ctx, j.Client, w.state.Topic)
		return nil
	})
	if w.producer, err = txn.Open(ctx, j.Client, TransactionalID(j.Region, j.Name), transactionTimeout); err != nil {
		return err
	}
	if err := w.restore(ctx); err != nil {
		return err
	}
	partitions, err := positions(ctx, kadm.NewClient(j.Client), w.pipeline.Input.Name, j.Input.Partitions, w.scan, w.last)
	if err != nil {
		return err
	}
	if w.sink, err = newSink(w.pipeline.Output, j.Output.Partitions, writer, w.producer, w.group); err != nil {
		return &fatalError{err}
	}
	// Long polls hold a connection: they get their own.
	if w.client, err = kgo.NewClient(append(append([]kgo.Opt{}, j.Kafka...), kgo.ClientID("lifeboat-"+j.Name))...); err != nil {
		return &fatalError{err}
	}
	w.source = newSource(w.client, w.pipeline.Input.Name, partitions)
	w.group.Go(func() error { return w.source.fetcher.Run(ctx) })
	w.group.Go(func() error { return w.source.run(ctx) })
	w.prepareTime(time.Now())
	return nil
}

// close gives up what is not committed: readers of the output would wait for it until the transaction times out. Where that fails, or ctx has ended, they do.
func (w *worker) close(ctx context.Context) {
	if w.client != nil {
		w.client.Close()
	}
	if w.producer != nil && w.producer.Dirty() && ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(ctx, abortTimeout)
		defer cancel()
		_ = w.producer.Abort(ctx)
	}
}

// lookup resolves schema ids of records.
func (j *Job) lookup(ctx context.Context) format.Lookup {
	return func(id int) (format.Schema, error) {
		s, err := j.Registry.ByID(ctx, id)
		if err != nil {
			return format.Schema{}, err
		}
		return *s, nil
	}
}
