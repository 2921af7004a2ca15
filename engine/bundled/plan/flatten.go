package plan

import (
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/expr"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// stage is a run of filters and projections, fused: conditions and a row, all over the same input.
type stage struct {
	conds []st.Scalar
	row   []st.Scalar
}

// flat is a query as stages around at most one aggregation.
type flat struct {
	scan   *st.Scan
	before stage // over the scan's row
	window *st.Windowing
	time   st.Scalar // the time attribute that windows are cut by
	agg    *st.Aggregation
	bounds []int // of each key: the st.WindowBound that it is, -1 for a key of the data
	keys   []st.Scalar
	aggs   []aggregate
	after  stage // over the aggregation's row; without an aggregation unused
}

type aggregate struct {
	*st.Aggregate
	arg, filter st.Scalar // nil where there is none
}

func invalid(at st.Pos, hint, format string, args ...any) error {
	return &engine.InvalidError{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// flatten turns the tree of a query into stages.
func flatten(w *st.Write) (*flat, error) {
	var path []st.Rel
	for r := w.In; r != nil; r = r.Input() {
		path = append(path, r)
	}
	f := &flat{}
	s := &f.before
	for i := len(path) - 1; i >= 0; i-- {
		switch r := path[i].(type) {
		case *st.Scan:
			f.scan = r
			for k, c := range r.Table.Row() {
				s.row = append(s.row, &st.ColumnRef{Pos: r.Pos, Index: k, Name: c.Name, Of: c.Type})
			}
			for k, c := range r.Table.Columns {
				if c.Kind == st.Computed {
					s.row[k] = computed(r.Table, k, 0)
				}
			}
		case *st.Filter:
			s.conds = append(s.conds, substitute(r.Cond, s.row))
		case *st.Projection:
			row := make([]st.Scalar, len(r.Exprs))
			for k, e := range r.Exprs {
				row[k] = substitute(e, s.row)
			}
			s.row = row
		case *st.Windowing:
			if f.window != nil {
				return nil, invalid(r.At(), "", "a window of windowed rows is not supported")
			}
			if r.Kind != st.Tumble {
				return nil, invalid(r.At(), "use TUMBLE", "the window function %s is not supported", r.Kind)
			}
			f.window, f.time = r, s.row[r.Time]
			for k, c := range r.Row[len(s.row):] {
				s.row = append(s.row, windowScalar(r, f.time, st.WindowBound(k), c.Type))
			}
		case *st.Aggregation:
			if f.agg != nil || r.Window == nil || r.Window != f.window {
				return nil, invalid(r.At(), "aggregate once, in a window", "this aggregation is not supported")
			}
			f.agg = r
			f.aggregation(r, s)
			s = &f.after
			for k, c := range r.Row {
				s.row = append(s.row, &st.ColumnRef{Pos: r.Pos, Index: k, Name: c.Name, Of: c.Type})
			}
		default:
			return nil, invalid(path[i].At(), "", "a query part of kind %T is not supported", r)
		}
	}
	if f.scan == nil {
		return nil, invalid(w.Pos, "", "a query without a table is not supported")
	}
	return f, nil
}

// aggregation takes the keys and aggregates over the stage below.
func (f *flat) aggregation(r *st.Aggregation, s *stage) {
	in := r.In.Columns()
	for _, k := range r.Keys {
		bound := -1
		if ref, ok := k.(*st.ColumnRef); ok && in[ref.Index].Window != nil && in[ref.Index].Window.Of == r.Window {
			bound = int(in[ref.Index].Window.Bound)
		}
		f.bounds = append(f.bounds, bound)
		f.keys = append(f.keys, substitute(k, s.row))
	}
	for _, a := range r.Aggregates {
		out := aggregate{Aggregate: a}
		if len(a.Args) > 0 {
			out.arg = substitute(a.Args[0], s.row)
		}
		if a.Filter != nil {
			out.filter = substitute(a.Filter, s.row)
		}
		f.aggs = append(f.aggs, out)
	}
}

// windowScalar is a window's bound as a function of the row's time, for queries that use it without an aggregation.
func windowScalar(w *st.Windowing, at st.Scalar, bound st.WindowBound, of st.Type) st.Scalar {
	millis := func(d time.Duration) st.Scalar {
		return &st.Constant{Pos: w.Pos, Of: st.BigInt().NotNull(), Value: d.Milliseconds()}
	}
	name := [...]string{expr.WindowStart, expr.WindowEnd, expr.WindowTime}[bound]
	return &st.Op{Pos: w.Pos, Name: name, Args: []st.Scalar{at, millis(w.Size), millis(w.Offset)}, Of: of}
}

// computed is a computed column as an expression over what the record holds.
func computed(t *st.Table, column, depth int) st.Scalar {
	if depth > len(t.Columns) {
		return t.Columns[column].Value // a cycle, which declaring the table refuses
	}
	return rewrite(t.Columns[column].Value, func(ref *st.ColumnRef) st.Scalar {
		if ref.Index < len(t.Columns) && t.Columns[ref.Index].Kind == st.Computed {
			return computed(t, ref.Index, depth+1)
		}
		return ref
	})
}

// substitute puts the expressions of a row in place of the references to its columns.
func substitute(s st.Scalar, row []st.Scalar) st.Scalar {
	return rewrite(s, func(ref *st.ColumnRef) st.Scalar { return row[ref.Index] })
}

// rewrite copies an expression with its columns replaced.
func rewrite(s st.Scalar, column func(*st.ColumnRef) st.Scalar) st.Scalar {
	switch s := s.(type) {
	case *st.ColumnRef:
		return column(s)
	case *st.Op:
		out := *s
		out.Args = make([]st.Scalar, len(s.Args))
		for i, a := range s.Args {
			out.Args[i] = rewrite(a, column)
		}
		return &out
	}
	return s
}
