package statements

// maxFraction is the largest precision of a fraction of a second.
const maxFraction = 9

// typeName reads a data type with its NOT NULL.
func (p *parser) typeName() *TypeName {
	defer p.in()()
	at := p.peek().Pos
	t := p.baseType()
	t.Nullable = true
	for {
		switch {
		case p.acceptWords("NOT", "NULL"):
			t.Nullable = false
		case p.is("NULL") && p.ahead(1).key != "ON": // NULL ON EMPTY is the JSON function's
			p.at++
			t.Nullable = true
		}
		k := KindArray
		switch {
		case p.accept("ARRAY"):
		case p.accept("MULTISET"):
			k = KindMultiset
		default:
			return &TypeName{Pos: at, Type: t}
		}
		elem := t
		t = Type{Kind: k, Nullable: true, Elem: &elem}
	}
}

var plainTypes = map[string]Type{
	"BOOLEAN": {Kind: KindBoolean}, "TINYINT": {Kind: KindTinyInt}, "SMALLINT": {Kind: KindSmallInt}, "INT": {Kind: KindInt},
	"INTEGER": {Kind: KindInt}, "BIGINT": {Kind: KindBigInt}, "FLOAT": {Kind: KindFloat}, "REAL": {Kind: KindFloat},
	"STRING": {Kind: KindVarChar, Length: MaxLength}, "BYTES": {Kind: KindVarBinary, Length: MaxLength}, "DATE": {Kind: KindDate},
	"NULL": {Kind: KindNull}, "VARIANT": {Kind: KindVariant}, "BITMAP": {Kind: KindBitmap},
}

var typeWords = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "NUMERIC", "CHAR", "VARCHAR", "STRING", "BINARY",
	"VARBINARY", "BYTES", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "ARRAY", "MAP", "MULTISET", "ROW", "STRUCTURED", "VARIANT", "BITMAP", "NULL",
}

func (p *parser) baseType() Type {
	t := p.peek()
	if plain, ok := plainTypes[t.key]; ok {
		p.at++
		return plain
	}
	switch {
	case p.accept("DOUBLE"):
		p.accept("PRECISION")
		return Type{Kind: KindDouble}
	case p.accept("DECIMAL"), p.accept("DEC"), p.accept("NUMERIC"):
		return p.decimalType()
	case p.accept("CHAR"), p.accept("CHARACTER"):
		if p.accept("VARYING") {
			return p.lengthType(KindVarChar)
		}
		return p.lengthType(KindChar)
	case p.accept("VARCHAR"):
		return p.lengthType(KindVarChar)
	case p.accept("BINARY"):
		if p.accept("VARYING") {
			return p.lengthType(KindVarBinary)
		}
		return p.lengthType(KindBinary)
	case p.accept("VARBINARY"):
		return p.lengthType(KindVarBinary)
	case p.accept("TIME"):
		n := p.precision(0)
		p.acceptWords("WITHOUT", "TIME", "ZONE")
		return Type{Kind: KindTime, Precision: n}
	case p.accept("TIMESTAMP"):
		return p.timestampType(t.Pos)
	case p.accept("TIMESTAMP_LTZ"):
		return Type{Kind: KindTimestampLTZ, Precision: p.precision(6)}
	case p.accept("INTERVAL"):
		q := p.qualifier()
		return q.intervalType()
	case p.accept("ARRAY"):
		return Type{Kind: KindArray, Elem: p.elementType()}
	case p.accept("MULTISET"):
		return Type{Kind: KindMultiset, Elem: p.elementType()}
	case p.accept("MAP"):
		p.expect("<")
		key := p.typeName()
		p.expect(",")
		value := p.typeName()
		p.expect(">")
		return Type{Kind: KindMap, Key: &key.Type, Elem: &value.Type}
	case p.accept("ROW"):
		return p.rowType()
	case p.accept("STRUCTURED"):
		return p.structuredType()
	case t.key == "RAW":
		p.refuse(t.Pos, "the type "+t.key, "")
	}
	for _, w := range typeWords {
		p.want(w)
	}
	p.want(wantType)
	if t.kind == tokWord && !reserved[t.key] || t.kind == tokQuoted {
		remedy := ""
		if meant := nearest(t.text, typeWords); meant != "" {
			remedy = "did you mean " + meant + "?"
		} else if meant, ok := foreignTypes[t.key]; ok {
			remedy = "in Flink SQL it is " + meant
		}
		p.fail(t.Pos, remedy, "%s is no data type", describe(t))
	}
	p.wanted = []string{wantType}
	p.unexpected()
	return Type{}
}

