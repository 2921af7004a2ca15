package statements

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// tokenKind tells tokens apart.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota // the end of the statement: a semicolon or the end of the text
	tokWord                    // a word without backticks: a keyword or a name
	tokQuoted                  // a name in backticks
	tokNumber
	tokString
	tokBytes // X'…'
	tokSymbol
)

// token is one token. text is the name, string or number itself; key is what the parser compares: a word in upper case, or the symbol.
type token struct {
	Pos
	end  int // offset after it
	kind tokenKind
	text string
	key  string
}

// problem is why a statement was refused. The lexer and the parser throw it; statement catches it.
type problem struct {
	Pos
	rule    string
	message string
	remedy  string
	fatal   bool // the rest of the text can not be read

	// Where one word is misspelled: what it should be, and which token it is, so that reading can go on as if it were.
	meant string
	token int
}

// lexer cuts a script into the tokens of one statement after the other.
type lexer struct {
	src  *source
	text string
	at   int // offset of the next character
	line int
	col  int
	hint bool // inside /*+ … */

	comments []comment // that speak to lifeboat, since waivers took them
}

// maxStatement is the longest statement that the statements API takes, in bytes.
const maxStatement = 128 << 10

func newLexer(src *source) *lexer {
	lx := &lexer{src: src, text: src.text, line: 1, col: 1}
	if strings.HasPrefix(lx.text, "\ufeff") {
		lx.at = len("\ufeff")
	}
	return lx
}

// checkText reports the first byte that is not UTF-8.
func checkText(text string) *problem {
	if utf8.ValidString(text) {
		return nil
	}
	lx := lexer{text: text, line: 1, col: 1}
	for {
		r, size := utf8.DecodeRuneInString(text[lx.at:])
		if r == utf8.RuneError && size == 1 {
			return &problem{Pos: lx.pos(), rule: RuleText, message: fmt.Sprintf("the file is not UTF-8: byte 0x%02x", text[lx.at]), remedy: "save the file as UTF-8", fatal: true}
		}
		lx.skip(size)
	}
}

func (lx *lexer) pos() Pos { return Pos{Line: lx.line, Column: lx.col, Offset: lx.at} }

// skip moves n bytes on, which are whole characters.
func (lx *lexer) skip(n int) {
	for _, r := range lx.text[lx.at : lx.at+n] {
		if lx.col++; r == '\n' {
			lx.line, lx.col = lx.line+1, 1
		}
	}
	lx.at += n
}

func (lx *lexer) rest() string { return lx.text[lx.at:] }

// statement returns the tokens up to the next semicolon, a tokEnd last, and false at the end of the text. On a problem it
// skips to the semicolon all the same.
func (lx *lexer) statement() (tokens []token, bad *problem, more bool) {
	for {
		lx.hint = lx.hint && len(tokens) > 0
		t, p := lx.next()
		if p != nil {
			if bad == nil {
				bad = p
			}
			if p.fatal {
				return tokens, bad, false
			}
			continue
		}
		if bad == nil && len(tokens) > 0 && t.end-tokens[0].Offset > maxStatement {
			bad = &problem{Pos: tokens[0].Pos, rule: RuleLimit, message: fmt.Sprintf("the statement is longer than %d KiB, the most that the dialect takes", maxStatement>>10)}
		}
		if t.kind == tokEnd {
			return append(tokens, t), bad, lx.at < len(lx.text)
		}
		if bad == nil || len(tokens) == 0 {
			tokens = append(tokens, t)
		}
	}
}

// next returns the next token after blanks and comments.
func (lx *lexer) next() (token, *problem) {
	if p := lx.blanks(); p != nil {
		return token{}, p
	}
	at := lx.pos()
	lx.src.steps++
	done := func(kind tokenKind, n int, text, key string) (token, *problem) {
		lx.skip(n)
		return token{Pos: at, end: lx.at, kind: kind, text: text, key: key}, nil
	}
	s := lx.rest()
	if s == "" {
		return done(tokEnd, 0, "", "")
	}
	switch c := s[0]; {
	case c == ';':
		return done(tokEnd, 1, ";", "")
	case c == '\'':
		return lx.quoted(tokString, 0)
	case c == '`':
		return lx.quoted(tokQuoted, 0)
	case '0' <= c && c <= '9' || c == '.' && len(s) > 1 && '0' <= s[1] && s[1] <= '9':
		return lx.number()
	}
	if n := wordLength(s); n > 0 {
		word := s[:n]
		if n < len(s) && s[n] == '\'' {
			return lx.prefixed(word)
		}
		if strings.EqualFold(word, "U") && strings.HasPrefix(s[n:], "&'") {
			return lx.unicode()
		}
		return done(tokWord, n, word, strings.ToUpper(word))
	}
	if lx.hint && strings.HasPrefix(s, "*/") {
		lx.hint = false
		return done(tokSymbol, 2, "*/", "*/")
	}
	for _, sym := range symbols {
		if strings.HasPrefix(s, sym) {
			lx.hint = lx.hint || sym == "/*+"
			return done(tokSymbol, len(sym), sym, sym)
		}
	}
	return token{}, lx.strange()
}

