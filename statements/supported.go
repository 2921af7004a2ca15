package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

// Supported refuses what a statement asks for and the engine has not yet, as far as that shows without knowing the tables.
// Parse leaves it in the tree for the rules' sake: LIMIT, ORDER BY, DISTINCT, windows, functions. Resolve refuses the same by itself.
func Supported(p *Parsed) []report.Finding {
	n, ok := p.Statement.(*Insert)
	if !ok {
		return nil
	}
	if bad := caught(func() { refuseHints(n.Hints); supportedQuery(n.Query) }); bad != nil {
		return []report.Finding{p.finding(bad)}
	}
	return nil
}

// supportedQuery throws the first thing that is not supported, from the inside out.
func supportedQuery(q *Query) {
	sel, ok := q.Body.(*Select)
	if !ok {
		panic(unsupported(q.Body.At(), "this query", ""))
	}
	switch t := sel.From.(type) {
	case *Derived:
		supportedQuery(t.Query)
	case *WindowTable:
		refuseWindow(t)
	}
	refuseTail(q)
	refuseSelect(sel)
	for _, item := range sel.Items {
		supportedCalls(item.Expr)
	}
	for _, e := range append([]Expr{sel.Where, sel.Having}, sel.GroupBy...) {
		supportedCalls(e)
	}
}

// refuseTail refuses ORDER BY, LIMIT, FETCH and OFFSET.
func refuseTail(q *Query) {
	switch {
	case q.LimitAt.Line > 0 && q.Fetch:
		panic(unsupported(q.LimitAt, "FETCH", "leave it out: a stream has no first rows"))
	case q.LimitAt.Line > 0:
		panic(unsupported(q.LimitAt, "LIMIT", "leave it out: a stream has no first rows"))
	case q.Offset != nil:
		panic(unsupported(q.Offset.At(), "OFFSET", "leave it out"))
	case len(q.OrderBy) > 0:
		panic(unsupported(q.OrderBy[0].Pos, "ORDER BY", "leave it out: rows of a stream stand in the order of their topic"))
	}
}

func refuseSelect(n *Select) {
	switch {
	case n.From == nil:
		panic(unsupported(n.Pos, "SELECT without FROM", "lifeboat's engine reads tables"))
	case n.Distinct:
		panic(unsupported(n.Pos, "SELECT DISTINCT", "group by the columns in a window"))
	}
	refuseHints(n.Hints)
}

const onlyTumble = "the only window that lifeboat's engine has yet is TUMBLE"

func refuseWindow(n *WindowTable) {
	if n.Kind != Tumble {
		panic(unsupported(n.Pos, string(n.Kind), onlyTumble))
	}
}

func refuseHints(hs []Hint) {
	if len(hs) > 0 {
		panic(unsupported(hs[0].Pos, "the hint "+clip(hs[0].Name)+" here", "leave it out"))
	}
}

func supportedCalls(e Expr) {
	walkExpr(e, func(x Expr) bool {
		if c, ok := x.(*Call); ok {
			findFunction(c)
		}
		return true
	})
}

// findFunction returns the signature of the function that is called, and its name; an aggregate has none.
func findFunction(n *Call) (string, function) {
	if aggregates[n.Func] {
		return n.Func, function{}
	}
	name := n.Func
	if other, ok := aliases[name]; ok {
		name = other
	}
	f, ok := functions[name]
	switch {
	case name == "UNIX_TIMESTAMP" && len(n.Args) == 0:
		panic(unsupported(n.Pos, "UNIX_TIMESTAMP() of the clock", "use $rowtime or a time column of the data"))
	case !ok || n.Bare:
		panic(unknownFunction(n.Pos, n.Func))
	}
	return name, f
}
