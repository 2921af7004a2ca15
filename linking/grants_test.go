package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestGrantCommands(t *testing.T) {
	decl := &plans.Link{Name: "east-west", From: "east", To: "west-2", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{"orders", "ref-.*", "ref-airlines"}}},
		Groups: plans.Rule{Include: []string{".*"}}, Gaps: "fenced"}
	list := linking.Grants(decl, "User:lifeboat", "User:CN=life boat")
	want := `kafka-acls --bootstrap-server "$EAST_BOOTSTRAP" --command-config admin.properties --add --allow-principal User:lifeboat --operation Read --operation DescribeConfigs --topic orders
kafka-acls --bootstrap-server "$EAST_BOOTSTRAP" --command-config admin.properties --add --allow-principal User:lifeboat --operation Read --operation DescribeConfigs --topic ref- --resource-pattern-type prefixed
kafka-acls --bootstrap-server "$EAST_BOOTSTRAP" --command-config admin.properties --add --allow-principal User:lifeboat --operation Describe --group '*'`
	if diff := cmp.Diff(want, strings.Join(linking.GrantCommands("east", list), "\n")); diff != "" {
		t.Errorf("east (-want +got):\n%s", diff)
	}
	west := linking.GrantCommands("west-2", list)
	if len(west) == 0 || !strings.Contains(west[0], `"$WEST_2_BOOTSTRAP"`) || !strings.Contains(west[0], `--allow-principal 'User:CN=life boat'`) {
		t.Errorf("west: %q", west)
	}
	for _, c := range west {
		if strings.Contains(c, "--cluster") && strings.Contains(c, "Alter") {
			t.Errorf("gaps: fenced and no ACLs to copy, and yet: %s", c)
		}
	}
}

// TestLinkRunsWithJustItsGrants wants a link on brokers with StandardAuthorizer to mirror data with gaps, groups, ACLs and quotas, to follow
// growth and a rising log start, and to promote, with the rights that Grants lists and no others.
func TestLinkRunsWithJustItsGrants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ gaps, prefix string }{{}, {"fenced", eastPrefix}} {
		t.Run("gaps="+c.gaps, func(t *testing.T) {
			env := each.Kafka(t, each.Sharing(testenv.Options{Users: linkUsers}))
			prefix := each.Name(t, "g")
			topic, mirror, group := prefix+"-orders", c.prefix+prefix+"-orders", prefix+"-readers"
			decl := &plans.Link{Name: each.Name(t, "link"), From: "east", To: "west", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{prefix + "-.*"}}},
				Groups: plans.Rule{Include: []string{prefix + "-.*"}}, Gaps: c.gaps, Prefix: c.prefix, ACLs: plans.ACLRule{Rule: plans.Rule{Include: []string{"User:app"}}}}
			p, admins := withJustItsGrants(t, env, decl, "link")
			east, west := admins["east"], admins["west"]
			each.Topic(t, env.East, topic, 2)
			w := newWriter(t, east, topic, 11)
			for range 60 {
				must(t, w.step(t.Context()))
			}
			commitAs(t, east, group, "", topic, 2)
			give(t, east, linking.ACL{Principal: "User:app", Host: "*", Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral,
				Operation: kmsg.ACLOperationWrite, Permission: kmsg.ACLPermissionTypeAllow})
			setQuota(t, east, "app", "producer_byte_rate", 1<<20)

			p.tried("before it has run", 5)
			must(t, p.once())
			p.tried("after it has run", 10)
			if diff := cmp.Diff(consume(t, east, topic), consume(t, west, mirror)); diff != "" {
				t.Errorf("(-east +west):\n%s", diff)
			}
			at, err := west.Admin.FetchOffsets(t.Context(), group)
			must(t, err)
			if o, ok := at.Lookup(mirror, 0); !ok || o.At != 2 {
				t.Errorf("the group stands at %+v, want 2", o)
			}
			comesTo(t, "the quota", "producer_byte_rate=1048576", func() string { return quotasOf(t, west, "app") })

			// It grows, and its log start rises.
			grown, err := east.Admin.UpdatePartitions(t.Context(), 3, topic)
			must(t, err)
			must(t, grown.Error())
			_, err = east.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {Topic: topic, At: 2}}})
			must(t, err)
			stop := p.running()
			comesTo(t, "the mirror's partitions and log start", "3 partitions from 2", func() string {
				starts, err := west.Admin.ListStartOffsets(t.Context(), mirror)
				must(t, err)
				o, _ := starts.Lookup(mirror, 0)
				return fmt.Sprintf("%d partitions from %d", len(starts[mirror]), o.Offset)
			})
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("the run ended with %v", err)
			}
			// A repair, which deletes the topic and makes it again.
			put(t, west, mirror, 1, 2)
			mirrorErrors(t, p.once())
			_, err = p.repair(t.Context())
			must(t, err)
			must(t, p.once())
			// A right that is taken away is named.
			_, err = west.Admin.DeleteACLs(t.Context(), kadm.NewACLs().Topics(c.prefix+prefix+"-").ResourcePatternType(kadm.ACLPatternPrefixed).Allow("User:link").AllowHosts("*").Operations(kadm.OpDelete))
			must(t, err)
			comesTo(t, "the missing right", "west: DELETE", func() string {
				trial, err := p.link().TryGrants(t.Context())
				must(t, err)
				var words []string
				for _, g := range trial.Missing {
					words = append(words, g.Region+": "+g.ACL.Operation.String())
				}
				return strings.Join(words, ", ")
			})
			give(t, west, linking.ACL{Principal: "User:link", Host: "*", Resource: kmsg.ACLResourceTypeTopic, Name: c.prefix + prefix + "-", Pattern: kmsg.ACLResourcePatternTypePrefixed,
				Operation: kmsg.ACLOperationDelete, Permission: kmsg.ACLPermissionTypeAllow})
			comesTo(t, "the missing right", "", func() string {
				trial, err := p.link().TryGrants(t.Context())
				must(t, err)
				return fmt.Sprint(trial.Missing)[1 : len(fmt.Sprint(trial.Missing))-1]
			})
			for _, r := range admins { // the pair is shared
				setQuota(t, r, "app", "producer_byte_rate", 0)
			}
			_, err = p.link().Promote(t.Context(), linking.PromoteOptions{})
			must(t, err)
			comesTo(t, "the application's rights after promotion", "WRITE", func() string { return allowed(t, west, "User:app", mirror) })
			// The other way, with what the link back needs besides.
			back := p.back()
			for region, admin := range admins {
				for _, g := range linking.Grants(back.decl, "User:link", "User:link") {
					if g.Region == region {
						give(t, admin, g.ACL)
					}
				}
			}
			comesTo(t, "the right to begin the link back", "done", func() string {
				if _, err := p.reverse(t.Context()); err != nil {
					return err.Error()
				}
				return "done"
			})
			put(t, west, mirror, 2, 5)
			must(t, back.once())
			if diff := cmp.Diff(consume(t, west, mirror), consume(t, east, topic)); diff != "" {
				t.Errorf("after the reversal (-west +east):\n%s", diff)
			}
		})
	}
}

