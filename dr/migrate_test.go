package dr_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// newMigration is the pipeline with a topic beside it that has nothing to do with it: two batches, the smaller first. Both are mirrored, the statements
// run in the east.
func newMigration(t *testing.T, env *testenv.Env, n int) *pipeline {
	t.Helper()
	p := newPipeline(t, env, n)
	p.withAudit(n / 10)
	return p
}

// writeAudit writes to the topic beside.
func (p *pipeline) writeAudit(cl *kgo.Client, n int) {
	p.t.Helper()
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Topic: p.audit, Key: fmt.Append(nil, i), Value: fmt.Append(nil, "entry ", i)})
	}
	must(p.t, cl.ProduceSync(p.t.Context(), recs...).FirstErr())
}

// migrate plans and carries out a migration, as far as it goes.
func (p *pipeline) migrate(w *dr.World, o plans.Options) (*report.Report, error) {
	p.t.Helper()
	plan, err := dr.Plan(p.t.Context(), w, plans.OpMigrate, o)
	must(p.t, err)
	return dr.Execute(p.t.Context(), w, plan)
}

// rollBack takes the batch that a run has stopped in back.
func (p *pipeline) rollBack(w *dr.World) (*report.Report, error) {
	run, plan, err := dr.RollBack(p.t.Context(), w, "")
	if err != nil {
		return nil, err
	}
	return dr.ResumeAs(p.t.Context(), w, run, plan)
}

// until is a world whose runs stop behind a step.
func (p *pipeline) until(step string) *dr.World {
	p.t.Helper()
	o := p.options()
	o.Until = step
	w, err := dr.Open(p.t.Context(), p.declared, o)
	must(p.t, err)
	return w
}

// writable says whether the east takes a record of a topic.
func (p *pipeline) writable(topic string) bool {
	p.t.Helper()
	rec := &kgo.Record{Topic: topic, Value: []byte("one more")}
	if topic == p.orders {
		rec = p.order(p.sent, time.Now())
	}
	if each.Client(p.t, p.env.East, kgo.RecordRetries(0)).ProduceSync(p.t.Context(), rec).FirstErr() != nil {
		return false
	}
	if topic == p.orders {
		p.sent++
	}
	return true
}

// phases are those of the pipeline's two INSERT statements in a region.
func (p *pipeline) phases(w *dr.World, region string) string {
	p.t.Helper()
	seen, err := dr.Observe(p.t.Context(), w)
	must(p.t, err)
	return seen.Regions[region].Statements["big-2"].Phase + " " + seen.Regions[region].Statements["per-minute-2"].Phase
}

func TestMigrationMovesBatchByBatch(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newMigration(t, env, 1000)
		p.produce(each.Client(t, env.East), 200) // not mirrored yet: draining must bring it over
		w := p.open()
		defer w.Close()
		plan, err := dr.Plan(t.Context(), w, plans.OpMigrate, plans.Options{})
		must(t, err)
		var names []string
		for _, b := range plan.Migration.Batches {
			names = append(names, b.Name)
		}
		if diff := cmp.Diff([]string{p.audit, p.orders}, names); diff != "" {
			t.Fatalf("batches: %s", diff)
		}
		rep, err := dr.Execute(t.Context(), w, plan)
		must(t, err)
		for _, topic := range rep.Topics {
			if topic.LostRecords != 0 || !topic.Measured {
				t.Errorf("topic %s: %d records lost, measured %t", topic.Name, topic.LostRecords, topic.Measured)
			}
		}
		p.moved(w, 1200, 600)
		for _, topic := range []string{p.orders, p.audit} {
			if !slices.ContainsFunc(rep.Left, func(l report.Left) bool { return l.Name == topic && strings.Contains(l.Command, "--delete") }) {
				t.Errorf("the report does not say how %s is removed from the east: %+v", topic, rep.Left)
			}
			if p.writable(topic) {
				t.Errorf("%s may still be written in the east", topic)
			}
		}
		again, err := dr.Plan(t.Context(), w, plans.OpMigrate, plans.Options{})
		must(t, err)
		if !report.Blocked(again.Findings) || again.Findings[0].Rule != "migrate/done" || len(again.Steps) > 0 {
			t.Errorf("once more: %+v, %d steps; want that nothing is left", again.Findings, len(again.Steps))
		}
		gone, err := w.Regions["east"].Admin.DeleteTopics(t.Context(), p.audit) // as listed, and then the fences
		must(t, errors.Join(err, gone.Error()))
		_, err = dr.LiftFence(t.Context(), w, rep.Run)
		must(t, err)
		if !p.writable(p.orders) {
			t.Errorf("the fence of %s was not lifted", p.orders)
		}
		if list, err := dr.Fences(t.Context(), w); err != nil || !strings.Contains(list.Summary, "no fence stands") {
			t.Errorf("fences: %v, %v", list, err)
		}
	}, each.Private()) // its statements would be in the way of others
}

