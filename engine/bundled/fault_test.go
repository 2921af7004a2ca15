package bundled_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A statement that is killed at random moments, again and again, gives what the uninterrupted run over the same log gives.
func TestKilledAtRandom(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		n := newNumbers(t, env)
		in, calm, wild := each.Name(t, "in"), each.Name(t, "calm"), each.Name(t, "wild")
		o := options(env, each.Name(t, "region"))
		o.CheckpointInterval = time.Millisecond
		e, kill := open(t, o)
		n.table(e, in)
		calmSQL, wildSQL := n.sums(e, calm, in), n.sums(e, wild, in)
		n.create(e, "wild", wildSQL, "sql.tables.scan.idle-timeout", "0")
		const rounds, step = 25, 400
		for i := range rounds {
			for j := range 4 { // in small pieces, so that there is a checkpoint to be killed in
				n.fill(in, i*step+j*step/4, i*step+(j+1)*step/4)
				if i%2 == 1 && j == 1 {
					n.awaitCommit(e, "wild")
				}
			}
			<-time.After(rand.N(15 * time.Millisecond)) // the moment of the kill is what is tested
			kill()
			e, kill = open(t, o)
		}
		n.awaitRows(e, "wild", rounds*step)
		if err := e.Stop(t.Context(), "wild"); err != nil {
			t.Fatal(err)
		}
		n.await(e, "wild", engine.Stopped)
		got, err := n.committed(t.Context(), wild)
		if err != nil {
			t.Fatal(err)
		}

		n.create(e, "calm", calmSQL, "sql.tables.scan.idle-timeout", "0")
		n.awaitRows(e, "calm", rounds*step)
		if err := e.Stop(t.Context(), "calm"); err != nil {
			t.Fatal(err)
		}
		n.await(e, "calm", engine.Stopped)
		want, err := n.committed(t.Context(), calm)
		if err != nil || len(want) < 100 {
			t.Fatalf("%d rows, %v", len(want), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Two engine processes of one region at once: the newer one has it, the older one's statements say so, nothing is written twice.
func TestTakenOver(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		n := newNumbers(t, env)
		in, out := each.Name(t, "in"), each.Name(t, "out")
		o := options(env, each.Name(t, "region"))
		older, _ := open(t, o)
		n.table(older, in)
		n.table(older, out)
		quiet := each.Name(t, "quiet")
		n.table(older, quiet)
		n.create(older, "quiet", fmt.Sprintf("INSERT INTO `%s` SELECT n FROM `%s`", out, quiet))
		n.await(older, "quiet", engine.Running)
		n.create(older, "copy", fmt.Sprintf("INSERT INTO `%s` SELECT n FROM `%s`", out, in))
		n.fill(in, 0, 100)
		n.awaitRows(older, "copy", 100)

		newer, _ := open(t, o)
		n.await(newer, "copy", engine.Running)
		n.fill(in, 100, 200)
		n.awaitRows(newer, "copy", 200)
		st := n.await(older, "copy", engine.Failed)
		if !strings.Contains(st.Detail, "taken over") {
			t.Errorf("the older one says %q", st.Detail)
		}
		if st := n.await(older, "quiet", engine.Failed); !strings.Contains(st.Detail, "taken over") { // it had nothing to write
			t.Errorf("the older one says %q", st.Detail)
		}
		n.await(newer, "quiet", engine.Running)
		for what, err := range map[string]error{
			"create": func() error {
				_, err := older.Create(t.Context(), engine.Spec{Name: "more", SQL: fmt.Sprintf("INSERT INTO `%s` SELECT n FROM `%s`", out, in)})
				return err
			}(),
			"resume": older.Resume(t.Context(), "copy"),
			"delete": older.Delete(t.Context(), "copy"),
		} {
			if err == nil || !strings.Contains(err.Error(), "taken over") {
				t.Errorf("%s at the older one: %v", what, err)
			}
		}
		n.fill(in, 200, 210)
		n.awaitRows(newer, "copy", 210)
		got, err := n.committed(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values(0, 210), got); diff != "" {
			t.Error(diff)
		}
	})
}

// awaitCommit waits until a statement has committed something in this process.
func (n *numbers) awaitCommit(e *bundled.Engine, name string) {
	n.t.Helper()
	n.eventually(func(ctx context.Context) error {
		p, err := e.Progress(ctx, name)
		if err == nil && p.Commits == 0 {
			err = fmt.Errorf("statement %q has committed nothing", name)
		}
		return err
	})
}

// awaitRows waits until a statement has committed so many rows of input.
func (n *numbers) awaitRows(e *bundled.Engine, name string, rows int64) {
	n.t.Helper()
	n.eventually(func(ctx context.Context) error {
		p, err := e.Progress(ctx, name)
		if err == nil && p.RowsIn != rows {
			st, _ := e.Get(ctx, name)
			err = fmt.Errorf("statement %q (%s: %s) has committed %d rows, want %d", name, st.Phase, st.Detail, p.RowsIn, rows)
		}
		return err
	})
}

// The broker dies under running statements and comes back: they go on, and nothing is lost or doubled.
func TestBrokerKilled(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		n := newNumbers(t, env)
		in, out := each.Name(t, "in"), each.Name(t, "out")
		e, _ := open(t, options(env, each.Name(t, "region")))
		n.table(e, in)
		n.table(e, out)
		n.create(e, "copy", fmt.Sprintf("INSERT INTO `%s` SELECT n FROM `%s`", out, in))
		n.fill(in, 0, 500)
		n.awaitRows(e, "copy", 500)
		if err := env.East.Broker.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := env.East.Broker.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.fill(in, 500, 1000)
		n.awaitRows(e, "copy", 1000)
		n.await(e, "copy", engine.Running)
		got, err := n.committed(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values(0, 1000), got); diff != "" {
			t.Error(diff)
		}
	}, each.Private())
}

// Without the registry a statement cannot start and says why; with it it goes on by itself.
func TestRegistryDown(t *testing.T) {
	env := each.Embedded(t)
	n := newNumbers(t, env)
	o := options(env, "east")
	e, kill := open(t, o)
	n.table(e, "in")
	n.table(e, "out")
	n.create(e, "copy", "INSERT INTO `out` SELECT n FROM `in`")
	n.fill("in", 0, 10)
	n.awaitRows(e, "copy", 10)
	kill()
	if err := env.East.RegistryServer.Stop(); err != nil {
		t.Fatal(err)
	}
	e, _ = open(t, o)
	n.eventually(func(ctx context.Context) error {
		st, err := e.Get(ctx, "copy")
		if err == nil && (st.Phase != engine.Pending || !strings.Contains(st.Detail, "registry")) {
			err = fmt.Errorf("%s: %q", st.Phase, st.Detail)
		}
		return err
	})
	if _, err := e.Create(t.Context(), engine.Spec{Name: "more", SQL: "INSERT INTO `out` SELECT n FROM `in`"}); err == nil || !strings.Contains(err.Error(), "registry") {
		t.Errorf("created without a registry: %v", err)
	}
	if err := env.East.RegistryServer.Start(); err != nil {
		t.Fatal(err)
	}
	n.fill("in", 10, 20)
	n.awaitRows(e, "copy", 20)
	if all, err := e.Exceptions(t.Context(), "copy"); err != nil || len(all) == 0 {
		t.Errorf("exceptions: %v, %v", all, err)
	}
	got, err := n.committed(t.Context(), "out")
	if diff := cmp.Diff(values(0, 20), got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestInputGone(t *testing.T) {
	env := each.Embedded(t)
	n := newNumbers(t, env)
	o := options(env, "east")
	e, kill := open(t, o)
	n.table(e, "in")
	n.table(e, "out")
	n.create(e, "copy", "INSERT INTO `out` SELECT n FROM `in`")
	n.fill("in", 0, 10)
	n.awaitRows(e, "copy", 10)
	if _, err := n.admin.DeleteTopics(t.Context(), "in"); err != nil {
		t.Fatal(err)
	}
	st := n.await(e, "copy", engine.Failed)
	if !strings.Contains(st.Detail, "in-") || !strings.Contains(st.Detail, "deleted") {
		t.Errorf("while it runs: %q", st.Detail)
	}
	if err := e.Resume(t.Context(), "copy"); err != nil {
		t.Fatal(err)
	}
	st = n.await(e, "copy", engine.Failed)
	if !strings.Contains(st.Detail, `"in"`) || !strings.Contains(st.Detail, "does not exist") {
		t.Errorf("when it is resumed: %q", st.Detail)
	}
	kill()
	e, _ = open(t, o) // a FAILED statement stays so; one killed before that was stored fails again
	if st := n.await(e, "copy", engine.Failed); st.Detail == "" {
		t.Errorf("in the next process: %+v", st)
	}
}

// A record whose schema is not in the registry, or has not the column, is told by its place.
func TestWrongSchema(t *testing.T) {
	for _, tc := range []struct {
		name  string
		value func(n *numbers) []byte
	}{
		{"no such id", func(*numbers) []byte { return []byte("\x00\x00\x0f\x00\x00{}") }},
		{"a value of another type", func(n *numbers) []byte { return n.encode("in", `{"n":"many"}`) }},
		{"a column without a value", func(n *numbers) []byte { return n.encode("in", `{}`) }},
		{"not JSON", func(n *numbers) []byte { return n.encode("in", `{"n":`) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNumbers(t, each.Embedded(t))
			e, _ := open(t, options(n.env, "east"))
			n.table(e, "in")
			n.table(e, "out")
			n.fill("in", 0, 4)
			n.produce(&kgo.Record{Topic: "in", Partition: 1, Value: tc.value(n)})
			n.create(e, "copy", "INSERT INTO `out` SELECT n FROM `in`")
			if st := n.await(e, "copy", engine.Failed); !strings.Contains(st.Detail, "in-1@2") {
				t.Errorf("the detail does not name in-1@2: %s", st.Detail)
			}
		})
	}
}

// A partition without records holds windows back until it is idle.
func TestIdlePartition(t *testing.T) {
	n := newNumbers(t, each.Embedded(t))
	e, _ := open(t, options(n.env, "east"))
	n.table(e, "in")
	sql := n.sums(e, "sums", "in")
	for i := range 40 { // 20 s of event time, all on partition 0
		n.produce(&kgo.Record{Topic: "in", Partition: 0, Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)*500), Value: n.encode("in", fmt.Sprintf(`{"n":%d}`, 7*i))})
	}
	n.create(e, "waits", sql, "sql.tables.scan.idle-timeout", "0")
	n.awaitRows(e, "waits", 40)
	if got, err := n.committed(t.Context(), "sums"); err != nil || len(got) != 0 {
		t.Errorf("a window came out though partition 1 may still have records for it: %v, %v", got, err)
	}
	if err := e.Delete(t.Context(), "waits"); err != nil {
		t.Fatal(err)
	}
	n.create(e, "goes-on", sql, "sql.tables.scan.idle-timeout", "50 ms")
	n.eventually(func(ctx context.Context) error {
		got, err := n.committed(ctx, "sums")
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("%d windows, want the first of two", len(got))
		}
		return err
	})
}

