package linking_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// process is a link served by another process, which can be killed and stopped as a machine would.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	mirrored *bufio.Scanner
	network  io.Writer // what its network does is written here
	stderr   bytes.Buffer
}

func (p *pair) process() *process {
	p.t.Helper()
	return p.processStruck(strike{})
}

// processStruck is a process that strikes itself.
func (p *pair) processStruck(s strike) *process {
	p.t.Helper()
	spec, err := json.Marshal(childSpec{East: p.env.East.Bootstrap, West: p.env.West.Bootstrap, Link: p.decl, Strike: s})
	must(p.t, err)
	c := &process{t: p.t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(spec))
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	must(p.t, err)
	c.network, err = c.cmd.StdinPipe()
	must(p.t, err)
	c.mirrored = bufio.NewScanner(out)
	must(p.t, c.cmd.Start())
	p.t.Cleanup(func() {
		c.signal(syscall.SIGKILL)
		_ = c.cmd.Wait() // reported where it matters
	})
	return c
}

// signal sends a signal; a process that has ended meanwhile is what the test finds out elsewhere.
func (c *process) signal(s syscall.Signal) {
	if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("signal %v: %v", s, err)
	}
}

// networkDoes tells the process' network what to do: cut, reset, refuse or heal. One that has ended is told nothing.
func (c *process) networkDoes(what string) { _, _ = io.WriteString(c.network, what+"\n") }

// until returns when the process has mirrored n records.
func (c *process) until(n int) {
	c.t.Helper()
	for c.mirrored.Scan() {
		if got, err := strconv.Atoi(c.mirrored.Text()); err == nil && got >= n {
			return
		}
	}
	c.t.Fatalf("the link process ended before it had mirrored %d records: %s", n, c.stderr.String())
}

// struck returns when the process has struck itself, and the name of the call.
func (c *process) struck() string {
	c.t.Helper()
	for c.mirrored.Scan() {
		if call, ok := strings.CutPrefix(c.mirrored.Text(), struckAt+" "); ok {
			return call
		}
	}
	c.t.Fatalf("the link process ended before it was struck: %s", c.stderr.String())
	return ""
}

// ended waits for the process and returns its status.
func (c *process) ended() int {
	for c.mirrored.Scan() {
	}
	_ = c.cmd.Wait() // the status says it
	return c.cmd.ProcessState.ExitCode()
}

// writing writes to topics until stop is called, which waits for the last step.
func (p *pair) writing(topics ...string) (stop func()) {
	return p.writingEvery(4*time.Millisecond, topics...)
}

func (p *pair) writingEvery(step time.Duration, topics ...string) (stop func()) {
	var writers []*writer
	for i, topic := range topics {
		writers = append(writers, newWriter(p.t, p.east, topic, uint64(i)))
	}
	return p.writes(step, writers...)
}

// writes has every writer make a step every so often until stop is called.
func (p *pair) writes(step time.Duration, writers ...*writer) (stop func()) {
	enough := make(chan struct{})
	var g errgroup.Group
	for _, w := range writers {
		g.Go(func() error {
			pace := time.NewTicker(step)
			defer pace.Stop()
			for {
				select {
				case <-enough:
					return nil
				case <-pace.C:
				}
				if err := w.step(context.WithoutCancel(p.t.Context())); err != nil {
					return err
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(enough)
		if err := g.Wait(); err != nil {
			p.t.Errorf("writing: %v", err)
		}
	})
}

// rounds are fewer where nothing new is proved: the real brokers' answers are what counts here.
func rounds(env *testenv.Env, n int) int {
	if env.Kind == "embedded" {
		return n / 2
	}
	return n
}

func TestKilledLinkGoesOnWhereItsLogsEnd(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topics := []string{each.Name(t, "a"), each.Name(t, "b")}
		p := newPair(t, env, topics...)
		for _, topic := range topics {
			each.Topic(t, env.East, topic, 4)
		}
		stop := p.writing(topics...)
		defer stop()
		rnd := rand.New(rand.NewPCG(1, 1))
		for range rounds(env, 4) {
			c := p.process()
			c.until(1 + rnd.IntN(200))
			c.signal(syscall.SIGKILL)
			if status := c.ended(); status != -1 {
				t.Fatalf("the link process ended with status %d: %s", status, c.stderr.String())
			}
		}
		stop()
		must(t, p.once())
		for _, topic := range topics {
			p.identical(topic)
		}
	})
}

func TestLinkThatWakesUpLateDoesNoHarm(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topics := []string{each.Name(t, "a"), each.Name(t, "b")}
		p := newPair(t, env, topics...)
		for _, topic := range topics {
			each.Topic(t, env.East, topic, 4)
		}
		stop := p.writing(topics...)
		defer stop()
		rnd := rand.New(rand.NewPCG(2, 1))
		for round := range rounds(env, 3) {
			old := p.process()
			old.until(1 + rnd.IntN(300))
			old.signal(syscall.SIGSTOP)
			successor := p.process()
			successor.until(1 + rnd.IntN(300))
			old.signal(syscall.SIGCONT)
			if status := old.ended(); status != childTakenOver {
				t.Errorf("round %d: the link that woke up late ended with status %d, want %d: %s", round, status, childTakenOver, old.stderr.String())
			}
			successor.signal(syscall.SIGKILL)
			successor.ended()
		}
		stop()
		must(t, p.once())
		for _, topic := range topics {
			p.identical(topic)
		}
	})
}

