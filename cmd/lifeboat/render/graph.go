package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// GraphByName returns the renderer of a report's graph in one of the forms that other tools read or draw.
func GraphByName(form string) (Renderer, error) {
	switch form {
	case "dot":
		return Dot, nil
	case "mermaid":
		return Mermaid, nil
	case "svg":
		return SVG, nil
	}
	return nil, fmt.Errorf("unknown form of graph %q: use dot, mermaid or svg", form)
}

// graphColours are fill and border by outcome, for tools that know no style sheet.
func graphColours(o report.Outcome) (fill, line string) {
	switch o {
	case report.Passed:
		return "#e3f4ea", "#1a7f4b"
	case report.Failed:
		return "#fbe3e1", "#c0322b"
	case report.Warned, report.Unknown:
		return "#fdf0db", "#a15c00"
	}
	return "#ffffff", "#5b6675"
}

// Dot writes the graph in Graphviz's language.
func Dot(w io.Writer, r report.Report) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "digraph lifeboat {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11, style=filled];\n")
	if g := r.Graph; g != nil {
		for _, n := range g.Nodes {
			shape := "cylinder"
			if n.Kind == report.StatementNode {
				shape = "box"
			}
			fill, line := graphColours(n.Outcome)
			fmt.Fprintf(b, "  %s [label=%s, shape=%s, fillcolor=%q, color=%q, tooltip=%s];\n", dotString(n.ID), dotString(n.Name), shape, fill, line, dotString(nodeTip(n)))
		}
		for _, e := range g.Edges {
			fmt.Fprintf(b, "  %s -> %s;\n", dotString(e.From), dotString(e.To))
		}
	}
	fmt.Fprintf(b, "}\n")
	return b.Flush()
}

// dotString quotes a text: in DOT only the quote itself and the backslash are special.
func dotString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// nodeTip is what there is to say of a node in one line.
func nodeTip(n report.Node) string {
	parts := []string{n.Kind + " " + n.Name}
	if n.Outcome != "" {
		parts = append(parts, string(n.Outcome))
	}
	if n.Detail != "" {
		parts = append(parts, n.Detail)
	}
	if at := place(n.Place); at != "" {
		parts = append(parts, at)
	}
	return strings.Join(parts, ", ")
}

// Mermaid writes the graph as a flowchart that code hosts draw in Markdown.
func Mermaid(w io.Writer, r report.Report) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "flowchart LR\n")
	if g := r.Graph; g != nil {
		short := map[string]string{}
		for i, n := range g.Nodes {
			id := fmt.Sprintf("n%d", i)
			short[n.ID] = id
			open, end := "[(", ")]"
			if n.Kind == report.StatementNode {
				open, end = "[", "]"
			}
			fmt.Fprintf(b, "  %s%s\"%s\"%s", id, open, mermaidText(n.Name), end)
			if n.Outcome != "" {
				fmt.Fprintf(b, ":::%s", n.Outcome)
			}
			fmt.Fprintln(b)
		}
		for _, e := range g.Edges {
			fmt.Fprintf(b, "  %s --> %s\n", short[e.From], short[e.To])
		}
	}
	for _, o := range []report.Outcome{report.Passed, report.Warned, report.Failed, report.Unknown} {
		fill, line := graphColours(o)
		fmt.Fprintf(b, "  classDef %s fill:%s,stroke:%s,color:#1b2330\n", o, fill, line)
	}
	return b.Flush()
}

// mermaidText writes a text between quotes, in which Mermaid knows entities and no escapes.
func mermaidText(s string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "\n", " ", "<", "#lt;", ">", "#gt;").Replace(s)
}
