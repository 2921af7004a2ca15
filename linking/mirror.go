package linking

import (
	"errors"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// mirror is one partition being copied. The runner's loop owns it: nothing here is locked.
type mirror struct {
	topic     string
	partition int32
	limit     int // bytes that a merged batch may have
	fits      int // bytes that a batch may have by what the destination has refused; 0: as many as it has

	written int64 // up to where the source's offsets are in the destination, as acknowledged: its log end, but for a translated mirror
	read    int64 // behind the last source offset that is queued
	asked   int64 // where the fetcher goes on
	seq     int32 // of the next record to be sent
	queue   []item
	sent    int       // items at the queue's front that are on their way
	flights []*flight // what carries them; none where they are a gap
	doubt   bool      // one of them was refused or not answered: nothing is sent until all have landed
	busy    bool      // a gap of it is being written, or its logs are looked at
	held    bool      // nothing more is to be sent: its topic is to be paused
	aside   bool      // it waits for a schema, and nothing of it is read meanwhile
	lone    bool      // the destination has no state of the link's for it yet
	aborted batch.Aborted

	stable    int64 // source's last stable offset, -1 = not known
	start     int64 // source's log start
	hidden    int64 // destination's log start, as far as this process has moved it
	newest    int64 // newest record time written, ms
	fresh     bool  // it was just aligned: nothing of the source is in it
	rejected  int   // answers in a row that made the log be read again
	notBefore time.Time
	condition error        // why it waits, where it does
	trans     *translated  // nil where the mirror's offsets are the source's
	ending    *MirrorError // it fails with this once its queue is written
	failed    *MirrorError
}

// item is a run of offsets to be written: a batch, or a gap where data is nil. A translated mirror has no gaps: an item reaches over the
// offsets behind its records that have none.
type item struct {
	base, end int64
	data      batch.Batch
	records   int64 // translated: of a batch
	to        int64 // translated: where the first of them will stand
	run       int   // translated: how many runs the links topic must hold before it is sent
	aborted   int64 // of a gap: offsets that have aborted records at the source
	time      int64 // newest record time of a batch, or of aborted records
	filled    bool  // filler stands for it, or for what was in front of it in the same hole
	release   func()
}

func (m *mirror) key() partitionKey { return partitionKey{m.topic, m.partition} }

// idle says that nothing of it is on its way, and something is to be sent now.
func (m *mirror) idle(now time.Time) bool {
	return !m.busy && !m.held && len(m.flights) == 0 && m.failed == nil && len(m.queue) > 0 && !now.Before(m.notBefore)
}

// atOnce is how many batches may be on their way. A broker that knows no sequence of the link's in a partition takes any for the first: were the first
// batch refused for a moment, the second would stand in its place. So one goes ahead.
func (m *mirror) atOnce() int {
	if m.lone {
		return 1
	}
	return maxInFlight
}

// sendable says that its next item is a batch that may be sent now, be it behind others that are on their way.
func (m *mirror) sendable(now time.Time) bool {
	return !m.busy && !m.held && !m.doubt && m.failed == nil && len(m.flights) < m.atOnce() && len(m.queue) > m.sent && m.queue[m.sent].data != nil &&
		!now.Before(m.notBefore) && m.announced(m.queue[m.sent])
}

// follows says that what is on its way went the same way: a partition whose leader moves waits for the answers of the old one.
func (m *mirror) follows(l *lane) bool {
	return len(m.flights) == 0 || m.flights[len(m.flights)-1].lane == l
}

func (m *mirror) name() string { return fmt.Sprintf("%s-%d", m.topic, m.partition) }

// take queues what a chunk holds behind what was read already: batches that a read_committed consumer sees as they are, everything else
// as gaps. The chunk's memory is held until its last item is written.
func (m *mirror) take(c *fetch.Chunk) error {
	m.stable, m.start, m.asked = c.LastStable, max(m.start, c.LogStart), c.Next
	m.fresh = m.fresh && len(c.Records) == 0
	m.aborted.Add(c.Aborted)
	before := len(m.queue)
	for rest := c.Records; len(rest) > 0; {
		var b batch.Batch
		var err error
		if b, rest, err = batch.Next(rest); err != nil {
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
		if b.Control() {
			m.gap(b.NextOffset(), 0)
		} else {
			m.gap(b.NextOffset(), b.NextOffset()-max(m.read, b.BaseOffset()))
			if m.trans == nil {
				last := &m.queue[len(m.queue)-1]
				last.time = max(last.time, b.MaxTimestamp())
			}
		}
		return batch.Verify(b) // what is passed on is verified by the broker that gets it; a gap is not
	}
	err = batch.Check(b)
	if err == nil && b.BaseOffset() >= m.read {
		m.gap(b.BaseOffset(), 0)
		m.enqueue(b, b.BaseOffset(), b.NextOffset())
		return nil
	}
	switch {
	case errors.Is(err, batch.ErrEmpty), errors.Is(err, batch.ErrControl):
		m.gap(b.NextOffset(), 0)
		return batch.Verify(b)
	case err == nil, errors.Is(err, batch.ErrHoles), errors.Is(err, batch.ErrAppendTime):
	default:
		return err
	}
	runs, err := batch.SplitFrom(b, m.read)
	if err != nil {
		return err
	}
	for _, r := range runs {
		m.gap(r.BaseOffset, 0)
		m.enqueue(r.Batch, r.BaseOffset, r.BaseOffset+int64(r.Batch.NumRecords()))
	}
	m.gap(b.NextOffset(), 0)
	return nil
}

// gap queues the offsets up to end as ones without a record, aborted of them because their records were.
func (m *mirror) gap(end, aborted int64) {
	if end <= m.read {
		return
	}
	if m.trans != nil {
		m.skip(end)
		return
	}
	if n := len(m.queue); n > m.sent && n > 0 && m.queue[n-1].data == nil && m.queue[n-1].end == m.read && m.queue[n-1].release == nil {
		m.queue[n-1].end = end
		m.queue[n-1].aborted += aborted
	} else {
		m.queue = append(m.queue, item{base: m.read, end: end, aborted: aborted})
	}
	m.read = end
}

// pop drops the first n items, which are in the destination's log now, and returns how many records and bytes they are.
func (m *mirror) pop(n int) (records, bytes int64) {
	for _, it := range m.queue[:n] {
		m.written = it.end
		if t := m.trans; t != nil {
			t.offsets.source, t.offsets.dest = it.end, it.to+it.records
		}
		if it.data != nil && !it.filled {
			records += m.records(it)
			bytes += int64(len(it.data))
			m.newest = max(m.newest, it.time)
		}
		if it.release != nil {
			it.release()
		}
	}
	clear(m.queue[:n])
	m.queue = m.queue[n:]
	if len(m.queue) == 0 {
		m.queue = nil
	}
	return records, bytes
}

// discard forgets what is queued and gives its memory back.
func (m *mirror) discard() {
	for _, it := range m.queue {
		if it.release != nil {
			it.release()
		}
	}
	m.queue, m.sent, m.flights, m.doubt = nil, 0, nil, false
}

// lag is how many offsets of the source are not written yet, -1 where the source has not been heard of.
func (m *mirror) lag() int64 {
	if m.stable < 0 {
		return -1
	}
	return max(0, m.stable-m.written)
}
