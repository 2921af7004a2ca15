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
