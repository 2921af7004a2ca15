package statements

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// from resolves what stands in FROM, and gives the row that the query sees.
func (r *resolver) from(t TableExpr) (Rel, *scope) {
	switch n := t.(type) {
	case *TableRef:
		rel := r.scan(n)
		return rel, named(rel.Row, n.Name.Last(), n.Alias)
	case *WindowTable:
		rel := r.windowing(n)
		alias := n.Alias
		if alias == nil {
			alias = n.Table.Alias
		}
		return rel, named(rel.Row, n.Table.Name.Last(), alias)
	case *Derived:
		rel := r.query(n.Query)
		return rel, named(rel.Columns(), "", n.Alias)
	}
	panic(unsupported(t.At(), "this table", ""))
}

// named makes the scope of a row under the table's name or its alias.
func named(row []Column, table string, alias *Alias) *scope {
	s := &scope{table: "the query in FROM"}
	if alias != nil {
		table = alias.Name.Name
	}
	if table != "" {
		s.table = quoteName(clip(table))
	}
	visible := 0
	for _, c := range row {
		if !c.Hidden {
			visible++
		}
		s.columns = append(s.columns, scopeColumn{Column: c, table: table})
	}
	if alias == nil || len(alias.Columns) == 0 {
		return s
	}
	open := isOpen(row)
	if len(alias.Columns) != visible && !open {
		nameProblem(alias.Pos, "", "the alias names %d columns; %s has %d", len(alias.Columns), s.table, visible)
	}
	i := 0
	for j := range s.columns {
		switch c := &s.columns[j]; {
		case c.Hidden:
		case i < len(alias.Columns):
			c.Name, c.Open = alias.Columns[i].Name, false
			i++
		default: // of an open row, whose columns the alias has all named
			c.Name, c.Hidden, c.Open = "", true, false
		}
	}
	return s
}

func (r *resolver) table(n Name) *Table {
	t, ok := r.cat.Table(n.Last())
	if ok {
		return t
	}
	remedy := "create it first, or its topic"
	if lister, ok := r.cat.(interface{ Names() []string }); ok {
		if meant := nearest(n.Last(), lister.Names()); meant != "" {
			remedy = "did you mean " + quoteName(meant) + "?"
		}
	}
	nameProblem(n.Parts[len(n.Parts)-1].Pos, remedy, "there is no table %s", quoteName(clip(n.Last())))
	return nil
}

// Names lists the tables, sorted, for suggestions.
func (ts Tables) Names() []string { return slices.Sorted(maps.Keys(ts)) }

func (r *resolver) scan(n *TableRef) *Scan {
	t := r.table(n.Name)
	if m := t.Mode(); m != Append {
		panic(unsupported(n.Pos, "reading "+quoteName(clip(t.Name))+", whose changelog mode is "+string(m)+",", "lifeboat's engine reads append tables yet"))
	}
	sc := &Scan{Pos: n.Pos, Table: t}
	for _, h := range n.Hints {
		if h.Name != "OPTIONS" {
			panic(unsupported(h.Pos, "the hint "+clip(h.Name), "leave it out"))
		}
		for _, o := range h.Options {
			if sc.Options == nil {
				sc.Options = map[string]string{}
			}
			sc.Options[o.Key] = o.Value
		}
	}
	for _, c := range t.Row() {
		sc.Row = append(sc.Row, Column{Name: c.Name, Type: c.Type, Time: c.Name == t.TimeColumn(), Hidden: c.Kind == System})
	}
	return sc
}

func (r *resolver) windowing(n *WindowTable) *Windowing {
	refuseWindow(n)
	sc := r.scan(n.Table)
	s := named(sc.Row, n.Table.Name.Last(), n.Table.Alias)
	i := s.find("", n.Time.Name)
	if i < 0 {
		s.column(&ColumnName{Name{Pos: n.Time.Pos, Parts: []Ident{n.Time}}})
	}
	c := s.columns[i]
	if !c.Time {
		typeProblem(n.Time.Pos, "window on "+quoteName(sc.Table.TimeColumn())+", or declare WATERMARK FOR "+quoteName(clip(n.Time.Name))+" on the table",
			"%s is not the time attribute of %s: no watermark holds for it", quoteName(clip(n.Time.Name)), s.table)
	}
	w := &Windowing{Pos: n.Pos, In: sc, Kind: n.Kind, Time: i}
	w.Size, _ = n.Size.Millis()
	if n.Offset != nil {
		w.Offset, _ = n.Offset.Millis()
	}
	for _, c := range s.columns {
		w.Row = append(w.Row, c.Column)
	}
	for _, b := range []WindowBound{WindowStart, WindowEnd, WindowTime} {
		t := Timestamp(3).NotNull()
		if b == WindowTime {
			t = c.Type.NotNull()
		}
		w.Row = append(w.Row, Column{Name: b.String(), Type: t, Time: b == WindowTime, Window: &WindowColumn{Of: w, Bound: b}})
	}
	return w
}

