package format

import (
	"encoding/json"
	"fmt"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// ForTable gives the schemas that CREATE TABLE registers for a table's topic; an ID is 0, nil where the format has no schema.
func ForTable(t *st.Table) (key, value *Schema, err error) {
	k, v, err := layout(t)
	if err != nil {
		return nil, nil, err
	}
	if key, err = declare(k); err != nil {
		return nil, nil, fmt.Errorf("table %q: key: %w", t.Name, err)
	}
	if value, err = declare(v); err != nil {
		return nil, nil, fmt.Errorf("table %q: value: %w", t.Name, err)
	}
	return key, value, nil
}

// declare writes the schema of a part.
func declare(p part) (*Schema, error) {
	switch p.encoding {
	case avroEncoding:
		text, err := declareAvro(p)
		return &Schema{Type: "AVRO", Text: text}, err
	case jsonEncoding:
		text, err := declareJSON(p)
		return &Schema{Type: "JSON", Text: text}, err
	}
	return nil, nil
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendJSONString(out, []byte(m.name)), ':')
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	return append(out, '}'), nil
}

func declareAvro(p part) (string, error) {
	var fields []any
	for _, f := range p.fields {
		t, err := avroType(f)
		if err != nil {
			return "", err
		}
		field := object{{"name", f.field}, {"type", t}}
		if f.typ.Nullable {
			field = object{{"name", f.field}, {"type", []any{"null", t}}, {"default", nil}}
		}
		fields = append(fields, field)
	}
	if fields == nil {
		fields = []any{}
	}
	text, err := json.Marshal(object{{"type", "record"}, {"name", "record"}, {"namespace", "org.apache.flink.avro.generated"}, {"fields", fields}})
	return string(text), err
}

// avroType is a type's Avro form without NULL. Where the form says less than the type, properties in the dialect's names say the rest.
func avroType(c column) (any, error) {
	t := c.typ
	plain := func(name string, more ...member) (any, error) {
		if len(more) == 0 {
			return name, nil
		}
		return append(object{{"type", name}}, more...), nil
	}
	logical := func(name, logicalType string, more ...member) (any, error) {
		return plain(name, append([]member{{"logicalType", logicalType}}, more...)...)
	}
	version := member{"flink.version", "1"}
	switch t.Kind {
	case st.KindBoolean:
		return plain("boolean")
	case st.KindTinyInt:
		return plain("int", member{"connect.type", "int8"})
	case st.KindSmallInt:
		return plain("int", member{"connect.type", "int16"})
	case st.KindInt:
		return plain("int")
	case st.KindBigInt:
		return plain("long")
	case st.KindFloat:
		return plain("float")
	case st.KindDouble:
		return plain("double")
	case st.KindDecimal:
		return logical("bytes", "decimal", member{"precision", t.Precision}, member{"scale", t.Scale})
	case st.KindVarChar:
		if t.Length == st.MaxLength {
			return plain("string")
		}
		return plain("string", member{"flink.maxLength", t.Length}, version)
	case st.KindChar:
		return plain("string", member{"flink.minLength", t.Length}, member{"flink.maxLength", t.Length}, version)
	case st.KindVarBinary:
		if t.Length == st.MaxLength {
			return plain("bytes")
		}
		return plain("bytes", member{"flink.maxLength", t.Length}, version)
	case st.KindBinary:
		return object{{"type", "fixed"}, {"name", "record_" + c.field}, {"namespace", "org.apache.flink.avro.generated"}, {"size", t.Length}}, nil
	case st.KindDate:
		return logical("int", "date")
	case st.KindTime:
		if t.Precision > 3 {
			return nil, fmt.Errorf("column %q: avro-registry holds a TIME in milliseconds, %s has more", c.name, t)
		}
		if t.Precision != 3 {
			return logical("int", "time-millis", member{"flink.precision", t.Precision}, version)
		}
		return logical("int", "time-millis")
	case st.KindTimestamp, st.KindTimestampLTZ:
		name, digits := "timestamp-millis", 3
		if t.Precision > 6 {
			return nil, fmt.Errorf("column %q: avro-registry holds a timestamp in microseconds at most, %s has more", c.name, t)
		}
		if t.Precision > 3 {
			name, digits = "timestamp-micros", 6
		}
		if t.Kind == st.KindTimestamp {
			name = "local-" + name
		}
		if t.Precision != digits {
			return logical("long", name, member{"flink.precision", t.Precision}, version)
		}
		return logical("long", name)
	}
	return nil, fmt.Errorf("column %q: the type %s is not supported in avro-registry", c.name, t)
}

