package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
)

// registryTimeout bounds one call of the registry. A statement that waits for a schema waits in its own retries.
const registryTimeout = 15 * time.Second

// Registry is the region's schema registry. Schemas by id never change and are cached for the life of the process; what a subject holds
// is asked for each time. It is safe for concurrent use.
type Registry struct {
	byID      *srclient.SchemaRegistryClient
	bySubject *sr.Client
}

var (
	// ErrNoSchema says that a subject or an id is not in the registry.
	ErrNoSchema = errors.New("not in the schema registry")
	// ErrUnavailable says that the registry cannot be reached or does not work now.
	ErrUnavailable = errors.New("the schema registry is not available")
)

// OpenRegistry returns a client; it sends nothing yet. User and password empty: none are sent. A nil transport is Go's own.
func OpenRegistry(url, user, password string, transport http.RoundTripper) (*Registry, error) {
	if url == "" {
		return nil, errors.New("schema registry: no URL is given")
	}
	hc := &http.Client{Timeout: registryTimeout, Transport: transport}
	byID := srclient.NewSchemaRegistryClient(strings.TrimRight(url, "/"), srclient.WithClient(hc))
	opts := []sr.ClientOpt{sr.URLs(url), sr.HTTPClient(hc)}
	if user != "" {
		byID.SetCredentials(user, password)
		opts = append(opts, sr.BasicAuth(user, password))
	}
	bySubject, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("schema registry %s: %w", url, err)
	}
	return &Registry{byID: byID, bySubject: bySubject}, nil
}

// ByID returns the schema of an id, as records name it. Error: ErrNoSchema.
func (r *Registry) ByID(ctx context.Context, id int) (*format.Schema, error) {
	s, err := r.byID.GetSchema(id)
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w", id, registryError(err))
	}
	out := &format.Schema{ID: id, Type: "AVRO", Text: s.Schema()}
	if t := s.SchemaType(); t != nil && *t != "" {
		out.Type = string(*t)
	}
	for _, ref := range s.References() {
		if err := r.resolve(ctx, out, ref.Name, ref.Subject, ref.Version, map[string]bool{}); err != nil {
			return nil, fmt.Errorf("schema id %d: %w", id, err)
		}
	}
	return out, nil
}

// Latest returns the newest schema of a subject. Error: ErrNoSchema.
func (r *Registry) Latest(ctx context.Context, subject string) (*format.Schema, error) {
	s, err := r.bySubject.SchemaByVersion(ctx, subject, -1)
	if err != nil {
		return nil, fmt.Errorf("subject %q: %w", subject, registryError(err))
	}
	out := &format.Schema{ID: s.ID, Type: s.Type.String(), Text: s.Schema.Schema}
	for _, ref := range s.References {
		if err := r.resolve(ctx, out, ref.Name, ref.Subject, ref.Version, map[string]bool{}); err != nil {
			return nil, fmt.Errorf("subject %q: %w", subject, err)
		}
	}
	return out, nil
}

// resolve appends what a reference imports, then the referenced schema itself, each name once.
func (r *Registry) resolve(ctx context.Context, into *format.Schema, name, subject string, version int, above map[string]bool) error {
	for _, have := range into.References {
		if have.Name == name {
			return nil
		}
	}
	if above[name] {
		return fmt.Errorf("reference %q leads back to itself", name)
	}
	above[name] = true
	s, err := r.bySubject.SchemaByVersion(ctx, subject, version)
	if err != nil {
		return fmt.Errorf("reference %q to subject %q version %d: %w", name, subject, version, registryError(err))
	}
	for _, ref := range s.References {
		if err := r.resolve(ctx, into, ref.Name, ref.Subject, ref.Version, above); err != nil {
			return err
		}
	}
	into.References = append(into.References, format.Reference{Name: name, Text: s.Schema.Schema})
	return nil
}

// Register registers a schema under a subject and returns its id; registering the same again returns the same id.
func (r *Registry) Register(ctx context.Context, subject string, schema *format.Schema) (int, error) {
	language := sr.TypeAvro
	if schema.Type != "" {
		if err := language.UnmarshalText([]byte(schema.Type)); err != nil {
			return 0, fmt.Errorf("subject %q: %w", subject, err)
		}
	}
	s, err := r.bySubject.CreateSchema(ctx, subject, sr.Schema{Schema: schema.Text, Type: language})
	if err != nil {
		return 0, fmt.Errorf("subject %q: registering its schema: %w", subject, registryError(err))
	}
	return s.ID, nil
}

// registryError sorts answers: there is no such thing; the registry refuses; anything else may go away by itself.
func registryError(err error) error {
	var one srclient.Error
	var other *sr.ResponseError
	switch {
	case errors.As(err, &one) && one.Code/100 == 404, errors.As(err, &other) && other.ErrorCode/100 == 404:
		return fmt.Errorf("%w: %w", ErrNoSchema, err)
	case errors.As(err, &one) && strings.HasPrefix(fmt.Sprint(one.Code), "4"), errors.As(err, &other) && other.StatusCode < 500 && other.StatusCode != http.StatusTooManyRequests:
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
