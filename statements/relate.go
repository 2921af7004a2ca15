package statements

import (
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Views is a Catalog that knows views too; Relate expands them.
type Views interface {
	Catalog
	View(name string) (*CreateView, bool)
}

// Relate gives the relational tree of every INSERT of a statement, of statement sets too, with common table expressions, views
// and correlated subqueries expanded. Unlike Resolve it takes the whole dialect, and it does not insist on types: where the type
// of an expression is not known its Kind is KindInvalid. It fails where a table or a column is not known; see Opened for tables.
func Relate(p *Parsed, cat Catalog) ([]*Write, []report.Finding) {
	out, bad := relateStatement(p.Statement, cat)
	if len(bad) == 0 {
		return out, nil
	}
	var found []report.Finding
	for _, b := range bad {
		found = append(found, p.finding(b))
	}
	return nil, found
}

func relateStatement(s Statement, cat Catalog) (out []*Write, bad []*problem) {
	if cat == nil {
		cat = Tables{}
	}
	one := func(relate func(*relater) *Write) {
		r := newRelater(cat, s)
		if last := caught(func() {
			if w := relate(r); w != nil {
				out = append(out, w)
			}
		}); last != nil {
			r.bad = append(r.bad, last)
		}
		bad = append(bad, r.bad...)
	}
	switch n := s.(type) {
	case *Insert:
		one(func(r *relater) *Write { return r.insert(n) })
	case *StatementSet:
		for _, i := range n.Inserts {
			one(func(r *relater) *Write { return r.insert(i) })
		}
	case *CreateTable:
		if n.Query != nil {
			one(func(r *relater) *Write { return r.created(n.Pos, n.Name, n) })
		}
	case *CreateView:
		one(func(r *relater) *Write { r.viewed(n); return nil })
	case *CreateMaterialized:
		one(func(r *relater) *Write { return r.created(n.Pos, n.Name, materialized(n)) })
	case *QueryStatement:
		one(func(r *relater) *Write { return r.shown(n) })
	}
	return out, bad
}

// relater builds relational trees. What it can not type it still relates.
type relater struct {
	resolver
	ctes  []map[string]*CommonTable
	order map[*CommonTable]int // their places in their WITH
	views []string             // being expanded
	ttl   map[string]time.Duration
	bad   []*problem // what is wrong in outputs and conditions, behind which relating goes on

	root      Statement
	openNames []string // that an open row has
}

func newRelater(cat Catalog, root Statement) *relater {
	return &relater{resolver: resolver{cat: cat}, order: map[*CommonTable]int{}, root: root}
}

// item is bind for an output of a SELECT: what is wrong in it is kept, so that the other outputs are looked at too.
func (r *relater) item(e Expr, s *relScope) Scalar {
	var x Scalar
	if bad := caught(func() { x = r.bind(e, s) }); bad != nil {
		r.bad = append(r.bad, bad)
		return &Op{Pos: e.At(), Name: "EXPRESSION"}
	}
	return x
}

// attempt runs f, which may fail without its being a mistake.
func (r *relater) attempt(f func()) bool {
	before := len(r.bad)
	bad := caught(f)
	failed := bad != nil || len(r.bad) > before
	r.bad = r.bad[:before]
	return !failed
}

func (r *relater) insert(n *Insert) *Write {
	t := r.table(n.Table)
	in := r.query(n.Query, nil)
	if t.Open {
		t = sinkOf(n, t, in.Columns())
	}
	targets := r.targets(n, t)
	for _, p := range n.Partition { // a value in PARTITION is the column's, which the query does not give
		if p.Value != nil {
			targets = slices.DeleteFunc(targets, func(i int) bool { return t.Columns[i].Name == p.Column.Name })
		}
	}
	if isOpen(in.Columns()) {
		return storeOpen(n.Pos, t, in)
	}
	if len(in.Columns()) != len(targets) {
		typeProblem(n.Query.Pos, "", "the query gives %s, %s takes %d", counted(len(in.Columns()), "column"), quoteName(clip(t.Name)), len(targets))
	}
	r.storable(n, t, in.Columns(), targets)
	return store(n.Pos, t, in, targets)
}

// sinkOf is a table that nothing declares, as the columns that an INSERT gives it.
func sinkOf(n *Insert, t *Table, query []Column) *Table {
	of := *t
	of.Columns = nil
	for i, c := range query {
		name := c.Name
		if len(n.Columns) > 0 {
			if i >= len(n.Columns) {
				break
			}
			name = n.Columns[i].Name
		}
		of.Columns = append(of.Columns, TableColumn{Name: name, Kind: Physical, Type: c.Type})
	}
	for _, id := range n.Columns[min(len(of.Columns), len(n.Columns)):] {
		of.Columns = append(of.Columns, TableColumn{Name: id.Name, Kind: Physical})
	}
	return &of
}

// storeOpen is store of a query whose columns are not all known: a column is what has its name, else anything.
func storeOpen(at Pos, t *Table, in Rel) *Write {
	p := &Projection{Pos: at, In: in}
	w := &Write{Pos: at, Table: t, Mode: t.Mode(), In: p}
	for i, c := range t.Columns {
		if !c.Persisted() {
			continue
		}
		x := Scalar(&Op{Pos: at, Name: "COLUMN"})
		if from := slices.IndexFunc(in.Columns(), func(o Column) bool { return o.Name == c.Name }); from >= 0 {
			x = &ColumnRef{Pos: at, Index: from, Name: c.Name, Of: in.Columns()[from].Type}
		}
		w.Targets = append(w.Targets, i)
		p.Exprs, p.Row = append(p.Exprs, x), append(p.Row, Column{Name: c.Name, Type: c.Type})
	}
	return w
}

// shown is a query whose rows the statements API hands out, with what takes rows back, as if it wrote them.
func (r *relater) shown(n *QueryStatement) *Write {
	in := r.query(n.Query, nil)
	t := &Table{Name: resultTable, Options: map[string]string{"changelog.mode": string(Retract)}}
	var targets []int
	for _, c := range in.Columns() {
		targets = append(targets, len(t.Columns))
		t.Columns = append(t.Columns, TableColumn{Name: c.Name, Kind: Physical, Type: c.Type})
	}
	return store(n.Pos, t, in, targets)
}

// resultTable stands for what a query without INSERT INTO hands out. No table has such a name.
const resultTable = "the result"

// storable notes the columns of a query that can not be kept in those of a table, as far as types are known. Whether a value is NULL in a column that
// is NOT NULL is for the engine to find when it writes.
func (r *relater) storable(n *Insert, t *Table, out []Column, targets []int) {
	for i, c := range out {
		into := t.Columns[targets[i]]
		if known(c.Type) && known(into.Type) && !storable(c.Type, into.Type) {
			r.bad = append(r.bad, unfit(itemPos(n.Query, i), i, c.Type, into, t))
		}
	}
	for i, c := range t.Columns {
		if c.Persisted() && !c.Type.Nullable && known(c.Type) && !slices.Contains(targets, i) && len(n.Partition) == 0 {
			r.bad = append(r.bad, caught(func() { noValue(n, t, c) }))
		}
	}
}

// store puts the query's columns in the order of the table's persisted columns.
func store(at Pos, t *Table, in Rel, targets []int) *Write {
	p := &Projection{Pos: at, In: in}
	w := &Write{Pos: at, Table: t, Mode: t.Mode(), In: p}
	for i, c := range t.Columns {
		if !c.Persisted() {
			continue
		}
		x := Scalar(&Constant{Pos: at, Of: c.Type})
		if from := slices.Index(targets, i); from >= 0 {
			col := in.Columns()[from]
			x = &ColumnRef{Pos: at, Index: from, Name: col.Name, Of: col.Type}
		}
		w.Targets = append(w.Targets, i)
		p.Exprs, p.Row = append(p.Exprs, x), append(p.Row, Column{Name: c.Name, Type: c.Type})
	}
	return w
}

// created is CREATE TABLE … AS query: the query's columns, after those that are declared besides.
func (r *relater) created(at Pos, name Name, n *CreateTable) *Write {
	in := r.query(n.Query, nil)
	t := DeclaredTable(n)
	for _, c := range in.Columns() {
		i := slices.IndexFunc(t.Columns, func(o TableColumn) bool { return o.Name == c.Name })
		switch {
		case c.Hidden:
		case i < 0:
			t.Columns = append(t.Columns, TableColumn{Name: c.Name, Kind: Physical, Type: c.Type})
		case t.Columns[i].Kind == Physical && t.Columns[i].Type.Kind == KindInvalid:
			t.Columns[i].Type = c.Type
		}
	}
	var targets []int
	for _, c := range in.Columns() {
		targets = append(targets, slices.IndexFunc(t.Columns, func(o TableColumn) bool { return o.Name == c.Name }))
	}
	return store(at, t, in, targets)
}

// materialized is a materialized table as the CREATE TABLE … AS that it would be.
func materialized(n *CreateMaterialized) *CreateTable {
	return &CreateTable{Pos: n.Pos, Name: n.Name, Columns: n.Elements.Columns, PrimaryKey: n.Elements.PrimaryKey, Watermark: n.Elements.Watermark,
		Comment: n.Comment, Distribution: n.Distribution, Options: n.Options, Query: n.Query}
}

// viewed relates the query of a view, and checks the names that it gives the columns.
func (r *relater) viewed(n *CreateView) {
	visible := slices.DeleteFunc(slices.Clone(r.query(n.Query, nil).Columns()), func(c Column) bool { return c.Hidden })
	if len(n.Columns) > 0 && len(n.Columns) != len(visible) {
		nameProblem(n.Columns[0].Pos, "", "the view names %s; its query has %d", counted(len(n.Columns), "column"), len(visible))
	}
}

// DeclaredTable is what CREATE TABLE says, unchecked: for tables of other connectors and functions of the user, which TableOf
// refuses. Computed columns have no type.
func DeclaredTable(n *CreateTable) *Table {
	t := &Table{Name: n.Name.Last(), Options: map[string]string{}}
	for _, c := range n.Columns {
		col := TableColumn{Name: c.Name.Name, Kind: c.Kind, Virtual: c.Virtual, Expr: c.Expr}
		if c.Type != nil {
			col.Type = c.Type.Type
		}
		if c.Kind == Metadata {
			col.MetadataKey = c.Name.Name
			if c.MetadataKey != nil {
				col.MetadataKey = c.MetadataKey.Value
			}
		}
		if c.PrimaryKey {
			t.PrimaryKey = append(t.PrimaryKey, c.Name.Name)
		}
		t.Columns = append(t.Columns, col)
	}
	if n.PrimaryKey != nil {
		t.PrimaryKey = nil
		for _, id := range n.PrimaryKey.Columns {
			t.PrimaryKey = append(t.PrimaryKey, id.Name)
		}
	}
	for _, o := range n.Options {
		t.Options[o.Key] = o.Value
	}
	if n.Watermark != nil {
		t.Watermark = &Watermark{Column: n.Watermark.Column.Last(), Expr: n.Watermark.Expr}
	}
	return t
}

// query relates a query, with the outer row that it may refer to where it is correlated.
func (r *relater) query(q *Query, outer *relScope) Rel {
	ctes := map[string]*CommonTable{}
	for i, c := range q.With {
		ctes[c.Name.Name] = c
		r.order[c] = i
	}
	r.ctes = append(r.ctes, ctes)
	defer func() { r.ctes = r.ctes[:len(r.ctes)-1] }()
	rel, s := r.body(q.Body, outer, q.OrderBy)
	return r.tail(q, rel, s)
}

// tail adds ORDER BY and LIMIT. The order may name columns that the outputs do not have: those stand behind them until here. A query that another one
// reads is not sorted, as Flink leaves that out too (Calcite's withRemoveSortInSubQuery): what reads it has an order of its own, or none.
func (r *relater) tail(q *Query, rel Rel, s *relScope) Rel {
	limited := q.LimitAt.Line > 0
	if len(q.OrderBy) == 0 && !limited {
		return rel
	}
	n := &Sorting{Pos: q.Pos, In: rel, Limit: -1}
	for _, o := range q.OrderBy {
		n.Order = append(n.Order, SortKey{r.bind(o.Expr, s), o.Descending})
	}
	if limited {
		n.Pos, n.Limit = q.LimitAt, 1
		if l, ok := q.Limit.(*Literal); ok {
			n.Limit, _ = wholeNumber(l)
		}
	}
	width := len(rel.Columns())
	if p, ok := rel.(*Projection); ok {
		for width > 0 && p.Row[width-1].Name == orderColumn {
			width--
		}
	}
	var kept Rel = n
	if nested := len(r.ctes) > 1 || len(r.views) > 0; nested && !limited {
		kept = rel
	}
	if width == len(rel.Columns()) {
		return kept
	}
	p := &Projection{Pos: q.Pos, In: kept}
	for i, c := range rel.Columns()[:width] {
		p.pass(i, c)
	}
	return p
}

// orderColumn is the name of a column that only ORDER BY needs.
const orderColumn = "$order"

// pass appends an input's column as it is.
func (p *Projection) pass(i int, c Column) {
	p.Exprs, p.Row = append(p.Exprs, &ColumnRef{Pos: p.Pos, Index: i, Name: c.Name, Of: c.Type}), append(p.Row, c)
}

func (r *relater) body(b QueryBody, outer *relScope, order []*OrderItem) (Rel, *relScope) {
	var rel Rel
	switch n := b.(type) {
	case *Select:
		return r.selected(n, outer, order)
	case *SetOperation:
		left, _ := r.body(n.Left, outer, nil)
		right, _ := r.body(n.Right, outer, nil)
		rel = combine(n, left, right)
	case *Values:
		rel = r.values(n, outer)
	case *NamedTable:
		rel, _ = r.tableRef(&TableRef{Pos: n.Pos, Name: n.Name}, outer)
	case *Nested:
		rel = r.query(n.Query, outer)
	default:
		panic(unsupported(b.At(), "this query", ""))
	}
	return rel, scopeOf(rel, "")
}

func combine(n *SetOperation, left, right Rel) Rel {
	switch l, r := isOpen(left.Columns()), isOpen(right.Columns()); {
	case l && !r:
		left = conform(left, right.Columns())
	case r:
		right = conform(right, left.Columns())
	}
	if l, r := len(left.Columns()), len(right.Columns()); l != r {
		typeProblem(n.Pos, "", "the left side of %s gives %s, the right side %d", n.Op, counted(l, "column"), r)
	}
	c := &Combining{Pos: n.Pos, Op: n.Op, All: n.All, Left: left, Right: right}
	for i, col := range left.Columns() {
		of := right.Columns()[i]
		col.Time = col.Time && of.Time && n.All && n.Op == Union
		col.Window = nil
		if known(col.Type) && known(of.Type) {
			t, ok := commonType(col.Type, of.Type)
			if !ok {
				typeProblem(n.Pos, "CAST one of them", "column %d of %s is %s on the left side and %s on the right", i+1, n.Op, typeList([]Type{col.Type}), typeList([]Type{of.Type}))
			}
			col.Type = t
		} else if known(of.Type) {
			col.Type = Type{}
		}
		c.Row = append(c.Row, col)
	}
	return c
}

// conform gives an open row the columns of another one.
func conform(rel Rel, row []Column) Rel {
	p := &Projection{Pos: rel.At(), In: rel}
	for _, c := range row {
		x := Scalar(&Op{Pos: rel.At(), Name: "COLUMN"})
		if i := slices.IndexFunc(rel.Columns(), func(o Column) bool { return o.Name == c.Name }); i >= 0 && c.Name != "" {
			x = &ColumnRef{Pos: rel.At(), Index: i, Name: c.Name}
		}
		p.Exprs, p.Row = append(p.Exprs, x), append(p.Row, Column{Name: c.Name, Open: c.Open, Hidden: c.Hidden})
	}
	return p
}

func (r *relater) values(n *Values, outer *relScope) Rel {
	out := &Listing{Pos: n.Pos}
	s := outer
	if s == nil {
		s = &relScope{}
	}
	for _, e := range n.Rows {
		items := []Expr{e}
		if row, ok := e.(*Row); ok {
			items = row.Items
		}
		var row []Scalar
		for _, x := range items {
			row = append(row, r.bind(x, s))
		}
		if len(out.Rows) > 0 && len(row) != len(out.Rows[0]) {
			r.bad = append(r.bad, &problem{Pos: e.At(), rule: RuleType, message: fmt.Sprintf("the row has %s, and the first of VALUES has %d", counted(len(row), "column"), len(out.Rows[0]))})
		}
		out.Rows = append(out.Rows, row)
	}
	if len(out.Rows) > 0 {
		for i := range out.Rows[0] {
			var types []Type
			for _, row := range out.Rows {
				if i < len(row) {
					types = append(types, row[i].Type())
				}
			}
			out.Row = append(out.Row, Column{Name: fmt.Sprintf("EXPR$%d", i), Type: commonOf(types)})
		}
	}
	return out
}
