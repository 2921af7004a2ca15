package run

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadScan(t *testing.T) {
	earliest, unbounded := edge{mode: "earliest-offset"}, edge{mode: "unbounded"}
	for _, tc := range []struct {
		name                string
		options, properties map[string]string
		want                scan
		err                 string
	}{
		{"defaults", nil, nil, scan{start: earliest, end: unbounded, idle: progressive, drift: 5 * time.Minute}, ""},
		{"the table's options", map[string]string{"scan.startup.mode": "Timestamp", "scan.startup.timestamp-millis": "5", "error-handling.mode": "ignore"}, nil,
			scan{start: edge{mode: "timestamp", millis: 5, timed: true}, end: unbounded, idle: progressive, drift: 5 * time.Minute, skipBad: true}, ""},
		{"a property over the table", map[string]string{"scan.startup.mode": "earliest-offset"}, map[string]string{"sql.tables.scan.startup.mode": "latest-offset"},
			scan{start: edge{mode: "latest-offset"}, end: unbounded, idle: progressive, drift: 5 * time.Minute}, ""},
		{"explicit offsets over all", nil, map[string]string{"sql.tables.scan.startup.mode": "latest-offset", "lifeboat.start.in": "partition:1,offset:7", "lifeboat.start.other": "partition:0,offset:1"},
			scan{start: edge{mode: "specific-offsets", offsets: map[int32]int64{1: 7}}, end: unbounded, idle: progressive, drift: 5 * time.Minute}, ""},
		{"explicit offsets and a time", nil, map[string]string{"lifeboat.start.in": "partition:1,offset:7", "lifeboat.start-time": "9"},
			scan{start: edge{mode: "specific-offsets", offsets: map[int32]int64{1: 7}, millis: 9, timed: true}, end: unbounded, idle: progressive, drift: 5 * time.Minute}, ""},
		{"a snapshot", nil, map[string]string{"sql.snapshot.mode": "now"}, scan{start: earliest, end: edge{mode: "latest-offset"}, idle: progressive, drift: 5 * time.Minute}, ""},
		{"idleness and drift", nil, map[string]string{"sql.tables.scan.idle-timeout": "0", "sql.tables.scan.watermark-alignment.max-allowed-drift": "0"},
			scan{start: earliest, end: unbounded}, ""},
		{"idleness in minutes", nil, map[string]string{"sql.tables.scan.idle-timeout": "2 min"}, scan{start: earliest, end: unbounded, idle: 2 * time.Minute, drift: 5 * time.Minute}, ""},
		{"timestamp without one", map[string]string{"scan.startup.mode": "timestamp"}, nil, scan{},
			`scan.startup.mode is timestamp, but scan.startup.timestamp-millis is "" and not epoch milliseconds`},
		{"group offsets", map[string]string{"scan.startup.mode": "group-offsets"}, nil, scan{},
			`scan.startup.mode "group-offsets" is not supported: it can be earliest-offset, latest-offset, timestamp or specific-offsets`},
		{"a log of errors", map[string]string{"error-handling.mode": "log"}, nil, scan{}, `table "in": error-handling.mode "log" is not supported: it can be fail or ignore`},
		{"uncommitted", map[string]string{"kafka.consumer.isolation-level": "read-uncommitted"}, nil, scan{},
			`table "in": kafka.consumer.isolation-level "read-uncommitted" is not supported: only read-committed is`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readScan("in", tc.options, tc.properties)
			if text := errorText(err); text != tc.err {
				t.Fatalf("error %q, want %q", text, tc.err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(scan{}, edge{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