// write resolves the target of an INSERT and fits the query's row to it.
func (r *resolver) write(n *Insert) *Write {
	refuseHints(n.Hints)
	t := r.table(n.Table)
	rel := r.query(n.Query)
	out := rel.Columns()
	targets := r.targets(n, t)
	if len(out) != len(targets) {
		var names []string
		for _, i := range targets {
			names = append(names, t.Columns[i].Name)
		}
		typeProblem(n.Query.Pos, "name the columns that are written: INSERT INTO t (a, b) SELECT …", "the query gives %s, %s takes %d: %s",
			counted(len(out), "column"), quoteName(clip(t.Name)), len(targets), strings.Join(clipList(names), ", "))
	}
	given := map[int]int{}
	for i, target := range targets {
		given[target] = i
	}
	p := &Projection{Pos: n.Query.Pos, In: rel}
	w := &Write{Pos: n.Pos, Table: t, Mode: t.Mode()}
	for i, c := range t.Columns {
		if !c.Persisted() {
			continue
		}
		w.Targets = append(w.Targets, i)
		p.Exprs = append(p.Exprs, r.store(n, t, c, given, i, out))
		p.Row = append(p.Row, Column{Name: c.Name, Type: p.Exprs[len(p.Exprs)-1].Type()})
	}
	w.In = p
	return w
}

// store is the value of one column of the target.
func (r *resolver) store(n *Insert, t *Table, c TableColumn, given map[int]int, index int, out []Column) Scalar {
	i, ok := given[index]
	if !ok {
		if !c.Type.Nullable {
			noValue(n, t, c)
		}
		return &Constant{Pos: n.Table.Pos, Of: c.Type}
	}
	from := out[i].Type
	x := Scalar(&ColumnRef{Pos: itemPos(n.Query, i), Index: i, Name: out[i].Name, Of: from})
	if !storable(from, c.Type) {
		panic(unfit(x.At(), i, from, c, t))
	}
	return castTo(x, c.Type)
}

// unfit says that the i-th column of a query can not be kept in a table's column.
func unfit(at Pos, i int, from Type, c TableColumn, t *Table) *problem {
	return &problem{Pos: at, rule: RuleType, remedy: "write CAST(… AS " + c.Type.WithNull().String() + ")",
		message: fmt.Sprintf("column %d of the query is %s; %s of %s is %s", i+1, typeList([]Type{from}), quoteName(clip(c.Name)), quoteName(clip(t.Name)), typeList([]Type{c.Type}))}
}

// noValue throws that an INSERT leaves a column out that can not be NULL.
func noValue(n *Insert, t *Table, c TableColumn) {
	typeProblem(n.Table.Pos, "name the column, and give it a value", "the column %s of %s is NOT NULL and gets no value", quoteName(clip(c.Name)), quoteName(clip(t.Name)))
}

// itemPos is the place of the i-th output of a query, as near as can be told.
func itemPos(q *Query, i int) Pos {
	if s, ok := q.Body.(*Select); ok && i < len(s.Items) {
		for _, item := range s.Items[:i+1] {
			if _, star := item.Expr.(*Star); star {
				return item.Pos
			}
		}
		return s.Items[i].Pos
	}
	return q.Pos
}

// targets are the indexes of the columns that the INSERT gives values to, in the query's order.
func (r *resolver) targets(n *Insert, t *Table) []int {
	var out []int
	if len(n.Columns) == 0 {
		for i, c := range t.Columns {
			if c.Persisted() {
				out = append(out, i)
			}
		}
		return out
	}
	seen := map[string]bool{}
	for _, id := range n.Columns {
		i := slices.IndexFunc(t.Columns, func(c TableColumn) bool { return c.Name == id.Name })
		switch {
		case i < 0:
			var names []string
			for _, c := range t.Columns {
				names = append(names, c.Name)
			}
			remedy := "it has " + strings.Join(clipList(names), ", ")
			if meant := nearest(id.Name, names); meant != "" {
				remedy = "did you mean " + quoteName(meant) + "?"
			}
			nameProblem(id.Pos, remedy, "there is no column %s in %s", quoteName(clip(id.Name)), quoteName(clip(t.Name)))
		case !t.Columns[i].Persisted():
			typeProblem(id.Pos, "leave it out", "the column %s is not written: it is %s", quoteName(clip(id.Name)), notWritten(t.Columns[i]))
		case seen[id.Name]:
			nameProblem(id.Pos, "", "the column %s is named twice", quoteName(clip(id.Name)))
		}
		seen[id.Name] = true
		out = append(out, i)
	}
	return out
}

func notWritten(c TableColumn) string {
	if c.Kind == Metadata {
		return "virtual metadata"
	}
	return "computed"
}
