package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// compatibilityCalls answer whether a schema could be registered.
func (st *store) compatibilityCalls(c *call, at func(int) string) (any, error) {
	if at(1) != "subjects" || at(3) != "versions" || c.Method != http.MethodPost {
		return nil, &failure{http.StatusNotFound, 404, "HTTP 404 Not Found"}
	}
	var body registration
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	sp, s, full := st.lookup(c, at(2))
	sch, err := st.parse(sp, body)
	if err != nil {
		return nil, err
	}
	against := s.live()
	if at(4) != "" {
		if len(against) == 0 {
			return nil, fail(40401, "Subject '%s' not found.", full)
		}
		_, v, err := st.version(c, at(2), at(4), false)
		if err != nil {
			return nil, err
		}
		against = []*version{v}
	}
	messages := st.differences(st.levelOf(s), sch, against, at(4) != "")
	answer := map[string]any{"is_compatible": len(messages) == 0}
	if c.flag("verbose") {
		answer["messages"] = append([]string{}, messages...)
	}
	return answer, nil
}

func (st *store) checkCompatible(_ *space, s *subject, sch *schema, against []*version) error {
	if messages := st.differences(st.levelOf(s), sch, against, false); len(messages) > 0 {
		return fail(40901, "Schema being registered is incompatible with an earlier schema for subject %q, details: %q", s.name, messages)
	}
	return nil
}

// differences lists what breaks a level. Levels that are not transitive look at the newest version only, unless all are asked for.
func (st *store) differences(level string, sch *schema, against []*version, all bool) []string {
	if level == "NONE" || len(against) == 0 {
		return nil
	}
	if !strings.HasSuffix(level, "_TRANSITIVE") && !all {
		against = against[len(against)-1:]
	}
	var messages []string
	for _, v := range slices.Backward(against) {
		if v.schema.Type != sch.Type {
			messages = append(messages, fmt.Sprintf("version %d is of type %s, the new schema of type %s", v.number, v.schema.Type, sch.Type))
			continue
		}
		if strings.HasPrefix(level, "BACKWARD") || strings.HasPrefix(level, "FULL") {
			messages = append(messages, st.cannotRead(sch, v.schema, v.number)...)
		}
		if strings.HasPrefix(level, "FORWARD") || strings.HasPrefix(level, "FULL") {
			messages = append(messages, st.cannotRead(v.schema, sch, v.number)...)
		}
	}
	return messages
}

// cannotRead says why a reader's schema can not read what a writer's has written; nothing where it can.
func (st *store) cannotRead(reader, writer *schema, number int) (messages []string) {
	say := func(format string, args ...any) {
		messages = append(messages, fmt.Sprintf("version %d: ", number)+fmt.Sprintf(format, args...))
	}
	switch reader.Type {
	case "AVRO":
		r, err := st.avro(reader)
		if err != nil {
			say("%v", err)
			return messages
		}
		w, err := st.avro(writer)
		if err != nil {
			say("%v", err)
			return messages
		}
		if err := avro.CheckCompatibility(w, r); err != nil {
			say("%v", err)
		}
	case "PROTOBUF":
		r, err := st.protobuf(reader)
		if err != nil {
			say("%v", err)
			return messages
		}
		w, err := st.protobuf(writer)
		if err != nil {
			say("%v", err)
			return messages
		}
		protobufMessages(r.Messages(), w.Messages(), "", say)
	case "JSON":
		var r, w any
		if json.Unmarshal([]byte(reader.Text), &r) != nil || json.Unmarshal([]byte(writer.Text), &w) != nil {
			say("not JSON")
			return messages
		}
		jsonDiffers(r, w, "#", say)
	}
	return messages
}

