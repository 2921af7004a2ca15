package linking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// seedEnv replays one history instead of those that a test runs by itself.
const seedEnv = "LIFEBOAT_SEED"

// TestHistoriesAreMirrored runs a link while topics of every kind are written, cleaned, cut off at their beginning, given more partitions, created
// and deleted, and while transactions hang: what is drawn depends on the seed alone. Every other one has mirrors under a prefix. In the end both regions are compared record by record, with
// a transaction open and with none. One that differs is run again with fewer events, until none can be left out.
func TestHistoriesAreMirrored(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2}
	if text := os.Getenv(seedEnv); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		seeds = []uint64{seed}
	}
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		for _, seed := range seeds {
			historyIsMirrored(t, env, seed, 100)
		}
	})
}

// shrinkTime is how long fewer events are looked for that differ as well.
const shrinkTime = 3 * time.Minute

func historyIsMirrored(t *testing.T, env *testenv.Env, seed uint64, events int) {
	var told []string // of the last history that differed
	differs := func(name string, steps []int) bool {
		return !t.Run(name, func(t *testing.T) {
			h := newHistory(t, env, seed)
			defer func() {
				if t.Failed() {
					told = h.told
				}
			}()
			h.run(steps)
		})
	}
	if !differs(fmt.Sprint(seed), numbered(events)) {
		return
	}
	few := fewest(numbered(events), time.Now().Add(shrinkTime), func(steps []int) bool { return differs(fmt.Sprintf("%d with %d events", seed, len(steps)), steps) })
	t.Logf("replay it with %s=%d; these events of it are enough: %v", seedEnv, seed, few)
	for _, line := range told {
		t.Log(line)
	}
}

// run is a whole history, of those steps.
func (h *history) run(steps []int) {
	h.t.Helper()
	h.serve()
	for _, n := range steps {
		h.step(n)
	}
	if len(h.hanging) == 0 {
		h.hang()
	}
	h.compare()
	for len(h.hanging) > 0 {
		h.unhang()
	}
	h.compare()
	h.witness()
	h.stop()
}

// kind is what a topic of a history is made with, and how it is written.
type kind struct {
	name    string
	configs []string
	keyed   bool // a compacted topic refuses records without a key
	far     bool // times from 1970 to far in the future
	large   int  // bytes of a batch at most: records come near to it
}

