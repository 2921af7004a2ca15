package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// commitAs writes a group's positions, with metadata.
func commitAs(t *testing.T, r *linking.Region, group, metadata string, topic string, at ...int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	for p, o := range at {
		offsets.Add(kadm.Offset{Topic: topic, Partition: int32(p), At: o, LeaderEpoch: -1, Metadata: metadata})
	}
	(&pair{t: t}).eventually("group "+group+" commits", func() bool { return r.Admin.CommitAllOffsets(t.Context(), group, offsets) == nil })
}

// stands is where a group stands on a topic's partitions, as "2 meta" lines.
func stands(t *testing.T, r *linking.Region, group, topic string) string {
	t.Helper()
	at, err := r.Admin.FetchOffsets(t.Context(), group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return ""
	} else if err != nil {
		return err.Error() // a fresh cluster has no coordinator yet
	}
	text := ""
	for _, o := range at.Sorted() {
		if o.Topic == topic && o.At >= 0 {
			text += fmt.Sprintf("%d@%d %s\n", o.Partition, o.At, o.Metadata)
		}
	}
	return text
}

// TestPositionsFollowWithMetadataAndDeletions wants what a source's group has in the destination, and what it has not any more gone there.
func TestPositionsFollowWithMetadataAndDeletions(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		group, other := each.Name(t, "ops"), each.Name(t, "ops-2")
		p := newPair(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{group, other}}
		each.Topic(t, env.East, topic, 2)
		put(t, p.east, topic, 0, 10)
		put(t, p.east, topic, 1, 10)
		commitAs(t, p.east, group, "rack-7", topic, 3, 4)
		commitAs(t, p.east, other, "", topic, 5)
		defer p.running()()
		comesTo(t, "a group with metadata", "0@3 rack-7\n1@4 rack-7\n", func() string { return stands(t, p.west, group, topic) })
		comesTo(t, "another group", "0@5 \n", func() string { return stands(t, p.west, other, topic) })

		commitAs(t, p.east, group, "rack-8", topic, 3, 9)
		comesTo(t, "other metadata at the same offset", "0@3 rack-8\n1@9 rack-8\n", func() string { return stands(t, p.west, group, topic) })

		removed, err := p.east.Admin.DeleteOffsets(t.Context(), group, kadm.TopicsSet{topic: {1: {}}})
		must(t, err)
		must(t, removed.Error())
		_, err = p.east.Admin.DeleteGroup(t.Context(), other)
		must(t, err)
		comesTo(t, "a position that was removed", "0@3 rack-8\n", func() string { return stands(t, p.west, group, topic) })
		comesTo(t, "a group that was removed", "", func() string { return stands(t, p.west, other, topic) })
	})
}

// TestPositionsBehindTheMirrorAreRaised wants a group that stands in front of the log's start at the start, said by how much.
func TestPositionsBehindTheMirrorAreRaised(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, group := each.Name(t, "t"), each.Name(t, "ops")
		p := newPair(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{group}}
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 10)
		commitAs(t, p.east, group, "", topic, 2)
		_, err := p.east.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {Topic: topic, At: 6}}})
		must(t, err)
		must(t, p.once())
		synced, err := p.link().SyncGroups(t.Context())
		must(t, err)
		if len(synced) != 1 || synced[0].Written != 6 || synced[0].Raised != 4 || synced[0].Source != 2 {
			t.Errorf("%+v, want 2 raised by 4 to 6", synced)
		}
		comesTo(t, "the group", "0@6 \n", func() string { return stands(t, p.west, group, topic) })
	})
}

