package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d15 = Rule{
	ID:           "D15",
	Title:        "a pattern over rows ordered by time alone",
	Why:          "rows with the same time are matched in the order in which they arrive, and rows that come late are not matched at all",
	Remedy:       "add a second column to the ORDER BY of MATCH_RECOGNIZE",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: NonDeterministic,
	check:  checkD15,
	Page: `MATCH_RECOGNIZE sorts the rows of a partition by a time attribute before it matches. After it, ORDER BY may name more columns, which order rows of the same time.

Rows that come after the watermark are dropped: that the watermark's delay covers the disorder is what D07 is about.`,
	Wrong: `CREATE TABLE clicks (id BIGINT, visitor STRING, page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE bought (visitor STRING, bought_at TIMESTAMP(3));
INSERT INTO bought SELECT visitor, bought_at FROM clicks MATCH_RECOGNIZE (
  PARTITION BY visitor ORDER BY ts MEASURES b.ts AS bought_at ONE ROW PER MATCH
  PATTERN (a b) WITHIN INTERVAL '1' HOUR DEFINE a AS a.page = 'cart', b AS b.page = 'paid');`,
	Right: `CREATE TABLE clicks (id BIGINT, visitor STRING, page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE bought (visitor STRING, bought_at TIMESTAMP(3));
INSERT INTO bought SELECT visitor, bought_at FROM clicks MATCH_RECOGNIZE (
  PARTITION BY visitor ORDER BY ts, id MEASURES b.ts AS bought_at ONE ROW PER MATCH
  PATTERN (a b) WITHIN INTERVAL '1' HOUR DEFINE a AS a.page = 'cart', b AS b.page = 'paid');`,
}

func checkD15(in *judged) []hit {
	var out []hit
	in.operators(func(r Rel) {
		n, ok := r.(*Matching)
		if ok && len(n.Order) > 0 && in.ties(n.In, n.Partition, n.Order, everyColumn(n.In)) {
			out = append(out, hit{at: n.Pos, message: "MATCH_RECOGNIZE takes rows with the same " + orderNames(n.Order) + " in the order in which they arrive",
				remedy: "break ties by a column that is unique: " + orderText(n.In, n.Partition, n.Order)})
		}
	})
	return out
}
