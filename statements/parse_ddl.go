package statements

import "strings"

// create reads what follows CREATE.
func (p *parser) create(at Pos) Statement {
	switch {
	case p.isWords("OR", "REPLACE"), p.isWords("OR", "ALTER") && p.ahead(2).key != "MATERIALIZED":
		p.refuse(at, "CREATE OR "+p.ahead(1).key, "drop the object first")
	case p.acceptWords("OR", "ALTER"):
		p.expect("MATERIALIZED", "TABLE")
		n := p.createMaterialized(at)
		n.OrAlter = true
		return n
	}
	kind := p.peek()
	what, temporary := p.object()
	switch what {
	case "TABLE":
		n := p.createTable(at)
		n.Temporary = temporary != ""
		return n
	case "VIEW":
		n := p.createView(at)
		n.Temporary = temporary != ""
		return n
	case "FUNCTION":
		n := p.createFunction(at)
		n.Temporary = temporary
		return n
	case "MODEL":
		n := p.createModel(at)
		n.Temporary = temporary != ""
		return n
	}
	if temporary != "" {
		p.fail(kind.Pos, "leave TEMPORARY out", "there is no temporary %s", strings.ToLower(what))
	}
	if what == "CONNECTION" {
		n := &CreateConnection{Pos: at, IfNotExists: p.ifNotExists(), Name: p.name()}
		n.Comment, n.Options = p.comment(), p.with()
		return n
	}
	return p.createMaterialized(at)
}

func (p *parser) ifNotExists() bool { return p.acceptWords("IF", "NOT", "EXISTS") }

// comment reads COMMENT '…' where it stands.
func (p *parser) comment() *Text {
	if !p.accept("COMMENT") {
		return nil
	}
	t := p.text()
	return &t
}

// with reads WITH (…) where it stands.
func (p *parser) with() []Option {
	if !p.accept("WITH") {
		return nil
	}
	p.expect("(")
	out := p.options(")")
	p.expect(")")
	return out
}

func (p *parser) createTable(at Pos) *CreateTable {
	n := &CreateTable{Pos: at, IfNotExists: p.ifNotExists(), Name: p.name()}
	if p.accept("(") {
		var e TableElements
		p.elements(&e)
		n.Columns, n.Watermark, n.PrimaryKey = e.Columns, e.Watermark, e.PrimaryKey
	}
	n.Comment = p.comment()
	n.Distribution = p.distributed()
	n.Options = p.with()
	if t := p.peek(); p.accept("LIKE") {
		n.Like = p.like(t.Pos)
	}
	if p.accept("AS") {
		n.Query = p.query()
	}
	if n.Query == nil {
		p.typed(n.Columns)
	}
	if len(n.Columns) == 0 && n.Query == nil && n.Like == nil {
		p.want("(")
		p.unexpected()
	}
	return n
}

// typed refuses columns without a data type, which only a query can give them.
func (p *parser) typed(columns []*ColumnDef) {
	for _, c := range columns {
		if c.Type == nil && c.Kind != Computed {
			p.fail(c.Pos, "write the type: "+quoteName(clip(c.Name.Name))+" STRING", "column %s has no data type", quoteName(clip(c.Name.Name)))
		}
	}
}

func (p *parser) like(at Pos) *LikeClause {
	l := &LikeClause{Pos: at, Table: p.name()}
	if !p.accept("(") {
		return l
	}
	for !p.accept(")") {
		o := LikeOption{Merge: p.word("INCLUDING", "EXCLUDING", "OVERWRITING")}
		o.What = p.word("ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS")
		l.Options = append(l.Options, o)
		p.accept(",")
	}
	return l
}

// word reads one of these keywords.
func (p *parser) word(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	p.unexpected()
	return ""
}

