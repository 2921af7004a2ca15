package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// errLagZero ends a run with Once.
var errLagZero = errors.New("lag is zero")

// How often the runner looks at what does not come by itself.
const (
	recordEvery   = time.Second            // states to the links topic
	discoverEvery = 3 * time.Second        // new topics and partitions
	groupsEvery   = time.Second            // group positions
	schemasEvery  = 5 * time.Second        // subjects without records yet
	progressEvery = 200 * time.Millisecond // the caller's Progress
)

type partitionKey struct {
	topic     string
	partition int32
}

// runner is one run of a link. Its loop owns every mirror; what takes time happens in goroutines that send their results back.
type runner struct {
	l    *Link
	o    RunOptions
	s    *store
	gaps *gapWriter
	id   identity

	fetcher *fetch.Fetcher
	mirrors map[partitionKey]*mirror
	failed  map[string]error // topics that failed as a whole

	leaders  map[partitionKey]int32
	requests int // produce requests in flight
	gapping  bool
	schemas  *schemaGate
	results  chan func(context.Context) error // to be run by the loop
	ended    chan struct{}                    // the loop takes no more results
	group    *errgroup.Group
	began    time.Time
	steady   bool // topics were looked at once
}

func newRunner(l *Link, o RunOptions, s *store, gaps *gapWriter) *runner {
	return &runner{l: l, o: o, s: s, gaps: gaps, mirrors: map[partitionKey]*mirror{}, failed: map[string]error{},
		leaders: map[partitionKey]int32{}, results: make(chan func(context.Context) error, 64), ended: make(chan struct{}),
		fetcher: fetch.New(l.from.Client, fetch.Options{}), schemas: newSchemaGate(l), began: time.Now()}
}

// run is the loop, with the goroutines around it; it returns when all of them have ended.
func (r *runner) run(ctx context.Context) error {
	if err := r.identify(ctx, false); err != nil {
		return err
	}
	var gctx context.Context
	r.group, gctx = errgroup.WithContext(ctx)
	chunks := make(chan []fetch.Chunk)
	r.group.Go(func() error { return r.fetcher.Run(gctx) })
	r.group.Go(func() error {
		for {
			c, err := r.fetcher.Poll(gctx)
			if err != nil {
				return err
			}
			select {
			case chunks <- c:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
	})
	r.group.Go(func() error { return r.loop(gctx, chunks) })
	r.group.Go(func() error { return r.followGroups(gctx) })
	if r.l.subjects != nil {
		r.group.Go(func() error { return r.followSubjects(gctx) })
	}
	err := r.group.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if !errors.Is(err, ErrTakenOver) {
		err = errors.Join(err, r.record(last))
	}
	return err
}

func (r *runner) loop(ctx context.Context, chunks <-chan []fetch.Chunk) error {
	record, discover, progress := time.NewTicker(recordEvery), time.NewTicker(discoverEvery), time.NewTicker(progressEvery)
	defer close(r.ended)
	defer record.Stop()
	defer discover.Stop()
	defer progress.Stop()
	r.discover()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case list := <-chunks:
			for i := range list {
				if err := r.take(ctx, &list[i]); err != nil {
					return err
				}
			}
		case apply := <-r.results:
			if err := apply(ctx); err != nil {
				return err
			}
		case <-record.C:
			if err := r.record(ctx); err != nil {
				return err
			}
			r.trim()
		case <-discover.C:
			r.discover()
		case <-progress.C:
			if r.o.Progress != nil {
				r.o.Progress(r.progress())
			}
			if r.o.Once {
				r.checkOnce()
			}
		}
		if err := r.schedule(ctx); err != nil {
			return err
		}
	}
}

// spawn runs work beside the loop and hands its result back to it. A loop that has ended takes nothing more.
func (r *runner) spawn(work func() func(context.Context) error) {
	r.group.Go(func() error {
		select {
		case r.results <- work():
		case <-r.ended:
		}
		return nil
	})
}

// identify reads or makes the identity that data is written under. With renew its epoch grows: sequences begin at 0 everywhere.
func (r *runner) identify(ctx context.Context, renew bool) error {
	if id := r.s.memory.identity; id != nil && !renew {
		r.id = *id
		return nil
	}
	pid, epoch, err := r.gaps.initProducer(ctx, "lifeboat."+r.l.decl.Name+".data")
	if err != nil {
		return err
	}
	bulk := int64(-1)
	if old := r.s.memory.identity; old != nil {
		bulk = old.BulkID
	} else if bulk, _, err = r.gaps.initProducer(ctx, ""); err != nil {
		return err
	}
	r.id = identity{pid, epoch, bulk}
	return r.s.saveIdentity(ctx, r.id)
}

// discover looks for topics and partitions to mirror, beside the loop. Only one look is under way at a time.
func (r *runner) discover() {
	if err, _ := r.fetcher.Health(); r.steady && (r.o.Once || err != nil) {
		return
	}
	known := maps.Clone(r.mirrors)
	r.spawn(func() func(context.Context) error {
		return func(ctx context.Context) error {
			look, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
			defer cancel()
			live, err := r.l.ensureTopics(look, r.s)
			if err != nil {
				if errors.Is(err, ErrTakenOver) {
					return err
				}
				if !r.steady && live == nil && !isMirrorError(err) {
					return err
				}
				r.note(err)
			}
			fresh := map[string][]int32{}
			for _, t := range live {
				for p := range int32(t.Partitions) {
					if known[partitionKey{t.Topic, p}] == nil && r.mirrors[partitionKey{t.Topic, p}] == nil && t.FailedAt[p] == "" {
						fresh[t.Topic] = append(fresh[t.Topic], p)
					}
				}
			}
			for name := range r.mirrors {
				if rec := r.s.memory.topics[name.topic]; rec == nil || rec.State != Active {
					r.drop(name)
				}
			}
			if len(fresh) > 0 {
				if err := r.open(ctx, fresh); err != nil {
					return err
				}
			}
			r.steady = true
			return nil
		}
	})
}

func isMirrorError(err error) bool {
	var merr *MirrorError
	return errors.As(err, &merr)
}

// note keeps the errors of topics that failed as a whole, once each.
func (r *runner) note(err error) {
	var list []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	} else {
		list = []error{err}
	}
	for _, e := range list {
		var merr *MirrorError
		if errors.As(e, &merr) {
			if r.failed[merr.Topic] == nil {
				r.l.o.Log.Error("mirror failed", "topic", merr.Topic, "error", merr)
			}
			r.failed[merr.Topic] = merr
		} else {
			r.l.o.Log.Warn("looking for topics", "link", r.l.decl.Name, "error", e)
		}
	}
}

func (r *runner) drop(k partitionKey) {
	if m := r.mirrors[k]; m != nil && !m.busy {
		r.fetcher.Remove(k.topic, k.partition)
		for _, it := range m.queue {
			if it.release != nil {
				it.release()
			}
		}
		delete(r.mirrors, k)
	}
}

// take queues a chunk.
func (r *runner) take(ctx context.Context, c *fetch.Chunk) error {
	m := r.mirrors[partitionKey{c.Topic, c.Partition}]
	if m == nil || m.failed != nil {
		c.Release()
		return nil
	}
	if c.Err != nil {
		r.sourceRefused(m, c)
		return nil
	}
	queued := len(m.queue)
	if err := m.take(c); err != nil {
		code := CodeCorrupt
		if errors.Is(err, batch.ErrFormat) {
			code = CodeFormat
		}
		r.fail(m, &MirrorError{Code: code, First: m.read, End: c.Next, Detail: "the source's bytes can not be mirrored", Err: err,
			Hint: "check the source's log with kafka-dump-log; the mirror holds everything in front of it"})
		return nil
	}
	r.schemas.scan(m, m.queue[min(queued, len(m.queue)):])
	return nil
}

