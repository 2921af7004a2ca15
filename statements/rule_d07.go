package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d07 = Rule{
	ID:           "D07",
	Title:        "a result that waits for the default watermark",
	Why:          "rows behind the watermark are dropped, and how far behind a row is depends on how the partitions interleave: a replay is faster, and drops other rows",
	Remedy:       "declare a watermark that stays behind by at least the disorder of the data",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: DeterministicIfNoLate,
	check:  checkD07,
	Page: `A table that declares no watermark has SOURCE_WATERMARK() on $rowtime: 180 ms behind the newest row of a partition since 2026; before, the 95th percentile of the disorder of the last 5,000 rows, which depends on the rows that were read before. Windows, interval and temporal joins, OVER and MATCH_RECOGNIZE drop what comes later.

An explicit delay makes drops rare, not impossible: for late rows there is late-handling.mode.`,
	Wrong: `CREATE TABLE orders (item STRING);
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
	Right: `CREATE TABLE orders (item STRING, WATERMARK FOR $rowtime AS $rowtime - INTERVAL '30' SECOND);
CREATE TABLE by_hour (hour_start TIMESTAMP(3), n BIGINT);
INSERT INTO by_hour SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;`,
}

func checkD07(in *judged) []hit {
	var out []hit
	in.timed(func(what string, sc *Scan) {
		t := sc.Table
		if t.Watermark != nil && !isCall(t.Watermark.Expr, "SOURCE_WATERMARK") || t.Watermark == nil && in.facts.Dialect == Flink2 || t.Open {
			return
		}
		_, delay := in.facts.Dialect.MostDelay()
		column := quoteName(t.TimeColumn())
		h := hit{at: sc.Pos, message: fmt.Sprintf("%s drops the rows of %s that come behind its %s", what, t.Name, delay),
			remedy: fmt.Sprintf("ALTER TABLE %s MODIFY WATERMARK FOR %s AS %s - INTERVAL '5' SECOND, or as long as the disorder of the data is", quoteName(t.Name), column, column)}
		if in.facts.Dialect == CCloud2025 {
			h.active = report.High
		}
		out = append(out, h)
	})
	return out
}

// timed calls visit for each scan whose watermark an operator waits for, with the operator that is nearest to it.
func (in *judged) timed(visit func(what string, sc *Scan)) {
	var walk func(r Rel, what string)
	walk = func(r Rel, what string) {
		if sc, ok := r.(*Scan); ok {
			if what != "" {
				visit(what, sc)
			}
			return
		}
		if name := waiting(r); name != "" {
			what = name
		}
		for _, below := range Inputs(r) {
			walk(below, what)
		}
	}
	for _, w := range in.related() {
		walk(w, "")
	}
}

// waiting names an operator that waits for the watermark, and drops or leaves out what comes behind it; "" for others.
func waiting(r Rel) string {
	timeOf := func(in Rel, order []SortKey) bool {
		if len(order) == 0 {
			return false
		}
		ref, ok := order[0].Value.(*ColumnRef)
		return ok && in.Columns()[ref.Index].Time
	}
	eventTime := func(w *Windowing) bool { return w != nil && !w.In.Columns()[w.Time].Clock }
	switch n := r.(type) {
	case *Aggregation:
		if eventTime(n.Window) {
			return "the " + string(n.Window.Kind) + " window"
		}
	case *Ranking:
		if eventTime(n.Window) {
			return "the window Top-N"
		}
	case *Joining:
		switch n.Form {
		case IntervalJoin, TemporalJoin:
			return "the " + string(n.Form) + " join"
		case WindowJoin:
			if eventTime(n.Window) {
				return "the window join"
			}
		}
	case *Over:
		if timeOf(n.In, n.Order) {
			return "OVER"
		}
	case *Matching:
		if timeOf(n.In, n.Order) {
			return "MATCH_RECOGNIZE"
		}
	case *Sorting:
		if n.Limit < 0 && timeOf(n.In, n.Order) {
			return "ORDER BY"
		}
	}
	return ""
}
