package main

import (
	"errors"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/demo"
)

func (a *app) demoCommand() *cli.Command {
	return a.command(&cli.Command{
		Name:  "demo",
		Usage: "two regions, real data, the primary is killed, failover, proof; needs nothing installed",
		Description: `A month of flights is written in region east and mirrored to west; two statements and a consumer group work on
it. East is killed in mid-stream, west takes over, and everything promised is proved by measurement. Takes a
quarter of a minute, and ends with status 3 where a proof fails.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "kafka", Usage: "two Apache Kafka clusters as JVM processes; needs Java and Maven"},
			formatFlag(),
			&cli.StringSliceFlag{Name: "report", Value: cli.NewStringSlice("report.html"), Usage: "write the report to `FILE`; repeatable"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is done, to stderr"},
		},
	}, 0, func(c *cli.Context) error {
		if _, _, err := a.renderers(c); err != nil {
			return err
		}
		ctx, stop := a.untilInterrupted(c.Context)
		defer stop()
		log := slog.New(slog.DiscardHandler) // a region dies on purpose: its clients have much to say
		if c.Bool("verbose") {
			log = a.logger(c)
		}
		rep, err := demo.Run(ctx, demo.Options{Kafka: c.Bool("kafka"), Out: a.stderr, Log: log})
		if rep != nil {
			err = errors.Join(err, a.emit(c, rep))
		}
		if err != nil {
			return err
		}
		return outcome(rep)
	})
}
