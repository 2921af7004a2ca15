package plans

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// TestStanding: what a horizon is reckoned from is as far behind the clock as the slowest topic of it, and nothing is said where one is not known.
func TestStanding(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMilli() }
	topics := map[string]*TopicState{
		"a":      {Reached: &Reached{Newest: []int64{ago(time.Minute), ago(time.Second)}, Records: 7}},
		"m":      {Reached: &Reached{Column: "ts", Newest: []int64{ago(time.Hour), ago(3 * time.Hour), -1}, Stamps: []int64{ago(time.Hour), ago(2 * time.Hour), -1}, Records: 5}},
		"slow":   {Reached: &Reached{Column: "ts", Newest: []int64{ago(time.Hour), ago(3 * time.Hour)}, Stamps: []int64{ago(time.Minute), ago(time.Second)}, Records: 5}},
		"null":   {Reached: &Reached{Column: "ts", Newest: []int64{ago(time.Hour), -1}, Stamps: []int64{ago(time.Minute), ago(time.Second)}, Records: 5}},
		"future": {Reached: &Reached{Newest: []int64{ago(-time.Hour)}, Records: 1}},
		"empty":  {Reached: &Reached{Newest: []int64{-1}}},
		"barred": {Reached: &Reached{Error: "TOPIC_AUTHORIZATION_FAILED"}},
		"unread": {},
	}
	o := &Observed{At: now, Regions: map[string]*RegionState{"east": {Topics: topics}, "west": {Topics: map[string]*TopicState{"a": {Reached: &Reached{Newest: []int64{0}}}}}}}
	flink := &analysis{tables: statements.Tables{"m": {Name: "m", Dialect: statements.Flink2}, "a": {Name: "a", Dialect: statements.Flink2}}}
	cloud := &analysis{tables: statements.Tables{}}
	for name, tc := range map[string]struct {
		a      *analysis
		pauses []string
		want   time.Duration // -1: not known
		says   string
	}{
		"the slowest partition":                   {cloud, []string{"a"}, time.Minute, "a in east has come to 2026-03-01 11:59:00Z, by the timestamps of 7 records"},
		"a partition that idles holds nothing":    {cloud, []string{"m"}, time.Hour, "by ts of 5 records"},
		"a partition of old rows does not idle":   {cloud, []string{"slow"}, 3 * time.Hour, "by ts of 5 records"},
		"a partition without times does not idle": {cloud, []string{"null"}, -1, "partition 1 holds no record with a time"},
		"the slowest topic":                       {cloud, []string{"a", "m"}, time.Hour, "m in east"},
		"where none idles, an empty one holds on": {flink, []string{"m"}, -1, "how far m has come in east is not known: partition 2 holds no record"},
		"where none idles":                        {flink, []string{"a"}, time.Minute, "a in east"},
		"ahead of the clock":                      {cloud, []string{"future"}, 0, "future in east"},
		"no record":                               {cloud, []string{"a", "empty"}, -1, "it holds no record"},
		"may not be read":                         {cloud, []string{"barred"}, -1, "TOPIC_AUTHORIZATION_FAILED"},
		"nobody has looked":                       {cloud, []string{"a", "unread"}, -1, ""},
		"it is nowhere":                           {cloud, []string{"nowhere"}, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var h statements.Horizon
			for _, p := range tc.pauses {
				h.Pauses = append(h.Pauses, statements.Pause{Topic: p})
			}
			got, why := tc.a.standing(o, h, []string{"east", "west"})
			switch {
			case got == nil:
				if tc.want >= 0 || !strings.Contains(why, tc.says) || (why == "") != (tc.says == "") {
					t.Errorf("not known: %s", why)
				}
			case got.For != tc.want || !strings.Contains(got.Why, tc.says):
				t.Errorf("%s: %s", got.For, got.Why)
			}
		})
	}
}