// foreignTypes are what other dialects call Flink's types.
var foreignTypes = map[string]string{
	"TEXT": "STRING", "LONG": "BIGINT", "INT8": "BIGINT", "INT4": "INT", "INT2": "SMALLINT", "INT64": "BIGINT", "INT32": "INT", "BOOL": "BOOLEAN",
	"DATETIME": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMP_LTZ", "BLOB": "BYTES", "BYTEA": "BYTES", "NUMBER": "DECIMAL", "FLOAT64": "DOUBLE",
	"FLOAT32": "FLOAT", "FLOAT8": "DOUBLE", "STRUCT": "ROW", "OBJECT": "ROW", "LIST": "ARRAY", "VARCHAR2": "VARCHAR", "NVARCHAR": "VARCHAR", "UUID": "STRING",
	"JSON": "STRING", "BIGDECIMAL": "DECIMAL", "SHORT": "SMALLINT", "BYTE": "TINYINT",
}

func (p *parser) decimalType() Type {
	t := Type{Kind: KindDecimal, Precision: 10}
	if !p.accept("(") {
		return t
	}
	at := p.peek().Pos
	if t.Precision = p.integer("the precision of a DECIMAL", MaxPrecision); t.Precision == 0 {
		p.fail(at, "", "the precision of a DECIMAL must be at least 1")
	}
	if p.accept(",") {
		t.Scale = p.integer("the scale of this DECIMAL", t.Precision)
	}
	p.expect(")")
	return t
}

func (p *parser) lengthType(k Kind) Type {
	t := Type{Kind: k, Length: 1}
	if p.accept("(") {
		at := p.peek().Pos
		if t.Length = p.integer("the length", MaxLength); t.Length == 0 {
			p.fail(at, "", "the length must be at least 1")
		}
		p.expect(")")
	}
	return t
}

func (p *parser) precision(def int) int {
	if !p.accept("(") {
		return def
	}
	n := p.integer("the precision", maxFraction)
	p.expect(")")
	return n
}

func (p *parser) timestampType(at Pos) Type {
	t := Type{Kind: KindTimestamp, Precision: p.precision(6)}
	switch {
	case p.acceptWords("WITHOUT", "TIME", "ZONE"):
	case p.acceptWords("WITH", "LOCAL", "TIME", "ZONE"):
		t.Kind = KindTimestampLTZ
	case p.isWords("WITH", "TIME", "ZONE"):
		p.refuse(at, "TIMESTAMP WITH TIME ZONE", "write TIMESTAMP_LTZ for an instant")
	}
	return t
}

func (p *parser) elementType() *Type {
	p.expect("<")
	t := p.typeName()
	p.expect(">")
	return &t.Type
}

// rowType reads the fields of ROW<…> or ROW(…).
func (p *parser) rowType() Type {
	closing := ">"
	if p.accept("(") {
		closing = ")"
	} else {
		p.expect("<")
	}
	t := Type{Kind: KindRow}
	if p.accept(closing) {
		return t
	}
	p.fields(&t, closing)
	return t
}

// structuredType reads STRUCTURED<'class', name type, …>.
func (p *parser) structuredType() Type {
	p.expect("<")
	t := Type{Kind: KindStructured, Class: p.text().Value}
	if p.accept(">") {
		return t
	}
	p.expect(",")
	p.fields(&t, ">")
	return t
}

// fields reads the fields of a type, up to what closes it.
func (p *parser) fields(t *Type, closing string) {
	for {
		name := p.ident()
		for _, f := range t.Fields {
			if f.Name == name.Name {
				p.fail(name.Pos, "", "the %s has two fields %s", t.Kind, quoteName(clip(name.Name)))
			}
		}
		f := Field{Name: name.Name, Type: p.typeName().Type}
		switch {
		case p.peek().kind == tokString:
			f.Comment = p.text().Value
		case p.peek().key == "COMMENT" && p.ahead(1).kind == tokString:
			p.fail(p.peek().Pos, "leave COMMENT out: a field's comment stands behind its type by itself", "expected the field's comment, found COMMENT")
		}
		t.Fields = append(t.Fields, f)
		if !p.accept(",") {
			p.expect(closing)
			return
		}
	}
}
