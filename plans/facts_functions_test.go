package plans

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// placed is a topology with a statement that calls a function, over topics that both regions have.
func placed(t *testing.T) (*Declared, *Observed) {
	t.Helper()
	d, o := costly(t, ActivePassive)
	for i := range d.Statements {
		if d.Statements[i].Name == "shop-4" {
			d.Statements[i].SQL = "INSERT INTO big SELECT id, region_of(shop) FROM orders"
		}
	}
	o.Regions["west"].Topics["orders"] = o.Regions["east"].Topics["orders"]
	return d, o
}

func found(p *Plan, rule, statement string) []report.Finding {
	return slices.DeleteFunc(slices.Clone(p.Findings), func(f report.Finding) bool { return f.Rule != rule || f.Subject != statement })
}

func TestFunctionsThatSomebodyVouchesFor(t *testing.T) {
	function := func(jar string) StatementState {
		return StatementState{Phase: "COMPLETED", SQL: "CREATE FUNCTION region_of AS 'acme.RegionOf' USING JAR 'confluent-artifact://" + jar + "'"}
	}
	for _, c := range []struct {
		name       string
		vouched    bool
		east, west string
		want       string // in D21's message, "" for none
	}{
		{"nobody vouches", false, "", "", "of which nothing says that it is deterministic"},
		{"a region has it", false, "cfa-1", "", "of which nothing says that it is deterministic"},
		{"the topology does", true, "", "", ""},
		{"both regions have the same", true, "cfa-1", "cfa-1", ""},
		{"another version in each region", true, "cfa-1", "cfa-2", "acme.RegionOf of confluent-artifact://cfa-1 in east, acme.RegionOf of confluent-artifact://cfa-2 in west"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := placed(t)
			if c.vouched {
				d.Topology.Functions = []*Function{{Name: "region_of", Deterministic: true, Reason: "a table in the jar"}}
			}
			for region, jar := range map[string]string{"east": c.east, "west": c.west} {
				if jar != "" {
					if o.Regions[region].Statements == nil {
						o.Regions[region].Statements = map[string]StatementState{}
					}
					o.Regions[region].Statements["region-of"] = function(jar)
				}
			}
			told := found(compute(t, OpFailover, Options{Planned: true}, d, o), "D21", "shop-4")
			if (len(told) > 0) != (c.want != "") || len(told) > 0 && !strings.Contains(told[0].Message, c.want) {
				t.Errorf("%+v", told)
			}
		})
	}
}

// TestADeclaredFunctionIsNoMisspeltOne: one letter makes UPER a function of Flink's, unless something says that it is one of the user's.
func TestADeclaredFunctionIsNoMisspeltOne(t *testing.T) {
	for _, c := range []struct {
		name    string
		declare func(*Declared, *Observed)
		want    int // findings that there is none
	}{
		{"nothing does", func(*Declared, *Observed) {}, 1},
		{"the topology", func(d *Declared, _ *Observed) {
			d.Topology.Functions = []*Function{{Name: "uper", Reason: "an old name"}}
		}, 0},
		{"a region", func(_ *Declared, o *Observed) {
			o.Regions["east"].Statements = map[string]StatementState{"uper": {Phase: "COMPLETED", SQL: "CREATE FUNCTION Uper AS 'acme.Upper'"}}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := placed(t)
			for i := range d.Statements {
				if d.Statements[i].Name == "shop-4" {
					d.Statements[i].SQL = "INSERT INTO big SELECT id, uper(shop) FROM orders"
				}
			}
			c.declare(d, o)
			told := slices.DeleteFunc(StudyOf(d, o).Findings, func(f report.Finding) bool { return f.Message != "there is no function UPER" })
			if len(told) != c.want {
				t.Errorf("%+v", told)
			}
		})
	}
}

// TestPropertiesThatDifferBetweenRegions: what a statement runs under in one region, and would be started with in the other.
func TestPropertiesThatDifferBetweenRegions(t *testing.T) {
	d, o := placed(t)
	for i := range d.Statements {
		if d.Statements[i].Name == "shop-4" {
			d.Statements[i].SQL = "INSERT INTO big SELECT COUNT(*), shop FROM orders GROUP BY shop"
		}
	}
	d.Topology.Pipelines[0].Properties = map[string]string{"table.exec.mini-batch.enabled": "true"}
	run := StatementState{Phase: "RUNNING", SQL: "INSERT INTO big SELECT COUNT(*), shop FROM orders GROUP BY shop"}
	o.Regions["east"].Statements["shop-4"] = run
	told := found(compute(t, OpFailover, Options{Planned: true}, d, o), "D31", "shop-4")
	if len(told) != 1 || !strings.Contains(told[0].Message, "table.exec.mini-batch.enabled is not set in east and 'true' in west") {
		t.Errorf("%+v", told)
	}
	run.Properties = map[string]string{"table.exec.mini-batch.enabled": "true", "lifeboat.start.orders": "partition:0,offset:1"}
	o.Regions["east"].Statements["shop-4"] = run
	if told := found(compute(t, OpFailover, Options{Planned: true}, d, o), "D31", "shop-4"); len(told) != 0 {
		t.Errorf("the same in both: %+v", told)
	}
}
