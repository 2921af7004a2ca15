package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) checkCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:  "check",
		Usage: "pre-flight: the topology, both regions, the statements; changes nothing",
		Description: `Asks everything that a failover would need: are both regions there, is every topic mirrored, by a link that
is alive, do schemas have the same ids, does the engine answer, does the history in the destination reach
back far enough for every statement, would it compute the same. Exit status 3 where one answer is no.

   lifeboat check                                            before you need it
   lifeboat check --offline --format junit                   in CI, from the files alone
   lifeboat check --save-catalog catalog.json                with access: keep what the regions hold
   lifeboat check --offline --catalog catalog.json           in CI without access: the same questions`,
		Flags: a.flags(
			&cli.BoolFlag{Name: "offline", Usage: "read files only: for CI without access to a region"},
			&cli.StringFlag{Name: "catalog", Usage: "with --offline: ask the snapshot in `FILE` what the regions hold", TakesFile: true},
			&cli.StringFlag{Name: "save-catalog", Usage: "write a snapshot of what both regions hold to `FILE`: topics, configs, log bounds, groups, schemas; no records", TakesFile: true},
			&cli.DurationFlag{Name: "max-age", Value: dr.SnapshotAge, Usage: "how old the snapshot may be before it is warned of, a `DURATION`"},
			&cli.Float64Flag{Name: "cfu-price", Usage: "the `PRICE` of a CFU-hour, in your currency: what statements are estimated to cost is told in it too"},
			dialectFlag(),
			&cli.StringFlag{Name: "link", Usage: "`NAME` of the link; default: the one from the primary"},
		),
	}, 0, func(c *cli.Context) error {
		switch {
		case c.Bool("offline") && c.String("save-catalog") != "":
			return usageError{withHint{errors.New("--save-catalog needs the regions, and --offline asks none"), "lifeboat check --save-catalog " + c.String("save-catalog")}}
		case c.String("catalog") != "" && !c.Bool("offline"):
			return usageError{withHint{errors.New("--catalog goes with --offline: without it the regions are asked"), "lifeboat check --offline --catalog " + c.String("catalog")}}
		case c.Float64("cfu-price") < 0:
			return usageError{withHint{fmt.Errorf("--cfu-price %g is no price", c.Float64("cfu-price")), "lifeboat check --cfu-price 0.21"}}
		case c.Bool("offline"):
			return a.checkOffline(c)
		}
		if path := c.String("save-catalog"); path != "" {
			if err := writable(path); err != nil {
				return fmt.Errorf("the snapshot could not be written: %w", err)
			}
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			ctx, stop := a.untilInterrupted(ctx)
			defer stop()
			seen, err := dr.Observe(ctx, w)
			if err != nil {
				return err
			}
			if err := dr.Measure(ctx, w, seen); err != nil {
				return err
			}
			if path := c.String("save-catalog"); path != "" {
				if err := writeSnapshot(path, plans.NewSnapshot(w.Declared, seen)); err != nil {
					return err
				}
				fmt.Fprintf(a.stderr, "snapshot written to %s; ask it with: lifeboat check --offline --catalog %s\n", path, path)
			}
			rep, err := dr.CheckObserved(ctx, w, seen, c.String("link"))
			if err != nil {
				return err
			}
			dr.Priced(rep, c.Float64("cfu-price"))
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

// checkOffline reads files only: the topology with its statements, and the snapshot where one is given.
func (a *app) checkOffline(c *cli.Context) error {
	if _, _, err := a.renderers(c); err != nil {
		return err
	}
	declared, findings, err := a.load(c)
	if err != nil {
		return err
	}
	rep := dr.CheckOffline(declared, findings, time.Now())
	if path := c.String("catalog"); path != "" {
		s, err := openSnapshot(path)
		if err != nil {
			return err
		}
		if rep, err = dr.CheckSnapshot(c.Context, declared, findings, s, c.String("link"), c.Duration("max-age"), time.Now()); err != nil {
			return err
		}
	}
	dr.Priced(rep, c.Float64("cfu-price"))
	if err := a.emit(c, rep); err != nil {
		return err
	}
	return outcome(rep)
}

func openSnapshot(path string) (*plans.Snapshot, error) {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var s *plans.Snapshot
		if s, err = plans.ReadSnapshot(bufio.NewReader(f)); err == nil {
			return s, nil
		}
	}
	return nil, withHint{fmt.Errorf("reading the snapshot %s: %w", path, err), "write one with access to both regions: lifeboat check --save-catalog " + path}
}

func writeSnapshot(path string, s *plans.Snapshot) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	if err := errors.Join(s.Write(f), f.Close()); err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	return nil
}
