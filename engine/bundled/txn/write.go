package txn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// produceTimeoutMillis is how long the broker may wait for its replicas.
const produceTimeoutMillis = 30_000

// Write appends batches to their partitions within the open transaction, or begins one, and returns when all are acknowledged by all
// in-sync replicas. Batches of one partition are appended in their order. A batch that the broker may have stored is sent again with the same
// sequence, so it is stored once.
func (p *Producer) Write(ctx context.Context, batches []Batch) error {
	partitions := make([]Partition, len(batches))
	for i := range batches {
		partitions[i] = batches[i].Partition
		if err := p.stamp(batches[i]); err != nil {
			return fmt.Errorf("transactional id %q: %s: %w", p.id, batches[i].Partition, err)
		}
	}
	if err := p.enrol(ctx, partitions); err != nil {
		return err
	}
	// A partition never stands twice in a request: a broker stores only the last one and answers as if all was well.
	for len(batches) > 0 {
		var now, later []Batch
		seen := map[Partition]bool{}
		for _, b := range batches {
			if seen[b.Partition] {
				later = append(later, b)
			} else {
				seen[b.Partition] = true
				now = append(now, b)
			}
		}
		if err := p.send(ctx, now); err != nil {
			return fmt.Errorf("transactional id %q: writing: %w", p.id, fenced(err))
		}
		batches = later
	}
	return nil
}

// Places in the header of a record batch (https://kafka.apache.org/documentation/#recordbatch).
const (
	atCRC        = 17 // of everything behind it
	atAttributes = 21
	atProducerID = 43
	atEpoch      = 51
	atSequence   = 53
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp gives a batch its place in the producer's sequence of the partition.
func (p *Producer) stamp(b Batch) error {
	whole, rest, err := batch.Next(b.Bytes)
	switch {
	case err != nil:
		return err
	case len(whole) == 0 || len(rest) > 0 || !whole.Transactional():
		return errors.New("not one transactional record batch")
	}
	// Not batch.Stamp: what that makes is non-transactional.
	sequence := p.sequence[b.Partition]
	be := binary.BigEndian
	be.PutUint64(whole[atProducerID:], uint64(p.pid))
	be.PutUint16(whole[atEpoch:], uint16(p.epoch))
	be.PutUint32(whole[atSequence:], uint32(sequence))
	be.PutUint32(whole[atCRC:], crc32.Checksum(whole[atAttributes:], castagnoli))
	p.sequence[b.Partition] = batch.NextSequence(sequence, whole.NumRecords())
	return nil
}

// send sends at most one batch a partition, one request a broker, again to new leaders until all are stored.
func (p *Producer) send(ctx context.Context, batches []Batch) error {
	return retry(ctx, func() error {
		byBroker, err := p.leaders.group(ctx, batches)
		if err != nil {
			return err
		}
		var mu sync.Mutex
		var failed []Batch
		var errs []error
		g, gctx := errgroup.WithContext(ctx)
		for broker, part := range byBroker {
			g.Go(func() error {
				bad, err := p.sendTo(gctx, broker, part, &mu)
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, bad...)
				errs = append(errs, err)
				return nil
			})
		}
		_ = g.Wait() // its functions return nil: errors are collected
		batches = failed
		if len(failed) > 0 {
			p.leaders.forget()
		}
		return errors.Join(errs...)
	})
}

// sendTo returns the batches that were not stored, with the reason.
func (p *Producer) sendTo(ctx context.Context, broker int32, batches []Batch, mu *sync.Mutex) ([]Batch, error) {
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = kmsg.StringPtr(p.id), -1, produceTimeoutMillis
	topics := map[string]int{}
	sent := make(map[Partition]Batch, len(batches))
	for _, b := range batches {
		i, ok := topics[b.Topic]
		if !ok {
			i = len(req.Topics)
			topics[b.Topic] = i
			t := kmsg.NewProduceRequestTopic()
			t.Topic = b.Topic
			req.Topics = append(req.Topics, t)
		}
		rp := kmsg.NewProduceRequestTopicPartition()
		rp.Partition, rp.Records = b.Partition.Partition, b.Bytes
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, rp)
		sent[b.Partition] = b
	}
	answer, err := p.client.Broker(int(broker)).RetriableRequest(ctx, req)
	if err != nil {
		return batches, err
	}
	var bad []Batch
	var errs []error
	for _, t := range answer.(*kmsg.ProduceResponse).Topics {
		for _, rp := range t.Partitions {
			tp := Partition{t.Topic, rp.Partition}
			b, ok := sent[tp]
			if !ok {
				return batches, fmt.Errorf("%s: the broker answers for a partition that it was not asked to write", tp)
			}
			delete(sent, tp)
			if err := kerr.ErrorForCode(rp.ErrorCode); err != nil && !errors.Is(err, kerr.DuplicateSequenceNumber) {
				bad, errs = append(bad, b), append(errs, fmt.Errorf("%s: %w", tp, err))
				continue
			}
			mu.Lock()
			p.written[tp] = rp.BaseOffset + int64(batch.Batch(b.Bytes).NumRecords())
			mu.Unlock()
		}
	}
	for tp, b := range sent {
		bad, errs = append(bad, b), append(errs, fmt.Errorf("%s: the broker does not answer for this partition", tp))
	}
	return bad, errors.Join(errs...)
}

// leaders remembers which broker leads which partition.
type leaders struct {
	client *kgo.Client
	of     map[Partition]int32
}

func (l *leaders) forget() { l.of = nil }

// group sorts batches by leader, asking for the leaders it does not know. A topic that does not exist yet, or whose leader is being elected, is
// a retriable error.
func (l *leaders) group(ctx context.Context, batches []Batch) (map[int32][]Batch, error) {
	req := kmsg.NewPtrMetadataRequest()
	asked := map[string]bool{}
	for _, b := range batches {
		if _, known := l.of[b.Partition]; !known && !asked[b.Topic] {
			asked[b.Topic] = true
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = kmsg.StringPtr(b.Topic)
			req.Topics = append(req.Topics, t)
		}
	}
	if len(asked) > 0 {
		resp, err := req.RequestWith(ctx, l.client)
		if err != nil {
			return nil, fmt.Errorf("asking for partition leaders: %w", err)
		}
		if l.of == nil {
			l.of = map[Partition]int32{}
		}
		for _, t := range resp.Topics {
			for _, rp := range t.Partitions {
				if rp.ErrorCode == 0 && rp.Leader >= 0 && t.Topic != nil {
					l.of[Partition{*t.Topic, rp.Partition}] = rp.Leader
				}
			}
		}
	}
	out := map[int32][]Batch{}
	for _, b := range batches {
		leader, ok := l.of[b.Partition]
		if !ok {
			return nil, fmt.Errorf("%s: %w", b.Partition, kerr.LeaderNotAvailable)
		}
		out[leader] = append(out[leader], b)
	}
	return out, nil
}
