package registry

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// registration is the body of a register or lookup call.
type registration struct {
	Schema     string      `json:"schema"`
	Type       string      `json:"schemaType"`
	References []reference `json:"references"`
	Metadata   any         `json:"metadata"`
	RuleSet    any         `json:"ruleSet"`
	ID         *int        `json:"id"`
	Version    *int        `json:"version"`
}

// shown is a version as GET answers it.
func shown(s *subject, v *version) map[string]any {
	m := map[string]any{"subject": s.name, "version": v.number, "id": v.schema.ID, "schema": v.schema.Text}
	return described(m, v.schema)
}

// described adds what is left out where it is empty: the type where it is not Avro, references, metadata, rule set.
func described(m map[string]any, s *schema) map[string]any {
	if s.Type != "AVRO" {
		m["schemaType"] = s.Type
	}
	if len(s.References) > 0 {
		m["references"] = s.References
	}
	if s.Metadata != nil {
		m["metadata"] = s.Metadata
	}
	if s.RuleSet != nil {
		m["ruleSet"] = s.RuleSet
	}
	return m
}

func (st *store) subjectCalls(c *call, at func(int) string) (any, error) {
	name, rest := at(1), at(2)
	switch {
	case name == "":
		return st.listSubjects(c), nil
	case rest == "" && c.Method == http.MethodPost:
		return st.find(c, name)
	case rest == "" && c.Method == http.MethodDelete:
		return st.deleteSubject(c, name)
	case rest != "versions":
		return nil, &failure{http.StatusNotFound, 404, "HTTP 404 Not Found"}
	case at(3) == "" && c.Method == http.MethodPost:
		return st.register(c, name)
	case at(3) == "":
		return st.listVersions(c, name)
	case c.Method == http.MethodDelete:
		return st.deleteVersion(c, name, at(3))
	}
	s, v, err := st.version(c, name, at(3), c.flag("deleted"))
	if err != nil {
		return nil, err
	}
	switch at(4) {
	case "schema":
		return rawText(v.schema.Text), nil
	case "referencedby":
		return append([]int{}, st.users(s.name, v.number)...), nil
	}
	return shown(s, v), nil
}

func (st *store) listSubjects(c *call) []string {
	prefix := c.URL.Query().Get("subjectPrefix")
	names := []string{}
	for context, sp := range st.contexts {
		if c.context != "." && context != c.context {
			continue
		}
		for name, s := range sp.subjects {
			live := len(s.live())
			shownHere := live > 0 || c.flag("deleted") && len(s.versions) > 0
			if c.flag("deletedOnly") {
				shownHere = live == 0 && len(s.versions) > 0
			}
			if shownHere && (prefix == "" || prefix == ":*:" || strings.HasPrefix(name, prefix)) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (st *store) listVersions(c *call, name string) (any, error) {
	_, s, full := st.lookup(c, name)
	numbers := []int{}
	if s != nil {
		for _, v := range s.versions {
			if !v.deleted && !c.flag("deletedOnly") || v.deleted && (c.flag("deleted") || c.flag("deletedOnly")) {
				numbers = append(numbers, v.number)
			}
		}
	}
	if len(numbers) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", full)
	}
	return numbers, nil
}

// find is the lookup of a schema under a subject.
func (st *store) find(c *call, name string) (any, error) {
	var body registration
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	sp, s, full := st.lookup(c, name)
	if len(s.live()) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", full)
	}
	want, err := st.parse(sp, body)
	if err != nil {
		return nil, err
	}
	for _, v := range s.versions {
		if v.schema.same == want.same && (!v.deleted || c.flag("deleted")) {
			return shown(s, v), nil
		}
	}
	return nil, fail(40403, "Schema not found")
}

func (st *store) register(c *call, name string) (any, error) {
	var body registration
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	sp, s, full := st.lookup(c, name)
	mode := st.modeOf(s)
	id, number := -1, 0
	if body.ID != nil {
		id = *body.ID
	}
	if body.Version != nil {
		number = *body.Version
	}
	importing := mode == "IMPORT" || mode == "FORWARD"
	switch {
	case mode == "READONLY" || mode == "READONLY_OVERRIDE":
		return nil, fail(42205, "Subject %s in context %s is in read-only mode", full, c.context)
	case id >= 0 && !importing:
		return nil, fail(42205, "Subject %s in context %s is not in import mode", full, c.context)
	case id < 0 && importing:
		return nil, fail(42205, "Subject %s in context %s is not in read-write mode", full, c.context)
	}
	sch, err := st.parse(sp, body)
	if err != nil {
		return nil, err
	}
	for _, v := range s.live() {
		if v.schema.same == sch.same && (number == 0 || number == v.number) && (id < 0 || id == v.schema.ID) {
			return described(map[string]any{"id": v.schema.ID}, v.schema), nil
		}
	}
	last := 0
	if s != nil && len(s.versions) > 0 {
		last = s.versions[len(s.versions)-1].number
	}
	if importing {
		if have := sp.ids[id]; have != nil && have.same != sch.same {
			return nil, fail(42205, "Overwrite new schema with id %d is not permitted.", id)
		}
	} else {
		if number > 0 && number != last+1 {
			return nil, fail(42201, "Version is not one more than previous version")
		}
		if err := st.checkCompatible(sp, s, sch, s.live()); err != nil {
			return nil, err
		}
	}
	if number == 0 {
		number = last + 1
	}
	if id < 0 {
		id = st.idFor(sp, sch)
	}
	sch.ID = id
	if have := sp.ids[id]; have != nil {
		sch = have
	}
	sp.ids[id] = sch
	sp.next = max(sp.next, id+1)
	if s == nil {
		s = &subject{name: full}
		sp.subjects[full] = s
	}
	if importing { // a newer version under the id buries older, deleted ones of it
		s.versions = slices.DeleteFunc(s.versions, func(v *version) bool {
			return v.deleted && v.schema.ID == id && v.number < number && len(st.users(s.name, v.number)) == 0
		})
	}
	s.put(&version{number: number, schema: sch})
	return described(map[string]any{"id": id}, sch), nil
}

// idFor is the id that the same schema has already in the context, or the next one.
func (st *store) idFor(sp *space, sch *schema) int {
	for _, id := range slices.Sorted(maps.Keys(sp.ids)) {
		if sp.ids[id].same == sch.same {
			return id
		}
	}
	return sp.next
}

func (st *store) deleteSubject(c *call, name string) (any, error) {
	sp, s, full := st.lookup(c, name)
	if s == nil || len(s.versions) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", full)
	}
	if err := st.writable(s, full); err != nil {
		return nil, err
	}
	live := s.live()
	for _, v := range s.versions {
		if users := st.users(s.name, v.number); len(users) > 0 {
			return nil, fail(42206, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d}.", full, v.number)
		}
	}
	if c.flag("permanent") {
		if len(live) > 0 {
			return nil, fail(40405, "Subject '%s' was not deleted first before being permanently deleted", full)
		}
		numbers := []int{}
		for _, v := range s.versions {
			numbers = append(numbers, v.number)
		}
		delete(sp.subjects, full)
		return numbers, nil
	}
	if len(live) == 0 {
		return nil, fail(40404, "Subject '%s' was soft deleted.Set permanent=true to delete permanently", full)
	}
	numbers := []int{}
	for _, v := range live {
		v.deleted = true
		numbers = append(numbers, v.number)
	}
	return numbers, nil
}

func (st *store) deleteVersion(c *call, name, text string) (any, error) {
	s, v, err := st.version(c, name, text, true)
	if err != nil {
		return nil, err
	}
	if text == "latest" || text == "-1" {
		if live := s.live(); len(live) > 0 {
			v = live[len(live)-1]
		}
	}
	if err := st.writable(s, s.name); err != nil {
		return nil, err
	}
	if len(st.users(s.name, v.number)) > 0 {
		return nil, fail(42206, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d}.", s.name, v.number)
	}
	switch permanent := c.flag("permanent"); {
	case permanent && !v.deleted:
		return nil, fail(40407, "Subject '%s' Version %d was not deleted first before being permanently deleted", s.name, v.number)
	case permanent:
		s.versions = slices.DeleteFunc(s.versions, func(o *version) bool { return o == v })
	case v.deleted:
		return nil, fail(40406, "Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", s.name, v.number)
	default:
		v.deleted = true
	}
	return v.number, nil
}

// schemas are the calls by id and the list of everything.
func (st *store) schemas(c *call, at func(int) string) (any, error) {
	switch at(1) {
	case "types":
		return []string{"JSON", "PROTOBUF", "AVRO"}, nil
	case "":
		return st.listSchemas(c), nil
	case "ids":
	default:
		return nil, &failure{http.StatusNotFound, 404, "HTTP 404 Not Found"}
	}
	context := c.context
	if s := c.URL.Query().Get("subject"); s != "" {
		context, _ = qualified(c.context, s)
	}
	sp := st.space(context)
	id, err := strconv.Atoi(at(2))
	sch := sp.ids[id]
	if err != nil || sch == nil {
		return nil, fail(40403, "Schema %s not found", at(2))
	}
	uses := []map[string]any{}
	subjects := []string{}
	for _, name := range slices.Sorted(maps.Keys(sp.subjects)) {
		for _, v := range sp.subjects[name].versions {
			if v.schema == sch && (!v.deleted || c.flag("deleted")) {
				uses = append(uses, map[string]any{"subject": name, "version": v.number})
				subjects = append(subjects, name)
			}
		}
	}
	switch at(3) {
	case "schema":
		return rawText(sch.Text), nil
	case "versions":
		return uses, nil
	case "subjects":
		return slices.Compact(subjects), nil
	}
	return described(map[string]any{"schema": sch.Text}, sch), nil
}

func (st *store) listSchemas(c *call) any {
	list := []map[string]any{}
	for _, name := range st.listSubjects(c) {
		_, s, _ := st.lookup(c, name)
		versions := s.live()
		if c.flag("deleted") {
			versions = s.versions
		}
		if c.flag("latestOnly") && len(versions) > 0 {
			versions = versions[len(versions)-1:]
		}
		for _, v := range versions {
			list = append(list, shown(s, v))
		}
	}
	return list
}
