package enginetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine"
)

func testCreateTable(t *testing.T, s *suite) {
	table := s.Name("made")
	sql := "CREATE TABLE IF NOT EXISTS `" + table + "` (id BIGINT NOT NULL, price DECIMAL(10, 2), made TIMESTAMP_LTZ(3), name STRING, ok BOOLEAN)\n" +
		"DISTRIBUTED BY (id) INTO 4 BUCKETS WITH ('kafka.retention.time' = '2 d', 'kafka.cleanup-policy' = 'delete-compact', 'kafka.max-message-size' = '1 mb')"
	first := s.create(t, s.Name("ddl-first"), sql)
	if first.Phase != engine.Completed && first.Phase != engine.Pending && first.Phase != engine.Running {
		t.Errorf("phase %s", first.Phase)
	}
	s.await(t, s.Name("ddl-first"), engine.Completed)
	topics, err := s.admin.ListTopics(t.Context(), table)
	if err != nil || topics.Error() != nil {
		t.Fatal(err, topics.Error())
	}
	if got := len(topics[table].Partitions); got != 4 {
		t.Errorf("%d partitions, want 4", got)
	}
	configs, err := s.admin.DescribeTopicConfigs(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, c := range configs {
		for _, kv := range c.Configs {
			if kv.Value != nil {
				have[kv.Key] = *kv.Value
			}
		}
	}
	for k, want := range map[string]string{"retention.ms": "172800000", "max.message.bytes": "1048576", "cleanup.policy": "compact,delete"} {
		if have[k] != want && !(k == "cleanup.policy" && have[k] == "delete,compact") {
			t.Errorf("config %s is %q, want %q", k, have[k], want)
		}
	}
	for subject, field := range map[string]string{table + "-key": "id", table + "-value": "price"} {
		if got, err := s.registry.SchemaByVersion(t.Context(), subject, -1); err != nil || !strings.Contains(got.Schema.Schema, `"`+field+`"`) {
			t.Errorf("subject %s: %v %s", subject, err, got.Schema.Schema)
		}
	}
	// Again it changes nothing; without IF NOT EXISTS it is refused.
	s.declare(t, sql)
	_, err = s.Backend.Create(t.Context(), engine.Spec{Name: s.Name("ddl-again"), SQL: strings.Replace(sql, "IF NOT EXISTS ", "", 1)})
	var invalid *engine.InvalidError
	if !errors.As(err, &invalid) || !strings.Contains(invalid.Message, table) {
		t.Errorf("created again: %v", err)
	}
	_, err = s.Backend.Create(t.Context(), engine.Spec{Name: s.Name("ddl-option"), SQL: "CREATE TABLE `" + s.Name("other") + "` (a INT)\nWITH ('kafka.retention.tim' = '1 d')"})
	if !errors.As(err, &invalid) || invalid.Line != 2 || !strings.Contains(invalid.Message, "kafka.retention.tim") {
		t.Errorf("an unknown option: %v", err)
	}
}

// A mirrored topic comes without its declaration: CREATE TABLE lays it over what is there, where that fits.
func testCreateTableOverTopic(t *testing.T, s *suite) {
	topic := s.Name("there")
	if _, err := s.admin.CreateTopic(t.Context(), 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	s.register(t, topic+"-value", `{"type":"record","name":"r","fields":[{"name":"n","type":"long"},{"name":"name","type":["null","string"],"default":null}]}`)
	for _, tc := range []struct{ name, sql, message string }{
		{"buckets", "CREATE TABLE `%s` (n BIGINT NOT NULL, name STRING) DISTRIBUTED INTO 6 BUCKETS", "3 partitions"},
		{"a column that is not there", "CREATE TABLE `%s` (n BIGINT NOT NULL, nam STRING)", "nam"},
		{"a type that does not fit", "CREATE TABLE `%s` (n STRING, name STRING)", "BIGINT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := s.Backend.Create(t.Context(), engine.Spec{Name: s.Name("ddl"), SQL: fmt.Sprintf(tc.sql, topic)})
			var invalid *engine.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(invalid.Message, tc.message) {
				t.Errorf("%v does not name %q", err, tc.message)
			}
		})
	}
	s.declare(t, fmt.Sprintf("CREATE TABLE `%s` (n BIGINT NOT NULL, name STRING, WATERMARK FOR `$rowtime` AS `$rowtime` - INTERVAL '1' SECOND) DISTRIBUTED INTO 3 BUCKETS", topic))
	versions, err := s.registry.SubjectVersions(t.Context(), topic+"-value")
	if err != nil || len(versions) != 1 {
		t.Errorf("the subject has versions %v, %v: nothing is to be registered over what is there", versions, err)
	}
}

func testInferredTable(t *testing.T, s *suite) {
	in, out := s.Name("plain"), s.Name("plain-out")
	if _, err := s.admin.CreateTopic(t.Context(), 2, 1, nil, in); err != nil {
		t.Fatal(err)
	}
	s.register(t, in+"-value", `{"type":"record","name":"r","fields":[{"name":"n","type":"long"},{"name":"extra","type":"string"},{"name":"name","type":["null","string"],"default":null}]}`)
	s.declare(t, "CREATE TABLE `"+out+"` (n BIGINT NOT NULL, name STRING) WITH ('kafka.retention.time' = '0')")
	s.produce(t,
		s.record(t, in, 0, 1_700_000_000_000, row{"n": int64(1), "extra": "x", "name": "one"}),
		s.record(t, in, 1, 1_700_000_000_000, row{"n": int64(2), "extra": "x", "name": nil}))
	s.create(t, s.Name("infer"), copyOf(in, out))
	s.expect(t, out, []string{"n=1 name=one", "n=2 name=<nil>"})

	// A topic without schemas is a table of raw bytes, and JSON is a language of schemas like another.
	text := s.Name("json")
	if _, err := s.admin.CreateTopic(t.Context(), 1, 1, nil, text); err != nil {
		t.Fatal(err)
	}
	if _, err := s.registry.CreateSchema(t.Context(), text+"-value", sr.Schema{Type: sr.TypeJSON,
		Schema: `{"type":"object","properties":{"n":{"type":"integer"},"name":{"type":"string"}},"required":["n"]}`}); err != nil {
		t.Fatal(err)
	}
	s.produce(t, s.record(t, text, 0, 1_700_000_000_000, row{"n": 3, "name": "three"}))
	s.create(t, s.Name("infer-json"), copyOf(text, out))
	s.expect(t, out, []string{"n=1 name=one", "n=2 name=<nil>", "n=3 name=three"})
}
