package linking_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
	"github.com/lifeboat-dr/lifeboat/testenv/registry"
)

func registryOf(r *testenv.Region) *registry.Server { return r.RegistryServer.(*registry.Server) }

// framed is a record whose value names a schema in the wire format.
func framed(topic string, id int, text string) *kgo.Record {
	return &kgo.Record{Topic: topic, Value: append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), text...)}
}

func write(t *testing.T, r *linking.Region, records ...*kgo.Record) {
	t.Helper()
	must(t, r.Client.ProduceSync(t.Context(), records...).FirstErr())
}

// schemaPair is a pair with a topic of one partition whose records name the schemas of orders-.*.
func schemaPair(t *testing.T) (*pair, string) {
	topic := each.Name(t, "t")
	p := newPair(t, each.Embedded(t), topic)
	p.decl.Subjects.Include = []string{`(:\.dr:)?orders-.*`}
	each.Topic(t, p.env.East, topic, 1)
	return p, topic
}

func records(t *testing.T, r *linking.Region, topic string) int {
	t.Helper()
	meta, err := r.Admin.ListTopics(t.Context(), topic)
	must(t, err)
	if meta[topic].Err != nil {
		return 0
	}
	return len(consume(t, r, topic).Records[0])
}

// TestNoRecordComesBeforeItsSchema holds an import up for as long as the test likes: until it is answered, no record that names the schema
// may be seen. Records of other schemas are not held up with it, by a pass over all subjects either.
func TestNoRecordComesBeforeItsSchema(t *testing.T) {
	p, topic := schemaPair(t)
	known := register(t, p.east.Registry, "orders-key", sr.Schema{Schema: `"string"`})
	late := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	west := registryOf(p.env.West)
	asked, free := make(chan struct{}, 100), make(chan struct{})
	west.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "orders-value") {
			asked <- struct{}{}
			<-free
		}
		return false
	})
	stop := p.running()
	write(t, p.east, framed(topic, known.ID, "in front"))
	p.eventually("the record in front arrives", func() bool { return records(t, p.west, topic) == 1 })
	write(t, p.east, framed(topic, late.ID, "behind"), &kgo.Record{Topic: topic, Value: []byte("names no schema")})
	<-asked
	for range 20 { // the registry has the request: whatever the link would write now comes too early
		if n := records(t, p.west, topic); n != 1 {
			t.Fatalf("%d records are in the west while their schema is not", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	close(free)
	p.eventually("the others arrive with their schema", func() bool { return records(t, p.west, topic) == 3 })
	if got, err := p.west.Registry.SchemaByID(t.Context(), late.ID); err != nil || got.Schema != `"long"` {
		t.Errorf("schema %d in the west: %+v, %v", late.ID, got, err)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.identical(topic)
}

// TestRecordsWaitForARegistry takes the destination's registry away, or lets it refuse, while records come.
func TestRecordsWaitForARegistry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		stop, mend func(t *testing.T, p *pair)
	}{
		{"it does not answer", func(t *testing.T, p *pair) { must(t, p.env.West.RegistryServer.Stop()) },
			func(t *testing.T, p *pair) { must(t, p.env.West.RegistryServer.Start()) }},
		{"it is read-only", func(t *testing.T, p *pair) { setMode(t, p.env.West, "READONLY_OVERRIDE") },
			func(t *testing.T, p *pair) { setMode(t, p.env.West, "READWRITE") }},
		{"it answers 500", func(_ *testing.T, p *pair) {
			registryOf(p.env.West).Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusInternalServerError)
				return true
			})
		}, func(_ *testing.T, p *pair) { registryOf(p.env.West).Intercept(nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, topic := schemaPair(t)
			s := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
			c.stop(t, p)
			stop := p.running()
			write(t, p.east, framed(topic, s.ID, "waits"))
			p.eventually("the mirror says what it waits for", func() bool {
				states, err := p.link().States(t.Context())
				must(t, err)
				return len(states) == 1 && states[0].State == linking.Active && strings.Contains(states[0].Error, fmt.Sprintf("schema id %d", s.ID))
			})
			if n := records(t, p.west, topic); n != 0 {
				t.Errorf("%d records came without their schema", n)
			}
			c.mend(t, p)
			p.eventually("the record arrives", func() bool { return records(t, p.west, topic) == 1 })
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

func setMode(t *testing.T, r *testenv.Region, mode string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.Registry+"/mode", strings.NewReader(`{"mode":"`+mode+`"}`))
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("mode %s: %s", mode, resp.Status)
	}
}

// TestSchemaThatCannotBeMirroredFailsItsTopicsOnly ends the topic whose records name it, where they begin, and no other.
func TestSchemaThatCannotBeMirroredFailsItsTopicsOnly(t *testing.T) {
	p, topic := schemaPair(t)
	good := each.Name(t, "good")
	p.decl.Topics.Include = append(p.decl.Topics.Include, good)
	each.Topic(t, p.env.East, good, 1)
	a := register(t, p.east.Registry, "orders-a", sr.Schema{Schema: `"long"`})
	b := register(t, p.east.Registry, "orders-b", sr.Schema{Schema: `"string"`})
	write(t, p.east, framed(good, a.ID, "fine"))
	must(t, p.once())
	theirs := register(t, p.west.Registry, "theirs", sr.Schema{Schema: `"bytes"`}) // takes the id
	if theirs.ID != b.ID {
		// The first run has mirrored orders-b as well: take an id that is still to come.
		b = register(t, p.east.Registry, "orders-c", sr.Schema{Schema: `"double"`})
	}
	if theirs.ID != b.ID {
		t.Fatalf("ids %d and %d: the test wants a conflict", theirs.ID, b.ID)
	}
	write(t, p.east, framed(topic, a.ID, "fine"), framed(topic, b.ID, "not fine"))
	write(t, p.east, framed(good, a.ID, "fine, too"))
	err := p.once()
	var merr *linking.MirrorError
	if !errors.As(err, &merr) || merr.Topic != topic || merr.Code != linking.CodeSchema {
		t.Fatalf("got %v, want %s to fail with %s", err, topic, linking.CodeSchema)
	}
	var conflict *linking.SchemaConflictError
	if !errors.As(err, &conflict) || conflict.ID != b.ID || !strings.Contains(conflict.Detail, "theirs") {
		t.Errorf("got %v, want a conflict over id %d with the subject theirs", err, b.ID)
	}
	p.identical(good)
	for _, rec := range consume(t, p.west, topic).Records[0] {
		if strings.Contains(rec, "not fine") {
			t.Errorf("a record came whose schema is another one in the west: %s", rec)
		}
	}
}

// TestRegistryThatIgnoresIdsIsNoticed mirrors into a registry that answers 200 and gives ids and versions of its own, as some do.
func TestRegistryThatIgnoresIdsIsNoticed(t *testing.T) {
	p, topic := schemaPair(t)
	register(t, p.east.Registry, "other", sr.Schema{Schema: `"int"`})
	s := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	var stored atomic.Bool
	ignorant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = map[string]any{"mode": "READWRITE"}
		switch path := r.URL.Path; {
		case r.Method == http.MethodPost:
			stored.Store(true)
			answer = map[string]any{"id": 1}
		case strings.HasPrefix(path, "/subjects") && !stored.Load(), strings.HasPrefix(path, "/schemas/ids") && !strings.HasPrefix(path, "/schemas/ids/1"):
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"error_code": 40401, "message": "no artifact"}
		case path == "/subjects":
			answer = []string{"orders-value"}
		case strings.HasSuffix(path, "/versions") && strings.HasPrefix(path, "/schemas"):
			answer = []any{map[string]any{"subject": "orders-value", "version": 1}}
		case strings.HasSuffix(path, "/versions"):
			answer = []int{1}
		case strings.HasPrefix(path, "/subjects/"):
			answer = map[string]any{"subject": "orders-value", "version": 1, "id": 1, "schema": `"long"`}
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that has gone is told nothing
	}))
	defer ignorant.Close()
	west, err := linking.Open(t.Context(), "west", &plans.Region{Kafka: plans.Kafka{Bootstrap: p.env.West.Bootstrap}, Registry: &plans.Registry{URL: ignorant.URL}}, linking.Options{})
	must(t, err)
	defer west.Close()
	p.west = west
	write(t, p.east, framed(topic, s.ID, "can not be read there"))
	err = p.once()
	var ignored *linking.IDsIgnoredError
	if !errors.As(err, &ignored) || ignored.WantID != s.ID || ignored.GotID != 1 {
		t.Errorf("got %v, want ids ignored: %d asked for, 1 stored", err, s.ID)
	}
	if n := records(t, p.west, topic); n != 0 {
		t.Errorf("%d records came that nobody can read", n)
	}
}

