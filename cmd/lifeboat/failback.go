package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) failbackCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:  "failback",
		Usage: "bring the pipeline back to the region that it was failed over from",
		Description: `The region that comes back is closed to writers and compared with the one that took over. Topics whose logs are the
same as far as they go are mirrored on from there; of one that has records which never came through the link,
these are exported (--salvage), then it is deleted and mirrored from its beginning, with the same offsets. Statements
go on with the state that they had, or begin anew where they have read what is removed. When the region has
caught up, the pipeline moves there as in a planned failover, nothing is lost, and the region that is left becomes the mirror again.

   lifeboat failback --dry-run                               what would be done, and what would be removed
   lifeboat failback --salvage ./salvaged                    show it, ask, carry it out
   lifeboat failback --pipeline orders                       only that pipeline, of those that were failed over
   lifeboat salvage replay ./salvaged/RUN                    afterwards: the exported records, produced again`,
		Flags: a.journalFlags(a.runFlags(append(failbackFlags(), &cli.StringFlag{Name: "link", Usage: "`NAME` of the link that the failover went along; default: the one from the primary"})...)...),
	}, 0, func(c *cli.Context) error {
		o, err := failbackOptions(c)
		if err != nil {
			return err
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			p, err := dr.Plan(ctx, w, plans.OpFailback, o)
			if err != nil {
				return err
			}
			return a.carryOut(ctx, c, w, p, func() (*report.Report, error) { return dr.Execute(ctx, w, p) })
		})
	})
}

func failbackFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "salvage", Usage: "`DIR`ectory that what is removed is exported to first, below the run's id"},
		&cli.BoolFlag{Name: "discard", Usage: "what is removed is not wanted any more: it is gone"},
	}, shareFlags()...)
}

func failbackOptions(c *cli.Context) (plans.Options, error) {
	o := plans.Options{Verify: c.String("verify"), Link: c.String("link"), Pipeline: c.String("pipeline"), Topics: patterns(c, "topics"), Discard: c.Bool("discard")}
	if dir := c.String("salvage"); dir != "" {
		if o.Discard {
			return o, usageError{errors.New("--salvage exports what is removed, --discard gives it up: one of them")}
		}
		abs, err := filepath.Abs(dir)
		if err != nil {
			return o, err
		}
		o.Salvage = abs
	}
	return o, nil
}

func (a *app) salvageCommand() *cli.Command {
	return a.group(&cli.Command{
		Name:  "salvage",
		Usage: "what was exported before it was removed",
		Subcommands: []*cli.Command{a.command(&cli.Command{
			Name: "replay", Usage: "produce salvaged records again", ArgsUsage: "PATH…",
			Description: `Each record goes to the partition that it was in, with its key, value, headers and timestamp. One that the partition
has already, at or behind the offset where the export begins, is not written again: what a producer has sent once more since, and
what an earlier replay has written, does not come twice. Give it again where it was cut short.

   lifeboat salvage replay --dry-run ./salvaged/20261123-025219-c2ce      count only
   lifeboat salvage replay --region west --topic orders-recovered ./salvaged/20261123-025219-c2ce`,
			Flags: a.flags(
				&cli.StringFlag{Name: "region", Usage: "`REGION` to write to; default: the primary as declared"},
				&cli.StringFlag{Name: "topic", Usage: "`TOPIC` to write to; default: the one that they were in"},
				&cli.BoolFlag{Name: "uncommitted", Usage: "those of transactions that were aborted or never ended too"},
				&cli.BoolFlag{Name: "dry-run", Usage: "count what would be written, and write nothing"},
				yesFlag()),
		}, manyTopics, a.replaySalvaged)},
	})
}

func (a *app) replaySalvaged(c *cli.Context) error {
	if c.NArg() == 0 {
		return usageError{withHint{errors.New("which export?"), "lifeboat salvage replay ./salvaged"}}
	}
	files, err := linking.SalvageFiles(c.Args().Slice())
	if err != nil {
		return err
	}
	o := linking.ReplayOptions{Topic: c.String("topic"), Open: c.Bool("uncommitted"), DryRun: c.Bool("dry-run")}
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		region := c.String("region")
		if region == "" {
			region = w.Declared.Topology.Primary
		}
		if !o.DryRun {
			for _, f := range files {
				fmt.Fprintf(a.stderr, "%s → %s\n", f.Log, region)
			}
			if err := a.agreed(c, "Produce the records of "+numbered(len(files), "file")+" again in "+region+"?", "not replayed"); err != nil {
				return err
			}
		}
		rep, err := dr.SalvageReplay(ctx, w, region, files, o)
		if rep != nil {
			if werr := a.emit(c, rep); werr != nil {
				return errors.Join(err, werr)
			}
		}
		return err
	})
}
