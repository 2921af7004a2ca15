package dr

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// OutputsMetrics is what a continuous comparison of outputs tells Prometheus, after every look. Collecting asks no region anything.
type OutputsMetrics struct {
	mu   sync.Mutex
	last map[string]outputSample // by topic
	at   time.Time
}

type outputSample struct {
	compared    bool
	windows     int
	rows        int64
	differences int
	judged      time.Time // when something was judged last; zero: never
	watermark   int64     // that both regions have passed; 0: none
	unpaired    int
}

// NewOutputsMetrics returns metrics of a comparison that has not begun.
func NewOutputsMetrics() *OutputsMetrics {
	return &OutputsMetrics{last: map[string]outputSample{}}
}

func outputsDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("lifeboat_outputs_"+name, help, []string{"topic"}, nil)
}

var (
	descCompared    = outputsDesc("compared", "1 while the output is compared, 0 while a region or a statement is waited for.")
	descWindows     = outputsDesc("windows_total", "Windows that were judged.")
	descRows        = outputsDesc("rows_total", "Rows, or keys of outputs that are updated, that were judged.")
	descDifferences = outputsDesc("differences", "Rows or keys that only one region has, and that the other one should have.")
	descUnpaired    = outputsDesc("unpaired", "Rows or keys that are held because only one region has them so far.")
	descJudgedAge   = outputsDesc("judged_age_seconds", "Time since something was judged last.")
	descWatermark   = outputsDesc("watermark_seconds", "The watermark that both regions' statements have passed, in seconds since the epoch.")
)

// fill takes the figures of all outputs.
func (m *OutputsMetrics) fill(list []*watched, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = now
	for _, x := range list {
		s := outputSample{compared: x.waits == "" && x.over == "", windows: x.windows, rows: x.rows, differences: x.differences, judged: x.judgedAt}
		if x.c != nil {
			s.unpaired = len(x.c.open)
			if at := x.c.closed(); x.c.judged > 0 && at > 0 && at != math.MaxInt64 {
				s.watermark = at
			}
		}
		m.last[x.output.Topic] = s
	}
}

// Describe implements prometheus.Collector.
func (m *OutputsMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descCompared, descWindows, descRows, descDifferences, descUnpaired, descJudgedAge, descWatermark} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *OutputsMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, topic := range slices.Sorted(maps.Keys(m.last)) {
		s := m.last[topic]
		tell := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			ch <- prometheus.MustNewConstMetric(d, kind, v, topic)
		}
		compared := 0.0
		if s.compared {
			compared = 1
		}
		tell(descCompared, prometheus.GaugeValue, compared)
		tell(descWindows, prometheus.CounterValue, float64(s.windows))
		tell(descRows, prometheus.CounterValue, float64(s.rows))
		tell(descDifferences, prometheus.GaugeValue, float64(s.differences))
		tell(descUnpaired, prometheus.GaugeValue, float64(s.unpaired))
		if !s.judged.IsZero() {
			tell(descJudgedAge, prometheus.GaugeValue, m.at.Sub(s.judged).Seconds())
		}
		if s.watermark > 0 {
			tell(descWatermark, prometheus.GaugeValue, float64(s.watermark)/1000)
		}
	}
}

// Handler serves /metrics, and /livez for what restarts processes.
func (m *OutputsMetrics) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}
