package linking_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// states are the recorded states by topic.
func (p *pair) states() map[string]string {
	p.t.Helper()
	list, err := p.link().States(p.t.Context())
	must(p.t, err)
	states := map[string]string{}
	for _, s := range list {
		states[s.Topic] = s.State
	}
	return states
}

func TestPauseHoldsAServedMirrorBack(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		still, goes := each.Name(t, "still"), each.Name(t, "goes")
		p := newPair(t, env, still, goes)
		each.Topic(t, env.East, still, 2)
		each.Topic(t, env.East, goes, 1)
		workload(t, p.east, still, 1, 20)
		stop := p.running()
		p.await(still)

		changed, served, err := p.link().Pause(t.Context(), "somebody", []string{still})
		must(t, err)
		if diff := cmp.Diff([]linking.Changed{{Topic: still, Was: linking.Active, State: linking.Paused}}, changed); diff != "" || served != linking.Acted {
			t.Errorf("pausing: served %v (-want +got):\n%s", served, diff)
		}
		if diff := cmp.Diff(map[string]string{still: linking.Paused, goes: linking.Active}, p.states()); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		before := p.end(p.west, still, 0)
		put(t, p.east, still, 0, 50)
		put(t, p.east, goes, 0, 50)
		p.await(goes)
		if now := p.end(p.west, still, 0); now != before {
			t.Errorf("a paused mirror went on from @%d to @%d", before, now)
		}
		mirrors, err := p.link().Status(t.Context())
		must(t, err)
		for _, m := range mirrors {
			if m.Topic == still && m.Partition == 0 && (m.State != linking.Paused || m.Lag < 50) {
				t.Errorf("status of a paused mirror: %+v", m)
			}
		}
		changed, served, err = p.link().Pause(t.Context(), "somebody", []string{still}) // again
		must(t, err)
		if diff := cmp.Diff([]linking.Changed{{Topic: still, Was: linking.Paused, State: linking.Paused}}, changed); diff != "" || served != linking.Acted {
			t.Errorf("pausing again: served %v (-want +got):\n%s", served, diff)
		}

		changed, served, err = p.link().Resume(t.Context(), "somebody", nil)
		must(t, err)
		if diff := cmp.Diff([]linking.Changed{{Topic: goes, Was: linking.Active, State: linking.Active}, {Topic: still, Was: linking.Paused, State: linking.Active}}, changed); diff != "" || served != linking.Acted {
			t.Errorf("resuming: served %v (-want +got):\n%s", served, diff)
		}
		p.await(still)
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the run ended with %v", err)
		}
		p.identical(still)
		p.identical(goes)
	})
}

// TestPauseUnderLoad pauses and resumes while records come in: whatever was on its way, nothing is written twice or lost.
func TestPauseUnderLoad(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 4)
		stop := p.running()
		defer stop()
		workload(t, p.east, topic, 1, 20)
		p.await(topic)
		for round := range uint64(4) {
			asked := make(chan error, 1)
			go func() {
				_, _, err := p.link().Pause(t.Context(), "somebody", nil)
				asked <- err
			}()
			workload(t, p.east, topic, 10+round, 40)
			must(t, <-asked)
			if got := p.states()[topic]; got != linking.Paused {
				t.Errorf("round %d: the mirror is %s", round, got)
			}
			go func() {
				_, _, err := p.link().Resume(t.Context(), "somebody", nil)
				asked <- err
			}()
			workload(t, p.east, topic, 20+round, 40)
			must(t, <-asked)
		}
		p.await(topic)
		p.identical(topic)
	})
}

func TestPauseWithoutAProcess(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 5)
		must(t, p.once())
		_, served, err := p.link().Pause(t.Context(), "somebody", nil)
		must(t, err)
		if served != linking.NotServed || p.states()[topic] != linking.Paused {
			t.Errorf("served %v, %v", served, p.states())
		}
		put(t, p.east, topic, 0, 5)
		must(t, p.once()) // does not wait for it
		if end := p.end(p.west, topic, 0); end != 5 {
			t.Errorf("a paused mirror ends at @%d, want @5", end)
		}
		if got := p.states()[topic]; got != linking.Paused {
			t.Errorf("after a run it is %s", got)
		}
		_, err = p.link().Promote(t.Context(), linking.PromoteOptions{})
		if refused, ok := errors.AsType[*plans.TransitionError](err); !ok || refused.State != linking.Paused || refused.Verb != plans.PromoteMirror {
			t.Errorf("promoting a paused mirror: %v", err)
		}
		_, _, err = p.link().Resume(t.Context(), "somebody", nil)
		must(t, err)
		must(t, p.once())
		p.identical(topic)
	})
}

func TestPauseWhileTheSourceIsAway(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 1)
	put(t, p.east, "t", 0, 5)
	stop := p.running()
	defer stop()
	p.await("t")
	must(t, env.East.Broker.Kill())
	p.eventually("the source is gone", func() bool { return p.states()["t"] == linking.SourceUnavailable })
	_, served, err := p.link().Pause(t.Context(), "somebody", nil)
	must(t, err)
	if served != linking.Acted || p.states()["t"] != linking.Paused {
		t.Errorf("served %v, %v", served, p.states())
	}
	must(t, env.East.Broker.Start(t.Context()))
	put(t, p.east, "t", 0, 5)
	if _, served, err = p.link().Resume(t.Context(), "somebody", nil); err != nil || served != linking.Acted {
		t.Errorf("resuming: served %v, %v", served, err)
	}
	p.await("t")
	p.identical("t")
}

func TestPauseIsRefusedByName(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env, "stopped", "failed", "good")
	for _, topic := range []string{"stopped", "failed", "good"} {
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 5)
	}
	if _, _, err := p.link().Pause(t.Context(), "somebody", nil); err == nil || err.Error() != "link "+p.decl.Name+": it has no mirrors yet: nothing to pause" {
		t.Errorf("pausing what is not there: %v", err)
	}
	must(t, p.once())
	_, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{"stopped"}})
	must(t, err)
	put(t, p.west, "failed", 0, 1) // by somebody else
	mirrorErrors(t, p.once())
	_, _, err = p.link().Pause(t.Context(), "somebody", []string{"good", "failed", "stopped", "none"})
	want := "link L: mirror failed: state FAILED does not allow pause; nothing is mirrored while it is FAILED; lifeboat link repair mends it\n" +
		"link L: topic \"none\" is not a mirror: nothing to pause\n" +
		"link L: mirror stopped: state STOPPED does not allow pause; it is promoted, and nothing is mirrored any more"
	if diff := cmp.Diff(want, named(err, p.decl.Name)); diff != "" {
		t.Errorf("pausing (-want +got):\n%s", diff)
	}
	if got := p.states()["good"]; got != linking.Active {
		t.Errorf("the one that could be paused is %s, though the others were refused", got)
	}
}

// named is an error's text with the link's name, which is another in every run, as L.
func named(err error, link string) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), link, "L")
}
