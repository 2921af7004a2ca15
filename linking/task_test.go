package linking

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// TestTopicIsTheSumOfItsPieces cuts what is remembered of a topic into tasks' pieces and puts them together again.
func TestTopicIsTheSumOfItsPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 12).Draw(t, "partitions")
		offsets := rapid.MapOf(rapid.Int32Range(0, int32(partitions)-1), rapid.Map(rapid.Int64Range(0, 99), func(n int64) plans.Offset { return plans.Offset(n) }))
		marks := rapid.MapOf(rapid.Int32Range(0, int32(partitions)-1), rapid.Just(true))
		rec := &topicRecord{Topic: rapid.StringMatching(`[a-z]{1,9}`).Draw(t, "topic"), State: rapid.SampledFrom(weight).Draw(t, "state"), SourceID: "id",
			Partitions: partitions, Configs: map[string]string{"retention.ms": "1"}, Source: offsets.Draw(t, "source"), Aligning: marks.Draw(t, "aligning"),
			Ends: offsets.Draw(t, "ends"), Codes: map[int32]string{wholeTopic: CodeSourceDeleted}}
		of := rapid.IntRange(1, 9).Draw(t, "tasks")
		pieces, of1 := map[int]*topicRecord{}, map[int32]int{}
		for n := range of {
			one := task{n, of}
			pieces[n] = one.cut(rec)
			for p := range int32(partitions) {
				if one.mine(partitionKey{rec.Topic, p}) {
					of1[p]++
				} else if _, there := pieces[n].Source[p]; there {
					t.Errorf("task %d of %d remembers partition %d of another one", n, of, p)
				}
			}
			if topic, m := cutPiece(one.piece(rec.Topic)); topic != rec.Topic || m != n {
				t.Errorf("piece %d of %s is called %q", n, rec.Topic, one.piece(rec.Topic))
			}
		}
		for p := range int32(partitions) {
			if of1[p] != 1 {
				t.Errorf("partition %d belongs to %d of %d tasks", p, of1[p], of)
			}
		}
		if diff := cmp.Diff(rec, join(maps.Clone(pieces))); diff != "" {
			t.Errorf("cut into %d and joined (-want +got):\n%s", of, diff)
		}
	})
}

func TestTopicIsInItsWeightiestPiecesState(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []topicRecord
		want   topicRecord
	}{
		{"paused when all of it is", []topicRecord{{State: Paused}, {State: Paused}}, topicRecord{State: Paused}},
		{"pausing", []topicRecord{{State: Paused}, {State: Active}}, topicRecord{State: Active}},
		{"one partition has failed", []topicRecord{{State: Active}, {State: Failed, Error: "why", FailedAt: map[int32]string{3: "why"}}},
			topicRecord{State: Failed, Error: "why", FailedAt: map[int32]string{3: "why"}}},
		{"a condition", []topicRecord{{State: Active}, {State: Active, Error: "waiting"}}, topicRecord{State: Active, Error: "waiting"}},
		{"promoted", []topicRecord{{State: Stopped, Ends: map[int32]plans.Offset{0: 5}}, {State: Stopped, Ends: map[int32]plans.Offset{1: 6}}},
			topicRecord{State: Stopped, Ends: map[int32]plans.Offset{0: 5, 1: 6}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pieces := map[int]*topicRecord{}
			for n := range c.pieces {
				pieces[n] = &c.pieces[n]
			}
			if diff := cmp.Diff(&c.want, join(pieces)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
