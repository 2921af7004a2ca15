package linking

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// Salvaged is what was exported of one partition before it was removed there.
type Salvaged struct {
	Topic      string
	Partition  int32
	First, End int64 // offsets [First, End)
	Records    int64
	Bytes      int64  // of the log
	Log        string // its batches as they stood in the log, markers and aborted records too: a segment that kafka-dump-log reads
	Lines      string // its records, each a line of JSON
}

// salvagedRecord is a line of Salvaged.Lines. Bytes that are no UTF-8 are in the field named with Base64; null is in neither.
type salvagedRecord struct {
	Offset      int64            `json:"offset"`
	Timestamp   time.Time        `json:"timestamp"`
	Key         *string          `json:"key,omitempty"`
	KeyBase64   []byte           `json:"keyBase64,omitempty"`
	Value       *string          `json:"value,omitempty"`
	ValueBase64 []byte           `json:"valueBase64,omitempty"`
	Headers     []salvagedHeader `json:"headers,omitempty"`
	Transaction string           `json:"transaction,omitempty"` // aborted or open: readers of committed data do not see it
}

type salvagedHeader struct {
	Key         string  `json:"key"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"valueBase64,omitempty"`
}

// salvage exports what a repair removes to directories of dir, one for each partition, and returns when it is on the disk. What is written
// to the topic while it is exported is exported too, as far as it is there when the log's end is looked at last.
func (l *Link) salvage(ctx context.Context, rep *Repair, dir string) ([]Salvaged, error) {
	var all []Salvaged
	for _, part := range rep.Parts {
		if part.End <= part.Start {
			continue
		}
		s, err := l.salvagePart(ctx, partitionKey{rep.Topic, part.Partition}, 0, dir)
		if err != nil {
			return all, fmt.Errorf("link %s: %s: %s-%d: exporting what is to be removed: %w", l.decl.Name, l.to.Name, rep.Topic, part.Partition, err)
		}
		all = append(all, *s)
	}
	return all, nil
}

