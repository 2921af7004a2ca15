package plans

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// decoder reads yaml nodes into the topology's types, strictly: what does not fit becomes a finding at its place and leaves its
// field empty, and the rest is read on. It remembers where every value stands, by its path ("links[0].topics.include[1]"), so
// that what is wrong with a value's meaning can be shown at the value.
type decoder struct {
	src    source
	places map[string]*yaml.Node
	failed map[string]bool // paths whose value was reported already
	found  []report.Finding
}

// add records a mistake at the node of path; a path without a node (a missing key) stands where its nearest parent stands.
func (d *decoder) add(rule, path, message, remedy string) {
	d.addFinding(report.Finding{Rule: "topology/" + rule, Severity: report.Block, Message: message, Remedy: remedy}, d.node(path))
}

func (d *decoder) addFinding(f report.Finding, n *yaml.Node) {
	if n != nil {
		f.Place = report.Place{File: d.src.name, Line: n.Line, Column: n.Column}
		f.Excerpt = d.src.excerpt(n.Line, n.Column)
	} else {
		f.Place = report.Place{File: d.src.name}
	}
	d.found = append(d.found, f)
}

// node returns the node of a path, or of its nearest parent that has one.
func (d *decoder) node(path string) *yaml.Node {
	for {
		if n := d.places[path]; n != nil {
			return n
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return d.places[""]
		}
		path = path[:cut]
	}
}

// has reports whether the file gives path a value.
func (d *decoder) has(path string) bool { return d.places[path] != nil }

// maxDepth bounds nesting: nothing in a topology comes near it, and an alias to its own parent ends there.
const maxDepth = 32

func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string, depth int) {
	if depth > maxDepth {
		d.addFinding(report.Finding{Rule: "topology/wrong-type", Severity: report.Block, Message: at(path) + "is nested too deeply"}, n)
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.places[path] = n
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		// An empty value is an absent one for optional keys; required ones are missed by their check.
		delete(d.places, path)
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Secret:
		d.secret(n, p, path)
		return
	case *Duration:
		d.duration(n, p, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, depth+1)
	case reflect.Struct:
		d.structure(n, v, path, depth)
	case reflect.Map:
		d.mapping(n, v, path, depth)
	case reflect.Slice:
		d.sequence(n, v, path, depth)
	case reflect.String:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" {
			d.wrongType(n, path, "a text")
			return
		}
		v.SetString(n.Value)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" {
			d.wrongType(n, path, "a number")
			return
		}
		v.SetFloat(f)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 0, 64) // 1_000 too, as YAML has it
		if err != nil || n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
			d.wrongType(n, path, "a whole number")
			return
		}
		v.SetInt(i)
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if err != nil || n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			d.wrongType(n, path, "true or false")
			return
		}
		v.SetBool(b)
	default:
		panic("plans: the topology has a field of a kind that its reader does not know: " + v.Type().String())
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path, "a mapping with the keys "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	known := keysOf(v.Type())
	d.pairs(n, path, func(key, value *yaml.Node) {
		f, ok := fieldOf(v, key.Value)
		if !ok {
			d.addFinding(report.Finding{Rule: "topology/unknown-key", Severity: report.Block,
				Message: fmt.Sprintf("unknown key %q%s", key.Value, in(path)), Remedy: suggest(key.Value, known)}, key)
			return
		}
		d.decode(value, f, join(path, key.Value), depth+1)
	})
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path, "a mapping")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(key, value *yaml.Node) {
		child := join(path, key.Value)
		elem := reflect.New(v.Type().Elem()).Elem()
		// Kafka's configs are texts, and people write 1209600000 and true: the text as written is what is meant.
		if elem.Kind() == reflect.String && value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
			d.places[child] = value
			elem.SetString(value.Value)
		} else {
			d.decode(value, elem, child, depth+1)
		}
		v.SetMapIndex(reflect.ValueOf(key.Value), elem)
	})
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.wrongType(n, path, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		child := fmt.Sprintf("%s[%d]", path, i)
		elem := v.Index(i)
		if item.Tag == "!!null" && item.Kind == yaml.ScalarNode {
			d.wrongType(item, child, "a value")
			if elem.Kind() == reflect.Pointer { // checks walk over the list
				elem.Set(reflect.New(elem.Type().Elem()))
			}
			continue
		}
		d.decode(item, elem, child, depth+1)
	}
}

