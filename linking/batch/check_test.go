package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// redelta builds a batch of n records whose deltas and last offset delta are as given, whatever they contradict.
func redelta(t testing.TB, codec Codec, last int32, deltas ...int32) Batch {
	t.Helper()
	b := NewBuilder(codec)
	for range deltas {
		b.Append(1000, []byte("k"), nil, Headers{})
	}
	var payload []byte
	i := 0
	if err := walk(b.payload, b.n, func(f *frame) error {
		payload = f.append(payload, f.timeDelta, deltas[i])
		i++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.payload = payload
	out, err := b.Build(nil, NoIdentity)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(out[posLastOffsetDelta:], uint32(last))
	Batch(out).seal()
	return out
}

func TestCheckNamesWhatCanNotPass(t *testing.T) {
	with := func(b Batch, edit func(Batch)) Batch {
		edit(b)
		b.seal()
		return b
	}
	attribute := func(bit byte) func(Batch) { return func(b Batch) { b[posAttributes+1] |= bit } }
	three := func(codec Codec) Batch { return redelta(t, codec, 2, 0, 1, 2) }
	for _, tc := range []struct {
		name          string
		b             Batch
		check, within error // of Check and of CheckRecords
	}{
		{"plain", three(None), nil, nil},
		{"compressed", three(Zstd), nil, nil},
		{"transactional", with(three(None), attribute(attrTransactional)), nil, nil},
		{"delete horizon", with(three(LZ4), attribute(attrDeleteHorizon)), nil, nil},
		{"control", with(three(None), attribute(attrControl)), ErrControl, ErrControl},
		{"log append time", with(three(Gzip), attribute(attrLogAppendTime)), ErrAppendTime, ErrAppendTime},
		{"no records", with(three(None)[:HeaderSize:HeaderSize], func(b Batch) { copy(b[posNumRecords:], []byte{0, 0, 0, 0}) }), ErrEmpty, ErrEmpty},
		{"cleaned in the middle", redelta(t, None, 9, 0, 5, 9), ErrHoles, ErrHoles},
		{"cleaned at the end", redelta(t, Snappy, 9, 0, 1, 2), ErrHoles, ErrHoles},
		{"holes behind a right count", redelta(t, None, 2, 0, 5, 9), ErrCorrupt, ErrCorrupt},
		{"compressed holes behind a right count", redelta(t, LZ4, 2, 0, 5, 9), nil, ErrCorrupt},
		{"all deltas 0", redelta(t, None, 2, 0, 0, 0), ErrCorrupt, ErrCorrupt},
		{"more records than offsets", redelta(t, None, 1, 0, 1, 2), ErrCorrupt, ErrCorrupt},
		{"fewer records than counted", with(three(None), func(b Batch) { b[posNumRecords+3], b[posLastOffsetDelta+3] = 4, 3 }), ErrCorrupt, ErrCorrupt},
		{"unknown codec", with(three(None), attribute(6)), ErrCorrupt, ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := Check(tc.b); !errors.Is(err, tc.check) || tc.check == nil && err != nil {
				t.Errorf("Check: %v, want %v", err, tc.check)
			}
			if err := CheckRecords(tc.b); !errors.Is(err, tc.within) || tc.within == nil && err != nil {
				t.Errorf("CheckRecords: %v, want %v", err, tc.within)
			}
		})
	}
}

func TestMergeRefusesHolesThatTheCountHides(t *testing.T) {
	good, bad := redelta(t, None, 2, 0, 1, 2), redelta(t, None, 2, 0, 5, 9)
	bad.setOffset(3)
	front := []byte("front")
	out, err := Merge(front, []Batch{good, bad}, NoIdentity)
	if !errors.Is(err, ErrCorrupt) || !bytes.Equal(out, front) {
		t.Errorf("%q, %v; want dst as it was and ErrCorrupt", out, err)
	}
	damaged := append(Batch(nil), good...)
	damaged.setOffset(3)
	damaged[len(damaged)-2] ^= 1
	if _, err := Merge(nil, []Batch{good, damaged}, NoIdentity); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged part: %v, want ErrCorrupt", err)
	}
	if _, err := Merge(nil, []Batch{good, good}, NoIdentity); err == nil {
		t.Error("parts that are no neighbours were merged")
	}
}

func TestStampKeepsDamageVisible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := build(t, rapid.SampledFrom(codecs).Draw(t, "codec"), anyRecords.Draw(t, "records"))
		whole := append(Batch(nil), b...)
		at := rapid.IntRange(posAttributes, len(b)-1).Draw(t, "at")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		id := Identity{rapid.Int64().Draw(t, "pid"), rapid.Int16().Draw(t, "epoch"), rapid.Int32Min(0).Draw(t, "sequence")}
		Stamp(whole, id)
		if err := Verify(whole); err != nil {
			t.Fatalf("a good batch: %v", err)
		}
		if at < HeaderSize {
			return // the stamp may have written over the damage
		}
		Stamp(b, id)
		if Verify(b) == nil {
			t.Fatalf("the stamp made a checksum for damaged records")
		}
	})
}

func TestStampTransactionalStaysTransactional(t *testing.T) {
	b := NewBuilder(LZ4)
	b.Append(1, nil, []byte("v"), Headers{})
	out, err := b.BuildTransactional(nil, NoIdentity)
	if err != nil {
		t.Fatal(err)
	}
	StampTransactional(out, Identity{5, 6, 7})
	if got := Batch(out); !got.Transactional() || got.ProducerID() != 5 || got.ProducerEpoch() != 6 || got.BaseSequence() != 7 || Verify(got) != nil {
		t.Errorf("%v", got[:HeaderSize])
	}
	Stamp(out, Identity{5, 6, 7})
	if got := Batch(out); got.Transactional() || Verify(got) != nil {
		t.Errorf("Stamp kept the transactional bit: %v", got[:HeaderSize])
	}
}

// TestShift compares with the plain way: multiply by x^8 once a byte, by appending zero bytes.
func TestShift(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 255, 256, 4096, 1<<20 + 7} {
		for _, crc := range []uint32{0, 1, 1 << 31, 0xdeadbeef, math.MaxUint32} {
			want := crc
			for range n {
				want = want>>8 ^ castagnoli[byte(want)]
			}
			if got := shift(crc, n); got != want {
				t.Errorf("shift(%08x, %d) = %08x, want %08x", crc, n, got, want)
			}
		}
	}
}

func TestPassingThroughAllocatesNothing(t *testing.T) {
	b := build(t, None, make([]plain, 50))
	dst := make([]byte, 0, len(b))
	if n := testing.AllocsPerRun(100, func() {
		if Check(b) != nil || Verify(b) != nil {
			t.Fatal("a bad batch")
		}
		dst = Rewrite(dst[:0], b, Identity{1, 2, 3})
		Stamp(dst, Identity{1, 2, 4})
	}); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
