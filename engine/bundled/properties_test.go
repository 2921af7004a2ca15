package bundled

import (
	"errors"
	"testing"

	"github.com/lifeboat-dr/lifeboat/engine"
)

func TestCheckProperties(t *testing.T) {
	for _, tc := range []struct {
		name, key, value string
		err, hint        string
	}{
		{"a catalog", "sql.current-catalog", "anything", "", ""},
		{"a shell's own", "client.output-format", "tabular", "", ""},
		{"a secret", "sql.secrets.openai", "x", "", ""},
		{"start offsets", "lifeboat.start.my topic", "partition:0,offset:1", "", ""},
		{"idleness", "sql.tables.scan.idle-timeout", "progressive", "", ""},
		{"no idleness", "sql.tables.scan.idle-timeout", "0", "", ""},
		{"a time zone", "sql.local-time-zone", "Europe/Berlin", "", ""},
		{"the default TTL", "sql.state-ttl", "0", "", ""},
		{"a typing error", "sql.dry-rum", "true", `property "sql.dry-rum" is not supported`, "did you mean sql.dry-run?"},
		{"unknown", "pipeline.name", "x", `property "pipeline.name" is not supported`, ""},
		{"carry-over offsets", "sql.tables.initial-offset-from", "old", `property "sql.tables.initial-offset-from" is not supported`, ""},
		{"a TTL", "sql.state-ttl", "1 h", `property "sql.state-ttl": "1 h": no state-ttl but 0 (never) is supported`, ""},
		{"not a boolean", "sql.dry-run", "yes", `property "sql.dry-run": "yes" is not one of true, false`, ""},
		{"no such zone", "sql.local-time-zone", "Mars/Base", `property "sql.local-time-zone": "Mars/Base" is not a time zone such as UTC or Europe/Berlin`, ""},
		{"not a number", "lifeboat.emit.from", "noon", `property "lifeboat.emit.from": "noon" is not a whole number`, ""},
		{"no offsets", "lifeboat.start.t", "5", `property "lifeboat.start.t": offsets: "5" is not of the form partition:0,offset:42`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkProperties(map[string]string{tc.key: tc.value})
			if tc.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *engine.InvalidError
			if !errors.As(err, &refused) || refused.Message != tc.err || refused.Hint != tc.hint {
				t.Errorf("%#v, want %q, hint %q", err, tc.err, tc.hint)
			}
		})
	}
}
