package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// numbers declares a pair of tables: n rows in, the same rows out.
func (s *suite) numbers(t *testing.T, format string) (in, out string) {
	t.Helper()
	in, out = s.Name("numbers-in"), s.Name("numbers-out")
	for _, table := range []string{in, out} {
		s.declare(t, fmt.Sprintf("CREATE TABLE `%s` (n BIGINT NOT NULL, name STRING) DISTRIBUTED INTO 2 BUCKETS WITH ('value.format' = '%s', 'kafka.retention.time' = '0')", table, format))
	}
	return in, out
}

func copyOf(in, out string) string {
	return fmt.Sprintf("INSERT INTO `%s` SELECT n, name FROM `%s`", out, in)
}

// fill writes the numbers from, …, to-1, on both partitions, one second of event time each.
func (s *suite) fill(t *testing.T, topic string, from, to int) (texts []string) {
	t.Helper()
	var records []*kgo.Record
	for n := from; n < to; n++ {
		name := fmt.Sprintf("row %d", n)
		records = append(records, s.record(t, topic, int32(n%2), int64(1_700_000_000_000+n*1000), row{"n": int64(n), "name": name}))
		texts = append(texts, fmt.Sprintf("n=%d name=%s", n, name))
	}
	s.produce(t, records...)
	return texts
}

func testLifecycle(t *testing.T, s *suite) {
	ctx := t.Context()
	in, out := s.numbers(t, "avro-registry")
	name := s.Name("life")
	if _, err := s.Backend.Get(ctx, name); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
	for what, f := range map[string]func(context.Context, string) error{
		"stop": s.Backend.Stop, "resume": s.Backend.Resume, "delete": s.Backend.Delete,
		"progress": func(ctx context.Context, n string) error { _, err := s.Backend.Progress(ctx, n); return err },
	} {
		if err := f(ctx, name); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s of nothing: %v", what, err)
		}
	}
	spec := engine.Spec{Name: name, SQL: copyOf(in, out), Properties: map[string]string{"sql.current-catalog": "env"}, Labels: map[string]string{"team": "ops"}}
	created, err := s.Backend.Create(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if created.UID == "" || created.Version == "" || created.Created.IsZero() || created.Kind != "INSERT_INTO" || created.Bounded || !created.AppendOnly {
		t.Errorf("created: %+v", created)
	}
	if diff := cmp.Diff(spec, created.Spec); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Backend.Create(ctx, spec); !errors.Is(err, engine.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	running := s.await(t, name, engine.Running)
	if running.UID != created.UID {
		t.Errorf("the UID changed from %s to %s", created.UID, running.UID)
	}
	all, err := s.Backend.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := func(all []engine.Statement) (out []string) {
		for _, st := range all {
			out = append(out, st.Name)
		}
		return out
	}
	if got := names(all); !slices.Contains(got, name) || !slices.IsSorted(got) {
		t.Errorf("listed: %v", got)
	}
	for range 2 { // stopping a stopped statement succeeds
		if err := s.Backend.Stop(ctx, name); err != nil {
			t.Fatal(err)
		}
		if st := s.await(t, name, engine.Stopped); !st.Stopped {
			t.Error("spec.stopped is not set")
		}
	}
	if err := s.Backend.Resume(ctx, name); err != nil {
		t.Fatal(err)
	}
	if st := s.await(t, name, engine.Running); st.Stopped {
		t.Error("spec.stopped is still set")
	}
	if err := s.Backend.Delete(ctx, name); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, func(ctx context.Context) error {
		if _, err := s.Backend.Get(ctx, name); !errors.Is(err, engine.ErrNotFound) {
			return fmt.Errorf("after the delete: %v", err)
		}
		return nil
	})
	// The name is free again, and what the first had done does not count for the second.
	want := s.fill(t, in, 0, 4)
	s.create(t, name, copyOf(in, out))
	s.expect(t, out, want)
	if st, err := s.Backend.Get(ctx, name); err != nil || st.UID == created.UID {
		t.Errorf("created anew: UID %q, %v", st.UID, err)
	}
}

func testNames(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	for _, name := range []string{"", "-a", "a-", "A", "a_b", "a.b", "ä", strings.Repeat("a", 73)} {
		_, err := s.Backend.Create(t.Context(), engine.Spec{Name: name, SQL: copyOf(in, out)})
		var invalid *engine.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	longest := s.Name("long")
	longest += strings.Repeat("x", 72-len(longest))
	s.create(t, longest, copyOf(in, out), "sql.dry-run", "true")
}

func testRefusals(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	near := in[:len(in)-1]
	for _, tc := range []struct {
		name, sql    string
		properties   map[string]string
		line, column int
		message      string // names this
		hint         string // and hints at this
	}{
		{"no SQL", "", nil, 0, 0, "", ""},
		{"syntax", "INSERT INTO `" + out + "`\nSELECT n name FROM FROM x", nil, 2, 0, "FROM", ""},
		{"an unknown table", "INSERT INTO `" + out + "`\n  SELECT n, name FROM `" + near + "`", nil, 2, 0, near, in},
		{"an unknown column", "INSERT INTO `" + out + "` SELECT n,\n nmae FROM `" + in + "`", nil, 2, 2, "nmae", ""},
		{"types that do not fit", "INSERT INTO `" + out + "` SELECT name, name FROM `" + in + "`", nil, 1, 0, "", ""},
		{"not supported", "SELECT * FROM `" + in + "`", nil, 1, 1, "", ""},
		{"an unknown property", copyOf(in, out), map[string]string{"sql.tables.scan.startup.mod": "x"}, 0, 0, "sql.tables.scan.startup.mod", "sql.tables.scan.startup.mode"},
		{"a bad start", copyOf(in, out), map[string]string{engine.PropStart + in: "0:1"}, 0, 0, engine.PropStart, ""},
		{"a start in a partition that is not there", copyOf(in, out), map[string]string{engine.PropStart + in: "partition:2,offset:0"}, 0, 0, "partition 2", ""},
		{"too long", copyOf(in, out) + strings.Repeat(" ", 128<<10), nil, 0, 0, "131072", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := s.Name("refused")
			_, err := s.Backend.Create(t.Context(), engine.Spec{Name: name, SQL: tc.sql, Properties: tc.properties})
			var invalid *engine.InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("%v is not a refusal", err)
			}
			if tc.line != 0 && invalid.Line != tc.line || tc.column != 0 && invalid.Column != tc.column {
				t.Errorf("at %d:%d, want %d:%d: %v", invalid.Line, invalid.Column, tc.line, tc.column, err)
			}
			if !strings.Contains(invalid.Message, tc.message) {
				t.Errorf("%q does not name %q", invalid.Message, tc.message)
			}
			if !strings.Contains(invalid.Hint, tc.hint) {
				t.Errorf("the hint %q does not name %q", invalid.Hint, tc.hint)
			}
			if _, err := s.Backend.Get(t.Context(), name); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("a refused statement is kept: %v", err)
			}
		})
	}
}

func testDryRun(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	name := s.Name("dry")
	for _, sql := range []string{copyOf(in, out), "CREATE TABLE `" + s.Name("dry-table") + "` (a INT)"} {
		st := s.create(t, name, sql, "sql.dry-run", "true")
		if !st.Phase.Terminal() || st.Phase == engine.Failed {
			t.Errorf("phase %s (%s)", st.Phase, st.Detail)
		}
		if _, err := s.Backend.Get(t.Context(), name); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a dry run is kept: %v", err)
		}
	}
	topics, err := s.admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if topics.Has(s.Name("dry-table")) {
		t.Error("a dry run made a topic")
	}
}