// protobufMessages wants every message of the writer in the reader, and fields of one number to be of one type: that is what the wire
// format needs. Fields may come and go, but not required ones (proto2).
func protobufMessages(r, w protoreflect.MessageDescriptors, path string, say func(string, ...any)) {
	for i := range w.Len() {
		wm := w.Get(i)
		rm := r.ByName(wm.Name())
		name := path + string(wm.Name())
		if rm == nil {
			say("message %s was removed", name)
			continue
		}
		for j := range wm.Fields().Len() {
			wf := wm.Fields().Get(j)
			rf := rm.Fields().ByNumber(wf.Number())
			switch {
			case rf == nil && wf.Cardinality() == protoreflect.Required:
				say("%s: required field %s (%d) was removed", name, wf.Name(), wf.Number())
			case rf == nil:
			case rf.Kind() != wf.Kind() || (rf.Cardinality() == protoreflect.Repeated) != (wf.Cardinality() == protoreflect.Repeated):
				say("%s: field %d was %s %s and is %s %s", name, wf.Number(), wf.Cardinality(), wf.Kind(), rf.Cardinality(), rf.Kind())
			case rf.Kind() == protoreflect.MessageKind && rf.Message().FullName() != wf.Message().FullName():
				say("%s: field %d was a %s and is a %s", name, wf.Number(), wf.Message().FullName(), rf.Message().FullName())
			}
		}
		for j := range rm.Fields().Len() {
			if f := rm.Fields().Get(j); f.Cardinality() == protoreflect.Required && wm.Fields().ByNumber(f.Number()) == nil {
				say("%s: required field %s (%d) was added", name, f.Name(), f.Number())
			}
		}
		protobufMessages(rm.Messages(), wm.Messages(), name+".", say)
	}
}

// jsonDiffers compares two JSON Schemas keyword by keyword: the reader may drop requirements, add optional properties to an open object
// and widen types; any other difference of a keyword counts, so that what is not understood is never called compatible.
func jsonDiffers(r, w any, path string, say func(string, ...any)) {
	rm, rok := r.(map[string]any)
	wm, wok := w.(map[string]any)
	if !rok || !wok {
		if !reflect.DeepEqual(r, w) && r != true {
			say("%s changed", path)
		}
		return
	}
	keys := map[string]bool{}
	for k := range rm {
		keys[k] = true
	}
	for k := range wm {
		keys[k] = true
	}
	sorted := make([]string, 0, len(keys))
	for k := range keys {
		sorted = append(sorted, k)
	}
	sort.Strings(sorted)
	for _, k := range sorted {
		rv, rhas := rm[k]
		wv, whas := wm[k]
		switch k {
		case "title", "description", "default", "examples", "$comment", "$id", "$schema", "connect.index":
		case "required":
			for _, name := range oneOrMore(rv) {
				if !slices.Contains(oneOrMore(wv), name) {
					say("%s: property %q became required", path, name)
				}
			}
		case "type":
			for _, t := range oneOrMore(wv) {
				if rhas && !slices.Contains(oneOrMore(rv), t) && !(t == "integer" && slices.Contains(oneOrMore(rv), "number")) {
					say("%s: type %q is not read any more", path, t)
				}
			}
			if rhas && !whas {
				say("%s: a type was demanded", path)
			}
		case "properties":
			jsonProperties(rm, wm, path, say)
		case "definitions", "$defs":
			jsonProperties(map[string]any{"properties": rv}, map[string]any{"properties": wv}, path+"/"+k, say)
		case "items":
			if rhas && whas {
				jsonDiffers(rv, wv, path+"/items", say)
			} else if rhas {
				say("%s: items were constrained", path)
			}
		case "additionalProperties":
			if rv == false && wv != false {
				say("%s: the object was closed", path)
			} else if rhas && whas {
				jsonDiffers(rv, wv, path+"/additionalProperties", say)
			}
		default:
			if rhas && !reflect.DeepEqual(rv, wv) {
				say("%s: %s changed", path, k)
			}
		}
	}
}

func jsonProperties(r, w map[string]any, path string, say func(string, ...any)) {
	rp, _ := r["properties"].(map[string]any)
	wp, _ := w["properties"].(map[string]any)
	for name, wv := range wp {
		rv, ok := rp[name]
		switch {
		case ok:
			jsonDiffers(rv, wv, path+"/properties/"+name, say)
		case r["additionalProperties"] == false:
			say("%s: property %q was removed from a closed object", path, name)
		}
	}
	for name := range rp {
		if _, ok := wp[name]; !ok && w["additionalProperties"] != false {
			if _, typed := rp[name].(map[string]any); typed && w["additionalProperties"] == nil && len(wp) > 0 {
				say("%s: property %q was added to an open object, which may hold anything under that name already", path, name)
			}
		}
	}
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
