package linking

import (
	"maps"
	"math"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Metrics is what a link's run tells Prometheus. A run that has it in RunOptions fills it once a second; collecting asks no region
// anything. Partitions have the labels topic and partition.
type Metrics struct {
	now func() time.Time

	mu      sync.Mutex
	last    map[int]sample // by task
	parts   map[partitionKey]*measured
	errors  map[string]float64  // by name, since the run began
	clients map[string]*traffic // by region
}

// measured is what is kept of a partition from sample to sample.
type measured struct {
	mirrorSample
	task       int
	progressed time.Time // when its position last moved; at first, when it was first seen
	moved      bool      // its position has moved since it was first seen
	caughtUp   time.Time // when its lag was last zero, or it was first seen
	past       []stall   // oldest first
}

// pastFor is how far back the pace of retention is looked at.
const pastFor = time.Minute

// NewMetrics returns metrics of a link that does not run yet.
func NewMetrics() *Metrics {
	return &Metrics{now: time.Now, last: map[int]sample{}, parts: map[partitionKey]*measured{}, errors: map[string]float64{}, clients: map[string]*traffic{}}
}

var (
	perPartition = []string{"topic", "partition"}

	descLag        = desc("mirror_lag_records", "Offsets of the source, up to its last stable offset, that are not in the mirror yet.", perPartition...)
	descLagBytes   = desc("mirror_lag_bytes", "Estimated bytes of them: what is read, and the rest by the mean size of what was mirrored.", perPartition...)
	descLagSeconds = desc("mirror_lag_seconds", "How much older the newest mirrored record is than the newest that was read; where none is read, time since the mirror was last complete.", perPartition...)
	descEnd        = desc("mirror_end_offset", "The mirror's log end: the next offset that is written.", perPartition...)
	descRecords    = desc("mirror_records_total", "Records written by this process.", perPartition...)
	descBytes      = desc("mirror_bytes_total", "Bytes of batches written by this process, as they were read.", perPartition...)
	descAge        = desc("mirror_progress_age_seconds", "Time since the mirror's position last moved.", perPartition...)
	descOvertake   = desc("mirror_retention_overtakes_seconds", "Time until retention in the source removes what comes next; +Inf where nothing points to it.", perPartition...)
	descState      = desc("mirror_state", "1 for the state that the mirror is in.", append(perPartition, "state")...)
	descFailed     = desc("mirror_failed", "1 for a mirror that has failed, with the name of its error.", append(perPartition, "error")...)
	descSource     = desc("mirror_source", "1 for what a mirror topic is called in the source, where that is something else.", "topic", "source_topic")
	descMirrors    = desc("mirrors", "Mirrored partitions by state.", "state")
	descErrors     = desc("errors_total", "Times that a mirror failed, or began to wait for something, and that the link did, by name.", "error")
	descHealth     = desc("health", "1 for what /healthz says.", "status")
	descRead       = desc("client_read_bytes_total", "Bytes that came from a region's brokers.", "region")
	descWritten    = desc("client_written_bytes_total", "Bytes that went to a region's brokers.", "region")
	descConnects   = desc("client_connects_total", "Connections to a region's brokers.", "region", "result")
	descThrottled  = desc("client_throttled_seconds_total", "Time for which a region's brokers asked its clients to wait (quotas).", "region")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lifeboat_link_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLag, descLagBytes, descLagSeconds, descEnd, descRecords, descBytes, descAge, descOvertake, descState,
		descFailed, descSource, descMirrors, descErrors, descHealth, descRead, descWritten, descConnects, descThrottled} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	states := map[string]int{Active: 0, Paused: 0, PendingStopped: 0, Stopped: 0, Failed: 0, SourceUnavailable: 0}
	for k, p := range m.parts {
		at := []string{k.topic, strconv.Itoa(int(k.partition))}
		states[p.state]++
		gauge(descState, 1, append(at, p.state)...)
		counter(descRecords, float64(p.copied.records), at...)
		counter(descBytes, float64(p.copied.bytes), at...)
		if p.failure != "" {
			gauge(descFailed, 1, append(at, p.failure)...)
		}
		if p.written < 0 {
			continue
		}
		gauge(descEnd, float64(p.end), at...)
		gauge(descAge, now.Sub(p.progressed).Seconds(), at...)
		if p.stable < 0 {
			continue // nothing is known of the source
		}
		gauge(descLag, float64(p.lag()), at...)
		gauge(descLagBytes, p.lagBytes(), at...)
		gauge(descLagSeconds, p.lagSeconds(now), at...)
		gauge(descOvertake, p.overtaken(now), at...)
	}
	for topic, source := range m.sources() {
		gauge(descSource, 1, topic, source)
	}
	for s, n := range states {
		gauge(descMirrors, float64(n), s)
	}
	for name, n := range m.errors {
		counter(descErrors, n, name)
	}
	is := m.health(now).Status
	for _, s := range []string{Healthy, Unhealthy, UnknownHealth} {
		v := 0.0
		if s == is {
			v = 1
		}
		gauge(descHealth, v, s)
	}
	for region, t := range m.clients {
		t.mu.Lock()
		counter(descRead, t.read, region)
		counter(descWritten, t.written, region)
		counter(descConnects, t.connected, region, "connected")
		counter(descConnects, t.refused, region, "refused")
		counter(descThrottled, t.throttled.Seconds(), region)
		t.mu.Unlock()
	}
}

