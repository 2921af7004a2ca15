package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/sr"
)

// inventory is what a registry has of the subjects that it was asked for, by subject and version. A subject that it does not have is in
// it without versions.
type inventory map[string]map[int]listed

type listed struct {
	schema  *sr.SubjectSchema // nil where only the number is known
	deleted bool              // softly
}

// live says whether a subject has a version that is not deleted.
func (i inventory) live(subject string) bool {
	for _, v := range i[subject] {
		if !v.deleted {
			return true
		}
	}
	return false
}

// view is what a pass has listed of both registries. A nil view knows nothing.
type view struct{ source, destination inventory }

// missing says that a version is known not to be in the destination as it is in the source: not at all, or only as a deleted one.
func (v *view) missing(sv subjectVersion) bool {
	if v == nil || v.destination[sv.subject] == nil {
		return false
	}
	there, ok := v.destination[sv.subject][sv.version]
	here, known := v.source[sv.subject][sv.version]
	return !ok || there.deleted && known && !here.deleted
}

// deletedHere says that the source is known to have a version as a deleted one.
func (v *view) deletedHere(sv subjectVersion) bool {
	return v != nil && v.source[sv.subject][sv.version].deleted
}

func (v *view) deletedThere(subject string, version int) bool {
	there, ok := v.destination[subject][version]
	return ok && there.deleted
}

// foreign refuses live versions of a destination subject that the source does not have.
func (v *view) foreign(subject string) error {
	var errs []error
	for _, n := range slices.Sorted(maps.Keys(v.destination[subject])) {
		if _, ok := v.source[subject][n]; !ok && !v.destination[subject][n].deleted {
			errs = append(errs, foreignVersion(subject, n))
		}
	}
	return errors.Join(errs...)
}

func foreignVersion(subject string, version int) error {
	return &SchemaConflictError{Subject: subject, Version: version,
		Detail: "only the destination has it: it was registered there, or removed for good from the source"}
}

// Registries answer listings in pages: Confluent's gives 1,000 schemas at most, and more only by offset (schema.search.max.limit).
const (
	pageSize     = 1000
	smallestPage = 100 // a shorter one is taken for the last
)

// paged collects the pages of a listing. It ends with a page that is short or has nothing new, as where the offset is ignored.
func paged[T any, K comparable](ctx context.Context, key func(T) K, get func(context.Context, ...sr.Param) ([]T, error)) ([]T, error) {
	var all []T
	seen := map[K]bool{}
	for offset := 0; ; {
		page, err := get(ctx, sr.Offset(offset), sr.Limit(pageSize))
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, v := range page {
			if k := key(v); !seen[k] {
				seen[k] = true
				all = append(all, v)
			}
		}
		if offset += len(page); len(page) < smallestPage || len(all) == before {
			return all, nil
		}
	}
}

// everywhere asks a listing for the subjects of all contexts. Without it GET /schemas is about the default one only.
var everywhere = sr.SubjectPrefix(":*:")

// subjects lists the names in a registry, with deleted also those of which every version is.
func (s *Subjects) subjects(ctx context.Context, cl *sr.Client, which string, deleted bool) ([]string, error) {
	names, err := paged(ctx, func(name string) string { return name }, func(ctx context.Context, page ...sr.Param) ([]string, error) {
		if deleted {
			page = append(page, sr.ShowDeleted)
		}
		return cl.Subjects(sr.WithParams(ctx, page...)) // of all contexts, unless it is told otherwise
	})
	if err != nil {
		return nil, s.asked(ctx, cl, which, err, "listing subjects")
	}
	for i, name := range names {
		names[i] = s.name(cl, name)
	}
	return names, nil
}

// schemas lists versions in bulk. What it leaves out is to be asked for by subject: not every registry has the call, knows the prefix, or
// says which subject a schema is of.
func (s *Subjects) schemas(ctx context.Context, cl *sr.Client, which string, params ...sr.Param) ([]sr.SubjectSchema, error) {
	return paged(ctx, versionOf, func(ctx context.Context, page ...sr.Param) ([]sr.SubjectSchema, error) {
		return s.schemaPage(ctx, cl, which, append(page, params...)...)
	})
}