// TestDeletedSchemasThatRecordsNameAreMirrored wants what the source still answers by id, though no subject shows it, to be so in the
// destination, also behind later versions and after a restart.
func TestDeletedSchemasThatRecordsNameAreMirrored(t *testing.T) {
	p, topic := schemaPair(t)
	ctx := t.Context()
	gone := register(t, p.east.Registry, "orders-gone", sr.Schema{Schema: `"int"`})
	_, err := p.east.Registry.DeleteSubject(ctx, "orders-gone", sr.SoftDelete)
	must(t, err)
	first := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	second := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"double"`})
	must(t, p.east.Registry.DeleteSchema(ctx, "orders-value", first.Version, sr.SoftDelete))
	write(t, p.east, framed(topic, gone.ID, "a"), framed(topic, first.ID, "b"), framed(topic, second.ID, "c"))
	must(t, p.once())
	again := register(t, p.east.Registry, "orders-gone", sr.Schema{Schema: `"string"`}) // the subject comes back
	write(t, p.east, framed(topic, again.ID, "d"), framed(topic, gone.ID, "e"))
	must(t, p.once())
	for _, s := range []sr.SubjectSchema{gone, first, second, again} {
		if got, err := p.west.Registry.SchemaByID(ctx, s.ID); err != nil || got.Schema != s.Schema.Schema {
			t.Errorf("schema %d in the west: %+v, %v", s.ID, got, err)
		}
	}
	for _, subject := range []string{"orders-gone", "orders-value"} {
		for _, how := range []context.Context{ctx, sr.WithParams(ctx, sr.ShowDeleted)} {
			want, err := p.east.Registry.SubjectVersions(how, subject)
			must(t, err)
			if got, err := p.west.Registry.SubjectVersions(how, subject); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s has versions %v in the west (%v), %v in the east", subject, got, err, want)
			}
		}
	}
	p.identical(topic)
}

// TestContextsKeepTheirReferences mirrors a subject of a context, whose references are of that context too.
func TestContextsKeepTheirReferences(t *testing.T) {
	p, _ := schemaPair(t)
	ctx := t.Context()
	create := func(subject, text string, refs ...sr.SchemaReference) {
		t.Helper()
		_, err := p.east.Registry.RegisterSchema(ctx, subject, sr.Schema{Schema: text, References: refs}, -1, -1)
		must(t, err)
	}
	create("orders-address", `"int"`) // another one, of the default context
	create("orders-x", `"long"`)
	create(":.dr:address", `{"type":"record","name":"Address","fields":[]}`)
	create(":.dr:orders-value", `["null","Address"]`, sr.SchemaReference{Name: "Address", Subject: "address", Version: 1})
	rep, err := p.link().Subjects().Sync(ctx)
	must(t, err)
	if rep.Imported != 4 {
		t.Errorf("imported %d, want 4: %+v", rep.Imported, rep)
	}
	for _, subject := range []string{":.dr:address", ":.dr:orders-value", "orders-x"} {
		want, err := p.east.Registry.SchemaByVersion(ctx, subject, 1)
		must(t, err)
		if got, err := p.west.Registry.SchemaByVersion(ctx, subject, 1); err != nil || got.ID != want.ID || got.Schema.Schema != want.Schema.Schema {
			t.Errorf("%s: %+v (%v), want %+v", subject, got, err, want)
		}
	}
}

// TestCompatibilityLevelsAreCopied wants subjects' own levels to be in force after promotion.
func TestCompatibilityLevelsAreCopied(t *testing.T) {
	p, _ := schemaPair(t)
	ctx := t.Context()
	register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	register(t, p.east.Registry, "orders-plain", sr.Schema{Schema: `"long"`})
	for _, level := range []sr.CompatibilityLevel{sr.CompatNone, sr.CompatFullTransitive} {
		for _, r := range p.east.Registry.SetCompatibility(ctx, sr.SetCompatibility{Level: level}, "orders-value") {
			must(t, r.Err)
		}
		_, err := p.link().Subjects().Sync(ctx)
		must(t, err)
		if got := p.west.Registry.Compatibility(ctx, "orders-value")[0]; got.Err != nil || got.Level != level {
			t.Errorf("level in the west: %+v, want %s", got, level)
		}
	}
	if got := p.west.Registry.Compatibility(ctx, "orders-plain")[0]; got.Err == nil {
		t.Errorf("a subject without a level of its own got %s", got.Level)
	}
	must(t, p.link().Subjects().Promote(ctx, []string{"orders-value", "orders-plain"}))
	must(t, p.link().Subjects().Promote(ctx, []string{"orders-value", "orders-plain"})) // again
	if _, err := p.west.Registry.CreateSchema(ctx, "orders-value", sr.Schema{Schema: `"string"`}); err == nil {
		t.Error("after promotion the source's level FULL_TRANSITIVE is not in force")
	}
}