// declareJSON writes the JSON Schema of a part, in the names that the registry's connect data has for types that JSON has not.
func declareJSON(p part) (string, error) {
	properties := object{}
	for i, f := range p.fields {
		form, err := jsonFormOf(f)
		if err != nil {
			return "", err
		}
		if form == jsonMillis && f.typ.Precision > 3 {
			return "", fmt.Errorf("column %q: json-registry holds milliseconds, %s has more: declare a precision of 3", f.name, f.typ)
		}
		body := append(jsonType(f.typ), member{"connect.index", i})
		if f.typ.Nullable {
			body = object{{"connect.index", i}, {"oneOf", []any{object{{"type", "null"}}, jsonType(f.typ)}}}
		}
		properties = append(properties, member{f.field, body})
	}
	required := []string{}
	for _, f := range p.fields {
		if !f.typ.Nullable {
			required = append(required, f.field)
		}
	}
	text, err := json.Marshal(object{{"type", "object"}, {"title", "Record"}, {"additionalProperties", false}, {"properties", properties}, {"required", required}})
	return string(text), err
}

func jsonType(t st.Type) object {
	const logical = "org.apache.kafka.connect.data."
	number := func(connect string) object { return object{{"type", "number"}, {"connect.type", connect}} }
	version := member{"flink.version", "1"}
	switch t.Kind {
	case st.KindBoolean:
		return object{{"type", "boolean"}}
	case st.KindTinyInt:
		return number("int8")
	case st.KindSmallInt:
		return number("int16")
	case st.KindInt:
		return number("int32")
	case st.KindBigInt:
		return number("int64")
	case st.KindFloat:
		return number("float32")
	case st.KindDouble:
		return number("float64")
	case st.KindDecimal:
		return object{{"type", "number"}, {"title", logical + "Decimal"}, {"connect.type", "bytes"},
			{"connect.parameters", object{{"scale", fmt.Sprint(t.Scale)}, {"connect.decimal.precision", fmt.Sprint(t.Precision)}}}}
	case st.KindDate:
		return object{{"type", "number"}, {"title", logical + "Date"}, {"connect.type", "int32"}}
	case st.KindTime:
		return object{{"type", "number"}, {"title", logical + "Time"}, {"connect.type", "int32"}, {"flink.precision", t.Precision}, version}
	case st.KindTimestamp, st.KindTimestampLTZ:
		o := object{{"type", "number"}, {"title", logical + "Timestamp"}, {"connect.type", "int64"}, {"flink.precision", t.Precision}, version}
		if t.Kind == st.KindTimestamp {
			o = append(o, member{"flink.type", "timestamp"})
		}
		return o
	case st.KindChar, st.KindBinary, st.KindVarChar, st.KindVarBinary:
		o := object{{"type", "string"}}
		if t.IsBytes() {
			o = append(o, member{"connect.type", "bytes"})
		}
		if t.Kind == st.KindChar || t.Kind == st.KindBinary {
			o = append(o, member{"flink.minLength", t.Length})
		}
		if t.Length != st.MaxLength {
			o = append(o, member{"flink.maxLength", t.Length}, version)
		}
		return o
	}
	return nil
}