// schemaPage is one answer to what schemas asks.
func (s *Subjects) schemaPage(ctx context.Context, cl *sr.Client, which string, params ...sr.Param) ([]sr.SubjectSchema, error) {
	all, err := cl.AllSchemas(sr.WithParams(ctx, append(params, everywhere)...))
	if re, answered := errors.AsType[*sr.ResponseError](err); answered && (re.StatusCode == 404 || re.StatusCode == 405 || re.StatusCode == 501) {
		return nil, nil
	}
	if err != nil {
		return nil, s.asked(ctx, cl, which, err, "listing schemas")
	}
	all = slices.DeleteFunc(all, func(ss sr.SubjectSchema) bool { return ss.Subject == "" || ss.Version < 1 || ss.ID < 1 })
	for i, ss := range all {
		all[i] = s.named(cl, ss)
	}
	return all, nil
}

func versionOf(ss sr.SubjectSchema) subjectVersion { return subjectVersion{ss.Subject, ss.Version} }

// listAllFrom is from how many subjects on the whole registry is listed instead of one subject after the other.
const listAllFrom = 8

// list takes the inventory of some subjects.
func (s *Subjects) list(ctx context.Context, cl *sr.Client, which string, subjects []string) (inventory, error) {
	inv := inventory{}
	if len(subjects) >= listAllFrom {
		// Deleted ones first: a version that is registered in between is then live, one that is deleted in between is deleted.
		all, err := s.schemas(ctx, cl, which, sr.ShowDeleted)
		if err != nil {
			return nil, err
		}
		live, err := s.schemas(ctx, cl, which)
		if err != nil {
			return nil, err
		}
		for i, ss := range append(all, live...) {
			if inv[ss.Subject] == nil {
				inv[ss.Subject] = map[int]listed{}
			}
			inv[ss.Subject][ss.Version] = listed{&ss, i < len(all)}
		}
	}
	for _, subject := range subjects {
		if inv[subject] != nil {
			continue
		}
		m, err := s.listSubject(ctx, cl, which, subject)
		if err != nil {
			return nil, err
		}
		inv[subject] = m
	}
	return inv, nil
}

// listSubject takes the inventory of one subject, by number only.
func (s *Subjects) listSubject(ctx context.Context, cl *sr.Client, which, subject string) (map[int]listed, error) {
	m := map[int]listed{}
	for _, deleted := range []bool{true, false} { // in this order, as above
		asking := ctx
		if deleted {
			asking = sr.WithParams(ctx, sr.ShowDeleted)
		}
		versions, err := cl.SubjectVersions(asking, s.called(cl, subject))
		if errorCode(err) == codeSubjectNotFound {
			continue
		}
		if err != nil {
			return nil, s.asked(ctx, cl, which, err, "subject %q: listing versions", subject)
		}
		for _, n := range versions {
			m[n] = listed{deleted: deleted}
		}
	}
	return m, nil
}

// wanted is a version as the source has it.
func (s *Subjects) wanted(ctx context.Context, sv subjectVersion, look *view) (sr.SubjectSchema, error) {
	if look != nil {
		if known := look.source[sv.subject][sv.version].schema; known != nil {
			return *known, nil
		}
	}
	ss, err := s.from.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), s.called(s.from, sv.subject), sv.version)
	switch {
	case err != nil:
		return ss, s.asked(ctx, s.from, "source", err, "subject %q version %d", sv.subject, sv.version)
	case ss.ID < 1 || ss.Version != sv.version:
		return ss, fmt.Errorf("source registry: subject %q version %d: it answered with id %d, version %d", sv.subject, sv.version, ss.ID, ss.Version)
	}
	return s.named(s.from, ss), nil
}

// had is a version as the destination has it, deleted or not; nil where it does not have it.
func (s *Subjects) had(ctx context.Context, sv subjectVersion, look *view) (*sr.SubjectSchema, error) {
	if look != nil && look.destination[sv.subject] != nil {
		switch known, ok := look.destination[sv.subject][sv.version]; {
		case !ok:
			return nil, nil
		case known.schema != nil:
			return known.schema, nil
		}
	}
	ss, err := s.to.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), sv.subject, sv.version)
	switch code := errorCode(err); {
	case err == nil:
		return &ss, nil
	case code == codeSubjectNotFound, code == codeVersionNotFound:
		return nil, nil
	}
	return nil, s.asked(ctx, s.to, "destination", err, "subject %q version %d", sv.subject, sv.version)
}
