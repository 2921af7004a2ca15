package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d25 = Rule{
	ID:           "D25",
	Title:        "a query that ends at the end of the log",
	Why:          "where the log ends differs between the regions by the mirror's lag, and between two runs by the time between them",
	Remedy:       "end at a time: 'scan.bounded.mode' = 'timestamp' with 'scan.bounded.timestamp-millis'",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD25,
	Page:   `A query that is bounded by latest-offset reads up to where the log ends when it begins. Both regions end at the same record only where a time bounds the query.`,
	Wrong: `CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders /*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */;`,
	Right: `CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders
  /*+ OPTIONS('scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '1790000000000') */;`,
}

func checkD25(in *judged) []hit {
	var out []hit
	snapshot := in.facts.Properties["sql.snapshot.mode"] == "now"
	if reads := readTables(in.stmt); snapshot && len(reads) > 0 {
		return []hit{{at: reads[0].Pos, message: fmt.Sprintf("a snapshot query (sql.snapshot.mode) reads %s as it is at the moment", reads[0].Name.Last()),
			remedy: "leave sql.snapshot.mode out, and end at a time: 'sql.tables.scan.bounded.mode' = 'timestamp'"}}
	}
	for _, o := range in.scanOptions("sql.tables.scan.bounded.mode", "scan.bounded.mode") {
		if o.value == "latest-offset" {
			out = append(out, hit{at: o.Pos, message: fmt.Sprintf("%s is read up to its end at the moment (%s)", o.table, o.from)})
		}
	}
	return out
}
