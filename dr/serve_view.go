package dr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// shownRuns bounds the past runs of a page.
const shownRuns = 50

// Report tells how everything was at the last look, what has been done by schedule and what comes next.
func (s *Server) Report() *report.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now().UTC()
	rep := &report.Report{Outcome: report.Unknown, Summary: "not looked at yet"}
	if s.status != nil {
		again := *s.status // what follows is not that look's
		rep = &again
		rep.Checks, rep.Runs = slices.Clone(rep.Checks), slices.Clone(rep.Runs)
	}
	rep.Command, rep.Title = "serve", s.declared.Topology.Name+" now"
	if s.trouble != nil {
		rep.Outcome, rep.Summary = report.Unknown, "how everything is can not be told: "+s.trouble.Error()
	}
	if r := s.past.readiness(); r != nil {
		f := report.Figure{Name: "readiness", Value: *r, Unit: "%", Note: "the share of checks that hold"}
		for _, past := range slices.Backward(s.past.Results) {
			if past.Readiness != nil {
				if len(past.Reasons) > 0 {
					f.Note += "; " + strings.Join(past.Reasons, "; ")
				}
				break
			}
		}
		rep.Figures = append([]report.Figure{f}, rep.Figures...)
	}
	rep.Checks = append(rep.Checks, s.outputs...)
	for _, j := range s.o.Jobs {
		rep.Checks = append(rep.Checks, s.jobLine(j.ID(), j.Operation+" "+j.Drill.Name+" by schedule, "+j.Schedule.String(), now))
	}
	series := report.Series{Name: "readiness", Unit: "%"}
	for _, r := range s.past.Results {
		if r.Readiness != nil {
			series.Points = append(series.Points, report.Point{At: r.End, Value: *r.Readiness})
		}
		id := r.Run
		if id == "" {
			id = r.Job
		}
		if i := slices.IndexFunc(rep.Runs, func(run report.Run) bool { return run.ID == id }); r.Run == "" || i < 0 {
			rep.Runs = append(rep.Runs, report.Run{ID: id, Operation: r.Operation, Outcome: r.Outcome, Who: "schedule", Start: maxTime(r.Start, r.Due), End: r.End, Detail: r.Summary})
		}
	}
	if len(series.Points) > 1 {
		rep.Series = append(rep.Series, series)
	}
	slices.SortStableFunc(rep.Runs, func(a, b report.Run) int { return b.Start.Compare(a.Start) })
	rep.Runs = rep.Runs[:min(len(rep.Runs), shownRuns)]
	return rep
}

// jobLine says how a job went and when it comes again.
func (s *Server) jobLine(id, name string, now time.Time) report.Check {
	line := report.Check{ID: "job", Name: name, Outcome: report.Pending, Detail: "it has not run yet"}
	if last := s.past.last(id); last != nil {
		line.Outcome = last.Outcome
		line.Detail = fmt.Sprintf("%s ago: %s", now.Sub(last.End).Round(time.Second), last.Summary)
	}
	if s.running == id {
		line.Detail += fmt.Sprintf("; running since %s", s.since.Format("15:04:05"))
	}
	for _, r := range slices.Backward(s.past.Results) {
		if r.Job == id {
			if r.Missed > 0 {
				line.Outcome, line.Why, line.Detail = report.Warned, "what is not tried is not known to work", line.Detail+"; "+r.Summary
			}
			break
		}
	}
	if next := s.next[id]; !next.IsZero() {
		line.Detail += "; next " + next.Format("2006-01-02 15:04") + " UTC"
	}
	return line
}

// Healthy says why the server does not do its work; nil where it does. What it finds is no part of that.
func (s *Server) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if s.looked.IsZero() {
		return fmt.Errorf("it has not looked at the regions yet")
	}
	if silent := now.Sub(s.looked); silent > 3*s.o.Every+2*time.Minute {
		return fmt.Errorf("it has not looked at the regions for %s", silent.Round(time.Second))
	}
	return nil
}

var (
	descReadiness = serveDesc("readiness_percent", "The share of checks that hold, by the last check that was made.")
	descLast      = serveDesc("job_last_end_timestamp_seconds", "When a job ended last.", "job", "outcome")
	descNext      = serveDesc("job_next_timestamp_seconds", "When a job is due next.", "job")
	descRunning   = serveDesc("job_running", "1 while a job runs.", "job")
	descEnded     = serveDesc("job_results", "Remembered results of a job by outcome; those of missed times are skipped.", "job", "outcome")
	descNotified  = serveDesc("notifications_total", "Notifications by what became of them.", "webhook", "result")
	descLines     = serveDesc("status_lines", "Lines of the last look at everything, by outcome.", "outcome")
	descLooked    = serveDesc("status_timestamp_seconds", "When everything was looked at last.")
)

func serveDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lifeboat_serve_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReadiness, descLast, descNext, descRunning, descEnded, descNotified, descLines, descLooked} {
		ch <- d
	}
	if s.metrics != nil {
		s.metrics.Describe(ch)
	}
}

// Collect implements prometheus.Collector. It asks no region anything.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if r := s.past.readiness(); r != nil {
		gauge(descReadiness, *r)
	}
	for _, j := range s.o.Jobs {
		id := j.ID()
		if last := s.past.last(id); last != nil {
			gauge(descLast, float64(last.End.Unix()), id, string(last.Outcome))
		}
		gauge(descNext, float64(s.next[id].Unix()), id)
		running := 0.0
		if s.running == id {
			running = 1
		}
		gauge(descRunning, running, id)
		results := map[report.Outcome]int{}
		for _, r := range s.past.Results {
			if r.Job == id {
				results[r.Outcome] += max(1, r.Missed)
			}
		}
		for outcome, n := range results {
			gauge(descEnded, float64(n), id, string(outcome))
		}
	}
	if s.metrics != nil {
		s.metrics.Collect(ch)
	}
	for i, h := range s.hooks {
		name := fmt.Sprint(i)
		ch <- prometheus.MustNewConstMetric(descNotified, prometheus.CounterValue, float64(h.delivered.Load()), name, "delivered")
		ch <- prometheus.MustNewConstMetric(descNotified, prometheus.CounterValue, float64(h.lost.Load()), name, "lost")
	}
	if s.status != nil {
		lines := map[report.Outcome]int{}
		for _, c := range s.status.Checks {
			lines[c.Outcome]++
		}
		for outcome, n := range lines {
			gauge(descLines, float64(n), string(outcome))
		}
		gauge(descLooked, float64(s.looked.Unix()))
	}
}
