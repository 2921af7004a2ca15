package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// broken are ways to break a mirror, with what a repair says of it; topic T has ten records in both of its partitions.
var broken = []struct {
	name string
	by   func(p *pair, topic string)
	does []string
}{
	{"overrun by retention", func(p *pair, topic string) {
		put(p.t, p.east, topic, 0, 20)
		trimTo(p.t, p.east, topic, 0, 25)
	}, []string{"T-0: goes on at @25, where its log in east begins now; @10–@24 (15 offsets) were removed there before they were mirrored, and never come to west; " +
		"@0–@9 (10 offsets), which east has removed too, are removed in west"}},
	{"source created again", func(p *pair, topic string) {
		p.recreate(p.east, topic, 2)
		put(p.t, p.east, topic, 0, 3)
	}, []string{"T: the topic is deleted in west with its 20 offsets, and mirrored again from its beginning, 3 offsets of east; " +
		"20 of the deleted offsets are not in east (10 of T-0, 10 of T-1): export what you want to keep of them first"}},
	{"source created again with more partitions", func(p *pair, topic string) {
		p.recreate(p.east, topic, 3)
		put(p.t, p.east, topic, 2, 3)
	}, []string{"T: the topic is deleted in west with its 20 offsets, and mirrored again from its beginning, 3 offsets of east; " +
		"20 of the deleted offsets are not in east (10 of T-0, 10 of T-1): export what you want to keep of them first"}},
	{"written by somebody else", func(p *pair, topic string) {
		put(p.t, p.west, topic, 0, 3)
		put(p.t, p.east, topic, 0, 10)
	}, []string{"T: the topic is deleted in west with its 23 offsets, and mirrored again from its beginning, 30 offsets of east; " +
		"east has offsets as far as these, but what stands there may be other records"}},
	{"written by somebody else beyond the source's end", func(p *pair, topic string) {
		put(p.t, p.west, topic, 1, 3)
	}, []string{"T: the topic is deleted in west with its 23 offsets, and mirrored again from its beginning, 20 offsets of east; " +
		"3 of the deleted offsets are not in east (3 of T-1): export what you want to keep of them first"}},
	{"more partitions than the source", func(p *pair, topic string) {
		_, err := p.west.Admin.UpdatePartitions(p.t.Context(), 3, topic)
		must(p.t, err)
		p.eventually("the third partition is there", func() bool { return p.end(p.west, topic, 2) == 0 })
	}, []string{"T: the topic is deleted in west with its 20 offsets, and mirrored again from its beginning, 20 offsets of east; " +
		"east has offsets as far as these, but what stands there may be other records"}},
}

// fail makes the topic, mirrors it, breaks it and sees it FAILED.
func (p *pair) fail(topic string, by func(*pair, string)) {
	p.t.Helper()
	each.Topic(p.t, p.env.East, topic, 2)
	put(p.t, p.east, topic, 0, 10)
	put(p.t, p.east, topic, 1, 10)
	must(p.t, p.once())
	by(p, topic)
	if len(mirrorErrors(p.t, p.once())) == 0 {
		p.t.Fatal("the mirror has not failed")
	}
	if got := p.states()[topic]; got != linking.Failed {
		p.t.Fatalf("the mirror is recorded as %s", got)
	}
}

// repair plans and repairs, and returns what it said.
func (p *pair) repair(ctx context.Context, topics ...string) ([]string, error) {
	p.t.Helper()
	plan, err := p.link().PlanRepair(ctx, topics)
	if err != nil {
		return nil, err
	}
	var does []string
	for _, r := range plan {
		if r.Kind != linking.RepairNothing && len(r.Causes) == 0 {
			p.t.Errorf("%s: no cause is told", r.Topic)
		}
		does = append(does, r.Does("east", "west")...)
	}
	return does, p.link().Repair(ctx, plan, linking.RepairOptions{})
}

func TestRepairMendsEveryFailure(t *testing.T) {
	t.Parallel()
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			each.Run(t, func(t *testing.T, env *testenv.Env) {
				topic := each.Name(t, "t")
				p := newPair(t, env, topic)
				p.fail(topic, c.by)
				does, err := p.repair(t.Context())
				must(t, err)
				for i := range does {
					does[i] = strings.ReplaceAll(does[i], topic, "T")
				}
				if diff := cmp.Diff(c.does, does); diff != "" {
					t.Errorf("what it does (-want +got):\n%s", diff)
				}
				if got := p.states()[topic]; got != linking.Active {
					t.Errorf("after the repair it is %s", got)
				}
				must(t, p.once())
				p.identical(topic)
				if does, err := p.repair(t.Context()); err != nil || len(does) > 0 { // again
					t.Errorf("repairing what has not failed: %v, %v", does, err)
				}
			})
		})
	}
}

