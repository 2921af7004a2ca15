package catalog

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

const defaultBuckets = 6

// topicConfigs are the topic's configs that a table's options stand for.
func topicConfigs(t *statements.Table) (map[string]*string, error) {
	upsert := t.Option("changelog.mode", "") == "upsert" || t.Option("changelog.mode", "") == "" && len(t.PrimaryKey) > 0
	cleanup := "delete"
	if upsert {
		cleanup = "compact"
	}
	out := map[string]*string{}
	set := func(config, value string) { out[config] = &value }
	switch v := t.Option("kafka.cleanup-policy", cleanup); v {
	case "delete", "compact":
		set("cleanup.policy", v)
	case "delete-compact":
		set("cleanup.policy", "compact,delete")
	default:
		return nil, fmt.Errorf("option 'kafka.cleanup-policy' = %q: it is delete, compact or delete-compact", v)
	}
	retention, err := Duration(t.Option("kafka.retention.time", "7 d"))
	if err != nil {
		return nil, fmt.Errorf("option 'kafka.retention.time': %w", err)
	}
	set("retention.ms", orUnlimited(retention.Milliseconds()))
	bytes, err := memorySize(t.Option("kafka.retention.size", "0"))
	if err != nil {
		return nil, fmt.Errorf("option 'kafka.retention.size': %w", err)
	}
	set("retention.bytes", orUnlimited(bytes))
	largest, err := memorySize(t.Option("kafka.max-message-size", "2097164"))
	if err != nil || largest > math.MaxInt32 {
		return nil, fmt.Errorf("option 'kafka.max-message-size' = %q is not a size below 2 GiB", t.Options["kafka.max-message-size"])
	}
	set("max.message.bytes", strconv.FormatInt(largest, 10))
	if v, ok := t.Options["kafka.compaction.time"]; ok {
		d, err := Duration(v)
		if err != nil {
			return nil, fmt.Errorf("option 'kafka.compaction.time': %w", err)
		}
		set("max.compaction.lag.ms", strconv.FormatInt(d.Milliseconds(), 10))
	}
	switch v := t.Option("kafka.message-timestamp-type", "createtime"); v {
	case "createtime":
		set("message.timestamp.type", "CreateTime")
	case "logappendtime":
		set("message.timestamp.type", "LogAppendTime")
	default:
		return nil, fmt.Errorf("option 'kafka.message-timestamp-type' = %q: it is CreateTime or LogAppendTime", v)
	}
	return out, nil
}

// orUnlimited writes a limit; the dialect's 0 is Kafka's -1.
func orUnlimited(n int64) string {
	if n == 0 {
		n = -1
	}
	return strconv.FormatInt(n, 10)
}

// knownOptions are the options of CREATE TABLE that this engine knows, with the values it takes; nil: any, checked where it is used.
var knownOptions = map[string][]string{
	"connector":                       {"confluent"},
	"changelog.mode":                  {"append", "upsert", "retract"},
	"error-handling.mode":             {"fail", "ignore"},
	"kafka.cleanup-policy":            nil,
	"kafka.compaction.time":           nil,
	"kafka.consumer.isolation-level":  {"read-committed"},
	"kafka.max-message-size":          nil,
	"kafka.message-timestamp-type":    nil,
	"kafka.producer.compression.type": {"none", "gzip", "snappy", "lz4", "zstd"},
	"kafka.retention.size":            nil,
	"kafka.retention.time":            nil,
	"key.format":                      {"avro-registry", "json-registry", "raw"},
	"value.format":                    {"avro-registry", "json-registry", "raw"},
	"key.fields-prefix":               nil,
	"value.fields-include":            {"all", "except-key"},
	"late-handling.mode":              {"pass-through"},
	"scan.startup.mode":               {"earliest-offset", "latest-offset", "timestamp", "specific-offsets"},
	"scan.startup.timestamp-millis":   nil,
	"scan.startup.specific-offsets":   nil,
	"scan.bounded.mode":               {"unbounded", "latest-offset", "timestamp", "specific-offsets"},
	"scan.bounded.timestamp-millis":   nil,
	"scan.bounded.specific-offsets":   nil,
}

// checkOption refuses an option or a value that is not supported, by its name.
func checkOption(o statements.Option) error {
	values, known := knownOptions[o.Key]
	switch {
	case !known:
		return invalidAt(o.Pos, Suggest(o.Key, slices.Collect(maps.Keys(knownOptions))), "option %q is not supported", o.Key)
	case values != nil && !slices.Contains(values, strings.ToLower(strings.TrimSpace(o.Value))):
		return invalidAt(o.Pos, "it can be "+strings.Join(values, ", "), "option %q: value %q is not supported", o.Key, o.Value)
	}
	return nil
}

// durationUnits are the units of Flink's TimeUtils.
var durationUnits = map[string]time.Duration{
	"":  time.Millisecond,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"min": time.Minute, "m": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"µs": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond, "microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanos": time.Nanosecond, "nanosecond": time.Nanosecond, "nanoseconds": time.Nanosecond,
}

// Duration reads a duration as table options and properties have it: "2 day", "15s", and milliseconds where no unit stands.
func Duration(text string) (time.Duration, error) {
	number, unit := splitNumber(text)
	n, err := strconv.ParseInt(number, 10, 64)
	u, ok := durationUnits[strings.ToLower(unit)]
	if err != nil || !ok {
		return 0, fmt.Errorf("%q is not a duration such as '7 d', '15 s' or '500' for milliseconds", text)
	}
	if n > math.MaxInt64/int64(u) {
		return 0, fmt.Errorf("%q is longer than 292 years", text)
	}
	return time.Duration(n) * u, nil
}

// sizeUnits are the units of Flink's MemorySize.
var sizeUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1,
	"k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10,
	"m": 1 << 20, "mb": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30,
	"t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

func memorySize(text string) (int64, error) {
	number, unit := splitNumber(text)
	n, err := strconv.ParseInt(number, 10, 64)
	u, ok := sizeUnits[strings.ToLower(unit)]
	if err != nil || !ok || n > math.MaxInt64/u {
		return 0, fmt.Errorf("%q is not a size such as '2097164' or '2 mb'", text)
	}
	return n * u, nil
}

func splitNumber(text string) (number, unit string) {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return text, ""
	}
	return text[:end], strings.TrimSpace(text[end:])
}
