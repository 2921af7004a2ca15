package statements

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Supported refuses what a statement asks for and the engine has not yet, as far as that shows without knowing the tables.
// Parse leaves it in the tree for the analysis' sake. Resolve refuses the same by itself.
func Supported(p *Parsed) []report.Finding {
	switch p.Statement.(type) {
	case nil, *Set, *Reset, *Use: // what follows in the file has the properties that these say
		return nil
	}
	if bad := caught(func() { supported(p.Statement) }); bad != nil {
		return []report.Finding{p.finding(bad)}
	}
	return nil
}

const oneStatement = "lifeboat's engine takes CREATE TABLE and INSERT INTO … SELECT"

// supported throws the first thing that the engine can not run.
func supported(s Statement) {
	understood(s)
	v := queryVisitor{query: refuseTail, sel: refuseSelect,
		table: func(t TableExpr) {
			if w, ok := t.(*WindowTable); ok {
				refuseWindow(w)
			}
		},
		expr: func(e Expr) {
			walkExpr(e, func(x Expr) bool {
				if c, ok := x.(*Call); ok {
					findFunction(c)
				}
				return true
			})
		}}
	for _, q := range queriesOf(s) {
		v.walkQuery(q, nil)
	}
}

// understood throws the first thing by which a statement is more than queries of one table within each other: what neither the engine nor the
// analysis knows yet.
func understood(s Statement) {
	switch n := s.(type) {
	case *CreateTable:
		switch {
		case n.Query != nil:
			panic(unsupported(n.Query.Pos, "CREATE TABLE … AS SELECT", "write CREATE TABLE with its columns and an INSERT INTO"))
		case n.Like != nil:
			panic(unsupported(n.Like.Pos, "CREATE TABLE … LIKE", "write the columns out"))
		case n.Distribution != nil && n.Distribution.Partitioned:
			panic(unsupported(n.Distribution.Pos, "PARTITIONED BY", "write DISTRIBUTED BY (columns) INTO n BUCKETS"))
		}
		for _, o := range n.Options {
			if o.Key == "connector" && !strings.EqualFold(o.Value, ownConnector) {
				panic(unsupported(o.Pos, "the connector "+quoteString(clip(o.Value)), "lifeboat's tables are Kafka topics: leave the option out"))
			}
		}
	case *Insert:
		switch {
		case n.Overwrite:
			panic(unsupported(n.Pos, "INSERT OVERWRITE", "write INSERT INTO"))
		case n.OnConflict != "":
			panic(unsupported(n.Pos, "ON CONFLICT", "leave it out"))
		case len(n.Partition) > 0:
			panic(unsupported(n.Partition[0].Column.Pos, "PARTITION in INSERT INTO", ""))
		}
		refuseHints(n.Hints)
		understoodQuery(n.Query)
	case *QueryStatement:
		panic(unsupported(n.Pos, "a query without INSERT INTO", "write INSERT INTO table SELECT …"))
	case *StatementSet:
		panic(unsupported(n.Pos, "a statement set", "write its INSERT INTO statements one by one"))
	case *Set, *Reset, *Use:
		panic(unsupported(s.At(), s.Kind(), "declare properties in lifeboat.yaml, under the pipeline"))
	default:
		panic(unsupported(s.At(), strings.ReplaceAll(s.Kind(), "_", " "), oneStatement))
	}
}

const oneTable = "lifeboat's engine reads one table per statement"

