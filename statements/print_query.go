package statements

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

func (p *printer) hints(hs []Hint) {
	if len(hs) == 0 {
		return
	}
	p.WriteString(" /*+ ")
	list(p, hs, func(h Hint) {
		p.words(h.Name)
		if len(h.Options)+len(h.Args) == 0 {
			return
		}
		p.WriteByte('(')
		p.options(h.Options)
		list(p, h.Args, func(a string) { p.WriteString(quoteString(a)) })
		p.WriteByte(')')
	})
	p.WriteString(" */")
}

func (n *Query) write(p *printer) {
	if len(n.With) > 0 {
		p.WriteString("WITH ")
		if n.Recursive {
			p.WriteString("RECURSIVE ")
		}
		list(p, n.With, func(c *CommonTable) { c.write(p) })
		p.WriteByte('\n')
	}
	n.Body.write(p)
	if len(n.OrderBy) > 0 {
		p.WriteString("\nORDER BY ")
		list(p, n.OrderBy, func(o *OrderItem) { o.write(p) })
	}
	if n.Limit != nil && !n.Fetch {
		p.WriteString("\nLIMIT ")
		p.expr(n.Limit)
	}
	if n.Offset != nil {
		p.WriteString("\nOFFSET ")
		p.expr(n.Offset)
		p.WriteString(" ROWS")
	}
	if n.Limit != nil && n.Fetch {
		p.WriteString("\nFETCH FIRST ")
		p.expr(n.Limit)
		p.WriteString(" ROWS ONLY")
	}
}

func (n *OrderItem) write(p *printer) {
	p.expr(n.Expr)
	if n.Descending {
		p.WriteString(" DESC")
	}
	if n.Nulls != "" {
		p.words(" NULLS ", n.Nulls)
	}
}

func (n *Select) write(p *printer) {
	p.WriteString("SELECT")
	p.hints(n.Hints)
	if n.Distinct {
		p.WriteString(" DISTINCT")
	}
	p.WriteByte(' ')
	list(p, n.Items, func(i *SelectItem) { i.write(p) })
	if n.From != nil {
		p.WriteString("\nFROM ")
		n.From.write(p)
	}
	if n.Where != nil {
		p.WriteString("\nWHERE ")
		p.expr(n.Where)
	}
	if len(n.GroupBy) > 0 {
		p.WriteString("\nGROUP BY ")
		list(p, n.GroupBy, p.expr)
	}
	if n.Having != nil {
		p.WriteString("\nHAVING ")
		p.expr(n.Having)
	}
	if len(n.Windows) > 0 {
		p.WriteString("\nWINDOW ")
		list(p, n.Windows, func(w *WindowDef) {
			p.name(w.Name)
			p.WriteString(" AS ")
			w.Spec.write(p)
		})
	}
	if n.Qualify != nil {
		p.WriteString("\nQUALIFY ")
		p.expr(n.Qualify)
	}
}

func (n *SelectItem) write(p *printer) {
	p.expr(n.Expr)
	if n.Alias != nil {
		p.WriteString(" AS ")
		p.name(*n.Alias)
	}
}

func (p *printer) alias(a *Alias) {
	if a == nil {
		return
	}
	p.WriteString(" AS ")
	p.name(a.Name)
	if len(a.Columns) > 0 {
		p.WriteByte(' ')
		p.names(a.Columns)
	}
}

func (n *TableRef) write(p *printer) {
	n.Name.write(p)
	p.hints(n.Hints)
	if n.AsOf != nil {
		p.WriteString(" FOR SYSTEM_TIME AS OF ")
		p.expr(n.AsOf)
	}
	p.alias(n.Alias)
}

func (n *WindowTable) write(p *printer) {
	p.words("TABLE(", string(n.Kind), "(TABLE ")
	if n.Query != nil {
		p.nested(n.Query)
	} else {
		n.Table.write(p)
	}
	if len(n.PartitionBy) > 0 {
		p.WriteString(" PARTITION BY ")
		p.names(n.PartitionBy)
	}
	p.WriteString(", DESCRIPTOR(")
	p.name(n.Time)
	p.WriteString("), ")
	if n.Step != nil {
		n.Step.write(p)
		p.WriteString(", ")
	}
	n.Size.write(p)
	if n.Offset != nil {
		p.WriteString(", ")
		n.Offset.write(p)
	}
	p.WriteString("))")
	p.alias(n.Alias)
}

func (n *Derived) write(p *printer) {
	if n.Lateral {
		p.WriteString("LATERAL ")
	}
	p.WriteByte('(')
	n.Query.write(p)
	p.WriteByte(')')
	p.alias(n.Alias)
}
