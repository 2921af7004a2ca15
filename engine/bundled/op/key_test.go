package op

import (
	"bytes"
	"cmp"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// keyColumns draws two rows of some columns.
func keyColumns(t *rapid.T) []*vec.Vector {
	var cols []*vec.Vector
	for range rapid.IntRange(2, 4).Draw(t, "columns") {
		v := &vec.Vector{Kind: rapid.SampledFrom([]vec.Kind{vec.Int64, vec.Float64, vec.Decimal, vec.Bytes, vec.Bool}).Draw(t, "kind")}
		for range 2 {
			if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
				v.AppendNull()
				continue
			}
			switch v.Kind {
			case vec.Int64:
				v.AppendInt64(rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64}).Draw(t, "int"))
			case vec.Float64:
				v.AppendFloat64(rapid.SampledFrom([]float64{math.Inf(-1), -1.5, 0, 1e-300, 2, math.Inf(1)}).Draw(t, "float"))
			case vec.Decimal:
				x := decimal.Int128{Hi: rapid.SampledFrom([]int64{-5, -1, 0, 5}).Draw(t, "hi"), Lo: rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}).Draw(t, "lo")}
				v.AppendDecimal(x)
			case vec.Bool:
				v.AppendBool(rapid.Bool().Draw(t, "bool"))
			default:
				v.AppendString(rapid.SampledFrom([]string{"", "\x00", "\x00\x00", "\x00\xff", "a", "a\x00", "a\x00b", "ab", "\xff"}).Draw(t, "bytes"))
			}
		}
		cols = append(cols, v)
	}
	return cols
}

// compareColumns orders row 0 and row 1 of the columns: NULL first, then by value.
func compareColumns(cols []*vec.Vector) int {
	for _, v := range cols {
		if v.Null(0) || v.Null(1) {
			switch {
			case v.Null(0) && v.Null(1):
				continue
			case v.Null(0):
				return -1
			default:
				return 1
			}
		}
		c := 0
		switch v.Kind {
		case vec.Int64:
			c = cmp.Compare(v.I64[0], v.I64[1])
		case vec.Float64:
			c = cmp.Compare(v.F64[0], v.F64[1])
		case vec.Decimal:
			c = v.Dec[0].Cmp(v.Dec[1])
		case vec.Bool:
			if v.Bool[0] != v.Bool[1] {
				c = 1
				if v.Bool[1] {
					c = -1
				}
			}
		default:
			c = bytes.Compare(v.Value(0), v.Value(1))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// TestKeysSortAsTheirColumns checks that an encoded key compares as its columns do, and gives them back.
func TestKeysSortAsTheirColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols := keyColumns(t)
		var keys [2][]byte
		for i := range keys {
			for _, v := range cols {
				keys[i] = appendKey(keys[i], v, i)
			}
		}
		if got, want := bytes.Compare(keys[0], keys[1]), compareColumns(cols); got != want {
			t.Fatalf("%x and %x compare as %d, their columns as %d", keys[0], keys[1], got, want)
		}
		for i, key := range keys {
			pair := make([]*vec.Vector, len(cols))
			for k, v := range cols {
				pair[k] = &vec.Vector{Kind: v.Kind}
				key = takeKey(key, pair[k])
				pair[k].AppendFrom(v, i)
			}
			if len(key) > 0 || compareColumns(pair) != 0 {
				t.Fatalf("key %d is not read back", i)
			}
		}
	})
}

func TestUnsupportedAggregatesAreRefusedByName(t *testing.T) {
	_, err := NewWindowAggregate(Window{Size: 1, Aggregates: []Aggregate{{Func: "SUM", Distinct: true}}})
	if err == nil || err.Error() != "SUM(DISTINCT …) is not supported" {
		t.Error(err)
	}
	_, err = NewWindowAggregate(Window{Size: 1, Aggregates: []Aggregate{{Func: "LISTAGG"}}})
	if err == nil || err.Error() != "LISTAGG of INVALID NOT NULL is not supported" {
		t.Error(err)
	}
}
