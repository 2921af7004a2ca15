package render

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// page is text under construction for a terminal.
type page struct {
	Terminal
	strings.Builder
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// columns is how wide a text stands on the terminal.
func columns(s string) int { return utf8.RuneCountInString(escapes.ReplaceAllString(s, "")) }

// printable keeps control characters of records and error messages off the terminal; line breaks become blanks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return '�'
		}
		return r
	}, s)
}

// clean is printable for a text that may hold colours of our own.
func (p *page) clean(s string) string {
	if !p.Color {
		return printable(s)
	}
	var b strings.Builder
	at := 0
	for _, m := range escapes.FindAllStringIndex(s, -1) {
		b.WriteString(printable(s[at:m[0]]) + s[m[0]:m[1]])
		at = m[1]
	}
	return b.String() + printable(s[at:])
}

func (p *page) line(s string) { p.WriteString(strings.TrimRight(s, " ") + "\n") }

func (p *page) section(name string, n int) {
	if n > 0 {
		p.line("")
		p.line(p.bold(name))
	}
}

// leastText is how many columns a wrapped text has at least; where the terminal leaves it fewer, it begins on a line of its own.
const leastText = 32

// hanging writes lead and then text, wrapped so that all its lines begin where the first one did.
func (p *page) hanging(lead, text string) {
	text = p.clean(text)
	start := columns(lead)
	var b strings.Builder
	b.WriteString(lead)
	if text != "" && p.Width-start < leastText && start+columns(text) > p.Width {
		p.line(b.String())
		b.Reset()
		start = 11
		b.WriteString(strings.Repeat(" ", start))
	}
	at := start
	for i, word := range strings.Fields(text) {
		n := columns(word)
		switch {
		case i == 0:
		case at+1+n > p.Width:
			b.WriteString("\n" + strings.Repeat(" ", start))
			at = start
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	p.line(b.String())
}

// marked writes a line with its outcome in front.
func (p *page) marked(o report.Outcome, text string) {
	m := mark(o)
	p.hanging("  "+p.tint(o, m)+strings.Repeat(" ", max(1, 9-utf8.RuneCountInString(m))), text)
}

// table is rows of cells. A cell that begins with ">" is set to the right.
type table [][]string

// table writes aligned columns; one that is empty throughout is left out, and the last one is wrapped. heads may be nil.
func (p *page) table(heads []string, rows table) {
	if len(rows) == 0 {
		return
	}
	all := rows
	if heads != nil {
		all = append(table{heads}, rows...)
	}
	n := len(all[0])
	width := make([]int, n)
	used := make([]bool, n)
	for i, row := range all {
		for j, cell := range row {
			text := p.clean(strings.TrimPrefix(cell, ">"))
			width[j] = max(width[j], columns(text))
			used[j] = used[j] || text != "" && (heads == nil || i > 0)
		}
	}
	last := n - 1
	for last > 0 && !used[last] {
		last--
	}
	for _, row := range all {
		var lead strings.Builder
		lead.WriteString("  ")
		for j := range last {
			if !used[j] {
				continue
			}
			text, right := strings.CutPrefix(row[j], ">")
			text = p.clean(text)
			pad := strings.Repeat(" ", max(0, width[j]-columns(text)))
			if right {
				lead.WriteString(pad + text + "  ")
			} else {
				lead.WriteString(text + pad + "  ")
			}
		}
		text, right := strings.CutPrefix(row[last], ">")
		if right {
			text = strings.Repeat(" ", max(0, width[last]-columns(text))) + p.clean(text)
			p.line(lead.String() + text)
			continue
		}
		p.hanging(lead.String(), text)
	}
}

func (p *page) ansi(code, s string) string {
	if !p.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *page) bold(s string) string { return p.ansi("1", s) }

// tint colours a text by an outcome: green holds, red does not, yellow is in between.
func (p *page) tint(o report.Outcome, s string) string {
	switch o {
	case report.Done, report.Passed:
		return p.ansi("32", s)
	case report.Failed:
		return p.ansi("31", s)
	case report.Stopped, report.Warned, report.Unknown:
		return p.ansi("33", s)
	}
	return s
}

func (p *page) severity(s report.Severity) string {
	text := fmt.Sprintf("%-8s ", s)
	switch s {
	case report.Block:
		return p.ansi("31", text)
	case report.High:
		return p.ansi("33", text)
	}
	return text
}
