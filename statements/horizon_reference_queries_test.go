package statements

import (
	"fmt"
	"math"
)

// sql is a statement with the sizes of a shape, small as %[1]d and large as %[2]d.
func sql(text ...string) func(shape) []string {
	return func(s shape) (out []string) {
		for _, x := range text {
			out = append(out, fmt.Sprintf(x+"%[3]s", s.small, s.large, ""))
		}
		return out
	}
}

// intervalSQL joins rows of b that are small before to large behind a row of a.
func intervalSQL(kind string) func(shape) []string {
	return sql("INSERT INTO pairs SELECT a.k, a.v, b.v FROM a " + kind + " JOIN b ON a.k = b.k AND b.t BETWEEN a.t - INTERVAL '%[1]d' SECOND AND a.t + INTERVAL '%[2]d' SECOND")
}

func summedTo(from, to, size string) string {
	return "INSERT INTO " + to + " SELECT k, SUM(v), window_time FROM TABLE(TUMBLE(TABLE " + from + ", DESCRIPTOR(t), INTERVAL '" + size + "' SECOND)) GROUP BY k, window_start, window_end, window_time"
}

// atLarge is a time at which windows begin.
func atLarge(s shape) int64 { return 10 * s.large * ms }

// firstOfWindow is a log whose first row is the first of a window that fires as soon as the watermark goes on.
func firstOfWindow(s shape) ([]event, int) {
	w := atLarge(s)
	return []event{{"a", 0, w, 1, 7}, {"a", 0, w + s.large*ms - 2 + delay, 1, 1}}, 1
}

// pausedAfterFirst is a log whose first row is of a window that the second statement still has open, while the first one's input pauses for long and the
// topic between stands at the end of that row's own window.
func pausedAfterFirst(s shape) ([]event, int) {
	w, long := atLarge(s), 20*s.large*ms+2*delay
	return []event{{"a", 0, w, 1, 7}, {"a", 0, w + long, 2, 1}, {"a", 0, w + long + s.small*ms + delay, 2, 1}}, 1
}

func twoSizes(s shape) []int64   { return []int64{s.small, s.large} }
func threeSizes(s shape) []int64 { return []int64{s.small, s.large, s.large} }

func large(s shape) int64 { return s.large }

var (
	onlyA   = []string{"a"}
	aAndB   = []string{"a", "b"}
	matchOf = "INSERT INTO pairs SELECT k, n, o FROM a MATCH_RECOGNIZE (PARTITION BY k ORDER BY t MEASURES X.v AS n, Y.v AS o ONE ROW PER MATCH AFTER MATCH SKIP %s PATTERN (X Y) WITHIN INTERVAL '%%[2]d' SECOND DEFINE X AS X.v > 10, Y AS Y.v > 20)"
)