func TestPromotionShutsAnOldLinkOut(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t) // the in-process broker accepts data of an old epoch behind a marker of a newer one
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 3)
	stop := p.writing(topic)
	defer stop()
	for range 3 {
		old := p.process()
		old.until(100)
		old.signal(syscall.SIGSTOP)
		old.signal(syscall.SIGCONT)
		old.until(150)
		old.signal(syscall.SIGKILL)
		old.ended()
	}
	old := p.process()
	old.until(100)
	old.signal(syscall.SIGSTOP)
	promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Force: true})
	must(t, err)
	cl, err := kgo.NewClient(append(slices.Clone(p.west.Client.Opts()), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	must(t, err)
	defer cl.Close()
	write := func(n int) {
		for i := range n {
			must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: int32(i % 3), Value: []byte("written in the west")}).FirstErr())
		}
	}
	write(30)
	old.signal(syscall.SIGCONT)
	if status := old.ended(); status != childTakenOver {
		t.Errorf("the old link ended with status %d, want %d: %s", status, childTakenOver, old.stderr.String())
	}
	write(30)
	stop()
	east, west := consume(t, p.east, topic), consume(t, p.west, topic)
	for partition := range int32(3) {
		end := int64(promoted[0].Ends[partition])
		mirrored, own := 0, 0
		for _, rec := range west.Records[partition] {
			var offset int64
			_, err := fmt.Sscanf(rec, "@%d", &offset)
			must(t, err)
			switch {
			case offset < end:
				if mirrored >= len(east.Records[partition]) || east.Records[partition][mirrored] != rec {
					t.Fatalf("partition %d: mirrored record %d is not the source's: %s", partition, mirrored, rec)
				}
				mirrored++
			case !bytes.Contains([]byte(rec), []byte("written in the west")):
				t.Errorf("partition %d: a mirrored record behind the promotion at @%d: %s", partition, end, rec)
			default:
				own++
			}
		}
		if own != 20 {
			t.Errorf("partition %d: %d records of the west's own, want 20", partition, own)
		}
	}
	if err := p.once(); err != nil {
		t.Errorf("a link whose topics are all promoted: %v", err)
	}
	if again := consume(t, p.west, topic); len(again.Records[0]) != len(west.Records[0]) {
		t.Errorf("a promoted topic was mirrored again: %d records, were %d", len(again.Records[0]), len(west.Records[0]))
	}
}

func TestRunsOfOneLinkFollowEachOther(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		first := make(chan error, 1)
		go func() { first <- p.link().Run(t.Context(), linking.RunOptions{}) }()
		workload(t, p.east, topic, 1, 10)
		p.await(topic)
		must(t, p.once())
		select {
		case err := <-first:
			if !errors.Is(err, linking.ErrTakenOver) {
				t.Errorf("the first run ended with %v, want %v", err, linking.ErrTakenOver)
			}
		case <-time.After(15 * time.Second):
			t.Error("the first run goes on after the second one has taken over")
		}
		p.identical(topic)
	})
}
