package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// How logs are cut up. A window is compared by a few dozen digests; one that differs is looked at again, divided as finely, until what
// is left is little enough to be compared record by record.
const (
	partsAtOnce   = 64      // partitions whose windows are read together
	windowBytes   = 4 << 20 // of a partition in one round
	firstWidth    = 4096    // of a partition's first window, in offsets
	widthMax      = 1 << 20
	rangesMax     = 64  // digests of a window
	leafMax       = 256 // offsets that are compared record by record
	pendingMax    = 1 << 20
	sourceSide    = 0
	destSide      = 1
	noteMeanwhile = " while it was compared"
)

// offsets is a run of them, [from, end).
type offsets struct{ from, end int64 }

// window is what is compared of one partition at a time.
type window struct {
	part *verified
	offsets
}

// take returns the next window of a partition. With a sample, as many offsets are passed over behind it; the log's end is always read.
func (p *verified) take(sample float64) window {
	w := window{p, offsets{p.next, min(p.next+p.width, p.end)}}
	p.next = w.end
	if sample > 0 && sample < 1 && w.end < p.end {
		p.next = min(w.from+int64(float64(p.width)/sample), p.end)
		if p.next+p.width > p.end {
			p.next = max(w.end, p.end-p.width)
		}
	}
	return w
}

// learn fits the next window to the bytes that the last one had.
func (p *verified) learn(w offsets, bytes, windowBytes int64) {
	fit := int64(widthMax)
	if bytes > 0 {
		fit = int64(float64(w.end-w.from) / float64(bytes) * float64(windowBytes))
	}
	p.width = max(1, min(fit, 16*p.width, widthMax))
}

// compare compares windows of different partitions.
func (v *verifier) compare(ctx context.Context, list []window) error {
	var plain, compacted []window
	for _, w := range list {
		if w.part.topic.Compacted {
			compacted = append(compacted, w)
		} else {
			plain = append(plain, w)
		}
	}
	if err := v.merge(ctx, compacted); err != nil {
		return err
	}
	return v.digest(ctx, plain, true)
}

// digest compares windows by digests, and what differs more closely. Records are counted once, in the window that was taken first.
func (v *verifier) digest(ctx context.Context, list []window, first bool) error {
	if len(list) == 0 {
		return nil
	}
	var sums [2]map[partitionKey]*batch.Ranges
	var bytes [2]map[partitionKey]int64
	for side := range sums {
		sums[side], bytes[side] = map[partitionKey]*batch.Ranges{}, map[partitionKey]int64{}
		for _, w := range list {
			sums[side][w.part.partitionKey] = batch.NewRanges(w.from, w.end, rangesMax)
		}
	}
	read, err := v.both(ctx, list, func(side int, k partitionKey, b batch.Batch) error {
		bytes[side][k] += int64(len(b))
		if others(side, v.maps, k, b) {
			return nil
		}
		if from := inSource(side, v.maps, k); from != nil {
			return sums[side][k].AddTranslated(b, from)
		}
		return sums[side][k].AddBatch(b)
	})
	if err != nil {
		return err
	}
	var closer, leaves []window
	for _, w := range read {
		k := w.part.partitionKey
		if first {
			w.part.topic.Records += sums[destSide][k].Total().Records
			w.part.learn(w.offsets, max(bytes[sourceSide][k], bytes[destSide][k]), v.windowBytes)
		}
		for _, d := range sums[sourceSide][k].Differing(sums[destSide][k], differencesMax+1) {
			found := window{w.part, offsets{d[0], d[1]}}
			if d[1]-d[0] <= leafMax {
				leaves = append(leaves, found)
			} else {
				closer = append(closer, found)
			}
		}
	}
	for _, round := range apart(closer) {
		if err := v.digest(ctx, round, false); err != nil {
			return err
		}
	}
	return v.examine(ctx, leaves)
}

// apart divides windows so that no two of one partition are together, keeping their order.
func apart(list []window) (rounds [][]window) {
	seen := map[*verified]int{}
	for _, w := range list {
		n := seen[w.part]
		seen[w.part]++
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], w)
	}
	return rounds
}

