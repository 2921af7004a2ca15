package plans

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// hidden is what a secret prints as.
const hidden = "•••"

// secretRef is the whole of a reference; a text with anything around it is refused.
var secretRef = regexp.MustCompile(`\A\$\{(env:([A-Za-z_][A-Za-z0-9_]*)|file:([^{}]+))\}\z`)

// NewSecretRef returns a secret by its reference, "${env:NAME}" or "${file:/path}"; it panics on anything else. Topologies
// that a program writes use it; those that people write go through Load.
func NewSecretRef(ref string) Secret {
	if !secretRef.MatchString(ref) {
		panic("plans: a secret is ${env:NAME} or ${file:/path}")
	}
	return Secret{ref: ref}
}

// MissingSecretError is a reference that leads nowhere. It never holds a secret's value.
type MissingSecretError struct {
	Ref   string       // "${env:EAST_USER}"
	Place report.Place // where it stands in lifeboat.yaml; zero where not known
	Err   error        // reading the file
}

func (e *MissingSecretError) Error() string {
	var b strings.Builder
	if e.Place.File != "" {
		fmt.Fprintf(&b, "%s:%d:%d: ", e.Place.File, e.Place.Line, e.Place.Column)
	}
	fmt.Fprintf(&b, "missing secret %s: ", e.Ref)
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	} else {
		b.WriteString("the environment variable is not set")
	}
	return b.String()
}

func (e *MissingSecretError) Unwrap() error { return e.Err }

// Resolve returns the secret itself: the value of the environment variable, or the content of the file without its last line
// break. A secret that was not declared is "". The error is a *MissingSecretError.
func (s Secret) Resolve(getenv func(string) (string, bool), readFile func(string) ([]byte, error)) (string, error) {
	if s.ref == "" {
		return "", nil
	}
	m := secretRef.FindStringSubmatch(s.ref)
	if m == nil {
		return "", &MissingSecretError{Ref: hidden, Place: s.place, Err: errors.New("not a reference: use ${env:NAME} or ${file:/path}")}
	}
	if name := m[2]; name != "" {
		v, ok := getenv(name)
		if !ok {
			return "", &MissingSecretError{Ref: s.ref, Place: s.place}
		}
		return v, nil
	}
	b, err := readFile(m[3])
	if err != nil {
		return "", &MissingSecretError{Ref: s.ref, Place: s.place, Err: err}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// IsZero reports whether no secret was declared.
func (s Secret) IsZero() bool { return s.ref == "" }

// Equal reports whether both are the same reference, wherever they stand.
func (s Secret) Equal(t Secret) bool { return s.ref == t.ref }

// Ref returns the reference, "" where none was declared.
func (s Secret) Ref() string { return s.ref }

func (s Secret) String() string       { return s.mask() }
func (s Secret) GoString() string     { return s.mask() }
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.mask()) }

func (s Secret) mask() string {
	if s.ref == "" {
		return ""
	}
	return hidden
}

// MarshalJSON writes the reference.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.ref) }

// MarshalYAML writes the reference.
func (s Secret) MarshalYAML() (any, error) { return s.ref, nil }

// UnmarshalJSON reads a reference and refuses anything else, without repeating it.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var ref string
	if err := json.Unmarshal(b, &ref); err != nil {
		return errors.New("a secret is a string")
	}
	return s.set(ref)
}

// UnmarshalYAML reads a reference and refuses anything else, without repeating it.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return errors.New("a secret is a string")
	}
	s.place = report.Place{Line: n.Line, Column: n.Column}
	return s.set(n.Value)
}

func (s *Secret) set(ref string) error {
	if ref != "" && !secretRef.MatchString(ref) {
		return errors.New("a secret is written by reference: ${env:NAME} or ${file:/path}")
	}
	s.ref = ref
	return nil
}
