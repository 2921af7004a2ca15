package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// The verbs for statements as a region's engine has them.

func engineFlag(usage string) *cli.StringFlag { return &cli.StringFlag{Name: "region", Usage: usage} }

func (a *app) listStatementsCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "list", Usage: "the statements that the regions' engines have, with their phases",
		Description: `   lifeboat statement list
   lifeboat statement list --region west --format json`,
		Flags: a.flags(engineFlag("only those of `REGION`")),
	}, 0, func(c *cli.Context) error {
		return a.engines(c, func(ctx context.Context, w *dr.World, region string) error {
			rep, err := dr.Statements(ctx, w, region)
			if err != nil {
				return err
			}
			return a.emitAnswers(c, rep)
		})
	})
}

func (a *app) describeStatementCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "describe", Usage: "one statement: phase, progress, positions, properties, what went wrong, SQL", ArgsUsage: "NAME",
		Description: `   lifeboat statement describe delays-by-hour
   lifeboat statement describe --region west delays-by-hour`,
		Flags: a.flags(engineFlag("as `REGION` has it; default: every region that does")),
	}, 1, func(c *cli.Context) error {
		if c.NArg() == 0 {
			return usageError{withHint{errors.New("statement describe needs the name of a statement"), "lifeboat statement list"}}
		}
		return a.engines(c, func(ctx context.Context, w *dr.World, region string) error {
			rep, err := dr.DescribeStatement(ctx, w, region, c.Args().First())
			if err != nil {
				return err
			}
			return a.emitAnswers(c, rep)
		})
	})
}

// emitAnswers writes what engines have told; one that did not is an unreachable region.
func (a *app) emitAnswers(c *cli.Context, rep *report.Report) error {
	if err := a.emit(c, rep); err != nil {
		return err
	}
	if rep.Outcome == report.Failed {
		return status(exitUnreachable)
	}
	return nil
}

// verbWords are what help says of a verb, what is asked before it ("" = nothing is), and what a no means.
var verbWords = map[dr.StatementVerb]struct{ usage, description, ask, not string }{
	dr.StopStatement: {"stop statements; their state is kept, and resume goes on from it", `Waits until they have stopped. Refused while a run is unfinished: runs stop and start statements in order.

   lifeboat statement stop --region east delays-by-hour`, "Stop %s in %s?", "not stopped"},
	dr.ResumeStatement: {"let statements that were stopped or have failed go on from their last checkpoint", `Waits until they run. Refused while a run is unfinished, and where a link mirrors what a statement writes.

   lifeboat statement resume --region east delays-by-hour`, "", ""},
	dr.DeleteStatement: {"remove statements with their state and positions; their output stays", `Waits until they are gone. What they have computed can not go on: created again, they begin anew. Refused while a run is
unfinished.

   lifeboat statement delete --region east delays-by-hour`, "Delete %s in %s, with state and positions?", "not deleted"},
}

func (a *app) changeStatementsCommand(verb dr.StatementVerb) *cli.Command {
	words := verbWords[verb]
	own := []cli.Flag{engineFlag("`REGION` in which they are")}
	if words.ask != "" {
		own = append(own, yesFlag())
	}
	return a.command(&cli.Command{
		Name: string(verb), Usage: words.usage, Description: words.description, ArgsUsage: "NAME…", Flags: a.journalFlags(own...),
	}, manyTopics, func(c *cli.Context) error {
		names := c.Args().Slice()
		if len(names) == 0 {
			return usageError{withHint{fmt.Errorf("statement %s needs the name of a statement", verb), "lifeboat statement list"}}
		}
		if err := needsRegion(c); err != nil {
			return err
		}
		return a.engines(c, func(ctx context.Context, w *dr.World, region string) error {
			if err := dr.Changeable(ctx, w, region, names); err != nil {
				return err
			}
			if words.ask != "" {
				if err := a.agreed(c, fmt.Sprintf(words.ask, strings.Join(shortened(names), ", "), region), words.not); err != nil {
					return err
				}
			}
			rep, err := dr.ChangeStatements(ctx, w, verb, region, names)
			if err != nil {
				return err
			}
			if err := a.emit(c, rep); err != nil {
				return err
			}
			if rep.Outcome != report.Done {
				return status(exitPartWay)
			}
			return nil
		})
	})
}

