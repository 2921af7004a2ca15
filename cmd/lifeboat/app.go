package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// app is what every verb needs: where to write, how to be interrupted, and the flags that all of them share.
type app struct {
	args           []string // of the process
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool  // stderr is one: progress may be redrawn
	live           *live // stderr, where it is a terminal that can be redrawn; else nil
	layout         render.Terminal
	interrupted    chan struct{}
	signal         os.Signal // the one that closed interrupted
	timing         timing
	metrics        *linking.Metrics // nil: nobody asked for them
	questions      questions
}

// timing is how long a lease and a fence take; zero is package dr's own. Tests are quicker.
type timing struct {
	leaseTTL, renewal, still time.Duration
}

// Main runs lifeboat and returns its exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(args, stdin, stdout, stderr, timing{})
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer, t timing) int {
	a := &app{args: args, stdin: stdin, stdout: stdout, stderr: stderr, interrupted: make(chan struct{}), timing: t, layout: layout(stdout)}
	if f, ok := stderr.(*os.File); ok {
		a.terminal = term.IsTerminal(int(f.Fd()))
		if a.terminal && os.Getenv("TERM") != "dumb" {
			a.live = &live{out: f, now: time.Now, width: func() int {
				width, _, err := term.GetSize(int(f.Fd()))
				if err != nil {
					return 80
				}
				return width
			}}
			a.stderr = a.live
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stop := a.watchSignals(cancel)
	defer stop()
	// With somebody to hear of it, a write to a pipe that nobody reads is an error and no longer the end: `lifeboat failover 2>&1 | less`,
	// and then q, must not stop a failover half-way.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return a.exit(a.cli().RunContext(ctx, args))
}

// errSignal ends a context at the second signal, or at the first where there is no step to finish.
var errSignal = errors.New("interrupted")

// watchSignals closes a.interrupted at the first SIGINT or SIGTERM and cancels at the second.
func (a *app) watchSignals(cancel context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		for n := 0; ; n++ {
			select {
			case <-done:
				return nil
			case s := <-signals:
				if n == 0 {
					a.signal = s
					close(a.interrupted)
				} else {
					cancel(errSignal)
				}
			}
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		_ = g.Wait() // never fails
	}
}

// alive has the terminal show what is under way, until the function that it returns is called.
func (a *app) alive() (stop func()) {
	if a.live == nil {
		return func() {}
	}
	over := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error { a.live.run(over); return nil })
	return func() {
		close(over)
		_ = g.Wait() // never fails
	}
}

// untilInterrupted returns a context that ends at the first signal, for verbs without steps to finish.
func (a *app) untilInterrupted(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		select {
		case <-a.interrupted:
			cancel(errSignal)
		case <-done:
		}
		return nil
	})
	return ctx, func() {
		close(done)
		_ = g.Wait() // never fails
		cancel(nil)
	}
}

const description = `Start with
   lifeboat demo                        see a failover with proof, nothing to install
   lifeboat check                       is everything ready? changes nothing
   lifeboat plan failover --unplanned   what would be done, and what would be lost

When the primary region is lost
   lifeboat failover --unplanned        shows the plan, asks, carries it out
   lifeboat resume                      goes on with a run that stopped part-way, from any machine
   lifeboat failback                    when it is there again: compares, brings the pipeline back, loses nothing

Exit status: 0 done, 1 error, 3 a check failed, 4 stopped part-way, 5 changes pending, 10 region unreachable,
11 another run holds the lease, 12 plan is stale, 64 usage, 130 interrupted`

func (a *app) cli() *cli.App {
	return &cli.App{
		Name:        "lifeboat",
		Usage:       "disaster recovery and migration of multi-region streaming pipelines",
		Version:     version(),
		Writer:      a.stdout,
		ErrWriter:   a.stderr,
		Description: description,
		// Values are taken as they are given: a comma may be part of one, as in cleanup.policy=compact,delete.
		DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			a.demoCommand(), a.initCommand(), a.statusCommand(), a.checkCommand(), a.planCommand(), a.runbookCommand(), a.applyCommand(), a.failoverCommand(), a.failbackCommand(), a.migrateCommand(), a.drillCommand(), a.resumeCommand(), a.runsCommand(), a.fenceCommand(), a.salvageCommand(),
			a.verifyCommand(), a.linkCommand(), a.lintCommand(), a.statementCommand(), a.engineCommand(), a.scheduleCommand(), a.serveCommand(), a.schemaCommand(), a.helpCommand(),
			{Name: "version", Hidden: true, Action: func(c *cli.Context) error { cli.ShowVersion(c); return nil }},
		},
		Flags: []cli.Flag{cli.HelpFlag}, // urfave/cli adds it only beside its own help command
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return a.unknownCommand(nil, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError:   a.flagError,
		ExitErrHandler: func(*cli.Context, error) {}, // only main exits
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}

func (a *app) topologyFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Value: "lifeboat.yaml", EnvVars: []string{"LIFEBOAT_FILE"}, Usage: "`FILE` that declares the topology", TakesFile: true}
}

// regionFlags are a verb's own, and those of every verb that contacts regions.
func (a *app) regionFlags(own ...cli.Flag) []cli.Flag {
	return append(slices.Clone(own),
		a.topologyFlag(),
		&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how long a region may take to answer first, a `DURATION` such as 30s"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is done, to stderr"})
}

// flags are a verb's own, and those of every verb that contacts regions and ends with a report.
func (a *app) flags(own ...cli.Flag) []cli.Flag {
	return a.regionFlags(append(slices.Clone(own),
		formatFlag(), reportFlag())...)
}

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Value: "human", Usage: "`FORMAT` of stdout: " + render.Names}
}

func reportFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "report", Usage: "also write the report to `FILE`; its extension tells the format (.txt .json .xml .sarif .html); repeatable"}
}

// journalFlags are flags, with the one of the verbs that keep a journal.
func (a *app) journalFlags(own ...cli.Flag) []cli.Flag {
	return a.flags(append(slices.Clone(own), stateFlag())...)
}

func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state-dir", EnvVars: []string{"LIFEBOAT_STATE_DIR"}, Usage: "`DIRECTORY` of the local copies of run journals"}
}
