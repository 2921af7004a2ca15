package statements

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Reach is what a retention verdict says.
type Reach string

// The retention verdicts.
const (
	Proven       Reach = "PROVEN"
	Insufficient Reach = "INSUFFICIENT"
	UnknownReach Reach = "UNKNOWN"
)

// RetentionVerdict says whether a topic's log reaches back far enough.
type RetentionVerdict struct {
	Topic   string
	Verdict Reach
	Need    time.Duration
	Have    time.Duration // what is proven; Unlimited where nothing is ever deleted
	Missing time.Duration // Need minus Have, where Insufficient
	Detail  string
	Mend    []Setting     // the configs of the topic that would mend it, where it is not Proven and configs can
	Bears   time.Duration // with Paused: how long they may be behind the clock for the verdict to hold; Unlimited where that is no matter
	Paused  []string      // the topics whose pause makes the need longer, where the verdict depends on that
}

// Setting is a topic's config with the value that it needs.
type Setting struct{ Key, Value string }

func (s Setting) String() string { return s.Key + "=" + s.Value }

// LogFacts is what is known of a topic's log in the region where the statement starts.
type LogFacts struct {
	Topic          string
	Now            time.Time
	Configs        map[string]string // retention.ms, retention.bytes, cleanup.policy, min.compaction.lag.ms as the broker tells them
	Partitions     []PartitionLog
	BytesPerSecond float64 // measured, of the busiest partition; 0 = not measured

	// Upsert: the input is read as one, so that of each key only the last record counts, and compaction takes nothing that does.
	Upsert bool
	// Versions is how far back, with Upsert, every record of a key counts and not the last one alone.
	Versions time.Duration
	// CatchUp is how long re-reading the log takes, 0 where that is not known: a tombstone must outlive it, or a key that was deleted
	// while the log is read stays.
	CatchUp time.Duration

	// Ahead is how much older than the horizon the oldest record may become until it is read: how far the mirror may be behind, the time to decide, to
	// move and to catch up, and a margin. AheadWhy says of what it is made.
	Ahead    time.Duration
	AheadWhy string

	Paused       []string  // the topics whose event time the need is reckoned from (Horizon.Pauses)
	Pause        *Standing // how far they are behind the clock; nil where that was not measured
	PauseUnknown string    // why it was not, "" where nobody has looked

	// InTime: with Upsert, the last record of a key in time is what counts, which is the one that compaction leaves where Ordered says that records are appended
	// in the order of their event time.
	InTime, Ordered bool
}

// Standing is how far the event time of topics is behind the clock.
type Standing struct {
	For time.Duration
	Why string // "orders in east is at 12:00, by the timestamps of 200 records"
}

// PartitionLog is one partition's log.
type PartitionLog struct {
	Partition  int32
	Start, End int64     // log start offset and log end offset; -1 = not known
	Oldest     time.Time // timestamp of the first record; zero = not known
}

// Unlimited is the reach of a log from which nothing is ever deleted.
const Unlimited = time.Duration(math.MaxInt64)

// JudgeRetention says whether a topic's log reaches back by need from now, and will go on doing so. PROVEN needs both: the
// oldest record of every partition is old enough, or nothing was ever deleted; and no setting deletes younger records.
// INSUFFICIENT is proven as well, with what is missing. Whatever can not be told is UNKNOWN.
//
// The need is reckoned from the event time of what the statement reads, and what a log keeps from the clock: a pause that was measured is added to it.
// A pause that may come, or was not measured, is a condition of a PROVEN verdict, which says how long a one it bears.
func JudgeRetention(f LogFacts, horizon time.Duration) RetentionVerdict {
	need := horizon
	if f.Pause != nil && need > 0 && need < Unlimited-f.Pause.For {
		need += f.Pause.For
	}
	v := RetentionVerdict{Topic: f.Topic, Need: need, Verdict: Proven, Have: Unlimited}
	if need <= 0 {
		v.Detail = "no history is needed"
		return v
	}
	var details []string
	for _, limit := range []limit{f.byCleanup(need), f.byVersions(), f.byOrder(), f.byTombstones(), f.byTime(), f.bySize(), f.byLog(need)} {
		if limit.detail != "" {
			details = append(details, limit.detail)
		}
		if limit.unknown {
			if v.Verdict == Proven {
				v.Verdict = UnknownReach
			}
			v.Mend = append(v.Mend, limit.mend(f.wanted(need))...)
			continue
		}
		v.Have = min(v.Have, limit.reach)
		if limit.reach < need {
			v.Verdict = Insufficient
			v.Missing = max(v.Missing, need-limit.reach)
			v.Mend = append(v.Mend, limit.mend(f.wanted(need))...)
		}
	}
	if v.Verdict == Proven && need != Unlimited {
		details = f.later(&v, details)
	}
	details = append(details, f.bears(&v, horizon)...)
	v.Detail = strings.Join(details, "; ")
	return v
}

