package statements

import (
	"slices"
	"strings"
)

// topLevel reads a statement.
func (p *parser) topLevel() Statement {
	t := p.peek()
	if v := p.verbatim(); v != nil {
		return v
	}
	switch {
	case p.accept("CREATE"):
		return p.create(t.Pos)
	case p.accept("INSERT"):
		return p.insert(t.Pos)
	case p.isQuery():
		return &QueryStatement{Pos: t.Pos, Query: p.query()}
	case p.accept("ALTER"):
		return p.alter(t.Pos)
	case p.accept("DROP"):
		return p.drop(t.Pos)
	case p.accept("EXPLAIN"):
		return p.explain(t.Pos)
	case opensSet(p.tokens[p.at:]):
		return p.statementSet()
	case p.accept("SET"):
		return p.set(t.Pos)
	case p.accept("RESET"):
		r := &Reset{Pos: t.Pos}
		if p.peek().kind == tokString {
			k := p.text()
			r.Key = &k
		}
		return r
	case p.accept("USE"):
		return &Use{Pos: t.Pos, Catalog: p.accept("CATALOG"), Name: p.name()}
	case p.accept("SHOW"):
		return p.show(t.Pos)
	case p.accept("DESCRIBE"), p.accept("DESC"):
		return p.describe(t.Pos)
	}
	p.refuseStatement(t)
	rare := p.wanted
	p.wanted = nil
	for _, w := range slices.Concat(statementWords, rare) {
		p.want(w)
	}
	p.unexpected()
	return nil
}

// verbatims are the first words of statements that are kept as they are written.
var verbatims = [][]string{
	{"DELETE", "FROM"}, {"UPDATE"}, {"TRUNCATE", "TABLE"}, {"ANALYZE", "TABLE"}, {"CALL"}, {"LOAD", "MODULE"}, {"UNLOAD", "MODULE"}, {"USE", "MODULES"},
	{"ADD", "JAR"}, {"REMOVE", "JAR"}, {"COMPILE", "PLAN"}, {"EXECUTE", "PLAN"}, {"STOP", "JOB"}, {"ALTER", "FUNCTION"},
	{"CREATE", "CATALOG"}, {"ALTER", "CATALOG"}, {"DROP", "CATALOG"}, {"CREATE", "DATABASE"}, {"ALTER", "DATABASE"}, {"DROP", "DATABASE"},
	{"CREATE", "AGENT"}, {"ALTER", "AGENT"}, {"DROP", "AGENT"}, {"CREATE", "TOOL"}, {"ALTER", "TOOL"}, {"DROP", "TOOL"},
}

// verbatim takes a statement that is kept as it is written, to its end; nil where none begins here, and where its first words are all there is.
func (p *parser) verbatim() *Verbatim {
	first := p.peek()
	for _, words := range verbatims {
		if !p.isWords(words...) || p.ahead(len(words)).kind == tokEnd {
			continue
		}
		for p.peek().kind != tokEnd {
			p.at++
		}
		return &Verbatim{Pos: first.Pos, Verb: strings.Join(words, " "), Text: p.src.text[first.Offset:p.lastEnd()]}
	}
	return nil
}

// refuseStatement refuses what begins a statement that the dialect has not.
func (p *parser) refuseStatement(t token) {
	next := p.ahead(1).key
	switch t.key {
	case "EXECUTE":
		if next != "" {
			p.refuse(t.Pos, "EXECUTE "+next, "write the statement without EXECUTE")
		}
	case "MERGE", "UPSERT", "REPLACE":
		p.refuse(t.Pos, t.key, "write INSERT INTO a table with a primary key")
	}
}

// opensSet reports whether the tokens begin a statement set, whose body has semicolons.
func opensSet(tokens []token) bool {
	if len(tokens) > 0 && tokens[0].key == "EXPLAIN" { // with its details, which commas join
		i := slices.IndexFunc(tokens[:min(12, len(tokens))], func(t token) bool { return t.key == "STATEMENT" })
		tokens = tokens[max(i, 0):]
	}
	var words []string
	for _, t := range tokens[:min(4, len(tokens))] {
		words = append(words, t.key)
	}
	if len(words) > 2 && words[1] == "STATEMENT" && words[2] == "SET" {
		return true // whatever the first word is: the semicolons up to END are the set's
	}
	s := strings.Join(words, " ")
	for _, set := range []string{"STATEMENT SET", "COMPILE AND EXECUTE"} {
		if strings.HasPrefix(s, set) {
			return true
		}
	}
	return false
}

// restOfSet appends the statements of a set up to its END to its first tokens, with the semicolons as symbols. more is false at the end of
// the text.
func restOfSet(lx *lexer, tokens []token) (all []token, bad *problem, more bool) {
	for more = true; more; {
		last := &tokens[len(tokens)-1]
		if last.kind == tokEnd {
			if last.text == "" {
				return tokens, bad, false
			}
			last.kind, last.key = tokSymbol, ";"
		}
		next, p, m := lx.statement()
		if more = m; bad == nil {
			bad = p
		}
		if len(next) == 0 {
			return tokens, bad, more
		}
		tokens = append(tokens, next...)
		if next[0].key == "END" {
			return tokens, bad, more
		}
	}
	return tokens, bad, more
}

