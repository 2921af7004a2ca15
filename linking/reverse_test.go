package linking_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// back is the pair the other way round.
func (p *pair) back() *pair {
	p.t.Helper()
	decl, _, err := plans.Back(p.decl, nil)
	must(p.t, err)
	return &pair{t: p.t, env: p.env, east: p.west, west: p.east, decl: decl}
}

func (p *pair) reverse(ctx context.Context, topics ...string) ([]linking.Reversed, error) {
	return p.link().Reverse(ctx, linking.ReverseOptions{Topics: topics, Back: p.back().link(), By: "somebody", Still: 50 * time.Millisecond})
}

// TestReverseThereAndBack writes in one region, reverses, writes in the other, and reverses again: both have every record at its offset.
func TestReverseThereAndBack(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 3, "compression.type=zstd")
		workload(t, p.east, topic, 1, 30)
		must(t, p.once())
		for round := range uint64(4) {
			back := p.back()
			reversed, err := p.reverse(t.Context())
			must(t, err)
			if len(reversed) != 1 || reversed[0].Topic != topic || len(reversed[0].Ends) != 3 {
				t.Errorf("round %d: %+v", round, reversed)
			}
			if diff := cmp.Diff(map[string]string{topic: linking.Stopped}, p.states()); diff != "" {
				t.Errorf("round %d: states of the link (-want +got):\n%s", round, diff)
			}
			if diff := cmp.Diff(map[string]string{topic: linking.Active}, back.states()); diff != "" {
				t.Errorf("round %d: states of the link back (-want +got):\n%s", round, diff)
			}
			if got := configs(t, p.east, topic)["compression.type"]; got != "producer" {
				t.Errorf("round %d: the new mirror has compression.type %q", round, got)
			}
			if got := configs(t, p.west, topic)["compression.type"]; got != "zstd" {
				t.Errorf("round %d: the new source has compression.type %q", round, got)
			}
			again, err := p.reverse(t.Context())
			must(t, err)
			if diff := cmp.Diff(reversed[0].Ends, again[0].Ends); diff != "" {
				t.Errorf("round %d: reversing again differs:\n%s", round, diff)
			}
			workload(t, p.west, topic, 10+round, 20)
			must(t, back.once())
			p.committed(topic) // what was aborted in a region while it was the source is still in its log
			p = back
		}
	})
}

func TestReverseIsRefusedWhereOffsetsDiverged(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		bad, good := each.Name(t, "bad"), each.Name(t, "good")
		p := newPair(t, env, bad, good)
		for _, topic := range []string{bad, good} {
			each.Topic(t, env.East, topic, 2)
			put(t, p.east, topic, 0, 5)
		}
		must(t, p.once())
		_, err := p.link().Promote(t.Context(), linking.PromoteOptions{Force: true})
		must(t, err)
		put(t, p.east, bad, 1, 3) // the old primary lives on
		put(t, p.west, bad, 1, 3)
		put(t, p.west, good, 1, 3)
		reversed, err := p.reverse(t.Context())
		diverged, ok := errors.AsType[*linking.DivergedError](err)
		if !ok || diverged.Region != "east" || len(diverged.Ranges) != 1 || diverged.Ranges[0] != bad+"-1 @0–@2" {
			t.Errorf("reversing: %v", err)
		}
		if len(reversed) != 1 || reversed[0].Topic != good {
			t.Errorf("reversed: %+v", reversed)
		}
		if end := p.end(p.east, bad, 1); end != 3 {
			t.Errorf("the diverged topic ends at @%d in east: it was touched", end)
		}
		back := p.back()
		if diff := cmp.Diff(map[string]string{good: linking.Active}, back.states()); diff != "" {
			t.Errorf("states of the link back (-want +got):\n%s", diff)
		}
		back.decl.Topics.Include = []string{good}
		must(t, back.once())
		p.identical(good)
	})
}

