package statements

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestJudgeRetentionOfUpsert: where the last record of a key is all that counts, compaction takes nothing, and tombstones have to outlive
// the reading.
func TestJudgeRetentionOfUpsert(t *testing.T) {
	whole := []PartitionLog{{Partition: 0, Start: 0, End: 10}}
	for name, tc := range map[string]struct {
		policy, tombstones, retention string
		catchUp, need, versions       time.Duration
		want                          RetentionVerdict
	}{
		"all of a compacted topic": {"compact", "86400000", "1", time.Hour, Unlimited, 0,
			RetentionVerdict{Verdict: Proven, Have: Unlimited, Detail: "the topic is compacted, and of each key only the last record counts"}},
		"compacted and deleted by time": {"compact,delete", "86400000", "3600000", 0, Unlimited, 0,
			RetentionVerdict{Verdict: Insufficient, Have: time.Hour, Missing: Unlimited - time.Hour, Detail: "the topic is compacted, and of each key only the last record counts; retention.ms is 1h",
				Mend: []Setting{{"retention.ms", "-1"}}}},
		"tombstones go before they are read": {"compact", "60000", "-1", 2 * time.Minute, Unlimited, 0,
			RetentionVerdict{Verdict: UnknownReach, Have: Unlimited, Detail: "the topic is compacted, and of each key only the last record counts; tombstones go after delete.retention.ms = 1m, and re-reading takes 2m: keys that are deleted meanwhile may stay",
				Mend: []Setting{{"delete.retention.ms", "240000"}}}},
		"tombstones stay long enough": {"compact", "120000", "-1", 2 * time.Minute, Unlimited, 0,
			RetentionVerdict{Verdict: Proven, Have: Unlimited, Detail: "the topic is compacted, and of each key only the last record counts"}},
		"versions go before they are read": {"compact", "86400000", "-1", 0, Unlimited, 5 * time.Second,
			RetentionVerdict{Verdict: UnknownReach, Have: Unlimited, Detail: "the topic is compacted, and all versions of the last 5s count: compaction spares only what is younger than min.compaction.lag.ms = 0s, so rows may be joined with later versions, or with none",
				Mend: []Setting{{"min.compaction.lag.ms", "65000"}}}},
		"nothing is compacted": {"delete", "0", "-1", 2 * time.Minute, Unlimited, 0, RetentionVerdict{Verdict: Proven, Have: Unlimited, Detail: "retention.ms is unlimited"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Topic, tc.want.Need = "t", tc.need
			got := JudgeRetention(LogFacts{Topic: "t", Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Partitions: whole, Upsert: true, CatchUp: tc.catchUp, Versions: tc.versions,
				Configs: map[string]string{"cleanup.policy": tc.policy, "delete.retention.ms": tc.tombstones, "retention.ms": tc.retention, "retention.bytes": "-1", "min.compaction.lag.ms": "0"}}, tc.need)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestMendedRetentionIsProven: a topic with the configs that a verdict asks for is enough, whatever was wrong with them.
func TestMendedRetentionIsProven(t *testing.T) {
	need := 26 * time.Hour
	for name, configs := range map[string]map[string]string{
		"time":          {"cleanup.policy": "delete", "retention.ms": "1000", "retention.bytes": "-1"},
		"bytes":         {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "1000"},
		"both":          {"cleanup.policy": "delete", "retention.ms": "1000", "retention.bytes": "1000"},
		"compaction":    {"cleanup.policy": "compact", "min.compaction.lag.ms": "0"},
		"all of it":     {"cleanup.policy": "compact,delete", "min.compaction.lag.ms": "0", "retention.ms": "5", "retention.bytes": "7"},
		"nothing wrong": {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			facts := LogFacts{Topic: "t", Configs: configs, Partitions: []PartitionLog{{End: 10}}, BytesPerSecond: 50}
			before := JudgeRetention(facts, need)
			if (before.Verdict == Proven) != (len(before.Mend) == 0) {
				t.Errorf("%s has the remedy %v", before.Verdict, before.Mend)
			}
			for _, m := range before.Mend {
				configs[m.Key] = m.Value
			}
			if after := JudgeRetention(facts, need); after.Verdict != Proven {
				t.Errorf("with %v it is %s: %s", before.Mend, after.Verdict, after.Detail)
			}
		})
	}
}

// TestRetentionUntilItIsRead: a log that holds just the horizon is not proven to hold it when the move has come to reading it.
func TestRetentionUntilItIsRead(t *testing.T) {
	need, ahead := time.Hour, 10*time.Minute
	for name, tc := range map[string]struct {
		retention string
		want      Reach
		missing   time.Duration
	}{
		"less than the horizon":      {"3599999", Insufficient, time.Millisecond},
		"just the horizon":           {"3600000", UnknownReach, ahead},
		"all but a millisecond":      {"4199999", UnknownReach, time.Millisecond},
		"until it is read":           {"4200000", Proven, 0},
		"nothing is deleted by time": {"-1", Proven, 0},
	} {
		t.Run(name, func(t *testing.T) {
			facts := LogFacts{Topic: "t", Partitions: []PartitionLog{{End: 10}}, Ahead: ahead, AheadWhy: "5m of RPO + 5m of RTO",
				Configs: map[string]string{"cleanup.policy": "delete", "retention.ms": tc.retention, "retention.bytes": "-1"}}
			got := JudgeRetention(facts, need)
			if got.Verdict != tc.want || got.Missing != tc.missing {
				t.Fatalf("%s, %s missing: %s", got.Verdict, got.Missing, got.Detail)
			}
			for _, m := range got.Mend {
				facts.Configs[m.Key] = m.Value
			}
			if after := JudgeRetention(facts, need); after.Verdict != Proven {
				t.Errorf("with %v it is %s: %s", got.Mend, after.Verdict, after.Detail)
			}
		})
	}
}
