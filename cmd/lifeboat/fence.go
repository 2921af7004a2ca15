package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
)

func (a *app) fenceCommand() *cli.Command {
	return a.group(&cli.Command{
		Name:  "fence",
		Usage: "what keeps writers out of a region that was left, and how it is taken away",
		Subcommands: []*cli.Command{
			a.command(&cli.Command{
				Name: "status", Usage: "the fences that runs have raised and nobody has lifted",
				Description: "Says of each whether it stands, as far as that can be seen.\n\n   lifeboat fence status",
				Flags:       a.flags(),
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

   lifeboat fence lift
   lifeboat fence lift 20261123-025219-c2ce --yes`,
				Flags: a.flags(stateFlag(), &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}),
			}, 1, a.liftFence),
		},
	})
}

func (a *app) liftFence(c *cli.Context) error {
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		run, what, err := dr.FenceToLift(ctx, w, c.Args().First())
		if err != nil {
			return err
		}
		if !c.Bool("yes") {
			fmt.Fprintln(a.stderr, what)
			ok, err := a.confirm("Lift the fence?")
			if err != nil {
				return err
			}
			if !ok {
				return withHint{errors.New("not lifted: nobody said yes"), a.with(c, "--yes")}
			}
		}
		rep, err := dr.LiftFence(ctx, w, run)
		if err != nil {
			return err
		}
		return a.emit(c, rep)
	})
}
