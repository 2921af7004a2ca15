package statements

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHorizonByDialect: the default watermark is the dialect's, of declared tables and of others; a declared watermark holds in every dialect.
func TestHorizonByDialect(t *testing.T) {
	tables := Tables{
		"plain":  {Name: "plain", Columns: []TableColumn{{Name: "x", Type: Int()}}},
		"marked": {Name: "marked", Columns: []TableColumn{{Name: "ts", Type: TimestampLTZ(3)}}, Watermark: &Watermark{Column: "ts", Expr: &ColumnName{Name{Parts: []Ident{{Name: "ts"}}}}}},
		"source": {Name: "source", Columns: []TableColumn{{Name: "ts", Type: TimestampLTZ(3)}}, Watermark: &Watermark{Column: "ts", Expr: &Call{Func: "SOURCE_WATERMARK"}}},
	}
	for _, tt := range []struct{ table, on, fixed, adapting, flink string }{
		{"plain", RowtimeColumn, "1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s", "1h (TUMBLE) + 168h (default watermark, which adapts to at most 7 days) = 169h", "1h (TUMBLE) + 0s (no watermark) = 1h"},
		{"elsewhere", RowtimeColumn, "1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s; no CREATE TABLE declares elsewhere, which is taken for an append table with the default watermark", "1h (TUMBLE) + 168h (default watermark, which adapts to at most 7 days) = 169h; no CREATE TABLE declares elsewhere, which is taken for an append table with the default watermark", "1h (TUMBLE) + 0s (no watermark) = 1h; no CREATE TABLE declares elsewhere, which is taken for an append table with the default watermark"},
		{"marked", "", "1h (TUMBLE) + 0s (watermark) = 1h", "1h (TUMBLE) + 0s (watermark) = 1h", "1h (TUMBLE) + 0s (watermark) = 1h"},
		{"source", "", "1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s", "1h (TUMBLE) + 168h (default watermark, which adapts to at most 7 days) = 169h", ""},
	} {
		t.Run(tt.table, func(t *testing.T) {
			on := "ts"
			if tt.on != "" {
				on = tt.on
			}
			p, findings := ParseOne("x.sql", "INSERT INTO out_t SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE "+tt.table+", DESCRIPTOR("+on+"), INTERVAL '1' HOUR)) GROUP BY window_start, window_end")
			if len(findings) > 0 {
				t.Fatal(findings[0].Message)
			}
			var got []string
			for _, d := range []Dialect{"", CCloud2025, Flink2} {
				h := HorizonOf(p.Statement, InDialect(tables, d, nil), 0)[tt.table]
				if h.Unknown != "" {
					got = append(got, "")
					continue
				}
				got = append(got, h.String())
			}
			if diff := cmp.Diff([]string{tt.fixed, tt.adapting, tt.flink}, got); diff != "" {
				t.Errorf("horizons (-want +got):\n%s", diff)
			}
		})
	}
}
