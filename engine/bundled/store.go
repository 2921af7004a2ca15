package bundled

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/run"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
)

// storeTimeout is how long one write of the region's topics may stay undecided.
const storeTimeout = 30 * time.Second

// watchInterval is how soon a process notices that it has lost its region though it has nothing to write.
const watchInterval = 2 * time.Second

// store writes the region's tables and statements, and is the proof that the region is this process's: its transactional id is the
// region's lease.
type store struct {
	client     *kgo.Client
	region     string
	tables     string // topic
	statements string // topic

	queue   sync.Mutex
	waiting []*write
	writing bool // somebody carries out what is waiting

	mu       sync.Mutex
	producer *txn.Producer
	doubtful bool // the outcome of the last write is not known
	lost     error
}

// record is a statement as the statements topic keeps it, under its name.
type record struct {
	Name       string            `json:"name"`
	SQL        string            `json:"sql"`
	Properties map[string]string `json:"properties,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Stopped    bool              `json:"stopped"`
	UID        string            `json:"uid"`
	Version    int64             `json:"version"`
	Created    time.Time         `json:"created"`
	Updated    time.Time         `json:"updated"`
	Phase      engine.Phase      `json:"phase"`
	Detail     string            `json:"detail,omitempty"`
	Kind       string            `json:"kind"`
	Bounded    bool              `json:"bounded"`
	AppendOnly bool              `json:"append_only"`
	Offsets    map[string]string `json:"offsets,omitempty"` // as of the last time that a run ended
	OffsetAt   time.Time         `json:"offset_at,omitzero"`
}

// openStore takes the region over.
func openStore(ctx context.Context, client *kgo.Client, region string) (*store, error) {
	s := &store{
		client: client, region: region,
		tables: "_lifeboat." + region + ".catalog", statements: "_lifeboat." + region + ".statements",
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, topic := range []string{s.tables, s.statements} {
		g.Go(func() error { return txn.EnsureTopic(gctx, client, topic) })
	}
	g.Go(func() error { return s.open(gctx) })
	return s, g.Wait()
}

func (s *store) open(ctx context.Context) error {
	producer, err := txn.Open(ctx, s.client, "lifeboat."+s.region+".engine", storeTimeout)
	if err != nil {
		return err
	}
	s.producer, s.doubtful = producer, false
	return nil
}

// write is a record on its way; without a topic, a wish to know whether the region is still this process's.
type write struct {
	topic  string
	record txn.Record
	done   chan result
}

// result is what became of a write.
type result struct {
	err       error
	calledOff bool // by the context of the one that carried it out
}

// put writes one record, durably, before it returns; a nil value deletes the key. Error: run.ErrTakenOver.
func (s *store) put(ctx context.Context, topic, key string, value []byte) error {
	return s.do(ctx, topic, txn.Record{Key: key, Value: value})
}

// owned says whether the region is still this process's. Error: run.ErrTakenOver.
func (s *store) owned(ctx context.Context) error { return s.do(ctx, "", txn.Record{}) }

// do carries out a write together with all that are asked for at the same time: a transaction takes as long for one as for many, and a
// region that fails over starts its statements at once. Whoever comes first does it for those behind it; where that one is called off,
// the others begin again.
func (s *store) do(ctx context.Context, topic string, record txn.Record) error {
	for {
		w := &write{topic, record, make(chan result, 1)}
		s.queue.Lock()
		s.waiting = append(s.waiting, w)
		lead := !s.writing
		s.writing = true
		s.queue.Unlock()
		if lead {
			s.carryOut(ctx)
		}
		if r := <-w.done; lead || !r.calledOff || ctx.Err() != nil {
			return r.err
		}
	}
}

// carryOut writes what is waiting until nothing is.
func (s *store) carryOut(ctx context.Context) {
	s.queue.Lock()
	defer s.queue.Unlock()
	for len(s.waiting) > 0 {
		list := s.waiting
		s.waiting = nil
		s.queue.Unlock()
		err := s.commit(ctx, list)
		for _, w := range list {
			w.done <- result{err, err != nil && ctx.Err() != nil}
		}
		s.queue.Lock()
	}
	s.writing = false
}

// commit writes records in one transaction. Where there are none, an empty one proves that the region is still this process's.
func (s *store) commit(ctx context.Context, list []*write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(ctx); err != nil {
		return err
	}
	byTopic := map[string][]txn.Record{}
	for _, w := range list {
		if w.topic != "" {
			byTopic[w.topic] = append(byTopic[w.topic], w.record)
		}
	}
	if len(byTopic) == 0 {
		return s.note(s.producer.Touch(ctx, txn.Partition{Topic: s.statements}))
	}
	var batches []txn.Batch
	for _, topic := range slices.Sorted(maps.Keys(byTopic)) {
		more, err := txn.Records(txn.Partition{Topic: topic}, time.Now(), byTopic[topic])
		if err != nil {
			return err
		}
		batches = append(batches, more...)
	}
	err := s.producer.Write(ctx, batches)
	if err == nil {
		err = s.producer.Commit(ctx)
	}
	return s.note(err)
}

// watch returns run.ErrTakenOver when another process has taken the region, and nil when ctx ends. It costs a question a round, and writes only where
// the answer is not ours. Brokers before 3.0 do not answer: there a process notices when it next writes.
func (s *store) watch(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchInterval):
		}
		s.mu.Lock()
		current, err := s.producer.Current(ctx)
		s.mu.Unlock()
		if err != nil || current {
			continue
		}
		if err := s.owned(ctx); errors.Is(err, run.ErrTakenOver) {
			return err
		}
	}
}

// settle makes the producer usable again after an error: it ends what was begun, which only the owner can, and opens it anew.
func (s *store) settle(ctx context.Context) error {
	if s.lost != nil || !s.doubtful {
		return s.lost
	}
	if err := s.producer.Touch(ctx, txn.Partition{Topic: s.statements}); err != nil {
		return s.note(err)
	}
	return s.note(s.open(ctx))
}

func (s *store) note(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, txn.ErrFenced):
		s.lost = fmt.Errorf("%s: %w", s.region, run.ErrTakenOver)
		return s.lost
	}
	s.doubtful = true
	return fmt.Errorf("%s: %w", s.region, err)
}
