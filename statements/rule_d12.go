package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d12 = Rule{
	ID:           "D12",
	Title:        "the best rows by an order with ties",
	Why:          "which of two equal rows is among the first depends on which arrives first",
	Remedy:       "append a unique column to the order",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: NonDeterministic,
	check:  checkD12,
	Page: `Top-N (ROW_NUMBER() … <= n) and ORDER BY … LIMIT n keep rows by an order. Where it says nothing about two rows, the one that came first stays.

Nothing is found where the order and the partition hold a primary key of the rows, where all rows of a partition of the query come from one partition of the topic, where equal rows are equal in every column that is used, and, since most tables declare no key, where the order has a second column.`,
	Wrong: `CREATE TABLE orders (id STRING, shop STRING, price DECIMAL(10, 2));
CREATE TABLE dearest (shop STRING, rn BIGINT, id STRING, PRIMARY KEY (shop, rn) NOT ENFORCED);
INSERT INTO dearest SELECT shop, rn, id FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY price DESC) AS rn FROM orders) WHERE rn <= 3;`,
	Right: `CREATE TABLE orders (id STRING, shop STRING, price DECIMAL(10, 2));
CREATE TABLE dearest (shop STRING, rn BIGINT, id STRING, PRIMARY KEY (shop, rn) NOT ENFORCED);
INSERT INTO dearest SELECT shop, rn, id FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY price DESC, id) AS rn FROM orders) WHERE rn <= 3;`,
}

func checkD12(in *judged) []hit {
	var out []hit
	tied := func(at Pos, r Rel, what string, partition []Scalar, order []SortKey, need map[int]bool) {
		if len(order) > 0 && in.ties(r, partition, order, need) {
			out = append(out, hit{at: at, message: what + " orders by " + orderNames(order) + ", in which rows may be equal",
				remedy: "break ties by a column that is unique: " + orderText(r, partition, order)})
		}
	}
	in.used(func(r Rel, need map[int]bool) {
		switch n := r.(type) {
		case *Ranking:
			if !n.Dedup {
				tied(n.Pos, n.In, "the Top-N", n.Partition, n.Order, need)
			}
		case *Sorting:
			if n.Limit >= 0 {
				tied(n.Pos, n.In, "ORDER BY … LIMIT", nil, n.Order, need)
			}
		}
	})
	return out
}

// used calls visit for each operator below a sink, with the columns of its row that are used.
func (in *judged) used(visit func(Rel, map[int]bool)) {
	for _, w := range in.related() {
		used := columnsUsed(w)
		var walk func(Rel)
		walk = func(r Rel) {
			visit(r, used[r])
			for _, below := range Inputs(r) {
				walk(below)
			}
		}
		walk(w.In)
	}
}
