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
}

var summing = wordSet(`AVG STDDEV STDDEV_POP STDDEV_SAMP SUM VARIANCE VAR_POP VAR_SAMP`)

func checkD17(in *judged) []hit {
	var out []hit
	if in.rels != nil {
		if in.rels.Write == nil {
			return nil
		}
		for r := Rel(in.rels.Write); r != nil; r = r.Input() {
			agg, ok := r.(*Aggregation)
			if !ok {
				continue
			}
			for _, a := range agg.Aggregates {
				if summing[a.Func] && a.Args[0].Type().IsApproximate() {
					out = append(out, sumHit(a.Pos, a.Func, a.Args[0].Type()))
				}
			}
		}
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
	case t.IsApproximate():
		return []hit{sumHit(c.Pos, c.Func, t)}
	}
	return nil
}

func sumHit(at Pos, f string, t Type) hit {
	return hit{at: at, message: fmt.Sprintf("%s of %s differs in its last digits with the order of the rows", f, t.Kind)}
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
		_, s := r.from(sel.From)
		t = r.expr(e, s).Type()
	})
	return t, bad == nil
}