var references = []reference{
	{name: "a filter", sql: sql("INSERT INTO s SELECT k, v FROM a WHERE v > %[1]d"), run: filtered, tables: onlyA},

	{name: "TUMBLE", sql: sql("INSERT INTO s SELECT k, SUM(v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: sums(func(s shape) func(int64) []window { return tumbles(s.large * ms) }), tables: onlyA, witness: firstOfWindow},
	{name: "HOP", sql: sql("INSERT INTO s SELECT k, SUM(v) FROM TABLE(HOP(TABLE a, DESCRIPTOR(t), INTERVAL '%[1]d' SECOND, INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: sums(func(s shape) func(int64) []window { return hops(s.small*ms, s.large*ms) }), tables: onlyA, witness: firstOfWindow},
	{name: "CUMULATE", sql: sql("INSERT INTO s SELECT k, SUM(v) FROM TABLE(CUMULATE(TABLE a, DESCRIPTOR(t), INTERVAL '%[1]d' SECOND, INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: sums(func(s shape) func(int64) []window { return cumulates(s.small*ms, s.large*ms) }), tables: onlyA, witness: firstOfWindow},
	{name: "SESSION", sql: sql("INSERT INTO s SELECT k, SUM(v) FROM TABLE(SESSION(TABLE a PARTITION BY k, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: sessionSums, tables: onlyA, witness: func(s shape) ([]event, int) {
			t := atLarge(s)
			return []event{{"a", 0, t, 1, 7}, {"a", 0, t + s.large*ms, 1, 8}, {"a", 0, t + 2*s.large*ms - 2 + delay, 2, 1}}, 2
		}},
	{name: "TUMBLE over TUMBLE", sql: sql("INSERT INTO s SELECT k, SUM(n) FROM TABLE(TUMBLE((SELECT k, n, wt FROM (SELECT k, window_time AS wt, SUM(v) AS n FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%[1]d' SECOND)) GROUP BY k, window_start, window_end, window_time)), DESCRIPTOR(wt), INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: nested, tables: onlyA},
	{name: "Top-N of a window", sql: sql("INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY v DESC) AS r FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND))) WHERE r = 1"),
		run: topN, tables: onlyA, witness: firstOfWindow},
	{name: "the last row of a window", sql: sql("INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY t DESC) AS r FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND))) WHERE r = 1"),
		run: lastOfWindow, tables: onlyA, witness: firstOfWindow},
	{name: "window join", sql: sql("INSERT INTO pairs SELECT x.k, x.v, y.v FROM (SELECT * FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND))) x JOIN (SELECT * FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND))) y ON x.k = y.k AND x.window_start = y.window_start AND x.window_end = y.window_end"),
		run: windowJoin, tables: aAndB, witness: func(s shape) ([]event, int) {
			w := atLarge(s)
			on := w + s.large*ms - 2 + delay
			return []event{{"a", 0, w, 1, 7}, {"b", 0, w + 1, 1, 8}, {"a", 0, on, 2, 1}, {"b", 0, on, 3, 1}}, 3
		}},

	{name: "interval join", sql: intervalSQL(""), run: intervalJoin(""), tables: aAndB, witness: func(s shape) ([]event, int) {
		t := atLarge(s)
		on := t + s.large*ms - 1 + delay
		return []event{{"a", 0, t, 1, 7}, {"a", 0, on, 2, 1}, {"b", 0, on, 3, 1}, {"b", 0, t + s.large*ms, 1, 8}}, 2
	}},
	{name: "LEFT interval join", sql: intervalSQL("LEFT"), run: intervalJoin("a"), tables: aAndB, witness: func(s shape) ([]event, int) {
		r := atLarge(s)
		l := r + s.small*ms
		on := l + s.large*ms + delay
		return []event{{"b", 0, r, 1, 7}, {"a", 0, l, 1, 8}, {"a", 0, on, 2, 1}, {"b", 0, on, 3, 1}}, 3
	}},
	{name: "RIGHT interval join", sql: intervalSQL("RIGHT"), run: intervalJoin("b"), tables: aAndB, witness: func(s shape) ([]event, int) {
		l := atLarge(s)
		r := l + s.large*ms
		on := r + s.small*ms + delay
		return []event{{"a", 0, l, 1, 7}, {"b", 0, r, 1, 8}, {"a", 0, on, 2, 1}, {"b", 0, on, 3, 1}}, 3
	}},
	{name: "FULL interval join", sql: intervalSQL("FULL"), run: intervalJoin("ab"), tables: aAndB},
	{name: "TUMBLE over an interval join", sql: sql("INSERT INTO s SELECT k, SUM(v) FROM TABLE(TUMBLE((SELECT a.k AS k, b.v AS v, a.t AS t FROM a JOIN b ON a.k = b.k AND b.t BETWEEN a.t - INTERVAL '%[1]d' SECOND AND a.t + INTERVAL '%[2]d' SECOND), DESCRIPTOR(t), INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: joinedThenSummed, tables: aAndB, upper: true, witness: func(s shape) ([]event, int) {
			w := atLarge(s)
			on := w + 2*s.large*ms - 2 + delay // the join holds the watermark back by large
			return []event{{"b", 0, w - s.small*ms, 1, 7}, {"a", 0, w, 1, 1}, {"a", 0, on, 2, 1}, {"b", 0, on, 3, 1}}, 3
		}},
	{name: "temporal join", sql: sql("INSERT INTO pairs SELECT a.k, a.v, u.v FROM a LEFT JOIN u FOR SYSTEM_TIME AS OF a.t ON a.k = u.k"),
		run: temporalJoin, tables: []string{"a", "u"}},

	{name: "OVER RANGE", sql: sql("INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '%[2]d' SECOND PRECEDING AND CURRENT ROW) FROM a"),
		run: overRange, tables: onlyA, witness: func(s shape) ([]event, int) {
			t := atLarge(s)
			return []event{{"a", 0, t, 1, 5}, {"a", 0, t + s.large*ms - 1 + delay, 2, 1}, {"a", 0, t + s.large*ms, 1, 6}}, 1
		}},
	{name: "OVER ROWS", sql: sql("INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM a"),
		run: overRows, tables: onlyA, ordered: "a", witness: func(s shape) ([]event, int) {
			t, step := atLarge(s), s.large*ms+delay
			return []event{{"a", 0, t, 1, 1}, {"a", 0, t + step, 1, 2}, {"a", 0, t + 2*step, 1, 3}, {"a", 0, t + 3*step - 1 + delay, 2, 1}, {"a", 0, t + 3*step, 1, 4}}, 3
		}},
	{name: "MATCH_RECOGNIZE from every row", sql: sql(fmt.Sprintf(matchOf, "TO NEXT ROW")), run: matches(false), tables: onlyA, witness: func(s shape) ([]event, int) {
		t := atLarge(s)
		return []event{{"a", 0, t, 1, 30}, {"a", 0, t + s.large*ms - 2 + delay, 2, 1}, {"a", 0, t + s.large*ms - 1, 1, 40}}, 1
	}},
	{name: "MATCH_RECOGNIZE past the last row", sql: sql(fmt.Sprintf(matchOf, "PAST LAST ROW")), run: matches(true), tables: onlyA, upper: true, witness: func(s shape) ([]event, int) {
		t, step := atLarge(s), s.large*ms-1
		return []event{{"a", 0, t, 1, 30}, {"a", 0, t + step, 1, 30}, {"a", 0, t + 2*step, 1, 30}, {"a", 0, t + 3*step - 1 + delay, 2, 1}, {"a", 0, t + 3*step, 1, 30}}, 3
	}},

	{name: "join under a TTL", sql: sql("INSERT INTO pairs SELECT a.k, a.v, b.v FROM a JOIN b ON a.k = b.k"), run: ttlJoin, tables: aAndB, ttl: large, witness: func(s shape) ([]event, int) {
		return []event{{"a", 0, ms, 1, 7}, {"b", 0, ms + s.large*ms - 2, 2, 1}, {"b", 0, ms + s.large*ms - 1, 1, 8}}, 1
	}},
	{name: "first rows under a TTL", sql: sql("INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY t) AS r FROM a) WHERE r = 1"),
		run: ttlFirst, tables: onlyA, ttl: large, upper: true, witness: func(s shape) ([]event, int) {
			step := s.large*ms - 1
			return []event{{"a", 0, ms, 1, 1}, {"a", 0, ms + step, 1, 2}, {"a", 0, ms + 2*step, 1, 3}}, 1
		}},
	{name: "last rows", sql: sql("INSERT INTO su SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY t DESC) AS r FROM a) WHERE r = 1"),
		run: latest, tables: onlyA},
	{name: "an upsert source", sql: sql("INSERT INTO su SELECT k, v FROM u"), run: changes, tables: []string{"u"}},

	{name: "two statements", sql: sql(summedTo("a", "m1", "%[1]d"), summedTo("m1", "m2", "%[2]d")),
		run: chained(twoSizes), tables: onlyA, between: betweenOf(twoSizes), upper: true, witness: pausedAfterFirst},
	{name: "two statements whose windows begin apart", sql: sql(summedTo("a", "m1", "%[2]d"), summedTo("m1", "m2", "%[1]d")),
		run: chained(func(s shape) []int64 { return []int64{s.large, s.small} }), tables: onlyA, between: betweenOf(func(s shape) []int64 { return []int64{s.large, s.small} })},
	{name: "three statements", sql: sql(summedTo("a", "m1", "%[1]d"), summedTo("m1", "m2", "%[2]d"), "INSERT INTO s SELECT k, SUM(v) FROM TABLE(HOP(TABLE m2, DESCRIPTOR(t), INTERVAL '%[2]d' SECOND, INTERVAL '%[2]d' SECOND)) GROUP BY k, window_start, window_end"),
		run: chained(threeSizes), tables: onlyA, between: betweenOf(threeSizes)},
}

// refreshed is a log of a row of table a, and then one of another table in each half of the time to live, so that it never expires.
func refreshed(by string) func(s shape) ([]event, int) {
	return func(s shape) ([]event, int) {
		log := []event{{"a", 0, ms, 1, 7}}
		for i := range int64(8) {
			log = append(log, event{by, 0, ms + (i+1)*s.large*ms/2, 1, i})
		}
		return log, 6
	}
}

// unbounded are queries of which a first row counts for ever.
var unbounded = []reference{
	{name: "an aggregation", sql: sql("INSERT INTO su SELECT k, SUM(v) FROM a GROUP BY k"),
		run: func(log []event, _ shape) []result { return ttlSums(log, shape{large: math.MaxInt32}) }, tables: onlyA, witness: refreshed("a")},
	{name: "an aggregation under a TTL", sql: sql("INSERT INTO su SELECT k, SUM(v) FROM a GROUP BY k"), run: ttlSums, tables: onlyA, ttl: large, witness: refreshed("a")},
	{name: "a join", sql: sql("INSERT INTO pairs SELECT a.k, a.v, b.v FROM a JOIN b ON a.k = b.k"),
		run: func(log []event, _ shape) []result { return ttlJoin(log, shape{large: math.MaxInt32}) }, tables: aAndB, witness: refreshed("b")},
	{name: "an outer join under a TTL", sql: sql("INSERT INTO pairs SELECT a.k, a.v, b.v FROM a LEFT JOIN b ON a.k = b.k"), run: ttlLeftJoin, tables: aAndB, ttl: large, witness: refreshed("b")},
}
