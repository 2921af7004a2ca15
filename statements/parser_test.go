package statements

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParsePrints(t *testing.T) {
	for name, tc := range map[string]struct{ sql, want string }{
		"create table": {
			"-- lifeboat:name delays\nCREATE TABLE IF NOT EXISTS c.d.delays (origin STRING NOT NULL COMMENT 'where', m MAP<STRING, ARRAY<INT NOT NULL>>, r ROW<a INT, b DECIMAL(10,2)>," +
				" ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', `offset` BIGINT METADATA VIRTUAL, c AS n * 2 + 1, n INTEGER," +
				" WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, CONSTRAINT pk PRIMARY KEY (origin, n) NOT ENFORCED)" +
				" COMMENT 'it''s' DISTRIBUTED BY HASH(origin) INTO 6 BUCKETS WITH ('changelog.mode'='upsert')",
			"CREATE TABLE IF NOT EXISTS `c`.`d`.`delays` (\n  `origin` STRING NOT NULL COMMENT 'where',\n  `m` MAP<STRING, ARRAY<INT NOT NULL>>,\n  `r` ROW<`a` INT, `b` DECIMAL(10, 2)>,\n" +
				"  `ts` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',\n  `offset` BIGINT METADATA VIRTUAL,\n  `c` AS `n` * 2 + 1,\n  `n` INT,\n" +
				"  WATERMARK FOR `ts` AS `ts` - INTERVAL '5' SECOND,\n  CONSTRAINT `pk` PRIMARY KEY (`origin`, `n`) NOT ENFORCED\n)" +
				" COMMENT 'it''s' DISTRIBUTED BY HASH(`origin`) INTO 6 BUCKETS WITH ('changelog.mode' = 'upsert')",
		},
		"inline key":             {"create table t (a int primary key not enforced)", "CREATE TABLE `t` (\n  `a` INT PRIMARY KEY NOT ENFORCED\n)"},
		"round robin":            {"CREATE TABLE t (a INT) DISTRIBUTED INTO 3 BUCKETS", "CREATE TABLE `t` (\n  `a` INT\n) DISTRIBUTED INTO 3 BUCKETS"},
		"types":                  {"CREATE TABLE t (a VARCHAR, b CHAR(3), c BYTES, d TIME(3), e TIMESTAMP, f TIMESTAMP(3) WITH LOCAL TIME ZONE, g DOUBLE PRECISION, h INT ARRAY, i STRING MULTISET, j NUMERIC(5))", "CREATE TABLE `t` (\n  `a` VARCHAR(1),\n  `b` CHAR(3),\n  `c` BYTES,\n  `d` TIME(3),\n  `e` TIMESTAMP(6),\n  `f` TIMESTAMP_LTZ(3),\n  `g` DOUBLE,\n  `h` ARRAY<INT>,\n  `i` MULTISET<STRING>,\n  `j` DECIMAL(5, 0)\n)"},
		"insert":                 {"INSERT INTO a (b, c) SELECT x AS b, t.y FROM s AS t WHERE x > 1", "INSERT INTO `a` (`b`, `c`)\nSELECT `x` AS `b`, `t`.`y`\nFROM `s` AS `t`\nWHERE `x` > 1"},
		"star":                   {"insert into a select *, t.* from t", "INSERT INTO `a`\nSELECT *, `t`.*\nFROM `t`"},
		"tumble":                 {"INSERT INTO a SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR($rowtime), INTERVAL '1' HOUR, INTERVAL '-5' MINUTE)) GROUP BY window_start, window_end, k HAVING COUNT(*) > 1", "INSERT INTO `a`\nSELECT `window_start`, COUNT(*)\nFROM TABLE(TUMBLE(TABLE `t`, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR, INTERVAL '-5' MINUTE))\nGROUP BY `window_start`, `window_end`, `k`\nHAVING COUNT(*) > 1"},
		"tumble without TABLE":   {"INSERT INTO a SELECT x FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY) AS w", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(TUMBLE(TABLE `t`, DESCRIPTOR(`ts`), INTERVAL '1' DAY)) AS `w`"},
		"tumble by name":         {"INSERT INTO a SELECT x FROM TABLE(TUMBLE(SIZE => INTERVAL '10' SECOND, DATA => TABLE t, TIMECOL => DESCRIPTOR(ts)))", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(TUMBLE(TABLE `t`, DESCRIPTOR(`ts`), INTERVAL '10' SECOND))"},
		"hop":                    {"INSERT INTO a SELECT x FROM TABLE(HOP(TABLE t AS u, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR, INTERVAL '1' MINUTE))", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(HOP(TABLE `t` AS `u`, DESCRIPTOR(`ts`), INTERVAL '5' MINUTE, INTERVAL '1' HOUR, INTERVAL '1' MINUTE))"},
		"hop by name":            {"INSERT INTO a SELECT x FROM HOP(DATA => TABLE t, SIZE => INTERVAL '1' HOUR, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' MINUTE) w", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(HOP(TABLE `t`, DESCRIPTOR(`ts`), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)) AS `w`"},
		"cumulate":               {"INSERT INTO a SELECT x FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY))", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(CUMULATE(TABLE `t`, DESCRIPTOR(`ts`), INTERVAL '1' HOUR, INTERVAL '1' DAY))"},
		"session":                {"INSERT INTO a SELECT x FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE))", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(SESSION(TABLE `t`, DESCRIPTOR(`ts`), INTERVAL '5' MINUTE))"},
		"session by key":         {"INSERT INTO a SELECT x FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), GAP => INTERVAL '5' MINUTE))", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(SESSION(TABLE `t` PARTITION BY (`k`), DESCRIPTOR(`ts`), INTERVAL '5' MINUTE))"},
		"session by keys":        {"INSERT INTO a SELECT x FROM TABLE(SESSION(TABLE t u PARTITION BY (k, l), DESCRIPTOR(ts), INTERVAL '5' MINUTE))", "INSERT INTO `a`\nSELECT `x`\nFROM TABLE(SESSION(TABLE `t` AS `u` PARTITION BY (`k`, `l`), DESCRIPTOR(`ts`), INTERVAL '5' MINUTE))"},
		"hints":                  {"INSERT INTO a SELECT /*+ STATE_TTL('t'='1d') */ x FROM t /*+ OPTIONS('scan.startup.mode'='earliest-offset') */ u", "INSERT INTO `a`\nSELECT /*+ STATE_TTL('t' = '1d') */ `x`\nFROM `t` /*+ OPTIONS('scan.startup.mode' = 'earliest-offset') */ AS `u`"},
		"derived":                {"INSERT INTO a SELECT b FROM (SELECT x b FROM c) AS t (b)", "INSERT INTO `a`\nSELECT `b`\nFROM (SELECT `x` AS `b`\nFROM `c`) AS `t` (`b`)"},
		"query in parentheses":   {"INSERT INTO a (SELECT x FROM t)", "INSERT INTO `a`\nSELECT `x`\nFROM `t`"},
		"limit":                  {"INSERT INTO a SELECT x FROM t ORDER BY y DESC NULLS LAST, z LIMIT 3 OFFSET 1", "INSERT INTO `a`\nSELECT `x`\nFROM `t`\nORDER BY `y` DESC NULLS LAST, `z`\nLIMIT 3\nOFFSET 1 ROWS"},
		"fetch":                  {"INSERT INTO a SELECT x FROM t FETCH NEXT ROW ONLY", "INSERT INTO `a`\nSELECT `x`\nFROM `t`\nFETCH FIRST 1 ROWS ONLY"},
		"comments":               {"/* a */ INSERT -- b\nINTO a // c\nSELECT x /* d; */ FROM t", "INSERT INTO `a`\nSELECT `x`\nFROM `t`"},
		"quoted names":           {"INSERT INTO `a``b` SELECT `year` FROM `my-topic`", "INSERT INTO `a``b`\nSELECT `year`\nFROM `my-topic`"},
		"byte order mark":        {"\ufeffINSERT INTO a SELECT x FROM t", "INSERT INTO `a`\nSELECT `x`\nFROM `t`"},
		"column named by a unit": {"INSERT INTO a SELECT `hour` FROM t", "INSERT INTO `a`\nSELECT `hour`\nFROM `t`"},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := ParseOne("x.sql", tc.sql)
			if len(findings) > 0 {
				t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
			}
			if diff := cmp.Diff(tc.want, p.Statement.SQL()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			printsBack(t, name, p.Statement)
		})
	}
}

func TestParseExpressions(t *testing.T) {
	for sql, want := range map[string]string{
		"1 + 2 * 3 - 4":               "1 + 2 * 3 - 4",
		"(1 + 2) * 3":                 "(1 + 2) * 3",
		"1 - (2 - 3)":                 "1 - (2 - 3)",
		"a || b + c":                  "`a` || `b` + `c`",
		"- - 1":                       "-(-1)",
		"NOT a = b AND c OR d":        "NOT `a` = `b` AND `c` OR `d`",
		"NOT (a AND b)":               "NOT (`a` AND `b`)",
		"a = b IS NULL":               "`a` = `b` IS NULL",
		"a = (b IS NULL)":             "`a` = (`b` IS NULL)",
		"x NOT BETWEEN 1 AND 2 AND y": "`x` NOT BETWEEN 1 AND 2 AND `y`",
		"x BETWEEN SYMMETRIC a + 1 AND (b AND c)":  "`x` BETWEEN SYMMETRIC `a` + 1 AND (`b` AND `c`)",
		"x IN (1, 'a''b', NULL)":                   "`x` IN (1, 'a''b', NULL)",
		"x NOT LIKE 'a!_%' ESCAPE '!'":             "`x` NOT LIKE 'a!_%' ESCAPE '!'",
		"x IS NOT DISTINCT FROM y":                 "`x` IS NOT DISTINCT FROM `y`",
		"x IS NOT UNKNOWN":                         "`x` IS NOT UNKNOWN",
		"CASE a WHEN 1 THEN 'x' ELSE 'y' END":      "CASE `a` WHEN 1 THEN 'x' ELSE 'y' END",
		"CASE WHEN a THEN 1 END":                   "CASE WHEN `a` THEN 1 END",
		"TRY_CAST(a AS DECIMAL(10, 2))":            "TRY_CAST(`a` AS DECIMAL(10, 2))",
		"count(distinct a) FILTER (WHERE b)":       "COUNT(DISTINCT `a`) FILTER (WHERE `b`)",
		"extract(day from ts)":                     "EXTRACT(DAY FROM `ts`)",
		"floor(ts to hour)":                        "FLOOR(`ts` TO HOUR)",
		"ceiling(x)":                               "CEILING(`x`)",
		"trim(both 'x' from y)":                    "TRIM(BOTH 'x' FROM `y`)",
		"trim(leading from y)":                     "TRIM(LEADING FROM `y`)",
		"position('a' in b)":                       "POSITION('a' IN `b`)",
		"substring(a from 2 for 3)":                "SUBSTRING(`a`, 2, 3)",
		"timestampdiff(minute, a, b)":              "TIMESTAMPDIFF(MINUTE, `a`, `b`)",
		"current_timestamp":                        "CURRENT_TIMESTAMP",
		"DATE '2026-02-28'":                        "DATE '2026-02-28'",
		"TIMESTAMP '2026-02-28 01:02:03.5'":        "TIMESTAMP '2026-02-28 01:02:03.5'",
		"INTERVAL '1 10:00:00.5' DAY TO SECOND(3)": "INTERVAL '1 10:00:00.5' DAY TO SECOND(3)",
		"INTERVAL -'1-6' YEAR(4) TO MONTH":         "INTERVAL -'1-6' YEAR(4) TO MONTH",
		"X'0aFf'":                                  "X'0AFF'",
		".5 + 1e-3":                                ".5 + 1e-3",
		"case when a = 1then 2else 3end":           "CASE WHEN `a` = 1 THEN 2 ELSE 3 END",
		"LEFT(a, 1) || RIGHT(a, 1)":                "LEFT(`a`, 1) || RIGHT(`a`, 1)",
		`U&'\263a'`:                                `'☺'`,
		`u&'a\\b\d83d\de00''c'`:                    `'a\b😀''c'`,
		"U&'#263A\\0041' UESCAPE '#'":              `'☺\0041'`,
		"'a' 'b'":                                  "'ab'",
	} {
		t.Run(sql, func(t *testing.T) {
			p, findings := ParseOne("", "INSERT INTO a SELECT "+sql+" FROM t")
			if len(findings) > 0 {
				t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
			}
			got := p.Statement.(*Insert).Query.Body.(*Select).Items[0].Expr.SQL()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			printsBack(t, sql, p.Statement)
		})
	}
}

// TestParseRefusals: what is wrong is said at its place, what is not supported by its name.
func TestParseRefusals(t *testing.T) {
	for sql, want := range map[string]string{
		`INSERT INTO a SELECT U&'\263' FROM t`:               `1:22 sql/syntax in a Unicode string \ is followed by four hex digits, or by itself`,
		`INSERT INTO a SELECT U&'#263A' UESCAPE 'no' FROM t`: `1:40 sql/syntax UESCAPE takes one character, such as '#'`,
		"GRANT SELECT ON t TO u":                             "1:1 sql/syntax expected CREATE, INSERT, SELECT, WITH, VALUES, ALTER, DROP, EXECUTE …, found GRANT",
		"INSERT INTO a SELECT x FROM HOP(TABLE t, DESCRIPTOR(x), INTERVAL '7' MINUTE, INTERVAL '1' HOUR)":              "1:78 sql/syntax the window's size of 1h must be a multiple of the slide of 7m",
		"INSERT INTO a SELECT x FROM CUMULATE(TABLE t, DESCRIPTOR(x), INTERVAL '2' HOUR, INTERVAL '1' HOUR)":           "1:81 sql/syntax the window's size of 1h must be a multiple of the step of 2h",
		"INSERT INTO a SELECT x FROM HOP(TABLE t, DESCRIPTOR(x), INTERVAL '0' MINUTE, INTERVAL '1' HOUR)":              "1:57 sql/syntax the slide must be a positive length of days, hours, minutes or seconds",
		"INSERT INTO a SELECT x FROM SESSION(TABLE t, DESCRIPTOR(x), INTERVAL '1' MONTH)":                              "1:61 sql/syntax the gap must be a positive length of days, hours, minutes or seconds",
		"INSERT INTO a SELECT x FROM HOP(TABLE t, DESCRIPTOR(x), INTERVAL '7' MINUTE)":                                 "1:76 sql/syntax HOP needs the window's size",
		"INSERT INTO a SELECT x FROM HOP(TABLE t, DESCRIPTOR(x), STEP => INTERVAL '7' MINUTE)":                         "1:57 sql/syntax HOP has no parameter STEP",
		"INSERT INTO a SELECT x FROM SESSION(TABLE t, DESCRIPTOR(x), INTERVAL '1' HOUR, INTERVAL '1' HOUR)":            "1:80 sql/syntax SESSION takes at most 3 arguments",
		"INSERT INTO a SELECT x FROM HOP(TABLE t PARTITION BY k, DESCRIPTOR(x), INTERVAL '1' HOUR, INTERVAL '1' HOUR)": "1:41 sql/syntax HOP has no PARTITION BY: the keys stand in GROUP BY",
		"INSERT INTO a SELECT x FROM HOP((SELECT x FROM t), DESCRIPTOR(x), INTERVAL '1' HOUR, INTERVAL '1' HOUR)":      "1:34 sql/unsupported a query as the input of HOP is not supported yet",
		"INSERT INTO a SELECT x FROM b JOIN c ON a.x = b.x":                                                            "1:31 sql/unsupported JOIN is not supported yet: lifeboat's engine reads one table per statement",
		"INSERT INTO a SELECT x FROM b LEFT OUTER JOIN c ON TRUE":                                                      "1:31 sql/unsupported LEFT JOIN is not supported yet: lifeboat's engine reads one table per statement",
		"INSERT INTO a SELECT x FROM b, c":                                                         "1:30 sql/unsupported a join of several tables in FROM is not supported yet: lifeboat's engine reads one table per statement",
		"INSERT INTO a SELECT x FROM b FOR SYSTEM_TIME AS OF b.t":                                  "1:29 sql/unsupported FOR SYSTEM_TIME AS OF is not supported yet",
		"INSERT INTO a SELECT x FROM UNNEST(b)":                                                    "1:29 sql/unsupported UNNEST in FROM is not supported yet",
		"INSERT INTO a SELECT x FROM LATERAL TABLE(f(y))":                                          "1:43 sql/unsupported the table function f is not supported yet",
		"INSERT INTO a SELECT x FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) DEFINE A AS TRUE)": "1:31 sql/unsupported MATCH_RECOGNIZE is not supported yet",
		"INSERT INTO a SELECT COUNT(*) OVER (PARTITION BY x) FROM t":                               "1:36 sql/unsupported OVER is not supported yet",
		"INSERT INTO a SELECT x FROM t UNION ALL SELECT x FROM u":                                  "1:31 sql/unsupported UNION is not supported yet",
		"INSERT INTO a WITH t AS (SELECT 1) SELECT * FROM t":                                       "1:20 sql/unsupported WITH is not supported yet",
		"INSERT INTO a VALUES (1)":                                                                 "1:15 sql/unsupported VALUES is not supported yet",
		"INSERT INTO a SELECT x FROM t GROUP BY ROLLUP (x)":                                        "1:40 sql/unsupported ROLLUP is not supported yet",
		"INSERT INTO a SELECT x FROM t WHERE x IN (SELECT y FROM u)":                               "1:43 sql/unsupported a query as an expression is not supported yet",
		"INSERT INTO a SELECT ARRAY[1] FROM t":                                                     "1:22 sql/unsupported the constructor ARRAY is not supported yet",
		"INSERT INTO a SELECT JSON_VALUE(x, '$.a') FROM t":                                         "1:22 sql/unsupported JSON_VALUE is not supported yet",
		"INSERT OVERWRITE a SELECT x FROM t":                                                       "1:1 sql/unsupported INSERT OVERWRITE is not supported yet",
		"SELECT 1":                                                                                 "1:1 sql/unsupported a query without INSERT INTO is not supported yet",
		"ALTER TABLE a SET ('x' = 'y')":                                                            "1:1 sql/unsupported ALTER TABLE is not supported yet",
		"DROP TABLE a":                                                                             "1:1 sql/unsupported DROP TABLE is not supported yet",
		"CREATE VIEW v AS SELECT 1":                                                                "1:1 sql/unsupported CREATE VIEW is not supported yet",
		"CREATE FUNCTION f AS 'c' USING JAR 'j'":                                                   "1:1 sql/unsupported CREATE FUNCTION is not supported yet",
		"CREATE MODEL m":                                                                           "1:1 sql/unsupported CREATE MODEL is not supported yet",
		"CREATE TABLE a AS SELECT 1":                                                               "1:19 sql/unsupported CREATE TABLE … AS SELECT is not supported yet",
		"CREATE TABLE a LIKE b":                                                                    "1:16 sql/unsupported CREATE TABLE … LIKE is not supported yet",
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT x FROM t; INSERT INTO b SELECT x FROM t; END": "1:1 sql/unsupported a statement set is not supported yet",
		"INSERT INTO a SELECT b FORM c":                                                         "1:24 sql/syntax unexpected \"FORM\"; did you mean FROM?",
		"INSERT INTO a SELECT b FROM c WERE x = 1":                                              "1:31 sql/syntax unexpected \"WERE\"; did you mean WHERE?",
		"CREAT TABLE a (b INT)":                                                                 "1:1 sql/syntax unexpected \"CREAT\"; did you mean CREATE?",
		"INSERT INTO a SELECT b, FROM c":                                                        "1:25 sql/syntax expected an expression, found FROM",
		"INSERT INTO a SELECT (b + 1 FROM c":                                                    "1:29 sql/syntax expected \",\" or \")\", found FROM",
		"INSERT INTO a SELECT b FROM c GROUP window_start":                                      "1:37 sql/syntax expected BY after GROUP, found \"window_start\"",
		"INSERT INTO a SELECT year FROM c":                                                      "1:22 sql/syntax expected an expression, found the reserved word year",
		"INSERT INTO a SELECT b FROM c WHERE d != 1":                                            "1:39 sql/syntax Flink SQL has no !=",
		"INSERT INTO a SELECT \"b\" FROM c":                                                     "1:22 sql/syntax double quotes mean nothing in Flink SQL",
		"INSERT INTO a SELECT b FROM c WHERE d = ‘x’":                                           "1:41 sql/syntax '‘' is a typographic quote",
		"INSERT INTO a SELECT DATE '2026-02-30' FROM c":                                         "1:27 sql/syntax '2026-02-30' is no DATE: \"2026-02-30\" is no date yyyy-MM-dd",
		"INSERT INTO a SELECT INTERVAL '1' FROTNIGHT FROM c":                                    "1:35 sql/syntax expected YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE or SECOND, found \"FROTNIGHT\"",
		"INSERT INTO a SELECT INTERVAL '25:00' HOUR TO SECOND FROM c":                           "1:31 sql/syntax '25:00' is no interval of HOUR TO SECOND: \":\" is missing behind the minute",
		"INSERT INTO a SELECT b FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(x)))":                     "1:64 sql/syntax TUMBLE needs the window's size",
		"INSERT INTO a SELECT b FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(x), INTERVAL '0' HOUR))":  "1:66 sql/syntax the window's size must be a positive length of days, hours, minutes or seconds",
		"INSERT INTO a SELECT b FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(x), INTERVAL '1' MONTH))": "1:66 sql/syntax the window's size must be a positive length of days, hours, minutes or seconds",
		"CREATE TABLE t (a TEXT)":                                                               "1:19 sql/syntax \"TEXT\" is no data type",
		"CREATE TABLE t (a INT PRIMARY KEY)":                                                    "1:23 sql/syntax a primary key must be NOT ENFORCED: Flink does not check it",
		"CREATE TABLE t (a INT, b)":                                                             "1:24 sql/syntax column `b` has no data type",
		"CREATE TABLE t (a DECIMAL(39, 2))":                                                     "1:27 sql/syntax the precision of a DECIMAL must be at most 38, not 39",
		"CREATE TABLE t (a DECIMAL(3, 4))":                                                      "1:30 sql/syntax the scale of this DECIMAL must be at most 3, not 4",
		"CREATE TABLE t (a INT) DISTRIBUTED BY (a) INTO 0 BUCKETS":                              "1:48 sql/syntax the number of buckets must be at least 1",
		"CREATE TABLE t (a INT) WITH ('x'='1', 'x'='2')":                                        "1:39 sql/syntax option 'x' is given twice",
		"INSERT INTO a SELECT 'abc":                                                             "1:22 sql/text the string that begins here has no end",
		"INSERT INTO a /* abc":                                                                  "1:15 sql/text the comment that begins here has no end",
		"INSERT INTO `a":                                                                        "1:13 sql/text the name that begins here has no end",
		"INSERT INTO a SELECT \xff FROM t":                                                      "1:22 sql/text the file is not UTF-8: byte 0xff",
		"INSERT INTO a SELECT 1a FROM t":                                                        "1:22 sql/syntax \"1a\" is neither a number nor a name",
		"":                                                                                      "1:1 sql/syntax there is no statement here",
		"CREATE TABLE a (b INT); CREATE TABLE c (d INT)":                                        "1:25 sql/syntax there is a second statement here",
	} {
		t.Run(sql, func(t *testing.T) {
			p, findings := ParseOne("x.sql", sql)
			if len(findings) == 0 {
				findings = Supported(p)
			}
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1: %v", len(findings), findings)
			}
			f := findings[0]
			got := fmt.Sprintf("%d:%d %s %s", f.Place.Line, f.Place.Column, f.Rule, f.Message)
			if f.Rule == RuleUnsupported && strings.HasPrefix(got, want) {
				return // where a reason follows the name
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseGoesOnAfterAMistake(t *testing.T) {
	script, findings := ParseAt("p.sql", 11, "CREATE TABLE a (b INT);\n;;\n\tINSERT INTO a SELEC b FROM c;\n-- fine\nINSERT INTO a SELECT 'x;y' FROM c;\nMERGE INTO a")
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%s:%d:%d %s\n%s", f.Place.File, f.Place.Line, f.Place.Column, f.Message, f.Excerpt))
	}
	want := []string{
		"p.sql:13:16 unexpected \"SELEC\"; did you mean SELECT?\n\tINSERT INTO a SELEC b FROM c;\n\t              ^",
		"p.sql:16:1 MERGE is not supported yet\nMERGE INTO a\n^",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var texts []string
	for _, p := range script.Statements {
		texts = append(texts, fmt.Sprintf("%s %t %s", p.Pos, p.Statement != nil, p.Text))
	}
	if diff := cmp.Diff([]string{"1:1 true CREATE TABLE a (b INT)", "3:2 false INSERT INTO a SELEC b FROM c", "5:1 true INSERT INTO a SELECT 'x;y' FROM c", "6:1 false MERGE INTO a"}, texts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestExcerptOfALongLine(t *testing.T) {
	_, findings := Parse("", "INSERT INTO a SELECT "+strings.Repeat("äb, ", 100)+" FROM t WHERE "+strings.Repeat("x", 300)+" = 1")
	if len(findings) != 1 {
		t.Fatal(findings)
	}
	line, caret, _ := strings.Cut(findings[0].Excerpt, "\n")
	if n := len([]rune(line)); n > excerptWidth+2 {
		t.Errorf("the excerpt has %d characters", n)
	}
	if got := string([]rune(line)[len([]rune(caret))-1:]); !strings.HasPrefix(got, "FROM") {
		t.Errorf("the caret is not below FROM but below %q\n%s", got, findings[0].Excerpt)
	}
}

// TestParseLimits: too long and too deep are refused, in time that does not grow faster than the text.
func TestParseLimits(t *testing.T) {
	long := strings.Repeat("1 + ", 20_000) + "1"
	for name, tc := range map[string]struct{ sql, want string }{
		"deep parentheses": {"INSERT INTO a SELECT " + strings.Repeat("(", 60_000), RuleLimit},
		"deep calls":       {"INSERT INTO a SELECT " + strings.Repeat("f(", 60_000), RuleLimit},
		"deep signs":       {"INSERT INTO a SELECT " + strings.Repeat("- ", 60_000), RuleLimit},
		"deep NOT":         {"INSERT INTO a SELECT " + strings.Repeat("NOT ", 30_000), RuleLimit},
		"deep CASE":        {"INSERT INTO a SELECT " + strings.Repeat("CASE WHEN ", 10_000), RuleLimit},
		"deep types":       {"CREATE TABLE a (b " + strings.Repeat("ARRAY<", 20_000), RuleLimit},
		"deep queries":     {"INSERT INTO a " + strings.Repeat("SELECT x FROM (", 8_000), RuleLimit},
		"deep tables":      {"INSERT INTO a SELECT x FROM " + strings.Repeat("(", 100_000), RuleLimit},
		"long statement":   {"INSERT INTO a SELECT '" + strings.Repeat("x", maxStatement) + "' FROM t", RuleLimit},
		"long chain":       {"INSERT INTO a SELECT " + long + " FROM t", ""},
		"mixed chain":      {"INSERT INTO a SELECT " + strings.Repeat("1 + 2 - ", 15_000) + "1 FROM t", ""},
		"long IN":          {"INSERT INTO a SELECT x FROM t WHERE x IN (" + strings.Repeat("1, ", 40_000) + "1)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			p, findings := ParseOne("", tc.sql)
			switch {
			case tc.want == "" && len(findings) > 0:
				t.Fatalf("%s: %s", findings[0].Rule, findings[0].Message)
			case tc.want == "":
				printsBack(t, name, p.Statement)
				src := &Table{Name: "t", Columns: []TableColumn{{Name: "x", Type: Int()}}}
				if _, findings := Resolve(p, Tables{"t": src, "a": src}); len(findings) > 0 {
					t.Errorf("resolving: %s", findings[0].Message)
				}
			case len(findings) != 1 || findings[0].Rule != tc.want:
				t.Errorf("findings are %v, want one %s", findings, tc.want)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	t.Run("a file that is no SQL", func(t *testing.T) {
		_, findings := Parse("", strings.Repeat("\";", 1<<19))
		if len(findings) != maxFindings {
			t.Errorf("%d findings, want %d", len(findings), maxFindings)
		}
	})
}

// TestExplainOfSetWithDetails: details in front of a statement set do not hide that its semicolons are the set's.
func TestExplainOfSetWithDetails(t *testing.T) {
	for _, sql := range []string{"EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "EXPLAIN CHANGELOG_MODE, PLAN_ADVICE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END"} {
		p, findings := ParseOne("x.sql", sql)
		if len(findings) > 0 {
			t.Errorf("%s: %s", sql, findings[0].Message)
		} else if _, ok := p.Statement.(*Explain).Statement.(*StatementSet); !ok {
			t.Errorf("%s explains a %T", sql, p.Statement.(*Explain).Statement)
		}
	}
}
