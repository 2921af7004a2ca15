package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d26 = Rule{
	ID:           "D26",
	Title:        "every intermediate result in the output",
	Why:          "which results a row goes through before its last one depends on how the inputs interleave; an output without a key keeps all of them",
	Remedy:       "write to a table with a primary key, and compare the last row of each key",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: DeterministicFinalState,
	check:  checkD26,
	Page:   `An aggregation or a regular join takes its results back as rows arrive. A retract output holds all of these steps, and other steps lead to the same end in another region. With a primary key the last row counts.`,
	Wrong: `CREATE TABLE orders (item STRING);
CREATE TABLE counts (item STRING, n BIGINT) WITH ('changelog.mode' = 'retract');
INSERT INTO counts SELECT item, COUNT(*) FROM orders GROUP BY item;`,
	Right: `CREATE TABLE orders (item STRING);
CREATE TABLE counts (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO counts SELECT item, COUNT(*) FROM orders GROUP BY item;`,
}

// checkD26 finds the operators that take rows back of their own accord: those that only pass on what their input takes back
// keep its order by key.
func checkD26(in *judged) []hit {
	var out []hit
	a := newAnalysis()
	for _, w := range in.related() {
		if w.Mode == Upsert || w.Table.Open || w.Table.Name == resultTable || a.kinds(w.In).InsertOnly() || a.sink(w).Refused != "" {
			continue
		}
		if r := updating(a, w.In); r != nil {
			out = append(out, hit{at: r.At(), message: fmt.Sprintf("%s writes every intermediate result (%s) to %s, which has no key by which the last one would count",
				OperatorName(r), a.kinds(r), w.Table.Name)})
		}
	}
	return out
}

// updating is the operator nearest to the sink that gives updates where its inputs, read in another order, would have given others.
func updating(a *analysis, r Rel) Rel {
	if a.kinds(r).InsertOnly() {
		return nil
	}
	switch n := r.(type) {
	case *Aggregation, *Ranking, *Over:
		return r
	case *Sorting:
		if n.Limit >= 0 {
			return r
		}
	case *Combining:
		if n.Op != Union || !n.All {
			return r
		}
	case *Joining:
		if n.Form == RegularJoin {
			return r
		}
	}
	for _, below := range Inputs(r) {
		if found := updating(a, below); found != nil {
			return found
		}
	}
	return nil
}
