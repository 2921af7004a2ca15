package statements

import "strings"

// underscored is a kind of object in the words of the statements API.
func underscored(what string) string { return strings.ReplaceAll(what, " ", "_") }

func (n *CreateView) SQL() string         { return printed(n) }
func (n *CreateFunction) SQL() string     { return printed(n) }
func (n *CreateModel) SQL() string        { return printed(n) }
func (n *CreateConnection) SQL() string   { return printed(n) }
func (n *CreateMaterialized) SQL() string { return printed(n) }
func (n *LikeClause) SQL() string         { return printed(n) }
func (n *Alter) SQL() string              { return printed(n) }
func (n *AddElements) SQL() string        { return printed(n) }
func (n *ModifyElements) SQL() string     { return printed(n) }
func (n *DropElements) SQL() string       { return printed(n) }
func (n *SetOptions) SQL() string         { return printed(n) }
func (n *ResetOptions) SQL() string       { return printed(n) }
func (n *Rename) SQL() string             { return printed(n) }
func (n *AsQuery) SQL() string            { return printed(n) }
func (n *Lifecycle) SQL() string          { return printed(n) }
func (n *Drop) SQL() string               { return printed(n) }
func (n *StatementSet) SQL() string       { return printed(n) }
func (n *Set) SQL() string                { return printed(n) }
func (n *Reset) SQL() string              { return printed(n) }
func (n *Use) SQL() string                { return printed(n) }
func (n *Show) SQL() string               { return printed(n) }
func (n *Describe) SQL() string           { return printed(n) }
func (n *Explain) SQL() string            { return printed(n) }
func (n *QueryStatement) SQL() string     { return printed(n) }
func (n *Verbatim) SQL() string           { return n.Text }

func (n *Verbatim) write(p *printer) { p.WriteString(n.Text) }

// temporary writes TEMPORARY where it stands.
func (p *printer) temporary(is bool) {
	if is {
		p.WriteString("TEMPORARY ")
	}
}

// object writes a name behind its IF [NOT] EXISTS.
func (p *printer) object(condition bool, words string, name Name) {
	if condition {
		p.words(words, " ")
	}
	name.write(p)
}

func (p *printer) comment(c *Text) {
	if c != nil {
		p.words(" COMMENT ", quoteString(c.Value))
	}
}

func (p *printer) with(os []Option) {
	if len(os) > 0 {
		p.WriteString(" WITH (")
		p.options(os)
		p.WriteByte(')')
	}
}

// elements writes what stands in the parentheses of a table, with them.
func (p *printer) elements(columns []*ColumnDef, w *WatermarkDef, k *PrimaryKeyDef) {
	var parts []Node
	for _, c := range columns {
		parts = append(parts, c)
	}
	if w != nil {
		parts = append(parts, w)
	}
	if k != nil && !k.Inline {
		parts = append(parts, k)
	}
	if len(parts) == 0 {
		return
	}
	p.WriteString(" (\n  ")
	for i, part := range parts {
		if i > 0 {
			p.WriteString(",\n  ")
		}
		part.write(p)
	}
	p.WriteString("\n)")
}

func (n *LikeClause) write(p *printer) {
	p.WriteString("LIKE ")
	n.Table.write(p)
	if len(n.Options) > 0 {
		p.WriteString(" (")
		for i, o := range n.Options {
			if i > 0 {
				p.WriteByte(' ')
			}
			p.words(o.Merge, " ", o.What)
		}
		p.WriteByte(')')
	}
}

func (n *CreateView) write(p *printer) {
	p.WriteString("CREATE ")
	p.temporary(n.Temporary)
	p.WriteString("VIEW ")
	p.object(n.IfNotExists, "IF NOT EXISTS", n.Name)
	if len(n.Columns) > 0 {
		p.WriteByte(' ')
		p.names(n.Columns)
	}
	p.comment(n.Comment)
	p.WriteString(" AS\n")
	n.Query.write(p)
}

func (n *CreateFunction) write(p *printer) {
	p.WriteString("CREATE ")
	if n.Temporary != "" {
		p.words(n.Temporary, " ")
	}
	p.WriteString("FUNCTION ")
	p.object(n.IfNotExists, "IF NOT EXISTS", n.Name)
	p.words(" AS ", quoteString(n.Class.Value))
	if n.Language != "" {
		p.words(" LANGUAGE ", n.Language)
	}
	if len(n.Resources) > 0 {
		p.WriteString(" USING ")
		list(p, n.Resources, func(r Resource) { p.words(r.Kind, " ", quoteString(r.URI)) })
	}
	if len(n.Connections) > 0 {
		p.WriteString(" USING CONNECTIONS (")
		list(p, n.Connections, func(c Name) { c.write(p) })
		p.WriteByte(')')
	}
	p.with(n.Options)
}

func (n *CreateModel) write(p *printer) {
	p.WriteString("CREATE ")
	p.temporary(n.Temporary)
	p.WriteString("MODEL ")
	p.object(n.IfNotExists, "IF NOT EXISTS", n.Name)
	for _, side := range []struct {
		word    string
		columns []*ColumnDef
	}{{" INPUT", n.Input}, {" OUTPUT", n.Output}} {
		if len(side.columns) > 0 {
			p.WriteString(side.word)
			p.elements(side.columns, nil, nil)
		}
	}
	p.comment(n.Comment)
	p.with(n.Options)
}

