package statements

import "strings"

// printer writes the tree as SQL. Names are always in backticks, so that no word list decides what a print means.
type printer struct{ strings.Builder }

func printed(n Node) string {
	var p printer
	n.write(&p)
	return p.String()
}

func (p *printer) words(ss ...string) {
	for _, s := range ss {
		p.WriteString(s)
	}
}

func (p *printer) name(i Ident) { p.WriteString(quoteName(i.Name)) }

func (p *printer) names(is []Ident) {
	p.WriteByte('(')
	list(p, is, func(i Ident) { p.name(i) })
	p.WriteByte(')')
}

// list writes items with commas between them.
func list[T any](p *printer, items []T, write func(T)) {
	for i, it := range items {
		if i > 0 {
			p.WriteString(", ")
		}
		write(it)
	}
}

func (n *CreateTable) SQL() string   { return printed(n) }
func (n *ColumnDef) SQL() string     { return printed(n) }
func (n *WatermarkDef) SQL() string  { return printed(n) }
func (n *PrimaryKeyDef) SQL() string { return printed(n) }
func (n *Distribution) SQL() string  { return printed(n) }
func (n *TypeName) SQL() string      { return n.Type.String() }
func (n *Insert) SQL() string        { return printed(n) }
func (n *Query) SQL() string         { return printed(n) }
func (n *OrderItem) SQL() string     { return printed(n) }
func (n *Select) SQL() string        { return printed(n) }
func (n *SelectItem) SQL() string    { return printed(n) }
func (n *TableRef) SQL() string      { return printed(n) }
func (n *WindowTable) SQL() string   { return printed(n) }
func (n *Derived) SQL() string       { return printed(n) }
func (n Name) SQL() string           { return printed(n) }

func (n Name) write(p *printer) {
	for i, part := range n.Parts {
		if i > 0 {
			p.WriteByte('.')
		}
		p.name(part)
	}
}

func (n *TypeName) write(p *printer) { n.Type.write(&p.Builder) }

func (n *CreateTable) write(p *printer) {
	p.WriteString("CREATE ")
	p.temporary(n.Temporary)
	p.WriteString("TABLE ")
	if n.IfNotExists {
		p.WriteString("IF NOT EXISTS ")
	}
	n.Name.write(p)
	p.elements(n.Columns, n.Watermark, n.PrimaryKey)
	p.comment(n.Comment)
	if n.Distribution != nil {
		p.WriteByte(' ')
		n.Distribution.write(p)
	}
	p.with(n.Options)
	if n.Like != nil {
		p.WriteByte('\n')
		n.Like.write(p)
	}
	if n.Query != nil {
		p.WriteString("\nAS ")
		n.Query.write(p)
	}
}

func (p *printer) options(os []Option) {
	list(p, os, func(o Option) { p.words(quoteString(o.Key), " = ", quoteString(o.Value)) })
}

func (n *ColumnDef) write(p *printer) {
	p.name(n.Name)
	if n.Kind == Computed {
		p.WriteString(" AS ")
		p.expr(n.Expr)
	} else if n.Type != nil {
		p.WriteByte(' ')
		n.Type.write(p)
	}
	if n.Kind == Metadata {
		p.WriteString(" METADATA")
		if n.MetadataKey != nil {
			p.words(" FROM ", quoteString(n.MetadataKey.Value))
		}
		if n.Virtual {
			p.WriteString(" VIRTUAL")
		}
	}
	if n.PrimaryKey {
		p.WriteString(" PRIMARY KEY NOT ENFORCED")
	}
	if n.Comment != nil {
		p.words(" COMMENT ", quoteString(n.Comment.Value))
	}
}

func (n *WatermarkDef) write(p *printer) {
	p.WriteString("WATERMARK FOR ")
	n.Column.write(p)
	p.WriteString(" AS ")
	p.expr(n.Expr)
}

func (n *PrimaryKeyDef) write(p *printer) {
	if n.Constraint != nil {
		p.WriteString("CONSTRAINT ")
		p.name(*n.Constraint)
		p.WriteByte(' ')
	}
	p.WriteString("PRIMARY KEY ")
	p.names(n.Columns)
	p.WriteString(" NOT ENFORCED")
}

func (n *Distribution) write(p *printer) {
	if n.Partitioned {
		p.WriteString("PARTITIONED BY ")
		p.names(n.Columns)
		return
	}
	p.WriteString("DISTRIBUTED")
	if len(n.Columns) > 0 {
		p.WriteString(" BY ")
		if n.Hash {
			p.WriteString("HASH")
		}
		p.names(n.Columns)
	}
	if n.Buckets > 0 {
		p.words(" INTO ", itoa(n.Buckets), " BUCKETS")
	}
}

func (n *Insert) write(p *printer) {
	word := "INTO "
	if n.Overwrite {
		word = "OVERWRITE "
	}
	p.words("INSERT ", word)
	n.Table.write(p)
	p.hints(n.Hints)
	if len(n.Partition) > 0 {
		p.WriteString(" PARTITION (")
		list(p, n.Partition, func(a Assignment) {
			p.name(a.Column)
			if a.Value != nil {
				p.WriteString(" = ")
				p.expr(a.Value)
			}
		})
		p.WriteByte(')')
	}
	if len(n.Columns) > 0 {
		p.WriteByte(' ')
		p.names(n.Columns)
	}
	p.WriteByte('\n')
	n.Query.write(p)
	if n.OnConflict != "" {
		p.words("\nON CONFLICT DO ", n.OnConflict)
	}
}
