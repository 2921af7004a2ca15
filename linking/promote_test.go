package linking_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// configs are the values that are set on a topic, not its defaults.
func configs(t *testing.T, r *linking.Region, topic string) map[string]string {
	t.Helper()
	described, err := r.Admin.DescribeTopicConfigs(t.Context(), topic)
	must(t, err)
	set := map[string]string{}
	for _, c := range described[0].Configs {
		if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
			set[c.Key] = c.MaybeValue()
		}
	}
	return set
}

func TestPromotionPutsTheSourcesConfigsInForce(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.decl.Topics.Configs = map[string]string{"retention.ms": "1209600000"}
		each.Topic(t, env.East, topic, 2, "cleanup.policy=compact", "retention.ms=86400000", "segment.ms=3600000", "compression.type=zstd")
		put(t, p.east, topic, 0, 10)
		must(t, p.once())
		mirror := configs(t, p.west, topic)
		for k, v := range map[string]string{"cleanup.policy": "delete", "compression.type": "producer", "retention.ms": "1209600000", "segment.ms": "3600000",
			"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": "9223372036854775807"} {
			if mirror[k] != v {
				t.Errorf("while it is a mirror, %s is %q, want %q", k, mirror[k], v)
			}
		}
		first, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
		must(t, err)
		if first[0].State != linking.Stopped || first[0].Ends[0] != 10 || first[0].Ends[1] != 0 {
			t.Errorf("promoted: %+v", first)
		}
		after := configs(t, p.west, topic)
		for k, v := range map[string]string{"cleanup.policy": "compact", "retention.ms": "1209600000", "segment.ms": "3600000", "compression.type": "zstd"} {
			if after[k] != v {
				t.Errorf("after promotion, %s is %q, want %q", k, after[k], v)
			}
		}
		for _, k := range []string{"message.timestamp.after.max.ms", "message.timestamp.before.max.ms", "message.timestamp.type"} {
			if v, set := after[k]; set {
				t.Errorf("after promotion, %s is still set, to %q", k, v)
			}
		}
		end := p.end(p.west, topic, 0)
		again, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
		must(t, err)
		for i := range first {
			first[i].Found = true
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("promoting again differs (-first +again):\n%s", diff)
		}
		if now := p.end(p.west, topic, 0); now != end {
			t.Errorf("promoting again moved the log end from @%d to @%d", end, now)
		}
		put(t, p.east, topic, 0, 5) // the old primary lives on
		must(t, p.once())
		if now := p.end(p.west, topic, 0); now != end {
			t.Errorf("a promoted topic was mirrored again: its end moved from @%d to @%d", end, now)
		}
	})
}

// TestPromotionGoesOnAfterEveryCrash ends a promotion at every request that it makes, and promotes again.
func TestPromotionGoesOnAfterEveryCrash(t *testing.T) {
	t.Parallel()
	everyCrash(t, 12, func(t *testing.T, n int64) bool {
		env := each.Embedded(t)
		topic := "t"
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		put(t, p.east, topic, 0, 7)
		put(t, p.east, topic, 1, 3)
		must(t, p.once())
		ctx, crash := context.WithCancel(t.Context())
		left := n
		env.West.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
			env.West.Fake.KeepControl()
			switch kmsg.Key(req.Key()) {
			case kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.Produce, kmsg.IncrementalAlterConfigs:
				if left--; left == 0 {
					crash()
				}
			}
			return nil, nil, false
		})
		_, err := p.link().Promote(ctx, linking.PromoteOptions{Force: true})
		crash()
		if left > 0 {
			must(t, err)
			return false
		}
		promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Force: true})
		must(t, err)
		if diff := cmp.Diff(map[int32]plans.Offset{0: 7, 1: 3}, promoted[0].Ends); diff != "" {
			t.Errorf("crash at request %d: mirrored data ends elsewhere (-want +got):\n%s", n, diff)
		}
		if recs := consume(t, p.west, topic).Records; len(recs[0]) != 7 || len(recs[1]) != 3 {
			t.Errorf("crash at request %d: %d and %d records, want 7 and 3", n, len(recs[0]), len(recs[1]))
		}
		put(t, p.west, topic, 0, 1)
		return true
	})
}

func TestPromoteWithoutASource(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 4)
		must(t, p.once())
		l := linking.New(p.decl, nil, p.west, linking.Options{})
		if _, err := l.Promote(t.Context(), linking.PromoteOptions{}); err == nil || !strings.Contains(err.Error(), "not reachable") {
			t.Errorf("promoting with lag zero first, without a source: %v", err)
		}
		mirrors, err := l.Status(t.Context())
		must(t, err)
		if len(mirrors) != 1 || mirrors[0].State != linking.SourceUnavailable || mirrors[0].Source != 4 || mirrors[0].Lag != 0 {
			t.Errorf("status without a source: %+v", mirrors)
		}
		promoted, err := l.Promote(t.Context(), linking.PromoteOptions{Force: true, Topics: []string{topic}})
		must(t, err)
		if len(promoted) != 1 || promoted[0].Ends[0] != 4 {
			t.Errorf("promoted: %+v", promoted)
		}
		_, err = l.Promote(t.Context(), linking.PromoteOptions{Force: true, Topics: []string{"no-such-mirror"}})
		if err == nil || !strings.Contains(err.Error(), "not a mirror") {
			t.Errorf("promoting what is no mirror: %v", err)
		}
	})
}

