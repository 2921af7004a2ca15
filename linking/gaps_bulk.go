package linking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// bulkRound asks the partitions' leaders for as many markers as one request holds. The answers hide errors of single markers: the log
// ends tell.
func (g *gapWriter) bulkRound(ctx context.Context, bulkID int64, open []*hole) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bulkTimeout, fmt.Errorf("%s: bulk markers: no answer for %s", g.region.Name, bulkTimeout))
	defer cancel()
	leaders, err := leadersOf(ctx, g.region, open)
	if err != nil {
		return err
	}
	if g.lease.left() < bulkLease/4 {
		until, err := g.renew(ctx)
		if err != nil {
			return err
		}
		g.lease.extend(until)
	}
	byLeader := map[int32][]*hole{}
	for _, h := range open {
		byLeader[leaders[h.key]] = append(byLeader[leaders[h.key]], h)
	}
	for leader, list := range byLeader {
		req := kmsg.NewPtrWriteTxnMarkersRequest()
		counts := make([]int64, len(list))
		for i, h := range list {
			counts[i] = min(h.end-h.at, int64(max(g.request, len(list))-len(req.Markers))/int64(len(list)-i))
			for range counts[i] {
				m := kmsg.NewWriteTxnMarkersRequestMarker()
				m.ProducerID = bulkID // epoch, coordinator epoch and transaction version stay 0, always
				t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
				t.Topic, t.Partitions = h.key.topic, []int32{h.key.partition}
				m.Topics = append(m.Topics, t)
				req.Markers = append(req.Markers, m)
			}
		}
		if g.lease.left() <= 0 {
			return g.await(ctx, open)
		}
		err := g.ask(ctx, leader, req)
		if errors.Is(err, kerr.ClusterAuthorizationFailed) || errors.Is(err, kerr.UnsupportedVersion) {
			g.bulk = false // the principal may not: empty transactions do it, slowly
			return nil
		}
		if err != nil {
			if answer, ok := errors.AsType[*kerr.Error](err); ok && !answer.Retriable {
				g.bulk = false // some may have been written: the caller reads where the logs end
			}
			return fmt.Errorf("%s: bulk markers: %w", g.region.Name, err)
		}
		for i, h := range list {
			h.at += counts[i]
		}
	}
	return g.await(ctx, open)
}

// ask sends one bulk request, and learns from the answer how much the next one may ask for.
func (g *gapWriter) ask(ctx context.Context, leader int32, req *kmsg.WriteTxnMarkersRequest) error {
	begun := time.Now()
	g.late.Store(true)
	resp, err := g.t.cl.Broker(int(leader)).Request(ctx, req)
	if _, answered := errors.AsType[*kerr.Error](err); err == nil || answered || errors.Is(err, errLeaseOver) {
		g.late.Store(false)
	}
	took := time.Since(begun)
	if g.late.Load() || took > bulkTimeout/2 {
		g.slow = time.Now()
	}
	switch {
	case g.late.Load():
		g.request = max(bulkMin, g.request/4)
	case took > bulkTimeout/2:
		g.request = max(bulkMin, g.request/2)
	case len(req.Markers) >= g.request && took < bulkTimeout/8:
		g.request = min(bulkMax, 2*g.request)
	}
	if err != nil {
		return err
	}
	return markerError(resp.(*kmsg.WriteTxnMarkersResponse))
}

func markerError(resp *kmsg.WriteTxnMarkersResponse) error {
	for _, m := range resp.Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("%s-%d: %w", t.Topic, p.Partition, err)
				}
			}
		}
	}
	return nil
}

func leadersOf(ctx context.Context, r *Region, open []*hole) (map[partitionKey]int32, error) {
	meta, err := r.Admin.Metadata(ctx, topicsOf(open)...)
	if err != nil {
		return nil, fmt.Errorf("%s: looking for leaders: %w", r.Name, err)
	}
	leaders := map[partitionKey]int32{}
	for _, h := range open {
		p, ok := meta.Topics[h.key.topic].Partitions[h.key.partition]
		if !ok || p.Leader < 0 {
			return nil, fmt.Errorf("%s: %s-%d: %w", r.Name, h.key.topic, h.key.partition, kerr.LeaderNotAvailable)
		}
		leaders[h.key] = p.Leader
	}
	return leaders, nil
}
