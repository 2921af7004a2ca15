package statements

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
	Horizons map[string]Horizon          // by the topic at the root of a chain of statements; nil: the statement's own, by its inputs

	Dialect    Dialect
	Properties map[string]string       // the statement's: sql.state-ttl and the like
	Topics     map[string]TopicFacts   // of the input topics that a region was seen to have
	Functions  map[string]FunctionFact // user-defined functions of which something is declared, by name in upper case
	Regions    map[string]RegionFacts  // by region, of those that were seen
}

// TopicFacts is what both regions tell of a topic.
type TopicFacts struct {
	Partitions int // 0 = not known
	// Sparse are the partitions without a record for so long before the topic's newest that a watermark may go on without them.
	Sparse []int32
	// AppendTime are the regions whose brokers stamp records with their own clock (message.timestamp.type=LogAppendTime).
	AppendTime []string
	// Offsets says whether the records have the same offsets in the other region.
	Offsets SameOffsets
}

// SameOffsets is whether a link keeps offsets.
type SameOffsets string

// Whether a link keeps offsets.
const (
	OffsetsNotKnown   SameOffsets = ""
	OffsetsSame       SameOffsets = "same"
	OffsetsTranslated SameOffsets = "translated"
)

// FunctionFact is what is declared of a user-defined function.
type FunctionFact struct {
	Deterministic bool   // it is declared to be
	Differs       string // how its artifact differs between the regions; "" where it does not, or nothing is known
}

// RegionFacts are what one region tells. What is in no map is not known.
type RegionFacts struct {
	Partitions map[string]int               // by topic: how many
	Configs    map[string]map[string]string // by topic, as the broker tells them
	Open       map[string]int64             // by topic: offsets behind the last stable one, of transactions that have not ended
	Subjects   map[string]SubjectFacts
	Properties map[string]string // of the statement, as it runs there
}

// SubjectFacts are what a region's registry holds of a subject.
type SubjectFacts struct {
	IDs           map[int]int // schema id by version
	Compatibility string      // "" = not known
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
