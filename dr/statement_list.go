package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// What the engines of the regions tell of their statements.

// EngineUnreachableError is an engine that gives no answer at all.
type EngineUnreachableError struct {
	Region string
	Err    error
}

func (e *EngineUnreachableError) Error() string {
	return fmt.Sprintf("%s: engine: %v", e.Region, e.Err)
}
func (e *EngineUnreachableError) Unwrap() error { return e.Err }

// NoStatementError is a statement that a region's engine does not have.
type NoStatementError struct {
	Region, Name string
	Near         string // one that it has; "" where none is near
}

func (e *NoStatementError) Error() string {
	return fmt.Sprintf("%s has no statement %q", e.Region, e.Name)
}

// regionEngine is the engine of a region.
type regionEngine struct {
	name string
	engine.Backend
}

// engineIn is the engine of a region that is declared to have one.
func (w *World) engineIn(region string) (regionEngine, error) {
	b := w.Engines[region]
	if b == nil {
		return regionEngine{}, fmt.Errorf("%s: no engine is declared: regions.%s.engine in %s says where its statements run", region, region, w.Declared.Path)
	}
	return regionEngine{region, b}, nil
}

// enginesIn are the engines of a region, or of all regions where none is named.
func (w *World) enginesIn(region string) ([]regionEngine, error) {
	if region != "" {
		e, err := w.engineIn(region)
		return []regionEngine{e}, err
	}
	var all []regionEngine
	for _, name := range sortedKeys(w.Engines) {
		all = append(all, regionEngine{name, w.Engines[name]})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s declares no engine: regions.NAME.engine says where statements run", w.Declared.Path)
	}
	return all, nil
}

// wrong tells an error of an engine with its region, and apart where there was no answer.
func (e regionEngine) wrong(err error) error {
	if unanswered := (*url.Error)(nil); errors.As(err, &unanswered) {
		return &EngineUnreachableError{e.name, unanswered}
	}
	return fmt.Errorf("%s: %w", e.name, err)
}

// unanswered puts into a report what one engine of several did not tell, and returns it.
func (e regionEngine) unanswered(rep *report.Report, err error) error {
	rep.Outcome = report.Failed
	rep.Checks = append(rep.Checks, report.Check{ID: "engine", Name: "every engine answers", Outcome: report.Failed, Detail: err.Error(),
		Why: "which statements run there is not known", Remedy: "start it: lifeboat engine serve --region " + e.name + ", or mend regions." + e.name + ".engine"})
	return err
}

// get returns a statement. Error: *NoStatementError.
func (e regionEngine) get(ctx context.Context, name string) (engine.Statement, error) {
	st, err := e.Get(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		none := &NoStatementError{Region: e.name, Name: name}
		if list, err := e.List(ctx); err == nil {
			var names []string
			for _, s := range list {
				names = append(names, s.Name)
			}
			none.Near = plans.Nearest(name, names)
		}
		return st, none
	}
	if err != nil {
		return st, e.wrong(err)
	}
	return st, nil
}

// Statements lists the statements of a region, or of all regions that declare an engine where none is named.
func Statements(ctx context.Context, w *World, region string) (*report.Report, error) {
	rep := &report.Report{Command: "statement list", Title: "statements of " + w.Declared.Topology.Name, Outcome: report.Done, Start: w.now()}
	engines, err := w.enginesIn(region)
	if err != nil {
		return nil, err
	}
	var errs []error
	var told []string
	for _, e := range engines {
		list, err := e.List(ctx)
		if err != nil {
			errs = append(errs, e.unanswered(rep, e.wrong(err)))
			continue
		}
		for _, st := range list {
			rep.Statements = append(rep.Statements, report.Statement{Name: st.Name, Region: e.name, Kind: st.Kind, Phase: string(st.Phase), Detail: st.Detail})
		}
		told = append(told, fmt.Sprintf("%s in %s", counted(len(list), "statement"), e.name))
	}
	if len(told) == 0 {
		return nil, errors.Join(errs...)
	}
	rep.Summary, rep.End = strings.Join(told, ", "), w.now()
	return rep, nil
}

// DescribeStatement tells all that a region, or every region that has it, knows of a statement. Error: *NoStatementError.
func DescribeStatement(ctx context.Context, w *World, region, name string) (*report.Report, error) {
	rep := &report.Report{Command: "statement describe", Title: "statement " + name, Outcome: report.Done, Start: w.now()}
	engines, err := w.enginesIn(region)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, e := range engines {
		st, err := e.get(ctx, name)
		if none := (*NoStatementError)(nil); errors.As(err, &none) {
			errs = append(errs, err)
			continue
		}
		if err != nil {
			errs = append(errs, e.unanswered(rep, err))
			continue
		}
		rep.Statements = append(rep.Statements, e.described(ctx, st))
	}
	if len(rep.Statements) == 0 {
		return nil, errors.Join(errs...)
	}
	rep.End = w.now()
	return rep, nil
}

// described is all that the engine tells of a statement; what it can not tell is left out.
func (e regionEngine) described(ctx context.Context, st engine.Statement) report.Statement {
	out := report.Statement{Name: st.Name, Region: e.name, Kind: st.Kind, Phase: string(st.Phase), Detail: st.Detail, SQL: st.SQL, Properties: shown(st.Properties), Created: st.Created, Positions: st.Offsets}
	if p, err := e.Progress(ctx, st.Name); err == nil {
		out.Read, out.Rows = p.RowsIn, p.RowsOut
		if p.Watermark != math.MinInt64 {
			out.Watermark = watermarkText(p.Watermark)
		}
		if len(out.Positions) == 0 {
			out.Positions = map[string]string{}
			for topic, offsets := range p.Offsets {
				out.Positions[topic] = engine.FormatOffsets(offsets)
			}
		}
	}
	if x, ok := e.Backend.(engine.Exceptioner); ok {
		list, _ := x.Exceptions(ctx, st.Name) // an engine that keeps none tells none
		for _, one := range list {
			out.Exceptions = append(out.Exceptions, fmt.Sprintf("%s %s: %s", one.At.UTC().Format(time.RFC3339), one.Name, one.Message))
		}
	}
	return out
}

// shown are properties without the secrets among them.
func shown(properties map[string]string) map[string]string {
	out := maps.Clone(properties)
	for key := range out {
		if strings.HasPrefix(key, "sql.secrets.") {
			out[key] = "•••"
		}
	}
	return out
}
