package plans

import (
	"strings"
	"unicode/utf8"
)

// source is a user's file as text, for excerpts.
type source struct {
	name  string
	lines []string
}

func newSource(name string, text []byte) source {
	return source{name: name, lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")}
}

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 120

// excerpt returns a line with a caret below the column, both from 1; "" where the line is not there. Columns count
// characters, as those of yaml.v3 do.
func (s source) excerpt(line, column int) string {
	if line < 1 || line > len(s.lines) || column < 1 {
		return ""
	}
	text := []rune(strings.ToValidUTF8(s.lines[line-1], string(utf8.RuneError)))
	at := min(column-1, len(text))
	first := 0
	if len(text) > maxExcerpt { // a window around the caret
		first = max(0, min(at-maxExcerpt/2, len(text)-maxExcerpt))
		text = text[first : first+maxExcerpt]
		at -= first
	}
	pad := make([]rune, at)
	for i := range pad {
		pad[i] = ' '
		if text[i] == '\t' {
			pad[i] = '\t'
		}
	}
	return string(text) + "\n" + string(pad) + "^"
}
