package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// gapWriter reproduces offsets without a record as control markers, one offset each, that no consumer ever sees.
//
// Fenced markers are empty transactions of the link's own transactional id: a process that takes the link over shuts this one out of
// them. Bulk markers (WriteTxnMarkers) are a thousand times faster, have no fence, and need Alter or ClusterAction on the cluster.
type gapWriter struct {
	region *Region
	link   string
	cl     *kgo.Client // transactions v1: EndTxn v5 would change the epoch under us
	pid    int64
	epoch  int16
	bulk   atomic.Bool // allowed, as far as is known
}

// bulkFrom is how many offsets of gaps make bulk markers worth their price: there is no fence.
const bulkFrom = 20

// bulkMax is how many markers one request has at most.
const bulkMax = 10_000

func openGaps(ctx context.Context, to *Region, decl *plans.Link) (*gapWriter, error) {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.AddPartitionsToTxn), 3)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	cl, err := kgo.NewClient(append(slices.Clone(to.Client.Opts()), kgo.MaxVersions(v))...)
	if err != nil {
		return nil, fmt.Errorf("%s: link %s: %w", to.Name, decl.Name, err)
	}
	g := &gapWriter{region: to, link: decl.Name, cl: cl}
	g.bulk.Store(decl.Gaps != "fenced")
	if g.pid, g.epoch, err = g.initProducer(ctx, g.txid()); err != nil {
		cl.Close()
		return nil, err
	}
	return g, nil
}

func (g *gapWriter) close()       { g.cl.Close() }
func (g *gapWriter) txid() string { return "lifeboat." + g.link + ".gaps" }

