package linking_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// verify compares the link's regions once.
func (p *pair) verify(o linking.VerifyOptions) *linking.Verification {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	v, err := p.link().Verify(ctx, o)
	must(p.t, err)
	return v
}

// plant writes records to partition 0 of both regions, without a link between them, from the same offset on.
type plant struct {
	p     *pair
	topic string
}

// record is the n-th of them, in both regions.
func (w plant) record(n int) *kgo.Record {
	return &kgo.Record{Topic: w.topic, Timestamp: time.UnixMilli(1_700_000_000_000 + int64(n)), Key: fmt.Append(nil, "key ", n), Value: fmt.Append(nil, "value ", n),
		Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, n)}}}
}

func (w plant) write(r *linking.Region, records ...*kgo.Record) {
	w.p.t.Helper()
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	must(w.p.t, err)
	defer cl.Close()
	must(w.p.t, cl.ProduceSync(w.p.t.Context(), records...).FirstErr())
}

// transaction writes one record and the marker that commits it, or aborts it.
func (w plant) transaction(r *linking.Region, rec *kgo.Record, commit bool) {
	w.p.t.Helper()
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(each.Name(w.p.t, r.Name)))...)
	must(w.p.t, err)
	defer cl.Close()
	must(w.p.t, cl.BeginTransaction())
	must(w.p.t, cl.ProduceSync(w.p.t.Context(), rec).FirstErr())
	must(w.p.t, cl.EndTransaction(w.p.t.Context(), kgo.TransactionEndTry(commit)))
	// Its end is answered before its marker is in the log.
	for {
		ends, err := r.Admin.ListEndOffsets(w.p.t.Context(), w.topic)
		must(w.p.t, err)
		stable, err := r.Admin.ListCommittedOffsets(w.p.t.Context(), w.topic)
		must(w.p.t, err)
		end, _ := ends.Lookup(w.topic, rec.Partition)
		last, _ := stable.Lookup(w.topic, rec.Partition)
		if last.Offset == end.Offset && end.Offset > rec.Offset+1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestVerifyFindsExactlyWhatDiffers(t *testing.T) {
	t.Parallel()
	const at = 1700 // deep enough that digests have to be divided
	type difference struct {
		Offset int64
		What   string
	}
	changed := func(do func(*kgo.Record)) func(plant) {
		return func(w plant) {
			w.write(w.p.east, w.record(at))
			r := w.record(at)
			do(r)
			w.write(w.p.west, r)
		}
	}
	for _, c := range []struct {
		name  string
		plant func(plant) // writes offset `at` in both regions, and may write the next
		want  []difference
	}{
		{"nothing", changed(func(*kgo.Record) {}), nil},
		{"changed byte of the value", changed(func(r *kgo.Record) { r.Value[0] ^= 1 }), []difference{{at, "[value]"}}},
		{"null instead of an empty value", func(w plant) {
			a, b := w.record(at), w.record(at)
			a.Value, b.Value = []byte{}, nil
			w.write(w.p.east, a)
			w.write(w.p.west, b)
		}, []difference{{at, "[value]"}}},
		{"changed key", changed(func(r *kgo.Record) { r.Key = []byte("another") }), []difference{{at, "[key]"}}},
		{"changed timestamp", changed(func(r *kgo.Record) { r.Timestamp = r.Timestamp.Add(time.Millisecond) }), []difference{{at, "[timestamp]"}}},
		{"changed header", changed(func(r *kgo.Record) { r.Headers[0].Value = []byte("another") }), []difference{{at, "[headers]"}}},
		{"a header more", changed(func(r *kgo.Record) { r.Headers = append(r.Headers, kgo.RecordHeader{Key: "more"}) }), []difference{{at, "[headers]"}}},
		{"several parts", changed(func(r *kgo.Record) { r.Value, r.Timestamp = nil, r.Timestamp.Add(-time.Hour) }), []difference{{at, "[timestamp value]"}}},
		{"missing record", func(w plant) {
			w.transaction(w.p.east, w.record(at), true)
			w.transaction(w.p.west, w.record(at), false)
		}, []difference{{at, "[missing record]"}}},
		{"extra record", func(w plant) {
			w.transaction(w.p.east, w.record(at), false)
			w.transaction(w.p.west, w.record(at), true)
		}, []difference{{at, "[extra record]"}}},
		{"the same record, one of them in a transaction", func(w plant) {
			w.transaction(w.p.east, w.record(at), true)
			w.write(w.p.west, w.record(at))
			w.transaction(w.p.west, w.record(at+1), false) // two offsets that nobody sees, where the source has one
			w.transaction(w.p.east, w.record(at+1), false)
			w.write(w.p.east)
		}, nil},
		{"foreign record behind the mirror's end", func(w plant) {
			w.write(w.p.east, w.record(at))
			w.write(w.p.west, w.record(at), w.record(at+1))
			w.write(w.p.east)
		}, []difference{{at + 1, "[extra record]"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each.Run(t, func(t *testing.T, env *testenv.Env) {
				topic := each.Name(t, "t")
				p := newPair(t, env, topic)
				each.Topic(t, env.East, topic, 2)
				w := plant{p, topic}
				var same []*kgo.Record
				for n := range at {
					same = append(same, w.record(n))
				}
				w.write(p.east, same...)
				must(t, p.once())
				c.plant(w)
				v := p.verify(linking.VerifyOptions{})
				var got []difference
				for _, d := range v.Differences() {
					if d.Topic != topic || d.Partition != 0 || d.Detail == "" {
						t.Errorf("found %+v", d)
					}
					got = append(got, difference{d.Offset, fmt.Sprint(d.What)})
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestVerifyOfALinkThatIsWhole(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 3)
		workload(t, p.east, topic, 11, 80) // every codec, transactions, holes
		must(t, p.once())
		workload(t, p.east, topic, 12, 5) // and is behind
		v := p.verify(linking.VerifyOptions{})
		records := 0
		for _, list := range consume(t, p.west, topic).Records {
			records += len(list)
		}
		got := v.Topics[0]
		var ends, behind int64
		for n, end := range consume(t, p.west, topic).Ends {
			ends += end
			behind += consume(t, p.east, topic).Ends[n] - end
		}
		want := &linking.VerifiedTopic{Topic: topic, State: linking.Active, Partitions: 3, Offsets: ends, Compared: ends, Records: int64(records), Behind: behind}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if behind == 0 || v.SourceBytes == 0 || v.DestBytes == 0 {
			t.Errorf("%d behind, %d and %d bytes read", behind, v.SourceBytes, v.DestBytes)
		}
	})
}

// What retention has removed on one side is neither equal nor different.
func TestVerifyListsWhatCanNotBeCompared(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		w := plant{p, topic}
		for n := range 40 {
			a, b := w.record(n), w.record(n)
			b.Partition = 1
			w.write(p.east, a, b)
		}
		must(t, p.once())
		_, err := p.east.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {At: 30}}})
		must(t, err)
		_, err = p.west.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {1: {At: 10, Partition: 1}}})
		must(t, err)
		got := p.verify(linking.VerifyOptions{}).Topics[0]
		want := &linking.VerifiedTopic{Topic: topic, State: linking.Active, Partitions: 2, Offsets: 40, Compared: 40, Records: 40, NotCompared: []report.Range{
			{Topic: topic, Partition: 0, First: 0, End: 30, Records: -1, Note: "removed in east by retention or on demand; the other region still has them"},
			{Topic: topic, Partition: 1, First: 0, End: 10, Records: -1, Note: "removed in west by retention or on demand; the other region still has them"},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// What a promoted topic got since is not compared.
func TestVerifyOfAPromotedTopic(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 1)
	w := plant{p, topic}
	w.write(p.east, w.record(0), w.record(1))
	must(t, p.once())
	_, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
	must(t, err)
	w.write(p.west, w.record(77))
	w.write(p.east, w.record(2))
	got := p.verify(linking.VerifyOptions{}).Topics[0]
	want := &linking.VerifiedTopic{Topic: topic, State: linking.Stopped, Partitions: 1, Offsets: 2, Compared: 2, Records: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Compaction takes away what is superseded, in one region earlier than in the other. What both must still have is the newest record of
// every key.
func TestVerifyOfACompactedTopic(t *testing.T) {
	env := each.Embedded(t)
	for _, c := range []struct {
		name        string
		east, west  []string // KEY=VALUE by offset; KEY alone is a tombstone; "-" an offset without a record
		want        []string
		wantRecords int64
	}{
		{"the same", []string{"a=1", "b=1", "a=2"}, []string{"a=1", "b=1", "a=2"}, nil, 3},
		{"superseded records are gone in the source", []string{"-", "b=1", "a=2"}, []string{"a=1", "b=1", "a=2"}, nil, 3},
		{"superseded records are gone in the mirror", []string{"a=1", "b=1", "a=2"}, []string{"-", "b=1", "a=2"}, nil, 2},
		{"a tombstone and what it deletes are gone in the mirror", []string{"a=1", "b=1", "a"}, []string{"-", "b=1", "-"}, nil, 1},
		{"a tombstone is gone in the source", []string{"b=1", "-"}, []string{"b=1", "a"}, nil, 2},
		{"the newest record of a key is gone in the mirror", []string{"a=1", "b=1", "a=2"}, []string{"a=1", "-", "a=2"}, []string{"@1 missing record"}, 2},
		{"a key that the source has no more", []string{"-", "b=1", "-"}, []string{"a=1", "b=1", "-"}, []string{"@0 extra record"}, 2},
		{"another value", []string{"a=1", "b=1", "a=2"}, []string{"-", "b=2", "a=2"}, []string{"@1 value"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := each.Name(t, "t")
			p := newPair(t, env, topic)
			each.Topic(t, env.East, topic, 1, "cleanup.policy=compact")
			must(t, p.once()) // an empty mirror
			w := plant{p, topic}
			for r, log := range map[*linking.Region][]string{p.east: c.east, p.west: c.west} {
				for _, text := range log {
					w.compacted(r, text)
				}
			}
			v := p.verify(linking.VerifyOptions{})
			var got []string
			for _, d := range v.Differences() {
				got = append(got, fmt.Sprintf("@%d %s", d.Offset/2, d.What[0]))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if !v.Topics[0].Compacted || v.Topics[0].Records != c.wantRecords {
				t.Errorf("compacted %t, %d records compared, want %d", v.Topics[0].Compacted, v.Topics[0].Records, c.wantRecords)
			}
		})
	}
}

// compacted writes a record and its commit marker, or two offsets without a record.
func (w plant) compacted(r *linking.Region, text string) {
	w.p.t.Helper()
	rec := &kgo.Record{Topic: w.topic, Key: []byte("none"), Timestamp: time.UnixMilli(1_700_000_000_000)}
	if text != "-" {
		rec.Key = []byte(text[:1])
		if len(text) > 1 {
			rec.Value = []byte(text[2:])
		}
	}
	w.transaction(r, rec, text != "-")
}

// What compaction really leaves, on brokers that really compact.
func TestVerifyAfterTheSourceWasCompacted(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 1, "cleanup.policy=compact", "retention.ms=-1") // kfake would expire compacted records too
	w := plant{p, topic}
	var list []*kgo.Record
	for n := range 500 {
		r := w.record(n)
		r.Key = fmt.Append(nil, n%7)
		if n < 10 {
			r.Key = fmt.Append(nil, "once ", n)
		}
		list = append(list, r)
	}
	w.write(p.east, list...)
	must(t, p.once())
	w.write(p.east, w.record(1), w.record(2)) // kfake does not compact the last batch
	env.East.Fake.Compact()
	if left := len(consume(t, p.east, topic).Records[0]); left != 10+7+2 {
		t.Fatalf("the source has %d records: it was not compacted", left)
	}
	v := p.verify(linking.VerifyOptions{})
	if d := v.Differences(); len(d) > 0 || v.Topics[0].Records != 500 {
		t.Errorf("%+v", v.Topics[0])
	}
}

// The cleaner of a real broker runs while both regions are compared again and again: nothing ever differs.
func TestVerifyWhileTheSourceIsCompacted(t *testing.T) {
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 1, "cleanup.policy=compact", "segment.ms=200", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=100")
	w := plant{p, topic}
	n := 0
	write := func(more int) {
		var list []*kgo.Record
		for range more {
			r := w.record(n)
			r.Timestamp = r.Timestamp.Add(time.Duration(n) * time.Second) // so that every write rolls the segment, which the cleaner passes by while it is the active one
			r.Key = fmt.Append(nil, n%7)
			if n%5 == 0 {
				r.Value = nil
			}
			if n%50 == 0 {
				r.Key = fmt.Append(nil, "once ", n)
			}
			list = append(list, r)
			n++
		}
		w.write(p.east, list...)
	}
	write(500)
	must(t, p.once())
	p.eventually("the cleaner has run", func() bool {
		write(1)
		if v := p.verify(linking.VerifyOptions{}); len(v.Differences()) > 0 || v.Topics[0].Records < 500 {
			t.Fatalf("%+v", v.Topics[0])
		}
		return len(consume(t, p.east, topic).Records[0]) < 250
	})
}

func TestVerifyASample(t *testing.T) {
	env := each.Embedded(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 1)
	w := plant{p, topic}
	var list []*kgo.Record
	for n := range 50_000 {
		list = append(list, &kgo.Record{Topic: topic, Value: fmt.Append(nil, n, string(make([]byte, 1000)))})
	}
	w.write(p.east, list...)
	must(t, p.once())
	v := p.verify(linking.VerifyOptions{Sample: 0.1})
	got := v.Topics[0]
	if got.Offsets != 50_000 || got.Compared < 4_000 || got.Compared > 20_000 || len(got.Differences) > 0 {
		t.Errorf("%d of %d offsets were compared: %v", got.Compared, got.Offsets, got.Differences)
	}
}

// A continuous verification compares everything that is there, follows what comes, tells of a difference at once, and ends when it is told to.
func TestVerifyContinuously(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2)
		w := plant{p, topic}
		w.write(p.east, w.record(0), w.record(1))
		must(t, p.once())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		found := []linking.Difference{}
		planted := false
		v, err := p.link().Verify(ctx, linking.VerifyOptions{Continuous: true,
			Progress: func(at linking.VerifyProgress) {
				if !planted && at.Compared == 2 {
					planted = true
					other := w.record(2)
					other.Value = []byte("value X")
					w.write(p.east, w.record(2), w.record(3))
					w.write(p.west, other, w.record(3))
				}
			},
			Found: func(d linking.Difference) {
				found = append(found, d)
				cancel()
			}})
		if !errors.Is(err, context.Canceled) || len(found) != 1 || found[0].Offset != 2 {
			t.Fatalf("ended with %v, found %v", err, found)
		}
		if diff := cmp.Diff(found, v.Differences()); diff != "" {
			t.Error(diff)
		}
	})
}

// A topic that is not there, and one that may not be read, are neither equal nor different: the report says why.
func TestVerifyOfTopicsThatCanNotBeRead(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		gone, lost, fine := each.Name(t, "gone"), each.Name(t, "lost"), each.Name(t, "fine")
		p := newPair(t, env, gone, lost, fine)
		for _, topic := range []string{gone, lost, fine} {
			each.Topic(t, env.East, topic, 1)
			plant{p, topic}.write(p.east, plant{p, topic}.record(0))
		}
		must(t, p.once())
		for r, topic := range map[*linking.Region]string{p.west: gone, p.east: lost} {
			_, err := r.Admin.DeleteTopic(t.Context(), topic)
			must(t, err)
		}
		p.eventually("the topics are gone", func() bool {
			v := p.verify(linking.VerifyOptions{})
			told := map[string]int{}
			for _, t := range v.Topics {
				told[t.Topic] = len(t.Errors)
			}
			return cmp.Equal(told, map[string]int{gone: 1, lost: 1, fine: 0})
		})
		for _, got := range p.verify(linking.VerifyOptions{}).Topics {
			if got.Topic == fine && got.Records != 1 || got.Topic != fine && (got.Compared != 0 || !errors.Is(got.Errors[0], kerr.UnknownTopicOrPartition)) {
				t.Errorf("%+v", got)
			}
		}
	})
}

