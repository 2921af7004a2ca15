package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) linkCommand() *cli.Command {
	which := &cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"}
	return a.group(&cli.Command{
		Name:  "link",
		Usage: "mirror one region into another: topics, group offsets, schemas",
		Subcommands: []*cli.Command{
			a.command(&cli.Command{
				Name: "run", Usage: "mirror until interrupted",
				Description: `Runs in the destination region, as a service: SIGTERM ends it with status 0, and the next one goes on where it
was. A mirror that can not go on is FAILED with the exact range, and the others go on.

   lifeboat link run                                         until Ctrl-C
   lifeboat link run --once --format json                    until lag is zero`,
				Flags: a.flags(which, &cli.BoolFlag{Name: "once", Usage: "end when lag is zero: for scripts and tests"},
					&cli.StringFlag{Name: "memory", Value: "256MiB", Usage: "`BYTES` that mirroring may use, 32MiB at least"},
					&cli.StringFlag{Name: "bandwidth", Value: "unlimited", Usage: "bytes per `SECOND` read from the source, such as 20MiB: catching up leaves the rest to others"}, metricsFlag()),
			}, 0, a.runLink),
			a.command(&cli.Command{
				Name: "status", Usage: "state and lag of every mirrored partition", Flags: a.flags(which),
			}, 0, func(c *cli.Context) error {
				return a.world(c, func(ctx context.Context, w *dr.World) error {
					ctx, stop := a.untilInterrupted(ctx)
					defer stop()
					rep, err := dr.LinkStatus(ctx, w, c.String("link"))
					if err != nil {
						return err
					}
					if err := a.emit(c, rep); err != nil {
						return err
					}
					return outcome(rep)
				})
			}),
			a.command(&cli.Command{
				Name: "promote", Usage: "turn mirror topics into writable topics, at lag zero", ArgsUsage: "[TOPIC…]", Flags: a.flags(which, yesFlag()),
			}, manyTopics, a.promoteLink),
			a.failoverLinkCommand(which), a.repairLinkCommand(which), a.reverseLinkCommand(which), a.createLinkCommand(), a.updateLinkCommand(), a.deleteLinkCommand(), a.pauseLinkCommand(which), a.resumeLinkCommand(which),
			a.verifyLinkCommand(which), a.grantsLinkCommand(which),
		},
	})
}

// runLink mirrors until the first signal. SIGTERM is how a service is stopped and ends with 0, SIGINT with 130.
func (a *app) runLink(c *cli.Context) error {
	o, err := boundsOf(c.String("memory"), c.String("bandwidth"))
	if err != nil {
		return usageError{err}
	}
	o.Once, o.Deletions = c.Bool("once"), true
	linking.LimitMemory(o.Memory)
	stopMetrics, err := a.serveMetrics(c, func() http.Handler {
		a.metrics = linking.NewMetrics()
		return a.metrics.Handler()
	})
	if err != nil {
		return err
	}
	defer stopMetrics()
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		decl, err := w.Link(c.String("link"))
		if err != nil {
			return err
		}
		for _, name := range []string{decl.From, decl.To} {
			if err := w.Errs[name]; err != nil {
				return err
			}
		}
		l, err := w.OpenLink(decl)
		if err != nil {
			return err
		}
		begun := time.Now()
		line := &progressLine{app: a, name: decl.Name}
		o.Progress, o.Metrics = line.show, a.metrics
		err = l.Run(ctx, o)
		line.end()
		if errors.Is(err, context.Canceled) || errors.Is(err, errSignal) {
			err = a.stopped()
		}
		var ended status
		var mirror *linking.MirrorError
		if err != nil && !errors.As(err, &mirror) && !errors.As(err, &ended) {
			return err
		}
		status, serr := dr.LinkStatus(context.WithoutCancel(ctx), w, decl.Name)
		if serr != nil {
			return errors.Join(err, serr)
		}
		status.Command, status.Start, status.End = "link run", begun, time.Now()
		if mirror != nil {
			status.Outcome = report.Failed
		}
		return errors.Join(err, a.emit(c, status))
	})
}

// boundsOf reads what a run may use.
func boundsOf(memory, bandwidth string) (o linking.RunOptions, err error) {
	const least = 32 << 20
	m, err := linking.ParseBandwidth(memory)
	if err != nil || m.Share > 0 || m.BytesPerSecond < least {
		return o, fmt.Errorf("memory %q: write bytes such as 256MiB, 32MiB at least", memory)
	}
	b, err := linking.ParseBandwidth(bandwidth)
	if err != nil || b.Share > 0 {
		return o, fmt.Errorf("bandwidth %q: write bytes per second such as 20MiB, or unlimited", bandwidth)
	}
	o.Memory, o.Bandwidth = int64(m.BytesPerSecond), int64(b.BytesPerSecond)
	return o, nil
}

// stopped is how a verb that runs until interrupted ends.
func (a *app) stopped() error {
	if a.signal == syscall.SIGTERM {
		return nil
	}
	return status(exitInterrupted)
}

func (a *app) promoteLink(c *cli.Context) error {
	return a.idle(c, func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error {
		topics := topicsOf(c)
		if err := a.agreed(c, fmt.Sprintf("Promote %s in %s? The link stops mirroring them; this can not be taken back.", orAll(topics), decl.To), "not promoted"); err != nil {
			return err
		}
		rep, err := dr.LinkPromote(ctx, w, decl, topics)
		if err != nil {
			return err
		}
		return a.emit(c, rep)
	})
}

func orAll(topics []string) string {
	if len(topics) == 0 {
		return "every topic of the link"
	}
	return strings.Join(topics, ", ")
}

// progressLine shows one line that is redrawn on a terminal, and a plain line every ten seconds elsewhere.
type progressLine struct {
	app   *app
	name  string
	last  time.Time
	drawn bool
}

func (l *progressLine) show(p linking.Progress) {
	every := 10 * time.Second
	if l.app.terminal {
		every = 200 * time.Millisecond
	}
	now := time.Now()
	if now.Sub(l.last) < every {
		return
	}
	l.last = now
	text := fmt.Sprintf("link %s: %d records behind (%.1f s) on %d partitions; %d records, %.1f MB mirrored", l.name, p.LagRecords,
		max(0, p.LagSeconds), p.Partitions, p.Records, float64(p.Bytes)/1e6)
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d FAILED", p.Failed)
	}
	if p.Waiting != nil {
		text += ", waiting: " + p.Waiting.Error()
	}
	if l.app.terminal {
		fmt.Fprintf(l.app.stderr, "\r\x1b[K%s", text)
		l.drawn = true
		return
	}
	fmt.Fprintln(l.app.stderr, text)
}

func (l *progressLine) end() {
	if l.drawn {
		fmt.Fprintln(l.app.stderr)
	}
}
