package statements

import (
	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d31 = Rule{
	ID:           "D31",
	Title:        "rows gathered into batches in one region alone",
	Why:          "with mini-batches an aggregation gives one result for several rows: the last ones agree, those in between do not",
	Remedy:       "give the statement the same table.exec.mini-batch and table.optimizer.agg-phase-strategy properties in both regions",
	ActiveActive: report.Low, ActivePassive: report.Low,
	Leaves: DeterministicFinalState,
	check:  checkD31,
	Page:   `The rule compares the properties under which the statement runs in each region; where they are not known it says nothing.`,
	Wrong: `-- In east the statement runs with 'table.exec.mini-batch.enabled' = 'true', in west without.
CREATE TABLE orders (item STRING);
CREATE TABLE counts (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO counts SELECT item, COUNT(*) FROM orders GROUP BY item;`,
	Right: `-- In both regions the statement runs with 'table.exec.mini-batch.enabled' = 'true'.
CREATE TABLE orders (item STRING);
CREATE TABLE counts (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO counts SELECT item, COUNT(*) FROM orders GROUP BY item;`,
}

func checkD31(in *judged) []hit {
	differ := in.settingsDiffer("table.exec.mini-batch.enabled", "table.exec.mini-batch.allow-latency", "table.exec.mini-batch.size", "table.optimizer.agg-phase-strategy")
	if differ == "" {
		return nil
	}
	var out []hit
	in.operators(func(r Rel) {
		if a, ok := r.(*Aggregation); ok && a.Window == nil && len(a.Aggregates) > 0 && len(out) == 0 {
			out = append(out, hit{at: a.Pos, message: "the aggregation gives other intermediate results: " + differ})
		}
	})
	return out
}
