package dr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Links are declared in lifeboat.yaml, or created by a verb and remembered in their destination region. From here on there is no difference:
// a created link stands behind the declared ones, and one of a declared name is passed over.

// findCreated adds the links that the regions remember to the world's own copy of the topology.
func (w *World) findCreated(ctx context.Context) {
	var mu sync.Mutex
	var g errgroup.Group
	var found []*plans.Link
	for name, r := range w.Regions {
		g.Go(func() error {
			look, cancel := context.WithTimeout(ctx, w.opts.Timeout)
			defer cancel()
			links, err := linking.Created(look, r)
			if err != nil && ctx.Err() == nil {
				w.opts.Log.Warn("reading the links that were created", "region", name, "error", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, l := range links {
				if l.To == name {
					found = append(found, l)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // what can not be read was logged, and is missed where it is asked for
	slices.SortFunc(found, func(a, b *plans.Link) int { return slices.Compare([]string{a.Name, a.To}, []string{b.Name, b.To}) })
	declared, topology := *w.Declared, *w.Declared.Topology
	topology.Links = slices.Clone(topology.Links)
	w.created = map[string]bool{}
	for _, l := range found {
		taken := slices.ContainsFunc(topology.Links, func(other *plans.Link) bool { return other.Name == l.Name })
		if taken || topology.Regions[l.From] == nil {
			w.opts.Log.Warn("passing over a link that was created", "link", l.Name, "from", l.From, "to", l.To)
			continue
		}
		topology.Links = append(topology.Links, l)
		w.created[l.Name] = true
	}
	if len(w.created) > 0 {
		for i, l := range topology.Links {
			topology.Links[i] = l.Knowing(topology.Links)
		}
		declared.Topology, declared.Created = &topology, w.created
		w.Declared = &declared
	}
}

// managed refuses a link that is declared in the file, where nothing but an editor changes it.
func (w *World) managed(name, verb string) (*plans.Link, *linking.Region, error) {
	l, err := w.Link(name)
	if err != nil {
		return nil, nil, err
	}
	if !w.created[l.Name] {
		return nil, nil, fmt.Errorf("link %s is declared in %s: lifeboat link %s is for links that were created; change it there", l.Name, w.Declared.Path, verb)
	}
	if w.Regions[l.To] == nil {
		return nil, nil, w.Errs[l.To]
	}
	return l, w.Regions[l.To], nil
}

// LinkCreate remembers a link in its destination region.
func LinkCreate(ctx context.Context, w *World, l *plans.Link) (*report.Report, error) {
	rep := &report.Report{Command: "link create", Title: "link " + l.Name, Outcome: report.Done, Start: w.now()}
	others := slices.DeleteFunc(slices.Clone(w.Declared.Topology.Links), func(other *plans.Link) bool { return w.created[l.Name] && other.Name == l.Name })
	if slices.ContainsFunc(others, func(other *plans.Link) bool { return other.Name == l.Name }) {
		return nil, fmt.Errorf("link %s is declared in %s already", l.Name, w.Declared.Path)
	}
	if err := w.fits(l); err != nil {
		return nil, err
	}
	if err := linking.Create(ctx, w.Regions[l.To], l, w.opts.Who); err != nil {
		return nil, err
	}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("link %s from %s to %s is remembered in %s", l.Name, l.From, l.To, l.To)
	rep.Next = []string{"lifeboat link run --link " + l.Name, "lifeboat plan link --link " + l.Name}
	return rep, nil
}

// fits checks a link against the topology and its destination.
func (w *World) fits(l *plans.Link) error {
	if err := plans.CheckLink(w.Declared.Topology, l); err != nil {
		return err
	}
	if w.Regions[l.To] == nil {
		return w.Errs[l.To]
	}
	return nil
}

// LinkUpdate changes a created link.
func LinkUpdate(ctx context.Context, w *World, name string, change func(*plans.Link)) (*report.Report, error) {
	rep := &report.Report{Command: "link update", Title: "link " + name, Outcome: report.Done, Start: w.now()}
	old, to, err := w.managed(name, "update")
	if err != nil {
		return nil, err
	}
	next := *old
	change(&next)
	if err := w.fits(&next); err != nil {
		return nil, err
	}
	if err := linking.Update(ctx, to, &next, w.opts.Who); err != nil {
		return nil, err
	}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("link %s is changed; a process that serves it goes on with the change", name)
	rep.Next = []string{"lifeboat link status --link " + name}
	return rep, nil
}

// LinkDelete forgets a created link. One that is not there is deleted already.
func LinkDelete(ctx context.Context, w *World, name string) (*report.Report, error) {
	rep := &report.Report{Command: "link delete", Title: "link " + name, Outcome: report.Done, Start: w.now()}
	if !slices.ContainsFunc(w.Declared.Topology.Links, func(l *plans.Link) bool { return l.Name == name }) {
		rep.End, rep.Summary = w.now(), fmt.Sprintf("there is no link %s in the regions that answer: nothing to delete", name)
		return rep, nil
	}
	old, to, err := w.managed(name, "delete")
	if err != nil {
		return nil, err
	}
	if err := w.Idle(ctx, old.From, old.To); err != nil {
		return nil, err
	}
	if err := linking.Delete(ctx, to, name, w.opts.Who); err != nil {
		return nil, err
	}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("link %s is forgotten in %s; its topics stay as they are", name, to.Name)
	return rep, nil
}

// LinkReverse swaps the direction of mirror topics. The link back is the declared or created one of its name, or is created.
func LinkReverse(ctx context.Context, w *World, decl *plans.Link, topics []string) (*report.Report, error) {
	rep := &report.Report{Command: "link reverse", Title: "link " + decl.Name, Outcome: report.Done, Start: w.now()}
	if err := w.Idle(ctx, decl.From, decl.To); err != nil {
		return nil, err
	}
	for _, name := range []string{decl.From, decl.To} {
		if err := w.Errs[name]; err != nil {
			return nil, err
		}
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	back, there, err := plans.Back(decl, w.Declared.Topology.Links)
	if err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		states, err := l.States(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			topics = append(topics, s.Topic)
		}
	}
	left := slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return there && back.Selects(t) })
	if there && !w.created[back.Name] && len(left) > 0 {
		return nil, fmt.Errorf("link %s: link %s, which leads back, is declared in %s and does not select %s", decl.Name, back.Name, w.Declared.Path, strings.Join(left, ", "))
	}
	reversed, err := l.Reverse(ctx, linking.ReverseOptions{Topics: topics, By: w.opts.Who, Still: w.opts.Still,
		Back: linking.New(back, w.Regions[back.From], w.Regions[back.To], w.LinkOptions())})
	for _, r := range reversed {
		rep.Steps = append(rep.Steps, report.Step{ID: "reverse:" + r.Topic, Kind: "reverse", Goal: fmt.Sprintf("%s is written in %s and mirrored to %s", r.Topic, decl.To, decl.From),
			Outcome: report.Done, Detail: fmt.Sprintf("%s → STOPPED in %s, ACTIVE in %s under link %s", r.Was, decl.To, decl.From, back.Name)})
	}
	var diverged *linking.DivergedError
	if err != nil && (len(reversed) == 0 || !errors.As(err, &diverged)) {
		return nil, err
	}
	if werr := w.leadBack(ctx, back, there, reversed); werr != nil {
		return nil, errors.Join(err, werr)
	}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("%s written in %s and mirrored to %s by link %s", counted(len(reversed), "topic"), decl.To, decl.From, back.Name)
	rep.Next = []string{"lifeboat link run --link " + back.Name}
	if err != nil {
		rep.Outcome = report.Failed
		rep.Findings = append(rep.Findings, report.Finding{Rule: "link/diverged", Severity: report.Block, Subject: decl.Name, Message: err.Error(),
			Why: "the same offsets hold other records in both regions", Remedy: "export what is only there, delete the topic in " + decl.From + ", and link " + back.Name + " mirrors it from its beginning"})
	}
	return rep, nil
}

// leadBack has the link back select the topics that were reversed, and no others: those that were not are no mirrors there.
func (w *World) leadBack(ctx context.Context, back *plans.Link, there bool, reversed []linking.Reversed) error {
	only := *back
	if !there {
		only.Topics.Rule = plans.Rule{}
	}
	var topics []string
	for _, r := range reversed {
		topics = append(topics, r.Topic)
	}
	next := alsoSelecting(&only, topics)
	switch {
	case !there:
		return linking.Create(ctx, w.Regions[back.To], next, w.opts.Who)
	case len(next.Topics.Include) > len(back.Topics.Include):
		return linking.Update(ctx, w.Regions[back.To], next, w.opts.Who)
	}
	return nil
}

// joined is a link that selects what more does besides what it selects.
func joined(l, more *plans.Link) *plans.Link {
	next := *l
	for _, r := range []struct {
		of   *plans.Rule
		more plans.Rule
	}{{&next.Topics.Rule, more.Topics.Rule}, {&next.Groups, more.Groups}, {&next.Subjects.Rule, more.Subjects.Rule}} {
		r.of.Include = slices.Clone(r.of.Include)
		for _, p := range r.more.Include {
			if !slices.Contains(r.of.Include, p) {
				r.of.Include = append(r.of.Include, p)
			}
		}
	}
	return &next
}

// alsoSelecting is a link that selects topics besides those that it selects.
func alsoSelecting(l *plans.Link, topics []string) *plans.Link {
	next := *l
	next.Topics.Include = slices.Clone(next.Topics.Include)
	for _, topic := range topics {
		if !next.Selects(topic) {
			next.Topics.Include = append(next.Topics.Include, regexp.QuoteMeta(strings.TrimPrefix(topic, next.StripPrefix)))
		}
	}
	return &next
}