// TestRepairBesideARunningLink has the process that serves the link go on with the mirror that was repaired.
func TestRepairBesideARunningLink(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, other := each.Name(t, "t"), each.Name(t, "other")
		p := newPair(t, env, topic, other)
		each.Topic(t, env.East, topic, 2)
		each.Topic(t, env.East, other, 1)
		put(t, p.east, topic, 0, 5)
		stop := p.running()
		defer stop()
		p.await(topic)
		put(t, p.west, topic, 0, 2)
		p.eventually("the mirror is FAILED", func() bool { return p.state(topic, 0) == linking.Failed })
		put(t, p.east, topic, 1, 5) // its other partition goes on, so that the repair removes more than was said
		_, err := p.repair(t.Context(), topic)
		must(t, err)
		p.eventually("the mirror is complete", func() bool { return p.end(p.west, topic, 0) == 5 && p.end(p.west, topic, 1) == 5 })
		put(t, p.east, topic, 0, 5)
		put(t, p.east, other, 0, 5)
		p.await(topic)
		p.await(other)
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the run ended with %v", err)
		}
		p.identical(topic)
		p.identical(other)
	})
}

// TestRepairGoesOnAfterEveryCrash ends a repair at every request that changes something, and repairs again: nothing is half-done.
func TestRepairGoesOnAfterEveryCrash(t *testing.T) {
	t.Parallel()
	for _, c := range broken[:3] {
		everyCrash(t, 8, func(t *testing.T, n int64) bool {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			p.fail("t", c.by)
			ctx, crash := context.WithCancel(t.Context())
			left := n
			env.West.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				switch kmsg.Key(req.Key()) {
				case kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.Produce, kmsg.DeleteTopics, kmsg.CreateTopics, kmsg.OffsetDelete:
					if left--; left == 0 {
						crash()
					}
				}
				return nil, nil, false
			})
			_, err := p.repair(ctx)
			crash()
			if left > 0 {
				must(t, err)
				return false
			}
			if n%2 == 0 { // the link runs before somebody repairs again
				mirrorErrors(t, p.once())
			}
			_, err = p.repair(t.Context())
			if errors.Is(err, linking.ErrRepairChanged) { // what was begun came through after it had been looked at
				_, err = p.repair(t.Context())
			}
			must(t, err)
			must(t, p.once())
			p.identical("t")
			return true
		})
	}
}

func TestRepairDoesNoMoreThanWasAgreed(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	p.fail("t", func(p *pair, topic string) { put(p.t, p.west, topic, 1, 3) })
	plan, err := p.link().PlanRepair(t.Context(), nil)
	must(t, err)
	put(t, p.west, "t", 1, 4) // by the foreign writer, who goes on
	if err := p.link().Repair(t.Context(), plan, linking.RepairOptions{}); !errors.Is(err, linking.ErrRepairChanged) {
		t.Errorf("repairing what has changed since: %v", err)
	}
	if end := p.end(p.west, "t", 1); end != 17 {
		t.Errorf("the topic ends at @%d: it was touched", end)
	}
}

func TestRepairIsRefusedByName(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env, "stopped", "deleted")
	for _, topic := range []string{"stopped", "deleted"} {
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 5)
	}
	must(t, p.once())
	_, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{"stopped"}})
	must(t, err)
	p.remove(p.east, "deleted")
	mirrorErrors(t, p.once())
	for _, c := range [][2]string{
		{"stopped", "link L: mirror stopped: state STOPPED does not allow repair; it is promoted, and its log goes its own way; lifeboat link reverse mirrors it the other way"},
		{"none", "link L: topic \"none\" is not a mirror: nothing to repair"},
		{"deleted", "link L: mirror deleted: SOURCE_TOPIC_MAY_BE_DELETED can not be repaired: lifeboat link failover keeps what has arrived"},
	} {
		_, err := p.link().PlanRepair(t.Context(), []string{c[0]})
		if got := named(err, p.decl.Name); !strings.HasPrefix(got, c[1]) {
			t.Errorf("%s: %s", c[0], got)
		}
	}
	if _, err := linking.New(p.decl, nil, p.west, linking.Options{}).PlanRepair(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not reachable") {
		t.Errorf("repairing without a source: %v", err)
	}
}

// TestRepairForgetsPositionsInARecreatedTopic keeps a group from going on at an offset of the old topic.
func TestRepairForgetsPositionsInARecreatedTopic(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, group := each.Name(t, "t"), each.Name(t, "g")
		p := newPair(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{group}}
		each.Topic(t, env.East, topic, 2)
		commit := func(at int64) {
			t.Helper()
			must(t, p.east.Admin.CommitAllOffsets(t.Context(), group, kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: at, LeaderEpoch: -1}}}))
		}
		put(t, p.east, topic, 0, 10)
		commit(8)
		must(t, p.once())
		p.recreate(p.east, topic, 2)
		put(t, p.east, topic, 0, 5)
		mirrorErrors(t, p.once())
		_, err := p.repair(t.Context())
		must(t, err)
		commit(2)
		must(t, p.once())
		at, err := p.west.Admin.FetchOffsets(t.Context(), group)
		must(t, err)
		if o, _ := at.Lookup(topic, 0); o.At != 2 {
			t.Errorf("the group stands at @%d in the new topic, want @2", o.At)
		}
	})
}

