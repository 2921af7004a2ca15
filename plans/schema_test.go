package plans

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +got; accept with -update):\n%s", path, diff)
	}
}

// designExample is the topology of the design, with both regions written out.
const designExample = `
apiVersion: lifeboat/v1
kind: Topology
name: nycflights
pattern: active-passive
primary: east
regions:
  east:
    kafka:    {bootstrap: ["broker.east:9092"], tls: {}, sasl: {mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}}
    registry: {url: "https://registry.east", username: "${env:SR_USER}", password: "${env:SR_PASSWORD}"}
    engine:   {backend: bundled, url: "http://engine.east:8088"}
    fence:    {by: acl, principals: ["User:flights-app"]}
  west:
    kafka:    {bootstrap: ["broker.west:9092"]}
links:
  - name: east-west
    from: east
    to: west
    topics:   {include: ["flights", "airlines", "ref-.*"], exclude: [".*-tmp"], configs: {retention.ms: "1209600000"}}
    groups:   {include: ["ops-.*"]}
    subjects: {include: ["flights-.*", "airlines-.*"]}
    acls:     {include: ["User:ops"], writes: staged}
pipelines:
  - name: delays
    statements: ["sql/*.sql"]
    recovery: auto
    objectives: {rpo: 30s, rto: 5m, semantics: at-least-once}
drills:  [{name: weekly, schedule: "0 4 * * 1", pipeline: delays}]
checks:  [{name: nightly, schedule: "@daily"}]
notify:  [{url: "https://hooks.example/lifeboat", on: [failed, readiness], secret: "${env:HOOK_SECRET}"}]
waivers: [{rule: D17, statement: delays-by-hour, reason: "tolerance 2 ulp agreed", until: "2027-03-31"}]
`

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("topology.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("topology.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchema(t *testing.T) {
	golden(t, "schema.json", append(Schema(), '\n'))
	schema := compiledSchema(t)
	for _, tc := range []struct {
		name, old, new string
		err            string // "" = valid
	}{
		{name: "the design's example"},
		{name: "unknown key", old: "bootstrap: [\"broker.east", new: "bootstrp: [\"broker.east", err: "bootstrp"},
		{name: "literal password", old: "${env:SR_PASSWORD}", new: "hunter2", err: "/regions/east/registry/password"},
		{name: "unknown mechanism", old: "SCRAM-SHA-512", new: "GSSAPI", err: "/regions/east/kafka/sasl/mechanism"},
		{name: "unknown strategy", old: "recovery: auto", new: "recovery: later", err: "/pipelines/0/recovery"},
		{name: "bad duration", old: "rpo: 30s", new: "rpo: soon", err: "/pipelines/0/objectives/rpo"},
		{name: "a config as a number", old: `retention.ms: "1209600000"`, new: `retention.ms: 1209600000`},
		{name: "no bootstrap server", old: `bootstrap: ["broker.west:9092"]`, new: `bootstrap: []`, err: "/regions/west/kafka/bootstrap"},
		{name: "no name", old: "name: nycflights\n", new: "", err: "name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var doc any
			if err := yaml.Unmarshal([]byte(strings.Replace(designExample, tc.old, tc.new, 1)), &doc); err != nil {
				t.Fatal(err)
			}
			err := schema.Validate(doc)
			switch {
			case tc.err == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("error %v, want one about %s", err, tc.err)
			}
		})
	}
}

// TestSchemaDescribesEveryKey keeps the descriptions whole, and without leftovers.
func TestSchemaDescribesEveryKey(t *testing.T) {
	seen := map[string]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if typ == reflect.TypeFor[Secret]() {
			return
		}
		for f := range typ.Fields() {
			tag := f.Tag.Get("yaml")
			if tag == "-" {
				continue
			}
			walk(f.Type)
			if f.Anonymous {
				continue
			}
			key := typ.Name() + "." + f.Name
			seen[key] = true
			if schemaComments[key] == "" {
				t.Errorf("%s has no description", key)
			}
		}
	}
	walk(reflect.TypeFor[Topology]())
	for key := range schemaComments {
		if !seen[key] {
			t.Errorf("%s is described and is no field", key)
		}
	}
}
