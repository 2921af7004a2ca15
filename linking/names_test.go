package linking_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

const eastPrefix = "east."

// newPrefixed is a pair whose link calls the mirrors by a prefix.
func newPrefixed(t *testing.T, env *testenv.Env, topics ...string) *pair {
	t.Helper()
	p := newPair(t, env, topics...)
	p.decl.Prefix = eastPrefix
	return p
}

func TestPrefixedMirrorIsIdentical(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		for _, tasks := range []int{1, 2} {
			t.Run(fmt.Sprintf("tasks %d", tasks), func(t *testing.T) { prefixedIsIdentical(t, env, tasks) })
		}
	})
}

func prefixedIsIdentical(t *testing.T, env *testenv.Env, tasks int) {
	topic := each.Name(t, "t")
	p := newPrefixed(t, env, topic)
	p.decl.Tasks = tasks
	each.Topic(t, env.East, topic, 4)
	workload(t, p.east, topic, uint64(tasks), 60)
	stop := p.running()
	p.await(eastPrefix + topic)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	p.identical(topic)
	workload(t, p.east, topic, uint64(tasks)+100, 20) // and on from there
	must(t, p.once())
	p.identical(topic)
	for _, there := range []struct {
		in   *linking.Region
		name string
	}{{p.west, topic}, {p.east, eastPrefix + topic}} {
		if all, err := there.in.Admin.ListTopics(t.Context()); err != nil || all.Has(there.name) {
			t.Errorf("%s has topic %s (%v)", there.in.Name, there.name, err)
		}
	}
	mirrors, err := p.link().Status(t.Context())
	must(t, err)
	for _, m := range mirrors {
		if m.Topic != eastPrefix+topic || m.SourceTopic != topic || m.State != linking.Active || m.Lag != 0 {
			t.Errorf("%+v", m)
		}
	}
	if len(mirrors) != 4 {
		t.Errorf("%d partitions", len(mirrors))
	}
}

func TestPrefixedMirrorBeginsAtTheSourcesLogStart(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPrefixed(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		workload(t, p.east, topic, 7, 30)
		_, err := p.east.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {At: 40}}})
		must(t, err)
		must(t, p.once())
		p.identical(topic)
	})
}

// TestPrefixedVerifyAndPromote compares, fails over, and finds the source's configs in force.
func TestPrefixedVerifyAndPromote(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPrefixed(t, env, topic)
		p.decl.Groups = plans.Rule{Include: []string{topic + "-.*"}}
		each.Topic(t, env.East, topic, 2)
		_, err := p.east.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")}}, topic)
		must(t, err)
		put(t, p.east, topic, 0, 15)
		put(t, p.east, topic, 1, 15)
		group := topic + "-readers"
		must(t, p.east.Admin.CommitAllOffsets(t.Context(), group, kadm.Offsets{topic: {0: {Topic: topic, At: 7, LeaderEpoch: -1, Metadata: "here"}, 1: {Topic: topic, Partition: 1, At: 11, LeaderEpoch: -1}}}))
		must(t, p.once())
		at, err := p.west.Admin.FetchOffsets(t.Context(), group)
		must(t, err)
		got := map[int32]int64{}
		at.Each(func(o kadm.OffsetResponse) {
			if o.Topic != eastPrefix+topic {
				t.Errorf("the group has a position in %s", o.Topic)
			}
			got[o.Partition] = o.At
		})
		if diff := cmp.Diff(map[int32]int64{0: 7, 1: 11}, got); diff != "" {
			t.Errorf("positions of %s:\n%s", group, diff)
		}
		v, err := p.link().Verify(t.Context(), linking.VerifyOptions{})
		must(t, err)
		for _, topic := range v.Topics {
			if topic.Compared != topic.Offsets || topic.Offsets != 30 || len(topic.Differences)+len(topic.Errors) > 0 {
				t.Errorf("%+v", topic)
			}
		}
		if len(v.Topics) != 1 {
			t.Errorf("%d topics compared", len(v.Topics))
		}
		promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
		must(t, err)
		if len(promoted) != 1 || promoted[0].Topic != eastPrefix+topic {
			t.Fatalf("%+v", promoted)
		}
		configs, err := p.west.Admin.DescribeTopicConfigs(t.Context(), eastPrefix+topic)
		must(t, err)
		for _, c := range configs[0].Configs {
			if c.Key == "cleanup.policy" && c.MaybeValue() != "compact" {
				t.Errorf("cleanup.policy is %s after promotion", c.MaybeValue())
			}
		}
		_, err = p.link().Verify(t.Context(), linking.VerifyOptions{})
		must(t, err)
	})
}

