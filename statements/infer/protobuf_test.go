package infer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProtobuf(t *testing.T) {
	option := func(pairs ...string) string {
		out := "[(confluent.field_meta) = {params: ["
		for i := 0; i < len(pairs); i += 2 {
			if i > 0 {
				out += ", "
			}
			out += `{key: "` + pairs[i] + `", value: "` + pairs[i+1] + `"}`
		}
		return out + "]}]"
	}
	for _, tc := range []struct{ field, want string }{
		{`bool f = 1;`, "BOOLEAN NOT NULL"},
		{`int32 f = 1;`, "INT NOT NULL"},
		{`sint32 f = 1;`, "INT NOT NULL"},
		{`sfixed32 f = 1;`, "INT NOT NULL"},
		{`uint32 f = 1;`, "BIGINT NOT NULL"},
		{`fixed32 f = 1;`, "BIGINT NOT NULL"},
		{`int64 f = 1;`, "BIGINT NOT NULL"},
		{`uint64 f = 1;`, "BIGINT NOT NULL"},
		{`sfixed64 f = 1;`, "BIGINT NOT NULL"},
		{`float f = 1;`, "FLOAT NOT NULL"},
		{`double f = 1;`, "DOUBLE NOT NULL"},
		{`string f = 1;`, "STRING NOT NULL"},
		{`bytes f = 1;`, "BYTES NOT NULL"},
		{`optional int64 f = 1;`, "BIGINT"},
		{`optional string f = 1;`, "STRING"},
		{`enum E { A = 0; } E f = 1;`, "STRING NOT NULL"},
		{`enum E { A = 0; } optional E f = 1;`, "STRING"},
		{`int32 f = 1 ` + option("connect.type", "int8") + `;`, "TINYINT NOT NULL"},
		{`int32 f = 1 ` + option("connect.type", "int16", "flink.version", "1") + `;`, "SMALLINT NOT NULL"},
		{`string f = 1 ` + option("flink.maxLength", "12", "flink.minLength", "12") + `;`, "CHAR(12) NOT NULL"},
		{`string f = 1 ` + option("flink.maxLength", "12") + `;`, "VARCHAR(12) NOT NULL"},
		{`optional bytes f = 1 ` + option("flink.maxLength", "12", "flink.minLength", "12") + `;`, "BINARY(12)"},
		{`bytes f = 1 ` + option("flink.maxLength", "12") + `;`, "VARBINARY(12) NOT NULL"},
		{`google.protobuf.Timestamp f = 1 ` + option("flink.precision", "3") + `;`, "TIMESTAMP_LTZ(3)"},
		{`google.protobuf.Timestamp f = 1;`, "TIMESTAMP_LTZ(9)"},
		{`google.protobuf.Timestamp f = 1 ` + option("flink.type", "timestamp", "flink.precision", "3") + `;`, "TIMESTAMP(3)"},
		{`google.type.Date f = 1;`, "DATE"},
		{`google.type.Date f = 1 ` + option("flink.notNull", "true") + `;`, "DATE NOT NULL"},
		{`google.type.TimeOfDay f = 1 ` + option("flink.precision", "2") + `;`, "TIME(2)"},
		{`confluent.type.Decimal f = 1 ` + option("precision", "5", "scale", "1") + `;`, "DECIMAL(5, 1)"},
		{`google.protobuf.BoolValue f = 1;`, "BOOLEAN"},
		{`google.protobuf.Int32Value f = 1;`, "INT"},
		{`google.protobuf.Int64Value f = 1;`, "BIGINT"},
		{`google.protobuf.UInt32Value f = 1;`, "BIGINT"},
		{`google.protobuf.UInt64Value f = 1;`, "BIGINT"},
		{`google.protobuf.FloatValue f = 1;`, "FLOAT"},
		{`google.protobuf.DoubleValue f = 1;`, "DOUBLE"},
		{`google.protobuf.StringValue f = 1;`, "STRING"},
		{`google.protobuf.BytesValue f = 1;`, "BYTES"},
		{`repeated int64 f = 1;`, "ARRAY<BIGINT NOT NULL> NOT NULL"},
		{`message I { string a = 1; } repeated I f = 1;`, "ARRAY<ROW<a STRING NOT NULL>> NOT NULL"},
		{`message I { string a = 1; } I f = 1;`, "ROW<a STRING NOT NULL>"},
		{`map<string, int64> f = 1;`, "MAP<STRING NOT NULL, BIGINT NOT NULL> NOT NULL"},
		{`message I { bool a = 1; } map<int32, I> f = 1;`, "MAP<INT NOT NULL, ROW<a BOOLEAN NOT NULL>> NOT NULL"},
		{`message FEntry { optional string key = 1; optional int64 value = 2; } repeated FEntry f = 1;`, "MAP<STRING, BIGINT> NOT NULL"},
		{`message FEntry { optional string key = 1; int32 value = 2; } repeated FEntry f = 1 ` + option("flink.type", "multiset") + `;`, "MULTISET<STRING> NOT NULL"},
		{`message FWrapper { repeated int64 value = 1; } FWrapper f = 1 ` + option("flink.wrapped", "true") + `;`, "ARRAY<BIGINT NOT NULL>"},
		{`message FWrapper { optional int64 value = 1; } repeated FWrapper f = 1 ` + option("flink.wrapped", "true") + `;`, "ARRAY<BIGINT> NOT NULL"},
		{`oneof f { int32 a = 1; string b = 2; }`, "ROW<a INT, b STRING>"},
	} {
		t.Run(tc.field, func(t *testing.T) {
			s := protoOf(`syntax = "proto3"; package p;
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto";
import "confluent/type/decimal.proto"; import "confluent/meta.proto";
message R { ` + tc.field + ` }`)
			if diff := cmp.Diff("f "+tc.want, columns(t, s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProtobuf2(t *testing.T) {
	got := columns(t, protoOf(`syntax = "proto2"; message R { required int32 a = 1; optional int32 b = 2; repeated group G = 3 { optional bool x = 1; } optional string c = 4 [default = "x"]; }`))
	if diff := cmp.Diff(lines("a INT NOT NULL", "b INT", "g ARRAY<ROW<x BOOLEAN>> NOT NULL", "c STRING"), got); diff != "" {
		t.Error(diff)
	}
}