// later says of a log that reaches back far enough now whether it still will when it is read. What is deleted meanwhile depends on how long that takes,
// so less than enough for it is UNKNOWN: it holds for a move that is quick enough.
func (f LogFacts) later(v *RetentionVerdict, details []string) []string {
	need := f.wanted(v.Need)
	short := time.Duration(0)
	for _, limit := range []limit{f.byCleanup(need), f.byTime(), f.bySize()} {
		if !limit.unknown && limit.reach < need {
			short = max(short, need-limit.reach)
			v.Mend = append(v.Mend, limit.mend(need)...)
		}
	}
	if short > 0 {
		v.Verdict, v.Missing = UnknownReach, short
		details = append(details, fmt.Sprintf("enough for the horizon, and %s less than that and %s: what is deleted before it is read depends on how long the move takes", days(short), f.AheadWhy))
	}
	return details
}

// wanted is the horizon with the time until it is read.
func (f LogFacts) wanted(need time.Duration) time.Duration {
	if need >= Unlimited-f.Ahead {
		return Unlimited
	}
	return need + f.Ahead
}

// limit is how far one setting or the log itself lets the history reach.
type limit struct {
	reach   time.Duration
	unknown bool
	detail  string
	config  string                          // the config that sets it, "" where none does
	value   func(need time.Duration) string // what it must be; nil: the need in milliseconds
}

// mend is the config that would lift the limit.
func (l limit) mend(need time.Duration) []Setting {
	switch {
	case l.config == "":
		return nil
	case l.value != nil:
		return []Setting{{l.config, l.value(need)}}
	case need == Unlimited:
		return []Setting{{l.config, "-1"}}
	}
	return []Setting{{l.config, strconv.FormatInt((need + mendMargin).Milliseconds(), 10)}}
}

// mendMargin is how much more than the need a mended retention keeps: a start position reaches back as much further than the horizon.
const mendMargin = time.Minute

func settingOf(value string) func(time.Duration) string {
	return func(time.Duration) string { return value }
}

func free() limit { return limit{reach: Unlimited} }

func (f LogFacts) number(key string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(f.Configs[key]), 10, 64)
	return n, err == nil
}

func millis(ms int64) time.Duration {
	if ms < 0 || ms > maxMillis {
		return Unlimited
	}
	return time.Duration(ms) * time.Millisecond
}

// byCleanup: compaction takes older records of a key out of the middle, as soon as min.compaction.lag.ms has passed.
func (f LogFacts) byCleanup(need time.Duration) limit {
	policy, ok := f.Configs["cleanup.policy"]
	switch {
	case !ok:
		return limit{unknown: true, detail: "cleanup.policy is not known"}
	case !strings.Contains(policy, "compact"):
		return free()
	case f.Upsert && f.Versions > 0:
		return free() // byVersions
	case f.Upsert:
		return limit{reach: Unlimited, detail: "the topic is compacted, and of each key only the last record counts"}
	}
	lag, ok := f.number("min.compaction.lag.ms")
	if !ok {
		return limit{unknown: true, detail: "the topic is compacted, and min.compaction.lag.ms is not known"}
	}
	if d := millis(lag); d < need {
		keep := limit{reach: d, detail: fmt.Sprintf("the topic is compacted: records older than min.compaction.lag.ms = %s may be gone", days(d)), config: "min.compaction.lag.ms"}
		if need == Unlimited {
			keep.config, keep.value = "cleanup.policy", settingOf("delete")
		}
		return keep
	}
	return free()
}

// byVersions: compaction takes the versions that a key had before the last one, also those that rows which are still to be read have to be joined with.
func (f LogFacts) byVersions() limit {
	if !f.Upsert || f.Versions <= 0 || !strings.Contains(f.Configs["cleanup.policy"], "compact") {
		return free()
	}
	need := f.wanted(f.Versions)
	lag, ok := f.number("min.compaction.lag.ms")
	switch {
	case !ok:
		return limit{unknown: true, detail: "the topic is compacted, and min.compaction.lag.ms is not known"}
	case millis(lag) >= need:
		return limit{reach: Unlimited, detail: fmt.Sprintf("the topic is compacted: the last record of each key stays, and the %s of min.compaction.lag.ms cover the %s in which all versions count", days(millis(lag)), days(need))}
	}
	return limit{unknown: true, config: "min.compaction.lag.ms", value: settingOf(strconv.FormatInt((need + mendMargin).Milliseconds(), 10)),
		detail: fmt.Sprintf("the topic is compacted, and all versions of the last %s count: compaction spares only what is younger than min.compaction.lag.ms = %s, so rows may be joined with later versions, or with none", days(need), days(millis(lag)))}
}

