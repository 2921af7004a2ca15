package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
)

// app is what every verb needs: where to write, how to be interrupted, and the flags that all of them share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stderr is one: progress may be redrawn
	interrupted    chan struct{}
	signal         os.Signal // the one that closed interrupted
}

// Main runs lifeboat and returns its exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, interrupted: make(chan struct{})}
	if f, ok := stderr.(*os.File); ok {
		a.terminal = term.IsTerminal(int(f.Fd()))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stop := a.watchSignals(cancel)
	defer stop()
	err := a.cli().RunContext(ctx, args)
	return a.exit(err)
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

func (a *app) cli() *cli.App {
	return &cli.App{
		Name:        "lifeboat",
		Usage:       "disaster recovery and migration of multi-region streaming pipelines",
		Version:     version(),
		Writer:      a.stdout,
		ErrWriter:   a.stderr,
		HideVersion: false,
		Suggest:     true,
		Commands: []*cli.Command{
			a.demoCommand(), a.checkCommand(), a.planCommand(), a.applyCommand(), a.failoverCommand(), a.resumeCommand(), a.runsCommand(),
			a.verifyCommand(), a.linkCommand(), a.engineCommand(), a.schemaCommand(),
		},
		CommandNotFound: func(c *cli.Context, name string) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return a.unknownCommand(c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError:   func(c *cli.Context, err error, _ bool) error { return usageError{err} },
		ExitErrHandler: func(*cli.Context, error) {}, // only main exits
	}
}

// notYet are the verbs that people will look for and that this version does not have.
var notYet = map[string]string{
	"init": "write lifeboat.yaml by hand for now: `lifeboat schema` describes it", "failback": "", "migrate": "", "drill": "", "schedule": "",
	"runbook": "`lifeboat plan failover` prints the steps", "status": "`lifeboat link status` shows the mirrors", "serve": "",
	"statement": "", "sql": "", "lint": "`lifeboat check --offline` analyses the declared statements",
}

func (a *app) unknownCommand(name string) error {
	if hint, ok := notYet[name]; ok {
		return usageError{withHint{fmt.Errorf("%s is not there yet: see \"Not yet\" in the README", name), hint}}
	}
	return usageError{withHint{fmt.Errorf("unknown command %q", name), "lifeboat help"}}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}

// command makes a verb: its arguments are checked before it runs, and urfave/cli takes a flag after a positional argument for an
// argument, which is refused with the corrected command.
func (a *app) command(c *cli.Command, args int, run cli.ActionFunc) *cli.Command {
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageError{err} }
	c.Action = func(ctx *cli.Context) error {
		given := ctx.Args().Slice()
		for i, arg := range given {
			if strings.HasPrefix(arg, "-") && arg != "-" {
				fixed := append([]string{"lifeboat", ctx.Command.HelpName[len("lifeboat "):]}, append(given[i:], given[:i]...)...)
				return usageError{withHint{fmt.Errorf("flag %s stands after an argument", arg), strings.Join(fixed, " ")}}
			}
		}
		if len(given) > args {
			return usageError{fmt.Errorf("%s takes at most %d arguments, got %d: %q", ctx.Command.HelpName, args, len(given), given)}
		}
		return run(ctx)
	}
	return c
}

// group makes a command that only has verbs below it.
func (a *app) group(c *cli.Command) *cli.Command {
	c.Action = func(ctx *cli.Context) error {
		if name := ctx.Args().First(); name != "" {
			return usageError{withHint{fmt.Errorf("unknown command %q", ctx.Command.Name+" "+name), "lifeboat " + ctx.Command.Name + " --help"}}
		}
		return cli.ShowSubcommandHelp(ctx)
	}
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageError{err} }
	return c
}

func (a *app) topologyFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Value: "lifeboat.yaml", EnvVars: []string{"LIFEBOAT_FILE"}, Usage: "the declared topology", TakesFile: true}
}

// flags are those of every verb that contacts regions, and the verb's own.
func (a *app) flags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		a.topologyFlag(),
		&cli.StringFlag{Name: "format", Value: "human", Usage: "human, json, junit or html"},
		&cli.StringSliceFlag{Name: "report", Usage: "also write the report to `FILE`; its extension tells the format (.txt .json .xml .html); repeatable"},
		&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how long a region may take to answer first"},
		&cli.StringFlag{Name: "state-dir", EnvVars: []string{"LIFEBOAT_STATE_DIR"}, Usage: "where local copies of run journals live"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is done, to stderr"},
	}, own...)
}

func (a *app) logger(c *cli.Context) *slog.Logger {
	level := slog.LevelWarn
	if c.Bool("verbose") {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}
