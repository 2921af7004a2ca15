package linking

import (
	"context"
	"errors"
	"time"
)

// follow makes a pass of what goes beside the data again and again: the first after one interval, the others after another. It passes over
// the times when the source does not answer. A pass that fails is tried again, for what goes beside the data is no reason to stop it; only
// ErrTakenOver ends the run.
func (r *runner) follow(ctx context.Context, first, every time.Duration, what string, pass func(context.Context, map[string]*topicRecord) error) error {
	for next := first; ; next = every {
		if err := wait(ctx, next); err != nil {
			return err
		}
		if err, _ := r.fetcher.Health(); err != nil {
			continue
		}
		topics, err := r.topicsNow(ctx)
		if err != nil {
			return err
		}
		bounded, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		err = pass(bounded, topics)
		cancel()
		if errors.Is(err, ErrTakenOver) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			r.l.o.Log.Warn(what, "link", r.l.decl.Name, "error", err)
		}
	}
}

// topicsNow asks the loop for what is mirrored now.
func (r *runner) topicsNow(ctx context.Context) (map[string]*topicRecord, error) {
	answer := make(chan map[string]*topicRecord, 1)
	select {
	case r.results <- func(context.Context) error {
		answer <- r.topicsWithMaps()
		return nil
	}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case topics := <-answer:
		return topics, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
