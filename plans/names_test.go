package plans

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func topicsOf(include ...string) TopicRule { return TopicRule{Rule: Rule{Include: include}} }

func TestNamesOfMirrors(t *testing.T) {
	there := &Link{Name: "east-west", From: "east", To: "west", Topics: topicsOf("orders", "ref-.*"), Prefix: "east."}
	wide := (&Link{Name: "east-west", From: "east", To: "west", Topics: topicsOf(".*"), Prefix: "east."}).Knowing([]*Link{{From: "west", To: "east", Prefix: "west."}, {From: "north", To: "east", Prefix: "north."}})
	plain := (&Link{Name: "east-west", From: "east", To: "west", Topics: topicsOf(".*")}).Knowing([]*Link{{From: "west", To: "east", Prefix: "west."}})
	back := &Link{Name: "west-east", From: "west", To: "east", Topics: topicsOf("orders", "ref-.*"), StripPrefix: "east."}
	for _, c := range []struct {
		name, source, mirror string // mirror "": not mirrored
		link                 *Link
	}{
		{"a prefix in front", "orders", "east.orders", there},
		{"a topic that is not selected", "payments", "", there},
		{"a topic that has the prefix already", "east.orders", "", wide},
		{"a topic that came from the destination", "west.orders", "", wide},
		{"a topic that came from a third region", "north.orders", "east.north.orders", wide},
		{"a topic that came back to a link without a prefix", "west.orders", "", plain},
		{"another topic of it", "orders", "orders", plain},
		{"a prefix taken away", "east.orders", "orders", back},
		{"one that has no such prefix", "orders", "", back},
		{"one that is nothing but the prefix", "east.", "", back},
		{"a pattern that is about the rest", "east.ref-x", "ref-x", back},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if c.link.Selects(c.source) {
				got, _ = c.link.Names().Mirror(c.source)
			}
			if got != c.mirror {
				t.Errorf("%s is mirrored as %q, want %q", c.source, got, c.mirror)
			}
			if source, ok := c.link.Names().Source(c.mirror); c.mirror != "" && (!ok || source != c.source || !c.link.Mirrors(c.mirror)) {
				t.Errorf("%s is the mirror of %q (%t)", c.mirror, source, c.link.Mirrors(c.mirror))
			}
		})
	}
}

func TestNamesOfSubjects(t *testing.T) {
	subjects := SubjectRule{Rule: Rule{Include: []string{".*"}}}
	there := (&Link{From: "east", To: "west", Topics: topicsOf("orders", "ref-.*"), Subjects: subjects, Prefix: "east."}).Knowing([]*Link{{From: "west", To: "east", Prefix: "west."}})
	back := &Link{From: "west", To: "east", Topics: topicsOf("orders", "ref-.*"), Subjects: subjects, StripPrefix: "east."}
	for _, c := range []struct {
		name, source, mirror string
		link                 *Link
	}{
		{"of a topic's values", "orders-value", "east.orders-value", there},
		{"of its keys", "orders-key", "east.orders-key", there},
		{"of a record in it", "orders-com.acme.Order", "east.orders-com.acme.Order", there},
		{"in a context", ":.prod:orders-value", ":.prod:east.orders-value", there},
		{"of a topic with a dash", "ref-rates-value", "east.ref-rates-value", there},
		{"of a topic that is not mirrored", "payments-value", "payments-value", there},
		{"of a record name", "com.acme.Order", "com.acme.Order", there},
		{"that came from the destination", "west.orders-value", "", there},
		{"that has the prefix already", "east.orders-value", "", there},
		{"back", "east.orders-value", "orders-value", back},
		{"back, in a context", ":.prod:east.orders-value", ":.prod:orders-value", back},
		{"back, of the region's own topic", "orders-value", "", back},
		{"back, of a record name", "com.acme.Order", "com.acme.Order", back},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if c.link.SelectsSubject(c.source) {
				got, _ = c.link.MirrorSubject(c.source)
			}
			if got != c.mirror {
				t.Errorf("%s is mirrored as %q, want %q", c.source, got, c.mirror)
			}
			if source, ok := c.link.SourceSubject(c.mirror); c.mirror != "" && (!ok || source != c.source || !c.link.MirrorsSubject(c.mirror)) {
				t.Errorf("%s is the mirror of %q (%t)", c.mirror, source, c.link.MirrorsSubject(c.mirror))
			}
		})
	}
}

