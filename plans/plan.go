package plans

import (
	"errors"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Operation is what a plan is for.
type Operation string

const (
	OpFailover Operation = "failover"
	OpLink     Operation = "link"
	OpDrill    Operation = "drill"
	OpFailback Operation = "failback"
	OpMigrate  Operation = "migrate"
)

// Offset is a position in one partition's log. -1 means not known.
type Offset int64

func (o Offset) String() string {
	if o < 0 {
		return "?"
	}
	return fmt.Sprintf("@%d", int64(o))
}

// Positions are next offsets to read, topic → partition → offset.
type Positions map[string]map[int32]Offset

// Plan is a computed move as data. It is JSON on disk (`plan -o plan.json`), and Text renders it for people.
type Plan struct {
	APIVersion string    `json:"apiVersion"` // lifeboat/v1
	Kind       string    `json:"kind"`       // Plan
	Operation  Operation `json:"operation"`
	Planned    bool      `json:"planned"` // failover: the old primary is alive and is drained
	Topology   string    `json:"topology"`
	Link       string    `json:"link"`
	From       string    `json:"from"`
	To         string    `json:"to"`

	// Digests of what the plan was computed from. Structure covers what makes a plan wrong when it changes (topics, ids,
	// partition counts, configs, modes, statement texts); positions and lags move all the time and are not in it.
	Declared  string            `json:"declared"`
	Structure string            `json:"structure"`
	Parts     map[string]string `json:"parts"`    // both digests by part, so that a stale plan can say what changed
	Observed  time.Time         `json:"observed"` // when; shown, not used

	Steps      []Step           `json:"steps"`
	Statements []StatementPlan  `json:"statements,omitempty"`
	Topics     []TopicPlan      `json:"topics,omitempty"`
	Groups     []string         `json:"groups,omitempty"`
	Subjects   []string         `json:"subjects,omitempty"`
	Findings   []report.Finding `json:"findings,omitempty"`
	Forecast   []report.Topic   `json:"forecast,omitempty"` // what is lost, as known when planning
	Objectives Objectives       `json:"objectives,omitzero"`
	Verify     string           `json:"verify,omitempty"`    // planned: how much is compared before the promotion
	Share      *Share           `json:"share,omitempty"`     // of a failover that moves a part of its link; nil: all of it
	Writers    bool             `json:"writers,omitempty"`   // both regions write topics of their own: the mirrors stay mirrors
	Drill      *DrillPlan       `json:"drill,omitempty"`     // of a drill
	Failback   *FailbackPlan    `json:"failback,omitempty"`  // of a failback
	Migration  *MigrationPlan   `json:"migration,omitempty"` // of a migration
}

// How much of the logs a planned failover or failback compares before it promotes.
const (
	VerifySample = "sample" // some of every log, in bounded time
	VerifyAll    = "all"    // all of it, however long writers wait
	VerifyNone   = "none"
)

// StepKind names what a step does; package dr has one file a kind.
type StepKind string

const (
	StepFence       StepKind = "fence"           // keep writers out of the old primary
	StepVerifyFence StepKind = "verify-fence"    // its log ends stand still
	StepDrain       StepKind = "drain"           // mirror until lag is zero
	StepStopSource  StepKind = "stop-statements" // stop the pipeline's statements in the old primary (planned only)
	StepOffsets     StepKind = "offsets"         // final group positions
	StepVerify      StepKind = "verify"          // planned: records, positions and schemas are the same in both regions
	StepPromote     StepKind = "promote"         // mirror topics become writable topics; waits for every topic's terminal state
	StepRegistry    StepKind = "registry-mode"   // subjects become READWRITE
	StepCanary      StepKind = "canary"          // idempotent and transactional write, read back by read_committed
	StepStart       StepKind = "start-statement" // one statement
	StepWatermark   StepKind = "wait-watermark"  // one statement's progress has passed the failover point
	StepMeasure     StepKind = "measure-loss"    // what is lost, measured where the old primary can be read
	StepHook        StepKind = "hook"            // a declared hook has succeeded
	StepCreateTopic StepKind = "create-mirror"   // link: one destination topic
	StepMirror      StepKind = "mirror"          // link: data, offsets and schemas flow
	StepInventory   StepKind = "inventory"       // drill: what both regions hold before it
	StepCut         StepKind = "cut"             // drill: where its input ends
	StepCompare     StepKind = "compare-output"  // drill: one statement's output with the old primary's
	StepClean       StepKind = "clean"           // drill: what it made is removed
	StepResidue     StepKind = "residue"         // drill: what both regions hold after it
	StepDiverge     StepKind = "divergence"      // failback: where the logs of both regions part
	StepSalvage     StepKind = "salvage"         // failback: what one topic loses is on disk
	StepForget      StepKind = "forget"          // failback: a statement whose state is of another log is deleted
	StepEmpty       StepKind = "empty"           // failback: a topic that such a statement wrote
	StepRecreate    StepKind = "recreate"        // failback: a topic that can not be mirrored on becomes an empty mirror
	StepReverse     StepKind = "reverse"         // failback: all other topics become mirrors where their logs end
	StepCatchUp     StepKind = "catch-up"        // failback: lag zero once, while the primary is still written
	StepOutputs     StepKind = "same-output"     // active-active: one statement puts out the same in both regions
	StepHold        StepKind = "hold"            // multi-writer: the mirrors of a lost region are PAUSED, and where they end is known
	StepMirrorOn    StepKind = "mirror-on"       // multi-writer: they go on from there, with all that the region has
	StepLift        StepKind = "lift-fence"      // fences that runs have left standing on the destination are taken away
	StepProtect     StepKind = "protect"         // failback: the region that is left becomes the mirror again
	StepIdentical   StepKind = "identical"       // migrate: the topics of a batch hold the same records in both regions, and it has moved
	StepRestart     StepKind = "restart"         // migrate, back: the statements that were stopped in the old primary run there again
)

// Step is a goal, not an order: it is done when its goal is seen.
type Step struct {
	ID           string   `json:"id"` // stable within the plan: "promote", "start:delays-by-hour"
	Kind         StepKind `json:"kind"`
	Phase        string   `json:"phase"`             // fence, drain, promote, start, prove
	Batch        string   `json:"batch,omitempty"`   // of a migration
	Subject      string   `json:"subject,omitempty"` // topic, statement or region, where the kind works on one
	Needs        []string `json:"needs,omitempty"`   // ids of steps that must be done before
	Goal         string   `json:"goal"`
	Reason       string   `json:"reason"`
	Irreversible bool     `json:"irreversible,omitempty"`
}

// Validate says what makes p, as read from a file, no plan that Compute could have returned. Whether it still fits is Stale's to say.
func (p *Plan) Validate() error {
	known := p.Operation == OpFailover || p.Operation == OpLink || p.Operation == OpDrill && p.Drill != nil || p.Operation == OpFailback && p.Failback != nil ||
		p.Operation == OpMigrate && p.Migration != nil
	if !known {
		return fmt.Errorf("operation %q is not known", p.Operation)
	}
	if p.Link == "" || p.From == "" || p.To == "" {
		return errors.New("it names no link with two regions")
	}
	if len(p.Steps) == 0 {
		return errors.New("it has no steps")
	}
	before := map[string]bool{}
	for i, s := range p.Steps {
		if s.ID == "" || s.Kind == "" || before[s.ID] {
			return fmt.Errorf("step %d (%q) has no id of its own and a kind", i+1, s.ID)
		}
		for _, need := range s.Needs {
			if !before[need] {
				return fmt.Errorf("step %q needs %q, which is not before it", s.ID, need)
			}
		}
		before[s.ID] = true
	}
	return nil
}

// Inserts says whether the statement writes rows.
func (s *StatementPlan) Inserts() bool { return s.Kind == kindInsert }

// StatementPlan is how one statement is brought up in the destination.
type StatementPlan struct {
	Name            string             `json:"name"`
	Pipeline        string             `json:"pipeline"`
	File            string             `json:"file"`
	SQL             string             `json:"sql"`
	Kind            string             `json:"kind"` // CREATE_TABLE, INSERT_INTO
	Strategy        Strategy           `json:"strategy"`
	Reason          string             `json:"reason"`
	Others          []StrategyOption   `json:"others,omitempty"` // the strategies that it does not get, the best first
	Needs           []string           `json:"needs,omitempty"`  // statement names that must be started before
	Reads           []string           `json:"reads,omitempty"`
	Writes          []string           `json:"writes,omitempty"`
	Start           Positions          `json:"start,omitempty"` // explicit, for mirrored inputs
	Properties      map[string]string  `json:"properties,omitempty"`
	Horizon         string             `json:"horizon,omitempty"` // "1h (TUMBLE) + 180ms (watermark) = 1h0m0.18s"
	Retention       []RetentionVerdict `json:"retention,omitempty"`
	SourceRetention []RetentionVerdict `json:"sourceRetention,omitempty"` // the same of the source's topics, where it was seen
	Verdict         string             `json:"verdict,omitempty"`
	VerdictWhy      string             `json:"verdictWhy,omitempty"`
	Rebuild         string             `json:"rebuild,omitempty"` // "27,004 rows ÷ 50,000 rows/s = 0.5 s of RTO 5m0s"
	Backlog         int64              `json:"backlog,omitempty"` // rows of its mirrored inputs
	RebuildSeconds  float64            `json:"rebuildSeconds,omitempty"`
}

// RetentionVerdict says whether a region's topic holds enough history.
type RetentionVerdict struct {
	Topic   string   `json:"topic"`
	Verdict string   `json:"verdict"` // PROVEN, INSUFFICIENT, UNKNOWN
	Need    Duration `json:"need"`
	Have    Duration `json:"have"`
	Missing Duration `json:"missing,omitempty"`
	Detail  string   `json:"detail"`
	Mend    []string `json:"mend,omitempty"` // configs that would mend it, as key=value
}

// TopicPlan is one mirrored topic.
type TopicPlan struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"` // source topic id, where known
	Partitions int               `json:"partitions"`
	Configs    map[string]string `json:"configs,omitempty"` // to be in force after promotion
	Exists     bool              `json:"exists"`            // in the destination

	Offsets []PartitionOffsets `json:"offsets,omitempty"` // link: how each partition gets them
}

// Observed is what the regions held when they were looked at. Package dr reads it; tests write it by hand.
type Observed struct {
	At      time.Time                `json:"at"`
	Regions map[string]*RegionState  `json:"regions"`
	Mirrors map[string][]MirrorState `json:"mirrors,omitempty"` // by link name, from the destination's _lifeboat.REGION.links

	Returning map[string]*Returning `json:"returning,omitempty"` // by topic; looked at for a failback
	Foreign   map[string]string     `json:"foreign,omitempty"`   // by mirror that was held: what somebody else has written to it; looked at for a failback
}

// RegionState is one region as seen.
type RegionState struct {
	Reachable     bool                      `json:"reachable"`
	Error         string                    `json:"error,omitempty"` // why not
	ClusterID     string                    `json:"cluster_id,omitempty"`
	Topics        map[string]*TopicState    `json:"topics,omitempty"`
	Groups        map[string]*GroupState    `json:"groups,omitempty"`
	Subjects      map[string]*SubjectState  `json:"subjects,omitempty"`
	Registry      string                    `json:"registry,omitempty"`      // "", "ok" or the error
	Mode          string                    `json:"mode,omitempty"`          // the registry's global mode
	Compatibility string                    `json:"compatibility,omitempty"` // the registry's global level
	Engine        string                    `json:"engine,omitempty"`        // "", "ok" or the error
	Statements    map[string]StatementState `json:"statements,omitempty"`
	Fences        []string                  `json:"fences,omitempty"`         // runs that have raised a fence on it which nobody has lifted
	Rest          *Rest                     `json:"rest,omitempty"`           // looked at for a migration
	ClientMetrics []string                  `json:"client_metrics,omitempty"` // names of subscriptions to clients' metrics
	Unseen        []string                  `json:"unseen,omitempty"`         // what lifeboat may not see: UnseenMetrics, UnseenGroups
	Markers       string                    `json:"markers,omitempty"`        // whether lifeboat may write markers in bulk: MarkersAllowed, MarkersDenied, "" where that is not known
}

