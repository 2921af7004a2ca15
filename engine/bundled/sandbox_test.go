package bundled_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestSandbox runs a statement of a region's own name beside it, and leaves nothing of it but the topics that say so.
func TestSandbox(t *testing.T) {
	env := each.Embedded(t, each.Private())
	o := options(env, each.Name(t, "region"))
	e, kill := open(t, o)
	serve := func() (own, box *rest.Client) {
		server := httptest.NewServer(rest.NewServer(e, rest.Options{}))
		t.Cleanup(server.Close)
		return rest.NewClient(server.URL, "org", "west", "", "", server.Client()), rest.NewClient(server.URL, "org", "drill.7", "", "", server.Client())
	}
	own, box := serve()
	cl := each.Client(t, env.East)
	registry, err := sr.NewClient(sr.URLs(o.RegistryURL))
	if err != nil {
		t.Fatal(err)
	}
	create := func(b engine.Backend, name, sql string) {
		t.Helper()
		if _, err := b.Create(t.Context(), engine.Spec{Name: name, SQL: sql}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	names := func(b engine.Backend) (names []string) {
		t.Helper()
		list, err := b.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			names = append(names, s.Name)
		}
		return names
	}

	if got := names(box); got != nil {
		t.Errorf("a sandbox that is not there has %v", got)
	}
	if _, err := box.Get(t.Context(), "copy"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a sandbox that is not there: %v", err)
	}
	create(own, "in", "CREATE TABLE `in` (n BIGINT NOT NULL) DISTRIBUTED INTO 1 BUCKETS")
	ss, err := registry.SchemaByVersion(t.Context(), "in-value", -1)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		value := append([]byte{0, 0, 0, byte(ss.ID >> 8), byte(ss.ID)}, byte(2*n)) // a long of Avro, zigzag
		cl.Produce(t.Context(), &kgo.Record{Topic: "in", Value: value}, nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(box, "in", "CREATE TABLE `in` (n BIGINT NOT NULL, WATERMARK FOR `$rowtime` AS `$rowtime`)") // the region's own stays as it is
	create(box, "out", "CREATE TABLE `_lifeboat.drill.7.out.copy` (n BIGINT NOT NULL) DISTRIBUTED INTO 1 BUCKETS")
	create(box, "copy", "INSERT INTO `_lifeboat.drill.7.out.copy` SELECT n FROM `in`")
	done := func() {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			p, err := box.Progress(t.Context(), "copy")
			if err == nil && p.RowsOut == 20 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("progress %+v, %v", p, err)
			}
		}
	}
	done()
	if a, b := names(own), names(box); !slices.Equal(a, []string{"in"}) || !slices.Equal(b, []string{"copy", "in", "out"}) {
		t.Errorf("the region has %v, its sandbox %v", a, b)
	}

	kill() // a process that comes after it finds the sandbox
	e, _ = open(t, o)
	own, box = serve()
	if a, b := names(own), names(box); !slices.Equal(a, []string{"in"}) || !slices.Equal(b, []string{"copy", "in", "out"}) {
		t.Errorf("after a restart the region has %v, its sandbox %v", a, b)
	}
	done()
	for _, name := range names(box) {
		if err := box.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	topics, err := kadm.NewClient(cl).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := slices.DeleteFunc(topics.Names(), func(name string) bool { return !strings.Contains(name, "drill.7") })
	if want := []string{"_lifeboat.drill.7.catalog", "_lifeboat.drill.7.out.copy", "_lifeboat.drill.7.statements"}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
	// The topic of its statements is the last to go, and whoever looks meanwhile makes no other one again.
	for _, gone := range [][]string{left[:2], left[2:]} {
		admin := kadm.NewClient(each.Client(t, env.East)) // one that remembers nothing
		if _, err := admin.DeleteTopics(t.Context(), gone...); err != nil {
			t.Fatal(err)
		}
		if got := names(box); got != nil {
			t.Errorf("a sandbox that has ended has %v", got)
		}
		topics, err := admin.ListTopics(t.Context())
		if err != nil || topics.Has(gone[0]) {
			t.Errorf("a look at a sandbox that has ended makes topic %s again (%v)", gone[0], err)
		}
	}
	if err := e.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Sandbox(t.Context(), "drill.8", true); err == nil || !strings.Contains(fmt.Sprint(err), "closed") {
		t.Errorf("a sandbox of an engine that is closed: %v", err)
	}
	if _, err := e.Sandbox(t.Context(), "west", true); err == nil {
		t.Error("a region was taken for a sandbox")
	}
}

// TestSandboxIsListedWithWhatIsOnItsWay: whoever has asked for a statement may die before it is there. It is created all the same, and whoever cleans up behind
// him has to see it.
func TestSandboxIsListedWithWhatIsOnItsWay(t *testing.T) {
	env := each.Embedded(t, each.Private())
	e, _ := open(t, options(env, each.Name(t, "region")))
	box, err := e.Sandbox(t.Context(), "drill.9", true)
	if err != nil {
		t.Fatal(err)
	}
	asked, goOn := make(chan struct{}), make(chan struct{})
	env.East.Fake.ControlKey(kmsg.CreateTopics.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		env.East.Fake.KeepControl()
		if r := req.(*kmsg.CreateTopicsRequest); len(r.Topics) > 0 && r.Topics[0].Topic == "slow" {
			close(asked)
			env.East.Fake.SleepControl(func() { <-goOn })
		}
		return nil, nil, false
	})
	dying, die := context.WithCancel(t.Context())
	created, listed := make(chan error, 1), make(chan int, 1)
	go func() {
		_, err := box.Create(dying, engine.Spec{Name: "slow", SQL: "CREATE TABLE `slow` (n BIGINT NOT NULL) DISTRIBUTED INTO 1 BUCKETS"})
		created <- err
	}()
	<-asked
	die()
	go func() {
		list, _ := box.List(t.Context())
		listed <- len(list)
	}()
	select {
	case n := <-listed:
		t.Errorf("%d statements are listed while one is on its way", n)
	case <-time.After(100 * time.Millisecond):
		close(goOn)
		if n := <-listed; n != 1 {
			t.Errorf("%d statements are listed, want the one that was on its way", n)
		}
		if err := <-created; err != nil {
			t.Error(err)
		}
		return
	}
	close(goOn)
	<-created
}
