package bundled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/run"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// maxExceptions is how many a statement remembers.
const maxExceptions = 10

// statement is one statement's record and, while it runs, its run.
type statement struct {
	engine *Engine

	// changing is held while a wish is carried out: stop, resume, delete.
	changing sync.Mutex

	mu         sync.Mutex
	r          record
	progress   *engine.Progress   // nil: not known yet in this process
	exceptions []engine.Exception // newest first
	running    *running           // nil: nothing runs
}

// running is one run. Its end is told by done.
type running struct {
	stop   chan struct{} // closed: make a last checkpoint and end
	cancel context.CancelFunc
	done   chan struct{}
	asked  sync.Once // stop is closed once
}

func (r *running) askToStop() { r.asked.Do(func() { close(r.stop) }) }

func newStatement(e *Engine, r record) *statement { return &statement{engine: e, r: r} }

// show is the statement as people see it.
func (s *statement) show() engine.Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return engine.Statement{
		Spec: engine.Spec{
			Name: s.r.Name, SQL: s.r.SQL, Properties: maps.Clone(s.r.Properties), Labels: maps.Clone(s.r.Labels), Stopped: s.r.Stopped,
		},
		UID: s.r.UID, Version: strconv.FormatInt(s.r.Version, 10), Created: s.r.Created, Updated: s.r.Updated,
		Phase: s.r.Phase, Detail: s.r.Detail, Kind: s.r.Kind, Bounded: s.r.Bounded, AppendOnly: s.r.AppendOnly,
		Offsets: maps.Clone(s.r.Offsets), OffsetAt: s.r.OffsetAt,
	}
}

// setProgress notes a commit.
func (s *statement) setProgress(p engine.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = &p
	offsets := make(map[string]string, len(p.Offsets)) // a new map: the record's may be on its way to the topic
	for topic, at := range p.Offsets {
		offsets[topic] = engine.FormatOffsets(at)
	}
	s.r.Offsets, s.r.OffsetAt = offsets, time.Now().UTC()
}

// setPhase moves the statement to a phase. Moving where it must not is a mistake in this program and ends in FAILED, visibly.
func (s *statement) setPhase(phase engine.Phase, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phaseLocked(phase, detail)
}

func (s *statement) phaseLocked(phase engine.Phase, detail string) {
	if s.r.Phase == phase && s.r.Detail == detail {
		return
	}
	if err := run.CheckTransition(s.r.Phase, phase); err != nil {
		s.engine.log.Error("statement", "statement", s.r.Name, "error", err)
		phase, detail = engine.Failed, err.Error()
	}
	s.r.Phase, s.r.Detail = phase, detail
	s.touchLocked()
}

// touchLocked gives the statement a new resource version. Versions follow the clock, so that none comes back after a restart.
func (s *statement) touchLocked() {
	now := time.Now().UTC()
	s.r.Updated, s.r.Version = now, max(s.r.Version+1, now.UnixMilli())
}

// save records the statement as it is.
func (s *statement) save(ctx context.Context) error { return s.saveAs(ctx, func(*record) {}) }

// saveAs records the statement with a change that is not made yet: a wish counts when it is recorded.
func (s *statement) saveAs(ctx context.Context, change func(*record)) error {
	s.mu.Lock()
	r := s.r
	s.mu.Unlock()
	change(&r)
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.engine.store.put(ctx, s.engine.store.statements, r.Name, body)
}

// goOn takes up a statement that was there when the engine was opened.
func (s *statement) goOn() {
	switch {
	case s.r.Phase == engine.Deleting:
		s.engine.runs.Go(func() error {
			if err := s.delete(s.engine.ctx); err != nil {
				s.engine.log.Warn("statement could not be deleted", "statement", s.r.Name, "error", err)
			}
			return nil
		})
	case s.r.Phase.Terminal():
	case s.r.Stopped:
		s.r.Phase, s.r.Detail = engine.Stopped, ""
	default:
		s.r.Phase, s.r.Detail = engine.Pending, "going on from the last checkpoint"
		s.start(s.prepare)
	}
}

