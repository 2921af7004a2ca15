package linking_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// forgetful brokers forget producers a second after their last write, where others take a day, and positions of groups after a minute.
var forgetful = testenv.Options{Configs: map[string]string{"producer.id.expiration.ms": "1000", "producer.id.expiration.check.interval.ms": "200",
	"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000"}}

// unlisted waits until the destination has forgotten who wrote a mirror.
func (p *pair) unlisted(topic string) {
	p.t.Helper()
	parts := map[int32]struct{}{0: {}, 1: {}}
	p.eventually("the producers are forgotten", func() bool {
		described, err := p.west.Admin.DescribeProducers(p.t.Context(), kadm.TopicsSet{topic: parts})
		must(p.t, err)
		for n := range parts {
			if at, ok := described[topic].Partitions[n]; !ok || at.Err != nil || len(at.ActiveProducers) > 0 {
				return false
			}
		}
		return true
	})
}

// A mirror that nothing was written to for so long that the destination knows its producer no more, and so would take a batch twice, goes on, in the
// same process and in another one. What a process writes that has slept for as long is found, and mended.
func TestLinkOutlivesItsProducerState(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(forgetful))
	begin := func(t *testing.T) (*pair, string) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		put(t, p.east, topic, 0, 5)
		put(t, p.east, topic, 1, 5)
		return p, topic
	}
	t.Run("and goes on", func(t *testing.T) {
		t.Parallel()
		p, topic := begin(t)
		stop := p.running()
		p.await(topic)
		for range 2 {
			p.unlisted(topic)
			put(t, p.east, topic, 0, 5)
			p.await(topic)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the link ended with %v", err)
		}
		p.identical(topic)
	})
	t.Run("and is run again", func(t *testing.T) {
		t.Parallel()
		p, topic := begin(t)
		must(t, p.once())
		for range 2 {
			p.unlisted(topic)
			put(t, p.east, topic, 1, 5)
			must(t, p.once())
			p.identical(topic)
		}
	})
	t.Run("and an older process wakes up", func(t *testing.T) {
		t.Parallel()
		p, topic := begin(t)
		stop := p.writing(topic)
		defer stop()
		old := p.processStruck(strike{At: 5, Signal: syscall.SIGSTOP, Data: true})
		if call := old.struck(); call != "Produce" {
			t.Fatalf("the old process stopped at %s", call)
		}
		stop()
		successor := p.process()
		successor.until(1)
		p.await(topic)
		p.unlisted(topic)
		ends := p.mirroredEnds([]string{topic})
		old.signal(syscall.SIGCONT)
		if status := old.ended(); status != childTakenOver {
			t.Errorf("the old process ended with status %d, want %d: %s", status, childTakenOver, old.stderr.String())
		}
		if now := p.mirroredEnds([]string{topic}); now == ends {
			t.Fatal("nothing came of the old process' batch: nothing is shown")
		}
		p.eventually("the mirror is FAILED", func() bool { return p.state(topic, 0) == linking.Failed || p.state(topic, 1) == linking.Failed })
		states, err := p.link().States(t.Context())
		must(t, err)
		// Where the mirror is longer than its source now, the source may have been truncated as well.
		if !strings.Contains(states[0].Error, linking.CodeForeignWriter) && !strings.Contains(states[0].Error, "or somebody else wrote to the mirror") {
			t.Errorf("the mirror says %q, want %s", states[0].Error, linking.CodeForeignWriter)
		}
		_, err = p.repair(t.Context(), topic)
		must(t, err)
		p.await(topic)
		successor.signal(syscall.SIGKILL)
		successor.ended()
		must(t, p.once())
		p.identical(topic)
	})
}
