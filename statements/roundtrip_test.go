package statements

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestRoundTrip: any tree, printed and parsed, is the same tree.
func TestRoundTrip(t *testing.T) {
	ignore := cmp.Options{
		cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b Type) bool { return a.Equal(b) }),
	}
	rapid.Check(t, func(t *rapid.T) {
		want := insertGen().Draw(t, "insert")
		sql := want.SQL()
		p, findings := ParseOne("", sql)
		if len(findings) > 0 {
			t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
		}
		if diff := cmp.Diff(want, p.Statement.(*Insert), ignore); diff != "" {
			t.Fatalf("-want +got\n%s\n%s", diff, sql)
		}
	})
}

func identGen() *rapid.Generator[Ident] {
	return rapid.Custom(func(t *rapid.T) Ident {
		return Ident{Name: rapid.SampledFrom([]string{"a", "b", "c d", "select", "x`y", "$rowtime", "Ä", "1", "window_start"}).Draw(t, "name")}
	})
}

func nameGen() *rapid.Generator[Name] {
	return rapid.Custom(func(t *rapid.T) Name {
		return Name{Parts: rapid.SliceOfN(identGen(), 1, 3).Draw(t, "parts")}
	})
}

func insertGen() *rapid.Generator[*Insert] {
	return rapid.Custom(func(t *rapid.T) *Insert {
		return &Insert{Table: nameGen().Draw(t, "table"), Columns: rapid.SliceOfN(identGen(), 0, 2).Draw(t, "columns"), Query: queryGen(3).Draw(t, "query")}
	})
}

func queryGen(depth int) *rapid.Generator[*Query] {
	return rapid.Custom(func(t *rapid.T) *Query {
		s := &Select{Distinct: rapid.Bool().Draw(t, "distinct")}
		for range rapid.IntRange(1, 3).Draw(t, "items") {
			item := &SelectItem{Expr: exprGen(depth).Draw(t, "item")}
			if rapid.Bool().Draw(t, "as") {
				a := identGen().Draw(t, "alias")
				item.Alias = &a
			}
			s.Items = append(s.Items, item)
		}
		s.From = tableGen(depth).Draw(t, "from")
		if depth > 1 && rapid.Bool().Draw(t, "window") {
			spec := windowGen(depth-1).Draw(t, "spec")
			spec.Bare = false
			s.Windows = []*WindowDef{{Name: identGen().Draw(t, "window"), Spec: spec}}
		}
		if depth > 1 && rapid.IntRange(0, 4).Draw(t, "qualify") == 0 {
			s.Qualify = exprGen(1).Draw(t, "qualify")
		}
		if rapid.Bool().Draw(t, "where") {
			s.Where = exprGen(depth).Draw(t, "where")
		}
		for range rapid.IntRange(0, 2).Draw(t, "keys") {
			s.GroupBy = append(s.GroupBy, exprGen(1).Draw(t, "key"))
		}
		if rapid.IntRange(0, 4).Draw(t, "sets") == 0 {
			s.GroupBy = append(s.GroupBy, &Grouping{Kind: rapid.SampledFrom([]string{"GROUPING SETS", "ROLLUP", "CUBE"}).Draw(t, "grouping"),
				Items: []Expr{exprGen(1).Draw(t, "key"), &Row{Items: []Expr{exprGen(1).Draw(t, "key"), exprGen(1).Draw(t, "key")}}, &Row{}}})
		}
		q := &Query{Body: s}
		if depth > 0 {
			q.Body = bodyGen(depth, s).Draw(t, "body")
			for range rapid.IntRange(0, 1).Draw(t, "with") {
				q.With = append(q.With, &CommonTable{Name: identGen().Draw(t, "cte"), Columns: rapid.SliceOfN(identGen(), 0, 2).Draw(t, "columns"), Query: queryGen(depth-1).Draw(t, "common")})
			}
		}
		if rapid.Bool().Draw(t, "order") {
			q.OrderBy = []*OrderItem{{Expr: exprGen(1).Draw(t, "order"), Descending: rapid.Bool().Draw(t, "desc"), Nulls: rapid.SampledFrom([]string{"", "FIRST", "LAST"}).Draw(t, "nulls")}}
		}
		return q
	})
}

