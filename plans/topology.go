// Package plans holds what is declared (lifeboat.yaml and its SQL files), what was observed, and the plan computed from both.
//
// It does no network I/O and asks no clock: the same declaration and the same observation give the same plan, byte for byte.
// Package linking and package engine act on regions; package dr carries plans out.
package plans

import (
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Topology is the content of lifeboat.yaml.
type Topology struct {
	APIVersion string             `yaml:"apiVersion" json:"apiVersion"`
	Kind       string             `yaml:"kind" json:"kind"`
	Name       string             `yaml:"name" json:"name"`
	Pattern    Pattern            `yaml:"pattern" json:"pattern"`
	Primary    string             `yaml:"primary,omitempty" json:"primary,omitempty"` // active-passive only
	Dialect    statements.Dialect `yaml:"dialect,omitempty" json:"dialect,omitempty"` // that the statements are written in; "" = the newest of Confluent Cloud
	Regions    map[string]*Region `yaml:"regions" json:"regions"`
	Links      []*Link            `yaml:"links,omitempty" json:"links,omitempty"`
	Pipelines  []*Pipeline        `yaml:"pipelines,omitempty" json:"pipelines,omitempty"`
	Drills     []*Drill           `yaml:"drills,omitempty" json:"drills,omitempty"`
	Checks     []*TimedCheck      `yaml:"checks,omitempty" json:"checks,omitempty"`
	Notify     []*Notify          `yaml:"notify,omitempty" json:"notify,omitempty"`
	Hooks      []*Hook            `yaml:"hooks,omitempty" json:"hooks,omitempty"`
	Functions  []*Function        `yaml:"functions,omitempty" json:"functions,omitempty"`
	Waivers    []*Waiver          `yaml:"waivers,omitempty" json:"waivers,omitempty"`
}

// Declares says whether a link of that name is declared in the file.
func (t *Topology) Declares(link string) bool {
	return slices.ContainsFunc(t.Links, func(l *Link) bool { return l.Name == link })
}

// Pattern is how the regions share the work.
type Pattern string

const (
	ActivePassive Pattern = "active-passive"
	ActiveActive  Pattern = "active-active"
)

// Region is one region's services.
type Region struct {
	Name     string    `yaml:"-" json:"-"` // the key in Topology.Regions
	Kafka    Kafka     `yaml:"kafka" json:"kafka"`
	Registry *Registry `yaml:"registry,omitempty" json:"registry,omitempty"`
	Engine   *Engine   `yaml:"engine,omitempty" json:"engine,omitempty"`
	Fence    *Fence    `yaml:"fence,omitempty" json:"fence,omitempty"`
}

// Kafka is how a region's brokers are reached.
type Kafka struct {
	Bootstrap []string `yaml:"bootstrap" json:"bootstrap"` // host:port
	TLS       *TLS     `yaml:"tls,omitempty" json:"tls,omitempty"`
	SASL      *SASL    `yaml:"sasl,omitempty" json:"sasl,omitempty"`
	Rack      string   `yaml:"rack,omitempty" json:"rack,omitempty"` // where lifeboat runs, as this cluster's broker.rack calls it
}

// TLS names PEM files; empty fields mean the system's roots and no client certificate.
type TLS struct {
	CA         string `yaml:"ca,omitempty" json:"ca,omitempty"`
	Cert       string `yaml:"cert,omitempty" json:"cert,omitempty"`
	Key        string `yaml:"key,omitempty" json:"key,omitempty"`
	ServerName string `yaml:"serverName,omitempty" json:"serverName,omitempty"`
}

// SASL is a login. Mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM. What the secrets are depends on it:
// OAUTHBEARER takes either Token, or TokenURL with Username and Password as client id and secret (OAuth 2.0 client credentials);
// AWS_MSK_IAM takes Username and Password as access key id and secret access key, with Token as session token where they are temporary,
// or none of them: then they are in the environment under the names that AWS gives them.
type SASL struct {
	Mechanism  string            `yaml:"mechanism" json:"mechanism"`
	Username   Secret            `yaml:"username,omitempty" json:"username,omitempty"`
	Password   Secret            `yaml:"password,omitempty" json:"password,omitempty"`
	Token      Secret            `yaml:"token,omitempty" json:"token,omitzero"`
	TokenURL   string            `yaml:"tokenURL,omitempty" json:"tokenURL,omitempty"`
	Scope      string            `yaml:"scope,omitempty" json:"scope,omitempty"`
	Extensions map[string]string `yaml:"extensions,omitempty" json:"extensions,omitempty"` // OAUTHBEARER: sent with the token (KIP-342)
}

// Registry is a schema registry with Confluent's API.
type Registry struct {
	URL      string `yaml:"url" json:"url"`
	TLS      *TLS   `yaml:"tls,omitempty" json:"tls,omitempty"` // of an https URL
	Username Secret `yaml:"username,omitempty" json:"username,omitempty"`
	Password Secret `yaml:"password,omitempty" json:"password,omitempty"`
}

// Engine is a region's statement engine.
type Engine struct {
	Backend      string `yaml:"backend" json:"backend"` // bundled | confluent | flink
	URL          string `yaml:"url" json:"url"`
	Organization string `yaml:"organization,omitempty" json:"organization,omitempty"`
	Environment  string `yaml:"environment,omitempty" json:"environment,omitempty"`
	Username     Secret `yaml:"username,omitempty" json:"username,omitempty"`
	Password     Secret `yaml:"password,omitempty" json:"password,omitempty"`
}

// Fence is how writers are kept out of a region.
type Fence struct {
	By         string   `yaml:"by" json:"by"`                                     // acl | config | quota | command | manual
	Principals []string `yaml:"principals,omitempty" json:"principals,omitempty"` // acl, quota
	Command    []string `yaml:"command,omitempty" json:"command,omitempty"`       // command: argv; LIFEBOAT_REGION, LIFEBOAT_ACTION=fence|unfence in its environment
}

// Link mirrors one region into another.
type Link struct {
	Name     string      `yaml:"name" json:"name"`
	From     string      `yaml:"from" json:"from"`
	To       string      `yaml:"to" json:"to"`
	Topics   TopicRule   `yaml:"topics,omitempty" json:"topics,omitempty"`
	Groups   Rule        `yaml:"groups,omitempty" json:"groups,omitempty"`
	Subjects SubjectRule `yaml:"subjects,omitempty" json:"subjects,omitempty"`
	ACLs     ACLRule     `yaml:"acls,omitempty" json:"acls,omitempty"`
	Gaps     string      `yaml:"gaps,omitempty" json:"gaps,omitempty"`         // auto (default) | fenced: forbids bulk markers | markers: forbids filler | filler: allows it to be seen
	Tasks    int         `yaml:"tasks,omitempty" json:"tasks,omitempty"`       // that link run processes can share: at most so many of them mirror at a time; 1 by default
	Offsets  string      `yaml:"offsets,omitempty" json:"offsets,omitempty"`   // identical (default): the source's, or refused | translated | auto: translated where it must be
	AlignMax int64       `yaml:"alignMax,omitempty" json:"alignMax,omitempty"` // offsets in front of a log's start that may be filled; 0: any number

	Prefix      string `yaml:"prefix,omitempty" json:"prefix,omitempty"`           // in front of the source's topic names in the destination
	StripPrefix string `yaml:"stripPrefix,omitempty" json:"stripPrefix,omitempty"` // of the source's topic names, without which their mirrors are named

	Returns []string `yaml:"-" json:"-"` // prefixes of links the other way (Knowing): the source's topics that begin with one came from the destination
}

// OnlySubjects says that the link mirrors schemas and no topics.
func (l *Link) OnlySubjects() bool { return len(l.Topics.Include) == 0 && len(l.Subjects.Include) > 0 }

// GapsFiller is the value of Link.Gaps that allows tombstones of one key in large holes of compacted topics, until the destination compacts.
const GapsFiller = "filler"

// Rule selects names by anchored RE2 patterns: included by one of Include and by none of Exclude.
type Rule struct {
	Include []string `yaml:"include,omitempty" json:"include,omitempty"`
	Exclude []string `yaml:"exclude,omitempty" json:"exclude,omitempty"`
}

// TopicRule selects topics and overrides their configs in the destination.
type TopicRule struct {
	Rule    `yaml:",inline"`
	Configs map[string]string `yaml:"configs,omitempty" json:"configs,omitempty"`
	Drift   string            `yaml:"drift,omitempty" json:"drift,omitempty"` // of configs that somebody else changes in the destination: DriftRestore (default) or DriftReport

	Deletions string `yaml:"deletions,omitempty" json:"deletions,omitempty"` // what becomes of mirrors of topics that are deleted at the source: DeletionsKeep (default) …
}

// What becomes of the mirror of a topic that was deleted at the source. One that was deleted and made again is no deletion.
const (
	DeletionsKeep    = "keep"    // it is FAILED, and keeps what it has
	DeletionsPromote = "promote" // it becomes a topic of its own
	DeletionsDelete  = "delete"  // it is deleted as well
)

// What is done about configs of a mirror topic that somebody else has changed.
const (
	DriftRestore = "restore"
	DriftReport  = "report"
)

// SubjectRule selects subjects, whose schemas follow.
type SubjectRule struct {
	Rule `yaml:",inline"`
	Wait Duration `yaml:"wait,omitempty" json:"wait,omitempty"` // for how long a partition waits for a schema that its records name, before its mirror is FAILED; 0: 10 minutes
}

// ACLRule selects principals, whose grants follow. Writes is staged (default) or copied: staged grants that allow writing are given when the
// mirrors they are about are promoted.
type ACLRule struct {
	Rule   `yaml:",inline"`
	Writes string `yaml:"writes,omitempty" json:"writes,omitempty"`
}

// Pipeline is a set of statements that move together.
type Pipeline struct {
	Name       string              `yaml:"name" json:"name"`
	Statements []string            `yaml:"statements" json:"statements"` // globs, relative to lifeboat.yaml
	Recovery   Strategy            `yaml:"recovery,omitempty" json:"recovery,omitempty"`
	Overrides  map[string]Strategy `yaml:"overrides,omitempty" json:"overrides,omitempty"` // per statement name
	Objectives Objectives          `yaml:"objectives,omitempty" json:"objectives,omitempty"`
	Rate       float64             `yaml:"rate,omitempty" json:"rate,omitempty"` // rows per second that the engine re-reads; for the rebuild estimate
	Properties map[string]string   `yaml:"properties,omitempty" json:"properties,omitempty"`
}

// Strategy is how a statement is brought up in the destination: DESIGN.md §5.
type Strategy string

const (
	Auto     Strategy = "auto"
	Parallel Strategy = "parallel"
	Restore  Strategy = "restore"
	Rebuild  Strategy = "rebuild"
	Resume   Strategy = "resume"
	Fresh    Strategy = "fresh"
)

// Objectives are what the pipeline promises. Zero means not declared.
type Objectives struct {
	RPO       Duration `yaml:"rpo,omitempty" json:"rpo,omitempty"`
	RTO       Duration `yaml:"rto,omitempty" json:"rto,omitempty"`
	Semantics string   `yaml:"semantics,omitempty" json:"semantics,omitempty"` // at-least-once | exactly-once
}

// Duration is a time.Duration written as Go writes it ("30s", "5m") or with d for days ("2d", "1d12h").
type Duration time.Duration

// Drill is a declared rehearsal.
type Drill struct {
	Name     string `yaml:"name" json:"name"`
	Schedule string `yaml:"schedule" json:"schedule"` // as ParseSchedule reads it
	Pipeline string `yaml:"pipeline" json:"pipeline"`

	Scenario string   `yaml:"scenario,omitempty" json:"scenario,omitempty"` // ScenarioPlanned …; "" = ScenarioRegionLoss
	Behind   Duration `yaml:"behind,omitempty" json:"behind,omitempty"`     // late-link: by how much
}

// TimedCheck is a declared pre-flight check of everything, as lifeboat check makes it.
type TimedCheck struct {
	Name     string `yaml:"name" json:"name"`
	Schedule string `yaml:"schedule" json:"schedule"` // as Drill.Schedule
}

// Notify is a webhook that lifeboat serve calls.
type Notify struct {
	URL    string   `yaml:"url" json:"url"`
	On     []string `yaml:"on,omitempty" json:"on,omitempty"`         // NotifyResult …; without any: NotifyFailed, NotifyMissed and NotifyReadiness
	Secret Secret   `yaml:"secret,omitempty" json:"secret,omitempty"` // signs the body: HMAC with SHA-256
}

// What a webhook is called for.
const (
	NotifyResult    = "result"    // every check and drill that has ended
	NotifyFailed    = "failed"    // those that have not passed, or could not be made
	NotifyMissed    = "missed"    // those that were due and not begun
	NotifyReadiness = "readiness" // readiness has fallen
)

// Hears says whether a webhook is called for an event.
func (n *Notify) Hears(event string) bool {
	if len(n.On) == 0 {
		return event != NotifyResult
	}
	return slices.Contains(n.On, event)
}

// Function is a user-defined function of which somebody vouches for something: Flink takes every one for deterministic, and asks nobody.
type Function struct {
	Name          string `yaml:"name" json:"name"`
	Deterministic bool   `yaml:"deterministic" json:"deterministic"` // the same arguments give the same result, whenever and wherever
	Reason        string `yaml:"reason" json:"reason"`
}

// Waiver accepts a finding until a date.
type Waiver struct {
	Rule      string `yaml:"rule" json:"rule"`
	Statement string `yaml:"statement,omitempty" json:"statement,omitempty"`
	Reason    string `yaml:"reason" json:"reason"`
	Until     string `yaml:"until,omitempty" json:"until,omitempty"` // YYYY-MM-DD, the last day it holds
}

// Secret is a reference to a secret, "${env:NAME}" or "${file:/path}". It never holds the secret itself, and prints as •••.
type Secret struct {
	ref   string
	place report.Place // where it stands, for MissingSecretError
}
