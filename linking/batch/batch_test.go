package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"pgregory.net/rapid"
)

// plain is a record without aliases, for comparing.
type plain struct {
	Offset, Timestamp int64
	Key, Value        []byte
	Headers           [][2][]byte
}

func read(t interface {
	Helper()
	Fatal(...any)
}, b Batch) []plain {
	t.Helper()
	var list []plain
	err := Records(b, func(r *Record) error {
		p := plain{Offset: r.Offset, Timestamp: r.Timestamp, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
		err := r.Headers.Each(func(k, v []byte) { p.Headers = append(p.Headers, [2][]byte{bytes.Clone(k), bytes.Clone(v)}) })
		list = append(list, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var bytesOrNull = rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 40))

var anyRecords = rapid.Custom(func(t *rapid.T) []plain {
	list := make([]plain, rapid.IntRange(1, 30).Draw(t, "n"))
	for i := range list {
		list[i] = plain{Offset: int64(i), Timestamp: rapid.Int64Range(-1, math.MaxInt64/4).Draw(t, "ts"), Key: bytesOrNull.Draw(t, "key"), Value: bytesOrNull.Draw(t, "value")}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			list[i].Headers = append(list[i].Headers, [2][]byte{rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "hk"), bytesOrNull.Draw(t, "hv")})
		}
	}
	return list
})

func build(t interface {
	Helper()
	Fatal(...any)
}, codec Codec, list []plain) Batch {
	t.Helper()
	b := NewBuilder(codec)
	for _, r := range list {
		var pairs [][]byte
		for _, h := range r.Headers {
			pairs = append(pairs, h[0], h[1])
		}
		b.Append(r.Timestamp, r.Key, r.Value, NewHeaders(pairs...))
	}
	out, err := b.Build(nil, Identity{7, 3, 11})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// equal treats empty and nil slices as different for keys and values, as Kafka does, but not for header lists.
func equal(a, b []plain) string {
	return cmp.Diff(a, b, cmp.Comparer(func(x, y [][2][]byte) bool {
		return len(x) == len(y) && cmp.Equal(fmt.Sprintf("%#v", x), fmt.Sprintf("%#v", y)) || len(x)+len(y) == 0
	}))
}

func TestBuildReadRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRecords.Draw(t, "records")
		b := build(t, rapid.SampledFrom(codecs).Draw(t, "codec"), want)
		first, rest, err := Next(b)
		if err != nil || len(rest) != 0 {
			t.Fatalf("Next: %v, %d bytes left", err, len(rest))
		}
		if err := errors.Join(Verify(first), Check(first)); err != nil {
			t.Fatal(err)
		}
		if diff := equal(want, read(t, first)); diff != "" {
			t.Fatal(diff)
		}
		var oracle kmsg.RecordBatch
		if err := oracle.ReadFrom(b); err != nil {
			t.Fatalf("kmsg can not read it: %v", err)
		}
		if oracle.NumRecords != int32(len(want)) || oracle.ProducerID != 7 || oracle.FirstSequence != 11 || oracle.LastOffsetDelta != int32(len(want)-1) {
			t.Fatalf("kmsg reads %+v", oracle)
		}
	})
}

func TestRewriteChangesTheHeaderAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRecords.Draw(t, "records")
		b := build(t, rapid.SampledFrom(codecs).Draw(t, "codec"), want)
		b.setOffset(1000)
		id := Identity{rapid.Int64().Draw(t, "pid"), rapid.Int16().Draw(t, "epoch"), rapid.Int32Min(0).Draw(t, "seq")}
		out := Batch(Rewrite([]byte("front"), b, id)[5:])
		if err := Verify(out); err != nil {
			t.Fatal(err)
		}
		if out.BaseOffset() != 0 || out.ProducerID() != id.ProducerID || out.ProducerEpoch() != id.Epoch || out.BaseSequence() != id.Sequence || out.LeaderEpoch() != -1 {
			t.Fatalf("header %v %v", out[:HeaderSize], id)
		}
		if !bytes.Equal(out.Payload(), b.Payload()) {
			t.Fatal("the payload changed")
		}
		if b.BaseOffset() != 1000 {
			t.Fatal("the source batch changed")
		}
	})
}

func TestMergeKeepsEveryRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []Batch
		var want []plain
		codec := rapid.SampledFrom(codecs).Draw(t, "codec")
		base := rapid.Int64Range(0, 1<<40).Draw(t, "base")
		for next := base; len(parts) < 2 || rapid.Bool().Draw(t, "more"); {
			list := anyRecords.Draw(t, "records")
			b := build(t, codec, list)
			b.setOffset(next)
			for i := range list {
				list[i].Offset += next
			}
			next = b.NextOffset()
			parts, want = append(parts, b), append(want, list...)
		}
		for i := 1; i < len(parts); i++ {
			if !Mergeable(parts[i-1], parts[i]) {
				t.Fatal("neighbours are not mergeable")
			}
		}
		merged, err := Merge(nil, parts, Identity{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		out := Batch(merged)
		if err := errors.Join(Verify(out), CheckRecords(out)); err != nil {
			t.Fatal(err)
		}
		if out.Codec() != codec {
			t.Fatalf("merged to %s", out.Codec())
		}
		out.setOffset(base)
		if diff := equal(want, read(t, out)); diff != "" {
			t.Fatal(diff)
		}
		latest := int64(math.MinInt64)
		for _, r := range want {
			latest = max(latest, r.Timestamp)
		}
		if out.MaxTimestamp() != latest {
			t.Fatalf("max timestamp %d, want %d", out.MaxTimestamp(), latest)
		}
	})
}

// walk calls fn for each of n records of an uncompressed payload.
func walk(payload []byte, n int32, fn func(*frame) error) error {
	var f frame
	for i := range n {
		var err error
		if payload, err = f.cut(payload); err != nil {
			return fmt.Errorf("record %d of %d: %w", i, n, err)
		}
		if err := fn(&f); err != nil {
			return err
		}
	}
	return ended(payload, n)
}

