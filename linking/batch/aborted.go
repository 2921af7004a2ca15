package batch

import (
	"cmp"
	"slices"
)

// AbortedTxn is one entry of a fetch answer's list: the transaction that a producer began at or before FirstOffset was aborted.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// Aborted follows the aborted transactions of one partition through its batches, in offset order, as a read_committed consumer does:
// a producer's batches are hidden from the transaction's first offset to its abort marker.
type Aborted struct {
	waiting []AbortedTxn // by first offset, the smallest first
	open    map[int64]struct{}
}

// Add takes the list of one fetch answer. Entries seen before do no harm.
func (a *Aborted) Add(list []AbortedTxn) {
	if len(list) == 0 {
		return
	}
	a.waiting = append(a.waiting, list...)
	slices.SortFunc(a.waiting, func(x, y AbortedTxn) int {
		return cmp.Or(cmp.Compare(x.FirstOffset, y.FirstOffset), cmp.Compare(x.ProducerID, y.ProducerID))
	})
	a.waiting = slices.Compact(a.waiting)
}

// Visible says whether a read_committed consumer sees the records of b, and advances over it. Batches must come in order. An abort
// marker ends its producer's aborted transaction; control batches are never visible.
func (a *Aborted) Visible(b Batch) (bool, error) {
	for len(a.waiting) > 0 && a.waiting[0].FirstOffset <= b.LastOffset() {
		if a.open == nil {
			a.open = map[int64]struct{}{}
		}
		a.open[a.waiting[0].ProducerID] = struct{}{}
		a.waiting = a.waiting[1:]
	}
	if b.Control() {
		m, ok, err := ParseMarker(b)
		if err != nil {
			return false, err
		}
		if ok && !m.Commit {
			delete(a.open, b.ProducerID())
		}
		return false, nil
	}
	if !b.Transactional() {
		return true, nil
	}
	_, hidden := a.open[b.ProducerID()]
	return !hidden, nil
}
