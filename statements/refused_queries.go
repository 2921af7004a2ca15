package statements

import (
	"slices"
	"strings"
)

// refusedQueries are parts of queries and expressions.
var refusedQueries = []refusal{
	{
		what: "PROCTIME()", in: ccloud, why: `"Function 'PROCTIME' is not supported in Confluent's Flink SQL dialect"`,
		remedy: "use $rowtime or a time column of the data; what is computed by the clock differs in every region",
		find:   calls("PROCTIME"),
	},
	{
		what: "group windows in GROUP BY", in: ccloud, why: "windows are table functions, not functions in GROUP BY",
		remedy: "write FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' HOUR)) GROUP BY window_start, window_end",
		find: on(func(n *Call) (Pos, string) {
			switch n.Func {
			case "TUMBLE", "HOP", "SESSION":
				return n.Pos, "the group window " + n.Func
			}
			for _, w := range []string{"TUMBLE_", "HOP_", "SESSION_"} {
				part, ok := strings.CutPrefix(n.Func, w)
				if ok && slices.Contains([]string{"START", "END", "ROWTIME", "PROCTIME"}, part) {
					return n.Pos, n.Func + " of a group window"
				}
			}
			return Pos{}, ""
		}),
	},
	{
		what: "LATERAL TABLE(UNNEST(…))", in: ccloud, why: "UNNEST stands in FROM by itself", remedy: "write CROSS JOIN UNNEST(array) AS t (element)",
		find: on(func(n *TableFunction) (Pos, string) {
			if strings.EqualFold(n.Func.Last(), "UNNEST") {
				return n.Pos, "LATERAL TABLE(UNNEST(…))"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "UNNEST WITH ORDINALITY", in: before2026, why: "UNNEST gave elements without their numbers", remedy: "leave WITH ORDINALITY out",
		find: on(func(n *Unnest) (Pos, string) {
			if n.Ordinality {
				return n.Pos, "UNNEST WITH ORDINALITY"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "joins without an equality", in: ccloud, why: "cross joins and theta joins keep every row of both sides for every other",
		remedy: "join ON an equality of a column of each side; further conditions may stand beside it",
		find: on(func(n *Select) (Pos, string) {
			if j := withoutEquality(n); j != nil {
				return j.Pos, "a join without an equality of both sides"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "WITH RECURSIVE", in: everywhere, why: "a stream has no end at which the recursion could stop", remedy: "write each level as a join",
		find: on(func(n *Query) (Pos, string) {
			if n.Recursive {
				return n.Pos, "WITH RECURSIVE"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "OVER windows that look ahead", in: everywhere, why: `"OVER RANGE FOLLOWING windows are not supported yet."`, remedy: "end the frame at CURRENT ROW",
		find: func(n Node) (Pos, string) {
			var w *WindowSpec
			switch c := n.(type) {
			case *Call:
				w = c.Over
			case *JSONMake:
				w = c.Over
			}
			if w != nil && w.Frame != nil && (w.Frame.Start.Following || w.Frame.End.Following) {
				return w.Frame.Pos, "a frame that ends behind the current row"
			}
			return Pos{}, ""
		},
	},
	{
		what: "$rowtime", in: flink, why: "its tables have no system columns",
		remedy: "declare ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' and a watermark on it",
		find: func(n Node) (Pos, string) {
			switch c := n.(type) {
			case *ColumnName:
				if c.Last() == RowtimeColumn {
					return c.Pos, RowtimeColumn
				}
			case *WindowTable:
				if c.Time.Name == RowtimeColumn {
					return c.Time.Pos, RowtimeColumn
				}
			}
			return Pos{}, ""
		},
	},
	{
		what: "FROM_CHANGELOG and TO_CHANGELOG", in: before2026, why: "they came in 2026", remedy: "set 'changelog.mode' of the table instead",
		find: on(func(n *TableFunction) (Pos, string) {
			switch f := strings.ToUpper(n.Func.Last()); f {
			case "FROM_CHANGELOG", "TO_CHANGELOG":
				return n.Pos, f
			}
			return Pos{}, ""
		}),
	},
	{
		what: "functions of Confluent's for models and search", in: flink, why: "Flink has no such function", remedy: "call the service by a function of your own, or leave the statement to Confluent Cloud",
		find: func(n Node) (Pos, string) {
			at, f := n.At(), ""
			switch c := n.(type) {
			case *Call:
				f = c.Func
			case *TableFunction:
				f = strings.ToUpper(c.Func.Last())
			}
			if strings.HasPrefix(f, "AI_") || strings.HasSuffix(f, "_SEARCH_AGG") || strings.HasPrefix(f, "ML_") && f != "ML_PREDICT" {
				return at, f
			}
			return Pos{}, ""
		},
	},
	{
		what: "INFORMATION_SCHEMA", in: flink, why: "its catalogs have none", remedy: "use SHOW and DESCRIBE",
		find: on(func(n *TableRef) (Pos, string) { return informationSchema(n.Name) }),
	},
	{
		what: "INFORMATION_SCHEMA in INSERT INTO", in: ccloud, why: "its views are read by a SELECT of their own", remedy: "read it with a SELECT, and write what it gives as VALUES",
		find: on(func(n *Insert) (Pos, string) {
			for _, t := range readTables(n) {
				if at, name := informationSchema(t.Name); name != "" {
					return at, name + " in INSERT INTO"
				}
			}
			return Pos{}, ""
		}),
	},
}

func informationSchema(n Name) (Pos, string) {
	if parts := len(n.Parts); parts > 1 && strings.EqualFold(n.Parts[parts-2].Name, "INFORMATION_SCHEMA") {
		return n.Pos, "INFORMATION_SCHEMA"
	}
	return Pos{}, ""
}

// withoutEquality is a join of s whose sides no equality relates; nil where each has one as far as the text tells.
func withoutEquality(s *Select) *Join {
	for t := s.From; ; {
		j, ok := t.(*Join)
		if !ok {
			return nil
		}
		t = j.Left
		if len(j.Using) > 0 || j.Natural || correlated(j.Right) || relates(j.On) {
			continue
		}
		if inner := j.Kind == InnerJoin || j.Kind == CrossJoin || j.Kind == CommaJoin; !inner || !relates(s.Where) {
			return j
		}
	}
}

// correlated reports whether the right side of a join is computed from each row of the left, or is one row.
func correlated(t TableExpr) bool {
	switch n := t.(type) {
	case *Unnest, *TableFunction:
		return true
	case *Derived:
		return n.Lateral || oneRow(n.Query)
	}
	return false
}

// oneRow reports whether a query gives one row at most: an aggregation without keys.
func oneRow(q *Query) bool {
	s, ok := q.Body.(*Select)
	return ok && (s.From == nil || len(s.GroupBy) == 0 && hasAggregate(s))
}

// relates reports whether a condition holds an equality of two columns. Whose columns they are, the names alone do not tell.
func relates(cond Expr) bool {
	found := false
	walkExpr(cond, func(x Expr) bool {
		b, ok := x.(*Binary)
		found = found || ok && (b.Op == OpEq || b.Op == OpSame) && hasColumn(b.X) && hasColumn(b.Y)
		return ok && !found
	})
	return found
}

func hasColumn(e Expr) bool {
	found := false
	walkExpr(e, func(x Expr) bool {
		switch x.(type) {
		case *ColumnName, *FieldOf:
			found = true
		}
		return !found
	})
	return found
}
