package dr

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Where a row says of which window it is, windows are compared one by one, each when both regions' watermarks have passed its end.

// noWindow stands for rows that tell no window.
const noWindow = math.MinInt64

// windows reads of rows where their window ends, in epoch milliseconds. A nil one finds none.
type windows struct {
	plans.OutputWindow
	ticks   int64 // of a millisecond, in the column
	readers [2]*format.Reader
	row     *vec.Batch
}

// newWindows returns nil where the output's rows tell no window that could be read.
func newWindows(d *plans.Declared, output plans.Output, regions [2]*linking.Region) *windows {
	of, ok := d.Window(output)
	if !ok {
		return nil
	}
	w := &windows{OutputWindow: of, ticks: vec.TicksPerMilli(of.Table.Row()[of.Column].Type.Precision)}
	for i, r := range regions {
		reader, err := format.NewReader(format.Source{Table: of.Table, Wanted: []int{of.Column}, Lookup: schemasOf(r)})
		if err != nil {
			return nil
		}
		w.readers[i], w.row = reader, vec.New(reader.Kinds()...)
	}
	return w
}

// schemasOf looks schemas up in a region's registry.
func schemasOf(r *linking.Region) format.Lookup {
	return func(id int) (format.Schema, error) {
		if r.Registry == nil {
			return format.Schema{}, fmt.Errorf("%s declares no registry", r.Name)
		}
		ctx, cancel := context.WithTimeout(context.Background(), schemaWithin) // a Lookup has no context; this one ends by itself
		defer cancel()
		s, err := r.Registry.SchemaByID(ctx, id)
		if answer, is := errors.AsType[*sr.ResponseError](err); is && answer.StatusCode == http.StatusNotFound {
			return format.Schema{}, errNoSchema
		}
		if err != nil {
			return format.Schema{}, fmt.Errorf("%s: schema %d: %w", r.Name, id, err)
		}
		return format.Schema{ID: id, Type: s.Type.String(), Text: s.Schema}, nil
	}
}

const schemaWithin = 5 * time.Second

// errNoSchema says that a registry does not know an id: the row is none of its statements'.
var errNoSchema = errors.New("the registry has no such schema")

// of is where the window of a row ends. A row that is not one of the table's tells none. An error is that of a registry that does not answer.
func (w *windows) of(side int, rec *kgo.Record) (int64, error) {
	if w == nil || rec.Value == nil {
		return noWindow, nil
	}
	w.row.Truncate(0)
	err := w.readers[side].Append(w.row, &format.Record{Key: rec.Key, Value: rec.Value, Timestamp: rec.Timestamp.UnixMilli(), Offset: rec.Offset, Partition: rec.Partition})
	if _, bad := errors.AsType[*format.BadRecordError](err); bad || errors.Is(err, errNoSchema) {
		return noWindow, nil
	}
	if err != nil {
		return noWindow, err
	}
	v := &w.row.Cols[0]
	if v.Null(0) {
		return noWindow, nil
	}
	at := v.I64[0] / w.ticks
	if !w.End {
		at += w.Size.Milliseconds()
	}
	return at, nil
}

// spanned is a window that is not judged yet.
type spanned struct {
	rows  [2]int64
	sum   [2]xxh3.Uint128
	since int // the look at which its last row was seen
}

func (c *comparer) span(window int64) *spanned {
	if c.spans[window] == nil {
		c.spans[window] = &spanned{}
	}
	return c.spans[window]
}

func (s *spanned) add(side int, row xxh3.Uint128, look int) {
	s.rows[side]++
	s.sum[side] = plus(s.sum[side], row)
	s.since = look
}

// plus adds hashes: the order of rows does not count, their number does.
func plus(a, b xxh3.Uint128) xxh3.Uint128 { return xxh3.Uint128{Hi: a.Hi + b.Hi, Lo: a.Lo + b.Lo} }

func minus(a, b xxh3.Uint128) xxh3.Uint128 { return xxh3.Uint128{Hi: a.Hi - b.Hi, Lo: a.Lo - b.Lo} }

// times is n times a hash; n may be negative.
func times(a xxh3.Uint128, n int64) xxh3.Uint128 {
	return xxh3.Uint128{Hi: a.Hi * uint64(n), Lo: a.Lo * uint64(n)}
}
