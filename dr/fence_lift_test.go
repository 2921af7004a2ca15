package dr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// limit is what is set as max.message.bytes of a topic, "" where nothing is.
func limit(t *testing.T, adm *kadm.Client, topic string) string {
	t.Helper()
	described, err := adm.DescribeTopicConfigs(t.Context(), topic)
	must(t, err)
	for _, c := range described[0].Configs {
		if c.Key == "max.message.bytes" && c.Source == kmsg.ConfigSourceDynamicTopicConfig {
			return c.MaybeValue()
		}
	}
	return ""
}

// TestFenceByConfigKeepsEverybodyOut fences brokers without an authorizer: nobody writes to the old primary, a transaction that was open ends all the
// same, the new primary does not inherit the fence, and lifting it gives every topic the limit that it had.
func TestFenceByConfigKeepsEverybodyOut(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 300)
		east, west := kadm.NewClient(each.Client(t, env.East)), kadm.NewClient(each.Client(t, env.West))
		const had = "3000000"
		results, err := east.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr(had)}}, p.orders)
		must(t, err)
		must(t, results[0].Err)
		p.declare("    fence: {by: config}")
		p.mirror()
		w := p.open()
		defer w.Close()

		tx := each.Client(t, env.East, kgo.TransactionalID("of-"+p.orders))
		must(t, tx.BeginTransaction())
		must(t, tx.ProduceSync(t.Context(), p.order(1, time.Now())).FirstErr())
		ended := make(chan error, 1)
		events := func(e dr.Event) {
			if e.Step.Kind == plans.StepFence && e.State == dr.EntryBegin {
				go func() { // while the fence is being raised
					time.Sleep(300 * time.Millisecond)
					ended <- tx.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryCommit)
				}()
			}
		}
		o := p.options()
		o.Events = events
		told, err := dr.Open(t.Context(), p.declared, o)
		must(t, err)
		defer told.Close()
		rep, err := p.planned(told)
		must(t, err)
		must(t, <-ended)
		if got := p.state().Orders; got != 301 {
			t.Errorf("%d orders in the west, want the 300 and the one of the transaction", got)
		}

		writer := each.Client(t, env.East, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
		if err := writer.ProduceSync(t.Context(), p.order(2, time.Now())).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
			t.Errorf("a write to the old primary: %v, want MESSAGE_TOO_LARGE", err)
		}
		if got := limit(t, west, p.orders); got != had {
			t.Errorf("the new primary takes %q bytes, want %s", got, had)
		}
		must(t, each.Client(t, env.West).ProduceSync(t.Context(), p.order(3, time.Now())).FirstErr())

		status, err := dr.Fences(t.Context(), w)
		must(t, err)
		if !strings.Contains(status.Text, "east  raised by run "+rep.Run) || !strings.Contains(status.Text, "take no record") {
			t.Errorf("fence status: %s", status.Text)
		}
		_, err = dr.LiftFence(t.Context(), w, rep.Run)
		must(t, err)
		if got := limit(t, east, p.orders); got != had {
			t.Errorf("lifted, the old primary takes %q bytes, want %s", got, had)
		}
		must(t, writer.ProduceSync(t.Context(), p.order(4, time.Now())).FirstErr())
		var none *dr.NoFenceError
		if _, err := dr.LiftFence(t.Context(), w, rep.Run); !errors.As(err, &none) {
			t.Errorf("lifted again: %v", err)
		}
		if status, err = dr.Fences(t.Context(), w); err != nil || status.Text != "" {
			t.Errorf("fence status: %v %s", err, status.Text)
		}
	}, each.Private()) // its statements would be in the way of others
}

