package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// RuleOption is the rule under which options of other connectors than the dialect's own are reported that those do not have.
const RuleOption = "sql/option"

// connector is what is documented of a connector.
type connector struct {
	// options are its keys. In one, # stands for the name of a field, and * at the end for anything.
	options []string
	// partly says that it has more than were found documented: only what is near one of them is told.
	partly bool
}

// connectors are those of a dialect beside its own, with the options that its makers' documentation lists: docs/connectors/table of apache/flink,
// flink-connector-kafka and flink-connector-jdbc; Confluent Cloud's pages on sample data and on external tables.
func (d Dialect) connectors() map[string]connector {
	if d == Flink2 {
		return flinkConnectors
	}
	return ccloudConnectors
}

var ccloudConnectors = map[string]connector{
	"faker":          {options: strings.Fields("changelog.mode rows-per-second number-of-rows fields.#.expression fields.#.null-rate fields.#.length"), partly: true},
	"confluent-jdbc": {options: strings.Fields("confluent-jdbc.connection confluent-jdbc.table-name"), partly: true},
	"mongodb":        {options: strings.Fields("mongodb.connection mongodb.database mongodb.collection mongodb.index"), partly: true},
	"rest":           {options: strings.Fields("rest.connection rest.method rest.path"), partly: true},
	"couchbase":      {partly: true},
}

var flinkConnectors = map[string]connector{
	"kafka": {options: strings.Fields(`
topic topic-pattern properties.* format key.format key.fields key.fields-prefix value.format value.fields-include
scan.startup.mode scan.startup.specific-offsets scan.startup.timestamp-millis scan.bounded.mode scan.bounded.specific-offsets scan.bounded.timestamp-millis
scan.topic-partition-discovery.interval scan.parallelism scan.watermark.*
sink.partitioner sink.semantic sink.delivery-guarantee sink.transactional-id-prefix sink.transaction-naming-strategy sink.parallelism`)},
	"upsert-kafka": {options: strings.Fields(`
topic properties.* key.format key.fields-prefix value.format value.fields-include scan.parallelism scan.watermark.*
scan.bounded.mode scan.bounded.specific-offsets scan.bounded.timestamp-millis
sink.parallelism sink.buffer-flush.max-rows sink.buffer-flush.interval sink.delivery-guarantee sink.transactional-id-prefix sink.transaction-naming-strategy`)},
	"jdbc": {options: strings.Fields(`
url table-name driver compatible-mode username password connection.max-retry-timeout
scan.partition.column scan.partition.num scan.partition.lower-bound scan.partition.upper-bound scan.fetch-size scan.auto-commit
lookup.cache lookup.partial-cache.max-rows lookup.partial-cache.expire-after-write lookup.partial-cache.expire-after-access
lookup.partial-cache.cache-missing-key lookup.max-retries lookup.cache.max-rows lookup.cache.ttl lookup.cache.caching-missing-key filter.handling.policy
sink.buffer-flush.max-rows sink.buffer-flush.interval sink.max-retries sink.parallelism`)},
	"filesystem": {options: strings.Fields(`
path format source.monitor-interval source.report-statistics source.path.regex-pattern partition.default-name auto-compaction compaction.file-size compaction.parallelism
partition.time-extractor.kind partition.time-extractor.class partition.time-extractor.timestamp-pattern partition.time-extractor.timestamp-formatter
sink.shuffle-by-partition.enable sink.rolling-policy.file-size sink.rolling-policy.rollover-interval sink.rolling-policy.check-interval
sink.rolling-policy.inactivity-interval sink.partition-commit.trigger sink.partition-commit.delay sink.partition-commit.watermark-time-zone
sink.partition-commit.policy.kind sink.partition-commit.policy.class sink.partition-commit.policy.class.parameters sink.partition-commit.success-file.name sink.parallelism`)},
	"datagen": {options: strings.Fields(`
rows-per-second number-of-rows scan.parallelism fields.#.kind fields.#.min fields.#.max fields.#.max-past fields.#.length fields.#.var-len fields.#.start
fields.#.end fields.#.null-rate`)},
	"print":     {options: strings.Fields("print-identifier standard-error sink.parallelism")},
	"blackhole": {},
}

