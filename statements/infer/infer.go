// Package infer gives the table that a Kafka topic is where no CREATE TABLE declares one: its columns from the schemas of its key and its value,
// as Confluent Cloud for Apache Flink infers them ("Inferred tables" and "Data type mappings" of its documentation). It reads Avro, JSON Schema
// and Protobuf.
//
// It reads schemas that others wrote: what it can not make a table of is an error that says which schema, which field and why. Asking a
// registry, and choosing the version of a subject, is the caller's.
package infer

import (
	"errors"
	"fmt"
	"slices"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Schema is a schema as a registry holds it.
type Schema struct {
	ID         int
	Type       string // AVRO, JSON, PROTOBUF; "" is AVRO
	Text       string
	References []Reference // in the order in which each needs only those before it
}

// Reference is a schema that another one refers to, by the name that it uses: a full name (Avro), a URL (JSON Schema), a path (Protobuf).
type Reference struct{ Name, Text string }

// Topic is what a topic and its subjects tell.
type Topic struct {
	Name       string
	Partitions int
	Compacted  bool    // cleanup.policy has compact
	Key, Value *Schema // the latest of the subjects <topic>-key and <topic>-value; nil where there is none
}

// maxDepth bounds the types within types of a schema, maxTypes how many there are once every name is replaced by what it stands for: a small text
// can stand for billions.
const (
	maxDepth = 64
	maxTypes = 1 << 16
)

var (
	errDeep = errors.New("it nests deeper than 64 types")
	errMany = errors.New("it stands for more than 65536 types")
)

// count counts types.
type count int

func (c *count) one() error {
	if *c++; *c > maxTypes {
		return errMany
	}
	return nil
}

// Table gives the table that a topic is. Key columns stand before those of the value; where the value has all of them too, with the same types,
// each stands once. A part without a schema is one column of bytes.
func Table(topic Topic) (*st.Table, error) {
	t := &st.Table{Name: topic.Name, Buckets: topic.Partitions, Inferred: true, Options: map[string]string{"changelog.mode": string(st.Append)}}
	value, form, err := part("val", topic.Value)
	if err != nil {
		return nil, fmt.Errorf("topic %q: value: %w", topic.Name, err)
	}
	t.Options["value.format"] = form
	if after := envelope(value); after != nil {
		// Debezium's change events are a changelog of what stands in "after".
		value, t.Options["value.format"] = after, form[:len(form)-len("registry")]+"debezium-registry"
		t.Options["changelog.mode"] = string(st.Retract)
	}
	key, form, err := part("key", topic.Key)
	if err != nil {
		return nil, fmt.Errorf("topic %q: key: %w", topic.Name, err)
	}
	t.Options["key.format"] = form
	for _, columns := range [][]st.TableColumn{key, value} {
		if err := distinct(columns); err != nil {
			return nil, fmt.Errorf("topic %q: %w", topic.Name, err)
		}
	}
	clash, same := false, true
	for _, c := range key {
		i := slices.IndexFunc(value, func(o st.TableColumn) bool { return o.Name == c.Name })
		clash = clash || i >= 0
		same = same && i >= 0 && value[i].Type.Equal(c.Type)
	}
	switch {
	case clash && same && topic.Key != nil:
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
		if err := distinct(t.Columns); err != nil {
			return nil, fmt.Errorf("topic %q: %w", topic.Name, err)
		}
	}
	for _, c := range key {
		t.Distribution = append(t.Distribution, c.Name)
	}
	if topic.Compacted {
		t.Options["changelog.mode"] = string(st.Upsert)
		t.PrimaryKey = slices.Clone(t.Distribution)
	}
	return t, nil
}

// part gives the columns of a key or a value, and its format. name is the column of a part that is one value.
func part(name string, s *Schema) ([]st.TableColumn, string, error) {
	if s == nil {
		return []st.TableColumn{{Name: name, Type: st.Bytes()}}, "raw", nil
	}
	var columns []st.TableColumn
	var form string
	var err error
	switch s.Type {
	case "", "AVRO":
		form = "avro-registry"
		columns, err = avroColumns(s, name)
	case "JSON":
		form = "json-registry"
		columns, err = jsonColumns(s, name)
	case "PROTOBUF":
		form = "proto-registry"
		columns, err = protoColumns(s)
	default:
		err = fmt.Errorf("there is no schema type %s: there are AVRO, JSON and PROTOBUF", s.Type)
	}
	if err != nil {
		return nil, "", fmt.Errorf("schema %d: %w", s.ID, err)
	}
	return columns, form, nil
}

func distinct(columns []st.TableColumn) error {
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[c.Name] {
			return fmt.Errorf("two columns would be named %q", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// envelope gives the columns of the row that a Debezium change event carries; nil where the columns are of none.
func envelope(columns []st.TableColumn) []st.TableColumn {
	fields := map[string]st.Type{}
	for _, c := range columns {
		fields[c.Name] = c.Type
	}
	before, after := fields["before"], fields["after"]
	if before.Kind != st.KindRow || after.Kind != st.KindRow || !fields["op"].IsString() || fields["source"].Kind != st.KindRow {
		return nil
	}
	var out []st.TableColumn
	for _, f := range after.Fields {
		out = append(out, st.TableColumn{Name: f.Name, Type: f.Type, Comment: f.Comment})
	}
	return out
}

// columnsOf makes the fields of a row columns.
func columnsOf(row st.Type) []st.TableColumn {
	var out []st.TableColumn
	for _, f := range row.Fields {
		out = append(out, st.TableColumn{Name: f.Name, Type: f.Type, Comment: f.Comment})
	}
	return out
}

// text is the type of a string or of bytes between two lengths: of one length only, of at most some length, or of any.
func text(of, fixed st.Kind, low, high int) st.Type {
	switch {
	case high <= 0 || high > st.MaxLength:
		return st.Type{Kind: of, Length: st.MaxLength}
	case low == high:
		return st.Type{Kind: fixed, Length: high}
	}
	return st.Type{Kind: of, Length: high}
}

// entry makes a MAP, or a MULTISET, of the row of its entries; false where the row is of no entries.
func entry(row st.Type, multiset bool) (st.Type, bool) {
	if row.Kind != st.KindRow || len(row.Fields) != 2 {
		return row, false
	}
	k, v := row.Fields[0], row.Fields[1]
	if k.Name == "value" {
		k, v = v, k
	}
	if k.Name != "key" || v.Name != "value" {
		return row, false
	}
	if multiset {
		return st.Type{Kind: st.KindMultiset, Elem: &k.Type}, true
	}
	return st.Type{Kind: st.KindMap, Key: &k.Type, Elem: &v.Type}, true
}
