package linking_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestMirroredPositionsDoNotExpire has a destination forget the positions of groups without members after a minute, the shortest time that
// brokers know. A group that stands still in the source keeps its position there; one that nobody mirrors loses it meanwhile.
func TestMirroredPositionsDoNotExpire(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: positions take a minute to expire")
	}
	t.Parallel()
	env := each.Kafka(t, each.Sharing(forgetful))
	topic, still, alone := each.Name(t, "t"), each.Name(t, "still"), each.Name(t, "alone")
	p := newPair(t, env, topic)
	p.decl.Groups = plans.Rule{Include: []string{still}}
	each.Topic(t, env.East, topic, 1)
	put(t, p.east, topic, 0, 10)
	commit := func(r *linking.Region, group string) {
		t.Helper()
		p.eventually("the coordinator takes a position", func() bool { // of a broker that has just begun
			return r.Admin.CommitAllOffsets(t.Context(), group, kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: 7, LeaderEpoch: -1}}}) == nil
		})
	}
	position := func(group string) int64 {
		var at kadm.OffsetResponses
		p.eventually("the coordinator tells a position", func() (answered bool) {
			var err error
			at, err = p.west.Admin.FetchOffsets(t.Context(), group)
			return err == nil
		})
		if o, ok := at.Lookup(topic, 0); ok {
			return o.At
		}
		return -1
	}
	stop := p.running()
	// The source's own position must last for the test: a reader that commits the same again and again.
	commit(p.east, still)
	p.eventually("the position is copied", func() bool { return position(still) == 7 })
	commit(p.west, alone)
	begun := time.Now()
	for deadline := begun.Add(3 * time.Minute); position(alone) >= 0; time.Sleep(time.Second) { // what is waited for is the broker's clock
		if time.Now().After(deadline) {
			t.Fatal("the position that nobody keeps has not expired: the test shows nothing")
		}
		commit(p.east, still)
		if at := position(still); at != 7 {
			t.Fatalf("the mirrored group stands at %d after %s", at, time.Since(begun))
		}
	}
	if at := position(still); at != 7 { // it was committed before the one that has expired
		t.Errorf("the mirrored group stands at %d after %s, when another one has expired", at, time.Since(begun))
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
}