// start begins a run of what prepare makes.
func (s *statement) start(prepare func(context.Context) (*run.Job, error)) {
	ctx, cancel := context.WithCancel(s.engine.ctx)
	r := &running{stop: make(chan struct{}), cancel: cancel, done: make(chan struct{})}
	s.mu.Lock()
	s.running = r
	name := s.r.Name
	s.mu.Unlock()
	s.engine.runs.Go(func() error {
		defer close(r.done)
		defer cancel()
		err := run.Keep(ctx, r.stop, name, prepare, s.engine.store.owned, s.observer(), s.engine.log)
		s.mu.Lock()
		s.running = nil
		s.mu.Unlock()
		s.ended(err)
		return nil
	})
}

// prepare compiles the statement anew: its tables are looked up as they are now.
func (s *statement) prepare(ctx context.Context) (*run.Job, error) {
	s.mu.Lock()
	r := s.r
	s.mu.Unlock()
	parsed, findings := statements.ParseOne(r.Name, r.SQL)
	if len(findings) > 0 {
		return nil, catalog.Refusal(findings)
	}
	return s.engine.compile(ctx, parsed, &r)
}

func (s *statement) observer() run.Observer {
	return run.Observer{
		Phase: func(p engine.Phase, detail string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.r.Phase != engine.Stopping && s.r.Phase != engine.Deleting { // a wish is shown until it is done
				s.phaseLocked(p, detail)
			}
		},
		Progress:  s.setProgress,
		Exception: s.addException,
	}
}

// ended notes how a run ended. An engine that is closed or cut off leaves the statement as it is: it goes on when the region is opened again.
func (s *statement) ended(err error) {
	s.mu.Lock()
	deleting, stopping := s.r.Phase == engine.Deleting, s.r.Phase == engine.Stopping
	s.mu.Unlock()
	switch {
	case deleting:
		return
	case err == nil:
		s.setPhase(engine.Completed, "the input was read to its end")
	case errors.Is(err, run.ErrStopped):
		if !stopping {
			return // the engine is being closed
		}
		s.setPhase(engine.Stopped, "")
	case errors.Is(err, run.ErrTakenOver):
		s.setPhase(engine.Failing, err.Error())
		s.setPhase(engine.Failed, err.Error())
		return // what the topic says is the other process's business
	case s.engine.ctx.Err() != nil:
		return // cut off
	default:
		s.setPhase(engine.Failing, err.Error())
		s.setPhase(engine.Failed, err.Error())
	}
	if err := s.save(s.engine.ctx); err != nil {
		s.engine.log.Warn("the end of a statement could not be recorded", "statement", s.r.Name, "error", err)
	}
}

// leave ends the run and not the statement.
func (s *statement) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.running.askToStop()
	}
}

