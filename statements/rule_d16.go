package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d16 = Rule{
	ID:           "D16",
	Title:        "LIMIT without ORDER BY",
	Why:          "which rows come first depends on how the partitions interleave",
	Remedy:       "add ORDER BY with a unique key, or leave the limit out",
	ActiveActive: report.Block, ActivePassive: report.Block,
	Leaves: NonDeterministic,
	check:  checkD16,
	Page:   `LIMIT and FETCH keep the rows that come first. With ORDER BY they are a Top-N; where its order has ties, D12 is about them.`,
	Wrong: `CREATE TABLE orders (id STRING, price DECIMAL(10, 2));
CREATE TABLE some_orders (id STRING, price DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO some_orders SELECT id, price FROM orders LIMIT 10;`,
	Right: `CREATE TABLE orders (id STRING, price DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED);
CREATE TABLE some_orders (id STRING, price DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO some_orders SELECT id, price FROM orders ORDER BY price DESC, id LIMIT 10;`,
}

func checkD16(in *judged) []hit {
	var out []hit
	v := queryVisitor{query: func(q *Query) {
		if q.Limit == nil || len(q.OrderBy) > 0 {
			return
		}
		word := "LIMIT"
		if q.Fetch {
			word = "FETCH"
		}
		out = append(out, hit{at: q.LimitAt, message: word + " keeps the rows that happen to come first"})
	}}
	for _, q := range queriesOf(in.stmt) {
		v.walkQuery(q, nil)
	}
	return out
}
