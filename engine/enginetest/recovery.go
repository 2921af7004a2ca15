package enginetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// committedAtLeast waits until a statement has committed what n rows gave.
func (s *suite) committedAtLeast(t *testing.T, name string, n int64) {
	t.Helper()
	s.eventually(t, func(ctx context.Context) error {
		p, err := s.Backend.Progress(ctx, name)
		if err == nil && p.RowsIn < n {
			err = fmt.Errorf("statement %q has committed %d rows of input, want %d", name, p.RowsIn, n)
		}
		return err
	})
}

func testStopAndResume(t *testing.T, s *suite) {
	in, out, sql := s.minutes(t)
	name := s.Name("stops")
	s.create(t, name, sql)
	const step = 150
	for i := range 3 {
		s.fill(t, in, i*step, (i+1)*step)
		s.committedAtLeast(t, name, int64(i*step+1))
		if err := s.Backend.Stop(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		s.await(t, name, engine.Stopped)
		if err := s.Backend.Resume(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	s.fill(t, in, 600, 602) // past the last window, on both partitions
	s.expect(t, out, minutesOf(0, 3*step, 0, anyTime))
}

// A statement may be created stopped: its state is nothing then, and its start the beginning.
func testCreatedStopped(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	name := s.Name("later")
	want := s.fill(t, in, 0, 4)
	st, err := s.Backend.Create(t.Context(), engine.Spec{Name: name, SQL: copyOf(in, out), Stopped: true})
	if err != nil {
		t.Fatal(err)
	}
	if !st.Stopped || st.Phase != engine.Stopped {
		t.Errorf("created as %s, stopped %v", st.Phase, st.Stopped)
	}
	if p, err := s.Backend.Progress(t.Context(), name); err != nil || p.RowsIn != 0 {
		t.Errorf("progress %+v, %v", p, err)
	}
	if err := s.Backend.Resume(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	s.expect(t, out, want)
}

func testRestart(t *testing.T, s *suite) {
	if s.Restart == nil {
		t.Skip("this backend cannot be restarted")
	}
	in, out, sql := s.minutes(t)
	copied := s.Name("copied")
	s.declare(t, "CREATE TABLE `"+copied+"` (n BIGINT NOT NULL, name STRING) WITH ('kafka.retention.time' = '0')")
	name, stopped := s.Name("restarts"), s.Name("stays")
	s.create(t, name, sql)
	s.create(t, s.Name("copies"), copyOf(in, copied))
	s.create(t, stopped, copyOf(in, copied))
	if err := s.Backend.Stop(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	s.await(t, stopped, engine.Stopped)
	before, err := s.Backend.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	const step = 150
	var want []string
	for i := range 3 {
		want = append(want, s.fill(t, in, i*step, (i+1)*step)...)
		if i > 0 { // the first time it is killed before it has done anything
			s.committedAtLeast(t, name, int64(i*step+1))
		}
		s.Backend = s.Restart(t)
	}
	after := s.await(t, name, engine.Running)
	if after.UID != before.UID || after.SQL != before.SQL || !after.Created.Equal(before.Created) {
		t.Errorf("after the restart %+v, before it %+v", after, before)
	}
	if st, err := s.Backend.Get(t.Context(), stopped); err != nil || st.Phase != engine.Stopped {
		t.Errorf("the stopped statement is %s, %v", st.Phase, err)
	}
	want = append(want, s.fill(t, in, 600, 602)...)
	s.expect(t, out, minutesOf(0, 3*step, 0, anyTime))
	s.expect(t, copied, want)
}

func testStartOffsets(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	texts := s.fill(t, in, 0, 10) // even numbers on partition 0, odd ones on 1
	s.create(t, s.Name("from"), copyOf(in, out), engine.PropStart+in, "partition:1,offset:3")
	want := []string{texts[0], texts[2], texts[4], texts[6], texts[8], texts[7], texts[9]}
	s.expect(t, out, want)
	// An offset that is not in the log is told, not passed over.
	name := s.Name("beyond")
	s.create(t, name, copyOf(in, out), engine.PropStart+in, "partition:0,offset:0;partition:1,offset:99")
	st := s.await(t, name, engine.Failed)
	if st.Detail == "" {
		t.Error("FAILED without a detail")
	}
}

func testStartupModes(t *testing.T, s *suite) {
	in, _ := s.numbers(t, "avro-registry")
	texts := s.fill(t, in, 0, 10)
	table := func(name string) string {
		out := s.Name(name)
		s.declare(t, "CREATE TABLE `"+out+"` (n BIGINT NOT NULL, name STRING) WITH ('kafka.retention.time' = '0')")
		return out
	}
	byTime, byHint, latest := table("by-time"), table("by-hint"), table("latest")
	s.create(t, s.Name("time"), copyOf(in, byTime),
		"sql.tables.scan.startup.mode", "timestamp", "sql.tables.scan.startup.timestamp-millis", fmt.Sprint(1_700_000_000_000+7*1000))
	s.expect(t, byTime, append([]string{}, texts[7:]...))
	s.create(t, s.Name("hint"), copyOf(in, byHint)+" /*+ OPTIONS('scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:4;partition:1,offset:4') */")
	s.expect(t, byHint, append([]string{}, texts[8:]...))
	s.create(t, s.Name("latest"), copyOf(in, latest), "sql.tables.scan.startup.mode", "latest-offset")
	s.await(t, s.Name("latest"), engine.Running)
	s.expect(t, latest, s.fill(t, in, 10, 12))
}

// After a rebuild the first window may be partial, and what is in the output already is not written again.
func testSuppression(t *testing.T, s *suite) {
	in, out, sql := s.minutes(t)
	s.fill(t, in, 0, 600)
	first := int64(1_700_000_000_000)
	from := first - first%60_000 + 120_000 // the windows before this one are not wanted
	after := from + 180_000                // those that end by here are there already
	s.create(t, s.Name("rebuilt"), sql, "sql.tables.scan.bounded.mode", "latest-offset",
		engine.PropEmitFrom, fmt.Sprint(from), engine.PropEmitAfter, fmt.Sprint(after))
	s.await(t, s.Name("rebuilt"), engine.Completed)
	s.expect(t, out, minutesOf(0, 600, after, anyTime))
}

// An input that is held is read to there and no further, its windows stay open, and the statement runs on, also after a restart.
func testHold(t *testing.T, s *suite) {
	in, out, sql := s.minutes(t)
	s.fill(t, in, 0, 301) // one a second, by turns in both partitions
	const held = "partition:0,offset:100;partition:1,offset:100"
	name := s.Name("held")
	s.create(t, name, sql, engine.PropHold+in, held, "sql.tables.scan.idle-timeout", "20 ms") // what is held is not idle
	last := int64(1_700_000_000_000 + 198*1000)                                               // of the slower partition
	open := last - 180 - (last-180+1)%60_000 + 1                                              // start of the window that its watermark leaves open
	look := func() {
		t.Helper()
		s.committedAtLeast(t, name, 200)
		s.await(t, name, engine.Running)
		s.expect(t, out, minutesOf(0, 200, 0, open))
		p, err := s.Backend.Progress(t.Context(), name)
		if err != nil || p.RowsIn != 200 || p.Offsets[in][0] != 100 || p.Offsets[in][1] != 100 {
			t.Errorf("progress %+v, %v", p, err)
		}
	}
	look()
	if s.Restart != nil {
		s.Backend = s.Restart(t)
		look()
	}
	for _, c := range []map[string]string{
		{engine.PropHold + in: "0:1"},
		{engine.PropHold + in: held, "sql.tables.scan.bounded.mode": "latest-offset"},
	} {
		if _, err := s.Backend.Create(t.Context(), engine.Spec{Name: s.Name("refused"), SQL: sql, Properties: c}); err == nil {
			t.Errorf("%v was accepted", c)
		}
	}
}