// bodyGen makes a body of s and, at some depth, other queries.
func bodyGen(depth int, s QueryBody) *rapid.Generator[QueryBody] {
	return rapid.Custom(func(t *rapid.T) QueryBody {
		switch rapid.IntRange(0, 6).Draw(t, "body") {
		case 0:
			return &Values{Rows: []Expr{&Row{Items: []Expr{leafGen().Draw(t, "value"), leafGen().Draw(t, "value")}}, leafGen().Draw(t, "value")}}
		case 1, 2:
			if depth == 0 {
				return s
			}
			op := rapid.SampledFrom([]SetOperator{Union, Intersect, Except}).Draw(t, "op")
			return &SetOperation{Op: op, All: rapid.Bool().Draw(t, "all"), Left: bodyGen(depth-1, s).Draw(t, "left"), Right: bodyGen(depth-1, s).Draw(t, "right")}
		case 3:
			return &NamedTable{Name: nameGen().Draw(t, "table")}
		}
		return s
	})
}

func windowGen(depth int) *rapid.Generator[*WindowSpec] {
	return rapid.Custom(func(t *rapid.T) *WindowSpec {
		name := identGen().Draw(t, "window")
		if rapid.IntRange(0, 3).Draw(t, "bare") == 0 {
			return &WindowSpec{Name: &name, Bare: true}
		}
		w := &WindowSpec{}
		for range rapid.IntRange(0, 2).Draw(t, "partition") {
			w.PartitionBy = append(w.PartitionBy, exprGen(depth-1).Draw(t, "key"))
		}
		if rapid.Bool().Draw(t, "order") {
			w.OrderBy = []*OrderItem{{Expr: exprGen(depth-1).Draw(t, "order"), Descending: rapid.Bool().Draw(t, "desc")}}
		}
		if rapid.Bool().Draw(t, "frame") {
			w.Frame = &Frame{Range: rapid.Bool().Draw(t, "range"), Between: rapid.Bool().Draw(t, "between"), End: FrameBound{Current: true}}
			if rapid.Bool().Draw(t, "offset") {
				w.Frame.Start.Offset = leafGen().Draw(t, "offset")
			}
			if w.Frame.Between {
				w.Frame.End = FrameBound{Following: true}
			}
		}
		return w
	})
}

func joinGen(depth int) *rapid.Generator[TableExpr] {
	return rapid.Custom(func(t *rapid.T) TableExpr {
		j := &Join{Kind: rapid.SampledFrom([]JoinKind{InnerJoin, LeftJoin, RightJoin, FullJoin, CrossJoin, CommaJoin}).Draw(t, "join"),
			Left: tableGen(depth-1).Draw(t, "left"), Right: tableGen(depth-1).Draw(t, "right")}
		switch {
		case j.Kind == CrossJoin, j.Kind == CommaJoin:
		case rapid.IntRange(0, 3).Draw(t, "condition") == 0:
			j.Using = []Ident{identGen().Draw(t, "using")}
		case rapid.IntRange(0, 3).Draw(t, "natural") == 0:
			j.Natural = true
		default:
			j.On = exprGen(1).Draw(t, "on")
		}
		return j
	})
}

func matchGen(depth int, alias *Alias) *rapid.Generator[TableExpr] {
	return rapid.Custom(func(t *rapid.T) TableExpr {
		b := identGen().Draw(t, "variable")
		m := &Match{Table: &TableRef{Name: nameGen().Draw(t, "table")}, PartitionBy: []Expr{exprGen(depth-1).Draw(t, "key")}, OneRow: rapid.Bool().Draw(t, "one"),
			OrderBy: []*OrderItem{{Expr: &ColumnName{nameGen().Draw(t, "order")}}}, Measures: []*SelectItem{{Expr: exprGen(depth-1).Draw(t, "measure"), Alias: &b}},
			Pattern: patternGen(3).Draw(t, "pattern"), Define: []*PatternDef{{Name: b, Cond: exprGen(depth-1).Draw(t, "define")}}, Alias: alias}
		switch rapid.IntRange(0, 3).Draw(t, "after") {
		case 0:
			m.After = &AfterMatch{To: "PAST LAST ROW"}
		case 1:
			m.After = &AfterMatch{To: "TO FIRST", Variable: &b}
		}
		return m
	})
}

