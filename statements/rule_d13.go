package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d13 = Rule{
	ID:           "D13",
	Title:        "a deduplication by time alone",
	Why:          "of rows with the same time the one that arrives first is kept, or the one that arrives last: another one in each region",
	Remedy:       "append a unique column to the order: ORDER BY ts, id",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: NonDeterministic,
	check:  checkD13,
	Page: `ROW_NUMBER() … ORDER BY a time attribute = 1 keeps one row of each key. Times are milliseconds, so that duplicates of a retried write often have the same.

With a second column in the order Flink runs a Top-1 instead of a deduplication: it keeps a little more state, and has no ties.`,
	Wrong: `CREATE TABLE orders (id STRING, state STRING, version INT);
CREATE TABLE latest (id STRING, state STRING, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO latest SELECT id, state FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY $rowtime DESC) AS rn FROM orders) WHERE rn = 1;`,
	Right: `CREATE TABLE orders (id STRING, state STRING, version INT);
CREATE TABLE latest (id STRING, state STRING, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO latest SELECT id, state FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY $rowtime DESC, version DESC) AS rn FROM orders) WHERE rn = 1;`,
}

func checkD13(in *judged) []hit {
	var out []hit
	in.used(func(r Rel, need map[int]bool) {
		n, ok := r.(*Ranking)
		if !ok || !n.Dedup || !in.ties(n.In, n.Partition, n.Order, need) {
			return
		}
		word := "first"
		if n.KeepLast {
			word = "last"
		}
		out = append(out, hit{at: n.Pos, message: "of rows with the same " + orderNames(n.Order) + " the deduplication keeps the one that arrives " + word,
			remedy: "break ties by a column that is unique: " + orderText(n.In, n.Partition, n.Order)})
	})
	return out
}
