package statements

import (
	"regexp"
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
	if form, ok := optionForms[o.Key]; ok && !form.fits(strings.TrimSpace(o.Value)) {
		typeProblem(o.Pos, form.remedy, "%s can not be %s, which is no %s", quoteString(o.Key), quoteString(clip(o.Value)), form.what)
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

// form is how the value of an option is written where it is not one of a few words.
type form struct {
	what, remedy string
	fits         func(string) bool
}

var (
	lengthOfTime = form{"time", "write a number and a unit: '7 d', '6 h', '30 min'", func(s string) bool { _, ok := ParseTTL(s); return ok }}
	sizeOfMemory = form{"size", "write a number and a unit: '1 gb', '512 mb', '64 kb', or bytes", regexp.MustCompile(`(?i)^\d+\s*(b|bytes|k|kb|kibibytes|m|mb|mebibytes|g|gb|gibibytes|t|tb|tebibytes)?$`).MatchString}
	sinceEpoch   = form{"time in milliseconds", "write the milliseconds since 1970: '1767225600000'", regexp.MustCompile(`^-?\d{1,18}$`).MatchString}
	offsetList   = form{"list of offsets", "write 'partition:0,offset:42;partition:1,offset:300'", regexp.MustCompile(`^(partition:\d+,offset:\d+)(;partition:\d+,offset:\d+)*;?$`).MatchString}
)

var optionForms = map[string]form{
	"kafka.retention.time": lengthOfTime, "kafka.compaction.time": lengthOfTime,
	"kafka.retention.size": sizeOfMemory, "kafka.max-message-size": sizeOfMemory,
	"scan.startup.timestamp-millis": sinceEpoch, "scan.bounded.timestamp-millis": sinceEpoch,
	"scan.startup.specific-offsets": offsetList, "scan.bounded.specific-offsets": offsetList,
}
