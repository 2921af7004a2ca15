package linking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// largeBatch is one of about mib MiB in records of 100 KiB.
func largeBatch(t *testing.T, codec batch.Codec, mib int) []byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(mib), 1))
	b, value := batch.NewBuilder(codec), make([]byte, 100<<10)
	for i := range mib * 10 {
		for j := range value {
			value[j] = byte(rnd.Uint32())
		}
		b.Append(int64(1_700_000_000_000+i), fmt.Append(nil, i), value, batch.Headers{})
	}
	body, err := b.Build(nil, batch.NoIdentity)
	must(t, err)
	return body
}

// takes sets how large a topic's batches may be in a region.
func takes(t *testing.T, r *linking.Region, topic string, bytes int) {
	t.Helper()
	value := strconv.Itoa(bytes)
	resp, err := r.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &value}}, topic)
	must(t, err)
	for _, answer := range resp {
		must(t, answer.Err)
	}
}

// TestLargeBatchesAreCut: a batch that was too large for the destination used to end its mirror. The limit there falls to 1 MiB beside the link.
func TestLargeBatchesAreCut(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, env *testenv.Env, offsets string) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.decl.Offsets, p.decl.Topics.Drift = offsets, plans.DriftReport
		each.Topic(t, env.East, topic, 1, "max.message.bytes=20000000")
		put(t, p.east, topic, 0, 2)
		stop := p.running()
		p.await(topic)
		takes(t, p.west, topic, 1<<20)
		appendRaw(t, p.east, topic, largeBatch(t, batch.None, 3))
		put(t, p.east, topic, 0, 1)
		appendRaw(t, p.east, topic, largeBatch(t, batch.LZ4, 12))
		put(t, p.east, topic, 0, 2)
		p.await(topic)
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if offsets == plans.OffsetsIdentical {
			p.identical(topic)
		} else if east, west := consume(t, p.east, topic), consume(t, p.west, topic); len(east.Records[0]) != len(west.Records[0]) {
			t.Errorf("%d records in the east, %d in the west", len(east.Records[0]), len(west.Records[0]))
		}
	}
	t.Run("embedded", func(t *testing.T) { run(t, each.Embedded(t), plans.OffsetsIdentical) })
	t.Run("translated", func(t *testing.T) { run(t, each.Embedded(t), plans.OffsetsTranslated) })
	t.Run("kafka", func(t *testing.T) { run(t, each.Kafka(t), plans.OffsetsIdentical) })
}

// TestRecordThatIsTooLargeSaysHowLarge: one record can not be cut.
func TestRecordThatIsTooLargeSaysHowLarge(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	p.decl.Topics.Configs = map[string]string{"max.message.bytes": "300000"}
	each.Topic(t, env.East, "t", 1)
	put(t, p.east, "t", 0, 2)
	b := batch.NewBuilder(batch.None)
	b.Append(1, nil, make([]byte, 400_000), batch.Headers{})
	b.Append(2, nil, []byte("small"), batch.Headers{})
	body, err := b.Build(nil, batch.NoIdentity)
	must(t, err)
	appendRaw(t, p.east, "t", body)
	merr, ok := errors.AsType[*linking.MirrorError](p.once())
	if !ok || merr.Code != linking.CodeRefused || merr.First != 2 || merr.End != 3 || !strings.Contains(merr.Detail, "a single record that takes 400") || !strings.Contains(merr.Hint, "max.message.bytes") {
		t.Errorf("the mirror failed with %v", merr)
	}
	if end := p.end(p.west, "t", 0); end != 2 {
		t.Errorf("the mirror ends at %d, want everything in front of the record", end)
	}
}

// TestRequestsGetSmallerWhereConnectionsAreCut has a broker that cuts the connection of requests of more than 300 KB.
func TestRequestsGetSmallerWhereConnectionsAreCut(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 8)
	for n := range int32(8) {
		for range 3 {
			b := batch.NewBuilder(batch.None)
			b.Append(1, nil, make([]byte, 200_000), batch.Headers{})
			body, err := b.Build(nil, batch.NoIdentity)
			must(t, err)
			appendTo(t, p.east, "t", n, body)
		}
	}
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		size := 0
		for _, rt := range kreq.(*kmsg.ProduceRequest).Topics {
			for _, rp := range rt.Partitions {
				size += len(rp.Records)
			}
		}
		if size > 300_000 {
			return nil, errors.New("the request is too large"), true
		}
		return nil, nil, false
	})
	must(t, p.once())
	p.identical("t")
	// A batch that fits in no request is named, and the others go on.
	b := batch.NewBuilder(batch.None)
	b.Append(1, nil, make([]byte, 350_000), batch.Headers{})
	body, err := b.Build(nil, batch.NoIdentity)
	must(t, err)
	stop := p.running()
	appendTo(t, p.east, "t", 3, body)
	p.eventually("the batch is named", func() bool {
		mirrors, err := p.link().Status(t.Context())
		return err == nil && len(mirrors) == 8 && strings.Contains(mirrors[3].Error, "REQUEST_CUT_OFF") && strings.Contains(mirrors[3].Error, "socket.request.max.bytes")
	})
	put(t, p.east, "t", 0, 1)
	p.eventually("another partition goes on", func() bool { return p.end(p.west, "t", 0) == 4 })
	_ = stop()
}

// TestBrokerThatTakesSmallRequestsOnly mirrors into Kafka with a limit on requests far below what the link packs.
func TestBrokerThatTakesSmallRequestsOnly(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.With(testenv.Options{Configs: map[string]string{"socket.request.max.bytes": "1048576"}}))
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 12)
	for n := range int32(12) {
		for range 4 {
			b := batch.NewBuilder(batch.None)
			b.Append(1, nil, make([]byte, 500_000), batch.Headers{})
			body, err := b.Build(nil, batch.NoIdentity)
			must(t, err)
			appendTo(t, p.east, "t", n, body)
		}
	}
	must(t, p.once())
	p.identical("t")
}
