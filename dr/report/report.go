// Package report holds the one result type of lifeboat: what a command saw, did and concluded.
//
// Every command returns a Report; human text, JSON, JUnit, SARIF and HTML are renderings of it. A renderer asks no
// region anything, so whatever it shows is a field here. The package knows only the standard library.
package report

import (
	"slices"
	"time"
)

// Outcome is how a command, a step or a check ended.
type Outcome string

const (
	Done    Outcome = "done"    // reached its goal, and the goal was seen
	Failed  Outcome = "failed"  // did not reach its goal
	Stopped Outcome = "stopped" // interrupted part-way; `lifeboat resume` goes on
	Skipped Outcome = "skipped" // not attempted; Detail says why
	Pending Outcome = "pending" // planned, not yet begun
	Passed  Outcome = "passed"  // a check that holds
	Warned  Outcome = "warned"  // a check that holds with a reservation
	Unknown Outcome = "unknown" // a check that could not be made; never counted as passed
)

// Severity orders findings. Block stops an operation; High needs an acknowledgement (a waiver or --yes).
type Severity string

const (
	Block  Severity = "block"
	High   Severity = "high"
	Medium Severity = "medium"
	Low    Severity = "low"
)

// rank orders severities, the worst first.
func (s Severity) rank() int { return slices.Index([]Severity{Block, High, Medium, Low}, s) }

// Worse reports whether s is more severe than t.
func (s Severity) Worse(t Severity) bool { return s.rank() < t.rank() }

// Report is the result of one command.
type Report struct {
	Command string    `json:"command"`         // "failover", "check", "link status" …
	Title   string    `json:"title,omitempty"` // one line: what was asked, of what
	File    string    `json:"file,omitempty"`  // that the command was asked about: where code review shows what has no place of its own
	Run     string    `json:"run,omitempty"`   // the run's id, where the command carried out a plan
	Outcome Outcome   `json:"outcome"`
	Summary string    `json:"summary,omitempty"` // one or two sentences an SRE can read aloud
	Start   time.Time `json:"start,omitzero"`
	End     time.Time `json:"end,omitzero"`

	Drill      *Drill      `json:"drill,omitempty"`
	Checks     []Check     `json:"checks,omitempty"`
	Steps      []Step      `json:"steps,omitempty"`
	Findings   []Finding   `json:"findings,omitempty"`
	Figures    []Figure    `json:"figures,omitempty"`
	Topics     []Topic     `json:"topics,omitempty"`
	Groups     []Group     `json:"groups,omitempty"`
	Statements []Statement `json:"statements,omitempty"`
	Mirrors    []Mirror    `json:"mirrors,omitempty"`
	Runs       []Run       `json:"runs,omitempty"`
	Grants     []Grant     `json:"grants,omitempty"`
	Left       []Left      `json:"left,omitempty"` // of a migration: what the old region still has, in the order in which it may be removed
	Series     []Series    `json:"series,omitempty"`
	Graph      *Graph      `json:"graph,omitempty"`
	Rules      []Rule      `json:"rules,omitempty"`
	FailOn     Severity    `json:"fail_on,omitempty"` // findings as severe as this fail the report; "" = block
	Text       string      `json:"text,omitempty"`    // a document that is the result itself, such as a plan's rendering
	Next       []string    `json:"next,omitempty"`    // what to type or do next, most useful first
}

// Drill is what an auditor asks of a rehearsal first.
type Drill struct {
	Name     string    `json:"name,omitempty"`  // as declared; "" of one that is not
	Scenario string    `json:"scenario"`        // in words
	Scope    string    `json:"scope"`           // pipelines, topics, statements
	Who      string    `json:"who"`             // user@host
	Target   string    `json:"target"`          // the objectives
	Actual   string    `json:"actual"`          // what was measured
	Last     string    `json:"last,omitempty"`  // how the one before it, of the same scenario, ended
	Trend    []Trend   `json:"trend,omitempty"` // what was measured beside what earlier ones of the same scenario have
	NextDue  time.Time `json:"next_due,omitzero"`
}

