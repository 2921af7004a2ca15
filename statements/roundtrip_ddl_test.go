package statements

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestRoundTripOfStatements: any statement of the dialects, printed and parsed, is the same tree, and printed again the same text.
func TestRoundTripOfStatements(t *testing.T) {
	ignore := cmp.Options{
		cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b Type) bool { return a.Equal(b) }),
	}
	rapid.Check(t, func(t *rapid.T) {
		want := statementGen().Draw(t, "statement")
		sql := want.SQL()
		p, findings := ParseOne("", sql)
		if len(findings) > 0 {
			t.Fatalf("%s\n%s\n%s", findings[0].Message, findings[0].Excerpt, sql)
		}
		if diff := cmp.Diff(want, p.Statement, ignore); diff != "" {
			t.Fatalf("-want +got\n%s\n%s", diff, sql)
		}
		if again := p.Statement.SQL(); again != sql {
			t.Fatalf("printed again it is another text:\n%s\n%s", sql, again)
		}
		inspect(p.Statement, func(n Node) { n.At() })
		for _, d := range Dialects() {
			Refused(p, d)
		}
	})
	kinds := map[string]bool{}
	for seed := range 400 {
		kinds[statementGen().Example(seed).Kind()] = true
	}
	if len(kinds) < 20 {
		t.Errorf("only %d kinds of statement are made", len(kinds))
	}
}

// oneOfGen makes what one of the functions makes.
func oneOfGen[T any](t *rapid.T, what string, make ...func() T) T {
	return make[rapid.IntRange(0, len(make)-1).Draw(t, what)]()
}

func textGen() *rapid.Generator[*Text] {
	return rapid.Custom(func(t *rapid.T) *Text {
		return &Text{Value: rapid.SampledFrom([]string{"", "it's", "line\nline", "ü", "a;b", "--x", "/*"}).Draw(t, "text")}
	})
}

// maybe is what gen makes, or nothing.
func maybe[T any](t *rapid.T, what string, gen *rapid.Generator[*T]) *T {
	if rapid.Bool().Draw(t, what+"?") {
		return gen.Draw(t, what)
	}
	return nil
}

func optionsGen(least int) *rapid.Generator[[]Option] {
	return rapid.Custom(func(t *rapid.T) []Option {
		var out []Option
		for _, key := range []string{"connector", "kafka.retention.time", "it's"}[:rapid.IntRange(least, 3).Draw(t, "options")] {
			out = append(out, Option{Key: key, Value: textGen().Draw(t, "value").Value})
		}
		return out
	})
}

func columnGen() *rapid.Generator[*ColumnDef] {
	return rapid.Custom(func(t *rapid.T) *ColumnDef {
		c := &ColumnDef{Name: identGen().Draw(t, "column"), Comment: maybe(t, "comment", textGen())}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			c.Kind, c.Expr = Computed, exprGen(2).Draw(t, "computed")
			return c
		case 1:
			c.Kind, c.MetadataKey, c.Virtual = Metadata, maybe(t, "key", textGen()), rapid.Bool().Draw(t, "virtual")
		}
		c.Type = &TypeName{Type: typeGen(2).Draw(t, "type")}
		return c
	})
}

func watermarkGen() *rapid.Generator[*WatermarkDef] {
	return rapid.Custom(func(t *rapid.T) *WatermarkDef {
		return &WatermarkDef{Column: nameGen().Draw(t, "time"), Expr: exprGen(1).Draw(t, "watermark")}
	})
}

func keyGen() *rapid.Generator[*PrimaryKeyDef] {
	return rapid.Custom(func(t *rapid.T) *PrimaryKeyDef {
		k := &PrimaryKeyDef{Columns: rapid.SliceOfN(identGen(), 1, 3).Draw(t, "key")}
		if rapid.Bool().Draw(t, "named") {
			n := identGen().Draw(t, "constraint")
			k.Constraint = &n
		}
		return k
	})
}

func elementsGen() *rapid.Generator[TableElements] {
	return rapid.Custom(func(t *rapid.T) TableElements {
		return TableElements{Columns: rapid.SliceOfN(columnGen(), 1, 4).Draw(t, "columns"), Watermark: maybe(t, "watermark", watermarkGen()), PrimaryKey: maybe(t, "key", keyGen())}
	})
}

func distributionGen() *rapid.Generator[*Distribution] {
	return rapid.Custom(func(t *rapid.T) *Distribution {
		return oneOfGen(t, "distribution",
			func() *Distribution { return &Distribution{Buckets: rapid.IntRange(1, 9).Draw(t, "buckets")} },
			func() *Distribution {
				return &Distribution{Hash: rapid.Bool().Draw(t, "hash"), Columns: rapid.SliceOfN(identGen(), 1, 2).Draw(t, "by"), Buckets: rapid.IntRange(0, 9).Draw(t, "buckets")}
			},
			func() *Distribution {
				return &Distribution{Partitioned: true, Columns: rapid.SliceOfN(identGen(), 1, 2).Draw(t, "by")}
			})
	})
}

