package statements

import (
	"slices"
	"strings"
)

// Models is a Catalog that knows models too; the rows of ML_PREDICT have the columns of their OUTPUT.
type Models interface {
	Catalog
	Model(name string) (*CreateModel, bool)
}

// tableFunction relates a call in FROM. in is the row beside which it stands, nil where it stands alone. What a function of the user's gives is not
// known, so that its row is open unless the alias names the columns.
func (r *relater) tableFunction(n *TableFunction, in Rel, s *relScope) *Calling {
	c := &Calling{Pos: n.Pos, In: in, Func: n.Func.Last()}
	var model string
	for _, a := range n.Args {
		switch x := unnamed(a).(type) {
		case *TableArg:
			c.table(r.tableArg(x))
		case *ModelArg:
			model = x.Name.Last()
		case *Descriptor, *DefaultArg, *UnitName:
		default:
			x2 := r.bind(x, s)
			if k, ok := x2.(*Constant); ok && model == "" {
				model, _ = k.Value.(string) // ML_PREDICT('model', …) beside a table
			}
			c.Args = append(c.Args, x2)
		}
	}
	predicts := strings.EqualFold(c.Func, "ML_PREDICT")
	for _, below := range Inputs(c) {
		for _, col := range below.Columns() {
			if c.Table && !predicts { // what a function passes on of a table's row is not known either
				col.Name, col.Hidden, col.Time = "", true, false
			}
			c.Row = append(c.Row, col)
		}
	}
	width := len(c.Row)
	switch {
	case n.Alias != nil && len(n.Alias.Columns) > 0 && c.Table && predicts:
		for i, id := range n.Alias.Columns { // they name all columns of the result
			if i < width {
				c.Row[i].Name = id.Name
				continue
			}
			c.Row = append(c.Row, Column{Name: id.Name})
		}
	case n.Alias != nil && len(n.Alias.Columns) > 0:
		for _, id := range n.Alias.Columns {
			c.Row = append(c.Row, Column{Name: id.Name})
		}
	case predicts:
		c.Row = append(c.Row, r.outputOf(model)...)
	default:
		c.Row = append(c.Row, r.openRow()...)
	}
	return c
}

// tableArg relates TABLE t or TABLE(query) as an argument.
func (r *relater) tableArg(x *TableArg) Rel {
	if x.Table == nil {
		return r.query(x.Query, nil)
	}
	rel, _ := r.tableRef(x.Table, nil)
	return rel
}

// table adds a table that the function reads.
func (c *Calling) table(rel Rel) {
	if c.Table = true; c.In == nil {
		c.In = rel
		return
	}
	c.Others = append(c.Others, rel)
}

// outputOf are the columns that a model adds to a row.
func (r *relater) outputOf(model string) []Column {
	models, ok := r.cat.(Models)
	if !ok {
		return r.openRow()
	}
	m, ok := models.Model(model)
	if !ok || len(m.Output) == 0 {
		return r.openRow()
	}
	var row []Column
	for _, c := range m.Output {
		row = append(row, Column{Name: c.Name.Name, Type: c.Type.Type})
	}
	return row
}

// opaque reports whether what r gives is for a function of the user's to say, which reads tables.
func opaque(r Rel) bool {
	if c, ok := r.(*Calling); ok && c.Table && userFunction(strings.ToUpper(c.Func)) {
		return true
	}
	return slices.ContainsFunc(Inputs(r), opaque)
}
