package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// A connection that can not be made says what to do next.
func TestConnectionErrorsHaveHints(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		hint string
		code int
	}{
		{"tls", fmt.Errorf("opening: %w", &linking.TLSError{Region: "east", Hint: "renew it"}), "renew it", exitError},
		{"login", &linking.AuthError{Region: "east", Mechanism: "PLAIN"}, "check regions.east.kafka.sasl", exitError},
		{"expired token", fmt.Errorf("east: %w", linking.ErrTokenExpired), "put a new token", exitError},
		{"no token", fmt.Errorf("east: %w", &linking.TokenError{URL: "https://idp"}), "tokenURL", exitError},
		{"no registry", fmt.Errorf("subjects: %w", &linking.RegistryUnreachableError{Which: "source", Err: context.DeadlineExceeded}), "registry.url", exitUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, hint := explain(c.err); code != c.code || !strings.Contains(hint, c.hint) {
				t.Errorf("exit %d, hint %q", code, hint)
			}
		})
	}
}
