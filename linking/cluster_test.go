package linking_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A destination of three brokers and three controllers loses each broker in turn under load, and the controller that is active, without a word to the
// link: leaders move, and what was on its way has an answer or not. It loses two brokers at once, and the link says which
// replicas it waits for. The mirror goes on by itself, and nothing is lost or doubled.
func TestBrokersOfAClusterDieUnderLoad(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.With(testenv.Options{Followers: 2, Controllers: 3, HeapMiB: 256}))
	topics := []string{each.Name(t, "a"), each.Name(t, "b")}
	p := newPair(t, env, topics...)
	for _, topic := range topics {
		each.Topic(t, env.East, topic, 4)
	}
	stop := p.writingEvery(100*time.Millisecond, topics...) // brokers on one machine: four of them, with two cores
	defer stop()
	link := p.watched(linking.RunOptions{})
	goesOn := func(after string) {
		t.Helper()
		before := p.mirroredEnds(topics)
		p.within(2*time.Minute, "mirroring goes on after "+after, func() bool { return p.mirroredEnds(topics) > before+50 })
	}
	goesOn("the start")

	active := p.activeController()
	must(t, env.West.Controllers[active].Kill())
	goesOn("the death of the active controller")
	p.within(time.Minute, "another controller is active", func() bool { now := p.activeController(); return now != active && now >= 0 })
	must(t, env.West.Controllers[active].Start(t.Context()))

	brokers := append([]testenv.Broker{env.West.Broker}, env.West.Followers...)
	for i, broker := range brokers {
		led := 0
		meta, err := p.west.Admin.Metadata(t.Context(), topics...)
		must(t, err)
		meta.Topics.EachPartition(func(d kadm.PartitionDetail) {
			if d.Leader == int32(i+1) {
				led++
			}
			if len(d.Replicas) != 3 {
				t.Fatalf("%s-%d has replicas %v, want three", d.Topic, d.Partition, d.Replicas)
			}
		})
		must(t, broker.Kill())
		goesOn("the death of a broker")
		must(t, broker.Start(t.Context()))
		goesOn("its return")
		if led == 0 {
			t.Errorf("broker %d led nothing when it died", i+1)
		}
	}

	p.within(2*time.Minute, "all replicas are in sync", func() bool { return p.inSync(topics, 3) }) // one that is not could not lead when the others die
	for _, broker := range brokers[1:] {
		must(t, broker.Kill())
	}
	// The broker that is left comes to lead everything, and has too few others for what is written to it, or for what it has taken in.
	p.within(2*time.Minute, "the link waits for replicas, and says so", func() bool {
		now := link.now()
		return now.LagRecords > 0 && now.Waiting != nil && (strings.Contains(now.Waiting.Error(), linking.CodeOutOfSync) || errors.Is(now.Waiting, kerr.NotEnoughReplicas))
	})
	t.Logf("it waits for: %v", link.now().Waiting)
	if now := link.now(); now.LagRecords == 0 || now.Failed > 0 {
		t.Errorf("with one of three replicas: %+v", now)
	}
	for _, broker := range brokers[1:] {
		must(t, broker.Start(t.Context()))
	}
	goesOn("the return of both")

	stop()
	p.writtenTwice(topics)
	p.awaitAll(topics...)
	if err := link.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the link ended with %v", err)
	}
	for _, topic := range topics {
		p.identical(topic)
	}
}

// inSync says whether every partition of the west's topics has n replicas that are in sync.
func (p *pair) inSync(topics []string, n int) bool {
	p.t.Helper()
	all := true
	meta, err := p.west.Admin.Metadata(p.t.Context(), topics...)
	must(p.t, err)
	meta.Topics.EachPartition(func(d kadm.PartitionDetail) { all = all && d.Err == nil && len(d.ISR) == n })
	return all
}

// activeController is the node id of the west's active controller, -1 where nobody can tell.
func (p *pair) activeController() int32 {
	p.t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	rt := kmsg.NewDescribeQuorumRequestTopic()
	rt.Topic = "__cluster_metadata"
	rt.Partitions = append(rt.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, rt)
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
	defer cancel()
	resp, err := req.RequestWith(ctx, p.west.Client)
	if err != nil || resp.ErrorCode != 0 || len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		return -1
	}
	return resp.Topics[0].Partitions[0].LeaderID
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
