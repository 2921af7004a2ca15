package rest

import (
	"encoding/json"
	"reflect"
	"strings"
)

// patchOp is one operation of a JSON Patch (RFC 6902). The API's OpenAPI file spells operations in upper case, RFC 6902 and real clients in
// lower case: both are read.
type patchOp struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// applyPatch changes doc, a JSON object of objects, in place. What a statement lets change are members of objects, so paths into
// arrays, move and copy are refused by name.
func applyPatch(doc map[string]any, patch []patchOp) error {
	for i, op := range patch {
		parent, key, err := resolve(doc, op.Path)
		if err != nil {
			return badRequest("", "patch operation %d: %v", i, err)
		}
		_, present := parent[key]
		var value any
		if kind := strings.ToLower(op.Op); kind == "add" || kind == "replace" || kind == "test" {
			if err := json.Unmarshal(op.Value, &value); err != nil {
				return badRequest("", "patch operation %d: %s %s has no value that is JSON", i, op.Op, op.Path)
			}
		}
		switch strings.ToLower(op.Op) {
		case "add":
			parent[key] = value
		case "replace":
			if !present {
				return badRequest("", "patch operation %d: nothing at %s to replace", i, op.Path)
			}
			parent[key] = value
		case "remove":
			if !present {
				return badRequest("", "patch operation %d: nothing at %s to remove", i, op.Path)
			}
			delete(parent, key)
		case "test":
			if !present || !reflect.DeepEqual(parent[key], value) {
				return conflict("patch operation %d: %s is not %s", i, op.Path, op.Value)
			}
		case "move", "copy":
			return badRequest("", "patch operation %d: %s is not supported: nothing of a statement can be moved", i, op.Op)
		default:
			return badRequest("", "patch operation %d: unknown operation %q", i, op.Op)
		}
	}
	return nil
}

// resolve finds the object that holds the member which a JSON pointer (RFC 6901) names.
func resolve(doc map[string]any, pointer string) (parent map[string]any, key string, err error) {
	parts := strings.Split(pointer, "/")
	if len(parts) < 2 || parts[0] != "" {
		return nil, "", badRequest("", "path %q does not begin with / and a member's name", pointer)
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, part := range parts[1 : len(parts)-1] {
		next, ok := doc[unescape.Replace(part)].(map[string]any)
		if !ok {
			return nil, "", badRequest("", "path %q: there is no object %q", pointer, part)
		}
		doc = next
	}
	return doc, unescape.Replace(parts[len(parts)-1]), nil
}
