package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Subjects mirrors the schemas of one registry into another: every version of the selected subjects under the same id and version,
// references first. A destination subject is in IMPORT mode while it is mirrored. Its calls are safe for concurrent use.
type Subjects struct {
	from, to *sr.Client
	rule     plans.Rule
	log      *slog.Logger

	mu    sync.Mutex
	there map[subjectVersion]int // mirrored and read back: its id
	modes map[string]bool        // destination subjects known to be in IMPORT mode
	level map[string]sr.CompatibilityLevel
	none  map[int]bool // ids that no selected subject of the source has
}

type subjectVersion struct {
	subject string
	version int
}

// SubjectReport is what one pass saw and did.
type SubjectReport struct {
	Subjects int
	Versions int
	Imported int
}

// SchemaConflictError says that the destination has something else where a schema belongs.
type SchemaConflictError struct {
	Subject string
	Version int
	ID      int
	Detail  string
}

func (e *SchemaConflictError) Error() string {
	return fmt.Sprintf("subject %q version %d, schema id %d: %s", e.Subject, e.Version, e.ID, e.Detail)
}

// IDsIgnoredError says that the destination registry answered 200 and stored a schema under another id or version, as some do.
type IDsIgnoredError struct {
	Subject         string
	WantID, GotID   int
	WantVer, GotVer int
}

func (e *IDsIgnoredError) Error() string {
	return fmt.Sprintf("subject %q: the destination registry ignores explicit ids: asked for id %d version %d, it stored id %d version %d; "+
		"records name schemas by id, so they could not be read there", e.Subject, e.WantID, e.WantVer, e.GotID, e.GotVer)
}

// RegistryRefusesError says that the destination registry takes no schemas in its present mode.
type RegistryRefusesError struct {
	Subject string
	Err     error
}

func (e *RegistryRefusesError) Error() string {
	return fmt.Sprintf("subject %q: the destination registry refuses to import schemas: %v", e.Subject, e.Err)
}
func (e *RegistryRefusesError) Unwrap() error { return e.Err }

// Error codes of Confluent's registry that are branched on.
const (
	codeSubjectNotFound = 40401
	codeVersionNotFound = 40402
	codeSchemaNotFound  = 40403
	codeNoSubjectLevel  = 40408
	codeNoSubjectMode   = 40409
	codeNotPermitted    = 42205
)

func errorCode(err error) int {
	var re *sr.ResponseError
	if errors.As(err, &re) {
		return re.ErrorCode
	}
	return 0
}

// NewSubjects returns the mirror of the subjects that rule selects.
func NewSubjects(from, to *sr.Client, rule plans.Rule, log *slog.Logger) *Subjects {
	return &Subjects{from: from, to: to, rule: rule, log: log, there: map[subjectVersion]int{}, modes: map[string]bool{},
		level: map[string]sr.CompatibilityLevel{}, none: map[int]bool{}}
}

// Sync mirrors every version of every selected subject that is not there yet, and the subjects' compatibility levels.
func (s *Subjects) Sync(ctx context.Context) (SubjectReport, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rep SubjectReport
	subjects, err := s.from.Subjects(ctx)
	if err != nil {
		return rep, fmt.Errorf("source registry: listing subjects: %w", err)
	}
	clear(s.none)
	var errs []error
	for _, subject := range subjects {
		if !s.rule.Match(subject) {
			continue
		}
		rep.Subjects++
		versions, err := s.from.SubjectVersions(ctx, subject)
		if err != nil {
			errs = append(errs, fmt.Errorf("source registry: subject %q: listing versions: %w", subject, err))
			continue
		}
		for _, v := range versions {
			rep.Versions++
			done, err := s.mirror(ctx, subject, v, nil)
			if err != nil {
				errs = append(errs, err)
				break
			}
			rep.Imported += done
		}
		if err := s.copyLevel(ctx, subject); err != nil {
			errs = append(errs, err)
		}
	}
	return rep, errors.Join(errs...)
}

// Ensure makes sure that the schema with the given id, if a selected subject has it, exists in the destination. An id that the source
// does not have at all is nobody's: what looked like one was not.
func (s *Subjects) Ensure(ctx context.Context, id int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.none[id] {
		return nil
	}
	uses, err := s.from.SchemaVersionsByID(ctx, id)
	if errorCode(err) == codeSchemaNotFound {
		s.none[id] = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("source registry: who uses schema id %d: %w", id, err)
	}
	found := false
	for _, use := range uses {
		if !s.rule.Match(use.Subject) {
			continue
		}
		found = true
		if _, err := s.mirror(ctx, use.Subject, use.Version, nil); err != nil {
			return err
		}
	}
	if !found {
		s.none[id] = true
	}
	return nil
}