// withJustItsGrants is a link of a user who has the rights that Grants lists and no others, and what administrators see of both regions.
func withJustItsGrants(t *testing.T, env *testenv.Env, decl *plans.Link, user string) (*pair, map[string]*linking.Region) {
	t.Helper()
	admins := map[string]*linking.Region{"east": openAs(t, env.East, "admin"), "west": openAs(t, env.West, "admin")}
	principal := "User:" + user
	for region, admin := range admins {
		n := 0
		for _, g := range linking.Grants(decl, principal, principal) {
			if g.Region == region {
				give(t, admin, g.ACL)
				n++
			}
		}
		t.Cleanup(func() { revokeAll(t, admin, principal, "User:app") })
		comesTo(t, "rights in "+region, fmt.Sprint(n), func() string { return fmt.Sprint(len(grantsOf(t, admin, principal))) })
	}
	return &pair{t: t, env: env, east: openAs(t, env.East, user), west: openAs(t, env.West, user), decl: decl}, admins
}

// ofUser declares a link of topics that begin with prefix.
func ofUser(t *testing.T, prefix string) *plans.Link {
	return &plans.Link{Name: each.Name(t, "link"), From: "east", To: "west", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{prefix + "-.*"}}},
		Groups: plans.Rule{Include: []string{prefix + "-.*"}}}
}

// TestSharedLinkRunsWithJustItsGrants has two processes share a link's tasks with the rights that Grants lists for that, and promotes it.
func TestSharedLinkRunsWithJustItsGrants(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(testenv.Options{Users: linkUsers}))
	prefix := each.Name(t, "g")
	topic, group := prefix+"-orders", prefix+"-readers"
	decl := ofUser(t, prefix)
	decl.Tasks = 2
	p, admins := withJustItsGrants(t, env, decl, "shares")
	as := &pair{t: t, env: env, east: admins["east"], west: admins["west"], decl: decl}
	each.Topic(t, env.East, topic, 5)
	workload(t, as.east, topic, 3, 30)
	commitAs(t, as.east, group, "", topic, 2)
	stop := p.sharing(2)
	p.eventually("the mirror is there", func() bool { return p.end(as.west, topic, 0) > 0 })
	workload(t, as.east, topic, 4, 10)
	p.await(topic)
	p.tried("while two processes share it", 10)
	for i, err := range stop() {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("process %d ended with %v", i, err)
		}
	}
	must(t, p.once())
	as.identical(topic)
	comesTo(t, "the group", "0@2 \n", func() string { return stands(t, as.west, group, topic) })
	_, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
	must(t, err)
}

