package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
)

var (
	// ErrStopped is how a run ends that was asked to stop: its last checkpoint holds all that it had done.
	ErrStopped = errors.New("stopped")
	// ErrTakenOver is how a run ends whose region another engine process has taken over.
	ErrTakenOver = errors.New("another engine process has taken over this region: the statement runs there")
)

// fatalError is an error that trying again does not mend.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// PanicError is a mistake in this program that a statement ran into.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("the statement ran into a mistake in the engine: panic: %v", e.Value)
}

// passing reports errors that may go away by themselves: what the network, brokers and the registry do. All others are the statement's, its data's or
// this program's, and would come again.
func passing(err error) bool {
	var fatal *fatalError
	var panicked *PanicError
	var invalid *engine.InvalidError
	var bad *format.BadRecordError
	if errors.As(err, &fatal) || errors.As(err, &panicked) || errors.As(err, &invalid) || errors.As(err, &bad) {
		return false
	}
	var ke *kerr.Error
	if errors.As(err, &ke) && !errors.Is(err, txn.ErrFenced) {
		return ke.Retriable
	}
	if errors.Is(err, catalog.ErrNoSchema) {
		return false
	}
	var network net.Error
	var first *kgo.ErrFirstReadEOF
	for _, e := range []error{
		txn.ErrFenced, catalog.ErrUnavailable, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.As(err, &network) || errors.As(err, &first) || kgo.IsRetryableBrokerErr(err)
}

// exceptionName groups errors for the exceptions resource.
func exceptionName(err error) string {
	var panicked *PanicError
	var bad *format.BadRecordError
	var ke *kerr.Error
	switch {
	case errors.As(err, &panicked):
		return "Panic"
	case errors.As(err, &bad):
		return "BadRecord"
	case errors.Is(err, ErrTakenOver), errors.Is(err, txn.ErrFenced):
		return "Fenced"
	case errors.As(err, &ke):
		return "Kafka." + ke.Message
	case passing(err):
		return "Connection"
	}
	return "Failure"
}
