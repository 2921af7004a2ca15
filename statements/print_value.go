package statements

func (n *Subquery) SQL() string   { return printed(n) }
func (n *Exists) SQL() string     { return printed(n) }
func (n *Quantified) SQL() string { return printed(n) }
func (n *Row) SQL() string        { return printed(n) }
func (n *Collection) SQL() string { return printed(n) }
func (n *Item) SQL() string       { return printed(n) }
func (n *FieldOf) SQL() string    { return printed(n) }
func (n *AtTimeZone) SQL() string { return printed(n) }
func (n *IsJSON) SQL() string     { return printed(n) }
func (n *JSONPath) SQL() string   { return printed(n) }
func (n *JSONMake) SQL() string   { return printed(n) }
func (n *Grouping) SQL() string   { return printed(n) }
func (n *TableArg) SQL() string   { return printed(n) }
func (n *Descriptor) SQL() string { return printed(n) }
func (n *ModelArg) SQL() string   { return printed(n) }
func (n *DefaultArg) SQL() string { return printed(n) }
func (n *WindowSpec) SQL() string { return printed(n) }

// nested writes a query in parentheses.
func (p *printer) nested(q *Query) {
	p.WriteByte('(')
	q.write(p)
	p.WriteByte(')')
}

func (p *printer) exprs(es []Expr) { list(p, es, p.expr) }

func (n *Subquery) write(p *printer) {
	p.WriteString(n.Make)
	p.nested(n.Query)
}

func (n *Exists) write(p *printer) {
	p.WriteString("EXISTS ")
	p.nested(n.Query)
}

func (n *Quantified) write(p *printer) {
	p.words(n.Word, " ")
	if n.Query != nil {
		p.nested(n.Query)
		return
	}
	p.WriteByte('(')
	p.exprs(n.List)
	p.WriteByte(')')
}

func (n *Row) write(p *printer) {
	if n.Word || len(n.Items) == 1 {
		p.WriteString("ROW")
	}
	p.WriteByte('(')
	p.exprs(n.Items)
	p.WriteByte(')')
}

func (n *Collection) write(p *printer) {
	p.words(n.Kind, "[")
	p.exprs(n.Items)
	p.WriteByte(']')
}

func (n *Item) write(p *printer) {
	p.operand(n.X, bindClose)
	p.WriteByte('[')
	p.expr(n.Index)
	p.WriteByte(']')
}

func (n *FieldOf) write(p *printer) {
	switch n.X.(type) {
	case *ColumnName, *Literal: // a column in parentheses is no qualified name, and 1.a is no number
		p.WriteByte('(')
		p.expr(n.X)
		p.WriteByte(')')
	default:
		p.operand(n.X, bindClose)
	}
	p.WriteByte('.')
	if n.Star {
		p.WriteByte('*')
		return
	}
	p.name(n.Name)
}

func (n *AtTimeZone) write(p *printer) {
	p.operand(n.X, bindZone)
	if n.Zone == nil {
		p.WriteString(" AT LOCAL")
		return
	}
	p.WriteString(" AT TIME ZONE ")
	p.operand(n.Zone, bindClose)
}

func (n *IsJSON) write(p *printer) {
	p.operand(n.X, bindIs)
	p.WriteString(" IS")
	p.not(n.Not)
	p.WriteString(" JSON")
	if n.What != "" {
		p.words(" ", n.What)
	}
}

func (o *JSONOn) write(p *printer, when string) {
	if o == nil {
		return
	}
	p.words(" ", o.What)
	if o.Default != nil {
		p.WriteByte(' ')
		p.operand(o.Default, bindAdd)
	}
	p.words(" ON ", when)
}

func (n *JSONPath) write(p *printer) {
	p.words(n.Func, "(")
	p.expr(n.X)
	p.WriteString(", ")
	p.expr(n.Path)
	if n.Returning != nil {
		p.WriteString(" RETURNING ")
		n.Returning.write(p)
	}
	if n.Wrapper != "" {
		p.words(" ", n.Wrapper)
	}
	n.OnEmpty.write(p, "EMPTY")
	n.OnError.write(p, "ERROR")
	p.WriteByte(')')
}

func (n *JSONMake) write(p *printer) {
	p.words(n.Func, "(")
	for i, v := range n.Values {
		if i > 0 {
			p.WriteString(", ")
		}
		if len(n.Keys) > 0 {
			p.WriteString("KEY ")
			p.operand(n.Keys[i], bindAdd) // IS JSON would take the VALUE
			p.WriteString(" VALUE ")
		}
		p.expr(v)
	}
	if n.OnNull != "" {
		if len(n.Values) > 0 {
			p.WriteByte(' ')
		}
		p.words(n.OnNull, " ON NULL")
	}
	p.WriteByte(')')
	p.filter(n.Filter)
	p.over(n.Over)
}

func (p *printer) filter(cond Expr) {
	if cond != nil {
		p.WriteString(" FILTER (WHERE ")
		p.expr(cond)
		p.WriteByte(')')
	}
}

func (p *printer) over(w *WindowSpec) {
	if w != nil {
		p.WriteString(" OVER ")
		w.write(p)
	}
}

func (n *WindowSpec) write(p *printer) {
	if n.Bare {
		p.name(*n.Name)
		return
	}
	p.WriteByte('(')
	blank := ""
	if n.Name != nil {
		p.name(*n.Name)
		blank = " "
	}
	if len(n.PartitionBy) > 0 {
		p.words(blank, "PARTITION BY ")
		p.exprs(n.PartitionBy)
		blank = " "
	}
	if len(n.OrderBy) > 0 {
		p.words(blank, "ORDER BY ")
		list(p, n.OrderBy, func(o *OrderItem) { o.write(p) })
		blank = " "
	}
	if f := n.Frame; f != nil {
		p.WriteString(blank)
		f.write(p)
	}
	p.WriteByte(')')
}

func (f *Frame) write(p *printer) {
	word := "ROWS "
	if f.Range {
		word = "RANGE "
	}
	p.WriteString(word)
	if f.Between {
		p.WriteString("BETWEEN ")
	}
	f.Start.write(p)
	if f.Between {
		p.WriteString(" AND ")
		f.End.write(p)
	}
}

func (b FrameBound) write(p *printer) {
	switch {
	case b.Current:
		p.WriteString("CURRENT ROW")
		return
	case b.Offset == nil:
		p.WriteString("UNBOUNDED")
	default:
		p.operand(b.Offset, bindAdd)
	}
	if b.Following {
		p.WriteString(" FOLLOWING")
	} else {
		p.WriteString(" PRECEDING")
	}
}

func (n *Grouping) write(p *printer) {
	p.words(n.Kind, " (")
	p.exprs(n.Items)
	p.WriteByte(')')
}

func (n *TableArg) write(p *printer) {
	p.WriteString("TABLE ")
	if n.Query != nil {
		p.nested(n.Query)
	} else {
		n.Table.write(p)
	}
	if len(n.PartitionBy) > 0 {
		p.WriteString(" PARTITION BY (")
		p.exprs(n.PartitionBy)
		p.WriteByte(')')
	}
	if len(n.OrderBy) > 0 {
		p.WriteString(" ORDER BY (")
		list(p, n.OrderBy, func(o *OrderItem) { o.write(p) })
		p.WriteByte(')')
	}
}

func (n *Descriptor) write(p *printer) {
	p.WriteString("DESCRIPTOR")
	p.names(n.Columns)
}

func (n *ModelArg) write(p *printer) {
	p.WriteString("MODEL ")
	n.Name.write(p)
}

func (n *DefaultArg) write(p *printer) { p.WriteString("DEFAULT") }
