package linking_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// refusing has a region's registry answer 500 until it is mended.
func refusing(p *pair) (mend func()) {
	var mended atomic.Bool
	registryOf(p.env.West).Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		if !mended.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return !mended.Load()
	})
	return func() { mended.Store(true) }
}

// TestWaitForASchemaIsBounded: a live link used to wait for a schema for ever. The mirror says what it waits for, is FAILED when that has taken too
// long, and goes on by itself when the schema is there.
func TestWaitForASchemaIsBounded(t *testing.T) {
	t.Parallel()
	p, topic := schemaPair(t)
	p.decl.Subjects.Wait = plans.Duration(1500 * time.Millisecond)
	schema := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	mend := refusing(p)
	stop := p.running()
	write(t, p.east, framed(topic, schema.ID, "waits"))
	state := func(is string, mentions ...string) func() bool {
		return func() bool {
			mirrors, err := p.link().Status(t.Context())
			if err != nil || len(mirrors) != 1 || mirrors[0].State != is {
				return false
			}
			for _, m := range mentions {
				if !strings.Contains(mirrors[0].Error, m) {
					return false
				}
			}
			return true
		}
	}
	p.eventually("the mirror says what it waits for", state(linking.Active, "schema id 1: waited for since", "for 1.5s at most"))
	p.eventually("the mirror is FAILED", state(linking.Failed, linking.CodeSchema, "schema id 1"))
	mend()
	p.eventually("the mirror goes on", func() bool { return records(t, p.west, topic) == 1 })
	p.eventually("the mirror is ACTIVE", state(linking.Active))
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.identical(topic)
}

// TestFewSchemasAreAskedForTogether: each schema that was new used to have a request of its own under way, however many there were.
func TestFewSchemasAreAskedForTogether(t *testing.T) {
	t.Parallel()
	p, topic := schemaPair(t)
	var list []*kgo.Record
	for range 40 {
		s := register(t, p.east.Registry, "orders-value", sr.Schema{Type: sr.TypeJSON, Schema: `{"title":"` + strings.Repeat("x", len(list)+1) + `"}`})
		list = append(list, framed(topic, s.ID, "a record"))
	}
	write(t, p.east, list...)
	var now, most atomic.Int64
	registryOf(p.env.East).Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/versions") && strings.Contains(r.URL.Path, "/schemas/ids/") {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(5 * time.Millisecond) // of the others one comes meanwhile
			now.Add(-1)
		}
		return false
	})
	must(t, p.once())
	p.identical(topic)
	if n := most.Load(); n < 1 || n > 4 {
		t.Errorf("%d schemas were asked for at a time, want 4 at most", n)
	}
}

// TestPartitionsThatWaitForASchemaLeaveMemoryToOthers fills more partitions than memory has room for with records that have to wait.
func TestPartitionsThatWaitForASchemaLeaveMemoryToOthers(t *testing.T) {
	t.Parallel()
	p, topic := schemaPair(t)
	waits := topic + "-waits"
	p.decl.Topics.Include = append(p.decl.Topics.Include, waits)
	each.Topic(t, p.env.East, waits, 24)
	schema := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	mend := refusing(p)
	cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	must(t, err)
	defer cl.Close()
	filled := func(topic string, partition int32) {
		for range 2 {
			r := framed(topic, schema.ID, strings.Repeat("x", 500<<10))
			if r.Partition = partition; topic != waits {
				r.Value[0] = 1 // it names none
			}
			must(t, cl.ProduceSync(t.Context(), r).FirstErr())
		}
	}
	for n := range int32(24) {
		filled(waits, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.link().Run(ctx, linking.RunOptions{Memory: 32 << 20}) }()
	p.eventually("a mirror waits", func() bool {
		mirrors, err := p.link().Status(t.Context())
		return err == nil && len(mirrors) == 25 && strings.Contains(mirrors[1].Error+mirrors[24].Error, "schema id 1")
	})
	for range 4 {
		filled(topic, 0)
	}
	p.eventually("the others go on", func() bool { return p.end(p.west, topic, 0) == 8 })
	mend()
	p.await(waits)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestAbortedRecordsWaitForNoSchema: nobody gets to see what they name.
func TestAbortedRecordsWaitForNoSchema(t *testing.T) {
	t.Parallel()
	p, topic := schemaPair(t)
	schema := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	txn := each.Client(t, p.env.East, kgo.TransactionalID(topic))
	must(t, txn.BeginTransaction())
	must(t, txn.ProduceSync(t.Context(), framed(topic, schema.ID, "aborted")).FirstErr())
	must(t, txn.EndTransaction(t.Context(), kgo.TryAbort))
	write(t, p.east, &kgo.Record{Topic: topic, Value: []byte("names no schema")})
	refusing(p)
	stop := p.running()
	p.await(topic)
	_ = stop()
	p.identical(topic)
}

// TestLinkOfSubjectsAlone keeps subjects that no record names the same in both registries while they change.
func TestLinkOfSubjectsAlone(t *testing.T) {
	t.Parallel()
	p := newPair(t, each.Embedded(t))
	p.decl.Subjects.Include = []string{"orders-.*"}
	east, west := p.east.Registry, p.west.Registry
	register(t, east, "orders-value", sr.Schema{Schema: `"long"`})
	register(t, east, "others-value", sr.Schema{Schema: `"string"`})
	stop := p.running()
	versions := func(want ...int) func() bool {
		return func() bool {
			have, err := west.SubjectVersions(t.Context(), "orders-value")
			return len(want) == 0 && err != nil || err == nil && len(have) == len(want) && have[len(have)-1] == want[len(want)-1]
		}
	}
	p.eventually("what was there is there", versions(1))
	east.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatNone}, "orders-value")
	second := register(t, east, "orders-value", sr.Schema{Schema: `"string"`})
	p.eventually("a new version follows", versions(1, 2))
	if got, err := west.SchemaByVersion(t.Context(), "orders-value", 2); err != nil || got.ID != second.ID {
		t.Errorf("version 2 in the west: %+v, %v", got, err)
	}
	level := func() sr.CompatibilityLevel { return west.Compatibility(t.Context(), "orders-value")[0].Level }
	p.eventually("its level follows", func() bool { return level() == sr.CompatNone })
	east.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatFull}, "orders-value")
	must(t, east.DeleteSchema(t.Context(), "orders-value", 1, sr.SoftDelete))
	p.eventually("a deletion follows", versions(2))
	p.eventually("a level follows", func() bool { return level() == sr.CompatFull })
	if _, err := west.SubjectVersions(t.Context(), "others-value"); err == nil {
		t.Error("a subject that is not selected was mirrored")
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, p.once())
}