// Trend is a figure beside what it was.
type Trend struct {
	Name   string    `json:"name"`
	Phase  string    `json:"phase,omitempty"`
	Unit   string    `json:"unit"`
	Value  float64   `json:"value"`
	Before []float64 `json:"before"` // the newest first, at least one
}

// Check is one question asked of the files or the regions, with its answer.
type Check struct {
	ID      string  `json:"id"`   // stable, kebab-case: "region-reachable"
	Name    string  `json:"name"` // a sentence: "west answers"
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"` // what was seen
	Why     string  `json:"why,omitempty"`    // why it matters, where it did not pass
	Remedy  string  `json:"remedy,omitempty"` // what to do, where it did not pass
	Place   Place   `json:"place,omitzero"`   // of the statement that it asks about, where it asks about one
}

// Step is one planned step and what became of it.
type Step struct {
	ID           string    `json:"id"`
	Kind         string    `json:"kind"`
	Goal         string    `json:"goal"`
	Phase        string    `json:"phase,omitempty"` // groups steps for RTO: fence, drain, promote, start, prove
	Batch        string    `json:"batch,omitempty"` // of a migration
	Irreversible bool      `json:"irreversible,omitempty"`
	Outcome      Outcome   `json:"outcome"`
	Detail       string    `json:"detail,omitempty"`
	Start        time.Time `json:"start,omitzero"`
	End          time.Time `json:"end,omitzero"`
}

// Place is a position in a user's file. Line and Column count from 1; 0 means unknown.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Finding is something a person should know or mend.
type Finding struct {
	Rule     string   `json:"rule"` // "topology/unknown-key", "sql/syntax", "D06", "loss" …
	Severity Severity `json:"severity"`
	Place    Place    `json:"place,omitzero"`
	Subject  string   `json:"subject,omitempty"` // the statement, topic, group … concerned
	Message  string   `json:"message"`
	Excerpt  string   `json:"excerpt,omitempty"` // the source line, with a caret line below it
	Why      string   `json:"why,omitempty"`
	Remedy   string   `json:"remedy,omitempty"`
	Waived   string   `json:"waived,omitempty"` // the waiver's reason, where one holds
}

// Figure is one measured number, optionally against its objective.
type Figure struct {
	Name      string  `json:"name"` // "RTO", "RPO", "records lost" …
	Phase     string  `json:"phase,omitempty"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"` // "s", "records", "bytes", "rows/s" …
	Objective float64 `json:"objective,omitempty"`
	Outcome   Outcome `json:"outcome,omitempty"` // passed or failed, where there is an objective
	Note      string  `json:"note,omitempty"`    // how it was measured, or why it is only a forecast
}

// Range is a run of offsets of one partition, [First, End).
type Range struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	First     int64  `json:"first"`
	End       int64  `json:"end"`
	Records   int64  `json:"records"`          // visible records in it; -1 where they can not be counted
	Note      string `json:"note,omitempty"`   // where it was exported, or why it is a forecast
	Sample    string `json:"sample,omitempty"` // the first record's key or value, shortened
}

// Topic is what a move meant for one mirrored topic: its recovery point.
type Topic struct {
	Name        string    `json:"name"`
	Partitions  int       `json:"partitions"`
	LostRecords int64     `json:"lost_records"` // -1 = not known
	LostBytes   int64     `json:"lost_bytes"`   // -1 = not known
	LostSeconds float64   `json:"lost_seconds"` // newest source record time minus newest mirrored one; -1 = not known
	Lost        []Range   `json:"lost,omitempty"`
	Measured    bool      `json:"measured"` // false: a forecast from the last contact with the source
	AsOf        time.Time `json:"as_of,omitzero"`
}

