package format

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// jsonSchema is what inference reads of a JSON Schema.
type jsonSchema struct {
	Type       jsonTypes         `json:"type"`
	Title      string            `json:"title"`
	Properties jsonProperties    `json:"properties"`
	Required   []string          `json:"required"`
	Items      *jsonSchema       `json:"items"`
	OneOf      []*jsonSchema     `json:"oneOf"`
	AnyOf      []*jsonSchema     `json:"anyOf"`
	Ref        string            `json:"$ref"`
	Connect    string            `json:"connect.type"`
	Index      *int              `json:"connect.index"`
	Parameters map[string]string `json:"connect.parameters"`
	FlinkType  string            `json:"flink.type"`
	Precision  *int              `json:"flink.precision"`
	MinLength  int               `json:"flink.minLength"`
	MaxLength  int               `json:"flink.maxLength"`
}

// jsonTypes is "string" or ["null", "string"].
type jsonTypes []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *jsonTypes) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = jsonTypes{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

type jsonProperty struct {
	name   string
	schema *jsonSchema
}

// jsonProperties keeps the order of the text.
type jsonProperties []jsonProperty

// UnmarshalJSON implements json.Unmarshaler.
func (p *jsonProperties) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		s := &jsonSchema{}
		if err := d.Decode(s); err != nil {
			return fmt.Errorf("property %q: %w", name, err)
		}
		text, ok := name.(string)
		if !ok {
			return fmt.Errorf("properties are not an object")
		}
		*p = append(*p, jsonProperty{text, s})
	}
	return nil
}

// jsonColumns gives a column for each property of an object, by connect.index where it stands, else in the text's order.
func jsonColumns(s *Schema, name string) ([]st.TableColumn, error) {
	var root jsonSchema
	if err := json.Unmarshal([]byte(s.Text), &root); err != nil {
		return nil, fmt.Errorf("schema %d: %w", s.ID, err)
	}
	if len(root.Properties) == 0 {
		t, err := inferJSON(&root)
		return []st.TableColumn{{Name: name, Type: t.NotNull()}}, err
	}
	slices.SortStableFunc(root.Properties, func(a, b jsonProperty) int {
		if a.schema.Index == nil || b.schema.Index == nil {
			return 0
		}
		return cmp.Compare(*a.schema.Index, *b.schema.Index)
	})
	var out []st.TableColumn
	for _, p := range root.Properties {
		t, err := inferJSON(p.schema)
		if err != nil {
			return nil, fmt.Errorf("schema %d: property %q: %w", s.ID, p.name, err)
		}
		if !slices.Contains(root.Required, p.name) {
			t.Nullable = true
		}
		out = append(out, st.TableColumn{Name: p.name, Type: t})
	}
	return out, nil
}

// inferJSON is the SQL type of a JSON Schema; nullable where null is allowed.
func inferJSON(s *jsonSchema) (st.Type, error) {
	if s.Ref != "" {
		return st.Type{}, fmt.Errorf("a reference ($ref %q) is not supported", s.Ref)
	}
	if choice := append(slices.Clone(s.OneOf), s.AnyOf...); len(choice) > 0 {
		var rest []*jsonSchema
		for _, c := range choice {
			if !slices.Equal(c.Type, jsonTypes{"null"}) {
				rest = append(rest, c)
			}
		}
		if len(rest) != 1 {
			return st.Type{}, fmt.Errorf("a choice of %d schemas is not supported", len(rest))
		}
		t, err := inferJSON(rest[0])
		return t.As(t.Nullable || len(rest) < len(choice)), err
	}
	var names []string
	for _, n := range s.Type {
		if n != "null" {
			names = append(names, n)
		}
	}
	if len(names) != 1 {
		return st.Type{}, fmt.Errorf("the types %q are not supported", []string(s.Type))
	}
	t, err := inferJSONType(s, names[0])
	return t.As(len(names) < len(s.Type)), err
}

func inferJSONType(s *jsonSchema, name string) (st.Type, error) {
	precision := 3
	if s.Precision != nil {
		precision = *s.Precision
	}
	switch name {
	case "boolean":
		return st.Boolean(), nil
	case "string":
		length := cmp.Or(s.MaxLength, st.MaxLength)
		fixed := s.MinLength > 0 && s.MinLength == s.MaxLength
		switch {
		case s.Connect == "bytes" && fixed:
			return st.Type{Kind: st.KindBinary, Length: length}, nil
		case s.Connect == "bytes":
			return st.VarBinary(length), nil
		case fixed:
			return st.Char(length), nil
		}
		return st.VarChar(length), nil
	case "integer", "number":
		switch s.Title {
		case "org.apache.kafka.connect.data.Decimal":
			digits, scale := 10, 0
			if v, err := strconv.Atoi(s.Parameters["connect.decimal.precision"]); err == nil {
				digits = v
			}
			if v, err := strconv.Atoi(s.Parameters["scale"]); err == nil {
				scale = v
			}
			return st.Decimal(digits, scale), nil
		case "org.apache.kafka.connect.data.Date":
			return st.Date(), nil
		case "org.apache.kafka.connect.data.Time":
			return st.Time(precision), nil
		case "org.apache.kafka.connect.data.Timestamp":
			if s.FlinkType == "timestamp" {
				return st.Timestamp(precision), nil
			}
			return st.TimestampLTZ(precision), nil
		}
		kinds := map[string]st.Kind{"int8": st.KindTinyInt, "int16": st.KindSmallInt, "int32": st.KindInt, "int64": st.KindBigInt,
			"float32": st.KindFloat, "float64": st.KindDouble}
		if k, ok := kinds[s.Connect]; ok {
			return st.Type{Kind: k}, nil
		}
		if name == "integer" {
			return st.BigInt(), nil
		}
		return st.Double(), nil
	case "array":
		if s.Items == nil {
			return st.Type{}, fmt.Errorf("an array without items is not supported")
		}
		elem, err := inferJSON(s.Items)
		return st.Type{Kind: st.KindArray, Elem: &elem}, err
	case "object":
		row := st.Type{Kind: st.KindRow}
		for _, p := range s.Properties {
			t, err := inferJSON(p.schema)
			if err != nil {
				return row, fmt.Errorf("property %q: %w", p.name, err)
			}
			row.Fields = append(row.Fields, st.Field{Name: p.name, Type: t.As(t.Nullable || !slices.Contains(s.Required, p.name))})
		}
		return row, nil
	}
	return st.Type{}, fmt.Errorf("the type %q is not supported", name)
}
