package linking

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Ensure makes sure that what selected subjects have under a schema id, as records name it (magic byte 0, then the id), exists in the
// destination; then a record that names it may follow. It returns nil, too, where nothing is to be mirrored: no selected subject has the
// id, or the source does not know it at all and what looked like one was not. Both are remembered; an id is asked for once.
//
// An id is looked up in the default context and, where the rule could select their subjects, in the others: which one a consumer is
// configured for is not in the record. Deleted versions count, for records name their ids as before. Errors are those of Sync.
func (s *Subjects) Ensure(ctx context.Context, id int) error {
	if done, _ := s.ensured.get(id); done || id < 1 {
		return nil
	}
	if err := s.caught(); err != nil {
		return err
	}
	contexts := []string{""}
	if known := s.contexts.Load(); known != nil {
		contexts = append(contexts, *known...)
	}
	found, err := s.ensureIn(ctx, id, contexts)
	if err == nil && !found && s.selectsContexts() {
		// It may be of a context that is newer than the list.
		var now []string
		if now, err = s.listContexts(ctx); err == nil {
			s.contexts.Store(&now)
			_, err = s.ensureIn(ctx, id, slices.DeleteFunc(slices.Clone(now), func(c string) bool { return slices.Contains(contexts, c) }))
		}
	}
	if err == nil {
		s.ensured.put(id, true)
	}
	return err
}

// ensureIn mirrors what selected subjects of some contexts have under an id, and says whether there is any.
func (s *Subjects) ensureIn(ctx context.Context, id int, contexts []string) (found bool, err error) {
	for _, c := range contexts {
		uses, err := s.from.SchemaVersionsByID(sr.WithParams(ctx, append(contextParams(c), sr.ShowDeleted)...), id)
		if errorCode(err) == codeSchemaNotFound {
			continue
		}
		if err != nil {
			return found, s.asked(ctx, s.from, "source", err, "who uses schema id %d", id)
		}
		for _, use := range uses {
			subject := s.name(s.from, use.Subject)
			if !s.selects(subject) {
				continue
			}
			found = true
			_, err := s.mirror(ctx, subjectVersion{subject, use.Version}, nil, nil)
			if lost, ok := errors.AsType[*AttributesLostError](err); ok {
				s.log.Warn("schema mirrored, but not whole", "error", lost)
			} else if err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// listContexts lists the source's contexts but the default one, as they stand in front of subjects.
func (s *Subjects) listContexts(ctx context.Context) ([]string, error) {
	names, err := s.from.Contexts(ctx)
	if re, answered := errors.AsType[*sr.ResponseError](err); answered && re.StatusCode == http.StatusNotFound {
		return nil, nil // older than contexts
	}
	if err != nil {
		return nil, s.asked(ctx, s.from, "source", err, "listing contexts")
	}
	var contexts []string
	for _, name := range names {
		if name = strings.Trim(name, ":"); name != "." && name != "" {
			contexts = append(contexts, ":"+name+":")
		}
	}
	return contexts, nil
}

// selectsContexts says whether a subject with a context in front of it could be selected: not where every pattern begins with something else.
func (s *Subjects) selectsContexts() bool {
	return slices.ContainsFunc(s.link.Subjects.Include, func(pattern string) bool {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return false // selects nothing
		}
		prefix, _ := re.LiteralPrefix()
		return prefix == "" || strings.HasPrefix(prefix, ":")
	})
}
