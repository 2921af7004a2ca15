package linking_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// put writes n records to one partition.
func put(t *testing.T, r *linking.Region, topic string, partition int32, n int) {
	t.Helper()
	cl, err := kgo.NewClient(append(r.Client.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	must(t, err)
	defer cl.Close()
	for i := range n {
		rec := &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, r.Name, " ", i)}
		must(t, cl.ProduceSync(t.Context(), rec).FirstErr())
	}
}

// mirrorErrors are the mirrors that a run has left behind, "topic-partition CODE [first,end)", by the names that the test knows.
func mirrorErrors(t *testing.T, err error, names ...string) []string {
	t.Helper()
	var list []string
	var walk func(error)
	walk = func(err error) {
		if merr, ok := err.(*linking.MirrorError); ok {
			if merr.Hint == "" {
				t.Errorf("%v has no hint", merr)
			}
			topic := merr.Topic
			for i := 0; i < len(names); i += 2 {
				topic = strings.ReplaceAll(topic, names[i], names[i+1])
			}
			list = append(list, fmt.Sprintf("%s/%d %s [%d,%d)", topic, merr.Partition, merr.Code, merr.First, merr.End))
			return
		}
		switch u := err.(type) {
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e)
			}
		case interface{ Unwrap() error }:
			walk(u.Unwrap())
		}
	}
	walk(err)
	return list
}

// TestMirrorsThatFailDoNotHoldUpOthers breaks one of two mirrors in every way that ends in FAILED, and says which offsets are concerned.
func TestMirrorsThatFailDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		setup func(p *pair, bad string) // before the first run; nil: the topic and ten records in both partitions
		then  func(p *pair, bad string) // between the first run and the second
		want  []string
	}{
		{name: "the source's retention overruns a link that does not run", then: func(p *pair, bad string) {
			put(p.t, p.east, bad, 0, 20)
			trimTo(p.t, p.east, bad, 0, 25)
		}, want: []string{"bad/0 SOURCE_RETENTION_OVERRAN_MIRROR [10,25)"}},
		{name: "the source's retention overruns an empty mirror", setup: func(p *pair, bad string) {
			each.Topic(p.t, p.env.East, bad, 2)
		}, then: func(p *pair, bad string) {
			put(p.t, p.east, bad, 1, 8)
			trimTo(p.t, p.east, bad, 1, 5)
		}, want: []string{"bad/1 SOURCE_RETENTION_OVERRAN_MIRROR [0,5)"}},
		{name: "the source topic is deleted and created again", then: func(p *pair, bad string) {
			p.recreate(p.east, bad, 2)
			put(p.t, p.east, bad, 0, 30)
		}, want: []string{"bad/-1 SOURCE_TOPIC_ID_CHANGED [-1,-1)"}},
		{name: "the source topic is deleted", then: func(p *pair, bad string) {
			p.remove(p.east, bad)
		}, want: []string{"bad/-1 SOURCE_TOPIC_MAY_BE_DELETED [-1,-1)"}},
		{name: "somebody writes to the mirror", then: func(p *pair, bad string) {
			put(p.t, p.west, bad, 0, 3)
			put(p.t, p.east, bad, 0, 10)
		}, want: []string{"bad/0 FOREIGN_WRITER [10,13)"}},
		{name: "somebody writes to the mirror, beyond the source's end", then: func(p *pair, bad string) {
			put(p.t, p.west, bad, 1, 3)
		}, want: []string{"bad/1 UNEXPECTED_TRUNCATION [10,13)"}},
		{name: "the source's log starts further on than may be filled", setup: func(p *pair, bad string) {
			p.decl.AlignMax = 6
			each.Topic(p.t, p.env.East, bad, 2)
			for partition := range int32(2) {
				put(p.t, p.east, bad, partition, 10)
				trimTo(p.t, p.east, bad, partition, 6+int64(partition))
			}
		}, want: []string{"bad/1 ALIGNMENT_EXCEEDS_POLICY [0,7)"}},
		{name: "a topic of that name has other data", setup: func(p *pair, bad string) {
			each.Topic(p.t, p.env.East, bad, 2)
			each.Topic(p.t, p.env.West, bad, 2)
			put(p.t, p.west, bad, 0, 3)
		}, want: []string{"bad/-1 TOPIC_EXISTS_ERROR [-1,-1)"}},
		{name: "a topic of that name has another number of partitions", setup: func(p *pair, bad string) {
			each.Topic(p.t, p.env.East, bad, 2)
			each.Topic(p.t, p.env.West, bad, 3)
		}, want: []string{"bad/-1 PARTITION_COUNT_DIFFERS [-1,-1)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each.Run(t, func(t *testing.T, env *testenv.Env) {
				bad, good := each.Name(t, "bad"), each.Name(t, "good")
				p := newPair(t, env, bad, good)
				each.Topic(t, env.East, good, 2)
				if c.setup != nil {
					c.setup(p, bad)
				} else {
					each.Topic(t, env.East, bad, 2)
					put(t, p.east, bad, 0, 10)
					put(t, p.east, bad, 1, 10)
				}
				err := p.once()
				if c.then != nil {
					must(t, err)
					c.then(p, bad)
					put(t, p.east, good, 1, 10)
					err = p.once()
				}
				wantErrors(t, c.want, mirrorErrors(t, err, bad, "bad", good, "good"))
				p.identical(good)
				states, serr := p.link().States(t.Context())
				must(t, serr)
				for _, s := range states {
					if want := map[string]string{bad: linking.Failed, good: linking.Active}[s.Topic]; s.State != want {
						t.Errorf("%s is recorded as %s (%s), want %s", s.Topic, s.State, s.Error, want)
					}
				}
			})
		})
	}
}

