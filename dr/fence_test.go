package dr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// planned plans and executes a planned failover.
func (p *pipeline) planned(w *dr.World) (*report.Report, error) {
	p.t.Helper()
	plan, err := dr.Plan(p.t.Context(), w, plans.OpFailover, plans.Options{Planned: true})
	must(p.t, err)
	return dr.Execute(p.t.Context(), w, plan)
}

// TestFenceThatLeaksIsNamed lets a writer go on behind a fence that keeps nobody out: the run must stop in front of the promotion, name the
// partition, and go on once the writer has stopped.
func TestFenceThatLeaksIsNamed(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 200)
	marker := filepath.Join(p.dir, "fenced")
	p.declare(fmt.Sprintf("    fence: {by: command, command: [touch, %q]}", marker))
	p.mirror()
	w := p.open()
	defer w.Close()
	writing, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	idle, cl := each.Client(t, env.East), each.Client(t, env.East)
	must(t, idle.ProduceSync(t.Context(), p.order(1, time.Now()), p.order(2, time.Now()), p.order(3, time.Now())).FirstErr())
	id, _, err := cl.ProducerID(t.Context())
	must(t, err)
	idleID, _, err := idle.ProducerID(t.Context())
	must(t, err)
	go func() {
		defer close(done)
		for writing.Err() == nil {
			_ = cl.ProduceSync(writing, p.order(1, time.Now())).FirstErr() // ends with the context
			time.Sleep(5 * time.Millisecond)
		}
	}()
	rep, err := p.planned(w)
	stop()
	<-done
	var step *dr.StepError
	if !errors.As(err, &step) || step.Step.Kind != plans.StepVerifyFence || !strings.Contains(err.Error(), p.orders+"-") {
		t.Fatalf("got %v, want the step verify-fence to name the partition that is still written", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("(producer id %d)", id)) || strings.Contains(err.Error(), fmt.Sprint(idleID)) {
		t.Errorf("got %v, want it to name producer %d, which writes, and not %d, which is idle", err, id, idleID)
	}
	if _, err := os.Stat(marker); err != nil {
		t.Errorf("the fence command did not run: %v", err)
	}
	if rep.Outcome != report.Stopped || len(rep.Next) == 0 || !strings.Contains(rep.Next[0], rep.Run) {
		t.Errorf("report: %s, next %q; want stopped, and how to resume", rep.Outcome, rep.Next)
	}
	_, err = p.planned(w)
	var interrupted *dr.InterruptedError
	if !errors.As(err, &interrupted) || interrupted.Run != rep.Run {
		t.Errorf("a new failover over a stopped one: %v, want to be sent to resume", err)
	}
	rep, err = dr.Resume(t.Context(), w, "")
	must(t, err)
	if rep.Outcome != report.Done {
		t.Errorf("resumed: %s %s", rep.Outcome, rep.Summary)
	}
}

// TestOpenTransactionsAreNamedWhenTheRunGivesUp leaves one open behind the fence: the run stops with its partition and its producer.
func TestOpenTransactionsAreNamedWhenTheRunGivesUp(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 100)
	p.mirror()
	cl := each.Client(t, env.East, kgo.TransactionalID("open"))
	must(t, cl.BeginTransaction())
	must(t, cl.ProduceSync(t.Context(), p.order(1, time.Now())).FirstErr())
	id, _, err := cl.ProducerID(t.Context())
	must(t, err)
	var later atomic.Int64
	w := p.with(func(o *dr.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
		o.Waiting = 300 * time.Millisecond
		o.Events = func(e dr.Event) {
			if e.State == dr.EntryWaiting && strings.Contains(e.Detail, "open transactions: producer") && e.Step.Kind == plans.StepVerifyFence {
				if !strings.Contains(e.Advice, "abort") || e.Since.IsZero() {
					t.Errorf("%+v does not say what to do, or since when", e)
				}
				later.Store(int64(5 * time.Minute))
			}
		}
	})
	_, err = p.planned(w)
	var step *dr.StepError
	if !errors.As(err, &step) || step.Step.Kind != plans.StepVerifyFence {
		t.Fatalf("got %v, want the step verify-fence to give up", err)
	}
	for _, want := range []string{fmt.Sprintf("producer %d (epoch 0) in %s-", id, p.orders), "last heard of", "end them"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	must(t, cl.EndTransaction(t.Context(), kgo.TryCommit))
	must(t, errorOf(dr.Resume(t.Context(), w, "")))
}