func (p *parser) createView(at Pos) *CreateView {
	n := &CreateView{Pos: at, IfNotExists: p.ifNotExists(), Name: p.name()}
	if p.is("(") {
		n.Columns = p.names()
	}
	n.Comment = p.comment()
	p.expect("AS")
	n.Query = p.query()
	return n
}

func (p *parser) createFunction(at Pos) *CreateFunction {
	n := &CreateFunction{Pos: at, IfNotExists: p.ifNotExists(), Name: p.name()}
	p.expect("AS")
	n.Class = p.text()
	if p.accept("LANGUAGE") {
		n.Language = p.word("JAVA", "PYTHON", "SCALA", "SQL")
	}
	for p.accept("USING") {
		if p.accept("CONNECTIONS") {
			p.expect("(")
			n.Connections = []Name{p.name()}
			for p.accept(",") {
				n.Connections = append(n.Connections, p.name())
			}
			p.expect(")")
			continue
		}
		for {
			r := Resource{Pos: p.peek().Pos, Kind: p.word("JAR", "FILE", "ARTIFACT")}
			r.URI = p.text().Value
			if n.Resources = append(n.Resources, r); !p.accept(",") {
				break
			}
		}
	}
	n.Options = p.with()
	return n
}

func (p *parser) createModel(at Pos) *CreateModel {
	n := &CreateModel{Pos: at, IfNotExists: p.ifNotExists(), Name: p.name()}
	for _, side := range []struct {
		word string
		to   *[]*ColumnDef
	}{{"INPUT", &n.Input}, {"OUTPUT", &n.Output}} {
		if p.accept(side.word) {
			var e TableElements
			at := p.expect("(").Pos
			p.elements(&e)
			if e.Watermark != nil || e.PrimaryKey != nil {
				p.fail(at, "", "%s of a model has columns and nothing else", side.word)
			}
			p.typed(e.Columns)
			*side.to = e.Columns
		}
	}
	n.Comment = p.comment()
	n.Options = p.with()
	return n
}

func (p *parser) createMaterialized(at Pos) *CreateMaterialized {
	n := &CreateMaterialized{Pos: at, IfNotExists: p.ifNotExists(), Name: p.name()}
	if p.accept("(") {
		p.elements(&n.Elements)
	}
	n.Comment = p.comment()
	n.Distribution = p.distributed()
	n.Options = p.with()
	for !p.is("AS") {
		switch {
		case p.accept("START_MODE"):
			p.expect("=")
			n.StartMode = p.ident().Name
			if p.accept("(") {
				n.StartArg = p.intervalArg("what START_MODE takes")
				p.expect(")")
			}
		case p.accept("FRESHNESS"):
			p.expect("=")
			n.Freshness = p.intervalArg("FRESHNESS")
		case p.accept("REFRESH_MODE"):
			p.expect("=")
			n.RefreshMode = p.word("CONTINUOUS", "FULL")
		default:
			p.unexpected()
		}
	}
	p.expect("AS")
	n.Query = p.query()
	return n
}

// elements reads the columns and constraints of a table, to the closing parenthesis.
func (p *parser) elements(e *TableElements) {
	for {
		p.element(e)
		if !p.accept(",") {
			p.expect(")")
			return
		}
	}
}

func (p *parser) element(n *TableElements) {
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
}

func (p *parser) setKey(n *TableElements, k *PrimaryKeyDef) {
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
	} else if k := p.peek().key; k != "," && k != ")" {
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

// distributed reads how a table is distributed where that stands.
func (p *parser) distributed() *Distribution {
	if p.is("DISTRIBUTED") || p.isWords("PARTITIONED", "BY") {
		return p.distribution()
	}
	return nil
}

func (p *parser) distribution() *Distribution {
	d := &Distribution{Pos: p.peek().Pos}
	if p.acceptWords("PARTITIONED", "BY") {
		d.Partitioned, d.Columns = true, p.names()
		return d
	}
	if !p.accept("DISTRIBUTION") {
		p.expect("DISTRIBUTED")
	}
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
