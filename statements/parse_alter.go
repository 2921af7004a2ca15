package statements

// objects are what ALTER and DROP name, the longer before their beginnings.
var objects = [][]string{{"MATERIALIZED", "TABLE"}, {"TABLE"}, {"VIEW"}, {"FUNCTION"}, {"MODEL"}, {"CONNECTION"}}

// object reads the kind of an object, with TEMPORARY [SYSTEM] before it.
func (p *parser) object() (what, temporary string) {
	if p.accept("TEMPORARY") {
		if temporary = "TEMPORARY"; p.accept("SYSTEM") {
			temporary = "TEMPORARY SYSTEM"
			p.expect("FUNCTION")
			return "FUNCTION", temporary
		}
	}
	for _, words := range objects {
		if p.acceptWords(words...) {
			if len(words) > 1 {
				return words[0] + " " + words[1], temporary
			}
			return words[0], temporary
		}
	}
	p.unexpected()
	return "", ""
}

func (p *parser) drop(at Pos) *Drop {
	d := &Drop{Pos: at}
	d.What, d.Temporary = p.object()
	d.IfExists = p.acceptWords("IF", "EXISTS")
	d.Name = p.name()
	return d
}

func (p *parser) alter(at Pos) *Alter {
	a := &Alter{Pos: at}
	a.What, a.Temporary = p.object()
	a.IfExists = p.acceptWords("IF", "EXISTS")
	a.Name = p.name()
	a.Action = p.alterAction()
	return a
}

func (p *parser) alterAction() AlterAction {
	t := p.peek()
	switch {
	case p.accept("ADD"):
		n := &AddElements{Pos: t.Pos}
		n.Distribution = p.alterElements(&n.TableElements)
		return n
	case p.accept("MODIFY"):
		n := &ModifyElements{Pos: t.Pos}
		n.Distribution = p.alterElements(&n.TableElements)
		return n
	case p.accept("DROP"):
		return p.dropElements(t.Pos)
	case p.accept("SET"):
		p.expect("(")
		n := &SetOptions{Pos: t.Pos, Options: p.options(")")}
		p.expect(")")
		return n
	case p.accept("RESET"):
		n := &ResetOptions{Pos: t.Pos}
		p.expect("(")
		for {
			if n.Keys = append(n.Keys, p.text()); !p.accept(",") {
				p.expect(")")
				return n
			}
		}
	case p.accept("RENAME"):
		n := &Rename{Pos: t.Pos}
		if !p.accept("TO") {
			c := p.ident()
			n.Column = &c
			p.expect("TO")
		}
		n.To = p.name()
		return n
	case p.accept("AS"):
		return &AsQuery{Pos: t.Pos, Query: p.query()}
	}
	for _, w := range []string{"SUSPEND", "RESUME", "REFRESH"} {
		if p.accept(w) {
			n := &Lifecycle{Pos: t.Pos, Verb: w}
			if p.accept("WITH") {
				p.expect("(")
				n.Options = p.options(")")
				p.expect(")")
			}
			return n
		}
	}
	p.unexpected()
	return nil
}

// alterElements reads what ADD and MODIFY are about: one element, several in parentheses, or a distribution.
func (p *parser) alterElements(e *TableElements) *Distribution {
	if p.is("DISTRIBUTION") || p.is("DISTRIBUTED") {
		return p.distribution()
	}
	if p.accept("(") {
		p.elements(e)
	} else {
		p.accept("COLUMN")
		p.element(e)
	}
	p.typed(e.Columns)
	return nil
}

func (p *parser) dropElements(at Pos) *DropElements {
	d := &DropElements{Pos: at, What: "COLUMN"}
	switch {
	case p.accept("WATERMARK"):
		d.What = "WATERMARK"
	case p.acceptWords("PRIMARY", "KEY"):
		d.What = "PRIMARY KEY"
	case p.accept("DISTRIBUTION"):
		d.What = "DISTRIBUTION"
	case p.accept("CONSTRAINT"):
		d.What, d.Columns = "CONSTRAINT", []Ident{p.ident()}
	case p.is("("):
		d.Columns = p.names()
	default:
		p.accept("COLUMN")
		d.Columns = []Ident{p.ident()}
	}
	return d
}
