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

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// errLagZero ends a run with Once.
var errLagZero = errors.New("lag is zero")

// How often the runner looks at what does not come by itself.
const (
	recordEvery  = time.Second            // states to the links topic
	lookEvery    = 3 * time.Second        // new topics and partitions, changed configs, foreign writes
	groupsEvery  = time.Second            // group positions
	accessEvery  = 5 * time.Second        // ACLs
	schemasEvery = 5 * time.Second        // subjects without records yet
	tickEvery    = 100 * time.Millisecond // the caller's Progress; mirrors that wait
	openTogether = 200                    // partitions whose logs are looked at in one go
	lastRecord   = 2 * time.Second        // how long a run that ends tries to record its states
)

type partitionKey struct {
	topic     string
	partition int32
}

// runner is one run of a link. Its loop owns every mirror; what takes time happens beside it, in goroutines whose results the loop
// applies.
type runner struct {
	l      *Link
	o      RunOptions
	s      *store
	task   task
	memory *memory // what is remembered, as of the last look
	gaps   *gapWriter
	id     identity
	group  *errgroup.Group

	fetcher   *fetch.Fetcher
	mirrors   map[partitionKey]*mirror
	opening   map[partitionKey]bool
	topicErrs map[string]*MirrorError // topics that failed as a whole
	schemas   *schemaGate
	groups    *groupSync
	access    *accessSync
	lost      lostSync

	ready    map[*mirror]struct{}  // those that have something to be sent, now or when they may
	resting  map[partitionKey]rest // how partitions stand that are paused
	holding  map[*mirror]struct{}  // those of topics that are to be paused: what is on its way lands first
	doubtful map[*mirror]time.Time // those whose logs are to be looked at, and when

	leaders      map[partitionKey]int32
	topicIDs     map[string][16]byte
	lanes        map[int32]*lane
	requests     int      // produce requests in flight, on all of them
	flying       int      // bytes that they carry
	requestBytes int      // of one of them
	free         [][]byte // their buffers, used again
	freeBytes    int
	filling      int // logs being aligned, or marked to be
	fillers      int // those that filler is being written to
	unfilled     []*mirror
	gapping      bool
	gapped       time.Time // when the last gap was written
	announcing   bool      // runs of translated mirrors are being recorded
	renewing     bool      // the identity is to be renewed: no data is sent
	initing      bool
	finding      bool
	findNext     time.Time
	looking      bool
	saving       bool
	steady       bool                   // topics were looked at once
	target       map[partitionKey]int64 // with Once: where each mirror must come to
	closing      bool                   // with Once: the last passes are under way

	atSource map[string]bool // topics that this run has seen there

	waiting      error // why mirrors are not opened, where that is so
	waitingSince time.Time
	toErr        error     // what the destination answered last, where it was an error
	toSince      time.Time // since when it does
	records      int64     // written by this run
	bytes        int64
	moved        map[partitionKey]moved           // the same by partition, where there are metrics
	results      chan func(context.Context) error // to be run by the loop; they do no I/O
	ended        chan struct{}                    // the loop takes no more results
}

func newRunner(l *Link, o RunOptions, s *store, gaps *gapWriter) *runner {
	return &runner{l: l, o: o, s: s, task: s.task, memory: s.memory, gaps: gaps, mirrors: map[partitionKey]*mirror{}, opening: map[partitionKey]bool{},
		topicErrs: map[string]*MirrorError{}, ready: map[*mirror]struct{}{}, holding: map[*mirror]struct{}{}, doubtful: map[*mirror]time.Time{}, atSource: map[string]bool{}, leaders: map[partitionKey]int32{}, moved: map[partitionKey]moved{}, lanes: map[int32]*lane{}, topicIDs: map[string][16]byte{},
		results: make(chan func(context.Context) error, 64), requestBytes: int(min(maxRequestBytes, cmp.Or(o.Memory, DefaultMemory)/64)), ended: make(chan struct{}),
		fetcher: l.from.fetcher(o.fetching(l.from.rack)), schemas: newSchemaGate(l), groups: &groupSync{l: l, s: s, last: s.memory.groups},
		access: &accessSync{l: l, s: s, last: s.memory.access, quotas: s.memory.quotas}}
}

