package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// TableOf is the table that a CREATE TABLE declares, checked: names, keys, metadata, the watermark's type.
func TableOf(p *Parsed) (*Table, []report.Finding) {
	n, ok := p.Statement.(*CreateTable)
	if !ok {
		return nil, []report.Finding{p.finding(&problem{Pos: p.Pos, rule: RuleSyntax, message: "this is no CREATE TABLE"})}
	}
	if n.Like != nil || n.Query != nil {
		return TableIn(p, Tables{})
	}
	var t *Table
	if bad := caught(func() { t = tableOf(n) }); bad != nil {
		return nil, []report.Finding{p.finding(bad)}
	}
	return t, nil
}

func tableOf(n *CreateTable) *Table { return (&likeness{}).declare(n, nil) }

// metadataKeys are the metadata of a record, and whether an INSERT may write them.
var metadataKeys = map[string]bool{
	"headers": true, "timestamp": true,
	"leader-epoch": false, "offset": false, "partition": false, "raw-key": false, "raw-value": false, "timestamp-type": false, "topic": false,
}

func addColumn(t *Table, c *ColumnDef) {
	if slices.ContainsFunc(t.Columns, func(o TableColumn) bool { return o.Name == c.Name.Name }) {
		nameProblem(c.Pos, "", "the table has two columns %s", quoteName(clip(c.Name.Name)))
	}
	if c.Name.Name == RowtimeColumn {
		nameProblem(c.Pos, "it is in every table by itself", "%s is the name of the system column", quoteName(RowtimeColumn))
	}
	col := TableColumn{Name: c.Name.Name, Kind: c.Kind, Virtual: c.Virtual, Expr: c.Expr}
	if c.Type != nil {
		col.Type = c.Type.Type
		if col.Type.IsInterval() || col.Type.Kind == KindNull {
			typeProblem(c.Type.Pos, "", "a column can not be of type %s", col.Type)
		}
	}
	if c.Comment != nil {
		col.Comment = c.Comment.Value
	}
	if c.Kind == Metadata {
		col.MetadataKey = metadataKey(t, c)
	}
	t.Columns = append(t.Columns, col)
}

// metadataKey is the key of a metadata column. Other connectors than the dialect's own have other ones.
func metadataKey(t *Table, c *ColumnDef) string {
	key, at := c.Name.Name, c.Name.Pos
	if c.MetadataKey != nil {
		key, at = c.MetadataKey.Value, c.MetadataKey.Pos
	}
	writable, ok := metadataKeys[key]
	if !ok && t.Connector() != ownConnector {
		return key
	}
	if !ok {
		var known []string
		for k := range metadataKeys {
			known = append(known, k)
		}
		slices.Sort(known)
		remedy := "there are " + strings.Join(known, ", ")
		if meant := nearest(key, known); meant != "" {
			remedy = "did you mean " + quoteString(meant) + "?"
		}
		nameProblem(at, remedy, "there is no metadata %s", quoteString(clip(key)))
	}
	if !writable && !c.Virtual {
		typeProblem(at, "write METADATA FROM "+quoteString(key)+" VIRTUAL", "the metadata %s can only be read", quoteString(key))
	}
	if key == "timestamp" && !c.Type.Type.IsTimestamp() {
		typeProblem(c.Type.Pos, "declare it TIMESTAMP_LTZ(3)", "the metadata 'timestamp' is a TIMESTAMP_LTZ(3), not %s", c.Type.Type)
	}
	return key
}

// physical checks that the columns are there and in the record.
func physical(t *Table, ids []Ident, what string) []string {
	var out []string
	for _, id := range ids {
		c, _, ok := t.Column(id.Name)
		switch {
		case !ok:
			remedy := ""
			if meant := nearest(id.Name, t.columnNames()); meant != "" {
				remedy = "did you mean " + quoteName(meant) + "?"
			}
			nameProblem(id.Pos, remedy, "%s names %s, which is no column of the table", what, quoteName(clip(id.Name)))
		case c.Kind != Physical:
			typeProblem(id.Pos, "", "%s names %s, which is a %s column", what, quoteName(clip(id.Name)), c.Kind)
		case slices.Contains(out, id.Name):
			nameProblem(id.Pos, "", "%s names %s twice", what, quoteName(clip(id.Name)))
		}
		out = append(out, id.Name)
	}
	return out
}

func (t *Table) columnNames() []string {
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// computed resolves the computed columns. They see the other columns but not each other, as in Flink.
func computed(t *Table) {
	for i := range t.Columns {
		if t.Columns[i].Kind != Computed {
			continue
		}
		s := &scope{table: quoteName(clip(t.Name)), refuse: "in a computed column"}
		for _, c := range t.Row() {
			col := Column{Name: c.Name, Type: c.Type}
			if c.Kind == Computed {
				col.Name = "" // not to be found
			}
			s.columns = append(s.columns, scopeColumn{Column: col, table: t.Name})
		}
		t.Columns[i].Value = (&resolver{}).expr(t.Columns[i].Expr, s)
	}
	for i, c := range t.Columns {
		if c.Kind == Computed {
			t.Columns[i].Type = c.Value.Type()
			if c.Value.Type().Kind == KindNull {
				typeProblem(c.Expr.At(), "CAST it to a type", "the computed column %s has no type", quoteName(clip(c.Name)))
			}
		}
	}
}

func declareWatermark(t *Table, n *WatermarkDef) {
	if len(n.Column.Parts) > 1 {
		panic(unsupported(n.Column.Pos, "a watermark on a field of a ROW", "add a computed column for the field"))
	}
	name := n.Column.Last()
	c, _, ok := t.Column(name)
	if !ok {
		remedy := ""
		if meant := nearest(name, t.columnNames()); meant != "" {
			remedy = "did you mean " + quoteName(meant) + "?"
		}
		nameProblem(n.Column.Pos, remedy, "the watermark names %s, which is no column of the table", quoteName(clip(name)))
	}
	if !c.Type.IsTimestamp() || c.Type.Precision > 3 {
		typeProblem(n.Column.Pos, "declare it TIMESTAMP_LTZ(3) or TIMESTAMP(3)", "the watermark's column %s is %s; it must be a TIMESTAMP or TIMESTAMP_LTZ of precision 3 or less", quoteName(clip(name)), c.Type)
	}
	t.Watermark = &Watermark{Column: name, Expr: n.Expr}
	if call, ok := n.Expr.(*Call); ok && call.Func == "SOURCE_WATERMARK" && len(call.Args) == 0 {
		return // the dialect's default watermark, on this column
	}
	s := &scope{table: quoteName(clip(t.Name)), refuse: "in a watermark"}
	for _, c := range t.Row() {
		s.columns = append(s.columns, scopeColumn{Column: Column{Name: c.Name, Type: c.Type}, table: t.Name})
	}
	v := (&resolver{}).expr(n.Expr, s)
	if v.Type().Kind != c.Type.Kind || v.Type().Precision > 3 {
		typeProblem(n.Expr.At(), fmt.Sprintf("write %s - INTERVAL '5' SECOND", quoteName(clip(name))), "the watermark is %s; it must be of the type of its column, %s", v.Type(), c.Type)
	}
	t.Watermark.Value = v
}
