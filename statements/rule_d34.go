package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d34 = Rule{
	ID:           "D34",
	Title:        "the watermark as a value",
	Why:          "where the watermark stands when a row arrives depends on how the partitions interleave: the same row is late in one region and not in the other",
	Remedy:       "compare event times with each other, or take late rows from the system table t$late ('late-handling.mode' = 'filter')",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD34,
	Page:   `CURRENT_WATERMARK tells how far the slowest partition has come by now. Another mirror lag gives another answer for the same row.`,
	Wrong: `CREATE TABLE orders (item STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE late (item STRING, ts TIMESTAMP(3));
INSERT INTO late SELECT item, ts FROM orders WHERE CURRENT_WATERMARK(ts) IS NOT NULL AND ts <= CURRENT_WATERMARK(ts);`,
	Right: `CREATE TABLE orders (item STRING, ts TIMESTAMP(3), sent TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE late (item STRING, ts TIMESTAMP(3));
INSERT INTO late SELECT item, ts FROM orders WHERE ts <= sent - INTERVAL '5' SECOND;`,
}

func checkD34(in *judged) []hit {
	var out []hit
	inspect(in.stmt, func(n Node) {
		if c, ok := n.(*Call); ok && c.Func == "CURRENT_WATERMARK" {
			out = append(out, hit{at: c.Pos, message: "CURRENT_WATERMARK is where the watermark stands when the row arrives"})
		}
	})
	return out
}
