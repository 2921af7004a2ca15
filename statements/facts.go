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
