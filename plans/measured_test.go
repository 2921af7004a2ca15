package plans

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// TestMeasuredInWords: what was measured is told with how, and as less than all where that is so.
func TestMeasuredInWords(t *testing.T) {
	chain := statements.Dependence{Topic: "orders", Chain: time.Minute, Keyed: true}
	rows := statements.Dependence{Topic: "orders", Rows: 3}
	last := statements.Dependence{Topic: "prices", Last: true}
	unmeasured := statements.Dependence{Chain: time.Minute}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	east := &RegionState{Topics: map[string]*TopicState{
		"orders": {Measured: []Measured{
			{On: chain, Reach: Duration(time.Hour), Records: 1200, From: at, To: at + 60_000},
			{On: rows, Reach: Duration(2 * time.Hour), More: true, Records: 7, From: at, To: at + 60_000, Cut: "older ones are deleted"}}},
		"prices": {Partitions: []PartitionState{{Start: 5, End: 25, Oldest: at, Bytes: 2_000_000}, {Start: 0, End: 10, Oldest: -1}}}}}
	for name, tc := range map[string]struct {
		on    []statements.Dependence
		want  string
		whole time.Duration
	}{
		"a chain": {[]statements.Dependence{chain}, "1h5s so far, by the timestamps of 1,200 records of orders in east, key by key (2026-03-01 12:00:00Z to 2026-03-01 12:01:00Z)", time.Hour + 5*time.Second},
		"rows, not from the beginning": {[]statements.Dependence{rows},
			"at least 2h5s so far, by the timestamps of 7 records of orders in east, without keys (2026-03-01 12:00:00Z to 2026-03-01 12:01:00Z): older ones are deleted", 2*time.Hour + 5*time.Second},
		"all of a compacted topic":  {[]statements.Dependence{last}, "all of prices in east are at most 30 records, 2 MB on disk, from 2026-03-01 12:00:00Z on", 0},
		"what nothing tells":        {[]statements.Dependence{unmeasured}, "", 0},
		"one of two is not told":    {[]statements.Dependence{unmeasured, last}, "all of prices in east are at most 30 records, 2 MB on disk, from 2026-03-01 12:00:00Z on", 0},
		"a topic that is not there": {[]statements.Dependence{{Topic: "nowhere", Last: true}}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Observed{Regions: map[string]*RegionState{"east": east, "west": {}}}
			h := statements.Horizon{Unbounded: true, Data: true, Depends: tc.on, Terms: []statements.Term{{Duration: 5 * time.Second}}}
			text, whole, ok := o.measure(h, []string{"west", "east"})
			if diff := cmp.Diff(tc.want, text); diff != "" || whole != tc.whole || ok != (tc.whole > 0) {
				t.Errorf("%s, %t, -want +got:\n%s", whole, ok, diff)
			}
		})
	}
	east.Topics["orders"].Measured[0] = Measured{On: chain, Error: "orders-0: reading: TOPIC_AUTHORIZATION_FAILED"}
	text, _, ok := (&Observed{Regions: map[string]*RegionState{"east": east}}).measure(statements.Horizon{Data: true, Depends: []statements.Dependence{chain}}, []string{"east"})
	if ok || !strings.HasPrefix(text, "not measured: orders-0") {
		t.Errorf("what may not be read is %q", text)
	}
}
