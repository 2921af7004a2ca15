package op

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
)

// slabSlots is how many slots of a window make one segment: what a checkpoint writes again when one of them changes.
const slabSlots = 1024

func slab(slot uint32) int { return int(slot / slabSlots) }

// progressSegment holds the watermark and the counters.
const progressSegment = "window/progress"

func segmentName(end int64, slab int) string { return fmt.Sprintf("window/%d/%d", end, slab) }

// Snapshot returns the segments that changed since the last one, or with full all of them; then everything counts as saved.
func (w *WindowAggregate) Snapshot(full bool) []state.Segment {
	var out []state.Segment
	for _, name := range w.gone {
		out = append(out, state.Segment{Name: name})
	}
	w.gone = nil
	var e state.Encoder
	if w.changed || full {
		e.Int(w.watermark)
		e.Int(w.late)
		out = append(out, state.Seal(progressSegment, w.Digest, e.B))
		w.changed = false
	}
	for _, s := range w.slices {
		for k := range s.dirty {
			if !s.dirty[k] && !full {
				continue
			}
			e.B = e.B[:0]
			s.encode(&e, k)
			out = append(out, state.Seal(segmentName(s.end, k), w.Digest, e.B))
			s.dirty[k] = false
		}
		s.saved = len(s.dirty)
	}
	return out
}

// encode writes a slab: its window, its place, then each slot's key and accumulators.
func (s *slice) encode(e *state.Encoder, slab int) {
	first := slab * slabSlots
	last := min(first+slabSlots, s.table.Len())
	e.Int(s.end)
	e.Uint(uint64(slab))
	e.Uint(uint64(last - first))
	for slot := uint32(first); slot < uint32(last); slot++ {
		s.table.EncodeKey(e, slot)
		for _, a := range s.accs {
			a.encode(e, slot)
		}
	}
}

// Restore replaces the state by that of the segments.
func (w *WindowAggregate) Restore(segments []state.Segment) error {
	w.slices, w.last, w.gone = nil, nil, nil
	w.watermark, w.late, w.changed = math.MinInt64, 0, false
	slabs := map[int64]map[int]part{}
	for _, s := range segments {
		payload, err := state.Open(s, w.Digest)
		if err != nil {
			return err
		}
		d := state.Decoder{B: payload}
		if s.Name == progressSegment {
			w.watermark, w.late = d.Int(), d.Int()
			if err := d.Err(); err != nil {
				return fmt.Errorf("state segment %q: %w", s.Name, err)
			}
			continue
		}
		end, k := d.Int(), int(d.Uint())
		if s.Name != segmentName(end, k) {
			return fmt.Errorf("state segment %q holds slab %d of the window that ends at %d", s.Name, k, end)
		}
		if slabs[end] == nil {
			slabs[end] = map[int]part{}
		}
		if _, twice := slabs[end][k]; twice {
			return fmt.Errorf("state segment %q is there twice", s.Name)
		}
		slabs[end][k] = part{s.Name, d}
	}
	for end, parts := range slabs {
		fires := instant(end-1, w.Zone)
		if fires <= w.watermark {
			return fmt.Errorf("state of the window that ends at %d, which the watermark %d has passed", end, w.watermark)
		}
		s := w.newSlice(end, fires)
		for k := range len(parts) {
			p, ok := parts[k]
			if !ok {
				return fmt.Errorf("state segment %q is missing", segmentName(end, k))
			}
			if err := s.decode(p); err != nil {
				return err
			}
		}
		s.dirty = make([]bool, len(parts))
		s.saved = len(parts)
		w.slices = append(w.slices, s)
	}
	sortSlices(w.slices)
	return nil
}

// part is a slab's segment, its head read.
type part struct {
	name string
	d    state.Decoder
}

func (s *slice) decode(p part) error {
	d := &p.d
	n := d.Count()
	if first := s.table.Len(); n == 0 || n > slabSlots || first%slabSlots != 0 {
		return fmt.Errorf("state segment %q: %d slots after %d", p.name, n, first)
	}
	for range n {
		slot := uint32(s.table.Len())
		if !s.table.DecodeKey(d) {
			return fmt.Errorf("state segment %q: a key is there twice", p.name)
		}
		for _, a := range s.accs {
			a.grow(int(slot) + 1)
			a.decode(d, slot)
		}
	}
	if err := d.Err(); err != nil {
		return fmt.Errorf("state segment %q: %w", p.name, err)
	}
	return nil
}

func sortSlices(list []*slice) {
	slices.SortFunc(list, func(a, b *slice) int { return cmp.Compare(a.end, b.end) })
}
