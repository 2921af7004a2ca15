package statements

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipeline names the statements of a script s0, s1, ….
func pipeline(t *testing.T, sql string) []Named {
	t.Helper()
	script, findings := Parse("p.sql", sql)
	if len(findings) > 0 {
		t.Fatalf("%s\n%s", findings[0].Message, findings[0].Excerpt)
	}
	var out []Named
	for i, p := range script.Statements {
		out = append(out, Named{Name: fmt.Sprintf("s%d", i), Parsed: p})
	}
	return out
}

func TestReadsAndWrites(t *testing.T) {
	for sql, want := range map[string][2][]string{
		"CREATE TABLE a (b INT)":              {nil, nil},
		"INSERT INTO c.d.a SELECT x FROM e.b": {{"b"}, {"a"}},
		"INSERT INTO a SELECT x FROM (SELECT x FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '1' HOUR))) AS y": {{"b"}, {"a"}},
		"INSERT INTO a SELECT 1": {nil, {"a"}},
	} {
		s := one(t, sql).Statement
		if diff := cmp.Diff(want, [2][]string{Reads(s), Writes(s)}); diff != "" {
			t.Errorf("%s: -want +got\n%s", sql, diff)
		}
	}
}

func TestGraph(t *testing.T) {
	for name, tc := range map[string]struct {
		sql      string
		order    []string
		needs    map[string][]string
		findings []string
	}{
		"a chain, listed backwards": {
			sql:   "INSERT INTO c SELECT x FROM b; INSERT INTO b SELECT x FROM a; CREATE TABLE b (x INT); CREATE TABLE c (x INT)",
			order: []string{"s2", "s1", "s3", "s0"},
			needs: map[string][]string{"s0": {"s2", "s1", "s3"}, "s1": {"s2"}, "s2": nil},
		},
		"independent statements keep their order": {
			sql:   "INSERT INTO z SELECT x FROM a; INSERT INTO b SELECT x FROM a",
			order: []string{"s0", "s1"},
			needs: map[string][]string{"s0": nil, "s1": nil},
		},
		"a cycle": {
			sql:      "INSERT INTO a SELECT x FROM b; INSERT INTO b SELECT x FROM a",
			order:    []string{"s1", "s0"},
			needs:    map[string][]string{"s0": {"s1"}, "s1": {"s0"}},
			findings: []string{"s0 block sql/cycle 1:1 the statements read each other's output: s1 → s0 → s1"},
		},
		"a statement that reads its own output": {
			sql:      "INSERT INTO a SELECT x FROM a",
			order:    []string{"s0"},
			needs:    map[string][]string{"s0": nil},
			findings: []string{"s0 block sql/cycle 1:1 s0 reads the table that it writes"},
		},
		"two writers and two creators": {
			sql:      "CREATE TABLE a (x INT); CREATE TABLE a (x INT);\nINSERT INTO a SELECT x FROM b; INSERT INTO a SELECT x FROM c",
			order:    []string{"s0", "s1", "s2", "s3"},
			needs:    map[string][]string{"s2": {"s0", "s1"}},
			findings: []string{"s1 high sql/two-creators 1:38 table a is created by s0 already", "s3 medium sql/two-writers 2:44 s2 writes table a too"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, findings := NewGraph(pipeline(t, tc.sql))
			if diff := cmp.Diff(tc.order, g.Order()); diff != "" {
				t.Errorf("order: -want +got\n%s", diff)
			}
			for s, want := range tc.needs {
				if diff := cmp.Diff(want, g.Needs(s)); diff != "" {
					t.Errorf("needs of %s: -want +got\n%s", s, diff)
				}
			}
			var got []string
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%s %s %s %d:%d %s", f.Subject, f.Severity, f.Rule, f.Place.Line, f.Place.Column, f.Message))
			}
			if diff := cmp.Diff(tc.findings, got); diff != "" {
				t.Errorf("findings: -want +got\n%s", diff)
			}
		})
	}
}

