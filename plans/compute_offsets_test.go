package plans

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOtherOffsetsAreToldByEveryPlan(t *testing.T) {
	o := observed()
	for i := range o.Mirrors["east-west"] {
		o.Mirrors["east-west"][i].Translated = map[int32]Translation{0: {Why: WhyDeclared, First: 3, Source: 10, Dest: 20}}
	}
	for _, op := range []Operation{OpFailover, OpLink} {
		found := 0
		for _, f := range compute(t, op, Options{}, declared(t), o).Findings {
			if f.Rule == "link/translated" {
				found++
			}
		}
		if found == 0 {
			t.Errorf("the plan for %s does not tell", op)
		}
	}
}

func TestOffsetsOfALinksPartitions(t *testing.T) {
	log := func(start, end int64, g *Gaps) PartitionState {
		return PartitionState{Start: Offset(start), End: Offset(end), Stable: Offset(end), Oldest: -1, Newest: -1, Gaps: g}
	}
	for _, c := range []struct {
		name    string
		link    Link
		from    PartitionState
		to      *PartitionState
		mirror  *MirrorState
		markers string
		policy  string
		want    PartitionOffsets
		text    string
	}{
		{name: "a log without gaps", from: log(0, 100, &Gaps{Looked: 100, Of: 100}),
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it"}},
		{name: "a log that was not looked at", from: log(0, 100, nil),
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", Gaps: -1}},
		{name: "few markers", from: log(0, 100, &Gaps{Offsets: 15, Looked: 100, Of: 100}),
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"fenced"}, Gaps: 15, Seconds: 0.1, Bytes: 1170},
			text: "15 offsets have no record and become a fenced marker each (0.1 s and 1.2 kB)"},
		{name: "many markers, in bulk", from: log(0, 1e6, &Gaps{Offsets: 1000, Looked: 1e5, Of: 1e6}), markers: MarkersAllowed,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"bulk"}, Gaps: 10_000, Estimated: true, Seconds: 0.1, Bytes: 780_000},
			text: "about 10,000 offsets, estimated from a part of the log, have no record and become markers in bulk (0.1 s and 0.8 MB)"},
		{name: "long aborted runs where bulk is denied", from: log(0, 2e6, &Gaps{Offsets: 1_000_300, Aborted: 1_000_000, Looked: 2e6, Of: 2e6}), markers: MarkersDenied,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"filler", "fenced"}, Gaps: 1_000_300, Seconds: 2.1, Bytes: 623_400, Empty: 1_000_000},
			text: "1,000,300 offsets have no record and become empty records of aborted transactions and a fenced marker each (2.1 s and 0.6 MB), of which readers of uncommitted data see 1,000,000 empty records where the source has aborted ones"},
		{name: "long aborted runs where filler is forbidden", link: Link{Gaps: "markers"}, from: log(0, 2e6, &Gaps{Offsets: 1500, Aborted: 1500, Looked: 2e6, Of: 2e6}), markers: MarkersDenied,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"fenced"}, Gaps: 1500, Seconds: 10, Bytes: 117_000},
			text: "1,500 offsets have no record and become a fenced marker each (10.0 s and 117 kB)"},
		{name: "long holes, where the choice is open", policy: "compact", from: log(0, 2e6, &Gaps{Offsets: 1_000_300, Runs: 1_000_000, Looked: 2e6, Of: 2e6}), markers: MarkersDenied,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"fenced"}, Gaps: 1_000_300, Seconds: 6668.667, Bytes: 78_023_400, Fillable: 1_000_000},
			text: "1,000,300 offsets have no record and become a fenced marker each (1h51m8s and 78 MB); with gaps: filler 1,000,000 of them would be tombstones of one key (0.2 s and 0.6 MB), which every reader of the mirror sees until it is promoted and compacted"},
		{name: "long holes, filled", policy: "compact,delete", link: Link{Gaps: GapsFiller}, from: log(0, 2e6, &Gaps{Offsets: 1_000_300, Runs: 1_000_000, Looked: 2e6, Of: 2e6}), markers: MarkersDenied,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"keyed", "fenced"}, Gaps: 1_000_300, Seconds: 2.1667, Bytes: 623_400, Tombstones: 1_000_000},
			text: "1,000,300 offsets have no record and become tombstones of one key and a fenced marker each (2.2 s and 0.6 MB); every reader of the mirror sees 1,000,000 tombstones until it is promoted and compacted"},
		{name: "long holes that bulk markers are quick for", policy: "compact", link: Link{Gaps: GapsFiller}, from: log(0, 2e4, &Gaps{Offsets: 10_000, Runs: 10_000, Looked: 2e4, Of: 2e4}), markers: MarkersAllowed,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"bulk"}, Gaps: 10_000, Seconds: 0.1, Bytes: 780_000},
			text: "10,000 offsets have no record and become markers in bulk (0.1 s and 0.8 MB)"},
		{name: "very large holes, filled", policy: "compact", link: Link{Gaps: GapsFiller}, from: log(0, 2e9, &Gaps{Offsets: 1e9, Runs: 1e9, Large: 1e9, Looked: 2e9, Of: 2e9}), markers: MarkersAllowed,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"keyed"}, Gaps: 1e9, Seconds: 166.6667, Bytes: 600_000_000, Tombstones: 1e9},
			text: "1,000,000,000 offsets have no record and become tombstones of one key (2m46s and 0.6 GB); every reader of the mirror sees 1,000,000,000 tombstones until it is promoted and compacted"},
		{name: "long holes of a topic that is not compacted", link: Link{Gaps: GapsFiller}, from: log(0, 2e4, &Gaps{Offsets: 600, Runs: 600, Looked: 2e4, Of: 2e4}), markers: MarkersDenied,
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"fenced"}, Gaps: 600, Seconds: 4, Bytes: 46_800},
			text: "600 offsets have no record and become a fenced marker each (4.0 s and 46.8 kB)"},
		{name: "an old log", from: log(1e9, 1e9+10, &Gaps{Looked: 10, Of: 10}),
			want: PartitionOffsets{Mode: "identical", Reason: "nothing stands against it", By: []string{"alignment"}, Fill: 1e9, Seconds: 100, Bytes: 600_000_000},
			text: "its log starts later than 0, so 1,000,000,000 offsets are filled and hidden first (about 1m40s and 0.6 GB)"},
		{name: "an old log beyond the bound", link: Link{Offsets: "auto", AlignMax: 1000}, from: log(1e9, 1e9+10, &Gaps{Looked: 10, Of: 10}),
			want: PartitionOffsets{Mode: "translated", Reason: "the source's log begins 1,000,000,000 offsets further on, and links: alignMax allows 1000 to be filled"},
			text: "all partitions translated (the source's log begins 1,000,000,000 offsets further on, and links: alignMax allows 1000 to be filled): readers see its records in their order at other offsets, none of those without a record, and a map of them takes a few bytes for each of their gaps"},
		{name: "other data", link: Link{Offsets: "auto"}, from: log(0, 10, nil), to: &PartitionState{End: 7},
			want: PartitionOffsets{Mode: "translated", Reason: "the partition held other data when the link came, up to @7", Gaps: -1},
			text: "all partitions translated (the partition held other data when the link came, up to @7): readers see its records in their order at other offsets, none of those without a record, and a map of them takes a few bytes for each of their gaps"},
		{name: "a mirror that is translated stays so", from: log(0, 10, nil), to: &PartitionState{End: 17}, mirror: &MirrorState{Translated: map[int32]Translation{0: {Why: WhyDeclared, Source: 9, Dest: 17}}},
			want: PartitionOffsets{Mode: "translated", Reason: "as it was begun: the link declares offsets: translated", Gaps: -1},
			text: "all partitions translated (as it was begun: the link declares offsets: translated): readers see its records in their order at other offsets, none of those without a record, and a map of them takes a few bytes for each of their gaps"},
		{name: "a mirror that is identical stays so", link: Link{Offsets: "translated"}, from: log(0, 10, nil), to: &PartitionState{End: 7}, mirror: &MirrorState{},
			want: PartitionOffsets{Mode: "identical", Reason: "as it was begun; what is declared now holds for mirrors that are begun", Gaps: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &computation{link: &c.link, from: &RegionState{Topics: map[string]*TopicState{"t": {Partitions: []PartitionState{c.from}, Configs: map[string]string{"cleanup.policy": c.policy}}}},
				to: &RegionState{Topics: map[string]*TopicState{}, Markers: c.markers}, mirrors: map[string]MirrorState{}}
			if c.to != nil {
				o.to.Topics["t"] = &TopicState{Partitions: []PartitionState{*c.to}}
			}
			if c.mirror != nil {
				o.mirrors["t"] = *c.mirror
			}
			got := o.offsets(TopicPlan{Name: "t"})
			if diff := cmp.Diff([]PartitionOffsets{c.want}, got, cmp.Comparer(func(a, b float64) bool { return a-b < 1e-3 && b-a < 1e-3 })); diff != "" {
				t.Errorf("offsets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.text, o.offsetsText(got)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}
