package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/linking"
)

func (a *app) verifyLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "verify", Usage: "compare the records of both regions by digest; find the first that differ", ArgsUsage: "[TOPIC,TOPIC…]",
		Description: `Reads what consumers see of the mirrored topics in both regions, and changes nothing: offset, timestamp, key, value and
headers have to agree, however the records are batched and compressed. It names what differs by topic, partition and offset;
what retention has removed in one region is listed as not compared. Exit status 3 where something differs.

The first 32 MiB are read at full speed; after that reading takes the given bandwidth in each region. A share is of what
the link carries: 3% reads at full speed for 3% of the time.

   lifeboat link verify                                      everything, once
   lifeboat link verify --sample 1% --bandwidth unlimited    quickly, of large topics
   lifeboat link verify --continuous                         beside the link, until Ctrl-C`,
		Flags: a.flags(which,
			&cli.BoolFlag{Name: "continuous", Usage: "go on until interrupted: what is new, and by and by everything else"},
			sampleFlag(),
			&cli.StringFlag{Name: "bandwidth", Value: "3%", Usage: "`RATE` of reading in each region: a share of what the link carries (3%), bytes per second (4MiB), or unlimited"}),
	}, 1, a.verifyLink)
}

func (a *app) verifyLink(c *cli.Context) error {
	o := linking.VerifyOptions{Continuous: c.Bool("continuous")}
	var err error
	if o.Bandwidth, err = linking.ParseBandwidth(c.String("bandwidth")); err != nil {
		return usageError{err}
	}
	if o.Sample, err = sampleOf(c); err != nil {
		return err
	}
	if o.Continuous && c.IsSet("sample") {
		return usageError{withHint{fmt.Errorf("--sample is for comparing once: how much is compared continuously is --bandwidth's"), "lifeboat link verify --help"}}
	}
	if c.NArg() > 0 {
		o.Topics = strings.Split(c.Args().First(), ",")
	}
	line := &verifyLine{app: a}
	o.Progress, o.Found = line.show, line.found
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		rep, err := dr.LinkVerify(ctx, w, c.String("link"), o)
		line.end()
		if err != nil {
			return err
		}
		if err := a.emit(c, rep); err != nil {
			return err
		}
		if err := outcome(rep); err != nil || !o.Continuous {
			return err
		}
		return a.stopped()
	})
}

// verifyLine shows how far a comparison has come, as progressLine does, and every difference as it is found.
type verifyLine struct {
	app   *app
	last  time.Time
	drawn bool
}

func (l *verifyLine) show(p linking.VerifyProgress) {
	every := 10 * time.Second
	if l.app.terminal {
		every = 200 * time.Millisecond
	}
	now := time.Now()
	if l.last.IsZero() && !l.app.terminal {
		l.last = now // what is done at once needs no line
	}
	if now.Sub(l.last) < every {
		return
	}
	l.last = now
	text := fmt.Sprintf("verify: %d of %d offsets compared, %.1f MB read in each region, %d differences", p.Compared, p.Offsets, float64(p.Bytes)/1e6, p.Differences)
	if l.app.terminal {
		fmt.Fprintf(l.app.stderr, "\r\x1b[K%s", text)
		l.drawn = true
		return
	}
	fmt.Fprintln(l.app.stderr, text)
}

func (l *verifyLine) found(d linking.Difference) {
	l.end()
	fmt.Fprintf(l.app.stderr, "differs: %v\n", d)
}

func (l *verifyLine) end() {
	if l.drawn {
		fmt.Fprintln(l.app.stderr)
		l.drawn = false
	}
}

func sampleFlag() cli.Flag {
	return &cli.StringFlag{Name: "sample", Value: "100%", Usage: "`SHARE` of every log that is read to be compared"}
}

func sampleOf(c *cli.Context) (float64, error) {
	sample, err := linking.ParseBandwidth(c.String("sample"))
	if err != nil || sample.Share == 0 {
		return 0, usageError{fmt.Errorf("sample %q: write a share such as 5%%", c.String("sample"))}
	}
	return sample.Share, nil
}
