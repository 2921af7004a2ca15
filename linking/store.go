package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// store writes what a task of a link remembers, in transactions of lifeboat.LINK.links. Whoever opens it fences everyone who opened it before
// (KIP-98): their next write is ErrTakenOver, so a process that was taken over can not overwrite what its successor recorded, and learns
// within a second that it is not the owner any more. Its calls are safe for concurrent use.
type store struct {
	region *Region
	link   string
	task   task
	others []*store // with the head's: every other task's, where the link as a whole was taken over
	owner  ownerRecord
	tenure *tenure
	memory *memory // as it was when the store was opened; from then on the opener's

	mu    patient
	t     *transactor
	up    bool        // the transactor has its epoch, and no transaction is open
	until time.Time   // of the lease for unfenced writes
	late  atomic.Bool // one of them has no answer
}

// patient is a lock that is held while brokers are asked. Whoever waits for one is idle to a clock of testing/synctest, and not to one of sync.Mutex.
type patient chan struct{}

func (p patient) Lock()   { p <- struct{}{} }
func (p patient) Unlock() { <-p }

const (
	storeTimeout = 10 * time.Second        // of one write
	ownerDelay   = time.Second             // a fenced process waits before it reads who fenced it: a successor records itself at once
	bulkLease    = time.Second             // how long a process may begin unfenced writes after it was confirmed as the owner
	bulkGrace    = 1500 * time.Millisecond // how long its successor waits for them to end
)

// openStore takes a link over and reads what is remembered of it.
func openStore(ctx context.Context, r *Region, link, owner string) (*store, error) {
	return openStoreAs(ctx, r, link, ownerRecord{Owner: owner}, nil)
}

// openStoreAs is openStore with more to be known of the owner. With a tenure, who came meanwhile keeps the link, and ErrTakenOver says so.
func openStoreAs(ctx context.Context, r *Region, link string, owner ownerRecord, own *tenure) (*store, error) {
	for {
		m, err := remember(ctx, r, link)
		if err != nil {
			return nil, err
		}
		s, err := openTasks(ctx, r, link, m.tasks, owner, own)
		if err != nil || s.memory.tasks == m.tasks {
			return s, err
		}
		s.leave(ctx) // it was cut otherwise meanwhile
	}
}

// openTasks takes every one of a link's tasks over. What is written goes through the head's store.
func openTasks(ctx context.Context, r *Region, link string, of int, owner ownerRecord, own *tenure) (*store, error) {
	s, err := openTask(ctx, r, link, task{0, of}, owner, own)
	if err != nil || of <= 1 {
		return s, err
	}
	s.others = make([]*store, of-1)
	var g errgroup.Group
	for i := range s.others {
		g.Go(func() (err error) {
			s.others[i], err = openTask(ctx, r, link, task{i + 1, of}, owner, own)
			return err
		})
	}
	err = g.Wait()
	if err == nil {
		s.memory, err = remember(ctx, r, link) // with what the tasks recorded until they were taken over
	}
	if err != nil {
		s.others = slices.DeleteFunc(s.others, func(o *store) bool { return o == nil })
		s.leave(ctx)
		return nil, err
	}
	return s, nil
}

// openTask takes one task over.
func openTask(ctx context.Context, r *Region, link string, t task, owner ownerRecord, own *tenure) (*store, error) {
	resp, err := r.Admin.CreateTopic(ctx, 1, -1, map[string]*string{"cleanup.policy": new("compact")}, LinksTopic(r.Name))
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return nil, fmt.Errorf("%s: topic %q: creating it for the link: %w", r.Name, LinksTopic(r.Name), err)
	}
	s := &store{region: r, link: link, task: t, tenure: own, mu: make(patient, 1)}
	if s.t, err = newTransactor(r, link, t.role("links")); err != nil {
		return nil, err
	}
	if err := s.take(ctx, owner); err != nil {
		s.t.close()
		return nil, err
	}
	return s, nil
}

