package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// PromoteOptions say what is promoted.
type PromoteOptions struct {
	Topics []string // none: every mirror of the link
	Force  bool     // now, lag or not: Cluster Linking's failover. Otherwise lag zero comes first
	By     string   // on whose behalf, for those who ask later
	Brief  bool     // whoever served the link goes on with what is left of it, as after a verb; otherwise it ends with ErrTakenOver

	tenure *tenure // of the run that promotes by itself; nil: it takes the link from anybody
}

// Promoted is one topic's terminal state.
type Promoted struct {
	Topic string
	State string                 // STOPPED
	Found bool                   // it was STOPPED before
	At    time.Time              // when it was recorded as STOPPED
	By    string                 // on whose behalf, "" where that is not known
	Ends  map[int32]plans.Offset // by partition, where mirrored data ends
	Come  map[int32]plans.Offset // the same in the source's offsets: equal where offsets are
}

// Promote turns mirrors into topics that are written: it takes the link over, reaches lag zero (unless forced), fences every older
// mirroring process on each partition with a marker, puts the source's configs in force, and gives the staged grants when STOPPED is
// recorded and read back. It is idempotent: after a crash at any point, calling it again goes on, with the same Ends.
func (l *Link) Promote(ctx context.Context, o PromoteOptions) ([]Promoted, error) {
	verb := plans.PromoteMirror
	if o.Force {
		verb = plans.FailoverMirror
	}
	if err := l.allowed(ctx, verb, o.Topics); err != nil {
		return nil, err
	}
	if !o.Force {
		if err := l.Run(ctx, RunOptions{Once: true, Topics: o.Topics, Owner: "promotion", Brief: o.Brief, hold: true}); concerns(err, o.Topics) {
			return nil, errors.Join(err, l.leave(ctx, "promotion"))
		}
	}
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: "promotion", Brief: o.Brief}, o.tenure)
	if err != nil {
		return nil, err
	}
	defer s.leave(ctx)
	g, err := openGaps(ctx, s, l.decl) // no older process writes another marker
	if err != nil {
		return nil, err
	}
	defer g.close()
	names := o.Topics
	if len(names) == 0 {
		names = sorted(s.memory.topics)
	}
	if len(names) == 0 {
		return nil, &NotMirroredError{l.decl.Name, "", verb}
	}
	var todo []*topicRecord
	found := map[string]bool{}
	for _, name := range names {
		rec := s.memory.topics[name]
		if rec == nil {
			return nil, &NotMirroredError{l.decl.Name, name, verb}
		}
		if _, err := verb.From(name, rec.State); err != nil {
			return nil, fmt.Errorf("link %s: %w", l.decl.Name, err)
		}
		if rec.State != Stopped {
			next := *rec
			next.Promoter = o.By
			todo = append(todo, &next)
		}
		found[name] = rec.State == Stopped
	}
	if len(todo) > 0 {
		if err := l.stop(ctx, s, todo); err != nil {
			return nil, err
		}
	}
	after, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	var out []Promoted
	for _, name := range names {
		rec := after.topics[name]
		if rec == nil || rec.State != Stopped {
			return nil, fmt.Errorf("link %s: topic %q is not recorded as STOPPED after its promotion", l.decl.Name, name)
		}
		p := rec.promoted()
		p.Found = found[name]
		out = append(out, p)
	}
	if err := l.grantStaged(ctx, s, after); err != nil {
		return nil, err
	}
	return out, nil
}

// concerns says whether an error of a run stands against promoting topics: mirrors of other topics may have failed.
func concerns(err error, topics []string) bool {
	if merr, ok := err.(*MirrorError); ok {
		return len(topics) == 0 || slices.Contains(topics, merr.Topic)
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(list.Unwrap(), func(e error) bool { return concerns(e, topics) })
	}
	return err != nil
}

