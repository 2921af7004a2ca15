package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr"
)

// questions are put to the operator on the terminal, one at a time.
type questions struct {
	mu      sync.Mutex
	in      *bufio.Reader
	reading chan answered // of the line that is being read; nil: none is
	readers errgroup.Group
}

type answered struct {
	line string
	err  error
}

// line returns the next line of stdin, or why nobody waits for it any more. What can not be called off is the reading itself: a line that comes after that
// answers the next question, and a terminal that says nothing is let go with the process.
func (q *questions) line(ctx context.Context, stdin io.Reader, interrupted <-chan struct{}) (string, error) {
	if q.in == nil {
		q.in = bufio.NewReader(stdin)
	}
	if q.reading == nil {
		reading := make(chan answered, 1)
		q.reading = reading
		q.readers.Go(func() error {
			line, err := q.in.ReadString('\n')
			reading <- answered{line, err}
			return nil
		})
	}
	select {
	case a := <-q.reading:
		q.reading = nil
		return a.line, a.err
	case <-interrupted:
		return "", errSignal
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// confirm asks on the terminal; anything but "yes" or "y" is no. Without a terminal there is nobody to ask. The first signal, and the end of ctx,
// end the question.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	if !a.terminal {
		return false, nil
	}
	a.questions.mu.Lock()
	defer a.questions.mu.Unlock()
	select {
	case <-a.interrupted: // while another question was asked
		return false, errSignal
	default:
	}
	fmt.Fprintf(a.stderr, "%s [yes/no] ", question)
	line, err := a.questions.line(ctx, a.stdin, a.interrupted)
	switch {
	case errors.Is(err, errSignal):
		fmt.Fprintln(a.stderr)
		return false, err
	case err != nil:
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	if a.live != nil {
		a.live.asked()
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "yes" || answer == "y", nil
}

// confirmInRun is confirm for a run, which is stopped by a signal between two steps, as it is anywhere else.
func (a *app) confirmInRun(ctx context.Context, question string) (bool, error) {
	ok, err := a.confirm(ctx, question)
	select {
	case <-a.interrupted:
		return false, dr.ErrInterrupted
	default:
		return ok, err
	}
}
