package plans

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRegistrations(t *testing.T) {
	const sql = "CREATE TABLE totals (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED) WITH ('key.format' = 'raw')"
	d := &Declared{Topology: &Topology{}, Statements: []Statement{{Name: "totals", SQL: sql}}}
	link := func(patterns ...string) *Link { return &Link{Subjects: Rule{Include: patterns}} }
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
			if diff := cmp.Diff(c.want, d.Registrations(c.link, c.to)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
