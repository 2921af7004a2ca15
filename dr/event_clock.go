package dr

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// eventClock tells the event time of a topic's records: the column that the watermark of its table follows. The zero value takes their timestamps.
type eventClock struct {
	column string // "" = the timestamp
	reader *format.Reader
	row    *vec.Batch
	ticks  int64 // of a millisecond, in the column
	err    error // why the column can not be read
}

// clockOf is the clock of a table that is read in a region; that of a topic of which no table is known is its records' timestamps.
func clockOf(r *linking.Region, t *statements.Table) eventClock {
	if t == nil {
		return eventClock{}
	}
	at, stamped := t.EventTime()
	if stamped {
		return eventClock{}
	}
	c := eventClock{column: t.Watermark.Column}
	switch {
	case at < 0:
		c.err = fmt.Errorf("its event time %s is no column of %s by itself", c.column, t.Name)
		return c
	case t.Row()[at].Kind == statements.Computed:
		c.err = fmt.Errorf("its event time %s is computed, and no record holds it", c.column)
		return c
	}
	reader, err := format.NewReader(format.Source{Table: t, Wanted: []int{at}, Lookup: schemasOf(r)})
	if err != nil {
		c.err = fmt.Errorf("its event time %s can not be read: %w", c.column, err)
		return c
	}
	c.reader, c.row, c.ticks = reader, vec.New(reader.Kinds()...), vec.TicksPerMilli(t.Row()[at].Type.Precision)
	return c
}

// of is the event time of a record, in epoch ms; ok is false where it has none: a tombstone, or a NULL. A record that can not be decoded leaves all of the
// topic unmeasured.
func (c *eventClock) of(rec *kgo.Record) (ms int64, ok bool, err error) {
	if c.reader == nil {
		return rec.Timestamp.UnixMilli(), true, nil
	}
	if rec.Value == nil {
		return 0, false, nil
	}
	c.row.Truncate(0)
	err = c.reader.Append(c.row, &format.Record{Key: rec.Key, Value: rec.Value, Timestamp: rec.Timestamp.UnixMilli(), Offset: rec.Offset, Partition: rec.Partition})
	if err != nil {
		return 0, false, fmt.Errorf("its event time %s was not read at offset %d of partition %d: %w", c.column, rec.Offset, rec.Partition, err)
	}
	v := &c.row.Cols[0]
	if v.Null(0) {
		return 0, false, nil
	}
	return v.I64[0] / c.ticks, true, nil
}
