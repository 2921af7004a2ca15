package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var (
	//go:embed page.html.tmpl
	pageTemplate string
	//go:embed page.css
	pageStyle string
)

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"known": known, "span": span, "amount": amount, "clock": clock, "moment": moment, "drillFacts": drillFactsOf, "leftParts": leftParts, "took": took, "place": place, "lost": lostRange,
	"certainty": certainty, "lostBytes": lostBytes, "fields": statementFields, "join": strings.Join, "px": px,
	"mark":      func(o report.Outcome) string { return string(o) },
	"partition": func(topic string, p int32) string { return fmt.Sprintf("%s-%d", topic, p) },
	"state":     mirrorState,
	"operators": func(plan []report.Operator) []string {
		lines := planBranches(plan)
		for i, op := range plan {
			lines[i] += operatorLine(op)
		}
		return lines
	},
	"center": graphFuncs["center"],
}).Parse(graphShapes + pageTemplate))

// htmlPage is what the template shows: the report, and the drawings made of it.
type htmlPage struct {
	report.Report
	Style    template.CSS
	Cards    []card
	Timeline *timeline
	Plots    []plot
	Drawing  *drawing
}

// card is a figure in the header.
type card struct {
	report.Figure
	Share float64 // of its objective, in percent, at most 100
}

// HTML writes one page that stands alone: style and drawings are in it, scripts and links to elsewhere are not.
func HTML(w io.Writer, r report.Report) error {
	p := htmlPage{Report: r, Style: template.CSS(pageStyle), Timeline: newTimeline(r.Steps), Plots: newPlots(r.Series), Drawing: newDrawing(r.Graph)}
	p.Drawing.link(r)
	if r.Title == "" {
		p.Title = r.Command
	}
	for _, f := range objectiveFigures(r.Figures) {
		c := card{Figure: f}
		if f.Objective > 0 {
			c.Share = min(100, max(0, 100*f.Value/f.Objective))
		}
		p.Cards = append(p.Cards, c)
	}
	return pages.Execute(w, p)
}

// mirrorState is how a mirror's state is coloured.
func mirrorState(m report.Mirror) string {
	switch m.State {
	case "ACTIVE", "STOPPED":
		return "passed"
	case "FAILED":
		return "failed"
	}
	return "warned"
}

// px writes a coordinate.
func px(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

// timeline is a run's steps over time.
type timeline struct {
	Width, Height float64
	Left, Right   float64 // of the area of the bars
	Top           float64
	Ticks         []tick
	Bars          []bar
	Bands         []band
	Legend        []phase
}

// phase is one phase with the time that its steps took.
type phase struct {
	Name string
	Hue  int
	Took float64
}

type tick struct {
	At    float64 // x or y
	Label string
}

type bar struct {
	X, Y, W, H float64
	Label      string // the step's id
	Took       string
	TookX      float64
	TookAnchor string
	Tip        string
	Phase      int // a colour
	Outcome    report.Outcome
}

// band is the ground behind the bars of one phase.
type band struct {
	Y, H  float64
	Name  string
	Phase int
}

const (
	drawWidth  = 960.0
	rowHeight  = 24.0
	charWidth  = 6.7 // of the drawings' 12 px type, about
	phaseHues  = 6
	minBar     = 3.0
	axisHeight = 26.0
)

// newTimeline draws the steps that have times; nil where there are none.
func newTimeline(steps []report.Step) *timeline {
	var timed []report.Step
	var from, to time.Time
	label := 0
	for _, s := range steps {
		if s.Start.IsZero() || s.End.IsZero() || s.End.Before(s.Start) {
			continue
		}
		timed = append(timed, s)
		label = max(label, len(s.ID))
		if from.IsZero() || s.Start.Before(from) {
			from = s.Start
		}
		if s.End.After(to) {
			to = s.End
		}
	}
	if len(timed) == 0 {
		return nil
	}
	t := &timeline{Width: drawWidth, Left: min(300, 16+charWidth*float64(label)), Top: axisHeight}
	t.Right = drawWidth - 64
	whole := max(to.Sub(from).Seconds(), 1e-6)
	x := func(at time.Time) float64 { return t.Left + (t.Right-t.Left)*at.Sub(from).Seconds()/whole }
	phases := map[string]int{}
	for i, s := range timed {
		hue, ok := phases[s.Phase]
		y := t.Top + rowHeight*float64(i)
		if !ok {
			hue = len(phases) % phaseHues
			phases[s.Phase] = hue
			t.Legend = append(t.Legend, phase{Name: s.Phase, Hue: hue})
		}
		for j := range t.Legend {
			if t.Legend[j].Name == s.Phase {
				t.Legend[j].Took += s.End.Sub(s.Start).Seconds()
			}
		}
		if n := len(t.Bands); n == 0 || t.Bands[n-1].Name != s.Phase {
			t.Bands = append(t.Bands, band{Y: y, Name: s.Phase, Phase: hue})
		}
		b := bar{X: x(s.Start), Y: y + 4, W: max(minBar, x(s.End)-x(s.Start)), H: rowHeight - 8, Label: s.ID, Took: took(s.Start, s.End),
			Tip: s.Goal, Phase: hue, Outcome: s.Outcome, TookAnchor: "start"}
		b.TookX = b.X + b.W + 6
		if b.TookX+charWidth*float64(len(b.Took)) > drawWidth {
			b.TookX, b.TookAnchor = b.X-6, "end"
		}
		t.Bars = append(t.Bars, b)
		last := &t.Bands[len(t.Bands)-1]
		last.H = y + rowHeight - last.Y
	}
	t.Height = t.Top + rowHeight*float64(len(timed)) + 8
	step := niceStep(whole, 8)
	for v := 0.0; v <= whole*1.0001; v += step {
		t.Ticks = append(t.Ticks, tick{At: t.Left + (t.Right-t.Left)*v/whole, Label: "+" + span(v)})
	}
	return t
}
