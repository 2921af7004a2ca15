package op

import (
	"math"
	"testing"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// FuzzRestore gives Restore payloads whose digests are right: whatever they hold, it answers with an error or with a state that can fire.
func FuzzRestore(f *testing.F) {
	window := func(keys ...vec.Kind) Window {
		w := Window{Size: 10, Digest: 1, Keys: keys, EmitFrom: math.MinInt64, EmitAfter: math.MinInt64}
		w.Aggregates = []Aggregate{{Func: "COUNT", Star: true}, {Func: "MIN", Arg: statements.String()}, {Func: "AVG", Arg: statements.Decimal(5, 2), Of: statements.Decimal(38, 6)},
			{Func: "COUNT", Distinct: true, Arg: statements.BigInt()}, {Func: "MAX", Arg: statements.Double()}}
		for i, k := range keys {
			w.Outputs = append(w.Outputs, Output{Key: i, Aggregate: -1, Kind: k})
		}
		for i, k := range []vec.Kind{vec.Int64, vec.Bytes, vec.Decimal, vec.Int64, vec.Float64} {
			w.Outputs = append(w.Outputs, Output{Key: -1, Aggregate: i, Kind: k})
		}
		return w
	}
	open := func(t testing.TB) *WindowAggregate {
		w, err := NewWindowAggregate(window(vec.Int64))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	seed := open(f)
	texts, numbers, decimals, floats := vec.Vector{Kind: vec.Bytes}, vec.Vector{Kind: vec.Int64}, vec.Vector{Kind: vec.Decimal}, vec.Vector{Kind: vec.Float64}
	texts.AppendString("x")
	numbers.AppendInt64(5)
	decimals.AppendNull()
	floats.AppendFloat64(1)
	seed.Add(Rows{Times: []int64{3}, Keys: []*vec.Vector{&numbers}, Args: []*vec.Vector{nil, &texts, &decimals, &numbers, &floats}, Filters: make([]*vec.Vector, 5), Rows: []int32{0}})
	for _, s := range seed.Snapshot(true) {
		payload, err := state.Open(s, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s.Name, payload)
	}
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		w := open(t)
		if err := w.Restore([]state.Segment{state.Seal(name, 1, payload)}); err != nil {
			return
		}
		before := w.Stats().Groups
		rows := 0
		if err := w.Advance(math.MaxInt64, func(b *vec.Batch) error { rows += b.N; return nil }); err != nil {
			t.Fatal(err)
		}
		if rows != before {
			t.Fatalf("%d rows of %d groups", rows, before)
		}
	})
}