func patternGen(depth int) *rapid.Generator[RowPattern] {
	return rapid.Custom(func(t *rapid.T) RowPattern {
		sub := func() RowPattern { return patternGen(depth-1).Draw(t, "item") }
		if depth == 0 {
			return &PatternVariable{identGen().Draw(t, "variable")}
		}
		switch rapid.IntRange(0, 4).Draw(t, "pattern") {
		case 0:
			return &PatternSequence{Items: []RowPattern{sub(), sub()}}
		case 1:
			return &PatternChoice{Items: []RowPattern{sub(), sub()}}
		case 2:
			least := rapid.IntRange(0, 2).Draw(t, "least")
			return &PatternRepeat{Item: sub(), Min: least, Max: rapid.SampledFrom([]int{-1, least, least + 1}).Draw(t, "most"), Reluctant: rapid.Bool().Draw(t, "reluctant")}
		case 3:
			return &PatternPermute{Exclude: true, Items: []RowPattern{sub()}}
		}
		return &PatternVariable{identGen().Draw(t, "variable")}
	})
}

// valueGen makes the expressions that are more than operators and calls.
func valueGen(depth int) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		sub := func() Expr { return exprGen(depth-1).Draw(t, "operand") }
		query := func() *Query { return queryGen(0).Draw(t, "query") }
		not := rapid.Bool().Draw(t, "not")
		switch rapid.IntRange(0, 14).Draw(t, "value") {
		case 0:
			return &Subquery{Make: rapid.SampledFrom([]string{"", "ARRAY", "MULTISET"}).Draw(t, "make"), Query: query()}
		case 1:
			return &Exists{Query: query()}
		case 2:
			return &In{X: sub(), Not: not, Query: query()}
		case 3:
			return &Binary{Op: OpEq, X: sub(), Y: &Quantified{Word: "ANY", Query: query()}}
		case 4:
			return &Row{Word: not, Items: []Expr{sub(), sub()}}
		case 5:
			return &Collection{Kind: rapid.SampledFrom([]string{"ARRAY", "MAP", "MULTISET"}).Draw(t, "kind"), Items: []Expr{sub(), sub()}}
		case 6:
			return &Item{X: sub(), Index: sub()}
		case 7:
			return &FieldOf{X: sub(), Name: identGen().Draw(t, "field")}
		case 8:
			return &AtTimeZone{X: sub(), Zone: leafGen().Draw(t, "zone")}
		case 9:
			return &IsJSON{X: sub(), Not: not, What: rapid.SampledFrom([]string{"", "VALUE", "ARRAY"}).Draw(t, "what")}
		case 10:
			n := &JSONPath{Func: "JSON_VALUE", X: sub(), Path: leafGen().Draw(t, "path"), OnEmpty: &JSONOn{What: "DEFAULT", Default: leafGen().Draw(t, "default")}}
			if not {
				n.Returning = &TypeName{Type: typeGen(0).Draw(t, "type")}
				n.OnError = &JSONOn{What: "NULL"}
			}
			return n
		case 11:
			n := &JSONMake{Func: "JSON_OBJECT", Keys: []Expr{sub()}, Values: []Expr{sub()}}
			if not {
				n.OnNull = "ABSENT"
			}
			return n
		case 12:
			return &JSONMake{Func: "JSON_ARRAY", Values: []Expr{sub()}}
		case 13:
			return &Call{Func: "LISTAGG", Distinct: not, Args: []Expr{sub()}, Within: true, OrderBy: []*OrderItem{{Expr: sub()}}, Over: windowGen(depth).Draw(t, "over")}
		}
		return &Call{Of: []Ident{identGen().Draw(t, "catalog")}, Func: "F", Args: []Expr{sub()}, Over: windowGen(depth).Draw(t, "over")}
	})
}

