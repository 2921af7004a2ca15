package batch

import "fmt"

// Cut rebuilds a batch that a broker finds too large as several: each of about size bytes, and two of them at least. What they come to compressed
// is estimated by what all of it does, so one may be larger; a record is never cut, and a batch of a single one comes back as it is. Records
// must stand without holes. The codec is kept; it verifies the checksum.
func Cut(b Batch, size int) ([]Run, error) {
	if err := checkHeader(b); err != nil {
		return nil, err
	}
	if err := Verify(b); err != nil {
		return nil, err
	}
	if b.NumRecords() == 1 {
		return []Run{{b.BaseOffset(), b}}, nil
	}
	total := 0
	if err := Records(b, func(r *Record) error { total += sizeOf(r); return nil }); err != nil {
		return nil, err
	}
	most := min(total/2, int(int64(total)*int64(size)/int64(len(b))))
	var runs []Run
	builder, base := NewBuilder(b.Codec()), b.BaseOffset()
	flush := func(next int64) error {
		out, err := builder.Build(nil, NoIdentity)
		if err != nil {
			return fmt.Errorf("cutting: %w", err)
		}
		runs, base = append(runs, Run{base, out}), next
		builder.Reset()
		return nil
	}
	held := 0
	err := Records(b, func(r *Record) error {
		if n := sizeOf(r); held > 0 && held+n > most {
			if err := flush(r.Offset); err != nil {
				return err
			}
			held = 0
		}
		held += sizeOf(r)
		builder.Append(r.Timestamp, r.Key, r.Value, r.Headers)
		return nil
	})
	if err == nil {
		err = flush(b.NextOffset())
	}
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// sizeOf is about what a record takes before compression.
func sizeOf(r *Record) int { return 10 + len(r.Key) + len(r.Value) + len(r.Headers.raw) }
