package format

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

func TestKeysMetadataAndRowtime(t *testing.T) {
	declared := table(t, "`id` INT NOT NULL, name STRING, off BIGINT METADATA FROM 'offset' VIRTUAL, part INT METADATA FROM 'partition' VIRTUAL, "+
		"topic STRING METADATA VIRTUAL, ts TIMESTAMP_LTZ(6) METADATA FROM 'timestamp', kind STRING METADATA FROM 'timestamp-type' VIRTUAL, rk BYTES METADATA FROM 'raw-key' VIRTUAL",
		"DISTRIBUTED BY (`id`) INTO 2 BUCKETS")
	key, value, err := ForTable(declared)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []int{8, 1, 0, 2, 3, 4, 5, 6, 7}
	reader, err := NewReader(Source{Table: declared, Wanted: wanted, Lookup: schemas(map[int]string{1: key.Text, 2: value.Text}, "AVRO")})
	if err != nil {
		t.Fatal(err)
	}
	k, _ := avro.MustParse(key.Text).Encode(map[string]any{"id": 7})
	v, _ := avro.MustParse(value.Text).Encode(map[string]any{"name": "x"})
	b := vec.New(reader.Kinds()...)
	b.Topic = "t"
	if err := reader.Append(b, &Record{Key: wire(1, k), Value: wire(2, v), Timestamp: 123, Offset: 9, Partition: 1, LogAppend: true}); err != nil {
		t.Fatal(err)
	}
	if err := reader.Append(b, &Record{Key: wire(1, k), Timestamp: 124, Offset: 10}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`123 "x" 7 9 1 "t" 123000 "LogAppendTime" "\x00\x00\x00\x00\x01\x0e"`,
		`124 NULL 7 10 0 "t" 124000 "CreateTime" "\x00\x00\x00\x00\x01\x0e"`,
	}
	if diff := cmp.Diff(want, rows(b, declared, wanted)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{123, 124}, b.RowTime); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{9, 10}, b.Offsets); diff != "" {
		t.Error(diff)
	}
}

func TestBadRecordsAndLookups(t *testing.T) {
	declared := table(t, "a INT NOT NULL")
	text := `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	asked := 0
	down := errors.New("registry is down")
	lookup := func(id int) (Schema, error) {
		asked++
		switch id {
		case 1:
			return Schema{ID: 1, Text: text}, nil
		case 2:
			return Schema{ID: 2, Type: "JSON", Text: "{}"}, nil
		case 3:
			return Schema{ID: 3, Text: "{"}, nil
		}
		return Schema{}, down
	}
	reader, err := NewReader(Source{Table: declared, Wanted: []int{0}, Lookup: lookup})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.New(reader.Kinds()...)
	b.Topic = "t"
	tests := []struct {
		name  string
		value []byte
		want  string
		bad   bool
	}{
		{"good", wire(1, []byte{2}), "", false},
		{"null", nil, `t-0@0: decoding the record's value: it is null, and column "a" is INT NOT NULL`, true},
		{"empty", []byte{}, `t-0@0: decoding the record's value: it does not begin with a zero byte and a schema id`, true},
		{"no magic", []byte{1, 0, 0, 0, 1, 2}, `t-0@0: decoding the record's value: it does not begin with a zero byte and a schema id`, true},
		{"another kind of schema", wire(2, nil), `t-0@0: decoding the record's value: schema 2: it is of type JSON, which the table's format does not read`, true},
		{"a schema that is none", wire(3, nil), "t-0@0: decoding the record's value: schema 3: schema 3: ", true},
		{"the registry is down", wire(9, nil), `t-0@0: schema 9 of the record's value: registry is down`, false},
		{"good again", wire(1, []byte{4}), "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := reader.Append(b, &Record{Value: tt.value})
			var bad *BadRecordError
			if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && !strings.HasPrefix(got, tt.want) || errors.As(err, &bad) != tt.bad {
				t.Errorf("%v, want %s", err, tt.want)
			}
			if tt.name == "the registry is down" && !errors.Is(err, down) {
				t.Errorf("%v does not wrap the lookup's error", err)
			}
		})
	}
	if diff := cmp.Diff([]string{"1", "2"}, rows(b, declared, []int{0})); diff != "" {
		t.Error(diff)
	}
	if asked != 4 {
		t.Errorf("asked %d times for 4 ids", asked)
	}
}

