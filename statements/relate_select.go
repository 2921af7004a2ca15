package statements

import (
	"slices"
	"strings"
)

// selected relates a SELECT. Columns that only the order needs stand behind the outputs; tail takes them off again.
func (r *relater) selected(n *Select, outer *relScope, order []*OrderItem) (Rel, *relScope) {
	r.ttl = ttlHints(n.Hints)
	rel, s := r.from(n.From, outer)
	s.outer = outer
	if bad := caught(func() { rel, s = r.where(n.Where, rel, s) }); bad != nil {
		r.bad = append(r.bad, bad)
	}
	rel = settle(rel)
	var orders []Expr
	for _, o := range order {
		orders = append(orders, o.Expr)
	}
	if len(n.GroupBy) > 0 || n.Having != nil || r.aggregates(n, orders) != nil {
		rel, s = r.grouped(n, rel, s, orders)
		if n.Having != nil {
			rel, s = r.where(n.Having, rel, s)
		}
	}
	rel, s = r.overs(n, rel, s)
	if n.Qualify != nil {
		rel, s = r.where(n.Qualify, rel, s)
	}
	p := &Projection{Pos: n.Pos, In: rel}
	for _, item := range n.Items {
		if star, ok := item.Expr.(*Star); ok {
			r.star(p, star, &s.scope)
			continue
		}
		if q := nestedQueries(item.Expr); len(q) > 0 {
			p.In, s = r.scalarQueries(item.Expr, p.In, s)
		}
		p.add(r.item(item.Expr, s), itemName(item, len(p.Exprs)), s.columns)
	}
	if n.Distinct {
		return distinct(p, n.Pos), scopeOf(p, "")
	}
	above := scopeOf(p, "")
	for i := range above.columns {
		if ref, ok := p.Exprs[i].(*ColumnRef); ok {
			above.columns[i].table = s.columns[ref.Index].table
		}
	}
	for _, e := range orders {
		if !r.attempt(func() { r.bind(e, above) }) {
			p.add(r.bind(e, s), orderColumn, s.columns)
			above.columns = append(above.columns, scopeColumn{Column: p.Row[len(p.Row)-1]})
			if above.made == nil {
				above.made = map[Expr]int{}
			}
			above.made[e] = len(p.Row) - 1
		}
	}
	return p, above
}

// distinct groups by all columns.
func distinct(in Rel, at Pos) Rel {
	a := &Aggregation{Pos: at, In: in}
	for i, c := range in.Columns() {
		a.Keys = append(a.Keys, &ColumnRef{Pos: at, Index: i, Name: c.Name, Of: c.Type})
		c.Window = nil
		a.Row = append(a.Row, c)
	}
	a.Window = groupWindow(in.Columns(), a.Keys)
	for i := range a.Row {
		a.Row[i].Time = a.Row[i].Time && a.Window != nil
	}
	return a
}

// groupWindow is the window whose bounds are both among the keys.
func groupWindow(row []Column, keys []Scalar) *Windowing {
	var start, end *Windowing
	for _, k := range keys {
		if ref, ok := k.(*ColumnRef); ok && row[ref.Index].Window != nil {
			switch w := row[ref.Index].Window; w.Bound {
			case WindowStart:
				start = w.Of
			case WindowEnd:
				end = w.Of
			}
		}
	}
	if start != end {
		return nil
	}
	return start
}

// aggregates are the calls of aggregate functions in the outputs, HAVING and the order, without those in OVER.
func (r *relater) aggregates(n *Select, orders []Expr) []Expr {
	var out []Expr
	all := slices.Clone(orders)
	for _, item := range n.Items {
		all = append(all, item.Expr)
	}
	for _, e := range append(all, n.Having, n.Qualify) {
		if e == nil {
			continue
		}
		walkExpr(e, func(x Expr) bool {
			switch c := x.(type) {
			case *Call:
				if c.Over == nil && (isAggregate(c.Func) && !isGrouping(c.Func) || len(n.GroupBy) > 0 && userFunction(c.Func)) {
					out = append(out, c)
					return false
				}
			case *JSONMake:
				if c.Over == nil && strings.HasSuffix(c.Func, "AGG") {
					out = append(out, c)
					return false
				}
			}
			return true
		})
	}
	return out
}

func isGrouping(f string) bool { return f == "GROUPING" || f == "GROUPING_ID" || f == "GROUP_ID" }

// userFunction reports whether a function is none of the dialect's: it may be an aggregate of the user's.
func userFunction(f string) bool {
	_, known := functions[f]
	_, alias := aliases[f]
	return !known && !alias && !isAggregate(f) && !otherFunctions[f]
}

