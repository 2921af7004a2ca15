package linking

import (
	"context"
	"errors"
	"fmt"
)

// behind tells what becomes of a translated mirror that somebody else has written to.
func (r *Repair) behind(from, to string) []string {
	lines := (&Repair{Topic: r.Topic, Kind: RepairAlign, Parts: r.Parts}).Does(from, to)
	for _, p := range r.Parts {
		if p.foreign {
			lines = append(lines, fmt.Sprintf("%s-%d: goes on behind what somebody else wrote to it in %s, which stays; nothing is removed, and nothing of %s is missing or twice", r.Topic, p.Partition, to, from))
		}
	}
	return lines
}

// align marks the partitions that go on where the source's log begins now.
func (r *Repair) align(rec *topicRecord) {
	rec.Aligning = cloneOrNew(rec.Aligning)
	for _, p := range r.Parts {
		if !p.foreign {
			rec.Aligning[p.Partition] = true
		}
	}
}

// goBehind finds what the link has written around somebody else's records, by who wrote what, and records where it stands together with the
// mirror's state: the next process goes on from there.
func (l *Link) goBehind(ctx context.Context, s *store, rec *topicRecord, r *Repair) error {
	var parts []partitionKey
	for _, p := range r.Parts {
		if p.foreign {
			parts = append(parts, partitionKey{r.Topic, p.Partition})
		}
	}
	fenced, err := l.fence(ctx, s, parts, true)
	if err != nil {
		return err
	}
	rec.State, rec.Error, rec.FailedAt, rec.Codes = Active, "", nil, nil
	rec.Translated = cloneOrNew(rec.Translated)
	records := map[string]any{}
	var errs []error
	for k, f := range fenced {
		if f.err != nil {
			errs = append(errs, fmt.Errorf("%s: %s-%d: finding what is the link's: %w", l.to.Name, k.topic, k.partition, f.err))
			continue
		}
		rec.Translated[k.partition] = rec.Translated[k.partition].reach(f.offsets)
		for key, value := range s.mapRecords(k, f.offsets, f.before, f.stored, f.held) {
			records[key] = value
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for key, value := range s.pieces(rec) {
		records[key] = value
	}
	s.memory.topics[rec.Topic] = rec
	return s.write(ctx, records)
}
