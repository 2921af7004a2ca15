package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) drillCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "drill", Usage: "rehearse a failover while everything goes on, prove it, leave no trace", ArgsUsage: "[NAME | clean [RUN]]",
		Description: `The pipeline's statements are started in a sandbox of the destination's engine, on the mirrors as they are. Their
input is held where it would have ended, their output goes to topics of the drill's own. Every phase is
measured, the output is compared with the primary's, everything is removed, and an inventory of both regions
shows that nothing else has changed. Nothing is fenced, promoted or moved.

NAME is a drill that lifeboat.yaml declares; without one the flags say what is rehearsed.
Every --report file gets its checksum beside it, FILE.sha256, and with --sign its signature, FILE.sig. It is
verified by: openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in FILE -sigfile FILE.sig

   lifeboat drill                                              the primary is lost now
   lifeboat drill --scenario planned --pipeline delays
   lifeboat drill --scenario late-link --behind 10m
   lifeboat drill --yes --report drill.html --sign key.pem weekly
   lifeboat drill clean                                        what was kept with --keep, or was left by a crash`,
		Flags: a.journalFlags(append(drillFlags(),
			&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
			&cli.BoolFlag{Name: "dry-run", Usage: "compute and show, do not execute"},
			&cli.StringFlag{Name: "sign", Usage: "private ed25519 key, `FILE` in PEM, that reports are signed with", TakesFile: true},
		)...),
	}, 2, func(c *cli.Context) error {
		if c.Args().First() == "clean" {
			return a.cleanDrills(c)
		}
		if c.NArg() > 1 {
			return usageError{withHint{fmt.Errorf("one drill at a time: %q is too much", c.Args().Get(1)), "lifeboat drill --help"}}
		}
		var key ed25519.PrivateKey
		if path := c.String("sign"); path != "" {
			var err error
			if key, err = readSigningKey(path); err != nil {
				return err
			}
			if len(c.StringSlice("report")) == 0 {
				return usageError{withHint{errors.New("--sign signs reports, and none is written"), "lifeboat drill --report drill.html --sign " + path}}
			}
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			p, err := a.planDrill(ctx, c, w)
			if err != nil {
				return err
			}
			var drilled *report.Report
			err = a.carryOut(ctx, c, w, p, func() (rep *report.Report, err error) {
				drilled, err = dr.Execute(ctx, w, p)
				return drilled, err
			})
			if drilled == nil {
				return err
			}
			for _, path := range c.StringSlice("report") {
				if serr := seal(path, key); serr != nil {
					return serr
				}
			}
			return err
		})
	})
}

func drillFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "`NAME` of a declared drill, where it can not stand behind the flags"},
		&cli.StringFlag{Name: "scenario", Usage: "`WHAT` happens: planned, region-loss (default) or late-link"},
		&cli.StringFlag{Name: "at", Usage: "region-loss: the instant, by the times of records, as `TIME` such as 2026-11-23T04:00:00Z; default: now"},
		&cli.DurationFlag{Name: "behind", Usage: "late-link: `DURATION` by which the link is behind"},
		&cli.StringFlag{Name: "pipeline", Usage: "`NAME` of the pipeline whose statements to start; default: all"},
		&cli.BoolFlag{Name: "keep", Usage: "leave the statements running and their output in place, for a look; then: lifeboat drill clean"},
	}
}

// planDrill plans the drill that is declared under the name in the arguments, or the one that the flags tell.
func (a *app) planDrill(ctx context.Context, c *cli.Context, w *dr.World) (*plans.Plan, error) {
	o := plans.DrillOptions{Scenario: c.String("scenario"), Behind: plans.Duration(c.Duration("behind")), Keep: c.Bool("keep")}
	pipeline := c.String("pipeline")
	if text := c.String("at"); text != "" {
		var err error
		if o.At, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, usageError{withHint{fmt.Errorf("--at %q is not a time", text), "lifeboat drill --at " + time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)}}
		}
	}
	name := c.String("name")
	if c.Args().Present() {
		name = c.Args().First()
	}
	if name != "" {
		for _, flag := range []string{"scenario", "at", "behind", "pipeline"} {
			if c.IsSet(flag) {
				return nil, usageError{withHint{fmt.Errorf("drill %s is declared, so --%s has nothing to say", name, flag), "lifeboat drill " + name}}
			}
		}
		drills := w.Declared.Topology.Drills
		i := slices.IndexFunc(drills, func(d *plans.Drill) bool { return d.Name == name })
		if i < 0 {
			names := make([]string, len(drills))
			for i, d := range drills {
				names[i] = d.Name
			}
			hint := "declare it under drills, or say what is rehearsed: lifeboat drill --scenario region-loss"
			if len(names) > 0 {
				hint = "lifeboat drill " + names[0]
			}
			return nil, usageError{withHint{fmt.Errorf("%s declares no drill %q; there is %v", w.Declared.Path, name, names), hint}}
		}
		o.Name, o.Scenario, o.Behind, pipeline = name, drills[i].Scenario, drills[i].Behind, drills[i].Pipeline
	}
	return dr.PlanDrill(ctx, w, c.String("link"), pipeline, o)
}

func (a *app) cleanDrills(c *cli.Context) error {
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		rep, err := dr.CleanDrills(ctx, w, c.String("link"), c.Args().Get(1))
		if err != nil {
			return err
		}
		if err := a.emit(c, rep); err != nil {
			return err
		}
		return outcome(rep)
	})
}
