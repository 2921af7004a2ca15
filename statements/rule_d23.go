package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d23 = Rule{
	ID:           "D23",
	Title:        "state that begins at another row in each region",
	Why:          "what a statement remembers depends on the row at which it began: latest-offset and group-offsets are another place in each region and at each start",
	Remedy:       "read from the beginning: 'scan.startup.mode' = 'earliest-offset'; a plan gives each statement the time at which to start",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD23,
	Page:   `A statement without state reads each row by itself, and may start anywhere: the rule says nothing of it. A time to start at (timestamp) is the same row in both regions only where both are given the same one, at the edge of a window; a plan does that by itself, and does not need it in the SQL.`,
	Wrong: `CREATE TABLE orders (item STRING, WATERMARK FOR $rowtime AS $rowtime - INTERVAL '30' SECOND);
CREATE TABLE counts (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO counts SELECT item, COUNT(*) FROM orders /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */ GROUP BY item;`,
	Right: `CREATE TABLE orders (item STRING, WATERMARK FOR $rowtime AS $rowtime - INTERVAL '30' SECOND);
CREATE TABLE counts (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO counts SELECT item, COUNT(*) FROM orders /*+ OPTIONS('scan.startup.mode' = 'earliest-offset') */ GROUP BY item;`,
}

func checkD23(in *judged) []hit {
	var out []hit
	for _, o := range in.scanOptions("sql.tables.scan.startup.mode", "scan.startup.mode") {
		switch o.value {
		case "latest-offset", "timestamp", "group-offsets":
			if held := in.keepsState(); held != "" {
				out = append(out, hit{at: o.Pos, message: fmt.Sprintf("%s is read from %s (%s), and %s keeps state", o.table, o.value, o.from, held)})
			}
		}
	}
	return out
}
