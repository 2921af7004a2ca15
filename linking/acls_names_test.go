package linking

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// TestRightsFollowTheNamesOfMirrors wants a grant on a source's topics to be one on their mirrors, and on nothing that the destination has besides.
func TestRightsFollowTheNamesOfMirrors(t *testing.T) {
	there := plans.Link{Prefix: "east."}
	back := plans.Link{StripPrefix: "east."}
	for _, c := range []struct {
		name         string
		link         plans.Link
		source, want string // want "": not copied
	}{
		{"a mirrored topic", there, "User:app ALLOW READ TOPIC orders", "User:app ALLOW READ TOPIC east.orders"},
		{"a topic that is not mirrored", there, "User:app ALLOW READ TOPIC payments", ""},
		{"topics by how they begin", there, "User:app ALLOW READ TOPIC ord…", "User:app ALLOW READ TOPIC east.ord…"},
		{"all topics", there, "User:app ALLOW READ TOPIC *", "User:app ALLOW READ TOPIC east.…"},
		{"a denial on all topics", there, "User:app DENY READ TOPIC *", "User:app DENY READ TOPIC east.…"},
		{"a group", there, "User:app ALLOW READ GROUP orders", "User:app ALLOW READ GROUP orders"},
		{"a transactional id", there, "User:app ALLOW DESCRIBE TRANSACTIONAL_ID *", "User:app ALLOW DESCRIBE TRANSACTIONAL_ID *"},
		{"back: a mirrored topic", back, "User:app ALLOW READ TOPIC east.orders", "User:app ALLOW READ TOPIC orders"},
		{"back: a topic of the region's own", back, "User:app ALLOW READ TOPIC orders", ""},
		{"back: topics by how they begin", back, "User:app ALLOW READ TOPIC east.ord…", "User:app ALLOW READ TOPIC ord…"},
		{"back: the region's own by how they begin", back, "User:app ALLOW READ TOPIC ord…", ""},
		{"back: all of the prefix", back, "User:app ALLOW READ TOPIC east.…", ""},
		{"back: all topics", back, "User:app ALLOW READ TOPIC *", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.link.From, c.link.To = "here", "there"
			c.link.Topics.Include, c.link.ACLs.Include = []string{"orders"}, []string{"User:app"}
			v := &accessView{link: &c.link}
			source := entries(t, c.source)
			m := v.mergeACLs(source, nil, nil)
			var want []ACL
			if c.want != "" {
				want = entries(t, c.want)
			} else if len(m.notes) != 1 || m.notes[0].State != AccessNotCopied || m.notes[0].Why == "" || m.notes[0].Subject != source[0].String() {
				t.Errorf("it is not told: %+v", m.notes)
			}
			if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(m.create)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := v.mergeACLs(source, m.base, want); len(again.create)+len(again.remove) > 0 {
				t.Errorf("another pass creates %v and removes %v", again.create, again.remove)
			}
		})
	}
}

// TestStagedRightsFollowTheNamesOfMirrors wants a grant that allows writing held until its mirror is promoted, and given under the mirror's name.
func TestStagedRightsFollowTheNamesOfMirrors(t *testing.T) {
	link := &plans.Link{From: "east", To: "west", Prefix: "east.", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{"orders", "next"}}}, ACLs: plans.ACLRule{Rule: plans.Rule{Include: []string{"User:app"}}}}
	source := entries(t, "User:app ALLOW WRITE TOPIC orders", "User:app ALLOW WRITE TOPIC next")
	v := &accessView{link: link, topics: map[string]*topicRecord{"east.orders": {State: Active}}}
	if m := v.mergeACLs(source, nil, nil); len(m.create) > 0 || len(m.held) != 2 {
		t.Errorf("while it is a mirror %v is given and %v held", m.create, m.held)
	}
	v.topics["east.orders"].State = Stopped
	m := v.mergeACLs(source, nil, nil)
	if diff := cmp.Diff(fmt.Sprint(entries(t, "User:app ALLOW WRITE TOPIC east.orders")), fmt.Sprint(m.create)); diff != "" {
		t.Errorf("given at promotion (-want +got):\n%s", diff)
	}
}
