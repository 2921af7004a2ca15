package statements

import (
	"strings"
	"testing"
	"time"
)

// TestRetentionBearsPauses: no verdict is PROVEN without the pause that it bears, a measured pause is a part of the need, and what a topic has kept by itself does not go
// by while its readers stand.
func TestRetentionBearsPauses(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	whole, cut := PartitionLog{End: 10}, PartitionLog{Start: 5, End: 10, Oldest: now.Add(-5 * day)}
	paused := func(d time.Duration) *Standing { return &Standing{For: d, Why: "m has come to some time"} }
	for name, tc := range map[string]struct {
		retention string
		log       PartitionLog
		pause     *Standing
		ahead     time.Duration
		want      Reach
		bears     time.Duration
		missing   time.Duration
		says      string
	}{
		"not measured":                      {"604800000", whole, nil, 0, Proven, 6 * day, 0, "holds while m is not paused for longer than 6d, which was not measured"},
		"not measured, and it must be read": {"604800000", whole, nil, time.Hour, Proven, 6*day - time.Hour, 0, "longer than 5d23h"},
		"not measured, and the log is cut":  {"604800000", cut, nil, 0, Proven, 4 * day, 0, "longer than 4d, which"},
		"measured":                          {"604800000", whole, paused(2 * day), 0, Proven, 6 * day, 0, "of the need, 2d are a pause: m has come to some time; holds while m is not paused for longer than 6d"},
		"measured, and the log is cut":      {"604800000", cut, paused(2 * day), 0, Proven, 6 * day, 0, "longer than 6d"},
		"longer than is kept":               {"604800000", whole, paused(6*day + time.Minute), 0, Insufficient, 0, time.Minute, "are a pause"},
		"longer than the log":               {"604800000", cut, paused(4*day + time.Minute), 0, Insufficient, 0, time.Minute, "are a pause"},
		"kept for ever":                     {"-1", whole, nil, 0, Proven, Unlimited, 0, "retention.ms is unlimited"},
		"kept for ever, and paused":         {"-1", whole, paused(400 * day), 0, Proven, Unlimited, 0, "are a pause"},
		"moved while it is paused":          {"604800000", whole, paused(6 * day), time.Hour, UnknownReach, 0, time.Hour, "are a pause"},
	} {
		t.Run(name, func(t *testing.T) {
			facts := LogFacts{Topic: "t", Now: now, Partitions: []PartitionLog{tc.log}, Paused: []string{"m"}, Pause: tc.pause, Ahead: tc.ahead, AheadWhy: "the move",
				Configs: map[string]string{"cleanup.policy": "delete", "retention.ms": tc.retention, "retention.bytes": "-1"}}
			got := JudgeRetention(facts, day)
			if got.Verdict != tc.want || got.Bears != tc.bears || got.Missing != tc.missing || !strings.Contains(got.Detail, tc.says) {
				t.Errorf("%s, bears %s, %s missing: %s", got.Verdict, got.Bears, got.Missing, got.Detail)
			}
			if !strings.Contains(got.Detail, "holds while") != (got.Bears == 0 || got.Bears == Unlimited) {
				t.Errorf("it bears %s and says %s", got.Bears, got.Detail)
			}
		})
	}
}

// TestLastInTimeIsNotLastInPlace: a key's version that counts is proven to be in a compacted log only where records are appended in the order of their event time.
func TestLastInTimeIsNotLastInPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		policy          string
		inTime, ordered bool
		want            Reach
	}{
		"the last in place counts": {"compact", false, false, Proven},
		"the last in time counts":  {"compact", true, false, UnknownReach},
		"the broker stamps them":   {"compact", true, true, Proven},
		"nothing is compacted":     {"delete", true, false, Proven},
	} {
		t.Run(name, func(t *testing.T) {
			got := JudgeRetention(LogFacts{Topic: "t", Upsert: true, InTime: tc.inTime, Ordered: tc.ordered, Partitions: []PartitionLog{{End: 10}},
				Configs: map[string]string{"cleanup.policy": tc.policy, "retention.ms": "-1", "retention.bytes": "-1", "min.compaction.lag.ms": "0"}}, Unlimited)
			if got.Verdict != tc.want || (tc.want == UnknownReach) != strings.Contains(got.Detail, "came out of order") {
				t.Errorf("%s: %s", got.Verdict, got.Detail)
			}
		})
	}
	// The log of a broker shows it: what compaction leaves in place of the version that held gives another row.
	log := []event{{"u", 0, 2 * ms, 1, 7}, {"u", 1, ms, 1, 8}, {"a", 2, 9 * ms, 1, 1}, {"u", 3, 9 * ms, 2, 1}, {"a", 4, 20 * ms, 2, 1}, {"u", 5, 20 * ms, 2, 2}}
	whole := behind(temporalJoin(log, shape{}), 3)
	if got := behind(temporalJoin(compacted(log, "u", 9*ms, 3, true), shape{}), 3); !equalText(got, whole) {
		t.Errorf("the last in time gives %v, all of them %v", got, whole)
	}
	if got := behind(temporalJoin(compacted(log, "u", 9*ms, 3, false), shape{}), 3); equalText(got, whole) {
		t.Errorf("the last in place gives the same: %v", got)
	}
}

func equalText(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }
