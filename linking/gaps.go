package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

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
