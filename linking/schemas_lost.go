package linking

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"
)

// lostRecord is what a destination registry did not keep of a schema, as the link remembers it: a process that comes later need not tell of
// it again.
type lostRecord struct {
	Subject    string   `json:"subject"`
	Version    int      `json:"version"`
	Attributes []string `json:"attributes"`
}

// notKept is an *AttributesLostError for what a registry did not keep of a schema, unless that has been told.
func (s *Subjects) notKept(want, have sr.SubjectSchema) error {
	var attributes []string
	if want.SchemaMetadata != nil && !reflect.DeepEqual(want.SchemaMetadata, have.SchemaMetadata) {
		attributes = append(attributes, "metadata")
	}
	if want.SchemaRuleSet != nil && !reflect.DeepEqual(want.SchemaRuleSet, have.SchemaRuleSet) {
		attributes = append(attributes, "rule set")
	}
	if attributes == nil {
		s.lost.drop(versionOf(want))
		return nil
	}
	text := strings.Join(attributes, ",")
	if told, _ := s.lost.get(versionOf(want)); told == text {
		return nil
	}
	s.lost.put(versionOf(want), text)
	return &AttributesLostError{want.Subject, want.Version, attributes}
}

// recall takes over what earlier processes have told of.
func (s *Subjects) recall(told []lostRecord) {
	for _, l := range told {
		s.lost.put(subjectVersion{l.Subject, l.Version}, strings.Join(l.Attributes, ","))
	}
}

// told is what has been told of, for recall.
func (s *Subjects) told() []lostRecord {
	s.lost.mu.Lock()
	defer s.lost.mu.Unlock()
	list := []lostRecord{}
	for sv, text := range s.lost.m {
		list = append(list, lostRecord{sv.subject, sv.version, strings.Split(text, ",")})
	}
	slices.SortFunc(list, func(a, b lostRecord) int {
		if a.Subject != b.Subject {
			return strings.Compare(a.Subject, b.Subject)
		}
		return a.Version - b.Version
	})
	return list
}

// lostSync remembers, for one run, what was told of.
type lostSync struct {
	mu   sync.Mutex
	last []lostRecord
}

// syncSubjects makes a pass over the schemas, and remembers what it has told of. topics is what is mirrored: once all of it is promoted the
// schemas go their own way too.
func (r *runner) syncSubjects(ctx context.Context, topics map[string]*topicRecord) error {
	if promoted(topics) {
		return nil
	}
	_, err := r.l.subjects.Sync(ctx)
	r.lost.mu.Lock()
	defer r.lost.mu.Unlock()
	told := r.l.subjects.told()
	if ctx.Err() != nil || reflect.DeepEqual(told, r.lost.last) || len(told)+len(r.lost.last) == 0 {
		return err
	}
	if werr := r.s.write(ctx, map[string]any{linkKey(r.s.link, "lost", ""): told}); werr != nil {
		r.l.o.Log.Warn("recording what the registry did not keep", "link", r.l.decl.Name, "error", werr)
		return err
	}
	r.lost.last = told
	return err
}
