package op

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// Bound is a column that a window adds to its result.
type Bound uint8

// The bounds of a window. Time is its last millisecond.
const (
	Start Bound = iota
	End
	Time
)

// Output is a column of the result of a window aggregate: a key, an aggregate, or a bound of the window in milliseconds.
type Output struct {
	Key, Aggregate int // index; -1: not this
	Bound          Bound
	Kind           vec.Kind
	Instant        bool // Bound: as an instant, not as the local time that windows are cut by
}

// Window is the description of a window aggregate.
type Window struct {
	Size, Offset int64          // milliseconds
	Zone         *time.Location // windows are cut by the clock of this zone: that of sql.local-time-zone for a TIMESTAMP_LTZ, else UTC
	Keys         []vec.Kind
	Aggregates   []Aggregate
	Outputs      []Output
	// EmitFrom and EmitAfter are instants: windows that start before the first, or end at or before the second, are not emitted.
	EmitFrom, EmitAfter int64
	Digest              uint64 // of the plan: state of another one is refused
}

// WindowAggregate groups rows by window and key. A tumbling window is one slice of state, which is dropped as a whole when the window has
// fired. It is used by one goroutine.
type WindowAggregate struct {
	Window
	keys      keying
	slices    []*slice // by end
	last      *slice   // the one that the last row went to
	watermark int64
	late      int64    // rows dropped because their window had fired
	gone      []string // segments of windows that fired since the last snapshot
	changed   bool     // the watermark or a counter did, since the last snapshot

	out   *vec.Batch
	order []uint32
	slots []uint32
	ends  []int64
	// Of the rows that pass an aggregate's filter.
	passedSlots []uint32
	passed      []int32
	mine        []int32
	others      [2][]int32
}

// slice is the state of one window.
type slice struct {
	end   int64 // in the time that windows are cut by
	fires int64 // the watermark at which it fires
	table *state.Table
	accs  []accumulator
	dirty []bool // by slab
	saved int    // slabs that a snapshot has
}

// NewWindowAggregate makes an operator without state. Error: an aggregate that is not supported, by its name.
func NewWindowAggregate(w Window) (*WindowAggregate, error) {
	for _, a := range w.Aggregates {
		if _, err := newAccumulator(a); err != nil {
			return nil, err
		}
	}
	kinds := make([]vec.Kind, len(w.Outputs))
	for i, o := range w.Outputs {
		kinds[i] = o.Kind
	}
	if w.Zone == nil {
		w.Zone = time.UTC
	}
	return &WindowAggregate{Window: w, keys: keying{kinds: w.Keys}, watermark: math.MinInt64, out: vec.New(kinds...)}, nil
}

// Rows is what Add takes: vectors of one length, and which of their rows count.
type Rows struct {
	Times   []int64 // milliseconds, in the time that windows are cut by
	Keys    []*vec.Vector
	Args    []*vec.Vector // of each aggregate, nil for COUNT(*)
	Filters []*vec.Vector // of each aggregate, nil where it has none
	Rows    []int32
}

// Add takes rows into their windows. Rows of windows that have fired are counted and dropped.
func (w *WindowAggregate) Add(r Rows) {
	rest := r.Rows
	w.ends = w.ends[:0]
	for _, i := range rest {
		w.ends = append(w.ends, w.endOf(r.Times[i]))
	}
	ends := w.ends
	// Most batches are of one window, or of a few: each window takes its rows in one go.
	for turn := 0; len(rest) > 0; turn ^= 1 {
		end := ends[0]
		same := 1
		for same < len(ends) && ends[same] == end {
			same++
		}
		mine := rest[:same]
		var others []int32
		if same < len(rest) {
			mine, others, ends = w.split(rest, ends, same, turn)
		}
		w.addTo(end, mine, &r)
		rest = others
	}
}

// split takes the rows of the first window, of which so many stand at the front, out of the rest. The others are in one of two buffers, so
// that they can be split again.
func (w *WindowAggregate) split(rest []int32, ends []int64, same, turn int) (mine, others []int32, left []int64) {
	mine, others = append(w.mine[:0], rest[:same]...), w.others[turn][:0]
	end, k := ends[0], 0
	for n := same; n < len(rest); n++ {
		if ends[n] == end {
			mine = append(mine, rest[n])
			continue
		}
		others = append(others, rest[n])
		ends[k] = ends[n]
		k++
	}
	w.mine, w.others[turn] = mine, others
	return mine, others, ends[:k]
}

// endOf is the end of the window of a time.
func (w *WindowAggregate) endOf(t int64) int64 {
	rest := (t - w.Offset) % w.Size
	if rest < 0 {
		rest += w.Size
	}
	return t - rest + w.Size
}

// addTo takes rows into the window of this end.
func (w *WindowAggregate) addTo(end int64, rows []int32, r *Rows) {
	s := w.slice(end)
	if s == nil {
		w.late += int64(len(rows))
		w.changed = true
		return
	}
	w.slots = w.keys.slots(s.table, r.Keys, rows, w.slots[:0])
	n := s.table.Len()
	for slab(uint32(n-1)) >= len(s.dirty) {
		s.dirty = append(s.dirty, true)
	}
	for _, slot := range w.slots {
		s.dirty[slab(slot)] = true
	}
	for i, a := range s.accs {
		a.grow(n)
		filter := r.Filters[i]
		if filter == nil {
			a.add(w.slots, rows, r.Args[i])
			continue
		}
		w.addFiltered(a, rows, filter, r.Args[i])
	}
}

