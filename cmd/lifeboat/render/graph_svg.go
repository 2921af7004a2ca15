package render

import (
	"fmt"
	"html/template"
	"io"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// graphShapes are a drawing's wires and boxes; the page and the picture that stands alone share them.
const graphShapes = `{{define "graph"}}<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>
{{range .Wires}}<path class="wire" d="{{.Path}}" {{if .Back}}stroke-dasharray="5 4" marker-start{{else}}marker-end{{end}}="url(#arrow)"/>
{{end}}{{range .Boxes}}{{if .Anchor}}<a href="#{{.Anchor}}">{{end}}<g class="node {{.Kind}} n-{{.Outcome}}"><title>{{.Tip}}</title><rect x="{{px .X}}" y="{{px .Y}}" width="{{px .W}}" height="{{px .H}}" rx="{{if .Topic}}15{{else}}4{{end}}"/><text x="{{center .}}" y="{{px .Y}}" dy="19.5" text-anchor="middle">{{.Label}}</text></g>{{if .Anchor}}</a>{{end}}
{{end}}{{end}}`

const svgPage = `{{define "svg"}}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{px .Width}} {{px .Height}}" width="{{px .Width}}" height="{{px .Height}}" role="img" aria-label="topics and statements">
<style>
svg { background: #fff; font: 12px system-ui, sans-serif; }
.wire { fill: none; stroke: #5b6675; stroke-width: 1.25; } .tip { fill: #5b6675; }
.node rect { fill: #fff; stroke: #5b6675; stroke-width: 1.5; } .node text { fill: #1b2330; }
.n-passed rect { fill: #e3f4ea; stroke: #1a7f4b; } .n-failed rect { fill: #fbe3e1; stroke: #c0322b; } .n-warned rect, .n-unknown rect { fill: #fdf0db; stroke: #a15c00; }
</style>
{{template "graph" .}}</svg>
{{end}}`

var graphFuncs = template.FuncMap{"px": px, "center": func(b box) string { return px(b.X + b.W/2) }}

var pictures = template.Must(template.Must(template.New("picture").Funcs(graphFuncs).Parse(graphShapes)).Parse(svgPage))

// SVG writes the graph as a picture that stands alone.
func SVG(w io.Writer, r report.Report) error {
	d := newDrawing(r.Graph)
	if d == nil {
		d = &drawing{Width: 2 * drawMargin, Height: 2 * drawMargin}
	}
	return pictures.ExecuteTemplate(w, "svg", d)
}

// link lets a click on a box lead to the first finding about it, or to the statement itself.
func (d *drawing) link(r report.Report) {
	if d == nil {
		return
	}
	anchors := map[string]string{}
	for i, s := range r.Statements {
		anchors[report.StatementNode+":"+s.Name] = fmt.Sprintf("statement-%d", i)
	}
	told := map[string]bool{}
	for i, f := range r.Findings {
		for _, kind := range []string{report.StatementNode, report.TopicNode} {
			if id := kind + ":" + f.Subject; !told[id] && f.Waived == "" {
				told[id] = true
				anchors[id] = fmt.Sprintf("finding-%d", i)
			}
		}
	}
	for i := range d.Boxes {
		d.Boxes[i].Anchor = anchors[d.Boxes[i].ID]
	}
}