// TestNamesLeadBack wants every name of a mirror to lead back to its source, and no two sources to share one.
func TestNamesLeadBack(t *testing.T) {
	name := rapid.StringMatching(`(:\.[ab]:)?((a|b|a\.|b\.)(-|\.)?){1,4}(-value)?`)
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SampledFrom([]string{"", "a", "a.", "b.-"}).Draw(t, "prefix")
		l := &Link{Topics: topicsOf("a.*", ".*b"), Subjects: SubjectRule{Rule: Rule{Include: []string{".*"}}}}
		if rapid.Bool().Draw(t, "strips") {
			l.StripPrefix = prefix
		} else {
			l.Prefix = prefix
		}
		source := name.Draw(t, "source")
		if mirror, ok := l.Names().Mirror(source); ok {
			if back, ok := l.Names().Source(mirror); !ok || back != source {
				t.Fatalf("topic %q is mirrored as %q, which is the mirror of %q", source, mirror, back)
			}
		}
		if mirror, ok := l.MirrorSubject(source); ok {
			if back, ok := l.SourceSubject(mirror); !ok || back != source {
				t.Fatalf("subject %q is mirrored as %q, which is the mirror of %q (%t)", source, mirror, back, ok)
			}
		}
	})
}

func TestLinksWithPrefixes(t *testing.T) {
	const regions = `apiVersion: lifeboat/v1
kind: Topology
name: t
pattern: active-active
regions:
  east: {kafka: {bootstrap: ["a:1"]}}
  west: {kafka: {bootstrap: ["b:1"]}}
  north: {kafka: {bootstrap: ["c:1"]}}
links:
`
	for _, c := range []struct {
		name, links string
		want        []string
	}{
		{"both ways, everything", `
  - {name: east-west, from: east, to: west, topics: {include: [".*"]}, prefix: east.}
  - {name: west-east, from: west, to: east, topics: {include: [".*"]}, prefix: west.}`, nil},
		{"a prefix one way only", `
  - {name: east-west, from: east, to: west, topics: {include: [".*"]}}
  - {name: west-east, from: west, to: east, topics: {include: [".*"]}, prefix: west.}`, nil},
		{"round three regions", `
  - {name: east-west, from: east, to: west, topics: {include: [".*"]}, prefix: east.}
  - {name: west-north, from: west, to: north, topics: {include: [".*"]}, prefix: west.}
  - {name: north-east, from: north, to: east, topics: {include: [".*"]}, prefix: north.}`, []string{"link-cycle"}},
		{"round three regions, each its own topics", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: east.}
  - {name: west-north, from: west, to: north, topics: {include: ["orders"]}, prefix: west.}
  - {name: north-east, from: north, to: east, topics: {include: ["orders"]}, prefix: north.}`, nil},
		{"there, and back without it", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: east.}
  - {name: west-east, from: west, to: east, topics: {include: ["orders"]}, stripPrefix: east.}`, []string{"link-cycle"}},
		{"two sources of one mirror", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: x.}
  - {name: north-west, from: north, to: west, topics: {include: ["x\\.orders"]}}`, []string{"overlapping-links"}},
		{"two sources of two mirrors", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: east.}
  - {name: north-west, from: north, to: west, topics: {include: ["orders"]}, prefix: north.}`, nil},
		{"characters of no topic", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: "east/"}`, []string{"bad-value"}},
		{"a prefix that fills the name", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: "` + strings.Repeat("e", MaxTopicName) + `"}`, []string{"bad-value"}},
		{"a prefix of internal topics", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: "__"}`, []string{"bad-value"}},
		{"both prefixes", `
  - {name: east-west, from: east, to: west, topics: {include: ["orders"]}, prefix: a., stripPrefix: b.}`, []string{"bad-value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, findings := loadText(t, regions+strings.TrimPrefix(c.links, "\n")+"\n", nil)
			var got []string
			for _, f := range findings {
				got = append(got, strings.TrimPrefix(f.Rule, "topology/"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%v:\n%s", findings, diff)
			}
		})
	}
}

// TestViewIsByMirrorNames wants what was seen of a source under the names that it has in the destination, and what came from there left out.
func TestViewIsByMirrorNames(t *testing.T) {
	l := (&Link{From: "east", To: "west", Topics: topicsOf(".*"), Subjects: SubjectRule{Rule: Rule{Include: []string{".*"}}}, Prefix: "east."}).Knowing([]*Link{{From: "west", To: "east", Prefix: "west."}})
	orders := &TopicState{ID: "1"}
	seen := l.View(&RegionState{Reachable: true, Topics: map[string]*TopicState{"orders": orders},
		Groups:   map[string]*GroupState{"g": {Positions: Positions{"orders": {0: 3}}}},
		Subjects: map[string]*SubjectState{"orders-value": {}, "west.orders-value": {}, "com.acme.Order": {}}})
	want := &RegionState{Reachable: true, Topics: map[string]*TopicState{"east.orders": orders},
		Groups:   map[string]*GroupState{"g": {Positions: Positions{"east.orders": {0: 3}}}},
		Subjects: map[string]*SubjectState{"east.orders-value": {}, "com.acme.Order": {}}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}
