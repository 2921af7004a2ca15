package registry

import (
	"maps"
	"reflect"
	"slices"
)

// annotations are keywords that let no instance in and keep none out.
var annotations = []string{"title", "description", "default", "examples", "$comment", "$id", "$schema", "connect.index", "connect.type"}

// jsonDiffers says why instances of the writer's schema may not be instances of the reader's, keyword by keyword: the reader may drop
// requirements, widen types and enumerations, and open closed objects. A keyword that is not understood must be the same on both sides, so
// that nothing is called compatible that is not.
func jsonDiffers(reader, writer any, path string, say func(string, ...any)) {
	if anything(reader) || writer == false {
		return
	}
	if writer == true {
		writer = map[string]any{}
	}
	r, rok := reader.(map[string]any)
	w, wok := writer.(map[string]any)
	if !rok || !wok {
		if !reflect.DeepEqual(reader, writer) {
			say("%s changed", path)
		}
		return
	}
	for _, k := range slices.Sorted(maps.Keys(r)) {
		rv, wv := r[k], w[k]
		_, both := w[k]
		switch {
		case slices.Contains(annotations, k):
		case k == "definitions" || k == "$defs":
			rd, _ := rv.(map[string]any)
			wd, _ := wv.(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(rd)) {
				if was, ok := wd[name]; ok {
					jsonDiffers(rd[name], was, path+"/"+k+"/"+name, say)
				}
			}
		case k == "properties", k == "additionalProperties": // below
		case k == "required":
			for _, name := range oneOrMore(rv) {
				if !slices.Contains(oneOrMore(wv), name) {
					say("%s: property %q became required", path, name)
				}
			}
		case !both:
			say("%s: %s was added", path, k)
		case k == "type":
			for _, t := range oneOrMore(wv) {
				if types := oneOrMore(rv); !slices.Contains(types, t) && !(t == "integer" && slices.Contains(types, "number")) {
					say("%s: type %q is not read any more", path, t)
				}
			}
		case k == "enum":
			rl, _ := rv.([]any)
			wl, _ := wv.([]any)
			for _, v := range wl {
				if !slices.ContainsFunc(rl, func(x any) bool { return reflect.DeepEqual(x, v) }) {
					say("%s: the value %v is not read any more", path, v)
				}
			}
		case k == "items":
			jsonDiffers(rv, wv, path+"/items", say)
		case slices.Contains([]string{"minimum", "minLength", "minItems", "minProperties", "exclusiveMinimum"}, k) && atMost(rv, wv),
			slices.Contains([]string{"maximum", "maxLength", "maxItems", "maxProperties", "exclusiveMaximum"}, k) && atMost(wv, rv):
		case !reflect.DeepEqual(rv, wv):
			say("%s: %s changed", path, k)
		}
	}
	jsonProperties(r, w, path, say)
}

// jsonProperties compares what two object schemas let properties be, also those that only one of them names.
func jsonProperties(r, w map[string]any, path string, say func(string, ...any)) {
	rp, _ := r["properties"].(map[string]any)
	wp, _ := w["properties"].(map[string]any)
	rest := func(m map[string]any) any {
		if v, ok := m["additionalProperties"]; ok {
			return v
		}
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(wp)) {
		switch rv, named := rp[name]; {
		case named:
			jsonDiffers(rv, wp[name], path+"/properties/"+name, say)
		case rest(r) == false:
			say("%s: property %q was removed from a closed object", path, name)
		default:
			jsonDiffers(rest(r), wp[name], path+"/properties/"+name, say)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rp)) {
		if _, known := wp[name]; known || anything(rp[name]) || rest(w) == false {
			continue
		}
		if anything(rest(w)) {
			say("%s: property %q was added to an open object, which may hold anything under that name already", path, name)
			continue
		}
		jsonDiffers(rp[name], rest(w), path+"/properties/"+name, say)
	}
	switch {
	case rest(r) == false && rest(w) != false:
		say("%s: the object was closed", path)
	case !anything(rest(r)) && rest(r) != false:
		jsonDiffers(rest(r), rest(w), path+"/additionalProperties", say)
	}
}

// anything says that a schema lets every instance in.
func anything(v any) bool {
	m, ok := v.(map[string]any)
	return v == true || ok && len(m) == 0
}

func atMost(a, b any) bool {
	x, xok := a.(float64)
	y, yok := b.(float64)
	return xok && yok && x <= y
}

// oneOrMore reads a keyword that is a string or a list of strings.
func oneOrMore(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}
