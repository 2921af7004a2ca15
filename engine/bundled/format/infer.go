package format

import (
	"fmt"
	"slices"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Infer gives the table that a topic is where no CREATE TABLE stands, by the rules of the dialect.
func Infer(topic Topic) (*st.Table, error) {
	t := &st.Table{Name: topic.Name, Buckets: topic.Partitions, Inferred: true, Options: map[string]string{"changelog.mode": string(st.Append)}}
	if topic.Compacted {
		t.Options["changelog.mode"] = string(st.Upsert)
	}
	value, err := inferPart(t, "value", "val", topic.Value)
	if err != nil {
		return nil, fmt.Errorf("topic %q: value: %w", topic.Name, err)
	}
	key, err := inferPart(t, "key", "key", topic.Key)
	if err != nil {
		return nil, fmt.Errorf("topic %q: key: %w", topic.Name, err)
	}
	in := func(list []st.TableColumn, c st.TableColumn) int {
		return slices.IndexFunc(list, func(o st.TableColumn) bool { return o.Name == c.Name })
	}
	clash, same := false, true
	for _, c := range key {
		i := in(value, c)
		clash = clash || i >= 0
		same = same && i >= 0 && value[i].Type.Equal(c.Type)
	}
	switch {
	case clash && same && topic.Key != nil:
		// All of the key stands in the value too: each column once.
		t.Options["value.fields-include"] = "all"
		t.Columns = value
	default:
		if clash {
			t.Options["key.fields-prefix"] = "key_"
			for i := range key {
				key[i].Name = "key_" + key[i].Name
			}
		}
		t.Columns = append(slices.Clone(key), value...)
	}
	for _, c := range key {
		t.Distribution = append(t.Distribution, c.Name)
	}
	return t, nil
}

// inferPart gives the columns of a part and sets its format. name is the column of a part that is one value.
func inferPart(t *st.Table, part, name string, s *Schema) ([]st.TableColumn, error) {
	if s == nil {
		t.Options[part+".format"] = "raw"
		return []st.TableColumn{{Name: name, Type: st.Bytes()}}, nil
	}
	switch s.Type {
	case "", "AVRO":
		t.Options[part+".format"] = "avro-registry"
		root, err := parseAvro(*s)
		if err != nil {
			return nil, err
		}
		return avroColumns(root, name)
	case "JSON":
		t.Options[part+".format"] = "json-registry"
		return jsonColumns(s, name)
	}
	return nil, fmt.Errorf("schema %d: the schema type %s is not supported: AVRO and JSON are", s.ID, s.Type)
}

// avroColumns gives a column for each field of a record.
func avroColumns(root *avroNode, name string) ([]st.TableColumn, error) {
	if root.kind != avroRecord {
		t, err := inferAvro(root, nil)
		return []st.TableColumn{{Name: name, Type: t}}, err
	}
	var out []st.TableColumn
	for _, f := range root.fields {
		t, err := inferAvro(f.node, nil)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.name, err)
		}
		out = append(out, st.TableColumn{Name: f.name, Type: t, Comment: f.doc})
	}
	return out, nil
}

// inferAvro is the SQL type of an Avro schema.
func inferAvro(n *avroNode, within []*avroNode) (st.Type, error) {
	if slices.Contains(within, n) {
		return st.Type{}, fmt.Errorf("type %q holds itself, which SQL has no type for", n.name)
	}
	inside := within
	if n.kind == avroRecord { // only a record can be named, and so be met again
		inside = append(slices.Clip(within), n)
	}
	number := func(name string, def int) int {
		if v, ok := n.props[name].(int64); ok {
			return int(v)
		}
		return def
	}
	switch n.kind {
	case avroUnion:
		return inferUnion(n, inside)
	case avroBoolean:
		return st.Boolean().NotNull(), nil
	case avroInt:
		switch {
		case n.logical == "date":
			return st.Date().NotNull(), nil
		case n.logical == "time-millis":
			return st.Time(number("flink.precision", 3)).NotNull(), nil
		case n.props["connect.type"] == "int8":
			return st.Type{Kind: st.KindTinyInt}, nil
		case n.props["connect.type"] == "int16":
			return st.Type{Kind: st.KindSmallInt}, nil
		}
		return st.Int().NotNull(), nil
	case avroLong:
		switch n.logical {
		case "timestamp-millis":
			return st.TimestampLTZ(number("flink.precision", 3)).NotNull(), nil
		case "timestamp-micros":
			return st.TimestampLTZ(number("flink.precision", 6)).NotNull(), nil
		case "local-timestamp-millis":
			return st.Timestamp(number("flink.precision", 3)).NotNull(), nil
		case "local-timestamp-micros":
			return st.Timestamp(number("flink.precision", 6)).NotNull(), nil
		}
		return st.BigInt().NotNull(), nil
	case avroFloat:
		return st.Type{Kind: st.KindFloat}, nil
	case avroDouble:
		return st.Double().NotNull(), nil
	case avroEnum:
		return st.String().NotNull(), nil
	case avroString:
		high := number("flink.maxLength", st.MaxLength)
		if low := number("flink.minLength", 0); low == high && low > 0 {
			return st.Char(low).NotNull(), nil
		}
		return st.VarChar(high).NotNull(), nil
	case avroBytes, avroFixed:
		if n.logical == "decimal" {
			return st.Decimal(n.precision, n.scale).NotNull(), nil
		}
		if n.kind == avroFixed {
			return st.Type{Kind: st.KindBinary, Length: n.size}, nil
		}
		return st.VarBinary(number("flink.maxLength", st.MaxLength)).NotNull(), nil
	case avroArray, avroMap:
		elem, err := inferAvro(n.items, inside)
		if err != nil {
			return st.Type{}, err
		}
		if n.kind == avroArray {
			return st.Type{Kind: st.KindArray, Elem: &elem}, nil
		}
		key := st.String().NotNull()
		return st.Type{Kind: st.KindMap, Key: &key, Elem: &elem}, nil
	case avroRecord:
		row := st.Type{Kind: st.KindRow}
		for _, f := range n.fields {
			t, err := inferAvro(f.node, inside)
			if err != nil {
				return st.Type{}, fmt.Errorf("field %q: %w", f.name, err)
			}
			row.Fields = append(row.Fields, st.Field{Name: f.name, Type: t})
		}
		return row, nil
	}
	return st.Type{Kind: st.KindNull, Nullable: true}, nil
}

// inferUnion takes null out of a union. Several other branches are a row with one field for each.
func inferUnion(n *avroNode, inside []*avroNode) (st.Type, error) {
	var rest []*avroNode
	for _, b := range n.branches {
		if b.kind != avroNull {
			rest = append(rest, b)
		}
	}
	nullable := len(rest) < len(n.branches)
	if len(rest) == 1 {
		t, err := inferAvro(rest[0], inside)
		return t.As(nullable || t.Nullable), err
	}
	row := st.Type{Kind: st.KindRow, Nullable: nullable}
	for _, b := range rest {
		t, err := inferAvro(b, inside)
		if err != nil {
			return t, err
		}
		name := b.name
		if name == "" {
			name = b.kind.String()
		}
		row.Fields = append(row.Fields, st.Field{Name: name, Type: t.WithNull()})
	}
	return row, nil
}
