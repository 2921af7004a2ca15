package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

const jsonFormat = "WITH ('value.format' = 'json-registry', 'key.format' = 'json-registry')"

func TestJSONDecode(t *testing.T) {
	const columns = "a INT, s STRING, d DECIMAL(10, 2), f DOUBLE, b BOOLEAN, raw_bytes BYTES, ts TIMESTAMP_LTZ(3), micros TIMESTAMP(6), tiny TINYINT, n BIGINT NOT NULL"
	tests := []struct{ name, in, want string }{
		{"all", `{"a":1,"s":"x","d":1.5,"f":2,"b":true,"raw_bytes":"AQI=","ts":5,"micros":5,"tiny":-128,"n":9}`, `1 "x" 1.50 2 true "\x01\x02" 5 5000 -128 9`},
		{"another order, spaces, more", " { \"n\" : -9223372036854775808 , \"z\" : [ {\"n\":1}, \"]}\", -1.5e3, null ] , \"s\":\"\" } ", `NULL "" NULL NULL NULL NULL NULL NULL NULL -9223372036854775808`},
		{"nulls", `{"a":null,"s":null,"n":0}`, `NULL NULL NULL NULL NULL NULL NULL NULL NULL 0`},
		{"escapes", `{"s":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d","\u006e":1}`, `NULL "\"\\/\b\f\n\r\té😀�" NULL NULL NULL NULL NULL NULL NULL 1`},
		{"integers with a point", `{"a":1.0,"ts":1e3,"n":2}`, `1 NULL NULL NULL NULL NULL 1000 NULL NULL 2`},
		{"decimals round", `{"d":-1.005,"n":2}`, `NULL NULL -1.01 NULL NULL NULL NULL NULL NULL 2`},
		{"a large decimal", `{"d":123456789.123,"n":2}`, `property "d": the decimal has more digits than the column's type`},
		{"an integer with a fraction", `{"a":1.5,"n":2}`, `property "a": the number does not fit the column's type`},
		{"a tiny integer", `{"tiny":128,"n":2}`, `property "tiny": the number does not fit the column's type`},
		{"65 bits", `{"n":9223372036854775808}`, `property "n": the number does not fit the column's type`},
		{"missing", `{"a":1}`, `property "n" is missing, and column "n" is BIGINT NOT NULL`},
		{"null in NOT NULL", `{"n":null}`, `property "n": the column is NOT NULL`},
		{"twice", `{"n":1,"n":2}`, `property "n" stands twice`},
		{"a string for a number", `{"n":"1"}`, `property "n": the JSON value is not of the column's type`},
		{"a number for a string", `{"s":1,"n":1}`, `property "s": the JSON value is not of the column's type`},
		{"no base64", `{"raw_bytes":"?","n":1}`, `property "raw_bytes": it is not base64`},
		{"not UTF-8", "{\"s\":\"\xff\",\"n\":1}", `property "s": it is not UTF-8`},
		{"a control character", "{\"s\":\"\n\",\"n\":1}", `property "s": it is not valid JSON`},
		{"an open string", `{"s":"`, `property "s": it is not valid JSON`},
		{"an open escape", `{"s":"\`, `property "s": it is not valid JSON`},
		{"a leading zero", `{"n":01}`, `property "n": it is not valid JSON`},
		{"a trailing comma", `{"n":1,}`, `it is not valid JSON`},
		{"something behind", `{"n":1} x`, `something follows the JSON value`},
		{"a zero behind", "{\"n\":1}\x00", `something follows the JSON value`},
		{"an array", `[1]`, `it is not a JSON object`},
		{"nothing", ``, `it is not a JSON object`},
		{"deeply nested", `{"z":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `,"n":1}`, `values are nested too deeply`},
	}
	declared := table(t, columns, jsonFormat)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reader, err := NewReader(Source{Table: declared, Wanted: physical(declared), Lookup: schemas(map[int]string{1: "{}"}, "JSON")})
			if err != nil {
				t.Fatal(err)
			}
			b := vec.New(reader.Kinds()...)
			got := ""
			var bad *BadRecordError
			switch err := reader.Append(b, &Record{Value: wire(1, []byte(tt.in))}); {
			case err == nil:
				got = rows(b, declared, physical(declared))[0]
			case errors.As(err, &bad):
				got = bad.Reason
			default:
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestJSONAgainstLibrary writes rows as JSON, checks them with the standard library and against the declared schema, and reads them back.
func TestJSONAgainstLibrary(t *testing.T) {
	u, findings := statements.ParseOne("t.sql", "CREATE TABLE t (a INT, s STRING NOT NULL, f DOUBLE, d DECIMAL(12, 3), ts TIMESTAMP(3), b BOOLEAN) "+jsonFormat)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	declared, findings := statements.TableOf(u)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	key, value, err := ForTable(declared)
	if err != nil || key != nil {
		t.Fatal(key, err)
	}
	value.ID = 5
	compiler := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(value.Text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("value.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("value.json")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := vec.New(vec.Int64, vec.Bytes, vec.Float64, vec.Decimal, vec.Int64, vec.Bool)
		a, s, f := rapid.Int32().Draw(t, "a"), rapid.String().Draw(t, "s"), rapid.Float64().Draw(t, "f")
		if math.IsInf(f, 0) || math.IsNaN(f) {
			f = 0
		}
		b.Cols[0].AppendInt64(int64(a))
		b.Cols[1].AppendString(s)
		b.Cols[2].AppendFloat64(f)
		b.Cols[3].AppendNull()
		b.Cols[4].AppendInt64(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "ts"))
		b.Cols[5].AppendBool(rapid.Bool().Draw(t, "b"))
		b.N = 1
		w, err := NewWriter(Sink{Table: declared, Targets: physical(declared), Value: value})
		if err != nil {
			t.Fatal(err)
		}
		var records Records
		if err := w.Append(&records, b); err != nil {
			t.Fatal(err)
		}
		var got struct {
			A int32
			S string
			F float64
			D *float64
		}
		text := records.Value(0)[5:]
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got.A != a || got.S != s || got.F != f || got.D != nil {
			t.Fatalf("%s is %+v", text, got)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r, err := NewReader(Source{Table: declared, Wanted: physical(declared), Lookup: schemas(map[int]string{5: value.Text}, "JSON")})
		if err != nil {
			t.Fatal(err)
		}
		back := vec.New(r.Kinds()...)
		if err := r.Append(back, &Record{Value: records.Value(0)}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows(b, declared, physical(declared)), rows(back, declared, physical(declared))); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzJSONDecode(f *testing.F) {
	u, _ := statements.ParseOne("t.sql", "CREATE TABLE t (a INT, s STRING, d DECIMAL(10, 2), f DOUBLE, b BOOLEAN, y BYTES, ts TIMESTAMP_LTZ(3)) "+jsonFormat)
	declared, findings := statements.TableOf(u)
	if len(findings) > 0 {
		f.Fatal(findings)
	}
	for _, s := range []string{`{"a":1,"s":"\u00e9","d":1e-3,"f":-0.5,"b":false,"y":"AA==","ts":1}`, `{"z":{"a":[1,{}]},"s":null}`, `{"s":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		reader, err := NewReader(Source{Table: declared, Wanted: physical(declared), Lookup: schemas(map[int]string{1: "{}"}, "JSON")})
		if err != nil {
			t.Fatal(err)
		}
		b := vec.New(reader.Kinds()...)
		err = reader.Append(b, &Record{Value: wire(1, text)})
		for i := range b.Cols {
			if want := bit(err == nil); b.Cols[i].Len() != want || b.N != want {
				t.Fatalf("column %d has %d rows, want %d (%v)", i, b.Cols[i].Len(), want, err)
			}
		}
		if err == nil && !json.Valid(text) && !strings.Contains(string(text), "\\u") {
			t.Fatalf("%q is taken for JSON", text)
		}
	})
}

func TestInfer(t *testing.T) {
	avro := func(text string) *Schema { return &Schema{ID: 1, Text: text} }
	record := func(fields string) *Schema { return avro(`{"type":"record","name":"R","fields":[` + fields + `]}`) }
	tests := []struct {
		name  string
		topic Topic
		want  string
	}{
		{"no schemas", Topic{}, "key BYTES, val BYTES by key | changelog.mode=append key.format=raw value.format=raw"},
		{"a value schema only", Topic{Value: record(`{"name":"id","type":"int"},{"name":"n","type":["null","string"]}`)},
			"key BYTES, id INT NOT NULL, n STRING by key | changelog.mode=append key.format=raw value.format=avro-registry"},
		{"an atomic key", Topic{Key: avro(`"int"`), Value: record(`{"name":"a","type":"long"}`)},
			"key INT NOT NULL, a BIGINT NOT NULL by key | changelog.mode=append key.format=avro-registry value.format=avro-registry"},
		{"no key schema, and a field key", Topic{Value: record(`{"name":"key","type":"int"}`)},
			"key_key BYTES, key INT NOT NULL by key_key | changelog.mode=append key.fields-prefix=key_ key.format=raw value.format=avro-registry"},
		{"a record key", Topic{Key: record(`{"name":"id","type":"int"}`), Value: record(`{"name":"a","type":"long"}`)},
			"id INT NOT NULL, a BIGINT NOT NULL by id | changelog.mode=append key.format=avro-registry value.format=avro-registry"},
		{"a key within the value", Topic{Key: record(`{"name":"id","type":"int"}`), Value: record(`{"name":"a","type":"long"},{"name":"id","type":"int"}`)},
			"a BIGINT NOT NULL, id INT NOT NULL by id | changelog.mode=append key.format=avro-registry value.fields-include=all value.format=avro-registry"},
		{"a type by its short name", Topic{Value: avro(`{"type":"record","name":"R","namespace":"x","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"b","type":["null","E"]}]}`)},
			"key BYTES, a STRING NOT NULL, b STRING by key | changelog.mode=append key.format=raw value.format=avro-registry"},
		{"a compacted topic", Topic{Compacted: true}, "key BYTES, val BYTES by key | changelog.mode=upsert key.format=raw value.format=raw"},
		{"types", Topic{Value: record(`{"name":"b","type":"boolean"},{"name":"t","type":{"type":"int","connect.type":"int8"}},{"name":"f","type":"float"},{"name":"d","type":"double"},
 {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},
 {"name":"ts","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"lts","type":{"type":"long","logicalType":"local-timestamp-millis"}},
 {"name":"tm","type":{"type":"long","logicalType":"time-micros"}},{"name":"dt","type":{"type":"int","logicalType":"date"}},{"name":"fx","type":{"type":"fixed","name":"F","size":4}},
 {"name":"arr","type":{"type":"array","items":"string"}},{"name":"m","type":{"type":"map","values":["null","int"]}},{"name":"u","type":["int","null","string"]}`)},
			"key BYTES, b BOOLEAN NOT NULL, t TINYINT NOT NULL, f FLOAT NOT NULL, d DOUBLE NOT NULL, dec DECIMAL(9, 3) NOT NULL, e STRING NOT NULL, ts TIMESTAMP_LTZ(6) NOT NULL, " +
				"lts TIMESTAMP(3) NOT NULL, tm BIGINT NOT NULL, dt DATE NOT NULL, fx BINARY(4) NOT NULL, arr ARRAY<STRING NOT NULL> NOT NULL, m MAP<STRING NOT NULL, INT> NOT NULL, " +
				"u ROW<`int` INT, `string` STRING> by key | changelog.mode=append key.format=raw value.format=avro-registry"},
		{"JSON", Topic{Value: &Schema{Type: "JSON", Text: `{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"number"},"s":{"oneOf":[{"type":"null"},{"type":"string"}]},
 "i":{"type":"number","connect.type":"int32"},"l":{"type":["null","boolean"]}},"required":["z","s","i"]}`}},
			"key BYTES, a DOUBLE, i INT NOT NULL, l BOOLEAN, s STRING, z BIGINT NOT NULL by key | changelog.mode=append key.format=raw value.format=json-registry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Infer(tt.topic)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, describe(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for text, want := range map[string]string{
		`{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}`: `topic "": value: schema 1: field "r": type "R" holds itself, which SQL has no type for`,
		`["int","string"]`: `topic "": value: schema 1: a union of 2 types is not supported as a whole key or value`,
		`{"type":"record","name":"E","fields":[{"name":"before","type":{"type":"record","name":"V","fields":[{"name":"a","type":"int"}]}},{"name":"after","type":"V"},{"name":"source","type":"V"},{"name":"op","type":"string"}]}`: `topic "": value.format "avro-debezium-registry" is not supported: declare the table by CREATE TABLE, with before, after and op as columns`,
	} {
		if _, err := Infer(Topic{Value: avro(text)}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := Infer(Topic{Name: "x", Value: &Schema{ID: 3, Type: "PROTOBUF"}}); err == nil || !strings.Contains(err.Error(), "PROTOBUF is not supported") {
		t.Error(err)
	}
}

func describe(t *statements.Table) string {
	var cols, options []string
	for _, c := range t.Columns {
		cols = append(cols, c.Name+" "+c.Type.String())
	}
	for _, name := range []string{"changelog.mode", "key.fields-prefix", "key.format", "value.fields-include", "value.format"} {
		if v, ok := t.Options[name]; ok {
			options = append(options, name+"="+v)
		}
	}
	return fmt.Sprintf("%s by %s | %s", strings.Join(cols, ", "), strings.Join(t.Distribution, ","), strings.Join(options, " "))
}

func FuzzInfer(f *testing.F) {
	f.Add("AVRO", `{"type":"record","name":"R","fields":[{"name":"a","type":["null",{"type":"array","items":"R"}]}]}`)
	f.Add("AVRO", `["int","string"]`)
	f.Add("JSON", `{"properties":{"a":{"oneOf":[{"type":"null"},{"type":"object","properties":{"b":{"type":"integer"}}}]}}}`)
	f.Fuzz(func(t *testing.T, kind, text string) {
		got, err := Infer(Topic{Name: "t", Value: &Schema{Type: kind, Text: text}})
		if err != nil {
			return
		}
		if len(got.Columns) == 0 || len(got.Distribution) != 1 {
			t.Fatalf("%s is %s", text, describe(got))
		}
		// What can be inferred can be read as far as its types can.
		for i := range got.Columns {
			if _, ok := vec.KindOf(got.Columns[i].Type); !ok {
				continue
			}
			if _, err := NewReader(Source{Table: got, Wanted: []int{i}}); err != nil {
				t.Fatalf("%s: column %d: %v", text, i, err)
			}
		}
	})
}
