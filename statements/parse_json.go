package statements

import "strings"

// jsonPath reads JSON_EXISTS, JSON_VALUE and JSON_QUERY.
func (p *parser) jsonPath(t token) Expr {
	p.at += 2
	j := &JSONPath{Pos: t.Pos, Func: t.key, X: p.expr()}
	p.expect(",")
	j.Path = p.expr()
	if p.accept("RETURNING") {
		j.Returning = p.typeName()
	}
	if w := p.peek(); w.key == "WITH" || w.key == "WITHOUT" {
		p.at++
		words := []string{w.key}
		if p.accept("CONDITIONAL") {
			words = append(words, "CONDITIONAL")
		} else if p.accept("UNCONDITIONAL") {
			words = append(words, "UNCONDITIONAL")
		}
		p.accept("ARRAY")
		p.expect("WRAPPER")
		j.Wrapper = strings.Join(append(words, "ARRAY WRAPPER"), " ")
	}
	for !p.is(")") {
		on := p.jsonOn()
		p.expect("ON")
		switch {
		case j.OnEmpty == nil && j.OnError == nil && p.accept("EMPTY"):
			j.OnEmpty = on
		case j.OnError == nil:
			p.expect("ERROR")
			j.OnError = on
		default:
			p.unexpected()
		}
	}
	p.expect(")")
	return j
}

func (p *parser) jsonOn() *JSONOn {
	if p.accept("DEFAULT") {
		return &JSONOn{What: "DEFAULT", Default: p.binary(bindAdd)}
	}
	if p.accept("EMPTY") {
		if p.accept("OBJECT") {
			return &JSONOn{What: "EMPTY OBJECT"}
		}
		p.accept("ARRAY")
		return &JSONOn{What: "EMPTY ARRAY"}
	}
	for _, w := range []string{"NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN"} {
		if p.accept(w) {
			return &JSONOn{What: w}
		}
	}
	p.unexpected()
	return nil
}

// jsonMake reads JSON_OBJECT, JSON_ARRAY, JSON_OBJECTAGG and JSON_ARRAYAGG.
func (p *parser) jsonMake(t token) Expr {
	p.at += 2
	j := &JSONMake{Pos: t.Pos, Func: t.key}
	object := strings.HasPrefix(t.key, "JSON_OBJECT")
	for !p.is(")") && !p.isWords("NULL", "ON", "NULL") && !p.isWords("ABSENT", "ON", "NULL") {
		if object {
			// KEY k VALUE v, k VALUE v, or k : v. KEY is no reserved word: it is a column where nothing but VALUE follows.
			if p.peek().key == "KEY" && p.ahead(1).key != "VALUE" && p.ahead(1).key != ":" {
				p.at++
			}
			j.Keys = append(j.Keys, p.expr())
			if !p.accept(":") {
				p.expect("VALUE")
			}
		}
		j.Values = append(j.Values, p.expr())
		if !p.accept(",") {
			break
		}
	}
	for _, w := range []string{"NULL", "ABSENT"} {
		if p.acceptWords(w, "ON", "NULL") {
			j.OnNull = w
		}
	}
	p.expect(")")
	c := &Call{}
	p.callTail(c)
	j.Filter, j.Over = c.Filter, c.Over
	return j
}
