package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// selectFlags are what a link selects. Patterns are anchored, as in lifeboat.yaml.
func selectFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "topics", Usage: "`PATTERN` of topics that are mirrored; repeatable, or joined by commas"},
		&cli.StringSliceFlag{Name: "exclude-topics", Usage: "`PATTERN` of topics that are not; as --topics"},
		&cli.StringSliceFlag{Name: "groups", Usage: "`PATTERN` of groups whose positions are mirrored; as --topics"},
		&cli.StringSliceFlag{Name: "subjects", Usage: "`PATTERN` of subjects whose schemas are mirrored; as --topics"},
		&cli.StringSliceFlag{Name: "config", Usage: "`KEY=VALUE` that topics have in the destination instead of the source's; repeatable"},
		&cli.StringFlag{Name: "offsets", Usage: "`WHOSE` offsets mirrors have: identical, translated or auto"},
		&cli.StringFlag{Name: "prefix", Usage: "`TEXT` in front of the source's topic names in the destination"},
		&cli.StringFlag{Name: "gaps", Usage: "`HOW` offsets without a record are written: auto, fenced, markers or filler"},
	}
}

// selected puts the flags that are given into a link.
func selected(c *cli.Context, l *plans.Link) error {
	for name, list := range map[string]*[]string{"topics": &l.Topics.Include, "exclude-topics": &l.Topics.Exclude, "groups": &l.Groups.Include, "subjects": &l.Subjects.Include} {
		if c.IsSet(name) {
			*list = patterns(c, name)
		}
	}
	if c.IsSet("offsets") {
		l.Offsets = c.String("offsets")
	}
	if c.IsSet("prefix") {
		l.Prefix = c.String("prefix")
	}
	if c.IsSet("gaps") {
		l.Gaps = c.String("gaps")
	}
	if !c.IsSet("config") {
		return nil
	}
	l.Topics.Configs = map[string]string{}
	for _, kv := range c.StringSlice("config") {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return usageError{fmt.Errorf("config %q: write KEY=VALUE", kv)}
		}
		l.Topics.Configs[k] = v
	}
	return nil
}

// linkName is the argument of a verb for created links.
func linkName(c *cli.Context) (string, error) {
	if c.NArg() == 0 {
		return "", usageError{withHint{fmt.Errorf("%s needs the link's name", c.Command.HelpName), c.Command.HelpName + " --help"}}
	}
	return c.Args().First(), nil
}

func (a *app) createLinkCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "create", Usage: "make a link that is not in lifeboat.yaml: its destination region remembers it", ArgsUsage: "NAME",
		Description: `Every lifeboat with these two regions in its topology sees the link, as if it were declared. Creating it again does nothing.

   lifeboat link create --from east --to west --topics 'orders,ref-.*' --groups 'ops-.*' orders-dr
   lifeboat link run --link orders-dr`,
		Flags: a.flags(append(selectFlags(), &cli.StringFlag{Name: "from", Usage: "`REGION` that is mirrored"}, &cli.StringFlag{Name: "to", Usage: "`REGION` that it is mirrored into"})...),
	}, 1, func(c *cli.Context) error {
		name, err := linkName(c)
		if err != nil {
			return err
		}
		for _, flag := range []string{"from", "to"} {
			if err := need(c, flag, "a link runs from one region to another"); err != nil {
				return err
			}
		}
		l := &plans.Link{Name: name, From: c.String("from"), To: c.String("to")}
		if err := selected(c, l); err != nil {
			return err
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			rep, err := dr.LinkCreate(ctx, w, l)
			if errors.Is(err, linking.ErrExists) {
				return withHint{err, "lifeboat link update " + name}
			}
			if err != nil {
				return err
			}
			return a.emit(c, rep)
		})
	})
}

func (a *app) updateLinkCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "update", Usage: "change what a created link selects; a running one goes on with it", ArgsUsage: "NAME",
		Description: `Flags that are given replace what the link has; the others stay. A mirror that would be left out has to be promoted first.

   lifeboat link update --topics 'orders,payments' orders-dr`,
		Flags: a.flags(selectFlags()...),
	}, 1, func(c *cli.Context) error {
		name, err := linkName(c)
		if err != nil {
			return err
		}
		if err := selected(c, &plans.Link{}); err != nil {
			return err
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			rep, err := dr.LinkUpdate(ctx, w, name, func(l *plans.Link) { _ = selected(c, l) }) // tried above
			if err != nil {
				return err
			}
			return a.emit(c, rep)
		})
	})
}

func (a *app) deleteLinkCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "delete", Usage: "forget a created link whose mirrors are all STOPPED; topics stay as they are", ArgsUsage: "NAME", Flags: a.flags(yesFlag()),
	}, 1, func(c *cli.Context) error {
		name, err := linkName(c)
		if err != nil {
			return err
		}
		return a.world(c, func(ctx context.Context, w *dr.World) error {
			if err := a.agreed(c, fmt.Sprintf("Forget link %s?", name), "not deleted"); err != nil {
				return err
			}
			rep, err := dr.LinkDelete(ctx, w, name)
			if err != nil {
				return err
			}
			return a.emit(c, rep)
		})
	})
}

func (a *app) reverseLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "reverse", Usage: "swap the direction: mirror topics become writable, and are mirrored back to where they came from", ArgsUsage: "[TOPIC…]",
		Description: `Both regions have to answer, and nobody may write to the source: it is watched first. The mirrors are promoted at lag zero; then the
topics that they came from are mirrors, with the same offsets, of the link that leads back. Where the old source holds records that never
came through, it is refused with their offsets: what is only there has to be exported first.

   lifeboat link reverse --yes                               every mirror of the link from the primary
   lifeboat link run --link west-east                        serves the way back`,
		Flags: a.flags(which, yesFlag()),
	}, manyTopics, func(c *cli.Context) error {
		return a.idle(c, func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error {
			topics := topicsOf(c)
			if err := a.agreed(c, fmt.Sprintf("Reverse %s? Applications write in %s from then on, and no more in %s.", orAll(topics), decl.To, decl.From), "not reversed"); err != nil {
				return err
			}
			rep, err := dr.LinkReverse(ctx, w, decl, topics)
			var diverged *linking.DivergedError
			var written *linking.WrittenError
			switch {
			case errors.As(err, &diverged):
				return withHint{err, fmt.Sprintf("export what is only there, then delete the topic in %s and mirror it back with a link from %s", decl.From, decl.To)}
			case errors.As(err, &written):
				return withHint{err, fmt.Sprintf("stop its writers in %s, then: %s", decl.From, line(append(a.words(c), c.Args().Slice()...)))}
			case err != nil:
				return err
			}
			if err := a.emit(c, rep); err != nil {
				return err
			}
			return outcome(rep)
		})
	})
}
