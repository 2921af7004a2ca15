package linking

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// entry reads "User:app ALLOW WRITE topic orders", with a name that ends in … for PREFIXED and DENY for a denial.
func entry(t *testing.T, text string) ACL {
	t.Helper()
	words := strings.Fields(text)
	if len(words) != 5 {
		t.Fatalf("%q is no entry", text)
	}
	a := ACL{Principal: words[0], Host: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral}
	var err error
	parse := func(e error) {
		if err == nil {
			err = e
		}
	}
	var e error
	a.Permission, e = kmsg.ParseACLPermissionType(words[1])
	parse(e)
	a.Operation, e = kmsg.ParseACLOperation(words[2])
	parse(e)
	a.Resource, e = kmsg.ParseACLResourceType(words[3])
	parse(e)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	a.Name, _, _ = strings.Cut(words[4], "@")
	if _, host, ok := strings.Cut(words[4], "@"); ok {
		a.Host = host
	}
	if name, ok := strings.CutSuffix(a.Name, "…"); ok {
		a.Name, a.Pattern = name, kmsg.ACLResourcePatternTypePrefixed
	}
	return a
}

func entries(t *testing.T, texts ...string) []ACL {
	t.Helper()
	var list []ACL
	for _, text := range texts {
		list = append(list, entry(t, text))
	}
	slices.SortFunc(list, compareACLs)
	return list
}

