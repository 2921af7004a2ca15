package render

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// plot is the series of one unit over time.
type plot struct {
	Unit                     string
	Width, Height            float64
	Left, Right, Top, Bottom float64
	X, Y                     []tick
	Lines                    []curve
	From                     string
}

type curve struct {
	Name   string
	Points string // for a polyline
	Area   string // for the ground below a single line
	Hue    int
	Last   string
	Dot    *[2]float64 // a line of one point
}

const (
	plotHeight = 220.0
	maxPoints  = 480
)

// newPlots draws one plot a unit, in the order in which units first stand in the report.
func newPlots(series []report.Series) []plot {
	var plots []plot
	var units []string
	byUnit := map[string][]report.Series{}
	for _, s := range series {
		if len(s.Points) == 0 {
			continue
		}
		if byUnit[s.Unit] == nil {
			units = append(units, s.Unit)
		}
		byUnit[s.Unit] = append(byUnit[s.Unit], s)
	}
	for _, u := range units {
		plots = append(plots, newPlot(u, byUnit[u]))
	}
	return plots
}

func newPlot(unit string, series []report.Series) plot {
	p := plot{Unit: unit, Width: drawWidth, Height: plotHeight, Left: 76, Right: drawWidth - 16, Top: 14, Bottom: plotHeight - 30}
	var from, to time.Time
	top := 0.0
	for _, s := range series {
		for _, pt := range s.Points {
			if from.IsZero() || pt.At.Before(from) {
				from = pt.At
			}
			if pt.At.After(to) {
				to = pt.At
			}
			top = max(top, pt.Value)
		}
	}
	if top == 0 {
		top = 1
	}
	step := niceStep(top, 4)
	top = math.Ceil(top/step-1e-9) * step
	whole := max(to.Sub(from).Seconds(), 1e-6)
	p.From = moment(from)
	x := func(at time.Time) float64 { return p.Left + (p.Right-p.Left)*at.Sub(from).Seconds()/whole }
	y := func(v float64) float64 { return p.Bottom - (p.Bottom-p.Top)*max(0, v)/top }
	for v := 0.0; v <= top*1.0001; v += step {
		p.Y = append(p.Y, tick{At: y(v), Label: amount(round(v), axisUnit(unit))})
	}
	xs := niceStep(whole, 8)
	for v := 0.0; v <= whole*1.0001; v += xs {
		p.X = append(p.X, tick{At: p.Left + (p.Right-p.Left)*v/whole, Label: "+" + span(v)})
	}
	for i, s := range series {
		c := curve{Name: s.Name, Hue: i % phaseHues, Last: amount(s.Points[len(s.Points)-1].Value, unit)}
		var b strings.Builder
		pts := thinned(s.Points, maxPoints)
		for j, pt := range pts {
			if j > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s,%s", px(x(pt.At)), px(y(pt.Value)))
		}
		c.Points = b.String()
		if len(pts) == 1 {
			c.Dot = &[2]float64{x(pts[0].At), y(pts[0].Value)}
		}
		if len(series) == 1 && len(pts) > 1 {
			c.Area = fmt.Sprintf("%s,%s %s %s,%s", px(x(pts[0].At)), px(p.Bottom), c.Points, px(x(pts[len(pts)-1].At)), px(p.Bottom))
		}
		p.Lines = append(p.Lines, c)
	}
	return p
}

// axisUnit leaves out of an axis' labels what the plot's title says.
func axisUnit(unit string) string {
	if unit == "s" || unit == "bytes" {
		return unit
	}
	return ""
}

// thinned keeps of every stretch of points the highest, so that no peak is lost, and the last point.
func thinned(points []report.Point, n int) []report.Point {
	if len(points) <= n {
		return points
	}
	var out []report.Point
	for i := range n {
		part := points[i*len(points)/n : (i+1)*len(points)/n]
		best := part[0]
		for _, pt := range part[1:] {
			if pt.Value > best.Value {
				best = pt
			}
		}
		out = append(out, best)
	}
	return append(out, points[len(points)-1])
}

// niceStep divides a length into at most n steps of 1, 2 or 5 times a power of ten.
func niceStep(length float64, n int) float64 {
	raw := length / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= raw*0.9999 {
			return m * power
		}
	}
	return 10 * power
}

// round takes away what adding steps of 0.1 adds.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }
