package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d10 = Rule{
	ID:           "D10",
	Title:        "the first or last value of a group",
	Why:          "FIRST_VALUE and LAST_VALUE of a group go by arrival, and rows of different partitions arrive in another order in each region",
	Remedy:       "take the first row by event time and a unique tie-breaker: ROW_NUMBER() OVER (PARTITION BY … ORDER BY ts, id) = 1",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD10,
	Page: `In GROUP BY there is no order: the value is that of the row which reached the operator first, or last. Rows of one partition keep their order, so nothing is found where the columns by which the table is distributed are among the keys of the group.

With OVER there is an order, and D14 is about its ties.`,
	Wrong: `CREATE TABLE orders (id STRING, customer STRING, item STRING);
CREATE TABLE favourites (customer STRING, item STRING, PRIMARY KEY (customer) NOT ENFORCED);
INSERT INTO favourites SELECT customer, LAST_VALUE(item) FROM orders GROUP BY customer;`,
	Right: `CREATE TABLE orders (id STRING, customer STRING, item STRING);
CREATE TABLE favourites (customer STRING, item STRING, PRIMARY KEY (customer) NOT ENFORCED);
INSERT INTO favourites SELECT customer, item FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY $rowtime DESC, id) AS rn FROM orders) WHERE rn = 1;`,
}

func checkD10(in *judged) []hit {
	var out []hit
	in.operators(func(r Rel) {
		n, ok := r.(*Aggregation)
		if !ok {
			return
		}
		for _, a := range n.Aggregates {
			if a.Func != "FIRST_VALUE" && a.Func != "LAST_VALUE" || !in.byArrival(n, a) {
				continue
			}
			word := "first"
			if a.Func == "LAST_VALUE" {
				word = "last"
			}
			out = append(out, hit{at: a.Pos, message: a.Func + " takes the row of the group that arrives " + word})
		}
	})
	return out
}

// byArrival reports whether an aggregate that goes by the order of rows sees them in an order that nothing gives: not where the
// rows of a group come from one partition, nor where all of them have the same value.
func (in *judged) byArrival(n *Aggregation, a *Aggregate) bool {
	if n.Sets > 0 {
		return true
	}
	keys := map[int]bool{}
	for _, k := range n.Keys {
		if ref, ok := k.(*ColumnRef); ok {
			keys[ref.Index] = true
		}
	}
	same := true
	for _, x := range a.Args {
		refs(x, func(i int) { same = same && keys[i] })
	}
	return !same && !in.onePartition(n.In, n.Keys)
}