// salvagePart exports a partition from an offset on.
func (l *Link) salvagePart(ctx context.Context, k partitionKey, from int64, dir string) (_ *Salvaged, err error) {
	bounds, err := listBounds(ctx, l.to, []string{k.topic})
	if err != nil {
		return nil, err
	}
	if bounds[k].err != nil {
		return nil, bounds[k].err
	}
	first := max(from, bounds[k].start)
	s := &Salvaged{Topic: k.topic, Partition: k.partition, First: first, End: first}
	dir = filepath.Join(dir, k.topic+"-"+strconv.Itoa(int(k.partition)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s.Log = filepath.Join(dir, fmt.Sprintf("%020d.log", s.First))
	s.Lines = filepath.Join(dir, fmt.Sprintf("%020d.jsonl", s.First))
	out, err := os.OpenFile(s.Log, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err // also where something is there: nothing that was exported before is written over
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for end := bounds[k].end; s.End < end; {
		err := readFrom(ctx, l.to, map[partitionKey]int64{k: s.End}, func(_ partitionKey, c *fetch.Chunk) (bool, error) {
			if c.Err != nil {
				return false, c.Err
			}
			n, err := out.Write(c.Records)
			s.Bytes, s.End = s.Bytes+int64(n), max(s.End, c.Next)
			return s.End >= end, err
		})
		if err != nil {
			return nil, err
		}
		if bounds, err = listBounds(ctx, l.to, []string{k.topic}); err != nil {
			return nil, err
		}
		end = bounds[k].end
	}
	if err := out.Sync(); err != nil {
		return nil, err
	}
	if s.Records, err = writeLines(out, s.Lines, s.First); err != nil {
		return nil, err
	}
	return s, syncDir(dir)
}

// writeLines writes the records of a log's batches, from offset first on, as lines of JSON, and returns how many they are.
func writeLines(log io.ReadSeeker, name string, first int64) (n int64, err error) {
	ends, err := transactionEnds(log)
	if err != nil {
		return 0, err
	}
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, 1<<20)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	err = eachBatch(log, func(b batch.Batch) error {
		if b.Control() {
			return nil
		}
		txn := outcome(b, ends[b.ProducerID()])
		return batch.Records(b, func(r *batch.Record) error {
			if r.Offset < first {
				return nil
			}
			n++
			line, err := lineOf(r)
			line.Transaction = txn
			return errors.Join(err, lines.Encode(line))
		})
	})
	return n, errors.Join(err, w.Flush(), out.Sync())
}

// transactionEnds are the markers that end transactions, by the producers that have records in transactions.
func transactionEnds(log io.ReadSeeker) (map[int64][]transactionEnd, error) {
	ends := map[int64][]transactionEnd{}
	err := eachBatch(log, func(b batch.Batch) error {
		if b.Transactional() && !b.Control() {
			ends[b.ProducerID()] = nil
		}
		return nil
	})
	if err != nil || len(ends) == 0 {
		return ends, err
	}
	return ends, eachBatch(log, func(b batch.Batch) error {
		if _, writes := ends[b.ProducerID()]; !writes || !b.Control() {
			return nil
		}
		m, ok, err := batch.ParseMarker(b)
		if ok {
			ends[b.ProducerID()] = append(ends[b.ProducerID()], transactionEnd{b.BaseOffset(), m.Commit})
		}
		return err
	})
}

type transactionEnd struct {
	offset int64
	commit bool
}

// outcome says what became of a transactional batch, "" for what readers of committed data see. ends are its producer's markers, in order.
func outcome(b batch.Batch, ends []transactionEnd) string {
	i := slices.IndexFunc(ends, func(e transactionEnd) bool { return e.offset > b.BaseOffset() })
	switch {
	case !b.Transactional() || i >= 0 && ends[i].commit:
		return ""
	case i < 0:
		return "open"
	}
	return "aborted"
}

func lineOf(r *batch.Record) (salvagedRecord, error) {
	line := salvagedRecord{Offset: r.Offset, Timestamp: time.UnixMilli(r.Timestamp).UTC()}
	line.Key, line.KeyBase64 = textOrBytes(r.Key)
	line.Value, line.ValueBase64 = textOrBytes(r.Value)
	err := r.Headers.Each(func(key, value []byte) {
		h := salvagedHeader{Key: string(key)}
		h.Value, h.ValueBase64 = textOrBytes(value)
		line.Headers = append(line.Headers, h)
	})
	return line, err
}

func textOrBytes(b []byte) (*string, []byte) {
	if b == nil || !utf8.Valid(b) {
		return nil, b
	}
	text := string(b)
	return &text, nil
}

// maxSalvaged bounds the memory that a damaged file can ask for: brokers have no batches of this size.
const maxSalvaged = 256 << 20

// eachBatch reads a log from its beginning, one batch in memory at a time.
func eachBatch(log io.ReadSeeker, do func(batch.Batch) error) error {
	if _, err := log.Seek(0, io.SeekStart); err != nil {
		return err
	}
	const prefix = 12 // base offset and length
	r, buf := bufio.NewReaderSize(log, 1<<20), []byte(nil)
	for {
		head, err := r.Peek(prefix)
		if errors.Is(err, io.EOF) && len(head) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		size := prefix + int(binary.BigEndian.Uint32(head[8:]))
		if size > maxSalvaged {
			return fmt.Errorf("a batch of %d bytes: %w", size, batch.ErrCorrupt)
		}
		buf = slices.Grow(buf[:0], size)[:size]
		if _, err := io.ReadFull(r, buf); err != nil {
			return err
		}
		b, _, err := batch.Next(buf)
		if err != nil {
			return err
		}
		if err := do(b); err != nil {
			return err
		}
	}
}

// syncDir makes files of a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
