package linking_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A destination of three brokers loses each of them in turn under load, without a word to the link: leaders move, what was on its way has
// an answer or not, and the controller goes as well. The mirror goes on by itself, and nothing is lost or doubled.
func TestBrokersOfAClusterDieUnderLoad(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.With(testenv.Options{Followers: 2, HeapMiB: 256}))
	topics := []string{each.Name(t, "a"), each.Name(t, "b")}
	p := newPair(t, env, topics...)
	for _, topic := range topics {
		each.Topic(t, env.East, topic, 4)
	}
	stop := p.writingEvery(100*time.Millisecond, topics...) // brokers on one machine: five of them, with two cores
	defer stop()
	end := p.running()
	goesOn := func(after string) {
		before := p.mirroredEnds(topics)
		p.within(2*time.Minute, "mirroring goes on after "+after, func() bool { return p.mirroredEnds(topics) > before+50 })
	}
	goesOn("the start")
	for i, broker := range append(env.West.Followers, env.West.Broker) {
		led := 0
		meta, err := p.west.Admin.Metadata(t.Context(), topics...)
		must(t, err)
		meta.Topics.EachPartition(func(d kadm.PartitionDetail) {
			if d.Leader == []int32{2, 3, 1}[i] {
				led++
			}
			if len(d.Replicas) != 3 {
				t.Fatalf("%s-%d has replicas %v, want three", d.Topic, d.Partition, d.Replicas)
			}
		})
		must(t, broker.Kill())
		if broker != env.West.Broker { // without a controller leaders do not move
			goesOn("the death of a broker")
		}
		must(t, broker.Start(t.Context()))
		goesOn("its return")
		if led == 0 {
			t.Errorf("broker %d led nothing when it died", []int32{2, 3, 1}[i])
		}
	}
	stop()
	p.writtenTwice(topics)
	for _, topic := range topics {
		p.await(topic)
	}
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Errorf("the link ended with %v", err)
	}
	for _, topic := range topics {
		p.identical(topic)
	}
}

// writtenTwice repairs mirrors of topics that have a marker too many. A broker that dies between replicating one and answering makes the
// coordinator write it again, where the link could not write markers by itself in time: that ends in a named state, and not in a mirror that differs.
func (p *pair) writtenTwice(topics []string) {
	p.t.Helper()
	mirrors, err := p.link().Status(p.t.Context())
	must(p.t, err)
	var failed []string
	for _, m := range mirrors {
		if m.State == linking.Failed && !slices.Contains(failed, m.Topic) {
			if !strings.Contains(m.Error, linking.CodeMarkerTwice) {
				p.t.Errorf("%s-%d has failed: %s", m.Topic, m.Partition, m.Error)
			}
			failed = append(failed, m.Topic)
		}
	}
	if len(failed) == 0 {
		return
	}
	p.t.Logf("a marker was written twice in %q", failed)
	does, err := p.repair(p.t.Context(), failed...)
	p.t.Log(does)
	must(p.t, err)
}