func (s *statement) stop(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	const detail = "a last checkpoint is being committed"
	switch phase := s.phase(); {
	case phase.Terminal(), phase == engine.Stopping:
		return nil
	case phase == engine.Deleting:
		return s.notFound()
	}
	err := s.saveAs(ctx, func(r *record) { r.Stopped, r.Phase, r.Detail = true, engine.Stopping, detail })
	if err != nil {
		return fmt.Errorf("recording that statement %q is to stop: %w", s.r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r.Phase.Terminal() {
		return nil // it has ended by itself meanwhile
	}
	s.r.Stopped = true
	s.phaseLocked(engine.Stopping, detail)
	if s.running != nil {
		s.running.askToStop()
	}
	return nil
}

func (s *statement) resume(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	r, stopping := s.running, s.r.Phase == engine.Stopping
	s.mu.Unlock()
	if stopping && r != nil {
		select {
		case <-r.done:
		case <-ctx.Done():
			return fmt.Errorf("statement %q is still stopping: %w", s.r.Name, ctx.Err())
		}
	}
	switch s.phase() {
	case engine.Stopped, engine.Failed:
	case engine.Deleting:
		return s.notFound()
	default:
		return nil // it runs, or is done
	}
	const detail = "going on from the last checkpoint"
	err := s.saveAs(ctx, func(r *record) { r.Stopped, r.Phase, r.Detail = false, engine.Pending, detail })
	if err != nil {
		return fmt.Errorf("recording that statement %q is to go on: %w", s.r.Name, err)
	}
	s.mu.Lock()
	s.r.Stopped = false
	s.phaseLocked(engine.Pending, detail)
	s.mu.Unlock()
	s.start(s.prepare)
	return nil
}

func (s *statement) delete(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if now, err := s.engine.lookup(s.r.Name); err != nil || now != s {
		return s.notFound()
	}
	const detail = "its run is being ended and its state removed"
	// Recorded first: a process that dies from here on finishes it when the region is opened again.
	if err := s.saveAs(ctx, func(r *record) { r.Phase, r.Detail = engine.Deleting, detail }); err != nil {
		return fmt.Errorf("recording that statement %q is to be deleted: %w", s.r.Name, err)
	}
	s.setPhase(engine.Deleting, detail)
	s.mu.Lock()
	r := s.running
	s.mu.Unlock()
	if r != nil {
		r.cancel()
		select {
		case <-r.done:
		case <-ctx.Done():
			return fmt.Errorf("statement %q: its run has not ended: %w", s.r.Name, ctx.Err())
		}
	}
	if s.r.Kind == (*statements.Insert)(nil).Kind() {
		if err := s.dropState(ctx); err != nil {
			s.setPhase(engine.Deleting, err.Error()+"; delete it again")
			return fmt.Errorf("statement %q: %w", s.r.Name, err)
		}
	}
	if err := s.engine.store.put(ctx, s.engine.store.statements, s.r.Name, nil); err != nil {
		return fmt.Errorf("statement %q: removing its record: %w", s.r.Name, err)
	}
	s.engine.forget(s)
	return nil
}

func (s *statement) phase() engine.Phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Phase
}

func (s *statement) notFound() error {
	return fmt.Errorf("%s: %w: %q is being deleted", s.engine.opts.Region, engine.ErrNotFound, s.r.Name)
}

// dropState aborts what the run had begun, so that readers of the output do not wait for it, and deletes the state topic.
func (s *statement) dropState(ctx context.Context) error {
	if _, err := txn.Open(ctx, s.engine.client, run.TransactionalID(s.engine.opts.Region, s.r.Name), storeTimeout); err != nil {
		return err
	}
	topic := run.StateTopic(s.engine.opts.Region, s.r.Name)
	answer, err := s.engine.admin.DeleteTopic(ctx, topic)
	if err = errors.Join(err, answer.Err); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("deleting topic %q: %w", topic, err)
	}
	return nil
}

// lastProgress is what the run told last; of a statement that has not run in this process, what its last checkpoint says.
func (s *statement) lastProgress(ctx context.Context) (engine.Progress, error) {
	s.mu.Lock()
	p, uid := s.progress, s.r.UID
	s.mu.Unlock()
	if p != nil {
		return *p, nil
	}
	records, err := txn.ReadTable(ctx, s.engine.opts.Kafka, run.StateTopic(s.engine.opts.Region, s.r.Name))
	if err != nil {
		return engine.Progress{}, fmt.Errorf("statement %q: %w", s.r.Name, err)
	}
	found, err := run.ReadProgress(records, uid)
	if err != nil {
		return engine.Progress{}, fmt.Errorf("statement %q: %w", s.r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress == nil {
		s.progress = &found
	}
	return *s.progress, nil
}

func (s *statement) addException(e engine.Exception) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exceptions = slices.Insert(s.exceptions, 0, e)
	s.exceptions = s.exceptions[:min(maxExceptions, len(s.exceptions))]
}

func (s *statement) lastExceptions() []engine.Exception {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.exceptions)
}
