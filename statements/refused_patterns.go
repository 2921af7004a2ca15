package statements

// refusedPatterns are what MATCH_RECOGNIZE of the SQL standard has and Flink's has not, in any dialect (Flink's page "Pattern Recognition").
var refusedPatterns = []refusal{
	{
		what: "ALL ROWS PER MATCH", in: everywhere, why: "a match gives one row", remedy: "write ONE ROW PER MATCH",
		find: on(func(n *Match) (Pos, string) {
			if n.AllRows {
				return n.Pos, "ALL ROWS PER MATCH"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "SUBSET", in: everywhere, why: "it has no unions of pattern variables", remedy: "name the variables one by one",
		find: on(func(n *Match) (Pos, string) {
			if len(n.Subsets) > 0 {
				return n.Subsets[0].Name.Pos, "SUBSET"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "PREV, NEXT and CLASSIFIER in MATCH_RECOGNIZE", in: everywhere, why: "rows are named by variables only", remedy: "write LAST(variable.column, n)",
		find: calls("PREV", "NEXT", "CLASSIFIER"),
	},
	{
		what: "aggregates of DISTINCT values in MATCH_RECOGNIZE", in: everywhere, why: "what was counted before is not kept", remedy: "leave DISTINCT out, or aggregate the matches",
		find: on(func(n *Match) (at Pos, name string) {
			look := func(e Expr) {
				walkExpr(e, func(x Expr) bool {
					if c, ok := x.(*Call); ok && c.Distinct && name == "" {
						at, name = c.Pos, c.Func+"(DISTINCT …) in MATCH_RECOGNIZE"
					}
					return true
				})
			}
			for _, m := range n.Measures {
				look(m.Expr)
			}
			for _, d := range n.Define {
				look(d.Cond)
			}
			return at, name
		}),
	},
	{
		what: "alternatives, groups, anchors, exclusions and PERMUTE in a row pattern", in: everywhere, why: "a row pattern is variables one after the other",
		remedy: "write a MATCH_RECOGNIZE for each alternative, and UNION ALL them",
		find:   on(func(n *Match) (Pos, string) { return strangePattern(n.Pattern) }),
	},
	{
		what: "a pattern that ends greedily", in: everywhere, why: `"Greedy quantifiers are not allowed as the last element of a Pattern yet. Finish your pattern with either a simple variable or reluctant quantifier."`,
		remedy: "end it with a variable, or put ? behind the quantifier",
		find: on(func(n *Match) (Pos, string) {
			last := n.Pattern
			if s, ok := last.(*PatternSequence); ok && len(s.Items) > 0 {
				last = s.Items[len(s.Items)-1]
			}
			if r, ok := last.(*PatternRepeat); ok && !r.Reluctant && r.Max < 0 {
				return r.Pos, "a pattern that ends greedily"
			}
			return Pos{}, ""
		}),
	},
}

// strangePattern is the first part of a pattern that is more than variables with quantifiers.
func strangePattern(p RowPattern) (Pos, string) {
	switch n := p.(type) {
	case *PatternVariable:
		if n.Name == "^" || n.Name == "$" {
			return n.Pos, "the anchor " + n.Name + " in a row pattern"
		}
	case *PatternChoice:
		return n.Pos, "alternatives in a row pattern"
	case *PatternPermute:
		if n.Exclude {
			return n.Pos, "an exclusion in a row pattern"
		}
		return n.Pos, "PERMUTE in a row pattern"
	case *PatternRepeat:
		if _, group := n.Item.(*PatternSequence); group {
			return n.Pos, "a group in a row pattern"
		}
		return strangePattern(n.Item)
	case *PatternSequence:
		for _, i := range n.Items {
			if at, name := strangePattern(i); name != "" {
				return at, name
			}
		}
	}
	return Pos{}, ""
}
