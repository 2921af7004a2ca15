package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func (a *app) runsCommand() *cli.Command {
	named := func(c *cli.Context) error {
		if c.NArg() == 0 {
			return usageError{withHint{errors.New("which run?"), "lifeboat runs list"}}
		}
		return nil
	}
	verb := func(name, usage, args string, own []cli.Flag, before func(*cli.Context) error, do func(*cli.Context, context.Context, *dr.World) (*report.Report, error)) *cli.Command {
		n := 0
		if args != "" {
			n = 1
		}
		return a.command(&cli.Command{Name: name, Usage: usage, ArgsUsage: args, Flags: a.journalFlags(own...)}, n, func(c *cli.Context) error {
			if before != nil {
				if err := before(c); err != nil {
					return err
				}
			}
			return a.world(c, func(ctx context.Context, w *dr.World) error {
				ctx, stop := a.untilInterrupted(ctx)
				defer stop()
				rep, err := do(c, ctx, w)
				if err != nil {
					return err
				}
				return a.emit(c, rep)
			})
		})
	}
	return a.group(&cli.Command{
		Name:  "runs",
		Usage: "look at past and unfinished runs",
		Subcommands: []*cli.Command{
			verb("list", "every run in the journals of the reachable regions", "", nil, nil,
				func(_ *cli.Context, ctx context.Context, w *dr.World) (*report.Report, error) {
					return dr.ListRuns(ctx, w)
				}),
			verb("show", "a run's journal, entry by entry; default: the newest", "[RUN]", nil, nil,
				func(c *cli.Context, ctx context.Context, w *dr.World) (*report.Report, error) {
					return dr.ShowRun(ctx, w, c.Args().First())
				}),
			verb("report", "a run's report; default: the newest", "[RUN]", nil, nil,
				func(c *cli.Context, ctx context.Context, w *dr.World) (*report.Report, error) {
					return dr.RunReport(ctx, w, c.Args().First())
				}),
			verb("abandon", "end a run that stopped part-way without going on with it", "RUN",
				[]cli.Flag{&cli.StringFlag{Name: "reason", Usage: "why, a `TEXT` for the journal"}},
				func(c *cli.Context) error {
					if err := named(c); err != nil {
						return err
					}
					return need(c, "reason", "why, for the journal")
				},
				func(c *cli.Context, ctx context.Context, w *dr.World) (*report.Report, error) {
					return dr.Abandon(ctx, w, c.Args().First(), c.String("reason"))
				}),
		},
	})
}
