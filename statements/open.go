package statements

import (
	"reflect"
	"slices"
)

// A row is open where its columns are not known: those of a table that nothing declares, or of a function of the user's. Such a row has every name
// that the statement writes, and one column without a name, so that a name finds its column and a count is known to be none.

// opened is a catalog that knows every table: one that nothing declares is open.
type opened struct{ Catalog }

// Opened is a catalog for Relate and its like in which a table that cat does not know is no mistake: its row is open.
func Opened(cat Catalog) Catalog {
	if cat == nil {
		cat = Tables{}
	}
	if _, is := cat.(opened); is {
		return cat
	}
	return opened{cat}
}

// Table implements Catalog.
func (o opened) Table(name string) (*Table, bool) {
	if t, ok := o.Catalog.Table(name); ok {
		return t, true
	}
	return &Table{Name: name, Open: true, Dialect: dialectOf(o.Catalog)}, true
}

// View implements Views.
func (o opened) View(name string) (*CreateView, bool) {
	if views, ok := o.Catalog.(Views); ok {
		return views.View(name)
	}
	return nil, false
}

// Model implements Models.
func (o opened) Model(name string) (*CreateModel, bool) {
	if models, ok := o.Catalog.(Models); ok {
		return models.Model(name)
	}
	return nil, false
}

// table is a table of the catalog; the row of an open one has the names that the statement writes.
func (r *relater) table(n Name) *Table {
	t := r.resolver.table(n)
	if t.Open && t.Columns == nil {
		of := *t
		for _, c := range r.openRow() {
			of.Columns = append(of.Columns, TableColumn{Name: c.Name, Kind: Physical})
		}
		return &of
	}
	return t
}

// openRow is a row of which nothing is known but what the statement writes.
func (r *relater) openRow() []Column {
	if r.openNames == nil {
		r.openNames = namesIn(r.root)
	}
	row := []Column{{Open: true}}
	for _, name := range r.openNames {
		if name != RowtimeColumn {
			row = append(row, Column{Name: name, Open: true})
		}
	}
	return row
}

// isOpen reports whether a row has columns that are not known.
func isOpen(row []Column) bool {
	return slices.ContainsFunc(row, func(c Column) bool { return c.Open })
}

// namesIn are the names in a tree that may be columns, sorted: not those of tables, and not what qualifies a column by its table's.
func namesIn(tree any) []string {
	columns, tables := map[string]bool{}, map[string]bool{}
	var first []string // of qualified names: a table, or a column whose field is meant
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Interface, reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			switch n := v.Interface().(type) {
			case ColumnName:
				for i, p := range n.Parts {
					if i == 0 && len(n.Parts) > 1 {
						first = append(first, p.Name)
						continue
					}
					columns[p.Name] = true
				}
				return
			case Name:
				tables[n.Last()] = true
				return
			case Alias:
				tables[n.Name.Name] = true
				for _, c := range n.Columns {
					columns[c.Name] = true
				}
				return
			case Ident:
				columns[n.Name] = true
				return
			}
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		}
	}
	walk(reflect.ValueOf(tree))
	for _, name := range first {
		if !tables[name] {
			columns[name] = true
		}
	}
	return sortedKeys(columns)
}