// TestFenceByACLKeepsTheApplicationOut wants the old primary to refuse the application's writes after a planned failover.
func TestFenceByACLKeepsTheApplicationOut(t *testing.T) {
	users := []testenv.User{{Name: "admin", Password: "admin-secret", Super: true}, {Name: "app", Password: "app-secret"}}
	env := each.Embedded(t, each.With(testenv.Options{Users: users}))
	p := newPipeline(t, env, 200, users[0])
	p.declare("    fence: {by: acl, principals: [\"User:app\"]}", users[0])
	p.mirror()
	admin := kadm.NewClient(each.Client(t, env.East))
	granted, err := admin.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:app").AllowHosts("*").Topics(p.orders).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
	must(t, err)
	for _, g := range granted {
		must(t, g.Err)
	}
	app := each.Client(t, env.East, kgo.SASL(plain.Auth{User: "app", Pass: "app-secret"}.AsMechanism()), kgo.DisableIdempotentWrite())
	write := func() error {
		return app.ProduceSync(t.Context(), p.order(2, time.Now())).FirstErr()
	}
	must(t, write())
	w := p.open()
	defer w.Close()
	rep, err := p.planned(w)
	must(t, err)
	if err := write(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("the application writes to the old primary: %v, want TOPIC_AUTHORIZATION_FAILED", err)
	}
	if !strings.Contains(strings.Join(rep.Next, "\n"), "DENY WRITE") {
		t.Errorf("next %q does not say that the fence stays", rep.Next)
	}
}

// TestManualFenceAsks wants nothing to happen where nobody confirms that the writers are stopped.
func TestManualFenceAsks(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 50)
	p.mirror()
	o := p.options()
	o.Confirm = func(context.Context, string) (bool, error) { return false, nil }
	w, err := dr.Open(t.Context(), p.declared, o)
	must(t, err)
	defer w.Close()
	_, err = p.planned(w)
	var step *dr.StepError
	if !errors.As(err, &step) || step.Step.Kind != plans.StepFence {
		t.Errorf("got %v, want the step fence to stop the run", err)
	}
	status, err := dr.LinkStatus(t.Context(), w, "")
	must(t, err)
	for _, m := range status.Mirrors {
		if m.State != "ACTIVE" {
			t.Errorf("%s-%d is %s: nothing was to be done without a fence", m.Topic, m.Partition, m.State)
		}
	}
}

// TestFenceThatWentMissingIsRaisedAgain takes the denial away between two processes of a run, and writes: a fence is a fact of the moment, which the
// process that resumes the run sees to itself, and what came through meanwhile is drained with the rest.
func TestFenceThatWentMissingIsRaisedAgain(t *testing.T) {
	users := []testenv.User{{Name: "admin", Password: "admin-secret", Super: true}, {Name: "app", Password: "app-secret"}}
	p := newPipeline(t, each.Embedded(t, each.With(testenv.Options{Users: users})), 200, users[0])
	p.declare("    fence: {by: acl, principals: [\"User:app\"]}", users[0])
	p.mirror()
	admin := kadm.NewClient(each.Client(t, p.env.East))
	granted, err := admin.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:app").AllowHosts("*").Topics(p.orders).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
	must(t, err)
	for _, g := range granted {
		must(t, g.Err)
	}
	app := each.Client(t, p.env.East, kgo.SASL(plain.Auth{User: "app", Pass: "app-secret"}.AsMechanism()), kgo.DisableIdempotentWrite())
	write := func() error { return app.ProduceSync(t.Context(), p.order(200, time.Now())).FirstErr() }
	rep := p.stoppedBehind("drain")
	if err := write(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("behind the fence: %v", err)
	}
	deleted, err := admin.DeleteACLs(t.Context(), kadm.NewACLs().Deny("User:app").DenyHosts("*").Topics(p.orders).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite))
	must(t, err)
	for _, d := range deleted {
		must(t, d.Err)
	}
	must(t, write())
	w := p.open()
	defer w.Close()
	must(t, errorOf(dr.Resume(t.Context(), w, rep.Run)))
	if err := write(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("resumed: %v, want the fence raised again", err)
	}
	if s := p.state(); s.Orders != 201 {
		t.Errorf("%d orders in the west, want the 200 and the one that came through", s.Orders)
	}
}
