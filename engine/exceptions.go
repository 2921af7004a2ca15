package engine

import (
	"context"
	"time"
)

// Exception is one thing that went wrong while a statement ran.
type Exception struct {
	Name    string // its kind, for grouping: KafkaError, BadRecord, Panic …
	Message string // for people; may hold several lines
	At      time.Time
}

// Exceptioner is what a Backend implements that remembers what went wrong.
type Exceptioner interface {
	// Exceptions returns the 10 most recent exceptions of a statement, newest first. Error: ErrNotFound.
	Exceptions(ctx context.Context, name string) ([]Exception, error)
}