// ConnectorOptions says which options of tables are none of their connectors', in WITH, ALTER TABLE … SET and the hint OPTIONS, and which connectors are
// misspelt. In the hint those of the dialect's own are too. Nothing is told of a connector that is not known: anybody can make one.
func ConnectorOptions(p *Parsed, cat Catalog, d Dialect) []report.Finding {
	var found []report.Finding
	tell := func(at Pos, remedy, format string, args ...any) {
		f := p.src.finding(RuleOption, at, fmt.Sprintf(format, args...), remedy)
		f.Severity = report.High
		f.Why = "a table with an option that its connector does not know is refused where it is created or read, on the day when it is needed"
		found = append(found, f)
	}
	known := d.connectors()
	check := func(name string, options []Option) {
		of, ok := known[name]
		if !ok {
			return
		}
		for _, o := range options {
			if of.has(o.Key, options) {
				continue
			}
			near := nearest(o.Key, of.named(o.Key))
			switch {
			case near != "":
				tell(o.Pos, "did you mean "+quoteString(near)+"?", "the connector %s has no option %s", name, quoteString(clip(o.Key)))
			case !of.partly:
				tell(o.Pos, of.remedy(), "the connector %s has no option %s", name, quoteString(clip(o.Key)))
			}
		}
	}
	ofTable := func(n Name) string {
		if t, ok := cat.Table(n.Last()); ok {
			return t.Connector()
		}
		return ""
	}
	inspect(p.Statement, func(n Node) {
		switch n := n.(type) {
		case *CreateTable:
			for _, o := range n.Options {
				if o.Key != "connector" {
					continue
				}
				if near := nearest(o.Value, sortedKeys(known)); near != "" && !flinkOrOwn(o.Value) {
					tell(o.Pos, "did you mean "+quoteString(near)+"?", "no connector %s is known", quoteString(clip(o.Value)))
				}
				check(o.Value, n.Options)
				return
			}
			check(ofTable(n.Name), n.Options) // the connector may be that of the table after LIKE
		case *TableRef:
			for _, h := range n.Hints {
				if h.Name != "OPTIONS" {
					continue
				}
				check(ofTable(n.Name), h.Options)
				if t, ok := cat.Table(n.Name.Last()); ok && d != Flink2 {
					for _, o := range h.Options {
						if bad := caught(func() { checkOption(t, o) }); bad != nil {
							found = append(found, p.finding(bad))
						}
					}
				}
			}
		case *SetOptions:
			if name, ok := Alters(p.Statement); ok {
				check(ofTable(name), n.Options)
			}
		}
	})
	return found
}

// flinkOrOwn reports whether a connector is one that a dialect has, refused here or not.
func flinkOrOwn(name string) bool {
	_, flink := flinkConnectors[name]
	_, cloud := ccloudConnectors[name]
	return flink || cloud || name == ownConnector
}

// has reports whether a key is an option of the connector, of every connector, or of a format that the table names.
func (c connector) has(key string, options []Option) bool {
	if key == "connector" || key == "property-version" || slices.ContainsFunc(c.options, func(pattern string) bool { return fits(pattern, key) }) {
		return true
	}
	for _, o := range options {
		if isFormat(o.Key) && strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(key, "key."), "value."), strings.ToLower(o.Value)+".") {
			return true
		}
	}
	return formatOption(key)
}

// formatOption reports whether a key is one of a format's of Flink's: json.ignore-parse-errors, value.avro-confluent.url.
func formatOption(key string) bool {
	format, _, more := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(key, "key."), "value."), ".")
	return more && slices.Contains([]string{"avro", "avro-confluent", "canal-json", "csv", "debezium-avro-confluent", "debezium-json", "json", "maxwell-json", "ogg-json", "orc", "parquet", "protobuf", "raw"}, format)
}

// fits reports whether a key is what a pattern of options stands for.
func fits(pattern, key string) bool {
	if before, after, field := strings.Cut(pattern, "#"); field {
		return len(key) > len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
	}
	if before, any := strings.CutSuffix(pattern, "*"); any {
		return strings.HasPrefix(key, before) && key != before
	}
	return key == pattern
}

// named are the options, with the field that a key names where they have one.
func (c connector) named(key string) []string {
	var out []string
	for _, pattern := range c.options {
		if before, after, field := strings.Cut(pattern, "#"); field {
			if of, ok := strings.CutPrefix(key, before); ok {
				if end := strings.LastIndexByte(of, '.'); end > 0 {
					out = append(out, before+of[:end]+after)
				}
			}
			continue
		}
		if !strings.HasSuffix(pattern, "*") {
			out = append(out, pattern)
		}
	}
	return append(out, "connector")
}

// remedy tells what there is.
func (c connector) remedy() string {
	if len(c.options) == 0 {
		return "leave it out: it has no options"
	}
	return "it has " + strings.Join(c.options, ", ")
}
