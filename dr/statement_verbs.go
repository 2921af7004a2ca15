package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Statements of a region's engine, one at a time and by hand. Runs start and stop them in order and with proof; none of these verbs goes beside a run.

// StatementVerb is what is done with a statement by hand.
type StatementVerb string

// The verbs. Stop keeps a statement's state, Delete gives it up.
const (
	StopStatement   StatementVerb = "stop"
	ResumeStatement StatementVerb = "resume"
	DeleteStatement StatementVerb = "delete"
)

// verbWithin bounds the wait until what a verb asks for is seen.
const verbWithin = time.Minute

// Changeable refuses to change statements of a region that are not all there, or beside a run: nobody is asked about what will not be done. Errors:
// *NoStatementError, *LeaseHeldError, *InterruptedError.
func Changeable(ctx context.Context, w *World, region string, names []string) error {
	e, err := w.engineIn(region)
	if err != nil {
		return err
	}
	if err := w.Idle(ctx, w.RegionNames()...); err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		_, err := e.get(ctx, name)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ChangeStatements stops, resumes or deletes statements of a region, and waits until that is seen. All are tried. It is refused beside a run, and a statement
// is not resumed that writes what a link mirrors into the region.
func ChangeStatements(ctx context.Context, w *World, verb StatementVerb, region string, names []string) (*report.Report, error) {
	e, err := w.engineIn(region)
	if err != nil {
		return nil, err
	}
	if err := w.Idle(ctx, w.RegionNames()...); err != nil {
		return nil, err
	}
	rep := &report.Report{Command: "statement " + string(verb), Title: fmt.Sprintf("statements of %s in %s", w.Declared.Topology.Name, region), Outcome: report.Done, Start: w.now()}
	var errs []error
	for _, name := range names {
		step := report.Step{ID: string(verb) + ":" + name, Kind: string(verb), Goal: fmt.Sprintf("statement %s in %s", name, region), Start: w.now(), Outcome: report.Done}
		step.Detail, err = w.change(ctx, e, verb, name)
		if step.End = w.now(); err != nil {
			step.Outcome, step.Detail = report.Failed, err.Error()
			errs = append(errs, err)
		}
		rep.Steps = append(rep.Steps, step)
	}
	if len(errs) == len(names) {
		return nil, errors.Join(errs...)
	}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("%s: %s", verb, counted(len(names)-len(errs), "statement"))
	if len(errs) > 0 {
		rep.Outcome = report.Stopped
		rep.Summary += fmt.Sprintf(", %d could not be", len(errs))
	}
	return rep, nil
}

// change carries a verb out on one statement and says what was seen.
func (w *World) change(ctx context.Context, e regionEngine, verb StatementVerb, name string) (string, error) {
	st, err := e.get(ctx, name)
	if err != nil {
		return "", err
	}
	was := st.Phase
	switch verb {
	case StopStatement:
		if was.Terminal() {
			return string(was) + " already", nil
		}
		err = e.Stop(ctx, name)
	case ResumeStatement:
		if was == engine.Running {
			return "RUNNING already", nil
		}
		if err := w.free(ctx, e.name, st.SQL); err != nil {
			return "", fmt.Errorf("%s: statement %q: %w", e.name, name, err)
		}
		err = e.Resume(ctx, name)
	case DeleteStatement:
		err = e.Delete(ctx, name)
	}
	if err != nil {
		return "", e.wrong(err)
	}
	st, err = e.see(ctx, name, was, func(p engine.Phase) bool {
		return verb == StopStatement && p.Terminal() || verb == ResumeStatement && (p == engine.Running || p == engine.Completed)
	})
	switch {
	case verb == DeleteStatement && errors.Is(err, engine.ErrNotFound):
		return string(was) + ", now gone", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("%s → %s", was, st.Phase), nil
}

// see waits until a statement that was in a phase is in one that is wanted, and says in which it is where that takes too long or has failed. An engine may take
// a while to act on a wish: until then what was FAILED still is.
func (e regionEngine) see(ctx context.Context, name string, was engine.Phase, wanted func(engine.Phase) bool) (st engine.Statement, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, verbWithin, fmt.Errorf("not seen within %s", verbWithin))
	defer cancel()
	acted := was != engine.Failed
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		st, err = e.Get(ctx, name)
		switch {
		case err != nil:
			return st, e.wrong(err)
		case wanted(st.Phase):
			return st, nil
		case st.Phase == engine.Failed && acted:
			return st, fmt.Errorf("%s: statement %q is FAILED: %s", e.name, name, st.Detail)
		}
		acted = acted || st.Phase != engine.Failed
		if err := sleep(ctx, wait); err != nil {
			return st, fmt.Errorf("%s: statement %q is %s: %w", e.name, name, st.Phase, err)
		}
	}
}

