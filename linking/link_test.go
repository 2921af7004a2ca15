package linking_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// pair is two opened regions and a link of a name that no other test has.
type pair struct {
	t          *testing.T
	env        *testenv.Env
	east, west *linking.Region
	decl       *plans.Link
}

func newPair(t *testing.T, env *testenv.Env, topics ...string) *pair {
	t.Helper()
	p := &pair{t: t, env: env, east: open(t, env.East), west: open(t, env.West)}
	p.decl = &plans.Link{Name: each.Name(t, "link"), From: env.East.Name, To: env.West.Name, Topics: plans.TopicRule{Rule: plans.Rule{Include: topics}}}
	return p
}

func open(t *testing.T, r *testenv.Region) *linking.Region {
	t.Helper()
	region, err := linking.Open(t.Context(), r.Name, &plans.Region{Kafka: plans.Kafka{Bootstrap: r.Bootstrap}, Registry: &plans.Registry{URL: r.Registry}}, linking.Options{})
	must(t, err)
	t.Cleanup(region.Close)
	return region
}

func (p *pair) link() *linking.Link {
	return linking.New(p.decl, p.east, p.west, linking.Options{Timeout: 10 * time.Second})
}

// once mirrors until lag is zero.
func (p *pair) once() error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Minute)
	defer cancel()
	return p.link().Run(ctx, linking.RunOptions{Once: true})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// log is everything that a consumer sees of a topic, by partition, and where the partitions end.
type log struct {
	Records map[int32][]string
	Ends    map[int32]int64
	Starts  map[int32]int64
}

// consume reads a topic as a read_committed consumer does.
func consume(t *testing.T, r *linking.Region, topic string) log {
	t.Helper()
	return consumeAs(t, r, topic, kgo.ReadCommitted())
}

// consumeAs reads a topic up to the last stable offset.
func consumeAs(t *testing.T, r *linking.Region, topic string, isolation kgo.IsolationLevel) log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l := log{map[int32][]string{}, map[int32]int64{}, map[int32]int64{}}
	ends, err := r.Admin.ListCommittedOffsets(ctx, topic)
	must(t, err)
	starts, err := r.Admin.ListStartOffsets(ctx, topic)
	must(t, err)
	from := map[int32]kgo.Offset{}
	left := 0
	ends.Each(func(o kadm.ListedOffset) {
		must(t, o.Err)
		l.Ends[o.Partition] = o.Offset
		s, _ := starts.Lookup(topic, o.Partition)
		l.Starts[o.Partition] = s.Offset
		if s.Offset < o.Offset {
			from[o.Partition] = kgo.NewOffset().At(s.Offset)
			left++
		}
	})
	if left == 0 {
		return l
	}
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))...)
	must(t, err)
	defer cl.Close()
	for left > 0 {
		f := cl.PollFetches(ctx)
		must(t, f.Err())
		f.EachRecord(func(rec *kgo.Record) {
			if rec.Offset == l.Ends[rec.Partition]-1 {
				left--
			}
			if rec.Attrs.IsControl() || rec.Offset >= l.Ends[rec.Partition] {
				return
			}
			text := fmt.Sprintf("@%d %d %q=%q null(%t,%t)", rec.Offset, rec.Timestamp.UnixMilli(), rec.Key, rec.Value, rec.Key == nil, rec.Value == nil)
			for _, h := range rec.Headers {
				text += fmt.Sprintf(" %s:%q(%t)", h.Key, h.Value, h.Value == nil)
			}
			l.Records[rec.Partition] = append(l.Records[rec.Partition], text)
		})
	}
	return l
}

// mirror is what the link calls a topic in the west.
func (p *pair) mirror(topic string) string {
	name, _ := p.decl.Names().Mirror(topic)
	return name
}

// identical wants both regions to have the same topic: record by record, and the partitions' ends. A consumer that reads uncommitted records too sees
// those that are committed, and nothing else but empty ones where the source has none that is committed.
func (p *pair) identical(topic string) {
	p.t.Helper()
	if east, same := p.committed(topic); same {
		p.uncommitted(topic, east)
	}
}

// committed wants readers of committed data to find the same in both regions, and returns it.
func (p *pair) committed(topic string) (east log, same bool) {
	p.t.Helper()
	mirror := p.mirror(topic)
	east, west := consume(p.t, p.east, topic), consume(p.t, p.west, mirror)
	diff := cmp.Diff(east, west)
	if diff == "" {
		return east, true
	}
	p.t.Errorf("topic %s differs (-east +west):\n%s", topic, diff)
	for k, list := range east.Records {
		for i, text := range list {
			if i < len(west.Records[k]) && west.Records[k][i] == text {
				continue
			}
			at := offsetOf(p.t, text)
			for r, name := range map[*linking.Region]string{p.east: topic, p.west: mirror} {
				p.t.Logf("batches around %s-%d@%d in %s:\n%s", name, k, at, r.Name, batchesAround(p.t, r, name, k, at))
			}
			break
		}
	}
	return east, false
}