// run is the loop, with the goroutines around it; it returns when all of them have ended.
func (r *runner) run(ctx context.Context) error {
	r.reconsider()
	id := r.memory.identity(r.task)
	if id == nil {
		fresh, err := r.identify(ctx, nil)
		if err != nil {
			return err
		}
		id = &fresh
	}
	r.id = *id
	var gctx context.Context
	r.group, gctx = errgroup.WithContext(ctx)
	chunks := make(chan []arrival)
	if r.l.subjects != nil {
		r.lost.last = r.memory.lost
		r.l.subjects.recall(r.memory.lost)
		r.l.subjects.served = r.servesSubjects
	}
	r.group.Go(func() error { return r.fetcher.Run(gctx) })
	r.group.Go(func() error {
		for {
			c, err := r.fetcher.Poll(gctx)
			if err != nil {
				return err
			}
			select {
			case chunks <- r.schemas.look(c):
			case <-gctx.Done():
				return gctx.Err()
			}
		}
	})
	r.group.Go(func() error { return r.loop(gctx, chunks) })
	r.group.Go(func() error { return r.followWishes(gctx) })
	if r.task.head() {
		r.group.Go(func() error { return r.followGroups(gctx) })
		r.group.Go(func() error { return r.followAccess(gctx) })
		r.group.Go(func() error { return r.followConfigs(gctx) })
		if r.l.subjects != nil {
			r.group.Go(func() error { return r.followSubjects(gctx) })
		}
	}
	err := r.group.Wait()
	if r.l.subjects != nil {
		r.l.subjects.served = nil
	}
	if errors.Is(err, ErrTakenOver) {
		return err // what this process thinks of its mirrors is no news any more
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRecord)
	defer cancel()
	if serr := r.s.saveTopics(last, r.states()...); serr != nil {
		return errors.Join(err, serr)
	}
	return errors.Join(err, r.s.finish(last, !r.o.hold))
}

// reconsider lets a new run try what an earlier one gave up: what was wrong may have been mended, and every mirror is compared with its
// source before anything is written.
func (r *runner) reconsider() {
	for name, rec := range r.memory.topics {
		if rec.State == Failed || rec.State == SourceUnavailable {
			again := *rec
			again.State, again.Error, again.FailedAt, again.Codes = Active, "", nil, nil
			r.memory.topics[name] = &again
		}
	}
}

func (r *runner) loop(ctx context.Context, chunks <-chan []arrival) error {
	record, look, tick := time.NewTicker(recordEvery), time.NewTicker(lookEvery), time.NewTicker(tickEvery)
	defer close(r.ended)
	defer record.Stop()
	defer look.Stop()
	defer tick.Stop()
	r.look(ctx)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case list := <-chunks:
			for i := range list {
				r.take(ctx, &list[i])
			}
		case apply := <-r.results:
			if err := apply(ctx); err != nil {
				return err
			}
		case <-record.C:
			r.record(ctx)
			r.trim(ctx)
			r.measure(time.Now())
		case <-look.C:
			r.look(ctx)
		case <-tick.C:
			if r.o.Progress != nil {
				r.o.Progress(r.progress())
			}
		}
		r.letGo(ctx)
		r.ensureSchemas(ctx)
		r.schedule(ctx)
		if r.o.Once {
			if err := r.checkOnce(ctx); err != nil {
				return err
			}
		}
	}
}

// beside does work in a goroutine of the run; the loop applies what it returns. A loop that has ended takes nothing more.
func (r *runner) beside(ctx context.Context, work func(context.Context) func(context.Context) error) {
	r.group.Go(func() error {
		select {
		case r.results <- work(ctx):
		case <-r.ended:
		}
		return nil
	})
}

// later does something in the loop after a while.
func (r *runner) later(ctx context.Context, do func(context.Context)) {
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		_ = wait(ctx, 200*time.Millisecond) // a loop that ends takes no result
		return func(ctx context.Context) error { do(ctx); return nil }
	})
}

