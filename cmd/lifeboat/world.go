package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// load reads the topology and its SQL files. Mistakes in them are written as a report, and end the command with status 3.
func (a *app) load(c *cli.Context) (*plans.Declared, []report.Finding, error) {
	path := c.String("file")
	declared, findings, err := plans.Load(os.ReadFile, path, time.Now())
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil, withHint{fmt.Errorf("reading the topology: %w", err), "pass the topology with -f, or write one: lifeboat init"}
		}
		return nil, nil, withHint{fmt.Errorf("reading the topology: %w", err), "pass the topology with -f"}
	}
	if report.Blocked(findings) {
		rep := &report.Report{Command: c.Command.Name, Title: "reading " + path, File: path, Outcome: report.Failed, Findings: findings,
			Summary: fmt.Sprintf("%s can not be used: %s", path, mistakes(findings)), Next: []string{"mend them, then: lifeboat check --offline -f " + path}}
		if err := a.emit(c, rep); err != nil {
			return nil, nil, err
		}
		return nil, nil, status(exitCheckFailed)
	}
	return declared, findings, inDialect(c, declared)
}

// mistakes counts what keeps a topology from being used.
func mistakes(findings []report.Finding) string {
	n := 0
	for _, f := range findings {
		if f.Severity == report.Block && f.Waived == "" {
			n++
		}
	}
	if n == 1 {
		return "1 mistake"
	}
	return fmt.Sprint(n, " mistakes")
}

// world loads the topology, opens its regions and calls run with them.
func (a *app) world(c *cli.Context, run func(ctx context.Context, w *dr.World) error) error {
	if _, _, err := a.renderers(c); err != nil {
		return err
	}
	if t := c.Duration("timeout"); t <= 0 {
		return usageError{withHint{fmt.Errorf("timeout %s: it has to be more than 0", t), c.Command.HelpName + " --help"}}
	}
	declared, _, err := a.load(c)
	if err != nil {
		return err
	}
	w, err := dr.Open(c.Context, declared, a.options(c))
	if err != nil {
		return err
	}
	defer w.Close()
	defer a.alive()()
	return run(c.Context, w)
}

func (a *app) options(c *cli.Context) dr.Options {
	var gate func(context.Context, string) (bool, error)
	if c.Bool("manual") {
		gate = a.confirmInRun
	}
	return dr.Options{Until: c.String("until"), Gate: gate,
		Log: a.logger(c), Timeout: c.Duration("timeout"), StateDir: c.String("state-dir"), Interrupted: a.interrupted, Events: a.events(c),
		Hooks: a.hooks, LeaseTTL: a.timing.leaseTTL, Renewal: a.timing.renewal, Still: a.timing.still,
		Confirm: func(ctx context.Context, question string) (bool, error) {
			if c.Bool("fenced") {
				return true, nil
			}
			return a.confirmInRun(ctx, question)
		},
	}
}

// events is how a command tells of a run.
func (a *app) events(c *cli.Context) func(dr.Event) {
	switch {
	case c.String("format") == "json":
		return func(e dr.Event) { jsonLine(a.stderr, e) }
	case a.live != nil:
		return a.live.event
	}
	return func(e dr.Event) { fmt.Fprint(a.stderr, plainLine(e)) }
}
