package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) migrateCommand() *cli.Command {
	c := a.command(&cli.Command{
		Name:  "migrate",
		Usage: "move the pipeline to the link's destination for good, in batches",
		Description: `What statements and consumer groups join moves together; topics that have nothing to do with each other move apart, small
ones first. Each batch is a planned failover of its own: its mirrors catch up, its writers are fenced, what is left is drained,
its topics are promoted, its statements are started and proved, and its topics are compared record by record. Then comes the next.

Until a batch's topics are promoted it can be rolled back: its writers and statements go on where they were. From there on
it can only be gone on with. What has moved is not moved again by the next migrate. The report lists what may be
removed from the old region, and how.

   lifeboat migrate --dry-run                the batches, what stays behind, and every step
   lifeboat migrate --batch orders           show it, ask, move the batch that holds orders
   lifeboat migrate                          move all that is left
   lifeboat migrate rollback                 a run stopped before the promotion: back to where its batch was`,
		Flags: a.journalFlags(a.runFlags(append(migrateFlags(), &cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"})...)...),
		Subcommands: []*cli.Command{a.command(&cli.Command{
			Name: "rollback", Usage: "take back the batch that a run stopped in, before its topics were promoted; default: the newest run", ArgsUsage: "[RUN]",
			Description: `The batch's fence is lifted, and the statements that were stopped go on with the state that they had. The run is over
then; batches that it has moved stay where they are. Refused once the batch's promotion has begun: what is written in the new
region would be lost.

   lifeboat migrate rollback
   lifeboat migrate rollback --dry-run 20261123-025219-c2ce`,
			Flags: a.journalFlags(&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}, &cli.BoolFlag{Name: "dry-run", Usage: "compute and show, do not execute"}),
		}, 1, func(c *cli.Context) error {
			return a.world(c, func(ctx context.Context, w *dr.World) error {
				run, p, err := dr.RollBack(ctx, w, c.Args().First())
				if err != nil {
					return err
				}
				return a.agreeAndRun(c, p, func() (*report.Report, error) { return dr.ResumeAs(ctx, w, run, p) })
			})
		})},
	}, 0, func(c *cli.Context) error {
		o, err := migrateOptions(c)
		if err != nil {
			return err
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			o.Link = c.String("link")
			p, err := dr.Plan(ctx, w, plans.OpMigrate, o)
			if err != nil {
				return err
			}
			return a.carryOut(ctx, c, w, p, func() (*report.Report, error) { return dr.Execute(ctx, w, p) })
		})
	})
	c.HideHelpCommand = true
	return c
}

func migrateFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "batch", Usage: "only one batch: its `NAME`, something in it, or its number"},
		sampleFlag(),
	}
}

func migrateOptions(c *cli.Context) (plans.Options, error) {
	sample, err := sampleOf(c)
	o := plans.Options{Batch: c.String("batch"), Sample: sample}
	if o.Sample == 1 {
		o.Sample = 0
	}
	return o, err
}

// bothWays says of a batch that stopped before its promotion what can be done with it.
func bothWays(err error) string {
	step, ok := errors.AsType[*dr.StepError](err)
	if !ok || !step.Returnable {
		return ""
	}
	return "lifeboat resume " + step.Run + " goes on; lifeboat migrate rollback " + step.Run + " takes the batch back, which is not promoted yet"
}
