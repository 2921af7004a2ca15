package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine"
)

func testFilter(t *testing.T, s *suite) {
	for _, format := range []string{"avro-registry", "json-registry"} {
		t.Run(format, func(t *testing.T) {
			s := newSuite(t, Subject{s.Backend, s.Kafka, s.Registry, func(base string) string { return s.Name(format[:4] + base) }, nil})
			in, out := s.numbers(t, format)
			s.create(t, s.Name("filter"), fmt.Sprintf("INSERT INTO `%s` SELECT n + 1, CASE WHEN n > 5 THEN name ELSE 'few' END FROM `%s` WHERE MOD(n, 3) = 0", out, in))
			s.fill(t, in, 0, 10)
			var want []string
			for n := 0; n < 10; n += 3 {
				name := "few"
				if n > 5 {
					name = fmt.Sprintf("row %d", n)
				}
				want = append(want, fmt.Sprintf("n=%d name=%s", n+1, name))
			}
			s.expect(t, out, want)
			s.fill(t, in, 12, 13)
			s.expect(t, out, append(want, "n=13 name=row 12"))
		})
	}
}

// minutes declares a table of one-minute counts over numbers.
func (s *suite) minutes(t *testing.T) (in, out, sql string) {
	t.Helper()
	in, _ = s.numbers(t, "avro-registry")
	out = s.Name("minutes")
	s.declare(t, "CREATE TABLE `"+out+"` (even BOOLEAN NOT NULL, start_ms TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, total BIGINT) DISTRIBUTED BY (even) INTO 2 BUCKETS WITH ('kafka.retention.time' = '0')")
	sql = fmt.Sprintf("INSERT INTO `%s` SELECT MOD(n, 2) = 0, window_start, COUNT(*), SUM(n)\n"+
		"FROM TABLE(TUMBLE(TABLE `%s`, DESCRIPTOR(`$rowtime`), INTERVAL '1' MINUTE))\nGROUP BY window_start, window_end, MOD(n, 2) = 0", out, in)
	return in, out, sql
}

// minutesOf is what minutes gives for the numbers from, …, to-1, of windows that start in [first, before), epoch milliseconds.
func minutesOf(from, to int, first, before int64) []string {
	type key struct {
		even  bool
		start int64
	}
	count, total := map[key]int64{}, map[key]int64{}
	for n := from; n < to; n++ {
		at := int64(1_700_000_000_000 + n*1000)
		k := key{n%2 == 0, at - at%60_000}
		count[k]++
		total[k] += int64(n)
	}
	var out []string
	for k, n := range count {
		if k.start >= first && k.start < before {
			out = append(out, fmt.Sprintf("even=%v n=%d start_ms=%d total=%d", k.even, n, k.start, total[k]))
		}
	}
	slices.Sort(out)
	return out
}

const anyTime = int64(1) << 60

func testWindow(t *testing.T, s *suite) {
	in, out, sql := s.minutes(t)
	// Bounded: the end of the input completes what is open.
	s.fill(t, in, 0, 300)
	s.create(t, s.Name("bounded"), sql, "sql.tables.scan.bounded.mode", "latest-offset")
	if st := s.await(t, s.Name("bounded"), engine.Completed); !st.Bounded {
		t.Error("is_bounded is not set")
	}
	if diff := cmp.Diff(minutesOf(0, 300, 0, anyTime), s.texts(t, out)); diff != "" {
		t.Error(diff)
	}
	// Unbounded: a window comes out when the watermark of the slowest partition has passed its end.
	live := s.Name("live")
	s.declare(t, "CREATE TABLE `"+live+"` (even BOOLEAN NOT NULL, start_ms TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, total BIGINT) WITH ('kafka.retention.time' = '0')")
	s.create(t, s.Name("unbounded"), strings.Replace(sql, out, live, 1), "sql.tables.scan.idle-timeout", "0")
	last := int64(1_700_000_000_000 + 298*1000)  // of the slower partition
	open := last - 180 - (last-180+1)%60_000 + 1 // start of the window that its watermark leaves open
	s.expect(t, live, minutesOf(0, 300, 0, open))
	s.fill(t, in, 300, 400)
	last = int64(1_700_000_000_000 + 398*1000)
	open = last - 180 - (last-180+1)%60_000 + 1
	s.expect(t, live, minutesOf(0, 400, 0, open))
}

