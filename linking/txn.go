package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// txnTimeout is after how long a coordinator aborts a transaction whose process is gone.
const txnTimeout = 30 * time.Second

// transactor makes transactions of one transactional id, one at a time, request by request: what a transaction costs, and which epoch
// its markers carry, is part of the link's protocol. It speaks the first version of Kafka's transactions (KIP-98), in which an epoch
// stays until somebody takes the id over: EndTxn v5 (KIP-890) changes it with every transaction.
type transactor struct {
	region *Region
	link   string
	txid   string
	cl     *kgo.Client
	pid    int64
	epoch  int16
	seq    map[partitionKey]int32 // of the next transactional record
}

// firstTransactions are the request versions of KIP-98 transactions, over everything else at its newest.
func firstTransactions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.AddPartitionsToTxn), 3)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
	return v
}

// newTransactor returns one for lifeboat.LINK.ROLE, which init makes its owner.
func newTransactor(to *Region, link, role string, opts ...kgo.Opt) (*transactor, error) {
	cl, err := kgo.NewClient(append(append(slices.Clone(to.Client.Opts()), kgo.MaxVersions(firstTransactions())), opts...)...)
	if err != nil {
		return nil, fmt.Errorf("%s: link %s: %w", to.Name, link, err)
	}
	return &transactor{region: to, link: link, txid: "lifeboat." + link + "." + role, cl: cl, pid: -1, epoch: -1}, nil
}

func (t *transactor) close() { t.cl.Close() }

// init takes the transactional id over: whoever had it before is fenced, and what they had begun is ended when init returns.
func (t *transactor) init(ctx context.Context) error {
	pid, epoch, err := initProducer(ctx, t.cl, t.txid)
	if err != nil {
		return t.failed("taking it over", err)
	}
	t.pid, t.epoch, t.seq = pid, epoch, map[partitionKey]int32{}
	return nil
}

// recover ends whatever is open or under way of the transactional id as long as it is still this transactor's (KIP-360): nothing of it
// comes into the logs after recover has returned.
func (t *transactor) recover(ctx context.Context) error {
	pid, epoch, err := initProducerAs(ctx, t.cl, t.txid, t.pid, t.epoch)
	if err != nil {
		return t.failed("recovering it", err)
	}
	t.pid, t.epoch, t.seq = pid, epoch, map[partitionKey]int32{}
	return nil
}

// initProducer gets a producer id, of a transactional id or of none.
func initProducer(ctx context.Context, cl *kgo.Client, txid string) (pid int64, epoch int16, err error) {
	return initProducerAs(ctx, cl, txid, -1, -1)
}

// initProducerAs gets the next epoch of a producer id where its epoch is the current one; −1 takes whatever the transactional id has.
func initProducerAs(ctx context.Context, cl *kgo.Client, txid string, id int64, of int16) (pid int64, epoch int16, err error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionTimeoutMillis = int32(txnTimeout.Milliseconds())
	req.ProducerID, req.ProducerEpoch = id, of
	if txid != "" {
		req.TransactionalID = &txid
	}
	for {
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		switch {
		case err == nil:
			return resp.ProducerID, resp.ProducerEpoch, nil
		case errors.Is(err, kerr.ConcurrentTransactions), errors.Is(err, kerr.CoordinatorLoadInProgress):
			if err := wait(ctx, 10*time.Millisecond); err != nil {
				return 0, 0, err
			}
		default:
			return 0, 0, err
		}
	}
}

// add enrols partitions in the transaction, beginning one where none is open.
func (t *transactor) add(ctx context.Context, parts ...partitionKey) error {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.txid, t.pid, t.epoch
	topics := map[string]int{}
	for _, k := range parts {
		i, ok := topics[k.topic]
		if !ok {
			i = len(req.Topics)
			topics[k.topic] = i
			rt := kmsg.NewAddPartitionsToTxnRequestTopic()
			rt.Topic = k.topic
			req.Topics = append(req.Topics, rt)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, k.partition)
	}
	return t.busy(ctx, "adding partitions to a transaction", func() error {
		resp, err := req.RequestWith(ctx, t.cl)
		if err != nil {
			return err
		}
		refused := map[partitionKey]error{}
		for _, rt := range resp.Topics {
			for _, p := range rt.Partitions {
				switch err := kerr.ErrorForCode(p.ErrorCode); {
				case errors.Is(err, kerr.OperationNotAttempted), err == nil: // another partition is why
				case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.UnknownTopicOrPartition):
					refused[partitionKey{rt.Topic, p.Partition}] = err
				default:
					return err // of the whole request
				}
			}
		}
		if len(refused) > 0 {
			return &refusedError{refused}
		}
		return nil
	})
}

// refusedError names the partitions because of which a coordinator enrolled none.
type refusedError struct{ parts map[partitionKey]error }

func (e *refusedError) Error() string {
	for k, err := range e.parts {
		return fmt.Sprintf("%s-%d and %d more: %v", k.topic, k.partition, len(e.parts)-1, err)
	}
	return "no partition"
}
func (e *refusedError) Unwrap() []error { return slices.Collect(maps.Values(e.parts)) }

// end ends the transaction. It is answered before the markers are in the logs.
func (t *transactor) end(ctx context.Context, commit bool) error {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = t.txid, t.pid, t.epoch, commit
	return t.busy(ctx, "ending a transaction", func() error {
		resp, err := req.RequestWith(ctx, t.cl)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
}

// markers writes one abort marker on each partition by an empty transaction, and returns before they are in the logs.
func (t *transactor) markers(ctx context.Context, parts []partitionKey) error {
	if err := t.add(ctx, parts...); err != nil {
		return err
	}
	return t.end(ctx, false)
}

// busy repeats a request while the coordinator still works on the last transaction.
func (t *transactor) busy(ctx context.Context, doing string, request func() error) error {
	for {
		err := request()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kerr.ConcurrentTransactions), errors.Is(err, kerr.CoordinatorLoadInProgress):
			if err := wait(ctx, 4*time.Millisecond); err != nil {
				return t.failed(doing, err)
			}
		default:
			return t.failed(doing, err)
		}
	}
}

// failed wraps an error of this transactional id; one that says that a newer process has it is ErrTakenOver too.
func (t *transactor) failed(doing string, err error) error {
	if fenced(err) {
		return fmt.Errorf("%s: transactional id %s: %s: %w: %w", t.region.Name, t.txid, doing, ErrTakenOver, err)
	}
	return fmt.Errorf("%s: transactional id %s: %s: %w", t.region.Name, t.txid, doing, err)
}

// fenced reports whether a broker's error says that a newer epoch has shut this one out.
func fenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidProducerIDMapping)
}
