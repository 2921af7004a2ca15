package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"
)

// parse checks a schema and its references and returns it without an id.
func (st *store) parse(sp *space, body registration) (*schema, error) {
	if body.Schema == "" {
		return nil, fail(42201, "Empty schema")
	}
	sch := &schema{Type: strings.ToUpper(body.Type), Text: body.Schema, References: body.References, Metadata: body.Metadata, RuleSet: body.RuleSet}
	if sch.Type == "" {
		sch.Type = "AVRO"
	}
	var err error
	switch sch.Type {
	case "AVRO":
		_, err = st.avro(sch)
	case "JSON":
		_, err = st.json(sch)
	case "PROTOBUF":
		_, err = st.protobuf(sch)
	default:
		return nil, fail(42201, "Invalid schema type %s", body.Type)
	}
	if err != nil {
		return nil, fail(42201, "Invalid schema of type %s, details: %v", sch.Type, err)
	}
	refs, err := json.Marshal(sch.References)
	if err != nil {
		return nil, err
	}
	extra, err := json.Marshal([]any{sch.Metadata, sch.RuleSet})
	if err != nil {
		return nil, err
	}
	sch.same = sch.Type + "\n" + canonical(sch) + "\n" + string(refs) + string(extra)
	return sch, nil
}

// canonical gives a schema without the white space and, where it is JSON, the key order that its author chose.
func canonical(sch *schema) string {
	if sch.Type == "PROTOBUF" {
		return strings.Join(strings.Fields(sch.Text), " ")
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(sch.Text))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return strings.TrimSpace(sch.Text) // an Avro primitive may stand without quotes
	}
	b, err := json.Marshal(v)
	if err != nil {
		return sch.Text
	}
	return string(b)
}

// referred returns what a reference names, with everything that it refers to itself in front of it.
func (st *store) referred(refs []reference, path []string) ([]named, error) {
	var list []named
	for _, r := range refs {
		if slices.Contains(path, r.Subject) && len(path) > 32 {
			return nil, fmt.Errorf("references of %q lead back to it", r.Subject)
		}
		context, full := qualified(".", r.Subject)
		v := st.space(context).subjects[full].find(r.Version)
		if v == nil {
			return nil, fmt.Errorf("No schema reference found for subject %q and version %d", r.Subject, r.Version)
		}
		below, err := st.referred(v.schema.References, append(path, r.Subject))
		if err != nil {
			return nil, err
		}
		list = append(append(list, below...), named{r.Name, v.schema})
	}
	return list, nil
}

type named struct {
	name   string
	schema *schema
}

func (st *store) avro(sch *schema) (*avro.Schema, error) {
	refs, err := st.referred(sch.References, nil)
	if err != nil {
		return nil, err
	}
	cache := new(avro.SchemaCache)
	for _, r := range refs {
		if _, err := cache.Parse(r.schema.Text); err != nil {
			return nil, err
		}
	}
	text := sch.Text
	if !json.Valid([]byte(text)) && !strings.ContainsAny(text, "{}[]\"") {
		text = `"` + strings.TrimSpace(text) + `"`
	}
	return cache.Parse(text)
}

func (st *store) json(sch *schema) (*jsonschema.Schema, error) {
	refs, err := st.referred(sch.References, nil)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	for _, r := range append(refs, named{"schema.json", sch}) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(r.schema.Text))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource(r.name, doc); err != nil {
			return nil, err
		}
	}
	return c.Compile("schema.json")
}

func (st *store) protobuf(sch *schema) (linker.File, error) {
	refs, err := st.referred(sch.References, nil)
	if err != nil {
		return nil, err
	}
	files := map[string]string{"schema.proto": sch.Text}
	for _, r := range refs {
		files[r.name] = r.schema.Text
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: func(name string) (io.ReadCloser, error) {
			text, ok := files[name]
			if !ok {
				return nil, fmt.Errorf("%s is not among the references", name)
			}
			return io.NopCloser(bytes.NewReader([]byte(text))), nil
		}})}
	out, err := compiler.Compile(context.Background(), "schema.proto")
	if err != nil {
		return nil, err
	}
	return out[0], nil
}
