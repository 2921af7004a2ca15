package catalog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/statements"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500": 500 * time.Millisecond, "0": 0, "7 d": 7 * 24 * time.Hour, "2 day": 48 * time.Hour, "15s": 15 * time.Second, " 3 MIN ": 3 * time.Minute,
		"1 h": time.Hour, "4 µs": 4 * time.Microsecond, "9 ns": 9,
	} {
		if got, err := Duration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1", "1.5 h", "3 fortnights", "99999999999999999999", "9223372036854775807 d"} {
		if got, err := Duration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzDuration(f *testing.F) {
	f.Add("2 day")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := Duration(text); err == nil && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
		if n, err := memorySize(text); err == nil && n < 0 {
			t.Errorf("%q is %d bytes", text, n)
		}
	})
}

func TestTopicConfigs(t *testing.T) {
	defaults := map[string]string{
		"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1", "max.message.bytes": "2097164", "message.timestamp.type": "CreateTime",
	}
	with := func(kv ...string) map[string]string {
		out := map[string]string{}
		for k, v := range defaults {
			out[k] = v
		}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = kv[i+1]
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		table statements.Table
		want  map[string]string
		err   string
	}{
		{"defaults", statements.Table{}, defaults, ""},
		{"for ever", statements.Table{Options: map[string]string{"kafka.retention.time": "0"}}, with("retention.ms", "-1"), ""},
		{"upsert is compacted", statements.Table{PrimaryKey: []string{"a"}}, with("cleanup.policy", "compact"), ""},
		{"unless append is said", statements.Table{PrimaryKey: []string{"a"}, Options: map[string]string{"changelog.mode": "append"}}, defaults, ""},
		{"sizes", statements.Table{Options: map[string]string{"kafka.retention.size": "1 gb", "kafka.max-message-size": "4mb"}}, with("retention.bytes", "1073741824", "max.message.bytes", "4194304"), ""},
		{"both policies", statements.Table{Options: map[string]string{"kafka.cleanup-policy": "delete-compact", "kafka.compaction.time": "1 d"}},
			with("cleanup.policy", "compact,delete", "max.compaction.lag.ms", "86400000"), ""},
		{"no policy", statements.Table{Options: map[string]string{"kafka.cleanup-policy": "keep"}}, nil, `option 'kafka.cleanup-policy' = "keep": it is delete, compact or delete-compact`},
		{"no duration", statements.Table{Options: map[string]string{"kafka.retention.time": "-1"}}, nil,
			`option 'kafka.retention.time': "-1" is not a duration such as '7 d', '15 s' or '500' for milliseconds`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			configs, err := topicConfigs(&tc.table)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for k, v := range configs {
				got[k] = *v
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"flights", "flights_by_hour", "airlines"}
	for name, want := range map[string]string{"flihgts": "did you mean flights?", "airline": "did you mean airlines?", "weather": "", "": ""} {
		if got := Suggest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