// Group is what a move meant for one consumer group and topic.
type Group struct {
	Name        string `json:"name"`
	Topic       string `json:"topic"`
	ReReads     int64  `json:"re_reads"`        // records the group will read again in the destination; -1 = not known
	Clamped     int64  `json:"clamped"`         // offsets by which positions were moved back because records had not arrived
	State       string `json:"state,omitempty"` // the group's state in the destination
	Explanation string `json:"explanation,omitempty"`
}

// Statement is one statement's part in a move.
type Statement struct {
	Name      string     `json:"name"`
	Region    string     `json:"region,omitempty"`
	Strategy  string     `json:"strategy,omitempty"` // parallel, restore, rebuild, resume, fresh
	Reason    string     `json:"reason,omitempty"`
	Phase     string     `json:"phase,omitempty"` // as the backend says: RUNNING, STOPPED …
	Detail    string     `json:"detail,omitempty"`
	Start     string     `json:"start,omitempty"`   // the start position, human form
	Horizon   string     `json:"horizon,omitempty"` // formula and duration
	Retention string     `json:"retention,omitempty"`
	Changelog string     `json:"changelog,omitempty"` // the mode of what it writes
	Verdict   string     `json:"verdict,omitempty"`   // determinism verdict
	Reads     []string   `json:"reads,omitempty"`
	Writes    []string   `json:"writes,omitempty"`
	Watermark string     `json:"watermark,omitempty"`
	Digest    string     `json:"digest,omitempty"` // of its output, where it was compared
	Plan      []Operator `json:"plan,omitempty"`   // in the order in which it is drawn
	Rows      int64      `json:"rows,omitempty"`   // put out
	Read      int64      `json:"read,omitempty"`   // rows
	State     string     `json:"state,omitempty"`  // about how large what it keeps is, at most
	Cost      string     `json:"cost,omitempty"`   // estimated, in CFUs
	// As a region's engine has it, of a statement that was asked for by its name.
	Kind       string            `json:"kind,omitempty"` // INSERT_INTO …
	SQL        string            `json:"sql,omitempty"`
	Created    time.Time         `json:"created,omitzero"`
	Properties map[string]string `json:"properties,omitempty"`
	Positions  map[string]string `json:"positions,omitempty"`  // by topic, the next offsets to read
	Exceptions []string          `json:"exceptions,omitempty"` // the newest first
	// Paths are the ways from inputs to outputs, Columns what the outputs' columns come from.
	Paths   []Path         `json:"paths,omitempty"`
	Columns []ColumnOrigin `json:"columns,omitempty"`
}

// Path is one way of a row from an input of a statement to an output.
type Path struct {
	Input     string   `json:"input"`
	Output    string   `json:"output,omitempty"`    // where the statement has several
	Operators []string `json:"operators,omitempty"` // that keep state, from the output to the input
	Horizon   string   `json:"horizon"`             // how far back the input must reach, for this statement alone
	Place     Place    `json:"place,omitzero"`      // where the input is read
}

// ColumnOrigin is what a column of an output is computed from.
type ColumnOrigin struct {
	Column string   `json:"column"`         // with its table where the statement has several outputs
	From   []string `json:"from,omitempty"` // table.column
	Via    []string `json:"via,omitempty"`  // functions and operators
}

// Operator is one node of a statement's plan.
type Operator struct {
	Depth     int    `json:"depth"`              // 0 is what writes; an input is one deeper than what reads it
	Operator  string `json:"operator,omitempty"` // as Flink's EXPLAIN calls it
	Name      string `json:"name"`
	Detail    string `json:"detail,omitempty"`
	Changelog string `json:"changelog,omitempty"` // of the rows that it gives
	// UpsertKeys are the sets of columns by which changes come in order.
	UpsertKeys [][]string `json:"upsert_keys,omitempty"`
	State      string     `json:"state,omitempty"`      // what it keeps between rows
	StateSize  string     `json:"state_size,omitempty"` // low, medium or high, where it keeps something
	Note       string     `json:"note,omitempty"`       // that a sink keeps all rows of a key, or why Flink refuses the plan
	Place      Place      `json:"place,omitzero"`
}

