package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"pgregory.net/rapid"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// table declares a table of these columns; clauses may follow.
func table(t testing.TB, columns string, clauses ...string) *statements.Table {
	t.Helper()
	u, findings := statements.ParseOne("t.sql", "CREATE TABLE t ("+columns+") "+strings.Join(clauses, " "))
	if len(findings) == 0 {
		out, findings := statements.TableOf(u)
		if len(findings) == 0 {
			return out
		}
		t.Fatal(findings)
	}
	t.Fatal(findings)
	return nil
}

// physical are the indexes of all columns but $rowtime.
func physical(t *statements.Table) []int {
	var out []int
	for i := range t.Columns {
		out = append(out, i)
	}
	return out
}

func schemas(texts map[int]string, kind string) Lookup {
	return func(id int) (Schema, error) {
		if text, ok := texts[id]; ok {
			return Schema{ID: id, Type: kind, Text: text}, nil
		}
		return Schema{}, fmt.Errorf("not registered")
	}
}

func wire(id byte, payload []byte) []byte { return append([]byte{0, 0, 0, 0, id}, payload...) }

// rows prints all rows of a batch.
func rows(b *vec.Batch, t *statements.Table, wanted []int) []string {
	var out []string
	row := t.Row()
	for i := range b.N {
		var cells []string
		for at, index := range wanted {
			cells = append(cells, cell(&b.Cols[at], i, row[index].Type))
		}
		out = append(out, strings.Join(cells, " "))
	}
	return out
}

func cell(v *vec.Vector, i int, t statements.Type) string {
	if v.Null(i) {
		return "NULL"
	}
	switch v.Kind {
	case vec.Int64:
		return fmt.Sprint(v.I64[i])
	case vec.Float64:
		return fmt.Sprint(v.F64[i])
	case vec.Decimal:
		return string(decimal.Append(nil, v.Dec[i], t.Scale))
	case vec.Bool:
		return fmt.Sprint(v.Bool[i])
	default:
		return fmt.Sprintf("%q", v.Value(i))
	}
}

