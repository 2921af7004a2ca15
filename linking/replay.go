package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// SalvageFile is what was exported of one partition: a log segment as Salvaged.Log names it.
type SalvageFile struct {
	Topic     string
	Partition int32
	First     int64 // the records in front of it are not what was exported
	Log       string
}

// SalvageFiles finds what was exported below the paths given: a file, or a directory with any number of them. The names say what they are:
// TOPIC-PARTITION/FIRST.log.
func SalvageFiles(paths []string) ([]SalvageFile, error) {
	var all []SalvageFile
	for _, path := range paths {
		before := len(all)
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".log" {
				return err
			}
			abs, err := filepath.Abs(name)
			if err != nil {
				return err
			}
			dir := filepath.Base(filepath.Dir(abs))
			cut := strings.LastIndexByte(dir, '-')
			p, perr := strconv.ParseInt(dir[cut+1:], 10, 32)
			first, ferr := strconv.ParseInt(strings.TrimSuffix(filepath.Base(abs), ".log"), 10, 64)
			if cut <= 0 || perr != nil || ferr != nil {
				return fmt.Errorf("%s: not a salvaged log: it would be called TOPIC-PARTITION/OFFSET.log", name)
			}
			all = append(all, SalvageFile{dir[:cut], int32(p), first, abs})
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: no salvaged log is in it", path)
		}
	}
	slices.SortStableFunc(all, func(a, b SalvageFile) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.First, b.First))
	})
	return slices.CompactFunc(all, func(a, b SalvageFile) bool { return a.Log == b.Log }), nil
}

// ReplayOptions say how salvaged records are produced again.
type ReplayOptions struct {
	Topic  string // where to; "": the topic that they were in
	Open   bool   // those of transactions that never committed too, and of those that were aborted
	DryRun bool   // count, and write nothing
}

// Replayed is what became of one file's records.
type Replayed struct {
	SalvageFile
	To          string // the topic that they were written to
	Records     int64  // in the file, without Uncommitted
	Present     int64  // there already, behind First: written by the first of two replays, or by a producer that tried again
	Written     int64
	Uncommitted int64 // left out: of transactions that were aborted, or never ended
	Unseen      int64 // offsets behind First that the topic has no more: what was there may be written twice
}

// ReplaySalvaged produces a file's records again: to the same partition, with the same key, value, headers and timestamp. A record that the
// partition has already at or behind the file's first offset is not written: so what was replayed before, or sent again by its producer, does not come
// twice, and a replay that was cut short goes on. Two records that are the same count as two.
func ReplaySalvaged(ctx context.Context, to *Region, f SalvageFile, o ReplayOptions) (*Replayed, error) {
	out := &Replayed{SalvageFile: f, To: cmp.Or(o.Topic, f.Topic)}
	fail := func(err error) (*Replayed, error) { return out, fmt.Errorf("%s: %w", f.Log, err) }
	log, err := os.Open(f.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	wanted := map[[2]uint64]int64{}
	each := func(do func(*batch.Record) error) error {
		return eachSalvaged(log, f.First, o.Open, &out.Uncommitted, do)
	}
	err = each(func(r *batch.Record) error {
		out.Records++
		wanted[contentSum(r)]++
		return nil
	})
	if err != nil {
		return fail(err)
	}
	if out.Records == 0 {
		return out, nil
	}
	present, err := out.present(ctx, to, wanted)
	if err != nil {
		return out, err
	}
	cl, err := kgo.NewClient(slices.Concat(to.Client.Opts(), []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())})...)
	if err != nil {
		return out, fmt.Errorf("%s: %w", to.Name, err)
	}
	defer cl.Close()
	var waiting []*kgo.Record
	flush := func() error {
		if err := Write(ctx, cl, waiting...); err != nil {
			return fmt.Errorf("%s: writing to %s-%d: %w", to.Name, out.To, out.Partition, err)
		}
		out.Written += int64(len(waiting))
		waiting = waiting[:0]
		return nil
	}
	err = each(func(r *batch.Record) error {
		if sum := contentSum(r); present[sum] > 0 {
			present[sum]--
			out.Present++
			return nil
		}
		if o.DryRun {
			out.Written++
			return nil
		}
		rec := &kgo.Record{Topic: out.To, Partition: out.Partition, Key: slices.Clone(r.Key), Value: slices.Clone(r.Value), Timestamp: time.UnixMilli(r.Timestamp)}
		err := r.Headers.Each(func(key, value []byte) {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: string(key), Value: slices.Clone(value)})
		})
		if err != nil {
			return err
		}
		if waiting = append(waiting, rec); len(waiting) < replayAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil && len(waiting) > 0 {
		err = flush()
	}
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// replayAtOnce is how many records are written before their answers are waited for.
const replayAtOnce = 10_000

// eachSalvaged goes over the records of a file that are to be produced again. It counts those that are left out anew.
func eachSalvaged(log *os.File, first int64, open bool, left *int64, do func(*batch.Record) error) error {
	*left = 0
	ends, err := transactionEnds(log)
	if err != nil {
		return err
	}
	return eachBatch(log, func(b batch.Batch) error {
		if b.Control() {
			return nil
		}
		if err := batch.Verify(b); err != nil {
			return err
		}
		out := outcome(b, ends[b.ProducerID()]) != "" && !open
		return batch.Records(b, func(r *batch.Record) error {
			switch {
			case r.Offset < first || r.Filler():
				return nil
			case out:
				*left++
				return nil
			}
			return do(r)
		})
	})
}

// contentSum is a digest of what a record says, wherever and whenever it was written.
func contentSum(r *batch.Record) [2]uint64 {
	content := *r
	content.Offset, content.Timestamp = 0, 0
	sum := content.Sum()
	return [2]uint64{sum[0], sum[1]}
}

// present counts which of the records wanted are in the partition already.
func (f *Replayed) present(ctx context.Context, to *Region, wanted map[[2]uint64]int64) (map[[2]uint64]int64, error) {
	k := partitionKey{f.To, f.Partition}
	bounds, err := listBounds(ctx, to, []string{f.To})
	if err != nil {
		return nil, err
	}
	at, there := bounds[k]
	switch {
	case !there:
		return nil, fmt.Errorf("%s: there is no partition %d of topic %q to write to", to.Name, f.Partition, f.To)
	case at.err != nil:
		return nil, fmt.Errorf("%s: %s-%d: reading log bounds: %w", to.Name, f.To, f.Partition, at.err)
	}
	found := map[[2]uint64]int64{}
	from := max(f.First, at.start)
	f.Unseen = from - f.First
	reader := newLogReader(to, 30*time.Second)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- reader.f.Run(ctx) }()
	failed, err := reader.read(ctx, map[partitionKey]offsets{k: {from, at.end}}, func(_ partitionKey, b batch.Batch) error {
		return batch.Records(b, func(r *batch.Record) error {
			if sum := contentSum(r); r.Offset >= from && found[sum] < wanted[sum] {
				found[sum]++
			}
			return nil
		})
	})
	cancel()
	<-ran // it ends with the context that was cancelled
	if err = errors.Join(err, failed[k]); err != nil {
		return nil, fmt.Errorf("%s: %s-%d: reading what is there already: %w", to.Name, f.To, f.Partition, err)
	}
	return found, nil
}
