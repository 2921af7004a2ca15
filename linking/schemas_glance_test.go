package linking_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// counted counts the requests to a region's registry; path "" are all.
func counted(r *testenv.Region) *atomic.Int64 {
	n := new(atomic.Int64)
	registryOf(r).Intercept(func(http.ResponseWriter, *http.Request) bool { n.Add(1); return false })
	return n
}

// sameSchemas wants the selected subjects to have the same live and deleted versions in both regions.
func (p *pair) sameSchemas(subjects ...string) {
	p.t.Helper()
	for _, subject := range subjects {
		for _, how := range []context.Context{p.t.Context(), sr.WithParams(p.t.Context(), sr.ShowDeleted)} {
			want, err := p.east.Registry.SubjectVersions(how, subject)
			must(p.t, err)
			if got, err := p.west.Registry.SubjectVersions(how, subject); err != nil || !slices.Equal(got, want) {
				p.t.Errorf("%s has versions %v in the west (%v), %v in the east", subject, got, err, want)
			}
		}
	}
}

// TestChangesAreSeenAtAGlance changes what only a comparison of versions shows, between two passes of which the second is none that compares
// everything: it is noticed by as many requests as before, where one answer holds all versions, and by one more where it takes pages.
func TestChangesAreSeenAtAGlance(t *testing.T) {
	for _, c := range []struct {
		name             string
		subjects, passes int
		idle             int64 // requests of a pass that finds nothing
	}{
		{"few subjects", 3, 1, 2},
		{"many subjects", 30, 1, 2},
		{"a hundred versions", 50, 2, 3},
		{"more than an answer holds", 400, 4, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, each.Embedded(t))
			p.decl.Subjects.Include = []string{"orders-.*"}
			var subjects []string
			for i := range c.subjects {
				subjects = append(subjects, fmt.Sprintf("orders-%03d", i))
				for v := range 3 {
					register(t, p.east.Registry, subjects[i], sr.Schema{Schema: record(i, v)})
				}
			}
			mirror := p.link().Subjects()
			pass := func() linking.SubjectReport {
				t.Helper()
				rep, err := mirror.Sync(t.Context())
				must(t, err)
				return rep
			}
			pass()
			asked := counted(p.env.East)
			pass()
			if n := asked.Load(); n > c.idle {
				t.Errorf("a pass that finds nothing asks the source %d times, want %d", n, c.idle)
			}
			must(t, p.east.Registry.DeleteSchema(t.Context(), subjects[c.subjects-1], 1, sr.SoftDelete))
			must(t, p.east.Registry.DeleteSchema(t.Context(), subjects[0], 2, sr.SoftDelete))
			deleted := 0
			for range c.passes {
				deleted += pass().Deleted
			}
			if deleted != 2 {
				t.Errorf("%d versions were deleted within %d passes, want 2", deleted, c.passes)
			}
			p.sameSchemas(subjects[0], subjects[1], subjects[c.subjects-1])
		})
	}
}

// record is an Avro schema; versions of it are compatible.
func record(subject, version int) string {
	fields := []string{`{"name":"id","type":"int"}`}
	for v := range version {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":"int","default":0}`, v))
	}
	return fmt.Sprintf(`{"type":"record","name":"Order%d","fields":[%s]}`, subject, strings.Join(fields, ","))
}

// TestVersionImportedOutOfOrderIsMirrored imports a version below the newest one at the source.
func TestVersionImportedOutOfOrderIsMirrored(t *testing.T) {
	p := newPair(t, each.Embedded(t))
	p.decl.Subjects.Include = []string{"orders-.*"}
	ctx := t.Context()
	for _, r := range p.east.Registry.SetMode(sr.WithParams(ctx, sr.Force), sr.ModeImport, "orders-value") {
		must(t, r.Err)
	}
	for _, v := range []int{1, 3} {
		_, err := p.east.Registry.RegisterSchema(ctx, "orders-value", sr.Schema{Schema: record(1, v)}, 100+v, v)
		must(t, err)
	}
	mirror := p.link().Subjects()
	_, err := mirror.Sync(ctx)
	must(t, err)
	_, err = p.east.Registry.RegisterSchema(ctx, "orders-value", sr.Schema{Schema: record(1, 2)}, 102, 2)
	must(t, err)
	rep, err := mirror.Sync(ctx)
	must(t, err)
	if rep.Imported != 1 {
		t.Errorf("%d versions were imported, want 1", rep.Imported)
	}
	p.sameSchemas("orders-value")
}

