package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) schemaCommand() *cli.Command {
	return a.command(&cli.Command{Name: "schema", Usage: "print the JSON Schema of lifeboat.yaml, for editors"}, 0, func(c *cli.Context) error {
		_, err := fmt.Fprintf(a.stdout, "%s\n", plans.Schema())
		return err
	})
}