// initProducer gets a producer id; with a transactional id, everyone who had it before is fenced, and what they had begun is ended.
func (g *gapWriter) initProducer(ctx context.Context, txid string) (int64, int16, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionTimeoutMillis = 30_000
	req.ProducerID, req.ProducerEpoch = -1, -1
	if txid != "" {
		req.TransactionalID = &txid
	}
	for {
		resp, err := req.RequestWith(ctx, g.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		switch {
		case err == nil:
			return resp.ProducerID, resp.ProducerEpoch, nil
		case errors.Is(err, kerr.ConcurrentTransactions):
			if err := wait(ctx, 10*time.Millisecond); err != nil {
				return 0, 0, err
			}
		default:
			return 0, 0, fmt.Errorf("%s: link %s: producer id of %q: %w", g.region.Name, g.link, txid, err)
		}
	}
}

// round writes one marker on each of the partitions, in one empty transaction of producer pid, and returns before they are in the logs.
func (g *gapWriter) round(ctx context.Context, txid string, pid int64, epoch int16, parts []partitionKey) error {
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = txid, pid, epoch
	topics := map[string]int{}
	for _, k := range parts {
		i, ok := topics[k.topic]
		if !ok {
			i = len(add.Topics)
			topics[k.topic] = i
			t := kmsg.NewAddPartitionsToTxnRequestTopic()
			t.Topic = k.topic
			add.Topics = append(add.Topics, t)
		}
		add.Topics[i].Partitions = append(add.Topics[i].Partitions, k.partition)
	}
	for {
		resp, err := add.RequestWith(ctx, g.cl)
		if err == nil {
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		}
		if again, err := g.again(ctx, "adding partitions to the marker transaction", err); !again {
			if err != nil {
				return err
			}
			break
		}
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch = txid, pid, epoch
	for {
		resp, err := end.RequestWith(ctx, g.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if again, err := g.again(ctx, "ending the marker transaction", err); !again {
			return err
		}
	}
}

// again sorts an answer: nil is done, a coordinator that is still busy with the last transaction is asked again, a fenced epoch is
// ErrTakenOver.
func (g *gapWriter) again(ctx context.Context, doing string, err error) (bool, error) {
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, kerr.ConcurrentTransactions), errors.Is(err, kerr.CoordinatorLoadInProgress):
		return true, wait(ctx, 4*time.Millisecond)
	case taken(err):
		err = ErrTakenOver
	}
	return false, fmt.Errorf("%s: link %s: %s: %w", g.region.Name, g.link, doing, err)
}

// writeBulk asks the leader for n markers on one partition. The answer hides errors of single markers: the log end tells.
func (g *gapWriter) writeBulk(ctx context.Context, bulkID int64, k partitionKey, n int64) error {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	for range n {
		m := kmsg.NewWriteTxnMarkersRequestMarker()
		m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = bulkID, 0, 0
		t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		t.Topic, t.Partitions = k.topic, []int32{k.partition}
		m.Topics = append(m.Topics, t)
		req.Markers = append(req.Markers, m)
	}
	leader, err := leaderOf(ctx, g.region, k)
	if err != nil {
		return err
	}
	resp, err := g.cl.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return err
	}
	for _, m := range resp.(*kmsg.WriteTxnMarkersResponse).Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func leaderOf(ctx context.Context, r *Region, k partitionKey) (int32, error) {
	meta, err := r.Admin.Metadata(ctx, k.topic)
	if err != nil {
		return -1, err
	}
	p, ok := meta.Topics[k.topic].Partitions[k.partition]
	if !ok || p.Leader < 0 {
		return -1, fmt.Errorf("%s: %s-%d: %w", r.Name, k.topic, k.partition, kerr.LeaderNotAvailable)
	}
	return p.Leader, nil
}

// hole is one partition's gap to be written.
type hole struct {
	key       partitionKey
	base, end int64
}

// foreign is a log end that is not where markers of this link alone would have put it.
type foreign struct {
	key      partitionKey
	want, at int64
}

func (f *foreign) Error() string {
	return fmt.Sprintf("%s-%d ends at @%d, not @%d", f.key.topic, f.key.partition, f.at, f.want)
}

// write fills every hole and returns when the logs end there. Each hole's base must be its partition's log end.
func (g *gapWriter) write(ctx context.Context, id identity, holes []hole) error {
	at := map[partitionKey]int64{}
	var total int64
	for _, h := range holes {
		at[h.key] = h.base
		total += h.end - h.base
	}
	if total >= bulkFrom && g.bulk.Load() {
		for _, h := range holes {
			err := g.fillBulk(ctx, id.BulkID, h)
			if errors.Is(err, kerr.ClusterAuthorizationFailed) || errors.Is(err, kerr.UnsupportedVersion) {
				g.bulk.Store(false) // the principal may not: empty transactions do it, slowly
				break
			}
			if err != nil {
				return err
			}
			at[h.key] = h.end
		}
	}
	for {
		var open []partitionKey
		for _, h := range holes {
			if at[h.key] < h.end {
				open = append(open, h.key)
			}
		}
		if len(open) == 0 {
			return nil
		}
		if err := g.round(ctx, g.txid(), g.pid, g.epoch, open); err != nil {
			return err
		}
		for _, k := range open {
			at[k]++
		}
		want := map[partitionKey]int64{}
		for _, k := range open {
			want[k] = at[k]
		}
		if err := g.await(ctx, want); err != nil {
			return err
		}
	}
}

func (g *gapWriter) fillBulk(ctx context.Context, bulkID int64, h hole) error {
	for at := h.base; at < h.end; {
		n := min(bulkMax, h.end-at)
		if err := g.writeBulk(ctx, bulkID, h.key, n); err != nil {
			return err
		}
		if err := g.await(ctx, map[partitionKey]int64{h.key: at + n}); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// awaitMarkers is how long markers may take to be in the logs.
const awaitMarkers = 30 * time.Second

// await waits until the logs end where they must: EndTxn is answered before the markers are written.
func (g *gapWriter) await(ctx context.Context, want map[partitionKey]int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitMarkers, fmt.Errorf("%s: link %s: markers were not in the log after %s", g.region.Name, g.link, awaitMarkers))
	defer cancel()
	var topics []string
	for k := range want {
		if !slices.Contains(topics, k.topic) {
			topics = append(topics, k.topic)
		}
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		ends, err := g.region.Admin.ListEndOffsets(ctx, topics...)
		if err != nil {
			return fmt.Errorf("%s: link %s: waiting for markers: %w", g.region.Name, g.link, err)
		}
		missing := false
		for k, end := range want {
			o, ok := ends.Lookup(k.topic, k.partition)
			switch {
			case !ok || o.Err != nil || o.Offset < end:
				missing = true
			case o.Offset > end:
				return &foreign{k, end, o.Offset}
			}
		}
		if !missing {
			return nil
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// scheduleGaps hands every gap that is next in its partition to the gap writer, one round of them at a time.
func (r *runner) scheduleGaps() {
	if r.gapping {
		return
	}
	var holes []hole
	for k, m := range r.mirrors {
		if !m.busy && m.failed == nil && len(m.queue) > 0 && m.queue[0].data == nil {
			holes = append(holes, hole{k, m.queue[0].base, m.queue[0].end})
			m.busy, m.sent = true, 1
		}
	}
	if len(holes) == 0 {
		return
	}
	r.gapping = true
	id := r.id
	r.spawn(func() func(context.Context) error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		err := r.gaps.write(ctx, id, holes)
		ends := map[partitionKey]int64{}
		for _, h := range holes {
			if end, eerr := endOf(ctx, r.l.to, h.key.topic, h.key.partition); eerr == nil {
				ends[h.key] = end
			}
		}
		return func(context.Context) error { return r.gapsWritten(holes, ends, err) }
	})
}

// gapsWritten moves the partitions to where their logs end now.
func (r *runner) gapsWritten(holes []hole, ends map[partitionKey]int64, err error) error {
	r.gapping = false
	if errors.Is(err, ErrTakenOver) {
		return err
	}
	for _, h := range holes {
		m := r.mirrors[h.key]
		if m == nil {
			continue
		}
		m.busy, m.sent = false, 0
		end, known := ends[h.key]
		switch {
		case !known:
			m.condition = err
			r.later(m, 500*time.Millisecond)
		case end == h.end:
			m.condition = nil
			m.pop(1)
		case end < h.end && end >= h.base:
			m.queue[0].base, m.written, m.condition = end, end, err // a part of them is there
		default:
			r.fail(m, &MirrorError{Code: CodeForeignWriter, First: h.base, End: max(end, h.base+1),
				Detail: fmt.Sprintf("the mirror was to end at @%d behind a gap and ends at @%d: somebody else writes to it", h.end, end), Err: err,
				Hint: "stop the writer; then delete the mirror topic and mirror it again"})
		}
	}
	if err != nil {
		r.l.o.Log.Warn("writing markers", "link", r.l.decl.Name, "error", err)
	}
	return nil
}
