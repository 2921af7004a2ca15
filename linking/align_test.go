package linking_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestAlignmentShowsHowFarItIs stops an alignment between two batches of filler, looks, and lets another process end it.
func TestAlignmentShowsHowFarItIs(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 1)
	const start = 2*batch.MaxFiller + 1000
	filler, err := batch.Filler(nil, batch.MaxFiller, 0, batch.NoIdentity)
	must(t, err)
	for p.end(p.east, "t", 0) < start {
		appendRaw(t, p.east, "t", filler)
	}
	trimTo(t, p.east, "t", 0, start)
	put(t, p.east, "t", 0, 3)
	ctx, crash := context.WithCancel(t.Context())
	defer crash()
	written := 0
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		if req := kreq.(*kmsg.ProduceRequest); req.TransactionID == nil {
			if written++; written == 2 {
				crash()
				return nil, context.Canceled, true
			}
		}
		return nil, nil, false
	})
	if err := p.link().Run(ctx, linking.RunOptions{}); err == nil {
		t.Fatal("the link was not stopped")
	}
	mirrors, err := p.link().Status(t.Context())
	must(t, err)
	if diff := cmp.Diff(&report.Alignment{Filled: batch.MaxFiller, Of: start, Seconds: float64(start-batch.MaxFiller) / 10e6}, mirrors[0].Aligning); diff != "" {
		t.Errorf("the alignment differs (-want +got):\n%s", diff)
	}
	must(t, p.once())
	p.identical("t")
	if mirrors, err = p.link().Status(t.Context()); err != nil || mirrors[0].Aligning != nil {
		t.Errorf("behind it: %+v, %v", mirrors[0], err)
	}
}

// appendRaw writes one batch as it is to a topic's first partition.
func appendRaw(t *testing.T, r *linking.Region, topic string, body []byte) {
	t.Helper()
	appendTo(t, r, topic, 0, body)
}

// appendTo writes one batch as it is to one partition.
func appendTo(t *testing.T, r *linking.Region, topic string, partition int32, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	meta := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(topic)
	meta.Topics = append(meta.Topics, mt)
	found, err := meta.RequestWith(ctx, r.Client)
	must(t, err)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = topic, found.Topics[0].TopicID
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = partition, body
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := r.Client.Broker(int(leaderIn(found.Topics[0], partition))).Request(ctx, req)
	must(t, err)
	must(t, kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode))
}

func leaderIn(t kmsg.MetadataResponseTopic, partition int32) int32 {
	for _, p := range t.Partitions {
		if p.Partition == partition {
			return p.Leader
		}
	}
	return -1
}
