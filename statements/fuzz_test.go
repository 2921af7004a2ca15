package statements

import (
	"testing"
	"unicode/utf8"
)

var seeds = []string{
	"CREATE TABLE IF NOT EXISTS `a`.b (c STRING NOT NULL, d MAP<INT, ARRAY<ROW<e DECIMAL(10, 2) 'x'>>>, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, f AS c || 'x', WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (c) NOT ENFORCED) DISTRIBUTED BY HASH (c) INTO 3 BUCKETS WITH ('changelog.mode' = 'upsert')",
	"INSERT INTO a (b, c) SELECT window_start, SUM(DISTINCT x) FILTER (WHERE y > 1.5e3) AS s FROM TABLE(TUMBLE(DATA => TABLE t /*+ OPTIONS('a' = 'b') */, TIMECOL => DESCRIPTOR($rowtime), SIZE => INTERVAL '1 10:00' DAY TO MINUTE)) AS w WHERE NOT a IS NOT NULL AND b NOT IN (1, 'it''s', X'0A') OR c LIKE '%' ESCAPE '!' GROUP BY window_start, window_end HAVING COUNT(*) > -1",
	"INSERT INTO a SELECT CASE x WHEN 1 THEN - - 2 ELSE TRIM(LEADING 'x' FROM y) END, FLOOR(ts TO HOUR), EXTRACT(DAY FROM d), CAST(NULL AS BYTES) FROM (SELECT * FROM t) AS u (v, w) ORDER BY 1 DESC NULLS LAST LIMIT 3; DROP TABLE x;",
	"INSERT INTO a SELECT DATE '2026-01-31', TIME '01:02:03', TIMESTAMP '2026-01-31 00:00:00.123', x BETWEEN SYMMETRIC 1 AND 2, POSITION('a' IN b), SUBSTRING(a FROM 1 FOR 2) FROM t -- end",
	"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;",
	"INSERT INTO a WITH c (x) AS (SELECT y FROM t) SELECT x, ROW_NUMBER() OVER (PARTITION BY x ORDER BY y DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM c LEFT JOIN d FOR SYSTEM_TIME AS OF c.x AS e ON c.x = e.y AND x IN (SELECT 1) CROSS JOIN UNNEST(z) AS u (v) UNION ALL VALUES (1, ROW(2, ARRAY[3]), MAP['a', 4]['a'])",
	"INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.x AS x ONE ROW PER MATCH AFTER MATCH SKIP TO LAST B PATTERN (A B*? C{1,3} | D) WITHIN INTERVAL '1' HOUR DEFINE A AS A.x > 1) AS m GROUP BY GROUPING SETS ((a, b), ROLLUP (c), ())",
	"CREATE VIEW v AS SELECT JSON_VALUE(x, '$.a' RETURNING INT DEFAULT 1 ON EMPTY), JSON_OBJECT('k' VALUE 1 ABSENT ON NULL), x IS NOT JSON ARRAY, (y).z, ts AT TIME ZONE 'UTC' FROM LATERAL TABLE(f(TABLE t PARTITION BY k, DESCRIPTOR(ts), n => 1)); ALTER TABLE t MODIFY (WATERMARK FOR ts AS ts); SHOW TABLES LIKE 'x%'; EXPLAIN SELECT 1", "/* open", "'open", "`open", "\"x\"", "INSERT INTO a SELECT x FORM t", "\xff", "((((((((", "a.b.c.d", "1e", "1.e5", "/*+ */",
}

// FuzzLexer: every text is cut into tokens that lie in it in order, to its end, without a panic.
func FuzzLexer(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			if checkText(text) == nil {
				t.Fatal("text that is not UTF-8 was accepted")
			}
			return
		}
		lx := newLexer(&source{text: text})
		last := 0
		for more := true; more; {
			before := lx.at
			tokens, _, again := lx.statement()
			more = again
			if more && lx.at == before {
				t.Fatalf("the lexer stands still at %d", lx.at)
			}
			for _, tok := range tokens {
				if tok.Offset < last || tok.end < tok.Offset || tok.end > len(text) {
					t.Fatalf("token %q at %d to %d, after %d", tok.text, tok.Offset, tok.end, last)
				}
				last = tok.end
			}
		}
		if lx.at != len(text) {
			t.Fatalf("the lexer stopped at %d of %d", lx.at, len(text))
		}
	})
}

// FuzzParse: no panic and no hang, findings have a place in the text, and what parses prints back to an equal statement. What
// is said of a statement afterwards does not panic either.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	cat := Tables{"t": {Name: "t", Columns: []TableColumn{{Name: "x", Type: Int()}, {Name: "y", Type: String()}}}, "a": {Name: "a", Columns: []TableColumn{{Name: "b", Type: String()}}}}
	f.Fuzz(func(t *testing.T, text string) {
		script, findings := Parse("f.sql", text)
		for _, x := range findings {
			if x.Place.Line < 1 || x.Place.Column < 1 || x.Message == "" || x.Rule == "" {
				t.Fatalf("a finding without place or words: %+v", x)
			}
		}
		var nodes []Named
		for _, p := range script.Statements {
			if p.Statement == nil {
				continue
			}
			nodes = append(nodes, Named{Name: "n", Parsed: p})
			if once := p.Statement.SQL(); len(once) < maxStatement {
				printsBack(t, "fuzz", p.Statement)
			}
			Supported(p)
			Resolve(p, cat)
			Judge("n", p, Facts{Tables: cat})
		}
		g, _ := NewGraph(nodes)
		g.Horizons(func(string) Catalog { return cat }, func(string) bool { return false }, nil)
	})
}