// uncommitted compares what a read_uncommitted consumer sees of a mirror with what is committed in the source.
func (p *pair) uncommitted(topic string, committed log) {
	p.t.Helper()
	west := consumeAs(p.t, p.west, p.mirror(topic), kgo.ReadUncommitted())
	for k, list := range west.Records {
		left, taken := committed.Records[k], map[int64]bool{}
		for _, text := range left {
			taken[offsetOf(p.t, text)] = true
		}
		for _, text := range list {
			if len(left) > 0 && left[0] == text {
				left = left[1:]
				continue
			}
			if at := offsetOf(p.t, text); !strings.HasSuffix(text, emptyRecord) || taken[at] {
				p.t.Errorf("%s-%d: a read_uncommitted consumer sees what the source has not: %s", p.mirror(topic), k, text)
				return
			}
		}
		if len(left) > 0 {
			p.t.Errorf("%s-%d: a read_uncommitted consumer misses %s, and %d more", p.mirror(topic), k, left[0], len(left)-1)
		}
	}
	if len(west.Records) < len(committed.Records) {
		p.t.Errorf("%s: a read_uncommitted consumer sees records in %d partitions, want %d", p.mirror(topic), len(west.Records), len(committed.Records))
	}
}

// emptyRecord ends the text of a record without key, value and headers.
const emptyRecord = ` ""="" null(true,true)`

// offsetOf is the offset in a record's text.
func offsetOf(t *testing.T, text string) (at int64) {
	t.Helper()
	_, err := fmt.Sscanf(text, "@%d ", &at)
	must(t, err)
	return at
}

// batchesAround shows the headers of some batches on both sides of an offset, markers and aborted ones too.
func batchesAround(t *testing.T, r *linking.Region, topic string, partition int32, offset int64) string {
	t.Helper()
	f := fetch.New(r.Client, fetch.Options{ReadUncommitted: true})
	from := max(0, offset-40)
	f.Add(topic, partition, from)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { _ = f.Run(ctx) }() // it ends with ctx
	var text strings.Builder
	for from < offset+60 {
		chunks, err := f.Poll(ctx)
		if err != nil {
			return text.String() + err.Error()
		}
		for _, c := range chunks {
			for rest := c.Records; ; {
				b, behind, err := batch.Next(rest)
				if b == nil || err != nil || b.BaseOffset() > offset+60 {
					break
				}
				fmt.Fprintf(&text, "  @%d–@%d control=%t transactional=%t producer=%d/%d sequence=%d leader epoch=%d times=%s–%s\n", b.BaseOffset(), b.LastOffset(), b.Control(), b.Transactional(),
					b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), b.LeaderEpoch(), time.UnixMilli(b.FirstTimestamp()).Format(time.TimeOnly), time.UnixMilli(b.MaxTimestamp()).Format("15:04:05.000"))
				rest = behind
			}
			from = c.Next
			fmt.Fprintf(&text, "  (up to @%d; aborted %v)\n", c.Next, c.Aborted)
			c.Release()
		}
	}
	return text.String()
}

func TestMirrorIsIdentical(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) { mirrorIsIdentical(t, env, 3) })
}

// TestMirrorIsIdenticalBetweenReleases mirrors from the last Kafka 3 to Kafka 4, and back, a workload and a whole history.
func TestMirrorIsIdenticalBetweenReleases(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.With(testenv.Options{East: testenv.Kafka3}))
	back := &testenv.Env{Kind: env.Kind, East: env.West, West: env.East}
	for name, env := range map[string]*testenv.Env{testenv.Kafka3Version + " to " + testenv.KafkaVersion: env, testenv.KafkaVersion + " to " + testenv.Kafka3Version: back} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mirrorIsIdentical(t, env, 1)
			historyIsMirrored(t, env, 2, 40)
		})
	}
}

func mirrorIsIdentical(t *testing.T, env *testenv.Env, seeds uint64) {
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			topic := each.Name(t, "t")
			p := newPair(t, env, topic)
			each.Topic(t, env.East, topic, 4)
			workload(t, p.east, topic, seed, 60)
			must(t, p.once())
			if p.identical(topic); t.Failed() {
				t.Logf("seed %d: these of its steps are enough for a mirror that differs: %v", seed, fewestSteps(t, env, seed, 60))
			}
			workload(t, p.east, topic, seed+100, 20) // and on from there
			must(t, p.once())
			p.identical(topic)
		})
	}
}

// fewestSteps looks for the steps of a workload that make a mirror differ from its source: all of them where no fewer do.
func fewestSteps(t *testing.T, env *testenv.Env, seed uint64, steps int) []int {
	t.Helper()
	tried := 0
	return fewest(numbered(steps), time.Now().Add(shrinkTime), func(steps []int) bool {
		tried++
		topic := fmt.Sprint(each.Name(t, "t"), "-", tried)
		p := newPair(t, env, topic)
		p.decl.Name += topic
		each.Topic(t, env.East, topic, 4)
		workloadOf(t, p.east, topic, seed, steps)
		err := p.once()
		return err != nil || !cmp.Equal(consume(t, p.east, topic), consume(t, p.west, topic))
	})
}

func TestMirrorBeginsAtTheSourcesLogStart(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		workload(t, p.east, topic, 7, 30)
		_, err := p.east.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {At: 40}}})
		must(t, err)
		must(t, p.once())
		p.identical(topic)
	})
}

func TestLiveMirrorFollowsAndStopsCleanly(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 3)
		for round := range 4 {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.link().Run(ctx, linking.RunOptions{}) }()
			workload(t, p.east, topic, uint64(50+round), 25)
			if round == 3 {
				p.await(topic)
			}
			cancel() // in the middle of things
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Fatalf("a link that was stopped ended with %v", err)
			}
		}
		p.identical(topic)
	})
}

// await waits until a topic's mirror has lag zero.
func (p *pair) await(topic string) {
	p.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		mirrors, err := p.link().Status(p.t.Context())
		must(p.t, err)
		n, behind := 0, 0
		for _, m := range mirrors {
			if m.Topic == topic {
				n++
				if m.Lag != 0 {
					behind++
				}
			}
		}
		if n > 0 && behind == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("not caught up: %+v", mirrors)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
