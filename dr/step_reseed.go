package dr

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// The region that comes back is made a mirror: statements and output that are of removed records go, topics whose logs part begin anew, all others go on.

func forgetDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	_, err := r.world.Engines[r.plan.To].Get(ctx, s.Subject)
	if errors.Is(err, engine.ErrNotFound) {
		return true, "it is not there", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("%s: statement %q: %w", r.plan.To, s.Subject, err)
	}
	return false, "it is still there", nil
}

func forgetApply(ctx context.Context, r *run, s plans.Step) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("%s: statement %q was still there %s after it was deleted", r.plan.To, s.Subject, startWithin))
	defer cancel()
	if err := r.world.Engines[r.plan.To].Delete(ctx, s.Subject); err != nil && !errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("%s: statement %q: deleting: %w", r.plan.To, s.Subject, err)
	}
	for {
		if gone, _, err := forgetDone(ctx, r, s); err != nil || gone {
			return err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func emptyDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	starts, err := logStarts(ctx, r.to, []string{s.Subject})
	if err != nil {
		return false, "", err
	}
	ends, err := logEnds(ctx, r.to, []string{s.Subject})
	if err != nil {
		return false, "", err
	}
	for p, end := range ends[s.Subject] {
		if starts[s.Subject][p] < end {
			return false, fmt.Sprintf("partition %d holds %v–%v", p, starts[s.Subject][p], end-1), nil
		}
	}
	return true, "it is empty", nil
}

const cleanupPolicy = "cleanup.policy"

// emptyApply removes the records of a topic and keeps the topic. A topic that is only compacted must be one to delete from while that is done:
// brokers refuse DeleteRecords otherwise (POLICY_VIOLATION).
func emptyApply(ctx context.Context, r *run, s plans.Step) (err error) {
	policy, err := policyOf(ctx, r.to, s.Subject)
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Split(policy, ","), "delete") {
		if err := setTopicConfig(ctx, r.to, s.Subject, cleanupPolicy, policy+",delete"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, setTopicConfig(ctx, r.to, s.Subject, cleanupPolicy, policy)) }()
	}
	ends, err := logEnds(ctx, r.to, []string{s.Subject})
	if err != nil {
		return err
	}
	var upTo kadm.Offsets
	for p, end := range ends[s.Subject] {
		upTo.Add(kadm.Offset{Topic: s.Subject, Partition: p, At: int64(end)})
	}
	removed, err := r.to.Admin.DeleteRecords(ctx, upTo)
	if err == nil {
		err = removed.Error()
	}
	if err != nil {
		return fmt.Errorf("%s: topic %q: removing its records: %w", r.to.Name, s.Subject, err)
	}
	return nil
}

// policyOf is a topic's cleanup.policy.
func policyOf(ctx context.Context, in *linking.Region, topic string) (policy string, err error) {
	described, err := in.Admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", fmt.Errorf("%s: topic %q: reading its configs: %w", in.Name, topic, err)
	}
	for _, d := range described {
		for _, c := range d.Configs {
			if c.Key == cleanupPolicy {
				policy = c.MaybeValue()
			}
		}
	}
	return policy, nil
}

func setTopicConfig(ctx context.Context, in *linking.Region, topic, key, value string) error {
	results, err := in.Admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, topic)
	for _, res := range results {
		err = errors.Join(err, res.Err)
	}
	if err != nil {
		return fmt.Errorf("%s: topic %q: setting %s: %w", in.Name, topic, key, err)
	}
	return nil
}

func recreateDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	now, err := r.forward.Divergence(ctx, r.link, []string{s.Subject})
	if err != nil {
		return false, "", err
	}
	t := now[s.Subject]
	switch {
	case t.ID == "":
		return false, "it is not there", nil
	case !t.Mirrored:
		return false, "it is still what it was", nil
	}
	return true, "it is an empty mirror, or filled from there", nil
}

func recreateApply(ctx context.Context, r *run, s plans.Step) error {
	if err := r.link.MirrorAnew(ctx, s.Subject, r.plan.Failback.Topic(s.Subject).ID, r.world.opts.Who); err != nil {
		return err
	}
	// A topic that was created is known to every broker a little later.
	ctx, cancel := context.WithTimeoutCause(ctx, seenWithin, fmt.Errorf("%s: topic %q was created and is not seen after %s", r.to.Name, s.Subject, seenWithin))
	defer cancel()
	for {
		if done, _, err := recreateDone(ctx, r, s); err != nil || done {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func reverseDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	return r.knows(factReturned), "", nil // it would be past this step
}

func reverseApply(ctx context.Context, r *run, s plans.Step) error {
	if err := r.forward.TakeBack(ctx, r.link, r.plan.Failback.On, r.world.opts.Who); err != nil {
		return err
	}
	if err := r.world.leadsBack(ctx, r.decl, r.topicNames()); err != nil {
		return err
	}
	states, err := mirrorStates(ctx, r.link)
	if err != nil {
		return err
	}
	for _, t := range r.topicNames() {
		if st := states[t]; st == "" || st == plans.MirrorStopped {
			return fmt.Errorf("%s: topic %q is no mirror of link %s after it was made one: %s", r.to.Name, t, r.decl.Name, st)
		}
	}
	return r.learn(ctx, factReturned, r.topicNames())
}

// leadsBack sees to it that the link back is known to every process, and selects topics.
func (w *World) leadsBack(ctx context.Context, back *plans.Link, topics []string) error {
	to := w.Regions[back.To]
	i := slices.IndexFunc(w.Declared.Topology.Links, func(l *plans.Link) bool { return l.Name == back.Name })
	left := slices.DeleteFunc(slices.Clone(topics), back.Selects)
	switch {
	case i < 0:
		return linking.Create(ctx, to, back, w.opts.Who)
	case w.created[back.Name]:
		now := w.Declared.Topology.Links[i]
		next := alsoSelecting(joined(now, back), topics)
		if reflect.DeepEqual(now, next) {
			return nil
		}
		return linking.Update(ctx, to, next, w.opts.Who)
	case len(left) > 0:
		return fmt.Errorf("link %s is declared in %s and does not select %s", back.Name, w.Declared.Path, strings.Join(left, ", "))
	}
	return nil
}

func catchUpDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	seen := r.saw(s.ID) || r.knows(factFailoverPoint)
	if s.Batch != "" && !r.saw(s.ID) {
		waiting, err := r.unpromoted(ctx, s)
		if err != nil {
			return false, "", err
		}
		seen = len(waiting) == 0
	}
	return seen, "all that had been written by then is there", nil
}

func catchUpApply(ctx context.Context, r *run, s plans.Step) error {
	if err := drainApply(ctx, r, s); err != nil {
		return err
	}
	r.see(s.ID)
	return nil
}

func protectDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	return r.knows(factProtected), fmt.Sprintf("%s is a mirror of %s", r.plan.From, r.plan.To), nil
}

func protectApply(ctx context.Context, r *run, s plans.Step) error {
	decl, back := (*plans.Link)(nil), r.forward
	if r.plan.Failback == nil {
		var err error
		if decl, back, err = backOf(r.world, r.decl); err != nil {
			return err
		}
	}
	_, err := r.link.Reverse(ctx, linking.ReverseOptions{Topics: r.topicNames(), Back: back, By: r.world.opts.Who, Still: r.world.opts.Still})
	if err != nil {
		return err
	}
	if decl != nil {
		if err := r.world.leadsBack(ctx, decl, r.topicNames()); err != nil {
			return err
		}
	}
	return r.learn(ctx, factProtected, r.topicNames())
}
