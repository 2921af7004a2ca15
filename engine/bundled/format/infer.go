package format

import (
	"fmt"
	"strings"

	st "github.com/lifeboat-dr/lifeboat/statements"
	"github.com/lifeboat-dr/lifeboat/statements/infer"
)

// Infer gives the table that a topic is where no CREATE TABLE stands, by the rules of the dialect, as far as its records can be read here: Protobuf,
// change events of Debezium, and values of several types are refused.
func Infer(topic Topic) (*st.Table, error) {
	in := infer.Topic{Name: topic.Name, Partitions: topic.Partitions, Compacted: topic.Compacted}
	for _, p := range []struct {
		name string
		from *Schema
		into **infer.Schema
	}{{"value", topic.Value, &in.Value}, {"key", topic.Key, &in.Key}} {
		if p.from == nil {
			continue
		}
		if p.from.Type == "PROTOBUF" {
			return nil, fmt.Errorf("topic %q: %s: schema %d: the schema type PROTOBUF is not supported: AVRO and JSON are", topic.Name, p.name, p.from.ID)
		}
		if err := oneType(*p.from); err != nil {
			return nil, fmt.Errorf("topic %q: %s: schema %d: %w", topic.Name, p.name, p.from.ID, err)
		}
		out := &infer.Schema{ID: p.from.ID, Type: p.from.Type, Text: p.from.Text}
		for _, ref := range p.from.References {
			out.References = append(out.References, infer.Reference(ref))
		}
		*p.into = out
	}
	t, err := infer.Table(in)
	if err == nil && strings.HasSuffix(t.Options["value.format"], "debezium-registry") {
		err = fmt.Errorf("topic %q: value.format %q is not supported: declare the table by CREATE TABLE, with before, after and op as columns", topic.Name, t.Options["value.format"])
	}
	if err == nil && t.Columns[len(t.Columns)-1].Name == "connect_union_field_1" {
		err = fmt.Errorf("topic %q: a choice of several schemas is not supported as a whole key or value", topic.Name)
	}
	return t, err
}

// oneType refuses a schema whose values are of one of several types: a table has a column for each, which no reader fills yet.
func oneType(s Schema) error {
	switch s.Type {
	case "", "AVRO":
		root, err := parseAvro(s)
		if err != nil {
			return err
		}
		if inner, _ := root.optional(); inner.kind == avroUnion && len(inner.branches) > 1 {
			return fmt.Errorf("a union of %d types is not supported as a whole key or value", len(root.branches))
		}
	}
	return nil
}