// statementSet reads EXECUTE STATEMENT SET BEGIN … END, the same without EXECUTE, and the old BEGIN STATEMENT SET; … END.
func (p *parser) statementSet() *StatementSet {
	s := &StatementSet{Pos: p.peek().Pos}
	if p.is("COMPILE") {
		p.refuse(s.Pos, "COMPILE AND EXECUTE", "write EXECUTE STATEMENT SET BEGIN …; END")
	}
	if p.acceptWords("BEGIN", "STATEMENT", "SET") {
		s.Execute = true
		p.expect(";")
	} else {
		s.Execute = p.accept("EXECUTE")
		p.expect("STATEMENT", "SET", "BEGIN")
	}
	for {
		at := p.peek().Pos
		p.expect("INSERT")
		s.Inserts = append(s.Inserts, p.insert(at))
		p.expect(";")
		if p.accept("END") {
			return s
		}
	}
}

func (p *parser) set(at Pos) *Set {
	s := &Set{Pos: at}
	if p.peek().kind == tokEnd {
		return s
	}
	if t := p.peek(); t.kind == tokWord {
		p.fail(t.Pos, "write SET 'key' = 'value'", "a property's key and value are strings")
	}
	k := p.text()
	p.expect("=")
	v := p.text()
	s.Key, s.Value = &k, &v
	return s
}

// shown is what SHOW lists, and where a name belongs to it.
var shown = []struct {
	what string
	name bool
}{
	{"CREATE TABLE", true}, {"CREATE VIEW", true}, {"CREATE MODEL", true}, {"CREATE FUNCTION", true}, {"CREATE CONNECTION", true},
	{"CREATE MATERIALIZED TABLE", true}, {"CREATE CATALOG", true}, {"PARTITIONS", true}, {"CURRENT CATALOG", false}, {"CURRENT DATABASE", false},
	{"USER FUNCTIONS", false}, {"FUNCTIONS", false}, {"CATALOGS", false}, {"DATABASES", false}, {"MATERIALIZED TABLES", false}, {"TABLES", false},
	{"VIEWS", false}, {"COLUMNS", false}, {"MODELS", false}, {"CONNECTIONS", false}, {"JOBS", false}, {"JARS", false}, {"FULL MODULES", false},
	{"MODULES", false}, {"PROCEDURES", false}, {"AGENTS", false}, {"TOOLS", false}, {"SECRETS", false},
}

func (p *parser) show(at Pos) *Show {
	s := &Show{Pos: at}
	for _, w := range shown {
		if p.acceptWords(strings.Fields(w.what)...) {
			s.What = w.what
			if w.name {
				n := p.name()
				s.Name = &n
			}
			break
		}
	}
	if s.What == "" {
		p.unexpected()
	}
	if s.Name == nil && (p.accept("FROM") || p.accept("IN")) {
		n := p.name()
		s.Name, s.From = &n, true
	}
	s.Not = p.accept("NOT")
	if s.ILike = p.accept("ILIKE"); s.ILike || s.Not || p.is("LIKE") {
		if !s.ILike {
			p.expect("LIKE")
		}
		t := p.text()
		s.Like = &t
	}
	return s
}

func (p *parser) describe(at Pos) *Describe {
	d := &Describe{Pos: at}
	for _, w := range []string{"FUNCTION", "MODEL", "CATALOG", "DATABASE", "CONNECTION", "JOB", "TABLE"} {
		// The word may be the name of a table.
		if k := p.ahead(1); p.is(w) && (k.kind == tokWord || k.kind == tokQuoted || k.kind == tokString) {
			p.at++
			d.What = w
			break
		}
	}
	if k := p.ahead(1); p.is("EXTENDED") && (k.kind == tokWord || k.kind == tokQuoted) {
		p.at++
		d.Extended = true
	}
	if p.peek().kind == tokString && d.What == "JOB" {
		t := p.take()
		d.Name = Name{Pos: t.Pos, Parts: []Ident{{Pos: t.Pos, Name: t.text}}}
		return d
	}
	d.Name = p.name()
	return d
}

func (p *parser) explain(at Pos) *Explain {
	e := &Explain{Pos: at, PlanFor: p.acceptWords("PLAN", "FOR")}
	for _, w := range []string{"ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"} {
		p.want(w)
	}
	for !e.PlanFor && p.peek().kind == tokWord && strings.Contains("ESTIMATED_COST CHANGELOG_MODE JSON_EXECUTION_PLAN PLAN_ADVICE", p.peek().key) {
		e.Details = append(e.Details, p.take().key)
		if !p.accept(",") {
			break
		}
	}
	t := p.peek()
	switch {
	case opensSet(p.tokens[p.at:]):
		e.Statement = p.statementSet()
	case p.isQuery():
		e.Statement = &QueryStatement{Pos: t.Pos, Query: p.query()}
	case p.accept("INSERT"):
		e.Statement = p.insert(t.Pos)
	case p.accept("CREATE"):
		e.Statement = p.create(t.Pos)
	default:
		p.want("SELECT")
		p.unexpected()
	}
	return e
}
