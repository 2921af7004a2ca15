package infer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// jsonSchema is what a table is inferred from of a JSON Schema.
type jsonSchema struct {
	ID          string            `json:"$id"`
	Ref         string            `json:"$ref"`
	Type        jsonTypes         `json:"type"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Properties  map[string]*maybe `json:"properties"`
	Required    jsonList          `json:"required"`
	Additional  *maybe            `json:"additionalProperties"`
	Items       *maybe            `json:"items"`
	OneOf       []*maybe          `json:"oneOf"`
	AnyOf       []*maybe          `json:"anyOf"`
	AllOf       []*maybe          `json:"allOf"`
	Enum        []any             `json:"enum"`
	Const       any               `json:"const"`
	MinLength   int               `json:"minLength"`
	MaxLength   int               `json:"maxLength"`
	Connect     string            `json:"connect.type"`
	Index       *int              `json:"connect.index"`
	Parameters  map[string]string `json:"connect.parameters"`
	FlinkType   string            `json:"flink.type"`
	Precision   *int              `json:"flink.precision"`
	FlinkMin    int               `json:"flink.minLength"`
	FlinkMax    int               `json:"flink.maxLength"`
}

// maybe is a schema, or true or false, which stand for anything and nothing: of those schema is nil.
type maybe struct{ schema *jsonSchema }

// UnmarshalJSON implements json.Unmarshaler.
func (m *maybe) UnmarshalJSON(b []byte) error {
	if s := strings.TrimSpace(string(b)); s == "true" || s == "false" || strings.HasPrefix(s, "[") {
		return nil // a list of items' schemas by position says nothing about the others
	}
	m.schema = &jsonSchema{}
	return json.Unmarshal(b, m.schema)
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

// jsonList is a list of names; of anything else, as draft 3's "required": true, it is empty.
type jsonList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *jsonList) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*[]string)(l)) != nil {
		*l = nil
	}
	return nil
}

// jsonReader walks a JSON Schema and those that it refers to.
type jsonReader struct {
	documents map[string]string // by the names that references use, "" for the schema itself
	known     map[string]jsonAt // by document and reference
	types     count
}

// jsonAt is a schema, and the document that its references count in.
type jsonAt struct {
	*jsonSchema
	document string
}

// jsonColumns gives a column for each property of an object, and for each branch of a choice.
func jsonColumns(s *Schema, name string) ([]st.TableColumn, error) {
	r := &jsonReader{documents: map[string]string{"": s.Text}, known: map[string]jsonAt{}}
	for _, ref := range s.References {
		r.documents[ref.Name] = ref.Text
	}
	root, err := r.parse(s.Text)
	if err != nil {
		return nil, err
	}
	if root.ID != "" {
		r.documents[root.ID] = s.Text
	}
	t, err := r.read(jsonAt{root, ""}, nil)
	if err != nil {
		return nil, err
	}
	if t.Kind == st.KindNull {
		return nil, fmt.Errorf("null is no type of a column")
	}
	if t.Kind == st.KindRow {
		return columnsOf(t), nil
	}
	return []st.TableColumn{{Name: name, Type: t}}, nil
}

func (r *jsonReader) parse(text string) (*jsonSchema, error) {
	var m maybe
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("it is no JSON Schema: %w", err)
	}
	if m.schema == nil {
		return nil, fmt.Errorf("it says nothing about its values")
	}
	return m.schema, nil
}

// resolve follows a reference: into the same document ("#/definitions/x"), or into one that is registered under the name.
func (r *jsonReader) resolve(from jsonAt) (jsonAt, error) {
	name, pointer, _ := strings.Cut(from.Ref, "#")
	document := from.document
	if name != "" {
		document = name
		if _, ok := r.documents[document]; !ok {
			document = strings.TrimPrefix(document, "./")
		}
	}
	text, ok := r.documents[document]
	if !ok {
		return from, fmt.Errorf("it refers to %q, which is not among its references", name)
	}
	at := json.RawMessage(text)
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		if s, err := url.PathUnescape(step); err == nil {
			step = s
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var object map[string]json.RawMessage
		var list []json.RawMessage
		if json.Unmarshal(at, &list) == nil {
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(list) {
				at = list[i]
				continue
			}
		}
		if json.Unmarshal(at, &object) != nil || object[step] == nil {
			return from, fmt.Errorf("its reference %q leads nowhere", from.Ref)
		}
		at = object[step]
	}
	s, err := r.parse(string(at))
	if err != nil {
		return from, fmt.Errorf("reference %q: %w", from.Ref, err)
	}
	return jsonAt{s, document}, nil
}

// read is the SQL type of a schema, nullable where null is among its values. within are the references that led to it.
func (r *jsonReader) read(s jsonAt, within []string) (st.Type, error) {
	if len(within) > maxDepth {
		return st.Type{}, errDeep
	}
	if err := r.types.one(); err != nil {
		return st.Type{}, err
	}
	if s.Ref != "" {
		mark := s.document + " " + s.Ref
		if slices.Contains(within, mark) {
			return st.Type{}, fmt.Errorf("%q holds itself, which SQL has no type for", s.Ref)
		}
		to, ok := r.known[mark]
		if !ok {
			var err error
			if to, err = r.resolve(s); err != nil {
				return st.Type{}, err
			}
			r.known[mark] = to
		}
		return r.read(to, append(slices.Clip(within), mark))
	}
	within = append(slices.Clip(within), "")
	switch {
	case len(s.AllOf) > 0:
		return r.all(s, within)
	case len(s.OneOf)+len(s.AnyOf) > 0:
		return r.choice(s, append(slices.Clone(s.OneOf), s.AnyOf...), within)
	case len(s.Type) > 1:
		var each []*maybe
		for _, name := range s.Type {
			one := *s.jsonSchema
			one.Type = jsonTypes{name}
			each = append(each, &maybe{&one})
		}
		return r.choice(s, each, within)
	case len(s.Type) == 1:
		return r.typed(s, s.Type[0], within)
	case len(s.Properties) > 0:
		return r.typed(s, "object", within)
	case len(s.Enum) > 0 || s.Const != nil:
		return r.valued(s)
	}
	return st.Type{}, fmt.Errorf("it does not say of which type its values are")
}

// valued is the type of the values that a schema lists.
func (r *jsonReader) valued(s jsonAt) (st.Type, error) {
	values := s.Enum
	if len(values) == 0 {
		values = []any{s.Const}
	}
	t := st.Type{}
	for _, v := range values {
		var of st.Type
		switch v.(type) {
		case string:
			of = st.String()
		case bool:
			of = st.Boolean()
		case float64:
			of = st.Double()
		case nil:
			t.Nullable = true
			continue
		default:
			return t, fmt.Errorf("its values are no scalars")
		}
		if t.Kind != st.KindInvalid && t.Kind != of.Kind {
			return t, fmt.Errorf("its values are of several types")
		}
		t = of.As(t.Nullable)
	}
	if t.Kind == st.KindInvalid {
		t.Kind = st.KindNull
	}
	return t, nil
}

// all merges schemas that hold together: the properties of objects, or the one schema that says a type.
func (r *jsonReader) all(s jsonAt, within []string) (st.Type, error) {
	own := *s.jsonSchema
	own.AllOf = nil
	var parts []st.Type
	schemas := s.AllOf
	if len(own.Properties) > 0 {
		schemas = append(slices.Clone(schemas), &maybe{&own})
	}
	for _, m := range schemas {
		if m == nil || m.schema == nil {
			continue
		}
		if c := m.schema; c.Ref == "" && len(c.Type)+len(c.Properties)+len(c.AllOf)+len(c.OneOf)+len(c.AnyOf)+len(c.Enum) == 0 && c.Const == nil {
			continue // it only bounds the values
		}
		t, err := r.read(jsonAt{m.schema, s.document}, within)
		if err != nil {
			return t, err
		}
		parts = append(parts, t)
	}
	if len(parts) == 0 {
		if len(own.Type) == 0 {
			return st.Type{}, fmt.Errorf("it does not say of which type its values are")
		}
		return r.read(jsonAt{&own, s.document}, within)
	}
	out := parts[0]
	for _, t := range parts[1:] {
		if out.Kind != st.KindRow || t.Kind != st.KindRow {
			if out.Kind != t.Kind {
				return out, fmt.Errorf("its allOf holds %s and %s together", out, t)
			}
			continue
		}
		for _, f := range t.Fields {
			if !slices.ContainsFunc(out.Fields, func(o st.Field) bool { return o.Name == f.Name }) {
				out.Fields = append(slices.Clip(out.Fields), f)
			}
		}
		out.Nullable = out.Nullable && t.Nullable
	}
	return out, nil
}

// choice takes null out. What is left is a type that may be NULL, or a row with a field for each branch, of which one has a value.
func (r *jsonReader) choice(s jsonAt, branches []*maybe, within []string) (st.Type, error) {
	row := st.Type{Kind: st.KindRow}
	for _, b := range branches {
		if b == nil || b.schema == nil {
			return row, fmt.Errorf("one of its choices says nothing about its values")
		}
		t, err := r.read(jsonAt{b.schema, s.document}, within)
		if err != nil {
			return t, err
		}
		if t.Kind == st.KindNull {
			row.Nullable = true
			continue
		}
		row.Fields = append(row.Fields, st.Field{Name: "connect_union_field_" + strconv.Itoa(len(row.Fields)), Type: t})
	}
	switch len(row.Fields) {
	case 0:
		return st.Type{Kind: st.KindNull, Nullable: true}, nil
	case 1:
		t := row.Fields[0].Type
		return t.As(t.Nullable || row.Nullable), nil
	}
	if t, ok := alike(row); ok {
		return t, nil // "a" or "b": one string
	}
	for i := range row.Fields {
		row.Fields[i].Type.Nullable = true
	}
	return row, nil
}

// alike is the one scalar type that all branches of a choice have.
func alike(row st.Type) (st.Type, bool) {
	one := row.Fields[0].Type
	for _, f := range row.Fields {
		if f.Type.Kind != one.Kind || f.Type.Kind == st.KindRow || !f.Type.As(one.Nullable).Equal(one) {
			return one, false
		}
		one.Nullable = one.Nullable || f.Type.Nullable
	}
	return one.As(one.Nullable || row.Nullable), true
}

func (r *jsonReader) typed(s jsonAt, name string, within []string) (st.Type, error) {
	switch name {
	case "null":
		return st.Type{Kind: st.KindNull, Nullable: true}, nil
	case "boolean":
		return st.Boolean().NotNull(), nil
	case "string":
		if s.Connect == "bytes" {
			return text(st.KindVarBinary, st.KindBinary, s.FlinkMin, s.FlinkMax), nil
		}
		return text(st.KindVarChar, st.KindChar, cmp.Or(s.FlinkMin, s.MinLength), cmp.Or(s.FlinkMax, s.MaxLength)), nil
	case "integer", "number":
		return jsonNumber(s.jsonSchema, name)
	case "array":
		if s.Items == nil || s.Items.schema == nil {
			return st.Type{}, fmt.Errorf("it is an array that does not say of what")
		}
		elem, err := r.read(jsonAt{s.Items.schema, s.document}, within)
		if err == nil && s.Connect == "map" {
			if t, ok := entry(elem, s.FlinkType == "multiset"); ok {
				return t, nil
			}
		}
		if elem.Kind == st.KindNull {
			return elem, fmt.Errorf("it is an array of nulls")
		}
		return st.Type{Kind: st.KindArray, Elem: &elem}, err
	case "object":
		return r.object(s, within)
	}
	return st.Type{}, fmt.Errorf("there is no type %q", name)
}

// object is a MAP where it says of which type any property is and names none, else a ROW.
func (r *jsonReader) object(s jsonAt, within []string) (st.Type, error) {
	if s.Additional != nil && s.Additional.schema != nil && (s.Connect == "map" || len(s.Properties) == 0) {
		elem, err := r.read(jsonAt{s.Additional.schema, s.document}, within)
		key := st.String().NotNull()
		if s.FlinkType == "multiset" {
			return st.Type{Kind: st.KindMultiset, Elem: &key}, err
		}
		return st.Type{Kind: st.KindMap, Key: &key, Elem: &elem}, err
	}
	if len(s.Properties) == 0 {
		return st.Type{}, fmt.Errorf("it is an object that names no properties")
	}
	var names []string
	for name, p := range s.Properties {
		if p == nil || p.schema == nil {
			return st.Type{}, fmt.Errorf("property %q: it says nothing about its values", name)
		}
		names = append(names, name)
	}
	// As Connect orders them: by connect.index, which what Connect and Flink write has, the others behind by their names.
	slices.SortFunc(names, func(a, b string) int {
		i, j := s.Properties[a].schema.Index, s.Properties[b].schema.Index
		switch {
		case i != nil && j != nil:
			return cmp.Or(cmp.Compare(*i, *j), cmp.Compare(a, b))
		case i != nil:
			return -1
		case j != nil:
			return 1
		}
		return cmp.Compare(a, b)
	})
	row := st.Type{Kind: st.KindRow}
	for _, name := range names {
		p := s.Properties[name].schema
		t, err := r.read(jsonAt{p, s.document}, within)
		if err == nil && t.Kind == st.KindNull {
			err = fmt.Errorf("null is no type of a column")
		}
		if err != nil {
			return t, fmt.Errorf("property %q: %w", name, err)
		}
		if !slices.Contains(s.Required, name) {
			t.Nullable = true
		}
		row.Fields = append(row.Fields, st.Field{Name: name, Type: t, Comment: p.Description})
	}
	return row, nil
}

func jsonNumber(s *jsonSchema, name string) (st.Type, error) {
	precision := 3
	if s.Precision != nil && *s.Precision >= 0 && *s.Precision <= 9 {
		precision = *s.Precision
	}
	switch s.Title {
	case "org.apache.kafka.connect.data.Decimal":
		digits, scale := 10, 0
		if v, err := strconv.Atoi(s.Parameters["connect.decimal.precision"]); err == nil {
			digits = v
		}
		if v, err := strconv.Atoi(s.Parameters["scale"]); err == nil {
			scale = v
		}
		return decimal(digits, scale)
	case "org.apache.kafka.connect.data.Date":
		return st.Date().NotNull(), nil
	case "org.apache.kafka.connect.data.Time":
		return st.Time(min(3, precision)).NotNull(), nil
	case "org.apache.kafka.connect.data.Timestamp":
		if s.FlinkType == "timestamp" {
			return st.Timestamp(precision).NotNull(), nil
		}
		return st.TimestampLTZ(precision).NotNull(), nil
	}
	kinds := map[string]st.Kind{"int8": st.KindTinyInt, "int16": st.KindSmallInt, "int32": st.KindInt, "int64": st.KindBigInt,
		"float32": st.KindFloat, "float64": st.KindDouble}
	if k, ok := kinds[s.Connect]; ok {
		return st.Type{Kind: k}, nil
	}
	if name == "integer" {
		return st.BigInt().NotNull(), nil
	}
	return st.Double().NotNull(), nil
}

// decimal is a DECIMAL whose digits another system's schema tells.
func decimal(digits, scale int) (st.Type, error) {
	if digits < 1 || digits > st.MaxPrecision || scale < 0 || scale > digits {
		return st.Type{}, fmt.Errorf("a decimal of %d digits, %d of them behind the point, has no type in SQL", digits, scale)
	}
	return st.Decimal(digits, scale).NotNull(), nil
}