func TestHorizonOf(t *testing.T) {
	cat := tables(t, `
		CREATE TABLE b (x INT, k INT);
		CREATE TABLE late (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
		CREATE TABLE strict (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);
		CREATE TABLE source (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS SOURCE_WATERMARK());
		CREATE TABLE odd (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND - INTERVAL '1' SECOND);`)
	const group = " GROUP BY window_start, window_end"
	window := func(table, size string) string {
		at := "ts"
		if table == "b" || table == "nowhere" {
			at = "$rowtime"
		}
		return "INSERT INTO a SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE " + table + ", DESCRIPTOR(" + at + "), INTERVAL " + size + "))"
	}
	for sql, want := range map[string]string{
		"INSERT INTO a SELECT x FROM b WHERE x > 1": "b: 0 (no state)",
		"INSERT INTO a SELECT x FROM nowhere":       "nowhere: 0 (no state); no CREATE TABLE declares nowhere, which is taken for an append table with the default watermark",
		window("nowhere", "'1' HOUR") + group:       "nowhere: 1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s; no CREATE TABLE declares nowhere, which is taken for an append table with the default watermark",
		window("nowhere", "'1' HOUR"):               "nowhere: unbounded: an aggregation without a window counts from the first row; no CREATE TABLE declares nowhere, which is taken for an append table with the default watermark",
		"SELECT x FROM b":                           "b: 0 (no state)",
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT x FROM b; INSERT INTO c SELECT COUNT(*) FROM b; END": "b: unbounded: an aggregation without a window counts from the first row",
		window("b", "'1' HOUR") + group:        "b: 1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s",
		window("late", "'10' MINUTE") + group:  "late: 10m (TUMBLE) + 5s (watermark) = 10m5s",
		window("strict", "'1' DAY") + group:    "strict: 24h (TUMBLE) + 0s (watermark) = 24h",
		window("source", "'1' MINUTE") + group: "source: 1m (TUMBLE) + 180ms (default watermark) = 1m0.18s",
		window("odd", "'1' MINUTE") + group:    "odd: at least 1m (TUMBLE) + 0s (watermark) = 1m; the watermark of odd is no column minus a fixed interval, so its delay is not known",
		"INSERT INTO a SELECT COUNT(*) FROM HOP(TABLE late, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)" + group:         "late: 1h (HOP) + 5s (watermark) = 1h0m5s",
		"INSERT INTO a SELECT COUNT(*) FROM CUMULATE(TABLE late, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY)" + group:       "late: 24h (CUMULATE) + 5s (watermark) = 24h0m5s",
		"INSERT INTO a SELECT COUNT(*) FROM SESSION(TABLE late PARTITION BY x, DESCRIPTOR(ts), INTERVAL '5' MINUTE)" + group + ", x": "late: depends on the data: a session goes on until its key pauses for 5m",
		window("b", "'1' HOUR"): "b: unbounded: an aggregation without a window counts from the first row",
		"INSERT INTO a SELECT x FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR($rowtime), INTERVAL '1' HOUR))": "b: 0 (no state)",
		"INSERT INTO a SELECT x FROM b GROUP BY x":                                                    "b: unbounded: DISTINCT remembers every row",
		"INSERT INTO a SELECT DISTINCT x FROM b":                                                      "b: unbounded: DISTINCT remembers every row",
		"INSERT INTO a SELECT x FROM b LIMIT 3":                                                       "b: unbounded: LIMIT counts from the first row",
		"INSERT INTO a SELECT k FROM (SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, k) WHERE k > 1":      "b: 1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s",
		"INSERT INTO a SELECT COUNT(*) FROM (SELECT window_start, window_end FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR($rowtime), INTERVAL '1' HOUR))) GROUP BY window_start, window_end": "b: 1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s",
	} {
		t.Run(sql, func(t *testing.T) {
			got := ""
			hs := HorizonOf(one(t, sql).Statement, cat, 0)
			for _, topic := range sortedKeys(hs) {
				got += topic + ": " + hs[topic].String()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestHorizonsAlongAChain(t *testing.T) {
	cat := tables(t, `
		CREATE TABLE events (x INT);
		CREATE TABLE minutes (ts TIMESTAMP_LTZ(3), n BIGINT);
		CREATE TABLE hours (x BIGINT);
		CREATE TABLE clean (x BIGINT);
		CREATE TABLE forever (x BIGINT, n BIGINT, PRIMARY KEY (x) NOT ENFORCED);`)
	g, findings := NewGraph(pipeline(t, `
		INSERT INTO minutes SELECT window_time, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR($rowtime), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, window_time;
		INSERT INTO hours SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE minutes, DESCRIPTOR($rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
		INSERT INTO clean SELECT x FROM hours WHERE x > 1;
		INSERT INTO forever SELECT x, COUNT(*) FROM clean GROUP BY x;
		INSERT INTO after SELECT x FROM forever;`))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	show := func(all map[string]map[string]Horizon) map[string]string {
		out := map[string]string{}
		for s, hs := range all {
			for topic, h := range hs {
				out[s+" "+topic] = h.String()
			}
		}
		return out
	}
	sum := "1h (TUMBLE) + 180ms (default watermark) + 1m (TUMBLE of s0) + 180ms (default watermark of s0) + pause of minutes = 1h1m0.36s + pause of minutes"
	if diff := cmp.Diff(map[string]string{
		"s0 events": "1m (TUMBLE) + 180ms (default watermark) = 1m0.18s",
		"s1 events": sum,
		"s2 events": "1h (TUMBLE of s1) + 180ms (default watermark of s1) + 1m (TUMBLE of s0) + 180ms (default watermark of s0) + pause of minutes = 1h1m0.36s + pause of minutes",
		"s3 events": "unbounded: an aggregation without a window counts from the first row",
		"s4 events": "unbounded: an aggregation without a window counts from the first row (in s3)",
	}, show(g.Horizons(func(string) Catalog { return cat }, func(topic string) bool { return topic == "events" }, nil))); diff != "" {
		t.Errorf("from the input alone: -want +got\n%s", diff)
	}
	// Where the intermediate topic is mirrored as well, the way is shorter.
	got := show(g.Horizons(func(string) Catalog { return cat }, func(topic string) bool { return topic != "hours" && topic != "clean" }, nil))
	if diff := cmp.Diff("1h (TUMBLE) + 180ms (default watermark) = 1h0m0.18s", got["s1 minutes"]); diff != "" {
		t.Errorf("from the intermediate topic: -want +got\n%s", diff)
	}
}

func TestAlignedStart(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 34, 56, 0, time.UTC)
	window := func(w Windowed) Term { return Term{Duration: w.Size, Window: &w} }
	hour, ten := window(Windowed{Size: time.Hour}), window(Windowed{Size: 10 * time.Minute})
	delay := Term{Duration: DefaultDelay, Delay: true}
	for name, tc := range map[string]struct {
		terms        []Term
		margin       time.Duration
		start, first string
	}{
		"no state":                            {nil, time.Minute, "12:33:56", "12:33:56"},
		"one window":                          {[]Term{hour, delay}, 0, "11:00:00", "11:00:00"},
		"with a margin":                       {[]Term{hour}, 40 * time.Minute, "10:00:00", "10:00:00"},
		"two sizes":                           {[]Term{hour, ten}, 0, "11:00:00", "11:00:00"},
		"sizes 10 and 15 minutes align at 30": {[]Term{ten, window(Windowed{Size: 15 * time.Minute})}, 0, "12:00:00", "12:00:00"},
		"hops begin at every slide":           {[]Term{window(Windowed{Size: time.Hour, Slide: 5 * time.Minute}), delay}, 0, "11:30:00", "11:30:00"},
		"hops within hours":                   {[]Term{window(Windowed{Size: time.Hour, Slide: 5 * time.Minute}), hour}, 0, "10:00:00", "10:00:00"},
		"an offset":                           {[]Term{window(Windowed{Size: time.Hour, Offset: 5 * time.Minute})}, 0, "11:05:00", "11:05:00"},
		"offsets that never meet":             {[]Term{window(Windowed{Size: time.Hour, Offset: 5 * time.Minute}), hour}, 0, "09:05:00", "10:05:00"},
		"what is joined below a window":       {[]Term{hour, {Duration: 10 * time.Minute}}, 0, "11:00:00", "12:00:00"},
		"what is joined behind a window":      {[]Term{{Duration: 10 * time.Minute}, hour}, 0, "11:00:00", "11:10:00"},
	} {
		t.Run(name, func(t *testing.T) {
			h := Horizon{Terms: tc.terms}
			start := h.Start(at, tc.margin)
			if diff := cmp.Diff([]string{tc.start, tc.first}, []string{start.Format(time.TimeOnly), h.FirstComplete(start).Format(time.TimeOnly)}); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if first := h.FirstComplete(start); first.After(at.Add(-tc.margin)) {
				t.Errorf("the first complete window begins at %s, after the failover at %s", first, at)
			}
		})
	}
	if start := (Horizon{Unbounded: true}).Start(at, 0); !start.IsZero() {
		t.Errorf("without a bound the start is %s, want none", start)
	}
	if got := floor(time.UnixMilli(-1), time.Second, 0).UnixMilli(); got != -1000 {
		t.Errorf("the window of -1 ms begins at %d, want -1000", got)
	}
}

func TestJudgeRetention(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	base := map[string]string{"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1"}
	with := func(kv ...string) map[string]string {
		m := map[string]string{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(kv); i += 2 {
			if m[kv[i]] = kv[i+1]; kv[i+1] == "" {
				delete(m, kv[i])
			}
		}
		return m
	}
	whole := []PartitionLog{{Partition: 0, Start: 0, End: 10}}
	old := []PartitionLog{{Partition: 0, Start: 5, End: 10, Oldest: now.Add(-3 * day)}, {Partition: 1, Start: 7, End: 9, Oldest: now.Add(-2 * day)}}
	for name, tc := range map[string]struct {
		configs map[string]string
		parts   []PartitionLog
		rate    float64
		need    time.Duration
		want    RetentionVerdict
	}{
		"nothing needed":                 {nil, nil, 0, 0, RetentionVerdict{Verdict: Proven, Have: Unlimited, Detail: "no history is needed"}},
		"the whole log":                  {base, whole, 0, day, RetentionVerdict{Verdict: Proven, Have: 7 * day, Detail: "retention.ms is 7d"}},
		"old enough":                     {base, old, 0, day, RetentionVerdict{Verdict: Proven, Have: 2 * day, Detail: "retention.ms is 7d; the oldest record of partition 1 is 2d old"}},
		"one partition short":            {base, old, 0, 50 * time.Hour, RetentionVerdict{Verdict: Insufficient, Have: 2 * day, Missing: 2 * time.Hour, Detail: "retention.ms is 7d; the oldest record of partition 1 is 2d old"}},
		"retention too short":            {with("retention.ms", "3600000"), whole, 0, day, RetentionVerdict{Verdict: Insufficient, Have: time.Hour, Missing: 23 * time.Hour, Detail: "retention.ms is 1h", Mend: []Setting{{"retention.ms", "86460000"}}}},
		"unlimited":                      {with("retention.ms", "-1"), whole, 0, 1000 * day, RetentionVerdict{Verdict: Proven, Have: Unlimited, Detail: "retention.ms is unlimited"}},
		"bytes, no rate":                 {with("retention.bytes", "1000"), whole, 0, day, RetentionVerdict{Verdict: UnknownReach, Have: 7 * day, Detail: "retention.ms is 7d; retention.bytes is 1000 a partition, and the rate at which it fills is not measured"}},
		"bytes enough":                   {with("retention.bytes", "1000000"), whole, 10, day, RetentionVerdict{Verdict: Proven, Have: 100_000 * time.Second, Detail: "retention.ms is 7d; retention.bytes is 1000000 a partition, 27h46m40s at 10 bytes a second"}},
		"bytes too few":                  {with("retention.bytes", "36000"), whole, 10, day, RetentionVerdict{Verdict: Insufficient, Have: time.Hour, Missing: 23 * time.Hour, Detail: "retention.ms is 7d; retention.bytes is 36000 a partition, 1h at 10 bytes a second", Mend: []Setting{{"retention.bytes", "1296000"}}}},
		"compacted":                      {with("cleanup.policy", "compact", "min.compaction.lag.ms", "0"), whole, 0, time.Hour, RetentionVerdict{Verdict: Insufficient, Have: 0, Missing: time.Hour, Detail: "the topic is compacted: records older than min.compaction.lag.ms = 0s may be gone", Mend: []Setting{{"min.compaction.lag.ms", "3660000"}}}},
		"compacted late":                 {with("cleanup.policy", "compact,delete", "min.compaction.lag.ms", "7200000"), whole, 0, time.Hour, RetentionVerdict{Verdict: Proven, Have: 7 * day, Detail: "retention.ms is 7d"}},
		"settings not known":             {nil, whole, 0, day, RetentionVerdict{Verdict: UnknownReach, Have: Unlimited, Detail: "cleanup.policy is not known; retention.ms is not known; retention.bytes is not known"}},
		"log not seen":                   {base, nil, 0, day, RetentionVerdict{Verdict: UnknownReach, Have: 7 * day, Detail: "retention.ms is 7d; the partitions were not seen"}},
		"oldest not known":               {base, []PartitionLog{{Partition: 3, Start: 5, End: 9}}, 0, day, RetentionVerdict{Verdict: UnknownReach, Have: 7 * day, Detail: "retention.ms is 7d; the oldest record of partition 3 is not known"}},
		"emptied partition":              {base, []PartitionLog{{Partition: 3, Start: 9, End: 9}}, 0, day, RetentionVerdict{Verdict: UnknownReach, Have: 7 * day, Detail: "retention.ms is 7d; the oldest record of partition 3 is not known"}},
		"insufficient wins over unknown": {with("retention.bytes", ""), old, 0, 50 * time.Hour, RetentionVerdict{Verdict: Insufficient, Have: 2 * day, Missing: 2 * time.Hour, Detail: "retention.ms is 7d; retention.bytes is not known; the oldest record of partition 1 is 2d old"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Topic, tc.want.Need = "t", tc.need
			got := JudgeRetention(LogFacts{Topic: "t", Now: now, Configs: tc.configs, Partitions: tc.parts, BytesPerSecond: tc.rate}, tc.need)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A TTL of the statement bounds what a join without time bounds remembers, along a chain too; no aggregation without a window.
func TestHorizonsUnderATTL(t *testing.T) {
	cat := tables(t, pathTables)
	g, found := NewGraph([]Named{
		{Name: "joined", Parsed: one(t, "INSERT INTO s SELECT a.k, a.v FROM a JOIN b ON a.k = b.k")},
		{Name: "counted", Parsed: one(t, "INSERT INTO su SELECT k, COUNT(*) FROM a GROUP BY k")},
	})
	if len(found) > 0 {
		t.Fatal(found[0].Message)
	}
	got := map[string]string{}
	ttl := StateTTL(map[string]string{"sql.state-ttl": "6 h"})
	for name, inputs := range g.Horizons(func(string) Catalog { return cat }, func(string) bool { return true }, func(string) time.Duration { return ttl }) {
		got[name] = inputs["a"].String()
	}
	if diff := cmp.Diff(map[string]string{"joined": "6h (TTL of a join)", "counted": "unbounded: an aggregation without a window counts from the first row"}, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]time.Duration{"": 0, "0": 0, "soon": 0, "90000": 90 * time.Second} {
		if got := StateTTL(map[string]string{"table.exec.state.ttl": text}); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
