package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d17 = Rule{
	ID:           "D17",
	Title:        "floating-point sums",
	Why:          "a floating-point sum depends on the order of its summands in the last digits, and partitions interleave in another order in each region",
	Remedy:       "sum exactly: CAST(x AS DECIMAL(p, s)); or compare the outputs with a tolerance",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: NonDeterministic,
	check:  checkD17,
	Page:   `Addition of FLOAT and DOUBLE is not associative. Sums of the same numbers in another order differ in the last digits: enough for a comparison byte by byte to fail, and for a threshold to be passed in one region alone. MIN, MAX and COUNT are exact, and so are sums of DECIMAL.`,
	Wrong: `CREATE TABLE orders (item STRING, price DOUBLE);
CREATE TABLE sums (item STRING, total DOUBLE, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO sums SELECT item, SUM(price) FROM orders GROUP BY item;`,
	Right: `CREATE TABLE orders (item STRING, price DOUBLE);
CREATE TABLE sums (item STRING, total DECIMAL(38, 2), PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO sums SELECT item, SUM(CAST(price AS DECIMAL(12, 2))) FROM orders GROUP BY item;`,
}

var summing = wordSet(`AVG STDDEV STDDEV_POP STDDEV_SAMP SUM VARIANCE VAR_POP VAR_SAMP`)

func checkD17(in *judged) []hit {
	var out []hit
	in.operators(func(r Rel) {
		var calls []*Aggregate
		switch n := r.(type) {
		case *Aggregation:
			calls = n.Aggregates
		case *Over:
			calls = n.Calls
		}
		for _, a := range calls {
			if summing[a.Func] && len(a.Args) > 0 {
				out = append(out, sumHits(a.Pos, a.Func, a.Args[0])...)
			}
		}
	})
	return out
}

func sumHits(at Pos, f string, x Scalar) []hit {
	switch t := x.Type(); {
	case t.Kind == KindInvalid:
		what := "what " + f + " sums"
		if c, ok := x.(*ColumnRef); ok {
			what = quoteName(clip(c.Name))
		}
		return []hit{{at: at, active: report.Low, passive: report.Low, remedy: "declare the table with CREATE TABLE, or CAST it to DECIMAL",
			message: fmt.Sprintf("the type of %s is not known here, so whether %s is exact can not be told", what, f)}}
	case t.IsApproximate():
		return []hit{{at: at, message: fmt.Sprintf("%s of %s differs in its last digits with the order of the rows", f, t.Kind)}}
	}
	return nil
}