func TestMergeACLs(t *testing.T) {
	mirrors := map[string]*topicRecord{"orders": {State: Active}, "items": {State: Active}}
	half := map[string]*topicRecord{"orders": {State: Stopped}, "items": {State: Active}}
	after := map[string]*topicRecord{"orders": {State: Stopped}, "items": {State: Stopped}}
	read, write, all := "User:app ALLOW READ TOPIC orders", "User:app ALLOW WRITE TOPIC orders", "User:app ALLOW ALL TOPIC orders"
	parts := []string{"User:app ALLOW READ TOPIC orders", "User:app ALLOW DESCRIBE TOPIC orders", "User:app ALLOW DESCRIBE_CONFIGS TOPIC orders"}
	deny := "User:app DENY WRITE TOPIC orders"
	for _, c := range []struct {
		name                 string
		source, base, dest   []string
		topics               map[string]*topicRecord
		writes               string
		fence                *plans.Fence
		unsure               bool
		create, remove, held []string
		states               string // of the notes, in order
	}{
		{name: "reading is copied at once", source: []string{read}, create: []string{read}},
		{name: "what both have stays", source: []string{read}, base: []string{read}, dest: []string{read}},
		{name: "what both had before the link stays", source: []string{read}, dest: []string{read}},
		{name: "removed in the source", base: []string{read}, dest: []string{read}, remove: []string{read}},
		{name: "removed in both", base: []string{read}},
		{name: "removed in the destination", source: []string{read}, base: []string{read}, states: AccessConflict},
		{name: "not listed in the destination yet", source: []string{read}, base: []string{read}, unsure: true},
		{name: "the destination's own", dest: []string{read}, states: AccessOwn},
		{name: "another principal", source: []string{"User:else ALLOW READ TOPIC orders"}, dest: []string{"User:other ALLOW READ TOPIC orders"}},
		{name: "a principal that is not selected any more", base: []string{"User:else ALLOW READ TOPIC orders"}, dest: []string{"User:else ALLOW READ TOPIC orders"}, states: AccessUnfollowed},
		{name: "writing waits", source: []string{write}, held: []string{write}, states: AccessStaged},
		{name: "writing copied where that is declared", source: []string{write}, writes: "copied", create: []string{write}},
		{name: "writing is given at promotion", source: []string{write}, topics: after, create: []string{write}},
		{name: "writing to what is promoted is given", source: []string{write, "User:app ALLOW WRITE TOPIC items"}, topics: half,
			create: []string{write}, held: []string{"User:app ALLOW WRITE TOPIC items"}, states: AccessStaged},
		{name: "a prefix waits for its last mirror", source: []string{"User:app ALLOW WRITE TOPIC o…"}, topics: half, create: []string{"User:app ALLOW WRITE TOPIC o…"}},
		{name: "a wildcard waits for all", source: []string{"User:app ALLOW WRITE TOPIC *"}, topics: half, held: []string{"User:app ALLOW WRITE TOPIC *"}, states: AccessStaged},
		{name: "a topic about to be a mirror", source: []string{"User:app ALLOW WRITE TOPIC next"}, topics: after, held: []string{"User:app ALLOW WRITE TOPIC next"}, states: AccessStaged},
		{name: "a transactional id comes with the first promotion", source: []string{"User:app ALLOW WRITE TRANSACTIONAL_ID tx"}, topics: half, create: []string{"User:app ALLOW WRITE TRANSACTIONAL_ID tx"}},
		{name: "so does a topic that is no mirror", source: []string{"User:app ALLOW WRITE TOPIC derived"}, topics: half, create: []string{"User:app ALLOW WRITE TOPIC derived"}},
		{name: "and to be idempotent", source: []string{"User:app ALLOW IDEMPOTENT_WRITE CLUSTER kafka-cluster"}, topics: half, create: []string{"User:app ALLOW IDEMPOTENT_WRITE CLUSTER kafka-cluster"}},
		{name: "a right over the cluster waits for all", source: []string{"User:app ALLOW ALTER_CONFIGS CLUSTER kafka-cluster"}, topics: half, held: []string{"User:app ALLOW ALTER_CONFIGS CLUSTER kafka-cluster"}, states: AccessStaged},
		{name: "a transactional id after promotion", source: []string{"User:app ALLOW WRITE TRANSACTIONAL_ID tx"}, topics: after, create: []string{"User:app ALLOW WRITE TRANSACTIONAL_ID tx"}},
		{name: "nothing is promoted yet", source: []string{"User:app ALLOW WRITE TRANSACTIONAL_ID tx"}, topics: map[string]*topicRecord{}, held: []string{"User:app ALLOW WRITE TRANSACTIONAL_ID tx"}, states: AccessStaged},
		{name: "a group is no writing", source: []string{"User:app ALLOW ALL GROUP g"}, create: []string{"User:app ALLOW ALL GROUP g"}},
		{name: "of everything, reading comes first", source: []string{all}, create: parts, held: []string{all}, states: AccessStaged},
		{name: "everything at promotion takes the place of reading", source: []string{all}, base: parts, dest: parts, topics: after, create: []string{all}, remove: parts},
		{name: "staged and there all the same", source: []string{write}, dest: []string{write}, held: []string{write}, states: AccessStaged + " " + AccessOpen},
		{name: "a denial is copied at once", source: []string{deny}, create: []string{deny}},
		{name: "the fence is not", source: []string{deny}, fence: &plans.Fence{By: "acl", Principals: []string{"User:app"}}, states: AccessNotCopied},
		{name: "a fence of others does not concern it", source: []string{deny}, fence: &plans.Fence{By: "acl", Principals: []string{"User:x"}}, create: []string{deny}},
		{name: "brokers' rights", source: []string{"User:app ALLOW CLUSTER_ACTION CLUSTER kafka-cluster"}, states: AccessNotCopied},
		{name: "delegation tokens", source: []string{"User:app ALLOW DESCRIBE DELEGATION_TOKEN t"}, states: AccessNotCopied},
		{name: "a host", source: []string{read + "@10.0.0.1"}, create: []string{read + "@10.0.0.1"}, states: AccessHostBound},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &accessView{link: &plans.Link{Name: "east-west", From: "east", To: "west", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{"orders", "items", "next"}}},
				ACLs: plans.ACLRule{Rule: plans.Rule{Include: []string{"User:app"}}, Writes: c.writes}}, fence: c.fence, topics: c.topics, unsure: c.unsure}
			if v.topics == nil {
				v.topics = mirrors
			}
			m := v.mergeACLs(entries(t, c.source...), entries(t, c.base...), entries(t, c.dest...))
			type outcome struct {
				Create, Remove, Held []ACL
				States               string
			}
			var states []string
			for _, n := range m.notes {
				states = append(states, n.State)
			}
			got := outcome{m.create, m.remove, m.held, strings.Join(states, " ")}
			want := outcome{entries(t, c.create...), entries(t, c.remove...), entries(t, c.held...), c.states}
			if diff := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// What was done holds: another comparison finds nothing to do.
			dest := setOf(entries(t, c.dest...))
			for _, a := range m.create {
				dest[a] = true
			}
			for _, a := range m.remove {
				delete(dest, a)
			}
			slices.SortFunc(m.base, compareACLs)
			again := v.mergeACLs(entries(t, c.source...), m.base, sortedACLs(dest))
			if len(again.create)+len(again.remove) > 0 {
				t.Errorf("another pass creates %v and removes %v", again.create, again.remove)
			}
		})
	}
}
