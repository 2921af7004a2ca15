package registry

import (
	"slices"
	"strconv"
	"strings"
)

// shown is a version as GET answers it.
func shown(s *subject, v *version) map[string]any {
	return described(v.schema, map[string]any{"subject": s.name, "version": v.number, "id": v.schema.ID, "guid": v.schema.GUID, "schema": v.schema.Text})
}

// described adds to an answer what is left out where it is empty: the type where it is not Avro, references, metadata, rule set.
func described(s *schema, answer map[string]any) map[string]any {
	if s.Type != "AVRO" {
		answer["schemaType"] = s.Type
	}
	if len(s.References) > 0 {
		answer["references"] = s.References
	}
	if s.Metadata != nil {
		answer["metadata"] = s.Metadata
	}
	if s.RuleSet != nil {
		answer["ruleSet"] = s.RuleSet
	}
	return answer
}

// selected are the subjects that a listing is about: of the call's context, or of all where that is the default one.
func (st *store) selected(c *call) []*subject {
	prefix := c.URL.Query().Get("subjectPrefix")
	if prefix == ":*:" {
		prefix = ""
	}
	return slices.DeleteFunc(st.all(), func(s *subject) bool {
		return c.context != "." && s.space.context != c.context || !strings.HasPrefix(s.name, prefix)
	})
}

// pageLimit is what a listing answers at most, schema.search.default.limit and .max.limit.
const pageLimit = 1000

// page is the part of a listing that a call asks for.
func page[T any](c *call, list []T) []T {
	q := c.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 0 || limit > pageLimit {
		limit = pageLimit
	}
	offset, _ := strconv.Atoi(q.Get("offset")) // none is 0
	offset = min(max(0, offset), len(list))
	return list[offset:min(len(list), offset+limit)]
}

func (st *store) listSubjects(c *call) (any, error) {
	names := []string{}
	for _, s := range st.selected(c) {
		live := len(s.live()) > 0
		deleted := len(s.versions) > 0 && !live
		if live && !c.flag("deletedOnly") || deleted && (c.flag("deleted") || c.flag("deletedOnly")) {
			names = append(names, s.name)
		}
	}
	return page(c, names), nil
}

// listSchemas lists versions, each as GET of it answers.
func (st *store) listSchemas(c *call) (any, error) {
	list := []map[string]any{}
	for _, s := range st.selected(c) {
		versions := s.visible(c.flag("deleted"), false)
		if c.flag("latestOnly") && len(versions) > 0 {
			versions = versions[len(versions)-1:]
		}
		for _, v := range versions {
			list = append(list, shown(s, v))
		}
	}
	return page(c, list), nil
}

func (st *store) listVersions(c *call) (any, error) {
	s := st.subject(c)
	versions := s.visible(c.flag("deleted"), c.flag("deletedOnly"))
	if len(versions) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", s.name)
	}
	return numbers(versions), nil
}

func numbers(versions []*version) []int {
	list := []int{}
	for _, v := range versions {
		list = append(list, v.number)
	}
	return list
}

// showVersion answers a version, its schema's text, or who refers to it.
func (st *store) showVersion(c *call) (any, error) {
	s, v, err := st.version(c, c.flag("deleted"))
	switch {
	case err != nil:
		return nil, err
	case strings.HasSuffix(c.URL.Path, "/schema"):
		return raw(v.schema.Text), nil
	case strings.HasSuffix(c.URL.Path, "/referencedby"):
		return st.referrers(s, v.number), nil
	}
	return shown(s, v), nil
}

// latestWith answers the newest version whose metadata has all the properties that the call names by key and value.
func (st *store) latestWith(c *call) (any, error) {
	s, q := st.subject(c), c.URL.Query()
	for _, v := range slices.Backward(s.visible(c.flag("deleted"), false)) {
		metadata, _ := v.schema.Metadata.(map[string]any)
		properties, _ := metadata["properties"].(map[string]any)
		has := len(q["key"]) == len(q["value"])
		for i := 0; has && i < len(q["key"]); i++ {
			has = properties[q["key"][i]] == q["value"][i]
		}
		if has {
			return shown(s, v), nil
		}
	}
	return nil, fail(40401, "Subject '%s' not found.", s.name)
}

// lookup finds a schema under a subject.
func (st *store) lookup(c *call) (any, error) {
	s := st.subject(c)
	var body registration
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	versions := s.visible(c.flag("deleted"), false)
	if len(versions) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", s.name)
	}
	want, err := st.parse(s.space, body)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if v.schema.equals(want, st.normalizes(c, s)) {
			return shown(s, v), nil
		}
	}
	return nil, fail(40403, "Schema not found")
}