func createTableGen() *rapid.Generator[*CreateTable] {
	return rapid.Custom(func(t *rapid.T) *CreateTable {
		e := elementsGen().Draw(t, "elements")
		n := &CreateTable{Temporary: rapid.Bool().Draw(t, "temporary"), IfNotExists: rapid.Bool().Draw(t, "exists"), Name: nameGen().Draw(t, "table"), Columns: e.Columns,
			Watermark: e.Watermark, PrimaryKey: e.PrimaryKey, Comment: maybe(t, "comment", textGen()), Distribution: maybe(t, "distribution", distributionGen()),
			Options: optionsGen(0).Draw(t, "options")}
		switch rapid.IntRange(0, 3).Draw(t, "from") {
		case 0:
			n.Like = &LikeClause{Table: nameGen().Draw(t, "like"), Options: []LikeOption{{"INCLUDING", "ALL"}, {"EXCLUDING", "OPTIONS"}}[:rapid.IntRange(0, 2).Draw(t, "merge")]}
		case 1:
			n.Query = queryGen(1).Draw(t, "query")
		}
		return n
	})
}

func setGen() *rapid.Generator[*StatementSet] {
	return rapid.Custom(func(t *rapid.T) *StatementSet {
		return &StatementSet{Execute: true, Inserts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *Insert { return insertGen().Draw(t, "insert") }), 1, 3).Draw(t, "inserts")}
	})
}

func actionGen() *rapid.Generator[AlterAction] {
	return rapid.Custom(func(t *rapid.T) AlterAction {
		return oneOfGen(t, "action",
			func() AlterAction { return &AddElements{TableElements: elementsGen().Draw(t, "add")} },
			func() AlterAction { return &ModifyElements{TableElements: elementsGen().Draw(t, "modify")} },
			func() AlterAction {
				return &DropElements{What: "COLUMN", Columns: rapid.SliceOfN(identGen(), 1, 3).Draw(t, "drop")}
			},
			func() AlterAction {
				return &DropElements{What: rapid.SampledFrom([]string{"WATERMARK", "PRIMARY KEY", "DISTRIBUTION"}).Draw(t, "what")}
			},
			func() AlterAction {
				return &DropElements{What: "CONSTRAINT", Columns: []Ident{identGen().Draw(t, "constraint")}}
			},
			func() AlterAction { return &SetOptions{Options: optionsGen(1).Draw(t, "options")} },
			func() AlterAction {
				return &ResetOptions{Keys: []Text{*textGen().Draw(t, "key"), *textGen().Draw(t, "key")}}
			},
			func() AlterAction { return &Rename{To: nameGen().Draw(t, "to")} },
			func() AlterAction {
				c := identGen().Draw(t, "column")
				return &Rename{Column: &c, To: Name{Parts: []Ident{identGen().Draw(t, "to")}}}
			})
	})
}

