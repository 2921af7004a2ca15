package plans

import (
	"slices"
	"strings"
	"testing"
)

func TestPlanTellsWhatHolesCost(t *testing.T) {
	const nobody, tombstones = "they become markers, which no reader sees", "become tombstones of the key lifeboat.filler"
	for _, tc := range []struct {
		name, gaps, policy string
		end                Offset
		there              bool
		want, not          []string
	}{
		{"a topic that is not compacted", "", "delete", 1e9, false, nil, []string{"it is compacted"}},
		{"a mirror that is there", "", "compact", 1e9, true, nil, []string{"it is compacted"}},
		{"a few offsets", "", "compact", 400, false, nil, []string{"it is compacted"}},
		{"markers", "", "compact", 100_001, false, []string{"up to 100,000 offsets", nobody, "1.0 s and 7.8 MB", "11m6s without ALTER on the cluster of west"}, []string{"filler"}},
		{"also by age", "markers", "compact,delete", 100_001, false, []string{nobody, "1.0 s and 7.8 MB"}, nil},
		{"without bulk markers", "fenced", "compact", 100_001, false, []string{nobody, "by empty transactions (at most 11m6s and 7.8 MB)"}, []string{"ALTER"}},
		{"the other way of very large ones", "", "compact", 1e9 + 1, false, []string{nobody, "2h46m40s and 78 GB", "gaps: filler takes at most 2m46s and 0.6 GB"}, nil},
		{"filler", GapsFiller, "compact", 1e9 + 1, false, []string{tombstones, "at most 2m46s and 0.6 GB", "every reader of the mirror sees until it is promoted and compacted"}, []string{"ALTER", "gaps: filler"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, o := declared(t), observed()
			d.Topology.Links[0].Gaps = tc.gaps
			o.Regions["east"].Topics["airlines"].Configs["cleanup.policy"] = tc.policy
			o.Regions["east"].Topics["airlines"].Partitions = partitions(tc.end)
			if !tc.there {
				delete(o.Regions["west"].Topics, "airlines")
				o.Mirrors["east-west"] = o.Mirrors["east-west"][1:]
			}
			p := compute(t, OpLink, Options{}, d, o)
			i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Kind == StepCreateTopic && strings.Contains(s.Goal, "airlines") })
			if i < 0 {
				t.Fatal("no step makes the topic")
			}
			for _, text := range tc.want {
				if !strings.Contains(p.Steps[i].Reason, text) {
					t.Errorf("%q is missing in %q", text, p.Steps[i].Reason)
				}
			}
			for _, text := range tc.not {
				if strings.Contains(p.Steps[i].Reason, text) {
					t.Errorf("%q is in %q", text, p.Steps[i].Reason)
				}
			}
		})
	}
}
