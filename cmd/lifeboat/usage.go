package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// notYet are the verbs that people will look for and that this version does not have, with what to do instead.
var notYet = map[string]string{
	"sql": "lifeboat statement create --sql", "statement exceptions": "lifeboat statement describe tells them",
}

// unknownCommand refuses a verb, below a group or at the top, and says what was probably meant.
func (a *app) unknownCommand(group *cli.Command, name string) error {
	known, full := a.cli().Commands, name
	if group != nil {
		known, full = group.Subcommands, group.Name+" "+name
	}
	if hint, ok := notYet[full]; ok {
		if hint == "" {
			hint = "lifeboat help"
		}
		return usageError{withHint{fmt.Errorf("%s is not there yet: see \"Not yet\" in the README", full), hint}}
	}
	var verbs []string
	for _, c := range known {
		verbs = append(verbs, c.Name)
	}
	hint := strings.TrimSuffix("lifeboat "+full, name)
	if meant := plans.Nearest(name, verbs); meant != "" {
		hint += meant
	} else {
		hint += "--help"
	}
	return usageError{withHint{fmt.Errorf("unknown command %q", full), hint}}
}

// flagError refuses a flag that is not there or has a bad value.
func (a *app) flagError(c *cli.Context, err error, _ bool) error {
	help := strings.TrimSpace(c.Command.HelpName + " --help")
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usageError{withHint{err, help}}
	}
	name = strings.TrimLeft(name, "-")
	flag := "--" + name
	if len(name) == 1 {
		flag = "-" + name
	}
	if verb := a.below(c.Command, name); verb != "" {
		help = fmt.Sprintf("flags stand behind the verb: %s %s", verb, flag)
	} else if meant := plans.Nearest(name, names(c.Command)); meant != "" && len(name) > 1 {
		help = fmt.Sprintf("did you mean --%s? %s", meant, help)
	}
	return usageError{withHint{fmt.Errorf("%s has no flag %s", c.Command.HelpName, flag), help}}
}

// names are those of a command's flags.
func names(c *cli.Command) []string {
	var all []string
	for _, f := range c.Flags {
		all = append(all, f.Names()...)
	}
	return all
}

// below is the verb of a group that has a flag, of several the one on the command line.
func (a *app) below(c *cli.Command, flag string) string {
	verb := ""
	for _, sub := range c.Subcommands {
		if slices.Contains(names(sub), flag) && (verb == "" || slices.Contains(a.args, sub.Name)) {
			verb = c.HelpName + " " + sub.Name
		}
	}
	return verb
}

// command makes a verb: its arguments are checked before it runs, and urfave/cli takes a flag after a positional argument for an
// argument, which is refused with the corrected command.
func (a *app) command(c *cli.Command, args int, run cli.ActionFunc) *cli.Command {
	for _, f := range c.Flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true
		}
	}
	c.OnUsageError = a.flagError
	c.HideHelpCommand = true // else an argument that is called h or help is a command
	c.Action = func(ctx *cli.Context) error {
		given := ctx.Args().Slice()
		if i := slices.IndexFunc(given, func(arg string) bool { return strings.HasPrefix(arg, "-") && arg != "-" }); i >= 0 {
			fixed := slices.Concat(a.words(ctx), given[i:], given[:i])
			return usageError{withHint{fmt.Errorf("flag %s stands after an argument", given[i]), line(fixed)}}
		}
		if len(given) > args {
			takes := "no arguments"
			if args > 0 {
				takes = "one argument, " + c.ArgsUsage
			}
			return usageError{withHint{fmt.Errorf("%s takes %s, not %q", ctx.Command.HelpName, takes, given), ctx.Command.HelpName + " --help"}}
		}
		return run(ctx)
	}
	return c
}

// words is the command line in front of the positional arguments.
func (a *app) words(c *cli.Context) []string {
	words := a.args[1 : len(a.args)-c.NArg()]
	return append([]string{"lifeboat"}, words...)
}

// with is the command line once more, with a flag.
func (a *app) with(c *cli.Context, flag string) string {
	return line(slices.Concat(a.words(c), []string{flag}, c.Args().Slice()))
}

// line writes words as a shell takes them.
func line(words []string) string {
	quoted := slices.Clone(words)
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$`&|;<>()*?[]{}#~!") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// need refuses a verb without a flag that has no default.
func need(c *cli.Context, flag, why string) error {
	if c.String(flag) != "" {
		return nil
	}
	return usageError{withHint{fmt.Errorf("%s needs --%s: %s", c.Command.HelpName, flag, why), c.Command.HelpName + " --help"}}
}

// helpCommand explains a verb, as --help behind it does.
func (a *app) helpCommand() *cli.Command {
	c := &cli.Command{Name: "help", Usage: "explain a command, as --help behind it does", ArgsUsage: "[COMMAND [VERB]]"}
	c.Action = func(ctx *cli.Context) error {
		return a.cli().RunContext(ctx.Context, slices.Concat([]string{"lifeboat"}, ctx.Args().Slice(), []string{"--help"}))
	}
	c.OnUsageError = a.flagError
	return c
}

// group makes a command that only has verbs below it.
func (a *app) group(c *cli.Command) *cli.Command {
	c.HideHelpCommand = true
	c.Action = func(ctx *cli.Context) error {
		if name := ctx.Args().First(); name != "" {
			return a.unknownCommand(c, name)
		}
		return cli.ShowSubcommandHelp(ctx)
	}
	c.OnUsageError = a.flagError
	return c
}