// grouped adds an aggregation. Above it an expression is found by the text of its key, or as the aggregate that it is.
func (r *relater) grouped(n *Select, in Rel, s *relScope, orders []Expr) (Rel, *relScope) {
	a := &Aggregation{Pos: n.Pos, In: in, TTL: r.hinted(in)}
	above := &relScope{made: map[Expr]int{}, texts: map[string]int{}, outer: s.outer}
	above.table, above.under = s.table, &s.scope
	var keys []Expr
	for _, e := range n.GroupBy {
		keys = append(keys, groupKeys(e, &a.Sets)...)
	}
	for _, e := range keys {
		if _, ok := above.texts[e.SQL()]; ok {
			continue
		}
		if w := r.groupWindowing(e, in, s); w != nil && a.Window == nil {
			above.texts[e.SQL()] = len(a.Row)
			a.In, a.Window, a.Keys = w, w, append(a.Keys, w.bounds(e.At())...)
			for _, c := range w.Row[len(in.Columns()):] {
				a.Row, above.columns = append(a.Row, c), append(above.columns, scopeColumn{Column: c})
			}
			continue
		}
		k := r.bind(e, s)
		c := Column{Name: keyName(k, len(a.Row)), Type: k.Type()}
		table := ""
		if ref, ok := k.(*ColumnRef); ok {
			from := s.columns[ref.Index]
			table, c.Name = from.table, from.Name
			c.Time = from.Window != nil && from.Window.Bound == WindowTime
		}
		above.texts[e.SQL()] = len(a.Row)
		above.columns = append(above.columns, scopeColumn{Column: c, table: table})
		a.Keys, a.Row = append(a.Keys, k), append(a.Row, c)
	}
	if a.Window != nil {
		a.Window.Partition = a.partition()
	} else if a.Window = groupWindow(in.Columns(), a.Keys); a.Window != nil && a.Window.Kind == Session && a.besideWindow() != len(a.Window.Partition) {
		a.Window = nil // the sessions are not those of the groups: Flink runs it as an aggregation without a window
	}
	for i, k := range a.Keys { // the bounds stay those of the window, for what groups or ranks by them again
		if ref, ok := k.(*ColumnRef); ok && a.Window != nil {
			if w := a.In.Columns()[ref.Index].Window; w != nil && w.Of == a.Window {
				a.Row[i].Window, above.columns[i].Window = w, w
			}
		}
	}
	for _, e := range r.aggregates(n, orders) {
		if i, ok := above.texts[e.SQL()]; ok {
			above.made[e] = i
			continue
		}
		agg := r.aggregateOf(e, s)
		above.texts[e.SQL()], above.made[e] = len(a.Row), len(a.Row)
		c := Column{Type: agg.Of}
		above.columns = append(above.columns, scopeColumn{Column: c})
		a.Aggregates, a.Row = append(a.Aggregates, agg), append(a.Row, c)
	}
	return a, above
}

// besideWindow counts the keys that are no bounds of the window.
func (a *Aggregation) besideWindow() int {
	n := 0
	for _, k := range a.Keys {
		ref, ok := k.(*ColumnRef)
		if w := a.In.Columns(); !ok || w[ref.Index].Window == nil || w[ref.Index].Window.Of != a.Window {
			n++
		}
	}
	return n
}

// groupKeys are the keys of one item of GROUP BY; sets counts the grouping sets.
func groupKeys(e Expr, sets *int) []Expr {
	switch n := e.(type) {
	case *Grouping:
		*sets += max(1, len(n.Items))
		var out []Expr
		for _, x := range n.Items {
			inner := 0
			out = append(out, groupKeys(x, &inner)...)
		}
		return out
	case *Row:
		return n.Items
	}
	return []Expr{e}
}

// aggregateOf relates the call of an aggregate function.
func (r *relater) aggregateOf(e Expr, s *relScope) *Aggregate {
	a := &Aggregate{Pos: e.At()}
	var filter Expr
	switch n := e.(type) {
	case *Call:
		a.Func, a.Distinct, a.Star, filter = n.Func, n.Distinct, n.Star, n.Filter
		for _, x := range n.Args {
			if _, ok := x.(*Star); !ok {
				a.Args = append(a.Args, r.bind(unnamed(x), s))
			}
		}
		for _, o := range n.OrderBy {
			a.Args = append(a.Args, r.bind(o.Expr, s))
		}
		a.Of = r.aggregateResult(n, a)
	case *JSONMake:
		a.Func, filter = n.Func, n.Filter
		for _, x := range append(slices.Clone(n.Keys), n.Values...) {
			a.Args = append(a.Args, r.bind(x, s))
		}
		a.Of = String()
	}
	if filter != nil {
		a.Filter = r.bind(filter, s)
	}
	return a
}