// Rest is what a region holds besides, which a migration would leave there.
type Rest struct {
	Groups   map[string]*GroupState `json:"groups,omitempty"`   // that no link selects
	Internal []string               `json:"internal,omitempty"` // topics of lifeboat's own
	Fenced   map[string][]string    `json:"fenced,omitempty"`   // by run: topics that it has closed, and nobody has opened again
	ACLs     []ACL                  `json:"acls,omitempty"`
	Secured  string                 `json:"secured,omitempty"` // why there are no ACLs, or none could be read
}

// ACL is one entry of a cluster's access control list, in Kafka's words.
type ACL struct {
	Principal  string `json:"principal"`
	Host       string `json:"host"`
	Resource   string `json:"resource"` // TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID …
	Name       string `json:"name"`
	Pattern    string `json:"pattern"` // LITERAL, PREFIXED
	Operation  string `json:"operation"`
	Permission string `json:"permission"` // ALLOW, DENY
}

// Values of RegionState.Markers.
const (
	MarkersAllowed = "allowed"
	MarkersDenied  = "denied"
)

// Values of RegionState.Unseen.
const (
	UnseenMetrics = "subscriptions to clients' metrics"
	UnseenGroups  = "configs of groups"
)

// TopicState is one topic.
type TopicState struct {
	ID         string            `json:"id"`
	Partitions []PartitionState  `json:"partitions"` // by partition number
	Configs    map[string]string `json:"configs"`    // all, with defaults
	Measured   []Measured        `json:"measured,omitempty"`
	Reached    *Reached          `json:"reached,omitempty"`
}

