package plans

import (
	"strings"
	"testing"
)

func TestCheckLink(t *testing.T) {
	rule := func(patterns ...string) TopicRule { return TopicRule{Rule: Rule{Include: patterns}} }
	top := &Topology{Regions: map[string]*Region{"east": {}, "west": {}, "north": {}},
		Links: []*Link{{Name: "east-west", From: "east", To: "west", Topics: rule("orders", "ref-.*")}}}
	for _, c := range []struct {
		name string
		link *Link
		want []string
	}{
		{"good", &Link{Name: "other", From: "east", To: "west", Topics: rule("payments")}, nil},
		{"the one that is there", &Link{Name: "east-west", From: "east", To: "west", Topics: rule("orders")}, nil},
		{"another direction", &Link{Name: "other", From: "east", To: "north", Topics: rule("orders")}, nil},
		{"unknown region", &Link{Name: "other", From: "east", To: "wset", Topics: rule("payments")}, []string{`names region "wset", which is not declared`, "west"}},
		{"no topics", &Link{Name: "other", From: "east", To: "west"}, []string{`link "other" names no topics`}},
		{"bad pattern", &Link{Name: "other", From: "east", To: "west", Topics: rule("pay[")}, []string{`"pay[" is not a pattern`}},
		{"bad name", &Link{Name: "o ther", From: "east", To: "west", Topics: rule("payments")}, []string{`"o ther" can not be a name`}},
		{"to itself", &Link{Name: "other", From: "east", To: "east", Topics: rule("payments")}, []string{"runs from east to itself"}},
		{"how gaps are written", &Link{Name: "other", From: "east", To: "west", Topics: rule("payments"), Gaps: "none"}, []string{`"none"`, "fenced"}},
		{"two sources", &Link{Name: "other", From: "north", To: "west", Topics: rule("ref-a")}, []string{`link east-west mirrors topics such as "ref-a" into west already`}},
		{"the other way under a prefix", &Link{Name: "other", From: "west", To: "east", Topics: rule("orders"), Prefix: "west."}, []string{`link east-west mirrors topics such as "orders" the other way`}},
		{"the other way, and topics of its own", &Link{Name: "other", From: "west", To: "east", Topics: rule("payments"), Prefix: "west."}, nil},
		{"a circle", &Link{Name: "other", From: "west", To: "east", Topics: rule("orders")}, []string{`link east-west mirrors topics such as "orders" the other way: lifeboat link reverse`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckLink(top, c.link)
			if len(c.want) == 0 && err != nil || len(c.want) > 0 && err == nil {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nholds no %q", err, want)
				}
			}
		})
	}
}
