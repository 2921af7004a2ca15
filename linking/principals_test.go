package linking_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestPrincipals(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		east := openAs(t, env.East, "admin")
		topic, who := each.Name(t, "t"), "User:"+each.Name(t, "who")
		grant(t, east, kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead, kadm.OpWrite).Allow(who).AllowHosts("*"))
		comesTo(t, "who has grants, once each", "1 of "+who, func() string {
			names, err := east.Principals(t.Context())
			must(t, err)
			if n := len(slices.DeleteFunc(names, func(s string) bool { return s != who })); n == 1 {
				return "1 of " + who
			}
			return "not listed once"
		})
	}, each.Sharing(testenv.Options{Users: linkUsers}))
}

func TestPrincipalsWithoutAuthorizer(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		r, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}}, linking.Options{})
		must(t, err)
		t.Cleanup(r.Close)
		names, err := r.Principals(t.Context())
		must(t, err)
		if diff := cmp.Diff(0, len(names)); diff != "" {
			t.Errorf("there are %v: %s", names, diff)
		}
	})
}
