package statements

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

const (
	maxDepth    = 200 // nested parentheses, calls, queries and types; more is refused rather than overflowing a stack
	maxFindings = 50  // of one script; a file that is not SQL at all says so often enough
)

// Parse reads a file of statements separated by semicolons. What is wrong is a finding. Behind a misspelled keyword parsing goes on as if
// it were spelled right; behind any other mistake it goes on behind the next semicolon. A statement with a finding has a nil Statement. File
// is only for the findings.
func Parse(file, sql string) (*Script, []report.Finding) { return ParseAt(file, 1, sql) }

// ParseAt is Parse for a text that begins on a line of its file; findings then have the file's lines. The positions of the
// tree count in the text itself.
func ParseAt(file string, line int, sql string) (*Script, []report.Finding) {
	src := &source{file: file, text: sql, line: line - 1}
	script := &Script{File: file}
	var findings []report.Finding
	if bad := checkText(sql); bad != nil {
		return script, []report.Finding{src.problem(bad)}
	}
	lx := newLexer(src)
	for more := true; more && len(findings) < maxFindings; {
		var tokens []token
		var bad *problem
		tokens, bad, more = lx.statement()
		if len(tokens) < 2 && bad == nil {
			continue // nothing but the semicolon or the end
		}
		if bad == nil && more && opensSet(tokens) {
			tokens, bad, more = restOfSet(lx, tokens)
		}
		p := &parser{src: src, tokens: tokens}
		parsed := &Parsed{src: src}
		if len(tokens) > 0 {
			parsed.Pos = tokens[0].Pos
			parsed.Text = src.text[tokens[0].Offset:p.lastEnd()]
		}
		problems := []*problem{bad}
		if bad == nil {
			parsed.Statement, problems = p.statements()
		}
		var unread []*problem
		parsed.Waivers, unread = lx.waivers()
		problems = append(problems, unread...)
		for _, bad := range problems {
			findings = append(findings, src.problem(bad))
		}
		script.Statements = append(script.Statements, parsed)
	}
	alone, unread := lx.waivers()
	for _, w := range alone {
		unread = append(unread, &problem{Pos: w.Pos, rule: RuleWaiver, message: "behind this waiver there is no statement", remedy: "put it in front of the statement that it is for"})
	}
	for _, bad := range unread {
		findings = append(findings, src.problem(bad))
	}
	return script, findings
}

// ParseOne reads a text that must hold exactly one statement.
func ParseOne(file, sql string) (*Parsed, []report.Finding) {
	script, findings := Parse(file, sql)
	switch {
	case len(findings) > 0:
		return nil, findings
	case len(script.Statements) == 0:
		src := &source{file: file, text: sql}
		return nil, []report.Finding{src.finding(RuleSyntax, Pos{Line: 1, Column: 1}, "there is no statement here", "write one CREATE TABLE or INSERT INTO statement")}
	case len(script.Statements) > 1:
		second := script.Statements[1]
		return nil, []report.Finding{second.src.finding(RuleSyntax, second.Pos, "there is a second statement here", "submit one statement at a time")}
	}
	return script.Statements[0], nil
}

func (s *source) problem(p *problem) report.Finding {
	return s.finding(p.rule, p.Pos, p.message, p.remedy)
}

// parser reads one statement by recursive descent; expressions by precedence. A problem is thrown as a panic and caught in
// statement, so that the grammar reads without error plumbing.
type parser struct {
	src    *source
	tokens []token // the last is tokEnd
	at     int
	depth  int

	wanted   []string // what would have been accepted at wantedAt
	wantedAt int
	alias    int      // index of a word that was taken for an alias without AS, where it may be a misspelling; 0 = none
	aliases  []string // what else would have been accepted there
	near     struct { // the last word of several that belong together that was nearly one of them, as EXIST of IF NOT EXISTS
		at  int
		key string
	}
}

// maxMisspelled is how many keywords of a statement are put right to find what is wrong behind them.
const maxMisspelled = 5

// statements reads the statement, and all that is wrong with it: where a keyword is misspelled it is put right, and the statement read anew.
func (p *parser) statements() (Statement, []*problem) {
	s, bad := p.statement()
	var all []*problem
	for bad != nil && (len(all) == 0 || bad.Offset > all[len(all)-1].Offset) {
		all = append(all, bad)
		words := strings.Fields(bad.meant)
		if len(words) == 0 || len(all) == maxMisspelled {
			break
		}
		right := slices.Clone(p.tokens)
		right[bad.token].kind, right[bad.token].key, right[bad.token].text = tokWord, words[0], words[0]
		p = &parser{src: p.src, tokens: right}
		_, bad = p.statement()
	}
	if len(all) > 0 {
		return nil, all
	}
	return s, nil
}

