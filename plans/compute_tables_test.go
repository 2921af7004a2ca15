package plans

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTablesThatWereChanged: what has changed a table in the source and stands in no file would be lost with the region.
func TestTablesThatWereChanged(t *testing.T) {
	const departures = "CREATE TABLE departures (origin STRING NOT NULL)"
	for _, c := range []struct {
		name, statement, sql, phase string
		found                       bool
	}{
		{"a watermark", "by-hand", "ALTER TABLE departures MODIFY WATERMARK FOR `$rowtime` AS `$rowtime` - INTERVAL '10' SECOND", "COMPLETED", true},
		{"options", "by-hand", "ALTER TABLE `flights` SET ('scan.startup.mode' = 'latest-offset')", "COMPLETED", true},
		{"one that failed", "by-hand", "ALTER TABLE departures ADD (gate STRING)", "FAILED", false},
		{"another table", "by-hand", "ALTER TABLE invoices ADD (gate STRING)", "COMPLETED", false},
		{"created otherwise", "departures-1", departures, "COMPLETED", true},
		{"somebody else's", "by-hand", departures, "COMPLETED", false},
		{"no SQL", "by-hand", "ALTER", "COMPLETED", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := observed()
			o.Regions["east"].Statements[c.statement] = StatementState{Phase: c.phase, SQL: c.sql}
			var got []string
			for _, f := range compute(t, OpFailover, Options{Planned: true}, declared(t), o).Findings {
				if f.Rule == "statement/table-changed" {
					got = append(got, fmt.Sprintf("%s %s", f.Severity, f.Subject))
				}
			}
			var want []string
			if c.found {
				want = []string{"high " + c.statement}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	d, o := declared(t), observed()
	const alter = "ALTER TABLE departures ADD (gate STRING)"
	d.Statements = append(d.Statements, Statement{Pipeline: "delays", Name: "gate", File: "sql/gate.sql", Line: 1, SQL: alter})
	o.Regions["east"].Statements["by-hand"] = StatementState{Phase: "COMPLETED", SQL: alter + ";"}
	for _, f := range compute(t, OpFailover, Options{}, d, o).Findings {
		if f.Rule == "statement/table-changed" {
			t.Errorf("it is declared: %s", f.Message)
		}
	}
}

// TestTablesAreChangedAsInTheSource: what the source's engine was told of a table is told to the destination's, in the same order, behind the table's CREATE and in
// front of its readers; where that engine takes no ALTER it stays a finding.
func TestTablesAreChangedAsInTheSource(t *testing.T) {
	alters := map[string]string{"b-first": "ALTER TABLE departures ADD (gate STRING)", "a-second": "ALTER TABLE departures DROP gate"}
	changed := func(backend string) *Plan {
		d, o := declared(t), observed()
		d.Topology.Regions["west"].Engine.Backend = backend
		for i, name := range []string{"b-first", "a-second"} {
			o.Regions["east"].Statements[name] = StatementState{Phase: "COMPLETED", SQL: alters[name], Created: now.Add(time.Duration(i) * time.Minute)}
		}
		return compute(t, OpFailover, Options{Planned: true}, d, o)
	}
	severities := func(p *Plan) (all []string) {
		for _, f := range p.Findings {
			if f.Rule == "statement/table-changed" {
				all = append(all, fmt.Sprintf("%s %s", f.Severity, f.Subject))
			}
		}
		return all
	}
	p := changed("confluent")
	wellFormed(t, p)
	if diff := cmp.Diff([]string{"low a-second", "low b-first"}, severities(p)); diff != "" {
		t.Error(diff)
	}
	var started []string
	for _, s := range p.Statements {
		started = append(started, s.Name)
		if sql := alters[s.Name]; sql != "" && (s.SQL != sql || s.Kind != "ALTER_TABLE") {
			t.Errorf("%s is %s: %s", s.Name, s.Kind, s.SQL)
		}
		if s.Name == "departures-2" && !slices.Contains(s.Needs, "a-second") {
			t.Errorf("%s, which writes the table, needs %v", s.Name, s.Needs)
		}
		if s.Name == "a-second" && !slices.Contains(s.Needs, "b-first") {
			t.Errorf("the second change needs %v", s.Needs)
		}
	}
	at := func(name string) int { return slices.Index(started, name) }
	if !(0 <= at("departures-1") && at("departures-1") < at("b-first") && at("b-first") < at("a-second") && at("a-second") < at("departures-2")) {
		t.Errorf("they are started in the order %v", started)
	}
	p = changed("bundled")
	if diff := cmp.Diff([]string{"high a-second", "high b-first"}, severities(p)); diff != "" {
		t.Error(diff)
	}
	if slices.ContainsFunc(p.Statements, func(s StatementPlan) bool { return alters[s.Name] != "" }) {
		t.Error("the bundled engine is given an ALTER")
	}
}