// TestTranslatedLinkRunsWithJustItsGrants mirrors behind what others have written, with the rights that Grants lists for that.
func TestTranslatedLinkRunsWithJustItsGrants(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(testenv.Options{Users: linkUsers}))
	prefix := each.Name(t, "g")
	topic, group := prefix+"-orders", prefix+"-readers"
	decl := ofUser(t, prefix)
	decl.Offsets = plans.OffsetsTranslated
	p, admins := withJustItsGrants(t, env, decl, "translates")
	as := &pair{t: t, env: env, east: admins["east"], west: admins["west"], decl: decl}
	each.Topic(t, env.East, topic, 3)
	before := as.occupied(topic, 3, 7)
	workload(t, as.east, topic, 3, 30)
	commitAs(t, as.east, group, "", topic, 2)
	must(t, p.once())
	p.tried("after it has run", 10)
	as.translated(topic, before)
	stop := p.running()
	workload(t, as.east, topic, 4, 10)
	p.await(topic)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	as.translated(topic, before)
	if at := stands(t, as.west, group, topic); at == "" {
		t.Error("the group has no position")
	}
	_, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
	must(t, err)
}

// tried wants the brokers to say of some grants at least that none is missing.
func (p *pair) tried(when string, least int) {
	p.t.Helper()
	trial, err := p.link().TryGrants(p.t.Context())
	must(p.t, err)
	if len(trial.Missing) > 0 || trial.Tried < least {
		p.t.Errorf("%s: %d grants tried, missing: %v", when, trial.Tried, trial.Missing)
	}
}

func give(t *testing.T, r *linking.Region, a linking.ACL) {
	t.Helper()
	req := kmsg.NewPtrCreateACLsRequest()
	c := kmsg.NewCreateACLsRequestCreation()
	c.Principal, c.Host, c.ResourceType, c.ResourceName, c.ResourcePatternType = a.Principal, a.Host, a.Resource, a.Name, a.Pattern
	c.Operation, c.PermissionType = a.Operation, a.Permission
	req.Creations = append(req.Creations, c)
	resp, err := req.RequestWith(t.Context(), r.Client)
	must(t, err)
	if code := resp.Results[0].ErrorCode; code != 0 {
		t.Fatalf("creating %v: error code %d", a, code)
	}
}

func grantsOf(t *testing.T, r *linking.Region, principal string) kadm.DescribedACLs {
	t.Helper()
	res, err := r.Admin.DescribeACLs(t.Context(), kadm.NewACLs().AnyResource().Allow(principal).AllowHosts().ResourcePatternType(kadm.ACLPatternAny).Operations())
	must(t, err)
	var all kadm.DescribedACLs
	for _, f := range res {
		must(t, f.Err)
		all = append(all, f.Described...)
	}
	return all
}

// revokeAll takes principals' rights away again: regions are shared by tests.
func revokeAll(t *testing.T, r *linking.Region, principals ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := r.Admin.DeleteACLs(ctx, kadm.NewACLs().AnyResource().Allow(principals...).AllowHosts().ResourcePatternType(kadm.ACLPatternAny).Operations()); err != nil {
		t.Error(err)
	}
}

// setQuota sets a user's quota, or removes it: 0.
func setQuota(t *testing.T, r *linking.Region, user, key string, value float64) {
	t.Helper()
	altered, err := r.Admin.AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "user", Name: &user}}, Ops: []kadm.AlterClientQuotaOp{{Key: key, Value: value, Remove: value == 0}}}})
	must(t, err)
	for _, a := range altered {
		must(t, a.Err)
	}
}

// quotasOf lists a user's quotas as key=value.
func quotasOf(t *testing.T, r *linking.Region, user string) string {
	t.Helper()
	list, err := r.Admin.DescribeClientQuotas(t.Context(), true, []kadm.DescribeClientQuotaComponent{{Type: "user", MatchName: &user}})
	must(t, err)
	var words []string
	for _, q := range list {
		for _, v := range q.Values {
			words = append(words, fmt.Sprintf("%s=%.0f", v.Key, v.Value))
		}
	}
	return strings.Join(words, " ")
}
