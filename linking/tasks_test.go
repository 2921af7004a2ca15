package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestProcessesShareALink(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topics := []string{each.Name(t, "a"), each.Name(t, "b")}
		p := newPair(t, env, topics...)
		p.decl.Tasks = 4
		for _, topic := range topics {
			each.Topic(t, env.East, topic, 5)
		}
		stop := p.writing(topics...)
		defer stop()
		processes := []*process{p.process(), p.process(), p.process()}
		for _, c := range processes {
			c.until(50) // every one of them has a share
		}

		processes[0].signal(syscall.SIGKILL)
		processes[0].ended()
		processes[1].signal(syscall.SIGSTOP)
		for _, topic := range topics { // the third serves all of it
			p.passes(topic)
		}
		processes[1].signal(syscall.SIGCONT)
		late := p.process()
		late.until(50)
		stop()
		p.awaitAll(topics...)
		for _, c := range append(processes[1:], late) {
			c.signal(syscall.SIGKILL)
			c.ended()
		}
		must(t, p.once())
		for _, topic := range topics {
			p.identical(topic)
		}
	})
}

func (p *pair) awaitAll(topics ...string) {
	p.t.Helper()
	for _, topic := range topics {
		p.await(topic)
	}
}

// passes waits until every partition of a topic that is written to is mirrored as far as the source had it when passes was called.
func (p *pair) passes(topic string) {
	p.t.Helper()
	want, err := p.east.Admin.ListCommittedOffsets(p.t.Context(), topic)
	must(p.t, err)
	deadline := time.Now().Add(time.Minute)
	want.Each(func(o kadm.ListedOffset) {
		for p.end(p.west, topic, o.Partition) < o.Offset {
			if time.Now().After(deadline) {
				p.t.Fatalf("%s-%d is not mirrored up to @%d", topic, o.Partition, o.Offset)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// sharing serves the link with several runs in this process until stop is called, which returns how each of them ended.
func (p *pair) sharing(n int) (stop func() []error) {
	ctx, cancel := context.WithCancel(p.t.Context())
	var g errgroup.Group
	ended := make([]error, n)
	for i := range n {
		g.Go(func() error {
			ended[i] = p.link().Run(ctx, linking.RunOptions{Owner: fmt.Sprint("process ", i)})
			return nil
		})
	}
	return func() []error {
		cancel()
		_ = g.Wait() // they are in ended
		return ended
	}
}

func TestVerbsOnASharedLink(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	still, goes := each.Name(t, "still"), each.Name(t, "goes")
	p := newPair(t, env, still, goes)
	p.decl.Tasks = 3
	each.Topic(t, env.East, still, 4)
	each.Topic(t, env.East, goes, 2)
	workload(t, p.east, still, 1, 20)
	workload(t, p.east, goes, 2, 20)
	stop := p.sharing(2)
	p.awaitAll(still, goes)

	_, served, err := p.link().Pause(t.Context(), "somebody", []string{still})
	must(t, err)
	if served != linking.Acted {
		t.Errorf("pausing: served %v", served)
	}
	before := make([]int64, 4)
	for i := range before {
		before[i] = p.end(p.west, still, int32(i))
		put(t, p.east, still, int32(i), 10)
	}
	put(t, p.east, goes, 1, 10)
	p.await(goes)
	for i, end := range before {
		if now := p.end(p.west, still, int32(i)); now != end {
			t.Errorf("partition %d of a paused mirror went on from @%d to @%d", i, end, now)
		}
	}
	if _, _, err := p.link().Resume(t.Context(), "somebody", []string{still}); err != nil {
		t.Fatal(err)
	}
	p.await(still)

	promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Topics: []string{goes}, Brief: true})
	must(t, err)
	if len(promoted) != 1 || len(promoted[0].Ends) != 2 {
		t.Errorf("promoted %+v, want both partitions of one topic", promoted)
	}
	if diff := cmp.Diff(map[string]string{still: linking.Active, goes: linking.Stopped}, p.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	put(t, p.east, goes, 0, 10)
	workload(t, p.east, still, 3, 20)
	p.await(still) // the processes go on with what is left
	for i, err := range stop() {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("process %d ended with %v", i, err)
		}
	}
	p.identical(still)
	for part, end := range promoted[0].Ends {
		if now := p.end(p.west, goes, part); now > int64(end)+1 {
			t.Errorf("partition %d of a promoted topic was mirrored behind its end @%v: it ends at @%d", part, end, now)
		}
	}
}

func TestLinkIsCutIntoOtherTasks(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, later := each.Name(t, "t"), each.Name(t, "later")
		p := newPair(t, env, topic, later)
		each.Topic(t, env.East, topic, 7)
		for i, tasks := range []int{1, 5, 2, 1} {
			p.decl.Tasks = tasks
			workload(t, p.east, topic, uint64(i), 15)
			stop := p.sharing(min(tasks, 2))
			p.await(topic)
			if i == 1 {
				each.Topic(t, env.East, later, 3) // the head makes it, the others hear of it
				workload(t, p.east, later, 9, 15)
				p.await(later)
			}
			for n, err := range stop() {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%d tasks: process %d ended with %v", tasks, n, err)
				}
			}
			p.identical(topic)
		}
		p.identical(later)
	})
}

func TestProcessOfAnotherCutEnds(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	p.decl.Tasks = 2
	each.Topic(t, env.East, topic, 2)
	workload(t, p.east, topic, 1, 5)
	first := make(chan error, 1)
	var g errgroup.Group
	l := p.link()
	g.Go(func() error { first <- l.Run(t.Context(), linking.RunOptions{}); return nil })
	p.await(topic)
	other := *p.decl
	other.Tasks = 3
	p.decl = &other
	stop := p.sharing(1)
	select {
	case err := <-first:
		if err == nil || !strings.Contains(err.Error(), "serves it with tasks: 3") {
			t.Errorf("the process of the old cut ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the process of the old cut goes on")
	}
	workload(t, p.east, topic, 2, 5)
	p.await(topic)
	stop()
	p.identical(topic)
	must(t, g.Wait())
}