// examine compares windows record by record. What has changed since they were seen to differ, as a log does that is just being compacted,
// is no difference.
func (v *verifier) examine(ctx context.Context, list []window) error {
	for _, round := range apart(list) {
		round = slices.DeleteFunc(round, func(w window) bool { return w.part.closed })
		records := [2]map[partitionKey][]fullRecord{{}, {}}
		within := map[partitionKey]offsets{}
		for _, w := range round {
			within[w.part.partitionKey] = w.offsets
		}
		read, err := v.both(ctx, round, func(side int, k partitionKey, b batch.Batch) error {
			if others(side, v.maps, k, b) {
				return nil
			}
			if err := batch.Verify(b); err != nil {
				return err
			}
			from := inSource(side, v.maps, k)
			return batch.Records(b, func(r *batch.Record) error {
				if from != nil {
					r.Offset = from(r.Offset)
				}
				if w := within[k]; r.Offset < w.from || r.Offset >= w.end {
					return nil
				}
				full, err := fullCopy(r)
				records[side][k] = append(records[side][k], full)
				return err
			})
		})
		if err != nil {
			return err
		}
		for _, w := range read {
			k := w.part.partitionKey
			for _, d := range differences(records[sourceSide][k], records[destSide][k], v.l.from.Name, v.l.to.Name) {
				v.found(w.part, d)
			}
		}
	}
	return nil
}