// PartitionState is one partition's log.
type PartitionState struct {
	Start  Offset `json:"start"`
	End    Offset `json:"end"`             // high watermark
	Stable Offset `json:"stable"`          // last stable offset
	Oldest int64  `json:"oldest"`          // epoch ms of the first record, -1 = none or not known
	Newest int64  `json:"newest"`          // epoch ms of the newest record (max timestamp), -1 = none or not known
	Bytes  int64  `json:"bytes,omitempty"` // of the largest replica on disk; 0 = not asked, which only topics with retention.bytes are, and those that statements read
	Gaps   *Gaps  `json:"gaps,omitempty"`
}

// GroupState is one consumer group.
type GroupState struct {
	State     string    `json:"state"` // Empty, Stable …
	Positions Positions `json:"positions"`
	Share     bool      `json:"share,omitempty"`  // a share group (KIP-932): it has no positions that anybody could copy
	Hidden    bool      `json:"hidden,omitempty"` // what it reads is not known: its positions may not be read, or its members have written none yet

	Configs map[string]string `json:"configs,omitempty"` // set on the group
}

// SubjectState is one subject.
type SubjectState struct {
	Mode     string `json:"mode,omitempty"` // "" = global
	Versions []int  `json:"versions"`
	IDs      []int  `json:"ids"` // parallel to Versions

	Compatibility string             `json:"compatibility,omitempty"` // "" = global, or not told
	Schemas       []RegisteredSchema `json:"schemas,omitempty"`       // parallel to Versions
}

// RegisteredSchema is a schema's text.
type RegisteredSchema struct {
	Type       string            `json:"type"` // AVRO, JSON, PROTOBUF
	Text       string            `json:"text"`
	References []SchemaReference `json:"references,omitempty"`
}

// SchemaReference is what a schema imports.
type SchemaReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// StatementState is one statement in a region's engine.
type StatementState struct {
	Phase  string `json:"phase"`
	Detail string `json:"detail,omitempty"`
	SQL    string `json:"sql"`

	Created    time.Time         `json:"created,omitzero"`
	Properties map[string]string `json:"properties,omitempty"` // under which it runs
}

// MirrorState is what the link last recorded of one topic.
type MirrorState struct {
	Topic    string           `json:"topic"`
	State    string           `json:"state"`
	Error    string           `json:"error,omitempty"`
	SourceID string           `json:"source_id"` // topic id
	Source   map[int32]Offset `json:"source"`    // last stable offsets of the source as of At
	At       time.Time        `json:"at"`

	Translated map[int32]Translation `json:"translated,omitempty"` // partitions whose offsets are not the source's
}

// Translation is what a link remembers of a partition whose offsets are not the source's.
type Translation struct {
	Why   string `json:"why"`
	First Offset `json:"first"` // in the destination: what is in front is not the link's
	// Every record of the source in front of Source is in the mirror in front of Dest.
	Source Offset `json:"source"`
	Dest   Offset `json:"destination"`

	Begins Offset `json:"begins,omitempty"` // of the source: what the mirror begins with
	Newest int64  `json:"newest,omitempty"` // the newest record's time that was mirrored, epoch milliseconds; 0 is not known
}

// Declared is a topology with the text of the statements it names.
type Declared struct {
	Topology   *Topology
	Path       string          // of lifeboat.yaml
	Statements []Statement     // in file order
	Created    map[string]bool `json:"-"` // links that were created by a verb, by name
	AsOf       time.Time       `json:"-"` // the day by which waivers have ended; zero: none has

	waivedAt map[*Waiver]report.Finding    // what a finding about the waiver says of its place
	parsed   map[string]*statements.Parsed // by statement name, as Load read them; those that do not parse have a nil Statement
}

// Statement is one SQL statement of a pipeline.
type Statement struct {
	Pipeline string
	Name     string // file name without extension, with "-N" for the N-th statement where a file has several
	File     string
	Line     int // where it begins in File, from 1
	SQL      string
}
