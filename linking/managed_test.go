package linking_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// created are the links of the test's name that a region remembers.
func (p *pair) created() []*plans.Link {
	p.t.Helper()
	all, err := linking.Created(p.t.Context(), p.west)
	must(p.t, err)
	var mine []*plans.Link
	for _, l := range all {
		if l.Name == p.decl.Name {
			mine = append(mine, l)
		}
	}
	return mine
}

// TestCreatedLinkIsRunChangedAndDeleted takes a link from its creation to its end beside the process that serves it.
func TestCreatedLinkIsRunChangedAndDeleted(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		first, second := each.Name(t, "first"), each.Name(t, "second")
		p := newPair(t, env, first)
		for _, topic := range []string{first, second} {
			each.Topic(t, env.East, topic, 1)
			put(t, p.east, topic, 0, 5)
		}
		ctx := t.Context()
		must(t, linking.Create(ctx, p.west, p.decl, "somebody"))
		must(t, linking.Create(ctx, p.west, p.decl, "somebody")) // again
		if diff := cmp.Diff([]*plans.Link{p.decl}, p.created()); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		other := *p.decl
		other.Topics.Include = []string{first, second}
		if err := linking.Create(ctx, p.west, &other, "somebody"); !errors.Is(err, linking.ErrExists) {
			t.Errorf("creating another link of its name: %v", err)
		}

		done := make(chan error, 1)
		run, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() { done <- p.link().Created().Run(run, linking.RunOptions{}) }()
		p.await(first)
		must(t, linking.Update(ctx, p.west, &other, "somebody"))
		p.eventually("the running link has the second topic", func() bool { return p.end(p.west, second, 0) == 5 })
		p.decl = &other

		less := other
		less.Topics.Include = []string{second}
		if err := linking.Update(ctx, p.west, &less, "somebody"); err == nil || !strings.Contains(err.Error(), "mirrors that the change would leave out: "+first) {
			t.Errorf("leaving a mirror out: %v", err)
		}
		turned := other
		turned.From, turned.To = "west", "east"
		if err := linking.Update(ctx, p.west, &turned, "somebody"); err == nil || !strings.Contains(err.Error(), "its regions can not be changed") {
			t.Errorf("turning it round: %v", err)
		}
		err := linking.Delete(ctx, p.west, p.decl.Name, "somebody")
		if refused, ok := errors.AsType[*plans.TransitionError](err); !ok || refused.Verb != plans.DeleteMirror || refused.State != linking.Active {
			t.Errorf("deleting a link with mirrors: %v", err)
		}
		_, err = p.link().Promote(ctx, linking.PromoteOptions{Brief: true})
		must(t, err)
		must(t, linking.Delete(ctx, p.west, p.decl.Name, "somebody"))
		if err := <-done; !errors.Is(err, linking.ErrDeleted) && !errors.Is(err, linking.ErrTakenOver) {
			t.Errorf("the run of a link that was deleted ended with %v", err)
		}
		must(t, linking.Delete(ctx, p.west, p.decl.Name, "somebody")) // again
		if len(p.created()) > 0 || len(p.states()) > 0 {
			t.Errorf("after its deletion there are %v, %v", p.created(), p.states())
		}
		if err := p.link().Created().Run(ctx, linking.RunOptions{Once: true}); !errors.Is(err, linking.ErrDeleted) {
			t.Errorf("running a link that was deleted: %v", err)
		}
		p.identicalUpTo(first, 5)
	})
}

// identicalUpTo wants a promoted topic to have what was mirrored: n records.
func (p *pair) identicalUpTo(topic string, n int) {
	p.t.Helper()
	if got := consume(p.t, p.west, topic).Records[0]; len(got) != n {
		p.t.Errorf("topic %s has %d records, want %d", topic, len(got), n)
	}
}

// TestVerbsEndWhereNothingIsWritten: creating and pausing a link used to wait for ever for a region that takes no writes.
func TestVerbsEndWhereNothingIsWritten(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 1)
	put(t, p.east, "t", 0, 5)
	must(t, p.once())
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		return refusedProduce(kreq.(*kmsg.ProduceRequest), kerr.NotEnoughReplicas), nil, true
	})
	for verb, do := range map[string]func() error{
		"create": func() error { return linking.Create(t.Context(), p.west, p.decl, "somebody") },
		"pause":  func() error { _, _, err := p.link().Pause(t.Context(), "somebody", nil); return err },
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			if err := do(); err == nil || !strings.Contains(err.Error(), "takes no record within 10s") || !strings.HasPrefix(err.Error(), "west: link ") {
				t.Errorf("%v; want that nothing was written, and where", err)
			}
		})
	}
}

// refusedProduce answers that nothing was written.
func refusedProduce(req *kmsg.ProduceRequest, why *kerr.Error) *kmsg.ProduceResponse {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		st := kmsg.NewProduceResponseTopic()
		st.Topic, st.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			sp := kmsg.NewProduceResponseTopicPartition()
			sp.Partition, sp.ErrorCode = rp.Partition, why.Code
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}