// TestPrefixedBothWays has two regions that write a topic of the same name mirror it to each other: neither's comes back.
func TestPrefixedBothWays(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		there := newPrefixed(t, env, topic, ".*"+topic)
		back := newPair(t, &testenv.Env{Kind: env.Kind, East: env.West, West: env.East}, ".*"+topic)
		back.decl.Prefix = "west."
		there.decl, back.decl = there.decl.Knowing([]*plans.Link{back.decl}), back.decl.Knowing([]*plans.Link{there.decl})
		each.Topic(t, env.East, topic, 2)
		each.Topic(t, env.West, topic, 2)
		for round := range uint64(2) {
			workload(t, there.east, topic, 11+round, 20)
			workload(t, there.west, topic, 21+round, 20)
			must(t, there.once())
			must(t, back.once())
		}
		there.identical(topic)
		back.identical(topic)
		for _, r := range []*linking.Region{there.east, there.west} {
			all, err := r.Admin.ListTopics(t.Context())
			must(t, err)
			var names []string
			for _, name := range all.Names() {
				if strings.HasSuffix(name, topic) {
					names = append(names, name)
				}
			}
			want := []string{"west." + topic, topic}
			if r == there.west {
				want[0] = eastPrefix + topic
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("topics of %s:\n%s", r.Name, diff)
			}
		}
	})
}

// TestPrefixLinkTheOtherWayIsCreatedWhileRunning has the topics of a link that is created later stay where it brings them, though the link that
// runs already would mirror them back: it was told of no other.
func TestPrefixLinkTheOtherWayIsCreatedWhileRunning(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		back := newPair(t, &testenv.Env{Kind: env.Kind, East: env.West, West: env.East}, ".*"+topic, "other-"+topic)
		back.decl.Prefix = "west."
		each.Topic(t, env.East, topic, 2)
		each.Topic(t, env.West, topic, 2)
		workload(t, back.east, topic, 31, 10)
		workload(t, back.west, topic, 32, 10)
		stop := back.running()
		back.await("west." + topic)

		there := newPair(t, env, topic)
		there.decl.Prefix = "later." // of no other test: it stays remembered
		must(t, linking.Create(t.Context(), there.west, there.decl, "somebody"))
		must(t, there.once())
		there.identical(topic)
		each.Topic(t, env.West, "other-"+topic, 1) // which the running link finds in a look behind the one that found later.TOPIC
		workload(t, back.east, "other-"+topic, 33, 10)
		back.await("west.other-" + topic)
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the run ended with %v", err)
		}
		all, err := back.west.Admin.ListTopics(t.Context())
		must(t, err)
		var names []string
		for _, name := range all.Names() {
			if strings.HasSuffix(name, topic) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		want := []string{"west." + topic, "west.other-" + topic, topic}
		slices.Sort(want)
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("topics of %s:\n%s", back.west.Name, diff)
		}
	})
}

func TestPrefixedNamesThatAreTakenOrTooLong(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		long := topic + strings.Repeat("x", plans.MaxTopicName-len(topic))
		p := newPrefixed(t, env, topic+".*")
		each.Topic(t, env.East, topic, 1)
		each.Topic(t, env.East, long, 1)
		each.Topic(t, env.East, topic+"-good", 1)
		each.Topic(t, env.West, eastPrefix+topic, 1)
		put(t, p.west, eastPrefix+topic, 0, 3)
		put(t, p.east, topic+"-good", 0, 5)
		got := mirrorErrors(t, p.once(), long, "long", topic, "taken")
		slices.Sort(got)
		if diff := cmp.Diff([]string{"east.long/-1 " + linking.CodeRefused + " [-1,-1)", "east.taken/-1 " + linking.CodeTopicExists + " [-1,-1)"}, got); diff != "" {
			t.Error(diff)
		}
		p.identical(topic + "-good")
	})
}

// TestPrefixCanNotBeChanged wants a link that mirrors refused under another prefix: its mirrors would have no sources.
func TestPrefixCanNotBeChanged(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPrefixed(t, env, topic)
	each.Topic(t, env.East, topic, 1)
	must(t, p.once())
	for _, prefix := range []string{"", "other."} {
		p.decl.Prefix = prefix
		if err := p.once(); err == nil || !strings.Contains(err.Error(), `is the mirror of "`+topic+`"`) {
			t.Errorf("with prefix %q the run ended with %v", prefix, err)
		}
	}
	p.decl.Prefix = eastPrefix
	must(t, p.once())
}

func TestPrefixedSourceIsCreatedAgain(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPrefixed(t, env, topic)
	each.Topic(t, env.East, topic, 1)
	put(t, p.east, topic, 0, 9)
	must(t, p.once())
	p.recreate(p.east, topic, 1)
	put(t, p.east, topic, 0, 4)
	if err := p.once(); err == nil || !strings.Contains(err.Error(), linking.CodeSourceRecreated) {
		t.Fatalf("the run ended with %v", err)
	}
	plan, err := p.link().PlanRepair(t.Context(), nil)
	must(t, err)
	if len(plan) != 1 || plan[0].Topic != eastPrefix+topic || plan[0].Kind != linking.RepairAnew || plan[0].Source != 4 {
		t.Fatalf("%+v", plan)
	}
	must(t, p.link().Repair(t.Context(), plan, linking.RepairOptions{Salvage: t.TempDir()}))
	if s := plan[0].Salvaged; len(s) != 1 || s[0].Topic != eastPrefix+topic || s[0].Records != 9 {
		t.Errorf("salvaged %+v", s)
	}
	must(t, p.once())
	p.identical(topic)
}

