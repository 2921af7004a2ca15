package batch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// Marker is the content of a control batch that ends a transaction.
type Marker struct {
	Commit bool // else abort
}

// ParseMarker reads a control batch. Control records that end no transaction (a leader change) are reported by ok = false: they take
// an offset like any other.
func ParseMarker(b Batch) (m Marker, ok bool, err error) {
	err = Records(b, func(r *Record) error {
		if len(r.Key) < 4 {
			return fmt.Errorf("offset %d: control record: %w", r.Offset, ErrCorrupt)
		}
		switch binary.BigEndian.Uint16(r.Key[2:]) { // behind the key's version
		case 0:
			ok = true
		case 1:
			m.Commit, ok = true, true
		}
		return nil
	})
	return m, ok, err
}

// AbortedTxn is one entry of a fetch answer's list: the transaction that a producer began at or before FirstOffset was aborted.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// Aborted tells the batches of a fetch answer that a read_committed consumer sees from those of aborted transactions, as Kafka's own
// consumer does: a producer's transactional batches are hidden from the transaction's first offset to its abort marker.
type Aborted struct {
	list []AbortedTxn // by first offset, the smallest first
	next int          // in list
	open map[int64]struct{}
}

// Add begins an answer: it takes the list that came with it. The list names every aborted transaction that reaches into the answer, and
// holds for the answer alone: what former lists said is forgotten, because the marker that would end it may have been cleaned away
// since, and then it would hide what the producer wrote later.
func (a *Aborted) Add(list []AbortedTxn) {
	clear(a.open)
	a.list, a.next = append(a.list[:0], list...), 0
	slices.SortFunc(a.list, func(x, y AbortedTxn) int {
		return cmp.Or(cmp.Compare(x.FirstOffset, y.FirstOffset), cmp.Compare(x.ProducerID, y.ProducerID))
	})
}

// Visible says whether a read_committed consumer sees the records of b, and advances over it. Batches must come in order. An abort
// marker ends its producer's aborted transaction; control batches are never visible.
func (a *Aborted) Visible(b Batch) (bool, error) {
	last := b.LastOffset()
	for ; a.next < len(a.list) && a.list[a.next].FirstOffset <= last; a.next++ {
		if a.open == nil {
			a.open = map[int64]struct{}{}
		}
		a.open[a.list[a.next].ProducerID] = struct{}{}
	}
	if b.Control() {
		if len(a.open) == 0 {
			return false, nil
		}
		m, ok, err := ParseMarker(b)
		if err != nil {
			return false, err
		}
		if ok && !m.Commit {
			delete(a.open, b.ProducerID())
		}
		return false, nil
	}
	if len(a.open) == 0 || !b.Transactional() {
		return true, nil
	}
	_, hidden := a.open[b.ProducerID()]
	return !hidden, nil
}
