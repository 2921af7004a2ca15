package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// gapWriter reproduces offsets without a record as control markers, one offset each, that no consumer ever sees.
//
// Fenced markers are empty transactions of lifeboat.LINK.gaps: a process that takes the link over shuts this one out of them. Bulk
// markers (WriteTxnMarkers) are many times faster, have no fence, and need Alter or ClusterAction on the cluster: they are written under the
// store's lease only, for backlogs, and for partitions with several replicas. A coordinator writes a marker again when the partition's leader dies
// between replicating and answering it (TransactionMarkerRequestCompletionHandler of Apache Kafka), and a second marker takes the offset of the next
// record; what becomes of its own requests the link finds out before it sends another.
//
// Filler stands for many aborted records at once where bulk markers are not to be had: empty records in a transaction that is aborted,
// fenced like markers. Who reads uncommitted sees aborted records at the source, and empty ones in their place here.
type gapWriter struct {
	region  *Region
	t       *transactor
	bulk    bool  // allowed, as far as is known
	filler  bool  // allowed
	keyed   int64 // offsets of a compaction hole from which on keyed filler stands for it, 0 = never
	confirm func(context.Context) error
	renew   func(context.Context) (time.Time, error)
	yield   func(context.Context) error
	lease   lease
	pid     atomic.Int64 // of its transactional id, for who looks at logs
	late    *atomic.Bool // an unfenced request has no answer: what it asked for may still come into the logs
	request int          // markers in the next unfenced one

	replicated map[string]bool // whether a topic has several replicas
	slow       time.Time       // when a bulk request was last answered late, or not
}

const (
	bulkFrom     = 20  // offsets of gaps in sight that make bulk markers worth having no fence
	bulkMin      = 100 // markers in one request: as many as are answered well within bulkTimeout
	bulkMax      = 10_000
	bulkSlow     = 30 * time.Second       // after a bulk request that took long, in which only backlogs are worth another
	bulkIdle     = 200 * time.Millisecond // without a gap after which the lease is given back
	bulkTimeout  = bulkGrace - bulkLease  // of one bulk request
	fillFrom     = 500                    // offsets of a gap, most of them aborted records, that make filler worth being seen
	fillMax      = 1_000_000              // offsets of a gap filled in one transaction
	awaitMarkers = 20 * time.Second
)

