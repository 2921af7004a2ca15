// Package engine runs statements: one interface, and behind it the engine in this binary or a service elsewhere.
//
// What a statement means is told by package statements; this package and those below it start, watch and stop it.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Backend is a region's statement engine. All calls are safe for concurrent use. The phases, names and rules are those
// of the Confluent Cloud statements API (sql/v1). enginetest.Run is the suite that every implementation passes.
type Backend interface {
	// Create validates and starts a statement and returns it in its first phase. Errors: ErrExists, *InvalidError
	// (the SQL or a property is refused; Message is for people and carries line and column).
	Create(ctx context.Context, s Spec) (Statement, error)
	// Get returns a statement. Error: ErrNotFound.
	Get(ctx context.Context, name string) (Statement, error)
	// List returns all statements, sorted by name.
	List(ctx context.Context) ([]Statement, error)
	// Stop asks a statement to stop, keeping its state; it returns when the wish is recorded, Wait sees it happen.
	// Stopping a terminal statement succeeds.
	Stop(ctx context.Context, name string) error
	// Resume starts a stopped or failed statement from its last checkpoint.
	Resume(ctx context.Context, name string) error
	// Delete stops a statement and removes it with its state. Error: ErrNotFound.
	Delete(ctx context.Context, name string) error
	// Progress says how far a statement has come.
	Progress(ctx context.Context, name string) (Progress, error)
}

// Phase is a statement's phase, in the words of the statements API. Unknown values are to be tolerated.
type Phase string

const (
	Pending   Phase = "PENDING"
	Running   Phase = "RUNNING"
	Completed Phase = "COMPLETED"
	Stopping  Phase = "STOPPING"
	Stopped   Phase = "STOPPED"
	Failing   Phase = "FAILING"
	Failed    Phase = "FAILED"
	Degraded  Phase = "DEGRADED"
	Deleting  Phase = "DELETING"
)

// Terminal reports whether a statement in this phase does nothing more by itself.
func (p Phase) Terminal() bool { return p == Completed || p == Stopped || p == Failed }

// Properties of lifeboat's own, next to the dialect's `sql.…` ones. They make a start reproducible.
const (
	// PropStart + topic holds explicit start offsets: "partition:0,offset:42;partition:1,offset:300". Partitions not
	// named start at the log's beginning.
	PropStart = "lifeboat.start."
	// PropStartTime holds epoch milliseconds: behind explicit start offsets, records in front of the first one that is not older are passed over.
	PropStartTime = "lifeboat.start-time"
	// PropHold + topic holds offsets like PropStart: the statement takes the topic for one that ends there for now. It reads nothing behind
	// them, closes no window because of it, and goes on running. Partitions not named are not held.
	PropHold = "lifeboat.hold."
	// PropEmitFrom holds epoch milliseconds: windows that start before it are partial after a rebuild and are not emitted.
	PropEmitFrom = "lifeboat.emit.from"
	// PropEmitAfter holds epoch milliseconds: windows that end at or before it are in the output already and are not emitted.
	PropEmitAfter = "lifeboat.emit.after"
)

// Spec is what the user declares of a statement.
type Spec struct {
	Name       string            // [a-z0-9-], at most 72 characters
	SQL        string            // one statement, at most 128 KiB
	Properties map[string]string // sql.… and lifeboat.…
	Labels     map[string]string
	Stopped    bool
}

// Statement is a statement as the backend has it.
type Statement struct {
	Spec
	UID     string
	Version string // resource version
	Created time.Time
	Updated time.Time
	Phase   Phase
	Detail  string // for people: why it is in this phase and what to do
	Kind    string // sql_kind: CREATE_TABLE, INSERT_INTO …
	Bounded bool
	// AppendOnly is false for a statement whose result has updates or deletes.
	AppendOnly bool
	Offsets    map[string]string // latest_offsets: topic → "partition:0,offset:100;…", next offset to read
	OffsetAt   time.Time
}

// Progress is how far a statement has come, as of its last committed checkpoint.
type Progress struct {
	Watermark int64                      // epoch milliseconds; math.MinInt64 before the first
	Offsets   map[string]map[int32]int64 // topic → partition → next offset to read
	RowsIn    int64
	RowsOut   int64
	Commits   int64 // checkpoints committed since the statement was started by this process
}

// ErrNotFound and ErrExists are what callers branch on.
var (
	ErrNotFound = errors.New("statement not found")
	ErrExists   = errors.New("statement exists")
)

// InvalidError is a statement that the backend refuses.
type InvalidError struct {
	Line, Column int // 0 = unknown
	Message      string
	Hint         string
}

func (e *InvalidError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
}
