package plans

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
			o := &computation{link: &c.link, from: &RegionState{Topics: map[string]*TopicState{"t": {Partitions: []PartitionState{c.from}}}},
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