// moved wants everything to be in the west: n orders and the other topic as they were, and the statements past all of them.
func (p *pipeline) moved(w *dr.World, n, big int64) {
	p.t.Helper()
	s := p.normal()
	if s.Orders != n || s.Big != big {
		p.t.Errorf("in the west: %+v, want %d orders and %d big ones", s, n, big)
	}
	if got := p.phases(w, "west"); got != "RUNNING RUNNING" {
		p.t.Errorf("statements in the west: %s", got)
	}
	v, err := dr.Verify(p.t.Context(), w, "")
	must(p.t, err)
	if v.Outcome != report.Passed {
		p.t.Errorf("verify: %+v", v.Checks)
	}
	for _, topic := range v.Topics {
		if topic.LostRecords != 0 {
			p.t.Errorf("topic %s: %d records are in the east alone", topic.Name, topic.LostRecords)
		}
	}
	if len(v.Topics) != 2 {
		p.t.Errorf("verify measured %+v, want both topics", v.Topics)
	}
}

// TestMigrationIsRolledBack stops a migration behind each step of its second batch that stands in front of the promotion, and takes the batch back: its
// writers write, its statements go on with their state, nothing is doubled, and the next migration moves it.
func TestMigrationIsRolledBack(t *testing.T) {
	for _, kind := range []plans.StepKind{plans.StepCatchUp, plans.StepFence, plans.StepVerifyFence, plans.StepStopSource, plans.StepDrain, plans.StepOffsets} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newMigration(t, each.Embedded(t), 100)
			stops := p.until(string(kind) + ":" + p.orders)
			rep, err := p.migrate(stops, plans.Options{})
			stops.Close()
			var paused *dr.PausedError
			if !errors.As(err, &paused) || !slices.ContainsFunc(rep.Next, func(n string) bool { return strings.HasPrefix(n, "lifeboat migrate rollback "+rep.Run) }) {
				t.Fatalf("stopped with %v, next %q; want both ways told", err, rep.Next)
			}
			w := p.open()
			defer w.Close()
			back, err := p.rollBack(w)
			must(t, err)
			if back.Outcome != report.Done || len(back.Left) == 0 || !strings.Contains(back.Summary, p.audit+" is in west") {
				t.Errorf("rolled back: %s: %s; left %v", back.Outcome, back.Summary, back.Left)
			}
			if p.writable(p.audit) || !p.writable(p.orders) {
				t.Error("the batch that was rolled back is to be written in the east, the one that has moved is not")
			}
			if got := p.phases(w, "east"); got != "RUNNING RUNNING" {
				t.Errorf("statements in the east: %s", got)
			}
			p.produce(each.Client(t, p.env.East), 20)
			p.readUpTo(w, "big-2", 121) // with the one more
			p.bigOnce(w)
			rest, err := p.migrate(w, plans.Options{})
			must(t, err)
			if slices.ContainsFunc(rest.Steps, func(s report.Step) bool { return s.Batch == p.audit }) {
				t.Error("the batch that had moved was moved again")
			}
		})
	}
}

// bigOnce wants the statement to have put out each big order of the east once.
func (p *pipeline) bigOnce(w *dr.World) {
	p.t.Helper()
	d, err := dr.DigestRows(p.t.Context(), w.Regions["east"], "big_"+p.orders, func(*kgo.Record) bool { return true })
	must(p.t, err)
	if d.Count != 50 {
		p.t.Errorf("%d big orders in the east, want 50", d.Count)
	}
}

// TestRollBackIsRefused past the promotion, and where there is nothing to take back; what is left is to go on.
func TestRollBackIsRefused(t *testing.T) {
	p := newMigration(t, each.Embedded(t), 100)
	stops := p.until("promote:" + p.orders)
	rep, err := p.migrate(stops, plans.Options{})
	stops.Close()
	var paused *dr.PausedError
	if !errors.As(err, &paused) {
		t.Fatalf("it was to stop: %v", err)
	}
	w := p.open()
	defer w.Close()
	refused := func(with string) {
		t.Helper()
		var e *dr.NotReturnableError
		if _, err := p.rollBack(w); !errors.As(err, &e) || !strings.Contains(err.Error(), with) || e.Instead == "" {
			t.Errorf("rolling back: %v, want it refused because %s, and what to do instead", err, with)
		}
	}
	refused("past its point of no return: in west " + p.orders + " is STOPPED")
	done, err := dr.Resume(t.Context(), w, "")
	must(t, err)
	if done.Outcome != report.Done {
		t.Fatalf("resumed: %s", done.Summary)
	}
	if _, _, err := dr.RollBack(t.Context(), w, rep.Run); err == nil {
		t.Error("a run that has ended was to be rolled back")
	}
	if _, _, err := dr.RollBack(t.Context(), w, ""); !errors.Is(err, dr.ErrNoRun) {
		t.Errorf("with no run unfinished: %v", err)
	}
	p.moved(w, 100, 50)
}

