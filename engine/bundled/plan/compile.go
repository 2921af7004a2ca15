package plan

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/expr"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/op"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// defaultDelay is how far the default watermark stays behind $rowtime (the dialect's fixed tolerance since 2026).
const defaultDelay = 180 * time.Millisecond

// compiler carries a statement from its flat form to a pipeline.
type compiler struct {
	flat
	zone   *time.Location
	props  map[string]string
	wanted []int // columns of the scan's row
	types  []st.Type
}

func compile(r *st.Resolved, props map[string]string) (*Pipeline, error) {
	if r.Write == nil {
		return nil, invalid(r.Statement.At(), "", "%s is not a statement that runs", r.Statement.Kind())
	}
	f, err := flatten(r.Write)
	if err != nil {
		return nil, err
	}
	c := &compiler{flat: *f, props: props, zone: time.UTC}
	if name := props["sql.local-time-zone"]; name != "" {
		if c.zone, err = expr.Zone(name); err != nil {
			return nil, &engine.InvalidError{Message: fmt.Sprintf("property sql.local-time-zone: %v", err)}
		}
	}
	if mode := f.scan.Table.Mode(); mode != st.Append {
		return nil, invalid(f.scan.Pos, "ALTER TABLE … SET ('changelog.mode' = 'append') reads every record as an insert",
			"table %q has changelog mode %s: reading updates is not supported", f.scan.Table.Name, mode)
	}
	if h := f.scan.Table.Option("late-handling.mode", "pass-through"); h != "pass-through" {
		return nil, invalid(f.scan.Pos, "", "table %q: late-handling.mode %s is not supported", f.scan.Table.Name, h)
	}
	p := &Pipeline{Input: f.scan.Table, Output: r.Write.Table, Targets: r.Write.Targets, Mode: r.Write.Mode, Stateful: f.agg != nil}
	p.Options = maps.Clone(f.scan.Table.Options)
	if p.Options == nil {
		p.Options = map[string]string{}
	}
	maps.Copy(p.Options, f.scan.Options)
	c.collect()
	p.Wanted = c.wanted
	if p.c, err = c.build(); err != nil {
		return nil, err
	}
	p.c.text = c.explain(p)
	return p, nil
}

// collect finds the columns that anything needs, and renumbers all expressions to count in them.
func (c *compiler) collect() {
	row := c.scan.Table.Row()
	used := map[int]bool{}
	note := func(ref *st.ColumnRef) st.Scalar { used[ref.Index] = true; return ref }
	c.each(func(s st.Scalar) st.Scalar { return rewrite(s, note) })
	if w := c.scan.Table.Watermark; w != nil {
		rewrite(c.watermarkScalar(), note)
	}
	c.wanted = slices.Sorted(maps.Keys(used))
	at := map[int]int{}
	for i, index := range c.wanted {
		at[index] = i
		c.types = append(c.types, row[index].Type)
	}
	c.each(func(s st.Scalar) st.Scalar { return c.renumbered(s, at) })
}

// renumbered makes references count in the wanted columns.
func (c *compiler) renumbered(s st.Scalar, at map[int]int) st.Scalar {
	return rewrite(s, func(ref *st.ColumnRef) st.Scalar {
		out := *ref
		out.Index = at[ref.Index]
		return &out
	})
}

// each replaces every expression over the scan's row that the pipeline computes.
func (c *compiler) each(f func(st.Scalar) st.Scalar) {
	list := func(l []st.Scalar) {
		for i := range l {
			l[i] = f(l[i])
		}
	}
	list(c.before.conds)
	if c.agg == nil {
		list(c.before.row)
		return
	}
	c.time = f(c.time)
	for i, k := range c.keys {
		if c.bounds[i] < 0 {
			c.keys[i] = f(k)
		}
	}
	for i := range c.aggs {
		if c.aggs[i].arg != nil {
			c.aggs[i].arg = f(c.aggs[i].arg)
		}
		if c.aggs[i].filter != nil {
			c.aggs[i].filter = f(c.aggs[i].filter)
		}
	}
}

// watermarkScalar is the declared watermark over what the record holds.
func (c *compiler) watermarkScalar() st.Scalar {
	t := c.scan.Table
	row := make([]st.Scalar, 0, len(t.Columns)+1)
	for k, col := range t.Row() {
		row = append(row, &st.ColumnRef{Pos: c.scan.Pos, Index: k, Name: col.Name, Of: col.Type})
		if col.Kind == st.Computed {
			row[k] = computed(t, k, 0)
		}
	}
	return substitute(t.Watermark.Value, row)
}

