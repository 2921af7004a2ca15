package vec

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/statements"
)

var kinds = []Kind{Int64, Float64, Decimal, Bytes, Bool}

// add appends a value that n tells; every third is NULL.
func add(v *Vector, n int) string {
	if n%3 == 0 {
		v.AppendNull()
		return "NULL"
	}
	switch v.Kind {
	case Int64:
		v.AppendInt64(int64(n))
	case Float64:
		v.AppendFloat64(float64(n))
	case Decimal:
		v.AppendDecimal(decimal.FromInt64(int64(n)))
	case Bool:
		v.AppendBool(n%2 == 0)
		return fmt.Sprint(n%2 == 0)
	default:
		v.AppendString(fmt.Sprint(n))
	}
	return fmt.Sprint(n)
}

func text(v *Vector, i int) string {
	if v.Null(i) {
		return "NULL"
	}
	switch v.Kind {
	case Int64:
		return fmt.Sprint(v.I64[i])
	case Float64:
		return fmt.Sprint(v.F64[i])
	case Decimal:
		return string(decimal.Append(nil, v.Dec[i], 0))
	case Bool:
		return fmt.Sprint(v.Bool[i])
	default:
		return string(v.Value(i))
	}
}

// TestVectorAgainstSlice appends, truncates and copies at random, and compares with a slice of texts.
func TestVectorAgainstSlice(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				v := &Vector{Kind: kind}
				var want []string
				for range rapid.IntRange(0, 10).Draw(t, "turns") {
					switch rapid.IntRange(0, 3).Draw(t, "do") {
					case 0:
						n := rapid.IntRange(0, len(want)).Draw(t, "truncate")
						v.Truncate(n)
						want = want[:n]
					case 1:
						if len(want) > 0 {
							i := rapid.IntRange(0, len(want)-1).Draw(t, "copy")
							from := *v
							v.AppendFrom(&from, i)
							want = append(want, want[i])
						}
					case 2:
						v.Reset()
						want = nil
					default:
						for range rapid.IntRange(1, 150).Draw(t, "append") {
							want = append(want, add(v, rapid.IntRange(0, 1000).Draw(t, "value")))
						}
					}
					if v.Len() != len(want) {
						t.Fatalf("%d rows, want %d", v.Len(), len(want))
					}
					nulls := 0
					for i := range want {
						if got := text(v, i); got != want[i] {
							t.Fatalf("row %d is %s, want %s", i, got, want[i])
						}
						if want[i] == "NULL" {
							nulls++
						}
					}
					if got := v.Nulls.Count(len(want)); got != nulls {
						t.Fatalf("%d NULLs, want %d", got, nulls)
					}
				}
			})
		})
	}
}

func TestResizeForgetsWhatWas(t *testing.T) {
	v := &Vector{Kind: Bytes}
	v.AppendString("x")
	v.AppendNull()
	v.Resize(3)
	if v.HasNulls() || v.Len() != 3 || len(v.Value(2)) != 0 {
		t.Fatalf("%d rows, NULLs %v, %q", v.Len(), v.HasNulls(), v.Value(2))
	}
	v.SetNull(2)
	v.SetString(0, "é")
	if diff := cmp.Diff([]string{"é", "", "NULL"}, []string{text(v, 0), text(v, 1), text(v, 2)}); diff != "" {
		t.Error(diff)
	}
}

func TestBatch(t *testing.T) {
	pool := NewPool(Int64, Bytes)
	b := pool.Get()
	b.Topic, b.Partition = "t", 3
	for i := range Rows {
		if b.Full() {
			t.Fatalf("full with %d rows", b.N)
		}
		b.Cols[0].AppendInt64(int64(i))
		b.Cols[1].AppendNull()
		b.Offsets, b.RowTime = append(b.Offsets, int64(i+10)), append(b.RowTime, 0)
		b.N++
	}
	if !b.Full() || b.Selected() != Rows || b.Origin(5) != "t-3@15" || b.Origin(Rows) != "" {
		t.Errorf("full %v, %d rows, origin %q", b.Full(), b.Selected(), b.Origin(5))
	}
	b.Partitions = append(b.Partitions, 7)
	if b.Origin(0) != "t-7@10" {
		t.Errorf("origin %q of a row with a partition of its own", b.Origin(0))
	}
	b.Sel = []int32{1}
	b.Truncate(2)
	if b.N != 2 || b.Cols[1].Len() != 2 || len(b.RowTime) != 2 || b.Selected() != 1 {
		t.Errorf("truncated to %d rows", b.N)
	}
	pool.Put(b)
	if b.N != 0 || b.Sel != nil || b.Topic != "" || b.Watermark != NoWatermark || b.Cols[0].Len() != 0 {
		t.Errorf("%+v is not empty", b)
	}
	long := New(Bytes)
	long.Cols[0].AppendBytes(make([]byte, MaxArena))
	if long.N = 1; !long.Full() {
		t.Error("a batch with a long text is not full")
	}
}

func TestKindOf(t *testing.T) {
	for _, typ := range []statements.Type{{Kind: statements.KindArray}, {Kind: statements.KindRow}, {Kind: statements.KindNull}} {
		if k, ok := KindOf(typ); ok {
			t.Errorf("%s is held as %s", typ.Kind, k)
		}
	}
	for p, want := range []int64{1, 1, 1, 1, 1000, 1000, 1000, 1_000_000, 1_000_000, 1_000_000} {
		if got := TicksPerMilli(p); got != want {
			t.Errorf("precision %d: %d ticks, want %d", p, got, want)
		}
	}
}