// wake has the loop look at what is due after a while.
func (r *runner) wake(ctx context.Context, after time.Duration) {
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		_ = wait(ctx, after) // a loop that ends takes no result
		return func(context.Context) error { return nil }
	})
}

// destination notes whether the destination answers.
func (r *runner) destination(err error) {
	if err == nil {
		r.toErr = nil
	} else if r.toErr == nil {
		r.toErr, r.toSince = err, time.Now()
	}
}

// identify gets the identity that data is written under, and remembers it before it is used. A new epoch of it begins sequences at 0. One who has
// been taken over is told before that, because a promotion ends mirrors with the same identity.
func (r *runner) identify(ctx context.Context, old *identity) (identity, error) {
	if err := r.s.confirm(ctx); err != nil {
		return identity{}, err
	}
	if old != nil && r.task.of > 1 { // another task may have renewed it
		now, err := remember(ctx, r.l.to, r.l.decl.Name)
		if err != nil {
			return identity{}, err
		}
		if id := now.identity(r.task); id != nil && id.newer(*old) {
			return *id, r.s.saveIdentity(ctx, *id)
		}
	}
	pid, epoch, err := initProducer(ctx, r.gaps.t.cl, dataID(r.l.decl.Name))
	if err != nil {
		return identity{}, fmt.Errorf("%s: link %s: producer id for data: %w", r.l.to.Name, r.l.decl.Name, err)
	}
	id := identity{ProducerID: pid, Epoch: epoch, Since: time.Now().UnixNano()}
	if old != nil {
		id.BulkID = old.BulkID
	} else if id.BulkID, _, err = initProducer(ctx, r.gaps.t.cl, ""); err != nil {
		return identity{}, fmt.Errorf("%s: link %s: producer id for markers: %w", r.l.to.Name, r.l.decl.Name, err)
	}
	return id, r.s.saveIdentity(ctx, id)
}

// dataID is the transactional id whose producer id data batches carry. They are no part of a transaction: it makes the id last.
func dataID(link string) string { return "lifeboat." + link + ".data" }

// look looks for topics and partitions to mirror, and for what has become of the present ones. Only one look is under way at a time.
func (r *runner) look(ctx context.Context) {
	if err, _ := r.fetcher.Health(); r.looking || r.steady && err != nil {
		return
	}
	r.looking = true
	known, open := maps.Clone(r.memory.topics), map[string]bool{}
	for k := range r.mirrors {
		open[k.topic] = true
	}
	paused := r.pausedTopics()
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		look, cancel := context.WithTimeout(ctx, max(r.l.o.Timeout, 30*time.Second))
		defer cancel()
		found, err := r.l.ensureTopics(look, known, open, r.task.head())
		resting, rerr := r.l.lookAtResting(look, paused, known)
		return func(ctx context.Context) error {
			r.rest(resting, rerr)
			return r.looked(ctx, found, err)
		}
	})
}

// looked applies a look.
func (r *runner) looked(ctx context.Context, found []*topicFound, err error) error {
	r.looking = false
	if err != nil {
		r.l.o.Log.Warn("looking for topics", "link", r.l.decl.Name, "error", err)
		r.waits(err)
		if answer, ok := errors.AsType[*kerr.Error](err); ok && !answer.Retriable && !r.steady {
			return err // a broker refuses: a run that can not begin
		}
		r.later(ctx, r.look)
		return nil
	}
	r.waits(nil)
	if due := r.deleted(found); len(due) > 0 {
		return &deletedError{due}
	}
	var fresh []partitionKey
	var changed []*topicRecord
	for _, t := range found {
		old := r.memory.topics[t.name]
		if old.released() {
			continue
		}
		if t.err != nil {
			r.failTopic(t.err)
			continue
		}
		delete(r.topicErrs, t.name)
		rec := t.merge(old)
		if r.memory.topics[t.name] = rec; !rec.same(old) {
			changed = append(changed, rec)
		}
		for p := range int32(t.rec.Partitions) {
			k := partitionKey{t.name, p}
			m := r.mirrors[k]
			switch {
			case !r.task.mine(k):
			case m == nil && !r.opening[k] && !r.memory.paused(t.name):
				fresh = append(fresh, k)
			case m != nil && m.failed == nil && !m.busy && len(m.flights) == 0 && t.destEnds[p] > m.behind():
				r.reopen(ctx, m) // written by nobody we know: compare
			}
		}
	}
	r.adopt(ctx, changed, fresh)
	return nil
}