// openGaps takes the link's gap identity over. What another process had begun with it is in the logs when it returns.
func openGaps(ctx context.Context, s *store, decl *plans.Link) (*gapWriter, error) {
	g := &gapWriter{region: s.region, bulk: decl.Gaps != "fenced", filler: decl.Gaps != "markers", confirm: s.confirm, renew: s.lease, yield: s.yield, late: &s.late,
		request: 10 * bulkMin, replicated: map[string]bool{}}
	var err error
	if g.t, err = newTransactor(s.region, decl.Name, s.task.role("gaps"), g.lease.dialer(s.region.Client)); err != nil {
		return nil, err
	}
	err = errors.Join(g.t.init(ctx), endGaps(ctx, s))
	g.pid.Store(g.t.pid)
	if err == nil && decl.Gaps == plans.GapsFiller {
		g.keyed, err = keyedFrom(ctx, s.region)
	}
	if err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// endGaps takes the gap identities of a link's other tasks over, of a process that has them all.
func endGaps(ctx context.Context, s *store) error {
	var g errgroup.Group
	for _, o := range s.others {
		g.Go(func() error {
			t, err := newTransactor(o.region, o.link, o.task.role("gaps"))
			if err != nil {
				return err
			}
			defer t.close()
			return t.init(ctx)
		})
	}
	return g.Wait()
}

func (g *gapWriter) close() { g.t.close() }

// wrote says whether a producer id is one that this link writes markers under.
func (g *gapWriter) wrote(id, bulkID int64) bool { return id == g.pid.Load() || id == bulkID }

// hole is one partition's gap to be written, [at, end). at is the partition's log end and moves on with it.
type hole struct {
	key     partitionKey
	at, end int64
	aborted int64 // how many of its offsets are aborted records at the source
	time    int64 // of the newest of them, ms
	err     error // why the partition takes no markers
}

// fillable says whether filler may stand for it.
func (h *hole) fillable() bool { return h.end-h.at >= fillFrom && 2*h.aborted > h.end-h.at }

// foreignError is a log end that is beyond where this link alone would have put it.
type foreignError struct {
	key      partitionKey
	want, at int64
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("%s-%d ends at @%d, not @%d", e.key.topic, e.key.partition, e.at, e.want)
}

// write fills every hole and returns when the logs end there. Errors of single partitions are left in their holes. backlog is how many
// offsets of gaps are in sight in one partition, at most. After an error nothing of what was begun comes into the logs any more.
func (g *gapWriter) write(ctx context.Context, bulkID int64, holes []*hole, backlog int64) error {
	err := g.rounds(ctx, bulkID, holes, backlog)
	for err != nil {
		rerr := g.confirm(ctx)
		if errors.Is(rerr, ErrTakenOver) {
			return rerr
		}
		if rerr == nil {
			rerr = withoutTakenOver(g.again(ctx, err))
			g.pid.Store(g.t.pid)
		}
		if rerr == nil && g.late.Load() {
			if rerr = outwait(ctx, g.region, topicsOf(holes)); rerr == nil {
				g.late.Store(false)
			}
		}
		if rerr == nil {
			return withoutTakenOver(err)
		}
		if wait(ctx, 200*time.Millisecond) != nil {
			return errors.Join(err, rerr)
		}
	}
	return err
}

// again makes the transactional id ready after an error, of a process that owns the link. It may have been fenced all the same, by one that
// was to serve the link next and has found out since that it is not.
func (g *gapWriter) again(ctx context.Context, err error) error {
	if errors.Is(err, ErrTakenOver) {
		return g.t.init(ctx)
	}
	if err = g.t.recover(ctx); errors.Is(err, ErrTakenOver) {
		return g.t.init(ctx)
	}
	return err
}

func (g *gapWriter) rounds(ctx context.Context, bulkID int64, holes []*hole, backlog int64) error {
	for {
		var open, fill []*hole
		for _, h := range holes {
			switch {
			case h.err != nil || h.at == h.end:
			case g.filler && h.fillable():
				fill = append(fill, h)
			default:
				open = append(open, h)
			}
		}
		var err error
		switch {
		case len(open)+len(fill) == 0:
			return nil
		case g.bulk && bulkID >= 0 && (backlog >= bulkFrom || time.Since(g.slow) > bulkSlow && g.severalReplicas(ctx, open)):
			err = g.bulkRound(ctx, bulkID, append(open, fill...))
		case len(fill) > 0:
			err = g.fillRound(ctx, fill)
		default:
			err = g.fencedRound(ctx, open)
		}
		if err != nil {
			return err
		}
	}
}

// severalReplicas says whether any of the partitions has more replicas than its leader. What can not be told now is looked for again.
func (g *gapWriter) severalReplicas(ctx context.Context, open []*hole) bool {
	var unknown []string
	for _, topic := range topicsOf(open) {
		if several, known := g.replicated[topic]; several {
			return true
		} else if !known {
			unknown = append(unknown, topic)
		}
	}
	if len(unknown) == 0 {
		return false
	}
	topics, err := g.region.Admin.ListTopics(ctx, unknown...)
	if err != nil {
		return false
	}
	several := false
	for _, t := range topics {
		if t.Err == nil && len(t.Partitions) > 0 {
			g.replicated[t.Topic] = t.Partitions.NumReplicas() > 1
			several = several || g.replicated[t.Topic]
		}
	}
	return several
}

// fencedRound writes one marker on each partition.
func (g *gapWriter) fencedRound(ctx context.Context, open []*hole) error {
	if enrolled, err := g.enrol(ctx, open); err != nil || !enrolled {
		return err
	}
	if err := g.t.end(ctx, false); err != nil {
		return err
	}
	for _, h := range open {
		h.at++
	}
	return g.await(ctx, open)
}

// fillRound fills each hole but for one offset, which the transaction's marker takes.
func (g *gapWriter) fillRound(ctx context.Context, open []*hole) error {
	if enrolled, err := g.enrol(ctx, open); err != nil || !enrolled {
		return err
	}
	for _, h := range open {
		for left := min(h.end-h.at, fillMax) - 1; left > 0; {
			n := int32(min(left, batch.MaxFiller))
			seq := g.t.seq[h.key]
			body, err := batch.TransactionalFiller(nil, n, h.time, batch.Identity{ProducerID: g.t.pid, Epoch: g.t.epoch, Sequence: seq})
			if err != nil {
				return err
			}
			base, err := produceOne(ctx, g.t.cl, g.region.Name, h.key, g.t.txid, body)
			switch {
			case fenced(err):
				return g.t.failed("filling a gap", err)
			case err != nil:
				return err
			case base != h.at:
				return &foreignError{h.key, h.at, base}
			}
			g.t.seq[h.key] = batch.NextSequence(seq, n)
			h.at, left = h.at+int64(n), left-int64(n)
		}
		h.at++
	}
	if err := g.t.end(ctx, false); err != nil {
		return err
	}
	return g.await(ctx, open)
}

// enrol begins a transaction with the partitions of open. Where some of them refuse it does not, and leaves their errors in their holes.
func (g *gapWriter) enrol(ctx context.Context, open []*hole) (bool, error) {
	parts := make([]partitionKey, len(open))
	for i, h := range open {
		parts[i] = h.key
	}
	err := g.t.add(ctx, parts...)
	if refused, ok := errors.AsType[*refusedError](err); ok && !errors.Is(err, ErrTakenOver) {
		for _, h := range open {
			h.err = refused.parts[h.key]
		}
		return false, nil // the others are tried again without them
	}
	return err == nil, err
}

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

func topicsOf(holes []*hole) []string {
	var topics []string
	for _, h := range holes {
		topics = append(topics, h.key.topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// await waits until the logs end where they must: EndTxn is answered before its markers are written.
func (g *gapWriter) await(ctx context.Context, open []*hole) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitMarkers, fmt.Errorf("%s: markers were not in the logs after %s", g.region.Name, awaitMarkers))
	defer cancel()
	topics := topicsOf(open)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		ends, err := g.region.Admin.ListEndOffsets(ctx, topics...)
		if err != nil {
			return fmt.Errorf("%s: waiting for markers: %w", g.region.Name, err)
		}
		missing := false
		for _, h := range open {
			o, ok := ends.Lookup(h.key.topic, h.key.partition)
			switch {
			case !ok || o.Err != nil || o.Offset < h.at:
				missing = true
			case o.Offset > h.at:
				return &foreignError{h.key, h.at, o.Offset}
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
func (r *runner) scheduleGaps(ctx context.Context, now time.Time) {
	if r.gapping {
		return
	}
	var holes []*hole
	var backlog int64
	for m := range r.ready {
		if !m.idle(now) || m.queue[0].data != nil {
			continue
		}
		holes = append(holes, &hole{key: m.key(), at: m.queue[0].base, end: m.queue[0].end, aborted: m.queue[0].aborted, time: m.queue[0].time})
		m.busy, m.sent = true, 1
		var rounds int64
		for _, it := range m.queue {
			if it.data == nil {
				rounds += it.end - it.base
			}
		}
		backlog = max(backlog, rounds)
	}
	if len(holes) == 0 {
		r.yieldLease(ctx, now)
		return
	}
	r.gapping = true
	bulkID := r.id.BulkID
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.gaps.write(ctx, bulkID, holes, backlog)
		if err == nil {
			return func(ctx context.Context) error { return r.gapsWritten(ctx, holes, nil, nil) }
		}
		look, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		defer cancel()
		bounds, lerr := listSettled(look, r.l.to, topicsOf(holes))
		if lerr != nil {
			bounds = map[partitionKey]span{}
		}
		return func(ctx context.Context) error { return r.gapsWritten(ctx, holes, bounds, err) }
	})
}

// yieldLease gives the lease for bulk markers back when no gap has come for a while: who takes the link over need not wait for it then.
func (r *runner) yieldLease(ctx context.Context, now time.Time) {
	if r.gaps.lease.left() <= 0 || now.Sub(r.gapped) < bulkIdle {
		return
	}
	r.gapping = true
	r.gaps.lease.extend(now)
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.gaps.yield(ctx)
		return func(context.Context) error {
			r.gapping = false
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			return nil // it ends by itself
		}
	})
}

// gapsWritten moves the partitions to where their logs end now. bounds are read back after an error.
func (r *runner) gapsWritten(ctx context.Context, holes []*hole, bounds map[partitionKey]span, err error) error {
	r.gapping, r.gapped = false, time.Now()
	r.destination(err)
	if errors.Is(err, ErrTakenOver) {
		return err
	}
	if err != nil {
		r.l.o.Log.Warn("writing markers", "link", r.l.decl.Name, "error", err)
	}
	for _, h := range holes {
		m := r.mirrors[h.key]
		if m == nil || m.failed != nil {
			continue
		}
		m.busy = false
		r.recall(m, m.seq)
		b, known := bounds[h.key]
		switch {
		case errors.Is(h.err, kerr.TopicAuthorizationFailed):
			r.fail(m, &MirrorError{Code: CodeAuthorization, First: m.queue[0].base, End: h.end, Detail: "writing markers is refused in " + r.l.to.Name, Err: h.err,
				Hint: "grant WRITE on the topic to the link's principal, then run the link again"})
		case h.err == nil && err == nil:
			m.condition = nil
			r.pop(m, 1)
		case !known || b.err != nil:
			m.condition, m.notBefore = cmp.Or(h.err, err, b.err), time.Now().Add(500*time.Millisecond)
			r.reopen(ctx, m)
		case b.end == h.end:
			r.pop(m, 1)
		case b.end < h.end && b.end >= m.queue[0].base:
			m.queue[0].base, m.written, m.condition, m.notBefore = b.end, b.end, cmp.Or(h.err, err), time.Now().Add(50*time.Millisecond)
		default: // beyond the gap: an older process's bulk markers, or somebody else
			r.reopen(ctx, m)
		}
	}
	return nil
}
