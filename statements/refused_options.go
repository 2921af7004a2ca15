package statements

import (
	"slices"
	"strings"
)

// refusedOptions are options of tables and properties of statements. Those of connectors to other systems are theirs: only tables
// over topics are looked at.
var refusedOptions = []refusal{
	{
		what: "connectors of Apache Flink", in: ccloud, why: "a table is a topic, and other systems are read through connections",
		remedy: "leave 'connector' out",
		find: option(func(key, value string) bool {
			return key == "connector" && slices.Contains([]string{"kafka", "upsert-kafka", "filesystem", "print", "blackhole", "datagen"}, value)
		}),
	},
	{
		what: "formats without a registry", in: ccloud, why: "records are read by the schemas of the Schema Registry",
		remedy: "use avro-registry, json-registry or proto-registry, or raw for a key",
		find: option(func(key, value string) bool {
			return isFormat(key) && slices.Contains([]string{"json", "avro", "csv", "protobuf", "avro-confluent", "debezium-json", "debezium-avro-confluent", "canal-json", "maxwell-json", "ogg-json"}, value)
		}),
	},
	{
		what: "options of Flink's Kafka connector", in: ccloud, why: "the service knows the cluster, the topic and how it writes",
		remedy: "leave the option out",
		find: option(func(key, _ string) bool {
			return strings.HasPrefix(key, "properties.") || strings.HasPrefix(key, "sink.") || slices.Contains([]string{"topic", "topic-pattern", "format", "scan.parallelism", "scan.topic-partition-discovery.interval"}, key)
		}),
	},
	{
		what: "options of 2026", in: not2026, why: "it came to Confluent Cloud in 2026", remedy: "leave the option out",
		find: option(func(key, value string) bool {
			return key == "late-handling.mode" || key == "kafka.compaction.time" || strings.HasSuffix(key, ".subject-names") || strings.HasSuffix(key, ".id-encoding")
		}),
	},
	{
		what: "start and end at offsets", in: before2026, why: "it came to Confluent Cloud in 2026", remedy: "use earliest-offset, latest-offset or timestamp",
		find: option(func(key, value string) bool {
			return (key == "scan.startup.mode" || key == "scan.bounded.mode") && (value == "specific-offsets" || value == "group-offsets") ||
				key == "scan.startup.specific-offsets" || key == "scan.bounded.specific-offsets"
		}),
	},
	{
		what: "options of Confluent Cloud", in: flink, why: "Flink's Kafka connector has no such option",
		remedy: "choose the connector kafka or upsert-kafka by the changelog, and set the topic's configs with Kafka's own tools",
		find: option(func(key, value string) bool {
			return key == "connector" && value == "confluent" || key == "changelog.mode" || strings.HasPrefix(key, "kafka.") || strings.HasPrefix(key, "error-handling.") ||
				strings.HasSuffix(key, ".schema-context")
		}),
	},
	{
		what: "formats of Confluent Cloud", in: flink, why: "Flink has avro-confluent for Avro with a registry, and none for the others", remedy: "use avro-confluent, json or protobuf",
		find: option(func(key, value string) bool { return isFormat(key) && strings.HasSuffix(value, "-registry") }),
	},
	{
		what: "properties of Apache Flink", in: ccloud, why: "the service sets how a job runs", remedy: "use the properties that begin with sql., such as sql.state-ttl",
		find: on(func(n *Set) (Pos, string) {
			if n.Key == nil {
				return Pos{}, ""
			}
			for _, prefix := range []string{"table.", "execution.", "pipeline.", "parallelism.", "state.", "restart-strategy", "taskmanager.", "jobmanager.", "sql-client."} {
				if strings.HasPrefix(n.Key.Value, prefix) {
					return n.Key.Pos, "the property " + quoteString(clip(n.Key.Value))
				}
			}
			return Pos{}, ""
		}),
	},
	{
		what: "properties of Confluent Cloud", in: flink, why: "Flink's properties begin with table., execution. and the like", remedy: "use Flink's: sql.state-ttl is table.exec.state.ttl",
		find: on(func(n *Set) (Pos, string) {
			if n.Key != nil && (strings.HasPrefix(n.Key.Value, "sql.") || strings.HasPrefix(n.Key.Value, "client.")) {
				return n.Key.Pos, "the property " + quoteString(clip(n.Key.Value))
			}
			return Pos{}, ""
		}),
	},
}

func isFormat(key string) bool {
	return key == "format" || key == "key.format" || key == "value.format"
}

// option makes a find for the options of tables over topics: in WITH, in ALTER TABLE … SET and in the hint OPTIONS. The value is compared in lower case.
func option(refused func(key, value string) bool) func(Node) (Pos, string) {
	look := func(options []Option) (Pos, string) {
		for _, o := range options {
			if value := strings.ToLower(o.Value); refused(o.Key, value) {
				name := "the option " + quoteString(clip(o.Key))
				if o.Key == "connector" || isFormat(o.Key) && o.Key != "format" || strings.HasSuffix(o.Key, ".mode") {
					name += " = " + quoteString(clip(o.Value))
				}
				return o.Pos, name
			}
		}
		return Pos{}, ""
	}
	return func(n Node) (Pos, string) {
		switch s := n.(type) {
		case *CreateTable:
			if overTopic(s.Options) {
				return look(s.Options)
			}
		case *CreateMaterialized:
			return look(s.Options)
		case *SetOptions:
			return look(s.Options)
		case *TableRef:
			for _, h := range s.Hints {
				if at, name := look(h.Options); h.Name == "OPTIONS" && name != "" {
					return at, name
				}
			}
		}
		return Pos{}, ""
	}
}

// overTopic reports whether a table with these options is over a topic, or has a connector that a dialect refuses by its name.
func overTopic(options []Option) bool {
	for _, o := range options {
		if o.Key == "connector" {
			return slices.Contains([]string{"confluent", "kafka", "upsert-kafka", "filesystem", "print", "blackhole", "datagen"}, strings.ToLower(o.Value))
		}
	}
	return true
}