// TestLiftedFenceByACLLeavesOthers takes back the denials of the run, and not the one that was there before it.
func TestLiftedFenceByACLLeavesOthers(t *testing.T) {
	users := []testenv.User{{Name: "admin", Password: "admin-secret", Super: true}, {Name: "app", Password: "app-secret"}, {Name: "old", Password: "old-secret"}}
	env := each.Embedded(t, each.With(testenv.Options{Users: users}))
	p := newPipeline(t, env, 100, users[0])
	p.declare("    fence: {by: acl, principals: [\"User:app\", \"User:old\"]}", users[0])
	p.mirror()
	admin := kadm.NewClient(each.Client(t, env.East))
	literal := func(b *kadm.ACLBuilder) *kadm.ACLBuilder {
		return b.Topics(p.orders).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite)
	}
	for _, b := range []*kadm.ACLBuilder{kadm.NewACLs().Allow("User:app", "User:old").AllowHosts("*"), kadm.NewACLs().Deny("User:old").DenyHosts("*")} {
		made, err := admin.CreateACLs(t.Context(), literal(b))
		must(t, err)
		for _, m := range made {
			must(t, m.Err)
		}
	}
	write := func(user string) error {
		cl := each.Client(t, env.East, kgo.SASL(plain.Auth{User: user, Pass: user + "-secret"}.AsMechanism()), kgo.DisableIdempotentWrite())
		return cl.ProduceSync(t.Context(), p.order(2, time.Now())).FirstErr()
	}
	must(t, write("app"))
	w := p.open()
	defer w.Close()
	rep, err := p.planned(w)
	must(t, err)
	if err := write("app"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("behind the fence: %v", err)
	}
	if next := strings.Join(rep.Next, "\n"); !strings.Contains(next, "lifeboat fence lift "+rep.Run) {
		t.Errorf("next does not say how the fence is lifted: %s", next)
	}
	_, what, err := dr.FenceToLift(t.Context(), w, "")
	must(t, err)
	if !strings.Contains(what, "User:app, User:old may write to "+p.orders) || !strings.Contains(what, "denial") {
		t.Errorf("lifting it means: %s", what)
	}
	_, err = dr.LiftFence(t.Context(), w, "")
	must(t, err)
	must(t, write("app"))
	if err := write("old"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("who was denied before the run: %v, want it denied still", err)
	}
}

// TestFenceOfAnUnfinishedRunStays wants a fence lifted neither while a run counts on it nor where no run raised one; by command, it is told
// what to do.
func TestFenceOfAnUnfinishedRunStays(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 100)
	log := filepath.Join(p.dir, "fence.log")
	broken := filepath.Join(p.dir, "broken")
	must(t, os.WriteFile(broken, nil, 0o600))
	p.declare(fmt.Sprintf("    fence: {by: command, command: [sh, -c, 'echo $LIFEBOAT_ACTION $LIFEBOAT_REGION $LIFEBOAT_RUN >> %s; [ $LIFEBOAT_ACTION = unfence ] || [ ! -e %s ]']}", log, broken))
	p.mirror()
	w := p.open()
	defer w.Close()
	var none *dr.NoFenceError
	if _, err := dr.LiftFence(t.Context(), w, ""); !errors.As(err, &none) {
		t.Errorf("before any run: %v", err)
	}
	rep, err := p.planned(w)
	var step *dr.StepError
	if !errors.As(err, &step) || step.Step.Kind != plans.StepFence {
		t.Fatalf("got %v, want the fence's command to fail", err)
	}
	var interrupted *dr.InterruptedError
	if _, err := dr.LiftFence(t.Context(), w, rep.Run); !errors.As(err, &interrupted) {
		t.Errorf("lifting the fence of an unfinished run: %v", err)
	}
	must(t, os.Remove(broken))
	_, err = dr.Resume(t.Context(), w, rep.Run)
	must(t, err)
	_, err = dr.LiftFence(t.Context(), w, rep.Run)
	must(t, err)
	text, err := os.ReadFile(log)
	must(t, err)
	want := strings.Repeat("fence east "+rep.Run+"\n", 2) + "unfence east " + rep.Run + "\n"
	if string(text) != want {
		t.Errorf("the command was run as\n%swant\n%s", text, want)
	}
}

// TestAQuotaKeepsNobodyOut is why a fence by quota is refused: with a quota of one byte a second, what a client sends is appended all the same.
func TestAQuotaKeepsNobodyOut(t *testing.T) {
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	each.Topic(t, env.East, topic, 1)
	adm := kadm.NewClient(each.Client(t, env.East))
	const client = "throttled-to-nothing"
	id := client
	entity := kadm.ClientQuotaEntity{{Type: "client-id", Name: &id}}
	altered, err := adm.AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: 1}}}})
	must(t, err)
	must(t, altered[0].Err)
	t.Cleanup(func() {
		_, _ = adm.AlterClientQuotas(context.WithoutCancel(t.Context()), []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Remove: true}}}})
	})
	for range 3 { // each a connection of its own, as applications that restart have
		cl := each.Client(t, env.East, kgo.ClientID(client))
		must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: make([]byte, 10_000)}).FirstErr())
	}
	ends, err := adm.ListEndOffsets(t.Context(), topic)
	must(t, err)
	if end, _ := ends.Lookup(topic, 0); end.Offset != 3 {
		t.Errorf("%d records were appended, want all 3", end.Offset)
	}
}
