package bundled

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
)

// A sandbox is an engine of its own in this process: what it must remember is in topics named after it, so nothing that is done in it can be
// taken for the region's. It shares with the region's engine the process and its limits, which is what a rehearsal wants to see.

var _ engine.Sandboxer = (*Engine)(nil)

// closeWithin bounds the orderly end of a sandbox that has no statement any more, and the look for what is left in one.
const closeWithin = 10 * time.Second

// Sandbox implements engine.Sandboxer. A sandbox that a process before this one has left is taken up again.
func (e *Engine) Sandbox(ctx context.Context, name string, create bool) (engine.Backend, error) {
	if !engine.IsSandbox(name) {
		return nil, fmt.Errorf("%s: %q is no name of a sandbox: they begin with %q", e.opts.Region, name, engine.SandboxPrefix)
	}
	e.opening.Lock()
	defer e.opening.Unlock()
	if s := e.sandboxes[name]; s != nil {
		return s, nil
	}
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("%s: the engine is closed", e.opts.Region)
	}
	if !create {
		left, err := e.leftIn(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: sandbox %q: %w", e.opts.Region, name, err)
		}
		if !left {
			return nil, fmt.Errorf("%s: %w: there is no sandbox %q", e.opts.Region, engine.ErrNotFound, name)
		}
	}
	o := e.opts
	o.Region = name
	inner, err := Open(e.ctx, o)
	if err != nil {
		return nil, err
	}
	s := &sandbox{Engine: inner, of: e}
	e.sandboxes[name] = s
	return s, nil
}

// leftIn says whether a process before this one has left statements in a sandbox. Nobody who only looks may open one: that makes its topics, those too that
// have just been deleted, and that a broker still tells of.
func (e *Engine) leftIn(ctx context.Context, name string) (bool, error) {
	topic := "_lifeboat." + name + ".statements"
	if there, err := e.catalog.HasTopic(ctx, topic); err != nil || !there {
		return false, err
	}
	reading, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	statements, err := txn.ReadTable(reading, e.opts.Kafka, topic)
	if err != nil {
		if there, gone := e.catalog.HasTopic(ctx, topic); gone == nil && !there {
			return false, nil
		}
	}
	return len(statements) > 0, err
}

// sandbox is an engine that ends with its last statement.
type sandbox struct {
	*Engine
	of *Engine
}

// List implements engine.Backend. What is being created comes first: whoever asked for it may have died, and who lists a sandbox is about to remove what is in it.
func (s *sandbox) List(ctx context.Context) ([]engine.Statement, error) {
	s.mu.Lock()
	creating := slices.Collect(maps.Values(s.creating))
	s.mu.Unlock()
	for _, over := range creating {
		select {
		case <-over:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return s.Engine.List(ctx)
}

// Delete implements engine.Backend.
func (s *sandbox) Delete(ctx context.Context, name string) error {
	if err := s.Engine.Delete(ctx, name); err != nil {
		return err
	}
	s.of.opening.Lock()
	defer s.of.opening.Unlock()
	s.mu.Lock()
	busy := len(s.statements)+len(s.creating) > 0
	s.mu.Unlock()
	if busy || s.of.sandboxes[s.opts.Region] != s {
		return nil
	}
	delete(s.of.sandboxes, s.opts.Region)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		s.log.Warn("a sandbox was cut off", "error", err)
	}
	return nil
}