func understoodQuery(q *Query) {
	if len(q.With) > 0 {
		panic(unsupported(q.With[0].Pos, "WITH", "write the common table expression as a query in FROM"))
	}
	sel, ok := q.Body.(*Select)
	switch n := q.Body.(type) {
	case *SetOperation:
		panic(unsupported(n.Pos, string(n.Op), "lifeboat's engine reads one table per statement: write an INSERT INTO for each query"))
	case *Values:
		panic(unsupported(n.Pos, "VALUES", "lifeboat's engine reads tables"))
	case *NamedTable:
		panic(unsupported(n.Pos, "TABLE as a query", "write SELECT * FROM the table"))
	}
	if !ok {
		panic(unsupported(q.Body.At(), "a query in parentheses with an order or a limit", ""))
	}
	switch t := sel.From.(type) {
	case nil:
	case *TableRef:
		if t.AsOf != nil {
			panic(unsupported(t.Pos, "FOR SYSTEM_TIME AS OF", oneTable))
		}
	case *Derived:
		if t.Lateral {
			panic(unsupported(t.Pos, "LATERAL", oneTable))
		}
		understoodQuery(t.Query)
	case *WindowTable:
		if t.Query != nil {
			panic(unsupported(t.Query.Pos, "a query as the input of "+string(t.Kind), "write its result to a table first, or window a table by its name"))
		}
	case *Join:
		what := "JOIN"
		switch {
		case t.Kind == CommaJoin:
			what = "a join of several tables in FROM"
		case t.Natural:
			what = "NATURAL JOIN"
		case t.Kind != InnerJoin:
			what = string(t.Kind) + " JOIN"
		}
		panic(&problem{Pos: t.Pos, rule: RuleUnsupported, message: what + " is not supported yet: " + oneTable})
	case *TableFunction:
		remedy := onlyTumble
		if meant := nearest(t.Func.Last(), tableFunctions); meant != "" && !strings.EqualFold(meant, t.Func.Last()) {
			remedy = "did you mean " + meant + "?"
		}
		panic(unsupported(t.Pos, "the table function "+clip(t.Func.Last()), remedy))
	case *Unnest:
		panic(unsupported(t.Pos, "UNNEST in FROM", oneTable))
	case *Match:
		panic(unsupported(t.Pos, "MATCH_RECOGNIZE", ""))
	default:
		panic(unsupported(t.At(), "this table", ""))
	}
	switch {
	case len(sel.Windows) > 0:
		panic(unsupported(sel.Windows[0].Pos, "WINDOW", ""))
	case sel.Qualify != nil:
		panic(unsupported(sel.Qualify.At(), "QUALIFY", ""))
	}
	for _, item := range sel.Items {
		understoodExpr(item.Expr)
	}
	for _, e := range append([]Expr{sel.Where, sel.Having}, sel.GroupBy...) {
		if e != nil {
			understoodExpr(e)
		}
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

// tableFunctions are those of Flink, the ones that stand in FROM without TABLE too.
var tableFunctions = []string{string(Tumble), string(Hop), string(Cumulate), string(Session), "UNNEST", "ML_PREDICT", "FROM_CHANGELOG", "TO_CHANGELOG", "VECTOR_SEARCH"}

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

// understoodExpr throws the first part of an expression that is more than operators and plain calls.
func understoodExpr(e Expr) {
	walkExpr(e, func(x Expr) bool {
		switch n := x.(type) {
		case *Call:
			understoodCall(n)
		case *In:
			if n.Query != nil {
				panic(unsupported(n.Query.Pos, "a query as an expression", oneTable))
			}
		case *Binary:
			if n.Op == OpOverlaps {
				panic(unsupported(n.Pos, "OVERLAPS", ""))
			}
		case *Subquery:
			panic(unsupported(n.Pos, "a query as an expression", oneTable))
		case *Exists:
			panic(unsupported(n.Pos, "EXISTS", oneTable))
		case *Quantified:
			panic(unsupported(n.Pos, n.Word, oneTable))
		case *Row:
			if n.Word {
				panic(unsupported(n.Pos, "the constructor ROW", ""))
			}
			panic(unsupported(n.Pos, "a row of several values", "compare the values one by one"))
		case *Collection:
			panic(unsupported(n.Pos, "the constructor "+n.Kind, ""))
		case *Item:
			panic(unsupported(n.Pos, "element access with [ ]", ""))
		case *FieldOf:
			panic(unsupported(n.Pos, "a field of a value", "lifeboat's engine reads whole columns yet"))
		case *AtTimeZone:
			panic(unsupported(n.Pos, "AT TIME ZONE", ""))
		case *IsJSON:
			panic(unsupported(n.Pos, "IS JSON", ""))
		case *JSONPath:
			panic(unsupported(n.Pos, n.Func, ""))
		case *JSONMake:
			panic(unsupported(n.Pos, n.Func, ""))
		case *Grouping:
			panic(unsupported(n.Pos, n.Kind, "write a statement for each grouping"))
		case *TableArg, *Descriptor, *ModelArg, *DefaultArg:
			panic(unsupported(n.At(), strings.Fields(n.SQL())[0]+" as an argument", ""))
		}
		return true
	})
}

func understoodCall(n *Call) {
	switch {
	case n.Over != nil:
		panic(unsupported(n.Over.Pos, "OVER", ""))
	case n.Within:
		panic(unsupported(n.Pos, "WITHIN GROUP", ""))
	case len(n.OrderBy) > 0:
		panic(unsupported(n.OrderBy[0].Pos, "ORDER BY in a call", ""))
	case n.Nulls != "":
		panic(unsupported(n.Pos, n.Nulls, ""))
	case len(n.Of) > 0:
		panic(unsupported(n.Pos, "the user-defined function "+clip(n.Func), ""))
	}
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
	case n.Declared:
		panic(unsupported(n.Pos, "the user-defined function "+clip(n.Func), ""))
	case name == "UNIX_TIMESTAMP" && len(n.Args) == 0:
		panic(unsupported(n.Pos, "UNIX_TIMESTAMP() of the clock", "use $rowtime or a time column of the data"))
	case !ok || n.Bare:
		panic(unknownFunction(n.Pos, n.Func))
	}
	return name, f
}
