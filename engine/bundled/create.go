package bundled

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/run"
	"github.com/lifeboat-dr/lifeboat/statements"
)

const (
	maxName = 72
	maxSQL  = 128 << 10
)

// Create implements engine.Backend. CREATE TABLE is carried out before it returns; an INSERT is planned, so that all that can be known to be wrong
// is refused here, and started. With sql.dry-run the statement is answered as COMPLETED and not kept.
func (e *Engine) Create(ctx context.Context, spec engine.Spec) (engine.Statement, error) {
	if err := checkName(spec.Name); err != nil {
		return engine.Statement{}, err
	}
	if len(spec.SQL) > maxSQL {
		return engine.Statement{}, &engine.InvalidError{Message: fmt.Sprintf("the statement is %d bytes long: at most %d are allowed", len(spec.SQL), maxSQL)}
	}
	if err := checkProperties(spec.Properties); err != nil {
		return engine.Statement{}, err
	}
	release, err := e.claim(ctx, spec.Name)
	if err != nil {
		return engine.Statement{}, err
	}
	defer release()
	ctx, cancel := e.toTheEnd(ctx)
	defer cancel()
	st, err := e.create(ctx, spec)
	switch {
	case err == nil || ctx.Err() == nil:
		return st, err
	case e.ctx.Err() != nil:
		return st, fmt.Errorf("%s: creating statement %q: %w", e.opts.Region, spec.Name, context.Cause(e.ctx))
	default:
		return st, fmt.Errorf("%s: statement %q was not created within %s: %w", e.opts.Region, spec.Name, createWithin, err)
	}
}

// create does what Create says, for the one who has claimed the name.
func (e *Engine) create(ctx context.Context, spec engine.Spec) (st engine.Statement, err error) {
	parsed, findings := statements.ParseOne(spec.Name, spec.SQL)
	if len(findings) > 0 {
		return engine.Statement{}, catalog.Refusal(findings)
	}
	now := time.Now().UTC()
	r := record{
		Name: spec.Name, SQL: spec.SQL, Properties: maps.Clone(spec.Properties), Labels: maps.Clone(spec.Labels), Stopped: spec.Stopped,
		UID: newUID(), Version: now.UnixMilli(), Created: now, Updated: now, Kind: parsed.Statement.Kind(), AppendOnly: true,
	}
	dry := strings.EqualFold(spec.Properties["sql.dry-run"], "true")
	var job *run.Job
	switch n := parsed.Statement.(type) {
	case *statements.CreateTable:
		if n.Temporary {
			return engine.Statement{}, invalid(parsed.At(), "leave TEMPORARY out", "this engine has no temporary tables")
		}
		r.Phase, r.Bounded = engine.Completed, true
		r.Detail, err = e.catalog.Create(ctx, spec.Name, parsed, dry)
	case *statements.Insert:
		r.Phase = engine.Pending
		job, err = e.compile(ctx, parsed, &r)
	default:
		err = invalid(parsed.At(), "", "%s is not supported by this engine", r.Kind)
	}
	if err != nil {
		return engine.Statement{}, err
	}
	if dry {
		r.Phase, r.Stopped = engine.Completed, false
		if r.Detail == "" {
			r.Detail = "the statement is valid; sql.dry-run: it was not started and not kept"
		}
		return newStatement(e, r).show(), nil
	}
	if r.Stopped && r.Phase == engine.Pending {
		r.Phase = engine.Stopped
	}
	s := newStatement(e, r)
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := e.add(ctx, s); err != nil {
		return engine.Statement{}, err
	}
	shown := s.show()
	if r.Phase == engine.Pending {
		job.Fresh = true
		s.start(func(context.Context) (*run.Job, error) { return job, nil })
	}
	return shown, nil
}

// createWithin bounds the creation of a statement, and what else is done to one.
const createWithin = time.Minute