func testAborted(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	s.create(t, s.Name("committed"), copyOf(in, out))
	want := s.fill(t, in, 0, 2)
	writer, err := kgo.NewClient(append(slices.Clone(s.Kafka), kgo.TransactionalID(s.Name("writer")), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for n := 2; n < 10; n += 2 {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := n; i < n+2; i++ {
			if err := writer.ProduceSync(t.Context(), s.record(t, in, int32(i%2), int64(1_700_000_000_000+i*1000), row{"n": int64(i), "name": fmt.Sprintf("row %d", i)})).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		commit := kgo.TransactionEndTry(n%4 == 0)
		if err := writer.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
		if commit {
			want = append(want, fmt.Sprintf("n=%d name=row %d", n, n), fmt.Sprintf("n=%d name=row %d", n+1, n+1))
		}
	}
	want = append(want, s.fill(t, in, 20, 22)...)
	s.expect(t, out, want)
}

// The rows of a table with a writable timestamp column carry their own time.
func testTimestampColumn(t *testing.T, s *suite) {
	in, _ := s.numbers(t, "avro-registry")
	out := s.Name("timed")
	s.declare(t, "CREATE TABLE `"+out+"` (n BIGINT NOT NULL, made TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') WITH ('kafka.retention.time' = '0')")
	s.create(t, s.Name("timed"), fmt.Sprintf("INSERT INTO `%s` SELECT n, `$rowtime` FROM `%s`", out, in))
	s.fill(t, in, 0, 4)
	s.expect(t, out, []string{"n=0", "n=1", "n=2", "n=3"})
	records, err := s.committed(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		n := s.decode(t, r.Value)["n"].(int64)
		if got, want := r.Timestamp.UnixMilli(), 1_700_000_000_000+n*1000; got != want {
			t.Errorf("row %d has timestamp %d, want %d", n, got, want)
		}
	}
}

func testBadRecord(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	want := s.fill(t, in, 0, 2)
	bad := &kgo.Record{Topic: in, Partition: 1, Value: []byte("no schema id")}
	s.produce(t, bad)
	want = append(want, s.fill(t, in, 2, 4)...)
	name := s.Name("strict")
	s.create(t, name, copyOf(in, out))
	failed := s.await(t, name, engine.Failed)
	if place := fmt.Sprintf("%s-1@1", in); !strings.Contains(failed.Detail, place) {
		t.Errorf("the detail %q does not name %s", failed.Detail, place)
	}
	if e, ok := s.Backend.(engine.Exceptioner); ok {
		all, err := e.Exceptions(t.Context(), name)
		if err != nil || len(all) == 0 || !strings.Contains(all[0].Message, in) || all[0].At.IsZero() {
			t.Errorf("exceptions: %+v, %v", all, err)
		}
	}
	// The same statement with the record passed over, as an OPTIONS hint asks for.
	all := s.Name("all")
	s.declare(t, "CREATE TABLE `"+all+"` (n BIGINT NOT NULL, name STRING) WITH ('kafka.retention.time' = '0')")
	s.create(t, s.Name("lenient"), copyOf(in, all)+" /*+ OPTIONS('error-handling.mode' = 'ignore') */")
	s.expect(t, all, want)
}

func testProgress(t *testing.T, s *suite) {
	in, out := s.numbers(t, "avro-registry")
	name := s.Name("progress")
	s.create(t, name, copyOf(in, out))
	s.fill(t, in, 0, 20)
	s.eventually(t, func(ctx context.Context) error {
		p, err := s.Backend.Progress(ctx, name)
		if err != nil {
			return err
		}
		want := map[string]map[int32]int64{in: {0: 10, 1: 10}}
		if diff := cmp.Diff(want, p.Offsets); diff != "" || p.RowsIn != 20 || p.RowsOut != 20 || p.Commits == 0 {
			return fmt.Errorf("progress %+v: %s", p, diff)
		}
		if want := int64(1_700_000_000_000 + 18*1000 - 180); p.Watermark != want {
			return fmt.Errorf("watermark %d, want %d: that of the slower partition", p.Watermark, want)
		}
		return nil
	})
	st, err := s.Backend.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{in: "partition:0,offset:10;partition:1,offset:10"}, st.Offsets); diff != "" || st.OffsetAt.IsZero() {
		t.Errorf("latest offsets at %v: %s", st.OffsetAt, diff)
	}
}
