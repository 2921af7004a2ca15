package linking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// SchemaConflictError says that the destination has something else where a schema belongs.
type SchemaConflictError struct {
	Subject string
	Version int
	ID      int      // the source's; 0 for a version that only the destination has
	Holders []string // destination subjects that have the id; nil where the id is not the matter
	Detail  string
}

func (e *SchemaConflictError) Error() string {
	if e.ID == 0 {
		return fmt.Sprintf("subject %q version %d: %s", e.Subject, e.Version, e.Detail)
	}
	return fmt.Sprintf("subject %q version %d, schema id %d: %s", e.Subject, e.Version, e.ID, e.Detail)
}

// IDsIgnoredError says that the destination registry answered 200 and stored a schema under another id or version, as some do.
type IDsIgnoredError struct {
	Subject         string
	WantID, GotID   int
	WantVer, GotVer int // GotVer is 0 where the schema can not be found again
}

func (e *IDsIgnoredError) Error() string {
	return fmt.Sprintf("subject %q: the destination registry ignores explicit ids: asked for id %d version %d, it stored id %d version %d; "+
		"records name schemas by id, so they could not be read there", e.Subject, e.WantID, e.WantVer, e.GotID, e.GotVer)
}

// RegistryRefusesError says that the destination registry takes no schemas of a subject in its present mode.
type RegistryRefusesError struct {
	Subject string
	Mode    string // the one that is in the way; "" = not known
	Err     error
}

func (e *RegistryRefusesError) Error() string {
	if e.Mode != "" {
		return fmt.Sprintf("subject %q: the destination registry refuses to be written to in mode %s: %v", e.Subject, e.Mode, e.Err)
	}
	return fmt.Sprintf("subject %q: the destination registry refuses to import schemas: %v", e.Subject, e.Err)
}
func (e *RegistryRefusesError) Unwrap() error { return e.Err }

// AttributesLostError says that the destination registry has stored a schema without its metadata or rule set. The schema itself, its id
// and its version are right, so Ensure lets records pass; fields that the source's rules encrypt stay so.
type AttributesLostError struct {
	Subject    string
	Version    int
	Attributes []string // metadata, rule set
}

func (e *AttributesLostError) Error() string {
	return fmt.Sprintf("subject %q version %d: the destination registry stored it without its %s", e.Subject, e.Version, strings.Join(e.Attributes, " and "))
}

// RegistryUnreachableError is a registry that gave no answer, or one of a proxy in front of it.
type RegistryUnreachableError struct {
	Which string   // source or destination
	URLs  []string // without passwords
	Err   error
}

func (e *RegistryUnreachableError) Error() string {
	return fmt.Sprintf("%s registry: no answer at %s: %v", e.Which, strings.Join(e.URLs, ", "), e.Err)
}
func (e *RegistryUnreachableError) Unwrap() error { return e.Err }

// Error codes of Confluent's registry that are branched on.
const (
	codeSubjectNotFound = 40401
	codeVersionNotFound = 40402
	codeSchemaNotFound  = 40403
	codeSoftDeleted     = 40406
	codeNoSubjectMode   = 40409
	codeNotPermitted    = 42205
	codeReferenced      = 42206
)

// errorCode is the registry's code of an error, 0 for any other error.
func errorCode(err error) int {
	if re, ok := errors.AsType[*sr.ResponseError](err); ok {
		return re.ErrorCode
	}
	return 0
}

// notThere says that a registry does not have the version that it was asked for.
func notThere(err error) bool {
	code := errorCode(err)
	return code == codeVersionNotFound || code == codeSubjectNotFound
}

// asked says what failed at which registry. Doing is what was being done, to what.
func (s *Subjects) asked(ctx context.Context, cl *sr.Client, which string, err error, doing string, args ...any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	doing = fmt.Sprintf(doing, args...)
	re, answered := errors.AsType[*sr.ResponseError](err)
	_, cut := errors.AsType[net.Error](err)
	if !answered && (cut || errors.Is(err, io.ErrUnexpectedEOF)) || answered && (re.StatusCode == http.StatusBadGateway || re.StatusCode == http.StatusServiceUnavailable || re.StatusCode == http.StatusGatewayTimeout) {
		return &RegistryUnreachableError{which, addresses(cl), fmt.Errorf("%s: %w", doing, err)}
	}
	return fmt.Errorf("%s registry: %s: %w", which, doing, err)
}

func addresses(cl *sr.Client) []string {
	texts, _ := cl.OptValue(sr.URLs).([]string)
	list := make([]string, 0, len(texts))
	for _, text := range texts {
		if u, err := url.Parse(text); err == nil {
			text = u.Redacted()
		}
		list = append(list, text)
	}
	return list
}
