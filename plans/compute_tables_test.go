package plans

import (
	"fmt"
	"testing"

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