func wantErrors(t *testing.T, want, got []string) {
	t.Helper()
	if strings.Join(want, "\n") != strings.Join(got, "\n") {
		t.Errorf("failed mirrors:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func trimTo(t *testing.T, r *linking.Region, topic string, partition int32, to int64) {
	t.Helper()
	resp, err := r.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {partition: {Topic: topic, Partition: partition, At: to}}})
	must(t, err)
	must(t, resp.Error())
}

func (p *pair) remove(r *linking.Region, topic string) {
	p.t.Helper()
	_, err := r.Admin.DeleteTopic(p.t.Context(), topic)
	must(p.t, err)
	p.eventually("topic "+topic+" is gone", func() bool {
		topics, err := r.Admin.ListTopics(p.t.Context(), topic)
		return err == nil && topics[topic].Err != nil
	})
}

func (p *pair) recreate(r *linking.Region, topic string, partitions int32) {
	p.t.Helper()
	p.remove(r, topic)
	env := p.env.East
	if r == p.west {
		env = p.env.West
	}
	p.eventually("topic "+topic+" can be created", func() bool {
		_, err := r.Admin.CreateTopic(p.t.Context(), partitions, 1, nil, topic)
		return err == nil
	})
	p.eventually("topic "+topic+" has leaders", func() bool {
		cl, err := env.Client()
		must(p.t, err)
		defer cl.Close()
		ends, err := kadm.NewClient(cl).ListEndOffsets(p.t.Context(), topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == int(partitions)
	})
}

// eventually asks until something holds.
func (p *pair) eventually(what string, holds func() bool) {
	p.t.Helper()
	p.within(30*time.Second, what, holds)
}

func (p *pair) within(patience time.Duration, what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			p.t.Fatalf("after %s still not: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// running is a link that runs in this process until stop, which may be called again.
func (p *pair) running() (stop func() error) {
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.link().Run(ctx, linking.RunOptions{}) }()
	return sync.OnceValue(func() error {
		cancel()
		begun := time.Now()
		err := <-done
		if took := time.Since(begun); took > 2500*time.Millisecond {
			p.t.Errorf("the link took %s to stop", took)
		}
		return err
	})
}

func TestForeignWriterStopsARunningMirror(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, other := each.Name(t, "t"), each.Name(t, "other")
		p := newPair(t, env, topic, other)
		each.Topic(t, env.East, topic, 2)
		each.Topic(t, env.East, other, 1)
		put(t, p.east, topic, 0, 5)
		put(t, p.east, topic, 1, 5)
		stop := p.running()
		p.await(topic)
		put(t, p.west, topic, 0, 2)
		put(t, p.east, topic, 0, 4)
		put(t, p.east, topic, 1, 4)
		put(t, p.east, other, 0, 4)
		p.eventually("the mirror is FAILED", func() bool { return p.state(topic, 0) == linking.Failed })
		p.eventually("the other partition goes on", func() bool { return p.end(p.west, topic, 1) == 9 })
		p.eventually("the other topic goes on", func() bool { return p.end(p.west, other, 0) == 4 })
		err := stop()
		if list := mirrorErrors(t, err, topic, "t"); len(list) != 1 || !strings.HasPrefix(list[0], "t/0 FOREIGN_WRITER [") {
			t.Errorf("failed mirrors: %v", list)
		}
	})
}

func TestTopicRecreatedWhileTheLinkRuns(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 5)
		stop := p.running()
		p.await(topic)
		p.recreate(p.east, topic, 1)
		put(t, p.east, topic, 0, 9)
		p.eventually("the mirror is FAILED", func() bool { return p.state(topic, 0) == linking.Failed })
		list := mirrorErrors(t, stop(), topic, "t")
		if len(list) != 1 || !strings.Contains(list[0], "SOURCE_TOPIC_ID_CHANGED") && !strings.Contains(list[0], "SOURCE_TOPIC_MAY_BE_DELETED") {
			t.Errorf("failed mirrors: %v", list)
		}
		if end := p.end(p.west, topic, 0); end != 5 {
			t.Errorf("the mirror ends at @%d, want what it had, @5", end)
		}
		p.remove(p.west, topic) // as the hint says
		must(t, p.once())
		p.identical(topic)
	})
}

