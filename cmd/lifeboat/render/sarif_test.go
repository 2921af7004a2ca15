package render

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// reviewed has a finding of every shape: with and without a place, an excerpt, a subject, a known rule, a waiver.
func reviewed() report.Report {
	return report.Report{Command: "lint", Title: "lint of sql", File: "lifeboat.yaml", Outcome: report.Failed,
		Rules: []report.Rule{{ID: "D04", Title: "random values", Why: "each region draws another value", Remedy: "hash the key", Wrong: "SELECT RAND()", Right: "SELECT MD5(k)"}},
		Findings: []report.Finding{
			{Rule: "D04", Severity: report.High, Subject: "draw", Place: report.Place{File: "sql/with space.sql", Line: 2, Column: 8}, Message: "RAND() gives another value",
				Excerpt: "SELECT RAND() FROM orders\n       ^", Why: "each region draws another value", Remedy: "hash the key"},
			{Rule: "D04", Severity: report.Low, Subject: "draw", Place: report.Place{File: "sql/with space.sql", Line: 9, Column: 2}, Message: "quoted", Excerpt: "\t`a b`, c\n\t^", Waived: "agreed"},
			{Rule: "sql/text", Severity: report.Block, Place: report.Place{File: "/abs/b.sql"}, Message: "the file is not UTF-8"},
			{Rule: "loss", Severity: report.Medium, Message: "nowhere"},
		},
		Checks: []report.Check{{ID: "region-reachable", Name: "west answers", Outcome: report.Failed, Detail: "refused"}, {ID: "determinism", Name: "told by findings", Outcome: report.Failed},
			{ID: "engine", Name: "passed", Outcome: report.Passed}, {ID: "horizon", Name: "of a statement", Outcome: report.Warned, Place: report.Place{File: "sql/a.sql", Line: 7, Column: 1}}},
	}
}

func TestSARIFFollowsTheSchema(t *testing.T) {
	for name, r := range map[string]report.Report{"findings": reviewed(), "nothing": {Command: "check", Outcome: report.Passed}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := SARIF(&b, r); err != nil {
				t.Fatal(err)
			}
			dec := json.NewDecoder(bytes.NewReader(b.Bytes()))
			dec.DisallowUnknownFields() // the schema is asked about what was decoded
			if err := dec.Decode(new(sarif.Report)); err != nil {
				t.Fatal(err)
			}
			log, err := sarif.FromBytes(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if err := log.Validate(); err != nil {
				t.Errorf("not SARIF 2.1.0: %v", err)
			}
		})
	}
}

func TestSARIFPlaces(t *testing.T) {
	var b bytes.Buffer
	if err := SARIF(&b, reviewed()); err != nil {
		t.Fatal(err)
	}
	log, err := sarif.FromBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		Rule, Level, URI string
		Line, From, To   int
		Suppressed       bool
	}
	var got []place
	for _, res := range log.Runs[0].Results {
		p := place{Rule: *res.RuleID, Level: res.Level, Suppressed: len(res.Suppressions) > 0}
		if rule := log.Runs[0].Tool.Driver.Rules[res.RuleIndex]; *rule.ID != p.Rule {
			t.Errorf("rule index %d is %s, not %s", res.RuleIndex, *rule.ID, p.Rule)
		}
		if len(res.Locations) > 0 && res.Locations[0].PhysicalLocation != nil {
			at := res.Locations[0].PhysicalLocation
			p.URI = *at.ArtifactLocation.URI
			if at.Region != nil {
				p.Line, p.From, p.To = value(at.Region.StartLine), value(at.Region.StartColumn), value(at.Region.EndColumn)
			}
		}
		got = append(got, p)
	}
	want := []place{
		{Rule: "D04", Level: "warning", URI: "sql/with%20space.sql", Line: 2, From: 8, To: 12},
		{Rule: "D04", Level: "note", URI: "sql/with%20space.sql", Line: 9, From: 2, To: 7, Suppressed: true},
		{Rule: "sql/text", Level: "error", URI: "file:///abs/b.sql"},
		{Rule: "loss", Level: "warning", URI: "lifeboat.yaml", Line: 1},
		{Rule: "check/region-reachable", Level: "error", URI: "lifeboat.yaml", Line: 1},
		{Rule: "check/horizon", Level: "warning", URI: "sql/a.sql", Line: 7, From: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func value(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

func TestSARIFFingerprintsOutliveMovedLines(t *testing.T) {
	prints := func(move int) []string {
		r := reviewed()
		for i := range r.Findings {
			r.Findings[i].Place.Line += move
		}
		var b bytes.Buffer
		if err := SARIF(&b, r); err != nil {
			t.Fatal(err)
		}
		log, err := sarif.FromBytes(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, res := range log.Runs[0].Results {
			all = append(all, res.PartialFingerprints["lifeboat/v1"])
		}
		return all
	}
	if diff := cmp.Diff(prints(0), prints(7)); diff != "" {
		t.Errorf("fingerprints changed with the line (-before +after):\n%s", diff)
	}
}
