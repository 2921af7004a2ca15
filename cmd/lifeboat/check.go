package main

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
)

func (a *app) checkCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:  "check",
		Usage: "pre-flight: the topology, both regions, the statements; changes nothing",
		Description: `Asks everything that a failover would need: are both regions there, is every topic mirrored, by a link that
is alive, do schemas have the same ids, does the engine answer, does the history in the destination reach
back far enough for every statement, would it compute the same. Exit status 3 where one answer is no.

   lifeboat check                                            before you need it
   lifeboat check --offline --format junit                   in CI, from the files alone`,
		Flags: a.flags(
			&cli.BoolFlag{Name: "offline", Usage: "read files only: for CI without access to a region"},
			&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"},
		),
	}, 0, func(c *cli.Context) error {
		if c.Bool("offline") {
			if _, _, err := a.renderers(c); err != nil {
				return err
			}
			declared, findings, err := a.load(c)
			if err != nil {
				return err
			}
			rep := dr.CheckOffline(declared, findings, time.Now())
			if err := a.emit(c, rep); err != nil {
				return err
			}
			return outcome(rep)
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			ctx, stop := a.untilInterrupted(ctx)
			defer stop()
			rep, err := dr.Check(ctx, w, c.String("link"))
			if err != nil {
				return err
			}
			if err := a.emit(c, rep); err != nil {
				return err
			}
			var silent []error // a region that does not answer has a status of its own
			for _, name := range w.RegionNames() {
				silent = append(silent, w.Errs[name])
			}
			if err := errors.Join(silent...); err != nil {
				return err
			}
			return outcome(rep)
		})
	})
}
