package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// debuggingReplica asks for log end offsets as a replica sees them, where a consumer is told the high watermark
// (ListOffsetsRequest.DEBUGGING_REPLICA_ID of Apache Kafka).
const debuggingReplica = -2

// unsettledError is a log of which more is written than all in-sync replicas have. What that is can be neither read nor relied on, yet it takes the
// next offsets: whoever wrote now where the log seems to end would write behind it.
type unsettledError struct{ readable, end int64 }

func (e *unsettledError) Error() string {
	return fmt.Sprintf("%s: @%d–@%d are written and not replicated yet", CodeUnsettled, e.readable, e.end-1)
}

// replicas are those of a partition some of which are not in sync.
type replicas struct {
	of  int
	out []int32 // the brokers that have those
}

// outOfSyncError is a log that does not go on, or does not tell where it ends, with replicas that are not in sync. Where it has fewer than its
// min.insync.replicas it stays so until they are back.
type outOfSyncError struct {
	replicas
	err error
}

func (e *outOfSyncError) Error() string {
	return fmt.Sprintf("%s: %d of %d replicas in sync, without brokers %v: %v", CodeOutOfSync, e.of-len(e.out), e.of, e.out, e.err)
}

func (e *outOfSyncError) Unwrap() error { return e.err }

// explain adds to an error of a log's ends that comes of replicas which of them are missing.
func (r *replicas) explain(err error) error {
	if _, unsettled := errors.AsType[*unsettledError](err); r == nil || !unsettled && !errors.Is(err, kerr.OffsetNotAvailable) {
		return err
	}
	return &outOfSyncError{*r, err}
}

// forReplicas says that what is waited for is replicas. It says more than that the brokers which have them do not answer.
func forReplicas(err error) bool {
	_, out := errors.AsType[*outOfSyncError](err)
	return out || errors.Is(err, kerr.NotEnoughReplicas) || errors.Is(err, kerr.NotEnoughReplicasAfterAppend)
}

// listSettled is listBounds for who goes on at the ends of logs: a partition with more in its leader's log than a reader is told has an error.
// It passes when the replicas that are in sync have it, or are out of sync.
func listSettled(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, error) {
	written, missing, err := leaderEnds(ctx, r, topics)
	if err != nil {
		return nil, err
	}
	bounds, err := listBounds(ctx, r, topics) // after it: what is readable now was written by then
	if err != nil {
		return nil, err
	}
	for k, b := range bounds {
		w, known := written[k]
		switch {
		case b.err != nil:
		case !known:
			b.err = kerr.UnknownTopicOrPartition // it is newer than the question
		case w.err != nil:
			b.err = w.err
		case w.end > b.end:
			b.err = &unsettledError{b.end, w.end}
		}
		b.err = missing[k].explain(b.err)
		bounds[k] = b
	}
	return bounds, nil
}

// leaderEnds asks leaders where their logs end. That one leads no more, though whoever was asked for leaders does not know it, is an error of its
// partitions: the epoch goes with the question. It also returns which partitions have replicas that are not in sync.
func leaderEnds(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, map[partitionKey]*replicas, error) {
	meta, err := r.Admin.Metadata(ctx, topics...)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: looking for leaders: %w", r.Name, err)
	}
	all, missing := map[partitionKey]span{}, map[partitionKey]*replicas{}
	asked := map[int32]*kmsg.ListOffsetsRequest{}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if out := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.ISR, id) }); len(out) > 0 {
				slices.Sort(out)
				missing[partitionKey{t.Topic, p.Partition}] = &replicas{of: len(p.Replicas), out: out}
			}
			if err := cmp.Or(t.Err, p.Err); err != nil || p.Leader < 0 {
				all[partitionKey{t.Topic, p.Partition}] = span{err: cmp.Or(err, error(kerr.LeaderNotAvailable))}
				continue
			}
			req := asked[p.Leader]
			if req == nil {
				req = kmsg.NewPtrListOffsetsRequest()
				req.ReplicaID = debuggingReplica
				asked[p.Leader] = req
			}
			if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != t.Topic {
				rt := kmsg.NewListOffsetsRequestTopic()
				rt.Topic = t.Topic
				req.Topics = append(req.Topics, rt)
			}
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.CurrentLeaderEpoch, rp.Timestamp = p.Partition, p.LeaderEpoch, -1
			rt := &req.Topics[len(req.Topics)-1]
			rt.Partitions = append(rt.Partitions, rp)
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	for leader, req := range asked {
		g.Go(func() error {
			resp, err := r.Client.Broker(int(leader)).RetriableRequest(ctx, req)
			mu.Lock()
			defer mu.Unlock()
			if err != nil { // this broker's partitions are not known
				for _, t := range req.Topics {
					for _, p := range t.Partitions {
						all[partitionKey{t.Topic, p.Partition}] = span{err: fmt.Errorf("asking its leader, broker %d, where it ends: %w", leader, err)}
					}
				}
				return ctx.Err()
			}
			for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
				for _, p := range t.Partitions {
					all[partitionKey{t.Topic, p.Partition}] = span{end: p.Offset, err: kerr.ErrorForCode(p.ErrorCode)}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, fmt.Errorf("%s: asking where logs end: %w", r.Name, context.Cause(ctx))
	}
	return all, missing, nil
}
