package infer

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// describe writes a table as SHOW CREATE TABLE does, shorter.
func describe(t *st.Table) string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Name+" "+plain(c.Type))
	}
	out = append(out, "BY "+strings.Join(t.Distribution, ", "))
	if len(t.PrimaryKey) > 0 {
		out = append(out, "KEY "+strings.Join(t.PrimaryKey, ", "))
	}
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		if v := t.Options[k]; k != "changelog.mode" || v != "append" {
			out = append(out, k+"="+v)
		}
	}
	return strings.Join(out, "\n")
}

// plain is a type without quotes, which no test needs.
func plain(t st.Type) string { return strings.ReplaceAll(t.String(), "`", "") }

func lines(text ...string) string { return strings.Join(text, "\n") }

func avroOf(text string) *Schema { return &Schema{ID: 7, Text: text} }

func record(fields string) *Schema {
	return avroOf(`{"type":"record","name":"R","namespace":"n","fields":[` + fields + `]}`)
}

func jsonOf(text string) *Schema  { return &Schema{ID: 8, Type: "JSON", Text: text} }
func protoOf(text string) *Schema { return &Schema{ID: 9, Type: "PROTOBUF", Text: text} }

// TestTable has the examples of "Inferred tables" in Confluent's documentation of SHOW CREATE TABLE.
func TestTable(t *testing.T) {
	uid := record(`{"name":"uid","type":"int"}`)
	for _, tc := range []struct {
		name  string
		topic Topic
		want  string
	}{
		{"no schemas", Topic{}, lines("key BYTES", "val BYTES", "BY key", "key.format=raw", "value.format=raw")},
		{"a value's schema only", Topic{Value: record(`{"name":"i","type":"int"},{"name":"s","type":"string"}`)},
			lines("key BYTES", "i INT NOT NULL", "s STRING NOT NULL", "BY key", "key.format=raw", "value.format=avro-registry")},
		{"an atomic key", Topic{Key: avroOf(`"int"`), Value: record(`{"name":"i","type":"int"}`)},
			lines("key INT NOT NULL", "i INT NOT NULL", "BY key", "key.format=avro-registry", "value.format=avro-registry")},
		{"an atomic value", Topic{Value: avroOf(`["null","string"]`)}, lines("key BYTES", "val STRING", "BY key", "key.format=raw", "value.format=avro-registry")},
		{"a field named key", Topic{Value: record(`{"name":"i","type":"int"},{"name":"key","type":"string"}`)},
			lines("key_key BYTES", "i INT NOT NULL", "key STRING NOT NULL", "BY key_key", "key.fields-prefix=key_", "key.format=raw", "value.format=avro-registry")},
		{"a key and a value apart", Topic{Key: uid, Value: record(`{"name":"name","type":"string"}`)},
			lines("uid INT NOT NULL", "name STRING NOT NULL", "BY uid", "key.format=avro-registry", "value.format=avro-registry")},
		{"a key within the value", Topic{Key: uid, Value: record(`{"name":"uid","type":"int"},{"name":"name","type":"string"}`)},
			lines("uid INT NOT NULL", "name STRING NOT NULL", "BY uid", "key.format=avro-registry", "value.fields-include=all", "value.format=avro-registry")},
		{"a key within the value, of another type", Topic{Key: uid, Value: record(`{"name":"uid","type":"long"}`)},
			lines("key_uid INT NOT NULL", "uid BIGINT NOT NULL", "BY key_uid", "key.fields-prefix=key_", "key.format=avro-registry", "value.format=avro-registry")},
		{"a compacted topic", Topic{Compacted: true, Key: uid, Value: record(`{"name":"n","type":["null","string"]}`)},
			lines("uid INT NOT NULL", "n STRING", "BY uid", "KEY uid", "changelog.mode=upsert", "key.format=avro-registry", "value.format=avro-registry")},
		{"a union as value", Topic{Value: avroOf(`["int","string",{"type":"record","name":"User","namespace":"a","fields":[{"name":"f0","type":"long"}]},{"type":"record","name":"Shop","namespace":"b","fields":[{"name":"f1","type":"long"}]}]`)},
			lines("key BYTES", "int INT", "string STRING", "User ROW<f0 BIGINT NOT NULL>", "Shop ROW<f1 BIGINT NOT NULL>", "BY key", "key.format=raw", "value.format=avro-registry")},
		{"a change event of Debezium", Topic{Key: uid, Value: record(`{"name":"before","type":["null",{"type":"record","name":"V","fields":[{"name":"uid","type":"int"},{"name":"n","type":["null","string"]}]}]},` +
			`{"name":"after","type":["null","n.V"]},{"name":"source","type":{"type":"record","name":"S","fields":[{"name":"db","type":"string"}]}},{"name":"op","type":"string"}`)},
			lines("uid INT NOT NULL", "n STRING", "BY uid", "changelog.mode=retract", "key.format=avro-registry", "value.fields-include=all", "value.format=avro-debezium-registry")},
		{"formats of two kinds", Topic{Key: jsonOf(`{"type":"string"}`), Value: protoOf(`syntax = "proto3"; message M { int32 i = 1; }`)},
			lines("key STRING NOT NULL", "i INT NOT NULL", "BY key", "key.format=json-registry", "value.format=proto-registry")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.topic.Name = "t"
			got, err := Table(tc.topic)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, describe(got)); diff != "" {
				t.Error(diff)
			}
			if !got.Inferred {
				t.Error("the table does not say that nobody declared it")
			}
		})
	}
}