// TestPromotedSubjectIsTakenBack has the link go on with a subject that a failover had promoted, once its topics are mirrors again: by itself
// where the destination has nothing of its own, and never where it has.
func TestPromotedSubjectIsTakenBack(t *testing.T) {
	for _, c := range []struct {
		name    string
		foreign bool
	}{{"nothing of its own", false}, {"a version of its own", true}} {
		t.Run(c.name, func(t *testing.T) {
			p, topic := schemaPair(t)
			p.decl.Subjects.Include = []string{"orders-value"}
			ctx := t.Context()
			register(t, p.east.Registry, "orders-value", sr.Schema{Schema: record(1, 0)})
			write(t, p.east, framed(topic, 1, "a"))
			must(t, p.once())
			_, err := p.link().Promote(ctx, linking.PromoteOptions{})
			must(t, err)
			must(t, p.link().Subjects().Promote(ctx, []string{"orders-value"}))
			must(t, p.once())
			if mode := subjectModeOf(t, p.env.West, "orders-value"); mode != "READWRITE" {
				t.Fatalf("while the topics are promoted the subject's mode became %s", mode)
			}
			p.mirrorAgain(topic)
			if c.foreign {
				register(t, p.west.Registry, "orders-value", sr.Schema{Schema: record(1, 1)})
				register(t, p.west.Registry, "orders-value", sr.Schema{Schema: record(1, 2)})
			}
			second := register(t, p.east.Registry, "orders-value", sr.Schema{Schema: record(1, 1)})
			err = p.once()
			mode := subjectModeOf(t, p.env.West, "orders-value")
			if c.foreign {
				var conflict *linking.SchemaConflictError
				if !errors.As(err, &conflict) || !strings.Contains(err.Error(), "version 3") || mode != "READWRITE" {
					t.Errorf("ended with %v in mode %s, want READWRITE and a conflict that names version 3", err, mode)
				}
				if _, err := p.west.Registry.SchemaByVersion(ctx, "orders-value", 3); err != nil {
					t.Errorf("the destination's own version: %v", err)
				}
				return
			}
			must(t, err)
			if got, err := p.west.Registry.SchemaByVersion(ctx, "orders-value", 2); err != nil || got.ID != second.ID || mode != "IMPORT" {
				t.Errorf("version 2 in the west: %+v, %v; mode %s", got, err, mode)
			}
		})
	}
}

// mirrorAgain makes a promoted topic a mirror again, as a failback there and back does.
func (p *pair) mirrorAgain(topic string) {
	p.t.Helper()
	back, _, err := plans.Back(p.decl, []*plans.Link{p.decl})
	must(p.t, err)
	there := func(decl *plans.Link, from, to *linking.Region) *linking.Link {
		return linking.New(decl, from, to, linking.Options{})
	}
	_, err = there(p.decl, p.east, p.west).Reverse(p.t.Context(), linking.ReverseOptions{Topics: []string{topic}, Back: there(back, p.west, p.east), By: "test", Still: 1})
	must(p.t, err)
	_, err = there(back, p.west, p.east).Reverse(p.t.Context(), linking.ReverseOptions{Topics: []string{topic}, Back: there(p.decl, p.east, p.west), By: "test", Still: 1})
	must(p.t, err)
}

func subjectModeOf(t *testing.T, r *testenv.Region, subject string) string {
	t.Helper()
	cl, err := sr.NewClient(sr.URLs(r.Registry))
	must(t, err)
	mode := cl.Mode(sr.WithParams(t.Context(), sr.DefaultToGlobal), subject)[0]
	must(t, mode.Err)
	return mode.Mode.String()
}

// TestLostMetadataIsToldOnce mirrors a schema with metadata and a rule set into a registry that drops them: one process tells of it, the next ones know.
func TestLostMetadataIsToldOnce(t *testing.T) {
	p, _ := schemaPair(t)
	p.decl.Subjects.Include = []string{"orders-value"}
	_, err := p.east.Registry.RegisterSchema(t.Context(), "orders-value", sr.Schema{Schema: record(1, 0),
		SchemaMetadata: &sr.SchemaMetadata{Properties: map[string]string{"owner": "shop"}}, SchemaRuleSet: checked("amount > 0")}, -1, -1)
	must(t, err)
	drops(t, p.env.West, "metadata", "ruleSet")
	for run, want := range []int{1, 0, 0} {
		var told strings.Builder
		l := linking.New(p.decl, p.east, p.west, linking.Options{Log: slog.New(slog.NewTextHandler(&told, nil))})
		if err := l.Run(t.Context(), linking.RunOptions{Once: true}); err != nil {
			told.WriteString(err.Error())
		}
		if n := strings.Count(told.String(), "without its metadata and rule set"); n != want {
			t.Errorf("run %d tells %d times of lost metadata, want %d:\n%s", run, n, want, told.String())
		}
	}
}

// drops has a registry keep nothing of some attributes, as one does that does not know them.
func drops(t *testing.T, r *testenv.Region, attributes ...string) {
	const seen = "X-Seen"
	server := registryOf(r)
	server.Intercept(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Header.Get(seen) != "" {
			return false
		}
		req.Header.Set(seen, "yes")
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, req)
		var v any
		if err := json.Unmarshal(answer.Body.Bytes(), &v); err != nil {
			t.Error(err)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			if object, ok := one.(map[string]any); ok {
				for _, name := range attributes {
					delete(object, name)
				}
			}
		}
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_ = json.NewEncoder(w).Encode(v) // a client that has gone is told nothing
		return true
	})
}
