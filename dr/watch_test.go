package dr_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// watching is a continuous comparison of a pipeline's outputs.
type watching struct {
	t       *testing.T
	mu      sync.Mutex
	judged  []dr.Judged
	said    []string
	metrics *dr.OutputsMetrics
	stop    func() *report.Report
}

func (p *pipeline) watch() *watching {
	p.t.Helper()
	v := &watching{t: p.t, metrics: dr.NewOutputsMetrics()}
	w := p.open()
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	var rep *report.Report
	var err error
	go func() {
		defer close(done)
		rep, err = dr.WatchOutputs(ctx, w, dr.WatchOptions{Every: 20 * time.Millisecond, Metrics: v.metrics,
			Judged: func(j dr.Judged) { v.mu.Lock(); defer v.mu.Unlock(); v.judged = append(v.judged, j) },
			Said:   func(text string) { v.mu.Lock(); defer v.mu.Unlock(); v.said = append(v.said, text) }})
	}()
	end := sync.OnceFunc(func() { cancel(); <-done; w.Close() })
	p.t.Cleanup(end)
	v.stop = func() *report.Report {
		p.t.Helper()
		end()
		must(p.t, err)
		return rep
	}
	return v
}

// until waits for what was judged or said to hold something.
func (v *watching) until(what string, holds func(judged []dr.Judged, said []string) bool) {
	v.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v.mu.Lock()
		ok := holds(v.judged, v.said)
		judged, said := fmt.Sprint(v.judged), fmt.Sprint(v.said)
		v.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("%s was not seen: judged %s\nsaid %s", what, judged, said)
		}
	}
}

// rows sums what was judged to be the same in windows, or without them, of a topic; -1 where something differs.
func rows(judged []dr.Judged, topic string, windows bool) (n int64) {
	for _, j := range judged {
		if j.Output.Topic != topic || j.Window[1].IsZero() == windows {
			continue
		}
		if j.Differs() || j.Digest[0] != j.Digest[1] || j.Rows[0] != j.Rows[1] {
			return -1
		}
		n += j.Rows[0]
	}
	return n
}

func said(text string) func([]dr.Judged, []string) bool {
	return func(_ []dr.Judged, list []string) bool { return strings.Contains(strings.Join(list, "\n"), text) }
}

func TestOutputsAreComparedContinuously(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 300)
	p.write("sql/bigger.sql", fmt.Sprintf("CREATE TABLE `bigger_%[1]s` (id BIGINT NOT NULL, shop STRING NOT NULL) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `bigger_%[1]s` SELECT id, shop FROM `big_%[1]s` WHERE amount >= 75;\n", p.orders)) // whose input is another log in each region
	p.load()
	p.everywhere()
	p.serveLink()
	big, sums, bigger := "big_"+p.orders, "sums_"+p.orders, "bigger_"+p.orders
	v := p.watch()
	v.until("the first windows", func(judged []dr.Judged, _ []string) bool {
		return rows(judged, big, false) == 150 && rows(judged, sums, true) >= 28
	})
	p.produce(each.Client(t, p.env.East), 200)
	v.until("what came since", func(judged []dr.Judged, _ []string) bool {
		return rows(judged, big, false) == 250 && rows(judged, sums, true) >= 49 && rows(judged, bigger, false) == 125
	})
	for _, j := range v.judged {
		if j.Output.Topic == sums && (j.Window[1].Sub(j.Window[0]) != time.Minute || j.Late) {
			t.Errorf("a window of a minute: %+v", j)
		}
	}

	// A row of a window that was judged, once more in one region, is late and differs; when it comes in the other one too, it does not any more.
	v.mu.Lock()
	v.judged = nil
	v.mu.Unlock()
	again := p.oldest("west", sums)
	must(t, each.Client(t, p.env.West).ProduceSync(t.Context(), again).FirstErr())
	v.until("the late row", func(judged []dr.Judged, _ []string) bool {
		return len(judged) == 1 && judged[0].Differs() && judged[0].Late && judged[0].Only == [2]int64{0, 1} && judged[0].Output.Topic == sums
	})
	v.until("metrics of it", func([]dr.Judged, []string) bool {
		answer := httptest.NewRecorder()
		v.metrics.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		text := answer.Body.String()
		return strings.Contains(text, fmt.Sprintf("lifeboat_outputs_differences{topic=%q} 1\n", sums)) && strings.Contains(text, fmt.Sprintf("lifeboat_outputs_compared{topic=%q} 1\n", big))
	})
	must(t, each.Client(t, p.env.East).ProduceSync(t.Context(), again).FirstErr())
	v.until("its counterpart", func(judged []dr.Judged, _ []string) bool {
		return len(judged) == 2 && judged[1].Came == 1 && !judged[1].Differs()
	})

	// A foreign row tells no window.
	must(t, each.Client(t, p.env.West).ProduceSync(t.Context(), &kgo.Record{Topic: sums, Value: []byte("from nowhere")}).FirstErr())
	v.until("the foreign row", func(judged []dr.Judged, _ []string) bool {
		return len(judged) == 3 && judged[2].Differs() && judged[2].Window[1].IsZero() && judged[2].Sample[1] == "from nowhere"
	})
	rep := v.stop()
	if rep.Outcome != report.Failed || !strings.HasSuffix(rep.Summary, "1 difference") || len(rep.Findings) != 2 {
		t.Errorf("%s: %s: %+v", rep.Outcome, rep.Summary, rep.Findings)
	}
}