func TestPromotedTopicTakesTransactions(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		workload(t, p.east, topic, 11, 20)
		must(t, p.once())
		_, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
		must(t, err)
		before := len(consume(t, p.west, topic).Records[0])
		cl, err := kgo.NewClient(append(p.west.Client.Opts(), kgo.TransactionalID(each.Name(t, "txn")), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		must(t, err)
		defer cl.Close()
		must(t, cl.BeginTransaction())
		must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("canary")}).FirstErr())
		must(t, cl.EndTransaction(t.Context(), kgo.TryCommit))
		p.eventually("the canary is read back", func() bool { return len(consume(t, p.west, topic).Records[0]) == before+1 })
	})
}

func TestGroupPositionsAreCopied(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		ahead, idle, active, back := each.Name(t, "ops-ahead"), each.Name(t, "ops-idle"), each.Name(t, "ops-active"), each.Name(t, "ops-back")
		p.decl.Groups = plans.Rule{Include: []string{"ops-.*"}}
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 10)
		must(t, p.once())
		commit := func(r *linking.Region, group string, at int64) {
			t.Helper()
			offsets := kadm.Offsets{}
			offsets.AddOffset(topic, 0, at, -1)
			p.eventually("group "+group+" commits", func() bool { return r.Admin.CommitAllOffsets(t.Context(), group, offsets) == nil })
		}
		put(t, p.east, topic, 0, 6) // not mirrored
		commit(p.east, ahead, 14)
		commit(p.east, idle, 5)
		commit(p.east, active, 8)
		commit(p.east, back, 3)
		commit(p.west, back, 6)
		member, err := kgo.NewClient(append(p.west.Client.Opts(), kgo.ConsumerGroup(active), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())...)
		must(t, err)
		defer member.Close()
		must(t, member.PollFetches(t.Context()).Err())

		synced, err := p.link().SyncGroups(t.Context())
		must(t, err)
		type line struct{ Source, Written, Clamped int64 }
		got, skipped := map[string]line{}, map[string]string{}
		for _, g := range synced {
			got[g.Group], skipped[g.Group] = line{int64(g.Source), int64(g.Written), g.Clamped}, g.Skipped
		}
		want := map[string]line{ahead: {14, 10, 4}, idle: {5, 5, 0}, active: {8, -1, 0}, back: {3, 6, 0}}
		for name, w := range want {
			if got[name] != w {
				t.Errorf("%s: %+v, want %+v (%s)", name, got[name], w, skipped[name])
			}
		}
		if !strings.Contains(skipped[active], "active") || !strings.Contains(skipped[back], "ahead") || skipped[idle] != "" || skipped[ahead] != "" {
			t.Errorf("reasons: %v", skipped)
		}
		inWest, err := p.west.Admin.FetchOffsets(t.Context(), ahead)
		must(t, err)
		if o, _ := inWest.Lookup(topic, 0); o.At != 10 || o.LeaderEpoch != -1 {
			t.Errorf("in the west %s stands at %+v, want offset 10 and no leader epoch", ahead, o)
		}
		must(t, p.once()) // the rest arrives, and the group's position with it
		last, err := linking.New(p.decl, nil, p.west, linking.Options{}).LastGroups(t.Context())
		must(t, err)
		for _, g := range last {
			if g.Group == ahead && (g.Source != 14 || g.Written != 14 || g.Clamped != 0) {
				t.Errorf("without the source: %+v, want 14 in both regions", g)
			}
		}
	})
}

