package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// watched is a link that runs in this process, and what it tells.
type watched struct {
	stop func() error

	mu   sync.Mutex
	last linking.Progress
}

func (p *pair) watched(o linking.RunOptions) *watched {
	w := &watched{}
	o.Progress = func(now linking.Progress) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.last = now
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.link().Run(ctx, o) }()
	w.stop = sync.OnceValue(func() error { cancel(); return <-done })
	return w
}

func (w *watched) now() linking.Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// heavy writes n records of a kilobyte.
func heavy(t *testing.T, r *linking.Region, topic string, n int) {
	t.Helper()
	cl, err := kgo.NewClient(append(r.Client.Opts(), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerBatchMaxBytes(16<<10), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	must(t, err)
	defer cl.Close()
	for i := range n {
		cl.Produce(t.Context(), &kgo.Record{Topic: topic, Key: fmt.Append(nil, "k", i), Value: make([]byte, 1000)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	must(t, cl.Flush(t.Context()))
}

// Brokers of both regions make a link wait that is over its quota: it becomes slow, tells how long it was made to wait, and nothing else happens.
func TestQuotasMakeALinkSlowAndNothingElse(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(testenv.Options{Users: linkUsers}))
	prefix := each.Name(t, "q")
	topic := prefix + "-orders"
	p, admins := withJustItsGrants(t, env, ofUser(t, prefix), "slow")
	as := &pair{t: t, env: env, east: admins["east"], west: admins["west"], decl: p.decl}
	each.Topic(t, env.East, topic, 3)
	workload(t, as.east, topic, 1, 15)
	heavy(t, as.east, topic, 400)
	metrics, gather := linking.NewMetrics(), prometheus.NewRegistry()
	must(t, gather.Register(metrics))
	for _, r := range []**linking.Region{&p.east, &p.west} {
		cl, err := kgo.NewClient(append((*r).Client.Opts(), kgo.WithHooks(metrics.Hook((*r).Name)))...)
		must(t, err)
		t.Cleanup(cl.Close)
		*r = &linking.Region{Name: (*r).Name, Addresses: (*r).Addresses, Client: cl, Admin: kadm.NewClient(cl)}
	}
	// Brokers look at eleven seconds together.
	setQuota(t, as.east, "slow", "consumer_byte_rate", 30_000)
	setQuota(t, as.west, "slow", "producer_byte_rate", 30_000)
	w := p.watched(linking.RunOptions{Metrics: metrics})
	throttled := func(region string) float64 {
		families, err := gather.Gather()
		must(t, err)
		for _, f := range families {
			if f.GetName() != "lifeboat_link_client_throttled_seconds_total" {
				continue
			}
			for _, m := range f.GetMetric() {
				if m.GetLabel()[0].GetValue() == region {
					return m.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
	// Brokers hear of a quota a little later than they answer, so there has to be something to mirror until they have.
	p.within(3*time.Minute, "both regions make the link wait", func() bool {
		heavy(t, as.east, topic, 20)
		return throttled("east") > 0 && throttled("west") > 0
	})
	setQuota(t, as.east, "slow", "consumer_byte_rate", 100_000_000)
	setQuota(t, as.west, "slow", "producer_byte_rate", 100_000_000)
	as.await(topic)
	if now := w.now(); now.Failed > 0 {
		t.Errorf("%d mirrors failed", now.Failed)
	}
	if err := w.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the link ended with %v", err)
	}
	as.identical(topic)
}

// A right that is taken away under load ends the mirrors of its topic by name, and no others; when it is given again, a repair lets them go on.
func TestRightTakenAwayUnderLoad(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(testenv.Options{Users: linkUsers}))
	prefix := each.Name(t, "r")
	shut, goes := prefix+"-shut", prefix+"-goes"
	decl := ofUser(t, prefix)
	p, admins := withJustItsGrants(t, env, decl, "shut-out")
	as := &pair{t: t, env: env, east: admins["east"], west: admins["west"], decl: decl}
	for _, topic := range []string{shut, goes} {
		each.Topic(t, env.East, topic, 3)
	}
	stop := as.writingEvery(20*time.Millisecond, shut, goes)
	defer stop()
	end := p.running()
	deny := linking.ACL{Principal: "User:shut-out", Host: "*", Resource: kmsg.ACLResourceTypeTopic, Name: shut, Pattern: kmsg.ACLResourcePatternTypeLiteral,
		Operation: kmsg.ACLOperationWrite, Permission: kmsg.ACLPermissionTypeDeny}
	for round := range 2 {
		as.passes(shut)
		give(t, as.west, deny)
		as.eventually("the mirror of the topic is FAILED", func() bool { return as.state(shut, 0) == linking.Failed || as.state(shut, 1) == linking.Failed })
		states, err := as.link().States(t.Context())
		must(t, err)
		for _, s := range states {
			if want := s.Topic == shut; want != (s.State == linking.Failed) {
				t.Errorf("round %d: %s is %s: %s", round, s.Topic, s.State, s.Error)
			} else if want && !strings.Contains(s.Error, linking.CodeAuthorization) {
				t.Errorf("round %d: %s says %q, want %s", round, s.Topic, s.Error, linking.CodeAuthorization)
			}
		}
		as.passes(goes)
		_, err = as.west.Admin.DeleteACLs(t.Context(), kadm.NewACLs().Topics(shut).ResourcePatternType(kadm.ACLPatternLiteral).Deny("User:shut-out").DenyHosts("*").Operations(kadm.OpWrite))
		must(t, err)
		comesTo(t, "a repair when the right is back", "<nil>", func() string {
			if as.state(shut, 0) != linking.Failed && as.state(shut, 1) != linking.Failed {
				return "<nil>"
			}
			_, err := p.repair(t.Context(), shut)
			return fmt.Sprint(err)
		})
	}
	stop()
	as.awaitAll(shut, goes)
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Errorf("the link ended with %v", err)
	}
	as.identical(shut)
	as.identical(goes)
}
