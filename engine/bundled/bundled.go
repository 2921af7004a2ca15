// Package bundled is the statement engine in this binary: one process, any number of statements, the Confluent dialect of Flink SQL, event
// time, exactly once.
//
// Everything that it must remember is in the region's own Kafka, in compacted topics named after the region: tables in
// _lifeboat.REGION.catalog, statements in _lifeboat.REGION.statements, and what a statement has computed in _lifeboat.REGION.state.STATEMENT. So the
// process has no disk that matters, and a link carries all of it to another region. One process has a region at a time: the one that was opened
// last, by the transactional id lifeboat.REGION.engine.
//
// This package is the statements' lives as people see them. Tables are package catalog's, SQL package statements', plans package plan's, and
// running one statement package run's.
package bundled

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
)

// Options say which region an engine serves, and how it reaches it.
type Options struct {
	Region string    // the name in topics and transactional ids
	Kafka  []kgo.Opt // seed brokers, TLS, SASL: what reaches the region's cluster
	// The region's schema registry. User and password are empty where it asks for none.
	RegistryURL      string
	RegistryUser     string
	RegistryPassword string
	// RegistryTransport is how it is reached: with TLS, with a login of its own. nil is Go's own.
	RegistryTransport http.RoundTripper
	// CheckpointInterval is how often a statement commits, and so how late its output is seen [1 s].
	CheckpointInterval time.Duration
	Log                *slog.Logger // nil: nothing is logged
}

// Engine runs the statements of one region. It implements engine.Backend and engine.Exceptioner.
type Engine struct {
	opts    Options
	client  *kgo.Client
	admin   *kadm.Client
	catalog *catalog.Catalog
	store   *store
	log     *slog.Logger

	ctx    context.Context // of all runs; ended by Open's context, by Close, and with run.ErrTakenOver
	cancel context.CancelCauseFunc
	runs   errgroup.Group // functions in it return nil

	stopWatch context.CancelFunc

	mu         sync.Mutex
	statements map[string]*statement
	creating   map[string]chan struct{} // by name; closed when that is over
	closed     bool

	opening   sync.Mutex // guards sandboxes, and is held while one is opened or ended
	sandboxes map[string]*sandbox
}

var (
	_ engine.Backend     = (*Engine)(nil)
	_ engine.Exceptioner = (*Engine)(nil)
)

// Open takes over a region: another engine process that had it is shut out, and the statements that it ran go on here from their last
// checkpoints. When ctx ends they are cut off where they are, as by kill -9; Close ends them orderly.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Region == "" {
		return nil, errors.New("opening the engine: the region has no name")
	}
	if o.CheckpointInterval <= 0 {
		o.CheckpointInterval = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{opts: o, log: o.Log.With("region", o.Region), statements: map[string]*statement{}, creating: map[string]chan struct{}{}, sandboxes: map[string]*sandbox{}}
	registry, err := catalog.OpenRegistry(o.RegistryURL, o.RegistryUser, o.RegistryPassword, o.RegistryTransport)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Region, err)
	}
	if e.client, err = kgo.NewClient(append(slices.Clone(o.Kafka), kgo.MaxVersions(txn.Versions()), kgo.ClientID("lifeboat-engine"),
		kgo.MetadataMinAge(10*time.Millisecond))...); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Region, err)
	}
	e.admin = kadm.NewClient(e.client)
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	if err := e.load(ctx, registry); err != nil {
		e.cancel(nil)
		_ = e.runs.Wait()
		e.client.Close()
		return nil, fmt.Errorf("%s: opening the engine: %w", o.Region, err)
	}
	return e, nil
}