func (a *app) createStatementCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "create", Usage: "create a declared statement, or one of its own, in a region", ArgsUsage: "NAME",
		Description: `Creates the statement of this name in the topology, as it is written and with the properties that it has there, or
the one that --sql gives; waits until it runs. It begins with no state, where its tables' scan.startup.mode says: only a
failover or failback goes on where another region was. Refused while a run is unfinished, and where a link mirrors what
it writes.

   lifeboat statement create --region west delays-by-hour
   lifeboat statement create --region west --sql "CREATE TABLE t (id BIGINT)" --property sql.state-ttl=1d t`,
		Flags: a.journalFlags(engineFlag("`REGION` in which it is created"),
			&cli.StringFlag{Name: "sql", Usage: "the `SQL` of a statement that is not declared"},
			&cli.StringSliceFlag{Name: "property", Usage: "a property, `KEY=VALUE`, over the declared ones; repeatable"},
			&cli.BoolFlag{Name: "stopped", Usage: "create it stopped"}),
	}, 1, func(c *cli.Context) error {
		if c.NArg() == 0 {
			return usageError{withHint{errors.New("statement create needs a name"), c.Command.HelpName + " --help"}}
		}
		if err := needsRegion(c); err != nil {
			return err
		}
		return a.engines(c, func(ctx context.Context, w *dr.World, region string) error {
			spec, err := specOf(c, w.Declared, region)
			if err != nil {
				return err
			}
			rep, err := dr.CreateStatement(ctx, w, region, spec)
			if err != nil {
				return err
			}
			return a.emit(c, rep)
		})
	})
}

// specOf is the statement that the command line asks for: a declared one as it is called in the region, or that of --sql.
func specOf(c *cli.Context, d *plans.Declared, region string) (engine.Spec, error) {
	name := c.Args().First()
	spec := engine.Spec{Name: name, SQL: c.String("sql"), Properties: map[string]string{}, Stopped: c.Bool("stopped")}
	if spec.SQL == "" {
		there := d.In(region)
		i := slices.IndexFunc(there.Statements, func(s plans.Statement) bool { return s.Name == name })
		if i < 0 {
			var names []string
			for _, s := range there.Statements {
				names = append(names, s.Name)
			}
			return spec, withHint{fmt.Errorf("%s has no statement %q", d.Path, name), cmp.Or(plans.Nearest(name, names), "--sql gives one that is not declared")}
		}
		spec.SQL = there.Statements[i].SQL
		maps.Copy(spec.Properties, there.Properties(name))
	}
	for _, p := range c.StringSlice("property") {
		key, value, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return spec, usageError{fmt.Errorf("--property %q is not KEY=VALUE", p)}
		}
		spec.Properties[key] = value
	}
	return spec, nil
}

// engines opens the regions and calls run with the one that --region names, "" where it names none.
func (a *app) engines(c *cli.Context, run func(ctx context.Context, w *dr.World, region string) error) error {
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		if region := c.String("region"); region != "" {
			if err := knownRegion(c, w.Declared, region); err != nil {
				return err
			}
		}
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		return run(ctx, w, c.String("region"))
	})
}

// needsRegion refuses a change of which nobody says where.
func needsRegion(c *cli.Context) error {
	if c.String("region") == "" {
		return usageError{withHint{fmt.Errorf("%s needs --region: statements of one name may be in both", c.Command.HelpName), "lifeboat statement list"}}
	}
	return nil
}

// knownRegion refuses a region that is not declared.
func knownRegion(c *cli.Context, d *plans.Declared, region string) error {
	if d.Topology.Regions[region] != nil {
		return nil
	}
	regions := slices.Sorted(maps.Keys(d.Topology.Regions))
	return usageError{withHint{fmt.Errorf("%s declares no region %q", d.Path, region), c.Command.HelpName + " --region " + cmp.Or(plans.Nearest(region, regions), strings.Join(regions, "|"))}}
}
