package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
)

// told remembers what an observer is told.
type told struct {
	phases     []engine.Phase
	details    []string
	exceptions []engine.Exception
}

func (o *told) observer() Observer {
	return Observer{
		Phase: func(p engine.Phase, detail string) {
			o.phases, o.details = append(o.phases, p), append(o.details, detail)
		},
		Progress:  func(engine.Progress) {},
		Exception: func(e engine.Exception) { o.exceptions = append(o.exceptions, e) },
	}
}

func keep(ctx context.Context, stop <-chan struct{}, o *told, owned error, prepare func(context.Context) (*Job, error)) error {
	return Keep(ctx, stop, "s", prepare, func(context.Context) error { return owned }, o.observer(), slog.New(slog.DiscardHandler))
}

// A panic ends its statement, with the stack among the exceptions.
func TestPanic(t *testing.T) {
	var o told
	err := keep(t.Context(), nil, &o, nil, func(context.Context) (*Job, error) { panic("no such thing") })
	if panicked := (*PanicError)(nil); !errors.As(err, &panicked) || !strings.Contains(err.Error(), "panic: no such thing") {
		t.Errorf("%v", err)
	}
	if len(o.exceptions) != 1 || o.exceptions[0].Name != "Panic" || !strings.Contains(o.exceptions[0].Message, "keep_test.go") {
		t.Errorf("exceptions %+v", o.exceptions)
	}
}

// What passes is tried again, with longer and longer pauses; what lasts is shown as DEGRADED.
func TestTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o told
		stop := make(chan struct{})
		time.AfterFunc(30*time.Second, func() { close(stop) })
		begun := time.Now()
		var at []time.Duration
		err := keep(t.Context(), stop, &o, nil, func(context.Context) (*Job, error) {
			at = append(at, time.Since(begun))
			return nil, fmt.Errorf("looking up: %w", catalog.ErrUnavailable)
		})
		if !errors.Is(err, ErrStopped) {
			t.Errorf("stopped while it tries again: %v", err)
		}
		ms := func(n ...int) (out []time.Duration) {
			for _, v := range n {
				out = append(out, time.Duration(v)*time.Millisecond)
			}
			return out
		}
		if diff := cmp.Diff(ms(0, 50, 150, 350, 750, 1550, 3150, 6350, 11350, 16350, 21350, 26350), at); diff != "" {
			t.Error(diff)
		}
		for i, p := range o.phases {
			if want := at[i] > degradedAfter; (p == engine.Degraded) != want {
				t.Errorf("after %v the phase is %s", at[i], p)
			}
			if !strings.Contains(o.details[i], "looking up: the schema registry is not available") {
				t.Errorf("detail %q", o.details[i])
			}
		}
	})
}

func TestTakenOverWhileTryingAgain(t *testing.T) {
	var o told
	err := keep(t.Context(), nil, &o, ErrTakenOver, func(context.Context) (*Job, error) { return nil, io.EOF })
	if !errors.Is(err, ErrTakenOver) {
		t.Error(err)
	}
}

func TestPassing(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
		name string
	}{
		{kerr.NotLeaderForPartition, true, "Kafka.NOT_LEADER_FOR_PARTITION"},
		{kerr.TopicAuthorizationFailed, false, "Kafka.TOPIC_AUTHORIZATION_FAILED"},
		{kerr.MessageTooLarge, false, "Kafka.MESSAGE_TOO_LARGE"},
		{fmt.Errorf("%w (%w)", txn.ErrFenced, kerr.ProducerFenced), true, "Fenced"},
		{io.ErrUnexpectedEOF, true, "Connection"},
		{context.DeadlineExceeded, true, "Connection"},
		{catalog.ErrUnavailable, true, "Connection"},
		{fmt.Errorf("%w: %w", catalog.ErrNoSchema, io.EOF), false, "Failure"},
		{&format.BadRecordError{Part: "value", Origin: "t-0@1"}, false, "BadRecord"},
		{&fatalError{io.EOF}, false, "Failure"},
		{&engine.InvalidError{Message: "x"}, false, "Failure"},
		{&PanicError{Value: io.EOF}, false, "Panic"},
		{errors.New("anything else"), false, "Failure"},
	} {
		t.Run(tc.err.Error(), func(t *testing.T) {
			if got := passing(tc.err); got != tc.want {
				t.Errorf("passing: %v", got)
			}
			if got := exceptionName(tc.err); got != tc.name {
				t.Errorf("name %q, want %q", got, tc.name)
			}
		})
	}
}
