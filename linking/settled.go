package linking

import (
	"cmp"
	"context"
	"fmt"
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
	return fmt.Sprintf("@%d–@%d are written and not replicated yet", e.readable, e.end-1)
}

// listSettled is listBounds for who goes on at the ends of logs: a partition with more in its leader's log than a reader is told has an error.
// It passes when the replicas that are in sync have it, or are out of sync.
func listSettled(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, error) {
	written, err := leaderEnds(ctx, r, topics)
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
		bounds[k] = b
	}
	return bounds, nil
}

// leaderEnds asks leaders where their logs end. That one leads no more, though whoever was asked for leaders does not know it, is an error of its
// partitions: the epoch goes with the question.
func leaderEnds(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, error) {
	meta, err := r.Admin.Metadata(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: looking for leaders: %w", r.Name, err)
	}
	all := map[partitionKey]span{}
	asked := map[int32]*kmsg.ListOffsetsRequest{}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
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
		return nil, fmt.Errorf("%s: asking where logs end: %w", r.Name, context.Cause(ctx))
	}
	return all, nil
}