// both reads windows in both regions at the same time; each is called from two goroutines, one a side. It returns the windows that were
// read in both. The others are noted with the reason.
func (v *verifier) both(ctx context.Context, list []window, each func(side int, k partitionKey, b batch.Batch) error) (read []window, err error) {
	var failed [2]map[partitionKey]error
	g, ctx := errgroup.WithContext(ctx)
	for side, reader := range []*logReader{v.source, v.dest} {
		ranges := map[partitionKey]offsets{}
		for _, w := range list {
			ranges[w.part.partitionKey] = offsets{w.from, min(w.end, w.part.ends[side])}
		}
		if side == destSide {
			ranges = placed(ranges, v.maps)
		}
		g.Go(func() (err error) {
			failed[side], err = reader.read(ctx, ranges, func(k partitionKey, b batch.Batch) error { return each(side, k, b) })
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, w := range list {
		k := w.part.partitionKey
		switch s, d := failed[sourceSide][k], failed[destSide][k]; {
		case s == nil && d == nil:
			read = append(read, w)
		case s != nil && !errors.Is(s, errRemoved):
			v.lose(w, s)
		case d != nil && !errors.Is(d, errRemoved):
			v.lose(w, d)
		default:
			where := v.l.from.Name
			if d != nil {
				where = v.l.to.Name
			}
			w.part.topic.NotCompared = append(w.part.topic.NotCompared, report.Range{Topic: k.topic, Partition: k.partition, First: w.from, End: w.end,
				Records: -1, Note: "removed in " + where + noteMeanwhile})
		}
	}
	return read, nil
}

// lose ends a partition that can not be read.
func (v *verifier) lose(w window, err error) {
	p := w.part
	if p.closed {
		return
	}
	p.closed = true
	p.err = fmt.Errorf("%s-%d from @%d on: %w", p.partitionKey.topic, p.partition, w.from, err)
	v.l.o.Log.Warn("comparing", "link", v.l.decl.Name, "error", p.err)
}

// keySum stands for a record's key.
type keySum [2]uint64

// brief is what is kept of a record of a compacted topic while its window is compared.
type brief struct {
	offset    int64
	sum       [4]uint64
	key       keySum
	keyless   bool
	tombstone bool
}

// merge compares windows of compacted topics, offset by offset. A record that one region lacks may have been compacted away there, if a
// newer one of its key is in either region; a tombstone may always have been. What both must still have is the newest record of every
// key. With every log read to its end, what is left in pending is what one region lacks.
func (v *verifier) merge(ctx context.Context, list []window) error {
	if len(list) == 0 {
		return nil
	}
	briefs := [2]map[partitionKey][]brief{{}, {}}
	bytes := [2]map[partitionKey]int64{{}, {}}
	within := map[partitionKey]offsets{}
	for _, w := range list {
		within[w.part.partitionKey] = w.offsets
	}
	read, err := v.both(ctx, list, func(side int, k partitionKey, b batch.Batch) error {
		bytes[side][k] += int64(len(b))
		if others(side, v.maps, k, b) {
			return nil
		}
		return eachBrief(b, inSource(side, v.maps, k), func(r brief) {
			if w := within[k]; r.offset >= w.from && r.offset < w.end {
				briefs[side][k] = append(briefs[side][k], r)
			}
		})
	})
	if err != nil {
		return err
	}
	judged := !v.o.Continuous && (v.o.Sample == 0 || v.o.Sample == 1)
	var leaves []window
	for _, w := range read {
		k := w.part.partitionKey
		w.part.topic.Records += int64(len(briefs[destSide][k]))
		w.part.learn(w.offsets, max(bytes[sourceSide][k], bytes[destSide][k]), v.windowBytes)
		unequal, unjudged := w.part.pass(briefs[sourceSide][k], briefs[destSide][k], judged)
		w.part.topic.Unjudged += unjudged
		for _, at := range unequal {
			leaves = append(leaves, window{w.part, offsets{at, at + 1}})
		}
	}
	return v.examine(ctx, leaves)
}

// eachBrief calls each for the records of a batch, their offsets changed by from where it is not nil.
func eachBrief(b batch.Batch, from func(int64) int64, each func(brief)) error {
	if err := batch.Verify(b); err != nil {
		return err
	}
	return batch.Records(b, func(r *batch.Record) error {
		if r.Filler() {
			return nil // it stands for a hole
		}
		if from != nil {
			r.Offset = from(r.Offset)
		}
		each(brief{r.Offset, r.Sum(), r.KeySum(), r.Key == nil, r.Value == nil})
		return nil
	})
}

// pass goes over what both regions have of a window, in order of offsets. It returns the offsets at which they have different records, at
// most a few, and how many records that one region lacks it could not keep in mind.
func (p *verified) pass(source, dest []brief, judged bool) (unequal []int64, unjudged int64) {
	for len(source) > 0 || len(dest) > 0 {
		var r brief
		alone := true
		switch {
		case len(dest) == 0 || len(source) > 0 && source[0].offset < dest[0].offset:
			r, source = source[0], source[1:]
		case len(source) == 0 || dest[0].offset < source[0].offset:
			r, dest = dest[0], dest[1:]
		default:
			r = source[0]
			if alone = false; r.sum != dest[0].sum && len(unequal) <= differencesMax {
				unequal = append(unequal, r.offset)
			}
			delete(p.pending, dest[0].key)
			source, dest = source[1:], dest[1:]
		}
		delete(p.pending, r.key)
		switch {
		case !alone || r.tombstone && !r.keyless:
		case r.keyless: // nothing can be newer
			if len(unequal) <= differencesMax {
				unequal = append(unequal, r.offset)
			}
		case judged && len(p.pending) < pendingMax:
			p.pending[r.key] = r.offset
		default:
			unjudged++
		}
	}
	return unequal, unjudged
}

// judge decides about the records that one region lacks: those for which something newer came since are excused.
func (v *verifier) judge(ctx context.Context) error {
	tails := map[*verified]bool{}
	names := map[string]bool{}
	for _, p := range v.parts {
		if len(p.pending) > 0 && !p.closed {
			tails[p], names[p.topic.Topic] = true, true
		}
	}
	if len(tails) == 0 {
		return nil
	}
	for _, reader := range []*logReader{v.source, v.dest} {
		bounds, err := committedBounds(ctx, reader.region, sorted(names))
		if err != nil {
			return err
		}
		behind := map[partitionKey]offsets{}
		of := map[partitionKey]*verified{}
		for p := range tails {
			if b := bounds[p.partitionKey]; b.err == nil {
				end := p.end
				if om, ok := v.maps[p.partitionKey]; ok && reader == v.dest {
					end, _ = om.at(end)
				}
				behind[p.partitionKey], of[p.partitionKey] = offsets{max(end, b.start), b.end}, p
			}
		}
		failed, err := reader.read(ctx, behind, func(k partitionKey, b batch.Batch) error {
			return eachBrief(b, nil, func(r brief) { delete(of[k].pending, r.key) })
		})
		if err != nil {
			return err
		}
		for k, err := range failed {
			v.lose(window{of[k], behind[k]}, err)
		}
	}
	var leaves []window
	for _, p := range v.parts {
		for i, at := range slices.Sorted(maps.Values(p.pending)) {
			if i <= differencesMax && tails[p] && !p.closed {
				leaves = append(leaves, window{p, offsets{at, at + 1}})
			}
		}
	}
	return v.examine(ctx, leaves)
}
