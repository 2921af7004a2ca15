package linking

import (
	"context"
	"maps"

	"github.com/twmb/franz-go/pkg/sr"
)

// glance lists the source's live versions for a pass that does not compare everything. Where one short answer holds them all, that is all it
// asks for, and nothing escapes it. Of more it lists the newest version of every subject, and of some subjects all versions, others each
// time: so a version that was deleted, or imported below the newest one, is noticed after as many passes as there are pages.
func (s *Subjects) glance(ctx context.Context) (map[string]latest, error) {
	begin := s.page
	page, err := s.schemaPage(ctx, s.from, "source", sr.Offset(begin), sr.Limit(pageSize))
	if err != nil {
		return nil, err
	}
	last := len(page) < smallestPage
	switch {
	case len(page) == 0:
	case begin == 0:
		s.first = versionOf(page[0])
	default:
		last = last || versionOf(page[0]) == s.first // the registry knows no offsets, and always answers the whole
	}
	all, next := gathered(page, begin, last)
	if s.page = next; begin == 0 && last {
		return all, nil
	}
	newest, err := s.schemas(ctx, s.from, "source", sr.LatestOnly)
	if err != nil {
		return nil, err
	}
	seen := map[string]latest{}
	for _, ss := range newest {
		seen[ss.Subject] = latest{version: ss.Version, id: ss.ID}
		if whole, ok := all[ss.Subject]; ok && whole.version == ss.Version { // else it is newer than the page
			seen[ss.Subject] = whole
		}
	}
	return seen, nil
}

// gathered are the subjects that a page of live versions has all versions of, and where the next page begins: with the subject that this
// one may have cut, unless it is the last. Registries list a subject's versions one after the other; of one that does not, subjects seem to have changed that
// have not, and are looked at for nothing.
func gathered(page []sr.SubjectSchema, begin int, last bool) (all map[string]latest, next int) {
	all = map[string]latest{}
	for i, ss := range page {
		l, ok := all[ss.Subject]
		if !ok {
			l = latest{live: map[int]int{}}
			next = begin + i
		}
		l.add(ss.Version, ss.ID)
		all[ss.Subject] = l
	}
	switch {
	case last:
		return all, 0
	case next == begin:
		return map[string]latest{}, begin + len(page) // one subject fills it
	}
	delete(all, page[next-begin].Subject)
	return all, next
}

func (l *latest) add(version, id int) {
	if l.live[version] = id; version > l.version {
		l.version, l.id = version, id
	}
	l.versions++
}

// same says that a subject has not changed as far as can be told from afar.
func (l latest) same(was latest) bool {
	return l.version == was.version && l.id == was.id && (l.live == nil || maps.Equal(l.live, was.live))
}

// standing is a source subject as a pass has mirrored it.
func (s *Subjects) standing(subject string, versions map[int]listed) latest {
	l := latest{live: map[int]int{}}
	for n, v := range versions {
		if v.deleted {
			continue
		}
		id, _ := s.there.get(subjectVersion{subject, n})
		if v.schema != nil {
			id = v.schema.ID
		}
		l.add(n, id)
	}
	l.versions = len(versions)
	return l
}
