package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// manyArguments lets a verb take any number of them.
const manyArguments = 1 << 20

func (a *app) lintCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:      "lint",
		Usage:     "say what SQL files mean for a move between regions; no region is needed",
		ArgsUsage: "FILE …",
		Description: `Reads SQL files, directories of them, or lifeboat.yaml with the statements that it names, and says what is wrong,
what would come out differently in another region, and how much history each statement needs. CREATE TABLEs
among the files are the catalogue. Exit status 3 where a finding is as severe as --fail-on.

   lifeboat lint sql/*.sql
   lifeboat lint --pattern active-active --fail-on high lifeboat.yaml
   lifeboat lint --dialect ccloud-2025-09 sql
   lifeboat lint --format sarif sql > lifeboat.sarif            for code review
   lifeboat lint --catalog catalog.json sql                     topics with schemas are tables
   lifeboat lint --graph dot sql | dot -Tsvg > pipeline.svg
   lifeboat lint --explain D06`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "fail-on", Value: "block", Usage: "the least `SEVERITY` that fails: block, high, medium, low, or never"},
			&cli.StringFlag{Name: "pattern", Usage: "how the regions share the work: active-active or active-passive; default: as the topology says, or active-passive"},
			dialectFlag(),
			&cli.StringFlag{Name: "explain", Usage: "explain a `RULE`, such as D06, with a wrong and a right example; \"all\" lists the rules"},
			&cli.StringFlag{Name: "catalog", Usage: "take the columns of tables that nobody declares from the topics and schemas in the snapshot `FILE`, which lifeboat check --save-catalog writes", TakesFile: true},
			&cli.StringFlag{Name: "graph", Usage: "write topics and statements as a graph instead of the report: `FORM` dot, mermaid or svg"},
			formatFlag(), reportFlag(),
		},
	}, manyArguments, func(c *cli.Context) error {
		out, files, err := a.renderers(c)
		if err != nil {
			return err
		}
		if id := c.String("explain"); id != "" {
			return a.explainRule(c, id)
		}
		if form := c.String("graph"); form != "" {
			if out, err = render.GraphByName(form); err != nil {
				return usageError{withHint{err, c.Command.HelpName + " --help"}}
			}
		}
		failOn := report.Severity(c.String("fail-on"))
		if !slices.Contains([]report.Severity{report.Block, report.High, report.Medium, report.Low, "never"}, failOn) {
			return usageError{withHint{fmt.Errorf("unknown severity %q: use block, high, medium, low or never", failOn), c.Command.HelpName + " --help"}}
		}
		pattern := c.String("pattern")
		if pattern != "" && pattern != "active-active" && pattern != "active-passive" {
			return usageError{withHint{fmt.Errorf("unknown pattern %q: use active-active or active-passive", pattern), c.Command.HelpName + " --help"}}
		}
		if c.NArg() == 0 {
			return usageError{withHint{errors.New("lint needs at least one file"), "lifeboat lint sql/*.sql"}}
		}
		declared, found, err := readForLint(c.Args().Slice(), pattern)
		if err != nil {
			return err
		}
		if err := inDialect(c, declared...); err != nil {
			return err
		}
		var seen *plans.Observed
		if path := c.String("catalog"); path != "" {
			s, err := openSnapshot(path)
			if err != nil {
				return err
			}
			seen = s.Observed
		}
		rep := dr.Lint("lint of "+strings.Join(shortened(c.Args().Slice()), " "), declared, found, failOn, seen)
		if err := a.write(rep, out, files); err != nil {
			return err
		}
		return outcome(rep)
	})
}

// shortened keeps a title on one line where a shell has written out a pattern.
func shortened(args []string) []string {
	if len(args) <= 4 {
		return args
	}
	return append(slices.Clone(args[:3]), fmt.Sprintf("and %d more", len(args)-3))
}

func (a *app) explainRule(c *cli.Context, id string) error {
	if id == "all" {
		rep := &report.Report{Command: "lint", Title: "all rules", Outcome: report.Done, Rules: dr.AllRules()}
		if f := c.String("format"); f == "human" || f == "" {
			var b strings.Builder
			for _, r := range rep.Rules {
				fmt.Fprintf(&b, "%-24s %s\n", r.ID, r.Title)
			}
			rep.Text, rep.Next = b.String(), []string{"lifeboat lint --explain " + rep.Rules[0].ID}
		}
		return a.emit(c, rep)
	}
	r, ok := dr.RuleNamed(id)
	if !ok {
		var known []string
		for _, r := range dr.AllRules() {
			known = append(known, r.ID)
		}
		hint := "lifeboat lint --explain all"
		if meant := plans.Nearest(id, known); meant != "" {
			hint = "lifeboat lint --explain " + meant
		}
		return usageError{withHint{fmt.Errorf("there is no rule %q", id), hint}}
	}
	return a.emit(c, dr.Explain(r))
}

// readForLint reads each topology by itself, and all SQL files as one pipeline.
func readForLint(args []string, pattern string) (all []*plans.Declared, found []report.Finding, err error) {
	var sql []string
	var errs []error
	for _, arg := range args {
		switch files, err := sqlFiles(arg); {
		case err != nil:
			errs = append(errs, err)
		case files != nil:
			sql = append(sql, files...)
		default:
			d, mistakes, err := plans.Load(os.ReadFile, arg, time.Now())
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if pattern != "" {
				d.Topology.Pattern = plans.Pattern(pattern)
			}
			all, found = append(all, d), append(found, mistakes...)
		}
	}
	if len(sql) > 0 {
		slices.Sort(sql)
		d, mistakes, err := plans.LoadSQL(os.ReadFile, pattern, slices.Compact(sql)...)
		errs = append(errs, err)
		d.AsOf = time.Now()
		all, found = append(all, d), append(found, mistakes...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, withHint{err, "lifeboat lint takes SQL files, directories of them, and lifeboat.yaml"}
	}
	return all, found, nil
}

// sqlFiles are the SQL files that an argument names; nil for a topology.
func sqlFiles(arg string) ([]string, error) {
	if ext := strings.ToLower(filepath.Ext(arg)); ext == ".yaml" || ext == ".yml" {
		return nil, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{arg}, nil
	}
	var files []string
	err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".sql") {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: the directory holds no file that ends in .sql", arg)
	}
	return files, err
}
