package statements

import (
	"slices"
	"strings"
	"testing"
)

// corpusTable is a source or sink of a table program. Rows are a source's.
type corpusTable struct {
	Name            string
	Schema          []string
	Options         map[string]string
	Rows            []corpusRow
	RowsAfter       []corpusRow `json:"rows_after_restore"`
	Compare         string
	Expected        []any
	ExpectedAfter   []any    `json:"expected_after_restore"`
	ExpectedStrings []string `json:"expected_strings"`
}

// corpusRow is a row of a source.
type corpusRow struct{ Row []any }

// corpusProgram is a table program with what it says of changelogs.
type corpusProgram struct {
	ID             string
	Sources, Sinks []corpusTable
	SQL            []string
	Sets           [][]string `json:"statement_sets"`
	Setup          []string   `json:"setup_sql"`
	Derived        bool       `json:"sql_derived_from_table_api"`
}

// kinds are the kinds of row that a sink's expectation shows.
func (c corpusTable) kinds() map[string]bool {
	out := map[string]bool{}
	for _, e := range slices.Concat(c.Expected, c.ExpectedAfter) {
		switch v := e.(type) {
		case string:
			if i := strings.IndexByte(v, '['); i > 0 {
				out[v[:i]] = true
			}
		case map[string]any:
			if k, ok := v["kind"].(string); ok {
				out[k] = true
			}
		}
	}
	return out
}

// corpusViews are the tables and views of a program.
type corpusViews struct {
	Tables
	views map[string]*CreateView
}

func (c corpusViews) View(name string) (*CreateView, bool) {
	v, ok := c.views[name]
	return v, ok
}

// catalog declares the program's tables as Kafka topics: the test connector's changelog modes become this dialect's.
func (p corpusProgram) catalog() (corpusViews, bool) {
	cat := corpusViews{Tables{}, map[string]*CreateView{}}
	for i, tb := range append(p.Sources, p.Sinks...) {
		parsed, findings := ParseOne(p.ID, "CREATE TABLE "+quoteName(tb.Name)+" ("+strings.Join(tb.Schema, ", ")+")")
		if len(findings) > 0 {
			return cat, false
		}
		t := DeclaredTable(parsed.Statement.(*CreateTable))
		mode := tb.Options["changelog-mode"]
		takes := tb.Options["sink-changelog-mode-enforced"]
		switch {
		case i >= len(p.Sources) && (strings.Contains(takes, "UB") || takes == "" && len(t.PrimaryKey) == 0):
			t.Options["changelog.mode"] = string(Retract)
		case i >= len(p.Sources) && takes == "I":
			t.Options["changelog.mode"] = string(Append)
		case i >= len(p.Sources):
		case mode == "" || mode == "I":
			t.Options["changelog.mode"] = string(Append)
		case !strings.Contains(mode, "UB") && len(t.PrimaryKey) > 0:
			t.Options["changelog.mode"] = string(Upsert)
		default:
			t.Options["changelog.mode"] = string(Retract)
		}
		cat.Tables[tb.Name] = t
	}
	for _, sql := range p.Setup {
		parsed, findings := ParseOne(p.ID, sql)
		if len(findings) > 0 {
			return cat, false
		}
		if v, ok := parsed.Statement.(*CreateView); ok {
			cat.views[v.Name.Last()] = v
		}
	}
	return cat, true
}

// statements are those that the program runs.
func (p corpusProgram) statements() []string {
	return append(slices.Clone(p.SQL), slices.Concat(p.Sets...)...)
}

// eachWrite relates every statement of the corpus' programs.
func eachWrite(t *testing.T, visit func(p corpusProgram, sink corpusTable, w *Write)) {
	t.Helper()
	each(t, "flink-table-programs.jsonl", func(p corpusProgram) {
		cat, ok := p.catalog()
		if !ok {
			t.Errorf("%s: its tables do not parse", p.ID)
			return
		}
		for _, sql := range p.statements() {
			parsed, findings := ParseOne(p.ID, sql)
			if len(findings) > 0 {
				t.Errorf("%s: %s\n%s", p.ID, findings[0].Message, sql)
				continue
			}
			writes, bad := Relate(parsed, cat)
			if len(bad) > 0 {
				t.Errorf("%s: %s\n%s", p.ID, bad[0].Message, sql)
			}
			for _, w := range writes {
				i := slices.IndexFunc(p.Sinks, func(s corpusTable) bool { return s.Name == w.Table.Name })
				if i < 0 {
					t.Errorf("%s: writes to %s, which is no sink", p.ID, w.Table.Name)
					continue
				}
				visit(p, p.Sinks[i], w)
			}
		}
	})
}

// TestCorpusRelates: every statement of Flink's own programs relates, those that call functions of the user's too.
func TestCorpusRelates(t *testing.T) {
	related := 0
	eachWrite(t, func(corpusProgram, corpusTable, *Write) { related++ })
	t.Logf("%d statements relate", related)
	if related < 247 {
		t.Errorf("only %d statements were related", related)
	}
}
