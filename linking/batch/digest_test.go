package batch

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// digestOf sums batches as they stand at offsets from base on.
func digestOf(t testing.TB, batches ...Batch) Digest {
	t.Helper()
	s := NewRanges(0, 1<<40, 1)
	for _, b := range batches {
		if err := s.AddBatch(b); err != nil {
			t.Fatal(err)
		}
	}
	return s.Total()
}

// someRecords are five of every kind: with headers, nulls, empty values.
func someRecords() []plain {
	return []plain{
		{Timestamp: 10, Key: []byte("a"), Value: []byte("one")},
		{Timestamp: 11, Value: []byte("two"), Headers: [][2][]byte{{[]byte("h"), []byte("x")}, {[]byte("null"), nil}}},
		{Timestamp: 9, Key: []byte("b")},
		{Timestamp: -1, Key: []byte{}, Value: []byte{}},
		{Timestamp: 12, Key: []byte("c"), Value: make([]byte, 3000)},
	}
}

func TestDigestIsOfTheRecordsAlone(t *testing.T) {
	want := digestOf(t, build(t, None, someRecords()))
	if want.Records != 5 {
		t.Fatalf("%d records, want 5", want.Records)
	}
	for _, c := range codecs {
		t.Run("as "+c.String(), func(t *testing.T) {
			if diff := cmp.Diff(want, digestOf(t, build(t, c, someRecords()))); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("in batches of other sizes, in any order", func(t *testing.T) {
		a, b := build(t, Zstd, someRecords()[:2]), build(t, LZ4, someRecords()[2:])
		b.setOffset(2)
		if diff := cmp.Diff(want, digestOf(t, b, a)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("written by somebody else", func(t *testing.T) {
		b := Batch(Rewrite(nil, build(t, None, someRecords()), Identity{99, 1, 500}))
		if diff := cmp.Diff(want, digestOf(t, b)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("with a header's length in more bytes than it needs", func(t *testing.T) {
		long := NewHeaders([]byte("h"), []byte("x"))
		long.raw = append([]byte{long.raw[0] | 0x80, 0}, long.raw[1:]...)
		a, b := Record{Headers: NewHeaders([]byte("h"), []byte("x"))}, Record{Headers: long}
		if diff := cmp.Diff(a.Sum(), b.Sum()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDigestSeesEveryChange(t *testing.T) {
	change := func(do func(*plain)) []plain {
		list := someRecords()
		do(&list[1])
		return list
	}
	want := digestOf(t, build(t, None, someRecords()))
	for _, c := range []struct {
		name string
		list []plain
	}{
		{"timestamp", change(func(p *plain) { p.Timestamp++ })},
		{"a byte of the value", change(func(p *plain) { p.Value = []byte("twp") })},
		{"the value is null", change(func(p *plain) { p.Value = nil })},
		{"the value is empty", change(func(p *plain) { p.Value = []byte{} })},
		{"an empty key instead of none", change(func(p *plain) { p.Key = []byte{} })},
		{"key and value change places", change(func(p *plain) { p.Key, p.Value = p.Value, p.Key })},
		{"no headers", change(func(p *plain) { p.Headers = nil })},
		{"another header value", change(func(p *plain) { p.Headers[0][1] = []byte("y") })},
		{"an empty header value instead of null", change(func(p *plain) { p.Headers[1][1] = []byte{} })},
		{"headers in another order", change(func(p *plain) { p.Headers[0], p.Headers[1] = p.Headers[1], p.Headers[0] })},
		{"a record less", someRecords()[:4]},
		{"a record twice", append(someRecords(), someRecords()[4])},
		{"two records change places", append(someRecords()[1:2:2], append(someRecords()[:1:1], someRecords()[2:]...)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := digestOf(t, build(t, None, c.list)); got == want {
				t.Error("the digest is the same")
			}
		})
	}
}

func TestDamagedBatchHasNoDigest(t *testing.T) {
	b := build(t, None, someRecords())
	b[len(b)-1] ^= 1
	if err := NewRanges(0, 10, 1).AddBatch(b); err == nil {
		t.Error("no error")
	}
}

// What differs is found, no more and no less, however the log is cut into batches and ranges.
func TestDifferingRangesHoldWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(t, "records")
		most := rapid.IntRange(1, 70).Draw(t, "ranges")
		changed := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, 5), rapid.ID).Draw(t, "changed")
		from := rapid.Int64Range(0, 1<<40).Draw(t, "from")
		ours, theirs := NewRanges(from, from+int64(n), most), NewRanges(from, from+int64(n), most)
		want := map[int64]bool{}
		for i := range n {
			r := Record{Offset: from + int64(i), Value: binary.AppendVarint(nil, int64(i))}
			ours.Sums[(r.Offset-from)/ours.Width].Add(&r)
			for _, c := range changed {
				if c == i {
					r.Timestamp++
					want[from+(r.Offset-from)/ours.Width*ours.Width] = true
				}
			}
			theirs.Sums[(r.Offset-from)/ours.Width].Add(&r)
		}
		got := map[int64]bool{}
		for _, f := range ours.Differing(theirs, n) {
			if f[1] <= f[0] || f[1] > from+int64(n) {
				t.Fatalf("range %v", f)
			}
			got[f[0]] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if most := ours.Differing(theirs, 1); len(want) > 0 && len(most) != 1 {
			t.Fatalf("%d found, one was asked for", len(most))
		}
	})
}

func FuzzDigest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		b, ok := reseal(in)
		if !ok {
			return
		}
		whole, parts := NewRanges(b.BaseOffset(), b.NextOffset(), 1), NewRanges(b.BaseOffset(), b.NextOffset(), 7)
		err := whole.AddBatch(b)
		typed(t, err)
		typed(t, parts.AddBatch(b))
		if err != nil {
			return
		}
		if whole.Total() != parts.Total() || whole.Total().Records != int64(b.NumRecords()) {
			t.Fatalf("%+v and in parts %+v, of %d records", whole.Total(), parts.Total(), b.NumRecords())
		}
		// The same records, written anew: as many bytes as they need, compressed.
		again := NewBuilder(Zstd)
		dense, first := true, b.BaseOffset()
		err = Records(b, func(r *Record) error {
			dense = dense && r.Offset == first+int64(again.Len())
			again.Append(r.Timestamp, r.Key, r.Value, r.Headers)
			return nil
		})
		if err != nil || !dense || again.Len() == 0 {
			return
		}
		out, err := again.Build(nil, NoIdentity)
		if err != nil {
			t.Fatal(err)
		}
		Batch(out).setOffset(first)
		other := NewRanges(b.BaseOffset(), b.NextOffset(), 7)
		if err := other.AddBatch(out); err != nil {
			t.Fatal(err)
		}
		if d := parts.Differing(other, 10); len(d) > 0 {
			t.Fatalf("written anew it differs in %v", d)
		}
	})
}

// BenchmarkDigest is what `link verify` does to a batch.
func BenchmarkDigest(b *testing.B) {
	for _, codec := range []Codec{None, LZ4} {
		for _, size := range []int{100, 1024} {
			b.Run(codec.String()+" "+map[int]string{100: "100B", 1024: "1KiB"}[size], func(b *testing.B) {
				src := benchBatch(b, codec, size)
				src.setOffset(rand.Int64N(1 << 40))
				s := NewRanges(src.BaseOffset(), src.NextOffset(), 64)
				b.SetBytes(int64(len(src)))
				b.ReportAllocs()
				for b.Loop() {
					if err := s.AddBatch(src); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
