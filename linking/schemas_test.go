package linking_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func register(t *testing.T, cl *sr.Client, subject string, s sr.Schema) sr.SubjectSchema {
	t.Helper()
	ss, err := cl.CreateSchema(t.Context(), subject, s)
	must(t, err)
	return ss
}

func TestSubjectsKeepIdsVersionsAndReferences(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env)
	p.decl.Subjects.Include = []string{"orders-.*", "common-.*"}
	east, west := p.east.Registry, p.west.Registry
	register(t, east, "other-value", sr.Schema{Schema: `"string"`}) // moves the ids on
	register(t, east, "common-address", sr.Schema{Schema: `{"type":"record","name":"Address","fields":[{"name":"city","type":"string"}]}`})
	register(t, east, "orders-value", sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"}]}`,
		References: []sr.SchemaReference{{Name: "Address", Subject: "common-address", Version: 1}}})
	register(t, east, "orders-value", sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"},{"name":"n","type":"int","default":0}]}`,
		References: []sr.SchemaReference{{Name: "Address", Subject: "common-address", Version: 1}}})
	register(t, east, "orders-json", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"a":{"type":"string"}}}`})
	register(t, east, "orders-proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\"; message Order { int32 id = 1; }"})
	rep, err := p.link().Subjects().Sync(t.Context())
	must(t, err)
	if rep.Imported != 5 {
		t.Errorf("%d versions imported, want 5: %+v", rep.Imported, rep)
	}
	want, err := east.AllSchemas(t.Context())
	must(t, err)
	for _, w := range want {
		if w.Subject == "other-value" {
			if _, err := west.SchemaByVersion(t.Context(), w.Subject, 1); err == nil {
				t.Error("a subject that is not selected was mirrored")
			}
			continue
		}
		got, err := west.SchemaByVersion(t.Context(), w.Subject, w.Version)
		must(t, err)
		if got.ID != w.ID || got.Schema.Schema != w.Schema.Schema || got.Type != w.Type || len(got.References) != len(w.References) {
			t.Errorf("%s v%d: got id %d %+v, want id %d %+v", w.Subject, w.Version, got.ID, got.Schema, w.ID, w.Schema)
		}
	}
	again, err := p.link().Subjects().Sync(t.Context())
	must(t, err)
	if again.Imported != 0 {
		t.Errorf("a second pass imported %d versions", again.Imported)
	}
	must(t, p.link().Subjects().Promote(t.Context(), []string{"orders-value"}))
	register(t, west, "orders-value", sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"n","type":"int","default":0}]}`})
}

func TestSchemaIdTakenByAnotherSchema(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env)
	p.decl.Subjects.Include = []string{"orders-.*"}
	register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"string"`})
	register(t, p.west.Registry, "theirs-value", sr.Schema{Schema: `"long"`}) // id 1 as well
	_, err := p.link().Subjects().Sync(t.Context())
	var conflict *linking.SchemaConflictError
	if !errors.As(err, &conflict) || conflict.ID != 1 {
		t.Errorf("got %v, want a conflict over id 1 that names theirs-value", err)
	}
}

func TestRegistryThatRefusesWritesIsNamed(t *testing.T) {
	env := each.Embedded(t)
	p := newPair(t, env)
	p.decl.Subjects.Include = []string{"orders-.*"}
	register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"string"`})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, env.West.Registry+"/mode", strings.NewReader(`{"mode":"READONLY_OVERRIDE"}`))
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	_, err = p.link().Subjects().Sync(t.Context())
	var refuses *linking.RegistryRefusesError
	if !errors.As(err, &refuses) {
		t.Errorf("got %v, want a RegistryRefusesError", err)
	}
}