// adopt records mirror topics before anything is written to them: a topic with data that is not recorded is not this link's.
func (r *runner) adopt(ctx context.Context, changed []*topicRecord, fresh []partitionKey) {
	for _, k := range fresh {
		r.opening[k] = true
	}
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.s.saveTopics(ctx, changed...)
		return func(ctx context.Context) error {
			switch {
			case errors.Is(err, ErrTakenOver):
				return err
			case err != nil:
				r.l.o.Log.Warn("recording topics", "link", r.l.decl.Name, "error", err)
				r.later(ctx, func(ctx context.Context) { r.adopt(ctx, changed, fresh) })
			default:
				r.steady = true
				if r.o.headed != nil && r.task.head() {
					r.o.headed()
				}
				for parts := range slices.Chunk(fresh, openTogether) { // those that are there first go on first
					r.open(ctx, parts, 0)
				}
			}
			return nil
		}
	})
}

// take queues a chunk. One that does not go on where the last one ended is of a position that was left since.
func (r *runner) take(ctx context.Context, c *arrival) {
	m := r.mirrors[partitionKey{c.Topic, c.Partition}]
	if m == nil || m.failed != nil || m.ending != nil || m.held || c.Offset != m.asked {
		c.Release()
		return
	}
	if c.Err != nil {
		r.sourceRefused(ctx, m, &c.Chunk)
		return
	}
	queued := len(m.queue)
	if err := m.take(&c.Chunk); err != nil {
		c.Release()
		r.end(m, &MirrorError{Code: CodeCorrupt, First: m.read, End: c.Next, Detail: "the source's bytes can not be mirrored", Err: err,
			Hint: "check the source's log with kafka-dump-log; the mirror holds everything in front of it"})
	}
	if len(m.queue) > queued {
		r.ready[m] = struct{}{}
	}
	queued = min(queued, len(m.queue))
	if err := m.cut(queued); err != nil {
		r.end(m, &MirrorError{Code: CodeCorrupt, First: m.queue[queued].base, End: c.Next, Detail: "the source's bytes can not be mirrored", Err: err,
			Hint: "check the source's log with kafka-dump-log"})
	}
	r.schemas.note(m, c.names, m.queue[queued:])
}

// trim follows the source's log start, where the topology does not keep more in the destination.
func (r *runner) trim(ctx context.Context) {
	overrides := r.l.decl.Topics.Configs
	if overrides["retention.ms"] != "" || overrides["retention.bytes"] != "" {
		return
	}
	for _, m := range r.mirrors {
		upTo := m.hide()
		if m.failed != nil || upTo <= m.hidden || r.memory.topics[m.topic].Aligning[m.partition] {
			continue
		}
		m.hidden = upTo
		if m.trans != nil {
			m.trans.offsets = m.trans.offsets.drop(upTo)
		}
		r.beside(ctx, func(ctx context.Context) func(context.Context) error {
			if err := deleteRecords(ctx, r.l.to, m.key(), upTo); err != nil && ctx.Err() == nil {
				r.l.o.Log.Warn("following the source's log start", "mirror", m.name(), "error", err)
			}
			return func(context.Context) error { return nil }
		})
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func topicsOfKeys(parts []partitionKey) []string {
	topics := map[string]bool{}
	for _, k := range parts {
		topics[k.topic] = true
	}
	return sorted(topics)
}

func topicsOfMirrors(list []*mirror) []string {
	topics := map[string]bool{}
	for _, m := range list {
		topics[m.topic] = true
	}
	return sorted(topics)
}

// wait sleeps for d or until ctx ends, and returns ctx's cause then.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