// TestMemberOfTheNewProtocolIsLeftAlone wants the positions of a KIP-848 group that is active in the destination untouched: brokers describe
// such a group otherwise than a classic one.
func TestMemberOfTheNewProtocolIsLeftAlone(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, group := each.Name(t, "t"), each.Name(t, "ops")
		p := newPair(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{group}}
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 10)
		must(t, p.once())
		commitAs(t, p.east, group, "", topic, 7)
		member, err := kgo.NewClient(append(p.west.Client.Opts(), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
			kgo.ServerSideBalancer())...)
		must(t, err)
		defer member.Close()
		must(t, member.PollFetches(t.Context()).Err())
		synced, err := p.link().SyncGroups(t.Context())
		must(t, err)
		if len(synced) != 1 || synced[0].Skipped != "the group is active in west" {
			t.Errorf("%+v, want it left alone", synced)
		}
		if diff := cmp.Diff("", stands(t, p.west, group, topic)); diff != "" {
			t.Errorf("an active group was moved:\n%s", diff)
		}
	})
}

// TestMemberOfTheNewProtocolGoesOnInTheDestination copies the positions of a KIP-848 group while it reads in the source; a member in the destination
// goes on where it stood.
func TestMemberOfTheNewProtocolGoesOnInTheDestination(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, group := each.Name(t, "t"), each.Name(t, "ops")
		p := newPair(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{group}}
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 10)
		member := func(r *linking.Region) *kgo.Client {
			cl, err := kgo.NewClient(append(r.Client.Opts(), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.ServerSideBalancer())...)
			must(t, err)
			t.Cleanup(cl.Close)
			return cl
		}
		reads := member(p.east)
		for at := int64(-1); at < 6; { // seven at least
			f := reads.PollRecords(t.Context(), 1)
			must(t, f.Err())
			f.EachRecord(func(rec *kgo.Record) { at = rec.Offset })
			must(t, reads.CommitRecords(t.Context(), f.Records()...))
		}
		stop := p.running()
		want := stands(t, p.east, group, topic) // with the member's name
		if !strings.HasPrefix(want, "0@7 ") {
			t.Fatalf("in the source the group stands at %s", want)
		}
		comesTo(t, "the position of the group that is active in the source", want, func() string { return stands(t, p.west, group, topic) })
		reads.Close()
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the link ended with %v", err)
		}
		f := member(p.west).PollRecords(t.Context(), 1)
		must(t, f.Err())
		if got := f.Records()[0].Offset; got != 7 {
			t.Errorf("a member in the destination goes on at @%d, want @7", got)
		}
	})
}

// requests counts what is asked of brokers.
type requests struct{ n atomic.Int64 }

func (r *requests) OnBrokerE2E(kgo.BrokerMetadata, int16, kgo.BrokerE2E) { r.n.Add(1) }

// TestThousandsOfGroups wants two thousand groups copied with few requests but for the commits, which the protocol has one of for each group.
func TestThousandsOfGroups(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	p.decl.Groups = plans.Rule{Include: []string{topic + "-.*"}}
	each.Topic(t, env.East, topic, 1)
	put(t, p.east, topic, 0, 10)
	const n = 2000
	var g errgroup.Group
	g.SetLimit(32)
	for i := range n {
		g.Go(func() error {
			return p.east.Admin.CommitAllOffsets(t.Context(), fmt.Sprintf("%s-%d", topic, i), kadm.Offsets{topic: {0: {Topic: topic, At: int64(i % 10), LeaderEpoch: -1}}})
		})
	}
	must(t, g.Wait())
	must(t, p.once())
	counted := &requests{}
	open := func(r *testenv.Region) *linking.Region {
		region, err := linking.Open(t.Context(), r.Name, &plans.Region{Kafka: plans.Kafka{Bootstrap: r.Bootstrap}},
			linking.Options{Hooks: func(string) []kgo.Hook { return []kgo.Hook{counted} }})
		must(t, err)
		t.Cleanup(region.Close)
		return region
	}
	p.east, p.west = open(env.East), open(env.West)
	synced, err := p.link().SyncGroups(t.Context())
	must(t, err)
	for _, s := range synced {
		if s.Skipped != "" || s.Written != s.Source {
			t.Fatalf("%+v", s)
		}
	}
	if len(synced) != n {
		t.Errorf("%d groups, want %d", len(synced), n)
	}
	if got := counted.n.Load(); got > 60 {
		t.Errorf("%d requests for %d groups that stand as they should", got, n)
	}
}
