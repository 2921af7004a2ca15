package plans

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var mirrorStates = []string{MirrorActive, MirrorPaused, MirrorPendingStopped, MirrorStopped, MirrorFailed, MirrorSourceUnavailable}

// TestMirrorVerbs keeps the whole table, a verb a line: the state that each state leads to, "-" where it is refused.
func TestMirrorVerbs(t *testing.T) {
	var got []string
	for _, v := range MirrorVerbs {
		line := string(v) + ":"
		for _, state := range mirrorStates {
			to, err := v.From("orders", state)
			switch {
			case err != nil:
				to = "-"
			case to == gone:
				to = "gone"
			}
			line += " " + state + "→" + to
		}
		got = append(got, line)
	}
	want := []string{
		"pause: ACTIVE→PAUSED PAUSED→PAUSED PENDING_STOPPED→- STOPPED→- FAILED→- SOURCE_UNAVAILABLE→PAUSED",
		"resume: ACTIVE→ACTIVE PAUSED→ACTIVE PENDING_STOPPED→- STOPPED→- FAILED→- SOURCE_UNAVAILABLE→SOURCE_UNAVAILABLE",
		"promote: ACTIVE→STOPPED PAUSED→- PENDING_STOPPED→STOPPED STOPPED→STOPPED FAILED→- SOURCE_UNAVAILABLE→-",
		"failover: ACTIVE→STOPPED PAUSED→STOPPED PENDING_STOPPED→STOPPED STOPPED→STOPPED FAILED→STOPPED SOURCE_UNAVAILABLE→STOPPED",
		"repair: ACTIVE→ACTIVE PAUSED→PAUSED PENDING_STOPPED→- STOPPED→- FAILED→ACTIVE SOURCE_UNAVAILABLE→SOURCE_UNAVAILABLE",
		"reverse: ACTIVE→STOPPED PAUSED→- PENDING_STOPPED→STOPPED STOPPED→STOPPED FAILED→- SOURCE_UNAVAILABLE→-",
		"delete: ACTIVE→- PAUSED→- PENDING_STOPPED→- STOPPED→gone FAILED→- SOURCE_UNAVAILABLE→-",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table differs (-want +got):\n%s", diff)
	}
}

// TestMirrorVerbsMayBeRepeated wants every verb to be allowed in the state that it leads to, and to stay there.
func TestMirrorVerbsMayBeRepeated(t *testing.T) {
	for _, v := range MirrorVerbs {
		for _, state := range mirrorStates {
			to, err := v.From("orders", state)
			if err != nil || to == gone {
				continue
			}
			if again, err := v.From("orders", to); err != nil || again != to {
				t.Errorf("%s leads from %s to %s, and from there to %q, %v", v, state, to, again, err)
			}
		}
	}
}

func TestMirrorVerbsAreRefusedByName(t *testing.T) {
	for _, v := range MirrorVerbs {
		for _, state := range append(mirrorStates, "MIRRORING") {
			_, err := v.From("orders", state)
			if err == nil {
				continue
			}
			refused, ok := errors.AsType[*TransitionError](err)
			if !ok || refused.Verb != v || refused.State != state || refused.Instead == "" {
				t.Errorf("%s of %s: %#v", v, state, err)
			}
			if text := err.Error(); !strings.HasPrefix(text, "mirror orders: state "+state+" does not allow "+string(v)+"; ") {
				t.Error(text)
			}
		}
	}
}
