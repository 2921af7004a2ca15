package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
)

func (a *app) verifyCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:  "verify",
		Usage: "compare both regions: records by digest, groups, schemas, outputs; measure what was lost",
		Description: `Reads both regions and changes nothing. After an unplanned failover, when the old primary is back, it measures
what did not arrive, by partition and offsets.

Where both regions compute, it compares what their statements put out, and with --continuous goes on with that until Ctrl-C:
window by window where a row says of which it is, else what came between two looks, when both regions have come as far. A
line a window, with the digests of both; a row that only one has is named, and ends in status 3. A region that is gone is
waited for.

   lifeboat verify
   lifeboat verify --continuous --metrics :9405
   lifeboat verify --continuous --for 10m                    for a job that is to end`,
		Flags: a.flags(&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"},
			&cli.BoolFlag{Name: "continuous", Usage: "go on comparing outputs until interrupted"},
			&cli.DurationFlag{Name: "for", Usage: "with --continuous: end after `TIME`"},
			&cli.DurationFlag{Name: "every", Value: time.Second, Usage: "with --continuous: `TIME` between two looks"}, metricsFlag()),
	}, 0, func(c *cli.Context) error {
		if c.Bool("continuous") {
			return a.verifyContinuously(c)
		}
		for _, flag := range []string{"for", "every", "metrics"} {
			if c.IsSet(flag) {
				return usageError{withHint{fmt.Errorf("--%s is for comparing continuously", flag), "lifeboat verify --continuous"}}
			}
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			ctx, stop := a.untilInterrupted(ctx)
			defer stop()
			rep, err := dr.Verify(ctx, w, c.String("link"))
			if err != nil {
				return err
			}
			if err := a.emit(c, rep); err != nil {
				return err
			}
			return outcome(rep)
		})
	})
}

func (a *app) verifyContinuously(c *cli.Context) error {
	if c.Duration("every") <= 0 || c.Duration("for") < 0 {
		return usageError{errors.New("--every and --for are times such as 1s and 10m")}
	}
	o := dr.WatchOptions{Link: c.String("link"), Every: c.Duration("every"),
		Judged: func(j dr.Judged) { fmt.Fprintf(a.stderr, "%s  %s\n", time.Now().UTC().Format(time.TimeOnly), j) },
		Said:   func(text string) { fmt.Fprintf(a.stderr, "%s  %s\n", time.Now().UTC().Format(time.TimeOnly), text) }}
	stopMetrics, err := a.serveMetrics(c, func() http.Handler {
		o.Metrics = dr.NewOutputsMetrics()
		return o.Metrics.Handler()
	})
	if err != nil {
		return err
	}
	defer stopMetrics()
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		watching, cancel := ctx, func() {}
		if limit := c.Duration("for"); limit > 0 {
			watching, cancel = context.WithTimeout(ctx, limit)
		}
		defer cancel()
		rep, err := dr.WatchOutputs(watching, w, o)
		if err != nil {
			return err
		}
		if err := a.emit(c, rep); err != nil {
			return err
		}
		if err := outcome(rep); err != nil || ctx.Err() == nil {
			return err
		}
		return a.stopped()
	})
}
