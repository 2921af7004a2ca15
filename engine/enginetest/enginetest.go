// Package enginetest is the suite that every engine.Backend passes. A backend's test calls Run with a function that makes a Subject: an engine
// over a region that the suite may fill with topics and statements.
//
// It tests what a backend promises, through the interface, Kafka and the registry alone: how it keeps the promises is for the backend's own tests.
package enginetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// Subject is a backend under test and the region it serves.
type Subject struct {
	Backend  engine.Backend
	Kafka    []kgo.Opt // what reaches the region's cluster
	Registry string    // URL of the region's schema registry
	// Name makes a base name unique in the region, in the letters that statements allow.
	Name func(base string) string
	// Restart ends the engine as kill -9 would, and returns a backend of a new one over the same region. nil: the suite leaves out what needs it.
	Restart func(t *testing.T) engine.Backend
}

// patience is how long the suite waits for something that has to happen.
const patience = 30 * time.Second

// Run runs the suite. subject is called once for every test; what it starts it ends with t.Cleanup.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"Lifecycle", testLifecycle},
		{"Names", testNames},
		{"Refusals", testRefusals},
		{"DryRun", testDryRun},
		{"CreateTable", testCreateTable},
		{"CreateTableOverTopic", testCreateTableOverTopic},
		{"InferredTable", testInferredTable},
		{"Filter", testFilter},
		{"Window", testWindow},
		{"Aborted", testAborted},
		{"StopAndResume", testStopAndResume},
		{"CreatedStopped", testCreatedStopped},
		{"Restart", testRestart},
		{"StartOffsets", testStartOffsets},
		{"StartupModes", testStartupModes},
		{"Suppression", testSuppression},
		{"Hold", testHold},
		{"BadRecord", testBadRecord},
		{"TimestampColumn", testTimestampColumn},
		{"Progress", testProgress},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSuite(t, subject(t))
			c.run(t, s)
		})
	}
}

// suite is one test's tools.
type suite struct {
	Subject
	client    *kgo.Client
	admin     *kadm.Client
	registry  *sr.Client
	schemas   map[int]*schema
	bySubject map[string]*schema
}

func newSuite(t *testing.T, s Subject) *suite {
	t.Helper()
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, s.Kafka...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(20*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	registry, err := sr.NewClient(sr.URLs(s.Registry))
	if err != nil {
		t.Fatal(err)
	}
	return &suite{Subject: s, client: client, admin: kadm.NewClient(client), registry: registry, schemas: map[int]*schema{}}
}

// create creates a statement that has to be accepted.
func (s *suite) create(t *testing.T, name, sql string, properties ...string) engine.Statement {
	t.Helper()
	spec := engine.Spec{Name: name, SQL: sql, Properties: map[string]string{}}
	for i := 0; i+1 < len(properties); i += 2 {
		spec.Properties[properties[i]] = properties[i+1]
	}
	st, err := s.Backend.Create(t.Context(), spec)
	if err != nil {
		t.Fatalf("creating %q: %v\n%s", name, err, sql)
	}
	return st
}

// declare carries out a CREATE TABLE.
func (s *suite) declare(t *testing.T, sql string) {
	t.Helper()
	name := s.Name("ddl-" + fmt.Sprint(time.Now().UnixNano()))
	s.create(t, name, sql)
	s.await(t, name, engine.Completed)
}

// await waits until a statement is in a phase. Ending in FAILED instead fails the test with the statement's own words.
func (s *suite) await(t *testing.T, name string, want engine.Phase) engine.Statement {
	t.Helper()
	var st engine.Statement
	s.eventually(t, func(ctx context.Context) error {
		var err error
		if st, err = s.Backend.Get(ctx, name); err != nil {
			return err
		}
		if st.Phase == engine.Failed && want != engine.Failed {
			t.Fatalf("statement %q is FAILED: %s", name, st.Detail)
		}
		if st.Phase != want {
			return fmt.Errorf("statement %q is %s (%s), want %s", name, st.Phase, st.Detail, want)
		}
		return nil
	})
	return st
}

// eventually repeats check until it succeeds.
func (s *suite) eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(pause):
		}
	}
}
