package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) statementCommand() *cli.Command {
	return a.group(&cli.Command{
		Name:  "statement",
		Usage: "statements, one at a time",
		Subcommands: []*cli.Command{
			a.command(&cli.Command{
				Name:      "explain",
				Usage:     "the plan of a statement, its changelog modes, its state, and the history that rebuilds it; no region is needed",
				ArgsUsage: "FILE|NAME",
				Description: `Explains the statements of a SQL file, with the tables that the files beside it declare, or the statement of
this name in the topology.

   lifeboat statement explain sql/delays.sql
   lifeboat statement explain delays-by-hour
   lifeboat statement explain --measure delays-by-hour        how far back what depends on the data has reached`,
				Flags: []cli.Flag{a.topologyFlag(), dialectFlag(), formatFlag(), reportFlag(),
					&cli.BoolFlag{Name: "measure", Usage: "ask the regions too: tables of topics, and how far back the data have reached where a horizon depends on them"},
					&cli.StringFlag{Name: "catalog", Usage: "ask the snapshot in `FILE` instead, as check --save-catalog writes it", TakesFile: true}},
			}, 1, a.explainStatement),
			a.command(&cli.Command{
				Name:      "print",
				Usage:     "the declared statements as they run in a region; no region is asked",
				ArgsUsage: "[NAME…]",
				Description: `Writes SQL, with every ${REGION:TOPIC} as that topic is called in the region.

   lifeboat statement print --region west
   lifeboat statement print --region west delays-by-hour`,
				Flags: []cli.Flag{a.topologyFlag(), &cli.StringFlag{Name: "region", Usage: "`REGION` in which they run", Required: true}},
			}, manyTopics, a.printStatements),
			a.listStatementsCommand(), a.describeStatementCommand(), a.createStatementCommand(),
			a.changeStatementsCommand(dr.StopStatement), a.changeStatementsCommand(dr.ResumeStatement), a.changeStatementsCommand(dr.DeleteStatement),
		},
	})
}

// printStatements writes what somebody hands to a region's engine.
func (a *app) printStatements(c *cli.Context) error {
	d, found, err := plans.Load(os.ReadFile, c.String("file"), time.Now())
	if err != nil {
		return err
	}
	region, wanted := c.String("region"), c.Args().Slice()
	for _, f := range found {
		if f.Severity == report.Block {
			return withHint{fmt.Errorf("%s:%d: %s", f.Place.File, f.Place.Line, f.Message), "lifeboat check --offline"}
		}
	}
	if err := knownRegion(c, d, region); err != nil {
		return err
	}
	var names []string
	for _, s := range d.Statements {
		names = append(names, s.Name)
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return withHint{fmt.Errorf("%s has no statement %q", d.Path, name), strings.TrimSpace("lifeboat statement print --region " + region + " " + plans.Nearest(name, names))}
		}
	}
	for _, s := range d.In(region).Statements {
		if len(wanted) == 0 || slices.Contains(wanted, s.Name) {
			fmt.Fprintf(a.stdout, "-- %s (%s)\n%s;\n\n", s.Name, s.File, strings.TrimRight(strings.TrimSpace(s.SQL), ";"))
		}
	}
	return nil
}

func (a *app) explainStatement(c *cli.Context) error {
	if _, _, err := a.renderers(c); err != nil {
		return err
	}
	arg := c.Args().First()
	if arg == "" {
		return usageError{withHint{errors.New("statement explain needs a SQL file or the name of a statement"), c.Command.HelpName + " --help"}}
	}
	var d *plans.Declared
	var found []report.Finding
	var err error
	wanted := func(s plans.Statement) bool { return s.Name == arg }
	if info, statErr := os.Stat(arg); statErr == nil && !info.IsDir() {
		path := filepath.Clean(arg)
		beside, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.sql")) // the pattern is well formed
		if !slices.Contains(beside, path) {
			beside = append(beside, path)
		}
		d, found, err = plans.LoadSQL(os.ReadFile, "", beside...)
		found = slices.DeleteFunc(found, func(f report.Finding) bool { return f.Place.File != path })
		wanted = func(s plans.Statement) bool { return s.File == path }
	} else {
		d, found, err = plans.Load(os.ReadFile, c.String("file"), time.Now())
	}
	if err != nil {
		return withHint{err, "lifeboat statement explain FILE.sql, or NAME with -f lifeboat.yaml"}
	}
	if err := inDialect(c, d); err != nil {
		return err
	}
	if len(d.Topology.Regions) == 0 && (c.Bool("measure") || c.String("catalog") != "") {
		return usageError{withHint{fmt.Errorf("%s is a file, and which regions run it is not told: --measure and --catalog go with the name of a statement", arg), "lifeboat statement explain --measure -f lifeboat.yaml NAME"}}
	}
	if !slices.ContainsFunc(d.Statements, wanted) && len(found) == 0 {
		var names []string
		for _, s := range d.Statements {
			names = append(names, s.Name)
		}
		hint := "lifeboat lint " + c.String("file")
		if meant := plans.Nearest(arg, names); meant != "" {
			hint = "lifeboat statement explain " + meant
		}
		return withHint{fmt.Errorf("there is no statement %q in %s", arg, c.String("file")), hint}
	}
	seen, silent, err := a.seenFor(c, d)
	if err != nil {
		return err
	}
	rep := dr.ExplainStatements("explanation of "+arg, d, seen, found, wanted)
	if err := a.emit(c, rep); err != nil {
		return err
	}
	return cmp.Or(silent, outcome(rep))
}

// seenFor is what is known of the regions where it is asked for, else nil. silent is why some of them did not answer.
func (a *app) seenFor(c *cli.Context, d *plans.Declared) (seen *plans.Observed, silent, err error) {
	if path := c.String("catalog"); path != "" {
		s, err := openSnapshot(path)
		if err != nil {
			return nil, nil, err
		}
		if foreign := s.Foreign(d); len(foreign) > 0 {
			return nil, nil, withHint{fmt.Errorf("the snapshot %s says nothing about these regions: %s", path, strings.Join(foreign, "; ")), "lifeboat check --save-catalog " + path}
		}
		return s.Observed, nil, nil
	}
	if !c.Bool("measure") {
		return nil, nil, nil
	}
	w, err := dr.Open(c.Context, d, a.options(c))
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	ctx, stop := a.untilInterrupted(c.Context)
	defer stop()
	if seen, err = dr.Observe(ctx, w); err != nil {
		return nil, nil, err
	}
	for _, name := range w.RegionNames() {
		silent = errors.Join(silent, w.Errs[name])
	}
	return seen, silent, dr.Measure(ctx, w, seen)
}