// sourceRefused decides what it means that a partition can not be read on.
func (r *runner) sourceRefused(m *mirror, c *fetch.Chunk) {
	switch {
	case errors.Is(c.Err, kerr.OffsetOutOfRange):
		r.spawn(func() func(context.Context) error {
			return func(ctx context.Context) error {
				start, end, err := bounds(ctx, r.l.from, m.topic, m.partition)
				switch {
				case err != nil:
					r.l.o.Log.Warn("reading log bounds", "mirror", m.name(), "error", err)
					r.fetcher.Add(m.topic, m.partition, m.read)
				case start > m.read:
					r.fail(m, &MirrorError{Code: CodeOverrun, First: m.read, End: start,
						Detail: fmt.Sprintf("retention in %s removed offsets that were not mirrored yet: its log starts at @%d, the mirror ends at @%d", r.l.from.Name, start, m.read),
						Hint:   "raise the source's retention; then delete the mirror topic and mirror it again"})
				case end < m.read:
					r.fail(m, &MirrorError{Code: CodeTruncated, First: end, End: m.read,
						Detail: fmt.Sprintf("the log in %s ends at @%d, the mirror has offsets up to @%d: the source was truncated", r.l.from.Name, end, m.read-1),
						Hint:   "an unclean leader election or a recreated topic; what only the mirror has is still there: promote it to keep it"})
				default:
					r.fetcher.Add(m.topic, m.partition, m.read)
				}
				return nil
			}
		})
	case errors.Is(c.Err, kerr.UnknownTopicID), errors.Is(c.Err, kerr.UnknownTopicOrPartition):
		code, detail := CodeSourceDeleted, "the topic is not in "+r.l.from.Name+" any more"
		if errors.Is(c.Err, kerr.UnknownTopicID) {
			code, detail = CodeSourceRecreated, "the topic was deleted and created again in "+r.l.from.Name+": its offsets mean other records now"
		}
		r.fail(m, &MirrorError{Code: code, First: -1, End: -1, Detail: detail,
			Hint: fmt.Sprintf("promote the mirror to keep what it has, or delete topic %q in %s; then run the link again", m.topic, r.l.to.Name)})
	case errors.Is(c.Err, kerr.TopicAuthorizationFailed):
		r.fail(m, &MirrorError{Code: CodeAuthorization, First: -1, End: -1, Detail: "reading is refused in " + r.l.from.Name, Err: c.Err,
			Hint: "grant READ and DESCRIBE on the topic to the link's principal, then run the link again"})
	default:
		r.fail(m, &MirrorError{Code: CodeCorrupt, First: c.Offset, End: c.Offset + 1, Detail: "the source can not be read", Err: c.Err})
	}
}

// fail ends one mirror; others go on.
func (r *runner) fail(m *mirror, err *MirrorError) {
	err.Link, err.Topic, err.Partition = r.l.decl.Name, m.topic, m.partition
	m.failed = err
	r.fetcher.Remove(m.topic, m.partition)
	r.l.o.Log.Error("mirror failed", "mirror", m.name(), "error", err)
}

