package dr

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// What is read of a log to measure it is bounded, and what one partition shows alone tells nothing of pauses.
func TestReadTail(t *testing.T) {
	env := each.Embedded(t)
	name := each.Name(t, "t")
	r, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}}, linking.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Admin.CreateTopic(t.Context(), 2, 1, nil, name); err != nil {
		t.Fatal(err)
	}
	cl := each.Client(t, env.East, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 20 { // partition 0 has one each second, partition 1 one every other second
		rec := &kgo.Record{Topic: name, Key: []byte("k"), Value: make([]byte, 9), Timestamp: time.Unix(int64(i), 0), Partition: 0}
		if err := cl.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Key: []byte("l"), Value: make([]byte, 9), Timestamp: rec.Timestamp, Partition: 1}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	state := &plans.TopicState{Partitions: []plans.PartitionState{{End: 20, Stable: 20}, {End: 10, Stable: 10}}}
	for name2, tc := range map[string]struct {
		most     reading
		records  int64
		from, to int64 // seconds
		cut      string
		reach    time.Duration
		newest   []int64 // seconds, by partition; nil: an end was not read
	}{
		"all of it":                       {reading{1000, 1000, time.Minute}, 30, 0, 19, "", 21 * time.Second, []int64{19, 18}},
		"records":                         {reading{10, 1000, time.Minute}, 7, 15, 19, "no more than the newest 5 offsets of each partition were read", 6 * time.Second, []int64{19, 18}},
		"nothing, but of two partitions":  {reading{1000, 10, time.Minute}, 0, 0, 0, "reading ended after 10 bytes", 0, nil},
		"what is left of time is nothing": {reading{1000, 1000, time.Nanosecond}, 0, 0, 0, "reading ended after 1ns", 0, nil},
	} {
		t.Run(name2, func(t *testing.T) {
			got := readTail(t.Context(), r, name, state, tc.most, eventClock{})
			m := got.measured
			if m.Error != "" || m.Records != tc.records || m.From != tc.from*1000 || m.To != tc.to*1000 || m.Cut != tc.cut {
				t.Errorf("%+v", m)
			}
			reach, more := statements.Dependence{Chain: 2 * time.Second}.Reach(got.rows, m.Cut == "")
			if reach != tc.reach || more != (tc.cut != "") {
				t.Errorf("it reaches back %s, and more: %t", reach, more)
			}
			stands := got.reached(2)
			for i := range stands.Newest {
				stands.Newest[i] /= 1000
			}
			if diff := cmp.Diff(tc.newest, stands.Newest); diff != "" || (stands.Error == "") != (tc.newest != nil) || stands.Stamps != nil {
				t.Errorf("%+v", stands)
			}
		})
	}
}

// TestCommonTime: where partitions begin in the middle, or were left, what they have in common counts.
func TestCommonTime(t *testing.T) {
	const least, most = -1 << 63, 1<<63 - 1
	for name, tc := range map[string]struct {
		spans, left map[int32]span
		parts       map[int32]*ends
		want        [2]int64
	}{
		"whole":                    {map[int32]span{0: {0, 9}, 1: {0, 9}}, nil, map[int32]*ends{0: {5, 50}, 1: {7, 70}}, [2]int64{least, most}},
		"one begins in the middle": {map[int32]span{0: {0, 9}, 1: {3, 9}}, nil, map[int32]*ends{0: {5, 50}, 1: {7, 70}}, [2]int64{7, most}},
		"one was left":             {map[int32]span{0: {0, 9}, 1: {0, 9}}, map[int32]span{0: {0, 9}}, map[int32]*ends{0: {5, 50}, 1: {7, 70}}, [2]int64{least, 50}},
		"one was not come to":      {map[int32]span{0: {0, 9}, 1: {0, 9}}, map[int32]span{0: {0, 9}}, map[int32]*ends{1: {7, 70}}, [2]int64{least, least}},
		"one holds markers alone":  {map[int32]span{0: {0, 9}, 1: {0, 9}}, nil, map[int32]*ends{1: {7, 70}}, [2]int64{least, most}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := common(tc.spans, tc.left, tc.parts)
			if diff := cmp.Diff(tc.want, [2]int64{from, to}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
