package statements

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefused: each construct of the table in SQL, what is refused of it by dialect, and the same thing written as the remedy says, which
// every dialect takes that is not named in but.
func TestRefused(t *testing.T) {
	const cc = "ccloud-2026-10 ccloud-2025-09"
	tests := []struct {
		what, sql, at, in, right string
	}{
		{"DELETE and UPDATE", "DELETE FROM a WHERE x = 1", "1:1", cc, ""},
		{"DELETE and UPDATE", "UPDATE a SET x = 1", "1:1", cc, "INSERT INTO a VALUES (1)"},
		{"TRUNCATE TABLE", "TRUNCATE TABLE a", "1:1", cc, ""},
		{"ANALYZE TABLE", "ANALYZE TABLE a COMPUTE STATISTICS", "1:1", cc, ""},
		{"CALL", "CALL sys.compact('a')", "1:1", cc, ""},
		{"modules", "LOAD MODULE hive WITH ('v' = '3')", "1:1", cc, ""},
		{"modules", "USE MODULES hive, core", "1:1", cc, "USE CATALOG hive"},
		{"JARs", "ADD JAR '/x.jar'", "1:1", cc, ""},
		{"ALTER FUNCTION", "ALTER FUNCTION f AS 'c'", "1:1", cc, "DROP FUNCTION f"},
		{"compiled plans and jobs", "STOP JOB 'a' WITH SAVEPOINT", "1:1", cc, ""},
		{"catalogs and databases", "CREATE CATALOG c WITH ('type' = 'jdbc')", "1:1", cc, "SHOW CATALOGS"},
		{"catalogs and databases", "DROP DATABASE d", "1:1", cc, "DROP TABLE d"},
		{"agents and tools", "CREATE AGENT a USING MODEL m", "1:1", "ccloud-2025-09 flink-2.x", ""},
		{"temporary objects", "CREATE TEMPORARY TABLE a (x INT)", "1:1", cc, "CREATE TABLE a (x INT)"},
		{"temporary objects", "CREATE TEMPORARY VIEW a AS SELECT x FROM t", "1:1", cc, "CREATE VIEW a AS SELECT x FROM t"},
		{"temporary objects", "CREATE TEMPORARY SYSTEM FUNCTION f AS 'c'", "1:1", cc, "CREATE FUNCTION f AS 'c'"},
		{"temporary objects", "DROP TEMPORARY VIEW v", "1:1", cc, "DROP VIEW v"},
		{"INSERT OVERWRITE", "INSERT OVERWRITE a SELECT x FROM t", "1:1", cc, "INSERT INTO a SELECT x FROM t"},
		{"PARTITION in INSERT INTO", "INSERT INTO a PARTITION (d = '1') SELECT x FROM t", "1:26", cc, "INSERT INTO a SELECT x, '1' FROM t"},
		{"ON CONFLICT", "INSERT INTO a SELECT x FROM t ON CONFLICT DO NOTHING", "1:1", "ccloud-2025-09", "INSERT INTO a SELECT x FROM t"},
		{"ALTER TABLE RENAME", "ALTER TABLE a RENAME TO b", "1:15", cc, "ALTER TABLE a SET ('kafka.retention.time' = '1 d')|flink"},
		{"ALTER TABLE RENAME", "ALTER TABLE a RENAME x TO y", "1:15", cc, ""},
		{"ALTER TABLE ADD of a physical column", "ALTER TABLE a ADD (x INT)", "1:20", cc, "ALTER TABLE a ADD (x AS y + 1)"},
		{"ALTER TABLE ADD of a physical column", "ALTER TABLE a ADD (h MAP<BYTES, BYTES> METADATA FROM 'headers', x INT)", "1:65", cc, "ALTER TABLE a ADD (h MAP<BYTES, BYTES> METADATA FROM 'headers')"},
		{"ALTER TABLE DROP of a column", "ALTER TABLE a DROP x", "1:15", cc, "ALTER TABLE a DROP WATERMARK"},
		{"a distribution in ALTER TABLE", "ALTER TABLE a ADD DISTRIBUTION BY (x) INTO 3 BUCKETS", "1:15", cc, "ALTER TABLE a ADD PRIMARY KEY (x) NOT ENFORCED"},
		{"a distribution in ALTER TABLE", "ALTER TABLE a DROP DISTRIBUTION", "1:15", cc, "ALTER TABLE a DROP PRIMARY KEY"},
		{"materialized tables", "CREATE MATERIALIZED TABLE a AS SELECT x FROM t", "1:1", "ccloud-2025-09", "CREATE TABLE a AS SELECT x FROM t"},
		{"materialized tables", "ALTER MATERIALIZED TABLE a SUSPEND", "1:1", "ccloud-2025-09", ""},
		{"materialized tables", "DROP MATERIALIZED TABLE a", "1:1", "ccloud-2025-09", "DROP TABLE a"},
		{"a function from anywhere but an artifact", "CREATE FUNCTION f AS 'c' USING JAR 's3://b/f.jar'", "1:32", cc, "CREATE FUNCTION f AS 'c' USING JAR 'confluent-artifact://cfa-1'|flink"},
		{"a function from an artifact", "CREATE FUNCTION f AS 'c' USING JAR 'confluent-artifact://cfa-1'", "1:32", "flink-2.x", "CREATE FUNCTION f AS 'c' USING JAR 's3://b/f.jar'|cc"},
		{"SHOW of modules, JARs, procedures and partitions", "SHOW MODULES", "1:1", cc, "SHOW TABLES"},

		{"PROCTIME()", "CREATE TABLE t (x INT, p AS PROCTIME())", "1:29", cc, "CREATE TABLE t (x INT)"},
		{"PROCTIME()", "INSERT INTO a SELECT PROCTIME() FROM t", "1:22", cc, "INSERT INTO a SELECT ts FROM t"},
		{"group windows in GROUP BY", "INSERT INTO a SELECT COUNT(*) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)", "1:47", cc,
			"INSERT INTO a SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end"},
		{"LATERAL TABLE(UNNEST(…))", "INSERT INTO a SELECT x FROM t, LATERAL TABLE(UNNEST(t.xs)) AS u (x)", "1:46", cc, "INSERT INTO a SELECT x FROM t CROSS JOIN UNNEST(t.xs) AS u (x)"},
		{"UNNEST WITH ORDINALITY", "INSERT INTO a SELECT x, n FROM t CROSS JOIN UNNEST(xs) WITH ORDINALITY AS u (x, n)", "1:45", "ccloud-2025-09", "INSERT INTO a SELECT x FROM t CROSS JOIN UNNEST(xs) AS u (x)"},
		{"joins without an equality", "INSERT INTO a SELECT 1 FROM t JOIN u ON t.x < u.y", "1:31", cc, "INSERT INTO a SELECT 1 FROM t JOIN u ON t.x = u.y AND t.z < u.z"},
		{"joins without an equality", "INSERT INTO a SELECT 1 FROM t CROSS JOIN u", "1:31", cc, "INSERT INTO a SELECT 1 FROM t CROSS JOIN (SELECT MAX(y) AS y FROM u) AS u"},
		{"joins without an equality", "INSERT INTO a SELECT 1 FROM t, u WHERE t.x = 1", "1:30", cc, "INSERT INTO a SELECT 1 FROM t, u WHERE t.x = u.x"},
		{"joins without an equality", "INSERT INTO a SELECT 1 FROM t LEFT JOIN u ON TRUE WHERE t.x = u.x", "1:31", cc, "INSERT INTO a SELECT 1 FROM t LEFT JOIN u USING (x)"},
		{"WITH RECURSIVE", "INSERT INTO a WITH RECURSIVE r AS (SELECT x FROM t) SELECT x FROM r", "1:15", cc + " flink-2.x", "INSERT INTO a WITH r AS (SELECT x FROM t) SELECT x FROM r"},
		{"OVER windows that look ahead", "INSERT INTO a SELECT SUM(x) OVER (ORDER BY ts ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) FROM t", "1:47", cc + " flink-2.x",
			"INSERT INTO a SELECT SUM(x) OVER (ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t"},
		{"$rowtime", "INSERT INTO a SELECT $rowtime FROM t", "1:22", "flink-2.x", "INSERT INTO a SELECT ts FROM t"},
		{"$rowtime", "INSERT INTO a SELECT window_start FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR($rowtime), INTERVAL '1' HOUR))", "1:73", "flink-2.x", ""},
		{"FROM_CHANGELOG and TO_CHANGELOG", "INSERT INTO a SELECT * FROM TO_CHANGELOG(TABLE t)", "1:29", "ccloud-2025-09", "INSERT INTO a SELECT * FROM t"},
		{"functions of Confluent's for models and search", "INSERT INTO a SELECT AI_COMPLETE('m', x) FROM t", "1:22", "flink-2.x", "INSERT INTO a SELECT my_complete('m', x) FROM t"},
		{"INFORMATION_SCHEMA", "SELECT * FROM `INFORMATION_SCHEMA`.`TABLES`", "1:15", "flink-2.x", "SHOW TABLES"},
		{"INFORMATION_SCHEMA in INSERT INTO", "INSERT INTO a SELECT x FROM INFORMATION_SCHEMA.T", "1:29", cc + " flink-2.x", "INSERT INTO a VALUES ('t')"},

		{"ALL ROWS PER MATCH", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts ALL ROWS PER MATCH PATTERN (A B) DEFINE A AS A.x > 1)", "1:31", cc + " flink-2.x",
			"INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts ONE ROW PER MATCH PATTERN (A B) DEFINE A AS A.x > 1)"},
		{"SUBSET", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A B) SUBSET S = (A, B) DEFINE A AS A.x > 1)", "1:81", cc + " flink-2.x", ""},
		{"PREV, NEXT and CLASSIFIER in MATCH_RECOGNIZE", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A B) DEFINE B AS B.x > PREV(B.x))", "1:92", cc + " flink-2.x",
			"INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A B) DEFINE B AS B.x > LAST(A.x, 1))"},
		{"aggregates of DISTINCT values in MATCH_RECOGNIZE", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES COUNT(DISTINCT A.x) AS n PATTERN (A B) DEFINE A AS A.x > 1)", "1:69", cc + " flink-2.x",
			"INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES COUNT(A.x) AS n PATTERN (A B) DEFINE A AS A.x > 1)"},
		{"alternatives, groups, anchors, exclusions and PERMUTE in a row pattern", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A (B | C)) DEFINE A AS A.x > 1)", "", cc + " flink-2.x", ""},
		{"alternatives, groups, anchors, exclusions and PERMUTE in a row pattern", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN ((A B)+ C) DEFINE A AS A.x > 1)", "", cc + " flink-2.x", ""},
		{"a pattern that ends greedily", "INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A B+) DEFINE B AS B.x > 1)", "", cc + " flink-2.x",
			"INSERT INTO a SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A B+ C) DEFINE B AS B.x > 1)"},

		{"connectors of Apache Flink", "CREATE TABLE t (x INT) WITH ('connector' = 'upsert-kafka')", "1:30", cc, "CREATE TABLE t (x INT)"},
		{"formats without a registry", "CREATE TABLE t (x INT) WITH ('value.format' = 'json')", "1:30", cc, "CREATE TABLE t (x INT) WITH ('value.format' = 'json-registry')|flink"},
		{"options of Flink's Kafka connector", "CREATE TABLE t (x INT) WITH ('sink.buffer-flush.interval' = '1 s')", "1:30", cc, "CREATE TABLE t (x INT) WITH ('connector' = 'mongodb', 'sink.x' = 'y')"},
		{"options of 2026", "ALTER TABLE t SET ('late-handling.mode' = 'filter')", "1:20", "ccloud-2025-09 flink-2.x", "ALTER TABLE t SET ('scan.startup.mode' = 'latest-offset')"},
		{"start and end at offsets", "INSERT INTO a SELECT x FROM t /*+ OPTIONS('scan.startup.mode' = 'specific-offsets') */", "1:43", "ccloud-2025-09", "INSERT INTO a SELECT x FROM t /*+ OPTIONS('scan.startup.mode' = 'timestamp') */"},
		{"options of Confluent Cloud", "CREATE TABLE t (x INT) WITH ('changelog.mode' = 'retract')", "1:30", "flink-2.x", "CREATE TABLE t (x INT)"},
		{"formats of Confluent Cloud", "CREATE TABLE t (x INT) WITH ('key.format' = 'avro-registry')", "1:30", "flink-2.x", "CREATE TABLE t (x INT) WITH ('key.format' = 'raw')"},
		{"properties of Apache Flink", "SET 'table.exec.state.ttl' = '1 d'", "1:5", cc, "SET 'sql.state-ttl' = '1 d'|flink"},
		{"properties of Confluent Cloud", "SET 'sql.state-ttl' = '1 d'", "1:5", "flink-2.x", "SET 'table.exec.state.ttl' = '1 d'|cc"},
	}
	shown := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.what+"/"+tt.sql, func(t *testing.T) {
			i := slices.IndexFunc(refusals, func(r refusal) bool { return r.what == tt.what })
			if i < 0 {
				t.Fatalf("the table has no %q", tt.what)
			}
			shown[tt.what] = true
			p, findings := ParseOne("x.sql", tt.sql)
			if len(findings) > 0 {
				t.Fatalf("it does not parse: %s\n%s", findings[0].Message, findings[0].Excerpt)
			}
			var in []string
			for _, d := range Dialects() {
				found := Refused(p, d)
				if len(found) == 0 {
					continue
				}
				in = append(in, d.Name())
				f := found[0]
				if at := fmt.Sprintf("%d:%d", f.Place.Line, f.Place.Column); tt.at != "" && at != tt.at {
					t.Errorf("it is refused at %s, want %s", at, tt.at)
				}
				if f.Rule != RuleDialect || f.Remedy == "" || !strings.Contains(f.Message, d.String()+" does not take ") {
					t.Errorf("a refusal without rule, remedy or dialect: %+v", f)
				}
			}
			slices.Sort(in)
			want := strings.Fields(tt.in)
			slices.Sort(want)
			if diff := cmp.Diff(want, in); diff != "" {
				t.Errorf("refused by (-want +got):\n%s", diff)
			}
			right, but, _ := strings.Cut(tt.right, "|")
			if right == "" {
				return
			}
			p, findings = ParseOne("x.sql", right)
			if len(findings) > 0 {
				t.Fatalf("%s does not parse: %s", right, findings[0].Message)
			}
			for _, d := range Dialects() {
				if but == "flink" && d == Flink2 || but == "cc" && d != Flink2 {
					continue
				}
				for _, f := range Refused(p, d) {
					t.Errorf("%s: %s: %s", d.Name(), right, f.Message)
				}
			}
		})
	}
	for _, r := range refusals {
		if !shown[r.what] {
			t.Errorf("nothing shows that %q is refused", r.what)
		}
		if r.why == "" || r.remedy == "" || len(r.in) == 0 {
			t.Errorf("%q has no reason, remedy or dialect", r.what)
		}
	}
}

// TestRefusedWithinStatements: what stands deep in a statement set, a view or an EXPLAIN is found all the same, in the order of the text.
func TestRefusedWithinStatements(t *testing.T) {
	p, findings := ParseOne("x.sql", `EXPLAIN STATEMENT SET BEGIN
INSERT INTO a SELECT x FROM (SELECT PROCTIME() AS x FROM t WHERE x IN (SELECT y FROM u CROSS JOIN v)) AS d;
INSERT INTO b SELECT PROCTIME() FROM t;
END`)
	if len(findings) > 0 {
		t.Fatal(findings[0].Message)
	}
	var got []string
	for _, f := range Refused(p, "") {
		got = append(got, fmt.Sprintf("%d:%d", f.Place.Line, f.Place.Column))
	}
	if diff := cmp.Diff([]string{"2:37", "2:88", "3:22"}, got); diff != "" {
		t.Errorf("refused at (-want +got):\n%s", diff)
	}
}
