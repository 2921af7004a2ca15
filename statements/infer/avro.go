package infer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// avroTypes are the names that are no references to a named type.
var avroTypes = map[string]bool{"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
	"fixed": true, "enum": true, "record": true, "error": true, "array": true, "map": true, "union": true}

// mapEntry is the record of which an array is a map whose keys are no strings.
const mapEntry = "io.confluent.connect.avro.MapEntry"

// avroReader walks an Avro schema.
type avroReader struct {
	named map[string]*avro.SchemaNode
	types count
}

// avroColumns gives a column for each field of a record, and for each branch of a union.
func avroColumns(s *Schema, name string) ([]st.TableColumn, error) {
	var cache avro.SchemaCache
	r := &avroReader{named: map[string]*avro.SchemaNode{}}
	for _, ref := range s.References {
		parsed, err := cache.Parse(ref.Text)
		if err != nil {
			return nil, fmt.Errorf("reference %q: %w", ref.Name, err)
		}
		if err := r.collect(parsed.Root(), 0); err != nil {
			return nil, fmt.Errorf("reference %q: %w", ref.Name, err)
		}
	}
	parsed, err := cache.Parse(s.Text)
	if err != nil {
		return nil, err
	}
	root := parsed.Root()
	if err := r.collect(root, 0); err != nil {
		return nil, err
	}
	t, err := r.read(root, nil)
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

// collect notes the named types, which other places refer to by their full names.
func (r *avroReader) collect(n *avro.SchemaNode, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	if n.Name != "" && avroTypes[n.Type] {
		r.named[avroName(n)] = n
	}
	below := []*avro.SchemaNode{n.Items, n.Values}
	for i := range n.Fields {
		below = append(below, &n.Fields[i].Type)
	}
	for i := range n.Branches {
		below = append(below, &n.Branches[i])
	}
	for _, b := range below {
		if b != nil {
			if err := r.collect(b, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve gives the type that a node names: in the namespace of the record around it, else by its full name. It gives back a node that names none.
func (r *avroReader) resolve(n *avro.SchemaNode, within []string) *avro.SchemaNode {
	if avroTypes[n.Type] {
		return n
	}
	for _, record := range slices.Backward(within) {
		if record == "" {
			continue // an array, a map or a union
		}
		if dot := strings.LastIndexByte(record, '.'); dot >= 0 && !strings.Contains(n.Type, ".") {
			if known := r.named[record[:dot+1]+n.Type]; known != nil {
				return known
			}
		}
		break
	}
	if known := r.named[n.Type]; known != nil {
		return known
	}
	return n
}

func avroName(n *avro.SchemaNode) string {
	if n.Namespace != "" {
		return n.Namespace + "." + n.Name
	}
	return n.Name
}

func avroNumber(n *avro.SchemaNode, name string, def int) int {
	if v, ok := n.Props[name].(int64); ok && v >= 0 && v <= st.MaxLength {
		return int(v)
	}
	return def
}

// read is the SQL type of a schema, NOT NULL unless it is a union with null. within are the records that it stands in.
func (r *avroReader) read(n *avro.SchemaNode, within []string) (st.Type, error) {
	if len(within) > maxDepth {
		return st.Type{}, errDeep
	}
	if err := r.types.one(); err != nil {
		return st.Type{}, err
	}
	if !avroTypes[n.Type] {
		known := r.resolve(n, within)
		if known == n {
			return st.Type{}, fmt.Errorf("type %q is not known", n.Type)
		}
		n = known
	}
	multiset := n.Props["flink.type"] == "multiset"
	switch n.Type {
	case "null":
		return st.Type{Kind: st.KindNull, Nullable: true}, nil
	case "boolean":
		return st.Boolean().NotNull(), nil
	case "int":
		return avroInt(n), nil
	case "long":
		return avroLong(n), nil
	case "float":
		return st.Type{Kind: st.KindFloat}, nil
	case "double":
		return st.Double().NotNull(), nil
	case "enum":
		return st.String().NotNull(), nil
	case "string":
		return text(st.KindVarChar, st.KindChar, avroNumber(n, "flink.minLength", 0), avroNumber(n, "flink.maxLength", 0)), nil
	case "bytes", "fixed":
		switch {
		case n.LogicalType == "decimal" && n.Precision > st.MaxPrecision:
			return st.Type{}, fmt.Errorf("a decimal of %d digits has no type in SQL, which has up to %d", n.Precision, st.MaxPrecision)
		case n.LogicalType == "decimal":
			return st.Decimal(n.Precision, n.Scale).NotNull(), nil
		case n.Type == "fixed":
			return st.Type{Kind: st.KindBinary, Length: n.Size}, nil
		}
		return text(st.KindVarBinary, st.KindBinary, 0, avroNumber(n, "flink.maxLength", 0)), nil
	case "array":
		return r.array(n, within, multiset)
	case "map":
		elem, err := r.read(n.Values, append(slices.Clip(within), ""))
		key := st.String().NotNull()
		if multiset {
			return st.Type{Kind: st.KindMultiset, Elem: &key}, err
		}
		return st.Type{Kind: st.KindMap, Key: &key, Elem: &elem}, err
	case "union":
		return r.union(n, within)
	}
	return r.record(n, within)
}

func avroInt(n *avro.SchemaNode) st.Type {
	switch {
	case n.LogicalType == "date":
		return st.Date().NotNull()
	case n.LogicalType == "time-millis":
		return st.Time(min(3, avroNumber(n, "flink.precision", 3))).NotNull()
	case n.Props["connect.type"] == "int8":
		return st.Type{Kind: st.KindTinyInt}
	case n.Props["connect.type"] == "int16":
		return st.Type{Kind: st.KindSmallInt}
	}
	return st.Int().NotNull()
}

// avroLong reads time-micros as the BIGINT that it is: TIME has three digits of a second at most.
func avroLong(n *avro.SchemaNode) st.Type {
	precision := func(def int) int { return min(9, avroNumber(n, "flink.precision", def)) }
	switch n.LogicalType {
	case "timestamp-millis":
		return st.TimestampLTZ(precision(3)).NotNull()
	case "timestamp-micros":
		return st.TimestampLTZ(precision(6)).NotNull()
	case "local-timestamp-millis":
		return st.Timestamp(precision(3)).NotNull()
	case "local-timestamp-micros":
		return st.Timestamp(precision(6)).NotNull()
	}
	return st.BigInt().NotNull()
}

func (r *avroReader) array(n *avro.SchemaNode, within []string, multiset bool) (st.Type, error) {
	elem, err := r.read(n.Items, append(slices.Clip(within), ""))
	if err != nil {
		return elem, err
	}
	if avroName(r.resolve(n.Items, within)) == mapEntry {
		if t, ok := entry(elem, multiset); ok {
			return t, nil
		}
	}
	return st.Type{Kind: st.KindArray, Elem: &elem}, nil
}

// union takes null out. What is left is a type that may be NULL, or a row with a field for each branch, of which one has a value.
func (r *avroReader) union(n *avro.SchemaNode, within []string) (st.Type, error) {
	var rest []*avro.SchemaNode
	for i := range n.Branches {
		b := r.resolve(&n.Branches[i], within)
		if b.Type != "null" {
			rest = append(rest, b)
		}
	}
	nullable := len(rest) < len(n.Branches)
	switch len(rest) {
	case 0:
		return st.Type{Kind: st.KindNull, Nullable: true}, nil
	case 1:
		t, err := r.read(rest[0], within)
		return t.As(nullable || t.Nullable), err
	}
	row := st.Type{Kind: st.KindRow, Nullable: nullable}
	for _, b := range rest {
		t, err := r.read(b, append(slices.Clip(within), ""))
		if err != nil {
			return t, err
		}
		name := b.Name
		switch {
		case name == "":
			name = b.Type
		case slices.ContainsFunc(rest, func(o *avro.SchemaNode) bool { return o != b && o.Name == name }):
			name = avroName(b) // of two types of one name in different namespaces
		}
		row.Fields = append(row.Fields, st.Field{Name: name, Type: t.WithNull()})
	}
	return row, nil
}

func (r *avroReader) record(n *avro.SchemaNode, within []string) (st.Type, error) {
	name := avroName(n)
	if slices.Contains(within, name) {
		return st.Type{}, fmt.Errorf("type %q holds itself, which SQL has no type for", name)
	}
	row := st.Type{Kind: st.KindRow}
	for i := range n.Fields {
		f := &n.Fields[i]
		t, err := r.read(&f.Type, append(slices.Clip(within), name))
		if err == nil && t.Kind == st.KindNull {
			err = fmt.Errorf("null is no type of a column")
		}
		if err != nil {
			return t, fmt.Errorf("field %q: %w", f.Name, err)
		}
		row.Fields = append(row.Fields, st.Field{Name: f.Name, Type: t, Comment: f.Doc})
	}
	if len(row.Fields) == 0 {
		return row, fmt.Errorf("type %q has no fields", name)
	}
	return row, nil
}
