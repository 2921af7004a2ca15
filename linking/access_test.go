package linking_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// linkUsers are those of regions with an authorizer: an administrator, the users of links, one a test, and the application whose rights are copied.
var linkUsers = []testenv.User{{Name: "admin", Password: "admin", Super: true}, {Name: "link", Password: "link"}, {Name: "app", Password: "app"},
	{Name: "shares", Password: "shares"}, {Name: "translates", Password: "translates"}, {Name: "slow", Password: "slow"}, {Name: "reader", Password: "reader"}, {Name: "wire", Password: "wire"}, {Name: "shut-out", Password: "shut-out"}}

// openAs connects as a user whose password is its name.
func openAs(t *testing.T, r *testenv.Region, user string) *linking.Region {
	t.Helper()
	decl := &plans.Region{Kafka: plans.Kafka{Bootstrap: r.Bootstrap, SASL: &plans.SASL{Mechanism: "SCRAM-SHA-512",
		Username: plans.NewSecretRef("${env:U}"), Password: plans.NewSecretRef("${env:U}")}}}
	region, err := linking.Open(t.Context(), r.Name, decl, linking.Options{Getenv: func(string) (string, bool) { return user, true }})
	must(t, err)
	t.Cleanup(region.Close)
	return region
}

func grant(t *testing.T, r *linking.Region, b *kadm.ACLBuilder) {
	t.Helper()
	created, err := r.Admin.CreateACLs(t.Context(), b)
	must(t, err)
	for _, c := range created {
		must(t, c.Err)
	}
}

func revoke(t *testing.T, r *linking.Region, b *kadm.ACLBuilder) {
	t.Helper()
	deleted, err := r.Admin.DeleteACLs(t.Context(), b)
	must(t, err)
	for _, d := range deleted {
		must(t, d.Err)
	}
}

// allowed lists what a principal is allowed on a topic, as OPERATION words in order.
func allowed(t *testing.T, r *linking.Region, principal, topic string) string {
	t.Helper()
	res, err := r.Admin.DescribeACLs(t.Context(), kadm.NewACLs().Topics(topic).Allow(principal).AllowHosts().ResourcePatternType(kadm.ACLPatternLiteral).Operations())
	must(t, err)
	var ops []string
	for _, f := range res {
		must(t, f.Err)
		for _, d := range f.Described {
			ops = append(ops, d.Operation.String())
		}
	}
	slices.Sort(ops)
	return strings.Join(ops, " ")
}

// comesTo asks until the answer is as wanted: a broker lists a grant a moment after it is answered.
func comesTo(t *testing.T, what, want string, ask func() string) {
	t.Helper()
	got := ask()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); got != want && time.Now().Before(deadline); got = ask() {
		<-tick.C
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestRightsFollowAndWritingWaitsForPromotion wants an application's rights in the other region: reading at once, what is revoked gone, and
// writing only when the mirror is promoted.
func TestRightsFollowAndWritingWaitsForPromotion(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", eastPrefix} {
		t.Run("prefix="+prefix, func(t *testing.T) {
			each.Run(t, func(t *testing.T, env *testenv.Env) { rightsFollow(t, env, prefix) }, each.Sharing(testenv.Options{Users: linkUsers}))
		})
	}
}

func rightsFollow(t *testing.T, env *testenv.Env, prefix string) {
	topic := each.Name(t, "t")
	mirror := prefix + topic
	east, west := openAs(t, env.East, "admin"), openAs(t, env.West, "admin")
	decl := &plans.Link{Name: each.Name(t, "link"), From: "east", To: "west", Prefix: prefix, Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{topic}}},
		ACLs: plans.ACLRule{Rule: plans.Rule{Include: []string{"User:reader", "User:late-reader"}}, Writes: "staged"}}
	p := &pair{t: t, env: env, east: east, west: west, decl: decl}
	each.Topic(t, env.East, topic, 1)
	put(t, east, topic, 0, 3)
	on := func(ops ...kadm.ACLOperation) *kadm.ACLBuilder {
		return kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(ops...).Allow("User:reader").AllowHosts("*")
	}
	grant(t, east, on(kadm.OpRead, kadm.OpWrite, kadm.OpDescribeConfigs))
	setQuota(t, east, "reader", "consumer_byte_rate", 2048)
	defer func() { // regions are shared by tests
		for _, r := range []*linking.Region{east, west} {
			setQuota(t, r, "reader", "consumer_byte_rate", 0)
		}
	}()
	// Whoever comes from the east with a password has none in the west.
	scram, err := east.Admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: "late-reader", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "x"}})
	must(t, err)
	must(t, scram.Error())
	comesTo(t, "in the east", "DESCRIBE_CONFIGS READ WRITE", func() string { return allowed(t, east, "User:reader", topic) })
	must(t, p.once())
	comesTo(t, "while it is a mirror", "DESCRIBE_CONFIGS READ", func() string { return allowed(t, west, "User:reader", mirror) })

	comesTo(t, "the quota", "consumer_byte_rate=2048", func() string { return quotasOf(t, west, "reader") })

	revoke(t, east, on(kadm.OpDescribeConfigs))
	setQuota(t, east, "reader", "consumer_byte_rate", 4096)
	comesTo(t, "in the east", "READ WRITE", func() string { return allowed(t, east, "User:reader", topic) })
	must(t, p.once())
	comesTo(t, "what is revoked", "READ", func() string { return allowed(t, west, "User:reader", mirror) })

	comesTo(t, "the quota changed", "consumer_byte_rate=4096", func() string { return quotasOf(t, west, "reader") })

	access, err := p.link().Access(t.Context())
	must(t, err)
	var missing []string
	for _, n := range access.Notes {
		if n.State == linking.AccessMissing {
			missing = append(missing, n.Subject)
		}
	}
	if diff := cmp.Diff([]string{"User:late-reader"}, missing); diff != "" {
		t.Errorf("users without a password (-want +got):\n%s", diff)
	}
	if len(access.Staged) != 1 || access.Staged[0].Name != mirror || access.Created+access.Removed != 0 {
		t.Errorf("before promotion: %+v", access)
	}
	// The source is gone: what waits was remembered.
	gone := linking.New(decl, nil, west, linking.Options{})
	_, err = gone.Promote(t.Context(), linking.PromoteOptions{Force: true})
	must(t, err)
	comesTo(t, "after promotion", "READ WRITE", func() string { return allowed(t, west, "User:reader", mirror) })
	access, err = gone.Access(t.Context())
	must(t, err)
	if len(access.Staged) != 0 || access.Created+access.Removed != 0 {
		t.Errorf("after promotion: %+v", access)
	}
}
