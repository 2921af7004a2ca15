package dr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// reading bounds what is read of a topic, to tell how far back a horizon reaches that depends on its data.
type reading struct {
	records, bytes int64
	time           time.Duration
}

var measuring = reading{records: 100_000, bytes: 32 << 20, time: 5 * time.Second}

// newestOffsets of a partition are read to tell how far its event time has come: records may be out of order, and markers between them.
const newestOffsets = 200

// Measure adds to what was observed how far back the horizons that depend on the data have reached, in the first region of each link that has the
// topic, and how far the topics have come whose pauses make horizons longer: by the newest records of each, within bounds that are said where they cut it short.
func Measure(ctx context.Context, w *World, seen *plans.Observed) error {
	done, stood, most := map[string]bool{}, map[string]bool{}, measuring
	most.time = min(most.time, w.opts.Timeout)
	for _, name := range w.Declared.LookFirst() {
		r, state := w.Regions[name], seen.Regions[name]
		if r == nil || state == nil {
			continue
		}
		st := plans.StudyOf(w.Declared.In(name), seen)
		for _, topic := range st.Paused() {
			t := state.Topics[topic]
			if t == nil || stood[topic] {
				continue
			}
			stood[topic] = true
			few := most
			few.records = newestOffsets * int64(max(1, len(t.Partitions)))
			t.Reached = readTail(ctx, r, topic, t, few, clockOf(r, st.Table(topic))).reached(len(t.Partitions))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		wanted := st.Dependences()
		for _, topic := range sortedKeys(wanted) {
			t := state.Topics[topic]
			if t == nil || done[topic] {
				continue
			}
			done[topic] = true
			log := readTail(ctx, r, topic, t, most, clockOf(r, st.Table(topic)))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			for _, d := range wanted[topic] {
				m := log.measured
				m.On = d
				reach, more := d.Reach(log.rows, m.Cut == "")
				m.Reach, m.More = plans.Duration(reach), more
				t.Measured = append(t.Measured, m)
			}
		}
	}
	return nil
}

// tail is the end of a log by the times of its records.
type tail struct {
	rows     []statements.Logged // in the order of their times
	measured plans.Measured
	newest   map[int32]int64 // event time by partition, epoch ms
	stamps   map[int32]int64 // timestamp by partition, epoch ms
	left     bool            // of a partition the end was not read
}

// reached is how far the partitions have come.
func (t tail) reached(partitions int) *plans.Reached {
	out := &plans.Reached{Column: t.measured.Column, Records: t.measured.Records, Error: t.measured.Error}
	switch {
	case out.Error != "":
	case t.left:
		out.Error = t.measured.Cut
	default:
		out.Newest = byPartition(t.newest, partitions)
		if out.Column != "" {
			out.Stamps = byPartition(t.stamps, partitions)
		}
	}
	return out
}

// byPartition lists times, -1 where a partition has none.
func byPartition(times map[int32]int64, partitions int) []int64 {
	out := make([]int64, partitions)
	for p := range out {
		at, ok := times[int32(p)]
		if !ok {
			at = -1
		}
		out[p] = at
	}
	return out
}

// keepLater keeps the later time of a partition.
func keepLater(times map[int32]int64, partition int32, at int64) {
	if seen, ok := times[partition]; !ok || at > seen {
		times[partition] = at
	}
}

// readTail reads the newest records of a topic, within bounds.
func readTail(ctx context.Context, r *linking.Region, topic string, t *plans.TopicState, most reading, clock eventClock) tail {
	if clock.err != nil {
		return tail{measured: plans.Measured{Column: clock.column, Error: clock.err.Error()}}
	}
	within, cancel := context.WithTimeout(ctx, most.time)
	defer cancel()
	spans, why := most.tails(t)
	left := maps.Clone(spans) // that were not read to their end
	parts := map[int32]*ends{}
	seed := maphash.MakeSeed()
	out := tail{measured: plans.Measured{Column: clock.column}, newest: map[int32]int64{}, stamps: map[int32]int64{}}
	err := readRange(within, r, map[string]map[int32]span{topic: spans}, func(rec *kgo.Record) error {
		if rec.Offset >= spans[rec.Partition].end-1 {
			delete(left, rec.Partition)
		}
		keepLater(out.stamps, rec.Partition, rec.Timestamp.UnixMilli())
		at, ok, err := clock.of(rec)
		if err != nil || !ok {
			return err
		}
		keepLater(out.newest, rec.Partition, at)
		if parts[rec.Partition] == nil {
			parts[rec.Partition] = &ends{at, at}
		}
		parts[rec.Partition].last = max(parts[rec.Partition].last, at)
		out.rows = append(out.rows, statements.Logged{Key: maphash.Bytes(seed, rec.Key), At: at})
		if out.measured.Bytes += int64(len(rec.Key) + len(rec.Value)); out.measured.Bytes >= most.bytes {
			return errEnough
		}
		return nil
	})
	switch {
	case err == nil:
		clear(left)
	case errors.Is(err, errEnough):
		why = fmt.Sprintf("reading ended after %d bytes", out.measured.Bytes)
	case within.Err() != nil:
		why = fmt.Sprintf("reading ended after %s", most.time)
	default:
		out.measured.Error = err.Error()
		return out
	}
	out.measured.Cut, out.left = why, len(left) > 0
	from, to := common(spans, left, parts)
	out.rows = slices.DeleteFunc(out.rows, func(l statements.Logged) bool { return l.At < from || l.At > to })
	slices.SortStableFunc(out.rows, func(a, b statements.Logged) int { return cmp.Compare(a.At, b.At) })
	if n := len(out.rows); n > 0 {
		out.measured.Records, out.measured.From, out.measured.To = int64(n), out.rows[0].At, out.rows[n-1].At
	}
	return out
}

// errEnough ends a reading that has come to its bound.
var errEnough = errors.New("enough was read")

// ends are the times of the first and of the newest record that was read of a partition.
type ends struct{ first, last int64 }

// common is the time of which all partitions were read. Where one of them begins in its middle, or was left, what the others have besides would show pauses
// that may be none.
func common(spans, left map[int32]span, parts map[int32]*ends) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	for n, s := range spans {
		p := parts[n]
		_, isLeft := left[n]
		switch {
		case p == nil && isLeft:
			to = math.MinInt64 // nothing was read of it
		case p == nil:
		default:
			if s.start > 0 {
				from = max(from, p.first)
			}
			if isLeft {
				to = min(to, p.last)
			}
		}
	}
	return from, to
}

// tails are the ends of a topic's partitions that are read, and why that is not all there ever was; "" where it is.
func (most reading) tails(t *plans.TopicState) (spans map[int32]span, why string) {
	each := max(1, most.records/int64(max(1, len(t.Partitions))))
	spans = map[int32]span{}
	for n, p := range t.Partitions {
		s := span{max(0, int64(p.Start)), int64(p.Stable)}
		if p.Stable < 0 {
			s.end = int64(p.End)
		}
		if s.start > 0 && why == "" {
			why = "older ones are deleted"
		}
		if s.end-s.start > each {
			s.start = s.end - each
			why = fmt.Sprintf("no more than the newest %d offsets of each partition were read", each)
		}
		if s.start < s.end {
			spans[int32(n)] = s
		}
	}
	return spans, why
}
