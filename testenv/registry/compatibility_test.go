package registry_test

import (
	"fmt"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/registry"
)

// Changes of a schema, by who can still read what: new readers old records (backward), old readers new records (forward).
var changes = []struct {
	typ, name, from, to string
	backward, forward   bool
}{
	{"AVRO", "nothing", order1, order1, true, true},
	{"AVRO", "field with a default added", order1, order2, true, true},
	{"AVRO", "field without a default added", order1, orderBad, false, true},
	{"AVRO", "field without a default removed", orderBad, order1, true, false},
	{"AVRO", "int becomes long", `"int"`, `"long"`, true, false},
	{"AVRO", "string becomes int", `"string"`, `"int"`, false, false},
	{"AVRO", "string becomes bytes", `"string"`, `"bytes"`, true, true},
	{"AVRO", "union widened", `["null","int"]`, `["null","int","string"]`, true, false},
	{"AVRO", "symbol added", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, true, false},
	{"AVRO", "record renamed", order1, `{"type":"record","name":"Purchase","fields":[{"name":"id","type":"int"}]}`, false, false},
	{"AVRO", "field renamed with an alias", order1, `{"type":"record","name":"Order","fields":[{"name":"key","aliases":["id"],"type":"int"}]}`, true, false},

	{"JSON", "nothing", jsonA, jsonB, true, true},
	{"JSON", "description added", `{"type":"string"}`, `{"type":"string","description":"a name"}`, true, true},
	{"JSON", "type widened", `{"type":"integer"}`, `{"type":"number"}`, true, false},
	{"JSON", "type added", `{"type":"string"}`, `{"type":["string","null"]}`, true, false},
	{"JSON", "type demanded", `{}`, `{"type":"string"}`, false, true},
	{"JSON", "type changed", `{"type":"string"}`, `{"type":"integer"}`, false, false},
	{"JSON", "property added to an open object", jsonA, `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}`, false, true},
	{"JSON", "property added to an empty open object", `{"type":"object"}`, jsonA, false, true},
	{"JSON", "property of any value added", jsonA, `{"type":"object","properties":{"a":{"type":"string"},"b":{}}}`, true, true},
	{"JSON", "property added to a closed object", `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}`,
		`{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"},"b":{"type":"string"}}}`, true, false},
	{"JSON", "property covered by what others may be", `{"type":"object","additionalProperties":{"type":"string"}}`,
		`{"type":"object","additionalProperties":{"type":"string"},"properties":{"b":{"type":"string"}}}`, true, true},
	{"JSON", "property against what others may be", `{"type":"object","additionalProperties":{"type":"string"}}`,
		`{"type":"object","additionalProperties":{"type":"string"},"properties":{"b":{"type":"integer"}}}`, false, false},
	{"JSON", "object closed", jsonA, `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}`, false, true},
	{"JSON", "property required", jsonA, `{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, false, true},
	{"JSON", "property's type changed", jsonA, `{"type":"object","properties":{"a":{"type":"integer"}}}`, false, false},
	{"JSON", "value added", `{"enum":["x"]}`, `{"enum":["x","y"]}`, true, false},
	{"JSON", "bound relaxed", `{"type":"string","maxLength":3,"minLength":2}`, `{"type":"string","maxLength":4,"minLength":1}`, true, false},
	{"JSON", "items widened", `{"type":"array","items":{"type":"integer"}}`, `{"type":"array","items":{"type":"number"}}`, true, false},
	{"JSON", "definition changed", `{"$ref":"#/definitions/d","definitions":{"d":{"type":"integer"}}}`,
		`{"$ref":"#/definitions/d","definitions":{"d":{"type":"number"},"e":{"type":"string"}}}`, true, false},
	{"JSON", "keyword that is not understood", `{"multipleOf":4}`, `{"multipleOf":2}`, false, false},

	{"PROTOBUF", "nothing", proto1, proto1, true, true},
	{"PROTOBUF", "field added", proto1, `syntax = "proto3"; message Order { int32 id = 1; int32 n = 2; }`, true, true},
	{"PROTOBUF", "field removed", `syntax = "proto3"; message Order { int32 id = 1; int32 n = 2; }`, proto1, true, true},
	{"PROTOBUF", "field renamed", proto1, `syntax = "proto3"; message Order { int32 key = 1; }`, true, true},
	{"PROTOBUF", "field's type changed", proto1, `syntax = "proto3"; message Order { string id = 1; }`, false, false},
	{"PROTOBUF", "field repeated", proto1, `syntax = "proto3"; message Order { repeated int32 id = 1; }`, false, false},
	{"PROTOBUF", "message removed", `syntax = "proto3"; message Order { int32 id = 1; } message Line { int32 n = 1; }`, proto1, false, true},
	{"PROTOBUF", "inner message's field changed", `syntax = "proto3"; message Order { message Line { int32 n = 1; } Line l = 1; }`,
		`syntax = "proto3"; message Order { message Line { string n = 1; } Line l = 1; }`, false, false},
	{"PROTOBUF", "message of a field changed", `syntax = "proto3"; message Order { A a = 1; } message A {} message B {}`,
		`syntax = "proto3"; message Order { B a = 1; } message A {} message B {}`, false, false},
	{"PROTOBUF", "required field added", `syntax = "proto2"; message Order { optional int32 id = 1; }`,
		`syntax = "proto2"; message Order { optional int32 id = 1; required int32 n = 2; }`, false, false},
}

func TestCompatibility(t *testing.T) {
	for _, tt := range changes {
		for level, want := range map[string]bool{
			"NONE": true, "BACKWARD": tt.backward, "FORWARD": tt.forward, "FULL": tt.backward && tt.forward,
			"BACKWARD_TRANSITIVE": tt.backward, "FORWARD_TRANSITIVE": tt.forward, "FULL_TRANSITIVE": tt.backward && tt.forward,
		} {
			t.Run(fmt.Sprintf("%s/%s/%s", tt.typ, tt.name, level), func(t *testing.T) {
				s := start(t, registry.Options{})
				typ := fmt.Sprintf("%q:%q", "schemaType", tt.typ)
				request{post("S", tt.from, typ), 200, ""}.check(t, s)
				request{`PUT /config {"compatibility":"` + level + `"}`, 200, ""}.check(t, s)
				request{"POST /compatibility/subjects/S/versions/latest " + body(tt.to, typ), 200, fmt.Sprintf(`{"is_compatible":%t}`, want)}.check(t, s)
				status := 409
				if want {
					status = 200
				}
				request{post("S", tt.to, typ), status, ""}.check(t, s)
			})
		}
	}
}

// TestTransitiveLevels wants only the transitive levels to look behind the newest version.
func TestTransitiveLevels(t *testing.T) {
	for level, status := range map[string]int{"BACKWARD": 200, "BACKWARD_TRANSITIVE": 409, "FORWARD": 409, "FORWARD_TRANSITIVE": 409, "NONE": 200} {
		t.Run(level, func(t *testing.T) {
			s := start(t, registry.Options{})
			request{`PUT /config {"compatibility":"NONE"}`, 200, ""}.check(t, s)
			request{post("S", `"string"`), 200, ""}.check(t, s)
			request{post("S", `"int"`), 200, ""}.check(t, s)
			request{`PUT /config {"compatibility":"` + level + `"}`, 200, ""}.check(t, s)
			request{post("S", `"long"`), status, ""}.check(t, s)
		})
	}
}

func TestAnotherTypeIsIncompatible(t *testing.T) {
	s := start(t, registry.Options{})
	request{post("S", `{"type":"string"}`), 200, ""}.check(t, s)
	request{post("S", `{"type":"string"}`, `"schemaType":"JSON"`), 409, ""}.check(t, s)
	request{`PUT /config {"compatibility":"NONE"}`, 200, ""}.check(t, s)
	request{post("S", `{"type":"string"}`, `"schemaType":"JSON"`), 200, `{"id":2,"schemaType":"JSON"}`}.check(t, s)
}

// TestReferencesThatLeadBackEnd imports a version over another so that two schemas refer to each other.
func TestReferencesThatLeadBackEnd(t *testing.T) {
	s := start(t, registry.Options{})
	request{`PUT /mode {"mode":"IMPORT"}`, 200, ""}.check(t, s)
	request{post("A", `{"type":"record","name":"A","fields":[]}`, `"id":1`, `"version":1`), 200, ""}.check(t, s)
	refA := `"references":[{"name":"A","subject":"A","version":1}]`
	request{post("B", `{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}`, `"id":2`, `"version":1`, refA), 200, ""}.check(t, s)
	refB := `"references":[{"name":"B","subject":"B","version":1}]`
	request{post("A", `{"type":"record","name":"C","fields":[{"name":"b","type":"B"}]}`, `"id":3`, `"version":1`, refB), 200, ""}.check(t, s)
	request{post("D", `["null","B"]`, `"id":4`, refB), 422, "42201 Invalid schema of type AVRO, details: references are more than 32 deep"}.check(t, s)
}

func TestReferencesOfEveryType(t *testing.T) {
	s := start(t, registry.Options{})
	for _, r := range []request{
		{post("city.json", `{"type":"string"}`, `"schemaType":"JSON"`), 200, ""},
		{post("J", `{"type":"object","properties":{"c":{"$ref":"city.json"}}}`, `"schemaType":"JSON"`, `"references":[{"name":"city.json","subject":"city.json","version":1}]`), 200, ""},
		{post("J2", `{"$ref":"town.json"}`, `"schemaType":"JSON"`), 422, ""},
		{post("city.proto", `syntax = "proto3"; message City { string name = 1; }`, `"schemaType":"PROTOBUF"`), 200, ""},
		{post("P", `syntax = "proto3"; import "city.proto"; message Order { City c = 1; }`, `"schemaType":"PROTOBUF"`, `"references":[{"name":"city.proto","subject":"city.proto","version":1}]`), 200, ""},
		{post("P2", `syntax = "proto3"; import "town.proto"; message Order { Town t = 1; }`, `"schemaType":"PROTOBUF"`), 422, ""},
		{post("P3", `syntax = "proto3"; import "google/protobuf/timestamp.proto"; message Order { google.protobuf.Timestamp t = 1; }`, `"schemaType":"PROTOBUF"`), 200, ""},
		// A diamond: both ways lead to the same record.
		{post("city", `{"type":"record","name":"City","fields":[]}`), 200, ""},
		{post("from", `{"type":"record","name":"From","fields":[{"name":"c","type":"City"}]}`, `"references":[{"name":"City","subject":"city","version":1}]`), 200, ""},
		{post("to", `{"type":"record","name":"To","fields":[{"name":"c","type":"City"}]}`, `"references":[{"name":"City","subject":"city","version":1}]`), 200, ""},
		{post("route", `["From","To"]`, `"references":[{"name":"From","subject":"from","version":1},{"name":"To","subject":"to","version":1}]`), 200, ""},
	} {
		r.check(t, s)
	}
}