// Statements that were being deleted when the process died are gone when the region is opened again.
func TestDeleteIsFinished(t *testing.T) {
	env := each.Embedded(t)
	n := newNumbers(t, env)
	o := options(env, "east")
	e, kill := open(t, o)
	n.table(e, "in")
	n.table(e, "out")
	n.create(e, "copy", "INSERT INTO `out` SELECT n FROM `in`")
	n.fill("in", 0, 10)
	n.awaitRows(e, "copy", 10)
	env.East.Fake.ControlKey(int16(kmsg.DeleteTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
		for _, topic := range req.(*kmsg.DeleteTopicsRequest).Topics {
			rt := kmsg.NewDeleteTopicsResponseTopic()
			rt.Topic, rt.ErrorCode = topic.Topic, kerr.TopicAuthorizationFailed.Code
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	if err := e.Delete(t.Context(), "copy"); err == nil || !strings.Contains(err.Error(), "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("deleted without the right to: %v", err)
	}
	if st, err := e.Get(t.Context(), "copy"); err != nil || st.Phase != engine.Deleting || !strings.Contains(st.Detail, "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("%+v, %v", st, err)
	}
	kill()
	e, _ = open(t, o)
	n.eventually(func(ctx context.Context) error {
		all, err := e.List(ctx)
		if err == nil && len(all) != 2 { // the two tables' statements
			err = fmt.Errorf("%d statements: %+v", len(all), all)
		}
		return err
	})
	topics, err := n.admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range topics.Names() {
		if strings.Contains(name, ".state.") {
			t.Errorf("topic %q is still there", name)
		}
	}
}
