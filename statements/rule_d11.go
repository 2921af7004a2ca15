package statements

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d11 = Rule{
	ID:           "D11",
	Title:        "a list in the order of arrival",
	Why:          "the elements stand in the order in which rows arrive, and rows of different partitions arrive in another order in each region",
	Remedy:       "sort the elements: ARRAY_SORT(ARRAY_AGG(x)), or ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(x)), ',') for a text",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD11,
	Page: `LISTAGG, ARRAY_AGG, COLLECT, JSON_ARRAYAGG and JSON_OBJECTAGG take rows as they come; ORDER BY within them is not supported. JSON_OBJECTAGG sorts its keys, but of a key that comes twice the last value counts.

Nothing is found where the order does not show: the list is sorted, counted or searched (ARRAY_SORT, CARDINALITY, ARRAY_CONTAINS, ARRAY_MAX, ARRAY_MIN), or all rows of a group come from one partition.`,
	Wrong: `CREATE TABLE orders (customer STRING, item STRING);
CREATE TABLE baskets (customer STRING, items STRING, PRIMARY KEY (customer) NOT ENFORCED);
INSERT INTO baskets SELECT customer, LISTAGG(item, ';') FROM orders GROUP BY customer;`,
	Right: `CREATE TABLE orders (customer STRING, item STRING);
CREATE TABLE baskets (customer STRING, items STRING, PRIMARY KEY (customer) NOT ENFORCED);
INSERT INTO baskets SELECT customer, ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(item)), ';') FROM orders GROUP BY customer;`,
}

var listingCalls = wordSet(`ARRAY_AGG COLLECT JSON_ARRAYAGG JSON_OBJECTAGG LISTAGG`)

func checkD11(in *judged) []hit {
	calls := map[Pos]string{}
	u := &unsorted{shows: map[Pos]bool{}, aggregate: func(_ Rel, n *Aggregation, a *Aggregate) bool {
		if !listingCalls[a.Func] || !in.byArrival(n, a) {
			return false
		}
		if c, ok := in.callAt(a.Pos).(*Call); ok && len(c.OrderBy) > 0 {
			return false
		}
		if a.Func == "JSON_OBJECTAGG" && keyedOnce(n, a) {
			return false
		}
		calls[a.Pos] = a.Func
		return true
	}}
	for _, w := range in.related() {
		u.write(w)
	}
	var out []hit
	for _, at := range slices.SortedFunc(maps.Keys(u.shows), Pos.compare) {
		h := hit{at: at, message: calls[at] + " takes the elements in the order in which they arrive", remedy: sortedCall(in.callAt(at))}
		if calls[at] == "JSON_OBJECTAGG" { // Flink sorts the keys
			h.message = "of a key that comes twice JSON_OBJECTAGG takes the value that arrives last"
			h.active, h.passive = report.Medium, report.Medium
		}
		out = append(out, h)
	}
	return out
}

// keyedOnce reports whether a group has each key of a JSON_OBJECTAGG at most once.
func keyedOnce(n *Aggregation, a *Aggregate) bool {
	given := map[int]bool{}
	for _, x := range append(slices.Clone(n.Keys), a.Args[:min(1, len(a.Args))]...) {
		if ref, ok := x.(*ColumnRef); ok {
			given[ref.Index] = true
		}
	}
	return slices.ContainsFunc(UniqueKeys(n.In), func(key []int) bool {
		return !slices.ContainsFunc(key, func(i int) bool { return !given[i] })
	})
}

func (p Pos) compare(o Pos) int {
	if p.Line != o.Line {
		return p.Line - o.Line
	}
	return p.Column - o.Column
}

// sortedCall writes an aggregate that lists elements so that they are sorted; "" where there is no such way.
func sortedCall(e Expr) string {
	switch n := e.(type) {
	case *Call:
		if len(n.Args) == 0 {
			return ""
		}
		distinct, filter := "", ""
		if n.Distinct {
			distinct = "DISTINCT "
		}
		if n.Filter != nil {
			filter = " FILTER (WHERE " + n.Filter.SQL() + ")"
		}
		sorted := fmt.Sprintf("ARRAY_SORT(ARRAY_AGG(%s%s)%s)", distinct, n.Args[0].SQL(), filter)
		if n.Func != "LISTAGG" {
			return "write " + sorted
		}
		separator := "','"
		if len(n.Args) > 1 {
			separator = n.Args[1].SQL()
		}
		return fmt.Sprintf("write ARRAY_JOIN(%s, %s)", sorted, separator)
	case *JSONMake:
		if n.Func == "JSON_ARRAYAGG" && len(n.Values) == 1 {
			value, filter := n.Values[0].SQL(), ""
			if n.Filter != nil {
				filter = " AND " + n.Filter.SQL()
			}
			if n.OnNull != "NULL" {
				return fmt.Sprintf("write JSON_STRING(ARRAY_SORT(ARRAY_AGG(%s) FILTER (WHERE %s IS NOT NULL%s)))", value, value, filter)
			}
			return fmt.Sprintf("write JSON_STRING(ARRAY_SORT(ARRAY_AGG(%s)))", value)
		}
		if n.Func == "JSON_OBJECTAGG" {
			return "see that a key comes once in each group, by a deduplication before it"
		}
	}
	return ""
}