// byOrder: compaction leaves the record of a key that was appended last. Where the one that is the latest in time counts, and a record comes out of
// order, an older version is left in its place.
func (f LogFacts) byOrder() limit {
	if !f.Upsert || !f.InTime || f.Ordered || !strings.Contains(f.Configs["cleanup.policy"], "compact") {
		return free()
	}
	return limit{unknown: true, detail: "compaction leaves the record of a key that was appended last, and the latest in event time counts: that is another one where a key's records came out of order"}
}

// byTombstones: a tombstone goes delete.retention.ms after it was compacted. Who has read the record before it and comes to the tombstone
// later than that keeps the key.
func (f LogFacts) byTombstones() limit {
	if !f.Upsert || !strings.Contains(f.Configs["cleanup.policy"], "compact") || f.CatchUp <= 0 {
		return free()
	}
	ms, ok := f.number("delete.retention.ms")
	if !ok || millis(ms) >= f.CatchUp {
		return free()
	}
	return limit{unknown: true, config: "delete.retention.ms", value: settingOf(strconv.FormatInt((2 * f.CatchUp).Milliseconds(), 10)),
		detail: fmt.Sprintf("tombstones go after delete.retention.ms = %s, and re-reading takes %s: keys that are deleted meanwhile may stay", days(millis(ms)), short(f.CatchUp.Round(time.Second)))}
}

// byTime: retention.ms counts only with cleanup.policy delete.
func (f LogFacts) byTime() limit {
	if policy, ok := f.Configs["cleanup.policy"]; ok && !strings.Contains(policy, "delete") {
		return free()
	}
	ms, ok := f.number("retention.ms")
	switch {
	case !ok:
		return limit{unknown: true, detail: "retention.ms is not known"}
	case ms < 0:
		return limit{reach: Unlimited, detail: "retention.ms is unlimited"}
	}
	return limit{reach: millis(ms), detail: "retention.ms is " + days(millis(ms)), config: "retention.ms"}
}

// bySize: retention.bytes holds a time only at a known rate.
func (f LogFacts) bySize() limit {
	if policy, ok := f.Configs["cleanup.policy"]; ok && !strings.Contains(policy, "delete") {
		return free()
	}
	bytes, ok := f.number("retention.bytes")
	switch {
	case !ok:
		return limit{unknown: true, detail: "retention.bytes is not known"}
	case bytes < 0:
		return free()
	case f.BytesPerSecond <= 0:
		return limit{unknown: true, detail: fmt.Sprintf("retention.bytes is %d a partition, and the rate at which it fills is not measured", bytes)}
	}
	seconds := float64(bytes) / f.BytesPerSecond
	reach := Unlimited
	if seconds < Unlimited.Seconds() {
		reach = time.Duration(seconds * float64(time.Second))
	}
	return limit{reach: reach, detail: fmt.Sprintf("retention.bytes is %d a partition, %s at %.0f bytes a second", bytes, days(reach), f.BytesPerSecond), config: "retention.bytes",
		value: func(need time.Duration) string {
			if bytes := need.Seconds() * f.BytesPerSecond * sizeMargin; need != Unlimited && bytes < math.MaxInt64 {
				return strconv.FormatInt(int64(bytes), 10)
			}
			return "-1"
		}}
}

// sizeMargin is how much faster than measured a partition may fill in a mended retention.bytes.
const sizeMargin = 1.5

// byLog: what is in the partitions now.
func (f LogFacts) byLog(need time.Duration) limit {
	if len(f.Partitions) == 0 {
		return limit{unknown: true, detail: "the partitions were not seen"}
	}
	worst := free()
	var unknown []string
	for _, p := range f.Partitions {
		switch {
		case p.Start == 0:
			// Nothing was ever deleted: the log is the whole history.
		case p.Start < 0 || p.End < 0:
			unknown = append(unknown, fmt.Sprint(p.Partition))
		case p.End == p.Start, p.Oldest.IsZero():
			// Records are gone, and how old they were is not told: retention of the source or DeleteRecords may have taken them.
			unknown = append(unknown, fmt.Sprint(p.Partition))
		default:
			if reach := max(0, f.Now.Sub(p.Oldest)); reach < worst.reach {
				worst = limit{reach: reach, detail: fmt.Sprintf("the oldest record of partition %d is %s old", p.Partition, days(reach))}
			}
		}
	}
	if len(unknown) > 0 && worst.reach >= need {
		return limit{unknown: true, detail: "the oldest record of partition " + strings.Join(unknown, ", ") + " is not known"}
	}
	return worst
}

// days writes a duration with days where it has some: 14d, 1d12h, 90m.
func days(d time.Duration) string {
	if d == Unlimited {
		return "unlimited"
	}
	const day = 24 * time.Hour
	if d < 2*day {
		return short(d.Round(time.Millisecond))
	}
	rest := (d % day).Round(time.Minute)
	if rest == 0 || d > 30*day {
		return fmt.Sprintf("%dd", d/day)
	}
	return fmt.Sprintf("%dd%s", d/day, short(rest))
}
