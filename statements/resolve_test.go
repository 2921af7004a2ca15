package statements

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tables is a catalog of the tables that a script declares.
func tables(t *testing.T, ddl string) Tables {
	t.Helper()
	script, findings := Parse("tables.sql", ddl)
	if len(findings) > 0 {
		t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
	}
	out := Tables{}
	for _, p := range script.Statements {
		table, findings := TableOf(p)
		if len(findings) > 0 {
			t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
		}
		out[table.Name] = table
	}
	return out
}

func one(t *testing.T, sql string) *Parsed {
	t.Helper()
	p, findings := ParseOne("x.sql", sql)
	if len(findings) > 0 {
		t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
	}
	return p
}

const flightTables = `
CREATE TABLE flights (origin STRING NOT NULL, carrier CHAR(2), dep_delay INT, n BIGINT NOT NULL, dist DOUBLE, fare DECIMAL(10, 2), ts TIMESTAMP_LTZ(3), wall TIMESTAMP(3), d DATE, ok BOOLEAN, tags ARRAY<STRING>, doubled AS dep_delay * 2);
CREATE TABLE timed (k STRING, ts TIMESTAMP(3) NOT NULL, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE out_t (k STRING, v BIGINT);
CREATE TABLE latest (k STRING, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) DISTRIBUTED BY (k) INTO 3 BUCKETS;
CREATE TABLE stamped (k STRING NOT NULL, happened TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', p INT METADATA FROM 'partition' VIRTUAL, c AS UPPER(k));
`

