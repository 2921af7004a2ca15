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
// of an expression is not known its Kind is KindInvalid. It fails where a table or a column is not known.
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
		r := newRelater(cat)
		if last := caught(func() { out = append(out, relate(r)) }); last != nil {
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
	case *CreateMaterialized:
		one(func(r *relater) *Write {
			return r.created(n.Pos, n.Name, &CreateTable{Pos: n.Pos, Name: n.Name, Columns: n.Elements.Columns,
				PrimaryKey: n.Elements.PrimaryKey, Watermark: n.Elements.Watermark, Options: n.Options, Query: n.Query})
		})
	}
	return out, bad
}

// relater builds relational trees. What it can not type it still relates.
type relater struct {
	resolver
	ctes  []map[string]*CommonTable
	views []string // being expanded
	ttl   map[string]time.Duration
	bad   []*problem // what is wrong in outputs and conditions, behind which relating goes on
}

func newRelater(cat Catalog) *relater { return &relater{resolver: resolver{cat: cat}} }

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
	targets := r.targets(n, t)
	if len(n.Partition) > 0 {
		targets = targets[:min(len(targets), len(in.Columns()))]
	}
	if len(in.Columns()) != len(targets) {
		typeProblem(n.Query.Pos, "", "the query gives %s, %s takes %d", counted(len(in.Columns()), "column"), quoteName(clip(t.Name)), len(targets))
	}
	return store(n.Pos, t, in, targets)
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
	var targets []int
	for _, c := range in.Columns() {
		i := slices.IndexFunc(t.Columns, func(o TableColumn) bool { return o.Name == c.Name })
		if i < 0 {
			i = len(t.Columns)
			t.Columns = append(t.Columns, TableColumn{Name: c.Name, Kind: Physical, Type: c.Type})
		}
		targets = append(targets, i)
	}
	return store(at, t, in, targets)
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
	for _, c := range q.With {
		ctes[c.Name.Name] = c
	}
	r.ctes = append(r.ctes, ctes)
	defer func() { r.ctes = r.ctes[:len(r.ctes)-1] }()
	rel, s := r.body(q.Body, outer, q.OrderBy)
	return r.tail(q, rel, s)
}

// tail adds ORDER BY and LIMIT. The order may name columns that the outputs do not have: those stand behind them until here.
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
	if width == len(rel.Columns()) {
		return n
	}
	p := &Projection{Pos: q.Pos, In: n}
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
	if l, r := len(left.Columns()), len(right.Columns()); l != r {
		typeProblem(n.Pos, "", "the left side of %s gives %s, the right side %d", n.Op, counted(l, "column"), r)
	}
	c := &Combining{Pos: n.Pos, Op: n.Op, All: n.All, Left: left, Right: right}
	for i, col := range left.Columns() {
		col.Time = col.Time && right.Columns()[i].Time && n.All && n.Op == Union
		col.Window = nil
		c.Row = append(c.Row, col)
	}
	return c
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
		out.Rows = append(out.Rows, row)
	}
	if len(out.Rows) > 0 {
		for i, x := range out.Rows[0] {
			out.Row = append(out.Row, Column{Name: fmt.Sprintf("EXPR$%d", i), Type: x.Type()})
		}
	}
	return out
}
