package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// manyTopics is how many arguments a verb takes that takes topics.
const manyTopics = 10_000

func (a *app) pauseLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "pause", Usage: "hold mirror topics back: nothing more is copied until they are resumed", ArgsUsage: "[TOPIC…]",
		Description: `A running lifeboat link run acts on it within seconds: what is on its way arrives, then the mirror is PAUSED. It stays PAUSED
over restarts. Configs, new partitions and group positions go on being copied. Meanwhile the source's retention goes on: resume
before it removes what was not copied.

   lifeboat link pause orders payments
   lifeboat link pause                                       every mirror of the link`,
		Flags: a.flags(which),
	}, manyTopics, func(c *cli.Context) error { return a.wishLink(c, plans.PauseMirror) })
}

func (a *app) resumeLinkCommand(which cli.Flag) *cli.Command {
	return a.command(&cli.Command{
		Name: "resume", Usage: "let paused mirror topics go on where they were", ArgsUsage: "[TOPIC…]", Flags: a.flags(which),
	}, manyTopics, func(c *cli.Context) error { return a.wishLink(c, plans.ResumeMirror) })
}

// topicsOf are a verb's arguments: topics, apart or joined by commas.
func topicsOf(c *cli.Context) []string {
	var topics []string
	for _, arg := range c.Args().Slice() {
		for _, t := range strings.Split(arg, ",") {
			if t = strings.TrimSpace(t); t != "" {
				topics = append(topics, t)
			}
		}
	}
	return topics
}

// numbered is a number of things.
func numbered(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (a *app) wishLink(c *cli.Context, verb plans.MirrorVerb) error {
	return a.link(c, func(ctx context.Context, w *dr.World, decl *plans.Link, l *linking.Link) error {
		ask := l.Pause
		if verb == plans.ResumeMirror {
			ask = l.Resume
		}
		begun := time.Now()
		changes, served, err := ask(ctx, w.Who(), topicsOf(c))
		if err != nil {
			return err
		}
		rep := &report.Report{Command: "link " + string(verb), Title: "link " + decl.Name, Outcome: report.Done, Start: begun, End: time.Now()}
		for _, change := range changes {
			s := report.Step{ID: string(verb) + ":" + change.Topic, Kind: string(verb), Goal: change.Topic + " is " + change.State, Outcome: report.Done, Detail: change.Was + " → " + change.State}
			if change.Was == change.State {
				s.Detail = change.State + " already"
			} else if served == linking.Unanswered {
				s.Outcome = report.Pending
			}
			rep.Steps = append(rep.Steps, s)
		}
		rep.Summary = map[plans.MirrorVerb]string{plans.PauseMirror: "paused ", plans.ResumeMirror: "resumed "}[verb] + numbered(len(changes), "mirror topic")
		switch served {
		case linking.Acted:
			rep.Summary += ", acted on by the process that serves the link"
		case linking.NotServed:
			rep.Summary += ", recorded; no process serves the link now"
			rep.Next = []string{"lifeboat link run"}
		case linking.Unanswered:
			rep.Summary += ", recorded; the process that served the link says nothing: it acts when it wakes up, the next one when it begins"
			rep.Next = []string{"see whether lifeboat link run still runs", "lifeboat link status"}
		}
		return a.emit(c, rep)
	})
}