// CreateStatement creates a statement in a region and waits until it runs. It is refused beside a run, and where it would write what a link mirrors into
// the region.
func CreateStatement(ctx context.Context, w *World, region string, s engine.Spec) (*report.Report, error) {
	e, err := w.engineIn(region)
	if err != nil {
		return nil, err
	}
	if err := w.Idle(ctx, w.RegionNames()...); err != nil {
		return nil, err
	}
	if err := w.free(ctx, region, s.SQL); err != nil {
		return nil, fmt.Errorf("%s: statement %q: %w", region, s.Name, err)
	}
	rep := &report.Report{Command: "statement create", Title: fmt.Sprintf("statement %s in %s", s.Name, region), Outcome: report.Done, Start: w.now()}
	if _, err := e.Create(ctx, s); err != nil {
		return nil, e.wrong(err)
	}
	st, err := e.see(ctx, s.Name, engine.Pending, func(p engine.Phase) bool {
		return p == engine.Running || p == engine.Completed || s.Stopped && p == engine.Stopped
	})
	if err != nil {
		return nil, err
	}
	rep.Statements = []report.Statement{{Name: st.Name, Region: region, Kind: st.Kind, Phase: string(st.Phase), Detail: st.Detail}}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("%s is %s in %s", st.Name, st.Phase, region)
	rep.Next = []string{fmt.Sprintf("lifeboat statement describe --region %s %s", region, st.Name)}
	return rep, nil
}

// free refuses a statement that writes a topic which a link mirrors into its region: its rows would take the offsets of the source's, and the mirror would fail.
func (w *World) free(ctx context.Context, region, sql string) error {
	u, _ := statements.ParseOne("", sql)
	if u == nil || u.Statement == nil {
		return nil // the engine says what it does not understand
	}
	writes := statements.Writes(u.Statement)
	decl, m, err := w.mirroredInto(ctx, region, writes)
	if err == nil && decl != nil {
		err = &MirroredOutputError{Topic: m.Topic, Link: decl.Name, State: m.State}
	}
	return err
}

// mirroredInto is the first of topics that a link mirrors into a region, and the link; nil where none does.
func (w *World) mirroredInto(ctx context.Context, region string, topics []string) (*plans.Link, plans.MirrorState, error) {
	for _, decl := range w.Declared.Topology.Links {
		if decl.To != region || len(topics) == 0 {
			continue
		}
		l, err := w.OpenLink(decl)
		if err != nil {
			return nil, plans.MirrorState{}, err
		}
		states, err := l.States(ctx)
		if err != nil {
			return nil, plans.MirrorState{}, err
		}
		for _, m := range states {
			if slices.Contains(topics, m.Topic) && m.State != plans.MirrorStopped {
				return decl, m, nil
			}
		}
	}
	return nil, plans.MirrorState{}, nil
}

// MirroredOutputError is a topic that a statement would write while a link does.
type MirroredOutputError struct{ Topic, Link, State string }

func (e *MirroredOutputError) Error() string {
	return fmt.Sprintf("it writes topic %s, which link %s mirrors there (%s)", e.Topic, e.Link, e.State)
}