func tableGen(depth int) *rapid.Generator[TableExpr] {
	return rapid.Custom(func(t *rapid.T) TableExpr {
		ref := &TableRef{Name: nameGen().Draw(t, "table")}
		var alias *Alias
		if rapid.Bool().Draw(t, "alias") {
			alias = &Alias{Name: identGen().Draw(t, "alias"), Columns: rapid.SliceOfN(identGen(), 0, 2).Draw(t, "names")}
		}
		switch n := rapid.IntRange(0, 6).Draw(t, "kind"); {
		case n == 2 && depth > 0:
			return joinGen(depth).Draw(t, "join")
		case n == 3 && depth > 0:
			return matchGen(depth, alias).Draw(t, "match")
		case n == 4:
			return &Unnest{Args: []Expr{leafGen().Draw(t, "array")}, Ordinality: alias != nil, Alias: alias}
		case n == 5:
			return &TableFunction{Lateral: alias != nil, Func: Name{Parts: []Ident{{Name: "F"}}}, Alias: alias,
				Args: []Expr{leafGen().Draw(t, "argument"), &NamedArg{Name: identGen().Draw(t, "name"), Value: &TableArg{Table: &TableRef{Name: ref.Name}, PartitionBy: []Expr{leafGen().Draw(t, "key")}}}}}
		case n == 0 && depth > 0:
			return &Derived{Query: queryGen(depth-1).Draw(t, "query"), Alias: alias}
		case n == 1:
			minutes := func(n string) *Interval {
				return &Interval{Text: n, From: UnitMinute, To: UnitMinute, Precision: -1, Scale: -1}
			}
			w := &WindowTable{Kind: rapid.SampledFrom([]WindowKind{Tumble, Hop, Cumulate, Session}).Draw(t, "window"), Table: ref,
				Time: identGen().Draw(t, "time"), Alias: alias, Size: minutes("90")}
			switch w.Kind {
			case Hop, Cumulate:
				w.Step = minutes("30")
			case Session:
				w.PartitionBy = rapid.SliceOfN(identGen(), 0, 2).Draw(t, "keys")
			}
			return w
		}
		ref.Alias = alias
		return ref
	})
}

func exprGen(depth int) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		if depth <= 0 {
			return leafGen().Draw(t, "leaf")
		}
		sub := func() Expr { return exprGen(depth-1).Draw(t, "operand") }
		not := rapid.Bool().Draw(t, "not")
		switch rapid.IntRange(0, 17).Draw(t, "kind") {
		case 0:
			return &Unary{Op: rapid.SampledFrom([]Operator{OpNot, OpSub, OpAdd}).Draw(t, "op"), X: sub()}
		case 1, 2, 3:
			op := rapid.SampledFrom([]Operator{OpAnd, OpOr, OpEq, OpNe, OpLt, OpLe, OpGt, OpGe, OpAdd, OpSub, OpMul, OpDiv, OpMod, OpConcat, OpDistinct, OpSame}).Draw(t, "op")
			return &Binary{Op: op, X: sub(), Y: sub()}
		case 4:
			return &Is{X: sub(), Not: not, Op: rapid.SampledFrom([]Operator{OpIsNull, OpIsTrue, OpIsFalse, OpIsUnknown}).Draw(t, "op")}
		case 5:
			return &Between{X: sub(), Low: sub(), High: sub(), Not: not, Symmetric: rapid.Bool().Draw(t, "symmetric")}
		case 6:
			return &In{X: sub(), Not: not, List: []Expr{sub(), sub()}}
		case 7:
			l := &Like{X: sub(), Pattern: sub(), Not: not, Similar: rapid.Bool().Draw(t, "similar")}
			if rapid.Bool().Draw(t, "escape") {
				l.Escape = sub()
			}
			return l
		case 8:
			c := &Case{Whens: []When{{sub(), sub()}, {sub(), sub()}}}
			if not {
				c.Operand = sub()
			}
			if rapid.Bool().Draw(t, "else") {
				c.Else = sub()
			}
			return c
		case 9:
			return &Cast{X: sub(), Try: not, Type: &TypeName{Type: typeGen(2).Draw(t, "type")}}
		case 10:
			return &Call{Func: rapid.SampledFrom([]string{"F", "COUNT", "POSITION", "LEFT", "MY FUNCTION"}).Draw(t, "func"), Args: []Expr{sub(), sub()}}
		case 11:
			return &Extract{Unit: UnitDoy, X: sub()}
		case 12:
			return &RoundTo{Func: "CEIL", X: sub(), Unit: UnitMonth}
		case 13, 14, 15, 16:
			return valueGen(depth).Draw(t, "value")
		default:
			n := &Trim{Side: rapid.SampledFrom([]string{"BOTH", "LEADING", "TRAILING"}).Draw(t, "side"), X: sub()}
			if not {
				n.Chars = sub()
			}
			return n
		}
	})
}

