package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Where both regions write topics of their own, the mirrors of one that is lost or left are held: PAUSED, with nothing more to come. When it
// returns they go on from there.

func holdDone(ctx context.Context, r *run, _ plans.Step) (bool, string, error) {
	states, err := mirrorStates(ctx, r.link)
	if err != nil {
		return false, "", err
	}
	var waiting []string
	for _, t := range r.topicNames() {
		if states[t] != plans.MirrorPaused {
			waiting = append(waiting, t+" is "+states[t])
		}
	}
	if len(waiting) > 0 {
		return false, strings.Join(waiting, ", "), nil
	}
	if !r.knows(factFailoverPoint) {
		return false, "", nil // held by somebody else: where they end is to be noted
	}
	return true, counted(len(r.plan.Topics), "topic") + " PAUSED, with nothing more to come", nil
}

func holdApply(ctx context.Context, r *run, _ plans.Step) error {
	_, served, err := r.link.Pause(ctx, "run "+r.id+" by "+r.world.opts.Who, r.topicNames())
	if err != nil {
		return err
	}
	if served == linking.Unanswered {
		r.world.opts.Log.Warn("the process that served the link does not answer: what it wrote last may still arrive", "link", r.decl.Name)
	}
	ends, err := logEnds(ctx, r.to, r.topicNames())
	if err != nil {
		return err
	}
	states, err := r.link.States(ctx)
	if err != nil {
		return err
	}
	come := plans.Positions{}
	for topic, parts := range ends {
		come[topic] = map[int32]plans.Offset{}
		i := slices.IndexFunc(states, func(m plans.MirrorState) bool { return m.Topic == topic })
		for p, end := range parts {
			come[topic][p] = end
			if t, translated := states[max(i, 0)].Translated[p]; i >= 0 && translated {
				come[topic][p] = t.Source
			}
		}
	}
	if err := r.learn(ctx, factSourcePoint, come); err != nil {
		return err
	}
	return r.learn(ctx, factFailoverPoint, ends)
}

func mirrorOnDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	states, err := mirrorStates(ctx, r.forward)
	if err != nil {
		return false, "", err
	}
	for _, t := range r.plan.Failback.On {
		if states[t] != plans.MirrorActive {
			return false, t + " is " + states[t], nil
		}
	}
	return r.saw(s.ID), fmt.Sprintf("all that %s had by then is in %s, under its offsets", r.plan.To, r.plan.From), nil
}

func mirrorOnApply(ctx context.Context, r *run, s plans.Step) error {
	states, err := mirrorStates(ctx, r.forward)
	if err != nil {
		return err
	}
	held := slices.DeleteFunc(slices.Clone(r.plan.Failback.On), func(t string) bool { return states[t] != plans.MirrorPaused })
	foreign, err := r.forward.Foreign(ctx, held)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range sortedKeys(foreign) {
		errs = append(errs, fmt.Errorf("%s: somebody has written to mirror %s: %s: lifeboat link resume --link %[4]s %[2]s, then lifeboat link repair --link %[4]s --salvage DIR %[2]s exports it and mirrors the topic from its beginning",
			r.plan.From, t, foreign[t], r.plan.Failback.Forward))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if len(held) > 0 {
		if _, _, err := r.forward.Resume(ctx, "run "+r.id+" by "+r.world.opts.Who, held); err != nil {
			return err
		}
	}
	lag := func(ctx context.Context) (string, error) { return lagText(ctx, r.forward, r.plan.Failback.On) }
	if err := r.whileMoving(ctx, s, lag, func(ctx context.Context) error { return r.forward.Run(ctx, r.once(s)) }); err != nil {
		return err
	}
	r.see(s.ID)
	return nil
}

// once mirrors until lag is zero, that of its own topics where a step is about a part of the link. Where both regions write, links go on in both directions
// all the time, and behind a part with what has not moved: who serves one goes on afterwards.
func (r *run) once(s plans.Step) linking.RunOptions {
	var only []string
	if r.partial(s) {
		only = r.topicsOf(s)
	}
	return linking.RunOptions{Topics: only, Once: true, Brief: r.plan.Writers || r.partial(s), Owner: "run " + r.id + " by " + r.world.opts.Who, Progress: func(p linking.Progress) { r.sampleLag(s, p) }}
}

// sources are a step's topics as they are called in the source.
func (r *run) sources(s plans.Step) []string {
	var names []string
	for _, t := range r.topicsOf(s) {
		if source, ok := r.decl.Names().Source(t); ok {
			names = append(names, source)
		}
	}
	return names
}
