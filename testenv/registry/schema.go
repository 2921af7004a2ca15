package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"
	"google.golang.org/protobuf/reflect/protodesc"
)

// registration is the body of a register, lookup or compatibility call.
type registration struct {
	Schema     string      `json:"schema"`
	Type       string      `json:"schemaType"`
	References []reference `json:"references"`
	Metadata   any         `json:"metadata"`
	RuleSet    any         `json:"ruleSet"`
	ID         *int        `json:"id"`
	Version    *int        `json:"version"`
}

// parse checks a schema and its references and returns it without an id.
func (st *store) parse(sp *space, body registration) (*schema, error) {
	if body.Schema == "" {
		return nil, fail(42201, "Empty schema")
	}
	sch := &schema{Type: cmp.Or(strings.ToUpper(body.Type), "AVRO"), Text: body.Schema, References: body.References, Metadata: body.Metadata,
		RuleSet: body.RuleSet, context: sp.context}
	var err error
	normal := ""
	switch sch.Type {
	case "AVRO":
		_, err = st.avro(sch)
		normal = canonicalAvro(sch.Text)
		sch.same = normal
	case "JSON":
		_, err = st.json(sch)
		sch.same, normal = canonicalJSON(sch.Text)
	case "PROTOBUF":
		var file linker.File
		if file, err = st.protobuf(sch); err == nil {
			normal = protodesc.ToFileDescriptorProto(file).String()
		}
		sch.same = strings.Join(strings.Fields(sch.Text), " ")
	default:
		return nil, fail(42201, "Invalid schema type %s", body.Type)
	}
	if err != nil {
		return nil, fail(42201, "Invalid schema of type %s, details: %v", sch.Type, err)
	}
	rest, err := json.Marshal([]any{sch.References, sch.Metadata, sch.RuleSet})
	if err != nil {
		return nil, err
	}
	sch.same = sch.Type + sch.same + string(rest)
	sch.normal = sch.Type + normal + string(rest)
	sum := sha256.Sum256([]byte(sch.same))
	sch.GUID = fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return sch, nil
}

// equals says whether two schemas count as the same, as they are or normalized.
func (s *schema) equals(o *schema, normalized bool) bool {
	return s.same == o.same || normalized && s.normal == o.normal
}

// canonicalAvro gives a schema without what its author was free to choose: white space, the order of attributes, {"type":"string"} for
// "string", a namespace in the name.
func canonicalAvro(text string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		v = strings.TrimSpace(text) // a primitive may stand without quotes
	}
	b, err := json.Marshal(plainAvro(v))
	if err != nil {
		return text
	}
	return string(b)
}

func plainAvro(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = plainAvro(v[i])
		}
	case map[string]any:
		if name, ok := v["type"].(string); ok && len(v) == 1 {
			return name
		}
		if name, ok := v["name"].(string); ok && strings.Contains(name, ".") {
			dot := strings.LastIndexByte(name, '.')
			v["namespace"], v["name"] = name[:dot], name[dot+1:]
		}
		for _, k := range []string{"type", "items", "values", "fields"} {
			if inner, ok := v[k]; ok {
				v[k] = plainAvro(inner)
			}
		}
	}
	return v
}

// canonicalJSON gives a JSON schema without white space, and also with its keys in order.
func canonicalJSON(text string) (compact, sorted string) {
	var b bytes.Buffer
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if json.Compact(&b, []byte(text)) != nil || dec.Decode(&v) != nil {
		return text, text // parsing it says why
	}
	inOrder, err := json.Marshal(v)
	if err != nil {
		return text, text
	}
	return b.String(), string(inOrder)
}

// maxReferences bounds how deep references go; importing over an old version may make them lead back.
const maxReferences = 32

// named is a schema under the name that a reference gives it.
type named struct {
	name   string
	schema *schema
}

// referred returns what a schema refers to, everything that those refer to themselves in front of them.
func (st *store) referred(sch *schema, depth int) ([]named, error) {
	if depth > maxReferences {
		return nil, fmt.Errorf("references are more than %d deep", maxReferences)
	}
	var list []named
	for _, r := range sch.References {
		v := st.named(sch.context, r.Subject).find(r.Version)
		if v == nil {
			return nil, fmt.Errorf("no schema reference found for subject %q and version %d", r.Subject, r.Version)
		}
		below, err := st.referred(v.schema, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, below...)
		if !slices.ContainsFunc(list, func(n named) bool { return n.name == r.Name }) {
			list = append(list, named{r.Name, v.schema})
		}
	}
	return list, nil
}

func (st *store) avro(sch *schema) (*avro.Schema, error) {
	refs, err := st.referred(sch, 0)
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
	refs, err := st.referred(sch, 0)
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
	refs, err := st.referred(sch, 0)
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
