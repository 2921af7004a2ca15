package dr_test

import (
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// ear hands on what a webhook is told.
type ear chan string

func (e ear) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	e <- string(body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// serving runs a server of the pipeline until the test ends, at a second before a full minute by its clock.
func (p *pipeline) serving(hears ear) *dr.Server {
	p.t.Helper()
	now := time.Now()
	ahead := now.Truncate(time.Minute).Add(time.Minute - time.Second).Sub(now)
	o := p.options()
	ended := make(chan struct{})
	o.Interrupted, o.Now = ended, func() time.Time { return time.Now().Add(ahead) }
	jobs, err := p.declared.Topology.Jobs()
	must(p.t, err)
	s, err := dr.NewServer(p.declared, dr.ServeOptions{Options: o, Jobs: jobs, Every: 50 * time.Millisecond, State: filepath.Join(p.dir, "serve.json"), Transport: hears})
	must(p.t, err)
	done := make(chan error, 1)
	go func() { done <- s.Run(p.t.Context()) }()
	p.t.Cleanup(func() {
		close(ended)
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	})
	return s
}

// TestServeDrillsOnSchedule: a declared drill is carried out when it is due, and whoever is to be told is told what came of it.
func TestServeDrillsOnSchedule(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	w := p.open()
	defer w.Close()
	p.startInEast(w)
	p.mirror()
	p.serveLink()
	p.readUpTo(w, "big-2", 200)
	p.readUpTo(w, "per-minute-2", 200)
	p.declared.Topology.Drills = []*plans.Drill{{Name: "minutely", Schedule: "* * * * *", Scenario: plans.ScenarioPlanned, Pipeline: "shop"}}
	p.declared.Topology.Notify = []*plans.Notify{{URL: "https://hook.example", On: []string{plans.NotifyResult}}}
	before := p.traces(w, "west")
	hears := make(ear, 10)
	s := p.serving(hears)
	select {
	case told := <-hears:
		if !strings.Contains(told, `"drill-minutely"`) || !strings.Contains(told, "west could take over from east") {
			t.Errorf("told: %s", told)
		}
	case <-time.After(time.Minute):
		t.Fatalf("nobody was told of a drill: %+v", s.Report().Checks)
	}
	rep := s.Report()
	i := slices.IndexFunc(rep.Checks, func(c report.Check) bool { return c.ID == "job" })
	if i < 0 || rep.Checks[i].Outcome != report.Done || !strings.Contains(rep.Checks[i].Detail, "west could take over from east") {
		t.Errorf("the page says %+v", rep.Checks)
	}
	runs, err := dr.ListRuns(t.Context(), w)
	must(t, err)
	if len(runs.Runs) != 1 || runs.Runs[0].Outcome != report.Done || !strings.HasPrefix(runs.Runs[0].Operation, "drill") {
		t.Errorf("the journal has %+v", runs.Runs)
	}
	if after := p.traces(w, "west"); !slices.Equal(before, after) {
		t.Errorf("the drill has left %v, there was %v", after, before)
	}
}

// TestServeComparesOutputs: where both regions compute, what they put out is compared beside everything else, and a difference is on the page.
func TestServeComparesOutputs(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	p.everywhere()
	p.serveLink()
	s := p.serving(nil)
	big := "big-2 puts out the same in east and in west"
	until := func(what string, outcome report.Outcome) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			checks := s.Report().Checks
			if slices.ContainsFunc(checks, func(c report.Check) bool { return c.Name == big && c.Outcome == outcome }) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the page never says %s: %+v", what, checks)
			}
		}
	}
	until("that they are the same", report.Passed)
	old := p.oldest("west", "big_"+p.orders)
	must(t, each.Client(t, p.env.West).ProduceSync(t.Context(), old).FirstErr())
	p.produce(each.Client(t, p.env.East), 20)
	until("that they differ", report.Failed)
}
