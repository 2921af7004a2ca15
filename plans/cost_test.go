package plans

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// costly declares two tables and two statements over them: orders of a day, 100 a second, on six partitions.
func costly(t *testing.T, pattern Pattern) (*Declared, *Observed) {
	t.Helper()
	dir := t.TempDir()
	yaml, err := os.ReadFile(filepath.Join("testdata", "nycflights", "lifeboat.yaml"))
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "sql"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "lifeboat.yaml"), yaml, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "sql", "shop.sql"), []byte(`
CREATE TABLE orders (id BIGINT, shop STRING, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE big (id BIGINT, shop STRING);
CREATE TABLE hourly (shop STRING, n BIGINT);
INSERT INTO big SELECT id, shop FROM orders WHERE id > 10;
INSERT INTO hourly SELECT shop, COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY shop, window_start, window_end;
`), 0o644))
	d, found, err := Load(os.ReadFile, filepath.Join(dir, "lifeboat.yaml"), now)
	must(t, err)
	if !slices.ContainsFunc(d.Statements, func(s Statement) bool { return s.Name == "shop-5" }) {
		t.Fatalf("%+v %+v", d.Statements, found)
	}
	d.Topology.Pattern = pattern
	if pattern == ActiveActive {
		d.Topology.Primary = ""
	}
	o := observed()
	parts := make([]PartitionState, 6)
	for p := range parts {
		parts[p] = PartitionState{End: 240_000, Stable: 240_000, Oldest: midnight, Newest: now.UnixMilli()} // 4 hours
	}
	o.Regions["east"].Topics["orders"] = &TopicState{ID: "id-orders", Partitions: parts}
	return d, o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCostOf(t *testing.T) {
	d, o := costly(t, ActivePassive)
	d.Topology.Drills = []*Drill{{Name: "weekly", Schedule: "0 4 * * 1", Pipeline: "delays"}}
	link, err := d.Link("")
	must(t, err)
	c := CostOf(d, o, link)
	if len(c.Statements) != 2 || len(c.Unmeasured) > 0 {
		t.Fatalf("%+v", c)
	}
	big, hourly := c.Statements[0], c.Statements[1]
	if big.Name != "shop-4" {
		big, hourly = hourly, big
	}
	if big.Class != statements.CostStateless || big.Rows != 100 || big.Steady != 1 || big.CatchUp != 1 || big.State() != "" {
		t.Errorf("a filter: %+v, state %q", big, big.State())
	}
	// An hour and the watermark's delay of 100 rows a second; read again within an RTO of 5 minutes, on 6 partitions.
	if hourly.Class != statements.CostWindowed || hourly.StateRows != 360_500 || hourly.CatchUp != 6 || hourly.Minutes != 5 {
		t.Errorf("a window: %+v", hourly)
	}
	if c.Steady != 2 || c.Standby != 0 || c.SteadyHour() != 120 || c.SteadyMonth() != 87_600 || c.CatchUp != 35 {
		t.Errorf("sums: %+v, an hour %g, a month %g", c, c.SteadyHour(), c.SteadyMonth())
	}
	if c.Drills != 4 || c.DrillMonth != float64(c.Drills)*35 {
		t.Errorf("%d drills cost %g", c.Drills, c.DrillMonth)
	}
	if !strings.Contains(strings.Join(c.Assumptions, "; "), "within the RTO (5m)") {
		t.Errorf("assumptions: %q", c.Assumptions)
	}
}

func TestCostOfBothRegions(t *testing.T) {
	d, o := costly(t, ActiveActive)
	link, err := d.Link("east-west")
	must(t, err)
	if c := CostOf(d, o, link); c.Standby != 2 || c.SteadyHour() != 240 {
		t.Errorf("both compute: %+v", c)
	}
}

// TestCostThatIsNotMeasured wants an estimate without a region to say that it is one.
func TestCostThatIsNotMeasured(t *testing.T) {
	d, o := costly(t, ActivePassive)
	link, err := d.Link("")
	must(t, err)
	for name, seen := range map[string]*Observed{"no region": nil, "a log of a few seconds": o} {
		if seen != nil {
			for p := range seen.Regions["east"].Topics["orders"].Partitions {
				seen.Regions["east"].Topics["orders"].Partitions[p].Oldest = now.Add(-10 * time.Second).UnixMilli()
			}
		}
		c := CostOf(d, seen, link)
		if len(c.Unmeasured) != 2 || c.Steady != 2 {
			t.Errorf("%s: %+v", name, c)
		}
		if s := c.Statements[0].String() + c.Statements[1].State() + c.Statements[0].State(); !strings.Contains(s, "load not measured") || !strings.Contains(s, "not known") {
			t.Errorf("%s: %s", name, s)
		}
	}
}
