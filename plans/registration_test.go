package plans

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRegistrations(t *testing.T) {
	const sql = "CREATE TABLE totals (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED) WITH ('key.format' = 'raw')"
	d := &Declared{Topology: &Topology{}, Statements: []Statement{{Name: "totals", SQL: sql}}}
	link := func(patterns ...string) *Link {
		return &Link{To: "west", Subjects: SubjectRule{Rule: Rule{Include: patterns}}}
	}
	subject := func(mode string, versions ...int) map[string]*SubjectState {
		return map[string]*SubjectState{"totals-value": {Mode: mode, Versions: versions, IDs: versions}}
	}
	for _, c := range []struct {
		name string
		link *Link
		to   *RegionState
		want []Registration
	}{
		{"not seen", link(), nil, nil},
		{"a registry that does not answer", link(), &RegionState{Registry: "no answer"}, nil},
		{"a new subject", link(), &RegionState{Registry: "ok", Mode: "READWRITE"}, []Registration{{Table: "totals", Subject: "totals-value", Mode: "READWRITE"}}},
		{"a registry that imports", link(), &RegionState{Registry: "ok", Mode: "IMPORT"},
			[]Registration{{Table: "totals", Subject: "totals-value", Mode: "IMPORT", Refused: "totals-value is in mode IMPORT, which takes schemas with their ids only"}}},
		{"a subject of its own mode", link(), &RegionState{Registry: "ok", Mode: "IMPORT", Subjects: subject("READWRITE")},
			[]Registration{{Table: "totals", Subject: "totals-value", Mode: "READWRITE"}}},
		{"a subject that may not be written", link(), &RegionState{Registry: "ok", Mode: "READWRITE", Subjects: subject("READONLY")},
			[]Registration{{Table: "totals", Subject: "totals-value", Mode: "READONLY", Refused: "totals-value is in mode READONLY"}}},
		{"what is there is not registered again", link(), &RegionState{Registry: "ok", Mode: "READONLY", Subjects: subject("", 1)},
			[]Registration{{Table: "totals", Subject: "totals-value", Mode: "READONLY", There: true}}},
		{"a mirrored one leaves IMPORT with the failover", link("totals-.*"), &RegionState{Registry: "ok", Mode: "READWRITE", Subjects: subject("IMPORT")},
			[]Registration{{Table: "totals", Subject: "totals-value", Mode: "IMPORT", Link: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, d.Registrations(c.link, &Observed{Regions: map[string]*RegionState{"west": c.to}}), cmpopts.IgnoreFields(Registration{}, "Declared")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRegistrationsOfOtherTables: what is made of a query, of another table, and for rows that can not be read registers schemas too; a table that a topic
// is by itself registers none.
func TestRegistrationsOfOtherTables(t *testing.T) {
	d := &Declared{Topology: &Topology{}}
	for i, sql := range []string{
		"CREATE TABLE clicks (id BIGINT, url STRING) WITH ('error-handling.mode' = 'log', 'error-handling.log.target' = 'Bad_Clicks')",
		"CREATE TABLE visits (id BIGINT) WITH ('error-handling.mode' = 'LOG')",
		"CREATE TABLE ids AS SELECT id FROM clicks",
		"CREATE TABLE more LIKE visits",
		"CREATE TABLE paid AS SELECT id, amount FROM payments",
	} {
		d.Statements = append(d.Statements, Statement{Name: string(rune('a' + i)), SQL: sql})
	}
	payments := map[string]*SubjectState{"payments-value": {Versions: []int{1}, IDs: []int{1}, Schemas: []RegisteredSchema{{Type: "AVRO",
		Text: `{"type":"record","name":"P","fields":[{"name":"id","type":"long"},{"name":"amount","type":"double"}]}`}}}}
	west := &RegionState{Reachable: true, Registry: "ok", Mode: "READWRITE", Subjects: payments, Topics: map[string]*TopicState{"payments": {Partitions: partitions(1)}, "more": {}}}
	var got []string
	for _, r := range d.Registrations(&Link{To: "west"}, &Observed{Regions: map[string]*RegionState{"west": west}}) {
		line := r.Subject
		if r.Errors {
			line += " for errors"
		}
		if r.Exists {
			line += " of a topic that is there"
		}
		got = append(got, line)
	}
	want := []string{"Bad_Clicks-value for errors", "clicks-value", "error_log-value for errors", "ids-value", "more-value of a topic that is there", "paid-value", "visits-value"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
