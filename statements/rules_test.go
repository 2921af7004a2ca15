package statements

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

const ruleTables = `
CREATE TABLE flights (origin STRING, delay INT, dist DOUBLE, fare DECIMAL(10, 2), ts TIMESTAMP(3));
CREATE TABLE trips (origin STRING, delay INT, dist DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE plain (k STRING, v BIGINT);
CREATE TABLE stamped (k STRING, v BIGINT, at_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp');
CREATE TABLE read_time (k STRING, rt TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR rt AS rt);
CREATE TABLE evented (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND);
CREATE TABLE keyed (k STRING, v BIGINT, PRIMARY KEY (k) NOT ENFORCED);
CREATE TABLE spread (k STRING, v BIGINT) DISTRIBUTED BY (k) INTO 3 BUCKETS;
CREATE TABLE text_t (k STRING, v STRING);
`

func tumble(table, column string) string {
	return "TABLE(TUMBLE(TABLE " + table + ", DESCRIPTOR(" + column + "), INTERVAL '1' HOUR)) GROUP BY window_start, window_end"
}

// ruleCase is a statement on which a rule finds something, and the same statement mended.
type ruleCase struct {
	rule, name        string
	sql               string
	facts             func(*Facts)
	active, passive   report.Severity // what the rule says in each pattern; "" = nothing
	at, message       string          // of the first finding, active-passive or, where that is none, active-active
	mended            string          // "" = the same SQL
	mendedFacts       func(*Facts)
	verdict, mendedTo Verdict // active-passive
}

func existing(t *testing.T, ddl string) func(*Facts) {
	return func(f *Facts) { f.Existing = tables(t, ddl) }
}

