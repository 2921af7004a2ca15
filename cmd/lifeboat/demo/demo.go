// Package demo is `lifeboat demo`: two regions, a month of real flights, a primary that is killed in mid-stream, a failover, and the
// proof that nothing was lost silently. It uses lifeboat as a user would: through the declared topology, package dr and the
// statements API. What it shows is measured; a proof that fails makes the demo fail.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/examples/nycflights"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

// Options say how the demo runs.
type Options struct {
	Kafka bool      // two Apache Kafka clusters as JVM processes instead of in-process brokers
	Out   io.Writer // the story, a line a scene
	Log   *slog.Logger
}

// live is how many of the month's flights are still to depart when the link is up; half of them before the region is lost.
const live = 4000

// story is the state of one demo.
type story struct {
	o       Options
	begun   time.Time
	env     *testenv.Env
	dir     string
	east    *engineServer
	west    *engineServer
	flights []nycflights.Flight
	app     *producer
	board   *board
	rep     *report.Report
	lag     []report.Point // records behind, as the link tells it
	killed  time.Time

	world    *dr.World      // of what runs before the disaster
	life     errgroup.Group // the link and the board: they outlive the region that they read
	stopLink context.CancelFunc
}

// Run plays the demo and returns its report. Everything it starts has ended when it returns.
func Run(ctx context.Context, o Options) (rep *report.Report, err error) {
	s := &story{o: o, begun: time.Now()}
	if s.dir, err = os.MkdirTemp("", "lifeboat-demo-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(s.dir)
	start, kind := testenv.StartEmbedded, "two regions in this process"
	if o.Kafka {
		if why := testenv.MissingKafka(); why != "" {
			return nil, fmt.Errorf("the demo on real Kafka is not possible here: %s", why)
		}
		start, kind = testenv.StartKafka, fmt.Sprintf("two Apache Kafka %s clusters", testenv.KafkaVersion)
	}
	if s.env, err = start(ctx, testenv.Options{}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.env.Stop()) }()
	s.say("%s: east at %s, west at %s", kind, s.env.East.Bootstrap[0], s.env.West.Bootstrap[0])
	if err := s.engines(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.east.stop(), s.west.stop()) }()
	declared, err := s.declare()
	if err != nil {
		return nil, err
	}
	err = s.before(ctx, declared)
	if err == nil {
		err = s.failover(ctx, declared)
	}
	if err = errors.Join(err, s.lose()); err == nil {
		err = s.after(ctx, declared)
	}
	if s.rep != nil && err != nil {
		s.rep.Outcome, s.rep.Summary = report.Failed, "the demo did not come to its end: "+err.Error()
	}
	return s.rep, err
}

func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.o.Out, "%5.1fs  %s\n", time.Since(s.begun).Seconds(), fmt.Sprintf(format, args...))
}

// before is life before the disaster, and the disaster: history, link, statements, a consumer group, and flights departing while
// east is killed.
func (s *story) before(ctx context.Context, declared *plans.Declared) error {
	var err error
	if s.flights, err = nycflights.Flights(time.Now()); err != nil {
		return err
	}
	if s.world, err = dr.Open(ctx, declared, dr.Options{Log: s.o.Log, StateDir: s.dir}); err != nil {
		return err
	}
	if s.app, err = newProducer(ctx, s.world.Regions["east"]); err != nil {
		return err
	}
	history, rest := s.flights[:len(s.flights)-live], s.flights[len(s.flights)-live:]
	if err := s.app.month(ctx, history); err != nil {
		return err
	}
	s.say("%d flights of a month departed in east (%d transactions, %d of them aborted), %d airlines", len(history), s.app.transactions,
		s.app.aborted, s.app.airlines)
	if err := s.east.create(ctx, declared); err != nil {
		return err
	}
	s.say("statements departures and delays_by_hour run in east")
	if err := s.mirror(ctx, declared); err != nil {
		return err
	}
	if s.board, err = newBoard(s.world.Regions["east"]); err != nil {
		return err
	}
	s.life.Go(func() error { return s.board.watch(ctx) })
	if err := s.mirrored(ctx); err != nil {
		return err
	}
	s.say("link east-west has caught up: %d records with the same offsets in west", len(history)+s.app.airlines)

	if err := s.app.stream(ctx, rest[:live/2], 1500*time.Millisecond); err != nil {
		return err
	}
	s.app.background(rest[live/2 : live/2+200]) // in flight while the region goes down
	if err := s.env.East.Broker.Kill(); err != nil {
		return err
	}
	s.killed = time.Now()
	s.say("east is killed in mid-stream")
	return nil
}

// lose ends what belongs to the region that is gone, after the failover: its clients give up slowly, and nobody waits for them.
func (s *story) lose() error {
	var g errgroup.Group
	if s.stopLink != nil {
		s.stopLink() // the failover has taken the link over: it may have ended by itself
	}
	if s.board != nil {
		s.board.stop()
	}
	if s.app != nil {
		g.Go(func() error { s.app.giveUp(); return nil })
	}
	g.Go(s.east.halt)
	err := errors.Join(g.Wait(), s.life.Wait())
	if s.world != nil {
		s.world.Close()
	}
	return err
}

// failover plans and carries out an unplanned failover, as the on-call person would.
func (s *story) failover(ctx context.Context, declared *plans.Declared) error {
	w, err := dr.Open(ctx, declared, dr.Options{Log: s.o.Log, StateDir: s.dir, Timeout: 2 * time.Second, Events: s.event})
	if err != nil {
		return err
	}
	defer w.Close()
	p, err := dr.Plan(ctx, w, plans.OpFailover, plans.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.o.Out, p.Text())
	s.rep, err = dr.Execute(ctx, w, p)
	if s.rep != nil {
		s.rep.Command = "demo"
		s.rep.Figures = append(s.rep.Figures, report.Figure{Name: "outage", Value: time.Since(s.killed).Seconds(), Unit: "s",
			Note: "from the kill to the end of the run, with finding out that east is gone"})
	}
	return err
}

func (s *story) event(e dr.Event) {
	if e.State == dr.EntryDone {
		s.say("  %-26s %s", e.Step.ID, e.Detail)
	}
}

// mirror serves the declared link until a failover takes it over.
func (s *story) mirror(ctx context.Context, declared *plans.Declared) error {
	l, err := s.world.OpenLink(declared.Topology.Links[0])
	if err != nil {
		return err
	}
	ctx, s.stopLink = context.WithCancel(ctx)
	sample := func(p linking.Progress) {
		s.lag = append(s.lag, report.Point{At: time.Now(), Value: float64(p.LagRecords)})
	}
	s.life.Go(func() error {
		err := l.Run(ctx, linking.RunOptions{Progress: sample})
		if errors.Is(err, linking.ErrTakenOver) || ctx.Err() != nil {
			return nil
		}
		return err
	})
	return nil
}

// mirrored waits until every partition of the link has lag zero.
func (s *story) mirrored(ctx context.Context) error {
	return until(ctx, 30*time.Second, "the link to catch up", func() (bool, error) {
		rep, err := dr.LinkStatus(ctx, s.world, "")
		if err != nil {
			return false, err
		}
		n := 0
		for _, m := range rep.Mirrors {
			if m.State == "FAILED" {
				return false, fmt.Errorf("mirror %s-%d: %s", m.Topic, m.Partition, m.Error)
			}
			if m.Lag == 0 {
				n++
			}
		}
		return n > 0 && n == len(rep.Mirrors) && n == flightPartitions+1, nil
	})
}

// until polls a condition.
func until(ctx context.Context, within time.Duration, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("waited %s for %s", within, what))
	defer cancel()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