// A tombstone that the source removes before the mirror has read it leaves the mirror with what it deleted, as it leaves any reader: a link must
// not be behind for delete.retention.ms, so here that is longer than a test.
var kinds = []kind{
	{name: "plain"},
	{name: "append-time", configs: []string{"message.timestamp.type=LogAppendTime"}},
	{name: "compacted", configs: []string{"cleanup.policy=compact", "retention.ms=-1", "segment.ms=200", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=600000"}, keyed: true},
	{name: "both", configs: []string{"cleanup.policy=compact,delete", "retention.ms=-1", "segment.ms=300", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=600000"}, keyed: true},
	{name: "far", configs: []string{"retention.ms=-1", "message.timestamp.after.max.ms=9223372036854775807"}, far: true},
	{name: "large", configs: []string{"max.message.bytes=200000"}, large: 200_000},
}

// history is a run of random events on a pair of regions.
type history struct {
	*pair
	seed    uint64
	rnd     *rand.Rand // of the step, so that it does the same where others are left out
	prefix  string
	told    []string // what happened
	topics  []*chronicle
	hanging []*kgo.Client // with an open transaction
	made    int           // topics and clients, for their names
	cancel  context.CancelFunc
	done    chan error
}

// chronicle is one topic of a history.
type chronicle struct {
	kind
	topic string
	w     *writer
	gone  bool // deleted in the source
}

func newHistory(t *testing.T, env *testenv.Env, seed uint64) *history {
	t.Helper()
	h := &history{seed: seed, rnd: rand.New(rand.NewPCG(seed, 2)), prefix: each.Name(t, "h")}
	h.pair = newPair(t, env, h.prefix+"-.*")
	if seed%2 == 0 {
		h.decl.Prefix = eastPrefix
	}
	for _, k := range kinds {
		h.create(k)
	}
	return h
}

// create makes a topic. Its last partition is never written.
func (h *history) create(k kind) {
	h.t.Helper()
	h.made++
	c := &chronicle{kind: k, topic: fmt.Sprintf("%s-%s-%d", h.prefix, k.name, h.made)}
	h.tell("create %s", c.topic)
	each.Topic(h.t, h.env.East, c.topic, 3, k.configs...)
	h.write(c)
	must(h.t, c.w.step(h.t.Context()))
	h.topics = append(h.topics, c)
}

// write gives a topic a writer that knows its partitions.
func (h *history) write(c *chronicle) {
	h.t.Helper()
	if c.w != nil {
		c.w.close()
	}
	h.made++
	var err error
	c.w, err = openWriter(h.t.Context(), h.east, c.topic, fmt.Sprintf("%s-%d-", c.topic, h.made), h.rnd.Uint64())
	must(h.t, err)
	h.t.Cleanup(c.w.close)
	if !h.transactional(c) {
		c.w.txns = nil
	}
	c.w.draw = func(rec *kgo.Record) { h.draw(c.kind, rec) }
}

// transactional says whether transactions may write to a topic. The in-process broker compacts away what an open or an aborted one has written
// another record for, and names no aborted transactions in an answer that a large batch has filled; Kafka does neither.
func (h *history) transactional(c *chronicle) bool {
	return h.env.East.Fake == nil || !c.keyed && c.large == 0
}

// draw makes a record one of its topic's kind.
func (h *history) draw(k kind, rec *kgo.Record) {
	if k.keyed && rec.Key == nil {
		rec.Key = []byte("none")
	}
	if k.far {
		far := []int64{0, 1, 86_400_000, time.Now().UnixMilli(), 4_102_444_800_000, 32_503_680_000_000}
		rec.Timestamp = time.UnixMilli(far[h.rnd.IntN(len(far))])
	}
}

// serve runs the link until stop.
func (h *history) serve() {
	ctx, cancel := context.WithCancel(h.t.Context())
	h.cancel, h.done = cancel, make(chan error, 1)
	go func() { h.done <- h.link().Run(ctx, linking.RunOptions{}) }()
}

func (h *history) stop() {
	h.t.Helper()
	h.cancel()
	if err := <-h.done; !errors.Is(err, context.Canceled) {
		h.t.Errorf("the link ended with %v", err)
	}
}

// alive are the topics that the source has, fitting those it may happen to.
func (h *history) alive(fits func(*chronicle) bool) []*chronicle {
	return slices.DeleteFunc(slices.Clone(h.topics), func(c *chronicle) bool { return c.gone || fits != nil && !fits(c) })
}

func (h *history) one(list []*chronicle) *chronicle { return list[h.rnd.IntN(len(list))] }

// tell says what happens.
func (h *history) tell(format string, args ...any) {
	h.told = append(h.told, fmt.Sprintf(format, args...))
}

// step is the n-th event.
func (h *history) step(n int) {
	h.t.Helper()
	ctx := h.t.Context()
	h.rnd = rand.New(rand.NewPCG(h.seed, 3+uint64(n)))
	for _, c := range h.topics {
		c.w.rnd = h.rnd
	}
	switch n := h.rnd.IntN(100); {
	case n < 64:
		c := h.one(h.alive(nil))
		h.tell("write to %s", c.topic)
		must(h.t, c.w.step(ctx))
	case n < 70:
		c := h.one(h.alive(func(c *chronicle) bool { return c.large > 0 }))
		h.tell("write large records to %s", c.topic)
		h.large(c)
	case n < 74:
		c := h.one(h.alive(func(c *chronicle) bool { return !c.far }))
		h.tell("write tiny batches to %s", c.topic)
		h.tiny(c)
	case n < 80:
		h.cut(h.one(h.alive(func(c *chronicle) bool { return !c.keyed })))
	case n < 84:
		c := h.one(h.alive(nil))
		if c.w.partitions < 5 {
			h.tell("one more partition for %s", c.topic)
			_, err := h.east.Admin.CreatePartitions(ctx, 1, c.topic)
			must(h.t, err)
			h.eventually("the new partition has a leader", func() bool {
				ends, err := h.east.Admin.ListEndOffsets(ctx, c.topic)
				return err == nil && ends.Error() == nil && len(ends[c.topic]) == int(c.w.partitions)+2
			})
			h.write(c)
		}
	case n < 87:
		if len(h.topics) < len(kinds)+4 {
			h.create(kinds[h.rnd.IntN(2)])
		}
	case n < 89:
		if extra := h.alive(func(c *chronicle) bool { return slices.Index(h.topics, c) >= len(kinds) }); len(extra) > 0 {
			c := h.one(extra)
			h.tell("delete %s", c.topic)
			c.w.close()
			_, err := h.east.Admin.DeleteTopics(ctx, c.topic)
			must(h.t, err)
			c.gone = true
		}
	case n < 93:
		if len(h.hanging) < 2 {
			h.hang()
		}
	case n < 96:
		if len(h.hanging) > 0 {
			h.unhang()
		}
	case n < 98:
		if h.env.East.Fake != nil && h.caughtUp() { // Kafka's cleaner runs by itself, and moves no log start
			h.tell("clean")
			h.env.East.Fake.Compact()
		}
	default:
		h.tell("another link process")
		h.stop()
		h.serve()
	}
}

// caughtUp says whether the mirrors of compacted topics have what the source has.
func (h *history) caughtUp() bool {
	h.t.Helper()
	for _, c := range h.alive(func(c *chronicle) bool { return c.keyed }) {
		for p := range c.w.partitions {
			if h.end(h.west, h.mirror(c.topic), p) < h.end(h.east, c.topic, p) {
				return false
			}
		}
	}
	return true
}

// large writes records of which each is nearly as large as a batch may be, in a codec of its own.
func (h *history) large(c *chronicle) {
	h.t.Helper()
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	cl := h.client(kgo.ProducerBatchCompression(codecs[h.rnd.IntN(len(codecs))]))
	defer cl.Close()
	for range 3 {
		value := make([]byte, c.large-150)
		_, _ = rand.NewChaCha8([32]byte{byte(h.rnd.IntN(256))}).Read(value)
		must(h.t, cl.ProduceSync(h.t.Context(), &kgo.Record{Topic: c.topic, Partition: h.rnd.Int32N(c.w.partitions), Key: []byte("large"), Value: value}).FirstErr())
	}
}

// tiny writes hundreds of batches of one record.
func (h *history) tiny(c *chronicle) {
	h.t.Helper()
	cl := h.client(kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	defer cl.Close()
	p := h.rnd.Int32N(c.w.partitions)
	for i := range 300 {
		must(h.t, cl.ProduceSync(h.t.Context(), &kgo.Record{Topic: c.topic, Partition: p, Key: []byte{byte(i)}, Value: []byte("tiny")}).FirstErr())
	}
}

func (h *history) client(opts ...kgo.Opt) *kgo.Client {
	h.t.Helper()
	cl, err := kgo.NewClient(append(slices.Clone(h.east.Client.Opts()), append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)...)
	must(h.t, err)
	return cl
}

// cut deletes records of a partition, none that the mirror has not got: that is a case of its own.
func (h *history) cut(c *chronicle) {
	h.t.Helper()
	p := h.rnd.Int32N(c.w.partitions)
	ends, err := h.west.Admin.ListEndOffsets(h.t.Context(), h.mirror(c.topic))
	must(h.t, err)
	o, ok := ends.Lookup(h.mirror(c.topic), p)
	if !ok || o.Err != nil || o.Offset <= 0 {
		return // the mirror is not there yet
	}
	starts, err := h.east.Admin.ListStartOffsets(h.t.Context(), c.topic)
	must(h.t, err)
	s, _ := starts.Lookup(c.topic, p)
	if at := s.Offset + h.rnd.Int64N(max(1, o.Offset-s.Offset+1)); at > s.Offset {
		h.tell("delete records of %s-%d up to @%d", c.topic, p, at)
		resp, err := h.east.Admin.DeleteRecords(h.t.Context(), kadm.Offsets{c.topic: {p: {Topic: c.topic, Partition: p, At: at}}})
		if err == nil {
			err = resp.Error()
		}
		must(h.t, err)
	}
}

// hang begins a transaction in a topic, which holds its readers and the mirror back.
func (h *history) hang() {
	h.t.Helper()
	h.made++
	cl := h.client(kgo.TransactionalID(fmt.Sprintf("%s-hanging-%d", h.prefix, h.made)), kgo.TransactionTimeout(5*time.Minute))
	h.t.Cleanup(cl.Close)
	must(h.t, cl.BeginTransaction())
	c := h.one(h.alive(h.transactional)[:3]) // one that is not deleted
	h.tell("a transaction hangs in %s", c.topic)
	must(h.t, cl.ProduceSync(h.t.Context(), c.w.records()...).FirstErr())
	h.hanging = append(h.hanging, cl)
}

func (h *history) unhang() {
	h.t.Helper()
	cl := h.hanging[0]
	h.hanging = h.hanging[1:]
	commit := h.rnd.IntN(2) == 0
	h.tell("the transaction that hangs longest ends, committed: %t", commit)
	must(h.t, cl.EndTransaction(h.t.Context(), kgo.TransactionEndTry(commit)))
	cl.Close()
}

// compare waits until the mirrors have what the source has committed, and compares all of it. Compacted topics are compared by what both must
// have, and by what the source has, because its cleaner goes on meanwhile.
func (h *history) compare() {
	h.t.Helper()
	var names, mirrors []string
	for _, c := range h.alive(nil) {
		names, mirrors = append(names, c.topic), append(mirrors, h.mirror(c.topic))
	}
	var diff string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		completing := h.completing() // before it is looked where logs end
		east, err := bounds(h.t.Context(), h.east, names, h.mirror)
		must(h.t, err)
		west, err := bounds(h.t.Context(), h.west, mirrors, func(name string) string { return name })
		if diff = cmp.Diff(east, west); err == nil && diff == "" && !completing {
			break
		}
		if time.Now().After(deadline) {
			mirrors, serr := h.link().Status(h.t.Context())
			for _, m := range mirrors {
				if m.Lag != 0 {
					h.t.Logf("%+v", m)
				}
			}
			h.t.Fatalf("the mirrors do not get there: %v\n%s", errors.Join(err, serr), diff)
		}
	}
	for _, c := range h.alive(nil) {
		if !c.keyed {
			h.identical(c.topic)
			continue
		}
		east, west := consume(h.t, h.east, c.topic), consume(h.t, h.west, h.mirror(c.topic))
		for p, list := range east.Records {
			there := map[string]bool{}
			for _, text := range west.Records[p] {
				there[text] = true
			}
			for _, text := range list {
				if !there[text] {
					h.t.Errorf("%s-%d: missing in the mirror: %s", c.topic, p, text)
				}
			}
		}
	}
	v := h.verify(linking.VerifyOptions{Topics: mirrors})
	if d := v.Differences(); len(d) > 0 {
		h.t.Errorf("%d differences, such as %+v", len(d), d[0])
	}
	for _, topic := range v.Topics {
		if topic.Records == 0 || len(topic.Errors) > 0 {
			h.t.Errorf("%s: %d records compared; %v", topic.Topic, topic.Records, topic.Errors)
		}
	}
}

// completing says whether a transaction that was ended has markers that are not in their logs yet.
func (h *history) completing() bool {
	h.t.Helper()
	if h.env.East.Fake != nil {
		return false
	}
	list, err := h.east.Admin.ListTransactions(h.t.Context(), nil, []string{"PrepareCommit", "PrepareAbort"})
	must(h.t, err)
	for id := range list {
		if strings.HasPrefix(id, h.prefix) {
			return true
		}
	}
	return false
}

// witness has Kafka's own consumer compare what both regions have, of every topic that no cleaner is at work in.
func (h *history) witness() {
	h.t.Helper()
	if h.env.Kind != "kafka" || h.seed%2 == 0 { // a JVM a region: one history shows it
		return
	}
	var names, mirrors []string
	records := 0
	for _, c := range h.alive(func(c *chronicle) bool { return !c.keyed }) {
		names, mirrors = append(names, c.topic), append(mirrors, h.mirror(c.topic))
		for _, list := range consume(h.t, h.east, c.topic).Records {
			records += len(list)
		}
	}
	named := func(lines []string) []string { // a mirror keeps the times and not what they are called
		for i := range lines {
			lines[i] = strings.Replace(lines[i], "LogAppendTime:", "CreateTime:", 1)
		}
		slices.Sort(lines)
		return lines
	}
	east, west := named(kafkasConsumer(h.t, h.env.East, readCommitted, records, names...)), named(kafkasConsumer(h.t, h.env.West, readCommitted, records, mirrors...))
	if !slices.Equal(east, west) || len(east) < records {
		diff := cmp.Diff(east, west)
		h.t.Errorf("Kafka's own consumer sees %d and %d lines of %d records:\n%s", len(east), len(west), records, diff[:min(len(diff), 4000)])
	}
}

// bounds are the log starts and the last stable offsets of topics, as they are called by name.
func bounds(ctx context.Context, r *linking.Region, topics []string, name func(string) string) (map[string][2]int64, error) {
	starts, err := r.Admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	ends, err := r.Admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	all := map[string][2]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		s, _ := starts.Lookup(o.Topic, o.Partition)
		err = errors.Join(err, o.Err, s.Err)
		all[fmt.Sprintf("%s-%d", name(o.Topic), o.Partition)] = [2]int64{s.Offset, o.Offset}
	})
	return all, err
}