// take makes this process the recorded owner. A process that lost its epoch to us may take it back before it reads that we came: then we
// come again.
func (s *store) take(ctx context.Context, owner ownerRecord) error {
	unfenced := false
	for attempt := 1; ; attempt++ {
		m, err := s.claim(ctx, func(last ownerRecord) bool { return !s.tenure.yield(s.task, last) })
		if owned, ok := errors.AsType[*ownedError](err); ok {
			return owned
		}
		if err == nil {
			last := m.owners[s.task.n]
			unfenced = unfenced || last.Bulk
			s.memory = m
			// The lease goes from hand to hand until it is over: this process may be taken over while it waits.
			owner.Generation, owner.Since, owner.Bulk = last.Generation+1, time.Now().UTC(), unfenced
			s.owner = owner
			m.owners[s.task.n] = s.owner
			err = s.commit(ctx, s.owned(s.owner))
		}
		switch {
		case err == nil && unfenced:
			s.up = true
			s.tenure.saw(s.task, s.owner)
			if err := outwait(ctx, s.region, sorted(s.memory.topics)); err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.unlease(ctx)
		case err == nil:
			s.up = true
			s.tenure.saw(s.task, s.owner)
			return nil
		case errors.Is(err, ErrTakenOver) && attempt < 20, // another one takes it at the same time
			errors.Is(err, kerr.UnknownServerError) && attempt < 20, // so a coordinator of Kafka 4 answers who ends a transaction while another one comes
			kerr.IsRetriable(err) && attempt < 50:                   // the topic may be new
			if err := wait(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		default:
			return fmt.Errorf("link %s: recording its owner: %w", s.link, err)
		}
	}
}

func (s *store) close() {
	s.t.close()
	for _, o := range s.others {
		o.t.close()
	}
}

// owned is the record of the task's owner.
func (s *store) owned(owner ownerRecord) map[string]any {
	return map[string]any{linkKey(s.link, "owner", s.task.name()): owner}
}

// each does something with every task's store at once.
func (s *store) each(do func(*store) error) error {
	if len(s.others) == 0 {
		return do(s)
	}
	var g errgroup.Group
	for _, o := range append([]*store{s}, s.others...) {
		g.Go(func() error { return do(o) })
	}
	return g.Wait()
}

// write commits records, keyed by linkKey. ErrTakenOver says that another process owns the link now; after any other error nothing or
// everything was written, and the next write may succeed.
func (s *store) write(ctx context.Context, records map[string]any) error {
	if len(records) == 0 {
		return nil
	}
	s.mu.Lock()
	err := s.locked(ctx, records)
	s.mu.Unlock()
	if err != nil || len(s.others) == 0 {
		return err
	}
	// A task that was taken over before this was written has not read it.
	return s.each(func(o *store) error { return o.confirm(ctx) })
}

func (s *store) locked(ctx context.Context, records map[string]any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, storeTimeout, fmt.Errorf("no answer for %s", storeTimeout))
	defer cancel()
	if err := s.ready(ctx); err != nil {
		return err
	}
	err := s.commit(ctx, records)
	if err == nil {
		return nil
	}
	s.up = false
	if !errors.Is(err, ErrTakenOver) {
		return fmt.Errorf("link %s: recording its state: %w", s.link, err)
	}
	// A coordinator that gave up waiting for this process ends its transaction just as a successor does: the owner record tells them apart.
	if err := wait(ctx, ownerDelay); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.commit(ctx, records); err != nil {
		s.up = false
		return fmt.Errorf("link %s: recording its state: %w", s.link, err)
	}
	return nil
}

// confirm says whether this process still owns the link: nil, ErrTakenOver, or why that can not be told.
func (s *store) confirm(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(ctx, s.owned(s.owner))
}

// lease allows writes that nothing fences until the time returned: a successor reads that there may be some, and waits for bulkGrace
// before it looks where the logs end. What comes in spite of all that, from a process that was stopped between its last look at the clock and
// the system call behind it, is found by the successor's next answer, and fails the mirror.
func (s *store) lease(ctx context.Context) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := time.Now()
	owner := s.owner
	owner.Bulk = true
	if err := s.locked(ctx, s.owned(owner)); err != nil {
		return time.Time{}, err
	}
	s.owner, s.until = owner, begun.Add(bulkLease)
	return s.until, nil
}

// yield takes the lease back before it has ended, of a process that sends no unfenced request until it asks for another.
func (s *store) yield(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Time{}
	return s.unlease(ctx)
}

// finish takes the lease back of a process that writes nothing any more, and records whether it has left the link to whoever comes.
func (s *store) finish(ctx context.Context, ended bool) error {
	return s.each(func(o *store) error { return o.finishOne(ctx, ended) })
}

