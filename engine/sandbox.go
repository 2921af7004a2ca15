package engine

import (
	"context"
	"strings"
)

// SandboxPrefix begins the names of environments that are sandboxes.
const SandboxPrefix = "drill."

// IsSandbox says whether an environment of that name is a sandbox.
func IsSandbox(environment string) bool { return strings.HasPrefix(environment, SandboxPrefix) }

// Sandboxer is what a Backend implements that can keep statements apart from a region's own: with names, tables and state that only they
// see. The topics that they read and write are the region's.
type Sandboxer interface {
	// Sandbox returns the statements of a sandbox. One that is not there is made with create, and is ErrNotFound without. It ends with its last
	// statement; what is left of it then are its compacted topics, whose names begin with "_lifeboat." and its own and a dot.
	Sandbox(ctx context.Context, name string, create bool) (Backend, error)
}
