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
	if len(in.related()) > 0 {
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
					out = append(out, sumHits(a.Pos, a.Func, a.Args[0].Type())...)
				}
			}
		})
		return out
	}
	n := in.insert()
	if n == nil {
		return nil
	}
	for _, sel := range selects(n.Query) {
		outputs := []Expr{sel.Having}
		for _, item := range sel.Items {
			outputs = append(outputs, item.Expr)
		}
		for _, e := range outputs {
			walkExpr(e, func(x Expr) bool {
				if c, ok := x.(*Call); ok && summing[c.Func] && len(c.Args) == 1 {
					out = append(out, in.sumOf(c, sel)...)
				}
				return true
			})
		}
	}
	return out
}

// sumOf judges a sum in a statement that can not be resolved as a whole.
func (in *judged) sumOf(c *Call, sel *Select) []hit {
	t, known := in.typeWithin(c.Args[0], sel)
	switch {
	case !known:
		return []hit{{at: c.Pos, active: report.Low, passive: report.Low, remedy: "declare the table with CREATE TABLE",
			message: fmt.Sprintf("the type of %s is not known here, so whether %s is exact can not be told", clip(c.Args[0].SQL()), c.Func)}}
	default:
		return sumHits(c.Pos, c.Func, t)
	}
}

func sumHits(at Pos, f string, t Type) []hit {
	switch {
	case t.Kind == KindInvalid:
		return []hit{{at: at, active: report.Low, passive: report.Low, remedy: "CAST it to DECIMAL",
			message: fmt.Sprintf("the type of what %s sums is not known here, so whether it is exact can not be told", f)}}
	case t.IsApproximate():
		return []hit{{at: at, message: fmt.Sprintf("%s of %s differs in its last digits with the order of the rows", f, t.Kind)}}
	}
	return nil
}

// typeWithin is the type of an expression as far as it shows: by a cast around it or around every branch of a CASE, or by the table that
// the query reads.
func (in *judged) typeWithin(e Expr, sel *Select) (t Type, known bool) {
	switch c := e.(type) {
	case *Cast:
		return c.Type.Type, true
	case *Case:
		for _, w := range c.Whens {
			if t, known = in.typeWithin(w.Then, sel); !known || t.IsApproximate() {
				return t, known
			}
		}
		if c.Else != nil {
			return in.typeWithin(c.Else, sel)
		}
		return t, known
	}
	if in.facts.Tables == nil {
		return Type{}, false
	}
	bad := caught(func() {
		r := &resolver{cat: in.facts.Tables}
		s := &scope{table: "a query without FROM"}
		if sel.From != nil {
			_, s = r.from(sel.From)
		}
		t = r.expr(e, s).Type()
	})
	return t, bad == nil
}
