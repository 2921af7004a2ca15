package statements

func (n *CommonTable) SQL() string     { return printed(n) }
func (n *SetOperation) SQL() string    { return printed(n) }
func (n *Values) SQL() string          { return printed(n) }
func (n *NamedTable) SQL() string      { return printed(n) }
func (n *Nested) SQL() string          { return printed(n) }
func (n *Join) SQL() string            { return printed(n) }
func (n *TableFunction) SQL() string   { return printed(n) }
func (n *Unnest) SQL() string          { return printed(n) }
func (n *Match) SQL() string           { return printed(n) }
func (n *PatternVariable) SQL() string { return printed(n) }
func (n *PatternSequence) SQL() string { return printed(n) }
func (n *PatternChoice) SQL() string   { return printed(n) }
func (n *PatternRepeat) SQL() string   { return printed(n) }
func (n *PatternPermute) SQL() string  { return printed(n) }

func (n *CommonTable) write(p *printer) {
	p.name(n.Name)
	if len(n.Columns) > 0 {
		p.WriteByte(' ')
		p.names(n.Columns)
	}
	p.WriteString(" AS ")
	p.nested(n.Query)
}

// setPower is how close a query's body binds among set operators.
func setPower(b QueryBody) int {
	if n, ok := b.(*SetOperation); ok {
		if n.Op == Intersect {
			return 2
		}
		return 1
	}
	return 3
}

// write goes down the left side in a loop: a chain may be as long as a statement.
func (n *SetOperation) write(p *printer) {
	chain := []*SetOperation{n}
	for {
		top := chain[len(chain)-1]
		left, ok := top.Left.(*SetOperation)
		if !ok || setPower(left) < setPower(top) {
			break
		}
		chain = append(chain, left)
	}
	side := func(b QueryBody, least int) {
		if setPower(b) >= least {
			b.write(p)
			return
		}
		p.WriteByte('(')
		b.write(p)
		p.WriteByte(')')
	}
	first := chain[len(chain)-1]
	side(first.Left, setPower(first))
	for i := len(chain) - 1; i >= 0; i-- {
		p.words("\n", string(chain[i].Op))
		if chain[i].All {
			p.WriteString(" ALL")
		}
		p.WriteByte('\n')
		side(chain[i].Right, setPower(chain[i])+1)
	}
}

func (n *Values) write(p *printer) {
	p.WriteString("VALUES ")
	p.exprs(n.Rows)
}

func (n *NamedTable) write(p *printer) {
	p.WriteString("TABLE ")
	n.Name.write(p)
}

func (n *Nested) write(p *printer) { p.nested(n.Query) }

func (n *Join) write(p *printer) {
	if left, ok := n.Left.(*Join); ok && left.Kind == CommaJoin && n.Kind != CommaJoin {
		p.WriteByte('(')
		left.write(p)
		p.WriteByte(')')
	} else {
		n.Left.write(p)
	}
	if n.Kind == CommaJoin {
		p.WriteString(",\n")
	} else {
		p.WriteByte('\n')
		if n.Natural {
			p.WriteString("NATURAL ")
		}
		if n.Kind != InnerJoin {
			p.words(string(n.Kind), " ")
		}
		p.WriteString("JOIN ")
	}
	if _, nested := n.Right.(*Join); nested {
		p.WriteByte('(')
		n.Right.write(p)
		p.WriteByte(')')
	} else {
		n.Right.write(p)
	}
	if n.On != nil {
		p.WriteString(" ON ")
		p.expr(n.On)
	}
	if len(n.Using) > 0 {
		p.WriteString(" USING ")
		p.names(n.Using)
	}
}

func (n *TableFunction) write(p *printer) {
	if n.Lateral {
		p.WriteString("LATERAL ")
	}
	p.WriteString("TABLE(")
	p.function(n.Func)
	p.WriteByte('(')
	p.exprs(n.Args)
	p.WriteString("))")
	p.alias(n.Alias)
}

// function writes a function's name. One in upper case may be a built-in with a reserved name, which backticks would hide.
func (p *printer) function(n Name) {
	if len(n.Parts) == 1 && isWord(n.Parts[0].Name) {
		p.WriteString(n.Parts[0].Name)
		return
	}
	n.write(p)
}

