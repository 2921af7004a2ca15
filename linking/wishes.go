package linking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// wishRecord is what an operator wants of a mirror topic. Anyone may write one beside the process that serves the link, which reads it
// within a second and acts on it; where no process serves the link, the next one finds it.
type wishRecord struct {
	Topic  string    `json:"topic"`
	Paused bool      `json:"paused"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// paused says that a topic is to be paused.
func (m *memory) paused(topic string) bool { return m.wishes[topic] != nil && m.wishes[topic].Paused }

// grant makes of what was last recorded what it is with the wishes that were written since.
func (m *memory) grant() {
	for name, rec := range m.topics {
		if rec.released() || rec.State == Failed || m.paused(name) == (rec.State == Paused) {
			continue
		}
		next := rec.copy()
		next.State, next.Error = Active, ""
		if m.paused(name) {
			next.State = Paused
		}
		m.topics[name] = next
	}
}

// Changed is what became of one mirror topic that a verb was given for.
type Changed struct {
	Topic, Was, State string
}

// Served says how a wish came through.
type Served int

const (
	NotServed  Served = iota // no process serves the link: the next one acts on it
	Acted                    // the process that serves the link has acted on it
	Unanswered               // the process that served the link has said nothing for a while: it is gone, or it acts when it wakes up
)

// servedWithin is how long the process that serves a link, which records itself every second, may be silent before it counts as gone.
const servedWithin = 6 * time.Second

// Pause stops mirroring of topics (none: all of the link) after what is on its way has arrived; Resume lets it go on from there. The process
// that serves the link acts on it within seconds; both return when it has, or when it is known that there is none. A topic whose state does
// not allow it is a *plans.TransitionError, and then nothing is changed.
func (l *Link) Pause(ctx context.Context, by string, topics []string) ([]Changed, Served, error) {
	return l.wish(ctx, plans.PauseMirror, by, topics)
}

// Resume is the contrary of Pause.
func (l *Link) Resume(ctx context.Context, by string, topics []string) ([]Changed, Served, error) {
	return l.wish(ctx, plans.ResumeMirror, by, topics)
}

func (l *Link) wish(ctx context.Context, verb plans.MirrorVerb, by string, topics []string) ([]Changed, Served, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, NotServed, err
	}
	changes, err := l.transitions(m, verb, topics)
	if err != nil {
		return nil, NotServed, err
	}
	var records []*kgo.Record
	for _, c := range changes {
		value, err := encode(wishRecord{Topic: c.Topic, Paused: c.State == Paused, By: by, At: time.Now().UTC()})
		if err != nil {
			return nil, NotServed, err
		}
		records = append(records, &kgo.Record{Topic: LinksTopic(l.to.Name), Key: []byte(linkKey(l.decl.Name, "wish", c.Topic)), Value: value})
	}
	if err := note(ctx, l.to, l.decl.Name, "recording what is wanted", records...); err != nil {
		return nil, NotServed, err
	}
	if !m.served() {
		return changes, NotServed, nil
	}
	served, err := l.acted(ctx, m, changes, records[0].Offset)
	return changes, served, err
}

// transitions looks every topic's state up in the table; topics none are all.
func (l *Link) transitions(m *memory, verb plans.MirrorVerb, topics []string) ([]Changed, error) {
	if len(topics) == 0 {
		topics = sorted(m.topics)
	}
	if len(topics) == 0 {
		return nil, &NotMirroredError{l.decl.Name, "", verb}
	}
	var changes []Changed
	var errs []error
	for _, name := range slices.Compact(slices.Sorted(slices.Values(topics))) {
		rec := m.topics[name]
		if rec == nil {
			errs = append(errs, &NotMirroredError{l.decl.Name, name, verb})
			continue
		}
		to, err := verb.From(name, rec.State)
		if err != nil {
			errs = append(errs, fmt.Errorf("link %s: %w", l.decl.Name, err))
			continue
		}
		changes = append(changes, Changed{name, rec.State, to})
	}
	return changes, errors.Join(errs...)
}

// acted waits until whoever serves the link has recorded the states that were asked for, behind the wishes at offset from.
func (l *Link) acted(ctx context.Context, m *memory, changes []Changed, from int64) (Served, error) {
	left := map[string]bool{} // topic → to be paused
	for _, c := range changes {
		left[c.Topic] = c.State == Paused
	}
	heard := make(chan *kgo.Record)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		defer close(heard)
		return follow(ctx, l.to, from, heard)
	})
	defer func() {
		cancel()
		_ = g.Wait() // ctx's end
	}()
	silence := time.NewTimer(servedWithin)
	defer silence.Stop()
	for len(left) > 0 {
		select {
		case <-silence.C:
			return Unanswered, nil
		case rec, ok := <-heard:
			if !ok {
				return Unanswered, g.Wait()
			}
			kind, name := m.heard(l.decl.Name, rec)
			switch {
			case kind == "owner" && !m.served():
				return NotServed, nil
			case kind == "owner":
				silence.Reset(servedWithin)
			case kind == "topic":
				silence.Reset(servedWithin)
				if paused, asked := left[name]; asked && paused == (m.topics[name].State == Paused) {
					delete(left, name)
				}
			}
		}
	}
	return Acted, nil
}

// heard takes a record of the links topic in, and returns its kind and name where it is one of the link.
func (m *memory) heard(link string, rec *kgo.Record) (kind, name string) {
	of, kind, name := cutKey(rec.Key)
	if of != link || rec.Value == nil || m.take(link, rec.Key, rec.Value) != nil {
		return "", ""
	}
	if kind == "topic" {
		name, _ = cutPiece(name)
	}
	return kind, name
}

// follow reads the links topic from an offset on and hands over what is committed, until ctx ends. Errors of a region that does not answer
// are tried again.
func follow(ctx context.Context, r *Region, from int64, heard chan<- *kgo.Record) error {
	topic := LinksTopic(r.Name)
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(500*time.Millisecond), kgo.FetchMaxBytes(1<<20))...)
	if err != nil {
		return fmt.Errorf("%s: following %q: %w", r.Name, topic, err)
	}
	defer cl.Close()
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if fetches.Err() != nil && wait(ctx, 200*time.Millisecond) != nil {
			return context.Cause(ctx)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			select {
			case heard <- it.Next():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// followWishes hands what operators want to the loop as it is written.
func (r *runner) followWishes(ctx context.Context) error {
	heard := make(chan *kgo.Record)
	r.group.Go(func() error { return follow(ctx, r.l.to, r.memory.end, heard) })
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case rec := <-heard:
			of, kind, name := cutKey(rec.Key)
			headed := kind == "topic" && !r.task.head() && rec.Value != nil && task{}.piece(name) == name
			if of != r.l.decl.Name || kind != "wish" && kind != "link" && !headed {
				continue
			}
			select {
			case r.results <- func(ctx context.Context) error {
				if headed {
					r.head(ctx, rec.Value)
					return nil
				}
				if err := r.memory.take(of, rec.Key, rec.Value); err != nil {
					r.l.o.Log.Warn("reading what is wanted of a mirror", "link", of, "topic", name, "error", err)
				}
				if kind == "link" {
					return r.l.redeclared(r.memory)
				}
				if rec.Value != nil {
					r.wished(ctx, name)
				}
				return nil
			}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// head takes in what the link's head says of a topic: that it is there, as what, with how many partitions, and what it held when the link came.
func (r *runner) head(ctx context.Context, value []byte) {
	var now topicRecord
	if err := json.Unmarshal(value, &now); err != nil || now.State != Active && now.State != Paused {
		return // it is failing there, or the next look finds out
	}
	old := r.memory.topics[now.Topic]
	if now.same(old) {
		return
	}
	rec := &topicRecord{Topic: now.Topic, State: Active}
	if old != nil && old.DestID == now.DestID {
		rec = old.copy()
	}
	rec.Foreign = now.Foreign // which decides how partitions are mirrored that are not yet
	rec.SourceID, rec.DestID, rec.Partitions, rec.Configs = now.SourceID, now.DestID, now.Partitions, now.Configs
	r.memory.topics[now.Topic] = rec
	if old == nil {
		r.look(ctx)
	}
}

// wished acts on what is wanted of a topic: its mirrors are held until nothing of them is on its way, or opened again.
func (r *runner) wished(ctx context.Context, topic string) {
	paused := r.memory.paused(topic)
	r.l.o.Log.Info("asked for", "topic", topic, "paused", paused, "by", r.memory.wishes[topic].By)
	var open []partitionKey
	if rec := r.memory.topics[topic]; rec != nil && !rec.released() && !paused && r.topicErrs[topic] == nil {
		for p := range int32(rec.Partitions) {
			if k := (partitionKey{topic, p}); r.task.mine(k) && r.mirrors[k] == nil && !r.opening[k] {
				open = append(open, k)
			}
		}
	}
	r.open(ctx, open, 0)
	for k, m := range r.mirrors {
		if paused && k.topic == topic && m.failed == nil && !m.held {
			m.held = true
			r.holding[m] = struct{}{}
			r.fetcher.Remove(k.topic, k.partition)
		}
	}
}

// letGo forgets held mirrors of which nothing is on its way any more. One that is wanted again meanwhile begins anew.
func (r *runner) letGo(ctx context.Context) {
	for m := range r.holding {
		k := m.key()
		switch {
		case r.mirrors[k] != m || m.failed != nil:
			delete(r.holding, m)
		case !m.busy && len(m.flights) == 0:
			delete(r.holding, m)
			if r.memory.paused(k.topic) {
				r.forget(m)
			} else {
				r.reopen(ctx, m)
			}
		}
	}
}

// allowed says whether the states recorded now allow a verb; topics none are all. What a run changes or finds out is left to the verb to
// judge: topics that are no mirrors yet, FAILED and SOURCE_UNAVAILABLE.
func (l *Link) allowed(ctx context.Context, verb plans.MirrorVerb, topics []string) error {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return err
	}
	var errs []error
	for name, rec := range m.topics {
		if rec.State == Failed || rec.State == SourceUnavailable || len(topics) > 0 && !slices.Contains(topics, name) {
			continue
		}
		if _, err := verb.From(name, rec.State); err != nil {
			errs = append(errs, fmt.Errorf("link %s: %w", l.decl.Name, err))
		}
	}
	return errors.Join(errs...)
}