// normalizes says whether schemas that normalizing makes the same count as the same.
func (st *store) normalizes(c *call, s *subject) bool {
	return c.flag("normalize") || st.configOf(s, "normalize") == true
}

// register stores a schema under the next version and a new or known id; in IMPORT under the id and version that it comes with.
func (st *store) register(c *call) (any, error) {
	s := st.subject(c)
	var body registration
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	id, number := -1, 0
	if body.ID != nil {
		id = *body.ID
	}
	if body.Version != nil {
		number = *body.Version
	}
	if err := st.writable(s); err != nil {
		return nil, err
	}
	mode := st.modeOf(s)
	importing := mode == "IMPORT" || mode == "FORWARD"
	switch {
	case id >= 0 && !importing:
		return nil, fail(42205, "Subject %s in context %s is not in import mode", s.name, s.space.context)
	case id < 0 && importing:
		return nil, fail(42205, "Subject %s in context %s is not in read-write mode", s.name, s.space.context)
	}
	sch, err := st.parse(s.space, body)
	if err != nil {
		return nil, err
	}
	for _, v := range s.live() {
		if v.schema.equals(sch, st.normalizes(c, s)) && (number == 0 || number == v.number) && (id < 0 || id == v.schema.ID) {
			return registered(v.schema), nil
		}
	}
	if importing {
		if have := s.space.ids[id]; have != nil && !have.equals(sch, false) {
			return nil, fail(42205, "Overwrite new schema with id %d is not permitted.", id)
		}
	} else {
		if number > 0 && number != s.last()+1 {
			return nil, fail(42201, "Version is not one more than previous version")
		}
		level, _ := st.configOf(s, "compatibilityLevel").(string)
		if differences := st.differences(level, sch, s.live()); len(differences) > 0 {
			return nil, fail(40901, "Schema being registered is incompatible with an earlier schema for subject \"%s\", details: %q", s.name, differences)
		}
		id = s.space.idFor(sch)
	}
	if number == 0 {
		number = s.last() + 1
	}
	st.keep(s)
	sch = s.space.give(id, sch)
	if importing { // a newer version under the id buries older, deleted ones
		s.versions = slices.DeleteFunc(s.versions, func(v *version) bool {
			return v.deleted && v.schema.ID == id && v.number < number && st.unreferenced(s, v) == nil
		})
	}
	s.put(&version{number: number, schema: sch})
	return registered(sch), nil
}

func registered(s *schema) map[string]any { return described(s, map[string]any{"id": s.ID}) }

func (st *store) deleteSubject(c *call) (any, error) {
	s := st.subject(c)
	if len(s.versions) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", s.name)
	}
	if err := st.writable(s); err != nil {
		return nil, err
	}
	live := s.live()
	switch permanent := c.flag("permanent"); {
	case permanent && len(live) > 0:
		return nil, fail(40405, "Subject '%s' was not deleted first before being permanently deleted", s.name)
	case !permanent && len(live) == 0:
		return nil, fail(40404, "Subject '%s' was soft deleted.Set permanent=true to delete permanently", s.name)
	case permanent:
		all := s.versions
		if err := st.unreferenced(s, all...); err != nil {
			return nil, err
		}
		s.versions = nil
		return numbers(all), nil
	}
	if err := st.unreferenced(s, live...); err != nil {
		return nil, err
	}
	for _, v := range live {
		v.deleted = true
	}
	s.settings = settings{} // its mode and its configuration go with it
	return numbers(live), nil
}

func (st *store) deleteVersion(c *call) (any, error) {
	latest := c.PathValue("version") == "latest" || c.PathValue("version") == "-1"
	s, v, err := st.version(c, !latest)
	if err != nil {
		return nil, err
	}
	if err := st.writable(s); err != nil {
		return nil, err
	}
	if err := st.unreferenced(s, v); err != nil {
		return nil, err
	}
	switch permanent := c.flag("permanent"); {
	case permanent && !v.deleted:
		return nil, fail(40407, "Subject '%s' Version %d was not deleted first before being permanently deleted", s.name, v.number)
	case !permanent && v.deleted:
		return nil, fail(40406, "Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", s.name, v.number)
	case permanent:
		s.versions = slices.DeleteFunc(s.versions, func(o *version) bool { return o == v })
	default:
		v.deleted = true
	}
	return v.number, nil
}