func (p *parser) statement() (s Statement, bad *problem) {
	bad = caught(func() {
		s = p.topLevel()
		if p.peek().kind != tokEnd {
			p.unended()
			p.unexpected()
		}
	})
	if bad == nil {
		return s, nil
	}
	if bad.rule == RuleSyntax && bad.meant == "" && p.near.key != "" && p.near.at >= p.at-3 && p.near.at <= p.at+2 {
		bad = caught(func() { p.misspelled(p.near.at, p.near.key) })
	}
	return nil, bad
}

func (p *parser) lastEnd() int {
	for i := len(p.tokens) - 1; i >= 0; i-- {
		if p.tokens[i].kind != tokEnd {
			return p.tokens[i].end
		}
	}
	return p.tokens[0].end
}

func (p *parser) peek() token {
	p.src.steps++
	return p.tokens[p.at]
}

// ahead returns the token n places on; behind the end it is the end.
func (p *parser) ahead(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

// want notes that key would be accepted here, for the message should nothing fit.
func (p *parser) want(key string) {
	if p.wantedAt != p.at {
		p.wanted, p.wantedAt = p.wanted[:0], p.at
	}
	if !slices.Contains(p.wanted, key) {
		p.wanted = append(p.wanted, key)
	}
}

// is reports whether the next token is this keyword or symbol.
func (p *parser) is(key string) bool {
	p.want(key)
	return p.peek().key == key
}

// isWords reports whether the next tokens are these keywords or symbols.
func (p *parser) isWords(keys ...string) bool {
	p.want(strings.Join(keys, " "))
	wrong, at := 0, 0
	for i, k := range keys {
		if p.ahead(i).key != k {
			wrong, at = wrong+1, i
		}
	}
	if t := p.ahead(at); wrong == 1 && len(keys) > 1 && t.kind == tokWord && p.at+at < len(p.tokens) && nearest(t.text, keys[at:at+1]) != "" {
		p.near.at, p.near.key = p.at+at, keys[at]
	}
	return wrong == 0
}

// accept takes the next token if it is this keyword or symbol.
func (p *parser) accept(key string) bool {
	if !p.is(key) {
		return false
	}
	p.at++
	return true
}

func (p *parser) acceptWords(keys ...string) bool {
	if !p.isWords(keys...) {
		return false
	}
	p.at += len(keys)
	return true
}

// expect takes the keywords or symbols one after the other, which must be there.
func (p *parser) expect(keys ...string) token {
	first := p.peek()
	for _, k := range keys {
		if !p.accept(k) {
			p.unexpected()
		}
	}
	return first
}

// in guards one level of nesting. Its result is called when the level is left.
func (p *parser) in() func() {
	if p.depth++; p.depth > maxDepth {
		panic(&problem{Pos: p.peek().Pos, rule: RuleLimit, message: fmt.Sprintf("nested more than %d levels deep", maxDepth)})
	}
	return func() { p.depth-- }
}

func (p *parser) fail(at Pos, remedy, format string, args ...any) {
	panic(&problem{Pos: at, rule: RuleSyntax, message: fmt.Sprintf(format, args...), remedy: remedy})
}

// refuse is for what the dialect has and this package has not.
func (p *parser) refuse(at Pos, what, remedy string) { panic(unsupported(at, what, remedy)) }

// unexpected says what was expected instead of the next token, and what was probably meant.
func (p *parser) unexpected() {
	t := p.peek()
	if p.wantedAt != p.at {
		p.wanted = nil
	}
	if p.alias > 0 && (p.alias == p.at-1 || p.alias == p.at-2 && p.before().key == "(") {
		if word := p.tokens[p.alias].text; len(word) > 1 && nearest(word, p.aliases) != "" {
			p.misspelled(p.alias, nearest(word, p.aliases))
		}
	}
	p.brokenOff(t)
	if t.kind == tokWord {
		for _, candidates := range [][]string{p.wanted, firstWords(p.wanted), p.operators()} {
			if meant := nearest(t.text, candidates); meant != "" && !strings.EqualFold(meant, t.text) {
				p.misspelled(p.at, meant)
			}
		}
	}
	if before := p.before(); before.kind == tokWord && !reserved[before.key] && len(before.text) > 2 {
		candidates := firstWords(p.wanted)
		if t.kind == tokString {
			candidates = append(candidates, "INTERVAL", "DATE", "TIME", "TIMESTAMP")
		}
		if meant := nearest(before.text, candidates); meant != "" && !strings.EqualFold(meant, before.text) {
			p.misspelled(p.at-1, meant)
		}
	}
	remedy := p.remedy(t)
	if slices.Contains(p.wanted, wantName) && t.kind == tokWord && reserved[t.key] && remedy == "" {
		remedy = p.reservedRemedy(t)
		if !clauses[t.key] {
			p.fail(t.Pos, remedy, "expected %s, found the reserved word %s", oneOf(p.wanted), t.text)
		}
	}
	p.fail(t.Pos, remedy, "expected %s, found %s", oneOf(p.wanted), describe(t))
}

// brokenOff complains of keywords that belong together, of which only the first are there: GROUP without BY.
func (p *parser) brokenOff(t token) {
	for _, w := range p.wanted {
		words := strings.Fields(w)
		n := 0
		for n < len(words) && p.ahead(n).key == words[n] {
			n++
		}
		if n > 0 && n < len(words) {
			next := p.ahead(n)
			if next.kind == tokWord && nearest(next.text, words[n:n+1]) != "" {
				p.misspelled(p.at+n, words[n])
			}
			p.fail(next.Pos, "", "expected %s after %s, found %s", words[n], t.key, describe(next))
		}
	}
}

// reservedRemedy helps where a reserved word stands in the place of a name.
func (p *parser) reservedRemedy(t token) string {
	if t.kind != tokWord || !reserved[t.key] {
		return ""
	}
	return fmt.Sprintf("%s is a reserved word: as a name, write it in backticks: %s", t.key, quoteName(t.text))
}

// Descriptions of what is wanted where it is not one keyword or symbol.
const (
	wantName   = "a name"
	wantExpr   = "an expression"
	wantString = "a string"
	wantNumber = "a number"
	wantType   = "a data type"
	wantEnd    = "the end of the statement"
)

// describe names a token for a message.
func describe(t token) string {
	switch t.kind {
	case tokEnd:
		if t.text == ";" {
			return "the semicolon"
		}
		return "the end of the text"
	case tokString:
		return "the string " + quoteString(clip(t.text))
	case tokQuoted:
		return quoteName(clip(t.text))
	case tokBytes:
		return "X'" + clip(t.text) + "'"
	case tokNumber:
		return "the number " + clip(t.text)
	case tokWord:
		if reserved[t.key] {
			return clip(t.text)
		}
		return strconv.Quote(clip(t.text))
	default:
		return `"` + t.text + `"`
	}
}

// oneOf joins what was wanted. Symbols are quoted; a long list is cut, since nobody reads it.
func oneOf(wanted []string) string {
	const most = 8
	var names []string
	for _, w := range wanted {
		if w[0] < 'A' || w[0] > 'Z' && w[0] < 'a' {
			w = `"` + w + `"`
		}
		names = append(names, w)
	}
	switch n := len(names); {
	case n == 0:
		return wantEnd
	case n == 1:
		return names[0]
	case n > most:
		return strings.Join(names[:most], ", ") + " …"
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

// ident reads a name: a word that is not reserved, or one in backticks.
func (p *parser) ident() Ident {
	p.want(wantName)
	t := p.peek()
	if t.kind != tokQuoted && (t.kind != tokWord || reserved[t.key]) {
		p.unexpected()
	}
	p.at++
	return Ident{Pos: t.Pos, Name: t.text}
}

// isIdent reports whether the next token can be a name.
func (p *parser) isIdent() bool {
	p.want(wantName)
	t := p.peek()
	return t.kind == tokQuoted || t.kind == tokWord && !reserved[t.key]
}

// name reads a name with up to two qualifiers. What follows a point may be a reserved word.
func (p *parser) name() Name {
	first := p.ident()
	n := Name{Pos: first.Pos, Parts: []Ident{first}}
	for p.peek().key == "." && p.ahead(1).key != "*" {
		p.at++
		t := p.peek()
		if t.kind != tokWord && t.kind != tokQuoted {
			p.want(wantName)
			p.unexpected()
		}
		p.at++
		n.Parts = append(n.Parts, Ident{Pos: t.Pos, Name: t.text})
	}
	return n
}

// names reads a list of names in parentheses.
func (p *parser) names() []Ident {
	p.expect("(")
	out := []Ident{p.ident()}
	for p.accept(",") {
		out = append(out, p.ident())
	}
	p.expect(")")
	return out
}

// text reads a string.
func (p *parser) text() Text {
	p.want(wantString)
	t := p.peek()
	if t.kind != tokString {
		p.unexpected()
	}
	p.at++
	return Text{Pos: t.Pos, Value: t.text}
}

// integer reads an unsigned integer up to most.
func (p *parser) integer(what string, most int) int {
	p.want(wantNumber)
	t := p.peek()
	if t.kind != tokNumber {
		p.unexpected()
	}
	n := 0
	for _, c := range t.text {
		if c < '0' || c > '9' {
			p.fail(t.Pos, "", "%s must be a whole number, not %s", what, clip(t.text))
		}
		if n = n*10 + int(c-'0'); n > most {
			p.fail(t.Pos, "", "%s must be at most %d, not %s", what, most, clip(t.text))
		}
	}
	p.at++
	return n
}
