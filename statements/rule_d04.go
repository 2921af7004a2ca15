package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d04 = Rule{
	ID:           "D04",
	Title:        "random values",
	Why:          "each region, and each replay, draws another value; as a key it gives every replayed row a new one, so that nothing is replaced",
	Remedy:       "hash the business key: MD5(CONCAT_WS('|', k1, k2))",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD04,
	Page:   `UUID(), RAND() and RAND_INTEGER() draw anew each time. In an ordinary column the values differ, and no more; in a primary key or a column that chooses the partition a replayed row is another row, so that it blocks a start from history. A hash of what makes the row unique is as good, and the same each time.`,
	Wrong: `CREATE TABLE orders (customer STRING, item STRING);
CREATE TABLE tickets (id STRING, item STRING, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO tickets SELECT UUID(), item FROM orders;`,
	Right: `CREATE TABLE orders (customer STRING, item STRING);
CREATE TABLE tickets (id STRING, item STRING, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO tickets SELECT MD5(CONCAT_WS('|', customer, item)), item FROM orders;`,
}

var randoms = wordSet(`RAND RAND_INTEGER UUID`)

func checkD04(in *judged) []hit {
	var out []hit
	for _, s := range in.calls {
		if !randoms[s.call.Func] {
			continue
		}
		h := hit{at: s.Pos, message: s.what() + " gives another value every time"}
		if key := in.keyColumn(s.output); key != "" {
			h.message += ", and " + quoteName(clip(key)) + " is a key of the output"
			h.passive = report.Block
		}
		out = append(out, h)
	}
	return out
}
