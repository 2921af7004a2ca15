package linking_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// startsAt makes a topic of the source whose partitions' logs start at an offset of at most a few batches of filler, with three records behind it.
func (p *pair) startsAt(topic string, partitions int32, start int64) {
	p.t.Helper()
	each.Topic(p.t, p.env.East, topic, partitions)
	for n := range partitions {
		for at := int64(0); at < start; {
			filler, err := batch.Filler(nil, int32(min(batch.MaxFiller, start-at)), 0, batch.NoIdentity)
			must(p.t, err)
			appendTo(p.t, p.east, topic, n, filler)
			at += min(batch.MaxFiller, start-at)
		}
		trimTo(p.t, p.east, topic, n, start)
		put(p.t, p.east, topic, n, 3)
	}
}

// onFiller has a destination answer produce requests outside transactions otherwise, until the mirror has its records.
func onFiller(env *testenv.Env, answer func(n int, req *kmsg.ProduceRequest) (kmsg.Response, error, bool)) {
	n := 0
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		if req.TransactionID != nil {
			return nil, nil, false
		}
		n++
		return answer(n, req)
	})
}

// TestAlignmentGoesOnAfterErrorsThatPass: a leader that moves, a connection that breaks and an answer that is lost used to end the mirror as
// refused by the destination, with the hint to grant rights.
func TestAlignmentGoesOnAfterErrorsThatPass(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	p.startsAt("t", 1, 3*batch.MaxFiller+1000)
	onFiller(env, func(n int, req *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
		switch n {
		case 1, 4:
			return produceRefused(req, kerr.NotLeaderForPartition), nil, true
		case 3:
			return nil, errors.New("the connection breaks"), true
		case 6:
			return produceRefused(req, kerr.OutOfOrderSequenceNumber), nil, true
		}
		return nil, nil, false
	})
	must(t, p.once())
	p.identical("t")
}

// TestAlignmentThatIsRefusedSaysWhat: only what the destination refuses ends a mirror.
func TestAlignmentThatIsRefusedSaysWhat(t *testing.T) {
	t.Parallel()
	for code, want := range map[*kerr.Error]string{
		kerr.MessageTooLarge:          "west refuses its filler",
		kerr.TopicAuthorizationFailed: "aligning the log with the source's log start",
	} {
		t.Run(code.Message, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			p.startsAt("t", 1, 1000)
			onFiller(env, func(_ int, req *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
				return produceRefused(req, code), nil, true
			})
			err, ok := errors.AsType[*linking.MirrorError](p.once())
			if !ok || err.Code != linking.CodeRefused || !strings.Contains(err.Detail, want) || err.Hint == "" {
				t.Errorf("the mirror failed with %v", err)
			}
		})
	}
}

// TestFewLogsAreAlignedTogether: every partition used to be filled at the same time, each with a batch of filler of its own in memory.
func TestFewLogsAreAlignedTogether(t *testing.T) {
	t.Parallel()
	const partitions = 24
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	p.startsAt("t", partitions, 1000)
	filling, most := map[int32]bool{}, 0
	onFiller(env, func(_ int, req *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
		for _, rp := range req.Topics[0].Partitions {
			if batch.Batch(rp.Records).NumRecords() == 1000 {
				filling[rp.Partition] = true
			}
		}
		most = max(most, len(filling))
		return nil, nil, false
	})
	hidden := 0
	env.West.Fake.ControlKey(int16(kmsg.DeleteRecords), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		for _, rp := range kreq.(*kmsg.DeleteRecordsRequest).Topics[0].Partitions {
			delete(filling, rp.Partition)
			hidden++
		}
		return nil, nil, false
	})
	must(t, p.once())
	p.identical("t")
	if most > 8 || hidden != partitions {
		t.Errorf("%d logs were filled at a time and %d hidden, want 8 at most and %d", most, hidden, partitions)
	}
}