// Mirror is one partition of a link, as `link status` shows it.
type Mirror struct {
	Link        string `json:"link"`
	Topic       string `json:"topic"`
	SourceTopic string `json:"source_topic,omitempty"` // what it is called in the source, where that is something else
	Partition   int32  `json:"partition"`
	State       string `json:"state"` // ACTIVE, PAUSED, PENDING_STOPPED, STOPPED, FAILED, SOURCE_UNAVAILABLE
	Error       string `json:"error,omitempty"`
	Source      int64  `json:"source_end"`      // the source's last stable offset; -1 = not readable
	Dest        int64  `json:"destination_end"` // the destination's log end
	Lag         int64  `json:"lag_records"`     // -1 = not known

	// A translated mirror has its own offsets: Come is up to where it has the source's, at least.
	Translated bool   `json:"translated,omitempty"`
	Come       int64  `json:"mirrored_up_to,omitempty"`
	Why        string `json:"why,omitempty"` // it is translated

	Aligning *Alignment `json:"aligning,omitempty"`

	LagSec   float64   `json:"lag_seconds"` // -1 = not known
	Progress time.Time `json:"last_progress,omitzero"`
}

// Alignment is how far a log is filled up to the source's log start.
type Alignment struct {
	Filled  int64   `json:"filled"` // up to this offset
	Of      int64   `json:"of"`     // the source's log start; -1 where it is not known
	Seconds float64 `json:"seconds_left"`
}

// Left is something that a migration leaves in the old region.
type Left struct {
	Kind    string `json:"kind"` // group, statement, topic, subject, fence, ACL, link …
	Name    string `json:"name"`
	Command string `json:"command,omitempty"` // removes it; "" = it is to be kept
	Why     string `json:"why"`               // why it may go, or why it has to stay
}

// Run is one line of `runs list`.
type Run struct {
	ID        string    `json:"id"`
	Operation string    `json:"operation"`
	Outcome   Outcome   `json:"outcome"`
	Who       string    `json:"who,omitempty"`
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
	Detail    string    `json:"detail,omitempty"`
}

// Grant is one access control entry that something needs, in Kafka's words.
type Grant struct {
	Region       string `json:"region"`
	Principal    string `json:"principal"`
	Host         string `json:"host"`
	ResourceType string `json:"resource_type"` // TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID
	ResourceName string `json:"resource_name"`
	PatternType  string `json:"pattern_type"` // LITERAL, PREFIXED
	Operation    string `json:"operation"`
	Permission   string `json:"permission"`
	For          string `json:"for"`
	Optional     bool   `json:"optional,omitempty"`
}

// Series is one line of a plot.
type Series struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Points []Point `json:"points"`
}

// Point is one sample.
type Point struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// Failed reports whether a check or a finding in r stands against going on: a failed or unknown check, or an
// unwaived blocking finding.
func (r *Report) Failed() bool {
	if slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Outcome == Failed || c.Outcome == Unknown }) {
		return true
	}
	return slices.ContainsFunc(r.Findings, r.Fails)
}

// Fails reports whether a finding stands against going on: it is not waived, and as severe as FailOn.
func (r *Report) Fails(f Finding) bool {
	on := r.FailOn
	if on == "" {
		on = Block
	}
	return f.Waived == "" && !on.Worse(f.Severity)
}

// Blocked reports whether an unwaived finding is blocking.
func Blocked(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity == Block && f.Waived == "" })
}

// Took is the report's duration, 0 while it has no end.
func (r *Report) Took() time.Duration {
	if r.End.IsZero() {
		return 0
	}
	return r.End.Sub(r.Start)
}
