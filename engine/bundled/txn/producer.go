// Package txn writes ready record batches in Kafka transactions, and reads back whole compacted topics that were written so.
//
// It is below kgo's producer on purpose: a batch is encoded once, by the caller, and sent as it is, so that what a statement writes costs
// what its bytes cost. Requests are Produce v11, AddPartitionsToTxn v3 and EndTxn v4, which brokers from 2.8 to 4.x serve alike: later
// versions add partitions implicitly and change the epoch with every transaction (KIP-890).
//
// What the batches hold, when a transaction is committed, and what to do after an error is the caller's: after any error but those of
// ErrFenced the way on is a new Open, which aborts what was begun.
package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// ErrFenced says that nothing more can be written by this Producer: another one has opened the same transactional id since, or the
// coordinator has aborted a transaction that stayed open for longer than its timeout.
var ErrFenced = errors.New("fenced: another producer has the transactional id, or the transaction timed out")

// Versions are the API versions that a client for this package must be limited to (kgo.MaxVersions).
func Versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
	v.SetMaxKeyVersion(int16(kmsg.InitProducerID), 4)
	v.SetMaxKeyVersion(int16(kmsg.AddPartitionsToTxn), 3)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	return v
}

// Partition names a partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

func (p Partition) String() string { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }

// Batch is one record batch for a partition, as batch.Builder's BuildTransactional makes it with any identity: Write sets the producer's in
// place.
type Batch struct {
	Partition
	Bytes []byte
}

// Producer writes the transactions of one transactional id, one after the other. It is not safe for concurrent use.
type Producer struct {
	client   *kgo.Client
	id       string
	pid      int64
	epoch    int16
	sequence map[Partition]int32 // next one
	enrolled map[Partition]bool  // in the open transaction
	written  map[Partition]int64 // end of what the open transaction wrote: base offset of the last batch + its records
	leaders  *leaders
}

// Open takes over a transactional id: whoever had it is fenced, what it had begun is aborted, what it had decided is in the log when Open
// returns. timeout is how long the coordinator lets a transaction stay open.
func Open(ctx context.Context, client *kgo.Client, id string, timeout time.Duration) (*Producer, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = kmsg.StringPtr(id)
	req.TransactionTimeoutMillis = int32(timeout.Milliseconds())
	req.ProducerID, req.ProducerEpoch = -1, -1
	p := &Producer{
		client: client, id: id, sequence: map[Partition]int32{}, enrolled: map[Partition]bool{}, written: map[Partition]int64{},
		leaders: &leaders{client: client},
	}
	err := retry(ctx, func() error {
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return nil, fmt.Errorf("transactional id %q: opening: %w", id, err)
	}
	return p, nil
}

// Commit makes everything written since the last Commit or Abort visible, all or nothing. It returns when the coordinator has
// decided; the markers follow within milliseconds. An error other than ErrFenced leaves open what was decided: Open settles it.
func (p *Producer) Commit(ctx context.Context) error { return p.end(ctx, true) }

// Abort drops everything written since the last Commit or Abort.
func (p *Producer) Abort(ctx context.Context) error { return p.end(ctx, false) }

// Dirty reports whether a transaction is open.
func (p *Producer) Dirty() bool { return len(p.enrolled) > 0 }

// Ends returns the log end of every partition that the open transaction has written to, without its marker.
func (p *Producer) Ends() map[Partition]int64 { return p.written }

func (p *Producer) end(ctx context.Context, commit bool) error {
	if !p.Dirty() {
		return nil
	}
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.id, p.pid, p.epoch, commit
	err := retry(ctx, func() error {
		resp, err := req.RequestWith(ctx, p.client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return fmt.Errorf("transactional id %q: ending the transaction: %w", p.id, fenced(err))
	}
	clear(p.enrolled)
	clear(p.written)
	return nil
}

// Touch proves that this producer still has its transactional id, with an empty transaction on a partition. It costs the partition
// one offset, which no consumer sees. Error: ErrFenced.
func (p *Producer) Touch(ctx context.Context, partition Partition) error {
	if err := p.enrol(ctx, []Partition{partition}); err != nil {
		return err
	}
	return p.Abort(ctx)
}

// Current asks the coordinator whether the transactional id is still this producer's, without writing anything (KIP-664, brokers from 3.0).
func (p *Producer) Current(ctx context.Context) (bool, error) {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{p.id}
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return false, fmt.Errorf("transactional id %q: describing: %w", p.id, err)
	}
	for _, t := range resp.TransactionStates {
		if t.TransactionalID != p.id {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return false, fmt.Errorf("transactional id %q: describing: %w", p.id, err)
		}
		return t.ProducerID == p.pid && t.ProducerEpoch == p.epoch, nil
	}
	return false, fmt.Errorf("transactional id %q: describing: the broker does not answer for it", p.id)
}

// enrol adds partitions to the open transaction, or begins one. The markers of the transaction before may still be on
// their way: the broker answers CONCURRENT_TRANSACTIONS until they are there.
func (p *Producer) enrol(ctx context.Context, partitions []Partition) error {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.id, p.pid, p.epoch
	topics := map[string]int{}
	for _, tp := range partitions {
		if p.enrolled[tp] {
			continue
		}
		i, ok := topics[tp.Topic]
		if !ok {
			i = len(req.Topics)
			topics[tp.Topic] = i
			t := kmsg.NewAddPartitionsToTxnRequestTopic()
			t.Topic = tp.Topic
			req.Topics = append(req.Topics, t)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, tp.Partition)
	}
	if len(req.Topics) == 0 {
		return nil
	}
	err := retry(ctx, func() error {
		resp, err := req.RequestWith(ctx, p.client)
		if err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, rp := range t.Partitions {
				if err := kerr.ErrorForCode(rp.ErrorCode); err != nil && !errors.Is(err, kerr.OperationNotAttempted) {
					return fmt.Errorf("%s-%d: %w", t.Topic, rp.Partition, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("transactional id %q: adding partitions: %w", p.id, fenced(err))
	}
	for _, t := range req.Topics {
		for _, n := range t.Partitions {
			p.enrolled[Partition{t.Topic, n}] = true
		}
	}
	return nil
}

// patience is how long an error that goes away by itself is waited for: an election, a broker that starts again. After it the
// caller hears of it, and may well try again.
const patience = 20 * time.Second

// retry calls f until it succeeds, fails for good, or patience or ctx end. Waiting starts in the order of a broker's own delays.
func retry(ctx context.Context, f func() error) error {
	begun := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		err := f()
		if err == nil || !again(err) || time.Since(begun) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// again reports errors that go away by themselves and leave nothing undecided. Connection errors are not among them: kgo has
// tried again by then.
func again(err error) bool {
	for _, e := range []error{
		kerr.ConcurrentTransactions, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator,
		kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable, kerr.NotLeaderForPartition, kerr.RequestTimedOut,
		kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func fenced(err error) error {
	// The last of these is what kfake answers to a batch for a transaction that someone else has ended.
	if errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidTxnState) {
		return fmt.Errorf("%w (%w)", ErrFenced, err)
	}
	return err
}
