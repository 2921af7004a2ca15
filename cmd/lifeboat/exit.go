package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Exit statuses. 2 is Go's own for a panic.
const (
	exitDone        = 0
	exitError       = 1
	exitCheckFailed = 3
	exitPartWay     = 4
	exitPending     = 5
	exitUnreachable = 10
	exitLeaseHeld   = 11
	exitStale       = 12
	exitUsage       = 64
	exitInterrupted = 130
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// withHint is an error with what to type next.
type withHint struct {
	error
	hint string
}

func (e withHint) Unwrap() error { return e.error }

// status is an exit status that a verb decided on after it has written its report.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// exit writes an error with its hint to stderr and returns the status that stands for it.
func (a *app) exit(err error) int {
	code, hint := explain(err)
	var s status
	if err == nil || errors.As(err, &s) {
		return code
	}
	hints := []string{}
	for _, e := range flat(err) {
		fmt.Fprintf(a.stderr, "lifeboat: %v\n", e)
		if _, h := explain(e); h != "" && !slices.Contains(hints, h) {
			hints = append(hints, h)
		}
	}
	if len(hints) == 0 && hint != "" {
		hints = []string{hint}
	}
	for _, h := range hints {
		fmt.Fprintf(a.stderr, "  next: %s\n", h)
	}
	return code
}

// flat lists the errors that were joined.
func flat(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || fmt.Sprint(err) != fmt.Sprint(errors.Join(joined.Unwrap()...)) {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flat(e)...)
	}
	return all
}

