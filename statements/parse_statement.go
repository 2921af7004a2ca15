package statements

import "strings"

// topLevel reads a statement and refuses the kinds that are not supported by their names.
func (p *parser) topLevel() Statement {
	t := p.peek()
	switch {
	case p.accept("CREATE"):
		return p.create(t.Pos)
	case p.accept("INSERT"):
		return p.insert(t.Pos)
	}
	p.refuseStatement(t)
	for _, w := range statementWords {
		p.want(w)
	}
	p.unexpected()
	return nil
}

const oneStatement = "lifeboat takes CREATE TABLE and INSERT INTO … SELECT"

// refuseStatement refuses what begins another kind of statement.
func (p *parser) refuseStatement(t token) {
	next := p.ahead(1).key
	switch t.key {
	case "SELECT", "WITH", "VALUES", "(":
		p.refuse(t.Pos, "a query without INSERT INTO", "write INSERT INTO table SELECT …")
	case "EXECUTE", "BEGIN", "STATEMENT":
		if opensSet(p.tokens) {
			p.refuse(t.Pos, "a statement set", "write its INSERT INTO statements one by one")
		}
		if t.key == "EXECUTE" && next != "" {
			p.refuse(t.Pos, "EXECUTE "+next, oneStatement)
		}
	case "SET", "RESET", "USE":
		p.refuse(t.Pos, t.key, "declare properties in lifeboat.yaml, under the pipeline")
	case "ALTER", "DROP", "SHOW":
		if next == "" {
			return
		}
		p.refuse(t.Pos, t.key+" "+next, oneStatement)
	case "DESCRIBE", "DESC", "EXPLAIN", "DELETE", "UPDATE", "TRUNCATE", "ANALYZE", "CALL", "LOAD", "UNLOAD", "ADD", "REMOVE", "COMPILE", "STOP",
		"MERGE", "UPSERT", "REPLACE":
		p.refuse(t.Pos, t.key, oneStatement)
	}
}

// opensSet reports whether the tokens begin a statement set, whose body has semicolons.
func opensSet(tokens []token) bool {
	var words []string
	for _, t := range tokens[:min(4, len(tokens))] {
		words = append(words, t.key)
	}
	s := strings.Join(words, " ")
	for _, set := range []string{"EXECUTE STATEMENT SET", "BEGIN STATEMENT SET", "STATEMENT SET", "EXPLAIN STATEMENT SET", "COMPILE AND EXECUTE"} {
		if strings.HasPrefix(s, set) {
			return true
		}
	}
	return false
}

// skipSet skips the statements of a set to its END, which belong to the refused statement.
func skipSet(lx *lexer, set *Parsed) (more bool) {
	for more = true; more; {
		var tokens []token
		if tokens, _, more = lx.statement(); len(tokens) == 0 {
			continue
		}
		p := &parser{tokens: tokens}
		set.Text = lx.text[set.Offset:p.lastEnd()]
		if tokens[0].key == "END" {
			return more
		}
	}
	return false
}
