package plan_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

var update = flag.Bool("update", false, "write the golden files")

// tables declares tables by their CREATE TABLE.
func tables(t testing.TB, ddl ...string) statements.Tables {
	t.Helper()
	out := statements.Tables{}
	for _, sql := range ddl {
		u, findings := statements.ParseOne("t.sql", sql)
		if len(findings) > 0 {
			t.Fatalf("%s: %v", sql, findings)
		}
		table, findings := statements.TableOf(u)
		if len(findings) > 0 {
			t.Fatalf("%s: %v", sql, findings)
		}
		out[table.Name] = table
	}
	return out
}

func compile(t testing.TB, cat statements.Catalog, sql string, props map[string]string) *plan.Pipeline {
	t.Helper()
	p, err := plan.Compile(resolve(t, cat, sql), props)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func resolve(t testing.TB, cat statements.Catalog, sql string) *statements.Resolved {
	t.Helper()
	u, findings := statements.ParseOne("t.sql", sql)
	if len(findings) > 0 {
		t.Fatalf("%s: %v", sql, findings)
	}
	r, findings := statements.Resolve(u, cat)
	if len(findings) > 0 {
		t.Fatalf("%s: %v", sql, findings)
	}
	return r
}

// flights are the tables of the example, in the form in which a user declares them.
const (
	flightsDDL = "CREATE TABLE flights (carrier STRING NOT NULL, flight INT NOT NULL, tailnum STRING, origin STRING NOT NULL, dest STRING NOT NULL, " +
		"dep_delay INT, distance INT NOT NULL)"
	departuresDDL = "CREATE TABLE departures (origin STRING NOT NULL, carrier STRING NOT NULL, flight INT NOT NULL, dest STRING NOT NULL, dep_delay INT NOT NULL, " +
		"departed TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') DISTRIBUTED BY (origin) INTO 6 BUCKETS"
	delaysDDL = "CREATE TABLE delays_by_hour (origin STRING NOT NULL, hour_start TIMESTAMP(3) NOT NULL, departures BIGINT NOT NULL, late BIGINT NOT NULL, " +
		"mean_delay DECIMAL(10, 2), worst_delay INT, hour_end TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') DISTRIBUTED BY (origin) INTO 3 BUCKETS"
	departuresSQL = "INSERT INTO departures SELECT origin, carrier, flight, dest, dep_delay, `$rowtime` FROM flights WHERE dep_delay IS NOT NULL"
	delaysSQL     = "INSERT INTO delays_by_hour SELECT origin, window_start, COUNT(*), " +
		"SUM(CASE WHEN dep_delay >= 15 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END), " +
		"CAST(AVG(CAST(dep_delay AS DECIMAL(10, 2))) AS DECIMAL(10, 2)), MAX(dep_delay), MAX(`$rowtime`) " +
		"FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR)) WHERE dep_delay IS NOT NULL GROUP BY window_start, window_end, origin"
)

const flightSchema = `{"type":"record","name":"Flight","namespace":"nycflights","fields":[
 {"name":"carrier","type":"string"},{"name":"flight","type":"int"},{"name":"tailnum","type":["null","string"],"default":null},
 {"name":"origin","type":"string"},{"name":"dest","type":"string"},{"name":"dep_delay","type":["null","int"],"default":null},
 {"name":"distance","type":"int"}]}`

type flight struct {
	Carrier  string  `avro:"carrier"`
	Flight   int32   `avro:"flight"`
	Tailnum  *string `avro:"tailnum"`
	Origin   string  `avro:"origin"`
	Dest     string  `avro:"dest"`
	DepDelay *int32  `avro:"dep_delay"`
	Distance int32   `avro:"distance"`
}

func delay(n int32) *int32 { return &n }

// wire frames a payload as the registry's serializers do.
func wire(id byte, payload []byte) []byte { return append([]byte{0, 0, 0, 0, id}, payload...) }

// source feeds records into a pipeline, and collects what comes out as text.
type source struct {
	t        testing.TB
	p        *plan.Pipeline
	reader   *format.Reader
	writer   *format.Writer
	key, val *avro.Schema
	records  format.Records
	rows     []string
	mark     int64
}

func newSource(t testing.TB, p *plan.Pipeline, schemas map[int]string) *source {
	t.Helper()
	s := &source{t: t, p: p, mark: math.MinInt64}
	lookup := func(id int) (format.Schema, error) {
		if text, ok := schemas[id]; ok {
			return format.Schema{ID: id, Text: text}, nil
		}
		return format.Schema{}, fmt.Errorf("schema %d is not registered", id)
	}
	var err error
	if s.reader, err = p.NewReader(lookup, nil, nil); err != nil {
		t.Fatal(err)
	}
	key, value, err := format.ForTable(p.Output)
	if err != nil {
		t.Fatal(err)
	}
	if key != nil {
		key.ID = 100
		s.key = avro.MustParse(key.Text)
	}
	value.ID = 101
	s.val = avro.MustParse(value.Text)
	if s.writer, err = p.NewWriter(key, value); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *source) emit(b *vec.Batch) error {
	s.records.Reset()
	if err := s.writer.Append(&s.records, b); err != nil {
		return err
	}
	for i := range s.records.Len() {
		line := ""
		if k := s.records.Key(i); k != nil {
			line = s.text(s.key, k) + " "
		}
		line += s.text(s.val, s.records.Value(i))
		if ms, ok := s.records.Timestamp(i); ok {
			line += fmt.Sprintf(" @%d", ms)
		}
		s.rows = append(s.rows, line)
	}
	return nil
}

// text decodes a payload by the library, and prints it as JSON.
func (s *source) text(schema *avro.Schema, payload []byte) string {
	var v any
	if _, err := schema.Decode(payload[5:], &v); err != nil {
		s.t.Fatal(err)
	}
	b, err := schema.EncodeJSON(v)
	if err != nil {
		s.t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		s.t.Fatal(err)
	}
	b, _ = json.Marshal(out)
	return string(b)
}

// run processes records in batches of a size, with the watermark of each batch after it.
func (s *source) run(records []format.Record, size int) {
	s.t.Helper()
	b := s.p.NewBatch()
	defer s.p.Release(b)
	b.Topic = s.p.Input.Name
	flush := func() {
		if b.N == 0 {
			return
		}
		mark, err := s.p.Watermark(b)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := s.p.Process(b, s.emit); err != nil {
			s.t.Fatal(err)
		}
		s.mark = max(s.mark, mark)
		if err := s.p.Advance(s.mark, s.emit); err != nil {
			s.t.Fatal(err)
		}
		b.Reset()
		b.Topic = s.p.Input.Name
	}
	for i := range records {
		if err := s.reader.Append(b, &records[i]); err != nil {
			s.t.Fatal(err)
		}
		if b.N >= size {
			flush()
		}
	}
	flush()
}

func flights(t testing.TB) []format.Record {
	t.Helper()
	schema := avro.MustParse(flightSchema)
	const hour = 3_600_000
	var out []format.Record
	for i, f := range []struct {
		at int64
		flight
	}{
		{10, flight{Carrier: "UA", Flight: 1545, Origin: "EWR", Dest: "IAH", DepDelay: delay(2)}},
		{20, flight{Carrier: "AA", Flight: 1141, Origin: "JFK", Dest: "MIA", DepDelay: delay(33)}},
		{30, flight{Carrier: "B6", Flight: 725, Origin: "JFK", Dest: "BQN"}},
		{40, flight{Carrier: "DL", Flight: 461, Origin: "EWR", Dest: "ATL", DepDelay: delay(-6)}},
		{hour + 5, flight{Carrier: "UA", Flight: 1696, Origin: "EWR", Dest: "ORD", DepDelay: delay(15)}},
		{hour - 1, flight{Carrier: "EV", Flight: 5708, Origin: "LGA", Dest: "IAD", DepDelay: delay(1)}},
		{2 * hour, flight{Carrier: "AA", Flight: 301, Origin: "LGA", Dest: "ORD", DepDelay: delay(0)}},
	} {
		value, err := schema.Encode(&f.flight)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, format.Record{Value: wire(1, value), Timestamp: f.at, Offset: int64(i)})
	}
	return out
}