// TestMigrationStopsInItsSecondBatch because somebody writes past the fence: the first one stays moved, the run says both ways, and goes on when that is
// mended.
func TestMigrationStopsInItsSecondBatch(t *testing.T) {
	p := newMigration(t, each.Embedded(t), 100)
	p.declare("    fence: {by: command, command: [\"true\"]}")
	o := p.options()
	leaking := true
	east := each.Client(t, p.env.East)
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan int, 1)
	o.Events = func(e dr.Event) {
		if leaking && e.Step.Kind == plans.StepVerifyFence && e.Step.Batch == p.orders && e.State == dr.EntryBegin {
			leaking = false
			go func() {
				n := 0
				for ; ctx.Err() == nil; n++ {
					if east.ProduceSync(t.Context(), p.order(0, time.Now())).FirstErr() != nil {
						break
					}
				}
				written <- n
			}()
		}
	}
	w, err := dr.Open(t.Context(), p.declared, o)
	must(t, err)
	defer w.Close()
	rep, err := p.migrate(w, plans.Options{})
	stop()
	more := <-written
	var step *dr.StepError
	if !errors.As(err, &step) || step.Step.Kind != plans.StepVerifyFence || step.Step.Batch != p.orders || !step.Returnable {
		t.Fatalf("it was to stop where the fence leaks, and say that there is a way back: %v", err)
	}
	if rep.Outcome != report.Stopped {
		t.Errorf("outcome %s", rep.Outcome)
	}
	_, err = p.migrate(w, plans.Options{})
	var unfinished *dr.InterruptedError
	if !errors.As(err, &unfinished) {
		t.Errorf("another one over it: %v", err)
	}
	adm := kadm.NewClient(each.Client(t, p.env.West))
	seen, err := dr.Observe(t.Context(), w)
	must(t, err)
	for _, m := range seen.Mirrors[p.declared.Topology.Links[0].Name] {
		if want := map[string]string{p.audit: plans.MirrorStopped, p.orders: plans.MirrorActive}[m.Topic]; m.State != want {
			t.Errorf("mirror %s is %s, want %s", m.Topic, m.State, want)
		}
	}
	done, err := dr.Resume(t.Context(), w, "")
	must(t, err)
	compared := slices.DeleteFunc(slices.Clone(done.Checks), func(c report.Check) bool { return c.ID != "identical" })
	if done.Outcome != report.Done || len(compared) != 2 {
		t.Errorf("resumed: %s, checks %+v", done.Summary, done.Checks)
	}
	ends, err := adm.ListCommittedOffsets(t.Context(), p.orders)
	must(t, err)
	var sum int64
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	if want := int64(100 + more); sum < want {
		t.Errorf("the west has %d orders, want the %d that were written", sum, want)
	}
}

// TestLinkGoesOnBetweenBatches: whoever serves the link steps aside for a batch, and mirrors on what has not moved.
func TestLinkGoesOnBetweenBatches(t *testing.T) {
	p := newMigration(t, each.Embedded(t), 100)
	p.serveLink()
	w := p.open()
	defer w.Close()
	rep, err := p.migrate(w, plans.Options{Batch: "1"})
	must(t, err)
	if !strings.Contains(rep.Summary, "1 batch is left in east") {
		t.Errorf("summary: %s", rep.Summary)
	}
	p.produce(each.Client(t, p.env.East), 20)
	adm := kadm.NewClient(each.Client(t, p.env.West))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ends, err := adm.ListCommittedOffsets(t.Context(), p.orders)
		must(t, err)
		var sum int64
		ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
		if sum == 120 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of 120 orders are in the west", sum)
		}
	}
	if _, err := dr.Plan(t.Context(), w, plans.OpMigrate, plans.Options{Batch: p.audit}); err == nil || !strings.Contains(err.Error(), "has moved to west already") {
		t.Errorf("the batch that has moved, once more: %v", err)
	}
	_, err = p.migrate(w, plans.Options{Batch: "big-2"}) // the batch that it is in
	must(t, err)
	p.moved(w, 120, 50)
}
