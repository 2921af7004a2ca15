package linking_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// gate holds the first request of a kind that a client is about to send, from when it is shut until it is opened.
type gate struct {
	key  kmsg.Key
	shut atomic.Bool
	held chan struct{} // closed when there is one
	open chan struct{}
}

func newGate(key kmsg.Key) *gate {
	return &gate{key: key, held: make(chan struct{}), open: make(chan struct{})}
}

// before is a region behind the gate.
func (g *gate) before(t *testing.T, r *linking.Region) *linking.Region {
	t.Helper()
	calls := &calls{met: func(_ int64, behind bool, key kmsg.Key) {
		if !behind && key == g.key && g.shut.CompareAndSwap(true, false) {
			close(g.held)
			<-g.open
		}
	}}
	region, err := behind(r, calls.dialer((&net.Dialer{}).DialContext))
	must(t, err)
	t.Cleanup(region.Close)
	return region
}

func (g *gate) holds(t *testing.T, what string) {
	t.Helper()
	select {
	case <-g.held:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s is not waited for", what)
	}
}

// told is what a link has logged.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *told) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *told) has(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.text.String(), what)
}

// TestRunThatBeginsAnewLeavesTheLinkToAVerb: a run that took its link again, for a reason of its own, took it from a verb that had come just then. The
// verb ended with ErrTakenOver, and had to be given again. Here the verb comes when the run is about to take its epoch, and is held until the run has
// decided.
func TestRunThatBeginsAnewLeavesTheLinkToAVerb(t *testing.T) {
	t.Parallel()
	for why, begins := range map[string]func(*pair){
		"the link was changed": func(p *pair) {
			changed := *p.decl
			changed.Topics.Configs = map[string]string{"retention.ms": "1234567"}
			must(p.t, linking.Update(p.t.Context(), p.west, &changed, "somebody"))
		},
		"it is cut into tasks": func(p *pair) {
			changed := *p.decl
			changed.Tasks = 2
			must(p.t, linking.Update(p.t.Context(), p.west, &changed, "somebody"))
		},
		"a topic was deleted at the source": func(p *pair) { p.remove(p.east, "goes") },
		"a broker has answered with an error": func(p *pair) {
			p.env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				req := kreq.(*kmsg.ProduceRequest)
				if req.TransactionID == nil || !strings.HasSuffix(*req.TransactionID, ".links") {
					p.env.West.Fake.KeepControl()
					return nil, nil, false
				}
				return refusedProduce(req, kerr.UnknownServerError), nil, true
			})
		},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			env := each.Embedded(t)
			p := newPair(t, env, "moves", "stays", "goes")
			p.decl.Topics.Deletions = plans.DeletionsPromote
			for _, topic := range p.decl.Topics.Include {
				each.Topic(t, env.East, topic, 1)
				put(t, p.east, topic, 0, 5)
			}
			must(t, linking.Create(t.Context(), p.west, p.decl, "somebody"))
			again, verb, said := newGate(kmsg.InitProducerID), newGate(kmsg.IncrementalAlterConfigs), &told{}
			run, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			link := linking.New(p.decl, p.east, again.before(t, p.west), linking.Options{Timeout: 10 * time.Second, DeletedAfter: time.Millisecond, Log: slog.New(slog.NewTextHandler(said, nil))}).Created()
			go func() { done <- link.Run(run, linking.RunOptions{Owner: "the run"}) }()
			p.awaitAll(p.decl.Topics.Include...)

			again.shut.Store(true)
			begins(p)
			again.holds(t, "the run, which is to begin anew,")
			verb.shut.Store(true)
			promoted := make(chan error, 1)
			go func() {
				_, err := linking.New(p.decl, p.east, verb.before(t, p.west), linking.Options{Timeout: 10 * time.Second}).
					Promote(t.Context(), linking.PromoteOptions{Topics: []string{"moves"}, Force: true, Brief: true})
				promoted <- err
			}()
			verb.holds(t, "the verb, which has the link,")
			close(again.open)
			p.eventually("the run has the link, or has seen that it has not", func() bool {
				by, err := p.link().Service(t.Context())
				must(t, err)
				return slices.Contains(by.Processes, "the run") || said.has("was taken over")
			})
			close(verb.open)
			if err := <-promoted; err != nil {
				t.Errorf("the verb ended with %v", err)
			}
			put(t, p.east, "stays", 0, 3)
			p.eventually("the run goes on", func() bool { return p.end(p.west, "stays", 0) == 8 })
			if why == "a topic was deleted at the source" {
				p.eventually("the deletion is followed", func() bool { return p.recorded("goes") == linking.Stopped })
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("the run ended with %v", err)
			}
		})
	}
}
