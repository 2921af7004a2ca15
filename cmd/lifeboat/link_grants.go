package main

import (
	"context"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
)

func (a *app) grantsLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "grants", Usage: "print the ACLs that the link needs in both regions",
		Description: `From lifeboat.yaml alone: no region is asked, but for a link that was created. A link with just these rights runs.

   lifeboat link grants                                      kafka-acls commands
   lifeboat link grants --back                               what link reverse, and the link that leads back, need besides
   lifeboat link grants --format json                        with what each is for, and which of them it can do without
   lifeboat link grants --principal User:CN=lifeboat`,
		Flags: a.flags(which, &cli.BoolFlag{Name: "back", Usage: "of the link that leads back, which link reverse begins"},
			&cli.StringFlag{Name: "principal", Usage: "`PRINCIPAL` of the link in both regions; default: who lifeboat.yaml logs in as"}),
	}, 0, func(c *cli.Context) error {
		if _, _, err := a.renderers(c); err != nil {
			return err
		}
		declared, _, err := a.load(c)
		if err != nil {
			return err
		}
		if name := c.String("link"); name != "" && !declared.Topology.Declares(name) {
			err = a.world(c, func(_ context.Context, w *dr.World) error {
				declared = w.Declared
				return nil
			})
			if err != nil {
				return err
			}
		}
		rep, err := dr.LinkGrants(declared, dr.GrantsOptions{Link: c.String("link"), Back: c.Bool("back"), Principal: c.String("principal"),
			Getenv: os.LookupEnv, ReadFile: os.ReadFile}, time.Now())
		if err != nil {
			return withHint{err, a.with(c, "--principal User:NAME")}
		}
		return a.emit(c, rep)
	})
}
