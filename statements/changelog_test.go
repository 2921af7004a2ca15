package statements

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnsortable: a stream is sorted by its time, or its first rows are kept; Flink waits for no last row.
func TestUnsortable(t *testing.T) {
	cat := tables(t, `CREATE TABLE a (id BIGINT, ts TIMESTAMP_LTZ(3) NOT NULL, WATERMARK FOR ts AS ts); CREATE TABLE b (id BIGINT);`)
	const refused = "ORDER BY sorts a stream by its time alone"
	for _, tt := range []struct {
		name, sql string
		want      []string
	}{
		{"by a column", "INSERT INTO b SELECT id FROM a ORDER BY id", []string{"1:15 " + refused}},
		{"by time, the latest first", "INSERT INTO b SELECT id FROM a ORDER BY ts DESC", []string{"1:15 " + refused}},
		{"by what is computed of time", "INSERT INTO b SELECT id FROM a ORDER BY ts + INTERVAL '1' DAY", []string{"1:15 " + refused}},
		{"by time", "INSERT INTO b SELECT id FROM a ORDER BY ts, id DESC", nil},
		{"by the write time", "INSERT INTO b SELECT id FROM b ORDER BY $rowtime", nil},
		{"the first rows", "INSERT INTO b SELECT id FROM a ORDER BY id LIMIT 3", []string{"1:1 b takes inserts, and the query gives inserts, updates and deletes"}},
		{"in a query below, where the order does not count", "INSERT INTO b SELECT id FROM (SELECT id FROM a ORDER BY id) WHERE id > 1", nil},
		{"in a query below that is passed on", "INSERT INTO b SELECT id FROM (SELECT id, ts FROM a ORDER BY id)", nil},
		{"in a query below, by what it leaves out", "INSERT INTO b SELECT id FROM (SELECT id FROM a ORDER BY ts + INTERVAL '1' DAY)", nil},
		{"in a common table expression", "INSERT INTO b WITH x AS (SELECT id FROM a ORDER BY id) SELECT id FROM x", nil},
		{"a query of its own, which may be bounded", "SELECT id FROM a ORDER BY id", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantUnplannable(t, cat, tt.sql, tt.want)
		})
	}
}

// TestBoundsOfWindowsBehindJoins: only a window join leaves bounds of windows what they are. Behind another join, to group by them is an aggregation that never
// ends and updates what it has put out.
func TestBoundsOfWindowsBehindJoins(t *testing.T) {
	cat := tables(t, `CREATE TABLE orders (id BIGINT, c BIGINT, ts TIMESTAMP_LTZ(3) NOT NULL, WATERMARK FOR ts AS ts); CREATE TABLE customers (c BIGINT, region STRING); CREATE TABLE s (region STRING, n BIGINT);`)
	const hop = "TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))"
	for _, tt := range []struct {
		name, sql string
		want      []string
	}{
		{"a regular join", "INSERT INTO s SELECT c.region, COUNT(*) FROM " + hop + " o JOIN customers c ON o.c = c.c GROUP BY c.region, o.window_start, o.window_end",
			[]string{"1:1 s takes inserts, and the query gives inserts and updates"}},
		{"a window join", "INSERT INTO s SELECT 'x', COUNT(*) FROM " + hop + " o JOIN " + hop + " p ON o.c = p.c AND o.window_start = p.window_start AND o.window_end = p.window_end GROUP BY o.window_start, o.window_end", nil},
		{"no join", "INSERT INTO s SELECT 'x', COUNT(*) FROM " + hop + " GROUP BY window_start, window_end", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantUnplannable(t, cat, tt.sql, tt.want)
		})
	}
}

// wantUnplannable holds what Flink's planner would not take of a statement against line:column and message.
func wantUnplannable(t *testing.T, cat Catalog, sql string, want []string) {
	t.Helper()
	var got []string
	for _, f := range Unplannable(one(t, sql), cat) {
		got = append(got, fmt.Sprintf("%d:%d %s", f.Place.Line, f.Place.Column, f.Message))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
