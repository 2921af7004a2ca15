package format

import (
	"fmt"

	"github.com/twmb/avro"
)

// avroKind is the form of a value on the wire.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroFixed
	avroEnum
	avroRecord
	avroArray
	avroMap
	avroUnion
)

var avroKinds = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroLong, "float": avroFloat, "double": avroDouble, "bytes": avroBytes,
	"string": avroString, "fixed": avroFixed, "enum": avroEnum, "record": avroRecord, "error": avroRecord, "array": avroArray, "map": avroMap,
	"union": avroUnion,
}

func (k avroKind) String() string {
	for name, kind := range avroKinds {
		if kind == k && name != "error" {
			return name
		}
	}
	return "invalid"
}

// avroNode is a schema with its names resolved: a graph, since a record may hold itself.
type avroNode struct {
	kind             avroKind
	logical          string
	name             string // full name of a record, enum or fixed
	size             int    // fixed
	precision, scale int    // decimal
	symbols          []string
	fields           []avroField
	items            *avroNode // array and map
	branches         []*avroNode
	props            map[string]any
}

type avroField struct {
	name       string
	aliases    []string
	node       *avroNode
	def        any
	hasDefault bool
	doc        string
}

// parseAvro parses a schema with the schemas it refers to.
func parseAvro(s Schema) (*avroNode, error) {
	var cache avro.SchemaCache
	names := map[string]*avroNode{}
	for _, ref := range s.References {
		parsed, err := cache.Parse(ref.Text)
		if err != nil {
			return nil, fmt.Errorf("schema %d: reference %q: %w", s.ID, ref.Name, err)
		}
		if _, err := convertAvro(parsed.Root(), "", names); err != nil {
			return nil, fmt.Errorf("schema %d: reference %q: %w", s.ID, ref.Name, err)
		}
	}
	parsed, err := cache.Parse(s.Text)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", s.ID, err)
	}
	root, err := convertAvro(parsed.Root(), "", names)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", s.ID, err)
	}
	return root, nil
}

// convertAvro resolves the names in a schema: one without a namespace is of the record's around it, if there is such a type.
func convertAvro(n *avro.SchemaNode, namespace string, names map[string]*avroNode) (*avroNode, error) {
	kind, ok := avroKinds[n.Type]
	if !ok {
		if known := names[namespace+"."+n.Type]; known != nil {
			return known, nil
		}
		if known := names[n.Type]; known != nil {
			return known, nil
		}
		return nil, fmt.Errorf("type %q is not known", n.Type)
	}
	out := &avroNode{kind: kind, logical: n.LogicalType, size: n.Size, precision: n.Precision, scale: n.Scale, symbols: n.Symbols, props: n.Props}
	if n.Name != "" {
		out.name = n.Name
		if n.Namespace != "" {
			out.name = n.Namespace + "." + n.Name
		}
		names[out.name] = out
		namespace = n.Namespace
	}
	var err error
	for i := range n.Fields {
		f := &n.Fields[i]
		child, err := convertAvro(&f.Type, namespace, names)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		out.fields = append(out.fields, avroField{name: f.Name, aliases: f.Aliases, node: child, def: f.Default, hasDefault: f.HasDefault, doc: f.Doc})
	}
	for i := range n.Branches {
		child, err := convertAvro(&n.Branches[i], namespace, names)
		if err != nil {
			return nil, err
		}
		out.branches = append(out.branches, child)
	}
	if n.Items != nil {
		if out.items, err = convertAvro(n.Items, namespace, names); err != nil {
			return nil, err
		}
	}
	if n.Values != nil {
		if out.items, err = convertAvro(n.Values, namespace, names); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// optional takes a union of null and one more apart; null is the index of null, -1 where the node is no such union.
func (n *avroNode) optional() (inner *avroNode, null int8) {
	if n.kind == avroUnion && len(n.branches) == 2 {
		if n.branches[0].kind == avroNull && n.branches[1].kind != avroNull {
			return n.branches[1], 0
		}
		if n.branches[1].kind == avroNull && n.branches[0].kind != avroNull {
			return n.branches[0], 1
		}
	}
	return n, -1
}
