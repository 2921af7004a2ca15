package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) planCommand() *cli.Command {
	own := []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the plan to `FILE`, as JSON; lifeboat apply carries it out", TakesFile: true},
		&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"},
		&cli.BoolFlag{Name: "detailed-exitcode", Usage: "exit 5 when the plan has changes to make"},
	}
	show := func(c *cli.Context, op plans.Operation, o plans.Options) error {
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			ctx, stop := a.untilInterrupted(ctx)
			defer stop()
			o.Link = c.String("link")
			p, err := dr.Plan(ctx, w, op, o)
			if err != nil {
				return err
			}
			return a.showPlan(ctx, c, w, p)
		})
	}
	return a.group(&cli.Command{
		Name:  "plan",
		Usage: "compute and show a plan; changes nothing",
		Subcommands: []*cli.Command{
			a.command(&cli.Command{Name: "failover", Usage: "make the link's destination the primary",
				Description: "   lifeboat plan failover --unplanned\n   lifeboat plan failover --planned -o plan.json     then: lifeboat apply plan.json",
				Flags:       a.flags(append(own, kindFlags()...)...)}, 0,
				func(c *cli.Context) error {
					planned, err := failoverKind(c)
					if err != nil {
						return err
					}
					return show(c, plans.OpFailover, failoverOptions(c, planned))
				}),
			a.command(&cli.Command{Name: "failback", Usage: "bring the pipeline back to the region that it was failed over from",
				Description: "   lifeboat plan failback --salvage ./salvaged -o plan.json     then: lifeboat apply plan.json",
				Flags:       a.flags(append(own, failbackFlags()...)...)}, 0,
				func(c *cli.Context) error {
					o, err := failbackOptions(c)
					if err != nil {
						return err
					}
					return show(c, plans.OpFailback, o)
				}),
			a.command(&cli.Command{Name: "migrate", Usage: "move the pipeline for good, in batches",
				Description: "   lifeboat plan migrate\n   lifeboat plan migrate --batch orders -o plan.json     then: lifeboat apply plan.json",
				Flags:       a.flags(append(own, migrateFlags()...)...)}, 0,
				func(c *cli.Context) error {
					o, err := migrateOptions(c)
					if err != nil {
						return err
					}
					return show(c, plans.OpMigrate, o)
				}),
			a.command(&cli.Command{Name: "drill", Usage: "rehearse a failover",
				Description: "   lifeboat plan drill\n   lifeboat plan drill --scenario late-link --behind 10m",
				Flags:       a.flags(append(own, drillFlags()...)...)}, 1,
				func(c *cli.Context) error {
					return a.world(c, func(ctx context.Context, w *dr.World) error {
						ctx, stop := a.untilInterrupted(ctx)
						defer stop()
						p, err := a.planDrill(ctx, c, w)
						if err != nil {
							return err
						}
						return a.showPlan(ctx, c, w, p)
					})
				}),
			a.command(&cli.Command{Name: "link", Usage: "mirror one region into another", Flags: a.flags(own...)}, 0,
				func(c *cli.Context) error { return show(c, plans.OpLink, plans.Options{}) }),
		},
	})
}

// showPlan writes a plan to where it is wanted, and shows it.
func (a *app) showPlan(ctx context.Context, c *cli.Context, w *dr.World, p *plans.Plan) error {
	if p.Operation != plans.OpLink {
		if err := w.Free(ctx, p); err != nil {
			a.notNow(err)
		}
	}
	if path := c.String("out"); path != "" {
		if err := writePlan(path, p); err != nil {
			return err
		}
		then := "carry it out with: lifeboat apply " + path
		switch {
		case report.Blocked(p.Findings):
			then = "it is blocked, see its findings"
		case p.Operation == plans.OpLink:
			then = "carry it out with: lifeboat link run"
		}
		fmt.Fprintf(a.stderr, "plan written to %s; %s\n", path, then)
	}
	rep := dr.PlanReport(p)
	if err := a.emit(c, rep); err != nil {
		return err
	}
	if err := outcome(rep); err != nil {
		return err
	}
	if c.Bool("detailed-exitcode") && len(p.Steps) > 0 {
		return status(exitPending)
	}
	return nil
}

func kindFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "planned", Usage: "the primary is alive: fence it, drain it, lose nothing"},
		&cli.BoolFlag{Name: "unplanned", Usage: "the primary is lost: go on with what has arrived"},
	}, shareFlags()...)
}

// shareFlags select a part of what a link mirrors, and how it is looked at before it is promoted.
func shareFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "verify", Usage: "planned: compare `HOW` much of both regions before the promotion: sample, all, none", Value: plans.VerifySample},
		&cli.StringFlag{Name: "pipeline", Usage: "move only the lineage of the pipeline of this `NAME`; the rest stays"},
		&cli.StringSliceFlag{Name: "topics", Usage: "move only topics that `PATTERN` matches as a whole, with the statements over them; the rest stays. Repeatable, or joined by commas"},
	}
}

// failoverKind wants one of --planned and --unplanned: the difference is data, so there is no default.
func failoverKind(c *cli.Context) (planned bool, err error) {
	if c.Bool("planned") == c.Bool("unplanned") {
		return false, usageError{withHint{fmt.Errorf("say --planned (the primary is alive and is drained) or --unplanned (it is lost)"),
			c.Command.HelpName + " --unplanned"}}
	}
	return c.Bool("planned"), nil
}

// failoverOptions are what a failover is asked to move.
func failoverOptions(c *cli.Context, planned bool) plans.Options {
	return plans.Options{Planned: planned, Verify: c.String("verify"), Link: c.String("link"), Pipeline: c.String("pipeline"), Topics: patterns(c, "topics")}
}

func writePlan(path string, p *plans.Plan) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// readPlan reads what writePlan wrote, strictly: a key that this version does not know could be one that matters.
func readPlan(path string) (*plans.Plan, error) {
	const hint = "write one: lifeboat plan failover --planned|--unplanned -o plan.json"
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, withHint{fmt.Errorf("reading the plan: %w", err), hint}
	}
	p := new(plans.Plan)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	switch err := dec.Decode(p); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, withHint{fmt.Errorf("reading the plan %s: the file is empty or cut short", path), hint}
	case err != nil:
		return nil, withHint{fmt.Errorf("reading the plan %s: not a plan that this version wrote: %w", path, err), hint}
	case p.Kind != "Plan":
		return nil, withHint{fmt.Errorf("reading the plan %s: its kind is %q, not Plan", path, p.Kind), hint}
	case p.APIVersion != "lifeboat/v1":
		return nil, withHint{fmt.Errorf("reading the plan %s: its apiVersion is %q; this version reads lifeboat/v1", path, p.APIVersion), hint}
	}
	if err := p.Validate(); err != nil {
		return nil, withHint{fmt.Errorf("reading the plan %s: %w", path, err), hint}
	}
	return p, nil
}