// holed builds an uncompressed batch with records at the given deltas of a larger range, as compaction leaves it.
func holed(t *testing.T, base int64, last int32, deltas ...int32) Batch {
	t.Helper()
	all := make([]plain, last+1)
	for i := range all {
		all[i] = plain{Timestamp: int64(1000 + i), Key: fmt.Append(nil, i)}
	}
	full := build(t, None, all)
	out := append(Batch(nil), full[:HeaderSize]...)
	n := int32(0)
	err := walk(full.Payload(), full.NumRecords(), func(f *frame) error {
		for _, d := range deltas {
			if f.offsetDelta == d {
				out = f.append(out, f.timeDelta, f.offsetDelta)
				n++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out[posNumRecords+3] = byte(n)
	out.setOffset(base)
	out.seal()
	return out
}

func TestSplitCutsAtHoles(t *testing.T) {
	b := holed(t, 100, 9, 1, 2, 5, 9)
	if err := Check(b); !errors.Is(err, ErrHoles) {
		t.Fatalf("Check: %v, want ErrHoles", err)
	}
	runs, err := Split(b)
	if err != nil {
		t.Fatal(err)
	}
	var got []plain
	for _, r := range runs {
		if err := errors.Join(Check(r.Batch), Verify(r.Batch)); err != nil {
			t.Fatal(err)
		}
		r.Batch.setOffset(r.BaseOffset)
		got = append(got, read(t, r.Batch)...)
	}
	if diff := equal(read(t, b), got); diff != "" {
		t.Error(diff)
	}
	if len(runs) != 3 || runs[0].BaseOffset != 101 || runs[1].BaseOffset != 105 || runs[2].BaseOffset != 109 {
		t.Errorf("runs %+v", runs)
	}
}

func TestSplitGivesAppendTimeRecordsTheirTimes(t *testing.T) {
	b := build(t, LZ4, []plain{{Timestamp: 5}, {Timestamp: 9}})
	b[posAttributes+1] |= attrLogAppendTime
	b.seal()
	if err := Check(b); !errors.Is(err, ErrAppendTime) {
		t.Fatalf("Check: %v, want ErrAppendTime", err)
	}
	runs, err := Split(b)
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, r := range read(t, runs[0].Batch) {
		if r.Timestamp != 9 {
			t.Errorf("record time %d, want the batch's 9", r.Timestamp)
		}
	}
	if runs[0].Batch.LogAppendTime() || runs[0].Batch.Codec() != LZ4 {
		t.Errorf("attributes %b", runs[0].Batch.Attributes())
	}
}

func TestNextWalksAndStops(t *testing.T) {
	a, b := build(t, None, make([]plain, 3)), build(t, Zstd, make([]plain, 2))
	answer := append(append([]byte(nil), a...), b...)
	for _, tc := range []struct {
		name  string
		cut   int
		whole int
		err   error
	}{
		{"whole", len(answer), 2, nil},
		{"cut in the header", len(a) + 10, 1, ErrTruncated},
		{"cut in the records", len(answer) - 1, 1, ErrTruncated},
		{"empty", 0, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, rest := 0, answer[:tc.cut]
			var first Batch
			var err error
			for {
				if first, rest, err = Next(rest); first == nil {
					break
				}
				n++
			}
			if n != tc.whole || !errors.Is(err, tc.err) {
				t.Errorf("%d batches, %v; want %d, %v", n, err, tc.whole, tc.err)
			}
		})
	}
	old := append([]byte(nil), a...)
	old[posMagic] = 1
	if _, _, err := Next(old); !errors.Is(err, ErrFormat) {
		t.Errorf("format v1: %v, want ErrFormat", err)
	}
	flipped := append(Batch(nil), a...)
	flipped[len(flipped)-1] ^= 1
	if err := Verify(flipped); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a flipped bit: %v, want ErrCorrupt", err)
	}
}

func TestNextSequenceWraps(t *testing.T) {
	for _, tc := range []struct{ seq, n, want int32 }{{0, 5, 5}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 5, 3}} {
		if got := NextSequence(tc.seq, tc.n); got != tc.want {
			t.Errorf("NextSequence(%d, %d) = %d, want %d", tc.seq, tc.n, got, tc.want)
		}
	}
}

// TestAbortedAsAConsumerSees writes committed, aborted and plain batches of interleaved producers to a broker, reads the raw log, and
// compares what Visible lets through with what a read_committed consumer of kgo gets.
func TestAbortedAsAConsumerSees(t *testing.T) {
	c := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	defer c.Close()
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("t"), kgo.ProducerLinger(0))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	plainProducer, a, b := client(), client(kgo.TransactionalID("a")), client(kgo.TransactionalID("b"))
	send := func(cl *kgo.Client, text string) {
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord(text)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	want := 0
	for round, commitA := range []bool{true, false, false, true} {
		for _, cl := range []*kgo.Client{a, b} {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		send(a, fmt.Sprint("a1 ", round))
		send(plainProducer, fmt.Sprint("p ", round))
		send(b, fmt.Sprint("b ", round))
		send(a, fmt.Sprint("a2 ", round))
		for cl, commit := range map[*kgo.Client]kgo.TransactionEndTry{a: kgo.TransactionEndTry(commitA), b: kgo.TransactionEndTry(!commitA)} {
			if err := cl.EndTransaction(t.Context(), commit); err != nil {
				t.Fatal(err)
			}
		}
		want += 2
		if commitA {
			want++
		}
	}
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 12, 100, 1, 1<<20, 1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "t"
	part := kmsg.NewFetchRequestTopicPartition()
	part.PartitionMaxBytes = 1 << 20
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	cl := client(kgo.MaxVersions(maxFetch12()))
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	rp := resp.Topics[0].Partitions[0]
	var aborted Aborted
	var list []AbortedTxn
	for _, x := range rp.AbortedTransactions {
		list = append(list, AbortedTxn{x.ProducerID, x.FirstOffset})
	}
	aborted.Add(list)
	var seen []string
	for rest := rp.RecordBatches; ; {
		var first Batch
		if first, rest, err = Next(rest); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			break
		}
		visible, err := aborted.Visible(first)
		if err != nil {
			t.Fatal(err)
		}
		if visible {
			for _, r := range read(t, first) {
				seen = append(seen, string(r.Value))
			}
		}
	}
	consumer := client(kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var consumed []string
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(consumed) < want {
		f := consumer.PollFetches(patience)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(consumed), want, err)
		}
		f.EachRecord(func(r *kgo.Record) { consumed = append(consumed, string(r.Value)) })
	}
	if diff := cmp.Diff(consumed, seen); diff != "" {
		t.Errorf("(-consumer +raw):\n%s", diff)
	}
}

// maxFetch12 keeps the test's fetch on a version that names topics.
func maxFetch12() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(1, 12)
	return v
}
