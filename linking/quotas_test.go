package linking

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// quotasFrom reads "user=app rate=5" words: an entity, then its values.
func quotasFrom(lists ...string) *quotas {
	q := &quotas{map[quotaID]float64{}, map[string][]kmsg.DescribeClientQuotasResponseEntryEntity{}}
	for _, text := range lists {
		var parts []kmsg.DescribeClientQuotasResponseEntryEntity
		values := map[string]float64{}
		for _, word := range strings.Fields(text) {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "user", "client-id", "ip":
				part := kmsg.DescribeClientQuotasResponseEntryEntity{Type: key}
				if value != "*" {
					part.Name = &value
				}
				parts = append(parts, part)
			default:
				values[key] = float64(len(value)) // as many strokes as it is large
			}
		}
		name := entityName(parts)
		q.entities[name] = parts
		for k, v := range values {
			q.values[quotaID{name, k}] = v
		}
	}
	return q
}

func TestMergeQuotas(t *testing.T) {
	for _, c := range []struct {
		name                 string
		source, base, dest   []string
		fence                *plans.Fence
		unsure               bool
		set, remove, outcome string
	}{
		{name: "copied", source: []string{"user=app rate=||"}, set: "rate of users/app"},
		{name: "copied for one client", source: []string{"client-id=c user=app rate=||"}, set: "rate of users/app/clients/c"},
		{name: "the same", source: []string{"user=app rate=||"}, dest: []string{"user=app rate=||"}},
		{name: "changed in the source", source: []string{"user=app rate=|||"}, base: []string{"user=app rate=||"}, dest: []string{"user=app rate=||"}, set: "rate of users/app"},
		{name: "removed in the source", base: []string{"user=app rate=||"}, dest: []string{"user=app rate=||"}, remove: "rate of users/app"},
		{name: "removed in the source and changed in the destination", base: []string{"user=app rate=||"}, dest: []string{"user=app rate=|"}, outcome: AccessOwn},
		{name: "changed in the destination", source: []string{"user=app rate=||"}, base: []string{"user=app rate=||"}, dest: []string{"user=app rate=|"}, outcome: AccessConflict},
		{name: "changed in both", source: []string{"user=app rate=|||"}, base: []string{"user=app rate=||"}, dest: []string{"user=app rate=|"}, outcome: AccessConflict},
		{name: "changed in both alike", source: []string{"user=app rate=|||"}, base: []string{"user=app rate=||"}, dest: []string{"user=app rate=|||"}},
		{name: "another value was there before", source: []string{"user=app rate=|||"}, dest: []string{"user=app rate=|"}, outcome: AccessConflict},
		{name: "removed in the destination", source: []string{"user=app rate=||"}, base: []string{"user=app rate=||"}, outcome: AccessConflict},
		{name: "not listed in the destination yet", source: []string{"user=app rate=||"}, base: []string{"user=app rate=||"}, unsure: true},
		{name: "another user", source: []string{"user=else rate=||"}, dest: []string{"user=other rate=|"}},
		{name: "the default user is selected as User:*", source: []string{"user=* rate=||"}, set: "rate of users/<default>"},
		{name: "a client alone", source: []string{"client-id=c rate=||"}, outcome: AccessNotCopied},
		{name: "an address", source: []string{"ip=10.0.0.1 connection_creation_rate=||"}, outcome: AccessNotCopied},
		{name: "a client alone, the same by hand", source: []string{"client-id=c rate=||"}, dest: []string{"client-id=c rate=||"}},
		{name: "the fence", source: []string{"user=app rate=|"}, fence: &plans.Fence{By: "quota", Principals: []string{"User:app"}}, outcome: AccessNotCopied},
		{name: "the destination's own", dest: []string{"user=app rate=|"}, outcome: AccessOwn},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &accessView{link: &plans.Link{Name: "l", From: "east", To: "west", ACLs: plans.ACLRule{Rule: plans.Rule{Include: []string{"User:app", `User:\*`}}}}, fence: c.fence, unsure: c.unsure}
			dest := quotasFrom(c.dest...)
			m := v.mergeQuotas(quotasFrom(c.source...), quotasFrom(c.base...).values, dest)
			var set, removed, states []string
			for id, value := range m.set {
				set = append(set, id.String())
				dest.values[id] = value
			}
			for _, id := range m.remove {
				removed = append(removed, id.String())
				delete(dest.values, id)
			}
			for _, n := range m.notes {
				states = append(states, n.State)
			}
			slices.Sort(set)
			got := []string{strings.Join(set, " "), strings.Join(removed, " "), strings.Join(states, " ")}
			if diff := cmp.Diff([]string{c.set, c.remove, c.outcome}, got); diff != "" {
				t.Errorf("set, removed, notes (-want +got):\n%s", diff)
			}
			if again := v.mergeQuotas(quotasFrom(c.source...), m.base, dest); len(again.set)+len(again.remove) > 0 {
				t.Errorf("another pass sets %v and removes %v", again.set, again.remove)
			}
		})
	}
}

func TestUsersWithoutCredentialsAreNamed(t *testing.T) {
	link := &plans.Link{From: "east", To: "west", ACLs: plans.ACLRule{Rule: plans.Rule{Include: []string{"User:.*"}, Exclude: []string{"User:admin"}}}}
	both := []string{"SCRAM-SHA-256", "SCRAM-SHA-512"}
	source := credentials{"admin": both, "app": both, "half": both, "same": both}
	dest := credentials{"half": both[:1], "same": both, "old": both}
	var got []string
	for _, n := range userNotes(link, source, dest) {
		got = append(got, n.Subject+" "+n.State)
	}
	want := []string{"User:app " + AccessMissing, "User:half " + AccessMissing, "User:old " + AccessOwn}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestResourcesOfPatterns(t *testing.T) {
	for _, c := range []struct{ name, patterns, want string }{
		{"a name", "orders", "orders"},
		{"names", "orders items", "orders items"},
		{"a prefix", "ref-.*", "ref-…"},
		{"a prefix holds a name", "ref-a ref-.* ref-b", "ref-…"},
		{"a shorter prefix holds a longer one", "ref-a.* ref-.*", "ref-…"},
		{"the same twice", "ref-.* ref-[0-9]+", "ref-…"},
		{"everything", ".* orders", "*"},
		{"a choice", "(orders|items)", "*"},
		{"a choice with a common beginning", "orders-(a|b)", "orders-…"},
		{"an escaped dot", `a\.b`, "a.b"},
		{"an anchor", "^orders", "orders"},
		{"any case", "(?i)orders", "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range resources(strings.Fields(c.patterns)) {
				name := r.name
				if r.pattern == kmsg.ACLResourcePatternTypePrefixed {
					name += "…"
				}
				got = append(got, name)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