func TestFilterAndProject(t *testing.T) {
	s := newSource(t, compile(t, tables(t, flightsDDL, departuresDDL), departuresSQL, nil), map[int]string{1: flightSchema})
	s.run(flights(t), 4)
	want := []string{
		`{"origin":"EWR"} {"carrier":"UA","dep_delay":2,"dest":"IAH","flight":1545} @10`,
		`{"origin":"JFK"} {"carrier":"AA","dep_delay":33,"dest":"MIA","flight":1141} @20`,
		`{"origin":"EWR"} {"carrier":"DL","dep_delay":-6,"dest":"ATL","flight":461} @40`,
		`{"origin":"EWR"} {"carrier":"UA","dep_delay":15,"dest":"ORD","flight":1696} @3600005`,
		`{"origin":"LGA"} {"carrier":"EV","dep_delay":1,"dest":"IAD","flight":5708} @3599999`,
		`{"origin":"LGA"} {"carrier":"AA","dep_delay":0,"dest":"ORD","flight":301} @7200000`,
	}
	if diff := cmp.Diff(want, s.rows); diff != "" {
		t.Error(diff)
	}
}

func TestTumble(t *testing.T) {
	p := compile(t, tables(t, flightsDDL, delaysDDL), delaysSQL, nil)
	s := newSource(t, p, map[int]string{1: flightSchema})
	s.run(flights(t), 1)
	want := []string{
		`{"origin":"EWR"} {"departures":2,"hour_start":0,"late":0,"mean_delay":"ÿ8","worst_delay":2} @40`,
		`{"origin":"JFK"} {"departures":1,"hour_start":0,"late":1,"mean_delay":"\fä","worst_delay":33} @20`,
		`{"origin":"LGA"} {"departures":1,"hour_start":0,"late":0,"mean_delay":"d","worst_delay":1} @3599999`,
		`{"origin":"EWR"} {"departures":1,"hour_start":3600000,"late":1,"mean_delay":"\u0005Ü","worst_delay":15} @3600005`,
		`{"origin":"LGA"} {"departures":1,"hour_start":7200000,"late":0,"mean_delay":"\u0000","worst_delay":0} @7200000`,
	}
	if err := p.Advance(math.MaxInt64, s.emit); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.rows); diff != "" {
		t.Error(diff)
	}
}

