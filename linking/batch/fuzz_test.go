package batch

import (
	"bytes"
	"errors"
	"testing"
)

// seeds are batches of every codec and kind, whole.
func seeds(f *testing.F) {
	for _, c := range codecs {
		f.Add([]byte(build(f, c, []plain{{Timestamp: 1, Key: []byte("k"), Value: []byte("v"), Headers: [][2][]byte{{[]byte("h"), nil}}}, {Timestamp: 5}})))
		f.Add([]byte(redelta(f, c, 9, 1, 2, 5, 9)))
	}
	two := append(redelta(f, None, 1, 0, 1), redelta(f, None, 0, 0)...)
	f.Add([]byte(two))
}

// reseal gives fuzzed bytes a right length and checksum where they have a header at all: mutations of the fields behind them would
// otherwise never get past the door.
func reseal(in []byte) (Batch, bool) {
	if len(in) < HeaderSize {
		return nil, false
	}
	b := Batch(bytes.Clone(in))
	b[posMagic] = 2
	b.seal()
	first, _, err := Next(b)
	return first, err == nil
}

func typed(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{nil, ErrTruncated, ErrCorrupt, ErrFormat, ErrControl, ErrHoles, ErrAppendTime, ErrEmpty, errNotMergeable} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Fatalf("untyped error %v", err)
}

func FuzzNext(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		total := 0
		for rest := in; ; {
			b, behind, err := Next(rest)
			typed(t, err)
			if b == nil {
				if err == nil && len(behind) > 0 {
					t.Fatalf("%d bytes are left without an error", len(behind))
				}
				break
			}
			if b.NextOffset() <= b.BaseOffset() || len(b)+len(behind) != len(rest) {
				t.Fatalf("no progress: %v", b[:HeaderSize])
			}
			total, rest = total+len(b), behind
		}
		if total > len(in) {
			t.Fatalf("%d bytes of batches in %d", total, len(in))
		}
	})
}

func FuzzRecords(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		b, ok := reseal(in)
		if !ok {
			return
		}
		n, previous := int32(0), b.BaseOffset()-1
		err := Records(b, func(r *Record) error {
			if r.Offset <= previous || r.Offset > b.LastOffset() {
				t.Fatalf("offset %d behind %d, up to %d", r.Offset, previous, b.LastOffset())
			}
			previous = r.Offset
			n++
			return r.Headers.Each(func(k, v []byte) {})
		})
		typed(t, err)
		if err == nil && n != b.NumRecords() {
			t.Fatalf("%d records read of %d without an error", n, b.NumRecords())
		}
		_, _, err = ParseMarker(b)
		typed(t, err)
	})
}

func FuzzRewrite(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		b, ok := reseal(in)
		if !ok {
			return
		}
		typed(t, Check(b))
		typed(t, CheckRecords(b))
		if CheckRecords(b) != nil {
			return
		}
		out := Batch(Rewrite(nil, b, Identity{1, 1, 1}))
		if err := errors.Join(Verify(out), CheckRecords(out)); err != nil {
			t.Fatalf("a good batch rewritten: %v", err)
		}
	})
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(redelta(f, None, 1, 0, 1)), []byte(redelta(f, None, 2, 0, 1, 2)))
	f.Add([]byte(redelta(f, LZ4, 1, 0, 1)), []byte(redelta(f, LZ4, 2, 0, 1, 2)))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, ok := reseal(x)
		b, ok2 := reseal(y)
		if !ok || !ok2 || a.NextOffset() > 1<<40 {
			return
		}
		b.setOffset(a.NextOffset())
		out, err := Merge(nil, []Batch{a, b}, NoIdentity)
		typed(t, err)
		if err != nil {
			if len(out) > 0 {
				t.Fatal("an error, and bytes")
			}
			return
		}
		if !Mergeable(a, b) {
			t.Fatal("merged what is not Mergeable")
		}
		// Keys, values and headers are copied as they are, so bytes that were no records before are none afterwards.
		good := CheckRecords(a) == nil && CheckRecords(b) == nil
		if err := errors.Join(Verify(out), CheckRecords(out)); good && err != nil {
			t.Fatalf("good batches merged: %v", err)
		}
	})
}

func FuzzSplit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		b, ok := reseal(in)
		if !ok {
			return
		}
		runs, err := Split(b)
		typed(t, err)
		n, next := int32(0), b.BaseOffset()
		for _, r := range runs {
			if r.BaseOffset < next {
				t.Fatalf("run at %d behind %d", r.BaseOffset, next)
			}
			if err := errors.Join(Verify(r.Batch), CheckRecords(r.Batch)); err != nil {
				t.Fatal(err)
			}
			next, n = r.BaseOffset+int64(r.Batch.NumRecords()), n+r.Batch.NumRecords()
		}
		if err == nil && (n != b.NumRecords() || next > b.NextOffset()) {
			t.Fatalf("%d records of %d, up to %d of %d", n, b.NumRecords(), next, b.NextOffset())
		}
	})
}
