package statements

import (
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// TableIn is the table that CREATE TABLE, with LIKE or AS too, or CREATE MATERIALIZED TABLE makes among the tables of a catalog. A column of CREATE
// TABLE … AS whose type is not known has KindInvalid.
func TableIn(p *Parsed, cat Catalog) (*Table, []report.Finding) {
	n, ok := p.Statement.(*CreateTable)
	if m, is := p.Statement.(*CreateMaterialized); is {
		n, ok = materialized(m), true
	}
	if !ok {
		return TableOf(p)
	}
	var t *Table
	if bad := caught(func() { t = tableIn(n, newRelater(cat, p.Statement)) }); bad != nil {
		return nil, []report.Finding{p.finding(bad)}
	}
	return t, nil
}

func tableIn(n *CreateTable, r *relater) *Table {
	l := &likeness{}
	if n.Like != nil {
		l = likenessOf(n.Like)
		l.base = r.table(n.Like.Table)
	}
	var query []Column
	if n.Query != nil {
		for _, c := range r.query(n.Query, nil).Columns() {
			if !c.Hidden {
				query = append(query, c)
			}
		}
		if len(r.bad) > 0 {
			panic(r.bad[0])
		}
	}
	return l.declare(n, query)
}

// likeness is what CREATE TABLE … LIKE takes over from another table: of each kind of thing whether it is included, which fails where the statement
// declares one too, excluded, or overwritten by the statement's.
type likeness struct {
	base                                                                *Table // nil without LIKE
	at                                                                  Pos
	constraints, distribution, generated, metadata, options, watermarks string
}

// likenessOf applies the options of LIKE to the default, INCLUDING ALL OVERWRITING OPTIONS: ALL first, then those that name something.
func likenessOf(n *LikeClause) *likeness {
	l := &likeness{at: n.Pos, constraints: including, distribution: including, generated: including, metadata: including, options: overwriting, watermarks: including}
	parts := map[string]*string{"CONSTRAINTS": &l.constraints, "DISTRIBUTION": &l.distribution, "PARTITIONS": &l.distribution, "GENERATED": &l.generated,
		"METADATA": &l.metadata, "OPTIONS": &l.options, "WATERMARKS": &l.watermarks}
	told := map[string]bool{}
	for _, o := range n.Options {
		if told[o.What] {
			typeProblem(n.Pos, "say it once", "LIKE says twice what it does with %s", o.What)
		}
		told[o.What] = true
		if o.Merge == overwriting && (o.What == "ALL" || parts[o.What] == &l.constraints || parts[o.What] == &l.distribution) {
			typeProblem(n.Pos, "write INCLUDING or EXCLUDING "+o.What, "LIKE can not overwrite %s", o.What)
		}
		if o.What == "ALL" {
			for _, p := range parts {
				*p = o.Merge
			}
		}
	}
	for _, o := range n.Options {
		if p := parts[o.What]; p != nil {
			*p = o.Merge
		}
	}
	return l
}

const (
	including   = "INCLUDING"
	excluding   = "EXCLUDING"
	overwriting = "OVERWRITING"
)

// takes begins a table with what is taken over. Physical columns always are.
func (l *likeness) takes(name string) *Table {
	t := &Table{Name: name, Options: map[string]string{}}
	if l.base == nil {
		return t
	}
	for _, c := range l.base.Columns {
		if c.Kind == Computed && l.generated == excluding || c.Kind == Metadata && l.metadata == excluding {
			continue
		}
		t.Columns = append(t.Columns, c)
	}
	if l.constraints != excluding {
		t.PrimaryKey = slices.Clone(l.base.PrimaryKey)
	}
	if l.distribution != excluding {
		t.Distribution, t.Buckets = slices.Clone(l.base.Distribution), l.base.Buckets
	}
	if l.options != excluding {
		maps.Copy(t.Options, l.base.Options)
	}
	if l.watermarks != excluding {
		t.Watermark = l.base.Watermark
	}
	return t
}

// clash throws that a statement declares what LIKE takes over too.
func (l *likeness) clash(at Pos, what, option string) {
	typeProblem(at, "write LIKE "+l.base.Name+" (EXCLUDING "+option+")", "%s has %s already, which LIKE takes over", quoteName(clip(l.base.Name)), what)
}

// declare is the table: what is taken over, what the statement declares, and the columns of its query.
func (l *likeness) declare(n *CreateTable, query []Column) *Table {
	t := l.takes(n.Name.Last())
	if n.Comment != nil {
		t.Comment = n.Comment.Value
	}
	for _, o := range n.Options {
		if _, ok := t.Options[o.Key]; ok && l.options == including {
			l.clash(n.Pos, "the option "+quoteString(clip(o.Key)), "OPTIONS")
		}
	}
	for _, o := range n.Options {
		if o.Key == "connector" {
			t.Options[o.Key] = o.Value // other options, and metadata, are those of the connector
		}
	}
	l.columns(t, n)
	queried(t, n, query)
	if n.PrimaryKey != nil {
		if len(t.PrimaryKey) > 0 {
			l.clash(n.PrimaryKey.Pos, "a primary key", "CONSTRAINTS")
		}
		t.PrimaryKey = physical(t, n.PrimaryKey.Columns, "the primary key")
		for i, c := range t.Columns {
			if slices.Contains(t.PrimaryKey, c.Name) {
				t.Columns[i].Type = c.Type.NotNull()
			}
		}
	}
	if d := n.Distribution; d != nil {
		if len(t.Distribution) > 0 {
			l.clash(d.Pos, "a distribution", "PARTITIONS")
		}
		t.Buckets = d.Buckets
		t.Distribution = physical(t, d.Columns, "the distribution")
		for _, c := range d.Columns {
			if len(t.PrimaryKey) > 0 && !slices.Contains(t.PrimaryKey, c.Name) {
				nameProblem(c.Pos, "distribute by columns of the primary key", "%s chooses the bucket but is not in the primary key", quoteName(clip(c.Name)))
			}
		}
	}
	for _, o := range n.Options {
		checkOption(t, o)
		t.Options[o.Key] = o.Value
	}
	computed(t)
	if w := t.Watermark; w != nil && w.Value != nil && n.Watermark == nil {
		declareWatermark(t, &WatermarkDef{Pos: l.at, Column: Name{Pos: l.at, Parts: []Ident{{Pos: l.at, Name: w.Column}}}, Expr: w.Expr}) // over this row
	}
	if n.Watermark != nil {
		if t.Watermark != nil && l.watermarks == including {
			l.clash(n.Watermark.Pos, "a watermark", "WATERMARKS")
		}
		declareWatermark(t, n.Watermark)
	}
	if !slices.ContainsFunc(t.Columns, TableColumn.Persisted) {
		typeProblem(n.Pos, "", "the table has no column that a record holds")
	}
	if m := t.Mode(); m == Upsert && len(t.PrimaryKey) == 0 {
		typeProblem(n.Pos, "declare PRIMARY KEY (…) NOT ENFORCED", "a table with changelog.mode upsert needs a primary key")
	}
	return t
}

// columns adds those that the statement declares. A computed or metadata column may stand for the one that is taken over.
func (l *likeness) columns(t *Table, n *CreateTable) {
	taken := len(t.Columns)
	for _, c := range n.Columns {
		i := slices.IndexFunc(t.Columns[:taken], func(o TableColumn) bool { return o.Name == c.Name.Name })
		if i < 0 {
			addColumn(t, c)
			continue
		}
		option := map[ColumnKind]string{Computed: "GENERATED", Metadata: "METADATA"}[c.Kind]
		merge := map[ColumnKind]string{Computed: l.generated, Metadata: l.metadata}[c.Kind]
		switch {
		case t.Columns[i].Kind != c.Kind || option == "":
			typeProblem(c.Pos, "give it another name", "%s has a column %s already, which LIKE takes over", quoteName(clip(l.base.Name)), quoteName(clip(c.Name.Name)))
		case merge == including:
			l.clash(c.Pos, "a column "+quoteName(clip(c.Name.Name)), option)
		}
		fresh := &Table{Options: t.Options}
		addColumn(fresh, c)
		t.Columns[i] = fresh.Columns[0]
	}
}

// queried adds the columns of the query of CREATE TABLE … AS behind those that the statement declares. Where it only lists their names, the list is
// their order.
func queried(t *Table, n *CreateTable, query []Column) {
	if n.Query == nil {
		return
	}
	seen := map[string]bool{}
	for _, c := range query {
		if seen[c.Name] {
			nameProblem(n.Query.Pos, "give one of them another name with AS", "the query gives two columns %s", quoteName(clip(c.Name)))
		}
		seen[c.Name] = true
		i := slices.IndexFunc(t.Columns, func(o TableColumn) bool { return o.Name == c.Name })
		switch {
		case i >= 0 && t.Columns[i].Kind == Computed:
			nameProblem(n.Query.Pos, "", "the query gives %s, which is a computed column", quoteName(clip(c.Name)))
		case i >= 0 && t.Columns[i].Type.Kind == KindInvalid:
			t.Columns[i].Type = storedType(n, c)
		case i >= 0:
			if known(c.Type) && !storable(c.Type, t.Columns[i].Type) {
				typeProblem(n.Query.Pos, "write CAST(… AS "+t.Columns[i].Type.WithNull().String()+")", "the query gives %s as %s; it is declared %s", quoteName(clip(c.Name)), c.Type, t.Columns[i].Type)
			}
		default:
			t.Columns = append(t.Columns, TableColumn{Name: c.Name, Kind: Physical, Type: storedType(n, c)})
		}
	}
	for i, c := range t.Columns {
		switch {
		case seen[c.Name] || !c.Persisted() || i >= len(n.Columns):
		case n.Columns[i].Type == nil:
			nameProblem(n.Columns[i].Pos, "", "the query gives no column %s", quoteName(clip(c.Name)))
		case !c.Type.Nullable:
			typeProblem(n.Columns[i].Pos, "leave NOT NULL out", "the column %s is NOT NULL, and the query gives it no value", quoteName(clip(c.Name)))
		}
	}
}

// storedType is the type of a column that keeps what a query gives.
func storedType(n *CreateTable, c Column) Type {
	if c.Type.Kind == KindNull || c.Type.IsInterval() {
		typeProblem(n.Query.Pos, "CAST it to a type", "the query gives %s as %s, which no column can be of", quoteName(clip(c.Name)), c.Type)
	}
	return c.Type
}

// known reports whether a type is known, and those within it.
func known(t Type) bool {
	if t.Kind == KindInvalid || t.Key != nil && !known(*t.Key) || t.Elem != nil && !known(*t.Elem) {
		return false
	}
	return !slices.ContainsFunc(t.Fields, func(f Field) bool { return !known(f.Type) })
}
