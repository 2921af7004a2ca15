package registry

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// store is everything that was registered. Its lock is held for a whole request.
type store struct {
	mu       sync.Mutex
	contexts map[string]*space
	mode     string
	config   map[string]any
}

// space is one context: its own ids and subjects.
type space struct {
	next     int
	ids      map[int]*schema
	subjects map[string]*subject
}

// schema is one schema under one id.
type schema struct {
	ID         int
	Type       string
	Text       string
	References []reference
	Metadata   any
	RuleSet    any
	same       string // equal for schemas that are the same but for white space and key order
}

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type subject struct {
	name     string // with its context, as clients write it
	versions []*version
	mode     string // "" = the global one
	config   map[string]any
}

type version struct {
	number  int
	schema  *schema
	deleted bool
}

func newStore() *store {
	return &store{contexts: map[string]*space{".": newSpace()}, mode: "READWRITE", config: map[string]any{"compatibilityLevel": "BACKWARD"}}
}

func newSpace() *space {
	return &space{next: 1, ids: map[int]*schema{}, subjects: map[string]*subject{}}
}

// qualified takes a subject name apart: ":.dr:orders-value" is in the context .dr.
func qualified(inContext, name string) (context, full string) {
	if rest, ok := strings.CutPrefix(name, ":."); ok {
		if c, bare, ok := strings.Cut(rest, ":"); ok {
			if c == "" {
				return ".", bare
			}
			return "." + c, name
		}
	}
	if inContext == "." || inContext == "" {
		return ".", name
	}
	return inContext, ":" + inContext + ":" + name
}

func (st *store) space(context string) *space {
	sp := st.contexts[context]
	if sp == nil {
		sp = newSpace()
		st.contexts[context] = sp
	}
	return sp
}

// lookup returns a subject and its context's space; the subject is nil where it was never registered.
func (st *store) lookup(c *call, name string) (*space, *subject, string) {
	context, full := qualified(c.context, name)
	sp := st.space(context)
	return sp, sp.subjects[full], full
}

func (st *store) contextNames() []string { return slices.Sorted(maps.Keys(st.contexts)) }

// live are the versions that are not deleted.
func (s *subject) live() []*version {
	if s == nil {
		return nil
	}
	var list []*version
	for _, v := range s.versions {
		if !v.deleted {
			list = append(list, v)
		}
	}
	return list
}

func (s *subject) find(number int) *version {
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.versions, func(v *version) bool { return v.number == number })
	if i < 0 {
		return nil
	}
	return s.versions[i]
}

func (s *subject) put(v *version) {
	s.versions = slices.DeleteFunc(s.versions, func(o *version) bool { return o.number == v.number })
	s.versions = append(s.versions, v)
	slices.SortFunc(s.versions, func(a, b *version) int { return cmp.Compare(a.number, b.number) })
}

// version returns the one that a path names. Deleted versions count with deleted.
func (st *store) version(c *call, name, text string, deleted bool) (*subject, *version, error) {
	_, s, full := st.lookup(c, name)
	n, latest, err := versionNumber(text)
	if err != nil {
		return nil, nil, err
	}
	if len(s.live()) == 0 && !(deleted && s != nil && len(s.versions) > 0) {
		return nil, nil, fail(40401, "Subject '%s' not found.", full)
	}
	if latest {
		list := s.live()
		if deleted {
			list = s.versions
		}
		return s, list[len(list)-1], nil
	}
	if v := s.find(n); v != nil && (!v.deleted || deleted) {
		return s, v, nil
	}
	return nil, nil, fail(40402, "Version %d not found.", n)
}

// users lists who refers to a subject's version, by schema id.
func (st *store) users(name string, number int) []int {
	var ids []int
	for _, sp := range st.contexts {
		for _, s := range sp.subjects {
			for _, v := range s.live() {
				if slices.ContainsFunc(v.schema.References, func(r reference) bool { return r.Subject == name && r.Version == number }) {
					ids = append(ids, v.schema.ID)
				}
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func unescape(p string) string {
	if u, err := url.PathUnescape(p); err == nil {
		return u
	}
	return p
}
