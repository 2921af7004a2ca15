package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// encoding is how a record's key or value is written.
type encoding uint8

const (
	noEncoding encoding = iota // the part is not used: null
	rawEncoding
	avroEncoding
	jsonEncoding
)

var encodings = map[string]encoding{"raw": rawEncoding, "avro-registry": avroEncoding, "json-registry": jsonEncoding}

// part is a record's key or value, as a table has it.
type part struct {
	name     string // "key" or "value"
	encoding encoding
	fields   []column // all columns of the table in this part, in the order of its schema
	columns  []column // those that are wanted
}

// column is a column of a table within a part.
type column struct {
	name  string // in the table
	field string // in the schema
	typ   st.Type
	kind  vec.Kind
	at    int // in the batch
}

// layout says which columns of a table are in the key and which in the value.
func layout(t *st.Table) (key, value part, err error) {
	key, value = part{name: "key"}, part{name: "value"}
	keys := t.Distribution
	if len(keys) == 0 {
		keys = t.PrimaryKey
	}
	prefix := t.Options["key.fields-prefix"]
	all := t.Option("value.fields-include", "except-key") == "all"
	for _, name := range keys {
		c, _, ok := t.Column(name)
		if !ok || c.Kind != st.Physical {
			return key, value, fmt.Errorf("table %q: key column %q is not a physical column", t.Name, name)
		}
		if !strings.HasPrefix(name, prefix) {
			return key, value, fmt.Errorf("table %q: key column %q does not begin with key.fields-prefix %q", t.Name, name, prefix)
		}
		key.fields = append(key.fields, column{name: name, field: name[len(prefix):], typ: c.Type})
	}
	for _, c := range t.Columns {
		if c.Kind == st.Physical && (all && prefix == "" || !slices.Contains(keys, c.Name)) {
			value.fields = append(value.fields, column{name: c.Name, field: c.Name, typ: c.Type})
		}
	}
	if key.encoding, err = encodingOf(t, "key", len(key.fields)); err != nil {
		return key, value, err
	}
	value.encoding, err = encodingOf(t, "value", len(value.fields))
	return key, value, err
}

func encodingOf(t *st.Table, part string, columns int) (encoding, error) {
	option := part + ".format"
	name := t.Option(option, "avro-registry")
	e, ok := encodings[name]
	switch {
	case !ok:
		return 0, fmt.Errorf("table %q: %s %q is not supported: avro-registry, json-registry and raw are", t.Name, option, name)
	case t.Option(part+"."+name+".id-encoding", "payload") != "payload":
		return 0, fmt.Errorf("table %q: schema ids in record headers (%s.%s.id-encoding) are not supported", t.Name, part, name)
	case columns == 0 && part == "key":
		return noEncoding, nil
	case e == rawEncoding && columns != 1:
		return 0, fmt.Errorf("table %q: %s raw takes exactly one column, %d are in the %s", t.Name, option, columns, part)
	}
	return e, nil
}

// want adds a wanted column to the part that it is read from: the value where both have it.
func want(key, value *part, c st.TableColumn, at int) error {
	kind, ok := vec.KindOf(c.Type)
	if !ok {
		return fmt.Errorf("column %q: reading the type %s is not supported", c.Name, c.Type)
	}
	for _, p := range []*part{value, key} {
		for _, f := range p.fields {
			if f.name == c.Name {
				f.kind, f.at = kind, at
				p.columns = append(p.columns, f)
				return nil
			}
		}
	}
	return fmt.Errorf("column %q is in neither the key nor the value", c.Name)
}