func TestLinkWithoutRightsSaysSo(t *testing.T) {
	t.Parallel()
	users := []testenv.User{{Name: "admin", Password: "admin", Super: true}, {Name: "link", Password: "link"}}
	env := each.Kafka(t, each.With(testenv.Options{Users: users}))
	topic, other := each.Name(t, "t"), each.Name(t, "other")
	login := func(name string) *linking.Region {
		decl := func(r *testenv.Region) *plans.Region {
			return &plans.Region{Kafka: plans.Kafka{Bootstrap: r.Bootstrap, SASL: &plans.SASL{Mechanism: "SCRAM-SHA-512",
				Username: plans.NewSecretRef("${env:U}"), Password: plans.NewSecretRef("${env:U}")}}}
		}
		r, err := linking.Open(t.Context(), env.West.Name, decl(env.West), linking.Options{Getenv: func(string) (string, bool) { return name, true }})
		must(t, err)
		t.Cleanup(r.Close)
		return r
	}
	admin := login("admin")
	eastDecl := &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap, SASL: &plans.SASL{Mechanism: "PLAIN",
		Username: plans.NewSecretRef("${env:U}"), Password: plans.NewSecretRef("${env:U}")}}}
	east, err := linking.Open(t.Context(), "east", eastDecl, linking.Options{Getenv: func(string) (string, bool) { return "admin", true }})
	must(t, err)
	defer east.Close()
	for _, name := range []string{topic, other} {
		each.Topic(t, env.East, name, 2)
	}
	decl := &plans.Link{Name: each.Name(t, "link"), From: "east", To: "west", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{topic, other}}}}
	w := newWriter(t, east, topic, 5)
	for range 40 {
		must(t, w.step(t.Context()))
	}
	put(t, east, other, 0, 3)

	allow := func(ops []kadm.ACLOperation, on func(*kadm.ACLBuilder) *kadm.ACLBuilder) {
		t.Helper()
		b := on(kadm.NewACLs()).ResourcePatternType(kadm.ACLPatternLiteral).Operations(ops...).Allow("User:link").AllowHosts("*")
		created, err := admin.Admin.CreateACLs(t.Context(), b)
		must(t, err)
		for _, c := range created {
			must(t, c.Err)
		}
	}
	all := []kadm.ACLOperation{kadm.OpAll}
	allow(all, func(b *kadm.ACLBuilder) *kadm.ACLBuilder { return b.Topics(topic, linking.LinksTopic("west")) })
	for _, role := range []string{"links", "gaps", "data"} {
		allow(all, func(b *kadm.ACLBuilder) *kadm.ACLBuilder {
			return b.TransactionalIDs("lifeboat." + decl.Name + "." + role)
		})
	}
	allow([]kadm.ACLOperation{kadm.OpRead, kadm.OpDescribe, kadm.OpCreate}, func(b *kadm.ACLBuilder) *kadm.ACLBuilder { return b.Topics(other) })
	west := login("link")
	err = linking.New(decl, east, west, linking.Options{}).Run(t.Context(), linking.RunOptions{Once: true})
	list := mirrorErrors(t, err, topic, "t", other, "other")
	if len(list) == 0 || !strings.HasPrefix(list[0], "other/") || !strings.Contains(list[0], linking.CodeAuthorization) {
		t.Errorf("failed mirrors: %v (%v), want the topic that the link may not write to", list, err)
	}
	if diff := cmp.Diff(consume(t, east, topic), consume(t, admin, topic)); diff != "" {
		t.Errorf("without rights on the cluster the mirror differs (-east +west):\n%s", diff)
	}
	if errors.Is(err, kerr.ClusterAuthorizationFailed) {
		t.Errorf("bulk markers are refused, empty transactions are not: %v", err)
	}
}

func TestOneFailedMirrorDoesNotStandAgainstPromotingAnother(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		bad, good := each.Name(t, "bad"), each.Name(t, "good")
		p := newPair(t, env, bad, good)
		for _, topic := range []string{bad, good} {
			each.Topic(t, env.East, topic, 1)
			put(t, p.east, topic, 0, 3)
		}
		must(t, p.once())
		put(t, p.west, bad, 0, 1)
		if _, err := p.link().Promote(t.Context(), linking.PromoteOptions{}); len(mirrorErrors(t, err)) != 1 {
			t.Errorf("promoting everything: %v, want the failed mirror", err)
		}
		promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{good}})
		must(t, err)
		if len(promoted) != 1 || promoted[0].Topic != good || promoted[0].Ends[0] != 3 {
			t.Errorf("promoted: %+v", promoted)
		}
		promoted, err = p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{bad}, Force: true})
		must(t, err)
		if promoted[0].State != linking.Stopped {
			t.Errorf("promoted by force: %+v", promoted)
		}
	})
}

// TestPromotionWaitsForItsOwnTopics, whatever the others are behind.
func TestPromotionWaitsForItsOwnTopics(t *testing.T) {
	env := each.Embedded(t)
	small, large := each.Name(t, "small"), each.Name(t, "large")
	p := newPair(t, env, small, large)
	each.Topic(t, env.East, small, 1)
	each.Topic(t, env.East, large, 1)
	put(t, p.east, small, 0, 3)
	for range 64 {
		must(t, p.east.Client.ProduceSync(t.Context(), &kgo.Record{Topic: large, Value: make([]byte, 64<<10)}).FirstErr())
	}
	slow := linking.RunOptions{Once: true, Topics: []string{small}, Bandwidth: 64 << 10}
	must(t, p.link().Run(t.Context(), slow))
	mirrors, err := p.link().Status(t.Context())
	must(t, err)
	for _, m := range mirrors {
		if m.Topic == small && m.Lag != 0 || m.Topic == large && m.Lag == 0 {
			t.Errorf("%s is %d records behind when the run for %s ends", m.Topic, m.Lag, small)
		}
	}
	promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{small}})
	must(t, err)
	if len(promoted) != 1 || promoted[0].Ends[0] != 3 {
		t.Errorf("promoted %+v, want %s where its 3 records end", promoted, small)
	}
	must(t, p.once()) // the other one goes on
	p.identical(large)
}
