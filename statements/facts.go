package statements

import "time"

// Pattern is how two regions share the work.
type Pattern string

// The patterns, in the words of lifeboat.yaml.
const (
	ActivePassive Pattern = "active-passive"
	ActiveActive  Pattern = "active-active"
)

// Facts are what the rules need to know beyond the SQL. A nil map or catalog means that nothing of the kind is known or
// holds; rules then judge by the SQL alone.
type Facts struct {
	Pattern  Pattern                     // the zero value counts as active-passive
	Tables   Catalog                     // the tables that statements read and write, as declared or inferred
	Writers  map[string][]string         // topic → names of the statements that write it, sorted
	Mirrored map[string]bool             // topics that a link mirrors into the region where the statement starts
	Existing Catalog                     // the tables that this region's engine has already, as it has them
	HasData  map[string]bool             // topics of this region that hold records
	History  map[string]RetentionVerdict // by input topic: whether its log reaches back to the statement's horizon
}

// Verdict says how far two regions that read the same logs agree.
type Verdict string

// The verdicts, the strongest first.
const (
	DeterministicChangelog  Verdict = "deterministic-changelog"       // the same rows in the same order, by key
	DeterministicMultiset   Verdict = "deterministic-multiset"        // the same rows, in any order
	DeterministicFinalState Verdict = "deterministic-final-state"     // the same last row of every key
	DeterministicIfNoLate   Verdict = "deterministic-if-no-late-data" // the same rows as long as none comes after its window
	NonDeterministic        Verdict = "non-deterministic"
)

// Judgement is a verdict with its reason.
type Judgement struct {
	Verdict Verdict
	Reason  string
}

// Horizon says how far before the moment of a failover an input must reach, so that a statement rebuilt from it gives the
// same output from that moment on. It is a sum of terms along a path.
type Horizon struct {
	Terms     []Term
	Windows   []Windowed // the windows on the path, from the statement to the input
	Unbounded bool       // all of the input counts; Unknown says why
	Unknown   string     // why no horizon can be told; Terms are then a lower bound
}

// Term is one summand of a horizon.
type Term struct {
	Duration time.Duration
	Why      string // "TUMBLE", "watermark of flights"
}

// Windowed is a window's size and offset.
type Windowed struct{ Size, Offset time.Duration }

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
}

// LogFacts is what is known of a topic's log in the region where the statement starts.
type LogFacts struct {
	Topic          string
	Now            time.Time
	Configs        map[string]string // retention.ms, retention.bytes, cleanup.policy, min.compaction.lag.ms as the broker tells them
	Partitions     []PartitionLog
	BytesPerSecond float64 // measured, of the busiest partition; 0 = not measured
}

// PartitionLog is one partition's log.
type PartitionLog struct {
	Partition  int32
	Start, End int64     // log start offset and log end offset; -1 = not known
	Oldest     time.Time // timestamp of the first record; zero = not known
}