func (c *compiler) build() (*compiled, error) {
	out := &compiled{in: expr.NewCompiler(expr.Env{Columns: c.types, Zone: c.zone}), lastWatermark: vec.NoWatermark}
	kinds := make([]vec.Kind, len(c.types))
	for i, t := range c.types {
		k, ok := vec.KindOf(t)
		if !ok {
			row := c.scan.Table.Row()
			return nil, invalid(c.scan.Pos, "", "column %q of table %q: reading the type %s is not supported", row[c.wanted[i]].Name, c.scan.Table.Name, t)
		}
		kinds[i] = k
	}
	out.pool = vec.NewPool(kinds...)
	var err error
	if err = c.buildWatermark(out); err != nil {
		return nil, err
	}
	if out.filter, err = out.in.Filter(c.before.conds...); err != nil {
		return nil, err
	}
	if c.agg == nil {
		out.exprs, err = exprs(out.in, c.before.row)
		return out, err
	}
	if err := c.buildWindow(out); err != nil {
		return nil, err
	}
	types := make([]st.Type, len(c.agg.Row))
	for i, col := range c.agg.Row {
		types[i] = col.Type
	}
	out.above = expr.NewCompiler(expr.Env{Columns: types, Zone: c.zone})
	if out.having, err = out.above.Filter(c.after.conds...); err != nil {
		return nil, err
	}
	out.exprs, err = exprs(out.above, c.after.row)
	return out, err
}

func exprs(c *expr.Compiler, list []st.Scalar) ([]*expr.Expr, error) {
	out := make([]*expr.Expr, len(list))
	for i, s := range list {
		var err error
		if out[i], err = c.Expr(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *compiler) buildWatermark(out *compiled) error {
	t := c.scan.Table
	if t.Watermark == nil {
		out.delay = defaultDelay.Milliseconds()
		return nil
	}
	at := map[int]int{}
	for i, index := range c.wanted {
		at[index] = i
	}
	out.mark = expr.NewCompiler(expr.Env{Columns: c.types, Zone: c.zone})
	e, err := out.mark.Expr(c.renumbered(c.watermarkScalar(), at))
	if err != nil {
		var inv *engine.InvalidError
		if errors.As(err, &inv) {
			return &engine.InvalidError{Message: fmt.Sprintf("the watermark of table %q: %s", t.Name, inv.Message)}
		}
		return err
	}
	if !e.Type.IsTimestamp() {
		return &engine.InvalidError{Message: fmt.Sprintf("the watermark of table %q has type %s", t.Name, e.Type)}
	}
	out.markExpr, out.markTicks = e, vec.TicksPerMilli(e.Type.Precision)
	return nil
}

// buildWindow makes the operator, and the expressions of its input.
func (c *compiler) buildWindow(out *compiled) error {
	timeType := c.time.Type()
	w := op.Window{Size: c.window.Size.Milliseconds(), Offset: c.window.Offset.Milliseconds(), Zone: time.UTC, EmitFrom: math.MinInt64, EmitAfter: math.MinInt64}
	if timeType.Kind == st.KindTimestampLTZ {
		w.Zone = c.zone
	}
	if w.Size <= 0 {
		return invalid(c.window.Pos, "", "a window of %s has no size", c.window.Size)
	}
	for name, to := range map[string]*int64{engine.PropEmitFrom: &w.EmitFrom, engine.PropEmitAfter: &w.EmitAfter} {
		if text := c.props[name]; text != "" {
			v, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return &engine.InvalidError{Message: fmt.Sprintf("property %s: %q is not a number of epoch milliseconds", name, text)}
			}
			*to = v
		}
	}
	var err error
	if out.time, err = out.in.Expr(c.time); err != nil {
		return err
	}
	out.timeTicks, out.timeZone, out.timeAt = vec.TicksPerMilli(timeType.Precision), w.Zone, c.window.Pos
	for i, k := range c.keys {
		o := op.Output{Key: -1, Aggregate: -1, Kind: vec.Int64}
		if b := c.bounds[i]; b >= 0 {
			o.Bound = [...]op.Bound{op.Start, op.End, op.Time}[b]
			o.Instant = c.agg.Row[i].Type.Kind == st.KindTimestampLTZ
			w.Outputs = append(w.Outputs, o)
			continue
		}
		e, err := out.in.Expr(k)
		if err != nil {
			return err
		}
		o.Key, o.Kind = len(w.Keys), e.Kind
		w.Keys, out.keys = append(w.Keys, e.Kind), append(out.keys, e)
		w.Outputs = append(w.Outputs, o)
	}
	for i, a := range c.aggs {
		spec := op.Aggregate{Func: a.Func, Distinct: a.Distinct, Star: a.Star, Of: a.Of}
		var arg, filter *expr.Expr
		if a.arg != nil {
			spec.Arg = a.arg.Type()
			if arg, err = out.in.Expr(a.arg); err != nil {
				return err
			}
		}
		if a.filter != nil {
			if filter, err = out.in.Expr(a.filter); err != nil {
				return err
			}
		}
		kind, ok := vec.KindOf(a.Of)
		if !ok {
			return invalid(a.Pos, "", "an aggregate of type %s is not supported", a.Of)
		}
		w.Aggregates = append(w.Aggregates, spec)
		w.Outputs = append(w.Outputs, op.Output{Key: -1, Aggregate: i, Kind: kind})
		out.args, out.filters = append(out.args, arg), append(out.filters, filter)
	}
	w.Digest = xxh3.HashString(c.signature())
	out.window, err = op.NewWindowAggregate(w)
	if err != nil {
		return invalid(c.agg.Pos, "", "%v", err)
	}
	return nil
}
