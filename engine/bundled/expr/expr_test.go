package expr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/expr"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// The rows that the tests compute over: in the order of rowDDL's columns. Column b holds TRUE, FALSE and NULL.
const rowDDL = "CREATE TABLE t (i INT, n BIGINT NOT NULL, f DOUBLE, d DECIMAL(6, 2), s STRING, b BOOLEAN, ts TIMESTAMP(3), ltz TIMESTAMP_LTZ(3) NOT NULL, `day` DATE, tiny TINYINT)"

func batch() *vec.Batch {
	b := vec.New(vec.Int64, vec.Int64, vec.Float64, vec.Decimal, vec.Bytes, vec.Bool, vec.Int64, vec.Int64, vec.Int64, vec.Int64)
	at := time.Date(2024, 2, 29, 23, 30, 15, 250e6, time.UTC).UnixMilli()
	day := at / 86_400_000
	add := func(i any, n int64, f float64, d int64, s string, truth any, tiny int64) {
		if x, ok := i.(int); ok {
			b.Cols[0].AppendInt64(int64(x))
		} else {
			b.Cols[0].AppendNull()
		}
		b.Cols[1].AppendInt64(n)
		b.Cols[2].AppendFloat64(f)
		b.Cols[3].AppendDecimal(decimal.FromInt64(d))
		b.Cols[4].AppendString(s)
		if x, ok := truth.(bool); ok {
			b.Cols[5].AppendBool(x)
		} else {
			b.Cols[5].AppendNull()
		}
		b.Cols[6].AppendInt64(at)
		b.Cols[7].AppendInt64(at)
		b.Cols[8].AppendInt64(day)
		b.Cols[9].AppendInt64(tiny)
		b.Offsets = append(b.Offsets, int64(100+b.N))
		b.N++
	}
	add(7, 2, 1.5, 12345, "Zürich", true, 100)
	add(-7, 0, -2.5, -5, "a_b%c", false, -128)
	add(nil, -3, 0, 0, "", nil, 5)
	b.Topic, b.Partition = "topic", 4
	return b
}

func declared(t testing.TB) *statements.Table {
	table, reason := declare(rowDDL)
	if reason != "" {
		t.Fatal(reason)
	}
	return table
}

// scalar resolves an expression over the row.
func scalar(t testing.TB, sql string) statements.Scalar {
	t.Helper()
	u, findings := statements.ParseOne("e.sql", "INSERT INTO s SELECT "+sql+" FROM t")
	if len(findings) > 0 {
		t.Fatalf("%s: %v", sql, findings)
	}
	for _, typ := range []string{"STRING", "DOUBLE", "BOOLEAN", "TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", "DATE", "TIME(3)", "DECIMAL(38, 18)", "BYTES"} {
		sink, reason := declare("CREATE TABLE s (v " + typ + ")")
		if reason != "" {
			t.Fatal(reason)
		}
		var r *statements.Resolved
		if r, findings = statements.Resolve(u, statements.Tables{"t": declared(t), "s": sink}); len(findings) == 0 {
			return r.Write.In.Input().(*statements.Projection).Exprs[0]
		}
	}
	t.Fatalf("%s: %v", sql, findings)
	return nil
}

func environment(t testing.TB, zone *time.Location) expr.Env {
	env := expr.Env{Zone: zone}
	for _, c := range declared(t).Columns {
		env.Columns = append(env.Columns, c.Type)
	}
	return env
}