// columns are those of a value.
func columns(t *testing.T, s *Schema) string {
	t.Helper()
	got, err := Table(Topic{Name: "t", Value: s})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range got.Columns[1:] {
		out = append(out, c.Name+" "+plain(c.Type))
	}
	return strings.Join(out, "\n")
}

func TestAvro(t *testing.T) {
	for _, tc := range []struct{ field, want string }{
		{`"boolean"`, "BOOLEAN NOT NULL"},
		{`"int"`, "INT NOT NULL"},
		{`"long"`, "BIGINT NOT NULL"},
		{`"float"`, "FLOAT NOT NULL"},
		{`"double"`, "DOUBLE NOT NULL"},
		{`"string"`, "STRING NOT NULL"},
		{`"bytes"`, "BYTES NOT NULL"},
		{`["null","long"]`, "BIGINT"},
		{`["long","null"]`, "BIGINT"},
		{`["long"]`, "BIGINT NOT NULL"},
		{`{"type":"int","connect.type":"int8"}`, "TINYINT NOT NULL"},
		{`{"type":"int","connect.type":"int16"}`, "SMALLINT NOT NULL"},
		{`{"type":"int","logicalType":"date"}`, "DATE NOT NULL"},
		{`{"type":"int","logicalType":"time-millis"}`, "TIME(3) NOT NULL"},
		{`{"type":"int","logicalType":"time-millis","flink.precision":2}`, "TIME(2) NOT NULL"},
		{`{"type":"long","logicalType":"time-micros"}`, "BIGINT NOT NULL"},
		{`{"type":"long","logicalType":"timestamp-millis"}`, "TIMESTAMP_LTZ(3) NOT NULL"},
		{`{"type":"long","logicalType":"timestamp-micros"}`, "TIMESTAMP_LTZ(6) NOT NULL"},
		{`{"type":"long","logicalType":"timestamp-micros","flink.precision":9}`, "TIMESTAMP_LTZ(9) NOT NULL"},
		{`{"type":"long","logicalType":"local-timestamp-millis"}`, "TIMESTAMP(3) NOT NULL"},
		{`{"type":"long","logicalType":"local-timestamp-micros"}`, "TIMESTAMP(6) NOT NULL"},
		{`["null",{"type":"long","logicalType":"timestamp-millis"}]`, "TIMESTAMP_LTZ(3)"},
		{`{"type":"bytes","logicalType":"decimal","precision":6,"scale":3}`, "DECIMAL(6, 3) NOT NULL"},
		{`{"type":"fixed","name":"D","size":8,"logicalType":"decimal","precision":10,"scale":2}`, "DECIMAL(10, 2) NOT NULL"},
		{`{"type":"fixed","name":"F","size":16}`, "BINARY(16) NOT NULL"},
		{`{"type":"fixed","name":"F","size":12,"logicalType":"duration"}`, "BINARY(12) NOT NULL"},
		{`{"type":"string","logicalType":"uuid"}`, "STRING NOT NULL"},
		{`{"type":"string","flink.maxLength":12}`, "VARCHAR(12) NOT NULL"},
		{`{"type":"string","flink.maxLength":12,"flink.minLength":12}`, "CHAR(12) NOT NULL"},
		{`{"type":"bytes","flink.maxLength":12}`, "VARBINARY(12) NOT NULL"},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, "STRING NOT NULL"},
		{`{"type":"array","items":["null","long"]}`, "ARRAY<BIGINT> NOT NULL"},
		{`{"type":"map","values":"double"}`, "MAP<STRING NOT NULL, DOUBLE NOT NULL> NOT NULL"},
		{`{"type":"map","values":"int","flink.type":"multiset"}`, "MULTISET<STRING NOT NULL> NOT NULL"},
		{`{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":["null","bytes"]}]}}`,
			"MAP<INT NOT NULL, BYTES> NOT NULL"},
		{`{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"long"},{"name":"value","type":"int"}]},"flink.type":"multiset"}`,
			"MULTISET<BIGINT NOT NULL> NOT NULL"},
		{`{"type":"record","name":"S","fields":[{"name":"a","type":["null","int"]},{"name":"b","type":"string"}]}`, "ROW<a INT, b STRING NOT NULL> NOT NULL"},
		{`["null","int",{"type":"record","name":"S","namespace":"x","fields":[{"name":"a","type":"int"}]}]`, "ROW<int INT, S ROW<a INT NOT NULL>>"},
		{`[{"type":"record","name":"S","namespace":"x","fields":[{"name":"a","type":"int"}]},{"type":"record","name":"S","namespace":"y","fields":[{"name":"a","type":"int"}]}]`,
			"ROW<x.S ROW<a INT NOT NULL>, y.S ROW<a INT NOT NULL>> NOT NULL"},
	} {
		t.Run(tc.field, func(t *testing.T) {
			if diff := cmp.Diff("f "+tc.want, columns(t, record(`{"name":"f","type":`+tc.field+`}`))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	for _, tc := range []struct{ property, want string }{
		{`{"type":"boolean"}`, "BOOLEAN NOT NULL"},
		{`{"type":"string"}`, "STRING NOT NULL"},
		{`{"type":"string","maxLength":9}`, "VARCHAR(9) NOT NULL"},
		{`{"type":"string","minLength":9,"maxLength":9}`, "CHAR(9) NOT NULL"},
		{`{"type":"string","connect.type":"bytes"}`, "BYTES NOT NULL"},
		{`{"type":"string","connect.type":"bytes","flink.maxLength":9}`, "VARBINARY(9) NOT NULL"},
		{`{"type":"string","connect.type":"bytes","flink.minLength":9,"flink.maxLength":9}`, "BINARY(9) NOT NULL"},
		{`{"enum":["a","b"]}`, "STRING NOT NULL"},
		{`{"enum":["a",null]}`, "STRING"},
		{`{"type":"string","enum":["a","b"]}`, "STRING NOT NULL"},
		{`{"const":"a"}`, "STRING NOT NULL"},
		{`{"type":"integer"}`, "BIGINT NOT NULL"},
		{`{"type":"number"}`, "DOUBLE NOT NULL"},
		{`{"type":"number","connect.type":"int8"}`, "TINYINT NOT NULL"},
		{`{"type":"number","connect.type":"int16"}`, "SMALLINT NOT NULL"},
		{`{"type":"number","connect.type":"int32"}`, "INT NOT NULL"},
		{`{"type":"number","connect.type":"int64"}`, "BIGINT NOT NULL"},
		{`{"type":"integer","connect.type":"int32"}`, "INT NOT NULL"},
		{`{"type":"number","connect.type":"float32"}`, "FLOAT NOT NULL"},
		{`{"type":"number","connect.type":"float64"}`, "DOUBLE NOT NULL"},
		{`{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes","connect.parameters":{"connect.decimal.precision":"9","scale":"2"}}`, "DECIMAL(9, 2) NOT NULL"},
		{`{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes"}`, "DECIMAL(10, 0) NOT NULL"},
		{`{"type":"number","title":"org.apache.kafka.connect.data.Date","connect.type":"int32"}`, "DATE NOT NULL"},
		{`{"type":"number","title":"org.apache.kafka.connect.data.Time","connect.type":"int32","flink.precision":2}`, "TIME(2) NOT NULL"},
		{`{"type":"number","title":"org.apache.kafka.connect.data.Timestamp","connect.type":"int64","flink.precision":2}`, "TIMESTAMP_LTZ(2) NOT NULL"},
		{`{"type":"number","title":"org.apache.kafka.connect.data.Timestamp","connect.type":"int64","flink.type":"timestamp"}`, "TIMESTAMP(3) NOT NULL"},
		{`{"oneOf":[{"type":"null"},{"type":"integer"}]}`, "BIGINT"},
		{`{"anyOf":[{"type":"integer"},{"type":"null"}]}`, "BIGINT"},
		{`{"type":["null","integer"]}`, "BIGINT"},
		{`{"oneOf":[{"const":"a"},{"type":"string"}]}`, "STRING NOT NULL"},
		{`{"oneOf":[{"type":"null"},{"type":"string"},{"type":"boolean"}]}`, "ROW<connect_union_field_0 STRING, connect_union_field_1 BOOLEAN>"},
		{`{"type":["string","integer"]}`, "ROW<connect_union_field_0 STRING, connect_union_field_1 BIGINT> NOT NULL"},
		{`{"type":"array","items":{"type":"string"}}`, "ARRAY<STRING NOT NULL> NOT NULL"},
		{`{"type":"array","items":{"oneOf":[{"type":"null"},{"type":"string"}]}}`, "ARRAY<STRING> NOT NULL"},
		{`{"type":"object","connect.type":"map","additionalProperties":{"type":"number","connect.type":"int64"}}`, "MAP<STRING NOT NULL, BIGINT NOT NULL> NOT NULL"},
		{`{"type":"object","connect.type":"map","flink.type":"multiset","additionalProperties":{"type":"number","connect.type":"int32"}}`, "MULTISET<STRING NOT NULL> NOT NULL"},
		{`{"type":"array","connect.type":"map","items":{"type":"object","properties":{"value":{"type":"boolean"},"key":{"type":"integer"}},"required":["key"]}}`, "MAP<BIGINT NOT NULL, BOOLEAN> NOT NULL"},
		{`{"type":"array","connect.type":"map","flink.type":"multiset","items":{"type":"object","properties":{"value":{"type":"number","connect.type":"int32"},"key":{"type":"integer"}}}}`, "MULTISET<BIGINT> NOT NULL"},
		{`{"type":"object","properties":{"z":{"type":"integer","connect.index":0},"a":{"type":"string","connect.index":1}},"required":["z"]}`, "ROW<z BIGINT NOT NULL, a STRING> NOT NULL"},
		{`{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"}},"required":["z"]}`, "ROW<a STRING, z BIGINT NOT NULL> NOT NULL"},
		{`{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"properties":{"b":{"type":"boolean"}},"required":["b"]}]}`, "ROW<a BIGINT, b BOOLEAN NOT NULL> NOT NULL"},
		{`{"allOf":[{"type":"integer"},{"minimum":3}]}`, "BIGINT NOT NULL"},
		{`{"type":"string","allOf":[{"minLength":3}]}`, "STRING NOT NULL"},
		{`{"$ref":"#/definitions/money"}`, "ROW<amount DOUBLE NOT NULL> NOT NULL"},
		{`{"$ref":"#/$defs/a~1b/oneOf/1"}`, "BOOLEAN NOT NULL"},
		{`{"$ref":"http://example.com/shop.json"}`, "ROW<name STRING> NOT NULL"},
		{`{"$ref":"http://example.com/shop.json#/properties/name"}`, "STRING NOT NULL"},
	} {
		t.Run(tc.property, func(t *testing.T) {
			s := jsonOf(`{"type":"object","properties":{"f":` + tc.property + `},"required":["f"],
 "definitions":{"money":{"type":"object","properties":{"amount":{"type":"number"}},"required":["amount"]}},"$defs":{"a/b":{"oneOf":[{"type":"null"},{"type":"boolean"}]}}}`)
			s.References = []Reference{{"http://example.com/shop.json", `{"type":"object","properties":{"name":{"$ref":"#/definitions/n"}},"definitions":{"n":{"type":"string"}}}`}}
			if diff := cmp.Diff("f "+tc.want, columns(t, s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSeveralTypesOfEvent has the examples of "Handle multiple event types" in Confluent's documentation.
func TestSeveralTypesOfEvent(t *testing.T) {
	for _, tc := range []struct {
		name   string
		schema *Schema
		want   string
	}{
		{"Avro, by references", &Schema{Text: `["io.dev.Purchase","io.dev.Pageview"]`, References: []Reference{
			{"io.dev.Purchase", `{"type":"record","namespace":"io.dev","name":"Purchase","fields":[{"name":"item","type":"string"},{"name":"amount","type":"double"}]}`},
			{"io.dev.Pageview", `{"type":"record","namespace":"io.dev","name":"Pageview","fields":[{"name":"url","type":"string"},{"name":"is_special","type":"boolean"}]}`}}},
			lines("Purchase ROW<item STRING NOT NULL, amount DOUBLE NOT NULL>", "Pageview ROW<url STRING NOT NULL, is_special BOOLEAN NOT NULL>")},
		{"JSON Schema, by references", &Schema{Type: "JSON", Text: `{"title":"CustomerEvent","type":"object","oneOf":[{"$ref":"io.dev.Purchase"},{"$ref":"io.dev.Pageview"}]}`, References: []Reference{
			{"io.dev.Purchase", `{"type":"object","properties":{"item":{"type":"string"},"amount":{"type":"number"}},"required":["item","amount"]}`},
			{"io.dev.Pageview", `{"type":"object","properties":{"url":{"type":"string"},"is_special":{"type":"boolean"}},"required":["url","is_special"]}`}}},
			lines("connect_union_field_0 ROW<amount DOUBLE NOT NULL, item STRING NOT NULL>", "connect_union_field_1 ROW<is_special BOOLEAN NOT NULL, url STRING NOT NULL>")},
		{"Protobuf, by imports", &Schema{Type: "PROTOBUF", Text: `syntax = "proto3"; package io.dev; import "purchase.proto"; import "pageview.proto";
message CustomerEvent { oneof action { Purchase purchase = 1; Pageview pageview = 2; } }`, References: []Reference{
			{"purchase.proto", `syntax = "proto3"; package io.dev; message Purchase { string item = 1; double amount = 2; }`},
			{"pageview.proto", `syntax = "proto3"; package io.dev; message Pageview { string url = 1; bool is_special = 2; }`}}},
			"action ROW<purchase ROW<item STRING NOT NULL, amount DOUBLE NOT NULL>, pageview ROW<url STRING NOT NULL, is_special BOOLEAN NOT NULL>>"},
		{"an Avro union as a field", avroOf(`{"type":"record","name":"AllTypes","namespace":"io.dev","fields":[{"name":"event_type","type":[{"type":"record","name":"Order","fields":[{"name":"order_id","type":"string"}]},` +
			`{"type":"record","name":"Shipment","fields":[{"name":"status","type":"string"}]}]}]}`),
			"event_type ROW<Order ROW<order_id STRING NOT NULL>, Shipment ROW<status STRING NOT NULL>> NOT NULL"},
		{"several messages of a file", protoOf(`syntax = "proto3"; message Order { string order_id = 1; } message Shipment { string status = 1; } message AllTypes { oneof event_type { Order order = 1; Shipment shipment = 2; } }`),
			lines("Order ROW<order_id STRING NOT NULL>", "Shipment ROW<status STRING NOT NULL>", "AllTypes ROW<event_type ROW<order ROW<order_id STRING NOT NULL>, shipment ROW<status STRING NOT NULL>>>")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, columns(t, tc.schema)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
