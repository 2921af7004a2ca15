package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// TasksTopic is the topic by which the processes that serve a link divide its tasks among themselves: one partition a task, never written to.
func TasksTopic(region, link string) string { return "_lifeboat." + region + ".tasks." + link }

// TasksGroup is the consumer group in which they do.
func TasksGroup(link string) string { return "lifeboat." + link }

// A process that is gone is missed after sessionTimeout, and its tasks are then served by others.
const (
	sessionTimeout   = 6 * time.Second // what brokers allow by default at least (group.min.session.timeout.ms)
	rebalanceTimeout = 30 * time.Second
	memoryPerTask    = 32 << 20
)

// tasks is into how many tasks the link is cut as it is declared.
func (l *Link) tasks() int { return max(1, l.decl.Tasks) }

// cut records into how many tasks the link is cut, where it was cut otherwise before. Every process that serves it is taken over for that;
// of several that begin at once one does it.
func (l *Link) cut(ctx context.Context, o RunOptions) error {
	for began := time.Now(); ; {
		err := l.cutOnce(ctx, o)
		if !errors.Is(err, ErrTakenOver) {
			return err
		}
		l.o.Log.Info("the link was taken over", "link", l.decl.Name, "error", err)
		if time.Since(began) > verbWithin {
			o.tenure.forget() // the verb that has the link was killed
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func (l *Link) cutOnce(ctx context.Context, o RunOptions) error {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil || m.tasks == l.tasks() {
		return err
	}
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: o.Owner, Brief: true}, o.tenure)
	if err != nil {
		return err
	}
	defer s.leave(ctx)
	if s.memory.tasks == l.tasks() {
		return nil // another process has done it meanwhile
	}
	g, err := openGaps(ctx, s, l.decl) // what is under way of the tasks as they were is in the logs before others begin
	if err != nil {
		return err
	}
	defer g.close()
	records := map[string]any{linkKey(l.decl.Name, "tasks", ""): tasksRecord{l.tasks()}}
	for name, pieces := range s.memory.pieces {
		for n := range pieces {
			records[linkKey(l.decl.Name, "topic", task{n: n}.piece(name))] = nil
		}
		for n := range l.tasks() {
			t := task{n, l.tasks()}
			records[linkKey(l.decl.Name, "topic", t.piece(name))] = t.cut(s.memory.topics[name])
		}
	}
	l.o.Log.Info("cutting the link into tasks", "link", l.decl.Name, "were", m.tasks, "are", l.tasks())
	return s.write(ctx, records)
}

// together runs every task of a link in this process until their lag is zero, as many at a time as memory has room for. The head begins, because it
// makes the topics, and ends last, because positions go no further than what has arrived. It returns the errors of the mirrors that failed, and why it
// ended.
func (l *Link) together(ctx context.Context, o RunOptions, of int) ([]error, error) {
	headed, arrived := make(chan struct{}), make(chan struct{})
	o.headed, o.arrived = sync.OnceFunc(func() { close(headed) }), arrived
	atOnce := o.atOnce(of)
	sum := tally{tell: o.Progress, by: map[int]Progress{}}
	failed := make([][]error, of)
	g, ctx := errgroup.WithContext(ctx)
	one := func(ctx context.Context, n int) (err error) {
		own := o
		own.Progress = sum.of(n)
		failed[n], err = l.serve(ctx, own, task{n, of})
		return err
	}
	g.Go(func() error { return one(ctx, 0) })
	g.Go(func() error {
		select {
		case <-headed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var others errgroup.Group
		others.SetLimit(atOnce - 1)
		for n := 1; n < of; n++ {
			others.Go(func() error { return one(ctx, n) })
		}
		err := others.Wait()
		if err == nil {
			close(arrived)
		}
		return err
	})
	err := g.Wait()
	return distinct(slices.Concat(failed...)), err
}

// atOnce is how many tasks of a link run at a time in a process that has to run them all: as many as memory has room for, the head and another at
// least. What the process may use is divided among them.
func (o *RunOptions) atOnce(of int) int {
	memory := cmp.Or(o.Memory, DefaultMemory)
	n := min(int64(of), max(2, memory/memoryPerTask))
	o.Memory, o.Bandwidth = memory/n, (o.Bandwidth+n-1)/n
	return int(n)
}

// perTask are one task's memory and bandwidth.
func (o *RunOptions) perTask(of int) (memory, bandwidth int64) {
	return max(cmp.Or(o.Memory, DefaultMemory)/int64(of), memoryPerTask), (o.Bandwidth + int64(of) - 1) / int64(of)
}

// distinct leaves out errors that say what another one has said: every task finds out that a topic is gone.
func distinct(errs []error) []error {
	seen := map[string]bool{}
	return slices.DeleteFunc(errs, func(err error) bool {
		text := err.Error()
		again := seen[text]
		seen[text] = true
		return again
	})
}

// share serves the tasks that the group gives to this process until ctx ends.
func (l *Link) share(ctx context.Context, o RunOptions) error {
	of := l.tasks()
	if o.Memory != 0 && o.Memory < int64(of)*memoryPerTask {
		return fmt.Errorf("link %s: %d tasks need %d MiB of memory at least, %d a task", l.decl.Name, of, of*memoryPerTask>>20, memoryPerTask>>20)
	}
	if err := l.ensureTasksTopic(ctx); err != nil {
		return err
	}
	o.Memory, o.Bandwidth = o.perTask(of)
	g, ctx := errgroup.WithContext(ctx)
	s := &sharing{l: l, o: o, of: of, group: g, ctx: ctx, sum: tally{tell: o.Progress, by: map[int]Progress{}}, serving: map[int32]*serving{}}
	s.failures.of = map[int][]error{}
	topic := TasksTopic(l.to.Name, l.decl.Name)
	cl, err := kgo.NewClient(append(slices.Clone(l.to.Client.Opts()), kgo.ConsumerGroup(TasksGroup(l.decl.Name)), kgo.ConsumeTopics(topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit(), kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(sessionTimeout/4),
		kgo.RebalanceTimeout(rebalanceTimeout), kgo.FetchMaxWait(5*time.Second),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) { s.begin(got[topic]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { s.end(lost[topic]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { s.end(lost[topic]) }))...)
	if err != nil {
		return fmt.Errorf("%s: link %s: dividing its tasks: %w", l.to.Name, l.decl.Name, err)
	}
	g.Go(func() error {
		defer cl.Close() // leaves the group when its tasks have ended
		for {
			fetches := cl.PollFetches(ctx)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			for _, fe := range fetches.Errors() {
				if errors.Is(fe.Err, kerr.GroupAuthorizationFailed) || errors.Is(fe.Err, kerr.TopicAuthorizationFailed) {
					return fmt.Errorf("%s: link %s: dividing its tasks needs READ on group %s and on topic %s: %w", l.to.Name, l.decl.Name, TasksGroup(l.decl.Name), topic, fe.Err)
				}
				l.o.Log.Warn("dividing tasks", "link", l.decl.Name, "error", fe.Err)
			}
		}
	})
	err = g.Wait()
	return errors.Join(append([]error{err}, distinct(slices.Concat(slices.Collect(maps.Values(s.failures.of))...))...)...)
}

// ensureTasksTopic makes the topic of the link's tasks, with as many partitions at least.
func (l *Link) ensureTasksTopic(ctx context.Context) error {
	topic, of := TasksTopic(l.to.Name, l.decl.Name), l.tasks()
	resp, err := l.to.Admin.CreateTopic(ctx, int32(of), -1, nil, topic)
	if err == nil {
		err = resp.Err
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		var grown kadm.CreatePartitionsResponses
		if grown, err = l.to.Admin.UpdatePartitions(ctx, of, topic); err == nil {
			err = grown.Error()
		}
		if errors.Is(err, kerr.InvalidPartitions) {
			err = nil // it has as many, or was cut into more tasks once
		}
	}
	if err != nil {
		return fmt.Errorf("%s: topic %q: making it for the link's tasks: %w", l.to.Name, topic, err)
	}
	return nil
}

// sharing is this process' part of a link.
type sharing struct {
	l     *Link
	o     RunOptions
	of    int
	group *errgroup.Group
	ctx   context.Context // of the group, whose callbacks have none that lasts
	sum   tally

	mu      sync.Mutex
	serving map[int32]*serving

	failures struct {
		sync.Mutex
		of map[int][]error // by task, of its run that ended last
	}
}

// serving is a task that is served.
type serving struct {
	stop  context.CancelFunc
	ended chan struct{}
}

func (s *sharing) begin(tasks []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range tasks {
		if int(n) >= s.of || s.serving[n] != nil {
			continue
		}
		ctx, stop := context.WithCancel(s.ctx)
		one := &serving{stop, make(chan struct{})}
		s.serving[n] = one
		s.l.o.Log.Info("serving a task", "link", s.l.decl.Name, "task", n, "of", s.of)
		s.group.Go(func() error {
			defer close(one.ended)
			err := s.serve(ctx, task{int(n), s.of})
			if ctx.Err() != nil && s.ctx.Err() == nil {
				return nil // the task is another process' now
			}
			return err
		})
	}
}

// end returns when the tasks' runs have ended: whoever serves them next finds nothing under way.
func (s *sharing) end(tasks []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range tasks {
		if one := s.serving[n]; one != nil {
			one.stop()
		}
	}
	for _, n := range tasks {
		if one := s.serving[n]; one != nil {
			<-one.ended
			delete(s.serving, n)
			s.sum.left(int(n))
			if s.ctx.Err() == nil {
				s.failures.Lock()
				delete(s.failures.of, int(n))
				s.failures.Unlock()
			}
			if s.o.Metrics != nil {
				s.o.Metrics.left(int(n))
			}
			s.l.o.Log.Info("a task goes to another process", "link", s.l.decl.Name, "task", n)
		}
	}
}

// serve serves one task until it is another process'. Mirrors that fail are recorded; the others go on.
func (s *sharing) serve(ctx context.Context, t task) error {
	o := s.o
	o.Progress = s.sum.of(t.n)
	for {
		failed, err := s.l.serveOn(ctx, o, t)
		s.failures.Lock()
		s.failures.of[t.n] = failed
		s.failures.Unlock()
		if !errors.Is(err, ErrTakenOver) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.l.o.Log.Info("a task was taken over", "link", s.l.decl.Name, "task", t.n, "error", err)
		if err := s.l.verbEnds(ctx, o.tenure, t); err != nil {
			return err
		}
	}
}

// tally adds up how far the tasks of a process have come.
type tally struct {
	tell func(Progress)
	mu   sync.Mutex
	by   map[int]Progress
}

// of is what one task tells its progress to; nil where nobody wants to know.
func (t *tally) of(n int) func(Progress) {
	if t.tell == nil {
		return nil
	}
	return func(p Progress) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.by[n] = p
		var sum Progress
		for _, one := range t.by {
			sum.Partitions, sum.Failed, sum.LagRecords = sum.Partitions+one.Partitions, sum.Failed+one.Failed, sum.LagRecords+one.LagRecords
			sum.Records, sum.Bytes = sum.Records+one.Records, sum.Bytes+one.Bytes
			sum.LagSeconds = max(sum.LagSeconds, one.LagSeconds)
			if one.Waiting != nil {
				sum.Waiting = one.Waiting
			}
		}
		t.tell(sum)
	}
}

// left forgets a task but for what it has mirrored here.
func (t *tally) left(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const past = -1
	sum := t.by[past]
	sum.Records, sum.Bytes = sum.Records+t.by[n].Records, sum.Bytes+t.by[n].Bytes
	t.by[past] = sum
	delete(t.by, n)
}
