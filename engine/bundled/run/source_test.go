package run

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) { each.Main(m) }

func TestPick(t *testing.T) {
	now := time.Unix(0, 0)
	const minute = int64(60_000)
	for _, tc := range []struct {
		name   string
		marks  []int64
		queued []bool
		unread []bool // nothing has arrived, but the log goes on
		want   int    // -1: none
	}{
		{"nothing queued", []int64{0, 0}, []bool{false, false}, nil, -1},
		{"the earliest first", []int64{2 * minute, minute}, []bool{true, true}, nil, 1},
		{"before the first record comes first", []int64{minute, vec.NoWatermark}, []bool{true, true}, nil, 1},
		{"a little ahead goes on", []int64{4 * minute, 0}, []bool{true, false}, []bool{false, true}, 0},
		{"far ahead waits for one that has more", []int64{6 * minute, 0}, []bool{true, false}, []bool{false, true}, -1},
		{"far ahead of one that is read to its end goes on", []int64{6 * minute, 0}, []bool{true, false}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &source{}
			e := newEventTime(len(tc.marks), 0, now)
			for i, mark := range tc.marks {
				p := &inputPartition{number: int32(i), end: noEnd}
				if tc.queued[i] {
					p.queue = make([]fetch.Chunk, 1)
				}
				if tc.unread != nil && tc.unread[i] {
					p.stable = 10
				}
				s.partitions = append(s.partitions, p)
				e.partitions[i].watermark = mark
			}
			got := -1
			if p := s.pick(e, 5*time.Minute); p != nil {
				got = int(p.number)
			}
			if got != tc.want {
				t.Errorf("picked %d, want %d", got, tc.want)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	env := each.Embedded(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(env.East.Bootstrap...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 2, 1, nil, "in"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		r := &kgo.Record{Topic: "in", Partition: int32(i % 2), Timestamp: time.Now().Add(time.Duration(i-10) * time.Second), Value: []byte("x")}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var cut kadm.Offsets
	cut.Add(kadm.Offset{Topic: "in", Partition: 0, At: 2})
	if _, err := admin.DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	unbounded := edge{mode: "unbounded"}
	end := int64(4)
	for _, tc := range []struct {
		name       string
		scan       scan
		checkpoint *manifest
		next, end  []int64
		err        string
	}{
		{"from the log's start", scan{start: edge{mode: "earliest-offset"}, end: unbounded}, nil, []int64{2, 0}, []int64{noEnd, noEnd}, ""},
		{"from its end", scan{start: edge{mode: "latest-offset"}, end: unbounded}, nil, []int64{5, 5}, []int64{noEnd, noEnd}, ""},
		{"given for one partition", scan{start: edge{mode: "specific-offsets", offsets: map[int32]int64{1: 3}}, end: unbounded}, nil, []int64{2, 3}, []int64{noEnd, noEnd}, ""},
		{"bounded", scan{start: edge{mode: "earliest-offset"}, end: edge{mode: "latest-offset"}}, nil, []int64{2, 0}, []int64{5, 5}, ""},
		{"from a checkpoint", scan{start: edge{mode: "latest-offset"}, end: unbounded},
			&manifest{Inputs: map[string][]inputPosition{"in": {{Partition: 0, Next: 3, End: &end}, {Partition: 1, Next: 1}}}}, []int64{3, 1}, []int64{4, noEnd}, ""},
		{"a partition that is newer than the checkpoint", scan{start: edge{mode: "latest-offset"}, end: unbounded},
			&manifest{Inputs: map[string][]inputPosition{"in": {{Partition: 0, Next: 3}}}}, []int64{3, 0}, []int64{noEnd, noEnd}, ""},
		{"held", scan{start: edge{mode: "earliest-offset"}, end: unbounded, hold: map[int32]int64{1: 3}}, nil, []int64{2, 0}, []int64{noEnd, 3}, ""},
		{"held from a checkpoint", scan{start: edge{mode: "earliest-offset"}, end: unbounded, hold: map[int32]int64{0: 4}},
			&manifest{Inputs: map[string][]inputPosition{"in": {{Partition: 0, Next: 4, End: &end}, {Partition: 1, Next: 1}}}}, []int64{4, 1}, []int64{4, noEnd}, ""},
		{"held in a partition that is not there", scan{start: edge{mode: "earliest-offset"}, end: unbounded, hold: map[int32]int64{2: 3}}, nil, nil, nil,
			`topic "in": it is to be held in partition 2`},
		{"a checkpoint of more partitions", scan{end: unbounded},
			&manifest{Inputs: map[string][]inputPosition{"in": {{Partition: 2, Next: 3}}}}, nil, nil, `topic "in": the checkpoint has a position in partition 2`},
		{"an offset for a partition that is not there", scan{start: edge{mode: "specific-offsets", offsets: map[int32]int64{2: 3}}, end: unbounded}, nil, nil, nil,
			`topic "in": a start offset is given for partition 2`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := positions(t.Context(), admin, "in", 2, tc.scan, tc.checkpoint)
			if tc.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tc.err) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var next, end []int64
			for _, p := range got {
				next, end = append(next, p.next), append(end, p.end)
			}
			if diff := cmp.Diff([][]int64{tc.next, tc.end}, [][]int64{next, end}); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("no such topic", func(t *testing.T) {
		_, err := positions(t.Context(), admin, "nope", 2, scan{start: edge{mode: "earliest-offset"}, end: unbounded}, nil)
		if fatal := (*fatalError)(nil); !errors.As(err, &fatal) || !strings.Contains(err.Error(), `topic "nope" does not exist`) {
			t.Error(err)
		}
	})
}
