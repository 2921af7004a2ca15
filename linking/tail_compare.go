package linking

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// tailOffsets is how much of a mirror's end is compared with its source before the mirror goes on. What came there without this process's
// doing, since the mirror was last known to be right, is at the end.
const tailOffsets = 200

// tail is what both regions have in the last offsets of a mirror, for a reader who sees committed data only.
type tail struct {
	offsets
	records [2][]brief // by side
	err     error      // why it could not be read
}

// readTails reads the ends of mirrors in both regions. What is read is in the source's offsets; maps are those of translated mirrors.
func readTails(ctx context.Context, l *Link, of map[partitionKey]offsets, maps map[partitionKey]offsetMap) (map[partitionKey]*tail, error) {
	tails := map[partitionKey]*tail{}
	for k, w := range of {
		tails[k] = &tail{offsets: w}
	}
	if len(tails) == 0 {
		return tails, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed [2]map[partitionKey]error
	var running, reading errgroup.Group
	for side, region := range []*Region{l.from, l.to} {
		reader := &logReader{region: region, f: region.fetcher(fetch.Options{MaxPartitionBytes: 64 << 10}), timeout: l.o.Timeout}
		running.Go(func() error { return reader.f.Run(ctx) })
		ranges := of
		if side == destSide {
			ranges = placed(of, maps)
		}
		reading.Go(func() (err error) {
			failed[side], err = reader.read(ctx, ranges, func(k partitionKey, b batch.Batch) error {
				t := tails[k]
				if others(side, maps, k, b) {
					return nil
				}
				return eachBrief(b, inSource(side, maps, k), func(r brief) {
					if r.offset >= t.from && r.offset < t.end {
						t.records[side] = append(t.records[side], r)
					}
				})
			})
			return err
		})
	}
	err := reading.Wait()
	cancel()
	_ = running.Wait() // it ends with the context that was cancelled
	for side := range failed {
		for k, err := range failed[side] {
			tails[k].err = err
		}
	}
	return tails, err
}

// placed are ranges of the source's offsets where a mirror has them.
func placed(of map[partitionKey]offsets, maps map[partitionKey]offsetMap) map[partitionKey]offsets {
	all := map[partitionKey]offsets{}
	for k, w := range of {
		if om, ok := maps[k]; ok {
			w.from, _ = om.at(w.from)
			w.end, _ = om.at(w.end)
		}
		all[k] = w
	}
	return all
}

// inSource turns offsets as they are read in a region into the source's: nil where they are that already.
func inSource(side int, maps map[partitionKey]offsetMap, k partitionKey) func(int64) int64 {
	if om, ok := maps[k]; ok && side == destSide {
		return om.from
	}
	return nil
}

// others says that a batch that is read in a region is none of a translated mirror.
func others(side int, maps map[partitionKey]offsetMap, k partitionKey, b batch.Batch) bool {
	om, ok := maps[k]
	return ok && side == destSide && !om.mirrored(b)
}

// failed says why a tail could not be read; there may be none.
func (t *tail) failed() error {
	if t == nil || errors.Is(t.err, errRemoved) {
		return nil // what was removed meanwhile is compared no more
	}
	return t.err
}

// mirrored is the offset behind the mirror's last record that was compared.
func (t *tail) mirrored() int64 {
	if n := len(t.records[destSide]); n > 0 {
		return t.records[destSide][n-1].offset + 1
	}
	return t.from
}

// differs says where the mirror is not what the source is, and how; "" where it is. A source that is compacted may have less: the mirror,
// which is not compacted while it is one, may not.
func (t *tail) differs(compacted bool, from, to string) (at int64, how string) {
	if t == nil || t.err != nil {
		return 0, ""
	}
	source, mirror := t.records[sourceSide], t.records[destSide]
	for len(source) > 0 || len(mirror) > 0 {
		switch {
		case len(mirror) == 0 || len(source) > 0 && source[0].offset < mirror[0].offset:
			return source[0].offset, fmt.Sprintf("%s has a record at @%d, %s has none", from, source[0].offset, to)
		case len(source) == 0 || mirror[0].offset < source[0].offset:
			if !compacted {
				return mirror[0].offset, fmt.Sprintf("%s has a record at @%d, %s has none", to, mirror[0].offset, from)
			}
			mirror = mirror[1:]
		case source[0].sum != mirror[0].sum:
			return source[0].offset, fmt.Sprintf("the record at @%d is not the same in %s and in %s", source[0].offset, from, to)
		default:
			source, mirror = source[1:], mirror[1:]
		}
	}
	return 0, ""
}
