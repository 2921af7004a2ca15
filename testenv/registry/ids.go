package registry

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// idFor is the id that the same schema has in the context already, or the next one.
func (sp *space) idFor(sch *schema) int {
	for _, id := range slices.Sorted(maps.Keys(sp.ids)) {
		if sp.ids[id].equals(sch, false) {
			return id
		}
	}
	return sp.next
}

// give stores a schema under an id and returns what is there.
func (sp *space) give(id int, sch *schema) *schema {
	if have := sp.ids[id]; have != nil {
		return have
	}
	sch.ID = id
	sp.ids[id] = sch
	sp.next = max(sp.next, id+1)
	return sch
}

// byID finds the schema that a call names by id, in the context of its parameter subject where it has one.
func (st *store) byID(c *call) (*space, *schema, error) {
	sp := st.named(c.context, c.URL.Query().Get("subject")).space
	id, err := strconv.Atoi(c.PathValue("id"))
	if sch := sp.ids[id]; err == nil && sch != nil {
		return sp, sch, nil
	}
	return nil, nil, fail(40403, "Schema %s not found", c.PathValue("id"))
}

// schemaByID answers a schema that was ever registered, deleted or not: records name it as long as they last.
func (st *store) schemaByID(c *call) (any, error) {
	_, sch, err := st.byID(c)
	switch {
	case err != nil:
		return nil, err
	case strings.HasSuffix(c.URL.Path, "/schema"):
		return raw(sch.Text), nil
	}
	return described(sch, map[string]any{"schema": sch.Text}), nil
}

// usesOfID answers the subjects that have a schema, or their versions.
func (st *store) usesOfID(c *call) (any, error) {
	sp, sch, err := st.byID(c)
	if err != nil {
		return nil, err
	}
	uses, subjects := []map[string]any{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(sp.subjects)) {
		for _, v := range sp.subjects[name].visible(c.flag("deleted"), false) {
			if v.schema == sch {
				uses = append(uses, map[string]any{"subject": name, "version": v.number})
				subjects = append(subjects, name)
			}
		}
	}
	if strings.HasSuffix(c.URL.Path, "/subjects") {
		return slices.Compact(subjects), nil
	}
	return uses, nil
}

// schemaByGUID answers a schema by what is the same in every context, or its ids.
func (st *store) schemaByGUID(c *call) (any, error) {
	var found *schema
	ids := []map[string]any{}
	for _, context := range slices.Sorted(maps.Keys(st.spaces)) {
		for _, id := range slices.Sorted(maps.Keys(st.spaces[context].ids)) {
			if sch := st.spaces[context].ids[id]; sch.GUID == c.PathValue("guid") {
				found = sch
				ids = append(ids, map[string]any{"context": context, "id": id})
			}
		}
	}
	switch {
	case found == nil:
		return nil, fail(40403, "Schema %s not found", c.PathValue("guid"))
	case strings.HasSuffix(c.URL.Path, "/ids"):
		return ids, nil
	}
	return described(found, map[string]any{"guid": found.GUID, "schema": found.Text}), nil
}
