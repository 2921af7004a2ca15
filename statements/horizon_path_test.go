package statements

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const pathTables = `
CREATE TABLE a (k STRING, v INT, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE b (k STRING, v INT, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE u (k STRING, v INT, t TIMESTAMP_LTZ(3), PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE s (k STRING, v BIGINT);
CREATE TABLE su (k STRING, v BIGINT, PRIMARY KEY (k) NOT ENFORCED);
`

// related relates one statement over pathTables.
func related(t *testing.T, sql string) *Write {
	t.Helper()
	writes, bad := Relate(one(t, sql), tables(t, pathTables))
	if len(bad) > 0 {
		t.Fatalf("%s: %s", sql, bad[0].Message)
	}
	return writes[0]
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		ttl       time.Duration
		want      map[string]string
	}{
		{"a filter keeps nothing", "INSERT INTO s SELECT k, v FROM a WHERE v > 1", 0, map[string]string{"a": "0 (no state)"}},
		{"an interval join reaches as far as its wider bound", "INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k AND a.t BETWEEN b.t - INTERVAL '10' MINUTE AND b.t + INTERVAL '1' HOUR", 0,
			map[string]string{"a": "1h (interval join) + 5s (watermark) = 1h0m5s", "b": "1h (interval join) + 5s (watermark) = 1h0m5s"}},
		{"bounds may stand in WHERE", "INSERT INTO s SELECT a.k, b.v FROM a, b WHERE a.k = b.k AND a.t >= b.t AND a.t < b.t + INTERVAL '1' HOUR", 0,
			map[string]string{"a": "59m59.999s (interval join) + 5s (watermark) = 1h0m4.999s", "b": "59m59.999s (interval join) + 5s (watermark) = 1h0m4.999s"}},
		{"a regular join is unbounded", "INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k", 0,
			map[string]string{"a": "unbounded: a join without time bounds keeps every row of both sides", "b": "unbounded: a join without time bounds keeps every row of both sides"}},
		{"a TTL bounds a regular join", "INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k", time.Hour,
			map[string]string{"a": "1h (TTL of a join)", "b": "1h (TTL of a join)"}},
		{"a hint is a TTL by side", "INSERT INTO s SELECT /*+ STATE_TTL('a'='1d', 'b'='2h') */ a.k, b.v FROM a JOIN b ON a.k = b.k", 0,
			map[string]string{"a": "24h (TTL of a join)", "b": "2h (TTL of a join)"}},
		{"a TTL bounds no aggregation", "INSERT INTO su SELECT k, COUNT(*) FROM a GROUP BY k", time.Hour,
			map[string]string{"a": "unbounded: an aggregation without a window counts from the first row"}},
		{"windows over windows add up", "INSERT INTO s SELECT k, SUM(n) FROM TABLE(TUMBLE((SELECT k, n, wt FROM (SELECT k, window_time AS wt, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end, window_time)), DESCRIPTOR(wt), INTERVAL '1' HOUR)) GROUP BY k, window_start, window_end", 0,
			map[string]string{"a": "1h (TUMBLE) + 1m (TUMBLE) + 5s (watermark) = 1h1m5s"}},
		{"Top-N of a window counts it once", "INSERT INTO s SELECT k, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) AS r FROM (SELECT k, window_start, window_end, COUNT(*) AS n FROM TABLE(HOP(TABLE a, DESCRIPTOR(t), INTERVAL '1' MINUTE, INTERVAL '10' MINUTE)) GROUP BY k, window_start, window_end)) WHERE r <= 3", 0,
			map[string]string{"a": "10m (HOP) + 5s (watermark) = 10m5s"}},
		{"OVER RANGE", "INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '30' MINUTE PRECEDING AND CURRENT ROW) FROM a", 0,
			map[string]string{"a": "30m (OVER RANGE) + 5s (watermark) = 30m5s"}},
		{"OVER ROWS depends on the data", "INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM a", 0,
			map[string]string{"a": "depends on the data: the last 3 rows of every key count, however old"}},
		{"keep-first with a TTL", "INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY t) AS r FROM a) WHERE r = 1", 6 * time.Hour,
			map[string]string{"a": "depends on the data: a key's first row counts until it has expired, by a TTL of 6h, and the row before it tells when"}},
		{"an upsert source", "INSERT INTO su SELECT k, v FROM u", 0,
			map[string]string{"u": "depends on the data: the last row of every key counts, however old: a compacted topic holds it"}},
		{"a temporal join", "INSERT INTO s SELECT a.k, u.v FROM a JOIN u FOR SYSTEM_TIME AS OF a.t ON a.k = u.k", 0,
			map[string]string{"a": "5s (watermark)", "u": "depends on the data: a temporal join needs the version of every key that held at the time, however old: a compacted topic holds the last"}},
		{"MATCH_RECOGNIZE within", "INSERT INTO s SELECT k, n FROM a MATCH_RECOGNIZE (PARTITION BY k ORDER BY t MEASURES X.v AS n ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (X Y) WITHIN INTERVAL '2' MINUTE DEFINE X AS X.v = 1, Y AS Y.v = 2)", 0,
			map[string]string{"a": "depends on the data: where a match may begin, the one before it tells (but for AFTER MATCH SKIP TO NEXT ROW): back to where a key paused for 2m (WITHIN)"}},
		{"MATCH_RECOGNIZE from every row", "INSERT INTO s SELECT k, n FROM a MATCH_RECOGNIZE (PARTITION BY k ORDER BY t MEASURES X.v AS n ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (X Y) WITHIN INTERVAL '2' MINUTE DEFINE X AS X.v = 1, Y AS Y.v = 2)", 0,
			map[string]string{"a": "2m (WITHIN) + 5s (watermark) = 2m5s"}},
		{"an outer interval join also needs what has joined the rows that it keeps", "INSERT INTO s SELECT a.k, b.v FROM a LEFT JOIN b ON a.k = b.k AND a.t BETWEEN b.t - INTERVAL '10' MINUTE AND b.t + INTERVAL '1' HOUR", 0,
			map[string]string{"a": "1h (interval join) + 5s (watermark) = 1h0m5s", "b": "1h10m (interval join) + 5s (watermark) = 1h10m5s"}},
		{"a window waits for the watermark behind an interval join", "INSERT INTO s SELECT k, SUM(v) FROM TABLE(TUMBLE((SELECT a.k, b.v, a.t FROM a JOIN b ON a.k = b.k AND a.t BETWEEN b.t AND b.t + INTERVAL '1' HOUR), DESCRIPTOR(t), INTERVAL '1' DAY)) GROUP BY k, window_start, window_end", 0,
			map[string]string{
				"a": "24h (TUMBLE) + 1h (watermark behind the interval join) + 1h (interval join) + 5s (watermark) = 26h0m5s",
				"b": "24h (TUMBLE) + 1h (watermark behind the interval join) + 1h (interval join) + 5s (watermark) = 26h0m5s"}},
		{"no TTL bounds an outer join", "INSERT INTO s SELECT a.k, b.v FROM a LEFT JOIN b ON a.k = b.k", time.Hour,
			map[string]string{"a": "unbounded: every match refreshes the row of a join that is not INNER, so that no TTL tells how old it is",
				"b": "unbounded: every match refreshes the row of a join that is not INNER, so that no TTL tells how old it is"}},
		{"EXISTS is a join", "INSERT INTO s SELECT k, v FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k)", 0,
			map[string]string{"a": "unbounded: a join without time bounds keeps every row of both sides", "b": "unbounded: a join without time bounds keeps every row of both sides"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]string{}
			for _, p := range PathsOf(related(t, c.sql), c.ttl) {
				got[p.Topic] = p.Horizon.String()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
