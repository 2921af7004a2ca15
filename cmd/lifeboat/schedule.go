package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) scheduleCommand() *cli.Command {
	return a.group(&cli.Command{
		Name: "schedule", Usage: "the declared checks and drills, for those who schedule elsewhere",
		Subcommands: []*cli.Command{a.schedulePrintCommand()},
	})
}

func (a *app) schedulePrintCommand() *cli.Command {
	forms := strings.Join(plans.JobForms, ", ")
	return a.command(&cli.Command{
		Name: "print", Usage: "write the declared checks and drills as crontab, systemd timers, Kubernetes CronJobs or a CI workflow",
		Description: `Schedules are UTC's, and what is written says so. Nothing is contacted or changed.

   lifeboat schedule print --as crontab
   lifeboat schedule print --as systemd -o /etc/systemd/system
   lifeboat schedule print --as kubernetes --image registry.example/lifeboat:1 | kubectl apply -f -
   lifeboat schedule print --as ci -o .`,
		Flags: []cli.Flag{
			a.topologyFlag(),
			&cli.StringFlag{Name: "as", Usage: "`FORM`: " + forms},
			&cli.StringFlag{Name: "only", Usage: "checks or drills: the `KIND` of jobs to write; default: both"},
			&cli.StringFlag{Name: "binary", Value: "/usr/local/bin/lifeboat", Usage: "crontab, systemd: `PATH` of lifeboat on that machine"},
			&cli.StringFlag{Name: "image", Usage: "kubernetes: the container `IMAGE`, whose entry point is lifeboat"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write files in `DIRECTORY`; none is overwritten. Default: stdout", TakesFile: true},
		},
	}, 0, func(c *cli.Context) error {
		form := c.String("as")
		switch {
		case form == "":
			return need(c, "as", "one of "+forms)
		case !slices.Contains(plans.JobForms, form):
			return usageError{withHint{fmt.Errorf("jobs can not be written as %q: use %s", form, forms), c.Command.HelpName + " --as crontab"}}
		case form == "kubernetes" && c.String("image") == "":
			return need(c, "image", "what the CronJobs run")
		case !slices.Contains([]string{"", "checks", "drills"}, c.String("only")):
			return usageError{withHint{fmt.Errorf("--only %s: use checks or drills", c.String("only")), c.Command.HelpName + " --as " + form + " --only checks"}}
		}
		declared, _, err := a.load(c)
		if err != nil {
			return err
		}
		jobs, err := wantedJobs(declared, c.String("only"))
		if err != nil {
			return err
		}
		o := plans.JobOptions{Binary: c.String("binary"), Topology: filepath.ToSlash(filepath.Clean(declared.Path)), Image: c.String("image")}
		if form == "crontab" || form == "systemd" {
			if o.Topology, err = filepath.Abs(declared.Path); err != nil {
				return fmt.Errorf("finding the topology: %w", err)
			}
		}
		for _, s := range declared.Statements {
			if f := filepath.ToSlash(filepath.Clean(s.File)); !slices.Contains(o.Files, f) {
				o.Files = append(o.Files, f)
			}
		}
		files, err := declared.Topology.PrintJobs(form, jobs, o)
		if err != nil {
			return err
		}
		if dir := c.String("out"); dir != "" {
			return a.writeJobs(dir, files)
		}
		for _, f := range files {
			if len(files) > 1 {
				fmt.Fprintf(a.stdout, "# ---- %s\n", f.Name)
			}
			if _, err := fmt.Fprint(a.stdout, f.Text); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantedJobs returns the declared jobs of a kind, each with its command. One that this version can not run is refused by name.
func wantedJobs(declared *plans.Declared, only string) ([]plans.Job, error) {
	jobs, err := declared.Topology.Jobs()
	if err != nil {
		return nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j plans.Job) bool { return only != "" && only != j.Operation+"s" })
	if len(jobs) == 0 {
		if only == "" {
			only = "checks or drills"
		}
		return nil, withHint{fmt.Errorf("%s declares no %s", declared.Path, only), `declare one there: checks: [{name: nightly, schedule: "0 4 * * *"}]`}
	}
	for i, j := range jobs {
		op, err := dr.OperationOf(j)
		if err != nil {
			return nil, err
		}
		jobs[i].Words = op.Words(j.Drill)
	}
	return jobs, nil
}

// writeJobs writes all files or, where one of them is there already, none.
func (a *app) writeJobs(dir string, files []plans.JobFile) error {
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if _, err := os.Lstat(path); err == nil {
			return withHint{fmt.Errorf("%s is there already, and is not overwritten", path), "remove it, or write elsewhere with -o"}
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("writing jobs: %w", err)
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("writing jobs: %w", err)
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return fmt.Errorf("writing jobs: %w", err)
		}
		fmt.Fprintf(a.stderr, "written: %s\n", path)
	}
	return nil
}
