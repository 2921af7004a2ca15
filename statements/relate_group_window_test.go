package statements

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGroupWindows: GROUP BY TUMBLE and its like are what the windowing table function is.
func TestGroupWindows(t *testing.T) {
	for _, c := range []struct{ name, grouped, table string }{
		{"TUMBLE", "SELECT k, TUMBLE_START(t, INTERVAL '1' MINUTE), TUMBLE_END(t, INTERVAL '1' MINUTE), TUMBLE_ROWTIME(t, INTERVAL '1' MINUTE), COUNT(*) FROM a GROUP BY k, TUMBLE(t, INTERVAL '1' MINUTE)",
			"TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '1' MINUTE)"},
		{"an offset", "SELECT k, TUMBLE_START(t, INTERVAL '1' HOUR, INTERVAL '5' MINUTE), TUMBLE_END(t, INTERVAL '1' HOUR, INTERVAL '5' MINUTE), TUMBLE_ROWTIME(t, INTERVAL '1' HOUR, INTERVAL '5' MINUTE), COUNT(*) FROM a GROUP BY k, TUMBLE(t, INTERVAL '1' HOUR, INTERVAL '5' MINUTE)",
			"TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '1' HOUR, INTERVAL '5' MINUTE)"},
		{"HOP", "SELECT k, HOP_START(t, INTERVAL '5' SECOND, INTERVAL '10' SECOND), HOP_END(t, INTERVAL '5' SECOND, INTERVAL '10' SECOND), HOP_ROWTIME(t, INTERVAL '5' SECOND, INTERVAL '10' SECOND), COUNT(*) FROM a GROUP BY k, HOP(t, INTERVAL '5' SECOND, INTERVAL '10' SECOND)",
			"HOP(TABLE a, DESCRIPTOR(t), INTERVAL '5' SECOND, INTERVAL '10' SECOND)"},
		{"SESSION", "SELECT k, SESSION_START(t, INTERVAL '3' SECOND), SESSION_END(t, INTERVAL '3' SECOND), SESSION_ROWTIME(t, INTERVAL '3' SECOND), COUNT(*) FROM a GROUP BY k, SESSION(t, INTERVAL '3' SECOND)",
			"SESSION(TABLE a PARTITION BY k, DESCRIPTOR(t), INTERVAL '3' SECOND)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			into := "INSERT INTO wide "
			const wide = "CREATE TABLE wide (k STRING, s TIMESTAMP(3), e TIMESTAMP(3), t TIMESTAMP_LTZ(3), n BIGINT);"
			relate := func(sql string) *Write {
				writes, bad := Relate(one(t, sql), tables(t, pathTables+wide))
				if len(bad) > 0 {
					t.Fatalf("%s: %s", sql, bad[0].Message)
				}
				return writes[0]
			}
			got := relate(into + c.grouped)
			want := relate(into + "SELECT k, window_start, window_end, window_time, COUNT(*) FROM TABLE(" + c.table + ") GROUP BY k, window_start, window_end, window_time")
			if k := KindsOf(got.In); !k.InsertOnly() {
				t.Errorf("it gives %s", k)
			}
			for what, of := range map[string]func(*Write) string{
				"lineage": func(w *Write) string { return strings.ReplaceAll(lineageText(LineageOf(w)), "CAST ", "") },
				"horizon": func(w *Write) string { return PathsOf(w, 0)[0].Horizon.String() },
				"types": func(w *Write) string {
					var out []string
					for _, x := range w.In.(*Projection).In.(*Projection).Exprs {
						out = append(out, x.Type().String())
					}
					return strings.Join(out, ", ")
				},
			} {
				if diff := cmp.Diff(of(want), of(got)); diff != "" {
					t.Errorf("%s: -table function +group window\n%s", what, diff)
				}
			}
		})
	}
}

// TestOrderedKeys: changes come in order by a key only where it holds the columns by which rows are sent on.
func TestOrderedKeys(t *testing.T) {
	for _, c := range []struct {
		name, sql   string
		materialize bool
	}{
		{"as they are", "INSERT INTO su SELECT k, v FROM u", false},
		{"OVER by the key", "INSERT INTO su SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY v) FROM u", false},
		{"OVER by another column", "INSERT INTO su SELECT k, SUM(v) OVER (PARTITION BY v ORDER BY k) FROM u", true},
		{"OVER of all rows", "INSERT INTO su SELECT k, SUM(v) OVER (ORDER BY v) FROM u", false},
		{"Top-N by the key and more", "INSERT INTO su SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS r FROM u) WHERE r <= 2", false},
		{"Top-N by another column", "INSERT INTO su SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY v ORDER BY k) AS r FROM u) WHERE r <= 2", true},
		{"IN by the key", "INSERT INTO su SELECT k, v FROM u WHERE k IN (SELECT k FROM a)", false},
		{"IN by another column", "INSERT INTO su SELECT k, v FROM u WHERE v IN (SELECT v FROM a)", true},
		{"the first rows of all", "INSERT INTO su SELECT k, v FROM u ORDER BY v, k LIMIT 3", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s := SinkOf(related(t, c.sql)); s.Materialize != c.materialize || s.Refused != "" {
				t.Errorf("upsert-materialize: %t, by %v; refused: %q", s.Materialize, s.UpsertKeys, s.Refused)
			}
		})
	}
}

// TestTakesInsertsOnly: what Flink does not plan on rows that are taken back.
func TestTakesInsertsOnly(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"INSERT INTO sr SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t) FROM u", "StreamOverAggregate takes inserts, and its input gives inserts, updates and deletes"},
		{"INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t) FROM a", ""},
		{"INSERT INTO s SELECT k, v FROM a INTERSECT SELECT k, v FROM b", ""},
		{"INSERT INTO s SELECT k, v FROM a EXCEPT SELECT k, v FROM b", "s takes inserts, and the query gives inserts, updates and deletes"},
	} {
		writes, bad := Relate(one(t, c.sql), tables(t, pathTables+updateTables))
		if len(bad) > 0 {
			t.Fatalf("%s: %s", c.sql, bad[0].Message)
		}
		if got := SinkOf(writes[0]).Refused; got != c.want {
			t.Errorf("%s: %q, want %q", c.sql, got, c.want)
		}
	}
}
