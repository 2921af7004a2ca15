package infer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatHasNoTable(t *testing.T) {
	// Each message holds ten of the next: ten to the eighth fields.
	var bomb, avroBomb strings.Builder
	for i := range 8 {
		fmt.Fprintf(&bomb, "message M%d {", i)
		for f := range 10 {
			fmt.Fprintf(&bomb, " M%d f%d = %d;", i+1, f, f+1)
		}
		bomb.WriteString(" }\n")
	}
	bomb.WriteString("message M8 { int32 a = 1; }")
	avroBomb.WriteString(`"int"`)
	for i := range 8 {
		inner, name := avroBomb.String(), fmt.Sprintf("M%d", i)
		avroBomb.Reset()
		fmt.Fprintf(&avroBomb, `{"type":"record","name":"%s","fields":[{"name":"f0","type":%s}`, name, inner)
		for f := 1; f < 10; f++ {
			of := `"int"`
			if i > 0 {
				of = fmt.Sprintf(`"M%d"`, i-1)
			}
			fmt.Fprintf(&avroBomb, `,{"name":"f%d","type":%s}`, f, of)
		}
		avroBomb.WriteString("]}")
	}
	for _, tc := range []struct {
		name   string
		schema *Schema
		want   string
	}{
		{"no such type", &Schema{ID: 1, Type: "THRIFT"}, `topic "t": value: schema 1: there is no schema type THRIFT: there are AVRO, JSON and PROTOBUF`},
		{"a record within itself", avroOf(`{"type":"record","name":"N","namespace":"x","fields":[{"name":"next","type":["null","N"]}]}`),
			`topic "t": value: schema 7: field "next": type "x.N" holds itself, which SQL has no type for`},
		{"a decimal of many digits", record(`{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":40,"scale":1}}`),
			`topic "t": value: schema 7: field "d": a decimal of 40 digits has no type in SQL, which has up to 38`},
		{"nothing but null", avroOf(`"null"`), `topic "t": value: schema 7: null is no type of a column`},
		{"JSON that is cut", jsonOf(`{"type":`), `topic "t": value: schema 8: it is no JSON Schema: unexpected end of JSON input`},
		{"anything", jsonOf(`true`), `topic "t": value: schema 8: it says nothing about its values`},
		{"a property of any type", jsonOf(`{"properties":{"a":{}}}`), `topic "t": value: schema 8: property "a": it does not say of which type its values are`},
		{"a reference into nowhere", jsonOf(`{"properties":{"a":{"$ref":"#/definitions/b"}}}`), `topic "t": value: schema 8: property "a": its reference "#/definitions/b" leads nowhere`},
		{"a schema that nobody referred to", jsonOf(`{"properties":{"a":{"$ref":"shop.json"}}}`), `topic "t": value: schema 8: property "a": it refers to "shop.json", which is not among its references`},
		{"an object within itself", jsonOf(`{"properties":{"a":{"$ref":"#"}}}`), `topic "t": value: schema 8: property "a": property "a": "#" holds itself, which SQL has no type for`},
		{"an import that is missing", protoOf(`syntax = "proto3"; import "common/money.proto"; message M { Money m = 1; }`),
			`topic "t": value: schema 9: it imports common/money.proto, which is not among its references`},
		{"a Protobuf text that is none", protoOf("syntax = \"proto3\";\nmassage M {}"), `topic "t": value: schema 9: line 2: syntax error: unexpected identifier`},
		{"a message within itself", protoOf(`syntax = "proto3"; package p; message M { string a = 1; M next = 2; }`), `topic "t": value: schema 9: message "M": field "next": message "p.M" holds itself, which SQL has no type for`},
		{"no message", protoOf(`syntax = "proto3"; enum E { A = 0; }`), `topic "t": value: schema 9: it holds no message`},
		{"a text that stands for a hundred million fields", protoOf(`syntax = "proto3";` + bomb.String()), `it stands for more than 65536 types`},
		{"a record that stands for as many", avroOf(avroBomb.String()), `it stands for more than 65536 types`},
		{"a union of a name twice", record(`{"name":"a","type":"int"},{"name":"a","type":"int"}`), `duplicate`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Table(Topic{Name: "t", Value: tc.schema})
			if err == nil {
				t.Fatal("it has a table")
			}
			if !strings.HasPrefix(tc.want, "topic ") {
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want %q within", err, tc.want)
				}
				return
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := Table(Topic{Name: "t", Key: avroOf(`"int"`), Value: protoOf(`syntax = "proto3"; message M { string key_key = 1; string key = 2; }`)}); err == nil || err.Error() != `topic "t": two columns would be named "key_key"` {
		t.Error(err)
	}
}

// FuzzTable reads schemas of strangers: none may stop the program, and what comes out is a table.
func FuzzTable(f *testing.F) {
	f.Add("AVRO", `{"type":"record","name":"R","fields":[{"name":"a","type":["null",{"type":"array","items":"R"}]}]}`, "", "")
	f.Add("AVRO", `["x.A","x.B"]`, "x.A", `{"type":"record","name":"A","namespace":"x","fields":[{"name":"a","type":{"type":"map","values":"int"}}]}`)
	f.Add("JSON", `{"properties":{"a":{"oneOf":[{"type":"null"},{"$ref":"b#/x"}]},"c":{"allOf":[{"enum":[1]}]}}}`, "b", `{"x":{"type":["string","null"]}}`)
	f.Add("PROTOBUF", `syntax = "proto3"; import "b.proto"; message M { map<string, B> m = 1; oneof o { int32 x = 2; } }`, "b.proto", `syntax = "proto3"; message B { optional int32 key = 1; }`)
	f.Add("PROTOBUF", `syntax = "proto2"; import "confluent/meta.proto"; message M { repeated E f = 1 [(confluent.field_meta) = {params: [{key: "flink.wrapped", value: "true"}]}]; message E { optional E value = 1; } }`, "", "")
	f.Fuzz(func(t *testing.T, kind, text, name, reference string) {
		s := &Schema{ID: 1, Type: kind, Text: text}
		if name != "" {
			s.References = []Reference{{name, reference}}
		}
		for _, topic := range []Topic{{Name: "t", Value: s}, {Name: "t", Key: s, Value: s, Compacted: true}} {
			got, err := Table(topic)
			if err != nil {
				continue
			}
			if len(got.Columns) == 0 || len(got.Distribution) == 0 {
				t.Fatalf("%s is %s", text, describe(got))
			}
			for _, c := range got.Distribution {
				if _, _, ok := got.Column(c); !ok {
					t.Fatalf("%s: the key %q is no column of %s", text, c, describe(got))
				}
			}
		}
	})
}
