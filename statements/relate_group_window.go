package statements

import (
	"slices"
	"strings"
)

// groupWindowing is the window that a call in GROUP BY assigns each row to, as the windowing table function below the aggregation that it stands
// for: GROUP BY TUMBLE(ts, INTERVAL '1' HOUR), which Flink takes beside the table function. nil where the key is no such call.
func (r *relater) groupWindowing(key Expr, in Rel, s *relScope) *Windowing {
	n, ok := key.(*Call)
	if !ok || len(n.Args) < 2 {
		return nil
	}
	kind := WindowKind(n.Func)
	if kind != Tumble && kind != Hop && kind != Session {
		return nil
	}
	at, ok := r.bind(n.Args[0], s).(*ColumnRef)
	if !ok || !in.Columns()[at.Index].Time && !in.Columns()[at.Index].Clock {
		return nil
	}
	w := &Windowing{Pos: n.Pos, In: in, Kind: kind, Time: at.Index}
	lengths := n.Args[1:]
	if kind == Hop { // the slide stands before the size
		lengths = slices.Clone(lengths)
		slices.Reverse(lengths[:min(2, len(lengths))])
	}
	for i, x := range lengths {
		d, ok := x.(*Interval)
		if !ok {
			return nil
		}
		length, ok := d.Millis()
		switch {
		case !ok:
			return nil
		case i == 0:
			w.Size = length
		case i == 1 && kind == Hop:
			w.Step = length
		default:
			w.Offset = length
		}
	}
	w.Row = slices.Clone(in.Columns())
	return w.bounded()
}

// bounded adds the window's bounds to its row.
func (w *Windowing) bounded() *Windowing {
	at := w.In.Columns()[w.Time]
	for _, b := range []WindowBound{WindowStart, WindowEnd, WindowTime} {
		t := Timestamp(3).NotNull()
		if b == WindowTime {
			t = at.Type.NotNull()
		}
		w.Row = append(w.Row, Column{Name: b.String(), Type: t, Time: b == WindowTime && !at.Clock, Clock: b == WindowTime && at.Clock, Window: &WindowColumn{Of: w, Bound: b}})
	}
	return w
}

// bounds are references to the window's bounds, which become keys of the group.
func (w *Windowing) bounds(at Pos) []Scalar {
	var out []Scalar
	for i, c := range w.Row[len(w.In.Columns()):] {
		out = append(out, &ColumnRef{Pos: at, Index: len(w.In.Columns()) + i, Name: c.Name, Of: c.Type})
	}
	return out
}

// partition are the columns that are keys of a group beside its window: a session is one of their rows.
func (a *Aggregation) partition() []int {
	var out []int
	for _, k := range a.Keys {
		if ref, ok := k.(*ColumnRef); ok && ref.Index < len(a.Window.In.Columns()) {
			out = append(out, ref.Index)
		}
	}
	return out
}

// windowKey is the key that is the window of a group, or one of its bounds where a call asks for it: TUMBLE_START of GROUP BY TUMBLE.
func (s *relScope) windowKey(n *Call) (int, bool) {
	window, bound, of := strings.Cut(n.Func, "_")
	if !of || len(s.texts) == 0 {
		return 0, false
	}
	key := *n
	key.Func = window
	i, ok := s.texts[key.SQL()]
	if !ok || s.columns[i].Window == nil {
		return i, ok
	}
	return i + int(map[string]WindowBound{"END": WindowEnd, "ROWTIME": WindowTime, "PROCTIME": WindowTime}[bound]), true
}
