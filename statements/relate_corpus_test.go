package statements

import (
	"encoding/json"
	"strings"
	"testing"
)

// corpusTable is a source or sink of a table program.
type corpusTable struct {
	Name            string
	Schema          []string
	Options         map[string]string
	Compare         string
	Expected        []any
	ExpectedStrings []string `json:"expected_strings"`
	Materialized    []any
}

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
	for _, e := range append(c.Expected, c.Materialized...) {
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
		switch {
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

// TestCorpusRelates: every statement of Flink's own programs relates, those that call functions of the user's too.
func TestCorpusRelates(t *testing.T) {
	related := 0
	each(t, "flink-table-programs.jsonl", func(raw json.RawMessage) {
		var p corpusProgram
		if err := json.Unmarshal(raw, &p); err != nil {
			return
		}
		cat, ok := p.catalog()
		if !ok {
			t.Errorf("%s: its tables do not parse", p.ID)
			return
		}
		all := p.SQL
		for _, set := range p.Sets {
			all = append(all, set...)
		}
		for _, sql := range all {
			parsed, findings := ParseOne(p.ID, sql)
			if len(findings) > 0 || parsed.Statement == nil {
				continue
			}
			if _, bad := Relate(parsed, cat); len(bad) > 0 {
				t.Errorf("%s: %s\n%s", p.ID, bad[0].Message, sql)
			}
			related++
		}
	})
	t.Logf("%d statements relate", related)
	if related < 247 {
		t.Errorf("only %d statements were related", related)
	}
}