// statementGen makes statements of every kind.
func statementGen() *rapid.Generator[Statement] {
	return rapid.Custom(func(t *rapid.T) Statement {
		flag := func(what string) bool { return rapid.Bool().Draw(t, what) }
		name := func() Name { return nameGen().Draw(t, "name") }
		temporary := func(more ...string) string {
			return rapid.SampledFrom(append([]string{"", "TEMPORARY"}, more...)).Draw(t, "temporary")
		}
		return oneOfGen(t, "kind",
			func() Statement { return createTableGen().Draw(t, "table") },
			func() Statement { return insertGen().Draw(t, "insert") },
			func() Statement { return &QueryStatement{Query: queryGen(2).Draw(t, "query")} },
			func() Statement { return setGen().Draw(t, "set") },
			func() Statement {
				return &CreateView{Temporary: flag("temporary"), IfNotExists: flag("exists"), Name: name(), Columns: rapid.SliceOfN(identGen(), 0, 2).Draw(t, "columns"),
					Comment: maybe(t, "comment", textGen()), Query: queryGen(1).Draw(t, "query")}
			},
			func() Statement {
				f := &CreateFunction{Temporary: temporary("TEMPORARY SYSTEM"), IfNotExists: flag("exists"), Name: name(), Class: *textGen().Draw(t, "class"),
					Language: rapid.SampledFrom([]string{"", "JAVA", "PYTHON"}).Draw(t, "language"), Options: optionsGen(0).Draw(t, "options")}
				if flag("jar") {
					f.Resources = []Resource{{Kind: "JAR", URI: "confluent-artifact://cfa-1"}, {Kind: "FILE", URI: "it's"}}
				}
				if flag("connections") {
					f.Connections = []Name{name(), name()}
				}
				return f
			},
			func() Statement {
				side := func() []*ColumnDef {
					return []*ColumnDef{{Name: identGen().Draw(t, "column"), Type: &TypeName{Type: typeGen(1).Draw(t, "type")}}}
				}
				return &CreateModel{Temporary: flag("temporary"), IfNotExists: flag("exists"), Name: name(), Input: side(), Output: side(), Comment: maybe(t, "comment", textGen()), Options: optionsGen(0).Draw(t, "options")}
			},
			func() Statement {
				return &CreateConnection{IfNotExists: flag("exists"), Name: name(), Comment: maybe(t, "comment", textGen()), Options: optionsGen(0).Draw(t, "options")}
			},
			func() Statement {
				m := &CreateMaterialized{OrAlter: flag("alter"), Name: name(), Comment: maybe(t, "comment", textGen()), Distribution: maybe(t, "distribution", distributionGen()),
					Options: optionsGen(0).Draw(t, "options"), Query: queryGen(1).Draw(t, "query"), RefreshMode: rapid.SampledFrom([]string{"", "CONTINUOUS", "FULL"}).Draw(t, "refresh"),
					StartMode: rapid.SampledFrom([]string{"", "FROM_NOW", "RESUME_OR_FROM_BEGINNING"}).Draw(t, "start")}
				if flag("elements") {
					m.Elements = elementsGen().Draw(t, "elements")
				}
				if flag("fresh") {
					m.Freshness = &Interval{Text: "1", From: UnitMinute, To: UnitMinute, Precision: -1, Scale: -1}
				}
				return m
			},
			func() Statement {
				return &Alter{What: "TABLE", Temporary: temporary(), IfExists: flag("exists"), Name: name(), Action: actionGen().Draw(t, "action")}
			},
			func() Statement {
				return &Alter{What: "VIEW", Name: name(), Action: &AsQuery{Query: queryGen(1).Draw(t, "query")}}
			},
			func() Statement {
				verb := rapid.SampledFrom([]string{"SUSPEND", "RESUME"}).Draw(t, "verb")
				return &Alter{What: "MATERIALIZED TABLE", Name: name(), Action: &Lifecycle{Verb: verb, Options: optionsGen(0).Draw(t, "options")}}
			},
			func() Statement {
				return &Drop{What: rapid.SampledFrom([]string{"TABLE", "VIEW", "FUNCTION", "MODEL"}).Draw(t, "what"), Temporary: temporary(), IfExists: flag("exists"), Name: name()}
			},
			func() Statement { return &Drop{What: "FUNCTION", Temporary: "TEMPORARY SYSTEM", Name: name()} },
			func() Statement { return &Set{Key: textGen().Draw(t, "key"), Value: textGen().Draw(t, "value")} },
			func() Statement { return &Reset{Key: maybe(t, "key", textGen())} },
			func() Statement { return &Use{Catalog: flag("catalog"), Name: name()} },
			func() Statement {
				s := &Show{What: rapid.SampledFrom([]string{"TABLES", "DATABASES", "FUNCTIONS", "MODELS", "JOBS"}).Draw(t, "what")}
				if flag("from") {
					n := name()
					s.Name, s.From = &n, true
				}
				if s.Like = maybe(t, "like", textGen()); s.Like != nil {
					s.Not, s.ILike = flag("not"), flag("ilike")
				}
				return s
			},
			func() Statement {
				n := name()
				return &Show{What: "CREATE TABLE", Name: &n}
			},
			func() Statement { return &Describe{Extended: flag("extended"), Name: name()} },
			func() Statement { return &Describe{What: "MODEL", Name: name()} },
			func() Statement {
				return &Explain{Details: []string{"CHANGELOG_MODE", "PLAN_ADVICE"}[:rapid.IntRange(0, 2).Draw(t, "details")], Statement: oneOfGen(t, "explained",
					func() Statement { return insertGen().Draw(t, "insert") },
					func() Statement { return &QueryStatement{Query: queryGen(1).Draw(t, "query")} },
					func() Statement {
						s := setGen().Draw(t, "set")
						s.Execute = false
						return s
					},
					func() Statement { return createTableGen().Draw(t, "table") })}
			},
			func() Statement {
				return rapid.SampledFrom([]Statement{
					&Verbatim{Verb: "DELETE FROM", Text: "DELETE  FROM t -- of x\nWHERE a = 'x;y'"}, &Verbatim{Verb: "UPDATE", Text: "update t SET a = 1"},
					&Verbatim{Verb: "CREATE CATALOG", Text: "CREATE CATALOG c WITH ('a' = 'b')"}, &Verbatim{Verb: "CALL", Text: "CALL sys.p(1)"},
				}).Draw(t, "verbatim")
			})
	})
}
