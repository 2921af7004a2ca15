package plan_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// optional draws a value, or NULL one time in five.
func optional[T any](t *rapid.T, name string, g *rapid.Generator[T]) *T {
	if rapid.IntRange(0, 4).Draw(t, name+" is null") == 0 {
		return nil
	}
	return ptr(g.Draw(t, name))
}

func events(t *rapid.T) []event {
	out := make([]event, rapid.IntRange(1, 120).Draw(t, "events"))
	now := int64(rapid.IntRange(-30_000, 30_000).Draw(t, "begin"))
	texts := rapid.SampledFrom([]string{"", "a", "b", "ab", "a\x00", "a\x00b", "é", "Zürich"})
	for i := range out {
		now += int64(rapid.IntRange(0, 900).Draw(t, "step"))
		out[i] = event{
			k1: optional(t, "k1", texts), k2: optional(t, "k2", rapid.Int64Range(-2, 2)), i: optional(t, "i", rapid.Int64Range(math.MinInt32, math.MaxInt32)),
			d: optional(t, "d", rapid.Int64Range(-3, 99_999_999)), f: optional(t, "f", rapid.SampledFrom([]float64{-1.5, 0, 0.1, 0.2, 1e300, 3})),
			s: optional(t, "s", texts), b: optional(t, "b", rapid.Bool()), ts: now - int64(rapid.IntRange(0, 8_000).Draw(t, "out of order")),
		}
	}
	return out
}

// fill appends an event to a batch with the wanted columns of events.
func fill(b *vec.Batch, p *plan.Pipeline, e event) {
	row := p.Input.Row()
	for at, index := range p.Wanted {
		v := &b.Cols[at]
		switch row[index].Name {
		case "k1":
			appendString(v, e.k1)
		case "s":
			appendString(v, e.s)
		case "k2":
			appendInt(v, e.k2)
		case "i":
			appendInt(v, e.i)
		case "ts":
			appendInt(v, &e.ts)
		case "d":
			if e.d == nil {
				v.AppendNull()
			} else {
				v.AppendDecimal(decimal.FromInt64(*e.d))
			}
		case "f":
			if e.f == nil {
				v.AppendNull()
			} else {
				v.AppendFloat64(*e.f)
			}
		case "b":
			if e.b == nil {
				v.AppendNull()
			} else {
				v.AppendBool(*e.b)
			}
		}
	}
	b.N++
	b.RowTime = append(b.RowTime, e.ts)
}

func appendString(v *vec.Vector, s *string) {
	if s == nil {
		v.AppendNull()
	} else {
		v.AppendString(*s)
	}
}

func appendInt(v *vec.Vector, x *int64) {
	if x == nil {
		v.AppendNull()
	} else {
		v.AppendInt64(*x)
	}
}

// collect prints result rows.
func collect(p *plan.Pipeline, into *[]string) plan.Emit {
	return func(b *vec.Batch) error {
		add := func(i int) {
			var cols []string
			for at, index := range p.Targets {
				cols = append(cols, cell(&b.Cols[at], i, p.Output.Columns[index].Type))
			}
			*into = append(*into, strings.Join(cols, "|"))
		}
		if b.Sel == nil {
			for i := range b.N {
				add(i)
			}
		}
		for _, i := range b.Sel {
			add(int(i))
		}
		return nil
	}
}

func cell(v *vec.Vector, i int, t statements.Type) string {
	if v.Null(i) {
		return "NULL"
	}
	switch v.Kind {
	case vec.Int64:
		return fmt.Sprint(v.I64[i])
	case vec.Float64:
		return fmt.Sprint(v.F64[i])
	case vec.Decimal:
		return string(decimal.Append(nil, v.Dec[i], t.Scale))
	case vec.Bool:
		return fmt.Sprint(v.Bool[i])
	default:
		return string(v.Value(i))
	}
}

// TestWindowAgainstNaive runs random events through the pipeline in random batches, with the same watermarks at the same places, restarted
// from snapshots at random points, and compares with lists of rows.
func TestWindowAgainstNaive(t *testing.T) {
	for _, g := range groupings {
		t.Run("by "+strings.Join(g.columns, ","), func(t *testing.T) {
			cat := tables(t, eventsDDL, g.sinkDDL())
			r := resolve(t, cat, g.sql())
			rapid.Check(t, func(t *rapid.T) { compareWithNaive(t, g, r) })
		})
	}
}