// TestExplain keeps the plans of the example's statements, to be reviewed like code: go test -run Explain -update writes them.
func TestExplain(t *testing.T) {
	cat := tables(t, flightsDDL, departuresDDL, delaysDDL, eventsDDL, "CREATE TABLE big (k STRING, n BIGINT, w TIMESTAMP(3))")
	for name, sql := range map[string]string{
		"departures": departuresSQL,
		"delays":     delaysSQL,
		"having": "INSERT INTO big SELECT UPPER(k1), COUNT(*) FILTER (WHERE b), window_start FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' DAY)) " +
			"WHERE i > 0 AND s LIKE 'a%' GROUP BY UPPER(k1), window_start, window_end HAVING COUNT(DISTINCT s) > 1",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".explain")
			got := compile(t, cat, sql, nil).Explain()
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWindowsByTheSessionsClock(t *testing.T) {
	cat := tables(t, flightsDDL, "CREATE TABLE days (d TIMESTAMP(3), e TIMESTAMP(3), n BIGINT)")
	sql := "INSERT INTO days SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(`$rowtime`), INTERVAL '1' DAY)) GROUP BY window_start, window_end"
	const hour = 3_600_000
	for zone, want := range map[string][]string{
		"UTC":           {"0|86400000|3", "86400000|172800000|1"},
		"Asia/Shanghai": {"0|86400000|1", "86400000|172800000|3"}, // the second local day begins at 16:00 UTC of the first
	} {
		t.Run(zone, func(t *testing.T) {
			p := compile(t, cat, sql, map[string]string{"sql.local-time-zone": zone})
			var got []string
			b := p.NewBatch()
			for _, at := range []int64{15 * hour, 16 * hour, 23 * hour, 24 * hour} {
				for i := range b.Cols {
					b.Cols[i].AppendInt64(at)
				}
				b.RowTime = append(b.RowTime, at)
				b.N++
			}
			if err := p.Process(b, collect(p, &got)); err != nil {
				t.Fatal(err)
			}
			if zone != "UTC" {
				advance(t, p, 16*hour-2, &got)
				if len(got) != 0 {
					t.Fatalf("fired early: %q", got)
				}
				advance(t, p, 16*hour-1, &got)
				if len(got) != 1 {
					t.Fatalf("fired late: %q", got)
				}
			}
			advance(t, p, math.MaxInt64, &got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	cat := tables(t, flightsDDL, departuresDDL, eventsDDL,
		"CREATE TABLE nested (a ARRAY<INT>, b INT)",
		"CREATE TABLE out_s (s STRING)", "CREATE TABLE out_a (a ARRAY<INT>)", "CREATE TABLE late (s STRING) WITH ('late-handling.mode' = 'filter')")
	tests := []struct{ name, sql, want string }{
		{"a nested column", "INSERT INTO out_a SELECT a FROM nested", `1:33: column "a" of table "nested": reading the type ARRAY<INT> is not supported`},
		{"late rows", "INSERT INTO out_s SELECT s FROM late", `1:33: table "late": late-handling.mode filter is not supported`},
		{"the watermark", "INSERT INTO out_s SELECT s FROM events WHERE CURRENT_WATERMARK(ts) < ts", `1:46: the function CURRENT_WATERMARK is not supported: it depends on when rows arrive; compare with a column instead`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plan.Compile(resolve(t, cat, tt.sql), nil)
			var inv *engine.InvalidError
			if !errors.As(err, &inv) {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(tt.want, inv.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := plan.Compile(resolve(t, cat, departuresSQL), map[string]string{"sql.local-time-zone": "Mars/Olympus"})
	if want := `property sql.local-time-zone: the time zone "Mars/Olympus" is not known`; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestErrorsAtRunTimeNameTheRecord(t *testing.T) {
	p := compile(t, tables(t, flightsDDL, "CREATE TABLE ratios (r INT)"), "INSERT INTO ratios SELECT 100 / dep_delay FROM flights", nil)
	b := p.NewBatch()
	b.Topic, b.Partition = "flights", 3
	for i := range int64(3) {
		b.Cols[0].AppendInt64(2 - i)
		b.Offsets = append(b.Offsets, 40+i)
		b.N++
	}
	err := p.Process(b, func(*vec.Batch) error { return nil })
	if diff := cmp.Diff("flights-3@42: line 1, column 31: division by zero", fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}