// stop takes topics from mirroring to STOPPED.
func (l *Link) stop(ctx context.Context, s *store, topics []*topicRecord) error {
	var names []string
	for _, t := range topics {
		names = append(names, t.Topic)
	}
	bounds, err := listBounds(ctx, l.to, names)
	if err != nil {
		return err
	}
	var parts []partitionKey
	for _, t := range topics {
		t.State, t.Error = PendingStopped, ""
		first := t.Before == nil
		if first {
			t.Before = map[int32]plans.Offset{}
		}
		for p := range int32(t.Partitions) {
			k := partitionKey{t.Topic, p}
			parts = append(parts, k)
			if first {
				t.Before[p] = plans.Offset(bounds[k].end)
			}
		}
	}
	// From here on no process mirrors these topics again, and where mirrored data ended at the latest is known.
	if err := s.saveTopics(ctx, topics...); err != nil {
		return err
	}
	if err := l.settleTranslated(ctx, s, topics); err != nil {
		return err
	}
	pid, err := l.seal(ctx, s, parts)
	if err != nil {
		return err
	}
	ends, err := l.fences(ctx, pid, topics)
	if err != nil {
		return err
	}
	for _, rec := range topics {
		rec.Ends = ends[rec.Topic]
		rec.settle()
		set, unset := afterwards(rec.Configs, l.decl.Topics.Configs)
		if err := l.alterTopic(ctx, rec.Topic, set, unset); err != nil {
			return err
		}
		rec.State = Stopped
	}
	return s.saveTopics(ctx, topics...)
}

// seal ends partitions with one empty transaction of the data identity: its marker carries a new epoch, and the broker refuses the older one's batches
// on every partition from there on. A process that has not seen yet that it was taken over may fence the identity meanwhile: whose the link is, is the
// store's to say.
func (l *Link) seal(ctx context.Context, s *store, parts []partitionKey) (pid int64, err error) {
	t, err := newTransactor(l.to, l.decl.Name, "data")
	if err != nil {
		return 0, err
	}
	defer t.close()
	for attempt := 1; ; attempt++ {
		err := l.sealAs(ctx, s, t, parts)
		if attempt == 5 || !errors.Is(err, ErrTakenOver) {
			return t.pid, err
		}
		if err := s.confirm(ctx); err != nil {
			return 0, err
		}
	}
}

func (l *Link) sealAs(ctx context.Context, s *store, t *transactor, parts []partitionKey) error {
	err := t.init(ctx)
	if err != nil {
		return err
	}
	id := identity{ProducerID: t.pid, Epoch: t.epoch, Since: time.Now().UnixNano()}
	if old := s.memory.identity(s.task); old != nil {
		id.BulkID = old.BulkID
	} else if id.BulkID, _, err = initProducer(ctx, t.cl, ""); err != nil {
		return fmt.Errorf("%s: link %s: producer id for markers: %w", l.to.Name, l.decl.Name, err)
	}
	if err := s.saveIdentity(ctx, id); err != nil { // what is still mirrored goes on with it
		return err
	}
	for chunk := range slices.Chunk(parts, 500) {
		if err := t.markers(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// fences finds the first marker of the data identity on every partition, from where the log ended before: what was mirrored ends there.
// The identity writes markers at promotion only.
func (l *Link) fences(ctx context.Context, pid int64, topics []*topicRecord) (map[string]map[int32]plans.Offset, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitMarkers, fmt.Errorf("the fencing markers were not in the logs after %s", awaitMarkers))
	defer cancel()
	ends, at := map[string]map[int32]plans.Offset{}, map[partitionKey]int64{}
	for _, t := range topics {
		ends[t.Topic] = map[int32]plans.Offset{}
		for p := range int32(t.Partitions) {
			at[partitionKey{t.Topic, p}] = int64(t.Before[p])
		}
	}
	return ends, readFrom(ctx, l.to, at, func(k partitionKey, c *fetch.Chunk) (bool, error) {
		if c.Err != nil {
			return false, fmt.Errorf("looking for the fencing marker: %w", c.Err)
		}
		for rest := c.Records; len(rest) > 0; {
			b, behind, err := batch.Next(rest)
			if err != nil {
				return false, err
			}
			if b.Control() && b.ProducerID() == pid && b.BaseOffset() >= at[k] {
				ends[k.topic][k.partition] = plans.Offset(b.BaseOffset())
				return true, nil
			}
			rest = behind
		}
		return false, nil
	})
}
