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
	for _, s := range in.calls {
		if !summing[s.call.Func] || len(s.call.Args) != 1 || s.via != "" {
			continue
		}
		switch t, known := evidentType(s.call.Args[0]); {
		case !known:
			h := hit{at: s.Pos, active: report.Low, passive: report.Low, message: fmt.Sprintf("the type of %s is not known here, so whether %s is exact can not be told", clip(s.call.Args[0].SQL()), s.call.Func)}
			h.remedy = "declare the table with CREATE TABLE, or check against the region"
			out = append(out, h)
		case t.IsApproximate():
			out = append(out, sumHit(s.Pos, s.call.Func, t))
		}
	}
	return out
}

func sumHit(at Pos, f string, t Type) hit {
	return hit{at: at, message: fmt.Sprintf("%s of %s differs in its last digits with the order of the rows", f, t.Kind)}
}

// evidentType is the type of an expression that shows without knowing the tables.
func evidentType(e Expr) (t Type, known bool) {
	switch n := e.(type) {
	case *Cast:
		return n.Type.Type, true
	case *Literal:
		if n.Kind == NumberLiteral {
			t, _ = number(n)
			return t, true
		}
	}
	return Type{}, false
}
