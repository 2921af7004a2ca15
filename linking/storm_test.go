package linking_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestStorm lets everything happen to a link that can happen to a machine, in any order and at once: its processes and the brokers of both
// regions are killed and stopped and wake up again, and the network of one process is cut, while producers write. When it is over, both regions are equal record by record.
//
// LIFEBOAT_STORM is how long it lasts, 20s by default; LIFEBOAT_STORM_SEED repeats the order of one.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("real brokers are killed and stopped for a while")
	}
	env := each.Kafka(t, each.Private())
	lasts, seed := 20*time.Second, rand.Uint64()
	if text := os.Getenv("LIFEBOAT_STORM"); text != "" {
		d, err := time.ParseDuration(text)
		must(t, err)
		lasts = d
	}
	if text := os.Getenv("LIFEBOAT_STORM_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		seed = n
	}
	t.Logf("LIFEBOAT_STORM_SEED=%d", seed)
	tasks := []int{1, 3}[seed%2] // one: whoever begins takes all of it over; more: they share it
	t.Logf("tasks: %d", tasks)
	topics := []string{each.Name(t, "a"), each.Name(t, "b")}
	p := newPair(t, env, topics...)
	p.decl.Tasks = tasks
	for _, topic := range topics {
		each.Topic(t, env.East, topic, 4)
	}
	s := &storm{pair: p, rnd: rand.New(rand.NewPCG(seed, 1)), struck: map[string]int{}}
	stop := p.writingThrough(seed, topics...)
	defer stop()
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		s.strike(end)
	}
	stop()
	s.calm()
	t.Logf("%d processes, %v", len(s.all), s.struck)
	if err := p.once(); err != nil {
		t.Error(err)
	}
	for _, topic := range topics {
		p.identical(topic)
	}
	if !t.Failed() {
		return
	}
	for _, c := range s.all {
		for line := range strings.Lines(c.stderr.String()) {
			if strings.Contains(line, "mirror failed") || os.Getenv("LIFEBOAT_STORM_LOGS") != "" {
				t.Logf("pid %d: %s", c.cmd.Process.Pid, line)
			}
		}
	}
}

// storm is what is under way of it.
type storm struct {
	*pair
	rnd      *rand.Rand
	links    []*process // running, or believed to
	sleeping []*process // stopped
	all      []*process
	struck   map[string]int
}

// strike does one thing, and leaves what it did to have its effect for a moment.
func (s *storm) strike(end time.Time) {
	s.t.Helper()
	var what string
	switch n := s.rnd.IntN(23); {
	case len(s.links) == 0 || n < 5:
		what = "a link begins"
		c := s.process()
		s.links, s.all = append(s.links, c), append(s.all, c)
	case n < 9:
		what = "a link is killed"
		s.take(&s.links).signal(syscall.SIGKILL)
	case n < 12:
		what = "a link is stopped"
		c := s.take(&s.links)
		c.signal(syscall.SIGSTOP)
		s.sleeping = append(s.sleeping, c)
	case n < 15 && len(s.sleeping) > 0:
		what = "a link wakes up"
		c := s.take(&s.sleeping)
		c.signal(syscall.SIGCONT)
		s.links = append(s.links, c)
	case n < 18:
		what = "a link's network is cut"
		c := s.links[s.rnd.IntN(len(s.links))]
		c.networkDoes([]string{"cut", "reset", "refuse"}[s.rnd.IntN(3)])
		s.pass(min(3*time.Second, time.Until(end)))
		c.networkDoes("heal")
	case n < 21:
		what = "a broker is stopped"
		broker := s.broker()
		must(s.t, broker.Pause())
		s.pass(min(3*time.Second, time.Until(end)))
		must(s.t, broker.Resume())
	default:
		what = "a broker is killed"
		broker := s.broker()
		must(s.t, broker.Kill())
		s.pass(500 * time.Millisecond)
		must(s.t, broker.Start(s.t.Context()))
	}
	s.struck[what]++
	s.pass(time.Second)
}

// calm ends every process: those that sleep wake up first, to do what they still can.
func (s *storm) calm() {
	for _, c := range s.sleeping {
		c.signal(syscall.SIGCONT)
	}
	s.pass(time.Second)
	for _, c := range append(s.links, s.sleeping...) {
		c.signal(syscall.SIGKILL)
		c.ended()
	}
}

// pass lets up to d go by.
func (s *storm) pass(d time.Duration) {
	if d > 0 {
		time.Sleep(time.Duration(s.rnd.Int64N(int64(d))))
	}
}

func (s *storm) broker() testenv.Broker {
	return []*testenv.Region{s.env.East, s.env.West}[s.rnd.IntN(2)].Broker
}

// take takes one out of a list.
func (s *storm) take(list *[]*process) *process {
	i := s.rnd.IntN(len(*list))
	c := (*list)[i]
	*list = append((*list)[:i:i], (*list)[i+1:]...)
	return c
}

// writingThrough writes like writing, and goes on with a new writer where a broker's death has ended one. What is left of transactions is
// over when stop returns.
func (p *pair) writingThrough(seed uint64, topics ...string) (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	var g errgroup.Group
	for i, topic := range topics {
		g.Go(func() error {
			pace := time.NewTicker(4 * time.Millisecond)
			defer pace.Stop()
			id := each.Name(p.t, topic)
			for n := uint64(i) << 32; ctx.Err() == nil; n++ {
				w, err := openWriter(ctx, p.east, topic, id, seed+n)
				for err == nil {
					select {
					case <-ctx.Done():
						err = ctx.Err()
					case <-pace.C:
						err = w.step(context.WithoutCancel(ctx))
					}
				}
				if w != nil {
					w.close()
				}
				if ctx.Err() == nil {
					<-pace.C
				}
			}
			last := context.WithoutCancel(ctx)
			w, err := openWriter(last, p.east, topic, id, seed)
			if err != nil {
				return err
			}
			defer w.close()
			for _, cl := range w.txns {
				if err := w.transaction(last, cl); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			p.t.Errorf("writing: %v", err)
		}
	})
}
