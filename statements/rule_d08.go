package statements

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d08 = Rule{
	ID:           "D08",
	Title:        "a watermark that goes on without a partition",
	Why:          "a partition counts as idle after a time by the clock of the machine, and what it holds later is late: on a replay, or behind a mirror, it is idle at other times",
	Remedy:       "write heartbeats to every partition, or use fewer partitions; 'sql.tables.scan.idle-timeout' = '0' waits for all of them",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: DeterministicIfNoLate,
	check:  checkD08,
	Page: `The watermark of a table is the least of its partitions'. A partition without rows would hold it back for ever, so that after 15 seconds to 5 minutes without one it is left out.

Only the regions can tell which partitions are sparse: lint finds nothing. Alignment, which lets no partition run ahead of the others by more than 5 minutes, slows reading down and changes no result.`,
	Wrong: `-- Partition 5 of orders has had no record for hours.
CREATE TABLE orders (item STRING, WATERMARK FOR $rowtime AS $rowtime - INTERVAL '30' SECOND) DISTRIBUTED INTO 6 BUCKETS;
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
	Right: `-- All records are in one partition.
CREATE TABLE orders (item STRING, WATERMARK FOR $rowtime AS $rowtime - INTERVAL '30' SECOND) DISTRIBUTED INTO 1 BUCKETS;
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
}

func checkD08(in *judged) []hit {
	limit, set := in.property("sql.tables.scan.idle-timeout", "table.exec.source.idle-timeout")
	if d, ok := ParseTTL(limit); set && ok && d == 0 || !set && in.facts.Dialect == Flink2 {
		return nil // every partition is waited for
	}
	var out []hit
	in.timed(func(what string, sc *Scan) {
		t := in.facts.Topics[sc.Table.Name]
		if t.Partitions < 2 || len(t.Sparse) == 0 {
			return
		}
		var names []string
		for _, p := range t.Sparse {
			names = append(names, fmt.Sprint(p))
		}
		word := "partition "
		if len(names) > 1 {
			word = "partitions "
		}
		out = append(out, hit{at: sc.Pos, message: fmt.Sprintf("%s goes on without %s%s of %s, idle by the clock", what, word, strings.Join(names, ", "), sc.Table.Name)})
	})
	return out
}

// property is the statement's property of the first of these names that is set.
func (in *judged) property(names ...string) (value string, set bool) {
	for _, name := range names {
		if v, ok := in.facts.Properties[name]; ok {
			return v, true
		}
	}
	return "", false
}