// symbols, the longer before their beginnings.
var symbols = []string{
	"/*+", "<>", "!=", "<=", ">=", "=>", "||", "::",
	"(", ")", ",", ".", "=", "<", ">", "+", "-", "*", "/", "%", "[", "]", "{", "}", "?", ":", "|", "^", "$",
}

// strange is a character that begins nothing; the ones that editors and other dialects put there are named.
func (lx *lexer) strange() *problem {
	at := lx.pos()
	r, size := utf8.DecodeRuneInString(lx.rest())
	p := &problem{Pos: at, rule: RuleSyntax, message: fmt.Sprintf("unexpected character %q", r)}
	switch r {
	case '"':
		p.message = "double quotes mean nothing in Flink SQL"
		p.remedy = "write 'text' for a string and `name` for a name"
		if i := strings.IndexAny(lx.rest()[1:], "\"\n;"); i >= 0 && lx.rest()[1+i] == '"' {
			size = i + 2
		}
	case '&':
		p.remedy = "write AND"
	case '!':
		p.remedy = "write NOT, or <> for not equal"
	case '‘', '’', '“', '”', '´':
		p.message = fmt.Sprintf("%q is a typographic quote", r)
		p.remedy = "write ' around strings and ` around names"
	}
	lx.skip(size)
	return p
}

// blanks skips white space and comments: -- and // to the end of the line, /* … */ unless it begins a hint.
func (lx *lexer) blanks() *problem {
	for {
		s := lx.rest()
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case s == "":
			return nil
		case unicode.IsSpace(r) || r == '\ufeff':
			lx.skip(size)
		case strings.HasPrefix(s, "--"), strings.HasPrefix(s, "//"):
			n := strings.IndexByte(s, '\n')
			if n < 0 {
				n = len(s)
			}
			lx.keep(s[2:n])
			lx.skip(n)
		case strings.HasPrefix(s, "/*") && !strings.HasPrefix(s, "/*+"):
			n := strings.Index(s[2:], "*/")
			if n < 0 {
				return lx.unterminated("comment", "*/")
			}
			lx.keep(s[2 : n+2])
			lx.skip(n + 4)
		default:
			return nil
		}
	}
}

// keep remembers a comment that speaks to lifeboat, and where it stands.
func (lx *lexer) keep(text string) {
	if strings.HasPrefix(strings.TrimSpace(text), waiverMark) {
		lx.comments = append(lx.comments, comment{lx.pos(), text})
	}
}

// unterminated is a string, name or comment without its end: what follows can not be told apart from it.
func (lx *lexer) unterminated(what, closing string) *problem {
	p := &problem{Pos: lx.pos(), rule: RuleText, message: "the " + what + " that begins here has no end", remedy: "close it with " + closing, fatal: true}
	lx.skip(len(lx.rest()))
	return p
}

// quoted reads a string or a name in backticks; the quote is doubled inside it. Prefix is the length of what stands before it.
func (lx *lexer) quoted(kind tokenKind, prefix int) (token, *problem) {
	at, s := lx.pos(), lx.rest()
	quote := s[prefix]
	n := prefix + 1
	doubled := false
	for {
		i := strings.IndexByte(s[n:], quote)
		if i < 0 {
			if kind == tokQuoted {
				return token{}, lx.unterminated("name", "`")
			}
			return token{}, lx.unterminated("string", "'")
		}
		if n += i + 1; n == len(s) || s[n] != quote {
			break
		}
		doubled = true
		n++
	}
	text := s[prefix+1 : n-1]
	if doubled {
		text = strings.ReplaceAll(text, string([]byte{quote, quote}), string(quote))
	}
	lx.skip(n)
	if kind == tokQuoted && text == "" {
		return token{}, &problem{Pos: at, rule: RuleSyntax, message: "a name can not be empty"}
	}
	return token{Pos: at, end: lx.at, kind: kind, text: text}, nil
}