// TestTypesOfExpressions pins the rules that the corpus does not cover. The corpus test compares with Flink itself.
func TestTypesOfExpressions(t *testing.T) {
	cat := tables(t, flightTables)
	for sql, want := range map[string]string{
		"n + 1":                                "BIGINT NOT NULL",
		"dep_delay + n":                        "BIGINT",
		"dep_delay / 2":                        "INT",
		"dist + dep_delay":                     "DOUBLE",
		"fare + fare":                          "DECIMAL(11, 2)",
		"fare * fare":                          "DECIMAL(21, 4)",
		"fare / fare":                          "DECIMAL(23, 13)",
		"fare + dep_delay":                     "DECIMAL(13, 2)",
		"fare + dist":                          "DOUBLE",
		"fare % 3":                             "DECIMAL(10, 2)",
		"MOD(n, 7)":                            "INT NOT NULL",
		"CAST(fare AS DECIMAL(38, 10)) * fare": "DECIMAL(38, 6)",
		"CAST(fare AS DECIMAL(38, 8)) + CAST(fare AS DECIMAL(32, 8))": "DECIMAL(38, 7)",
		"-dep_delay":                                  "INT",
		"origin || 'x'":                               "STRING NOT NULL",
		"'a' || 'bc'":                                 "CHAR(3) NOT NULL",
		"carrier || origin":                           "STRING",
		"n > 1 AND ok":                                "BOOLEAN",
		"n > 1":                                       "BOOLEAN NOT NULL",
		"dep_delay IS NULL":                           "BOOLEAN NOT NULL",
		"dep_delay IS DISTINCT FROM 1":                "BOOLEAN NOT NULL",
		"n BETWEEN 1 AND dep_delay":                   "BOOLEAN",
		"n IN (1, 2)":                                 "BOOLEAN NOT NULL",
		"d > '2026-01-01'":                            "BOOLEAN",
		"CASE WHEN ok THEN 1 ELSE n END":              "BIGINT NOT NULL",
		"CASE WHEN ok THEN 'a' ELSE 'bcd' END":        "VARCHAR(3) NOT NULL",
		"CASE WHEN ok THEN 1 END":                     "INT",
		"CASE carrier WHEN 'UA' THEN fare ELSE 1 END": "DECIMAL(12, 2)",
		"COALESCE(dep_delay, 0)":                      "INT NOT NULL",
		"COALESCE(dep_delay, fare)":                   "DECIMAL(12, 2)",
		"NULLIF(n, 0)":                                "BIGINT",
		"IF(ok, n, 0)":                                "BIGINT",
		"GREATEST(n, 1)":                              "BIGINT NOT NULL",
		"CAST(dep_delay AS STRING)":                   "STRING",
		"CAST(n AS STRING)":                           "STRING NOT NULL",
		"TRY_CAST(n AS INT)":                          "INT",
		"ROUND(fare, 1)":                              "DECIMAL(10, 1)",
		"ROUND(fare)":                                 "DECIMAL(9, 0)",
		"ROUND(dist, 2)":                              "DOUBLE",
		"FLOOR(fare)":                                 "DECIMAL(10, 0)",
		"UPPER(carrier)":                              "VARCHAR(2)",
		"SUBSTRING(origin, 1, 2)":                     "STRING",
		"CHAR_LENGTH(origin)":                         "INT NOT NULL",
		"MD5(origin)":                                 "CHAR(32) NOT NULL",
		"EXTRACT(HOUR FROM ts)":                       "BIGINT",
		"FLOOR(ts TO HOUR)":                           "TIMESTAMP_LTZ(3)",
		"ts + INTERVAL '1' DAY":                       "TIMESTAMP_LTZ(3)",
		"INTERVAL '1' DAY + d":                        "DATE",
		"TIMESTAMPDIFF(MINUTE, ts, `$rowtime`)":       "INT",
		"DATE_FORMAT(ts, 'yyyy')":                     "STRING",
		"TO_TIMESTAMP_LTZ(n, 3)":                      "TIMESTAMP_LTZ(3)",
		"`$rowtime`":                                  "TIMESTAMP_LTZ(3) NOT NULL",
		"doubled":                                     "INT",
		"1.50":                                        "DECIMAL(3, 2) NOT NULL",
		"0.05":                                        "DECIMAL(2, 2) NOT NULL",
		"2147483648":                                  "BIGINT NOT NULL",
		"-9223372036854775808":                        "BIGINT NOT NULL",
		"99999999999999999999":                        "DECIMAL(20, 0) NOT NULL",
		"1e3":                                         "DOUBLE NOT NULL",
		"TIMESTAMP '2026-01-01 00:00:00.123'":         "TIMESTAMP(3) NOT NULL",
	} {
		t.Run(sql, func(t *testing.T) {
			p := one(t, "INSERT INTO out_t SELECT "+sql+" FROM flights")
			var got string
			bad := caught(func() {
				rel := (&resolver{cat: cat}).query(p.Statement.(*Insert).Query)
				got = rel.Columns()[0].Type.String()
			})
			if bad != nil {
				t.Fatal(bad.message)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTypesOfAggregates(t *testing.T) {
	cat := tables(t, flightTables)
	const window = " FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end"
	for sql, want := range map[string]string{
		"COUNT(*)":                 "BIGINT NOT NULL",
		"COUNT(DISTINCT origin)":   "BIGINT NOT NULL",
		"SUM(dep_delay)":           "INT",
		"SUM(n)":                   "BIGINT NOT NULL",
		"SUM(n) FILTER (WHERE ok)": "BIGINT",
		"SUM(fare)":                "DECIMAL(38, 2)",
		"AVG(fare)":                "DECIMAL(38, 6)",
		"AVG(dep_delay)":           "INT",
		"AVG(dist)":                "DOUBLE",
		"MIN(origin)":              "STRING NOT NULL",
		"MAX(ts)":                  "TIMESTAMP_LTZ(3)",
		"SUM(n) + COUNT(*)":        "BIGINT NOT NULL",
		"window_start":             "TIMESTAMP(3) NOT NULL",
	} {
		t.Run(sql, func(t *testing.T) {
			p := one(t, "INSERT INTO out_t SELECT "+sql+window)
			var got string
			if bad := caught(func() {
				got = (&resolver{cat: cat}).query(p.Statement.(*Insert).Query).Columns()[0].Type.String()
			}); bad != nil {
				t.Fatal(bad.message)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// outline draws a resolved tree, one node a line.
func outline(r Rel) string {
	var b strings.Builder
	for ; r != nil; r = r.Input() {
		switch n := r.(type) {
		case *Write:
			fmt.Fprintf(&b, "write %s %s %v\n", n.Table.Name, n.Mode, n.Targets)
		case *Projection:
			fmt.Fprintf(&b, "project %s\n", scalars(n.Exprs))
		case *Filter:
			fmt.Fprintf(&b, "filter %s\n", scalar(n.Cond))
		case *Aggregation:
			fmt.Fprintf(&b, "aggregate %s by %s", n.Window.Size, scalars(n.Keys))
			for _, a := range n.Aggregates {
				fmt.Fprintf(&b, " %s(%s)%s", a.Func, scalars(a.Args), a.Of)
			}
			b.WriteByte('\n')
		case *Windowing:
			fmt.Fprintf(&b, "window %s %s offset %s on %d\n", n.Kind, n.Size, n.Offset, n.Time)
		case *Scan:
			fmt.Fprintf(&b, "scan %s %v\n", n.Table.Name, n.Options)
		}
	}
	return b.String()
}

func scalars(ss []Scalar) string {
	var out []string
	for _, s := range ss {
		out = append(out, scalar(s))
	}
	return strings.Join(out, ", ")
}

func scalar(s Scalar) string {
	switch n := s.(type) {
	case *ColumnRef:
		return fmt.Sprintf("%s@%d", n.Name, n.Index)
	case *Constant:
		return fmt.Sprintf("%v:%s", n.Value, n.Of)
	case *Op:
		name := n.Name
		if strings.HasSuffix(name, "CAST") {
			name += ":" + n.Of.String()
		}
		return fmt.Sprintf("%s(%s)", name, scalars(n.Args))
	}
	return "?"
}

func TestResolve(t *testing.T) {
	cat := tables(t, flightTables)
	for name, tc := range map[string]struct{ sql, want string }{
		"projection": {
			"INSERT INTO out_t SELECT origin, dep_delay * 2 FROM flights f WHERE f.dep_delay > 15.5 OR NOT ok",
			"write out_t append [0 1]\nproject origin@0, CAST:BIGINT(EXPR$1@1)\nproject origin@0, *(dep_delay@2, 2:INT NOT NULL)\n" +
				"filter OR(>(CAST:DECIMAL(11, 1)(dep_delay@2), 155:DECIMAL(11, 1) NOT NULL), NOT(ok@9))\nscan flights map[]\n",
		},
		"columns by name": {
			"INSERT INTO out_t (v) SELECT n FROM flights",
			"write out_t append [0 1]\nproject <nil>:STRING, n@0\nproject n@3\nscan flights map[]\n",
		},
		"window": {
			"INSERT INTO latest SELECT carrier AS k, SUM(n) + COUNT(*) AS v FROM TABLE(TUMBLE(TABLE flights /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */, DESCRIPTOR($rowtime), INTERVAL '1' HOUR, INTERVAL '10' MINUTE)) WHERE ok GROUP BY window_start, window_end, carrier HAVING COUNT(*) > 1",
			"write latest upsert [0 1]\nproject CAST:STRING(k@0), v@1\nproject carrier@2, +(agg1@4, agg0@3)\nfilter >(agg0@3, 1:BIGINT NOT NULL)\n" +
				"aggregate 1h0m0s by window_start@13, window_end@14, carrier@1 COUNT()BIGINT NOT NULL SUM(n@3)BIGINT NOT NULL\nfilter ok@9\nwindow TUMBLE 1h0m0s offset 10m0s on 12\nscan flights map[scan.startup.mode:latest-offset]\n",
		},
		"key expression": {
			"INSERT INTO out_t SELECT UPPER(carrier) || '!', COUNT(*) FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, UPPER(carrier)",
			"write out_t append [0 1]\nproject CAST:STRING(EXPR$0@0), EXPR$1@1\nproject ||(key2@2, !:CHAR(1) NOT NULL), agg0@3\n" +
				"aggregate 1h0m0s by window_start@13, window_end@14, UPPER(carrier@1) COUNT()BIGINT NOT NULL\nwindow TUMBLE 1h0m0s offset 0s on 12\nscan flights map[]\n",
		},
		"windowed query in FROM": {
			"INSERT INTO out_t SELECT s, COUNT(*) FROM (SELECT window_start, window_end, origin AS s FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR($rowtime), INTERVAL '1' HOUR))) GROUP BY window_start, window_end, s",
			"write out_t append [0 1]\nproject s@0, EXPR$1@1\nproject s@2, agg0@3\naggregate 1h0m0s by window_start@0, window_end@1, s@2 COUNT()BIGINT NOT NULL\n" +
				"project window_start@13, window_end@14, origin@0\nwindow TUMBLE 1h0m0s offset 0s on 12\nscan flights map[]\n",
		},
		"star leaves out $rowtime": {
			"INSERT INTO out_t SELECT k, CHAR_LENGTH(k) FROM (SELECT * FROM stamped)",
			"write out_t append [0 1]\nproject k@0, CAST:BIGINT NOT NULL(EXPR$1@1)\nproject k@0, CHAR_LENGTH(k@0)\nproject k@0, happened@1, p@2, c@3\nscan stamped map[]\n",
		},
		"metadata of the target": {
			"INSERT INTO stamped SELECT origin, wall FROM flights",
			"write stamped append [0 1]\nproject origin@0, CAST:TIMESTAMP_LTZ(3)(wall@1)\nproject origin@0, wall@7\nscan flights map[]\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, findings := Resolve(one(t, tc.sql), cat)
			if len(findings) > 0 {
				t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
			}
			if diff := cmp.Diff(tc.want, outline(r.Write)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestResolveRefusals(t *testing.T) {
	cat := tables(t, flightTables)
	const hourly = "TABLE(TUMBLE(TABLE flights, DESCRIPTOR($rowtime), INTERVAL '1' HOUR))"
	for sql, want := range map[string]string{
		"INSERT INTO out_t SELECT orign, n FROM flights":                                                                                                "1:26 sql/name there is no column `orign` in `flights` [did you mean `origin`?]",
		"INSERT INTO out_t SELECT a, a FROM (SELECT origin AS a, n AS a FROM flights)":                                                                  "1:26 sql/name `a` names two columns of the query in FROM [give one of the two another name]",
		"INSERT INTO out_t SELECT x.origin, n FROM flights":                                                                                             "1:26 sql/name there is no table `x` in this query; it reads `flights` []",
		"INSERT INTO out_t SELECT origin, n FROM flihts":                                                                                                "1:41 sql/name there is no table `flihts` [did you mean `flights`?]",
		"INSERT INTO ot_t SELECT origin, n FROM flights":                                                                                                "1:13 sql/name there is no table `ot_t` [did you mean `out_t`?]",
		"INSERT INTO out_t SELECT UPER(origin), n FROM flights":                                                                                         "1:26 sql/name there is no function UPER [did you mean UPPER? Else " + howToDeclare + "]",
		"INSERT INTO out_t SELECT NVL(origin, 'x'), n FROM flights":                                                                                     "1:26 sql/unsupported the user-defined function NVL is not supported yet [in Flink SQL it is COALESCE]",
		"INSERT INTO out_t SELECT frobnicate(origin), n FROM flights":                                                                                   "1:26 sql/unsupported the user-defined function FROBNICATE is not supported yet []",
		"INSERT INTO out_t SELECT REGEXP_EXTRACT(origin, 'x'), n FROM flights":                                                                          "1:26 sql/unsupported the function REGEXP_EXTRACT is not supported yet []",
		"INSERT INTO out_t SELECT origin, CURRENT_TIMESTAMP FROM flights":                                                                               "1:34 sql/unsupported the function CURRENT_TIMESTAMP is not supported yet []",
		"INSERT INTO out_t SELECT origin, fare FROM flights":                                                                                            "1:34 sql/type column 2 of the query is DECIMAL(10, 2); `v` of `out_t` is BIGINT [write CAST(… AS BIGINT)]",
		"INSERT INTO out_t SELECT origin FROM flights":                                                                                                  "1:19 sql/type the query gives 1 column, `out_t` takes 2: k, v [name the columns that are written: INSERT INTO t (a, b) SELECT …]",
		"INSERT INTO out_t (k, w) SELECT origin, n FROM flights":                                                                                        "1:23 sql/name there is no column `w` in `out_t` [it has k, v]",
		"INSERT INTO stamped (k, c) SELECT origin, carrier FROM flights":                                                                                "1:25 sql/type the column `c` is not written: it is computed [leave it out]",
		"INSERT INTO stamped (happened) SELECT ts FROM flights":                                                                                         "1:13 sql/type the column `k` of `stamped` is NOT NULL and gets no value [name the column, and give it a value]",
		"INSERT INTO out_t SELECT origin + 1, n FROM flights":                                                                                           "1:33 sql/type STRING + INT is not defined [join strings with ||, or CAST the string to a number]",
		"INSERT INTO out_t SELECT origin, n FROM flights WHERE n":                                                                                       "1:55 sql/type the condition of WHERE must be a BOOLEAN, not BIGINT []",
		"INSERT INTO out_t SELECT origin, n FROM flights WHERE origin = n":                                                                              "1:62 sql/type STRING = BIGINT: the two are not comparable [CAST one of them]",
		"INSERT INTO out_t SELECT origin, n FROM flights WHERE COUNT(*) > 1":                                                                            "1:55 sql/type the aggregate function COUNT is not allowed in WHERE; use HAVING []",
		"INSERT INTO out_t SELECT origin, COUNT(*) FROM flights GROUP BY origin":                                                                        "1:56 sql/unsupported an aggregation without a window is not supported yet [read FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' HOUR)) and write GROUP BY window_start, window_end]",
		"INSERT INTO out_t SELECT origin, COUNT(*) FROM " + hourly + " GROUP BY window_start, window_end":                                               "1:26 sql/type the column `origin` is neither in GROUP BY nor inside an aggregate function [add it to GROUP BY, or aggregate it: MIN(`origin`)]",
		"INSERT INTO out_t SELECT 'x', COUNT(*) FROM " + hourly + " GROUP BY window_start":                                                              "1:115 sql/unsupported GROUP BY of one bound of a window is not supported yet [write GROUP BY window_start, window_end]",
		"INSERT INTO out_t SELECT 'x', SUM(COUNT(*)) FROM " + hourly + " GROUP BY window_start, window_end":                                             "1:35 sql/type the aggregate function COUNT is not allowed inside another aggregate function []",
		"INSERT INTO out_t SELECT 'x', SUM(origin) FROM " + hourly + " GROUP BY window_start, window_end":                                               "1:35 sql/type SUM needs a number, not STRING []",
		"INSERT INTO out_t SELECT 'x', COUNT(*) FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end": "1:84 sql/type `ts` is not the time attribute of `flights`: no watermark holds for it [window on `$rowtime`, or declare WATERMARK FOR `ts` on the table]",
		"INSERT INTO out_t SELECT k, v FROM latest":                                                                                                     "1:36 sql/unsupported reading `latest`, whose changelog mode is upsert, is not supported yet [lifeboat's engine reads append tables yet]",
		"INSERT INTO out_t SELECT origin, n FROM flights LIMIT 3":                                                                                       "1:49 sql/unsupported LIMIT is not supported yet [leave it out: a stream has no first rows]",
		"INSERT INTO out_t SELECT origin, n FROM flights ORDER BY n":                                                                                    "1:58 sql/unsupported ORDER BY is not supported yet [leave it out: rows of a stream stand in the order of their topic]",
		"INSERT INTO out_t SELECT DISTINCT origin, n FROM flights":                                                                                      "1:19 sql/unsupported SELECT DISTINCT is not supported yet [group by the columns in a window]",
		"INSERT INTO out_t SELECT origin, CAST(ok AS TIMESTAMP(3)) FROM flights":                                                                        "1:34 sql/type BOOLEAN can not be cast to TIMESTAMP(3) []",
		"INSERT INTO out_t SELECT origin, CAST(n AS TIMESTAMP(3)) FROM flights":                                                                         "1:34 sql/type BIGINT can not be cast to TIMESTAMP(3) [use TO_TIMESTAMP_LTZ(x, 3) for milliseconds, TO_TIMESTAMP_LTZ(x, 0) for seconds]",
		"INSERT INTO out_t SELECT origin, POWER(n) FROM flights":                                                                                        "1:34 sql/type POWER takes 2 arguments, not 1 []",
		"INSERT INTO out_t SELECT origin, ROUND(origin, 1) FROM flights":                                                                                "1:40 sql/type ROUND needs a number here, not STRING []",
		"INSERT INTO out_t SELECT CASE WHEN ok THEN 1 ELSE 'x' END, n FROM flights":                                                                     "1:26 sql/type the results of CASE have types that do not go together: INT, CHAR(1) [CAST the results to one type]",
		"INSERT INTO out_t SELECT origin, ts - wall FROM flights":                                                                                       "1:37 sql/type one time can not be subtracted from another [use TIMESTAMPDIFF(SECOND, earlier, later)]",
		"INSERT INTO out_t SELECT tags.x, n FROM flights":                                                                                               "1:26 sql/unsupported a field of the column `tags` is not supported yet [lifeboat's engine reads whole columns yet]",
		"INSERT INTO out_t SELECT PROCTIME(), n FROM flights":                                                                                           "1:26 sql/unsupported PROCTIME is not supported in Confluent's dialect, nor here: a result by the clock is another one in each region [use $rowtime or a time column of the data]",
		"INSERT INTO out_t SELECT TUMBLE_START(ts, INTERVAL '1' HOUR), n FROM flights":                                                                  "1:26 sql/unsupported the window function TUMBLE_START in an expression is not supported yet [write FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' HOUR)) and GROUP BY window_start, window_end]",
		"INSERT INTO out_t SELECT origin, n FROM flights /*+ FOO('a'='b') */":                                                                           "1:53 sql/unsupported the hint FOO is not supported yet [leave it out]",
		"CREATE TABLE t (a INT, a STRING)":                                                                                                              "1:24 sql/name the table has two columns `a` []",
		"CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)":                                                                                          "1:37 sql/name the primary key names `b`, which is no column of the table []",
		"CREATE TABLE t (a INT, o BIGINT METADATA FROM 'offset')":                                                                                       "1:47 sql/type the metadata 'offset' can only be read [write METADATA FROM 'offset' VIRTUAL]",
		"CREATE TABLE t (a INT, o BIGINT METADATA FROM 'ofset' VIRTUAL)":                                                                                "1:47 sql/name there is no metadata 'ofset' [did you mean 'offset'?]",
		"CREATE TABLE t (a INT, WATERMARK FOR a AS a)":                                                                                                  "1:38 sql/type the watermark's column `a` is INT; it must be a TIMESTAMP or TIMESTAMP_LTZ of precision 3 or less [declare it TIMESTAMP_LTZ(3) or TIMESTAMP(3)]",
		"CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS a)":                                                                                "1:61 sql/type the watermark is INT; it must be of the type of its column, TIMESTAMP(3) [write `ts` - INTERVAL '5' SECOND]",
		"CREATE TABLE t (a INT) WITH ('conector' = 'confluent')":                                                                                        "1:30 sql/name there is no table option 'conector' [did you mean 'connector'?]",
		"CREATE TABLE t (a INT) WITH ('connector' = 'jdbc')":                                                                                            "1:30 sql/unsupported the connector 'jdbc' is not supported yet [lifeboat's tables are Kafka topics: leave the option out]",
		"CREATE TABLE t (a INT) WITH ('kafka.retention.time' = '7 dayz')":                                                                               "1:30 sql/type 'kafka.retention.time' can not be '7 dayz', which is no time [write a number and a unit: '7 d', '6 h', '30 min']",
		"CREATE TABLE t (a INT) WITH ('kafka.retention.time' = '7 d', 'kafka.retention.size' = '2 mugs')":                                               "1:62 sql/type 'kafka.retention.size' can not be '2 mugs', which is no size [write a number and a unit: '1 gb', '512 mb', '64 kb', or bytes]",
		"CREATE TABLE t (a INT) WITH ('kafka.retention.size' = '2 GB', 'scan.startup.timestamp-millis' = '2026-01-01')":                                 "1:63 sql/type 'scan.startup.timestamp-millis' can not be '2026-01-01', which is no time in milliseconds [write the milliseconds since 1970: '1767225600000']",
		"CREATE TABLE t (a INT) WITH ('scan.bounded.specific-offsets' = 'partition:0,offset:4;partition:1,offset:3', 'scan.startup.specific-offsets' = 'partition:0')": "1:109 sql/type 'scan.startup.specific-offsets' can not be 'partition:0', which is no list of offsets [write 'partition:0,offset:42;partition:1,offset:300']",
		"CREATE TABLE t (a INT) WITH ('changelog.mode' = 'upser')":                                      "1:30 sql/type 'changelog.mode' can not be 'upser' [did you mean 'upsert'?]",
		"CREATE TABLE t (a INT) WITH ('changelog.mode' = 'upsert')":                                     "1:1 sql/type a table with changelog.mode upsert needs a primary key [declare PRIMARY KEY (…) NOT ENFORCED]",
		"CREATE TABLE t (a INT, b INT, PRIMARY KEY (a) NOT ENFORCED) DISTRIBUTED BY (b) INTO 3 BUCKETS": "1:77 sql/name `b` chooses the bucket but is not in the primary key [distribute by columns of the primary key]",
		"CREATE TABLE t (a INT, c AS d + 1, d AS a + 1)":                                                "1:29 sql/name there is no column `d` in `t` [it has a, $rowtime]",
	} {
		t.Run(sql, func(t *testing.T) {
			_, findings := Resolve(one(t, sql), cat)
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1", len(findings))
			}
			f := findings[0]
			got := fmt.Sprintf("%d:%d %s %s [%s]", f.Place.Line, f.Place.Column, f.Rule, f.Message, f.Remedy)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestSupportedAgreesWithResolve: what Supported refuses without the tables, Resolve refuses with them, and Supported lets
// pass what Resolve takes.
func TestSupportedAgreesWithResolve(t *testing.T) {
	cat := tables(t, flightTables)
	for sql, want := range map[string]bool{
		"INSERT INTO out_t SELECT origin, n FROM flights":                                                                                   true,
		"INSERT INTO out_t SELECT origin, n FROM flights LIMIT 3":                                                                           false,
		"INSERT INTO out_t SELECT origin, n FROM (SELECT origin, n FROM flights ORDER BY n)":                                                false,
		"INSERT INTO out_t SELECT DISTINCT origin, n FROM flights":                                                                          false,
		"INSERT INTO out_t SELECT UUID(), n FROM flights":                                                                                   false,
		"INSERT INTO out_t SELECT origin, n FROM flights WHERE `$rowtime` > NOW()":                                                          false,
		"INSERT INTO out_t SELECT CASE WHEN RAND() > 1 THEN origin END, n FROM flights":                                                     false,
		"INSERT INTO out_t SELECT 'x', 1":                                                                                                   false,
		"INSERT INTO out_t SELECT origin, n FROM HOP(TABLE flights, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR, INTERVAL '2' HOUR)":          false,
		"INSERT INTO out_t SELECT origin, n FROM CUMULATE(TABLE flights, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR, INTERVAL '2' HOUR)":     false,
		"INSERT INTO out_t SELECT origin, n FROM (SELECT origin, n FROM SESSION(TABLE flights, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR))": false,
		"CREATE TABLE t (a INT)": true,
	} {
		t.Run(sql, func(t *testing.T) {
			p := one(t, sql)
			supported := Supported(p)
			_, resolved := Resolve(p, cat)
			if got := len(supported) == 0; got != want {
				t.Errorf("Supported says %t, want %t: %v", got, want, supported)
			}
			if got := len(resolved) == 0; got != want {
				t.Errorf("Resolve says %t, want %t: %v", got, want, resolved)
			}
		})
	}
}

func TestTableOf(t *testing.T) {
	cat := tables(t, `CREATE TABLE t (k STRING, v INT, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', h AS FLOOR(ts TO HOUR), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE,
		PRIMARY KEY (k) NOT ENFORCED) COMMENT 'c' DISTRIBUTED BY HASH (k) INTO 4 BUCKETS WITH ('kafka.retention.time' = '7 d', 'value.avro-registry.schema-context' = '.x')`)
	table := cat["t"]
	var got []string
	for i, c := range table.Row() {
		got = append(got, fmt.Sprintf("%d %s %s %s %s %t", i, c.Name, c.Type, c.Kind, c.MetadataKey, c.Persisted()))
	}
	want := []string{
		"0 k STRING NOT NULL physical  true", "1 v INT physical  true", "2 ts TIMESTAMP_LTZ(3) metadata timestamp true",
		"3 h TIMESTAMP_LTZ(3) computed  false", "4 $rowtime TIMESTAMP_LTZ(3) NOT NULL system timestamp false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if table.Mode() != Upsert || table.Buckets != 4 || table.TimeColumn() != "ts" || !table.WritesTimestamp() || scalar(table.Watermark.Value) != "-(ts@2, 60000:INTERVAL MINUTE NOT NULL)" {
		t.Errorf("the table is %+v", table)
	}
	if d, _ := table.Watermark.Expr.(*Binary).Y.(*Interval).Millis(); d != time.Minute {
		t.Errorf("the delay is %s", d)
	}
}
