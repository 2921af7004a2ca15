package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

//go:embed document.html.tmpl
var documentPage string

var documentTemplate = template.Must(template.New("document").Parse(documentPage))

// Document writes a document in one form.
type Document func(io.Writer, report.Document) error

// DocumentHTML writes a document as a page that stands alone, and can be printed.
func DocumentHTML(w io.Writer, d report.Document) error {
	return documentTemplate.Execute(w, struct {
		report.Document
		Style template.CSS
	}{d, template.CSS(pageStyle)})
}

// Markdown writes a document as CommonMark, with a box to tick at every step.
func Markdown(w io.Writer, d report.Document) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", d.Title)
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "- %s\n", f)
	}
	shell := func(indent, text string) {
		if text == "" {
			return
		}
		fence := "```"
		for strings.Contains(text, fence) { // a statement's text may hold one
			fence += "`"
		}
		for _, line := range append(append([]string{fence + "sh"}, strings.Split(text, "\n")...), fence) {
			b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
		}
		b.WriteString("\n")
	}
	for _, p := range d.Parts {
		fmt.Fprintf(&b, "\n## %s\n\n", p.Heading)
		for _, t := range p.Text {
			b.WriteString(t + "\n\n")
		}
		shell("", p.Shell)
		for _, s := range p.Steps {
			fmt.Fprintf(&b, "### %d. %s\n\n", s.Number, s.Title)
			if s.Final {
				b.WriteString("**This can not be undone.** ")
			}
			if s.Why != "" {
				b.WriteString(sentence(s.Why))
			}
			if s.By != "" {
				fmt.Fprintf(&b, " By lifeboat: `%s`", s.By)
			}
			b.WriteString("\n\n")
			for _, t := range s.Text {
				b.WriteString(t + "\n\n")
			}
			shell("", s.Shell)
			if s.Shows != "" {
				fmt.Fprintf(&b, "- [ ] Done when it shows: %s\n", s.Shows)
			} else {
				b.WriteString("- [ ] Done\n")
			}
			if s.Look != "" {
				b.WriteString("\n")
				shell("  ", s.Look)
			} else {
				b.WriteString("\n")
			}
			if s.Back != "" {
				fmt.Fprintf(&b, "Way back: %s\n\n", s.Back)
			}
			shell("", s.Undo)
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	s = strings.TrimSuffix(s, ".")
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