// failures are the errors of every mirror that failed, by name.
func (r *runner) failures() []error {
	var errs []error
	for _, name := range sorted(r.failed) {
		errs = append(errs, r.failed[name])
	}
	keys := slices.SortedFunc(maps.Keys(r.mirrors), func(a, b partitionKey) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	for _, k := range keys {
		if m := r.mirrors[k]; m.failed != nil {
			errs = append(errs, m.failed)
		}
	}
	return errs
}

// record writes every topic's state to the links topic, where it changed.
func (r *runner) record(ctx context.Context) error {
	byTopic := map[string][]*mirror{}
	for k, m := range r.mirrors {
		byTopic[k.topic] = append(byTopic[k.topic], m)
	}
	sourceErr, since := r.fetcher.Health()
	var changed []*topicRecord
	for name, mirrors := range byTopic {
		old := r.s.memory.topics[name]
		if old == nil || old.State == Stopped || old.State == PendingStopped {
			continue
		}
		rec := *old
		rec.State, rec.Error = Active, ""
		rec.Source, rec.Newest, rec.FailedAt = maps.Clone(rec.Source), maps.Clone(rec.Newest), maps.Clone(rec.FailedAt)
		if rec.Source == nil {
			rec.Source, rec.Newest = map[int32]plans.Offset{}, map[int32]int64{}
		}
		if sourceErr != nil && time.Since(since) > 2*time.Second {
			rec.State, rec.Error = SourceUnavailable, fmt.Sprintf("since %s: %v", since.UTC().Format(time.RFC3339), sourceErr)
		}
		for _, m := range mirrors {
			if m.stable >= 0 {
				rec.Source[m.partition] = plans.Offset(max(m.stable, m.written))
			}
			if m.newest > 0 {
				rec.Newest[m.partition] = m.newest
			}
			if m.failed != nil {
				if rec.FailedAt == nil {
					rec.FailedAt = map[int32]string{}
				}
				rec.FailedAt[m.partition] = m.failed.Error()
			}
		}
		if len(rec.FailedAt) > 0 {
			rec.State, rec.Error = Failed, rec.FailedAt[slices.Min(slices.Collect(maps.Keys(rec.FailedAt)))]
		}
		changed = append(changed, &rec)
	}
	return r.s.saveTopics(ctx, changed...)
}

func (r *runner) progress() Progress {
	p := Progress{Partitions: len(r.mirrors)}
	for _, m := range r.mirrors {
		if m.failed != nil {
			p.Failed++
			continue
		}
		p.LagRecords += max(0, m.lag())
		p.Records += m.records
		p.Bytes += m.bytes
		if m.lag() > 0 && len(m.queue) > 0 {
			p.LagSeconds = max(p.LagSeconds, float64(m.queue[len(m.queue)-1].time-m.newest)/1000)
		}
		if m.condition != nil {
			p.Waiting = m.condition
		}
	}
	if err, _ := r.fetcher.Health(); err != nil {
		p.Waiting = err
	}
	return p
}

// checkOnce ends the run when every mirror has reached the source's last stable offset as it is now.
func (r *runner) checkOnce() {
	if !r.steady {
		return
	}
	if err, since := r.fetcher.Health(); err != nil && time.Since(since) > r.l.o.Timeout {
		r.spawn(func() func(context.Context) error {
			return func(context.Context) error {
				return &UnreachableError{r.l.from.Name, []string{"its brokers"}, time.Since(since), err}
			}
		})
		return
	}
	for _, m := range r.mirrors {
		if m.failed == nil && (m.busy || len(m.queue) > 0) {
			return
		}
	}
	var topics []string
	for k, m := range r.mirrors {
		if m.failed == nil && !slices.Contains(topics, k.topic) {
			topics = append(topics, k.topic)
		}
	}
	if len(topics) == 0 {
		r.spawn(func() func(context.Context) error { return func(context.Context) error { return errLagZero } })
		return
	}
	r.spawn(func() func(context.Context) error {
		return func(ctx context.Context) error {
			stable, err := r.l.from.Admin.ListCommittedOffsets(ctx, topics...)
			if err != nil {
				return nil // asked again
			}
			for k, m := range r.mirrors {
				if o, ok := stable.Lookup(k.topic, k.partition); m.failed == nil && (!ok || o.Err != nil || m.written < o.Offset) {
					return nil
				}
			}
			if _, err := r.l.syncGroupsOnce(ctx, r.s); err != nil {
				return err
			}
			if r.l.subjects != nil {
				if _, err := r.l.subjects.Sync(ctx); err != nil {
					return err
				}
			}
			return errLagZero
		}
	})
}

// trim follows the source's log start, where the topology does not keep more in the destination.
func (r *runner) trim() {
	overrides := r.l.decl.Topics.Configs
	if overrides["retention.ms"] != "" || overrides["retention.bytes"] != "" {
		return
	}
	for _, m := range r.mirrors {
		if upTo := min(m.start, m.written); m.failed == nil && upTo > m.hidden {
			m.hidden = upTo
			r.spawn(func() func(context.Context) error {
				return func(ctx context.Context) error {
					if err := deleteRecords(ctx, r.l.to, m.topic, m.partition, upTo); err != nil {
						r.l.o.Log.Warn("following the source's log start", "mirror", m.name(), "error", err)
					}
					return nil
				}
			})
		}
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
