package render

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func TestTrendText(t *testing.T) {
	for _, c := range []struct {
		name string
		of   report.Trend
		want string
	}{
		{"longer", report.Trend{Unit: "s", Value: 3, Before: []float64{2}}, "3.0 s, 2.0 s before (+50 %)"},
		{"shorter, with those before", report.Trend{Unit: "s", Value: 1, Before: []float64{2, 4, 3}}, "1.0 s, 2.0 s before (-50 %); earlier 4.0\u00a0s 3.0\u00a0s"},
		{"the same", report.Trend{Unit: "s", Value: 2, Before: []float64{2}}, "2.0 s, 2.0 s before (the same)"},
		{"from nothing", report.Trend{Unit: "s", Value: 2, Before: []float64{0}}, "2.0 s, 0 s before (more)"},
	} {
		if got := trendText(c.of); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
