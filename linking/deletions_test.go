package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// deleting runs a link of topics "goes" and "stays" that follows deletions after half a second, has everything arrive and deletes the first.
func deleting(t *testing.T, p *pair) (stop func()) {
	t.Helper()
	for _, topic := range []string{"goes", "stays"} {
		each.Topic(t, p.env.East, topic, 2)
		put(t, p.east, topic, 1, 3)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	link := linking.New(p.decl, p.east, p.west, linking.Options{Timeout: 10 * time.Second, DeletedAfter: 500 * time.Millisecond})
	go func() { done <- link.Run(ctx, linking.RunOptions{}) }()
	p.awaitAll("goes", "stays")
	p.remove(p.east, "goes")
	return func() {
		cancel()
		var failed *linking.MirrorError
		if err := <-done; !errors.Is(err, context.Canceled) && !errors.As(err, &failed) {
			t.Errorf("the link ended with %v", err)
		}
	}
}

// recorded is what the link has recorded of a topic, "" where nothing.
func (p *pair) recorded(topic string) string {
	states, err := p.link().States(p.t.Context())
	must(p.t, err)
	for _, s := range states {
		if s.Topic == topic {
			return s.State
		}
	}
	return ""
}

// goesOn wants the link to mirror what is written now to a topic that has three records.
func (p *pair) goesOn(topic string) {
	p.t.Helper()
	put(p.t, p.east, topic, 1, 2)
	p.eventually("what is left goes on", func() bool { return p.end(p.west, topic, 1) == 5 })
}

func TestDeletedTopicsAreFollowedAsDeclared(t *testing.T) {
	t.Parallel()
	for _, tasks := range []int{1, 3} {
		for policy, want := range map[string]string{plans.DeletionsPromote: linking.Stopped, plans.DeletionsDelete: "", plans.DeletionsKeep: linking.Failed} {
			t.Run(policy, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, each.Embedded(t), "goes", "stays")
				p.decl.Topics.Deletions, p.decl.Tasks = policy, tasks
				stop := deleting(t, p)
				p.eventually("the state is "+want, func() bool { return p.recorded("goes") == want })
				p.goesOn("stays")
				stop()
				switch end := p.end(p.west, "goes", 1); policy {
				case plans.DeletionsDelete:
					if end != -1 {
						t.Errorf("the mirror is still there and ends at %d", end)
					}
				case plans.DeletionsPromote:
					put(t, p.west, "goes", 1, 1) // it is an ordinary topic
				default:
					if end != 3 {
						t.Errorf("the mirror ends at %d, and was to be kept", end)
					}
				}
			})
		}
	}
}

// TestDeletedTopicsAreFollowedByOneRunAfterTheOther: the first that finds the topic gone says what becomes of the mirror, and one that finds it gone
// for a while does it. A run that only brings mirrors to lag zero, as a failover's does, touches none.
func TestDeletedTopicsAreFollowedByOneRunAfterTheOther(t *testing.T) {
	t.Parallel()
	for _, tasks := range []int{1, 3} {
		for policy, want := range map[string]string{plans.DeletionsPromote: linking.Stopped, plans.DeletionsDelete: ""} {
			t.Run(fmt.Sprintf("%s, %d tasks", policy, tasks), func(t *testing.T) {
				t.Parallel()
				p := newPair(t, each.Embedded(t), "goes", "stays")
				p.decl.Topics.Deletions, p.decl.Tasks = policy, tasks
				for _, topic := range []string{"goes", "stays"} {
					each.Topic(t, p.env.East, topic, 2)
					put(t, p.east, topic, 1, 3)
				}
				stop := p.running() // cuts the link
				p.awaitAll("goes", "stays")
				if err := stop(); !errors.Is(err, context.Canceled) {
					t.Errorf("the link ended with %v", err)
				}
				p.remove(p.east, "goes")
				const patience = 3 * time.Second
				once := func(deletions bool) error {
					link := linking.New(p.decl, p.east, p.west, linking.Options{Timeout: 10 * time.Second, DeletedAfter: patience})
					return link.Run(t.Context(), linking.RunOptions{Once: true, Deletions: deletions})
				}
				left := func(when string, err error) {
					t.Helper()
					failed, ok := errors.AsType[*linking.MirrorError](err)
					if !ok || failed.Topic != "goes" || failed.Code != linking.CodeSourceDeleted || !strings.Contains(failed.Hint, policy+"s the mirror") {
						t.Errorf("%s: the run ended with %v", when, err)
					}
					if end := p.end(p.west, "goes", 1); end != 3 || p.recorded("goes") != linking.Failed {
						t.Errorf("%s: the mirror is %s and ends at %d", when, p.recorded("goes"), end)
					}
				}
				left("the first to find it gone", once(true))
				time.Sleep(patience)
				left("one that follows no deletions", once(false))
				put(t, p.east, "stays", 1, 2)
				must(t, once(true))
				if now := p.recorded("goes"); now != want {
					t.Errorf("the mirror is recorded as %q, want %q", now, want)
				}
				if end := p.end(p.west, "goes", 1); policy == plans.DeletionsDelete && end != -1 || policy == plans.DeletionsPromote && end < 3 {
					t.Errorf("the mirror ends at %d", end)
				}
				if end := p.end(p.west, "stays", 1); end != 5 {
					t.Errorf("what is left ends at %d", end)
				}
			})
		}
	}
}