func TestPartitionsAndTopicsAreFollowed(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		prefix := each.Name(t, "t")
		p := newPair(t, env, prefix+".*")
		each.Topic(t, env.East, prefix, 1)
		put(t, p.east, prefix, 0, 5)
		stop := p.running()
		p.await(prefix)
		_, err := p.east.Admin.UpdatePartitions(t.Context(), 3, prefix)
		must(t, err)
		each.Topic(t, env.East, prefix+"-later", 2)
		put(t, p.east, prefix+"-later", 1, 7)
		p.eventually("new partitions are there", func() bool {
			topics, err := p.east.Admin.ListTopics(t.Context(), prefix)
			return err == nil && len(topics[prefix].Partitions) == 3
		})
		put(t, p.east, prefix, 2, 5)
		p.eventually("the new partition is mirrored", func() bool { return p.end(p.west, prefix, 2) == 5 })
		p.eventually("the new topic is mirrored", func() bool { return p.end(p.west, prefix+"-later", 1) == 7 })
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
		p.identical(prefix)
		p.identical(prefix + "-later")
	})
}

// A process that ends between making a mirror topic and recording it leaves one that no link knows; the source may have grown before the next one
// comes.
func TestTopicThatNobodyRecordedIsGrown(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 4)
		each.Topic(t, env.West, topic, 2)
		put(t, p.east, topic, 3, 5)
		must(t, p.once())
		p.identical(topic)
	})
}

func TestLogStartIsFollowed(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, kept := each.Name(t, "t"), each.Name(t, "kept")
		p := newPair(t, env, topic)
		longer := newPair(t, env, kept)
		longer.decl.Name += "-longer"
		longer.decl.Topics.Configs = map[string]string{"retention.ms": "-1"}
		for _, p := range []*pair{p, longer} {
			name := p.decl.Topics.Include[0]
			each.Topic(t, env.East, name, 1)
			put(t, p.east, name, 0, 10)
			stop := p.running()
			p.await(name)
			trimTo(t, p.east, name, 0, 6)
			put(t, p.east, name, 0, 1) // the answer to a fetch tells the new start
			p.eventually("the record behind it is mirrored", func() bool { return p.end(p.west, name, 0) == 11 })
			if name == topic {
				p.eventually("the log start has followed", func() bool { return len(consume(t, p.west, name).Records[0]) == 5 })
				p.identical(name)
			} else if n := len(consume(t, p.west, name).Records[0]); n != 11 {
				t.Errorf("with a longer retention of its own the mirror has %d records, want 11", n)
			}
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("stopped: %v", err)
			}
		}
	})
}

func (p *pair) state(topic string, partition int32) string {
	p.t.Helper()
	mirrors, err := p.link().Status(p.t.Context())
	must(p.t, err)
	for _, m := range mirrors {
		if m.Topic == topic && m.Partition == partition {
			return m.State
		}
	}
	return ""
}

// end is a partition's log end, -1 where it can not be read.
func (p *pair) end(r *linking.Region, topic string, partition int32) int64 {
	ends, err := r.Admin.ListEndOffsets(p.t.Context(), topic)
	if o, ok := ends.Lookup(topic, partition); err == nil && ok && o.Err == nil {
		return o.Offset
	}
	return -1
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	users := []testenv.User{{Name: "admin", Password: "right", Super: true}}
	env := each.Embedded(t, each.With(testenv.Options{Users: users}))
	decl := &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap, SASL: &plans.SASL{Mechanism: "PLAIN",
		Username: plans.NewSecretRef("${env:USER}"), Password: plans.NewSecretRef("${env:PASSWORD}")}}}
	secrets := func(password string) linking.Options {
		return linking.Options{Timeout: 2 * time.Second, Getenv: func(name string) (string, bool) {
			v, ok := map[string]string{"USER": "admin", "PASSWORD": password}[name]
			return v, ok && v != ""
		}}
	}
	r, err := linking.Open(t.Context(), "east", decl, secrets("right"))
	must(t, err)
	r.Close()
	_, err = linking.Open(t.Context(), "east", decl, secrets("wrong"))
	if auth, ok := errors.AsType[*linking.AuthError](err); !ok || auth.Username != "admin" || auth.Region != "east" || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	_, err = linking.Open(t.Context(), "east", decl, secrets(""))
	if _, ok := errors.AsType[*plans.MissingSecretError](err); !ok {
		t.Errorf("missing secret: %v", err)
	}
	must(t, env.East.Broker.Kill())
	_, err = linking.Open(t.Context(), "east", decl, secrets("right"))
	if gone, ok := errors.AsType[*linking.UnreachableError](err); !ok || gone.Addresses[0] != env.East.Bootstrap[0] || gone.Tried <= 0 {
		t.Errorf("dead region: %v", err)
	}
}