// addFiltered adds the rows for which an aggregate's FILTER is TRUE.
func (w *WindowAggregate) addFiltered(a accumulator, rows []int32, filter, arg *vec.Vector) {
	w.passedSlots, w.passed = w.passedSlots[:0], w.passed[:0]
	for k, i := range rows {
		if filter.Bool[i] && !filter.Null(int(i)) {
			w.passedSlots, w.passed = append(w.passedSlots, w.slots[k]), append(w.passed, i)
		}
	}
	a.add(w.passedSlots, w.passed, arg)
}

// slice finds or makes the state of a window; nil: it has fired.
func (w *WindowAggregate) slice(end int64) *slice {
	if w.last != nil && w.last.end == end {
		return w.last
	}
	at, found := slices.BinarySearchFunc(w.slices, end, func(s *slice, end int64) int { return int(min(1, max(-1, s.end-end))) })
	if found {
		w.last = w.slices[at]
		return w.last
	}
	fires := instant(end-1, w.Zone)
	if fires <= w.watermark {
		return nil
	}
	s := w.newSlice(end, fires)
	w.slices = slices.Insert(w.slices, at, s)
	w.last = s
	return s
}

func (w *WindowAggregate) newSlice(end, fires int64) *slice {
	s := &slice{end: end, fires: fires, table: w.keys.newTable()}
	for _, a := range w.Aggregates {
		acc, err := newAccumulator(a)
		if err != nil {
			panic(fmt.Sprintf("op: %v after it was checked", err))
		}
		s.accs = append(s.accs, acc)
	}
	return s
}

// instant turns a time by a zone's clock into the instant.
func instant(local int64, zone *time.Location) int64 {
	if zone == time.UTC || local > math.MaxInt64/2 || local < math.MinInt64/2 {
		return local
	}
	t := time.UnixMilli(local).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone).UnixMilli()
}

// Advance emits the windows that a watermark completes, by end and key. The batch given to emit is used again after.
func (w *WindowAggregate) Advance(watermark int64, emit func(*vec.Batch) error) error {
	if watermark <= w.watermark {
		return nil
	}
	w.watermark, w.changed = watermark, true
	fired := 0
	for _, s := range w.slices {
		if s.fires > watermark {
			break
		}
		fired++
	}
	if fired == 0 {
		return nil
	}
	w.last = nil
	for _, s := range w.slices[:fired] {
		for k := range s.saved {
			w.gone = append(w.gone, segmentName(s.end, k))
		}
		start := instant(s.end-w.Size, w.Zone)
		if start < w.EmitFrom || s.fires+1 <= w.EmitAfter {
			continue
		}
		if err := w.fire(s, emit); err != nil {
			return err
		}
	}
	clear(w.slices[:fired])
	w.slices = append(w.slices[:0], w.slices[fired:]...)
	return w.flush(emit)
}

// fire adds the groups of a window to the result.
func (w *WindowAggregate) fire(s *slice, emit func(*vec.Batch) error) error {
	w.order = s.table.Order(w.order[:0])
	keys := make([]*vec.Vector, len(w.Keys))
	unused := make([]vec.Vector, len(w.Keys))
	for i := range keys {
		unused[i].Kind = w.Keys[i]
		keys[i] = &unused[i]
	}
	for i, o := range w.Outputs {
		if o.Key >= 0 {
			keys[o.Key] = &w.out.Cols[i]
		}
	}
	start, end := s.end-w.Size, s.end
	for _, slot := range w.order {
		w.keys.columns(s.table, slot, keys)
		for i, o := range w.Outputs {
			col := &w.out.Cols[i]
			switch {
			case o.Key >= 0:
			case o.Aggregate >= 0:
				s.accs[o.Aggregate].result(col, slot)
			default:
				t := end - 1
				switch o.Bound {
				case Start:
					t = start
				case End:
					t = end
				}
				if o.Instant {
					t = instant(t, w.Zone)
				}
				col.AppendInt64(t)
			}
		}
		if w.out.N++; w.out.Full() {
			if err := w.flush(emit); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush hands the result on.
func (w *WindowAggregate) flush(emit func(*vec.Batch) error) error {
	if w.out.N == 0 {
		return nil
	}
	w.out.Watermark = vec.NoWatermark
	err := emit(w.out)
	w.out.Reset()
	return err
}

// Stats are figures of the state.
type Stats struct {
	Windows, Groups int
	Bytes           int64
	Late            int64
	Watermark       int64
}

// Stats tells how large the state is.
func (w *WindowAggregate) Stats() Stats {
	out := Stats{Windows: len(w.slices), Late: w.late, Watermark: w.watermark}
	for _, s := range w.slices {
		out.Groups += s.table.Len()
		out.Bytes += int64(s.table.Size())
		for _, a := range s.accs {
			out.Bytes += int64(a.size())
		}
	}
	return out
}
