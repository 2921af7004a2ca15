package vec

import (
	"fmt"
	"math"
	"sync"
)

// Rows is how many rows a full batch has.
const Rows = 4096

// MaxArena is how many bytes of strings a column takes before a batch counts as full.
const MaxArena = 4 << 20

// ChangeKind is what a row does to a result. The numbers are those of the op header and of the statements API.
type ChangeKind uint8

// The kinds of change.
const (
	Insert ChangeKind = iota
	UpdateBefore
	UpdateAfter
	Delete
)

func (k ChangeKind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k] }

// NoWatermark is a watermark before the first.
const NoWatermark = math.MinInt64

// Batch is rows as columns.
type Batch struct {
	N       int          // rows
	Cols    []Vector     // each has at least N rows
	Sel     []int32      // the rows that count, ascending; nil: all
	Changes []ChangeKind // nil: all rows are inserts
	RowTime []int64      // the records' timestamps, epoch milliseconds; empty in batches that come from no record
	// Watermark holds after this batch, epoch milliseconds; NoWatermark: this batch says nothing.
	Watermark int64

	// Where the rows come from, for messages and for metadata columns. Offsets is empty in batches that come from no record.
	Topic      string
	Partition  int32
	Partitions []int32 // where the rows are of several partitions: of each row, instead of Partition
	Offsets    []int64
}

// New returns an empty batch with columns of the given kinds.
func New(kinds ...Kind) *Batch {
	b := &Batch{Cols: make([]Vector, len(kinds)), Watermark: NoWatermark}
	for i, k := range kinds {
		b.Cols[i].Kind = k
	}
	return b
}

// Selected is the number of rows that count.
func (b *Batch) Selected() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// Full reports whether a source should hand the batch on before it adds more.
func (b *Batch) Full() bool {
	if b.N >= Rows {
		return true
	}
	for i := range b.Cols {
		if len(b.Cols[i].Data) >= MaxArena {
			return true
		}
	}
	return false
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	for i := range b.Cols {
		b.Cols[i].Reset()
	}
	b.N, b.Sel, b.Changes, b.Watermark = 0, nil, nil, NoWatermark
	b.RowTime, b.Offsets, b.Partitions = b.RowTime[:0], b.Offsets[:0], b.Partitions[:0]
	b.Topic, b.Partition = "", 0
}

// Truncate takes off the rows from n on.
func (b *Batch) Truncate(n int) {
	for i := range b.Cols {
		b.Cols[i].Truncate(n)
	}
	b.N = n
	b.RowTime, b.Offsets = b.RowTime[:min(n, len(b.RowTime))], b.Offsets[:min(n, len(b.Offsets))]
	b.Partitions = b.Partitions[:min(n, len(b.Partitions))]
}

// Origin names the record of row i, "topic-partition@offset"; "" where the batch comes from no record.
func (b *Batch) Origin(i int) string {
	if i >= len(b.Offsets) {
		return ""
	}
	p := b.Partition
	if i < len(b.Partitions) {
		p = b.Partitions[i]
	}
	return fmt.Sprintf("%s-%d@%d", b.Topic, p, b.Offsets[i])
}

// Pool keeps batches of one layout for their next use. It is safe for concurrent use.
type Pool struct {
	kinds []Kind
	pool  sync.Pool
}

// NewPool makes a pool of batches with columns of the given kinds.
func NewPool(kinds ...Kind) *Pool { return &Pool{kinds: kinds} }

// Get returns an empty batch, which the caller owns.
func (p *Pool) Get() *Batch {
	if b, ok := p.pool.Get().(*Batch); ok {
		return b
	}
	return New(p.kinds...)
}

// Put takes a batch of this pool back. Nobody may use it any more.
func (p *Pool) Put(b *Batch) {
	b.Reset()
	p.pool.Put(b)
}