func leafGen() *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		switch rapid.IntRange(0, 4).Draw(t, "leaf") {
		case 0:
			return &ColumnName{nameGen().Draw(t, "column")}
		case 1:
			return &Literal{Kind: NumberLiteral, Text: rapid.SampledFrom([]string{"0", "1.50", "2e3", ".5"}).Draw(t, "number")}
		case 2:
			return &Literal{Kind: StringLiteral, Text: rapid.StringN(0, 8, -1).Draw(t, "string")}
		case 3:
			return &Interval{Text: "1-6", Negative: rapid.Bool().Draw(t, "negative"), From: UnitYear, To: UnitMonth, Precision: rapid.SampledFrom([]int{-1, 4}).Draw(t, "precision"), Scale: -1}
		}
		return rapid.SampledFrom([]Expr{
			&Literal{Kind: NullLiteral}, &Literal{Kind: BoolLiteral, Text: "TRUE"}, &Literal{Kind: BytesLiteral, Text: "00FF"}, &Literal{Kind: DateLiteral, Text: "2026-02-28"},
			&Literal{Kind: TimeLiteral, Text: "01:02:03.4"}, &Literal{Kind: TimestampLiteral, Text: "2026-02-28 01:02:03"}, &Call{Func: "CURRENT_DATE", Bare: true},
			&Call{Func: "COUNT", Star: true},
		}).Draw(t, "constant")
	})
}

func typeGen(depth int) *rapid.Generator[Type] {
	return rapid.Custom(func(t *rapid.T) Type {
		sub := func() *Type { x := typeGen(depth-1).Draw(t, "element"); return &x }
		kind := rapid.IntRange(0, 8).Draw(t, "kind")
		if depth <= 0 {
			kind %= 4
		}
		var out Type
		switch kind {
		case 0:
			out = rapid.SampledFrom([]Type{Boolean(), Int(), BigInt(), Double(), Date(), String(), Bytes(), simple(KindTinyInt), simple(KindFloat)}).Draw(t, "simple")
		case 1:
			out = Decimal(rapid.IntRange(3, MaxPrecision).Draw(t, "precision"), rapid.IntRange(0, 3).Draw(t, "scale"))
		case 2:
			out = rapid.SampledFrom([]Type{VarChar(3), Char(1), VarBinary(9), Time(0), Timestamp(3), TimestampLTZ(9)}).Draw(t, "length")
		case 3:
			out = rapid.SampledFrom([]Type{
				qualifier{UnitDay, UnitSecond, 3, 2}.intervalType(), qualifier{UnitSecond, UnitSecond, -1, 3}.intervalType(), qualifier{UnitYear, UnitMonth, -1, -1}.intervalType(),
			}).Draw(t, "interval").WithNull()
		case 4:
			out = Type{Kind: KindArray, Elem: sub()}
		case 5:
			out = Type{Kind: KindMap, Key: sub(), Elem: sub()}
		case 6:
			out = Type{Kind: KindMultiset, Elem: sub()}
		case 7:
			out = Type{Kind: KindStructured, Class: "it's.a$Class", Fields: []Field{{Name: "a", Type: *sub(), Comment: "b"}}}
		default:
			out = Type{Kind: KindRow, Fields: []Field{{Name: "a", Type: *sub(), Comment: "it's"}, {Name: "b c", Type: *sub()}}}
		}
		return out.As(rapid.Bool().Draw(t, "nullable"))
	})
}