// TestDeletionIsNotBelievedWithoutProof: a topic that was made again, that may not be seen any more, or that is gone with every other one, is no
// deleted topic.
func TestDeletionIsNotBelievedWithoutProof(t *testing.T) {
	t.Parallel()
	t.Run("made again", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, each.Embedded(t), "goes", "stays")
		p.decl.Topics.Deletions = plans.DeletionsDelete
		stop := deleting(t, p)
		each.Topic(t, p.env.East, "goes", 2)
		p.eventually("the mirror has failed", func() bool { return p.recorded("goes") == linking.Failed })
		time.Sleep(4 * time.Second) // a look later than it would be gone after
		stop()
		if end := p.end(p.west, "goes", 1); end != 3 {
			t.Errorf("the mirror ends at %d, and was to be kept", end)
		}
	})
	t.Run("not to be seen", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, each.Embedded(t), "goes", "stays")
		p.decl.Topics.Deletions = plans.DeletionsDelete
		p.env.East.Fake.ControlKey(int16(kmsg.Metadata), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			p.env.East.Fake.KeepControl()
			req := kreq.(*kmsg.MetadataRequest)
			if len(req.Topics) != 1 || req.Topics[0].Topic == nil || *req.Topics[0].Topic != "goes" || p.recorded("goes") != linking.Failed {
				return nil, nil, false
			}
			resp := req.ResponseKind().(*kmsg.MetadataResponse)
			mt := kmsg.NewMetadataResponseTopic()
			mt.Topic, mt.ErrorCode = req.Topics[0].Topic, kerr.TopicAuthorizationFailed.Code
			resp.Topics = append(resp.Topics, mt)
			return resp, nil, true
		})
		stop := deleting(t, p)
		p.eventually("the mirror has failed", func() bool { return p.recorded("goes") == linking.Failed })
		time.Sleep(4 * time.Second) // a look later than it would be gone after
		p.goesOn("stays")
		stop()
		if end := p.end(p.west, "goes", 1); end != 3 {
			t.Errorf("the mirror ends at %d, and was to be kept", end)
		}
	})
	t.Run("with every other one", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, each.Embedded(t), "goes", "stays")
		p.decl.Topics.Deletions = plans.DeletionsDelete
		for _, topic := range []string{"goes", "stays"} {
			each.Topic(t, p.env.East, topic, 2)
			put(t, p.east, topic, 1, 3)
		}
		must(t, p.once())
		other := newPair(t, each.Embedded(t), "goes", "stays") // another cluster under the same name
		link := linking.New(p.decl, other.east, p.west, linking.Options{Timeout: 10 * time.Second, DeletedAfter: 500 * time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_ = link.Run(ctx, linking.RunOptions{})
		for _, topic := range []string{"goes", "stays"} {
			if end := p.end(p.west, topic, 1); end != 3 {
				t.Errorf("the mirror of %s ends at %d, and was to be kept", topic, end)
			}
		}
	})
}
