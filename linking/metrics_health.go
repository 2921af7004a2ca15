package linking

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What /healthz says of a link.
const (
	Healthy       = "healthy"   // records came through just now, or are coming
	Unhealthy     = "unhealthy" // a mirror has failed, a region does not answer, or nothing moves though something should
	UnknownHealth = "unknown"   // nothing moves and nothing is known to be missing: a quiet source and a deaf link look the same
)

// How long something may take before it is no sign of health any more.
const (
	deadAfter  = 10 * time.Second // the run says nothing: it fills Metrics once a second
	stuckAfter = 30 * time.Second // a mirror that is behind does not move
	quietAfter = time.Minute      // no mirror has moved
)

// Health is what a link's state means to whoever watches it.
type Health struct {
	Status  string   `json:"status"`
	Reasons []string `json:"reasons"`
}

// reasonsMax bounds a health answer: a link may have thousands of partitions that fail for one reason.
const reasonsMax = 20

// Health says how the link is.
func (m *Metrics) Health() Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.health(m.now())
}

func (m *Metrics) health(now time.Time) Health {
	if len(m.last) == 0 {
		return Health{UnknownHealth, []string{"the link does not run yet, or other processes serve all of it"}}
	}
	var bad []string
	for n, last := range m.last {
		of := ""
		if len(m.last) > 1 {
			of = fmt.Sprintf(" of task %d", n)
		}
		if age := now.Sub(last.at); age > deadAfter {
			bad = append(bad, fmt.Sprintf("the run%s has said nothing for %s", of, age.Round(time.Second)))
		}
		if last.waiting != "" {
			bad = append(bad, "the link waits"+of+": "+last.waiting)
		}
	}
	var newest time.Time
	active, paused := 0, 0
	for k, p := range m.parts {
		name := fmt.Sprintf("%s-%d", k.topic, k.partition)
		switch age := now.Sub(p.progressed); {
		case p.state == Failed:
			bad = append(bad, fmt.Sprintf("%s has failed: %s", name, p.failure))
		case p.state == SourceUnavailable:
			bad = append(bad, name+": its source does not answer")
		case p.state == Active && p.lag() > 0 && age > stuckAfter:
			bad = append(bad, fmt.Sprintf("%s is %d offsets behind and has not moved for %s", name, p.lag(), age.Round(time.Second)))
		}
		if p.state == Paused {
			paused++
		}
		if p.state == Active {
			active++
			if p.moved && p.progressed.After(newest) {
				newest = p.progressed
			}
		}
	}
	slices.Sort(bad)
	if n := len(bad); n > reasonsMax {
		bad = append(bad[:reasonsMax], fmt.Sprintf("and %d more", n-reasonsMax))
	}
	switch {
	case len(bad) > 0:
		return Health{Unhealthy, bad}
	case active == 0 && paused > 0:
		return Health{UnknownHealth, []string{"every mirror is PAUSED"}}
	case active == 0:
		return Health{UnknownHealth, []string{"nothing is mirrored"}}
	case newest.IsZero():
		return Health{UnknownHealth, []string{"nothing has come through since the run began"}}
	case now.Sub(newest) > quietAfter:
		return Health{UnknownHealth, []string{fmt.Sprintf("nothing has come through for %s, and no lag is known: the source is quiet, or the link is deaf", now.Sub(newest).Round(time.Second))}}
	}
	return Health{Healthy, []string{}}
}

// Handler serves /metrics, /healthz (200 where the link is healthy, else 503; the body says why) and /livez (200 as long as the process
// answers: what should restart it goes by this one, for a restart mends no quiet source).
func (m *Metrics) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		h := m.Health()
		w.Header().Set("Content-Type", "application/json")
		if h.Status != Healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(h) // whoever asked has gone
	})
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}
