package registry_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/testenv/registry"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(err error) int {
	var e *sr.ResponseError
	if errors.As(err, &e) {
		return e.ErrorCode
	}
	return 0
}

func TestFranzGo(t *testing.T) {
	ctx, s := t.Context(), start(t, registry.Options{Username: "ops", Password: "secret"})
	cl, err := sr.NewClient(sr.URLs(s.URL()), sr.BasicAuth("ops", "secret"))
	must(t, err)

	types, err := cl.SupportedTypes(ctx)
	must(t, err)
	if len(types) != 3 {
		t.Errorf("types: %v", types)
	}
	a, err := cl.CreateSchema(ctx, "address", sr.Schema{Schema: `{"type":"record","name":"Address","fields":[]}`})
	must(t, err)
	ref := sr.SchemaReference{Name: "Address", Subject: "address", Version: 1}
	o, err := cl.CreateSchema(ctx, "order", sr.Schema{Schema: `["null","Address"]`, References: []sr.SchemaReference{ref}})
	must(t, err)
	if a.ID != 1 || a.Version != 1 || o.ID != 2 || len(o.References) != 1 {
		t.Errorf("registered %+v and %+v", a, o)
	}
	if got, err := cl.LookupSchema(ctx, "order", o.Schema); err != nil || got.ID != 2 || got.Version != 1 {
		t.Errorf("lookup: %+v, %v", got, err)
	}
	if got, err := cl.SchemaReferences(ctx, "address", 1); err != nil || len(got) != 1 || got[0].Subject != "order" {
		t.Errorf("referenced by %+v, %v", got, err)
	}
	if got, err := cl.SchemaTextByID(ctx, 2); err != nil || got != `["null","Address"]` {
		t.Errorf("text %q, %v", got, err)
	}
	if got, err := cl.SchemaTextByVersion(ctx, "order", -1); err != nil || got != `["null","Address"]` {
		t.Errorf("text of the latest version %q, %v", got, err)
	}
	if got, err := cl.SchemaVersionsByID(ctx, 2); err != nil || !slices.Equal(got, []sr.SubjectVersion{{Subject: "order", Version: 1}}) {
		t.Errorf("versions by id %+v, %v", got, err)
	}
	all, err := cl.AllSchemas(ctx)
	must(t, err)
	if len(all) != 2 || all[1].Subject != "order" || all[1].ID != 2 || all[1].Version != 1 {
		t.Errorf("all schemas: %+v", all)
	}

	// Compatibility.
	if r := cl.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, "order"); r[0].Err != nil {
		t.Error(r[0].Err)
	}
	for _, c := range cl.Compatibility(ctx, "order", sr.GlobalSubject) {
		want := sr.CompatFullTransitive
		if c.Subject == sr.GlobalSubject {
			want = sr.CompatBackward
		}
		if c.Err != nil || c.Level != want {
			t.Errorf("compatibility of %q: %+v, want %v", c.Subject, c, want)
		}
	}
	check, err := cl.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), "order", -1, sr.Schema{Schema: `"int"`})
	must(t, err)
	if check.Is || len(check.Messages) == 0 {
		t.Errorf("an int for a record: %+v", check)
	}
	if _, err := cl.CreateSchema(ctx, "order", sr.Schema{Schema: `"int"`}); code(err) != 40901 {
		t.Errorf("an int for a record: %v", err)
	}
	if r := cl.ResetCompatibility(ctx, "order"); r[0].Err != nil {
		t.Error(r[0].Err)
	}

	// Modes and import.
	if _, err := cl.CreateSchemaWithIDAndVersion(ctx, "copy", o.Schema, 70, 3); code(err) != 42205 {
		t.Errorf("an id outside IMPORT: %v", err)
	}
	if r := cl.SetMode(ctx, sr.ModeImport, "copy"); r[0].Err != nil {
		t.Error(r[0].Err)
	}
	imported, err := cl.CreateSchemaWithIDAndVersion(ctx, "copy", o.Schema, 70, 3)
	must(t, err)
	if imported.ID != 70 || imported.Version != 3 {
		t.Errorf("imported %+v", imported)
	}
	if r := cl.Mode(ctx, "copy", sr.GlobalSubject); r[0].Mode == r[1].Mode {
		t.Errorf("modes %+v", r)
	}
	if r := cl.ResetMode(ctx, "copy"); r[0].Err != nil || r[0].Mode != sr.ModeImport {
		t.Errorf("resetting the mode: %+v", r)
	}

	// Deletion.
	if _, err := cl.DeleteSubject(ctx, "copy", sr.HardDelete); code(err) != 40405 {
		t.Errorf("hard before soft: %v", err)
	}
	if got, err := cl.DeleteSubject(ctx, "copy", sr.SoftDelete); err != nil || !slices.Equal(got, []int{3}) {
		t.Errorf("soft: %v, %v", got, err)
	}
	if got, err := cl.Subjects(sr.WithParams(ctx, sr.ShowDeleted)); err != nil || !slices.Contains(got, "copy") {
		t.Errorf("with deleted ones: %v, %v", got, err)
	}
	if got, err := cl.DeleteSubject(ctx, "copy", sr.HardDelete); err != nil || !slices.Equal(got, []int{3}) {
		t.Errorf("hard: %v, %v", got, err)
	}
	must(t, cl.DeleteSchema(ctx, "order", 1, sr.SoftDelete))
	must(t, cl.DeleteSchema(ctx, "order", 1, sr.HardDelete))

	// A context, by its own base URL.
	dr, err := sr.NewClient(sr.URLs(s.URL()+"/contexts/.dr"), sr.BasicAuth("ops", "secret"))
	must(t, err)
	if got, err := dr.CreateSchema(ctx, ":.dr:order", sr.Schema{Schema: `"int"`}); err != nil || got.ID != 1 || got.Subject != ":.dr:order" {
		t.Errorf("in a context: %+v, %v", got, err)
	}
	if got, err := cl.Contexts(ctx); err != nil || !slices.Equal(got, []string{".", ".dr"}) {
		t.Errorf("contexts: %v, %v", got, err)
	}

	stranger, err := sr.NewClient(sr.URLs(s.URL()), sr.BasicAuth("ops", "guess"))
	must(t, err)
	if _, err := stranger.Subjects(ctx); err == nil || code(err) != 401 {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestSrclient(t *testing.T) {
	s := start(t, registry.Options{Username: "ops", Password: "secret"})
	cl := srclient.NewSchemaRegistryClient(s.URL())
	if _, err := cl.GetSubjects(); err == nil {
		t.Error("without a password")
	}
	cl.SetCredentials("ops", "secret")
	cl.CachingEnabled(false)
	a, err := cl.CreateSchema("address", `{"type":"record","name":"Address","fields":[]}`, srclient.Avro)
	must(t, err)
	ref := srclient.Reference{Name: "Address", Subject: "address", Version: 1}
	o, err := cl.CreateSchema("order", `["null","Address"]`, srclient.Avro, ref)
	must(t, err)
	if a.ID() != 1 || o.ID() != 2 || len(o.References()) != 1 {
		t.Errorf("registered %d, %d with %v", a.ID(), o.ID(), o.References())
	}
	if got, err := cl.GetSchema(2); err != nil || got.Schema() != `["null","Address"]` {
		t.Errorf("by id: %v, %v", got, err)
	}
	if got, err := cl.LookupSchema("order", `["null","Address"]`, srclient.Avro, ref); err != nil || got.Version() != 1 {
		t.Errorf("lookup: %v, %v", got, err)
	}
	if got, err := cl.GetLatestSchema("order"); err != nil || got.ID() != 2 {
		t.Errorf("latest: %v, %v", got, err)
	}
	if got, err := cl.GetSchemaVersions("order"); err != nil || !slices.Equal(got, []int{1}) {
		t.Errorf("versions: %v, %v", got, err)
	}
	if got, err := cl.GetSubjectVersionsById(2); err != nil || len(got) != 1 {
		t.Errorf("versions by id: %v, %v", got, err)
	}
	if ok, err := cl.IsSchemaCompatible("order", `"int"`, "latest", srclient.Avro); err != nil || ok {
		t.Errorf("an int for a record: %t, %v", ok, err)
	}
	if level, err := cl.GetCompatibilityLevel("order", true); err != nil || *level != srclient.Backward {
		t.Errorf("level: %v, %v", level, err)
	}
	if _, err := cl.GetCompatibilityLevel("order", false); err == nil {
		t.Error("a level that was never set")
	}
	if level, err := cl.ChangeSubjectCompatibilityLevel("order", srclient.None); err != nil || *level != srclient.None {
		t.Errorf("level: %v, %v", level, err)
	}
	if _, err := cl.DeleteSubjectCompatibilityLevel("order"); err != nil {
		t.Error(err)
	}
	if err := cl.DeleteSubject("order", true); err == nil {
		t.Error("hard before soft")
	}
	must(t, cl.DeleteSubject("order", false))
	must(t, cl.DeleteSubject("order", true))
	must(t, cl.DeleteSubjectByVersion("address", 1, false))
	if got, err := cl.GetSubjectsIncludingDeleted(); err != nil || !slices.Equal(got, []string{"address"}) {
		t.Errorf("subjects with deleted ones: %v, %v", got, err)
	}
	must(t, cl.DeleteSubject("address", true))
	if got, err := cl.GetSubjects(); err != nil || len(got) != 0 {
		t.Errorf("subjects: %v, %v", got, err)
	}
}

func TestStopAndStartUnderTheSameURL(t *testing.T) {
	s := start(t, registry.Options{})
	request{post("S", order1), 200, `{"id":1}`}.check(t, s)
	url := s.URL()
	must(t, s.Stop())
	must(t, s.Stop()) // again
	if resp, err := http.Get(url + "/subjects"); err == nil {
		resp.Body.Close()
		t.Error("a stopped registry answers")
	}
	must(t, s.Start())
	must(t, s.Start())
	if s.URL() != url {
		t.Errorf("came back at %s, was at %s", s.URL(), url)
	}
	request{"GET /subjects/S/versions", 200, `[1]`}.check(t, s)
}

func TestIntercept(t *testing.T) {
	s := start(t, registry.Options{})
	var seen []string
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.Method+" "+r.URL.Path)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	request{"GET /subjects", 200, `[]`}.check(t, s)
	if status, _ := send(t, s, post("S", order1)); status != http.StatusServiceUnavailable {
		t.Errorf("intercepted: status %d", status)
	}
	if want := []string{"GET /subjects", "POST /subjects/S/versions"}; !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
	s.Intercept(nil)
	request{post("S", order1), 200, `{"id":1}`}.check(t, s)
}