// aggregateResult is the type of an aggregate function, KindInvalid where it is not known.
func (r *relater) aggregateResult(n *Call, a *Aggregate) (t Type) {
	var types []Type
	for _, x := range a.Args {
		types = append(types, x.Type())
	}
	if n.Func == "COUNT" {
		return BigInt().NotNull()
	}
	if len(n.Of) > 0 || slices.ContainsFunc(types, func(t Type) bool { return !known(t) }) {
		return Type{}
	}
	if of := aggregateTypes[n.Func]; of != nil {
		return of(types)
	}
	if len(a.Args) == 1 && aggregates[n.Func] {
		if bad := caught(func() { t = aggregateType(n, a, true) }); bad != nil && bad.rule == RuleType {
			r.bad = append(r.bad, bad)
		}
	}
	return t
}

// overs adds the OVER aggregations of the outputs and of QUALIFY, one node for each window.
func (r *relater) overs(n *Select, in Rel, s *relScope) (Rel, *relScope) {
	all := []Expr{n.Qualify}
	for _, item := range n.Items {
		all = append(all, item.Expr)
	}
	nodes := map[string]*Over{}
	calls := map[string][]Expr{}
	var texts []string
	for _, e := range all {
		if e == nil {
			continue
		}
		walkExpr(e, func(x Expr) bool {
			var spec *WindowSpec
			switch c := x.(type) {
			case *Call:
				spec = c.Over
			case *JSONMake:
				spec = c.Over
			}
			if spec == nil {
				return true
			}
			spec = named2(spec, n.Windows)
			text := spec.SQL()
			if nodes[text] == nil {
				nodes[text] = r.over(spec, s)
				texts = append(texts, text)
			}
			calls[text] = append(calls[text], x)
			return false
		})
	}
	if len(texts) == 0 {
		return in, s
	}
	above := &relScope{scope: s.scope, made: map[Expr]int{}, texts: s.texts, outer: s.outer}
	for k, v := range s.made {
		above.made[k] = v
	}
	above.columns = slices.Clone(s.columns)
	for _, text := range texts {
		o := nodes[text]
		o.In, o.Row = in, slices.Clone(in.Columns())
		for _, e := range calls[text] {
			a := r.aggregateOf(e, s)
			o.offset(a)
			above.made[e] = len(o.Row)
			c := Column{Type: a.Of, Hidden: true} // * is the columns of FROM
			o.Calls, o.Row = append(o.Calls, a), append(o.Row, c)
			above.columns = append(above.columns, scopeColumn{Column: c})
		}
		in = o
	}
	return in, above
}

// named2 is the window that a specification names or refines.
func named2(spec *WindowSpec, defs []*WindowDef) *WindowSpec {
	if spec.Name == nil {
		return spec
	}
	for _, d := range defs {
		if d.Name.Name != spec.Name.Name {
			continue
		}
		out := *d.Spec
		if len(spec.OrderBy) > 0 {
			out.OrderBy = spec.OrderBy
		}
		if spec.Frame != nil {
			out.Frame = spec.Frame
		}
		return &out
	}
	nameProblem(spec.Pos, "", "there is no window %s", quoteName(clip(spec.Name.Name)))
	return nil
}

func (r *relater) over(spec *WindowSpec, s *relScope) *Over {
	o := &Over{Pos: spec.Pos, Range: true, Rows: -1}
	for _, e := range spec.PartitionBy {
		o.Partition = append(o.Partition, r.bind(e, s))
	}
	for _, k := range spec.OrderBy {
		o.Order = append(o.Order, SortKey{r.bind(k.Expr, s), k.Descending})
	}
	if f := spec.Frame; f != nil {
		o.Range = f.Range
		switch x := f.Start.Offset.(type) {
		case *Interval:
			if d, ok := x.Millis(); ok {
				o.Preceding = &d
			}
		case *Literal:
			o.Rows, _ = wholeNumber(x)
		}
		if f.Start.Current {
			o.Rows = 0
		}
	}
	return o
}

// offset makes the frame of LAG and LEAD the rows that they look back.
func (o *Over) offset(a *Aggregate) {
	if a.Func != "LAG" && a.Func != "LEAD" {
		return
	}
	back := int64(1)
	if len(a.Args) > 1 {
		if c, ok := a.Args[1].(*Constant); ok {
			if v, ok := c.Value.(int64); ok {
				back = v
			}
		}
	}
	o.Range, o.Rows = false, max(o.Rows, back)
}
