package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

func dialectFlag() cli.Flag {
	return &cli.StringFlag{Name: "dialect", Usage: "the SQL that the statements are written in, a `DIALECT`: " + dialectNames() + "; default: as the topology says, or the first"}
}

func dialectNames() string {
	var names []string
	for _, d := range statements.Dialects() {
		names = append(names, d.Name())
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// inDialect reads the statements of declared in the dialect that the command line names, if it names one.
func inDialect(c *cli.Context, declared ...*plans.Declared) error {
	name := c.String("dialect")
	if name == "" {
		return nil
	}
	d := statements.Dialect(name)
	if !slices.Contains(statements.Dialects(), d) {
		return usageError{withHint{fmt.Errorf("unknown dialect %q: use %s", name, dialectNames()), c.Command.HelpName + " --help"}}
	}
	for _, one := range declared {
		one.Topology.Dialect = d
	}
	return nil
}
