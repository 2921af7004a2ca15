package infer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protoreflect"

	st "github.com/lifeboat-dr/lifeboat/statements"
)

// protoColumns gives a column for each field of the one message of a file, or one for each message where there are several.
func protoColumns(s *Schema) ([]st.TableColumn, error) {
	file, err := compile(s)
	if err != nil {
		return nil, err
	}
	r := &protoReader{}
	var out []st.TableColumn
	messages := file.Messages()
	for i := range messages.Len() {
		t, err := r.message(messages.Get(i), nil)
		if err != nil {
			return nil, fmt.Errorf("message %q: %w", messages.Get(i).Name(), err)
		}
		if messages.Len() == 1 {
			return columnsOf(t), nil
		}
		out = append(out, st.TableColumn{Name: string(messages.Get(i).Name()), Type: t})
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no message")
	}
	return out, nil
}

// compile resolves a .proto text with what it imports: its references, and those files that every registry client knows by itself.
func compile(s *Schema) (protoreflect.FileDescriptor, error) {
	const root = "\x00schema.proto" // no import can name it
	files := map[string]string{root: s.Text}
	for _, ref := range s.References {
		files[ref.Name] = ref.Text
	}
	var missing []string
	var first error
	compiler := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: func(path string) (io.ReadCloser, error) {
			text, ok := files[path]
			if !ok {
				text, ok = knownProtos[path]
			}
			if !ok {
				if !strings.HasPrefix(path, "google/protobuf/") {
					missing = append(missing, path)
				}
				return nil, fmt.Errorf("there is no file %s", path)
			}
			return io.NopCloser(strings.NewReader(text)), nil
		}}),
		Reporter: reporter.NewReporter(func(err reporter.ErrorWithPos) error {
			if first == nil {
				first = fmt.Errorf("line %d: %w", err.GetPosition().Line, err.Unwrap())
			}
			return nil
		}, nil),
	}
	out, err := compiler.Compile(context.Background(), root)
	switch {
	case len(missing) > 0:
		slices.Sort(missing)
		return nil, fmt.Errorf("it imports %s, which is not among its references", strings.Join(slices.Compact(missing), ", "))
	case first != nil:
		return nil, first
	case err != nil:
		return nil, err
	}
	return out[0], nil
}

// protoReader walks messages.
type protoReader struct{ types count }

// message is a ROW that may be NULL: its oneofs, which are rows, then its other fields, as Connect's converter orders them.
func (r *protoReader) message(m protoreflect.MessageDescriptor, within []protoreflect.FullName) (st.Type, error) {
	switch {
	case slices.Contains(within, m.FullName()):
		return st.Type{}, fmt.Errorf("message %q holds itself, which SQL has no type for", m.FullName())
	case len(within) > maxDepth:
		return st.Type{}, errDeep
	}
	within = append(slices.Clip(within), m.FullName())
	row := st.Type{Kind: st.KindRow, Nullable: true}
	for i := range m.Oneofs().Len() {
		o := m.Oneofs().Get(i)
		if o.IsSynthetic() {
			continue // of a field that is optional
		}
		branches := st.Type{Kind: st.KindRow, Nullable: true}
		for j := range o.Fields().Len() {
			t, err := r.field(o.Fields().Get(j), within)
			if err != nil {
				return t, err
			}
			branches.Fields = append(branches.Fields, st.Field{Name: string(o.Fields().Get(j).Name()), Type: t.WithNull()})
		}
		row.Fields = append(row.Fields, st.Field{Name: string(o.Name()), Type: branches})
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
			continue
		}
		t, err := r.field(f, within)
		if err != nil {
			return t, err
		}
		row.Fields = append(row.Fields, st.Field{Name: string(f.Name()), Type: t, Comment: metaOf(f).doc})
	}
	if len(row.Fields) == 0 {
		return row, fmt.Errorf("message %q has no fields", m.FullName())
	}
	return row, nil
}

// field is the type of a field. Protobuf has a default for what is not set, so a field is NOT NULL unless it is a message or says that it is optional.
func (r *protoReader) field(f protoreflect.FieldDescriptor, within []protoreflect.FullName) (st.Type, error) {
	t, err := r.fieldType(f, within)
	if err != nil {
		if _, told := errors.AsType[*fieldError](err); !told {
			err = &fieldError{string(f.Name()), err}
		}
		return t, err
	}
	return t, nil
}

// fieldError says which field, the innermost, has no type.
type fieldError struct {
	name string
	err  error
}

func (e *fieldError) Error() string { return fmt.Sprintf("field %q: %v", e.name, e.err) }
func (e *fieldError) Unwrap() error { return e.err }

