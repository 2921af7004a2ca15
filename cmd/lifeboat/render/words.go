package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// thousands writes 1204 as 1,204.
func thousands(n int64) string {
	s, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		s, sign = s[1:], "-"
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// known writes a count, or "?" where it is not known (-1).
func known(n int64) string {
	if n < 0 {
		return "?"
	}
	return thousands(n)
}

// span writes seconds with the precision that matters: 840 ms, 3.2 s, 4 m 05 s, 2 h 10 m. Negative is not known.
func span(seconds float64) string {
	switch {
	case seconds < 0 || math.IsNaN(seconds):
		return "?"
	case seconds == 0:
		return "0 s"
	case seconds < 0.9995:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 59.95:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 3600:
		s := int(math.Round(seconds))
		return fmt.Sprintf("%d m %02d s", s/60, s%60)
	default:
		m := int(math.Round(seconds / 60))
		return fmt.Sprintf("%d h %02d m", m/60, m%60)
	}
}

func took(start, end time.Time) string {
	if start.IsZero() || end.IsZero() {
		return ""
	}
	return span(end.Sub(start).Seconds())
}

// amount writes a figure's value in its unit.
func amount(v float64, unit string) string {
	switch unit {
	case "s":
		return span(v)
	case "bytes":
		return size(v)
	}
	text := strconv.FormatFloat(v, 'f', 1, 64)
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		text = thousands(int64(v))
	}
	if v == 1 && len(unit) > 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return strings.TrimSpace(text + " " + unit)
}

func size(bytes float64) string {
	if bytes < 0 {
		return "?"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for bytes >= 1024 && i < len(units)-1 {
		bytes /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%.0f B", bytes)
	}
	return fmt.Sprintf("%.1f %s", bytes, units[i])
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("15:04:05")
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func place(p report.Place) string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// lostRange writes "flights-2 @1040 to @1052 (12 records)".
func lostRange(r report.Range) string {
	s := fmt.Sprintf("%s-%d @%d to @%d", r.Topic, r.Partition, r.First, r.End)
	if r.Records >= 0 {
		s += fmt.Sprintf(" (%s records)", thousands(r.Records))
	}
	return s
}

// objectiveFigures are the figures that a header shows first: those with an objective, then RPO, RTO and what was lost.
func objectiveFigures(figures []report.Figure) []report.Figure {
	rank := func(f report.Figure) int {
		switch {
		case f.Phase != "":
			return -1
		case f.Name == "RPO" || f.Name == "RTO":
			return 0
		case f.Objective != 0:
			return 1
		default:
			return 2
		}
	}
	var list []report.Figure
	for _, f := range figures {
		if rank(f) >= 0 {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b report.Figure) int { return rank(a) - rank(b) })
	return list
}

// fact is a name with its value.
type fact struct{ Name, Value string }

// drillFacts are what a drill's report begins with.
func drillFacts(d report.Drill) []fact {
	facts := []fact{{"Scenario", d.Scenario}, {"Scope", d.Scope}, {"By", d.Who}, {"Target", d.Target}, {"Actual", d.Actual}}
	if d.Name != "" {
		facts = append([]fact{{"Drill", d.Name}}, facts...)
	}
	if d.Last != "" {
		facts = append(facts, fact{"Before", d.Last})
	}
	for _, t := range d.Trend {
		facts = append(facts, fact{strings.TrimSpace(t.Name + " " + t.Phase), trendText(t)})
	}
	if !d.NextDue.IsZero() {
		facts = append(facts, fact{"Next due", moment(d.NextDue)})
	}
	return facts
}

// trendText says what a figure is, how that is to the last one, and what it was before.
func trendText(t report.Trend) string {
	last := t.Before[0]
	change := "the same"
	if now, was := amount(t.Value, t.Unit), amount(last, t.Unit); now != was && last > 0 {
		change = fmt.Sprintf("%+.0f %%", 100*(t.Value-last)/last)
	} else if now != was {
		change = "more"
	}
	text := fmt.Sprintf("%s, %s before (%s)", amount(t.Value, t.Unit), amount(last, t.Unit), change)
	if len(t.Before) > 1 {
		text += "; earlier"
		for _, v := range t.Before[1:] {
			text += " " + strings.ReplaceAll(amount(v, t.Unit), " ", "\u00a0")
		}
	}
	return text
}

func drillFactsOf(d *report.Drill) []fact { return drillFacts(*d) }
