package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkCompatibility answers whether a schema could be registered, or is compatible with one version.
func (st *store) checkCompatibility(c *call) (any, error) {
	s := st.subject(c)
	var body registration
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	sch, err := st.parse(s.space, body)
	if err != nil {
		return nil, err
	}
	against := s.live()
	if c.PathValue("version") != "" {
		_, v, err := st.version(c, false)
		if err != nil {
			return nil, err
		}
		against = []*version{v}
	}
	level, _ := st.configOf(s, "compatibilityLevel").(string)
	messages := st.differences(level, sch, against)
	answer := map[string]any{"is_compatible": len(messages) == 0}
	if c.flag("verbose") {
		answer["messages"] = append([]string{}, messages...)
	}
	return answer, nil
}

// differences lists what breaks a level. Levels that are not transitive look at the newest version only.
func (st *store) differences(level string, sch *schema, against []*version) []string {
	if level == "NONE" || len(against) == 0 {
		return nil
	}
	if !strings.HasSuffix(level, "_TRANSITIVE") {
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
