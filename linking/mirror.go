package linking

import (
	"errors"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// mirror is one partition being copied. The runner's loop owns it: nothing here is locked.
type mirror struct {
	topic     string
	partition int32
	toID      [16]byte

	written int64 // the destination's log end, as acknowledged
	read    int64 // behind the last source offset that is queued
	seq     int32 // of the next record
	queue   []item
	busy    bool // queue[:sent] is on its way
	sent    int
	aborted batch.Aborted

	stable    int64 // source's last stable offset, -1 = not known
	start     int64 // source's log start, -1 = not known
	hidden    int64 // destination's log start, as far as this process has moved it
	newest    int64 // newest record time written, ms
	records   int64
	bytes     int64
	rejected  int   // answers in a row that were mended by reading the log again
	condition error // why it waits, where it does
	failed    *MirrorError
}

// item is a run of offsets to be written: a batch, or a gap where data is nil.
type item struct {
	base, end int64
	data      batch.Batch
	time      int64 // newest record time of a batch
	release   func()
}

func (m *mirror) name() string { return fmt.Sprintf("%s-%d", m.topic, m.partition) }

// take queues what a chunk holds behind what was read already: batches that a read_committed consumer sees as they are, everything else
// as gaps. The chunk's memory is held until its last item is written.
func (m *mirror) take(c *fetch.Chunk) error {
	m.stable, m.start = c.LastStable, max(m.start, c.LogStart)
	m.aborted.Add(c.Aborted)
	before := len(m.queue)
	for rest := c.Records; len(rest) > 0; {
		var b batch.Batch
		var err error
		if b, rest, err = batch.Next(rest); err != nil {
			return err
		}
		if err := batch.Verify(b); err != nil {
			return err
		}
		if err := m.takeBatch(b); err != nil {
			return err
		}
	}
	if len(m.queue) == before {
		c.Release()
		return nil
	}
	m.queue[len(m.queue)-1].release = c.Release
	return nil
}

func (m *mirror) takeBatch(b batch.Batch) error {
	visible, err := m.aborted.Visible(b)
	if err != nil {
		return err
	}
	if b.NextOffset() <= m.read {
		return nil // the destination has it
	}
	if !visible {
		m.gap(b.NextOffset())
		return nil
	}
	err = batch.Check(b)
	if err == nil && b.BaseOffset() >= m.read {
		m.gap(b.BaseOffset())
		m.queue = append(m.queue, item{base: b.BaseOffset(), end: b.NextOffset(), data: b, time: b.MaxTimestamp()})
		m.read = b.NextOffset()
		return nil
	}
	switch {
	case errors.Is(err, batch.ErrEmpty), errors.Is(err, batch.ErrControl):
		m.gap(b.NextOffset())
		return nil
	case err == nil, errors.Is(err, batch.ErrHoles), errors.Is(err, batch.ErrAppendTime):
	default:
		return err
	}
	runs, err := batch.SplitFrom(b, m.read)
	if err != nil {
		return err
	}
	for _, r := range runs {
		m.gap(r.BaseOffset)
		m.queue = append(m.queue, item{base: r.BaseOffset, end: r.BaseOffset + int64(r.Batch.NumRecords()), data: r.Batch, time: r.Batch.MaxTimestamp()})
		m.read = r.BaseOffset + int64(r.Batch.NumRecords())
	}
	m.gap(b.NextOffset())
	return nil
}

// gap queues the offsets up to end as ones without a record.
func (m *mirror) gap(end int64) {
	if end <= m.read {
		return
	}
	if n := len(m.queue); n > m.sent && n > 0 && m.queue[n-1].data == nil && m.queue[n-1].end == m.read && m.queue[n-1].release == nil {
		m.queue[n-1].end = end
	} else {
		m.queue = append(m.queue, item{base: m.read, end: end})
	}
	m.read = end
}

// pop drops the first n items, which are in the destination's log now.
func (m *mirror) pop(n int) {
	for _, it := range m.queue[:n] {
		m.written = it.end
		if it.data != nil {
			m.records += it.end - it.base
			m.bytes += int64(len(it.data))
			m.newest = max(m.newest, it.time)
		}
		if it.release != nil {
			it.release()
		}
	}
	m.queue = m.queue[n:]
	if len(m.queue) == 0 {
		m.queue = nil
	}
}

// next appends to dst the bytes of the next produce: the first batch, joined with the uncompressed small neighbours behind it up to limit
// bytes. It returns how many items they are and the sequence behind them.
func (m *mirror) next(dst []byte, id identity, limit int) ([]byte, int, int32, error) {
	first := m.queue[0].data
	stamp := batch.Identity{ProducerID: id.ProducerID, Epoch: id.Epoch, Sequence: m.seq}
	size, n := len(first), 1
	for n < len(m.queue) && m.queue[n].data != nil && m.queue[n-1].end == m.queue[n].base && size+len(m.queue[n].data) <= limit &&
		mergeable(m.queue[n-1], m.queue[n]) {
		size += len(m.queue[n].data)
		n++
	}
	count := int32(m.queue[n-1].end - m.queue[0].base)
	after := batch.NextSequence(m.seq, count)
	if n == 1 {
		return batch.Rewrite(dst, first, stamp), 1, after, nil
	}
	parts := make([]batch.Batch, n)
	for i, it := range m.queue[:n] {
		parts[i] = it.data
	}
	dst, err := batch.Merge(dst, parts, stamp)
	return dst, n, after, err
}

// mergeable wants batches as the source has them: rebuilt runs begin at 0 and are sent alone.
func mergeable(a, b item) bool {
	return a.data.BaseOffset() == a.base && b.data.BaseOffset() == b.base && batch.Mergeable(a.data, b.data)
}

// lag is how many offsets of the source are not written yet, -1 where the source has not been heard of.
func (m *mirror) lag() int64 {
	if m.stable < 0 {
		return -1
	}
	return max(0, m.stable-m.written)
}