func (n *CreateConnection) write(p *printer) {
	p.WriteString("CREATE CONNECTION ")
	p.object(n.IfNotExists, "IF NOT EXISTS", n.Name)
	p.comment(n.Comment)
	p.with(n.Options)
}

func (n *CreateMaterialized) write(p *printer) {
	p.WriteString("CREATE ")
	if n.OrAlter {
		p.WriteString("OR ALTER ")
	}
	p.WriteString("MATERIALIZED TABLE ")
	p.object(n.IfNotExists, "IF NOT EXISTS", n.Name)
	p.elements(n.Elements.Columns, n.Elements.Watermark, n.Elements.PrimaryKey)
	p.comment(n.Comment)
	if n.Distribution != nil {
		p.WriteByte(' ')
		n.Distribution.write(p)
	}
	p.with(n.Options)
	if n.StartMode != "" {
		p.words(" START_MODE = ", n.StartMode)
		if n.StartArg != nil {
			p.WriteByte('(')
			n.StartArg.write(p)
			p.WriteByte(')')
		}
	}
	if n.Freshness != nil {
		p.WriteString(" FRESHNESS = ")
		n.Freshness.write(p)
	}
	if n.RefreshMode != "" {
		p.words(" REFRESH_MODE = ", n.RefreshMode)
	}
	p.WriteString("\nAS ")
	n.Query.write(p)
}

func (n *Alter) write(p *printer) {
	p.WriteString("ALTER ")
	if n.Temporary != "" {
		p.words(n.Temporary, " ")
	}
	p.words(n.What, " ")
	p.object(n.IfExists, "IF EXISTS", n.Name)
	p.WriteByte(' ')
	n.Action.write(p)
}

func (p *printer) alterElements(word string, e *TableElements, d *Distribution) {
	p.WriteString(word)
	if d != nil {
		p.WriteByte(' ')
		d.write(p)
		return
	}
	p.elements(e.Columns, e.Watermark, e.PrimaryKey)
}

func (n *AddElements) write(p *printer) { p.alterElements("ADD", &n.TableElements, n.Distribution) }
func (n *ModifyElements) write(p *printer) {
	p.alterElements("MODIFY", &n.TableElements, n.Distribution)
}

func (n *DropElements) write(p *printer) {
	p.WriteString("DROP ")
	switch n.What {
	case "COLUMN":
		p.names(n.Columns)
	case "CONSTRAINT":
		p.WriteString("CONSTRAINT ")
		p.name(n.Columns[0])
	default:
		p.WriteString(n.What)
	}
}

func (n *SetOptions) write(p *printer) {
	p.WriteString("SET (")
	p.options(n.Options)
	p.WriteByte(')')
}

func (n *ResetOptions) write(p *printer) {
	p.WriteString("RESET (")
	list(p, n.Keys, func(k Text) { p.WriteString(quoteString(k.Value)) })
	p.WriteByte(')')
}

func (n *Rename) write(p *printer) {
	p.WriteString("RENAME ")
	if n.Column != nil {
		p.name(*n.Column)
		p.WriteByte(' ')
	}
	p.WriteString("TO ")
	n.To.write(p)
}

func (n *AsQuery) write(p *printer) {
	p.WriteString("AS\n")
	n.Query.write(p)
}

func (n *Lifecycle) write(p *printer) {
	p.WriteString(n.Verb)
	p.with(n.Options)
}

func (n *Drop) write(p *printer) {
	p.WriteString("DROP ")
	if n.Temporary != "" {
		p.words(n.Temporary, " ")
	}
	p.words(n.What, " ")
	p.object(n.IfExists, "IF EXISTS", n.Name)
}

func (n *StatementSet) write(p *printer) {
	if n.Execute {
		p.WriteString("EXECUTE ")
	}
	p.WriteString("STATEMENT SET\nBEGIN\n")
	for _, i := range n.Inserts {
		i.write(p)
		p.WriteString(";\n")
	}
	p.WriteString("END")
}

func (n *Set) write(p *printer) {
	p.WriteString("SET")
	if n.Key != nil {
		p.words(" ", quoteString(n.Key.Value), " = ", quoteString(n.Value.Value))
	}
}

func (n *Reset) write(p *printer) {
	p.WriteString("RESET")
	if n.Key != nil {
		p.words(" ", quoteString(n.Key.Value))
	}
}

func (n *Use) write(p *printer) {
	p.WriteString("USE ")
	if n.Catalog {
		p.WriteString("CATALOG ")
	}
	n.Name.write(p)
}

func (n *Show) write(p *printer) {
	p.words("SHOW ", n.What)
	if n.Name != nil {
		if n.From {
			p.WriteString(" FROM")
		}
		p.WriteByte(' ')
		n.Name.write(p)
	}
	if n.Like == nil {
		return
	}
	p.not(n.Not)
	word := " LIKE "
	if n.ILike {
		word = " ILIKE "
	}
	p.words(word, quoteString(n.Like.Value))
}

func (n *Describe) write(p *printer) {
	p.WriteString("DESCRIBE ")
	if n.What != "" {
		p.words(n.What, " ")
	}
	if n.Extended {
		p.WriteString("EXTENDED ")
	}
	n.Name.write(p)
}

func (n *Explain) write(p *printer) {
	p.WriteString("EXPLAIN ")
	if n.PlanFor {
		p.WriteString("PLAN FOR ")
	}
	if len(n.Details) > 0 {
		p.words(strings.Join(n.Details, ", "), " ")
	}
	n.Statement.write(p)
}

func (n *QueryStatement) write(p *printer) { n.Query.write(p) }