// TestVerbsLeaveTheLinkRunning promotes one topic and fails another over: the process that serves the link goes on with the third.
func TestVerbsLeaveTheLinkRunning(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		var topics []string
		for i := range 3 {
			topics = append(topics, each.Name(t, fmt.Sprint("t", i)))
			each.Topic(t, env.East, topics[i], 2)
		}
		p := newPair(t, env, topics...)
		stop := p.running()
		defer stop()
		for _, topic := range topics {
			put(t, p.east, topic, 0, 5)
			p.await(topic)
		}
		_, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: topics[:1], Brief: true})
		must(t, err)
		put(t, p.east, topics[2], 0, 5)
		p.eventually("the third topic is mirrored on", func() bool { return p.end(p.west, topics[2], 0) == 10 })
		promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: topics[1:2], Force: true, Brief: true})
		must(t, err)
		if promoted[0].Ends[0] != 5 {
			t.Errorf("promoted: %+v", promoted)
		}
		put(t, p.east, topics[2], 1, 5)
		p.eventually("the third topic is mirrored on", func() bool { return p.end(p.west, topics[2], 1) == 5 })
		want := map[string]string{topics[0]: linking.Stopped, topics[1]: linking.Stopped, topics[2]: linking.Active}
		if diff := cmp.Diff(want, p.states()); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the run ended with %v", err)
		}
		p.identical(topics[2])
	})
}

// TestSettleGroupsWithoutASource writes the positions that the link saw last, no further than what has arrived.
func TestSettleGroupsWithoutASource(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, group := each.Name(t, "t"), each.Name(t, "g")
		p := newPair(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{group}}
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 10)
		must(t, p.east.Admin.CommitAllOffsets(t.Context(), group, kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: 7, LeaderEpoch: -1}}}))
		must(t, p.once())
		deleted, err := p.west.Admin.DeleteGroups(t.Context(), group) // its positions have expired meanwhile
		must(t, err)
		must(t, deleted.Error())
		synced, err := linking.New(p.decl, nil, p.west, linking.Options{}).SettleGroups(t.Context())
		must(t, err)
		if len(synced) != 1 || synced[0].Written != 7 || synced[0].Skipped != "" {
			t.Errorf("settled: %+v", synced)
		}
		at, err := p.west.Admin.FetchOffsets(t.Context(), group)
		must(t, err)
		if o, _ := at.Lookup(topic, 0); o.At != 7 {
			t.Errorf("the group stands at @%d, want @7", o.At)
		}
	})
}

// Brokers write a marker again that they have no answer for, though it may have arrived. The mirror that has one too many says so, and not that
// somebody else wrote to it.
func TestMarkerThatCameTwice(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 5)
		cl := each.Client(t, env.East, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
		must(t, cl.BeginTransaction())
		must(t, cl.ProduceSync(t.Context(), kgo.StringRecord("committed")).FirstErr())
		must(t, cl.EndTransaction(t.Context(), kgo.TryCommit))
		must(t, p.once())

		reader := each.Client(t, env.West, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(6)}}), kgo.KeepControlRecords())
		fetches := reader.PollFetches(t.Context())
		must(t, fetches.Err())
		marker := fetches.Records()[0]
		if !marker.Attrs.IsControl() {
			t.Fatalf("the mirror has no marker at @6 but %v", marker)
		}
		req := kmsg.NewPtrWriteTxnMarkersRequest()
		m := kmsg.NewWriteTxnMarkersRequestMarker()
		m.ProducerID, m.ProducerEpoch = marker.ProducerID, marker.ProducerEpoch
		of := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		of.Topic, of.Partitions = topic, []int32{0}
		m.Topics = append(m.Topics, of)
		req.Markers = append(req.Markers, m)
		_, err := req.RequestWith(t.Context(), p.west.Client)
		must(t, err)
		p.eventually("the marker is there", func() bool { return p.end(p.west, topic, 0) == 8 })

		put(t, p.east, topic, 0, 3)
		var merr *linking.MirrorError
		if err := p.once(); !errors.As(err, &merr) || merr.Code != linking.CodeMarkerTwice || merr.First != 7 {
			t.Fatalf("the link ended with %v", err)
		}
		_, err = p.repair(t.Context())
		must(t, err)
		must(t, p.once())
		p.identical(topic)
	})
}
