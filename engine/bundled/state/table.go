package state

import (
	"bytes"
	"math"
	"slices"

	"github.com/zeebo/xxh3"
)

// Table gives every key a slot: 0, 1, 2, … in the order in which keys come. What is remembered of a key is held in columns that are indexed
// by the slot. A table has keys of one kind: either integers or bytes; NULL may be among both.
//
// Keys are found by open addressing with linear probing, at most three quarters full; an entry has what decides, so that most look-ups
// touch one line of the cache.
type Table struct {
	ints   []intEntry
	bytes  []byteEntry
	keys   []int64 // by slot, of integers
	refs   []ref   // by slot, of bytes
	arena  []byte
	isNull int // the slot of NULL; -1: none
	n      int
	shift  uint
	binary bool
}

type intEntry struct {
	key  int64
	slot uint32 // plus one; 0: empty
}

type byteEntry struct {
	hash uint32
	slot uint32 // plus one; 0: empty
}

type ref struct{ at, len uint32 }

const smallest = 64 // entries of a new table

// NewInts and NewBytes make a table of integers and of bytes.
func NewInts() *Table { return &Table{ints: make([]intEntry, smallest), shift: 64 - 6, isNull: -1} }
func NewBytes() *Table {
	return &Table{bytes: make([]byteEntry, smallest), shift: 64 - 6, isNull: -1, binary: true}
}

// Len is the number of keys, which is the first free slot.
func (t *Table) Len() int { return t.n }

// Size is about how many bytes the table takes.
func (t *Table) Size() int {
	return 16*len(t.ints) + 8*len(t.bytes) + 8*cap(t.keys) + 8*cap(t.refs) + cap(t.arena)
}

// mix spreads a key over 64 bits, the upper ones above all.
func mix(x int64) uint64 {
	h := uint64(x) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	return h * 0xd6e8feb86659fd93
}

// Int returns the slot of an integer.
func (t *Table) Int(key int64) uint32 {
	mask := uint64(len(t.ints) - 1)
	for at := mix(key) >> t.shift; ; at = (at + 1) & mask {
		e := &t.ints[at]
		if e.slot == 0 {
			e.key, e.slot = key, uint32(t.n+1)
			t.keys = append(t.keys, key)
			t.n++
			if t.n > len(t.ints)/4*3 {
				t.grow()
			}
			return uint32(t.n - 1)
		}
		if e.key == key {
			return e.slot - 1
		}
	}
}

// Bytes returns the slot of bytes, which the table copies. It panics where the keys of one table are longer than 4 GiB: a statement whose
// memory is bounded ends before.
func (t *Table) Bytes(key []byte) uint32 {
	h := xxh3.Hash(key)
	mask := uint64(len(t.bytes) - 1)
	for at := h >> t.shift; ; at = (at + 1) & mask {
		e := &t.bytes[at]
		if e.slot == 0 {
			e.hash, e.slot = uint32(h), uint32(t.n+1)
			if len(t.arena)+len(key) > math.MaxUint32 {
				panic("state: the keys of one table are longer than 4 GiB")
			}
			t.refs = append(t.refs, ref{uint32(len(t.arena)), uint32(len(key))})
			t.arena = append(t.arena, key...)
			t.n++
			if t.n > len(t.bytes)/4*3 {
				t.grow()
			}
			return uint32(t.n - 1)
		}
		if e.hash == uint32(h) && bytes.Equal(t.BytesOf(e.slot-1), key) {
			return e.slot - 1
		}
	}
}

// Null returns the slot of NULL.
func (t *Table) Null() uint32 {
	if t.isNull < 0 {
		t.isNull = t.n
		if t.binary {
			t.refs = append(t.refs, ref{})
		} else {
			t.keys = append(t.keys, 0)
		}
		t.n++
	}
	return uint32(t.isNull)
}

// IsNull, IntOf and BytesOf tell the key of a slot. The bytes belong to the table.
func (t *Table) IsNull(slot uint32) bool { return int(slot) == t.isNull }
func (t *Table) IntOf(slot uint32) int64 { return t.keys[slot] }
func (t *Table) BytesOf(slot uint32) []byte {
	r := t.refs[slot]
	return t.arena[r.at : r.at+r.len : r.at+r.len]
}

// grow doubles the entries. The keys are in the columns, or in the entries themselves.
func (t *Table) grow() {
	t.shift--
	if t.binary {
		old := t.bytes
		t.bytes = make([]byteEntry, 2*len(old))
		mask := uint64(len(t.bytes) - 1)
		for _, e := range old {
			if e.slot == 0 {
				continue
			}
			at := xxh3.Hash(t.BytesOf(e.slot-1)) >> t.shift
			for t.bytes[at].slot != 0 {
				at = (at + 1) & mask
			}
			t.bytes[at] = e
		}
		return
	}
	old := t.ints
	t.ints = make([]intEntry, 2*len(old))
	mask := uint64(len(t.ints) - 1)
	for _, e := range old {
		if e.slot == 0 {
			continue
		}
		at := mix(e.key) >> t.shift
		for t.ints[at].slot != 0 {
			at = (at + 1) & mask
		}
		t.ints[at] = e
	}
}

// Order returns the slots sorted by key, NULL first: integers as numbers, bytes as bytes. It appends to dst.
func (t *Table) Order(dst []uint32) []uint32 {
	start := len(dst)
	for s := range t.n {
		dst = append(dst, uint32(s))
	}
	order := dst[start:]
	slices.SortFunc(order, func(a, b uint32) int {
		switch {
		case t.IsNull(a):
			return -1
		case t.IsNull(b):
			return 1
		case t.binary:
			return bytes.Compare(t.BytesOf(a), t.BytesOf(b))
		case t.keys[a] < t.keys[b]:
			return -1
		default:
			return 1
		}
	})
	return dst
}

// EncodeKey writes a slot's key, DecodeKey gives the key that was written the next slot.
func (t *Table) EncodeKey(e *Encoder, slot uint32) {
	e.Bool(t.IsNull(slot))
	switch {
	case t.IsNull(slot):
	case t.binary:
		e.Bytes(t.BytesOf(slot))
	default:
		e.Int(t.keys[slot])
	}
}

// DecodeKey reads a key. ok is false where the key has a slot already.
func (t *Table) DecodeKey(d *Decoder) (ok bool) {
	before := t.n
	switch {
	case d.Bool():
		t.Null()
	case t.binary:
		t.Bytes(d.Bytes())
	default:
		t.Int(d.Int())
	}
	return t.n == before+1
}