// TestAvroEvolution reads records of one schema as a table that was declared with another in mind.
func TestAvroEvolution(t *testing.T) {
	tests := []struct {
		name    string
		columns string // of the table
		writer  string // fields of the record's schema
		reader  string // fields of the schema that the table was read with; "" is none
		value   map[string]any
		want    string // a row, or the reason why the record is bad
	}{
		{"as declared", "a INT, b STRING", `{"name":"a","type":["null","int"]},{"name":"b","type":["null","string"]}`, "", map[string]any{"a": 1, "b": "x"}, `1 "x"`},
		{"null", "a INT, b STRING", `{"name":"a","type":["null","int"]},{"name":"b","type":["string","null"]}`, "", map[string]any{"a": nil, "b": nil}, `NULL NULL`},
		{"another order", "a INT, b STRING", `{"name":"b","type":"string"},{"name":"a","type":"int"}`, "", map[string]any{"a": 1, "b": "x"}, `1 "x"`},
		{"a field more", "a INT", `{"name":"z","type":{"type":"map","values":"long"}},{"name":"a","type":"int"},{"name":"y","type":{"type":"array","items":"string"}}`, "",
			map[string]any{"a": 1, "z": map[string]any{"k": int64(7)}, "y": []any{"p", "q"}}, `1`},
		{"a field less", "a INT, b STRING", `{"name":"a","type":"int"}`, "", map[string]any{"a": 1}, `1 NULL`},
		{"a field less, with a default", "a INT, b STRING NOT NULL", `{"name":"a","type":"int"}`, `{"name":"a","type":"int"},{"name":"b","type":"string","default":"none"}`,
			map[string]any{"a": 1}, `1 "none"`},
		{"a decimal's default", "a INT, d DECIMAL(5, 2) NOT NULL", `{"name":"a","type":"int"}`,
			`{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2},"default":"\u0001\u0000"}`, map[string]any{"a": 1}, `1 2.56`},
		{"a field less, NOT NULL", "a INT, b STRING NOT NULL", `{"name":"a","type":"int"}`, "", map[string]any{"a": 1},
			`schema 1: column "b" is STRING NOT NULL, and the record's schema has no field for it and no default`},
		{"renamed, with an alias", "b STRING", `{"name":"old","type":"string"}`, `{"name":"b","type":"string","aliases":["old"]}`, map[string]any{"old": "x"}, `"x"`},
		{"int to BIGINT and DOUBLE", "a BIGINT, b DOUBLE", `{"name":"a","type":"int"},{"name":"b","type":"int"}`, "", map[string]any{"a": 5, "b": 6}, `5 6`},
		{"long to FLOAT, float to DOUBLE", "a FLOAT, b DOUBLE", `{"name":"a","type":"long"},{"name":"b","type":"float"}`, "", map[string]any{"a": int64(5), "b": float32(1.5)}, `5 1.5`},
		{"long in an INT that it fits", "a INT", `{"name":"a","type":"long"}`, "", map[string]any{"a": int64(7)}, `7`},
		{"long in an INT that it does not fit", "a INT", `{"name":"a","type":"long"}`, "", map[string]any{"a": int64(1 << 40)}, `field "a": the number does not fit the column's type`},
		{"double in a BIGINT", "a BIGINT", `{"name":"a","type":"double"}`, "", map[string]any{"a": 1.0},
			`schema 1: field "a": avro double cannot be read as column "a" of type BIGINT`},
		{"a union of three", "a BIGINT", `{"name":"a","type":["int","null","long"]}`, "", map[string]any{"a": int64(1 << 40)}, `1099511627776`},
		{"null in the middle of a union", "a BIGINT", `{"name":"a","type":["int","null","long"]}`, "", map[string]any{"a": nil}, `NULL`},
		{"null where NOT NULL", "a INT NOT NULL", `{"name":"a","type":["null","int"]}`, "", map[string]any{"a": nil}, `field "a": the column is NOT NULL`},
		{"an enum", "a STRING", `{"name":"a","type":{"type":"enum","name":"E","symbols":["RED","BLUE"]}}`, "", map[string]any{"a": "BLUE"}, `"BLUE"`},
		{"a fixed", "a BYTES", `{"name":"a","type":{"type":"fixed","name":"F","size":3}}`, "", map[string]any{"a": []byte{1, 2, 3}}, `"\x01\x02\x03"`},
		{"date and time", "a DATE, b TIME(3)", `{"name":"a","type":{"type":"int","logicalType":"date"}},{"name":"b","type":{"type":"int","logicalType":"time-millis"}}`, "",
			map[string]any{"a": int32(-1), "b": int32(86_399_999)}, `-1 86399999`},
		{"a time of a later day", "b TIME(3)", `{"name":"b","type":{"type":"int","logicalType":"time-millis"}}`, "", map[string]any{"b": int32(86_400_000)},
			`field "b": the number does not fit the column's type`},
		{"milliseconds as microseconds", "a TIMESTAMP(6)", `{"name":"a","type":{"type":"long","logicalType":"local-timestamp-millis"}}`, "", map[string]any{"a": int64(-5)}, `-5000`},
		{"microseconds as milliseconds", "a TIMESTAMP_LTZ(3)", `{"name":"a","type":{"type":"long","logicalType":"timestamp-micros"}}`, "", map[string]any{"a": int64(-5001)}, `-6`},
		{"a timestamp without its logical type", "a TIMESTAMP_LTZ(3)", `{"name":"a","type":"long"}`, "", map[string]any{"a": int64(1)},
			`schema 1: field "a": avro long cannot be read as column "a" of type TIMESTAMP_LTZ(3)`},
		{"a decimal", "a DECIMAL(10, 3)", `{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}}`, "",
			map[string]any{"a": big.NewRat(-12345, 100)}, `-123.450`},
		{"a decimal in a fixed", "a DECIMAL(10, 2)", `{"name":"a","type":{"type":"fixed","name":"D","size":9,"logicalType":"decimal","precision":10,"scale":2}}`, "",
			map[string]any{"a": big.NewRat(-1, 100)}, `-0.01`},
		{"a decimal with too many digits", "a DECIMAL(3, 2)", `{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}}`, "",
			map[string]any{"a": big.NewRat(12345, 100)}, `field "a": the decimal has more digits than the column's type`},
		{"a record within a record", "a INT", `{"name":"r","type":["null",{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]},{"name":"d","type":"double"}]}]},{"name":"a","type":"int"}`,
			"", map[string]any{"a": 3, "r": map[string]any{"r": map[string]any{"r": nil, "d": 1.0}, "d": 2.0}}, `3`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := `{"type":"record","name":"V","fields":[` + tt.writer + `]}`
			value, err := avro.MustParse(text).Encode(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			declared := table(t, tt.columns)
			source := Source{Table: declared, Wanted: physical(declared), Lookup: schemas(map[int]string{1: text}, "AVRO")}
			if tt.reader != "" {
				source.Value = &Schema{Text: `{"type":"record","name":"V","fields":[` + tt.reader + `]}`}
			}
			reader, err := NewReader(source)
			if err != nil {
				t.Fatal(err)
			}
			b := vec.New(reader.Kinds()...)
			b.Topic = "t"
			got := ""
			if err := reader.Append(b, &Record{Value: wire(1, value), Partition: 2, Offset: 9}); err != nil {
				var bad *BadRecordError
				if !errors.As(err, &bad) || bad.Part != "value" || bad.Origin != "t-2@9" {
					t.Fatalf("%v", err)
				}
				if got = bad.Reason; b.N != 0 || b.Cols[0].Len() != 0 {
					t.Errorf("a bad record leaves %d rows, %d values", b.N, b.Cols[0].Len())
				}
			} else {
				got = rows(b, declared, source.Wanted)[0]
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// avroCase is a field of every type that a table can have: how the library writes it, and what the column then holds.
type avroCase struct {
	sql, schema string
	draw        func(t *rapid.T) (value any, want string)
}

var avroCases = []avroCase{
	{"BOOLEAN", `"boolean"`, func(t *rapid.T) (any, string) { v := rapid.Bool().Draw(t, "bool"); return v, fmt.Sprint(v) }},
	{"INT", `"int"`, func(t *rapid.T) (any, string) { v := rapid.Int32().Draw(t, "int"); return v, fmt.Sprint(v) }},
	{"BIGINT", `"long"`, func(t *rapid.T) (any, string) { v := rapid.Int64().Draw(t, "long"); return v, fmt.Sprint(v) }},
	{"FLOAT", `"float"`, func(t *rapid.T) (any, string) {
		v := rapid.Float32().Draw(t, "float")
		return v, fmt.Sprint(float64(v))
	}},
	{"DOUBLE", `"double"`, func(t *rapid.T) (any, string) { v := rapid.Float64().Draw(t, "double"); return v, fmt.Sprint(v) }},
	{"STRING", `"string"`, func(t *rapid.T) (any, string) { v := rapid.String().Draw(t, "string"); return v, fmt.Sprintf("%q", v) }},
	{"BYTES", `"bytes"`, func(t *rapid.T) (any, string) {
		v := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		return v, fmt.Sprintf("%q", v)
	}},
	{"TIMESTAMP_LTZ(3)", `{"type":"long","logicalType":"timestamp-millis"}`, func(t *rapid.T) (any, string) {
		v := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "millis")
		return v, fmt.Sprint(v)
	}},
	{"DECIMAL(30, 4)", `{"type":"bytes","logicalType":"decimal","precision":30,"scale":4}`, func(t *rapid.T) (any, string) {
		v := new(big.Int).Mul(big.NewInt(rapid.Int64().Draw(t, "decimal")), big.NewInt(rapid.Int64Range(-10_000, 10_000).Draw(t, "factor")))
		r := new(big.Rat).SetFrac(v, big.NewInt(10_000))
		return r, r.FloatString(4)
	}},
}

// TestAvroAgainstLibrary writes random records by the library, reads some of their columns, writes these rows, and reads what was written
// by the library.
func TestAvroAgainstLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fields, columns, sinkColumns []string
		var cases []avroCase
		value, want := map[string]any{}, []string{}
		var wanted []int
		for i := range rapid.IntRange(1, 8).Draw(t, "fields") {
			c := rapid.SampledFrom(avroCases).Draw(t, "type")
			name := fmt.Sprintf("f%d", i)
			schema, sql := c.schema, c.sql+" NOT NULL"
			null := rapid.SampledFrom([]string{"no", "first", "last"}).Draw(t, "null")
			switch null {
			case "first":
				schema, sql = `["null",`+schema+`]`, c.sql
			case "last":
				schema, sql = `[`+schema+`,"null"]`, c.sql
			}
			v, text := c.draw(t)
			if null != "no" && rapid.Bool().Draw(t, "is null") {
				v, text = nil, "NULL"
			}
			fields = append(fields, fmt.Sprintf(`{"name":%q,"type":%s}`, name, schema))
			columns = append(columns, name+" "+sql)
			value[name] = v
			if rapid.Bool().Draw(t, "wanted") {
				wanted = append(wanted, i)
				want = append(want, text)
				cases = append(cases, c)
				sinkColumns = append(sinkColumns, name+" "+sql)
			}
		}
		text := `{"type":"record","name":"V","fields":[` + strings.Join(fields, ",") + `]}`
		payload, err := avro.MustParse(text).Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		declared := tableIn(t, strings.Join(columns, ", "))
		reader, err := NewReader(Source{Table: declared, Wanted: wanted, Lookup: schemas(map[int]string{1: text}, "AVRO")})
		if err != nil {
			t.Fatal(err)
		}
		b := vec.New(reader.Kinds()...)
		for range 2 {
			if err := reader.Append(b, &Record{Value: wire(1, payload)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, got := range rows(b, declared, wanted) {
			if diff := cmp.Diff(strings.Join(want, " "), got); diff != "" {
				t.Fatalf("%s of %v: %s", text, value, diff)
			}
		}
		// A record that ends early is bad, or has all that is wanted before its end.
		cut := rapid.IntRange(0, len(payload)).Draw(t, "cut")
		if err := reader.Append(b, &Record{Value: wire(1, payload[:cut])}); err == nil {
			if got := rows(b, declared, wanted)[2]; got != strings.Join(want, " ") {
				t.Fatalf("cut at %d: %s", cut, got)
			}
			b.Truncate(2)
		}
		if len(wanted) == 0 {
			return
		}
		sink := tableIn(t, strings.Join(sinkColumns, ", "))
		writeAndRead(t, sink, b, cases, value, wanted)
	})
}

// writeAndRead writes a batch and compares the records with the values, by the library.
func writeAndRead(t *rapid.T, sink *statements.Table, b *vec.Batch, cases []avroCase, value map[string]any, wanted []int) {
	_, schema, err := ForTable(sink)
	if err != nil {
		t.Fatal(err)
	}
	schema.ID = 77
	writer, err := NewWriter(Sink{Table: sink, Targets: physical(sink), Value: schema})
	if err != nil {
		t.Fatal(err)
	}
	var records Records
	if err := writer.Append(&records, b); err != nil {
		t.Fatal(err)
	}
	if records.Len() != b.N {
		t.Fatalf("%d records of %d rows", records.Len(), b.N)
	}
	expected := map[string]any{}
	for _, i := range wanted {
		expected[fmt.Sprintf("f%d", i)] = value[fmt.Sprintf("f%d", i)]
	}
	library := avro.MustParse(schema.Text)
	want, err := library.Encode(expected)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records.Len() {
		if diff := cmp.Diff(append([]byte{0, 0, 0, 0, 77}, want...), records.Value(i)); diff != "" {
			t.Fatalf("%s: %s", schema.Text, diff)
		}
		if records.Key(i) != nil {
			t.Fatal("a record without key columns has a key")
		}
	}
}

func tableIn(t *rapid.T, columns string) *statements.Table {
	u, findings := statements.ParseOne("t.sql", "CREATE TABLE t ("+columns+")")
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	out, findings := statements.TableOf(u)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	return out
}

func FuzzAvroDecode(f *testing.F) {
	const text = `{"type":"record","name":"V","fields":[{"name":"a","type":["null","int"]},{"name":"m","type":{"type":"map","values":{"type":"array","items":["null","V"]}}},
 {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},{"name":"s","type":"string"},
 {"name":"n","type":{"type":"array","items":"null"}},{"name":"u","type":["long","null","double"]},{"name":"e","type":{"type":"enum","name":"E","symbols":["x"]}},
 {"name":"t","type":{"type":"long","logicalType":"timestamp-micros"}}]}`
	u, _ := statements.ParseOne("t.sql", "CREATE TABLE t (a INT, d DECIMAL(10, 2), s STRING, u DOUBLE, e STRING, t TIMESTAMP_LTZ(3), b BIGINT)")
	declared, findings := statements.TableOf(u)
	if len(findings) > 0 {
		f.Fatal(findings)
	}
	value, err := avro.MustParse(text).Encode(map[string]any{"a": 1, "m": map[string]any{}, "d": big.NewRat(1, 100), "s": "x", "n": []any{}, "u": 1.5, "e": "x", "t": int64(1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire(1, value))
	f.Fuzz(func(t *testing.T, payload []byte) {
		reader, err := NewReader(Source{Table: declared, Wanted: []int{6, 5, 4, 3, 2, 1, 0}, Lookup: schemas(map[int]string{1: text}, "AVRO")})
		if err != nil {
			t.Fatal(err)
		}
		b := vec.New(reader.Kinds()...)
		err = reader.Append(b, &Record{Value: payload})
		for i := range b.Cols {
			if want := bit(err == nil); b.Cols[i].Len() != want || b.N != want {
				t.Fatalf("column %d has %d rows, want %d (%v)", i, b.Cols[i].Len(), want, err)
			}
		}
	})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestForTable(t *testing.T) {
	declared := table(t, "id BIGINT NOT NULL, name VARCHAR(20), code CHAR(3) NOT NULL, small TINYINT, mid SMALLINT, price DECIMAL(10, 2), `when` TIMESTAMP(3), moment TIMESTAMP_LTZ(6) NOT NULL, "+
		"odd TIMESTAMP_LTZ(0), `day` DATE, clock TIME(0), `raw` BINARY(4), more BYTES, ok BOOLEAN NOT NULL, f FLOAT, g DOUBLE, n INT, stamp TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', "+
		"twice AS n * 2", "DISTRIBUTED BY (id) INTO 3 BUCKETS")
	key, value, err := ForTable(declared)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"type":"record","name":"record","namespace":"org.apache.flink.avro.generated","fields":[{"name":"id","type":"long"}]}`, key.Text); diff != "" {
		t.Error(diff)
	}
	want := []string{
		`{"name":"name","type":["null",{"type":"string","flink.maxLength":20,"flink.version":"1"}],"default":null}`,
		`{"name":"code","type":{"type":"string","flink.minLength":3,"flink.maxLength":3,"flink.version":"1"}}`,
		`{"name":"small","type":["null",{"type":"int","connect.type":"int8"}],"default":null}`,
		`{"name":"mid","type":["null",{"type":"int","connect.type":"int16"}],"default":null}`,
		`{"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}],"default":null}`,
		`{"name":"when","type":["null",{"type":"long","logicalType":"local-timestamp-millis"}],"default":null}`,
		`{"name":"moment","type":{"type":"long","logicalType":"timestamp-micros"}}`,
		`{"name":"odd","type":["null",{"type":"long","logicalType":"timestamp-millis","flink.precision":0,"flink.version":"1"}],"default":null}`,
		`{"name":"day","type":["null",{"type":"int","logicalType":"date"}],"default":null}`,
		`{"name":"clock","type":["null",{"type":"int","logicalType":"time-millis","flink.precision":0,"flink.version":"1"}],"default":null}`,
		`{"name":"raw","type":["null",{"type":"fixed","name":"record_raw","namespace":"org.apache.flink.avro.generated","size":4}],"default":null}`,
		`{"name":"more","type":["null","bytes"],"default":null}`,
		`{"name":"ok","type":"boolean"}`,
		`{"name":"f","type":["null","float"],"default":null}`,
		`{"name":"g","type":["null","double"],"default":null}`,
		`{"name":"n","type":["null","int"],"default":null}`,
	}
	var got struct{ Fields []json.RawMessage }
	if err := json.Unmarshal([]byte(value.Text), &got); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range got.Fields {
		lines = append(lines, string(f))
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	// What was declared is what is inferred, apart from what is not in the schemas.
	back, err := Infer(Topic{Name: "t", Partitions: 3, Key: key, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range back.Columns {
		if d := declared.Columns[i]; c.Name != d.Name || !c.Type.Equal(d.Type) {
			t.Errorf("%s %s is inferred as %s %s", d.Name, d.Type, c.Name, c.Type)
		}
	}
	if diff := cmp.Diff([]string{"id"}, back.Distribution); diff != "" {
		t.Error(diff)
	}
}