func compareWithNaive(t *rapid.T, g grouping, r *statements.Resolved) {
	list := events(t)
	open := func() *plan.Pipeline {
		p, err := plan.Compile(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	want := &naive{g: g, groups: map[string][]event{}, mark: math.MinInt64}
	plain, split := open(), open()
	var plainRows, splitRows []string
	stored := map[string][]byte{}
	lateBefore := int64(0)
	for len(list) > 0 {
		n := rapid.IntRange(1, len(list)).Draw(t, "up to the next watermark")
		part := list[:n]
		list = list[n:]
		mark := int64(math.MinInt64)
		for _, e := range part {
			want.add(e)
			mark = max(mark, e.ts-2000)
		}
		got := run(t, plain, part, len(part), &plainRows)
		if got != mark {
			t.Fatalf("watermark %d, want %d", got, mark)
		}
		run(t, split, part, rapid.IntRange(1, 5).Draw(t, "batch size"), &splitRows)
		if len(list) == 0 {
			mark = math.MaxInt64
		}
		want.advance(mark)
		advance(t, plain, mark, &plainRows)
		advance(t, split, mark, &splitRows)
		if rapid.IntRange(0, 2).Draw(t, "checkpoint") > 0 {
			snapshot(t, split, stored)
			if rapid.Bool().Draw(t, "restart") {
				lateBefore = split.Stats().Late
				split = open()
				restore(t, split, stored)
				if split.Stats().Late != lateBefore {
					t.Fatalf("%d late rows after the restart, %d before", split.Stats().Late, lateBefore)
				}
			}
		}
	}
	if diff := cmp.Diff(plainRows, splitRows); diff != "" {
		t.Fatalf("in small batches, restarted (-plain +split):\n%s", diff)
	}
	got := slices.Sorted(slices.Values(plainRows))
	if diff := cmp.Diff(slices.Sorted(slices.Values(want.rows)), got); diff != "" {
		t.Fatalf("(-naive +pipeline):\n%s", diff)
	}
	if plain.Stats().Late != want.late {
		t.Fatalf("%d late rows, want %d", plain.Stats().Late, want.late)
	}
}

type fataler interface {
	Helper()
	Fatal(...any)
}

// run processes events in batches of a size, and returns the watermark that they allow.
func run(t fataler, p *plan.Pipeline, list []event, size int, rows *[]string) int64 {
	t.Helper()
	mark := int64(vec.NoWatermark)
	for part := range slices.Chunk(list, size) {
		b := p.NewBatch()
		for _, e := range part {
			fill(b, p, e)
		}
		m, err := p.Watermark(b)
		if err != nil {
			t.Fatal(err)
		}
		mark = max(mark, m)
		if err := p.Process(b, collect(p, rows)); err != nil {
			t.Fatal(err)
		}
		p.Release(b)
	}
	return mark
}

func advance(t fataler, p *plan.Pipeline, mark int64, rows *[]string) {
	t.Helper()
	if err := p.Advance(mark, collect(p, rows)); err != nil {
		t.Fatal(err)
	}
}

// snapshot applies what changed to what is stored, as a compacted topic does.
func snapshot(t fataler, p *plan.Pipeline, stored map[string][]byte) {
	t.Helper()
	segments, err := p.Snapshot(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if s.Data == nil {
			delete(stored, s.Name)
		} else {
			stored[s.Name] = s.Data
		}
	}
}

func restore(t fataler, p *plan.Pipeline, stored map[string][]byte) {
	t.Helper()
	var segments []state.Segment
	for name, data := range stored {
		segments = append(segments, state.Segment{Name: name, Data: data})
	}
	if err := p.Restore(segments); err != nil {
		t.Fatal(err)
	}
}

func TestEmitOnlyWindowsThatAreAskedFor(t *testing.T) {
	list := []event{{ts: 1_000}, {ts: 12_000}, {ts: 25_000}, {ts: 31_000}}

	cat := tables(t, eventsDDL, "CREATE TABLE results (s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT)")
	sql := "INSERT INTO results SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
	tests := map[string]struct {
		props map[string]string
		want  []string
	}{
		"all":                     {nil, []string{"0|10000|1", "10000|20000|1", "20000|30000|1", "30000|40000|1"}},
		"partial after a rebuild": {map[string]string{engine.PropEmitFrom: "10000"}, []string{"10000|20000|1", "20000|30000|1", "30000|40000|1"}},
		"begun before":            {map[string]string{engine.PropEmitFrom: "10001"}, []string{"20000|30000|1", "30000|40000|1"}},
		"in the output already":   {map[string]string{engine.PropEmitAfter: "20000"}, []string{"20000|30000|1", "30000|40000|1"}},
		"not yet in the output":   {map[string]string{engine.PropEmitAfter: "19999"}, []string{"10000|20000|1", "20000|30000|1", "30000|40000|1"}},
		"between":                 {map[string]string{engine.PropEmitFrom: "5000", engine.PropEmitAfter: "30000"}, []string{"30000|40000|1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := compile(t, cat, sql, tt.props)
			var rows []string
			run(t, p, list, 2, &rows)
			advance(t, p, math.MaxInt64, &rows)
			if diff := cmp.Diff(tt.want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := plan.Compile(resolve(t, cat, sql), map[string]string{engine.PropEmitFrom: "soon"})
	if want := `property lifeboat.emit.from: "soon" is not a number of epoch milliseconds`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestWindowFiresAtItsLastMillisecond(t *testing.T) {
	cat := tables(t, eventsDDL, "CREATE TABLE results (s TIMESTAMP(3), n BIGINT)")
	p := compile(t, cat, "INSERT INTO results SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end", nil)
	var rows []string
	run(t, p, []event{{ts: 9_999}}, 1, &rows)
	advance(t, p, 9_998, &rows)
	if len(rows) != 0 {
		t.Fatalf("fired before its end: %q", rows)
	}
	run(t, p, []event{{ts: 0}}, 1, &rows)
	advance(t, p, 9_999, &rows)
	if diff := cmp.Diff([]string{"0|2"}, rows); diff != "" {
		t.Fatal(diff)
	}
	run(t, p, []event{{ts: 9_999}, {ts: 10_000}}, 2, &rows)
	advance(t, p, math.MaxInt64, &rows)
	if diff := cmp.Diff([]string{"0|2", "10000|1"}, rows); diff != "" {
		t.Fatal(diff)
	}
	if late := p.Stats().Late; late != 1 {
		t.Errorf("%d late rows, want 1", late)
	}
}

func TestSnapshotHoldsWhatChanged(t *testing.T) {
	g := groupings[2]
	cat := tables(t, eventsDDL, g.sinkDDL())
	p := compile(t, cat, g.sql(), nil)
	var rows []string
	var list []event
	for i := range 5000 {
		list = append(list, event{k2: ptr(int64(i)), ts: 1_000})
	}
	names := func(full bool) []string {
		segments, err := p.Snapshot(full)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range segments {
			if s.Data == nil {
				s.Name = "-" + s.Name
			}
			out = append(out, s.Name)
		}
		return out
	}
	run(t, p, list, 4096, &rows)
	all := []string{"window/10000/0", "window/10000/1", "window/10000/2", "window/10000/3", "window/10000/4"}
	if diff := cmp.Diff(all, names(false)); diff != "" {
		t.Errorf("first: %s", diff)
	}
	run(t, p, list[3000:3001], 1, &rows)
	if diff := cmp.Diff([]string{"window/10000/2"}, names(false)); diff != "" {
		t.Errorf("one key of the third slab: %s", diff)
	}
	if diff := cmp.Diff([]string(nil), names(false)); diff != "" {
		t.Errorf("nothing: %s", diff)
	}
	advance(t, p, 5_000, &rows)
	if diff := cmp.Diff(append([]string{"window/progress"}, all...), names(true)); diff != "" {
		t.Errorf("full: %s", diff)
	}
	advance(t, p, 9_999, &rows)
	if diff := cmp.Diff([]string{"-window/10000/0", "-window/10000/1", "-window/10000/2", "-window/10000/3", "-window/10000/4", "window/progress"}, names(false)); diff != "" {
		t.Errorf("fired: %s", diff)
	}
}

func TestRestoreRefusesOtherState(t *testing.T) {
	g := groupings[1]
	cat := tables(t, eventsDDL, g.sinkDDL())
	p := compile(t, cat, g.sql(), nil)
	var rows []string
	run(t, p, []event{{k1: ptr("a"), ts: 1}}, 1, &rows)
	segments, err := p.Snapshot(true)
	if err != nil {
		t.Fatal(err)
	}
	other := compile(t, cat, strings.Replace(g.sql(), "INTERVAL '10' SECOND", "INTERVAL '20' SECOND", 1), nil)
	if err := other.Restore(segments); err == nil || !strings.Contains(err.Error(), "belongs to another statement") {
		t.Errorf("state of another window: %v", err)
	}
	segments[1].Data = slices.Clone(segments[1].Data)
	segments[1].Data[12]++
	if err := p.Restore(segments); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a flipped bit: %v", err)
	}
}
