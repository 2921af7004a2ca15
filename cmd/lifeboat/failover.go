package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) failoverCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:  "failover",
		Usage: "make the link's destination the primary: plan, show, ask, go",
		Description: `Say --planned where the primary is alive: its writers are fenced, what is not mirrored yet is drained, nothing
is lost. Say --unplanned where it is lost: what has arrived is what there is. Either way topics become
writable, group positions are in place, and the pipeline's statements are started and proved.

A run that stops part-way is gone on with by "lifeboat resume", by anybody, on any machine.

With --manual every phase waits for a yes; with --until a step and what it needs are done, and no more.

   lifeboat failover --unplanned --dry-run                   only show the plan
   lifeboat failover --unplanned                             show it, ask, carry it out
   lifeboat failover --planned --pipeline orders             only that pipeline: what else is mirrored goes on
   lifeboat failover --planned --yes --report report.html    do not ask; keep the report`,
		Flags: a.journalFlags(append(kindFlags(), a.runFlags(&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"})...)...),
	}, 0, func(c *cli.Context) error {
		planned, err := failoverKind(c)
		if err != nil {
			return err
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			p, err := dr.Plan(ctx, w, plans.OpFailover, failoverOptions(c, planned))
			if err != nil {
				return err
			}
			return a.carryOut(ctx, c, w, p, func() (*report.Report, error) { return dr.Execute(ctx, w, p) })
		})
	})
}

func (a *app) applyCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "apply", Usage: "carry out a plan written by `plan -o`", ArgsUsage: "PLAN.json",
		Description: "A plan that no longer fits what is declared and observed is refused, with what has changed (exit status 12).\n\n   lifeboat plan failover --unplanned -o plan.json\n   lifeboat apply plan.json",
		Flags:       a.journalFlags(a.runFlags()...),
	}, 1, func(c *cli.Context) error {
		if c.NArg() == 0 {
			return usageError{withHint{errors.New("which plan?"), "lifeboat apply plan.json"}}
		}
		p, err := readPlan(c.Args().First())
		if err != nil {
			return err
		}
		if p.Operation == plans.OpLink {
			return withHint{fmt.Errorf("%s is a plan for a %s, which apply does not carry out", c.Args().First(), p.Operation), "lifeboat link run"}
		}
		again := "plan again: lifeboat plan failover --unplanned -o " + c.Args().First()
		switch {
		case p.Failback != nil:
			again = "plan again: lifeboat plan failback -o " + c.Args().First()
		case p.Migration != nil:
			again = "plan again: lifeboat plan migrate -o " + c.Args().First()
		case p.Drill != nil:
			again = "plan again: lifeboat plan drill -o " + c.Args().First()
		case p.Planned:
			again = "plan again: lifeboat plan failover --planned -o " + c.Args().First()
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			err := a.carryOut(ctx, c, w, p, func() (*report.Report, error) { return dr.Apply(ctx, w, p) })
			var stale *plans.StaleError
			if errors.As(err, &stale) || errors.Is(err, dr.ErrOver) {
				return withHint{err, again}
			}
			return err
		})
	})
}

func (a *app) resumeCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "resume", Usage: "go on with a run that stopped part-way; default: the newest", ArgsUsage: "[RUN]",
		Description: `The journal is in the surviving region: any machine with the topology can go on. Every step looks first whether
its goal is reached; nothing is done twice. A holder that is alive is not taken over.

A planned failover whose primary dies on the way goes on without it with --unplanned: the plan of that is
shown, what can not be drained any more is counted as lost, and what is done stays done.

   lifeboat resume
   lifeboat resume 20261123-025219-c2ce
   lifeboat resume --unplanned`,
		Flags: a.journalFlags(a.runFlags(&cli.BoolFlag{Name: "unplanned", Usage: "the primary of a planned failover is lost: go on without it"})...),
	}, 1, func(c *cli.Context) error {
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			if c.Bool("unplanned") {
				run, p, err := dr.Switch(ctx, w, c.Args().First())
				if err != nil {
					return err
				}
				return a.agreeAndRun(c, p, func() (*report.Report, error) { return dr.ResumeAs(ctx, w, run, p) })
			}
			if c.Bool("dry-run") {
				return usageError{withHint{errors.New("a run goes on along the plan that it has: --dry-run is for --unplanned"), "lifeboat runs show"}}
			}
			rep, err := dr.Resume(ctx, w, c.Args().First())
			return a.ended(c, rep, err)
		})
	})
}

func (a *app) runFlags(own ...cli.Flag) []cli.Flag {
	return append(own,
		&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
		&cli.BoolFlag{Name: "dry-run", Usage: "compute and show, do not execute"},
		&cli.BoolFlag{Name: "fenced", Usage: "a manual fence stands: the writers are stopped"},
		&cli.BoolFlag{Name: "manual", Usage: "ask before each phase; a no stops the run there, and resume goes on"},
		&cli.StringFlag{Name: "until", Usage: "do `STEP` with what it needs, then stop; resume goes on"},
	)
}

// carryOut shows a plan, asks, and runs it. Over a run that has not ended nobody is asked.
func (a *app) carryOut(ctx context.Context, c *cli.Context, w *dr.World, p *plans.Plan, run func() (*report.Report, error)) error {
	if err := w.Free(ctx, p); err != nil && !c.Bool("dry-run") {
		return err
	} else if err != nil {
		a.notNow(err)
	}
	return a.agreeAndRun(c, p, run)
}

// notNow tells, beside a plan that is only shown, why it could not be carried out now.
func (a *app) notNow(err error) {
	_, next := explain(err)
	fmt.Fprintf(a.stderr, "not to be carried out now: %v\n", err)
	if next != "" {
		fmt.Fprintf(a.stderr, "  next: %s\n", next)
	}
}

// agreeAndRun shows a plan, asks, and runs it.
func (a *app) agreeAndRun(c *cli.Context, p *plans.Plan, run func() (*report.Report, error)) error {
	if c.Bool("dry-run") || report.Blocked(p.Findings) {
		rep := dr.PlanReport(p)
		if err := a.emit(c, rep); err != nil {
			return err
		}
		return outcome(rep)
	}
	if c.String("format") != "json" || !c.Bool("yes") { // its lines are events; whoever is asked has to know of what
		fmt.Fprintln(a.stderr, p.Text())
	}
	if a.live != nil {
		a.live.expect(p.Steps)
	}
	if !c.Bool("yes") {
		ok, err := a.confirm(c.Context, "Carry it out?")
		if err != nil {
			return err
		}
		if !ok {
			return withHint{errors.New("not carried out: nobody said yes"), a.with(c, "--yes")}
		}
	}
	rep, err := run()
	return a.ended(c, rep, err)
}

// ended writes a run's report, also that of a run that stopped part-way.
func (a *app) ended(c *cli.Context, rep *report.Report, err error) error {
	if rep != nil {
		if werr := a.emit(c, rep); werr != nil {
			return errors.Join(err, werr)
		}
		if err == nil {
			return outcome(rep)
		}
	}
	return err
}
