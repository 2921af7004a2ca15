package linking

import (
	"context"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Keyed filler stands for large holes of a compacted source, where the topology allows it (gaps: filler): tombstones of one key, sent as data
// of the mirror, so that nothing but compare-and-append is needed to write them once. Every reader of the mirror sees them. Promotion puts
// the source's cleanup.policy in force, and the destination's cleaner removes them. Aborted records are left to filler that is aborted too.
const (
	keyedFenced = 500     // offsets of a hole that are filled where bulk markers are not to be had: three seconds of empty transactions
	keyedBulk   = 100_000 // and where they are, which nobody ever sees: a second of them
)

// keyedFrom is from how many offsets on a hole is filled in a region: the rights there decide.
func keyedFrom(ctx context.Context, r *Region) (int64, error) {
	may, err := r.MarkersAllowed(ctx)
	if err != nil {
		return 0, err
	}
	if may == plans.MarkersDenied {
		return keyedFenced, nil
	}
	return keyedBulk, nil
}

// fillHoles puts filler in the place of large holes that mirrors of compacted topics have next, a batch at a time.
func (r *runner) fillHoles() {
	if r.gaps.keyed == 0 {
		return
	}
	for m := range r.ready {
		if m.busy || m.held || m.doubt || m.failed != nil || len(m.flights) == maxInFlight || !compacts(r.memory.topics[m.topic]) {
			continue
		}
		if err := m.fillHole(r.gaps.keyed); err != nil {
			r.fail(m, &MirrorError{Code: CodeRefused, First: m.written, End: m.read, Detail: "filling a hole", Err: err})
		}
	}
}

// compacts says whether a mirror's source is compacted, and so will the mirror be once it is promoted.
func compacts(t *topicRecord) bool {
	return t != nil && slices.Contains(strings.Split(t.Configs["cleanup.policy"], ","), "compact")
}

// fillHole puts a batch of filler in front of the queue's next item, and makes it shorter by that, where it is a hole of at least so many
// offsets. It has the time of what is in front of it: a look-up by time finds nothing new.
func (m *mirror) fillHole(least int64) error {
	if len(m.queue) == m.sent {
		return nil
	}
	hole := &m.queue[m.sent]
	n := hole.end - hole.base
	if hole.data != nil || !hole.filled && (n < least || 2*hole.aborted > n) {
		return nil
	}
	n = min(n, batch.MaxFiller)
	at := m.newest
	for _, it := range m.queue[:m.sent] {
		at = max(at, it.time)
	}
	data, err := batch.KeyedFiller(nil, int32(n), at, batch.NoIdentity)
	if err != nil {
		return err
	}
	filler := item{base: hole.base, end: hole.base + n, data: data, time: at, filled: true}
	if filler.end == hole.end {
		filler.release = hole.release
		*hole = filler
		return nil
	}
	hole.base, hole.filled = filler.end, true
	m.queue = slices.Insert(m.queue, m.sent, filler)
	return nil
}
