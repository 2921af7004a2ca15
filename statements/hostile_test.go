package statements

import (
	"strings"
	"testing"
	"time"
)

// TestHostileTexts: whatever a file holds is answered with findings, in a time that grows with its length and no faster.
func TestHostileTexts(t *testing.T) {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, sql := range map[string]string{
		"open parentheses":            "INSERT INTO a SELECT " + fill("("),
		"parentheses in FROM":         "INSERT INTO a SELECT x FROM " + fill("("),
		"queries within queries":      "INSERT INTO a SELECT x FROM " + fill("(SELECT x FROM "),
		"ambiguous parentheses":       "INSERT INTO a SELECT x FROM " + strings.Repeat("((SELECT x FROM t) u JOIN ", 190) + "t" + strings.Repeat(")", 190),
		"signs":                       "INSERT INTO a SELECT " + fill("- "),
		"NOT":                         "INSERT INTO a SELECT " + fill("NOT "),
		"a chain of operators":        "INSERT INTO a SELECT 1" + fill(" + 1") + " FROM t",
		"a chain of set operations":   "INSERT INTO a SELECT 1" + fill(" UNION ALL SELECT 1"),
		"a chain of joins":            "INSERT INTO a SELECT 1 FROM t" + fill(" CROSS JOIN t"),
		"a list":                      "INSERT INTO a SELECT x IN (1" + fill(", 1") + ") FROM t",
		"types within types":          "CREATE TABLE t (a " + fill("ARRAY<") + "INT",
		"patterns within patterns":    "INSERT INTO a SELECT x FROM t MATCH_RECOGNIZE (PATTERN (" + fill("(") + "A",
		"CASE within CASE":            "INSERT INTO a SELECT " + fill("CASE WHEN "),
		"indexes":                     "INSERT INTO a SELECT x" + fill("[1"),
		"a chain of indexes":          "INSERT INTO a SELECT x" + fill("[1]") + " FROM t",
		"time zones":                  "INSERT INTO a SELECT x" + fill(" AT TIME ZONE 'UTC'") + " FROM t",
		"grouping sets within others": "INSERT INTO a SELECT x FROM t GROUP BY " + fill("GROUPING SETS ("),
		"comments":                    fill("/* x */ "),
		"lines of comments":           fill("-- x\n"),
		"semicolons":                  fill(";"),
		"statements":                  fill("INSERT INTO a SELECT 1;"),
		"mistakes":                    fill("INSERT INTO a SELEC 1;"),
		"garbage":                     fill("} { ^ ~ \x01 ? "),
		"a statement set without end": "EXECUTE STATEMENT SET BEGIN " + fill("INSERT INTO a SELECT 1; "),
		"a name":                      "INSERT INTO " + fill("a") + " SELECT 1",
		"a qualified name":            "INSERT INTO a" + fill(".a") + " SELECT 1",
		"an open string":              "INSERT INTO a SELECT '" + fill("x"),
		"quotes":                      "INSERT INTO a SELECT '" + fill("''") + "' FROM t",
		"hints":                       "INSERT INTO a SELECT " + fill("/*+ "),
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			script, findings := Parse("x.sql", sql)
			for _, p := range script.Statements {
				if p.Statement == nil {
					continue
				}
				Supported(p)
				Reads(p.Statement)
				if len(p.Text) < maxStatement {
					printsBack(t, name, p.Statement)
				}
			}
			if took := time.Since(begun); took > 20*time.Second { // a hang, under the race detector on a busy machine
				t.Errorf("it took %s", took)
			}
			if len(findings) > maxFindings {
				t.Errorf("%d findings", len(findings))
			}
		})
	}
}

// BenchmarkParse parses a script of 1 MiB, made of what pipelines are made of.
func BenchmarkParse(b *testing.B) {
	var sql strings.Builder
	for sql.Len() < 1<<20 {
		sql.WriteString(`CREATE TABLE IF NOT EXISTS delays_by_hour (
  origin STRING NOT NULL COMMENT 'airport', window_start TIMESTAMP(3), flights BIGINT, delay DECIMAL(38, 2),
  ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
  PRIMARY KEY (origin, window_start) NOT ENFORCED
) DISTRIBUTED BY HASH (origin) INTO 6 BUCKETS WITH ('changelog.mode' = 'upsert', 'kafka.retention.time' = '7 days');
INSERT INTO delays_by_hour
WITH late AS (SELECT f.*, a.name FROM flights AS f JOIN airlines FOR SYSTEM_TIME AS OF f.ts AS a ON f.carrier = a.carrier WHERE f.delay > 15 AND f.origin IN ('JFK', 'LGA', 'EWR'))
SELECT origin, window_start, COUNT(*) AS flights, SUM(CAST(delay AS DECIMAL(10, 2))) FILTER (WHERE delay > 0) AS delay, MAX(ts)
FROM TABLE(TUMBLE(TABLE late, DESCRIPTOR(ts), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, origin HAVING COUNT(*) > 1;
`)
	}
	text := sql.String()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, findings := Parse("x.sql", text); len(findings) > 0 {
			b.Fatal(findings[0])
		}
	}
}