// load takes the region, and then reads what is there: in this order, because what the process before has not committed by then it
// never will.
func (e *Engine) load(ctx context.Context, registry *catalog.Registry) error {
	var err error
	if e.store, err = openStore(ctx, e.client, e.opts.Region); err != nil {
		return err
	}
	var tables, statements map[string][]byte
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { tables, err = txn.ReadTable(gctx, e.opts.Kafka, e.store.tables); return err })
	g.Go(func() (err error) {
		statements, err = txn.ReadTable(gctx, e.opts.Kafka, e.store.statements)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	put := func(ctx context.Context, name string, value []byte) error {
		return e.store.put(ctx, e.store.tables, name, value)
	}
	if e.catalog, err = catalog.New(e.client, registry, put, tables); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		var r record
		if err := json.Unmarshal(statements[name], &r); err != nil {
			return fmt.Errorf("topic %q: statement %q: %w", e.store.statements, name, err)
		}
		e.statements[name] = newStatement(e, r)
	}
	for _, name := range slices.Sorted(maps.Keys(e.statements)) {
		e.statements[name].goOn()
	}
	watching, stop := context.WithCancel(e.ctx)
	e.stopWatch = stop
	e.runs.Go(func() error {
		defer stop()
		if err := e.store.watch(watching); err != nil {
			e.log.Warn("the engine ends its statements", "error", err)
			e.cancel(err)
		}
		return nil
	})
	return nil
}

// Close stops every statement after a last checkpoint, so that it goes on where it was when the region is opened again, and leaves what
// they are to do as it is. When ctx ends first, they are cut off.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	all := slices.Collect(maps.Values(e.statements))
	e.mu.Unlock()
	e.opening.Lock()
	for _, s := range e.sandboxes {
		_ = s.Close(ctx) // of ctx alone, which is told below
	}
	e.opening.Unlock()
	for _, s := range all {
		s.leave()
	}
	e.stopWatch()
	unhook := context.AfterFunc(ctx, func() { e.cancel(nil) })
	_ = e.runs.Wait() // its functions return nil
	unhook()
	e.cancel(nil)
	e.client.Close()
	return ctx.Err()
}

// lookup finds a statement.
func (e *Engine) lookup(name string) (*statement, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.statements[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w: %q", e.opts.Region, engine.ErrNotFound, name)
	}
	return s, nil
}

// Get implements engine.Backend.
func (e *Engine) Get(_ context.Context, name string) (engine.Statement, error) {
	s, err := e.lookup(name)
	if err != nil {
		return engine.Statement{}, err
	}
	return s.show(), nil
}

// List implements engine.Backend.
func (e *Engine) List(context.Context) ([]engine.Statement, error) {
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.statements))
	e.mu.Unlock()
	out := make([]engine.Statement, 0, len(all))
	for _, s := range all {
		out = append(out, s.show())
	}
	slices.SortFunc(out, func(a, b engine.Statement) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Stop implements engine.Backend.
func (e *Engine) Stop(ctx context.Context, name string) error {
	s, err := e.lookup(name)
	if err != nil {
		return err
	}
	ctx, cancel := e.toTheEnd(ctx)
	defer cancel()
	return s.stop(ctx)
}

// Resume implements engine.Backend. A statement that is still stopping is waited for.
func (e *Engine) Resume(ctx context.Context, name string) error {
	s, err := e.lookup(name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return fmt.Errorf("%s: the engine is closed", e.opts.Region)
	}
	ctx, cancel := e.toTheEnd(ctx)
	defer cancel()
	return s.resume(ctx)
}

// Delete implements engine.Backend. It returns when the statement and its state are gone; where that fails the statement stays in DELETING, and Delete
// can be called again.
func (e *Engine) Delete(ctx context.Context, name string) error {
	s, err := e.lookup(name)
	if err != nil {
		return err
	}
	ctx, cancel := e.toTheEnd(ctx)
	defer cancel()
	return s.delete(ctx)
}

// toTheEnd is for what is done to a statement: what is begun is ended, though whoever asked for it may have gone. A write of the region's topics that
// is called off in the middle would be in the way of the next.
func (e *Engine) toTheEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createWithin)
	stop := context.AfterFunc(e.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// Progress implements engine.Backend.
func (e *Engine) Progress(ctx context.Context, name string) (engine.Progress, error) {
	s, err := e.lookup(name)
	if err != nil {
		return engine.Progress{}, err
	}
	return s.lastProgress(ctx)
}

// Exceptions implements engine.Exceptioner.
func (e *Engine) Exceptions(_ context.Context, name string) ([]engine.Exception, error) {
	s, err := e.lookup(name)
	if err != nil {
		return nil, err
	}
	return s.lastExceptions(), nil
}
