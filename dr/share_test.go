package dr_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// mirrors are the states of a link's mirrors, by topic.
func (p *pipeline) mirrors(link string) map[string]string {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	seen, err := dr.Observe(p.t.Context(), w)
	must(p.t, err)
	states := map[string]string{}
	for _, m := range seen.Mirrors[link] {
		states[m.Topic] = m.State
	}
	return states
}

// TestAPartMovesAndComesBack: a pipeline is failed over alone, while the process that serves the link goes on with the topic beside it; and it comes
// back alone.
func TestAPartMovesAndComesBack(t *testing.T) {
	for _, c := range []struct {
		name string
		part plans.Options
	}{{"pipeline", plans.Options{Pipeline: "shop"}}, {"topics", plans.Options{Topics: []string{".*orders.*"}}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newMigration(t, each.Embedded(t), 100)
			link := "link-" + p.orders
			stop := p.serveLink()
			there := c.part
			there.Planned = true
			w := p.open()
			plan, err := dr.Plan(t.Context(), w, plans.OpFailover, there)
			must(t, err)
			rep, err := dr.Execute(t.Context(), w, plan)
			must(t, err)
			w.Close()
			if rep.Outcome != report.Done || !strings.Contains(rep.Summary, "1 topic promoted") || !strings.Contains(rep.Summary, "1 topic not moved") {
				t.Errorf("failover: %s: %s", rep.Outcome, rep.Summary)
			}
			if got := p.mirrors(link); got[p.orders] != plans.MirrorStopped || got[p.audit] != plans.MirrorActive {
				t.Errorf("after the failover: %v, want only %s STOPPED", got, p.orders)
			}
			if p.writable(p.orders) || !p.writable(p.audit) {
				t.Error("the fence is to keep writers out of the topic that has moved, and of no other")
			}
			arrives := func() { // what is written beside goes on to be mirrored, by the process that always did it
				t.Helper()
				p.writeAudit(each.Client(t, p.env.East), 7)
				w := p.open()
				defer w.Close()
				for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
					east, err := dr.DigestRows(t.Context(), w.Regions["east"], p.audit, func(*kgo.Record) bool { return true })
					must(t, err)
					west, err := dr.DigestRows(t.Context(), w.Regions["west"], p.audit, func(*kgo.Record) bool { return true })
					must(t, err)
					if east == west {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("the topic beside is not mirrored on: %d records in the east, %d in the west", east.Count, west.Count)
					}
				}
			}
			arrives()

			w = p.open()
			all, err := dr.Plan(t.Context(), w, plans.OpFailback, plans.Options{})
			must(t, err)
			w.Close()
			if i := slices.IndexFunc(all.Findings, func(f report.Finding) bool { return f.Rule == "failback/no-failover" && f.Subject == p.audit }); i < 0 || !strings.Contains(all.Findings[i].Remedy, "--topics") {
				t.Errorf("a failback of everything: %+v, want that %s never left and how the rest comes back", all.Findings, p.audit)
			}
			p.produce(each.Client(t, p.env.West), 20)
			p.failBack(c.part)
			if got := p.mirrors(link); got[p.orders] != plans.MirrorActive || got[p.audit] != plans.MirrorActive {
				t.Errorf("after the failback: %v, want both mirrored to the west again", got)
			}
			arrives()
			stop()
			w = p.open()
			defer w.Close()
			p.same(w, p.orders, 0)
			if got := p.phases(w, "east"); got != "RUNNING RUNNING" {
				t.Errorf("statements in the east: %s", got)
			}
		})
	}
}