// pairs calls f for every key of a mapping once.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key, value *yaml.Node)) {
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.addFinding(report.Finding{Rule: "topology/wrong-type", Severity: report.Block, Message: "a key" + in(path) + " is not a text"}, key)
		case key.Tag == "!!merge":
			d.addFinding(report.Finding{Rule: "topology/merge-key", Severity: report.Block, Message: "merge keys (<<) are not supported",
				Remedy: "write the keys out, or use an alias for a whole value"}, key)
		case seen[key.Value] != nil:
			d.addFinding(report.Finding{Rule: "topology/duplicate-key", Severity: report.Block,
				Message: fmt.Sprintf("key %q%s is written twice, first in line %d", key.Value, in(path), seen[key.Value].Line), Remedy: "remove one of them"}, key)
		default:
			seen[key.Value] = key
			f(key, value)
		}
	}
}

func (d *decoder) secret(n *yaml.Node, s *Secret, path string) {
	if n.Kind != yaml.ScalarNode {
		d.wrongType(n, path, "a reference to a secret, ${env:NAME} or ${file:/path}")
		return
	}
	s.place = report.Place{File: d.src.name, Line: n.Line, Column: n.Column}
	if secretRef.MatchString(n.Value) {
		s.ref = n.Value
		return
	}
	f := report.Finding{Rule: "topology/literal-secret", Severity: report.Block, Message: path + " is written out in the file",
		Why:    "a topology is committed, mailed and printed; a secret in it is no longer one",
		Remedy: "write a reference: ${env:NAME} or ${file:/path}"}
	if strings.HasPrefix(n.Value, "${") {
		f = report.Finding{Rule: "topology/bad-secret-reference", Severity: report.Block, Message: path + " is not a reference to a secret",
			Remedy: "write ${env:NAME} (letters, digits, _) or ${file:/path}, and nothing around it"}
	}
	d.failed[path] = true
	d.addFinding(f, n)
	// The excerpt would show what must not be shown.
	d.found[len(d.found)-1].Excerpt = ""
}

func (d *decoder) duration(n *yaml.Node, v *Duration, path string) {
	parsed, err := ParseDuration(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		d.wrongType(n, path, "a duration such as 30s")
	case err != nil:
		d.addFinding(report.Finding{Rule: "topology/bad-duration", Severity: report.Block, Message: fmt.Sprintf("%s: %q is not a duration", path, n.Value),
			Remedy: "write it as 30s, 5m, 12h, 2d or 1d12h"}, n)
	case parsed < 0:
		d.addFinding(report.Finding{Rule: "topology/bad-duration", Severity: report.Block, Message: fmt.Sprintf("%s: %s is negative", path, parsed)}, n)
	default:
		*v = parsed
	}
}

func (d *decoder) wrongType(n *yaml.Node, path, want string) {
	have := map[string]string{"!!str": "a text", "!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!null": "nothing",
		"!!map": "a mapping", "!!seq": "a list", "!!timestamp": "a date"}[n.Tag]
	if have == "" {
		have = n.Tag
	}
	remedy := ""
	if want == "a text" && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		remedy = fmt.Sprintf("quote it: %q", n.Value)
	}
	d.failed[path] = true
	d.addFinding(report.Finding{Rule: "topology/wrong-type", Severity: report.Block, Message: at(path) + "wants " + want + ", this is " + have, Remedy: remedy}, n)
}

// keysOf lists the yaml keys of a struct, inlined ones included, in their order.
func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case opts == "inline":
			keys = append(keys, keysOf(f.Type)...)
		case name != "-" && name != "":
			keys = append(keys, name)
		}
	}
	return keys
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for f, fv := range v.Fields() {
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if opts == "inline" {
			if inner, ok := fieldOf(fv, key); ok {
				return inner, true
			}
		} else if name == key && name != "-" {
			return fv, true
		}
	}
	return reflect.Value{}, false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func at(path string) string {
	if path == "" {
		return "the file "
	}
	return path + " "
}
