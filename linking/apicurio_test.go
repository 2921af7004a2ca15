package linking_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// apicurio starts an Apicurio Registry of the test's own, and skips where there can be none.
func apicurio(t *testing.T) (*testenv.Apicurio, *sr.Client) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Apicurio Registry")
	}
	if reason := testenv.MissingApicurio(); reason != "" {
		each.Missing(t, "apicurio", reason)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // it may be downloaded
	defer cancel()
	a, err := testenv.StartApicurio(ctx)
	if errors.Is(err, testenv.ErrMissing) {
		each.Missing(t, "apicurio", err.Error())
	}
	must(t, err)
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Errorf("stopping Apicurio Registry: %v", err)
		}
	})
	cl, err := sr.NewClient(sr.URLs(a.URL))
	must(t, err)
	return a, cl
}

// withRegistry is a region with another registry.
func withRegistry(t *testing.T, r *testenv.Region, url string) *linking.Region {
	t.Helper()
	region, err := linking.Open(t.Context(), r.Name, &plans.Region{Kafka: plans.Kafka{Bootstrap: r.Bootstrap}, Registry: &plans.Registry{URL: url}}, linking.Options{})
	must(t, err)
	t.Cleanup(region.Close)
	return region
}

// TestApicurioAsTheSource mirrors from Apicurio, whose listings tell no subjects: every schema that it shows comes over with its id, version and
// references, also after a change, and what comes under other ids is not there.
func TestApicurioAsTheSource(t *testing.T) {
	t.Parallel()
	server, source := apicurio(t)
	p, topic := schemaPair(t)
	p.decl.Subjects.Include = []string{"orders-.*", "common-.*"}
	p.east = withRegistry(t, p.env.East, server.URL)
	register(t, source, "other-value", sr.Schema{Schema: `"string"`}) // moves the ids on
	register(t, source, "common-address", sr.Schema{Schema: `{"type":"record","name":"Address","fields":[{"name":"city","type":"string"}]}`})
	first := register(t, source, "orders-value", sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"}]}`,
		References: []sr.SchemaReference{{Name: "Address", Subject: "common-address", Version: 1}}})
	json := register(t, source, "orders-json", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"a":{"type":"string"}}}`})
	proto := register(t, source, "orders-proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\"; message Order { int32 id = 1; }"})
	write(t, p.east, framed(topic, first.ID, "a"), framed(topic, json.ID, "b"), framed(topic, proto.ID, "c"))
	must(t, p.once())
	second := register(t, source, "orders-value", sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"},{"name":"n","type":"int","default":0}]}`,
		References: []sr.SchemaReference{{Name: "Address", Subject: "common-address", Version: 1}}})
	must(t, source.DeleteSchema(t.Context(), "orders-json", 1, sr.SoftDelete))
	write(t, p.east, framed(topic, second.ID, "d"))
	must(t, p.once())
	p.identical(topic)
	for _, s := range []sr.SubjectSchema{first, second, json, proto} {
		got, err := p.west.Registry.SchemaByVersion(sr.WithParams(t.Context(), sr.ShowDeleted), s.Subject, s.Version)
		must(t, err)
		if diff := cmp.Diff([]any{s.ID, s.Version, s.Type, s.References}, []any{got.ID, got.Version, got.Type, got.References}); diff != "" {
			t.Errorf("%s version %d (-source +destination):\n%s", s.Subject, s.Version, diff)
		}
	}
	if versions, err := p.west.Registry.SubjectVersions(t.Context(), "orders-json"); err == nil {
		t.Errorf("orders-json is deleted in the source, and has %v in the destination", versions)
	}
	if names, err := p.west.Registry.Subjects(t.Context()); err != nil || slices.Contains(names, "other-value") {
		t.Errorf("subjects in the destination: %v, %v", names, err)
	}
}

// TestApicurioAsTheDestination mirrors into Apicurio, which answers 200 to an id and a version and gives its own: it is caught at the first
// schema whose id it did not keep, gets no further one, and no record follows.
func TestApicurioAsTheDestination(t *testing.T) {
	t.Parallel()
	server, dest := apicurio(t)
	p, topic := schemaPair(t)
	p.west = withRegistry(t, p.env.West, server.URL)
	for i, name := range []string{"other-a", "other-b", "other-c"} { // they move the ids on
		register(t, p.east.Registry, name, sr.Schema{Schema: record(i, 1)})
	}
	s := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	register(t, p.east.Registry, "orders-more", sr.Schema{Schema: `"bytes"`})
	_, err := p.link().Subjects().Sync(t.Context())
	var ignored *linking.IDsIgnoredError
	if !errors.As(err, &ignored) || ignored.GotID == ignored.WantID {
		t.Fatalf("ended with %v, want that the destination ignores ids", err)
	}
	names, serr := dest.Subjects(t.Context())
	must(t, serr)
	if len(names) != 1 {
		t.Errorf("the destination has the subjects %v: want only the one that it was caught at", names)
	}
	write(t, p.east, framed(topic, s.ID, "can not be read there"))
	err = p.once()
	for _, part := range []string{"the destination registry ignores explicit ids", "it stored id"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: want %q in it", err, part)
		}
	}
	if n := records(t, p.west, topic); n != 0 {
		t.Errorf("%d records came that nobody can read", n)
	}
}

// TestApicurioWithTheSameIds has a destination whose schemas were brought over by Apicurio's own means under their ids: it is found to agree,
// and records go through.
func TestApicurioWithTheSameIds(t *testing.T) {
	t.Parallel()
	server, dest := apicurio(t)
	p, topic := schemaPair(t)
	p.west = withRegistry(t, p.env.West, server.URL)
	for _, r := range dest.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatBackward}) {
		must(t, r.Err) // Apicurio's is NONE, which is no reason to write to its subjects
	}
	s := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	if got := register(t, dest, "orders-value", sr.Schema{Schema: `"long"`}); got.ID != s.ID || got.Version != s.Version {
		t.Fatalf("the ids differ: %d and %d", s.ID, got.ID)
	}
	write(t, p.east, framed(topic, s.ID, "can be read there"))
	must(t, p.once())
	p.identical(topic)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/subjects/orders-value/versions", nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("orders-value in the destination: %s", resp.Status)
	}
}
