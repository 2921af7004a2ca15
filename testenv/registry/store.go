package registry

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// store is everything that was registered.
type store struct {
	mu     sync.Mutex
	spaces map[string]*space // by context
	global settings
}

// space is one context: its own ids and subjects.
type space struct {
	context  string
	next     int
	ids      map[int]*schema
	subjects map[string]*subject // by full name; the context's own settings are under the name of no subject, ":.dr:"
}

// settings are what a subject, a context or the whole registry has been given.
type settings struct {
	mode   string         // "" = not set
	config map[string]any // nil = not set
}

// schema is one schema under one id.
type schema struct {
	ID         int
	GUID       string // the same in every context and registry
	Type       string
	Text       string
	References []reference
	Metadata   any
	RuleSet    any

	context string // what its references are relative to
	same    string // equal for what counts as the same schema
	normal  string // equal also for what normalizing makes the same
}

// reference names another schema that a schema uses.
type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type subject struct {
	settings
	name     string // full
	space    *space
	versions []*version // by number
}

type version struct {
	number  int
	schema  *schema
	deleted bool
}

func newStore() *store {
	return &store{spaces: map[string]*space{}, global: settings{"READWRITE", defaultConfig()}}
}

// qualify takes a subject's name apart: ":.dr:orders-value" is in the context .dr, whatever the call is about.
func qualify(inContext, name string) (context, full string) {
	if rest, ok := strings.CutPrefix(name, ":."); ok {
		if c, bare, ok := strings.Cut(rest, ":"); ok {
			if c == "" {
				return ".", bare
			}
			return "." + c, name
		}
	}
	if inContext == "." {
		return ".", name
	}
	return inContext, ":" + inContext + ":" + name
}

// subject returns what a call names. One without versions and settings is not kept until keep.
func (st *store) subject(c *call) *subject { return st.named(c.context, c.PathValue("subject")) }

func (st *store) named(inContext, name string) *subject {
	context, full := qualify(inContext, name)
	sp := st.spaces[context]
	if sp == nil {
		sp = &space{context: context, next: 1, ids: map[int]*schema{}, subjects: map[string]*subject{}}
	}
	if s := sp.subjects[full]; s != nil {
		return s
	}
	return &subject{name: full, space: sp}
}

// keep makes a subject part of the store.
func (st *store) keep(s *subject) {
	st.spaces[s.space.context] = s.space
	s.space.subjects[s.name] = s
}

// contextNames lists the default context and every other one that holds schemas.
func (st *store) contextNames() []string {
	names := []string{"."}
	for name, sp := range st.spaces {
		if name != "." && len(sp.ids) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// all lists every subject in the order of names.
func (st *store) all() []*subject {
	var list []*subject
	for _, sp := range st.spaces {
		list = slices.AppendSeq(list, maps.Values(sp.subjects))
	}
	slices.SortFunc(list, func(a, b *subject) int { return cmp.Compare(a.name, b.name) })
	return list
}

// live are the versions that are not deleted.
func (s *subject) live() []*version { return s.visible(false, false) }

// visible are the versions that a call asks for with deleted and deletedOnly.
func (s *subject) visible(deleted, only bool) []*version {
	var list []*version
	for _, v := range s.versions {
		if v.deleted && (deleted || only) || !v.deleted && !only {
			list = append(list, v)
		}
	}
	return list
}

func (s *subject) find(number int) *version {
	i := slices.IndexFunc(s.versions, func(v *version) bool { return v.number == number })
	if i < 0 {
		return nil
	}
	return s.versions[i]
}

// last is the highest number that was given out and is known.
func (s *subject) last() int {
	if len(s.versions) == 0 {
		return 0
	}
	return s.versions[len(s.versions)-1].number
}

func (s *subject) put(v *version) {
	s.versions = slices.DeleteFunc(s.versions, func(o *version) bool { return o.number == v.number })
	s.versions = append(s.versions, v)
	slices.SortFunc(s.versions, func(a, b *version) int { return cmp.Compare(a.number, b.number) })
}

// version returns the one that a call names; deleted ones count with deleted.
func (st *store) version(c *call, deleted bool) (*subject, *version, error) {
	s := st.subject(c)
	n, err := versionNumber(c.PathValue("version"))
	if err != nil {
		return nil, nil, err
	}
	list := s.visible(deleted, false)
	if len(list) == 0 {
		return nil, nil, fail(40401, "Subject '%s' not found.", s.name)
	}
	if n == 0 {
		return s, list[len(list)-1], nil
	}
	if v := s.find(n); slices.Contains(list, v) {
		return s, v, nil
	}
	return nil, nil, fail(40402, "Version %d not found.", n)
}

// referrers lists the ids of the schemas whose live versions refer to a subject's version.
func (st *store) referrers(s *subject, number int) []int {
	ids := []int{}
	for _, other := range st.all() {
		for _, v := range other.live() {
			if slices.ContainsFunc(v.schema.References, func(r reference) bool {
				_, full := qualify(v.schema.context, r.Subject)
				return full == s.name && r.Version == number
			}) {
				ids = append(ids, v.schema.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// unreferenced refuses to remove a version that others refer to.
func (st *store) unreferenced(s *subject, versions ...*version) error {
	for _, v := range versions {
		if len(st.referrers(s, v.number)) > 0 {
			return fail(42206, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d,magic=1}.", s.name, v.number)
		}
	}
	return nil
}
