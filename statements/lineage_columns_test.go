package statements

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLineageOf(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"a filter's columns decide on rows", "INSERT INTO s SELECT k, v + 1 FROM a WHERE t > TIMESTAMP '2026-01-01 00:00:00'",
			"k ← a.k []; v ← a.v [+]; rows a.t"},
		{"a join", "INSERT INTO s SELECT a.k, COALESCE(b.v, a.v) FROM a LEFT JOIN b ON a.k = b.k",
			"k ← a.k []; v ← a.v, b.v [COALESCE]; rows a.k, b.k"},
		{"an aggregation of a window", "INSERT INTO s SELECT k, SUM(v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end",
			"k ← a.k []; v ← a.v [SUM]; rows a.k, a.t"},
		{"a common table and a union", "INSERT INTO s WITH x AS (SELECT k, v AS n FROM a) SELECT k, n FROM x UNION ALL SELECT k, v FROM b",
			"k ← a.k, b.k []; v ← a.v, b.v []; rows "},
		{"IN", "INSERT INTO s SELECT k, v FROM a WHERE k IN (SELECT k FROM b WHERE v > 3)",
			"k ← a.k []; v ← a.v []; rows a.k, b.k, b.v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, lineageText(LineageOf(related(t, c.sql)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lineageText(l ColumnLineage) string {
	list := func(os []ColumnOrigin) string {
		var out []string
		for _, o := range os {
			out = append(out, o.Table+"."+o.Column)
		}
		return strings.Join(out, ", ")
	}
	var out []string
	for _, c := range l.Columns {
		via := []string{}
		for _, v := range c.Via {
			if v != "CAST" {
				via = append(via, v)
			}
		}
		out = append(out, fmt.Sprintf("%s ← %s %v", c.Column, list(c.From), via))
	}
	return strings.Join(append(out, "rows "+list(l.Rows)), "; ")
}

// BenchmarkAnalysis relates a thousand statements and finds their changelogs, horizons, lineage and plans.
func BenchmarkAnalysis(b *testing.B) {
	p, findings := ParseOne("bench.sql", "INSERT INTO s SELECT x.k, SUM(x.v) FROM (SELECT a.k, b.v, a.t FROM a JOIN b ON a.k = b.k AND a.t BETWEEN b.t - INTERVAL '1' HOUR AND b.t) x WHERE x.v > 1 GROUP BY x.k")
	if len(findings) > 0 {
		b.Fatal(findings[0].Message)
	}
	script, findings := Parse("bench.sql", pathTables)
	if len(findings) > 0 {
		b.Fatal(findings[0].Message)
	}
	cat := Tables{}
	for _, s := range script.Statements {
		t := DeclaredTable(s.Statement.(*CreateTable))
		cat[t.Name] = t
	}
	for b.Loop() {
		for range 1000 {
			writes, bad := Relate(p, cat)
			if len(bad) > 0 {
				b.Fatal(bad[0].Message)
			}
			PathsOf(writes[0], 0)
			LineageOf(writes[0])
			OperatorsOf(writes[0], 0)
		}
	}
}
