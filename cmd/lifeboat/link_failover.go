package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}
}

// link opens a declared link for a verb.
func (a *app) link(c *cli.Context, do func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error) error {
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		decl, err := w.Link(c.String("link"))
		if err != nil {
			return err
		}
		l, err := w.OpenLink(decl)
		if err != nil {
			return err
		}
		return do(ctx, w, decl, l)
	})
}

// idle is link, refused before anybody is asked where a run counts on the link.
func (a *app) idle(c *cli.Context, do func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error) error {
	return a.link(c, func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error {
		if err := w.Idle(ctx, decl.From, decl.To); err != nil {
			return err
		}
		return do(ctx, w, decl, l)
	})
}

// agreed asks unless --yes says so. What is refused says how to go on.
func (a *app) agreed(c *cli.Context, question, not string) error {
	if c.Bool("yes") {
		return nil
	}
	ok, err := a.confirm(c.Context, question)
	if err == nil && !ok {
		err = withHint{errors.New(not + ": nobody said yes"), a.with(c, "--yes")}
	}
	return err
}

func (a *app) failoverLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "failover", Usage: "turn mirror topics into writable topics now, with what has arrived", ArgsUsage: "[TOPIC…]",
		Description: `Does not wait for lag zero and needs no source: what has arrived is what there is. Shows what is known to be missing, asks, and
reports what did not arrive. lifeboat link promote loses nothing while the source answers; lifeboat failover moves statements, groups
and rights as well.

   lifeboat link failover orders payments
   lifeboat link failover --yes                              every mirror of the link`,
		Flags: a.flags(which, yesFlag()),
	}, manyTopics, func(c *cli.Context) error {
		return a.idle(c, func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error {
			topics := topicsOf(c)
			risk, err := dr.LinkAtRisk(ctx, l, topics)
			if err != nil {
				return err
			}
			for _, t := range risk {
				fmt.Fprintln(a.stderr, atRisk(t, decl.From))
			}
			if err := a.agreed(c, fmt.Sprintf("Fail %s over to %s? What has not arrived is lost for it, and this can not be taken back.", orAll(topics), decl.To), "not failed over"); err != nil {
				return err
			}
			rep, err := dr.LinkFailover(ctx, w, decl, topics)
			if err != nil {
				return err
			}
			return a.emit(c, rep)
		})
	})
}

// atRisk is one topic's line of what would be lost.
func atRisk(t report.Topic, from string) string {
	switch {
	case t.LostRecords < 0:
		return fmt.Sprintf("%s: how much of %s has not arrived is not known", t.Name, from)
	case t.LostRecords == 0:
		return fmt.Sprintf("%s: nothing of %s is known to be missing, as of %s", t.Name, from, t.AsOf.UTC().Format("15:04:05Z"))
	}
	var where []string
	for _, g := range t.Lost {
		where = append(where, fmt.Sprintf("%s-%d @%d–@%d", g.Topic, g.Partition, g.First, g.End-1))
	}
	return fmt.Sprintf("%s: %s of %s missing: %s", t.Name, numbered(int(t.LostRecords), "offset"), from, strings.Join(where, ", "))
}

func (a *app) repairLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "repair", Usage: "mend FAILED mirror topics; says exactly what it will remove, and asks", ArgsUsage: "[TOPIC…]",
		Description: `Without topics, every mirror that is FAILED. What is done depends on the error that link status shows:

   SOURCE_RETENTION_OVERRAN_MIRROR      the mirror goes on where the source's log begins now
   SOURCE_TOPIC_ID_CHANGED, FOREIGN_WRITER, MARKER_WRITTEN_TWICE, UNEXPECTED_TRUNCATION, PARTITION_COUNT_DIFFERS, SOURCE_PARTITIONS_DECREASED
                                        the mirror topic is deleted, and mirrored again from its beginning
   others                               nothing is removed, it is tried again: mend the cause first

What is removed is exported first, where --salvage names a directory: a file of record batches as they stand in the log, which kafka-dump-log
reads, and one with a line of JSON for each record. Whoever wants none of it says --discard.

   lifeboat link repair --salvage ./salvaged orders
                                        without a terminal and without --yes it says what it would do, and does nothing`,
		Flags: a.flags(which, yesFlag(), &cli.StringFlag{Name: "salvage", Usage: "`DIR`ectory that what is removed is exported to first"},
			&cli.BoolFlag{Name: "discard", Usage: "what is removed is not wanted any more: it is gone"}),
	}, manyTopics, func(c *cli.Context) error {
		return a.link(c, func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error {
			plan, err := l.PlanRepair(ctx, topicsOf(c))
			if err != nil {
				return err
			}
			asks, removes := false, int64(0)
			for _, r := range plan {
				for _, cause := range r.Causes {
					fmt.Fprintln(a.stderr, cause)
				}
				for _, line := range r.Does(decl.From, decl.To) {
					fmt.Fprintln(a.stderr, "  →", line)
				}
				asks, removes = asks || r.Kind == linking.RepairAlign || r.Kind == linking.RepairAnew, removes+r.Removes()
			}
			o, err := salvaging(c, removes)
			if err != nil {
				return withHint{err, a.with(c, "--salvage=./salvaged")}
			}
			question := "Repair as said? What is removed is gone."
			if o.Salvage != "" {
				question = "Repair as said? What is removed is exported to " + o.Salvage + " first."
			}
			if asks {
				if err := a.agreed(c, question, "not repaired"); err != nil {
					return err
				}
			}
			rep, err := dr.LinkRepair(ctx, w, decl, l, plan, o)
			if errors.Is(err, linking.ErrRepairChanged) {
				return withHint{err, "look again: " + line(a.words(c))}
			}
			if err != nil {
				return err
			}
			return a.emit(c, rep)
		})
	})
}

// salvaging says what becomes of the offsets that a repair removes: they are exported to a directory of this run, or nobody wants them.
func salvaging(c *cli.Context, removes int64) (linking.RepairOptions, error) {
	dir := c.String("salvage")
	switch {
	case dir != "" && c.Bool("discard"):
		return linking.RepairOptions{}, usageError{errors.New("--salvage exports what is removed, --discard gives it up: one of them")}
	case dir == "" && !c.Bool("discard") && removes > 0:
		return linking.RepairOptions{}, fmt.Errorf("not repaired: %s would be gone: --salvage DIR exports them first, --discard gives them up", numbered(int(removes), "offset"))
	case dir == "" || removes == 0:
		return linking.RepairOptions{}, nil
	}
	return linking.RepairOptions{Salvage: filepath.Join(dir, time.Now().UTC().Format("20060102T150405.000Z"))}, nil
}
