package statements

// create reads what follows CREATE.
func (p *parser) create(at Pos) Statement {
	what := p.peek()
	switch {
	case p.isWords("OR", "REPLACE"), p.isWords("OR", "ALTER"):
		p.refuse(at, "CREATE OR "+p.ahead(1).key, oneStatement)
	case what.key == "TEMPORARY":
		p.refuse(at, "CREATE TEMPORARY", "the dialect has no temporary objects: leave the word out")
	}
	switch what.key {
	case "VIEW", "FUNCTION", "MODEL", "CONNECTION", "CATALOG", "DATABASE", "MATERIALIZED", "AGENT", "TOOL":
		p.refuse(at, "CREATE "+what.key, oneStatement)
	}
	for _, w := range []string{"VIEW", "FUNCTION", "MODEL", "CONNECTION", "CATALOG", "DATABASE", "MATERIALIZED TABLE", "AGENT", "TOOL"} {
		p.want(w)
	}
	p.expect("TABLE")
	n := &CreateTable{Pos: at, IfNotExists: p.acceptWords("IF", "NOT", "EXISTS"), Name: p.name()}
	if p.accept("(") {
		p.elements(n)
	}
	if p.accept("COMMENT") {
		c := p.text()
		n.Comment = &c
	}
	if p.isWords("PARTITIONED", "BY") {
		p.refuse(p.peek().Pos, "PARTITIONED BY", "write DISTRIBUTED BY (columns) INTO n BUCKETS")
	}
	if p.is("DISTRIBUTED") {
		n.Distribution = p.distribution()
	}
	if p.accept("WITH") {
		p.expect("(")
		n.Options = p.options(")")
		p.expect(")")
	}
	switch t := p.peek(); t.key {
	case "AS":
		p.refuse(t.Pos, "CREATE TABLE … AS SELECT", "write CREATE TABLE with its columns and an INSERT INTO")
	case "LIKE":
		p.refuse(t.Pos, "CREATE TABLE … LIKE", "write the columns out")
	}
	if len(n.Columns) == 0 {
		p.want("(")
		p.unexpected()
	}
	return n
}

// elements reads the columns and constraints of CREATE TABLE, to the closing parenthesis.
func (p *parser) elements(n *CreateTable) {
	for {
		t := p.peek()
		switch {
		case p.isWords("WATERMARK", "FOR"):
			w := p.watermark()
			if n.Watermark != nil {
				p.fail(t.Pos, "", "a second watermark; a table has one")
			}
			n.Watermark = w
		case p.is("CONSTRAINT"), p.isWords("PRIMARY", "KEY"):
			p.setKey(n, p.primaryKey())
		case t.key == "UNIQUE":
			p.fail(t.Pos, "declare a PRIMARY KEY … NOT ENFORCED", "Flink SQL has no UNIQUE constraint")
		case t.key == "PERIOD" && p.ahead(1).key == "FOR":
			p.refuse(t.Pos, "PERIOD FOR", "leave it out")
		default:
			c := p.column()
			n.Columns = append(n.Columns, c)
			if c.PrimaryKey {
				p.setKey(n, &PrimaryKeyDef{Pos: c.Name.Pos, Columns: []Ident{c.Name}, Inline: true})
			}
		}
		if !p.accept(",") {
			p.expect(")")
			return
		}
	}
}

func (p *parser) setKey(n *CreateTable, k *PrimaryKeyDef) {
	if n.PrimaryKey != nil {
		p.fail(k.Pos, "list all its columns in one PRIMARY KEY (…) NOT ENFORCED", "a second primary key; a table has one")
	}
	n.PrimaryKey = k
}

func (p *parser) column() *ColumnDef {
	name := p.ident()
	c := &ColumnDef{Pos: name.Pos, Name: name}
	if p.accept("AS") {
		c.Kind, c.Expr = Computed, p.expr()
	} else {
		if k := p.peek().key; k == "," || k == ")" {
			p.fail(p.peek().Pos, "write the type: "+quoteName(clip(name.Name))+" STRING", "column %s has no data type", quoteName(clip(name.Name)))
		}
		c.Type = p.typeName()
		if p.accept("METADATA") {
			c.Kind = Metadata
			if p.accept("FROM") {
				key := p.text()
				c.MetadataKey = &key
			}
			c.Virtual = p.accept("VIRTUAL")
		}
		if p.isWords("PRIMARY", "KEY") {
			at := p.peek().Pos
			p.at += 2
			p.notEnforced(at)
			c.PrimaryKey = true
		}
	}
	if p.accept("COMMENT") {
		t := p.text()
		c.Comment = &t
	}
	return c
}

func (p *parser) watermark() *WatermarkDef {
	at := p.expect("WATERMARK", "FOR").Pos
	col := p.name()
	p.expect("AS")
	return &WatermarkDef{Pos: at, Column: col, Expr: p.expr()}
}

func (p *parser) primaryKey() *PrimaryKeyDef {
	k := &PrimaryKeyDef{Pos: p.peek().Pos}
	if p.accept("CONSTRAINT") {
		n := p.ident()
		k.Constraint = &n
		if p.is("UNIQUE") {
			p.fail(p.peek().Pos, "declare a PRIMARY KEY … NOT ENFORCED", "Flink SQL has no UNIQUE constraint")
		}
	}
	p.expect("PRIMARY", "KEY")
	k.Columns = p.names()
	p.notEnforced(k.Pos)
	return k
}

// notEnforced reads NOT ENFORCED, without which Flink refuses a key.
func (p *parser) notEnforced(at Pos) {
	if !p.acceptWords("NOT", "ENFORCED") {
		p.fail(at, "write PRIMARY KEY … NOT ENFORCED", "a primary key must be NOT ENFORCED: Flink does not check it")
	}
}

// maxBuckets bounds the partitions of a table; no cluster takes more.
const maxBuckets = 100_000

func (p *parser) distribution() *Distribution {
	d := &Distribution{Pos: p.expect("DISTRIBUTED").Pos}
	if p.accept("BY") {
		if p.is("RANGE") {
			p.refuse(p.peek().Pos, "DISTRIBUTED BY RANGE", "write DISTRIBUTED BY (columns)")
		}
		d.Hash = p.accept("HASH")
		d.Columns = p.names()
	}
	if p.is("INTO") || len(d.Columns) == 0 {
		p.expect("INTO")
		at := p.peek().Pos
		if d.Buckets = p.integer("the number of buckets", maxBuckets); d.Buckets == 0 {
			p.fail(at, "", "the number of buckets must be at least 1")
		}
		p.expect("BUCKETS")
	}
	return d
}

// options reads 'key' = 'value' pairs up to the closing token, which stays.
func (p *parser) options(closing string) []Option {
	var out []Option
	seen := map[string]bool{}
	for !p.is(closing) || len(out) > 0 {
		k := p.text()
		if seen[k.Value] {
			p.fail(k.Pos, "", "option %s is given twice", quoteString(clip(k.Value)))
		}
		seen[k.Value] = true
		p.expect("=")
		out = append(out, Option{Pos: k.Pos, Key: k.Value, Value: p.text().Value})
		if !p.accept(",") {
			break
		}
	}
	return out
}
