package each_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// peer talks to the one partition of a topic in raw requests. Its answers are base offsets, or names of errors.
type peer struct {
	t     *testing.T
	ctx   context.Context
	cl    *kgo.Client
	topic string
	id    [16]byte
}

func newPeer(t *testing.T, r *testenv.Region) *peer {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	p := &peer{t: t, ctx: ctx, cl: each.Client(t, r), topic: each.Name(t, "edge")}
	each.Topic(t, r, p.topic, 1)
	topics, err := kadm.NewClient(p.cl).ListTopics(ctx, p.topic)
	if err != nil {
		t.Fatal(err)
	}
	p.id = topics[p.topic].ID
	return p
}

// batch is a record batch as a client would write it, and the ways to get it wrong.
type batch struct {
	pid        int64
	epoch      int16
	seq        int32
	n          int // records, 0 = 1
	key        string
	at         time.Time // the zero value is now
	base       int64
	attributes int16
	count      int32 // 0 = n
	crcOff     bool
}

func (b batch) bytes() []byte {
	n := max(b.n, 1)
	var records []byte
	for i := range n {
		r := kmsg.Record{OffsetDelta: int32(i), Value: []byte("v")}
		if b.key != "" {
			r.Key = []byte(b.key)
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		records = r.AppendTo(records)
	}
	at := b.at
	if at.IsZero() {
		at = time.Now()
	}
	rb := kmsg.RecordBatch{
		FirstOffset: b.base, PartitionLeaderEpoch: -1, Magic: 2, Attributes: b.attributes, LastOffsetDelta: int32(n - 1),
		FirstTimestamp: at.UnixMilli(), MaxTimestamp: at.UnixMilli(), ProducerID: b.pid, ProducerEpoch: b.epoch, FirstSequence: b.seq,
		NumRecords: int32(n), Records: records,
	}
	if b.count != 0 {
		rb.NumRecords = b.count
		rb.LastOffsetDelta = b.count - 1
	}
	raw := rb.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12)) // length, after base offset and itself
	crc := crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli))
	if b.crcOff {
		crc++
	}
	binary.BigEndian.PutUint32(raw[17:], crc)
	return raw
}

// produce sends all batches as one partition entry.
func (p *peer) produce(batches ...batch) string {
	var raw []byte
	for _, b := range batches {
		raw = append(raw, b.bytes()...)
	}
	return p.send(raw)
}

// produceTogether sends every batch as a partition entry of its own in one request.
func (p *peer) produceTogether(batches ...batch) string {
	var raw [][]byte
	for _, b := range batches {
		raw = append(raw, b.bytes())
	}
	return p.send(raw...)
}

func (p *peer) send(partitions ...[]byte) string {
	p.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = p.topic, p.id
	for _, raw := range partitions {
		part := kmsg.NewProduceRequestTopicPartition()
		part.Records = raw
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(p.ctx, p.cl)
	if err != nil {
		return p.failed("produce", err)
	}
	var answers []string
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			if part.ErrorCode != 0 {
				answers = append(answers, name(part.ErrorCode))
			} else {
				answers = append(answers, fmt.Sprint(part.BaseOffset))
			}
		}
	}
	if len(answers) != 1 {
		return fmt.Sprint(answers)
	}
	return answers[0]
}

func (p *peer) marker(pid int64, epoch int16, coordinatorEpoch int32) string {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = pid, epoch, coordinatorEpoch
	m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: p.topic, Partitions: []int32{0}}}
	req.Markers = append(req.Markers, m)
	shards := p.cl.RequestSharded(p.ctx, req)
	if len(shards) != 1 || shards[0].Err != nil {
		p.t.Fatalf("WriteTxnMarkers: %+v", shards)
	}
	resp := shards[0].Resp.(*kmsg.WriteTxnMarkersResponse)
	if code := resp.Markers[0].Topics[0].Partitions[0].ErrorCode; code != 0 {
		return name(code)
	}
	return "ok"
}

func (p *peer) producers() string {
	described, err := kadm.NewClient(p.cl).DescribeProducers(p.ctx, kadm.TopicsSet{p.topic: {0: {}}})
	if err != nil {
		return p.failed("DescribeProducers", err)
	}
	for _, d := range described.SortedProducers() {
		return fmt.Sprintf("id %d epoch %d last sequence %d", d.ProducerID, d.ProducerEpoch, d.LastSequence)
	}
	return "none"
}

func (p *peer) end() string {
	ends, err := kadm.NewClient(p.cl).ListEndOffsets(p.ctx, p.topic)
	if err != nil {
		return p.failed("ListOffsets", err)
	}
	o, _ := ends.Lookup(p.topic, 0)
	return fmt.Sprint(o.Offset)
}

func (p *peer) deleteRecords(before int64) string {
	var offsets kadm.Offsets
	offsets.AddOffset(p.topic, 0, before, -1)
	resps, err := kadm.NewClient(p.cl).DeleteRecords(p.ctx, offsets)
	if err != nil {
		return p.failed("DeleteRecords", err)
	}
	r, _ := resps.Lookup(p.topic, 0)
	var ke *kerr.Error
	if errors.As(r.Err, &ke) {
		return ke.Message
	}
	return fmt.Sprint("start ", r.LowWatermark)
}

func (p *peer) compact() string {
	_, err := kadm.NewClient(p.cl).AlterTopicConfigs(p.ctx, []kadm.AlterConfig{{Name: "cleanup.policy", Value: kadm.StringPtr("compact")}}, p.topic)
	if err != nil {
		return p.failed("AlterConfigs", err)
	}
	// A broker follows its metadata: wait until it says so.
	for p.ctx.Err() == nil {
		configs, err := kadm.NewClient(p.cl).DescribeTopicConfigs(p.ctx, p.topic)
		if err != nil {
			return p.failed("DescribeConfigs", err)
		}
		for _, c := range configs[0].Configs {
			if c.Key == "cleanup.policy" && c.MaybeValue() == "compact" {
				return "ok"
			}
		}
	}
	return p.failed("AlterConfigs", p.ctx.Err())
}

func (p *peer) failed(what string, err error) string {
	p.t.Helper()
	var ke *kerr.Error
	if errors.As(err, &ke) {
		return ke.Message
	}
	p.t.Fatalf("%s: %v", what, err)
	return ""
}

func name(code int16) string {
	var ke *kerr.Error
	if errors.As(kerr.ErrorForCode(code), &ke) {
		return ke.Message
	}
	return fmt.Sprint("error ", code)
}
