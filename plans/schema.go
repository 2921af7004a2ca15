package plans

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Schema returns the JSON Schema (draft 2020-12) of lifeboat.yaml, for editors. It is made from the types of the topology and says
// about structure what Load says; what needs the whole file, such as a region's name in a link, only Load checks.
func Schema() []byte {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Anonymous: true, Mapper: schemaOfType, LookupComment: schemaComment}
	s := r.Reflect(&Topology{})
	s.ID = "https://github.com/lifeboat-dr/lifeboat/schema/v1/topology.json"
	s.Title = "lifeboat topology"
	s.Description = "Two regions, the links that mirror one into the other, and the pipelines of Flink SQL statements that move between them."
	choose := func(of *jsonschema.Schema, field string, values []string) {
		p, ok := of.Properties.Get(field)
		if !ok {
			panic("plans: the topology has no field " + field)
		}
		for _, v := range values {
			p.Enum = append(p.Enum, v)
		}
	}
	defs := s.Definitions
	choose(s, "apiVersion", []string{"lifeboat/v1"})
	choose(s, "kind", []string{"Topology"})
	choose(defs["SASL"], "mechanism", knownMechanisms)
	choose(defs["Engine"], "backend", knownBackends)
	choose(defs["Fence"], "by", knownFences)
	choose(defs["ACLRule"], "writes", knownWrites)
	choose(defs["Link"], "gaps", knownGaps)
	choose(defs["TopicRule"], "drift", knownDrifts)
	choose(defs["TopicRule"], "deletions", knownDeletions)
	choose(defs["Link"], "offsets", knownOffsets)
	on, _ := defs["Notify"].Properties.Get("on")
	for _, v := range knownEvents {
		on.Items.Enum = append(on.Items.Enum, v)
	}
	choose(defs["Objectives"], "semantics", knownSemantics)
	for _, texts := range []struct{ def, field string }{{"TopicRule", "configs"}, {"Pipeline", "properties"}, {"SASL", "extensions"}} {
		p, _ := defs[texts.def].Properties.Get(texts.field)
		p.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
	}
	one := uint64(1)
	for _, list := range []struct{ def, field string }{{"Kafka", "bootstrap"}, {"Pipeline", "statements"}} {
		p, _ := defs[list.def].Properties.Get(list.field)
		p.MinItems = &one
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		panic(fmt.Sprintf("plans: the schema has no JSON: %v", err))
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// schemaOfType describes the types that have a written form of their own.
func schemaOfType(t reflect.Type) *jsonschema.Schema {
	enum := func(values []string) *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "string"}
		for _, v := range values {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	switch t {
	case reflect.TypeFor[Secret]():
		return &jsonschema.Schema{Type: "string", Pattern: `^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+)\}$`, Examples: []any{"${env:EAST_PASSWORD}", "${file:/run/secrets/east}"}}
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+d|([0-9]+d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`, Examples: []any{"30s", "5m", "1d12h"}}
	case reflect.TypeFor[Pattern]():
		return enum(knownPatterns)
	case reflect.TypeFor[Strategy]():
		return enum(knownStrategies)
	case reflect.TypeFor[statements.Dialect]():
		return enum(knownDialects())
	}
	return nil
}

func schemaComment(t reflect.Type, field string) string { return schemaComments[t.Name()+"."+field] }

// schemaComments are what an editor shows at a key. A test keeps it whole.
var schemaComments = map[string]string{
	"Topology.APIVersion":    "the version of this file's form",
	"Topology.Kind":          "what this file is",
	"Topology.Name":          "a name for the topology, shown in plans and reports",
	"Topology.Pattern":       "active-passive: one region is written and the other mirrors it; active-active: both are",
	"Topology.Primary":       "the region that is written; active-passive only",
	"Topology.Dialect":       "the SQL that the statements are written in: Confluent Cloud's of a month, or Apache Flink's; ccloud-2026-10 where not given",
	"Topology.Regions":       "the regions by name; names become part of topic names",
	"Topology.Links":         "what is mirrored from which region into which",
	"Topology.Pipelines":     "sets of SQL statements that move together",
	"Topology.Drills":        "rehearsals by schedule",
	"Topology.Hooks":         "commands and HTTP calls at places of a failover, for what moves clients: DNS, feature flags, deployments",
	"Hook.Name":              "name, which runs and reports show",
	"Hook.Command":           "program with its arguments; LIFEBOAT_RUN, _PHASE, _FROM, _TO and others are in its environment",
	"Hook.URL":               "address that gets a POST of JSON and has to answer 2xx",
	"Hook.Secret":            "signs the body: X-Lifeboat-Signature is its HMAC with SHA-256",
	"Hook.Timeout":           "how long it may take; 30s by default",
	"Hook.Before":            "phase of which nothing is begun until the hook has succeeded: fence, drain, promote, start or prove",
	"Hook.After":             "phase of which everything is done before the hook is called; later phases do not wait for it",
	"Hook.MayFail":           "its failure is told, and the run goes on",
	"Drill.Scenario":         "region-loss (default): the primary is lost at that moment; planned: what it has written arrives first; late-link: it is lost while the link is behind",
	"Drill.Behind":           "how far the link is behind, in a drill of scenario late-link",
	"Topology.Checks":        "pre-flight checks by schedule",
	"Topology.Notify":        "webhooks that lifeboat serve calls",
	"Topology.Functions":     "user-defined functions that somebody vouches for",
	"Topology.Waivers":       "findings that are accepted until a date",
	"Region.Kafka":           "the region's brokers",
	"Region.Registry":        "its schema registry (Confluent's API); leave out where there is none",
	"Region.Engine":          "its statement engine; leave out where there is none",
	"Region.Fence":           "how writers are kept out of it in a planned failover; without one a person answers for it",
	"Kafka.Bootstrap":        "brokers to begin with, host:port",
	"Kafka.Rack":             "where lifeboat runs, as broker.rack of this cluster calls it: a link reads from replicas there, where the brokers allow it (KIP-392)",
	"Kafka.TLS":              "encryption; {} means the system's roots",
	"Kafka.SASL":             "the login",
	"TLS.CA":                 "PEM file of the authorities to trust",
	"TLS.Cert":               "PEM file of the client certificate",
	"TLS.Key":                "PEM file of its key",
	"TLS.ServerName":         "the name that the brokers' certificate must have, where it is not the host",
	"SASL.Mechanism":         "how the login is proved",
	"SASL.Username":          "reference to the user's name; with tokenURL the client id, with AWS_MSK_IAM the access key id",
	"SASL.Password":          "reference to the password; with tokenURL the client secret, with AWS_MSK_IAM the secret access key",
	"SASL.Token":             "OAUTHBEARER: reference to a token, read again at every login; AWS_MSK_IAM: to the session token",
	"SASL.TokenURL":          "OAUTHBEARER: where tokens are got from with client credentials (OAuth 2.0)",
	"SASL.Scope":             "OAUTHBEARER: the scope asked for at tokenURL",
	"SASL.Extensions":        "OAUTHBEARER: what is sent with the token, such as logicalCluster and identityPoolId",
	"Registry.URL":           "where it listens",
	"Registry.TLS":           "encryption of an https URL; leave out for the system's roots",
	"Registry.Username":      "reference to the user's name or API key",
	"Registry.Password":      "reference to the password or API secret",
	"Engine.Backend":         "bundled: the engine in lifeboat; confluent: Confluent Cloud; flink: Apache Flink's SQL Gateway",
	"Engine.URL":             "where its statements API listens",
	"Engine.Organization":    "confluent: the organization's id",
	"Engine.Environment":     "confluent: the environment's id",
	"Engine.Username":        "reference to the user's name or API key",
	"Engine.Password":        "reference to the password or API secret",
	"Fence.By":               "acl: WRITE is denied to the principals; config: the topics take no record, whoever sends it; quota: keeps nobody out, and is refused by a planned failover; command: a program does it; manual: a person does",
	"Fence.Principals":       "acl and quota: who is kept out, as User:name",
	"Fence.Command":          "command: program and arguments; LIFEBOAT_REGION and LIFEBOAT_ACTION (fence, unfence) are in its environment",
	"Link.Name":              "a name for the link",
	"Link.From":              "the region that is mirrored",
	"Link.To":                "the region that holds the mirror",
	"Link.Topics":            "topics to mirror",
	"Link.Groups":            "consumer groups whose positions follow",
	"Link.Subjects":          "subjects whose schemas follow, with the same ids",
	"Link.ACLs":              "principals whose grants follow",
	"Link.Offsets":           "identical: a mirror's offsets are the source's, or it is refused; translated: the destination's own, with a map that positions go through; auto: translated only where the source's can not be had",
	"Link.Gaps":              "auto: markers in bulk where that is allowed; fenced: only what a second link process can not write; markers: no empty records in the place of aborted ones; filler: auto, and tombstones of one key in large holes of compacted topics, which readers of the mirror see until it is promoted and compacted",
	"Link.Tasks":             "into how many tasks the link is cut, 1 by default: so many lifeboat link run processes can share it at most",
	"Link.AlignMax":          "how many offsets of one partition may be filled where the source's log starts later than 0; 0 or absent: any number",
	"Link.Prefix":            "what stands in front of the source's topic names in the destination, and of subjects that are named after topics: orders of the source is east.orders there; patterns are about the source's names, and what begins with the prefix already, or was brought by a link the other way under its prefix, is not mirrored",
	"Link.StripPrefix":       "what the source's topic names begin with and their mirrors' do not: the way back of a link with a prefix; patterns are about names without it",
	"Rule.Include":           "RE2 patterns of whole names, one of which must match",
	"Rule.Exclude":           "RE2 patterns of whole names, none of which may match",
	"TopicRule.Configs":      "topic configs that are otherwise in the destination, such as retention.ms",
	"TopicRule.Drift":        "what is done about configs of mirror topics that somebody else changes in the destination: restore (default) puts back what the link has set; report only tells",
	"TopicRule.Deletions":    "what becomes of the mirror of a topic that is deleted at the source: keep (default) leaves it as it is, FAILED; promote makes it a topic of its own; delete deletes it too, when the source has been without the topic for a minute",
	"SubjectRule.Wait":       "for how long a partition waits for a schema that its records name before its mirror is FAILED, 10 minutes where not given; it goes on by itself when the schema is there",
	"ACLRule.Writes":         "staged (default): grants that allow writing are given at promotion; copied: they hold at once",
	"Pipeline.Name":          "a name for the pipeline",
	"Pipeline.Statements":    "SQL files: globs, relative to this file",
	"Pipeline.Recovery":      "how its statements are brought up in the destination; auto lets the plan choose for each",
	"Pipeline.Overrides":     "the same for single statements, by name",
	"Pipeline.Objectives":    "what the pipeline promises; plans and reports are held against it",
	"Pipeline.Rate":          "rows per second that the engine re-reads, for the estimate of a rebuild; 50,000 where not given",
	"Pipeline.Properties":    "properties that every statement is started with",
	"Objectives.RPO":         "how much may be lost, in time",
	"Objectives.RTO":         "how long it may take until the statements have caught up",
	"Objectives.Semantics":   "what readers of the output rely on",
	"Drill.Name":             "a name for the drill",
	"Drill.Schedule":         "in UTC; five fields: minute hour day-of-month month day-of-week; or @daily and its like",
	"Drill.Pipeline":         "the pipeline that is rehearsed",
	"TimedCheck.Name":        "a name for the check",
	"TimedCheck.Schedule":    "in UTC; five fields: minute hour day-of-month month day-of-week; or @daily and its like",
	"Notify.URL":             "where a JSON body is posted to",
	"Notify.On":              "result: every check and drill; failed: those that have not passed; missed: those that were not begun; readiness: it has fallen; all but result where not given",
	"Notify.Secret":          "reference to what the body is signed with (HMAC with SHA-256)",
	"Function.Name":          "a user-defined function, as statements call it",
	"Function.Deterministic": "whether the same arguments give the same result, whenever and wherever: D21 says nothing of it then",
	"Function.Reason":        "why that is so, and who says it",
	"Waiver.Rule":            "the rule that is waived, such as D17",
	"Waiver.Statement":       "the statement for which it is; all where not given",
	"Waiver.Reason":          "why it is accepted, and by whom",
	"Waiver.Until":           "the last day on which it holds, YYYY-MM-DD",
}
