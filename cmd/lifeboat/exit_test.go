package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// What stops a command says what to do next.
func TestErrorsHaveHints(t *testing.T) {
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
		{"second signal", &dr.StepError{Run: "r1", Err: fmt.Errorf("%w: %w", errSignal, context.Canceled)}, "lifeboat resume r1", exitInterrupted},
		{"no journal for a while", &dr.JournalError{Region: "west", Run: "r1", Err: context.DeadlineExceeded}, "lifeboat resume r1 when west answers", exitPartWay},
		{"journal deleted", &dr.StepError{Run: "r1", Err: &dr.JournalLostError{Region: "west", Run: "r1", Copy: "r1.jsonl"}}, "on this machine", exitPartWay},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, hint := explain(c.err); code != c.code || !strings.Contains(hint, c.hint) {
				t.Errorf("exit %d, hint %q", code, hint)
			}
		})
	}
}
