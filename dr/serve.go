package dr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// ServeOptions say how a server behaves.
type ServeOptions struct {
	Options                     // of the worlds that are opened, one for each job and for each look
	Jobs      []plans.Job       // every one has an operation
	Every     time.Duration     // between two looks at how everything is
	State     string            // file in which the server remembers what it has done
	Transport http.RoundTripper // of webhooks; nil: the default

	open func(context.Context) (*World, error) // nil: Open
	look func(context.Context, *World) (*report.Report, error)
	run  func(plans.Job) (Operation, error)
}

// Server runs declared checks and drills on their schedules, one at a time, and knows how everything is. What was due and not begun is
// recorded as missed: while the process was down, or while what was begun before still ran.
type Server struct {
	declared *plans.Declared
	o        ServeOptions
	hooks    []*webhook

	mu      sync.Mutex
	past    history
	next    map[string]time.Time // by job
	running string               // job, "" where none is
	since   time.Time            // when that began
	status  *report.Report       // of the last look; nil before
	looked  time.Time            // when that was tried last
	trouble error                // why it did not succeed
	outputs []report.Check       // of the last look at what both regions put out, where both compute
	metrics *OutputsMetrics      // of these; nil where one computes
}

// NewServer returns a server that does not run yet. A job without an operation is refused (*UnsupportedOperationError), and so is a
// webhook whose secret is not there.
func NewServer(d *plans.Declared, o ServeOptions) (*Server, error) {
	o.fill()
	if o.open == nil {
		o.open = func(ctx context.Context) (*World, error) { return Open(ctx, d, o.Options) }
	}
	if o.look == nil {
		o.look = lookAround
	}
	if o.run == nil {
		o.run = OperationOf
	}
	s := &Server{declared: d, o: o, next: map[string]time.Time{}}
	for _, j := range o.Jobs {
		if _, err := o.run(j); err != nil {
			return nil, err
		}
	}
	for _, n := range d.Topology.Notify {
		key, err := n.Secret.Resolve(o.Getenv, o.ReadFile)
		if err != nil {
			return nil, err
		}
		s.hooks = append(s.hooks, newWebhook(n, key, o.Transport, o.Log))
	}
	if d.Topology.Pattern == plans.ActiveActive && len(d.Outputs()) > 0 {
		s.metrics = NewOutputsMetrics()
	}
	var err error
	s.past, err = readHistory(o.State)
	return s, err
}

// lookAround is Status, with the runs of the journals.
func lookAround(ctx context.Context, w *World) (*report.Report, error) {
	rep, err := Status(ctx, w)
	if err != nil {
		return nil, err
	}
	if runs, err := ListRuns(ctx, w); err == nil { // without regions there are none, as the status says
		rep.Runs = runs.Runs
	}
	return rep, nil
}

// heartbeat is how often a server writes that it is there.
const heartbeat = time.Minute

// farewell bounds what webhooks may take after the end.
const farewell = 5 * time.Second

// Run serves until Interrupted is closed, or ctx ends. A drill then ends its step and stops, a check at once.
func (s *Server) Run(ctx context.Context) error {
	until, stop := untilClosed(ctx, s.o.Interrupted)
	defer stop()
	last := s.past.Alive // before this server is
	if err := s.claim(); err != nil {
		return err
	}
	hooksCtx, endHooks := context.WithCancel(context.WithoutCancel(ctx))
	defer endHooks()
	var hooks errgroup.Group
	for _, h := range s.hooks {
		hooks.Go(func() error { h.serve(hooksCtx); return nil })
	}
	s.begin(last)
	g, until := errgroup.WithContext(until)
	g.Go(func() error { return s.schedule(ctx, until) })
	g.Go(func() error { s.watch(until); return nil })
	if s.metrics != nil {
		g.Go(func() error { s.compare(until); return nil })
	}
	err := g.Wait()
	if !errors.Is(err, ErrServedElsewhere) {
		err = errors.Join(err, s.remember())
	}
	timer := time.AfterFunc(farewell, endHooks)
	defer timer.Stop()
	for _, h := range s.hooks {
		close(h.queue)
	}
	_ = hooks.Wait() // a webhook that does not answer is logged, and counted
	return err
}

// untilClosed returns a context that ends when closed is.
func untilClosed(ctx context.Context, closed <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error {
		select {
		case <-closed:
			cancel()
		case <-ctx.Done():
		}
		return nil
	})
	return ctx, func() { cancel(); _ = g.Wait() }
}

// begin finds what was missed since a server was there last.
func (s *Server) begin(last time.Time) {
	now := s.o.Now().UTC()
	for _, j := range s.o.Jobs {
		if !last.IsZero() {
			s.missed(j, dueIn(j.Schedule, last, now), fmt.Sprintf("lifeboat serve was not there from %s on", last.Format(time.RFC3339)))
		}
		s.mu.Lock()
		s.next[j.ID()] = j.Schedule.Next(now)
		s.mu.Unlock()
	}
}

// mostDue bounds how many missed times are counted.
const mostDue = 10_000

// dueIn returns when something was due behind from, up to and with to.
func dueIn(sched plans.Schedule, from, to time.Time) []time.Time {
	var due []time.Time
	for t := sched.Next(from); !t.After(to) && len(due) < mostDue; t = sched.Next(t) {
		due = append(due, t)
	}
	return due
}