func (n *Unnest) write(p *printer) {
	p.WriteString("UNNEST(")
	p.exprs(n.Args)
	p.WriteByte(')')
	if n.Ordinality {
		p.WriteString(" WITH ORDINALITY")
	}
	p.alias(n.Alias)
}

func (n *Match) write(p *printer) {
	n.Table.write(p)
	p.WriteString("\nMATCH_RECOGNIZE (")
	if len(n.PartitionBy) > 0 {
		p.WriteString("\n  PARTITION BY ")
		p.exprs(n.PartitionBy)
	}
	if len(n.OrderBy) > 0 {
		p.WriteString("\n  ORDER BY ")
		list(p, n.OrderBy, func(o *OrderItem) { o.write(p) })
	}
	if len(n.Measures) > 0 {
		p.WriteString("\n  MEASURES ")
		list(p, n.Measures, func(i *SelectItem) { i.write(p) })
	}
	switch {
	case n.AllRows:
		p.WriteString("\n  ALL ROWS PER MATCH")
		if n.RowsOption != "" {
			p.words(" ", n.RowsOption)
		}
	case n.OneRow:
		p.WriteString("\n  ONE ROW PER MATCH")
	}
	if a := n.After; a != nil {
		p.words("\n  AFTER MATCH SKIP ", a.To)
		if a.Variable != nil {
			p.WriteByte(' ')
			p.name(*a.Variable)
		}
	}
	p.WriteString("\n  PATTERN (")
	n.Pattern.write(p)
	p.WriteByte(')')
	if n.Within != nil {
		p.WriteString(" WITHIN ")
		n.Within.write(p)
	}
	if len(n.Subsets) > 0 {
		p.WriteString("\n  SUBSET ")
		list(p, n.Subsets, func(s Subset) {
			p.name(s.Name)
			p.WriteString(" = ")
			p.names(s.Variables)
		})
	}
	if len(n.Define) > 0 {
		p.WriteString("\n  DEFINE ")
		list(p, n.Define, func(d *PatternDef) {
			p.name(d.Name)
			p.WriteString(" AS ")
			p.expr(d.Cond)
		})
	}
	p.WriteString("\n)")
	p.alias(n.Alias)
}

func (n *PatternVariable) write(p *printer) {
	if n.Name == "^" || n.Name == "$" {
		p.WriteString(n.Name)
		return
	}
	p.name(n.Ident)
}

// patternItem writes an item that stands beside others or before a quantifier.
func (p *printer) patternItem(i RowPattern) {
	switch i.(type) {
	case *PatternSequence, *PatternChoice:
		p.WriteByte('(')
		i.write(p)
		p.WriteByte(')')
	default:
		i.write(p)
	}
}

func (n *PatternSequence) write(p *printer) {
	for i, it := range n.Items {
		if i > 0 {
			p.WriteByte(' ')
		}
		p.patternItem(it)
	}
}

func (n *PatternChoice) write(p *printer) {
	for i, it := range n.Items {
		if i > 0 {
			p.WriteString(" | ")
		}
		if _, sequence := it.(*PatternSequence); sequence {
			it.write(p)
			continue
		}
		p.patternItem(it)
	}
}

func (n *PatternRepeat) write(p *printer) {
	if _, again := n.Item.(*PatternRepeat); again {
		p.WriteByte('(')
		n.Item.write(p)
		p.WriteByte(')')
	} else {
		p.patternItem(n.Item)
	}
	switch {
	case n.Min == 0 && n.Max == -1:
		p.WriteByte('*')
	case n.Min == 1 && n.Max == -1:
		p.WriteByte('+')
	case n.Min == 0 && n.Max == 1:
		p.WriteByte('?')
	case n.Min == n.Max:
		p.words("{", itoa(n.Min), "}")
	case n.Max == -1:
		p.words("{", itoa(n.Min), ",}")
	default:
		p.words("{", itoa(n.Min), ",", itoa(n.Max), "}")
	}
	if n.Reluctant {
		p.WriteByte('?')
	}
}

func (n *PatternPermute) write(p *printer) {
	if n.Exclude {
		p.WriteString("{- ")
		n.Items[0].write(p)
		p.WriteString(" -}")
		return
	}
	p.WriteString("PERMUTE(")
	list(p, n.Items, func(i RowPattern) { i.write(p) })
	p.WriteByte(')')
}