func (s *store) finishOne(ctx context.Context, ended bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := s.owner
	owner.Bulk, owner.Ended = s.late.Load(), ended
	if err := s.locked(ctx, s.owned(owner)); err != nil {
		return err
	}
	s.owner = owner
	return nil
}

// leave ends a verb, be it done or not: who served the link before goes on. Where that can not be recorded it does so after a while.
func (s *store) leave(ctx context.Context) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRecord)
	defer cancel()
	_ = s.finish(last, true)
	s.close()
}

// settle takes back a lease that has ended, so that no successor waits for it.
func (s *store) settle(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		return nil
	}
	return s.unlease(ctx)
}

// unlease leaves the lease where an unfenced request has no answer: a successor must wait for that one.
func (s *store) unlease(ctx context.Context) error {
	if !s.owner.Bulk || s.late.Load() {
		return nil
	}
	owner := s.owner
	owner.Bulk = false
	if err := s.locked(ctx, s.owned(owner)); err != nil {
		return err
	}
	s.owner = owner
	return nil
}

// ready gets a new epoch after a write that failed, unless the link has another owner.
func (s *store) ready(ctx context.Context) error {
	if s.up {
		return nil
	}
	_, err := s.claim(ctx, func(last ownerRecord) bool { return last.Generation == s.owner.Generation })
	s.up = err == nil
	return err
}

// commit writes records in one transaction, and returns when a read_committed reader sees them: EndTxn is answered before. Whoever ends the
// transaction between its requests has taken the id: the next of them finds no transaction, or a newer epoch.
func (s *store) commit(ctx context.Context, records map[string]any) error {
	err := s.transact(ctx, records)
	if errors.Is(err, kerr.InvalidTxnState) {
		return fmt.Errorf("%w: %w", ErrTakenOver, err)
	}
	return err
}

func (s *store) transact(ctx context.Context, records map[string]any) error {
	b := batch.NewBuilder(batch.None)
	now := time.Now().UnixMilli()
	for _, key := range sorted(records) {
		var value []byte // nil where the record is forgotten
		if records[key] != nil {
			var err error
			if value, err = encode(records[key]); err != nil {
				return err
			}
		}
		b.Append(now, []byte(key), value, batch.Headers{})
	}
	k := partitionKey{LinksTopic(s.region.Name), 0}
	if err := s.t.add(ctx, k); err != nil {
		return err
	}
	body, err := b.BuildTransactional(nil, batch.Identity{ProducerID: s.t.pid, Epoch: s.t.epoch, Sequence: s.t.seq[k]})
	if err != nil {
		return err
	}
	base, err := produceOne(ctx, s.t.cl, s.region.Name, k, s.t.txid, body)
	if fenced(err) {
		return s.t.failed("writing", err)
	} else if err != nil {
		return err
	}
	s.t.seq[k] = batch.NextSequence(s.t.seq[k], int32(b.Len()))
	if err := s.t.end(ctx, true); err != nil {
		return err
	}
	for {
		stable, err := s.region.Admin.ListCommittedOffsets(ctx, k.topic)
		if err != nil {
			return fmt.Errorf("%s: topic %q: last stable offset: %w", s.region.Name, k.topic, err)
		}
		if o, ok := stable.Lookup(k.topic, k.partition); ok && o.Err == nil && o.Offset > base+int64(b.Len()) {
			return nil
		}
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *store) saveTopics(ctx context.Context, topics ...*topicRecord) error {
	return s.write(ctx, s.pieces(topics...))
}

// pieces are topics as they are recorded: the task's own piece, or, with the whole link, every task's.
func (s *store) pieces(topics ...*topicRecord) map[string]any {
	records := map[string]any{}
	for _, t := range topics {
		rec := t.copy()
		rec.At = time.Now().UTC()
		records[linkKey(s.link, "topic", s.task.piece(t.Topic))] = s.task.cut(rec)
		for _, o := range s.others {
			records[linkKey(s.link, "topic", o.task.piece(t.Topic))] = o.task.cut(rec)
		}
	}
	return records
}

func (s *store) saveIdentity(ctx context.Context, id identity) error {
	return s.write(ctx, map[string]any{linkKey(s.link, "identity", s.task.name()): id})
}
