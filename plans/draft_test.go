package plans

import (
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func draftOfShop() *Draft {
	topic := func(partitions int, end Offset, configs map[string]string) *TopicState {
		t := &TopicState{Configs: configs}
		for range partitions {
			t.Partitions = append(t.Partitions, PartitionState{End: end, Newest: 1_780_000_000_000})
		}
		return t
	}
	return &Draft{
		Name: "shop",
		From: &Region{Name: "east", Kafka: Kafka{Bootstrap: []string{"broker.east:9092"}, TLS: &TLS{}, SASL: &SASL{Mechanism: "PLAIN", Username: NewSecretRef("${env:EAST_USER}"), Password: NewSecretRef("${env:EAST_PASSWORD}")}},
			Registry: &Registry{URL: "http://registry.east"}, Engine: &Engine{Backend: "bundled", URL: "http://engine.east"}},
		To: &Region{Name: "west", Kafka: Kafka{Bootstrap: []string{"broker.west:9092"}}, Registry: &Registry{URL: "http://registry.west"}},
		Source: &RegionState{
			Topics: map[string]*TopicState{"orders": topic(3, 9, nil), "shops.v1": topic(1, 9, map[string]string{"cleanup.policy": "compact"}), "big": topic(2, 9, nil),
				"__consumer_offsets": topic(50, 9, nil), "_schemas": topic(1, 9, nil), "taken": topic(1, 9, nil), "null": topic(1, 0, nil)},
			Groups:   map[string]*GroupState{"ops board": {}, "lifeboat.east-west": {}, "line\nbreak: \u0085[": {}},
			Subjects: map[string]*SubjectState{"orders-value": {}},
		},
		Dest:  &RegionState{Topics: map[string]*TopicState{"taken": topic(1, 1, nil), "orders": topic(3, 0, nil)}},
		Users: []string{"User:ops", "User:CN=app,O=Acme"},
		Notes: []string{"a line\nbreak: in a note"},
		SQL: map[string]string{
			"big-orders": "INSERT INTO big SELECT id, shop, amount FROM orders WHERE amount >= 50",
			"big-table":  "CREATE TABLE big (id BIGINT NOT NULL, shop STRING NOT NULL, amount BIGINT NOT NULL) DISTRIBUTED BY (shop) INTO 2 BUCKETS;",
			"look":       "SELECT * FROM orders", "../escape": "INSERT INTO big SELECT id, shop, amount FROM orders", "odd": "FROB THE ORDERS",
		},
	}
}

// What is drafted is read without a mistake, and takes exactly what it should.
func TestDraft(t *testing.T) {
	dir := t.TempDir()
	files := draftOfShop().Files()
	golden(t, "draft.yaml", []byte(files[0].Text))
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"lifeboat.yaml", "sql/big-orders.sql", "sql/big-table.sql"}, names); diff != "" {
		t.Error(diff)
	}
	d, found, err := Load(os.ReadFile, filepath.Join(dir, "lifeboat.yaml"), time.Time{})
	if err != nil || report.Blocked(found) {
		t.Fatal(err, found)
	}
	l := d.Topology.Links[0]
	selected := map[string]bool{}
	for name := range draftOfShop().Source.Topics {
		selected[name] = l.Selects(name)
	}
	want := map[string]bool{"orders": true, "shops.v1": true, "null": true, "big": false, "__consumer_offsets": false, "_schemas": false, "taken": false}
	if diff := cmp.Diff(want, selected); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		name string
		got  bool
		want bool
	}{
		{"the dot of a name is no pattern", l.Selects("shopsxv1"), false},
		{"group", l.Groups.Match("ops board"), true},
		{"group with a line break", l.Groups.Match("line\nbreak: \u0085["), true},
		{"lifeboat's own group", l.Groups.Match("lifeboat.east-west"), false},
		{"subject", l.SelectsSubject("orders-value"), true},
		{"principal", l.ACLs.Match("User:CN=app,O=Acme"), true},
		{"secret by reference", d.Topology.Regions["east"].Kafka.SASL.Password.Equal(NewSecretRef("${env:EAST_PASSWORD}")), true},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v", tc.name, tc.got)
		}
	}
}

// Whatever a cluster calls its things stands in a topology as it is, on one line.
func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"orders", "null", "Yes", "a: b", "x # y", "\u0085", "\u2028", "\x00", "\x7f", `\`, `"`, "é", "\ufeff", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var back map[string][]string
		text := "names:\n  - " + quoted(s) + "   # a comment\n"
		if err := yaml.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff([]string{s}, back["names"]); diff != "" {
			t.Error(diff)
		}
	})
}
