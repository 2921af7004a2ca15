package statements

import (
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Alters is the table that a statement alters.
func Alters(s Statement) (Name, bool) {
	if n, ok := s.(*Alter); ok && (n.What == "TABLE" || n.What == "MATERIALIZED TABLE") {
		return n.Name, true
	}
	return Name{}, false
}

// Altered is a table as ALTER TABLE leaves it; t itself is not changed. On a finding there is no table.
func Altered(t *Table, p *Parsed) (*Table, []report.Finding) {
	out := *t
	out.Columns, out.PrimaryKey, out.Distribution = slices.Clone(t.Columns), slices.Clone(t.PrimaryKey), slices.Clone(t.Distribution)
	if out.Options = maps.Clone(t.Options); out.Options == nil {
		out.Options = map[string]string{}
	}
	if bad := caught(func() { alter(&out, p.Statement.(*Alter)) }); bad != nil {
		return nil, []report.Finding{p.finding(bad)}
	}
	return &out, nil
}

func alter(t *Table, n *Alter) {
	switch a := n.Action.(type) {
	case *AddElements:
		for _, c := range a.Columns {
			addColumn(t, c)
		}
		if a.PrimaryKey != nil && len(t.PrimaryKey) > 0 {
			typeProblem(a.PrimaryKey.Pos, "DROP PRIMARY KEY first", "%s has a primary key already", quoteName(clip(t.Name)))
		}
		elements(t, &a.TableElements, a.Distribution)
	case *ModifyElements:
		for _, c := range a.Columns {
			i := columnOf(t, c.Name)
			fresh := &Table{Options: t.Options}
			addColumn(fresh, c)
			t.Columns[i] = fresh.Columns[0]
		}
		elements(t, &a.TableElements, a.Distribution)
	case *DropElements:
		drop(t, a)
	case *SetOptions:
		for _, o := range a.Options {
			checkOption(t, o)
			t.Options[o.Key] = o.Value
		}
	case *ResetOptions:
		for _, k := range a.Keys {
			delete(t.Options, k.Value)
		}
	case *Rename:
		if a.Column == nil {
			t.Name = a.To.Last()
			break
		}
		renameColumn(t, *a.Column, a.To.Last())
	}
	again(t, n.Pos)
}

// elements applies the primary key, the distribution and the watermark of ADD and MODIFY.
func elements(t *Table, e *TableElements, d *Distribution) {
	if e.PrimaryKey != nil {
		t.PrimaryKey = physical(t, e.PrimaryKey.Columns, "the primary key")
		for i, c := range t.Columns {
			if slices.Contains(t.PrimaryKey, c.Name) {
				t.Columns[i].Type = c.Type.NotNull()
			}
		}
	}
	if d != nil {
		t.Buckets, t.Distribution = d.Buckets, physical(t, d.Columns, "the distribution")
	}
	if e.Watermark != nil {
		computed(t)
		declareWatermark(t, e.Watermark)
	}
}

func drop(t *Table, a *DropElements) {
	switch a.What {
	case "WATERMARK":
		t.Watermark = nil
	case "PRIMARY KEY", "CONSTRAINT":
		t.PrimaryKey = nil
	case "DISTRIBUTION":
		t.Distribution, t.Buckets = nil, 0
	case "COLUMN":
		for _, id := range a.Columns {
			i := columnOf(t, id)
			if w := t.Watermark; w != nil && w.Column == id.Name || slices.Contains(t.PrimaryKey, id.Name) || slices.Contains(t.Distribution, id.Name) {
				typeProblem(id.Pos, "drop the watermark or the key first", "%s is of the watermark or a key of %s", quoteName(clip(id.Name)), quoteName(clip(t.Name)))
			}
			t.Columns = slices.Delete(t.Columns, i, i+1)
		}
	}
}

func renameColumn(t *Table, from Ident, to string) {
	i := columnOf(t, from)
	t.Columns[i].Name = to
	for _, names := range [][]string{t.PrimaryKey, t.Distribution} {
		for j, name := range names {
			if name == from.Name {
				names[j] = to
			}
		}
	}
	if w := t.Watermark; w != nil && w.Column == from.Name {
		of := *w
		of.Column = to
		t.Watermark = &of
	}
}

// columnOf is the index of a column that is altered.
func columnOf(t *Table, id Ident) int {
	i := slices.IndexFunc(t.Columns, func(c TableColumn) bool { return c.Name == id.Name })
	if i < 0 {
		var names []string
		for _, c := range t.Columns {
			names = append(names, c.Name)
		}
		remedy := ""
		if meant := nearest(id.Name, names); meant != "" {
			remedy = "did you mean " + quoteName(meant) + "?"
		}
		nameProblem(id.Pos, remedy, "there is no column %s in %s", quoteName(clip(id.Name)), quoteName(clip(t.Name)))
	}
	return i
}

// again resolves computed columns and the watermark over the row as it is now.
func again(t *Table, at Pos) {
	computed(t)
	if w := t.Watermark; w != nil && w.Value != nil {
		declareWatermark(t, &WatermarkDef{Pos: at, Column: Name{Pos: at, Parts: []Ident{{Pos: at, Name: w.Column}}}, Expr: w.Expr})
	}
}
