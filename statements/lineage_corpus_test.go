package statements

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCorpusLineage: Flink's programs read the sources that their text names, and where a sink's column is said to be a source's as it is, each
// value that the sink shows is one of that column's.
func TestCorpusLineage(t *testing.T) {
	reads := map[string]map[string]bool{}
	programs := map[string]corpusProgram{}
	columns, values := 0, 0
	eachWrite(t, func(p corpusProgram, sink corpusTable, w *Write) {
		if programs[p.ID] = p; reads[p.ID] == nil {
			reads[p.ID] = map[string]bool{}
		}
		for _, sc := range Scans(w) {
			reads[p.ID][sc.Table.Name] = true
		}
		if strings.Contains(strings.Join(sink.Schema, " "), "METADATA") {
			return // its rows have another order than its columns
		}
		for at, c := range LineageOf(w).Columns {
			if len(c.From) != 1 || len(c.Via) > 0 {
				continue
			}
			from := p.source(t, c.From[0])
			if from == nil {
				continue // computed, or of a type whose values are written in more ways than one
			}
			shown := 0
			for _, row := range sink.shown(len(w.In.Columns())) {
				if v := row[at]; v != "null" {
					if shown++; !from[v] {
						t.Errorf("%s: %s.%s is said to be %s.%s, which is never %s", p.ID, sink.Name, c.Column, c.From[0].Table, c.From[0].Column, v)
					}
				}
			}
			if shown > 0 {
				columns++
			}
			values += shown
		}
	})
	for id, p := range programs {
		text := strings.ToLower(strings.Join(append(p.statements(), p.Setup...), "\n"))
		for _, s := range p.Sources {
			named := regexp.MustCompile(`\b` + regexp.QuoteMeta(strings.ToLower(s.Name)) + `\b`).MatchString(text)
			if named != reads[id][s.Name] {
				t.Errorf("%s: its text names %s: %t; it is read: %t", id, s.Name, named, !named)
			}
			delete(reads[id], s.Name)
		}
		if len(reads[id]) > 0 {
			t.Errorf("%s: reads %v, which are no sources", id, sortedKeys(reads[id]))
		}
	}
	t.Logf("%d programs read the sources that they name; %d columns of sinks that are a source's as they are, with %d values that are all the source's", len(programs), columns, values)
	if len(programs) < 200 || columns < 440 {
		t.Errorf("only %d programs and %d columns were compared", len(programs), columns)
	}
}

// source is the values of a source's column, as sinks show them; nil where they are computed, or no whole numbers and texts.
func (p corpusProgram) source(t *testing.T, of ColumnOrigin) map[string]bool {
	t.Helper()
	i := slices.IndexFunc(p.Sources, func(s corpusTable) bool { return s.Name == of.Table })
	if i < 0 {
		return nil
	}
	cat, _ := p.catalog()
	at := -1
	for _, c := range cat.Tables[of.Table].Columns {
		if c.Kind == Physical || c.Kind == Metadata {
			at++
		}
		if c.Name != of.Column {
			continue
		}
		switch c.Type.Kind {
		case KindInt, KindBigInt, KindVarChar, KindBoolean:
		default:
			return nil
		}
		if c.Kind != Physical {
			return nil
		}
		out := map[string]bool{}
		for _, r := range slices.Concat(p.Sources[i].Rows, p.Sources[i].RowsAfter) {
			out[shownAs(r.Row[at])] = true
		}
		return out
	}
	return nil
}

// shown are the rows that a sink shows, without deletes, which may have the key alone, and those whose text can not be told apart into columns.
func (c corpusTable) shown(width int) [][]string {
	var out [][]string
	for _, e := range slices.Concat(c.Expected, c.ExpectedAfter) {
		var row []string
		switch v := e.(type) {
		case string:
			kind, text, _ := strings.Cut(v, "[")
			if kind == "-D" {
				continue
			}
			row = strings.Split(strings.TrimSuffix(text, "]"), ", ")
		case map[string]any:
			if v["kind"] == "-D" {
				continue
			}
			cells, _ := v["row"].([]any)
			for _, cell := range cells {
				row = append(row, shownAs(cell))
			}
		}
		if len(row) == width && !strings.ContainsAny(strings.Join(row, ""), "[{") {
			out = append(out, row)
		}
	}
	return out
}

func shownAs(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case float64:
		text, _ := json.Marshal(x)
		return string(text)
	}
	return fmt.Sprint(v)
}
