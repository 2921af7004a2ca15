package statements

import (
	"maps"
	"slices"
)

// walkExpr calls f for e and, as long as it returns true, for the expressions within e. A chain of operators is walked in a
// loop, since it may be as long as a statement.
func walkExpr(e Expr, f func(Expr) bool) {
	var right []Expr // of the chain's operators, the outermost first
	b, ok := e.(*Binary)
	for ; ok && f(b); b, ok = e.(*Binary) {
		right = append(right, b.Y)
		e = b.X
	}
	if !ok && e != nil && f(e) {
		for _, c := range children(e) {
			walkExpr(c, f)
		}
	}
	for _, y := range slices.Backward(right) {
		walkExpr(y, f)
	}
}

// children are the expressions directly within e.
func children(e Expr) []Expr {
	var out []Expr
	add := func(es ...Expr) {
		for _, x := range es {
			if x != nil {
				out = append(out, x)
			}
		}
	}
	switch n := e.(type) {
	case *Unary:
		add(n.X)
	case *Binary:
		add(n.X, n.Y)
	case *Is:
		add(n.X)
	case *Between:
		add(n.X, n.Low, n.High)
	case *In:
		add(n.X)
		add(n.List...)
	case *Like:
		add(n.X, n.Pattern, n.Escape)
	case *Case:
		add(n.Operand)
		for _, w := range n.Whens {
			add(w.Cond, w.Then)
		}
		add(n.Else)
	case *Cast:
		add(n.X)
	case *Call:
		add(n.Args...)
		add(n.Filter)
	case *Extract:
		add(n.X)
	case *RoundTo:
		add(n.X)
	case *Trim:
		add(n.Chars, n.X)
	case *NamedArg:
		add(n.Value)
	}
	return out
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
