package statements

import (
	"slices"
	"strings"
)

// tableOptions are the options of a table, with the values that are allowed; nil where any value is. Reference: the dialect's
// CREATE TABLE page.
var tableOptions = map[string][]string{
	"connector": nil, "changelog.mode": {"append", "upsert", "retract"}, "error-handling.mode": {"fail", "ignore", "log"},
	"error-handling.log.target": nil, "kafka.cleanup-policy": {"delete", "compact", "delete-compact"}, "kafka.compaction.time": nil,
	"kafka.consumer.isolation-level": {"read-committed", "read-uncommitted"}, "kafka.max-message-size": nil,
	"kafka.message-timestamp-type": {"createtime", "logappendtime"}, "kafka.producer.compression.type": {"none", "gzip", "snappy", "lz4", "zstd"},
	"kafka.retention.size": nil, "kafka.retention.time": nil,
	"key.format":        {"avro-registry", "json-registry", "proto-registry", "raw"},
	"value.format":      {"avro-registry", "json-registry", "proto-registry", "raw", "avro-debezium-registry", "json-debezium-registry", "proto-debezium-registry"},
	"key.fields-prefix": nil, "value.fields-include": {"all", "except-key"},
	"scan.startup.mode":             {"earliest-offset", "latest-offset", "timestamp", "specific-offsets", "group-offsets"},
	"scan.startup.timestamp-millis": nil, "scan.startup.specific-offsets": nil,
	"scan.bounded.mode":             {"latest-offset", "timestamp", "unbounded", "specific-offsets"},
	"scan.bounded.timestamp-millis": nil, "scan.bounded.specific-offsets": nil, "late-handling.mode": {"pass-through", "filter"},
}

// checkOption refuses what would be ignored or refused by the dialect itself. The options of another connector are that one's.
func checkOption(t *Table, o Option) {
	if t.Connector() != ownConnector {
		return
	}
	values, ok := tableOptions[o.Key]
	if !ok {
		for _, side := range []string{"key.", "value."} {
			if rest, is := strings.CutPrefix(o.Key, side); is && strings.Contains(rest, "-registry.") {
				return // an option of the format: value.avro-registry.schema-context
			}
		}
		var known []string
		for k := range tableOptions {
			known = append(known, k)
		}
		slices.Sort(known)
		remedy := ""
		if meant := nearest(o.Key, known); meant != "" {
			remedy = "did you mean " + quoteString(meant) + "?"
		}
		nameProblem(o.Pos, remedy, "there is no table option %s", quoteString(clip(o.Key)))
	}
	if values == nil || slices.Contains(values, strings.ToLower(strings.TrimSpace(o.Value))) {
		return
	}
	remedy := "it can be " + strings.Join(values, ", ")
	if meant := nearest(o.Value, values); meant != "" {
		remedy = "did you mean " + quoteString(meant) + "?"
	}
	typeProblem(o.Pos, remedy, "%s can not be %s", quoteString(o.Key), quoteString(clip(o.Value)))
}