func (r *protoReader) fieldType(f protoreflect.FieldDescriptor, within []protoreflect.FullName) (st.Type, error) {
	if err := r.types.one(); err != nil {
		return st.Type{}, err
	}
	meta := metaOf(f)
	value := func() (st.Type, error) {
		if meta.params["flink.wrapped"] == "true" && !f.IsMap() {
			return r.unwrapped(f, within)
		}
		return r.single(f, meta, within)
	}
	if !f.IsList() && !f.IsMap() {
		t, err := value()
		optional := f.HasPresence() && f.Cardinality() != protoreflect.Required
		return t.As((t.Nullable || optional) && meta.params["flink.notNull"] != "true"), err
	}
	elem, err := value()
	if err != nil {
		return elem, err
	}
	// A map is a list of entries on the wire; so is what Connect and Flink write where the key is of another type.
	if f.IsMap() || f.Kind() == protoreflect.MessageKind && strings.HasSuffix(string(f.Message().Name()), "Entry") {
		if t, ok := entry(elem, meta.params["flink.type"] == "multiset"); ok {
			return t, nil
		}
	}
	return st.Type{Kind: st.KindArray, Elem: &elem}, nil
}

// unwrapped is the type behind a message that Flink puts around a list or an element to tell NULL.
func (r *protoReader) unwrapped(f protoreflect.FieldDescriptor, within []protoreflect.FullName) (st.Type, error) {
	m := f.Message()
	if m == nil {
		return st.Type{}, errors.New("it is marked flink.wrapped, but is no message")
	}
	if slices.Contains(within, m.FullName()) {
		return st.Type{}, fmt.Errorf("message %q holds itself, which SQL has no type for", m.FullName())
	}
	within = append(slices.Clip(within), m.FullName())
	if value := m.Fields().ByName("value"); value != nil {
		t, err := r.fieldType(value, within)
		return t.WithNull(), err
	}
	row, err := r.message(m, within[:len(within)-1])
	if err == nil && len(row.Fields) == 1 && row.Fields[0].Name == "value" {
		return row.Fields[0].Type.WithNull(), nil // a oneof
	}
	return row, err
}

// single is the type of one value of a field: messages may be NULL.
func (r *protoReader) single(f protoreflect.FieldDescriptor, meta meta, within []protoreflect.FullName) (st.Type, error) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return st.Boolean().NotNull(), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		switch meta.params["connect.type"] {
		case "int8":
			return st.Type{Kind: st.KindTinyInt}, nil
		case "int16":
			return st.Type{Kind: st.KindSmallInt}, nil
		}
		return st.Int().NotNull(), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return st.BigInt().NotNull(), nil
	case protoreflect.FloatKind:
		return st.Type{Kind: st.KindFloat}, nil
	case protoreflect.DoubleKind:
		return st.Double().NotNull(), nil
	case protoreflect.EnumKind:
		return st.String().NotNull(), nil
	case protoreflect.StringKind:
		return text(st.KindVarChar, st.KindChar, meta.number("flink.minLength", 0), meta.number("flink.maxLength", 0)), nil
	case protoreflect.BytesKind:
		return text(st.KindVarBinary, st.KindBinary, meta.number("flink.minLength", 0), meta.number("flink.maxLength", 0)), nil
	}
	if f.IsMap() {
		return r.mapRow(f, within)
	}
	precision := func(def int) int { return min(9, meta.number("flink.precision", def)) }
	switch f.Message().FullName() {
	case "google.protobuf.Timestamp":
		if meta.params["flink.type"] == "timestamp" {
			return st.Timestamp(precision(9)), nil
		}
		return st.TimestampLTZ(precision(9)), nil
	case "google.type.Date":
		return st.Date(), nil
	case "google.type.TimeOfDay":
		return st.Time(min(3, precision(3))), nil
	case "confluent.type.Decimal":
		t, err := decimal(meta.number("precision", st.MaxPrecision), meta.number("scale", 0))
		return t.WithNull(), err
	}
	if t, ok := protoWrappers[f.Message().FullName()]; ok {
		return t, nil
	}
	return r.message(f.Message(), within)
}

// mapRow is the row of a map's entries.
func (r *protoReader) mapRow(f protoreflect.FieldDescriptor, within []protoreflect.FullName) (st.Type, error) {
	row := st.Type{Kind: st.KindRow}
	for _, part := range []protoreflect.FieldDescriptor{f.MapKey(), f.MapValue()} {
		t, err := r.single(part, meta{}, within)
		if err != nil {
			return t, err
		}
		row.Fields = append(row.Fields, st.Field{Name: string(part.Name()), Type: t})
	}
	return row, nil
}

// protoWrappers are the messages around one value, which tell that it is not set.
var protoWrappers = map[protoreflect.FullName]st.Type{
	"google.protobuf.BoolValue": st.Boolean(), "google.protobuf.Int32Value": st.Int(), "google.protobuf.Int64Value": st.BigInt(),
	"google.protobuf.UInt32Value": st.BigInt(), "google.protobuf.UInt64Value": st.BigInt(), "google.protobuf.FloatValue": {Kind: st.KindFloat, Nullable: true},
	"google.protobuf.DoubleValue": st.Double(), "google.protobuf.StringValue": st.String(), "google.protobuf.BytesValue": st.Bytes(),
}