// TestPrefixedReverseThereAndBack writes in one region, reverses, and writes in the other: the prefix is taken away on the way back.
func TestPrefixedReverseThereAndBack(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPrefixed(t, env, topic)
		each.Topic(t, env.East, topic, 3)
		workload(t, p.east, topic, 1, 30)
		must(t, p.once())
		for round := range uint64(2) {
			back := p.back()
			reversed, err := p.reverse(t.Context())
			must(t, err)
			mirror, _ := p.decl.Names().Mirror(topic)
			if len(reversed) != 1 || reversed[0].Topic != mirror {
				t.Errorf("round %d: %+v", round, reversed)
			}
			if diff := cmp.Diff(map[string]string{mirror: linking.Stopped}, p.states()); diff != "" {
				t.Errorf("round %d: states of the link (-want +got):\n%s", round, diff)
			}
			if diff := cmp.Diff(map[string]string{topic: linking.Active}, back.states()); diff != "" {
				t.Errorf("round %d: states of the link back (-want +got):\n%s", round, diff)
			}
			if _, err := p.reverse(t.Context()); err != nil { // again
				t.Errorf("round %d: %v", round, err)
			}
			workload(t, p.west, mirror, 10+round, 20)
			must(t, back.once())
			back.committed(mirror) // what was aborted there while it was the source is still in the log
			p = back
			topic = mirror
		}
	})
}

// TestSubjectsFollowTheNamesOfTopics mirrors schemas beside a region's own topic and subject of the source's name, which stay as they are.
func TestSubjectsFollowTheNamesOfTopics(t *testing.T) {
	env := each.Embedded(t)
	p := newPrefixed(t, env, "orders")
	p.decl.Subjects.Include = []string{".*"}
	p.decl = p.decl.Knowing([]*plans.Link{{From: "west", To: "east", Prefix: "west."}})
	east, west := p.east.Registry, p.west.Registry
	own := register(t, west, "orders-value", sr.Schema{Schema: `"int"`})
	register(t, east, "west.orders-value", sr.Schema{Schema: `"int"`})
	order := sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"id","type":"Id"}]}`, References: []sr.SchemaReference{{Name: "Id", Subject: "orders-com.acme.Id", Version: 1}}}
	register(t, east, "orders-com.acme.Id", sr.Schema{Schema: `{"type":"record","name":"Id","fields":[{"name":"n","type":"long"}]}`})
	first := register(t, east, "orders-value", order)
	register(t, east, "com.acme.Other", sr.Schema{Schema: `"long"`})
	east.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatFull}, "orders-value")
	rep, err := p.link().Subjects().Sync(t.Context())
	must(t, err)
	if rep.Imported != 3 {
		t.Errorf("%+v", rep)
	}
	got, err := west.SchemaByVersion(t.Context(), "east.orders-value", 1)
	must(t, err)
	if got.ID != first.ID || len(got.References) != 1 || got.References[0].Subject != "east.orders-com.acme.Id" {
		t.Errorf("%+v", got)
	}
	names, err := west.Subjects(t.Context())
	must(t, err)
	slices.Sort(names)
	if diff := cmp.Diff([]string{"com.acme.Other", "east.orders-com.acme.Id", "east.orders-value", "orders-value"}, names); diff != "" {
		t.Errorf("subjects in west:\n%s", diff)
	}
	if c := west.Compatibility(t.Context(), "east.orders-value")[0]; c.Level != sr.CompatFull {
		t.Errorf("compatibility %v (%v)", c.Level, c.Err)
	}
	register(t, west, "orders-value", sr.Schema{Schema: `"long"`}) // it is not in IMPORT mode
	if still, err := west.SchemaByVersion(t.Context(), "orders-value", 1); err != nil || still.ID != own.ID {
		t.Errorf("the region's own subject: %+v, %v", still, err)
	}
	again, err := p.link().Subjects().Sync(t.Context())
	must(t, err)
	if again.Imported != 0 {
		t.Errorf("a second pass imported %d versions", again.Imported)
	}
	must(t, p.link().Subjects().Promote(t.Context(), []string{"east.orders-value"}))
}

// TestRecordsOfAPrefixedMirrorWaitForTheirSchema wants the schema that a record names in the destination before the record, under the mirror's
// subject.
func TestRecordsOfAPrefixedMirrorWaitForTheirSchema(t *testing.T) {
	topic := each.Name(t, "t")
	p := newPrefixed(t, each.Embedded(t), topic)
	p.decl.Subjects.Include = []string{topic + "-.*"}
	each.Topic(t, p.env.East, topic, 1)
	register(t, p.east.Registry, "elsewhere", sr.Schema{Schema: `"string"`}) // moves the ids on
	ss := register(t, p.east.Registry, topic+"-value", sr.Schema{Schema: `"long"`})
	write(t, p.east, framed(topic, ss.ID, "x"))
	must(t, p.once())
	p.identical(topic)
	got, err := p.west.Registry.SchemaByVersion(t.Context(), eastPrefix+topic+"-value", 1)
	must(t, err)
	if got.ID != ss.ID {
		t.Errorf("id %d, want %d", got.ID, ss.ID)
	}
}
