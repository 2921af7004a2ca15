package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
)

// clearScreen puts a terminal's cursor home and clears what is below it (ECMA-48: CUP, ED).
const clearScreen = "\x1b[H\x1b[J"

func (a *app) statusCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "status", Usage: "show how regions, links and statements are now, and what would be lost",
		Description: `A line each, in a second or so; lifeboat check looks deeper. Exit status 3 where something is not as it should be.

   lifeboat status
   lifeboat status --watch --every 5s`,
		Flags: a.flags(&cli.BoolFlag{Name: "watch", Usage: "again and again, until interrupted"},
			&cli.DurationFlag{Name: "every", Value: 2 * time.Second, Usage: "how long --watch waits between two looks, a `DURATION`"}),
	}, 0, func(c *cli.Context) error {
		if c.Duration("every") <= 0 {
			return usageError{withHint{fmt.Errorf("every %s: it has to be more than 0", c.Duration("every")), c.Command.HelpName + " --watch --every 2s"}}
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			ctx, stop := a.untilInterrupted(ctx)
			defer stop()
			for {
				rep, err := dr.Status(ctx, w)
				if err != nil && ctx.Err() != nil && c.Bool("watch") {
					return nil // interrupted while it looked
				}
				if err != nil {
					return err
				}
				if c.Bool("watch") && a.terminal {
					fmt.Fprint(a.stdout, clearScreen)
				}
				if err := a.emit(c, rep); err != nil {
					return err
				}
				if !c.Bool("watch") {
					return outcome(rep)
				}
				select {
				case <-time.After(c.Duration("every")):
				case <-ctx.Done():
					return nil
				}
			}
		})
	})
}
