package statements

import (
	"fmt"
	"strings"
)

// misspelled throws that the i-th token should be another word.
func (p *parser) misspelled(i int, meant string) {
	t := p.tokens[i]
	panic(&problem{Pos: t.Pos, rule: RuleSyntax, message: fmt.Sprintf("unexpected %s; did you mean %s?", describe(t), meant), remedy: "write " + meant, meant: meant, token: i})
}

// beginnings are words that begin a statement, and can not go on with one that is whole.
var beginnings = wordSet(`ALTER CREATE DESCRIBE DROP EXECUTE EXPLAIN INSERT SELECT SHOW USE WITH`)

// unended complains that a statement which is whole is followed by another one, without a semicolon.
func (p *parser) unended() {
	t := p.peek()
	switch {
	case !beginnings[t.key], t.kind != tokWord:
		return
	case t.key == "WITH" && p.ahead(2).key != "AS", t.key == "SELECT" && p.tokens[0].key == "CREATE":
		return // options that stand behind the query, and CREATE TABLE without its AS
	}
	p.fail(t.Pos, "write ; in front of it", "the statement before %s has no end", t.key)
}

// before is the token before the next one; the zero token at the begin.
func (p *parser) before() token {
	if p.at == 0 {
		return token{}
	}
	return p.tokens[p.at-1]
}

// operators are the words that may stand behind an operand; none where the token before ends none.
func (p *parser) operators() []string {
	if reserved[p.peek().key] {
		return nil
	}
	switch t := p.before(); {
	case t.kind == tokNumber, t.kind == tokString, t.kind == tokQuoted, t.kind == tokBytes, t.key == ")", t.key == "]", t.kind == tokWord && !clauses[t.key]:
		return []string{"AND", "OR", "BETWEEN", "LIKE", "SIMILAR", "OVERLAPS", "FILTER", "OVER", "ESCAPE"}
	}
	return nil
}

// firstWords are the first words of what was wanted, where it is keywords.
func firstWords(wanted []string) []string {
	var out []string
	for _, w := range wanted {
		if first, _, _ := strings.Cut(w, " "); first == strings.ToUpper(first) {
			out = append(out, first)
		}
	}
	return out
}

// remedy is what helps where a token stands that can not: the mistakes that are made most.
func (p *parser) remedy(t token) string {
	before := p.before()
	switch {
	case before.key == "," && (t.key == ")" || clauses[t.key] || t.kind == tokEnd):
		return "leave the comma before it out"
	case before.key == "=" && t.key == "=" && before.end == t.Offset:
		return "write = once"
	case t.key == "INSERT" && p.tokens[0].key == "WITH":
		return "write INSERT INTO in front of WITH: INSERT INTO t WITH x AS (…) SELECT …"
	case t.key == ")" && p.opened() == nil:
		return "no parenthesis is open here: leave it out"
	case p.wants(wantString) && t.kind == tokWord:
		return "write it in quotes: " + quoteString(clip(t.text))
	case p.wants(")") && (t.kind == tokEnd || clauses[t.key]):
		if open := p.opened(); open != nil {
			return fmt.Sprintf("the parenthesis of line %d, column %d is still open here", open.Line+p.src.line, open.Column)
		}
	}
	return ""
}

func (p *parser) wants(what string) bool {
	for _, w := range p.wanted {
		if w == what {
			return true
		}
	}
	return false
}

// opened is the last parenthesis before the next token that is not closed; nil where there is none.
func (p *parser) opened() *token {
	closed := 0
	for i := p.at - 1; i >= 0; i-- {
		switch p.tokens[i].key {
		case ")":
			closed++
		case "(":
			if closed == 0 {
				return &p.tokens[i]
			}
			closed--
		}
	}
	return nil
}