// claim takes a statement's name, and waits for another who is creating one of that name. It is refused where there is one.
func (e *Engine) claim(ctx context.Context, name string) (release func(), err error) {
	for {
		e.mu.Lock()
		_, exists := e.statements[name]
		over, busy := e.creating[name]
		if !busy && !exists && !e.closed {
			mine := make(chan struct{})
			e.creating[name] = mine
			e.mu.Unlock()
			return func() {
				e.mu.Lock()
				defer e.mu.Unlock()
				delete(e.creating, name)
				close(mine)
			}, nil
		}
		closed := e.closed
		e.mu.Unlock()
		switch {
		case closed:
			return nil, fmt.Errorf("%s: the engine is closed", e.opts.Region)
		case exists:
			return nil, fmt.Errorf("%s: %w: %q", e.opts.Region, engine.ErrExists, name)
		}
		select {
		case <-over:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: waiting for another statement %q to be created: %w", e.opts.Region, name, context.Cause(ctx))
		}
	}
}

// add records a new statement. Its name is taken first, so that of two at once one is refused.
func (e *Engine) add(ctx context.Context, s *statement) error {
	e.mu.Lock()
	if _, exists := e.statements[s.r.Name]; exists {
		e.mu.Unlock()
		return fmt.Errorf("%s: %w: %q", e.opts.Region, engine.ErrExists, s.r.Name)
	}
	e.statements[s.r.Name] = s
	e.mu.Unlock()
	if err := s.save(ctx); err != nil {
		e.forget(s)
		return fmt.Errorf("recording statement %q: %w", s.r.Name, err)
	}
	return nil
}

func (e *Engine) forget(s *statement) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.statements[s.r.Name] == s {
		delete(e.statements, s.r.Name)
	}
}

// compile resolves and plans an INSERT, notes in r what is known of it by that, and returns what runs it.
func (e *Engine) compile(ctx context.Context, parsed *statements.Parsed, r *record) (*run.Job, error) {
	names := slices.Concat(statements.Reads(parsed.Statement), statements.Writes(parsed.Statement))
	slices.Sort(names)
	entries, err := e.catalog.Lookup(ctx, slices.Compact(names)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.opts.Region, err)
	}
	tables := statements.Tables{}
	for name, entry := range entries {
		tables[name] = entry.Table
	}
	resolved, findings := statements.Resolve(parsed, tables)
	if len(findings) > 0 {
		refusal := catalog.Refusal(findings)
		for _, name := range names {
			if _, known := tables[name]; !known && strings.Contains(refusal.Message, name) {
				refusal.Hint = e.catalog.Nearest(ctx, name)
			}
		}
		return nil, refusal
	}
	properties := maps.Clone(r.Properties)
	pipeline, err := plan.Compile(resolved, properties)
	if err != nil {
		return nil, err
	}
	first := pipeline
	job := &run.Job{
		Region: e.opts.Region, Name: r.Name, UID: r.UID, SQL: r.SQL, Properties: properties,
		// The first attempt runs the plan that was just made.
		Compile: func() (*plan.Pipeline, error) {
			if p := first; p != nil {
				first = nil
				return p, nil
			}
			return plan.Compile(resolved, properties)
		},
		Input: entries[pipeline.Input.Name], Output: entries[pipeline.Output.Name], Registry: e.catalog.Registry(),
		Kafka: e.opts.Kafka, Client: e.client, Interval: e.opts.CheckpointInterval,
	}
	if r.Bounded, err = job.Check(pipeline); err != nil {
		return nil, invalid(parsed.At(), "", "%v", err)
	}
	r.AppendOnly = pipeline.Mode == statements.Append
	return job, nil
}

func invalid(at statements.Pos, hint, format string, args ...any) *engine.InvalidError {
	return &engine.InvalidError{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// checkName keeps names to what every statements API takes.
func checkName(name string) error {
	ok := name != "" && len(name) <= maxName && name[0] != '-' && name[len(name)-1] != '-'
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return &engine.InvalidError{
			Message: fmt.Sprintf("statement name %q is not allowed", name),
			Hint:    fmt.Sprintf("use 1 to %d of a-z, 0-9 and -, with no - at either end", maxName),
		}
	}
	return nil
}

// newUID is a random UUID (RFC 9562, version 4).
func newUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
