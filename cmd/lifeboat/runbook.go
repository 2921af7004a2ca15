package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) runbookCommand() *cli.Command {
	own := append([]cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`, .md or .html; default: Markdown on stdout", TakesFile: true},
		&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"},
		&cli.StringFlag{Name: "plan", Usage: "of the plan in `FILE`, which lifeboat plan -o wrote; default: of a plan computed now", TakesFile: true},
	}, kindFlags()...)
	return a.command(&cli.Command{
		Name: "runbook", Usage: "write a plan as a document to follow by hand",
		Description: `Every step with its commands for the tools of Kafka, the schema registry and the statements API, with what it must show, and the way back.
Nothing is changed. Secrets are in none of it.

   lifeboat runbook --unplanned -o failover.html
   lifeboat plan failback -o plan.json && lifeboat runbook --plan plan.json -o failback.html
   lifeboat plan migrate -o plan.json && lifeboat runbook --plan plan.json > migrate.md`,
		Flags: a.regionFlags(own...),
	}, 0, func(c *cli.Context) error {
		write, err := documentForm(c.String("out"))
		if err != nil {
			return usageError{withHint{err, c.Command.HelpName + " -o failover.md"}}
		}
		var doc *report.Document
		if path := c.String("plan"); path != "" {
			if c.Bool("planned") || c.Bool("unplanned") {
				return usageError{withHint{fmt.Errorf("--plan says which kind of failover it is"), c.Command.HelpName + " --plan " + path}}
			}
			p, err := readPlan(path)
			if err != nil {
				return err
			}
			declared, _, err := a.load(c)
			if err != nil {
				return err
			}
			if doc, err = p.Runbook(declared); err != nil {
				return err
			}
		} else {
			planned, err := failoverKind(c)
			if err != nil {
				return err
			}
			err = a.world(c, func(ctx context.Context, w *dr.World) error {
				ctx, stop := a.untilInterrupted(ctx)
				defer stop()
				p, err := dr.Plan(ctx, w, plans.OpFailover, failoverOptions(c, planned))
				if err != nil {
					return err
				}
				doc, err = p.Runbook(w.Declared)
				return err
			})
			if err != nil {
				return err
			}
		}
		var text bytes.Buffer
		if err := write(&text, *doc); err != nil {
			return fmt.Errorf("writing the runbook: %w", err)
		}
		path := c.String("out")
		if path == "" {
			_, err := a.stdout.Write(text.Bytes())
			return err
		}
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing the runbook: %w", err)
		}
		fmt.Fprintf(a.stderr, "runbook written to %s\n", path)
		return nil
	})
}

// documentForm is how a document is written to a file of this name.
func documentForm(path string) (render.Document, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case path == "", ext == ".md", ext == ".markdown":
		return render.Markdown, nil
	case ext == ".html", ext == ".htm":
		return render.DocumentHTML, nil
	}
	return nil, fmt.Errorf("%s: the format is not known by the end of its name: use .md or .html", path)
}