func ruleCases(t *testing.T) []ruleCase {
	none := func(*Facts) {}
	return []ruleCase{
		{rule: "D01", name: "in the output", sql: "INSERT INTO text_t SELECT origin, CAST(PROCTIME() AS STRING) FROM flights", active: "block", passive: "block",
			at: "1:40", message: "PROCTIME() is the clock of the machine that runs the statement",
			mended: "INSERT INTO text_t SELECT origin, CAST($rowtime AS STRING) FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D01", name: "in a computed column", sql: "CREATE TABLE t (a INT, p AS PROCTIME())", active: "block", passive: "block",
			at: "1:29", message: "PROCTIME() is the clock of the machine that runs the statement",
			mended: "CREATE TABLE t (a INT, p AS $rowtime)", verdict: NonDeterministic, mendedTo: DeterministicChangelog},
		{rule: "D01", name: "a window over it", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("proc", "p"),
			facts: func(f *Facts) {
				f.Tables.(Tables)["proc"] = &Table{Name: "proc", Columns: []TableColumn{{Name: "p", Kind: Computed, Type: TimestampLTZ(3), Expr: &Call{Func: "PROCTIME"}}}}
			}, active: "block", passive: "block",
			at: "1:81", message: "the window is over `p`, which is PROCTIME()",
			mended: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("proc", "`$rowtime`"), mendedFacts: none, verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},

		{rule: "D02", name: "in the output", sql: "INSERT INTO text_t SELECT origin, CAST(CURRENT_TIMESTAMP AS STRING) FROM flights", active: "high", passive: "high",
			at: "1:40", message: "CURRENT_TIMESTAMP is written to the output, and is the time of processing",
			mended: "INSERT INTO text_t SELECT origin, CAST(ts AS STRING) FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D02", name: "UNIX_TIMESTAMP() but not of a text", sql: "INSERT INTO plain SELECT origin, UNIX_TIMESTAMP() FROM flights", active: "high", passive: "high",
			at: "1:34", message: "UNIX_TIMESTAMP() is written to the output, and is the time of processing",
			mended: "INSERT INTO plain SELECT origin, UNIX_TIMESTAMP('2026-01-01 00:00:00') FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D02", name: "as a branch of CASE", sql: "INSERT INTO text_t SELECT origin, CASE WHEN delay > 1 THEN CAST(NOW() AS STRING) END FROM flights", active: "high", passive: "high",
			at: "1:65", message: "NOW() is written to the output, and is the time of processing",
			mended: "INSERT INTO text_t SELECT origin, CASE WHEN delay > 1 THEN 'late' END FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},

		{rule: "D03", name: "in WHERE", sql: "INSERT INTO plain SELECT origin, delay FROM flights WHERE $rowtime >= NOW() - INTERVAL '1' HOUR", active: "block", passive: "block",
			at: "1:71", message: "NOW() decides which rows count, and is the time of processing",
			mended: "INSERT INTO plain SELECT origin, delay FROM flights WHERE $rowtime >= ts - INTERVAL '1' HOUR", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D03", name: "in a condition of CASE", sql: "INSERT INTO plain SELECT origin, CASE WHEN CAST(ts AS DATE) < CURRENT_DATE THEN 1 ELSE 2 END FROM flights", active: "block", passive: "block",
			at: "1:63", message: "CURRENT_DATE decides which rows count, and is the time of processing",
			mended: "INSERT INTO plain SELECT origin, CASE WHEN CAST(ts AS DATE) < DATE '2026-01-01' THEN 1 ELSE 2 END FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D03", name: "in IF, HAVING and FILTER", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FILTER (WHERE NOW() > ts) FROM " + tumble("flights", "$rowtime"), active: "block", passive: "block",
			at: "1:54", message: "NOW() decides which rows count, and is the time of processing",
			mended: "INSERT INTO plain SELECT 'x', COUNT(*) FILTER (WHERE delay > 1) FROM " + tumble("flights", "$rowtime"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D03", name: "through a query in FROM", sql: "INSERT INTO plain SELECT o, d FROM (SELECT origin AS o, delay AS d, NOW() AS n, ts FROM flights) WHERE n > ts", active: "block", passive: "block",
			at: "1:104", message: "NOW() in the column `n` decides which rows count, and is the time of processing",
			mended: "INSERT INTO plain SELECT o, d FROM (SELECT origin AS o, delay AS d, $rowtime AS n, ts FROM flights) WHERE n > ts", verdict: NonDeterministic, mendedTo: DeterministicMultiset},

		{rule: "D04", name: "in the output", sql: "INSERT INTO text_t SELECT UUID(), origin FROM flights", active: "high", passive: "high",
			at: "1:27", message: "UUID() gives another value every time",
			mended: "INSERT INTO text_t SELECT MD5(origin), origin FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D04", name: "as a primary key", sql: "INSERT INTO keyed SELECT CONCAT(origin, UUID()), delay FROM flights", active: "high", passive: "block",
			at: "1:41", message: "UUID() gives another value every time, and `k` is a key of the output",
			mended: "INSERT INTO keyed SELECT CONCAT(origin, 'x'), delay FROM flights", verdict: NonDeterministic, mendedTo: DeterministicFinalState},
		{rule: "D04", name: "as a bucket key, by the names of the columns", sql: "INSERT INTO spread (v, k) SELECT delay, UUID() FROM flights", active: "high", passive: "block",
			at: "1:41", message: "UUID() gives another value every time, and `k` is a key of the output",
			mended: "INSERT INTO spread (v, k) SELECT delay, origin FROM flights", verdict: NonDeterministic, mendedTo: DeterministicMultiset},
		{rule: "D04", name: "as a key through a query in FROM", sql: "INSERT INTO keyed SELECT u, d FROM (SELECT UUID() AS u, delay AS d FROM flights)", active: "high", passive: "high",
			at: "1:44", message: "UUID() gives another value every time",
			mended: "INSERT INTO keyed SELECT u, d FROM (SELECT origin AS u, delay AS d FROM flights)", verdict: NonDeterministic, mendedTo: DeterministicFinalState},

		{rule: "D05", name: "as the key of an updating query", sql: "INSERT INTO keyed SELECT CONCAT(origin, UUID()), COUNT(*) FROM flights GROUP BY origin", active: "block", passive: "block",
			at: "1:41", message: "the column `EXPR$0`, which an update needs, is computed by UUID",
			mended: "INSERT INTO keyed SELECT CONCAT(origin, 'x'), COUNT(*) FROM flights GROUP BY origin", verdict: NonDeterministic, mendedTo: NonDeterministic},

		{rule: "D06", name: "a window on what another statement wrote", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("spread", "$rowtime"),
			facts: func(f *Facts) { f.Writers = map[string][]string{"spread": {"clean"}} }, active: "high", passive: "block",
			at: "1:83", message: "`$rowtime` of spread is when clean wrote the record, not when it happened", mendedFacts: none, verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D06", name: "mended by a timestamp column", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("spread", "$rowtime"),
			facts: func(f *Facts) { f.Writers = map[string][]string{"spread": {"clean"}, "stamped": {"clean"}} }, active: "high", passive: "block",
			at: "1:83", message: "`$rowtime` of spread is when clean wrote the record, not when it happened",
			mended: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("stamped", "$rowtime"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D06", name: "mended by an event-time watermark", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("read_time", "rt"),
			facts: func(f *Facts) { f.Writers = map[string][]string{"read_time": {"a", "b"}, "evented": {"a"}} }, active: "high", passive: "block",
			at: "1:86", message: "`rt` of read_time is when a and b wrote the record, not when it happened",
			mended: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("evented", "ts"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D06", name: "a table that is not declared", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("inferred", "$rowtime"),
			facts: func(f *Facts) { f.Writers = map[string][]string{"inferred": {"clean"}} }, active: "high", passive: "block",
			at: "1:85", message: "`$rowtime` of inferred is when clean wrote the record, not when it happened", mendedFacts: none, verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},

		{rule: "D16", name: "LIMIT", sql: "INSERT INTO plain SELECT origin, delay FROM flights LIMIT 10", active: "block", passive: "block",
			at: "1:53", message: "LIMIT keeps the rows that happen to come first",
			mended: "INSERT INTO plain SELECT origin, delay FROM flights ORDER BY delay LIMIT 10", verdict: NonDeterministic, mendedTo: NonDeterministic}, // for its horizon: D35
		{rule: "D16", name: "FETCH in a query in FROM", sql: "INSERT INTO plain SELECT o, d FROM (SELECT origin AS o, delay AS d FROM flights FETCH FIRST 3 ROWS ONLY)", active: "block", passive: "block",
			at: "1:81", message: "FETCH keeps the rows that happen to come first",
			mended: "INSERT INTO plain SELECT o, d FROM (SELECT origin AS o, delay AS d FROM flights)", verdict: NonDeterministic, mendedTo: DeterministicMultiset},

		{rule: "D17", name: "SUM of DOUBLE", sql: "INSERT INTO plain SELECT 'x', CAST(SUM(dist) AS BIGINT) FROM " + tumble("flights", "$rowtime"), active: "medium", passive: "medium",
			at: "1:36", message: "SUM of DOUBLE differs in its last digits with the order of the rows",
			mended: "INSERT INTO plain SELECT 'x', CAST(SUM(CAST(dist AS DECIMAL(12, 3))) AS BIGINT) FROM " + tumble("flights", "$rowtime"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D17", name: "AVG of a type that is not known", sql: "INSERT INTO plain SELECT 'x', AVG(x) FROM " + tumble("inferred", "$rowtime"), active: "low", passive: "low",
			at: "1:31", message: "the type of `x` is not known here, so whether AVG is exact can not be told",
			mended: "INSERT INTO plain SELECT 'x', AVG(CAST(x AS BIGINT)) FROM " + tumble("inferred", "$rowtime"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D17", name: "in a statement that asks for more than there is", sql: "INSERT INTO text_t SELECT INITCAP('x'), CAST(SUM(dist) AS STRING) FROM " + tumble("flights", "$rowtime"), active: "medium", passive: "medium",
			at: "1:46", message: "SUM of DOUBLE differs in its last digits with the order of the rows",
			mended: "INSERT INTO text_t SELECT INITCAP('x'), CAST(SUM(delay) AS STRING) FROM " + tumble("flights", "$rowtime"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D17", name: "MAX of DOUBLE is exact", sql: "INSERT INTO plain SELECT 'x', CAST(AVG(dist) AS BIGINT) FROM " + tumble("flights", "$rowtime"), active: "medium", passive: "medium",
			at: "1:36", message: "AVG of DOUBLE differs in its last digits with the order of the rows",
			mended: "INSERT INTO plain SELECT 'x', CAST(MAX(dist) AS BIGINT) FROM " + tumble("flights", "$rowtime"), verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},

		{rule: "D33", name: "an input that is mirrored and written here", sql: "INSERT INTO plain SELECT k, v FROM spread",
			facts: func(f *Facts) {
				f.Mirrored, f.Writers = map[string]bool{"spread": true}, map[string][]string{"spread": {"clean"}}
			}, active: "block", passive: "block",
			at: "1:36", message: "spread is mirrored, and clean writes it here as well",
			mendedFacts: func(f *Facts) {
				f.Mirrored, f.Writers = map[string]bool{"flights": true, "plain": true}, map[string][]string{"spread": {"clean"}, "plain": {"me"}}
			}, verdict: NonDeterministic, mendedTo: DeterministicMultiset},

		{rule: "D35", name: "history too short", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("flights", "$rowtime"),
			facts: func(f *Facts) {
				f.History = map[string]RetentionVerdict{"flights": {Topic: "flights", Verdict: Insufficient, Need: time.Hour, Have: 20 * time.Minute, Missing: 40 * time.Minute, Detail: "retention.ms is 20m"}}
			}, passive: "block",
			at: "1:64", message: "flights reaches back 20m, needed are 1h: 40m are missing (retention.ms is 20m)",
			mendedFacts: func(f *Facts) {
				f.History = map[string]RetentionVerdict{"flights": {Topic: "flights", Verdict: Proven, Need: time.Hour, Have: 2 * time.Hour}}
			}, verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D35", name: "history not known, of an input further up", sql: "INSERT INTO plain SELECT 'x', COUNT(*) FROM " + tumble("flights", "$rowtime"),
			facts: func(f *Facts) {
				f.History = map[string]RetentionVerdict{"root": {Topic: "root", Verdict: UnknownReach, Need: 26 * time.Hour, Detail: "the partitions were not seen"}}
			}, passive: "high",
			at: "1:1", message: "whether root reaches back 26h is not known: the partitions were not seen", mendedFacts: none, verdict: NonDeterministic, mendedTo: DeterministicIfNoLate},
		{rule: "D35", name: "an aggregation without a window", sql: "INSERT INTO keyed SELECT origin, COUNT(*) FROM flights GROUP BY origin", passive: "high",
			at: "1:48", message: "all of flights counts: an aggregation without a window counts from the first row",
			mended: "INSERT INTO keyed SELECT origin, delay FROM flights", verdict: NonDeterministic, mendedTo: DeterministicFinalState},

		{rule: "D37", name: "an append output with data", sql: "INSERT INTO plain SELECT origin, delay FROM flights", facts: func(f *Facts) { f.HasData = map[string]bool{"plain": true, "keyed": true} }, passive: "high",
			at: "1:13", message: "plain holds records already, and its rows have no key by which a repeated one would replace them",
			mended: "INSERT INTO keyed SELECT origin, delay FROM flights", verdict: DeterministicMultiset, mendedTo: DeterministicFinalState},
		{rule: "D37", name: "an empty output", sql: "INSERT INTO plain SELECT origin, delay FROM flights", facts: func(f *Facts) { f.HasData = map[string]bool{"plain": true} }, passive: "high",
			at: "1:13", message: "plain holds records already, and its rows have no key by which a repeated one would replace them",
			mendedFacts: func(f *Facts) { f.HasData = map[string]bool{"flights": true} }, verdict: DeterministicMultiset, mendedTo: DeterministicMultiset},

		{rule: "D39", name: "a mirrored table without the watermark", sql: "CREATE TABLE IF NOT EXISTS t (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)",
			facts: existing(t, "CREATE TABLE t (k STRING, ts TIMESTAMP(3))"), passive: "block",
			at: "1:58", message: "t exists already with the watermark of the default, declared is FOR `ts` AS `ts` - INTERVAL '1' SECOND",
			mendedFacts: existing(t, "CREATE TABLE t (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)"), verdict: NonDeterministic, mendedTo: DeterministicChangelog},
		{rule: "D39", name: "another key and mode", sql: "CREATE TABLE t (k STRING, PRIMARY KEY (k) NOT ENFORCED)",
			facts: existing(t, "CREATE TABLE t (k STRING)"), passive: "block",
			at: "1:27", message: "t exists already with the primary key (none), declared is (k)",
			mendedFacts: existing(t, "CREATE TABLE other (k STRING)"), verdict: NonDeterministic, mendedTo: DeterministicChangelog},
		{rule: "D39", name: "a computed column that is not there", sql: "CREATE TABLE t (k STRING, u AS UPPER(k))",
			facts: existing(t, "CREATE TABLE t (k STRING)"), passive: "block",
			at: "1:14", message: "t exists already with the metadata and computed columns (), declared is (u AS UPPER(`k`))",
			mended: "CREATE TABLE t (k STRING)", verdict: NonDeterministic, mendedTo: DeterministicChangelog},
	}
}

// judge applies the rules and returns what one of them found.
func judge(t *testing.T, c ruleCase, sql string, p Pattern, facts func(*Facts)) ([]report.Finding, Judgement) {
	t.Helper()
	f := Facts{Pattern: p, Tables: tables(t, ruleTables)}
	if c.rule == "D01" && c.facts != nil {
		c.facts(&f) // the table itself
	}
	if facts != nil {
		facts(&f)
	}
	all, judgement := Judge("me", one(t, sql), f)
	var out []report.Finding
	for _, x := range all {
		if x.Rule == c.rule {
			out = append(out, x)
		}
	}
	return out, judgement
}

func TestRules(t *testing.T) {
	for _, c := range ruleCases(t) {
		t.Run(c.rule+" "+c.name, func(t *testing.T) {
			if c.mended == "" {
				c.mended = c.sql
			}
			if c.mendedFacts == nil {
				c.mendedFacts = c.facts
			}
			for pattern, want := range map[Pattern]report.Severity{ActiveActive: c.active, ActivePassive: c.passive} {
				found, _ := judge(t, c, c.sql, pattern, c.facts)
				switch {
				case want == "" && len(found) > 0:
					t.Errorf("%s: the rule does not apply, but found %s", pattern, found[0].Message)
				case want != "" && len(found) == 0:
					t.Errorf("%s: nothing found, want %s", pattern, want)
				case want != "":
					f := found[0]
					got := []string{string(f.Severity), fmt.Sprintf("%d:%d", f.Place.Line, f.Place.Column), f.Message, f.Subject}
					if diff := cmp.Diff([]string{string(want), c.at, c.message, "me"}, got); diff != "" {
						t.Errorf("%s: -want +got\n%s", pattern, diff)
					}
					if f.Why == "" || f.Remedy == "" || !strings.Contains(f.Excerpt, "^") {
						t.Errorf("a finding without why, remedy or excerpt: %+v", f)
					}
				}
				if found, _ := judge(t, c, c.mended, pattern, c.mendedFacts); len(found) > 0 {
					t.Errorf("%s: mended, it is still found: %s", pattern, found[0].Message)
				}
			}
			_, before := judge(t, c, c.sql, ActivePassive, c.facts)
			_, after := judge(t, c, c.mended, ActivePassive, c.mendedFacts)
			if before.Verdict != c.verdict || after.Verdict != c.mendedTo {
				t.Errorf("the verdict is %s, mended %s; want %s and %s (%s; %s)", before.Verdict, after.Verdict, c.verdict, c.mendedTo, before.Reason, after.Reason)
			}
			if before.Reason == "" || after.Reason == "" {
				t.Error("a verdict without a reason")
			}
		})
	}
}

// TestEveryRuleIsTried: the list is D01 to D40, each rule is complete, and each has examples, which TestExamples judges.
func TestEveryRuleIsTried(t *testing.T) {
	if n := len(Rules()); n != 40 {
		t.Errorf("there are %d rules", n)
	}
	for i, r := range Rules() {
		if want := fmt.Sprintf("D%02d", i+1); r.ID != want {
			t.Errorf("rule %s stands where %s belongs", r.ID, want)
		}
		if r.Title == "" || r.Why == "" || r.Remedy == "" || r.ActivePassive == "" && r.ActiveActive == "" {
			t.Errorf("rule %s is not complete: %+v", r.ID, r)
		}
		if r.Wrong == "" || r.Right == "" {
			t.Errorf("rule %s has no examples", r.ID)
		}
	}
}

// TestMutations breaks a sound statement in one place at a time; each must make the verdict weaker.
func TestMutations(t *testing.T) {
	const sound = "INSERT INTO plain SELECT origin, SUM(delay) FROM TABLE(TUMBLE(TABLE trips, DESCRIPTOR(ts), INTERVAL '1' HOUR)) WHERE delay > 0 GROUP BY window_start, window_end, origin"
	f := Facts{Tables: tables(t, ruleTables)}
	found, judgement := Judge("me", one(t, sound), f)
	if len(found) > 0 || judgement.Verdict != DeterministicIfNoLate {
		t.Fatalf("the sound statement is judged %s with %v", judgement.Verdict, found)
	}
	for name, m := range map[string]struct{ old, new, rule string }{
		"a float sum":        {"SUM(delay)", "CAST(SUM(dist) AS BIGINT)", "D17"},
		"the clock filters":  {"delay > 0", "ts > NOW()", "D03"},
		"the clock is shown": {"SELECT origin", "SELECT CAST(NOW() AS STRING)", "D02"},
		"a random key":       {"SELECT origin", "SELECT UUID()", "D04"},
		"processing time":    {"SELECT origin", "SELECT CAST(PROCTIME() AS STRING)", "D01"},
		"a limit":            {"window_end, origin", "window_end, origin LIMIT 5", "D16"},
	} {
		t.Run(name, func(t *testing.T) {
			mutant := strings.Replace(sound, m.old, m.new, 1)
			if mutant == sound {
				t.Fatal("nothing was changed")
			}
			found, judgement := Judge("me", one(t, mutant), f)
			if judgement.Verdict != NonDeterministic || !strings.HasPrefix(judgement.Reason, m.rule+":") {
				t.Errorf("the verdict is %s (%s), want it spoiled by %s; findings %v", judgement.Verdict, judgement.Reason, m.rule, found)
			}
		})
	}
}

func TestWeakest(t *testing.T) {
	for i, a := range verdicts {
		for j, b := range verdicts {
			want := verdicts[max(i, j)]
			if got := Weakest(Judgement{Verdict: a}, Judgement{Verdict: b}).Verdict; got != want {
				t.Errorf("the weaker of %s and %s is %s, want %s", a, b, got, want)
			}
		}
	}
}
