package linking

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Subjects are kept by the names that they have in the destination, as everything of a link is (names.go): where the link calls topics
// otherwise, subjects that are named after them follow (plans.Link.MirrorSubject), and so do references to them.

// unmirrored stands in front of what the source calls a subject that has no name in the destination. It is listed like others, because a
// listing's pages are counted, and never selected.
const unmirrored = "\x00"

// selects says whether a subject of the destination is the link's.
func (s *Subjects) selects(subject string) bool {
	return !strings.HasPrefix(subject, unmirrored) && s.link.MirrorsSubject(subject)
}

// called is a registry's own name of a subject.
func (s *Subjects) called(cl *sr.Client, subject string) string {
	if cl == s.from && cl != s.to {
		if source, ok := s.link.SourceSubject(subject); ok {
			return source
		}
	}
	return subject
}

// name is the destination's name of a subject that a registry has told of.
func (s *Subjects) name(cl *sr.Client, subject string) string {
	if cl != s.from || cl == s.to {
		return subject
	}
	if mirror, ok := s.link.MirrorSubject(subject); ok {
		return mirror
	}
	return unmirrored + subject
}

// named gives a version that a registry has told of, and what it refers to, the destination's names.
func (s *Subjects) named(cl *sr.Client, ss sr.SubjectSchema) sr.SubjectSchema {
	ss.Subject = s.name(cl, ss.Subject)
	ss.References = slices.Clone(ss.References)
	for i, ref := range ss.References {
		ss.References[i].Subject = s.name(cl, ref.Subject)
	}
	return ss
}
