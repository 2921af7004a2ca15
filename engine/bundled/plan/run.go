package plan

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/expr"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/op"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// compiled is what a pipeline runs.
type compiled struct {
	pool *vec.Pool
	text string

	// The watermark: of $rowtime less a delay, or an expression.
	delay     int64
	mark      *expr.Compiler
	markExpr  *expr.Expr
	markTicks int64

	in     *expr.Compiler
	filter *expr.Filter
	exprs  []*expr.Expr // of the result: over the input, or over the window's rows
	out    vec.Batch

	// The window aggregate, or nil.
	window    *op.WindowAggregate
	time      *expr.Expr
	timeTicks int64
	timeZone  *time.Location
	timeAt    st.Pos
	times     []int64
	keys      []*expr.Expr
	args      []*expr.Expr
	filters   []*expr.Expr
	vectors   [3][]*vec.Vector
	above     *expr.Compiler
	having    *expr.Filter

	rowsIn, rowsOut int64
	lastWatermark   int64
}

func (c *compiled) watermark(b *vec.Batch) (int64, error) {
	high := int64(vec.NoWatermark)
	if c.markExpr == nil {
		for _, t := range b.RowTime {
			high = max(high, t)
		}
		if high == vec.NoWatermark {
			return high, nil
		}
		return high - c.delay, nil
	}
	v, rows, err := c.marks(b)
	if err != nil {
		return 0, err
	}
	for _, i := range rows {
		if !v.Null(int(i)) {
			high = max(high, v.I64[i])
		}
	}
	if high == vec.NoWatermark {
		return high, nil
	}
	return floorDiv(high, c.markTicks), nil
}

func (c *compiled) watermarks(b *vec.Batch, dst []int64) ([]int64, error) {
	if c.markExpr == nil {
		for _, t := range b.RowTime {
			dst = append(dst, t-c.delay)
		}
		return dst, nil
	}
	v, _, err := c.marks(b)
	if err != nil {
		return dst, err
	}
	for i := range b.N {
		if v.Null(i) {
			dst = append(dst, vec.NoWatermark)
		} else {
			dst = append(dst, floorDiv(v.I64[i], c.markTicks))
		}
	}
	return dst, nil
}

func (c *compiled) marks(b *vec.Batch) (*vec.Vector, []int32, error) {
	rows := c.mark.Begin(b)
	v, err := c.markExpr.Eval(rows)
	if err != nil {
		return nil, nil, expr.Place(err, b)
	}
	return v, rows, nil
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

func (c *compiled) process(b *vec.Batch, emit Emit) error {
	c.rowsIn += int64(b.Selected())
	rows, err := c.filter.Apply(c.in.Begin(b))
	if err != nil {
		return expr.Place(err, b)
	}
	if len(rows) == 0 {
		return nil
	}
	if c.window != nil {
		return expr.Place(c.aggregate(b, rows), b)
	}
	return c.project(b, rows, emit)
}

// project computes the result over a batch and hands it on. Its columns are those of the expressions: nothing is copied.
func (c *compiled) project(b *vec.Batch, rows []int32, emit Emit) error {
	cols := c.out.Cols[:0]
	for _, e := range c.exprs {
		v, err := e.Eval(rows)
		if err != nil {
			return expr.Place(err, b)
		}
		cols = append(cols, *v)
	}
	c.out = vec.Batch{N: b.N, Cols: cols, Sel: rows, RowTime: b.RowTime, Watermark: vec.NoWatermark, Topic: b.Topic,
		Partition: b.Partition, Partitions: b.Partitions, Offsets: b.Offsets}
	c.rowsOut += int64(len(rows))
	return emit(&c.out)
}

// aggregate adds rows to their windows.
func (c *compiled) aggregate(b *vec.Batch, rows []int32) error {
	v, err := c.time.Eval(rows)
	if err != nil {
		return err
	}
	if v.HasNulls() {
		for _, i := range rows {
			if v.Nulls.Get(int(i)) {
				return &expr.RowError{At: c.timeAt, Row: int(i), Reason: "the time attribute of the window is NULL"}
			}
		}
	}
	r := op.Rows{Times: v.I64, Rows: rows}
	if c.timeTicks != 1 || c.timeZone != time.UTC {
		if cap(c.times) < b.N {
			c.times = make([]int64, max(b.N, vec.Rows))
		}
		c.times = c.times[:b.N]
		for _, i := range rows {
			c.times[i] = expr.Local(floorDiv(v.I64[i], c.timeTicks), c.timeZone)
		}
		r.Times = c.times
	}
	for k, list := range [][]*expr.Expr{c.keys, c.args, c.filters} {
		c.vectors[k] = c.vectors[k][:0]
		for _, e := range list {
			var v *vec.Vector
			if e != nil {
				if v, err = e.Eval(rows); err != nil {
					return err
				}
			}
			c.vectors[k] = append(c.vectors[k], v)
		}
	}
	r.Keys, r.Args, r.Filters = c.vectors[0], c.vectors[1], c.vectors[2]
	c.window.Add(r)
	return nil
}

func (c *compiled) advance(watermark int64, emit Emit) error {
	c.lastWatermark = max(c.lastWatermark, watermark)
	if c.window == nil {
		return nil
	}
	return c.window.Advance(watermark, func(b *vec.Batch) error {
		rows, err := c.having.Apply(c.above.Begin(b))
		if err != nil {
			return expr.Place(err, b)
		}
		if len(rows) == 0 {
			return nil
		}
		return c.project(b, rows, emit)
	})
}

func (c *compiled) snapshot(full bool) ([]state.Segment, error) {
	if c.window == nil {
		return nil, nil
	}
	return c.window.Snapshot(full), nil
}

func (c *compiled) restore(segments []state.Segment) error {
	if c.window == nil {
		return nil
	}
	return c.window.Restore(segments)
}

func (c *compiled) stats() Stats {
	s := Stats{RowsIn: c.rowsIn, RowsOut: c.rowsOut, Watermark: c.lastWatermark}
	if c.window != nil {
		w := c.window.Stats()
		s.Late, s.Windows, s.Groups, s.StateBytes, s.Watermark = w.Late, w.Windows, w.Groups, w.Bytes, w.Watermark
	}
	return s
}
