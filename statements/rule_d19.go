package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d19 = Rule{
	ID:           "D19",
	Title:        "the broker's clock as event time",
	Why:          "with LogAppendTime a record's time is when a broker took it: what is produced again after a failover, or re-produced by a replicator, falls into another window",
	Remedy:       "set message.timestamp.type=CreateTime, or take a time column of the data",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD19,
	Page: `$rowtime, and a column METADATA FROM 'timestamp', are the record's timestamp. Whose clock it is says the topic's message.timestamp.type: the producer's with CreateTime, the broker's with LogAppendTime.

lifeboat's own links and Cluster Linking keep the timestamps of mirrored records; MirrorMaker 2 produces them again, so that a target with LogAppendTime stamps them anew.`,
	Wrong: `CREATE TABLE orders (item STRING, WATERMARK FOR $rowtime AS $rowtime - INTERVAL '5' SECOND)
  WITH ('kafka.message-timestamp-type' = 'LogAppendTime');
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
	Right: `CREATE TABLE orders (item STRING, ordered_at TIMESTAMP(3), WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5' SECOND)
  WITH ('kafka.message-timestamp-type' = 'LogAppendTime');
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ordered_at), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
}

func checkD19(in *judged) []hit {
	var out []hit
	in.timed(func(what string, sc *Scan) {
		t := sc.Table
		regions := slices.Clone(in.facts.Topics[t.Name].AppendTime)
		declared := t.Option("kafka.message-timestamp-type", "") == "logappendtime"
		if !recordTime(t, t.TimeColumn()) || len(regions) == 0 && !declared {
			return
		}
		where := "as the table declares"
		if len(regions) > 0 {
			where = "in " + strings.Join(regions, " and ")
		}
		out = append(out, hit{at: sc.Pos, message: fmt.Sprintf("%s goes by %s of %s, which the broker stamps (LogAppendTime %s)", what, quoteName(clip(t.TimeColumn())), t.Name, where),
			remedy: fmt.Sprintf("ALTER TABLE %s SET ('kafka.message-timestamp-type' = 'CreateTime'), or take a time column of the data", quoteName(t.Name))})
	})
	return out
}
