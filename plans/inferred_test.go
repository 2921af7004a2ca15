package plans

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// TestInferredTables judges a statement over a topic that nobody declares, by what a region's registry holds.
func TestInferredTables(t *testing.T) {
	avro := func(text string, refs ...SchemaReference) *SubjectState {
		return &SubjectState{Versions: []int{1, 3}, IDs: []int{7, 9}, Schemas: []RegisteredSchema{{Type: "AVRO", Text: `"string"`}, {Type: "AVRO", Text: text, References: refs}}}
	}
	proto := func(text string, refs ...SchemaReference) *SubjectState {
		return &SubjectState{Versions: []int{1}, IDs: []int{7}, Schemas: []RegisteredSchema{{Type: "PROTOBUF", Text: text, References: refs}}}
	}
	const shop = `{"type":"record","name":"Shop","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"}]}`
	for _, tc := range []struct {
		name   string
		region *RegionState // of the topic shops, but for its topics
		want   []string
	}{
		{"the latest version", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{"shops-value": avro(shop)}}, nil},
		{"a column that is not there", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{"shops-value": avro(`{"type":"record","name":"S","fields":[{"name":"id","type":"long"},{"name":"names","type":"string"}]}`)}},
			[]string{"block sql/name in.sql:2:28 there is no column `name` in `shops`"}},
		{"no schema", &RegionState{Registry: "ok"}, []string{"block sql/name in.sql:2:24 there is no column `id` in `shops`", "block sql/name in.sql:2:28 there is no column `name` in `shops`"}},
		{"no registry", &RegionState{}, []string{"low sql/undeclared-table in.sql:2:38 no CREATE TABLE declares `shops`"}},
		{"a registry that does not answer", &RegionState{Registry: "connection refused"},
			[]string{"high sql/schema in.sql:2:38 the registry of east was not read: connection refused"}},
		{"a reference that is not there", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{"shops-value": avro(shop, SchemaReference{"x.Town", "town", 2})}},
			[]string{"high sql/schema in.sql:2:38 the schemas of shops in east tell no columns: shops-value: it refers to town version 2, which the registry does not have"}},
		{"an import that is no reference", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{"shops-value": proto(`syntax = "proto3"; import "town.proto"; message Shop { int64 id = 1; string name = 2; }`)}},
			[]string{`high sql/schema in.sql:2:38 the schemas of shops in east tell no columns: topic "shops": value: schema 7: it imports town.proto, which is not among its references`}},
		{"an import that is one", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{
			"town":        proto(`syntax = "proto3"; message Town { string name = 1; }`),
			"shops-value": proto(`syntax = "proto3"; import "town.proto"; message Shop { int64 id = 1; string name = 2; Town town = 3; }`, SchemaReference{"town.proto", "town", 1})}}, nil},
		{"a snapshot without texts", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{"shops-value": {Versions: []int{1}, IDs: []int{7}}}},
			[]string{"high sql/schema in.sql:2:38 the schemas of shops in east tell no columns: the text of shops-value version 1 was not kept"}},
		{"schemas that refer to each other", &RegionState{Registry: "ok", Subjects: map[string]*SubjectState{
			"a":           proto(`syntax = "proto3"; import "b.proto";`, SchemaReference{"b.proto", "b", 1}),
			"b":           proto(`syntax = "proto3"; import "a.proto";`, SchemaReference{"a.proto", "a", 1}),
			"shops-value": proto(`syntax = "proto3"; import "a.proto"; message Shop { int64 id = 1; string name = 2; }`, SchemaReference{"a.proto", "a", 1})}},
			[]string{`high sql/schema in.sql:2:38 the schemas of shops in east tell no columns: topic "shops": value: schema 7: line 1: cycle found in imports: "b.proto" -> "a.proto" -> "b.proto"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in.sql")
			if err := os.WriteFile(path, []byte("CREATE TABLE big (id BIGINT, name STRING);\nINSERT INTO big SELECT id, name FROM shops;\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			d, _, err := LoadSQL(os.ReadFile, "", path)
			if err != nil {
				t.Fatal(err)
			}
			tc.region.Reachable, tc.region.Topics = true, map[string]*TopicState{"shops": {Partitions: make([]PartitionState, 3)}}
			var got []string
			for _, f := range StudyOf(d, &Observed{Regions: map[string]*RegionState{"east": tc.region}}).Findings {
				if f.Severity != report.Medium {
					got = append(got, fmt.Sprintf("%s %s in.sql:%d:%d %s", f.Severity, f.Rule, f.Place.Line, f.Place.Column, f.Message))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