func TestReverseIsRefusedByName(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env, "t", "paused", "deleted")
	for _, topic := range []string{"t", "paused", "deleted"} {
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 5)
	}
	must(t, p.once())
	_, _, err := p.link().Pause(t.Context(), "somebody", []string{"paused"})
	must(t, err)
	if _, err := p.reverse(t.Context()); !strings.Contains(named(err, p.decl.Name), "mirror paused: state PAUSED does not allow reverse") {
		t.Errorf("reversing a paused mirror: %v", err)
	}
	if got := p.states()["t"]; got != linking.Active {
		t.Errorf("another mirror is %s, though the reversal was refused", got)
	}
	stop := p.writing("t")
	_, err = p.link().Reverse(t.Context(), linking.ReverseOptions{Topics: []string{"t"}, Back: p.back().link(), By: "somebody", Still: 500 * time.Millisecond})
	stop()
	if written, ok := errors.AsType[*linking.WrittenError](err); !ok || written.Region != "east" || !strings.HasPrefix(written.Moved[0], "t-0 ") {
		t.Errorf("reversing while the source is written to: %v", err)
	}
	if got := p.states()["t"]; got != linking.Active {
		t.Errorf("the mirror is %s, though the reversal was refused", got)
	}
	_, err = p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{"deleted"}, Force: true})
	must(t, err)
	p.remove(p.east, "deleted")
	if _, err := p.reverse(t.Context(), "deleted"); err == nil || !strings.Contains(err.Error(), "it is not in east any more") {
		t.Errorf("reversing where the old source is gone: %v", err)
	}
	each.Topic(t, env.East, "deleted", 1)
	if _, err := p.reverse(t.Context(), "deleted"); err == nil || !strings.Contains(err.Error(), "deleted and created again in east") {
		t.Errorf("reversing where the old source is another topic: %v", err)
	}
	if _, err := linking.New(p.decl, nil, p.west, linking.Options{}).Reverse(t.Context(), linking.ReverseOptions{}); err == nil || !strings.Contains(err.Error(), "not reachable") {
		t.Errorf("reversing without a source: %v", err)
	}
}

// TestReverseGoesOnAfterEveryCrash ends a reversal at every request that changes something in either region, and reverses again.
func TestReverseGoesOnAfterEveryCrash(t *testing.T) {
	t.Parallel()
	everyCrash(t, 20, func(t *testing.T, n int64) bool {
		env := each.Embedded(t)
		p := newPair(t, env, "t")
		each.Topic(t, env.East, "t", 2)
		put(t, p.east, "t", 0, 7)
		must(t, p.once())
		ctx, crash := context.WithCancel(t.Context())
		var left = make(chan int64, 1)
		left <- n
		for _, r := range []*testenv.Region{env.East, env.West} {
			r.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
				r.Fake.KeepControl()
				switch kmsg.Key(req.Key()) {
				case kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.Produce, kmsg.IncrementalAlterConfigs, kmsg.CreateTopics:
					now := <-left - 1
					if now == 0 {
						crash()
					}
					left <- now
				}
				return nil, nil, false
			})
		}
		_, err := p.reverse(ctx)
		crash()
		if now := <-left; now > 0 {
			must(t, err)
			return false
		} else {
			left <- now
		}
		_, err = p.reverse(t.Context())
		must(t, err)
		put(t, p.west, "t", 1, 4)
		must(t, p.back().once())
		p.identical("t")
		return true
	})
}

func TestBackNames(t *testing.T) {
	rule := plans.TopicRule{Rule: plans.Rule{Include: []string{"t"}}}
	for _, c := range []struct{ name, want, again string }{
		{"east-west", "west-east", "east-west"},
		{"shop-east-west-2", "shop-west-east-2", "shop-east-west-2"},
		{"orders", "orders-back", "orders"},
	} {
		l := &plans.Link{Name: c.name, From: "east", To: "west", Topics: rule}
		back, there, err := plans.Back(l, []*plans.Link{l})
		must(t, err)
		if back.Name != c.want || back.From != "west" || back.To != "east" || there {
			t.Errorf("%s: back is %+v, there %t", c.name, back, there)
		}
		again, there, err := plans.Back(back, []*plans.Link{l})
		if err != nil || again != l || !there {
			t.Errorf("%s: back from %s is %+v, there %t, %v", c.name, back.Name, again, there, err)
		}
	}
	l, other := &plans.Link{Name: "east-west", From: "east", To: "west"}, &plans.Link{Name: "west-east", From: "north", To: "east"}
	if _, _, err := plans.Back(l, []*plans.Link{l, other}); err == nil || !strings.Contains(err.Error(), "there is another one of that name") {
		t.Errorf("the name back is taken: %v", err)
	}
}