// explain is the one place where an error becomes a status and a hint.
func explain(err error) (code int, hint string) {
	var (
		s           status
		usage       usageError
		hinted      withHint
		unreachable *linking.UnreachableError
		registry    *linking.RegistryUnreachableError
		auth        *linking.AuthError
		encryption  *linking.TLSError
		token       *linking.TokenError
		mirror      *linking.MirrorError
		refused     *plans.TransitionError
		unmirrored  *linking.NotMirroredError
		held        *dr.LeaseHeldError
		interrupted *dr.InterruptedError
		journal     *dr.JournalError
		lost        *dr.JournalLostError
		step        *dr.StepError
		drill       *dr.DrillError
		paused      *dr.PausedError
		blocked     *dr.BlockedError
		stale       *plans.StaleError
		secret      *plans.MissingSecretError
		unsupported *dr.UnsupportedOperationError
		back        *dr.NotReturnableError
		unanswered  *dr.EngineUnreachableError
		none        *dr.NoStatementError
		mirrored    *dr.MirroredOutputError
		invalid     *engine.InvalidError
	)
	if errors.As(err, &hinted) {
		hint = hinted.hint
	}
	or := func(h string) string {
		if hint != "" {
			return hint
		}
		return h
	}
	switch {
	case err == nil:
		return exitDone, ""
	case errors.As(err, &s):
		return int(s), ""
	case errors.As(err, &usage):
		return exitUsage, or("lifeboat help")
	case errors.As(err, &drill) && !errors.Is(err, dr.ErrInterrupted):
		return exitCheckFailed, or(fmt.Sprintf("lifeboat runs report %s; the drill is over, and what it made is removed: begin another when this is mended", drill.Run))
	case errors.As(err, &drill):
		return exitInterrupted, or("the drill is over, and what it made is removed: begin another")
	case errors.Is(err, dr.ErrInterrupted):
		return exitInterrupted, or("lifeboat resume")
	case errors.Is(err, errSignal), errors.Is(err, context.Canceled):
		if errors.As(err, &step) {
			return exitInterrupted, or("lifeboat resume " + step.Run)
		}
		return exitInterrupted, hint
	case errors.As(err, &held):
		return exitLeaseHeld, or("wait for it, or see what it does: lifeboat runs show " + held.Run)
	case errors.Is(err, dr.ErrServedElsewhere):
		return exitLeaseHeld, or("one of them is enough; for two at once, give each a --state-dir")
	case errors.Is(err, dr.ErrLeaseLost):
		return exitLeaseHeld, or("lifeboat runs list")
	case errors.As(err, &interrupted):
		return exitPartWay, or(fmt.Sprintf("lifeboat resume %s; or give it up: lifeboat runs abandon %s --reason WHY", interrupted.Run, interrupted.Run))
	case errors.As(err, &journal):
		return exitPartWay, or(fmt.Sprintf("lifeboat resume %s when %s answers", journal.Run, journal.Region))
	case errors.As(err, &lost):
		return exitPartWay, or("lifeboat resume " + lost.Run + ", on this machine: it has the copy")
	case errors.As(err, &stale):
		return exitStale, or("plan again: lifeboat plan failover -o plan.json")
	case errors.As(err, &unreachable) && errors.As(err, &step) && step.Step.Batch != "":
		return exitUnreachable, or(fmt.Sprintf("lifeboat resume %s when %s answers; where it is lost for good: lifeboat runs abandon %s, then lifeboat failover --unplanned", step.Run, unreachable.Region, step.Run))
	case errors.As(err, &unreachable) && errors.As(err, &step):
		return exitUnreachable, or(fmt.Sprintf("lifeboat resume %s when %s answers; a planned failover whose primary is lost goes on without it: lifeboat resume --unplanned %s", step.Run, unreachable.Region, step.Run))
	case errors.As(err, &unreachable):
		return exitUnreachable, or("check regions." + unreachable.Region + ".kafka.bootstrap in lifeboat.yaml, the network, and the brokers")
	case errors.As(err, &registry):
		return exitUnreachable, or("check registry.url of both regions in lifeboat.yaml, the network, and the registries")
	case errors.As(err, &unanswered):
		return exitUnreachable, or("check regions." + unanswered.Region + ".engine.url in lifeboat.yaml, or start it: lifeboat engine serve --region " + unanswered.Region)
	case errors.As(err, &paused):
		return exitPartWay, or("lifeboat resume " + paused.Run)
	case errors.As(err, &step):
		return exitPartWay, or(cmp.Or(bothWays(err), "lifeboat resume "+step.Run))
	case errors.As(err, &back):
		return exitError, or(back.Instead)
	case errors.As(err, &blocked):
		return exitCheckFailed, or("lifeboat check")
	case errors.As(err, &mirror):
		return exitPartWay, or(mirror.Hint)
	case errors.As(err, &refused):
		return exitError, or("lifeboat link status")
	case errors.As(err, &unmirrored) && unmirrored.Topic == "":
		return exitError, or("lifeboat link run --link " + unmirrored.Link)
	case errors.As(err, &unmirrored):
		return exitError, or("lifeboat link status --link " + unmirrored.Link + " lists the mirrors")
	case errors.As(err, &auth):
		return exitError, or("check regions." + auth.Region + ".kafka.sasl in lifeboat.yaml and the secret it names")
	case errors.As(err, &encryption):
		return exitError, or(encryption.Hint)
	case errors.As(err, &token):
		return exitError, or("check kafka.sasl.tokenURL in lifeboat.yaml, and the client id and secret that username and password name")
	case errors.Is(err, linking.ErrTokenExpired):
		return exitError, or("put a new token where kafka.sasl.token in lifeboat.yaml says")
	case errors.Is(err, dr.ErrNoRun):
		return exitError, or("lifeboat runs list")
	case errors.As(err, &unsupported):
		return exitError, or("leave them out: --only checks")
	case errors.As(err, &secret):
		return exitError, or("set it, then run the command again")
	case errors.As(err, &none) && none.Near != "":
		return exitError, or("did you mean " + none.Near + "?")
	case errors.As(err, &none):
		return exitError, or("lifeboat statement list --region " + none.Region)
	case errors.As(err, &mirrored):
		return exitError, or("a topic has one writer: promote the mirror first, by a failover or lifeboat link promote " + mirrored.Topic)
	case errors.Is(err, engine.ErrExists):
		return exitError, or("lifeboat statement describe shows it; another one needs another name, or the old one deleted")
	case errors.As(err, &invalid):
		return exitError, or(invalid.Hint)
	default:
		return exitError, hint
	}
}
