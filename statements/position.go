package statements

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Pos is a place in the text of a script. Line and Column count from 1, Column in characters; Offset counts bytes from 0.
// The zero Pos is no place.
type Pos struct {
	Line, Column, Offset int
}

func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// At returns p itself, so that a node that embeds its position has one to tell.
func (p Pos) At() Pos { return p }

// source is the text that positions point into.
type source struct {
	file string
	text string
	line int // the line in file on which text begins, less one

	steps int // tokens cut and looked at: what parsing the text takes, on any machine
}

const (
	excerptWidth = 120 // characters of a line that an excerpt shows
	excerptLead  = 60  // of these, how many before the caret where the line is longer
)

// excerpt returns the line of p with a caret line below it. Tabs stand in the caret line as they stand in the line, so
// that the caret is below its character in any terminal; a long line is cut around the caret.
func (s *source) excerpt(p Pos) string {
	if p.Line == 0 || p.Offset > len(s.text) {
		return ""
	}
	// No more is looked at than may be shown: a script may be one line.
	const most = 4 * (excerptLead + excerptWidth)
	from, to := max(0, p.Offset-most), min(len(s.text), p.Offset+most)
	for from < p.Offset && !utf8.RuneStart(s.text[from]) {
		from++
	}
	begin, end := from, to
	if i := strings.LastIndexByte(s.text[from:p.Offset], '\n'); i >= 0 {
		begin = from + i + 1
	}
	if i := strings.IndexByte(s.text[p.Offset:to], '\n'); i >= 0 {
		end = p.Offset + i
	}
	line := strings.TrimSuffix(s.text[begin:end], "\r")
	before := s.text[begin:p.Offset]
	lead := ""
	if n := utf8.RuneCountInString(before); n > excerptLead {
		cut := begin
		for ; n > excerptLead; n-- {
			_, size := utf8.DecodeRuneInString(s.text[cut:])
			cut += size
		}
		line, before, lead = line[cut-begin:], s.text[cut:p.Offset], "…"
	}
	n := 0
	for i := range line {
		if n++; n > excerptWidth {
			line = line[:i] + "…"
			break
		}
	}
	var caret strings.Builder
	for _, r := range lead + before {
		if r != '\t' {
			r = ' '
		}
		caret.WriteRune(r)
	}
	return lead + line + "\n" + caret.String() + "^"
}

// finding makes a blocking finding about p.
func (s *source) finding(rule string, p Pos, message, remedy string) report.Finding {
	return report.Finding{
		Rule:     rule,
		Severity: report.Block,
		Place:    s.place(p),
		Message:  message,
		Excerpt:  s.excerpt(p),
		Remedy:   remedy,
	}
}

func (s *source) place(p Pos) report.Place {
	if p.Line == 0 {
		return report.Place{File: s.file}
	}
	return report.Place{File: s.file, Line: p.Line + s.line, Column: p.Column}
}

// The rules under which mistakes in SQL are reported.
const (
	RuleSyntax      = "sql/syntax"      // the text is not Flink SQL
	RuleUnsupported = "sql/unsupported" // the dialect has it, this version of lifeboat has not
	RuleLimit       = "sql/limit"       // longer or deeper than is allowed
	RuleText        = "sql/text"        // not UTF-8, an unterminated string or comment
	RuleName        = "sql/name"        // an unknown table, column or function, or a name used twice
	RuleType        = "sql/type"        // an expression whose types do not fit
)