func TestExpressions(t *testing.T) {
	tests := []struct{ sql, want string }{
		// three-valued logic
		{"b AND TRUE", "true false null"}, {"b AND FALSE", "false false false"}, {"b OR TRUE", "true true true"}, {"b OR FALSE", "true false null"},
		{"NOT b", "false true null"}, {"b IS NULL", "false false true"}, {"b IS NOT FALSE", "true false true"}, {"b IS UNKNOWN", "false false true"}, {"b = b", "true true null"},
		{"b AND i > 0", "true false null"}, {"i > 0 OR b", "true false null"}, {"b AND CAST(NULL AS BOOLEAN)", "null false null"},
		{"i IN (7, 8)", "true false null"}, {"n IN (2, CAST(NULL AS BIGINT))", "true null null"}, {"n NOT IN (0, 2)", "false false true"},
		{"i IS DISTINCT FROM 7", "false true true"}, {"i IS NOT DISTINCT FROM CAST(NULL AS INT)", "false false true"},
		{"i BETWEEN -7 AND 0", "false true null"}, {"n NOT BETWEEN SYMMETRIC 2 AND 0", "false false true"},
		// what is not needed is not computed
		{"n = 0 OR 6 / n > 2", "true true false"}, {"n <> 0 AND 6 / n > 2", "true false false"}, {"CASE WHEN n = 0 THEN 0 ELSE 6 / n END", "3 0 -2"},
		{"IF(n = 0, CAST(-1 AS BIGINT), 10 / n)", "5 -1 -3"}, {"COALESCE(NULLIF(n, 0), 9)", "2 9 -3"}, {"CASE i WHEN 7 THEN 'seven' WHEN -7 THEN 'minus' END", `"seven" "minus" null`},
		// arithmetic
		{"n + 9223372036854775807", "-9223372036854775807 9223372036854775807 9223372036854775804"}, {"tiny + tiny", "-56 0 10"}, {"-tiny", "-100 -128 -5"}, {"ABS(tiny)", "100 -128 5"},
		{"i / 2", "3 -3 null"}, {"i % 4", "3 -3 null"}, {"MOD(i, -4)", "3 -3 null"}, {"f / 0E0", "+Inf -Inf NaN"}, {"d + 1", "124.45 0.95 1.00"}, {"d * d", "15239.9025 0.0025 0.0000"},
		{"d / 3", "41.1500000000000 -0.0166666666667 0.0000000000000"}, {"d % 7", "4.45 -0.05 0.00"}, {"-d", "-123.45 0.05 0.00"}, {"d * 99999999999999999999999999999999999.9", "null -4999999999999999999999999999999999.995 0.000"},
		{"d > 100", "true false false"}, {"d = 0", "false false true"}, {"i < f", "false true null"}, {"GREATEST(n, i)", "7 0 null"}, {"LEAST(f, 1E0)", "1 -2.5 0"},
		{"ROUND(d, 1)", "123.5 -0.1 0.0"}, {"ROUND(f)", "2 -3 0"}, {"ROUND(1250 + n, -2)", "1300 1300 1200"}, {"TRUNCATE(d, 1)", "123.4 0.0 0.0"}, {"CEIL(d)", "124 0 0"}, {"FLOOR(d)", "123 -1 0"},
		{"FLOOR(f)", "1 -3 0"}, {"SIGN(d)", "1.00 -1.00 0.00"}, {"POWER(n, 2)", "4 0 9"}, {"SQRT(4)", "2 2 2"},
		// casts
		{"CAST(i AS STRING)", `"7" "-7" null`}, {"CAST(f AS INT)", "1 -2 0"}, {"CAST(1E10 AS INT)", "2147483647 2147483647 2147483647"}, {"CAST(300 AS TINYINT)", "44 44 44"},
		{"CAST(f AS DECIMAL(3, 0))", "2 -3 0"}, {"CAST(d AS DECIMAL(3, 2))", "null -0.05 0.00"}, {"TRY_CAST(s AS INT)", "null null null"}, {"CAST(b AS INT)", "1 0 null"}, {"CAST(s AS CHAR(3))", `"Zür" "a_b" "   "`},
		{"CAST(ts AS STRING)", `"2024-02-29 23:30:15.250" "2024-02-29 23:30:15.250" "2024-02-29 23:30:15.250"`}, {"CAST(ts AS DATE) = `day`", "true true true"},
		// strings
		{"UPPER(s) || '!'", `"ZÜRICH!" "A_B%C!" "!"`}, {"CHAR_LENGTH(s)", "6 5 0"}, {"SUBSTRING(s, 2, 3)", `"üri" "_b%" ""`}, {"SUBSTRING(s, -2)", `"ch" "%c" ""`}, {"SUBSTRING(s FROM 2)", `"ürich" "_b%c" ""`},
		{"LEFT(s, 2) || RIGHT(s, 2)", `"Züch" "a_%c" ""`}, {"TRIM(LEADING 'Za' FROM s)", `"ürich" "_b%c" ""`}, {"LTRIM(RTRIM('  x '))", `"x" "x" "x"`}, {"REPLACE(s, 'i', 'ii')", `"Züriich" "a_b%c" ""`},
		{"LPAD(s, 7, '*-')", `"*Zürich" "*-a_b%c" "*-*-*-*"`}, {"RPAD(s, 3, 'x')", `"Zür" "a_b" "xxx"`}, {"REVERSE(s)", `"hcirüZ" "c%b_a" ""`}, {"POSITION('i' IN s)", "4 0 0"}, {"LOCATE('b', s, 4)", "0 0 0"},
		{"INSTR('abcabc', 'c', -1, 2)", "3 3 3"}, {"INSTR('abcabc', 'bc', 3)", "5 5 5"}, {"CONCAT_WS('-', s, CAST(NULL AS STRING), 'x')", `"Zürich-x" "a_b%c-x" "-x"`}, {"CONCAT(s, CAST(NULL AS STRING))", "null null null"},
		{"s LIKE '%ri_h'", "true false false"}, {"s LIKE 'a\\_b\\%c' ESCAPE '\\'", "false true false"}, {"s NOT LIKE '_%'", "false false true"}, {"s LIKE '%'", "true true true"}, {"s LIKE 'Z%ü%r%h'", "true false false"},
		{"MD5('x')", `"9dd4e461268c8034f5c8564e155c67a6" "9dd4e461268c8034f5c8564e155c67a6" "9dd4e461268c8034f5c8564e155c67a6"`},
		// time
		{"EXTRACT(YEAR FROM ts) * 100 + MONTH(ts)", "202402 202402 202402"}, {"EXTRACT(WEEK FROM `day`)", "9 9 9"}, {"HOUR(ltz)", "23 23 23"}, {"DATE_FORMAT(ts, 'EEE d. MMM yyyy, h:mm:ss.SSS a')", strings.TrimSpace(strings.Repeat(`"Thu 29. Feb 2024, 11:30:15.250 PM" `, 3))},
		{"TIMESTAMPDIFF(MONTH, TIMESTAMP '2024-01-31 23:30:15', ts)", "0 0 0"}, {"TIMESTAMPDIFF(DAY, ts, TIMESTAMP '2024-02-28 00:00:00')", "-1 -1 -1"},
		{"CAST(ts + INTERVAL '1' MONTH AS STRING)", strings.TrimSpace(strings.Repeat(`"2024-03-29 23:30:15.250" `, 3))}, {"CAST(`day` - INTERVAL '1' YEAR AS STRING)", `"2023-02-28" "2023-02-28" "2023-02-28"`},
		{"CAST(TO_TIMESTAMP('29/02/2024', 'dd/MM/yyyy') AS STRING)", strings.TrimSpace(strings.Repeat(`"2024-02-29 00:00:00.000" `, 3))}, {"TO_TIMESTAMP('no')", "null null null"}, {"UNIX_TIMESTAMP('1970-01-02 00:00:00')", "86400 86400 86400"},
		{"FROM_UNIXTIME(86399)", strings.TrimSpace(strings.Repeat(`"1970-01-01 23:59:59" `, 3))},
	}
	for _, tt := range tests {
		t.Run(tt.sql, func(t *testing.T) {
			c := expr.NewCompiler(environment(t, time.UTC))
			e, err := c.Expr(scalar(t, tt.sql))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a second batch finds what the first left behind
				b := batch()
				v, err := e.Eval(c.Begin(b))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for i := range b.N {
					got = append(got, render(v, i, e.Type))
				}
				if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestFilterGivesTheRowsThatAreTrue compares a filter with the value of its condition, for conditions with fast paths and without.
func TestFilterGivesTheRowsThatAreTrue(t *testing.T) {
	for _, sql := range []string{"i > 0", "0 < n", "i <> 7", "n <= 0", "n >= 0", "n = 2", "s = 'Zürich'", "s <> ''", "f > 0", "d < 1", "b", "NOT b", "i IS NULL", "i IS NOT NULL", "b IS NOT TRUE",
		"i > 0 AND s <> ''", "i > 0 OR b IS NULL", "n IN (0, 2)", "i IN (7)", "i = CAST(NULL AS INT)", "n > 0 OR n < 0 AND b IS NULL", "(i > 0 OR n = 0) AND s LIKE '%_%'", "CASE WHEN n > 0 THEN b ELSE TRUE END"} {
		t.Run(sql, func(t *testing.T) {
			c := expr.NewCompiler(environment(t, time.UTC))
			s := scalar(t, sql)
			f, err := c.Filter(s)
			if err != nil {
				t.Fatal(err)
			}
			other := expr.NewCompiler(environment(t, time.UTC))
			e, err := other.Expr(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, sel := range [][]int32{nil, {0, 2}, {1}, {}} {
				b := batch()
				b.Sel = sel
				rows, err := f.Apply(c.Begin(b))
				if err != nil {
					t.Fatal(err)
				}
				all := other.Begin(b)
				v, err := e.Eval(all)
				if err != nil {
					t.Fatal(err)
				}
				want := []int32{}
				for _, i := range all {
					if !v.Null(int(i)) && v.Bool[i] {
						want = append(want, i)
					}
				}
				if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(rows)); diff != "" {
					t.Errorf("of %v: %s", all, diff)
				}
			}
		})
	}
}

func TestErrorsNameThePlaceAndTheRecord(t *testing.T) {
	c := expr.NewCompiler(environment(t, time.UTC))
	e, err := c.Expr(scalar(t, "1 + 6 / n"))
	if err != nil {
		t.Fatal(err)
	}
	b := batch()
	_, err = e.Eval(c.Begin(b))
	if diff := cmp.Diff("topic-4@101: line 1, column 28: division by zero", fmt.Sprint(expr.Place(err, b))); diff != "" {
		t.Error(diff)
	}
	var inv *engine.InvalidError
	_, err = c.Expr(scalar(t, "CURRENT_WATERMARK(ts)"))
	if !errors.As(err, &inv) || inv.Column == 0 || !strings.Contains(inv.Message, "CURRENT_WATERMARK is not supported") {
		t.Errorf("%v", err)
	}
	if _, err = c.Expr(scalar(t, "DATE_FORMAT(ts, 'QQQ')")); !errors.As(err, &inv) || !strings.Contains(inv.Message, `the letter 'Q' of the time pattern "QQQ" is not supported`) {
		t.Errorf("%v", err)
	}
}

func TestZones(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"CAST(ltz AS STRING)": `"2024-03-01 00:30:15.250"`,
		"HOUR(ltz)":           "0",
		"HOUR(ts)":            "23",
		"CAST(CAST(ts AS TIMESTAMP_LTZ(3)) AS STRING)":    `"2024-02-29 23:30:15.250"`,
		"CAST(FLOOR(ltz TO DAY) AS STRING)":               `"2024-03-01 00:00:00.000"`,
		"CAST(FLOOR(ltz TO HOUR) AS STRING)":              `"2024-03-01 00:00:00.000"`,
		"CAST(CAST(ltz AS DATE) AS STRING)":               `"2024-03-01"`,
		"FROM_UNIXTIME(0)":                                `"1970-01-01 01:00:00"`,
		"UNIX_TIMESTAMP('1970-01-01 01:00:00')":           "0",
		"UNIX_TIMESTAMP('2024-03-31 02:30:00')":           "1711848600", // skipped by the change of clocks: 03:30 CEST
		"UNIX_TIMESTAMP('2024-10-27 02:30:00')":           "1729989000", // twice: the earlier instant
		"CAST(TO_TIMESTAMP_LTZ(1729989000, 0) AS STRING)": `"2024-10-27 02:30:00.000"`,
	} {
		c := expr.NewCompiler(environment(t, berlin))
		e, err := c.Expr(scalar(t, sql))
		if err != nil {
			t.Fatal(err)
		}
		b := batch()
		v, err := e.Eval(c.Begin(b))
		if err != nil {
			t.Fatal(err)
		}
		if got := render(v, 0, e.Type); got != want {
			t.Errorf("%s is %s, want %s", sql, got, want)
		}
	}
}

func TestZone(t *testing.T) {
	at := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"UTC": "12:00", "GMT": "12:00", "Europe/Berlin": "14:00", "GMT-08:00": "04:00", "UTC+1": "13:00", "+05:30": "17:30",
		"": "", "Local": "", "Mars/Olympus": "", "GMT+25:00": "", "UTC+x": "", "../etc/passwd": "",
	} {
		zone, err := expr.Zone(name)
		switch {
		case want == "" && (err == nil || err.Error() != fmt.Sprintf("the time zone %q is not known", name)):
			t.Errorf("%q: %v, %v", name, zone, err)
		case want != "" && (err != nil || at.In(zone).Format("15:04") != want):
			t.Errorf("%q: %v, %v, want %s", name, zone, err, want)
		}
	}
}

// TestSharedPartsAreComputedForAllRows computes expressions that have a part in common, which the first of them needs for some rows only.
func TestSharedPartsAreComputedForAllRows(t *testing.T) {
	for _, first := range []string{"i IN (7, n * n)", "b OR n * n > 1", "b AND n * n > 1", "CASE WHEN b THEN 1 ELSE n * n END", "COALESCE(i, n * n)", "IF(b, n, n * n)", "b OR i IN (1, n * n)"} {
		t.Run(first, func(t *testing.T) {
			c := expr.NewCompiler(environment(t, time.UTC))
			a, err := c.Expr(scalar(t, first))
			if err != nil {
				t.Fatal(err)
			}
			e, err := c.Expr(scalar(t, "n * n"))
			if err != nil {
				t.Fatal(err)
			}
			rows := c.Begin(batch())
			if _, err := a.Eval(rows); err != nil {
				t.Fatal(err)
			}
			v, err := e.Eval(rows)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int64{4, 0, 9}, v.I64); diff != "" {
				t.Error(diff)
			}
		})
	}
}