func TestRaw(t *testing.T) {
	declared := table(t, "k INT, v STRING NOT NULL", "DISTRIBUTED BY (k) INTO 1 BUCKETS WITH ('key.format' = 'raw', 'value.format' = 'raw')")
	reader, err := NewReader(Source{Table: declared, Wanted: []int{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.New(reader.Kinds()...)
	for _, r := range []Record{{Key: []byte{0xff, 0xff, 0xff, 0xfe}, Value: []byte("é")}, {Value: []byte("")}} {
		if err := reader.Append(b, &r); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{`-2 "é"`, `NULL ""`}, rows(b, declared, []int{0, 1})); diff != "" {
		t.Error(diff)
	}
	for _, r := range []Record{{Key: []byte{1}, Value: []byte("x")}, {Value: []byte{0xff}}} {
		var bad *BadRecordError
		if err := reader.Append(b, &r); !errors.As(err, &bad) {
			t.Errorf("%v is taken: %v", r, err)
		}
	}
	writer, err := NewWriter(Sink{Table: declared, Targets: []int{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	var out Records
	if err := writer.Append(&out, b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"\xff\xff\xff\xfe", "é", "", ""}, []string{string(out.Key(0)), string(out.Value(0)), string(out.Key(1)), string(out.Value(1))}); diff != "" {
		t.Error(diff)
	}
	if out.Key(1) != nil || out.Value(1) == nil {
		t.Errorf("a null key is %v, an empty value %v", out.Key(1), out.Value(1))
	}
}

func TestWriterRefuses(t *testing.T) {
	schema := func(fields string) *Schema {
		return &Schema{Text: `{"type":"record","name":"R","fields":[` + fields + `]}`}
	}
	tests := []struct {
		name, columns string
		schema        *Schema
		want          string
	}{
		{"no field", "a INT, b INT", schema(`{"name":"a","type":["null","int"]}`), `the schema has no field "b" for column "b"`},
		{"a field more", "a INT", schema(`{"name":"a","type":["null","int"]},{"name":"z","type":"int"}`), `field "z" of the schema has no default, and no column fills it`},
		{"a nullable column", "a INT", schema(`{"name":"a","type":"int"}`), `field "a": column "a" of type INT may be NULL, and the field may not`},
		{"another type", "a STRING", schema(`{"name":"a","type":["null","int"]}`), `field "a": column "a" of type STRING cannot be written as avro int`},
		{"no schema", "a INT", nil, `no schema is registered`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			declared := table(t, tt.columns)
			_, err := NewWriter(Sink{Table: declared, Targets: physical(declared), Value: tt.schema})
			if diff := cmp.Diff(`table "t": value: `+tt.want, fmt.Sprint(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	declared := table(t, "a INT NOT NULL, b INT")
	w, err := NewWriter(Sink{Table: declared, Targets: []int{0, 1}, Value: schema(`{"name":"z","type":["null","string"],"default":null},{"name":"b","type":["null","int"]},{"name":"a","type":"long"}`)})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.New(vec.Int64, vec.Int64)
	b.Topic, b.N, b.Offsets = "src", 2, []int64{5, 6}
	b.Cols[0].AppendInt64(1)
	b.Cols[0].AppendNull()
	b.Cols[1].AppendNull()
	b.Cols[1].AppendNull()
	var out Records
	err = w.Append(&out, b)
	if diff := cmp.Diff(`src-0@6: table "t": column "a" is NOT NULL, and the row's value is NULL`, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("\x00\x00\x00\x00\x00\x00\x00\x02", string(out.Value(0))); diff != "" {
		t.Errorf("the row before: %s", diff)
	}
}

func TestUnsupportedIsRefusedByName(t *testing.T) {
	for columns, want := range map[string]string{
		"a ARRAY<INT>": `table "t": column "a": reading the type ARRAY<INT> is not supported`,
		"h MAP<BYTES, BYTES> METADATA FROM 'headers'": `table "t": column "h": reading the type MAP<BYTES, BYTES> is not supported`,
	} {
		declared := table(t, columns)
		if _, err := NewReader(Source{Table: declared, Wanted: []int{0}}); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", columns, err, want)
		}
	}
	proto := &statements.Table{Name: "p", Columns: []statements.TableColumn{{Name: "a", Type: statements.Int()}}, Options: map[string]string{"value.format": "proto-registry"}}
	if _, err := NewReader(Source{Table: proto, Wanted: []int{0}}); err == nil || !strings.Contains(err.Error(), `value.format "proto-registry" is not supported`) {
		t.Error(err)
	}
}

func TestPartitionIsKafkas(t *testing.T) {
	declared := table(t, "k STRING, v INT", "DISTRIBUTED BY (k) INTO 1 BUCKETS WITH ('key.format' = 'raw')")
	w, err := NewWriter(Sink{Table: declared, Targets: []int{0, 1}, Value: &Schema{Text: `{"type":"record","name":"R","fields":[{"name":"v","type":["null","int"]}]}`}})
	if err != nil {
		t.Fatal(err)
	}
	kafka := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	var out Records
	b := vec.New(vec.Bytes, vec.Int64)
	for i := range 200 {
		b.Cols[0].AppendString(strings.Repeat("k", i%9) + fmt.Sprint(i))
		b.Cols[1].AppendNull()
		b.N++
	}
	if err := w.Append(&out, b); err != nil {
		t.Fatal(err)
	}
	for i := range out.Len() {
		got, ok := out.Partition(i, 7)
		if want := kafka.Partition(&kgo.Record{Key: out.Key(i)}, 7); !ok || int(got) != want {
			t.Fatalf("key %q goes to %d, Kafka's partitioner says %d", out.Key(i), got, want)
		}
	}
}