// prefixed reads a string with letters before it: X'…' is bytes, N'…' a string; character sets are refused.
func (lx *lexer) prefixed(word string) (token, *problem) {
	at := lx.pos()
	switch strings.ToUpper(word) {
	case "X":
		t, p := lx.quoted(tokBytes, len(word))
		if p != nil {
			return t, p
		}
		t.text = strings.ToUpper(t.text)
		if strings.Trim(t.text, "0123456789ABCDEF") != "" || len(t.text)%2 != 0 {
			return token{}, &problem{Pos: at, rule: RuleSyntax, message: "a binary literal is an even number of hex digits: X'00FF'"}
		}
		return t, nil
	case "N":
		return lx.quoted(tokString, len(word))
	}
	if word[0] == '_' || strings.EqualFold(word, "e") {
		if _, p := lx.quoted(tokString, len(word)); p != nil {
			return token{}, p
		}
		return token{}, unsupported(at, "the string prefix "+word, "write the string without it")
	}
	n := len(word)
	lx.skip(n)
	return token{Pos: at, end: lx.at, kind: tokWord, text: word, key: strings.ToUpper(word)}, nil
}

// unicode reads U&'…', in which \XXXX is a character, with UESCAPE 'c' behind it where c stands for the backslash.
func (lx *lexer) unicode() (token, *problem) {
	t, p := lx.quoted(tokString, len("U&"))
	if p != nil {
		return t, p
	}
	escape := byte('\\')
	blank := len(lx.rest()) - len(strings.TrimLeft(lx.rest(), " \t\r\n"))
	if n := wordLength(lx.rest()[blank:]); strings.EqualFold(lx.rest()[blank:blank+n], "UESCAPE") {
		lx.skip(blank + n)
		named, p := lx.next()
		if p != nil {
			return named, p
		}
		if named.kind != tokString || len(named.text) != 1 || strings.ContainsAny(named.text, "+' 0123456789abcdefABCDEF") {
			return token{}, &problem{Pos: named.Pos, rule: RuleSyntax, message: "UESCAPE takes one character, such as '#'"}
		}
		escape, t.end = named.text[0], named.end
	}
	text, ok := unescape(t.text, escape)
	if !ok {
		at := t.Pos
		return token{}, &problem{Pos: at, rule: RuleSyntax, message: fmt.Sprintf("in a Unicode string %c is followed by four hex digits, or by itself", escape)}
	}
	t.text = text
	return t, nil
}

// unescape replaces what escape stands before: four hex digits of UTF-16, or itself.
func unescape(s string, escape byte) (string, bool) {
	var units []uint16
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case s[0] != escape:
			units = utf16.AppendRune(units, r)
		case len(s) > 1 && s[1] == escape:
			units, n = append(units, uint16(escape)), 2
		case len(s) < 5:
			return "", false
		default:
			unit, err := strconv.ParseUint(s[1:5], 16, 16)
			if err != nil {
				return "", false
			}
			units, n = append(units, uint16(unit)), 5
		}
		s = s[n:]
	}
	return string(utf16.Decode(units)), true
}

// number reads 1, 1.5, .5, 1e9 and 1.5E-3.
func (lx *lexer) number() (token, *problem) {
	at, s := lx.pos(), lx.rest()
	n := 0
	digits := func() bool {
		from := n
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		return n > from
	}
	digits()
	if n < len(s) && s[n] == '.' {
		n++
		digits()
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		mark := n
		if n++; n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		if !digits() {
			n = mark
		}
	}
	// A keyword may follow without a blank, as in 1else; anything else would be a name that begins with a digit.
	if w := wordLength(s[n:]); w > 0 && !reserved[strings.ToUpper(s[n:n+w])] {
		lx.skip(n + w)
		return token{}, &problem{Pos: at, rule: RuleSyntax, message: fmt.Sprintf("%q is neither a number nor a name", clip(s[:n+w])), remedy: "put a name that begins with a digit in backticks"}
	}
	lx.skip(n)
	return token{Pos: at, end: lx.at, kind: tokNumber, text: s[:n]}, nil
}

// wordLength is the length of the word that s begins with: letters, digits, _ and $, no digit first.
func wordLength(s string) int {
	for i, r := range s {
		switch {
		case r == '_', r == '$', unicode.IsLetter(r):
		case i > 0 && (unicode.IsDigit(r) || unicode.IsMark(r)):
		default:
			return i
		}
	}
	return len(s)
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 40
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// unsupported is the refusal of something that the dialect has, or another one, and lifeboat has not.
func unsupported(at Pos, what, remedy string) *problem {
	return &problem{Pos: at, rule: RuleUnsupported, message: what + " is not supported yet", remedy: remedy}
}