func TestVerifyWithoutASource(t *testing.T) {
	p := newPair(t, each.Embedded(t), "t")
	_, err := linking.New(p.decl, nil, p.west, linking.Options{}).Verify(t.Context(), linking.VerifyOptions{})
	if err == nil {
		t.Error("no error")
	}
	if _, err := p.link().Verify(t.Context(), linking.VerifyOptions{Topics: []string{"never"}}); err == nil {
		t.Error("a topic that is no mirror is not refused")
	}
}

// BenchmarkVerify compares a topic of 64 MiB in records of 1 KiB, everything, as fast as it goes.
func BenchmarkVerify(b *testing.B) {
	env := each.Embedded(b)
	east, err := linking.Open(b.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}}, linking.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer east.Close()
	west, err := linking.Open(b.Context(), "west", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.West.Bootstrap}}, linking.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer west.Close()
	each.Topic(b, env.East, "t", 4)
	cl, err := kgo.NewClient(append(slices.Clone(east.Client.Opts()), kgo.ProducerBatchCompression(kgo.Lz4Compression()))...)
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	const records = 64 << 10
	for n := range records {
		cl.Produce(b.Context(), &kgo.Record{Topic: "t", Key: fmt.Append(nil, n), Value: fmt.Appendf(nil, "%01024d", n)}, nil)
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	link := linking.New(&plans.Link{Name: "l", From: "east", To: "west", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{"t"}}}}, east, west, linking.Options{})
	if err := link.Run(b.Context(), linking.RunOptions{Once: true}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(records * 1024)
	for b.Loop() {
		v, err := link.Verify(b.Context(), linking.VerifyOptions{})
		if err != nil || v.Topics[0].Records != records || len(v.Differences()) > 0 {
			b.Fatal(err, v.Topics[0])
		}
	}
}