// sources are what mirror topics are called in the source, where that is something else.
func (m *Metrics) sources() map[string]string {
	all := map[string]string{}
	for k, p := range m.parts {
		if p.source != "" {
			all[k.topic] = p.source
		}
	}
	return all
}

func (p *measured) lag() int64 { return max(0, p.stable-p.written) }

func (p *measured) lagBytes() float64 {
	mean := 0.0
	if p.copied.records > 0 {
		mean = float64(p.copied.bytes) / float64(p.copied.records)
	} else if queued := p.lag() - p.ahead; queued > 0 {
		mean = float64(p.queued) / float64(queued)
	}
	return float64(p.queued) + mean*float64(p.ahead)
}

func (p *measured) lagSeconds(now time.Time) float64 {
	switch {
	case p.lag() == 0:
		return 0
	case p.behind >= 0:
		return p.behind
	}
	return max(0, now.Sub(p.caughtUp).Seconds())
}

func (p *measured) overtaken(now time.Time) float64 {
	if p.state == Failed {
		return math.Inf(1) // it does not go on anyway
	}
	return overtakes(now, &p.mirrorSample, p.past[0])
}

// take keeps a sample.
func (m *Metrics) take(s sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.waiting != "" && s.waiting != m.last[s.task].waiting {
		m.errors[s.waiting]++
	}
	seen := make(map[partitionKey]*measured, len(s.mirrors))
	for _, one := range s.mirrors {
		p := m.parts[one.partitionKey]
		if p == nil {
			p = &measured{progressed: s.at, caughtUp: s.at, mirrorSample: mirrorSample{written: one.written}}
		}
		for _, now := range [][2]string{{one.failure, p.failure}, {one.trouble, p.trouble}} {
			if now[0] != "" && now[0] != now[1] {
				m.errors[now[0]]++
			}
		}
		if one.written != p.written || one.copied.records > p.copied.records {
			p.progressed, p.moved = s.at, true
		}
		p.mirrorSample, p.task = one, s.task
		if p.lag() == 0 {
			p.caughtUp = s.at
		}
		for len(p.past) > 1 && s.at.Sub(p.past[1].at) >= pastFor {
			p.past = p.past[1:]
		}
		if n := len(p.past); n == 0 || s.at.Sub(p.past[n-1].at) >= pastFor/6 {
			p.past = append(p.past, stall{s.at, one.start, one.written})
		}
		seen[one.partitionKey] = p
	}
	for k, p := range m.parts {
		if p.task != s.task && seen[k] == nil {
			seen[k] = p
		}
	}
	s.mirrors = nil // parts have them
	m.parts, m.last[s.task] = seen, s
}

// left forgets a task that another process serves.
func (m *Metrics) left(task int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.last, task)
	maps.DeleteFunc(m.parts, func(_ partitionKey, p *measured) bool { return p.task == task })
}

// Hook counts what a region's clients send and receive: pass it in Options.Hooks.
func (m *Metrics) Hook(region string) kgo.Hook {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clients[region] == nil {
		m.clients[region] = &traffic{}
	}
	return m.clients[region]
}

// traffic is what all clients of a region together have moved.
type traffic struct {
	mu                 sync.Mutex
	read, written      float64
	connected, refused float64
	throttled          time.Duration
}

var (
	_ kgo.HookBrokerConnect  = (*traffic)(nil)
	_ kgo.HookBrokerRead     = (*traffic)(nil)
	_ kgo.HookBrokerWrite    = (*traffic)(nil)
	_ kgo.HookBrokerThrottle = (*traffic)(nil)
)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (t *traffic) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.refused++
	} else {
		t.connected++
	}
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (t *traffic) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, _ error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read += float64(n)
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (t *traffic) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, _ error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written += float64(n)
}

// OnBrokerThrottle implements kgo.HookBrokerThrottle.
func (t *traffic) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.throttled += d
}
