package statements

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d06 = Rule{
	ID:           "D06",
	Title:        "a window on the write time of another statement's output",
	Why:          "a statement's output without a timestamp column is stamped with the clock of the write, so the window is one of processing time in disguise",
	Remedy:       "give the table a column ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' and fill it with the event time, or declare WATERMARK FOR an event-time column",
	ActiveActive: report.High, ActivePassive: report.Block,
	Leaves: NonDeterministic,
	check:  checkD06,
	Page:   `The time attribute of a table that declares none is $rowtime, the record's timestamp. A statement that writes a table without a writable timestamp column leaves it to the producer's clock: in the primary that is seconds after the event, on a replay in the other region it is hours or days after, and every row falls into another window.`,
	Wrong: `CREATE TABLE orders (item STRING, price DECIMAL(10, 2));
CREATE TABLE dear (item STRING, price DECIMAL(10, 2));
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO dear SELECT item, price FROM orders WHERE price > 100;
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE dear, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
	Right: `CREATE TABLE orders (item STRING, price DECIMAL(10, 2));
CREATE TABLE dear (item STRING, price DECIMAL(10, 2), ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp');
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO dear SELECT item, price, $rowtime FROM orders WHERE price > 100;
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE dear, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
}

func checkD06(in *judged) []hit {
	var out []hit
	for _, w := range in.windows() {
		topic := w.Table.Name.Last()
		writers := in.facts.Writers[topic]
		if len(writers) == 0 {
			continue
		}
		t, known := in.table(topic)
		if known && (t.WritesTimestamp() || !recordTime(t, w.Time.Name)) || !known && w.Time.Name != RowtimeColumn {
			continue
		}
		out = append(out, hit{at: w.Time.Pos, message: fmt.Sprintf("%s of %s is when %s wrote the record, not when it happened",
			quoteName(clip(w.Time.Name)), topic, strings.Join(writers, " and "))})
	}
	return out
}

// recordTime reports whether a column is the record's timestamp: $rowtime, or metadata that reads it.
func recordTime(t *Table, column string) bool {
	c, _, ok := t.Column(column)
	return ok && c.MetadataKey == "timestamp"
}
