package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func (a *app) fenceCommand() *cli.Command {
	return a.group(&cli.Command{
		Name:  "fence",
		Usage: "what keeps writers out of a region that was left, and how it is taken away",
		Subcommands: []*cli.Command{
			a.command(&cli.Command{
				Name: "status", Usage: "the fences that runs have raised and nobody has lifted",
				Description: `Says of each whether it stands, as far as that can be seen. What looks like a fence in a region, and was raised by
no run that a journal or this machine knows, is told as well.

   lifeboat fence status`,
				Flags: a.journalFlags(),
			}, 0, func(c *cli.Context) error {
				return a.world(c, func(ctx context.Context, w *dr.World) error {
					rep, err := dr.Fences(ctx, w)
					if err != nil {
						return err
					}
					return a.emit(c, rep)
				})
			}),
			a.command(&cli.Command{
				Name: "lift", Usage: "let writers in again: take back what a run's fence has changed", ArgsUsage: "[RUN]",
				Description: `Denials that the run added are removed, and those that were there before stay; topics get the
max.message.bytes that they had; a command is run with LIFEBOAT_ACTION=unfence. Records that are written
to a region that was left are not mirrored anywhere: lift its fence when its topics are mirrors, or primary,
again.

With --region, what looks like a fence there is taken away, where the journal of the run that raised it is lost: what was
set before it is not known then.

   lifeboat fence lift
   lifeboat fence lift 20261123-025219-c2ce --yes
   lifeboat fence lift --region east`,
				Flags: a.journalFlags(yesFlag(), &cli.StringFlag{Name: "region", Usage: "lift what looks like a fence in `REGION`, and was raised by no run that is known"}),
			}, 1, a.liftFence),
		},
	})
}

func (a *app) liftFence(c *cli.Context) error {
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		region := c.String("region")
		if region != "" && c.NArg() > 0 {
			return usageError{errors.New("a fence is lifted by its run, or, where no run is known, by its region: one of them")}
		}
		run, what, err := "", "", error(nil)
		if region != "" {
			what, err = dr.FoundToLift(ctx, w, region)
		} else {
			run, what, err = dr.FenceToLift(ctx, w, c.Args().First())
		}
		if err != nil {
			return err
		}
		if !c.Bool("yes") {
			fmt.Fprintln(a.stderr, what)
		}
		if err := a.agreed(c, "Lift the fence?", "not lifted"); err != nil {
			return err
		}
		var rep *report.Report
		if region != "" {
			rep, err = dr.LiftFound(ctx, w, region)
		} else {
			rep, err = dr.LiftFence(ctx, w, run)
		}
		if err != nil {
			return err
		}
		return a.emit(c, rep)
	})
}