// schedule runs what is due, one job at a time, until the context ends. The jobs themselves have ctx, which lasts longer.
func (s *Server) schedule(ctx, until context.Context) error {
	for !s.ending(until) {
		if err := s.remember(); err != nil {
			return err
		}
		now := s.o.Now().UTC()
		ran := false
		for _, j := range s.o.Jobs {
			due := dueIn(j.Schedule, s.dueAt(j).Add(-time.Nanosecond), s.o.Now().UTC())
			if len(due) == 0 || s.ending(until) {
				continue
			}
			last := due[len(due)-1]
			s.missed(j, due[:len(due)-1], "another job still ran, or the process was held up")
			s.mu.Lock()
			s.next[j.ID()] = j.Schedule.Next(last)
			s.mu.Unlock()
			s.do(ctx, until, j, last)
			ended := s.o.Now().UTC()
			s.missed(j, dueIn(j.Schedule, last, ended), "the one before still ran")
			s.mu.Lock()
			s.next[j.ID()] = j.Schedule.Next(ended)
			s.mu.Unlock()
			ran = true
		}
		if ran {
			continue
		}
		wait := heartbeat
		for _, j := range s.o.Jobs {
			wait = min(wait, s.dueAt(j).Sub(now))
		}
		select {
		case <-until.Done():
		case <-time.After(max(wait, 0)):
		}
	}
	return nil
}

// ending says whether the server is to end. A job may hear of that before until does.
func (s *Server) ending(until context.Context) bool {
	select {
	case <-s.o.Interrupted:
		return true
	default:
		return until.Err() != nil
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *Server) dueAt(j plans.Job) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[j.ID()]
}

// do runs a job and records what came of it.
func (s *Server) do(ctx, until context.Context, j plans.Job, due time.Time) {
	r := Result{Job: j.ID(), Operation: j.Operation, Name: j.Drill.Name, Due: due, Start: s.o.Now().UTC()}
	s.mu.Lock()
	s.running, s.since = r.Job, r.Start
	s.mu.Unlock()
	s.o.Log.Info("job begins", slog.String("job", r.Job), slog.Time("due", due))
	rep, err := s.carryOut(ctx, until, j)
	r.End = s.o.Now().UTC()
	switch {
	case err != nil && s.ending(until):
		r.Outcome, r.Summary = report.Stopped, "lifeboat serve was ended"
	case err != nil:
		r.Outcome, r.Summary = report.Failed, err.Error()
	default:
		r.Outcome, r.Summary, r.Run = rep.Outcome, rep.Summary, rep.Run
		if j.Operation == plans.JobCheck {
			percent, reasons := Readiness(rep)
			r.Readiness, r.Reasons = &percent, reasons
		}
	}
	s.o.Log.Info("job ended", slog.String("job", r.Job), slog.String("outcome", string(r.Outcome)), slog.String("summary", r.Summary))
	s.mu.Lock()
	s.running = ""
	before := s.past.readiness()
	s.past.add(r)
	s.mu.Unlock()
	s.tell(plans.NotifyResult, r)
	if r.Outcome != report.Done && r.Outcome != report.Passed && r.Outcome != report.Warned {
		s.tell(plans.NotifyFailed, r)
	}
	if r.Readiness != nil && before != nil && *r.Readiness < *before {
		r.Before = before
		s.tell(plans.NotifyReadiness, r)
	}
}

func (s *Server) carryOut(ctx, until context.Context, j plans.Job) (*report.Report, error) {
	op, err := s.o.run(j)
	if err != nil {
		return nil, err
	}
	w, err := s.o.open(until)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return op.Run(ctx, w, j.Drill)
}

// missed records times at which a job was due and not begun.
func (s *Server) missed(j plans.Job, due []time.Time, why string) {
	if len(due) == 0 {
		return
	}
	r := Result{Job: j.ID(), Operation: j.Operation, Name: j.Drill.Name, Due: due[0], Outcome: report.Skipped, Missed: len(due),
		Summary: fmt.Sprintf("missed at %s: %s", due[0].Format(time.RFC3339), why)}
	if len(due) > 1 {
		r.Summary = fmt.Sprintf("missed %d times, from %s to %s: %s", len(due), due[0].Format(time.RFC3339), due[len(due)-1].Format(time.RFC3339), why)
	}
	s.o.Log.Warn("job missed", slog.String("job", r.Job), slog.String("summary", r.Summary))
	s.mu.Lock()
	s.past.add(r)
	s.mu.Unlock()
	s.tell(plans.NotifyMissed, r)
}

// watch looks at how everything is, again and again.
func (s *Server) watch(ctx context.Context) {
	for {
		w, err := s.o.open(ctx)
		var rep *report.Report
		if err == nil {
			rep, err = s.o.look(ctx, w)
			w.Close()
		}
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.looked, s.trouble = s.o.Now().UTC(), err
		if err == nil {
			s.status = rep
		}
		s.mu.Unlock()
		if err != nil {
			s.o.Log.Warn("how everything is can not be told", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.o.Every):
		}
	}
}

// compare compares what both regions put out, until the context ends.
func (s *Server) compare(ctx context.Context) {
	looked := func(lines []report.Check) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.outputs = lines
	}
	for ctx.Err() == nil {
		w, err := s.o.open(ctx)
		if err == nil {
			_, err = WatchOutputs(ctx, w, WatchOptions{Every: s.o.Every, Looked: looked, Metrics: s.metrics, Said: func(text string) { s.o.Log.Info("comparing outputs", slog.String("said", text)) }})
			w.Close()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.o.Log.Warn("outputs can not be compared", slog.Any("error", err))
			looked([]report.Check{{ID: "output", Name: "both regions put out the same", Outcome: report.Unknown, Detail: "not compared: " + err.Error()}})
		}
		_ = sleep(ctx, s.o.Every) // the loop looks why
	}
}
