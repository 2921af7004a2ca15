package linking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Modes of a subject or a registry. They are read and written as text: the client's own type does not know all of them, and takes an
// answer without a mode for IMPORT.
const (
	modeImport           = "IMPORT"
	modeReadWrite        = "READWRITE"
	modeReadOnly         = "READONLY"
	modeReadOnlyOverride = "READONLY_OVERRIDE"
)

// readBack is how long a registry of several nodes may take to show on one of them what another has accepted.
const readBack = 5 * time.Second

// again asks until done, or until readBack is over; the last answer counts.
func again(ctx context.Context, ask func() (done bool, err error)) error {
	for begun := time.Now(); ; {
		done, err := ask()
		if done || err != nil || time.Since(begun) > readBack {
			return err
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// subjectMode is the mode that a subject has of its own, "" where it has none. No subject is the whole registry.
func subjectMode(ctx context.Context, cl *sr.Client, subject string) (string, error) {
	var answer struct {
		Mode string `json:"mode"`
	}
	err := cl.Do(ctx, http.MethodGet, modePath(subject), nil, &answer)
	if code := errorCode(err); code == codeNoSubjectMode || code == codeSubjectNotFound {
		return "", nil
	}
	return strings.ToUpper(answer.Mode), err
}

func setSubjectMode(ctx context.Context, cl *sr.Client, subject, mode string) error {
	return cl.Do(ctx, http.MethodPut, modePath(subject), map[string]string{"mode": mode}, nil)
}

func modePath(subject string) string {
	if subject == "" {
		return "/mode"
	}
	return "/mode/" + url.PathEscape(subject)
}

// open puts a destination subject into IMPORT mode, once every live version there was found to be the source's. It is forced: without
// force a registry refuses where live versions are, and where only soft-deleted ones are it removes those for good.
//
// The caller has the subject's turn. A subject that has versions and READWRITE of its own was promoted, perhaps by another process: it is
// left alone, unless it is mirrored again since.
func (s *Subjects) open(ctx context.Context, subject string, look *view) error {
	if importing, _ := s.importing.get(subject); importing {
		return nil
	}
	own, err := subjectMode(ctx, s.to, subject)
	if err != nil {
		return s.asked(ctx, s.to, "destination", err, "subject %q: reading its mode", subject)
	}
	if own == modeImport {
		s.importing.put(subject, true)
		return nil
	}
	there := look.listing(subject)
	if there == nil {
		if there, err = s.listSubject(ctx, s.to, "destination", subject); err != nil {
			return err
		}
	}
	live := false
	var foreign []error
	for _, n := range slices.Sorted(maps.Keys(there)) {
		if there[n].deleted {
			continue
		}
		live = true
		err := s.same(ctx, subjectVersion{subject, n}, look)
		if _, conflict := errors.AsType[*SchemaConflictError](err); err != nil && !conflict {
			return err
		}
		foreign = append(foreign, err)
	}
	if err := errors.Join(foreign...); err != nil {
		return err
	}
	if own != "" && (own != modeReadWrite || live) {
		return s.takeBack(ctx, subject, own)
	}
	return s.importMode(ctx, subject, own)
}

func (s *Subjects) importMode(ctx context.Context, subject, own string) error {
	if err := setSubjectMode(sr.WithParams(ctx, sr.Force), s.to, subject, modeImport); err != nil {
		if errorCode(err) == codeNotPermitted {
			return &RegistryRefusesError{subject, own, err}
		}
		return s.asked(ctx, s.to, "destination", err, "subject %q: mode %s", subject, modeImport)
	}
	s.importing.put(subject, true)
	return nil
}

// listing is what a view shows of a destination subject, nil where it was not listed.
func (v *view) listing(subject string) map[int]listed {
	if v == nil {
		return nil
	}
	return v.destination[subject]
}

// same refuses a destination version that is not the source's.
func (s *Subjects) same(ctx context.Context, sv subjectVersion, look *view) error {
	if _, ok := s.there.get(sv); ok {
		return nil
	}
	want, err := s.wanted(ctx, sv, look)
	if notThere(err) && look.deletedHere(sv) {
		return nil // some registries do not show what they list as deleted
	}
	if notThere(err) {
		return foreignVersion(sv.subject, sv.version)
	}
	if err != nil {
		return err
	}
	have, err := s.had(ctx, sv, look)
	if err != nil || have == nil { // deleted since it was listed
		return err
	}
	if err := compare(want, *have); err != nil {
		return err
	}
	s.there.put(sv, want.ID)
	return nil
}

// write registers a version under the source's id and number and reads both back, because some registries answer 200 and give others.
// A registry that was caught at that gets nothing more.
func (s *Subjects) write(ctx context.Context, want sr.SubjectSchema, look *view) (*sr.SubjectSchema, error) {
	if err := s.caught(); err != nil {
		return nil, err
	}
	if err := s.open(ctx, want.Subject, look); err != nil {
		return nil, err
	}
	id, err := s.to.RegisterSchema(ctx, want.Subject, want.Schema, want.ID, want.Version)
	if err != nil {
		return nil, s.refused(ctx, want, err)
	}
	var have sr.SubjectSchema
	found := false
	err = again(ctx, func() (bool, error) {
		have, err = s.to.SchemaByVersion(ctx, want.Subject, want.Version)
		found = err == nil
		if code := errorCode(err); code == codeVersionNotFound || code == codeSubjectNotFound {
			err = nil
		}
		return found || id != want.ID, err
	})
	if err != nil {
		return nil, s.asked(ctx, s.to, "destination", err, "subject %q version %d: reading it back", want.Subject, want.Version)
	}
	if id != want.ID || !found || have.ID != want.ID || have.Version != want.Version {
		e := &IDsIgnoredError{Subject: want.Subject, WantID: want.ID, GotID: id, WantVer: want.Version}
		if stored, err := s.to.LookupSchema(ctx, want.Subject, want.Schema); err == nil { // only to say where it went
			e.GotID, e.GotVer = stored.ID, stored.Version
		}
		s.ignored.Store(e)
		return nil, e
	}
	if err := compare(want, have); err != nil {
		return nil, err
	}
	s.there.put(versionOf(want), want.ID)
	s.log.Info("schema mirrored", "subject", want.Subject, "version", want.Version, "id", want.ID)
	return &have, nil
}

// refused says why a version was not taken.
func (s *Subjects) refused(ctx context.Context, want sr.SubjectSchema, err error) error {
	if _, answered := errors.AsType[*sr.ResponseError](err); answered {
		inContext := contextParams(contextOf(want.Subject))
		have, herr := s.to.SchemaByID(sr.WithParams(ctx, inContext...), want.ID)
		if herr == nil && !sameSchema(want.Schema, have) {
			holders, _ := s.to.SubjectsByID(sr.WithParams(ctx, append(inContext, sr.ShowDeleted)...), want.ID) // only to name them
			who := "no subject any more"
			if len(holders) > 0 {
				slices.Sort(holders)
				who = strings.Join(holders, ", ")
			}
			return &SchemaConflictError{Subject: want.Subject, Version: want.Version, ID: want.ID, Holders: holders,
				Detail: "the id is taken in the destination by another schema, of " + who}
		}
	}
	if errorCode(err) == codeNotPermitted {
		s.importing.drop(want.Subject)                  // somebody has taken it out of IMPORT
		mode, _ := subjectMode(ctx, s.to, want.Subject) // only to name it
		if whole, e := subjectMode(ctx, s.to, ""); e == nil && whole == modeReadOnlyOverride {
			mode = whole
		}
		return &RegistryRefusesError{want.Subject, mode, err}
	}
	return s.asked(ctx, s.to, "destination", err, "subject %q version %d, schema id %d: importing", want.Subject, want.Version, want.ID)
}

// compare wants under one subject and version what the source has there.
func compare(want, have sr.SubjectSchema) error {
	conflict := &SchemaConflictError{Subject: want.Subject, Version: want.Version, ID: want.ID}
	switch {
	case have.ID != want.ID && sameSchema(want.Schema, have.Schema):
		conflict.Detail = fmt.Sprintf("the destination has it under id %d", have.ID)
	case have.ID != want.ID:
		conflict.Detail = fmt.Sprintf("the destination has another schema there, under id %d", have.ID)
	case !sameSchema(want.Schema, have.Schema):
		conflict.Detail = "the destination has another schema there"
	case !sameReferences(want, have):
		conflict.Detail = "the destination has it with other references"
	default:
		return nil
	}
	return conflict
}

func sameReferences(want, have sr.SubjectSchema) bool {
	absolute := func(ss sr.SubjectSchema) []sr.SchemaReference {
		list := slices.Clone(ss.References)
		for i := range list {
			list[i].Subject = referred(ss.Subject, list[i].Subject)
		}
		slices.SortFunc(list, func(a, b sr.SchemaReference) int { return strings.Compare(a.Name, b.Name) })
		return list
	}
	return slices.Equal(absolute(want), absolute(have))
}

// sameSchema says whether two texts are one schema: registries keep them with other white space, and JSON with its keys in another order.
func sameSchema(a, b sr.Schema) bool {
	x, y := strings.Fields(a.Schema), strings.Fields(b.Schema)
	if a.Type != b.Type || slices.Equal(x, y) {
		return a.Type == b.Type
	}
	if a.Type == sr.TypeProtobuf {
		return false
	}
	p, perr := value(a.Schema)
	q, qerr := value(b.Schema)
	return perr == nil && qerr == nil && reflect.DeepEqual(p, q)
}

// value reads JSON with its numbers as they are written.
func value(text string) (v any, err error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// contextOf is the context of a subject as it stands in front of its name, ":.dr:"; "" for the default one.
func contextOf(subject string) string {
	if rest, ok := strings.CutPrefix(subject, ":."); ok {
		if name, _, ok := strings.Cut(rest, ":"); ok && name != "" {
			return ":." + name + ":"
		}
	}
	return ""
}

// referred is the full name of the subject that another one refers to: a bare name is of the same context.
func referred(subject, to string) string {
	if strings.HasPrefix(to, ":.") {
		return to
	}
	return contextOf(subject) + to
}

// contextParams makes a call by id be about a context.
func contextParams(context string) []sr.Param {
	if context == "" {
		return nil
	}
	return []sr.Param{sr.Subject(context)}
}