// mirror brings one version over, its references first. It returns how many versions were written. path guards against references that
// lead back.
func (s *Subjects) mirror(ctx context.Context, subject string, version int, path []subjectVersion) (int, error) {
	sv := subjectVersion{subject, version}
	if _, ok := s.there[sv]; ok {
		return 0, nil
	}
	if slices.Contains(path, sv) {
		return 0, fmt.Errorf("source registry: subject %q version %d refers to itself", subject, version)
	}
	want, err := s.from.SchemaByVersion(ctx, subject, version)
	if err != nil {
		return 0, fmt.Errorf("source registry: subject %q version %d: %w", subject, version, err)
	}
	n := 0
	for _, ref := range want.References {
		k, err := s.mirror(ctx, ref.Subject, ref.Version, append(path, sv))
		if err != nil {
			return n, fmt.Errorf("subject %q version %d refers to it: %w", subject, version, err)
		}
		n += k
	}
	have, err := s.to.SchemaByVersion(ctx, subject, version)
	switch code := errorCode(err); {
	case err == nil:
		if err := sameSchema(want, have); err != nil {
			return n, err
		}
		s.there[sv] = want.ID
		return n, nil
	case code == codeSubjectNotFound, code == codeVersionNotFound:
	default:
		return n, fmt.Errorf("destination registry: subject %q version %d: %w", subject, version, err)
	}
	if err := s.importMode(ctx, subject); err != nil {
		return n, err
	}
	if _, err := s.to.CreateSchemaWithIDAndVersion(ctx, subject, want.Schema, want.ID, want.Version); err != nil {
		return n, s.refused(ctx, want, err)
	}
	if have, err = s.to.SchemaByVersion(ctx, subject, version); err != nil && errorCode(err) != codeVersionNotFound {
		return n, fmt.Errorf("destination registry: subject %q version %d: reading it back: %w", subject, version, err)
	}
	if have.ID != want.ID || have.Version != want.Version {
		return n, &IDsIgnoredError{Subject: subject, WantID: want.ID, GotID: have.ID, WantVer: want.Version, GotVer: have.Version}
	}
	s.there[sv] = want.ID
	s.log.Info("schema mirrored", "subject", subject, "version", version, "id", want.ID)
	return n + 1, nil
}

// sameSchema compares what is under one subject and version.
func sameSchema(want, have sr.SubjectSchema) error {
	if have.ID == want.ID && have.Type == want.Type && strings.TrimSpace(have.Schema.Schema) == strings.TrimSpace(want.Schema.Schema) {
		return nil
	}
	detail := fmt.Sprintf("the destination has it under id %d", have.ID)
	if have.ID == want.ID {
		detail = "the destination has another schema there"
	}
	return &SchemaConflictError{Subject: want.Subject, Version: want.Version, ID: want.ID, Detail: detail}
}

// refused says why an import was refused.
func (s *Subjects) refused(ctx context.Context, want sr.SubjectSchema, err error) error {
	if errorCode(err) == codeNotPermitted {
		if have, herr := s.to.SchemaByID(ctx, want.ID); herr == nil && strings.TrimSpace(have.Schema) != strings.TrimSpace(want.Schema.Schema) {
			owners, _ := s.to.SubjectsByID(ctx, want.ID) // only to name them
			return &SchemaConflictError{Subject: want.Subject, Version: want.Version, ID: want.ID,
				Detail: fmt.Sprintf("the id is taken in the destination by another schema, of %s", strings.Join(owners, ", "))}
		}
		return &RegistryRefusesError{want.Subject, err}
	}
	return fmt.Errorf("destination registry: subject %q version %d, schema id %d: importing: %w", want.Subject, want.Version, want.ID, err)
}

// importMode puts a destination subject into IMPORT mode.
func (s *Subjects) importMode(ctx context.Context, subject string) error {
	if s.modes[subject] {
		return nil
	}
	res := s.to.Mode(sr.WithParams(ctx, sr.DefaultToGlobal), subject)
	if len(res) == 1 && res[0].Err == nil && res[0].Mode == sr.ModeImport {
		s.modes[subject] = true
		return nil
	}
	for _, r := range s.to.SetMode(ctx, sr.ModeImport, subject) {
		if r.Err != nil {
			return &RegistryRefusesError{subject, r.Err}
		}
	}
	s.modes[subject] = true
	return nil
}

// copyLevel puts the source's subject-level compatibility in force, where it has one.
func (s *Subjects) copyLevel(ctx context.Context, subject string) error {
	for _, c := range s.from.Compatibility(ctx, subject) {
		switch {
		case errorCode(c.Err) == codeNoSubjectLevel:
			return nil
		case c.Err != nil:
			return fmt.Errorf("source registry: subject %q: compatibility: %w", subject, c.Err)
		case s.level[subject] == c.Level:
			return nil
		}
		for _, set := range s.to.SetCompatibility(ctx, sr.SetCompatibility{Level: c.Level}, subject) {
			if set.Err != nil {
				return fmt.Errorf("destination registry: subject %q: compatibility %s: %w", subject, c.Level, set.Err)
			}
		}
		s.level[subject] = c.Level
	}
	return nil
}

// Promote takes subjects out of IMPORT mode and reads the mode back. It is idempotent.
func (s *Subjects) Promote(ctx context.Context, subjects []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, subject := range slices.SortedFunc(slices.Values(subjects), cmp.Compare) {
		for _, r := range s.to.SetMode(ctx, sr.ModeReadWrite, subject) {
			if r.Err != nil {
				errs = append(errs, fmt.Errorf("destination registry: subject %q: mode READWRITE: %w", subject, r.Err))
			}
		}
		delete(s.modes, subject)
		for _, r := range s.to.Mode(sr.WithParams(ctx, sr.DefaultToGlobal), subject) {
			if r.Err != nil {
				errs = append(errs, fmt.Errorf("destination registry: subject %q: reading its mode back: %w", subject, r.Err))
			} else if r.Mode != sr.ModeReadWrite {
				errs = append(errs, fmt.Errorf("destination registry: subject %q: its mode is %s after READWRITE was set", subject, r.Mode))
			}
		}
	}
	return errors.Join(errs...)
}
