package batch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(rnd.IntN(26))
		}
		return b
	}
	for _, c := range []struct {
		name  string
		sizes []int // of the records' values
		size  int
		least int // batches that it comes to
	}{
		{"of one size", []int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}, 2500, 2},
		{"a large one behind a small one", []int{1, 5000}, 1 << 20, 2},
		{"a large one in front of a small one", []int{5000, 1}, 1 << 20, 2},
		{"two empty ones", []int{0, 0}, 1, 2},
		{"each by itself", []int{700, 900, 800}, 10, 3},
	} {
		for codec := None; codec <= Zstd; codec++ {
			t.Run(fmt.Sprint(c.name, " ", codec), func(t *testing.T) {
				b := NewBuilder(codec)
				for i, n := range c.sizes {
					b.Append(int64(1000-i), []byte("k"), text(n), Headers{})
				}
				body, err := b.Build(nil, Identity{7, 1, 3})
				if err != nil {
					t.Fatal(err)
				}
				whole := Batch(body)
				whole.setOffset(100)
				runs, err := Cut(whole, c.size)
				if err != nil || len(runs) < c.least {
					t.Fatalf("%d batches, %v; want %d at least", len(runs), err, c.least)
				}
				want, got, next := shown(t, whole, 0), "", int64(100)
				for _, r := range runs {
					if r.BaseOffset != next || CheckRecords(r.Batch) != nil || Verify(r.Batch) != nil || r.Batch.Codec() != codec {
						t.Errorf("a batch at %d of %v, want %d", r.BaseOffset, r.Batch.Codec(), next)
					}
					got += shown(t, r.Batch, r.BaseOffset)
					next += int64(r.Batch.NumRecords())
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if runs, err := Cut(runs[0].Batch, 1); len(c.sizes) == 2 && (err != nil || len(runs) != 1) {
					t.Errorf("one record came to %d batches, %v", len(runs), err)
				}
			})
		}
	}
}

func shown(t *testing.T, b Batch, base int64) string {
	t.Helper()
	var text string
	if err := Records(b, func(r *Record) error {
		text += fmt.Sprintf("@%d %d %s=%s\n", base+r.Offset, r.Timestamp, r.Key, r.Value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return text
}
