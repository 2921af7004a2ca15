package dr

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestEventClock: the time of a record is that of the column which the watermark follows, in whatever format it can be read; where it can not, nothing is measured.
func TestEventClock(t *testing.T) {
	env := each.Embedded(t)
	name := each.Name(t, "t")
	r, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}, Registry: &plans.Registry{URL: env.East.Registry}}, linking.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const avroSchema = `{"type":"record","name":"r","fields":[{"name":"ts","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}]}`
	const jsonSchema = `{"type":"object","properties":{"ts":{"type":"number","title":"ts","connect.type":"int64","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Timestamp"}}}`
	id := func(subject string, s sr.Schema) []byte {
		t.Helper()
		ss, err := r.Registry.CreateSchema(t.Context(), subject, s)
		if err != nil {
			t.Fatal(err)
		}
		return []byte{0, byte(ss.ID >> 24), byte(ss.ID >> 16), byte(ss.ID >> 8), byte(ss.ID)}
	}
	inAvro, inJSON := id(name+"-value", sr.Schema{Schema: avroSchema}), id(name+"-json", sr.Schema{Schema: jsonSchema, Type: sr.TypeJSON})
	at := time.UnixMilli(1_700_000_000_123).UTC()
	encoded := func(ts *time.Time) []byte {
		body, err := avro.MustParse(avroSchema).AppendEncode(inAvro[:5:5], &struct {
			TS *time.Time `avro:"ts"`
		}{ts})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	stamp := time.Unix(9, 0)
	for name, tc := range map[string]struct {
		sql   string
		value []byte
		want  int64 // 0: it has no time
		says  string
	}{
		"no watermark":             {"(ts TIMESTAMP_LTZ(3)) WITH ('value.format' = 'avro-registry')", encoded(&at), 9000, ""},
		"$rowtime":                 {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR `$rowtime` AS `$rowtime`) WITH ('value.format' = 'avro-registry')", encoded(&at), 9000, ""},
		"the timestamp's metadata": {"(x STRING, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', WATERMARK FOR ts AS ts) WITH ('value.format' = 'avro-registry')", encoded(&at), 9000, ""},
		"Avro":                     {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'avro-registry')", encoded(&at), at.UnixMilli(), ""},
		"Avro, NULL":               {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'avro-registry')", encoded(nil), 0, ""},
		"a tombstone":              {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'avro-registry')", nil, 0, ""},
		"JSON Schema":              {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'json-registry')", append(inJSON[:5:5], `{"ts":1700000000123}`...), at.UnixMilli(), ""},
		"Protobuf":                 {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'proto-registry')", nil, 0, `its event time ts can not be read: table "t": value.format "proto-registry" is not supported`},
		"computed":                 {"(x BIGINT, ts AS TO_TIMESTAMP_LTZ(x, 3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'avro-registry')", nil, 0, "its event time ts is computed"},
		"no record of the format":  {"(ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts) WITH ('value.format' = 'avro-registry')", []byte("?"), 0, "its event time ts was not read at offset 4 of partition 1"},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := statements.ParseOne("t.sql", "CREATE TABLE t "+tc.sql)
			if len(findings) > 0 {
				t.Fatal(findings)
			}
			table, findings := statements.TableOf(p)
			if len(findings) > 0 {
				t.Fatal(findings)
			}
			clock := clockOf(r, table)
			ms, ok, err := int64(0), false, clock.err
			if err == nil {
				ms, ok, err = clock.of(&kgo.Record{Value: tc.value, Timestamp: stamp, Offset: 4, Partition: 1})
			}
			switch {
			case err != nil:
				if tc.says == "" || !strings.Contains(err.Error(), tc.says) {
					t.Error(err)
				}
			case tc.says != "" || ms != tc.want || ok != (tc.want != 0):
				t.Errorf("%d, %t", ms, ok)
			}
		})
	}
}
