package statements

import (
	"strings"
	"testing"
	"time"
)

// hostileTexts are what a file may hold that a parser chokes on, each about size bytes long.
func hostileTexts(size int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return map[string]string{
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
	}
}

// TestHostileTexts: whatever a file holds is answered with findings, and does not hang.
func TestHostileTexts(t *testing.T) {
	for name, sql := range hostileTexts(1 << 20) {
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

// TestWorkGrowsWithTheText: twice as much of anything takes twice as many steps and allocations, and a text takes a few steps a byte.
func TestWorkGrowsWithTheText(t *testing.T) {
	const size = 40 << 10 // twice that is not yet longer than a statement may be
	work := func(sql string) (steps int, allocations float64) {
		allocations = testing.AllocsPerRun(1, func() {
			script, _ := Parse("x.sql", sql)
			steps = 0
			if len(script.Statements) > 0 {
				steps = script.Statements[0].src.steps
			}
		})
		return steps, allocations
	}
	twice := hostileTexts(2 * size)
	twice["what pipelines are made of"] = pipelineText(2 * size)
	once := hostileTexts(size)
	once["what pipelines are made of"] = pipelineText(size)
	for name, sql := range once {
		t.Run(name, func(t *testing.T) {
			steps, allocations := work(sql)
			more, moreAllocations := work(twice[name])
			if more > 2*steps+steps/5+1000 {
				t.Errorf("%d bytes take %d steps, %d bytes %d", len(sql), steps, len(twice[name]), more)
			}
			if moreAllocations > 2.2*allocations+1000 {
				t.Errorf("%d bytes take %.0f allocations, %d bytes %.0f", len(sql), allocations, len(twice[name]), moreAllocations)
			}
			if more > 100*len(twice[name]) {
				t.Errorf("%d bytes take %d steps", len(twice[name]), more)
			}
		})
	}
}

const pipelineStatements = `CREATE TABLE IF NOT EXISTS delays_by_hour (
  origin STRING NOT NULL COMMENT 'airport', window_start TIMESTAMP(3), flights BIGINT, delay DECIMAL(38, 2),
  ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
  PRIMARY KEY (origin, window_start) NOT ENFORCED
) DISTRIBUTED BY HASH (origin) INTO 6 BUCKETS WITH ('changelog.mode' = 'upsert', 'kafka.retention.time' = '7 days');
INSERT INTO delays_by_hour
WITH late AS (SELECT f.*, a.name FROM flights AS f JOIN airlines FOR SYSTEM_TIME AS OF f.ts AS a ON f.carrier = a.carrier WHERE f.delay > 15 AND f.origin IN ('JFK', 'LGA', 'EWR'))
SELECT origin, window_start, COUNT(*) AS flights, SUM(CAST(delay AS DECIMAL(10, 2))) FILTER (WHERE delay > 0) AS delay, MAX(ts)
FROM TABLE(TUMBLE(TABLE late, DESCRIPTOR(ts), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, origin HAVING COUNT(*) > 1;
`

// pipelineText is a script of about so many bytes.
func pipelineText(size int) string {
	var sql strings.Builder
	for sql.Len() < size {
		sql.WriteString(pipelineStatements)
	}
	return sql.String()
}

// BenchmarkParse parses a script of 1 MiB, made of what pipelines are made of.
func BenchmarkParse(b *testing.B) {
	text := pipelineText(1 << 20)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, findings := Parse("x.sql", text); len(findings) > 0 {
			b.Fatal(findings[0])
		}
	}
}