// oldest reads a record of a topic, to be written again.
func (p *pipeline) oldest(region, topic string) *kgo.Record {
	p.t.Helper()
	at := p.env.East
	if region == "west" {
		at = p.env.West
	}
	cl := each.Client(p.t, at, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	for {
		fetches := cl.PollFetches(p.t.Context())
		must(p.t, fetches.Err())
		for _, rec := range fetches.Records() {
			return &kgo.Record{Topic: topic, Key: rec.Key, Value: rec.Value, Timestamp: rec.Timestamp}
		}
	}
}

func TestContinuousComparisonWaitsForARegion(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	p.everywhere()
	p.serveLink()
	big, sums := "big_"+p.orders, "sums_"+p.orders
	v := p.watch()
	v.until("a comparison", func(judged []dr.Judged, _ []string) bool {
		return rows(judged, big, false) == 100 && rows(judged, sums, true) > 0
	})
	must(t, p.env.West.Broker.Kill())
	v.until("that it waits", said(big+" waits: "))
	must(t, p.env.West.Broker.Start(t.Context()))
	p.produce(each.Client(t, p.env.East), 100)
	v.until("that it goes on", func(judged []dr.Judged, list []string) bool {
		return said(big+" goes on")(judged, list) && rows(judged, big, false) == 150
	})
	if rep := v.stop(); rep.Outcome != report.Passed {
		t.Errorf("%s: %s: %+v", rep.Outcome, rep.Summary, rep.Checks)
	}

	// One that does not answer when it begins, and where a statement does not run.
	must(t, p.env.West.Broker.Kill())
	v = p.watch()
	v.until("that it waits from the beginning", said(big+" waits: "))
	must(t, p.env.West.Broker.Start(t.Context()))
	v.until("that it begins", func(judged []dr.Judged, _ []string) bool {
		return rows(judged, big, false) == 150 && rows(judged, sums, true) > 0
	})
	if rep := v.stop(); rep.Outcome != report.Passed {
		t.Errorf("%s: %s: %+v", rep.Outcome, rep.Summary, rep.Checks)
	}
}

// Of an output that is updated the last value of each key counts, and a key whose values were equal is not kept.
func TestLastValuesAreComparedContinuously(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 200)
	p.write("sql/latest.sql", fmt.Sprintf("CREATE TABLE `latest_%[1]s` (shop STRING NOT NULL, amount BIGINT, PRIMARY KEY (shop) NOT ENFORCED) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `latest_%[1]s` SELECT shop, amount FROM `%[1]s`;\n", p.orders))
	p.load()
	p.everywhere()
	p.serveLink()
	latest := "latest_" + p.orders
	v := p.watch()
	v.until("seven shops", func(judged []dr.Judged, _ []string) bool { return rows(judged, latest, false) == 7 })
	old := p.oldest("west", latest)
	must(t, each.Client(t, p.env.West).ProduceSync(t.Context(), old).FirstErr())
	of := func(judged []dr.Judged) (list []dr.Judged) {
		for _, j := range judged {
			if j.Output.Topic == latest {
				list = append(list, j)
			}
		}
		return list[1:]
	}
	v.until("another last value", func(judged []dr.Judged, _ []string) bool {
		list := of(judged)
		return len(list) == 1 && list[0].Differs() && list[0].Noun == "key" && list[0].Rows == [2]int64{1, 1}
	})
	p.produce(each.Client(t, p.env.East), 70) // which has all shops, and gives each the same last value in both regions
	v.until("that it is the same again", func(judged []dr.Judged, _ []string) bool {
		came := int64(0)
		for _, j := range of(judged)[1:] {
			if j.Differs() {
				return false
			}
			came += j.Came
		}
		return came == 1
	})
	if rep := v.stop(); !strings.HasSuffix(rep.Summary, "no difference") {
		t.Errorf("%s: %+v", rep.Summary, rep.Checks)
	}
}
